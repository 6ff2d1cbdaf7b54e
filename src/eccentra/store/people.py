"""People, what they follow, and what they said."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from sqlalchemy import Connection, select, update

from eccentra.plan.said import Said, SaidWhen
from eccentra.plan.thresholds import Profile
from eccentra.store import tables
from eccentra.store.upsert import insert_once, put

__all__ = [
    "Person",
    "ProgrammeRun",
    "Said",
    "SaidWhen",
    "current_programme",
    "person",
    "put_person",
    "put_programme",
    "reports_of",
    "take_report",
]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person by pseudonym. ``details``: intake, goals, consent; never a name."""

    id: str
    mode: Literal["clinic", "prevention"]
    profile: Profile
    stage: Annotated[int, msgspec.Meta(ge=1, le=4)]
    since: dt.date
    body_mass_kg: float | None = None
    details: dict[str, Any] = {}


class ProgrammeRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a person follows; ``template`` is a published programme, ``None`` a free one."""

    id: str
    person: str
    started: dt.date
    weeks: int
    template: str | None = None
    ended: dt.date | None = None
    end_reason: str | None = None
    details: dict[str, Any] = {}


def put_person(connection: Connection, one: Person) -> None:
    """Add a person, or change what is known."""
    row = msgspec.structs.asdict(one) | {"details": msgspec.json.encode(one.details).decode()}
    put(connection, tables.person, row, ("id",))


def person(connection: Connection, name: str) -> Person | None:
    """A person by pseudonym."""
    row = connection.execute(select(tables.person).where(tables.person.c.id == name)).one_or_none()
    if row is None:
        return None
    return Person(**_fields(row, Person))


def put_programme(connection: Connection, one: ProgrammeRun) -> None:
    """Begin a programme, or change it; a person follows one at a time."""
    row = msgspec.structs.asdict(one) | {"details": msgspec.json.encode(one.details).decode()}
    if one.ended is None:
        table = tables.programme
        others = (table.c.person == one.person) & (table.c.id != one.id) & table.c.ended.is_(None)
        connection.execute(
            update(table).where(others).values(ended=one.started, end_reason="another programme began")
        )
    put(connection, tables.programme, row, ("id",))


def current_programme(connection: Connection, name: str) -> ProgrammeRun | None:
    """What a person follows now."""
    table = tables.programme
    row = connection.execute(
        select(table).where(table.c.person == name, table.c.ended.is_(None)).order_by(table.c.started.desc())
    ).first()
    if row is None:
        return None
    return ProgrammeRun(**_fields(row, ProgrammeRun))


def _fields(row: Any, kind: type[msgspec.Struct]) -> dict[str, Any]:
    out = {name: getattr(row, name) for name in kind.__struct_fields__}
    return out | {"details": msgspec.json.decode(row.details)}


def take_report(
    connection: Connection,
    request: str,
    name: str,
    said: Said,
    *,
    kind: SaidWhen,
    at_us: int,
    session: str | None = None,
    exercise: str | None = None,
) -> bool:
    """Keep what a person said; the same request is kept once. Says whether it was new."""
    row = {
        "id": request[:160],
        "person": name,
        "session": session,
        "exercise": exercise,
        "kind": kind,
        "at_us": at_us,
        "body": msgspec.json.encode(said).decode(),
    }
    return insert_once(connection, tables.reported, row, ("id",))


def reports_of(connection: Connection, name: str, since_us: int = 0) -> list[dict[str, Any]]:
    """What a person said, oldest first: reports, and what was reported within sessions."""
    said, session = tables.reported, tables.session
    rows = connection.execute(
        select(said, session.c.exercise.label("session_exercise"))
        .outerjoin(session, session.c.id == said.c.session)
        .where((said.c.person == name) | (session.c.person == name), said.c.at_us >= since_us)
        .order_by(said.c.at_us, said.c.id)
    )
    return [{**row._mapping, "body": msgspec.json.decode(row.body)} for row in rows]
