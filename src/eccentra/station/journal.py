"""One running session in the order that keeps it safe: recorded, counted, committed, told.

A disk that fails stops neither counting nor recording in memory: what could not be written waits, and events
that came from it wait with it, until it can be written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from eccentra.events import Numbered, StationNoted, StationReason
from eccentra.inputs import Input
from eccentra.recording import Recorder
from eccentra.session import Session
from eccentra.stages import LiveState

__all__ = ["Journal", "Outlet"]

# A quarter of an hour of eight sensors. Beyond, memory is in danger and the session ends.
_MOST_UNSAVED = 100_000


class Outlet(Protocol):
    """Who is told: a broker's sink, a screen. Nothing here waits for a network."""

    def handle(self, events: Sequence[Numbered]) -> None:
        """Take events, in order; their inputs are committed."""
        ...

    def live(self, state: LiveState) -> None:
        """Take a snapshot."""
        ...

    def note(self, note: StationNoted) -> None:
        """Take something about the station itself."""
        ...


class Journal:
    """A session that is running.

    Parameters
    ----------
    session
        The session.
    recorder
        Its file.
    zero_ns
        Host time at which the session's time is zero.
    tell
        Takes events whose inputs are committed.
    note
        Takes what is wrong with the disk.
    """

    def __init__(
        self,
        session: Session,
        recorder: Recorder,
        zero_ns: int,
        *,
        tell: Callable[[list[Numbered]], None],
        note: Callable[[StationNoted], None],
    ) -> None:
        self.session = session
        self.zero_ns = zero_ns
        self._recorder = recorder
        self._tell = tell
        self._note = note
        self._held: list[Numbered] = []
        self._unsaved: list[Input] = []
        self._failing = self._said = False

    @property
    def name(self) -> str:
        """Id of the session."""
        return self.session.header.session

    @property
    def ended(self) -> bool:
        """True when the session is over."""
        return self.session.ended

    def take(self, items: Sequence[Input]) -> list[Numbered]:
        """Take inputs in session time; gives the events that came from them."""
        for item in items:
            self._record(item)
        events = self.session.feed_many(items)
        self._held += events
        if self._held:
            self._hand_out()
        return events

    def commit(self) -> None:
        """Make everything that arrived survive a kill."""
        if not self._failing and self._recorder.uncommitted:
            self._try(self._recorder.commit)

    def close(self) -> bool:
        """The session is over, or rests until the next start of the program.

        False when the disk does not take it: what waits is kept, and this is to be called again.
        """
        waited = self._write_again()
        if not self._failing:
            self._try(self._finish)
        self._say_back(waited)
        return not self._failing

    def _finish(self) -> None:
        if not self.session.ended:
            self._recorder.rest()
            return
        self._recorder.note("ended", "yes")
        self._recorder.commit()
        self._recorder.close()

    @property
    def unsaved(self) -> int:
        """How many inputs wait for the disk."""
        return len(self._unsaved)

    def retry(self) -> None:
        """Try again to write what could not be written; to be called about once a second."""
        self._say_back(self._write_again())

    def _write_again(self) -> int:
        """Gives how many inputs waited for it."""
        if not self._failing:
            return 0
        waiting, self._unsaved, self._failing = self._unsaved, [], False
        for item in waiting:
            self._record(item)
        self._hand_out()
        return len(waiting)

    def _say_back(self, waited: int) -> None:
        if self._said and not self._failing:
            self._said = False
            self._note(
                StationNoted(
                    reason=StationReason.DISK_BACK,
                    level="info",
                    detail=f"the session file can be written again; {waited} inputs were caught up",
                    session=self.name,
                )
            )

    # -- recording ------------------------------------------------------------------------------------

    def _record(self, item: Input) -> None:
        self._unsaved.append(item)
        if not self._failing:
            self._try(lambda: self._recorder.append(item))

    def _hand_out(self) -> None:
        if not self._failing:
            self._try(self._keep)
        if self._held and not self._failing:
            events, self._held = self._held, []
            self._tell(events)

    def _keep(self) -> None:
        self._recorder.keep_events(self._held)
        self._recorder.commit()

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except sqlite3.Error as error:
            self._failing = True
            self._recorder.roll_back()
            if not self._said:
                self._said = True
                self._note(
                    StationNoted(
                        reason=StationReason.DISK_FAILED,
                        level="error",
                        detail=f"the session file cannot be written ({error}); the session goes on in memory",
                        advice="free space on the disk of the session files; it is tried again every second",
                        session=self.name,
                    )
                )
            return
        if not self._recorder.uncommitted:
            self._unsaved.clear()

    @property
    def overfull(self) -> bool:
        """True when too much waits in memory for a disk that does not take it."""
        return len(self._unsaved) > _MOST_UNSAVED
