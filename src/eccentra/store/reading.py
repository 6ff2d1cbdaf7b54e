"""What a person did, as the plan wants it: sessions with their counted repetitions, and what was said.

The exercise of a set is the one in force at its number: sessions begin with one and may change it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from eccentra.events import (
    Event,
    ExerciseChanged,
    RepAmended,
    RepCompleted,
    SensorConnected,
    SensorGap,
    SessionStarted,
    SetCompleted,
)
from eccentra.ids import Flag
from eccentra.plan.done import Report, SessionDone
from eccentra.repetition import Repetition
from eccentra.store import tables
from eccentra.store.decisions import in_force
from eccentra.store.notes import Amendment, Amendments, amendments_of
from eccentra.store.people import reports_of

__all__ = [
    "exercises_of_session",
    "incomplete_sessions",
    "reports_for_plan",
    "session_person",
    "sessions_for_plan",
]

_EXERCISE_TYPES = ("session.started", "session.exercise_changed")
_SENSOR_TYPES = ("sensor.gap", "sensor.connected")


def sessions_for_plan(
    connection: Connection, person: str, exercise: str, since_us: int = 0
) -> list[SessionDone]:
    """Ended sessions of a person that had sets of an exercise, oldest first."""
    table = tables.session
    rows = connection.execute(
        select(table)
        .where(table.c.person == person, table.c.ended_us.is_not(None), table.c.ended_us > since_us)
        .order_by(table.c.ended_us, table.c.id)
    )
    amended = amendments_of(connection, person)
    found = (_session(connection, row, person, exercise, amended.get(row.id, {})) for row in rows.all())
    return [one for one in found if one is not None]


def session_person(connection: Connection, session: str) -> str | None:
    """Whose session it is, as far as is known."""
    table = tables.session
    found: str | None = connection.execute(select(table.c.person).where(table.c.id == session)).scalar()
    return found


def incomplete_sessions(connection: Connection, sessions: Iterable[str] | None = None) -> dict[str, int]:
    """Ended sessions with events that have not come, and how many are missing; of all or of these."""
    session, event = tables.session, tables.event
    there = (
        select(func.count())
        .select_from(event)
        .where(event.c.session == session.c.id, event.c.seq <= session.c.last_seq)
        .scalar_subquery()
    )
    wanted = select(session.c.id, (session.c.last_seq - there).label("missing")).where(
        session.c.last_seq.is_not(None), there < session.c.last_seq
    )
    if sessions is not None:
        wanted = wanted.where(session.c.id.in_(list(sessions)))
    return {row.id: row.missing for row in connection.execute(wanted)}


def exercises_of_session(connection: Connection, session: str) -> list[str]:
    """Exercises of which a session has completed sets, in order."""
    changes = _exercise_changes(connection, session)
    table = tables.set_result
    rows = connection.execute(
        select(table.c.seq).where(table.c.session == session).order_by(table.c.seq)
    ).all()
    return list(dict.fromkeys(name for row in rows if (name := _at(changes, row.seq)) is not None))


def reports_for_plan(connection: Connection, person: str, since_us: int = 0) -> list[Report]:
    """What a person said, oldest first."""
    out = []
    for row in reports_of(connection, person, since_us):
        body: dict[str, Any] = row["body"]
        out.append(
            Report(
                at_us=row["at_us"],
                kind=row["kind"],
                session=row["session"],
                exercise=row["exercise"],
                **{name: body.get(name) for name in ("pain", "soreness", "rpe", "analgesic", "red_flag")},
            )
        )
    return out


def _session(
    connection: Connection, row: Any, person: str, exercise: str, amendments: Amendments
) -> SessionDone | None:
    changes = _exercise_changes(connection, row.id)
    sets = connection.execute(
        select(tables.set_result).where(tables.set_result.c.session == row.id).order_by("set_index")
    ).all()
    own = [one for one in sets if _at(changes, one.seq) == exercise]
    if not own:
        return None
    indexes = [one.set_index for one in own]
    table = tables.repetition
    reps = connection.execute(
        select(table.c.body, table.c.set_index, table.c.rep_index, table.c.counted)
        .where(
            table.c.session == row.id,
            table.c.set_index.in_(indexes),
            table.c.body.is_not(None),
        )
        .order_by(table.c.set_index, table.c.rep_index)
    ).all()
    read = (_repetition(one, amendments.get((one.set_index, one.rep_index))) for one in reps)
    repetitions = tuple(one for one in read if one is not None)
    completed = [msgspec.json.decode(one.body, type=SetCompleted) for one in own]
    touched = {set_index for set_index, _ in amendments}
    flags: dict[Flag, None] = {}
    amended = [one for _, one in _events(connection, row.id, ("rep.amended",)) if isinstance(one, RepAmended)]
    late = (one.flags for one in amended if one.counted and one.set_index in indexes)
    for given in (*(one.flags for one in completed), *(one.flags for one in repetitions), *late):
        flags |= dict.fromkeys(given)
    began = row.began_us if row.began_us is not None else row.ended_us
    held = in_force(connection, person, exercise, began)
    return SessionDone(
        id=row.id,
        exercise=exercise,
        began_us=began,
        ended_us=row.ended_us,
        reps=repetitions,
        # totals of a set in which a repetition was amended are those of other repetitions: not known
        sets=tuple({} if one.set_index in touched else one.metrics for one in completed),
        flags=tuple(flags),
        lost_share=_lost_share(connection, row.id, completed),
        prescription=None if held is None else held.prescription,
        level=None if held is None else held.level,
    )


def _repetition(row: Any, amended: Amendment | None) -> Repetition | None:
    """A counted repetition as a therapist left it; ``None`` when it does not count."""
    counted = row.counted if amended is None or amended.counted is None else amended.counted
    if not counted:
        return None
    rep = msgspec.json.decode(row.body, type=RepCompleted).rep
    if amended is None or amended.valid is None:
        return rep
    return msgspec.structs.replace(rep, valid=amended.valid)


def _events(connection: Connection, session: str, types: Iterable[str]) -> list[tuple[int, Event]]:
    table = tables.event
    rows = connection.execute(
        select(table.c.seq, table.c.body)
        .where(table.c.session == session, table.c.type.in_(list(types)))
        .order_by(table.c.seq)
    )
    out = []
    for row in rows:
        try:
            out.append((row.seq, msgspec.json.decode(row.body, type=Event)))
        except msgspec.DecodeError:
            continue  # of another version: kept, not understood
    return out


def _exercise_changes(connection: Connection, session: str) -> list[tuple[int, str]]:
    return [
        (seq, one.exercise)
        for seq, one in _events(connection, session, _EXERCISE_TYPES)
        if isinstance(one, SessionStarted | ExerciseChanged)
    ]


def _at(changes: list[tuple[int, str]], seq: int) -> str | None:
    held = [name for at, name in changes if at <= seq]
    return held[-1] if held else None


def _lost_share(connection: Connection, session: str, sets: list[SetCompleted]) -> float:
    """Of the time of the sets, the share in which the sensor that was worst was silent."""
    spans = [(one.start_us, one.end_us) for one in sets]
    whole = sum(end - start for start, end in spans)
    lost: defaultdict[str, int] = defaultdict(int)
    for _, one in _events(connection, session, _SENSOR_TYPES):
        if isinstance(one, SensorGap) and one.missing:
            lost[one.sensor] += sum(
                max(0, min(end, one.end_us) - max(start, one.start_us)) for start, end in spans
            )
        elif isinstance(one, SensorConnected):
            lost[one.sensor] += 0
    return max(lost.values()) / whole if lost and whole > 0 else 0.0
