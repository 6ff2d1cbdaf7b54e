"""The thread that publishes: it alone talks to the client, loads events, and strikes off acknowledged ones.

Order: each connection begins with ``online``; only when that is acknowledged does anything else follow, and
first what an earlier connection was not acknowledged for. The pump never holds its lock while it calls paho,
whose locks are held during callbacks, nor while it waits for the disk.

A connection that went silent is replaced: its network thread ended, the broker did not answer the connect, or
acknowledges nothing for ten seconds. Between connections the pump pauses for 1 to 5 s.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from eccentra.mqtt.connection import Connection, Listener, guarded
from eccentra.mqtt.queue import Message, Outgoing
from eccentra.mqtt.store import Entry, EventStore

__all__ = ["Owner", "Pump"]

_WAIT_S = 0.5
# Pause before the next connection: doubled each time, up to the second.
_PAUSE_S = (1.0, 5.0)
_SECOND_NS = 1_000_000_000
_ACK_NS = 10 * _SECOND_NS
# Messages handed over before acknowledgements are looked at again.
_BURST = 32

log = logging.getLogger("eccentra.mqtt")


class Owner(Protocol):
    """What the pump reports and asks; called without its lock."""

    def connect(self, number: int, listener: Listener) -> Connection:
        """Make the next connection, not opened yet."""
        ...

    def status(self) -> tuple[str, bytes]:
        """Topic and payload of the greeting."""
        ...

    def came_back(self) -> None:
        """The broker took our greeting; in the pump's thread."""
        ...

    def went_away(self, problem: str) -> None:
        """There is no broker; said again while it lasts; in the pump's thread."""
        ...

    def arrived(self, topic: str, payload: bytes, retain: bool) -> None:
        """A message came; in paho's thread."""
        ...

    def idle(self) -> None:
        """Called at least every half second, in the pump's thread."""
        ...

    def problem(self, problem: str, *, mistake: bool = False) -> None:
        """Remember and log a problem; in any thread."""
        ...


