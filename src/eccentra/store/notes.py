"""What a therapist notes beside sets and repetitions: accepted, a remark, an amendment.

Events stay as they were published. An amendment of a repetition lies beside them and holds wherever the plan
reads what was done; the newest one holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, select, update

from eccentra.errors import InputError
from eccentra.store import tables
from eccentra.store.decisions import audit
from eccentra.store.upsert import insert_once

__all__ = [
    "Amendment",
    "Amendments",
    "Note",
    "Supervised",
    "amendments_in",
    "amendments_of",
    "annotate",
    "notes_of",
    "set_supervised",
]

NoteKind = Literal["accept", "note", "amend"]
Supervised = Literal["in_person", "remote_live", "none"]


class Amendment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a therapist saw otherwise; ``None`` leaves it as it was measured."""

    counted: bool | None = None
    valid: bool | None = None
    why: str | None = None


Amendments = dict[tuple[int, int], Amendment]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One note; without ``set_index`` it is about the session, without ``rep_index`` about the set."""

    session: str
    set_index: int | None
    rep_index: int | None
    at_us: int
    who: str
    kind: NoteKind
    text: str


def annotate(connection: Connection, one: Note) -> bool:
    """Keep a note; says whether it is new.

    Raises
    ------
    InputError
        No such session, set or repetition.
    """
    _check_there(connection, one)
    parts = [one.session, one.set_index, one.rep_index, one.at_us, one.who, one.kind, one.text]
    name = hashlib.sha256("\x00".join(map(str, parts)).encode()).hexdigest()[:32]
    row = msgspec.structs.asdict(one) | {"id": name}
    new = insert_once(connection, tables.annotation, row, ("id",))
    if new:
        audit(connection, one.at_us, one.who, one.kind, name)
    return new


def _check_there(connection: Connection, one: Note) -> None:
    if (
        connection.execute(select(tables.session.c.id).where(tables.session.c.id == one.session)).first()
        is None
    ):
        raise InputError(one.session[:64], "no such session in the results")
    if one.set_index is None:
        return
    sets, reps = tables.set_result.c, tables.repetition.c
    known = connection.execute(select(sets.set_index).where(sets.session == one.session)).scalars().all()
    if one.set_index not in known:
        listed = ", ".join(map(str, sorted(known))) or "none"
        raise InputError(one.session, f"has no set {one.set_index}; it has {listed}")
    if one.rep_index is None:
        return
    wanted = select(reps.rep_index).where(reps.session == one.session, reps.set_index == one.set_index)
    known = connection.execute(wanted).scalars().all()
    if one.rep_index not in known:
        listed = ", ".join(map(str, sorted(known))) or "none"
        raise InputError(one.session, f"has no repetition {one.rep_index} in set {one.set_index}: {listed}")


def notes_of(connection: Connection, session: str) -> list[Note]:
    """Notes of a session, oldest first."""
    table = tables.annotation
    rows = connection.execute(
        select(table).where(table.c.session == session).order_by(table.c.at_us, table.c.id)
    )
    return [Note(**{name: row._mapping[name] for name in Note.__struct_fields__}) for row in rows]


def amendments_in(notes: Sequence[Note]) -> Amendments:
    """What holds of each amended repetition of a session, from its notes, oldest first."""
    return {
        (one.set_index, one.rep_index): msgspec.json.decode(one.text, type=Amendment)
        for one in notes
        if one.kind == "amend" and one.set_index is not None and one.rep_index is not None
    }


def amendments_of(connection: Connection, person: str) -> dict[str, Amendments]:
    """What holds of each amended repetition of a person, by session, then by set and number."""
    note, session = tables.annotation, tables.session
    rows = connection.execute(
        select(note.c.session, note.c.set_index, note.c.rep_index, note.c.text)
        .join(session, session.c.id == note.c.session)
        .where(session.c.person == person, note.c.kind == "amend", note.c.rep_index.is_not(None))
        .order_by(note.c.at_us, note.c.id)
    )
    out: dict[str, Amendments] = {}
    for row in rows:
        found = msgspec.json.decode(row.text, type=Amendment)
        out.setdefault(row.session, {})[row.set_index, row.rep_index] = found
    return out


def set_supervised(connection: Connection, session: str, how: Supervised, *, who: str, at_us: int) -> None:
    """Note whether somebody was there.

    Raises
    ------
    InputError
        No such session.
    """
    table = tables.session
    done = connection.execute(update(table).where(table.c.id == session).values(supervised=how))
    if done.rowcount != 1:
        raise InputError(session[:64], "no such session in the results")
    audit(connection, at_us, who, "supervised", session)
