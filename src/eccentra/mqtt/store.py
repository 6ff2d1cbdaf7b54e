"""Where events wait until the broker has acknowledged them: what every such place can do, and one in memory.

A publisher's thread reads entries in the order in which they were put in and strikes them off when they are
acknowledged. :class:`~eccentra.mqtt.outbox.Outbox` keeps them on disk; :class:`MemoryStore` is for what can
be made again at any time, such as a replay.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from eccentra.events import StationNoted

__all__ = ["Entry", "EventStore", "MemoryStore", "Missing", "NewEvent"]


class NewEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An event to be published.

    ``session`` and ``seq`` are ``None`` for what a station says about itself; ``last`` marks the event that
    ends its session.
    """

    station: str
    topic: str
    payload: bytes
    session: str | None = None
    seq: int | None = None
    last: bool = False


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event that waits; ``id`` orders them, ``since_ns`` is when it was put in (monotonic)."""

    id: int
    topic: str
    payload: bytes
    since_ns: int
    session: str | None


class Missing(msgspec.Struct, frozen=True):
    """Events of a session that were not taken for want of room: from ``from_seq`` on."""

    session: str
    station: str
    from_seq: int


class EventStore(Protocol):
    """What a publisher asks of the place where events wait. Safe for threads."""

    durable: bool
    """Entries survive the process."""

    @property
    def last_id(self) -> int:
        """Id of the newest entry; 0 before the first."""
        ...

    @property
    def depth(self) -> int:
        """Entries that were not struck off."""
        ...

    @property
    def dropped(self) -> int:
        """Events that found no room and are not remembered."""
        ...

    def put(self, events: Sequence[NewEvent]) -> None:
        """Take events that just happened, in order; returns when they are as safe as they get."""
        ...

    def put_again(self, events: Sequence[NewEvent]) -> int:
        """Take events once more, whatever was taken before; gives how many found room."""
        ...

    def read(self, after: int, limit: int) -> list[Entry]:
        """Entries with an id greater than ``after``, in order."""
        ...

    def done(self, entries: Sequence[Entry]) -> None:
        """Strike off what was acknowledged."""
        ...

    def oldest_ns(self) -> int | None:
        """When the oldest entry was put in (monotonic); ``None`` when there is none."""
        ...

    def missing(self, room: int) -> list[Missing]:
        """Sessions with events not taken, when there is room for at least so many."""
        ...

    def fill(self, session: str, events: Sequence[NewEvent]) -> int:
        """Take missing events of a session, in order without holes; gives how many were taken."""
        ...

    def tend(self) -> None:
        """Do what can wait: called now and then by the publisher's thread."""
        ...

    def notes(self) -> list[StationNoted]:
        """What should be said about this place since the last call."""
        ...

    def close(self) -> None:
        """No more calls will come."""
        ...


class MemoryStore:
    """Entries in memory, bounded; what does not fit is counted and gone.

    Parameters
    ----------
    most
        Bound on entries.
    monotonic_ns
        Clock for ages.
    """

    durable = False

    def __init__(self, most: int, monotonic_ns: Callable[[], int]) -> None:
        self._most = most
        self._now = monotonic_ns
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._waiting: dict[int, int] = {}
        self._last = 0
        self._dropped = 0

    @property
    def last_id(self) -> int:
        """Id of the newest entry."""
        return self._last

    @property
    def depth(self) -> int:
        """Entries that were not struck off."""
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """Events that found no room."""
        return self._dropped

    def put(self, events: Sequence[NewEvent]) -> None:
        """Take events, in order, as far as there is room."""
        with self._lock:
            self._append(events)

    def put_again(self, events: Sequence[NewEvent]) -> int:
        """Take events once more; gives how many found room."""
        with self._lock:
            return self._append(events)

    def _append(self, events: Sequence[NewEvent]) -> int:
        room = max(0, self._most - len(self._waiting))
        now = self._now()
        for event in events[:room]:
            self._last += 1
            self._waiting[self._last] = now
            self._entries.append(Entry(self._last, event.topic, event.payload, now, event.session))
        self._dropped += max(0, len(events) - room)
        return min(room, len(events))

    def read(self, after: int, limit: int) -> list[Entry]:
        """Entries after an id; each is given out once and then kept by whoever asked."""
        out: list[Entry] = []
        with self._lock:
            while self._entries and len(out) < limit:
                entry = self._entries.popleft()
                if entry.id > after:
                    out.append(entry)
        return out

    def done(self, entries: Sequence[Entry]) -> None:
        """Strike off what was acknowledged."""
        with self._lock:
            for entry in entries:
                self._waiting.pop(entry.id, None)

    def oldest_ns(self) -> int | None:
        """When the oldest entry was put in."""
        with self._lock:
            return next(iter(self._waiting.values()), None)

    def missing(self, room: int) -> list[Missing]:
        """Nothing is remembered here."""
        return []

    def fill(self, session: str, events: Sequence[NewEvent]) -> int:
        """Take nothing: nothing is remembered as missing."""
        return 0

    def tend(self) -> None:
        """Nothing can wait."""

    def notes(self) -> list[StationNoted]:
        """Nothing to say: the publisher's health counts what was dropped."""
        return []

    def close(self) -> None:
        """Nothing to close."""
