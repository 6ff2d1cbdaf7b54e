"""What a person did, as the plan wants it: sessions with their counted repetitions, and what was said.

The exercise of a set is the one in force at its number: sessions begin with one and may change it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, or_, select

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
from eccentra.plan.said import possible
from eccentra.repetition import Repetition
from eccentra.store import tables
from eccentra.store.decisions import InForce, prescriptions_of
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
_TYPES = (*_EXERCISE_TYPES, "rep.amended", "sensor.gap", "sensor.connected")


def sessions_for_plan(
    connection: Connection,
    person: str,
    exercise: str,
    *,
    since_us: int = 0,
    until_us: int | None = None,
    last_us: int | None = None,
) -> list[SessionDone]:
    """Ended sessions of a person that had sets of an exercise, oldest first.

    Seven statements, however many sessions there are.

    Parameters
    ----------
    since_us, until_us
        Those that ended after the one and up to the other.
    last_us
        Of those, the ones that ended at most so long before the newest; all when not given.
    """
    rows = _ended(connection, person, exercise, since_us, until_us)
    if last_us is not None and rows:
        recent = [row for row in rows if row.ended_us >= rows[-1].ended_us - last_us]
        found = _done(connection, recent, person, exercise)
        if found or len(recent) == len(rows):
            return found
        # the newest ones had no set of it: look at all
    return _done(connection, rows, person, exercise)


def _ended(
    connection: Connection, person: str, exercise: str, since_us: int, until_us: int | None
) -> Sequence[Any]:
    """Ended sessions that began with an exercise, or changed theirs, oldest first."""
    table, event = tables.session, tables.event
    changed = (
        select(event.c.seq)
        .where(event.c.session == table.c.id, event.c.type == "session.exercise_changed")
        .exists()
    )
    wanted = select(table.c.id, table.c.began_us, table.c.ended_us).where(
        table.c.person == person,
        table.c.ended_us.is_not(None),
        table.c.ended_us > since_us,
        or_(table.c.exercise == exercise, table.c.exercise.is_(None), changed),
    )
    if until_us is not None:
        wanted = wanted.where(table.c.ended_us <= until_us)
    return connection.execute(wanted.order_by(table.c.ended_us, table.c.id)).all()


def _done(connection: Connection, rows: Sequence[Any], person: str, exercise: str) -> list[SessionDone]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    events, sets, reps = _events(connection, ids), _sets(connection, ids), _repetitions(connection, ids)
    amended = amendments_of(connection, person)
    held = prescriptions_of(connection, person, exercise)
    out = []
    for row in rows:
        own = [one for one in sets[row.id] if _at(_changes(events[row.id]), one.seq) == exercise]
        if not own:
            continue
        done = [one for one in reps[row.id] if one.set_index in {each.set_index for each in own}]
        out.append(_session(row, exercise, own, done, events[row.id], amended.get(row.id, {}), held))
    return out


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
    changes = _changes(_events(connection, [session], _EXERCISE_TYPES)[session])
    table = tables.set_result
    rows = connection.execute(
        select(table.c.seq).where(table.c.session == session).order_by(table.c.seq)
    ).all()
    return list(dict.fromkeys(name for row in rows if (name := _at(changes, row.seq)) is not None))


def reports_for_plan(connection: Connection, person: str, since_us: int = 0) -> list[Report]:
    """What a person said, oldest first."""
    return [_report(row) for row in reports_of(connection, person, since_us)]


def _report(row: dict[str, Any]) -> Report:
    body: dict[str, Any] = row["body"]
    said = {name: body.get(name) for name in ("analgesic", "red_flag")}
    # a station of another make may have sent anything
    said |= {name: possible(body.get(name)) for name in ("pain", "soreness", "rpe")}
    left = possible(body.get("rir"))
    if said["rpe"] is None and left is not None:
        # repetitions left are told as effort (Zourdos 2016, JSCR)
        said["rpe"] = 10.0 - left
    # how the morning is, said in the next session, is about the one before it
    in_passing = row["kind"] == "next_morning" and row["person"] is None
    return Report(
        at_us=row["at_us"],
        kind=row["kind"],
        session=None if in_passing else row["session"],
        exercise=row["exercise"],
        **said,
    )


def _session(
    row: Any,
    exercise: str,
    sets: Sequence[Any],
    reps: Sequence[Any],
    events: Sequence[tuple[int, Event]],
    amendments: Amendments,
    prescriptions: Sequence[tuple[InForce, int | None]],
) -> SessionDone:
    """A session of an exercise from its rows."""
    indexes = {one.set_index for one in sets}
    read = (_repetition(one, amendments.get((one.set_index, one.rep_index))) for one in reps)
    repetitions = tuple(one for one in read if one is not None)
    completed = [msgspec.json.decode(one.body, type=SetCompleted) for one in sets]
    touched = {set_index for set_index, _ in amendments}
    flags: dict[Flag, None] = {}
    amended = [one for _, one in events if isinstance(one, RepAmended)]
    late = (one.flags for one in amended if one.counted and one.set_index in indexes)
    for given in (*(one.flags for one in completed), *(one.flags for one in repetitions), *late):
        flags |= dict.fromkeys(given)
    began = row.began_us if row.began_us is not None else row.ended_us
    held = [one for one, until in prescriptions if one.from_us <= began and (until is None or until > began)]
    return SessionDone(
        id=row.id,
        exercise=exercise,
        began_us=began,
        ended_us=row.ended_us,
        reps=repetitions,
        # totals of a set in which a repetition was amended are those of other repetitions: not known
        sets=tuple({} if one.set_index in touched else one.metrics for one in completed),
        flags=tuple(flags),
        lost_share=_lost_share(events, completed),
        prescription=held[-1].prescription if held else None,
        level=held[-1].level if held else None,
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


def _sets(connection: Connection, sessions: Sequence[str]) -> defaultdict[str, list[Any]]:
    table = tables.set_result
    wanted = select(table).where(table.c.session.in_(sessions)).order_by(table.c.session, table.c.set_index)
    return _by_session(connection.execute(wanted))


def _repetitions(connection: Connection, sessions: Sequence[str]) -> defaultdict[str, list[Any]]:
    table = tables.repetition
    wanted = (
        select(table.c.session, table.c.body, table.c.set_index, table.c.rep_index, table.c.counted)
        .where(table.c.session.in_(sessions), table.c.body.is_not(None))
        .order_by(table.c.session, table.c.set_index, table.c.rep_index)
    )
    return _by_session(connection.execute(wanted))


def _by_session(rows: Iterable[Any]) -> defaultdict[str, list[Any]]:
    out: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        out[row.session].append(row)
    return out


def _events(
    connection: Connection, sessions: Sequence[str], types: Sequence[str] = _TYPES
) -> defaultdict[str, list[tuple[int, Event]]]:
    """Events by session in order of their numbers."""
    table = tables.event
    wanted = (
        select(table.c.session, table.c.seq, table.c.body)
        .where(table.c.session.in_(sessions), table.c.type.in_(types))
        .order_by(table.c.session, table.c.seq)
    )
    out: defaultdict[str, list[tuple[int, Event]]] = defaultdict(list)
    for row in connection.execute(wanted):
        try:
            out[row.session].append((row.seq, msgspec.json.decode(row.body, type=Event)))
        except msgspec.DecodeError:
            continue  # of another version: kept, not understood
    return out


def _changes(events: Sequence[tuple[int, Event]]) -> list[tuple[int, str]]:
    return [(seq, one.exercise) for seq, one in events if isinstance(one, SessionStarted | ExerciseChanged)]


def _at(changes: list[tuple[int, str]], seq: int) -> str | None:
    held = [name for at, name in changes if at <= seq]
    return held[-1] if held else None


def _lost_share(events: Sequence[tuple[int, Event]], sets: Sequence[SetCompleted]) -> float:
    """Of the time of the sets, the share in which the sensor that was worst was silent."""
    spans = [(one.start_us, one.end_us) for one in sets]
    whole = sum(end - start for start, end in spans)
    lost: defaultdict[str, int] = defaultdict(int)
    for _, one in events:
        if isinstance(one, SensorGap) and one.missing:
            lost[one.sensor] += sum(
                max(0, min(end, one.end_us) - max(start, one.start_us)) for start, end in spans
            )
        elif isinstance(one, SensorConnected):
            lost[one.sensor] += 0
    return max(lost.values()) / whole if lost and whole > 0 else 0.0
