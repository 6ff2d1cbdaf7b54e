"""Which sets were done lately, by person and exercise: so that the next item of a plan is known."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from eccentra.errors import RecordingError
from eccentra.events import ExerciseChanged, Numbered, SessionStarted, SetCompleted
from eccentra.recording import Recording
from eccentra.station.recovery import SUFFIX

__all__ = ["Daybook"]

# Beyond so many sets of sessions gone by, those of longest ago are dropped.
_MOST = 10_000

log = logging.getLogger("eccentra.station")
_decoder: msgspec.json.Decoder[Numbered] = msgspec.json.Decoder(Numbered)


class _Set(msgspec.Struct, frozen=True):
    athlete: str
    exercise: str
    at_us: int


class Daybook:
    """Remembers sets with a counted repetition; the same event may come again.

    Parameters
    ----------
    folder
        Where session files lie: what was done before this program was started. They are read when that is
        asked for, not before; ``None`` for none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._unread = folder
        self._sets: dict[str, _Set] = {}
        self._who: dict[str, tuple[str | None, str]] = {}

    def handle(self, events: Iterable[Numbered]) -> None:
        """Take events of a session in order."""
        for one in events:
            event, session = one.event, one.session
            if isinstance(event, SessionStarted):
                self._who[session] = (event.athlete, event.exercise)
            elif isinstance(event, ExerciseChanged) and session in self._who:
                self._who[session] = (self._who[session][0], event.exercise)
            elif isinstance(event, SetCompleted) and event.reps_counted > 0 and one.time is not None:
                athlete, exercise = self._who.get(session, (None, ""))
                if athlete is not None:
                    at_us = round(datetime.fromisoformat(one.time).timestamp() * 1e6)
                    self._sets[one.id] = _Set(athlete, exercise, at_us)
        while len(self._sets) > _MOST:
            del self._sets[next(iter(self._sets))]

    def sets(self, athlete: str, exercise: str, since_us: int) -> int:
        """How many sets of an exercise a person did since a moment, µs since 1970."""
        folder, self._unread = self._unread, None
        if folder is not None:
            self._read(folder, since_us)
        done = self._sets.values()
        return sum(s.athlete == athlete and s.exercise == exercise and s.at_us >= since_us for s in done)

    def _read(self, folder: Path, since_us: int) -> None:
        """Take what session files say since a moment; what cannot be read is left out."""
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                if path.stat().st_mtime * 1e6 >= since_us:
                    self.handle(_kept(path))
            except (OSError, RecordingError, sqlite3.Error, msgspec.DecodeError) as error:
                log.info("%s says nothing of sets done: %s", path.name, error)


def _kept(path: Path) -> Sequence[Numbered]:
    with Recording(path) as recording:
        kept = recording.events()
    return [_decoder.decode(kept[seq]) for seq in sorted(kept)]