class Pump:
    """Publishes what the book and the store hold.

    Parameters
    ----------
    owner
        Whose messages these are.
    store
        Where events wait.
    monotonic_ns
        Clock.
    """

    def __init__(self, owner: Owner, store: EventStore, monotonic_ns: Callable[[], int]) -> None:
        self.changed = threading.Condition()
        self.ready = False
        self.restarts = 0
        self._owner = owner
        self._store = store
        self._now = monotonic_ns
        self._book = Outgoing()
        self._acks: deque[int] = deque()
        self._number = 0
        self._connection: Connection | None = None
        self._announced: int | None = None
        self._lost: str | None = None
        self._greeting_mid: int | None = None
        self._greeted_ns: int | None = None
        self._next_try_ns = 0
        self._pause_s = _PAUSE_S[0]
        self._stopped = self._turned = False
        self._thread = threading.Thread(target=self._run, name="eccentra-mqtt", daemon=True)

    # --- what others ask -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, and to publish when connected."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and say goodbye to the broker."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def wake(self) -> None:
        """There is something new in the store."""
        with self.changed:
            self.changed.notify_all()

    def put_state(self, message: Message) -> None:
        """Set the latest value of a retained topic."""
        with self.changed:
            self._book.put_state(message)
            self.changed.notify_all()

    def put_live(self, message: Message) -> None:
        """Send a value if the broker is there."""
        with self.changed:
            if self.ready:
                self._book.put_live(message)
                self.changed.notify_all()

    def put_reply(self, message: Message) -> bool:
        """Send an answer; false when far too many wait."""
        with self.changed:
            self.changed.notify_all()
            return self._book.put_reply(message)

    def subscribe(self, topic: str) -> None:
        """Subscribe on the connection that there is; later ones are made with the topic."""
        with self.changed:
            connection = self._connection
        if connection is not None:
            connection.subscribe(topic)

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until the broker took our greeting."""
        with self.changed:
            return self.changed.wait_for(lambda: self.ready, timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything but live values was acknowledged."""
        with self.changed:
            return self.changed.wait_for(lambda: self.waiting == 0, timeout_s)

    @property
    def waiting(self) -> int:
        """How many events, states and answers wait or are not acknowledged."""
        with self.changed:
            return self._store.depth + self._book.others

    def oldest_ns(self) -> int | None:
        """When the oldest of them was put in; call it without the lock."""
        event = self._store.oldest_ns()
        with self.changed:
            other = self._book.oldest_ns()
        return min((at for at in (event, other) if at is not None), default=None)

    # --- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped:
            self._turned = False
            self._turn()
            if not self._turned:
                # A mistake, said by now: whatever it is must not be repeated without a pause.
                with self.changed:
                    self.changed.wait_for(lambda: self._stopped, _WAIT_S)

    @guarded
    def _turn(self) -> None:
        with self.changed:
            self.changed.wait_for(self._has_work, self._patience_s())
            acknowledged, came_back = self._settle()
        if acknowledged:
            self._store.done(acknowledged)
            self.wake()
        if came_back:
            self._owner.came_back()
        self._watch()
        self._greet()
        self._hand_over()
        self._owner.idle()
        self._turned = True

    def _patience_s(self) -> float:
        if self._connection is not None:
            return _WAIT_S
        return min(_WAIT_S, max(0.0, (self._next_try_ns - self._now()) / _SECOND_NS))

    def _has_work(self) -> bool:
        if self._stopped or self._acks or self._lost is not None:
            return True
        if self._announced is not None or (self._connection is None and self._now() >= self._next_try_ns):
            return True
        return self.ready and (self._book.has_next or self._may_load())

    def _may_load(self) -> bool:
        return self._book.wants > 0 and self._store.last_id > self._book.cursor

    def _settle(self) -> tuple[list[Entry], bool]:
        """Strike off acknowledged messages; the acknowledged greeting opens the gate."""
        entries = []
        came_back = False
        while self._acks:
            mid = self._acks.popleft()
            entry = self._book.acknowledge(mid)
            if entry is not None:
                entries.append(entry)
            if mid == self._greeting_mid and self._lost is None:
                self._greeting_mid = None
                self.ready = came_back = True
                self._pause_s = _PAUSE_S[0]
                self._book.renew_states()
        self.changed.notify_all()
        return entries, came_back

    def _watch(self) -> None:
        """Replace a connection that was lost or went silent; make one when there is none."""
        connection = self._connection
        if connection is None:
            with self.changed:
                self._lost = self._announced = None
            if self._now() >= self._next_try_ns:
                self._connect()
            return
        problem = self._lost
        if problem is None:
            silent = connection.silent() or self._unacknowledged()
            if silent is None:
                return
            problem = f"the connection went silent: {silent}; will reconnect"
            self.restarts += 1
        connection.drop()
        with self.changed:
            self._connection = self._lost = self._announced = None
            self._greeting_mid = self._greeted_ns = None
            self.ready = False
            self._acks.clear()
            self._book.connection_lost()
            self._next_try_ns = self._now() + round(self._pause_s * _SECOND_NS)
            self._pause_s = min(2 * self._pause_s, _PAUSE_S[1])
            self.changed.notify_all()
        self._owner.went_away(problem)

    def _unacknowledged(self) -> str | None:
        with self.changed:
            times = [self._book.longest_unacknowledged_ns()]
            if self._greeting_mid is not None:
                times.append(self._greeted_ns)
        oldest = min((at for at in times if at is not None), default=None)
        if oldest is None or self._now() - oldest < _ACK_NS:
            return None
        return f"nothing was acknowledged for {_ACK_NS // _SECOND_NS} s"

    def _connect(self) -> None:
        with self.changed:
            self._number += 1
            self._acks.clear()
            # Should making it fail, it is not tried at once.
            self._next_try_ns = self._now() + _SECOND_NS
        connection = self._owner.connect(self._number, self)
        with self.changed:
            self._connection = connection
        connection.open()

    def _greet(self) -> None:
        with self.changed:
            if self._connection is None or self._announced != self._connection.number:
                return
            # The gate stays shut until this connection's own greeting is acknowledged.
            self._announced, connection = None, self._connection
        topic, payload = self._owner.status()
        mid = connection.publish(topic, payload, 1, True)
        with self.changed:
            self._greeting_mid, self._greeted_ns = mid, self._now()

    def _load(self) -> None:
        if not (self.ready and self._may_load()):
            return
        last = self._store.last_id
        entries = self._store.read(self._book.cursor, self._book.wants)
        with self.changed:
            self._book.load(entries)
            if not entries:
                # Gone with a damaged file: they come again with higher ids.
                self._book.cursor = last

    def _hand_over(self) -> None:
        for _ in range(_BURST):
            self._load()
            with self.changed:
                connection = self._connection
                message = self._book.take() if self.ready and connection is not None else None
            if message is None or connection is None:
                return
            mid = connection.publish(message.topic, message.payload, message.qos, message.retain)
            with self.changed:
                if mid is None:
                    self._book.give_back()
                    return
                self._book.handed(mid, self._now())

    # --- what a connection reports, in paho's thread -------------------------------------------------------

    def connected(self, number: int, remembered: bool) -> None:
        """The broker accepted the connection: it is greeted next."""
        log.info("connected")
        with self.changed:
            if number == self._number:
                self._announced = number
                self.changed.notify_all()

    def lost(self, number: int, problem: str) -> None:
        """The connection is over."""
        with self.changed:
            if number == self._number:
                self._lost, self.ready = problem, False
                self.changed.notify_all()

    def acknowledged(self, number: int, mid: int) -> None:
        """The broker took a message."""
        with self.changed:
            if number == self._number:
                self._acks.append(mid)
                # Not for live values; and before it is in the book, the pump is awake anyway.
                if mid == self._greeting_mid or self._book.waits_for(mid):
                    self.changed.notify_all()

    def arrived(self, number: int, topic: str, payload: bytes, retain: bool) -> None:
        """A message came."""
        self._owner.arrived(topic, payload, retain)

    def trouble(self, problem: str) -> None:
        """Something is wrong that does not end the connection."""
        self._owner.problem(problem)

    def mistake(self, where: str, error: Exception) -> None:
        """Something of ours is wrong: said, and everything goes on."""
        self._owner.problem(f"{where}: {error!r}", mistake=True)
