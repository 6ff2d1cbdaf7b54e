"""What an outbox knows of each session: which events it took, which it missed, and which still wait. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from eccentra.mqtt.store import Missing, NewEvent

__all__ = ["Books", "SessionRow", "Verdict"]

SessionRow = tuple[str, str, int, int, int | None, bool]
"""Session, station, highest number taken, highest one seen, missing from, closed."""

Verdict = Literal["take", "again", "missing", "full"]


class _Session(msgspec.Struct):
    """``known`` is the highest number seen, taken or not; ``pending`` counts what waits."""

    station: str
    highest: int = 0
    known: int = 0
    missing_from: int | None = None
    closed: bool = False
    pending: int = 0


class Books:
    """All sessions of an outbox.

    Attributes
    ----------
    delivered
        Finished sessions of which nothing waits any more, since the last :meth:`saved`.
    """

    def __init__(self) -> None:
        self.delivered: set[str] = set()
        self._sessions: dict[str, _Session] = {}
        self._changed: set[str] = set()

    def load(self, sessions: Iterable[SessionRow], waiting: Mapping[str | None, int]) -> None:
        """Begin with what a file says; ``waiting`` counts its messages of each session."""
        for name, station, highest, known, missing_from, closed in sessions:
            pending = waiting.get(name, 0)
            self._sessions[name] = _Session(station, highest, known, missing_from, bool(closed), pending)

    def taken(self, session: str) -> int:
        """Highest number that was taken; 0 for an unknown session."""
        known = self._sessions.get(session)
        return 0 if known is None else known.highest

    def judge(self, event: NewEvent, name: str, seq: int, room: int) -> Verdict:
        """Decide on an event that just happened, and enter it.

        Returns
        -------
        str
            ``again``: it was taken before; ``missing``: earlier ones are missing, so it waits for them;
            ``full``: it is the first one that is missing.
        """
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session(event.station)
        if seq <= session.highest:
            return "again"
        self._changed.add(name)
        session.known = max(session.known, seq)
        session.closed = session.closed or event.last
        if session.missing_from is not None:
            return "missing"
        if room <= 0:
            session.missing_from = seq
            return "full"
        session.highest = seq
        return "take"

    def fill(self, name: str, event: NewEvent) -> Literal["take", "skip", "stop"]:
        """Decide on an event that was missing, and enter it."""
        session = self._sessions.get(name)
        if session is None or session.missing_from is None or event.seq is None:
            return "stop"
        if event.seq != session.missing_from:
            return "skip" if event.seq < session.missing_from else "stop"
        self._changed.add(name)
        session.highest = event.seq
        session.missing_from = event.seq + 1 if event.seq < session.known else None
        session.closed = session.closed or event.last
        return "take"

    def missing(self) -> list[Missing]:
        """Sessions with events that were not taken."""
        return [
            Missing(name, session.station, session.missing_from)
            for name, session in self._sessions.items()
            if session.missing_from is not None
        ]

    def entered(self, name: str | None) -> None:
        """One more event of a session waits."""
        session = self._sessions.get(name or "")
        if session is not None:
            session.pending += 1

    def struck(self, name: str | None) -> None:
        """One less waits."""
        session = self._sessions.get(name or "")
        if name is None or session is None:
            return
        session.pending -= 1
        if session.closed and session.pending <= 0 and session.missing_from is None:
            self.delivered.add(name)

    def lost(self, in_memory: Mapping[str | None, int]) -> set[str]:
        """Enter that a file is gone with what waited in it; gives the sessions of which something is lost.

        All that waits of those must come again: what is only in memory is newer and must not overtake it.
        """
        out = set()
        for name, session in self._sessions.items():
            if session.pending > in_memory.get(name, 0):
                session.missing_from = max(1, session.highest - session.pending + 1)
                session.highest = session.missing_from - 1
                out.add(name)
            session.pending = 0
            self._changed.add(name)
        return out

    def forget(self, name: str) -> None:
        """Strike a session off."""
        self._sessions.pop(name, None)
        self._changed.discard(name)
        self.delivered.discard(name)

    @property
    def has_changed(self) -> bool:
        """Something is to be saved."""
        return bool(self._changed or self.delivered)

    def changes(self) -> list[SessionRow]:
        """Rows to be saved."""
        out: list[SessionRow] = []
        for name in self._changed:
            one = self._sessions[name]
            out.append((name, one.station, one.highest, one.known, one.missing_from, one.closed))
        return out

    def saved(self) -> None:
        """All changes are in the file."""
        self._changed.clear()
        self.delivered.clear()
