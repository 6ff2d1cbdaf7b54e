"""A worker's line to the broker: one connection after the other, each greeted, replaced when it is lost."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from eccentra.mqtt import contract
from eccentra.mqtt.address import MqttAddress
from eccentra.mqtt.connection import Connection, Delivery

__all__ = ["Line"]

_SECOND_NS = 1_000_000_000
# Pause before the next connection: doubled each time, up to the second.
_PAUSE_NS = (_SECOND_NS // 4, 5 * _SECOND_NS)


class Line:
    """Keeps a connection; its own thread calls :meth:`watch` and :meth:`greet`, paho's the rest.

    Parameters
    ----------
    changed
        Told when something happened; its lock guards what both threads touch.
    address
        Where to connect.
    client_id, status_topic, subscriptions, deliver
        See :class:`~eccentra.mqtt.connection.Connection`.
    problem, mistake
        Take what is wrong.
    monotonic_ns
        Clock.

    Attributes
    ----------
    connection
        The one there is.
    ready
        The broker took it, and was told that we are online.
    acks
        Ids of messages that the broker acknowledged.
    forgotten
        A broker did not remember us; whoever has dealt with it sets it back.
    """

    def __init__(
        self,
        changed: threading.Condition,
        address: Callable[[], MqttAddress],
        *,
        client_id: str,
        status_topic: str,
        subscriptions: Callable[[], Sequence[str]],
        deliver: Callable[[Delivery], None],
        problem: Callable[[str], None],
        mistake: Callable[[str, Exception], None],
        monotonic_ns: Callable[[], int],
    ) -> None:
        self.connection: Connection | None = None
        self.ready = self.forgotten = False
        self.acks: deque[int] = deque()
        self._changed = changed
        self._address = address
        self._client_id, self._status_topic = client_id, status_topic
        self._subscriptions, self._deliver = subscriptions, deliver
        self._problem, self._mistake = problem, mistake
        self._now = monotonic_ns
        self._number = 0
        self._announced: int | None = None
        self._lost: str | None = None
        self._next_try_ns = 0
        self._pause_ns = _PAUSE_NS[0]

    @property
    def has_news(self) -> bool:
        """There is something to do for :meth:`watch` or :meth:`greet`."""
        return self._lost is not None or self._announced is not None

    def watch(self) -> bool:
        """Make a connection when there is none, drop one that is over; true when one was dropped."""
        connection = self.connection
        if connection is None:
            if self._now() >= self._next_try_ns:
                self._connect()
            return False
        problem = self._lost or connection.silent()
        if problem is None:
            return False
        connection.drop()
        with self._changed:
            self.connection = self._lost = self._announced = None
            self.ready = False
            self.acks.clear()
        self._next_try_ns = self._now() + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, _PAUSE_NS[1])
        self._problem(problem)
        return True

    def _connect(self) -> None:
        with self._changed:
            self._number += 1
            self._lost = self._announced = None
        self._next_try_ns = self._now() + _SECOND_NS
        self.connection = Connection(
            self._number,
            self._address(),
            client_id=self._client_id,
            status_topic=self._status_topic,
            subscriptions=self._subscriptions,
            listener=self,
            deliver=self._deliver,
            monotonic_ns=self._now,
        )
        self.connection.open()

    def greet(self) -> bool:
        """Say that we are online on a connection that was made; true when that was done."""
        with self._changed:
            announced, self._announced = self._announced, None
        connection = self.connection
        if connection is None or announced != connection.number:
            return False
        self._status(connection, contract.ONLINE)
        self._pause_ns = _PAUSE_NS[0]
        with self._changed:
            self.ready = True
            self._changed.notify_all()
        return True

    def _status(self, connection: Connection, payload: bytes) -> None:
        how = contract.CHANNELS["status"]
        connection.publish(self._status_topic, payload, how.qos, how.retain)

    def take_acks(self) -> list[int]:
        """Give out what was acknowledged."""
        with self._changed:
            return [self.acks.popleft() for _ in range(len(self.acks))]

    def close(self) -> None:
        """Say ``offline`` and disconnect."""
        connection, self.connection = self.connection, None
        if connection is not None:
            if self.ready:
                self._status(connection, contract.OFFLINE)
            connection.close()
        self.ready = False

    # --- what a connection reports, in paho's thread -------------------------------------------------------

    def connected(self, number: int, remembered: bool) -> None:
        """The broker accepted the connection: it is greeted next."""
        with self._changed:
            if number == self._number:
                self._announced = number
                self.forgotten = self.forgotten or not remembered
                self._changed.notify_all()

    def lost(self, number: int, problem: str) -> None:
        """The connection is over."""
        with self._changed:
            if number == self._number:
                self._lost = problem
                self._changed.notify_all()

    def acknowledged(self, number: int, mid: int) -> None:
        """The broker took a message."""
        with self._changed:
            if number == self._number:
                self.acks.append(mid)
                self._changed.notify_all()

    def arrived(self, number: int, topic: str, payload: bytes, retain: bool) -> None:
        """Not called: messages are delivered with what they are acknowledged by."""

    def trouble(self, problem: str) -> None:
        """Something is wrong that does not end the connection."""
        self._problem(problem)

    def mistake(self, where: str, error: Exception) -> None:
        """A callback had a mistake in it."""
        self._mistake(where, error)
