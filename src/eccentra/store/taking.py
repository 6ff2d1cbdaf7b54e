"""Events into the tables: in any order, any number of times, the same end state.

Every event is kept as it came, also one that this version does not understand: a later one may. What is asked
for often goes into tables of its own; there the event with the higher number wins, and an amendment that
comes before its repetition waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, case, func, or_, select, tuple_

from eccentra.errors import InputError
from eccentra.events import (
    Event,
    RepAmended,
    RepCompleted,
    Reported,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.store import tables
from eccentra.store.upsert import insert_for

__all__ = ["Incoming", "Taken", "read_event", "take_events"]

_PREFIX, _ID_MOST = "org.eccentra.", 64
_MOST_BYTES = 1_000_000
# rows in one statement: SQLite's and PostgreSQL's limits on parameters are far above
_CHUNK = 500


class _Envelope(msgspec.Struct, frozen=True):
    """What is read of a CloudEvents envelope."""

    id: str
    type: str
    source: str
    data: msgspec.Raw
    time: datetime | None = None


class _Place(msgspec.Struct, frozen=True):
    """Where an event belongs."""

    session: str
    seq: int


class Incoming(msgspec.Struct, frozen=True):
    """A checked event: its place, when it happened (µs since 1970, UTC), and its body as it came.

    ``event`` is ``None`` for a type or version that this program does not know.
    """

    session: str
    seq: int
    type: str
    at_us: int | None
    body: str
    source: str
    event: Event | None


class Taken(msgspec.Struct, frozen=True):
    """What a batch did.

    Attributes
    ----------
    new, known
        Events that were not there, and that were.
    different
        Ids of events whose number was there with another body; the first one stays.
    not_understood
        Ids of events kept, but of an unknown type or version.
    sessions
        Ids of sessions with new events.
    """

    new: int
    known: int
    different: tuple[str, ...]
    not_understood: tuple[str, ...]
    sessions: tuple[str, ...]


def read_event(payload: bytes) -> Incoming:
    """An event from its CloudEvents envelope.

    Raises
    ------
    InputError
        Not an envelope of Eccentra's; names what was expected.
    """
    if len(payload) > _MOST_BYTES:
        raise InputError("event", f"has {len(payload)} bytes, expected at most {_MOST_BYTES}")
    try:
        envelope = msgspec.json.decode(payload, type=_Envelope)
        place = msgspec.json.decode(envelope.data, type=_Place)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("event", f"is no event: {error}") from None
    if not envelope.type.startswith(_PREFIX):
        raise InputError("event", f"has the type {envelope.type[:60]!r}, expected {_PREFIX}...")
    if not 1 <= place.seq <= 2**31 - 1 or envelope.id != f"{place.session}-{place.seq}":
        raise InputError("event", f"has the id {envelope.id[:80]!r}, expected SESSION-NUMBER of its data")
    if not 1 <= len(place.session) <= _ID_MOST:
        raise InputError("event", f"has a session id of {len(place.session)} characters")
    event: Event | None = None
    try:
        event = msgspec.json.decode(envelope.data, type=Event)
    except msgspec.DecodeError:
        event = None
    at = None
    if envelope.time is not None:
        at = round(envelope.time.replace(tzinfo=envelope.time.tzinfo or UTC).timestamp() * 1e6)
    kind = envelope.type.removeprefix(_PREFIX).rpartition(".v")[0]
    return Incoming(
        session=place.session,
        seq=place.seq,
        type=kind[:40],
        at_us=at,
        body=bytes(envelope.data).decode(),
        source=envelope.source[:200],
        event=event,
    )


def take_events(connection: Connection, events: Sequence[Incoming]) -> Taken:
    """Put events into the tables, in one transaction of the caller's."""
    first: dict[tuple[str, int], Incoming] = {}
    different: list[str] = []
    known = 0
    for one in events:
        before = first.setdefault((one.session, one.seq), one)
        if before is not one:
            known += 1
            different += [_id(one)] if before.body != one.body else []
    for chunk in _chunks(list(first.values())):
        keys = [(one.session, one.seq) for one in chunk]
        old = connection.execute(
            select(tables.event.c.session, tables.event.c.seq, tables.event.c.body).where(
                tuple_(tables.event.c.session, tables.event.c.seq).in_(keys)
            )
        )
        for session, seq, body in old:
            one = first.pop((session, seq))
            known += 1
            different += [_id(one)] if one.body != body else []
    new = list(first.values())
    if new:
        _insert_new(connection, new)
    return Taken(
        new=len(new),
        known=known,
        different=tuple(different),
        not_understood=tuple(_id(one) for one in new if one.event is None),
        sessions=tuple(dict.fromkeys(one.session for one in new)),
    )


def _id(one: Incoming) -> str:
    return f"{one.session}-{one.seq}"


def _insert_new(connection: Connection, new: list[Incoming]) -> None:
    rows = [
        {"session": one.session, "seq": one.seq, "type": one.type, "at_us": one.at_us, "body": one.body}
        for one in new
    ]
    # another worker may have been quicker: the first one stays
    _upsert(connection, tables.event, rows, ("session", "seq"), {})
    sessions = [_session_row(one) for one in new]
    _upsert(connection, tables.session, _folded(sessions), ("id",), _SESSION_KEEPS)
    sets = [_set_row(one, one.event) for one in new if isinstance(one.event, SetCompleted)]
    _upsert(connection, tables.set_result, _latest(sets, "set_index"), ("session", "set_index"), _newer())
    reps = [_rep_row(one) for one in new if isinstance(one.event, RepCompleted | RepAmended)]
    # in one order everywhere, so that two workers never wait for each other in a ring
    reps.sort(key=lambda row: (row["session"], row["set_index"], row["rep_index"]))
    for amended in (False, True):
        rows = [row for row in reps if ("amended_seq" in row) is amended]
        if rows:
            connection.execute(_rep_upsert(connection, amended), rows)
    said = [_said_row(one, one.event) for one in new if isinstance(one.event, Reported)]
    _upsert(connection, tables.reported, said, ("id",), {})


