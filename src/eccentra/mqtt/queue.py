"""What waits to be published and what waits for the broker's word. No network, no threads of its own.

A :class:`Outgoing` is the book of a publisher: messages are put in by whoever has results, taken out one by
one by the publisher's thread, and struck off when the broker acknowledged them. Not safe for threads by
itself: the publisher holds its lock around every call.
"""

from __future__ import annotations

from collections import OrderedDict, deque

import msgspec

__all__ = ["Message", "Outgoing"]

# At most this many QoS 1 messages are with the client at a time: a re-send after a reconnect stays short.
WINDOW = 100
# Live values older than this many are not worth sending.
_LIVE = 64


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message on its way; ``since_ns`` is when it was put in (monotonic)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    since_ns: int


class Outgoing:
    """The book: events in order and bounded, the latest of each state, a few live values.

    Parameters
    ----------
    max_events
        Bound on events that wait or are unacknowledged.
    """

    def __init__(self, max_events: int) -> None:
        self.dropped = 0
        self._max = max_events
        self._events: deque[Message] = deque()
        self._live: deque[Message] = deque(maxlen=_LIVE)
        self._latest: dict[str, Message] = {}
        self._dirty: OrderedDict[str, None] = OrderedDict()
        self._unacked: OrderedDict[int, Message] = OrderedDict()
        self._handing: Message | None = None

    def put_event(self, message: Message) -> bool:
        """Queue an event; false, and counted, when the book is full."""
        if len(self._events) + len(self._unacked) >= self._max:
            self.dropped += 1
            return False
        self._events.append(message)
        return True

    def put_live(self, message: Message) -> None:
        """Queue a live value; the oldest gives way."""
        self._live.append(message)

    def put_state(self, message: Message) -> None:
        """Set the latest value of a retained topic."""
        self._latest[message.topic] = message
        self._dirty[message.topic] = None
        self._dirty.move_to_end(message.topic)

    def renew_states(self) -> None:
        """Have every retained topic published again: the broker may have forgotten them."""
        waiting = list(self._dirty)
        self._dirty = OrderedDict.fromkeys([*(t for t in self._latest if t not in self._dirty), *waiting])

    def drop_live(self) -> None:
        """Forget live values: there is nobody to send them to."""
        self._live.clear()

    @property
    def has_next(self) -> bool:
        """True when :meth:`take` would give a message."""
        return bool(self._live) or (bool(self._dirty or self._events) and len(self._unacked) < WINDOW)

    def take(self) -> Message | None:
        """Next message to hand to the client: live values first, then events in order, then states."""
        message: Message | None = None
        if self._live:
            message = self._live.popleft()
        elif len(self._unacked) < WINDOW:
            if self._events:
                message = self._events.popleft()
            elif self._dirty:
                message = self._latest[self._dirty.popitem(last=False)[0]]
        self._handing = message
        return message

    def handed(self, mid: int) -> None:
        """Note that the client took the message of the last :meth:`take` under the id ``mid``."""
        message, self._handing = self._handing, None
        if message is not None and message.qos > 0:
            self._unacked[mid] = message

    def give_back(self) -> None:
        """Note that the client did not take it: it is the next one again."""
        message, self._handing = self._handing, None
        if message is None or message.qos == 0:
            return
        if message.retain:
            self._dirty.setdefault(message.topic)
        else:
            self._events.appendleft(message)

    def acknowledge(self, mid: int) -> None:
        """Strike off what the broker acknowledged; ids of QoS 0 messages are not in the book."""
        self._unacked.pop(mid, None)

    @property
    def is_empty(self) -> bool:
        """True when everything but live values was acknowledged."""
        handing = self._handing is not None and self._handing.qos > 0
        return not (self._events or self._dirty or self._unacked or handing)

    @property
    def unacknowledged(self) -> int:
        """How many messages of QoS 1 wait or are not acknowledged."""
        handing = self._handing is not None and self._handing.qos > 0
        return len(self._events) + len(self._dirty) + len(self._unacked) + int(handing)

    def oldest_ns(self) -> int | None:
        """When the oldest unacknowledged message was put in; ``None`` when there is none."""
        times = [message.since_ns for message in self._unacked.values()]
        times += [self._latest[topic].since_ns for topic in self._dirty]
        if self._handing is not None:
            times.append(self._handing.since_ns)
        if self._events:
            times.append(self._events[0].since_ns)
        return min(times, default=None)
