"""Opening a session: which exercise, which sensors, which file."""

from __future__ import annotations

import secrets
from pathlib import Path

from eccentra.commands import CommandError
from eccentra.errors import InputError
from eccentra.exercises import Exercise, load_exercise
from eccentra.recording import Recorder
from eccentra.session import Header, Session
from eccentra.station.recovery import session_file
from eccentra.walltime import rfc3339

__all__ = ["exercise_named", "new_file", "session_id", "session_of"]


def new_file(folder: Path, header: Header, *, station: str, zero_ns: int, boot: str) -> Recorder:
    """A session file with what recovery needs to know."""
    notes = {"station": station, "zero_ns": str(zero_ns), "boot": boot}
    return Recorder(session_file(folder, header.session), header, notes)


def exercise_named(name: str | None) -> Exercise:
    """The exercise, or a refusal that says which there are."""
    if name is None:
        raise CommandError("no_exercise", "say which exercise: start exercise=nordic-curl")
    try:
        return load_exercise(name)
    except InputError as error:
        raise CommandError("unknown_exercise", str(error)) from None


def session_of(header: Header) -> Session:
    """A session, or a refusal when these sensors cannot measure the exercise."""
    try:
        return Session(header)
    except InputError as error:
        raise CommandError("wrong_sensors", f"{error}; check which sensors stream") from None


def session_id(station: str, wall_ns: int) -> str:
    """Unique and sortable; says where and when, and nobody's name."""
    when = (rfc3339(wall_ns) or "").partition(".")[0].replace("-", "").replace(":", "").replace("T", "-")
    return f"{station[:30]}-{when}-{secrets.token_hex(2)}"