# -- rows ---------------------------------------------------------------------------------------------------


def _session_row(one: Incoming) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        ("person", "exercise", "began_us", "ended_us", "why_ended", "last_seq", "source")
    )
    row |= {"id": one.session, "source": one.source}
    if isinstance(one.event, SessionStarted):
        row |= {"person": one.event.athlete, "exercise": one.event.exercise, "began_us": one.at_us}
    elif isinstance(one.event, SessionEnded):
        row |= {"ended_us": one.at_us, "why_ended": one.event.why, "last_seq": one.seq}
    return row


def _folded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a session: what any of its events said."""
    out: dict[str, dict[str, Any]] = {}
    for row in rows:
        kept = out.setdefault(row["id"], row)
        kept |= {key: value for key, value in row.items() if value is not None}
    return list(out.values())


def _set_row(one: Incoming, event: SetCompleted) -> dict[str, Any]:
    tut = event.metrics.get("tut_s")
    return {
        "session": one.session,
        "set_index": event.set_index,
        "seq": one.seq,
        "at_us": one.at_us,
        "reps_counted": event.reps_counted,
        "reps_valid": event.reps_valid,
        "tut_s": None if tut is None else tut.value,
        "body": one.body,
    }


def _latest(rows: list[dict[str, Any]], index: str) -> list[dict[str, Any]]:
    out: dict[tuple[str, int], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: int(row["seq"])):
        out[row["session"], row[index]] = row
    return list(out.values())


def _rep_row(one: Incoming) -> dict[str, Any]:
    event = one.event
    if isinstance(event, RepAmended):
        return {
            "session": one.session,
            "set_index": event.set_index,
            "rep_index": event.index,
            "amended_seq": one.seq,
            "counted": event.counted,
        }
    assert isinstance(event, RepCompleted)
    rep = event.rep
    return {
        "session": one.session,
        "set_index": rep.set_index,
        "rep_index": rep.index,
        "seq": one.seq,
        "valid": rep.valid,
        "counted": True,
        "tut_s": rep.value("tut_s"),
        "eccentric_s": rep.value("eccentric_s"),
        "body": one.body,
    }


def _said_row(one: Incoming, event: Reported) -> dict[str, Any]:
    return {
        "id": f"{one.session}:{event.request}"[:160],
        "session": one.session,
        "kind": event.when,
        "at_us": one.at_us or 0,
        "body": one.body,
    }


# -- statements ---------------------------------------------------------------------------------------------

# what a session's row knows already stays unless the new one knows it too
_SESSION_KEEPS = {
    name: "coalesce"
    for name in ("person", "exercise", "began_us", "ended_us", "why_ended", "last_seq", "source")
}


def _newer() -> dict[str, str]:
    return dict.fromkeys(("seq", "at_us", "reps_counted", "reps_valid", "tut_s", "body"), "newer")


def _upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    key: tuple[str, ...],
    how: dict[str, str],
) -> None:
    """Insert; a row that is there stays, keeps what it knows (``coalesce``), or yields to a ``newer`` one."""
    for chunk in _chunks(sorted(rows, key=lambda row: tuple(str(row[name]) for name in key))):
        insert = insert_for(connection, table)
        new = insert.excluded
        if not how:
            connection.execute(insert.on_conflict_do_nothing(index_elements=key), list(chunk))
            continue
        changes = {
            name: func.coalesce(new[name], table.c[name]) if way == "coalesce" else new[name]
            for name, way in how.items()
        }
        where = None if "coalesce" in how.values() else new["seq"] > table.c.seq
        statement = insert.on_conflict_do_update(index_elements=key, set_=changes, where=where)
        connection.execute(statement, list(chunk))


def _rep_upsert(connection: Connection, amended: bool) -> Any:
    """For repetitions or their amendments: whichever has the higher number says whether it counts."""
    table = tables.repetition
    insert = insert_for(connection, table)
    new = insert.excluded
    if amended:
        later = or_(table.c.amended_seq.is_(None), table.c.amended_seq < new.amended_seq)
        changes = {
            "amended_seq": case((later, new.amended_seq), else_=table.c.amended_seq),
            "counted": case(
                (later & (func.coalesce(table.c.seq, 0) < new.amended_seq), new.counted),
                else_=table.c.counted,
            ),
        }
    else:
        later = or_(table.c.seq.is_(None), table.c.seq < new.seq)
        changes = {name: case((later, new[name]), else_=table.c[name]) for name in _REP_NUMBERS}
        counts = func.coalesce(table.c.amended_seq, 0) < new.seq
        changes["counted"] = case((later & counts, new.counted), else_=table.c.counted)
    return insert.on_conflict_do_update(index_elements=("session", "set_index", "rep_index"), set_=changes)


_REP_NUMBERS = ("seq", "valid", "tut_s", "eccentric_s", "body")


def _chunks(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for k in range(0, len(rows), _CHUNK):
        yield rows[k : k + _CHUNK]
