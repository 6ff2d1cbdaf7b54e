"""Prescriptions, decisions, what people answered to them, and who did what."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, and_, insert, or_, select, update

from eccentra.plan.prescription import Prescription
from eccentra.store import tables
from eccentra.store.announcing import plan_changed
from eccentra.store.upsert import insert_once

__all__ = [
    "Answer",
    "Answered",
    "InForce",
    "Kept",
    "all_in_force",
    "answer",
    "answers_to",
    "audit",
    "decision",
    "decisions_like",
    "in_force",
    "keep_decision",
    "newest_decisions",
    "open_decisions",
    "prescribe",
    "prescriptions_of",
]

Verdict = Literal["accept", "edit", "refuse", "unlock"]
_STATUS: dict[str, str] = {"accept": "accepted", "edit": "edited", "refuse": "refused", "unlock": "accepted"}


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """A prescription that holds: ``level`` counts the plan's steps, ``decision`` is where it came from."""

    id: str
    exercise: str
    level: int
    from_us: int
    prescription: Prescription
    decision: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it was made; ``input`` and ``output`` are the documents, byte for byte."""

    id: str
    person: str
    exercise: str
    session: str | None
    at_us: int
    input: str
    output: str
    status: str
    version: str
    supersedes: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person answered to a decision."""

    at_us: int
    who: str
    verdict: str
    reason: str | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an answer: ``again`` for a known request, ``late`` when the decision was not open."""

    result: Literal["done", "again", "late", "unknown"]
    decision: Kept | None = None


def audit(connection: Connection, at_us: int, who: str, what: str, subject: str, detail: str = "") -> None:
    """Add a line to the book of who did what."""
    row = {"at_us": at_us, "who": who, "what": what, "subject": subject[:160], "detail": detail or None}
    connection.execute(insert(tables.audit), row)


# -- prescriptions ------------------------------------------------------------------------------------------


def prescribe(
    connection: Connection,
    person: str,
    one: Prescription,
    *,
    at_us: int,
    who: str,
    replaces: str | None = None,
    decision: str | None = None,
    step: int = 0,
) -> InForce:
    """Put a prescription in force; the one before it ends.

    Parameters
    ----------
    replaces
        Exercise whose prescription ends; that of ``one`` when not given (another variant replaces its
        neighbour).
    step
        Steps up (or down, negative) since the one before.
    """
    before = in_force(connection, person, replaces or one.exercise)
    table = tables.prescription
    level = 0 if before is None else before.level + step
    body = msgspec.json.encode(one, order="deterministic").decode()
    name = _short_hash(person, one.exercise, str(at_us), body)
    connection.execute(
        update(table)
        .where(
            table.c.person == person,
            table.c.exercise.in_([replaces or one.exercise, one.exercise]),
            table.c.until_us.is_(None),
            table.c.id != name,
        )
        .values(until_us=at_us)
    )
    row = {
        "id": name,
        "person": person,
        "exercise": one.exercise,
        "level": level,
        "from_us": at_us,
        "body": body,
        "author": one.author,
        "approved_by": one.approved_by,
        "decision": decision,
        "reason": one.reason,
    }
    if insert_once(connection, table, row, ("id",)):
        audit(connection, at_us, who, "prescribe", name)
        plan_changed(connection, person)
    return InForce(
        id=name, exercise=one.exercise, level=level, from_us=at_us, prescription=one, decision=decision
    )


def in_force(connection: Connection, person: str, exercise: str, at_us: int | None = None) -> InForce | None:
    """The prescription that holds now, or that held at a moment."""
    table = tables.prescription
    lasts = table.c.until_us.is_(None)
    held = lasts if at_us is None else and_(table.c.from_us <= at_us, or_(lasts, table.c.until_us > at_us))
    row = connection.execute(
        select(table)
        .where(table.c.person == person, table.c.exercise == exercise, held)
        .order_by(table.c.from_us.desc())
    ).first()
    return None if row is None else _in_force(row)


def prescriptions_of(connection: Connection, person: str, exercise: str) -> list[tuple[InForce, int | None]]:
    """All prescriptions of an exercise that a person had, oldest first, with the moment each ended."""
    table = tables.prescription
    rows = connection.execute(
        select(table).where(table.c.person == person, table.c.exercise == exercise).order_by(table.c.from_us)
    )
    return [(_in_force(row), row.until_us) for row in rows]


def all_in_force(connection: Connection, person: str) -> list[InForce]:
    """All prescriptions of a person that hold now, by exercise."""
    table = tables.prescription
    rows = connection.execute(
        select(table)
        .where(table.c.person == person, table.c.until_us.is_(None))
        .order_by(table.c.exercise, table.c.from_us)
    )
    return list({row.exercise: _in_force(row) for row in rows}.values())


def _in_force(row: Any) -> InForce:
    body = msgspec.json.decode(row.body, type=Prescription)
    return InForce(
        id=row.id,
        exercise=row.exercise,
        level=row.level,
        from_us=row.from_us,
        prescription=body,
        decision=row.decision,
    )


# -- decisions ----------------------------------------------------------------------------------------------


def keep_decision(
    connection: Connection,
    person: str,
    exercise: str,
    given: str,
    output: dict[str, Any],
    *,
    at_us: int,
    session: str | None,
    version: str,
    unlocked_us: int | None = None,
) -> Kept | None:
    """Keep a decision; ``None`` when exactly this one is there already.

    An open decision about the same exercise is superseded. The id follows from person, session, input and
    output: whoever decides the same keeps the same row. After the plan was unlocked the same is a new one.
    """
    table = tables.decision
    text = msgspec.json.encode(output, order="deterministic").decode()
    name = _short_hash(person, exercise, session or "", str(unlocked_us or ""), given, text)
    before = connection.execute(
        select(table.c.id, table.c.locked)
        .where(table.c.person == person, table.c.exercise == exercise, table.c.status == "open")
        .order_by(table.c.at_us.desc())
    ).first()
    row = {
        "id": name,
        "person": person,
        "exercise": exercise,
        "session": session,
        "at_us": at_us,
        "row": output["row"],
        "action": output["action"],
        "provisional": output["provisional"],
        "locked": output["locked"],
        "needs_approval": output["needs_approval"],
        "status": "open",
        "input": given,
        "output": text,
        "version": version,
        "supersedes": None if before is None else before.id,
    }
    if not insert_once(connection, table, row, ("id",)):
        return None
    connection.execute(
        update(table)
        .where(
            table.c.person == person,
            table.c.exercise == exercise,
            table.c.status == "open",
            table.c.id != name,
        )
        .values(status="superseded")
    )
    if output["locked"] or (before is not None and before.locked):
        plan_changed(connection, person)
    return decision(connection, name)


def decision(connection: Connection, name: str) -> Kept | None:
    """A decision by id."""
    row = connection.execute(select(tables.decision).where(tables.decision.c.id == name)).one_or_none()
    return None if row is None else _kept(row._mapping)


def open_decisions(connection: Connection, person: str | None = None) -> list[Kept]:
    """Decisions that wait for an answer, oldest first."""
    table = tables.decision
    wanted = select(table).where(table.c.status == "open").order_by(table.c.at_us, table.c.id)
    if person is not None:
        wanted = wanted.where(table.c.person == person)
    return [_kept(row._mapping) for row in connection.execute(wanted)]


def decisions_like(connection: Connection, start: str) -> list[Kept]:
    """Decisions whose id begins like this; one whose id is exactly this comes alone."""
    table = tables.decision
    rows = connection.execute(
        select(table).where(table.c.id.startswith(start, autoescape=True)).order_by(table.c.id).limit(20)
    )
    found = [_kept(row._mapping) for row in rows]
    return [one for one in found if one.id == start] or found


def newest_decisions(connection: Connection, person: str) -> list[Kept]:
    """The newest decision about each exercise of a person."""
    table = tables.decision
    rows = connection.execute(
        select(table).where(table.c.person == person).order_by(table.c.at_us, table.c.id)
    )
    newest: dict[str, Kept] = {}
    for row in rows:
        one = _kept(row._mapping)
        # an open one holds, whatever was superseded at the same moment
        if newest.get(one.exercise) is None or one.status == "open" or newest[one.exercise].status != "open":
            newest[one.exercise] = one
    return [newest[name] for name in sorted(newest)]


def answers_to(connection: Connection, name: str) -> list[Answer]:
    """What people answered to a decision, oldest first."""
    table = tables.approval
    rows = connection.execute(
        select(table).where(table.c.decision == name).order_by(table.c.at_us, table.c.id)
    )
    return [Answer(at_us=row.at_us, who=row.who, verdict=row.verdict, reason=row.reason) for row in rows]


def _kept(row: Any) -> Kept:
    return Kept(**{name: row[name] for name in Kept.__struct_fields__})


def answer(
    connection: Connection,
    request: str,
    name: str,
    verdict: Verdict,
    *,
    who: str,
    role: Literal["therapist", "athlete"],
    at_us: int,
    body: dict[str, Any] | None = None,
    reason: str | None = None,
) -> Answered:
    """Note what a person answered to a decision; the same request counts once.

    A decision that is not open any more (superseded, answered) is left as it is: the answer came late.
    """
    known = connection.execute(
        select(tables.approval.c.id).where(tables.approval.c.id == request[:160])
    ).first()
    kept = decision(connection, name)
    if known is not None:
        return Answered(result="again", decision=kept)
    if kept is None:
        return Answered(result="unknown")
    changed = connection.execute(
        update(tables.decision)
        .where(tables.decision.c.id == name, tables.decision.c.status == "open")
        .values(status=_STATUS[verdict])
    )
    if changed.rowcount != 1:
        return Answered(result="late", decision=kept)
    row = {
        "id": request[:160],
        "decision": name,
        "at_us": at_us,
        "who": who,
        "role": role,
        "verdict": verdict,
        "body": None if body is None else msgspec.json.encode(body).decode(),
        "reason": reason,
    }
    connection.execute(insert(tables.approval), row)
    audit(connection, at_us, who, verdict, name)
    plan_changed(connection, kept.person)
    return Answered(result="done", decision=decision(connection, name))


def _short_hash(*parts: str) -> str:
    """Id from content: 32 hexadecimal digits."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
