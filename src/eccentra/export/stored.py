"""What the results database knows of a person, for export."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from eccentra.events import Event
from eccentra.export.record import SAID, Moment, Report, SessionRecord, record_of
from eccentra.store import tables
from eccentra.store.people import reports_of

__all__ = ["Answer", "DecisionRecord", "Stored", "stored_of"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody answered to a decision."""

    at_us: int
    who: str
    role: str
    verdict: str
    reason: str | None


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A decision; ``output`` is its document, ``answer`` the last one given."""

    id: str
    exercise: str
    session: str | None
    at_us: int
    status: str
    version: str
    output: dict[str, Any]
    answer: Answer | None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """All of a person; ``reports`` are those that belong to none of the sessions."""

    person: str
    sessions: tuple[SessionRecord, ...]
    reports: tuple[Report, ...]
    decisions: tuple[DecisionRecord, ...]


def stored_of(connection: Connection, person: str) -> Stored | None:
    """All that is known of a person, oldest first; ``None`` when there is nothing."""
    table = tables.session
    ids = list(
        connection.execute(
            select(table.c.id).where(table.c.person == person).order_by(table.c.began_us, table.c.id)
        ).scalars()
    )
    reports = [
        _report(row) for row in reports_of(connection, person) if "event_type" not in row["body"]
    ]  # those with an event type were said within sessions and come with their events
    decisions = _decisions(connection, person)
    known = select(tables.person.c.id).where(tables.person.c.id == person)
    if not ids and not reports and not decisions and connection.execute(known).first() is None:
        return None
    sessions = tuple(
        record_of(one, _moments(connection, one), reports=[said for said in reports if said.session == one])
        for one in ids
    )
    return Stored(
        person=person,
        sessions=sessions,
        reports=tuple(said for said in reports if said.session not in ids),
        decisions=decisions,
    )


def _moments(connection: Connection, session: str) -> list[Moment]:
    table = tables.event
    rows = connection.execute(
        select(table.c.seq, table.c.at_us, table.c.body)
        .where(table.c.session == session)
        .order_by(table.c.seq)
    )
    out = []
    for row in rows:
        try:
            out.append(Moment(row.seq, row.at_us, msgspec.json.decode(row.body, type=Event)))
        except msgspec.DecodeError:
            continue  # of another version: kept, not understood
    return out


def _report(row: dict[str, Any]) -> Report:
    body = row["body"]
    return Report(
        id=row["id"],
        kind=row["kind"],
        at_us=row["at_us"],
        said={name: body[name] for name in SAID if body.get(name) is not None},
        session=row["session"],
        exercise=row["exercise"] or row["session_exercise"],
    )


def _decisions(connection: Connection, person: str) -> tuple[DecisionRecord, ...]:
    table, approval = tables.decision, tables.approval
    answers = {
        row.decision: Answer(
            at_us=row.at_us, who=row.who, role=row.role, verdict=row.verdict, reason=row.reason
        )
        for row in connection.execute(
            select(approval)
            .join(table, table.c.id == approval.c.decision)
            .where(table.c.person == person)
            .order_by(approval.c.at_us, approval.c.id)
        )
    }
    rows = connection.execute(
        select(table).where(table.c.person == person).order_by(table.c.at_us, table.c.id)
    )
    return tuple(
        DecisionRecord(
            id=row.id,
            exercise=row.exercise,
            session=row.session,
            at_us=row.at_us,
            status=row.status,
            version=row.version,
            output=msgspec.json.decode(row.output),
            answer=answers.get(row.id),
        )
        for row in rows
    )
