"""What is handed to the broker next, and what waits for its word. No network, no threads of its own.

An :class:`Outgoing` is the book of one connection after the other: the publisher's thread loads events from
where they wait (:mod:`eccentra.mqtt.store`), takes messages out one by one, and strikes them off when they
are acknowledged. When a connection is lost, what was not acknowledged is the next again, in order. Not safe
for threads by itself: the publisher holds its lock around every call.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec

from eccentra.mqtt.store import Entry

__all__ = ["WINDOW", "Message", "Outgoing"]

# At most this many QoS 1 messages are with the client at a time: a re-send after a reconnect stays short.
WINDOW = 100
# Live values older than this many are not worth sending.
_LIVE = 64
# Answers wait in memory only: who asked and got none asks again.
_REPLIES = 20_000


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message on its way; ``since_ns`` is when it was put in (monotonic), ``entry`` set for events."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    since_ns: int
    entry: Entry | None = None


class _Handed(msgspec.Struct, frozen=True, gc=False):
    message: Message
    at_ns: int


class Outgoing:
    """The book: loaded events in order, the latest of each state, answers, a few live values."""

    def __init__(self) -> None:
        self.cursor = 0
        self._events: deque[Message] = deque()
        self._replies: deque[Message] = deque()
        self._live: deque[Message] = deque(maxlen=_LIVE)
        self._latest: dict[str, Message] = {}
        self._dirty: OrderedDict[str, None] = OrderedDict()
        self._unacked: OrderedDict[int, _Handed] = OrderedDict()
        self._handing: Message | None = None
        self._in_a_row = 0

    def load(self, entries: Sequence[Entry]) -> None:
        """Append events that waited; the cursor goes to the last one."""
        for entry in entries:
            self._events.append(Message(entry.topic, entry.payload, 1, False, entry.since_ns, entry))
            self.cursor = entry.id

    @property
    def wants(self) -> int:
        """How many more events may be loaded now."""
        return max(0, WINDOW - len(self._events) - len(self._unacked))

    def put_live(self, message: Message) -> None:
        """Queue a live value; the oldest gives way."""
        self._live.append(message)

    def put_reply(self, message: Message) -> bool:
        """Queue an answer; false when far too many wait."""
        if len(self._replies) >= _REPLIES:
            return False
        self._replies.append(message)
        return True

    def put_state(self, message: Message) -> None:
        """Set the latest value of a retained topic."""
        self._latest[message.topic] = message
        self._dirty[message.topic] = None
        self._dirty.move_to_end(message.topic)

    def renew_states(self) -> None:
        """Have every retained topic published again: the broker may have forgotten them."""
        waiting = list(self._dirty)
        self._dirty = OrderedDict.fromkeys([*(t for t in self._latest if t not in self._dirty), *waiting])

    def connection_lost(self) -> None:
        """Take back what was handed over and not acknowledged; forget live values."""
        self._live.clear()
        self.give_back()
        events: list[Message] = []
        replies: list[Message] = []
        for handed in self._unacked.values():
            message = handed.message
            if message.retain:
                self._dirty.setdefault(message.topic)
            else:
                (replies if message.entry is None else events).append(message)
        self._unacked.clear()
        self._events.extendleft(reversed(events))
        self._replies.extendleft(reversed(replies))

    @property
    def has_next(self) -> bool:
        """True when :meth:`take` would give a message."""
        waiting = self._dirty or self._events or self._replies
        return bool(self._live) or (bool(waiting) and len(self._unacked) < WINDOW)

    def take(self) -> Message | None:
        """Next message to hand to the client: answers, events in order, live values, states.

        States also come between two windows of a long backlog: the latest must not wait behind the oldest.
        """
        message: Message | None = None
        room = len(self._unacked) < WINDOW
        if room and self._replies:
            message = self._replies.popleft()
        elif room and self._events and not (self._dirty and self._in_a_row >= WINDOW):
            message = self._events.popleft()
            self._in_a_row += 1
        elif self._live:
            message = self._live.popleft()
        elif room and self._dirty:
            message = self._latest[self._dirty.popitem(last=False)[0]]
            self._in_a_row = self._in_a_row if self._dirty else 0
        self._handing = message
        return message

    def waits_for(self, mid: int) -> bool:
        """True when the message ``mid`` was handed over and is not acknowledged."""
        return mid in self._unacked

    def handed(self, mid: int, now_ns: int) -> None:
        """Note that the client took the message of the last :meth:`take` under the id ``mid``."""
        message, self._handing = self._handing, None
        if message is not None and message.qos > 0:
            self._unacked[mid] = _Handed(message, now_ns)

    def give_back(self) -> None:
        """Note that the client did not take it: it is the next one again."""
        message, self._handing = self._handing, None
        if message is None or message.qos == 0:
            return
        if message.retain:
            self._dirty.setdefault(message.topic)
        elif message.entry is None:
            self._replies.appendleft(message)
        else:
            self._events.appendleft(message)

    def acknowledge(self, mid: int) -> Entry | None:
        """Strike off what the broker acknowledged; gives the event, if it was one."""
        handed = self._unacked.pop(mid, None)
        return None if handed is None else handed.message.entry

    @property
    def is_empty(self) -> bool:
        """True when every state, answer and loaded event was acknowledged."""
        return self.others == 0 and not self._events and not self._unacked

    @property
    def others(self) -> int:
        """How many states and answers wait or are not acknowledged."""
        handing = self._handing is not None and self._handing.qos > 0 and self._handing.entry is None
        unacked = sum(1 for handed in self._unacked.values() if handed.message.entry is None)
        return len(self._dirty) + len(self._replies) + unacked + int(handing)

    def oldest_ns(self) -> int | None:
        """When the oldest state or answer was put in; ``None`` when there is none."""
        times = [h.message.since_ns for h in self._unacked.values() if h.message.entry is None]
        times += [self._latest[topic].since_ns for topic in self._dirty]
        times += [message.since_ns for message in [*self._replies][:1]]
        return min(times, default=None)

    def longest_unacknowledged_ns(self) -> int | None:
        """When the client took the oldest message that the broker has not acknowledged."""
        return next((handed.at_ns for handed in self._unacked.values()), None)
