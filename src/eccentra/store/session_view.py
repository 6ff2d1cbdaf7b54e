"""A session set by set, as a therapist goes through it: what was measured, and what was noted beside it."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from eccentra.errors import InputError
from eccentra.events import RepCompleted, SetCompleted
from eccentra.repetition import Repetition
from eccentra.store import tables
from eccentra.store.notes import Amendment, Note, amendments_in, notes_of

__all__ = ["RepView", "SessionView", "SetView", "session_view"]


class RepView(msgspec.Struct, frozen=True, kw_only=True):
    """A repetition; ``rep`` is ``None`` while only its amendment has come."""

    index: int
    counted: bool
    rep: Repetition | None
    amended: Amendment | None = None


class SetView(msgspec.Struct, frozen=True, kw_only=True):
    """A set with its repetitions, also those that were taken back."""

    index: int
    done: SetCompleted
    reps: tuple[RepView, ...]
    notes: tuple[Note, ...] = ()


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session; ``notes`` are those about all of it."""

    id: str
    person: str | None
    exercise: str | None
    began_us: int | None
    ended_us: int | None
    supervised: str | None
    sets: tuple[SetView, ...]
    notes: tuple[Note, ...] = ()


def session_view(connection: Connection, session: str) -> SessionView:
    """A session of the results.

    Raises
    ------
    InputError
        There is none with this id.
    """
    table, sets = tables.session, tables.set_result
    row = connection.execute(select(table).where(table.c.id == session)).one_or_none()
    if row is None:
        raise InputError(session[:64], "no such session in the results")
    notes = notes_of(connection, session)
    amended = amendments_in(notes)
    found = connection.execute(select(sets).where(sets.c.session == session).order_by(sets.c.set_index)).all()
    return SessionView(
        id=session,
        person=row.person,
        exercise=row.exercise,
        began_us=row.began_us,
        ended_us=row.ended_us,
        supervised=row.supervised,
        sets=tuple(
            SetView(
                index=one.set_index,
                done=msgspec.json.decode(one.body, type=SetCompleted),
                reps=_reps(connection, session, one.set_index, amended),
                notes=tuple(note for note in notes if note.set_index == one.set_index),
            )
            for one in found
        ),
        notes=tuple(note for note in notes if note.set_index is None),
    )


def _reps(
    connection: Connection, session: str, set_index: int, amended: dict[tuple[int, int], Amendment]
) -> tuple[RepView, ...]:
    table = tables.repetition
    rows = connection.execute(
        select(table)
        .where(table.c.session == session, table.c.set_index == set_index)
        .order_by(table.c.rep_index)
    )
    return tuple(
        RepView(
            index=row.rep_index,
            counted=row.counted,
            rep=None if row.body is None else msgspec.json.decode(row.body, type=RepCompleted).rep,
            amended=amended.get((set_index, row.rep_index)),
        )
        for row in rows
    )
