"""What has still to be published: plans that changed, decisions that wait for an answer.

It is written in the transaction of the change itself and struck off when the broker has acknowledged it, so
that nothing is lost between the two.
"""

from __future__ import annotations

import datetime as dt

import msgspec
from sqlalchemy import Connection, Table, Update, literal, or_, select, update

from eccentra.store import tables
from eccentra.store.upsert import insert_for, put

__all__ = [
    "SUGGESTIONS",
    "Answered",
    "CheckDue",
    "Due",
    "answer_published",
    "answers_due",
    "changed",
    "due_of",
    "forgotten",
    "plan_changed",
    "plan_published",
    "plans_due",
    "plans_forgotten",
    "proposal_published",
    "proposals_due",
    "published_of",
    "review_published",
    "reviews_due",
    "set_suggestions",
    "suggestions_on",
]

SUGGESTIONS = "suggestions"


class Due(msgspec.Struct, frozen=True):
    """A person about whom something has to be published, and the revision that it is now."""

    person: str
    revision: int


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody answered to a decision."""

    id: str
    decision: str
    person: str
    exercise: str
    at_us: int
    who: str
    role: str
    verdict: str
    reason: str | None


class CheckDue(msgspec.Struct, frozen=True, kw_only=True):
    """A check of the calendar; ``outcome`` is what the data say, ``body`` its document."""

    id: str
    person: str
    kind: str
    due: dt.date
    outcome: str | None
    body: str


def changed(connection: Connection, table: Table, person: str) -> None:
    """Note in a table of revisions that what is published about a person is another now."""
    insert = insert_for(connection, table).values(person=person, revision=1, published=0)
    connection.execute(
        insert.on_conflict_do_update(index_elements=("person",), set_={"revision": table.c.revision + 1})
    )


def due_of(connection: Connection, table: Table, limit: int) -> list[Due]:
    """Whose newest revision the broker does not have."""
    rows = connection.execute(
        select(table.c.person, table.c.revision)
        .where(table.c.published < table.c.revision)
        .order_by(table.c.person)
        .limit(limit)
    )
    return [Due(row.person, row.revision) for row in rows]


def published_of(connection: Connection, table: Table, due: Due) -> None:
    """Note that the broker has a revision; a newer one is still due."""
    connection.execute(
        update(table)
        .where(table.c.person == due.person, table.c.published < due.revision)
        .values(published=due.revision)
    )


def forgotten(connection: Connection, table: Table) -> None:
    """Note that the broker may have none of them any more."""
    connection.execute(update(table).where(table.c.published > 0).values(published=0))


def plan_changed(connection: Connection, person: str) -> None:
    """Note that what is prescribed to a person, or whether it may be trained, is another now."""
    changed(connection, tables.plan_state, person)


def plans_due(connection: Connection, limit: int) -> list[Due]:
    """Plans whose newest revision the broker does not have."""
    return due_of(connection, tables.plan_state, limit)


def plan_published(connection: Connection, due: Due) -> None:
    """Note that the broker has a revision; a newer one is still due."""
    published_of(connection, tables.plan_state, due)


def plans_forgotten(connection: Connection) -> None:
    """Note that the broker may have none of the plans any more."""
    forgotten(connection, tables.plan_state)


def proposals_due(connection: Connection, limit: int) -> list[str]:
    """Ids of open decisions to publish, oldest first.

    Of people in a clinic only while a therapist has set ``suggestions`` on. One that was superseded or
    answered before it could be published is not published any more.
    """
    decision, person = tables.decision, tables.person
    on = literal(suggestions_on(connection))
    rows = connection.execute(
        select(decision.c.id)
        .join(person, person.c.id == decision.c.person)
        .where(
            decision.c.status == "open",
            decision.c.published_us.is_(None),
            or_(person.c.mode == "prevention", on),
        )
        .order_by(decision.c.at_us, decision.c.id)
        .limit(limit)
    )
    return [row.id for row in rows]


def proposal_published(connection: Connection, decision: str, at_us: int) -> None:
    """Note that the broker has a proposal."""
    connection.execute(_published(tables.decision, decision, at_us))


def answers_due(connection: Connection, limit: int) -> list[Answered]:
    """What people answered and the broker does not know, oldest first."""
    approval, kept = tables.approval, tables.decision
    rows = connection.execute(
        select(approval, kept.c.person, kept.c.exercise)
        .join(kept, kept.c.id == approval.c.decision)
        .where(approval.c.published_us.is_(None))
        .order_by(approval.c.at_us, approval.c.id)
        .limit(limit)
    )
    return [Answered(**{name: row._mapping[name] for name in Answered.__struct_fields__}) for row in rows]


def answer_published(connection: Connection, answer: str, at_us: int) -> None:
    """Note that the broker has an answer."""
    connection.execute(_published(tables.approval, answer, at_us))


def reviews_due(connection: Connection, limit: int) -> list[CheckDue]:
    """Open checks that the broker does not know, oldest first; in a clinic as with proposals."""
    review, person = tables.review, tables.person
    on = literal(suggestions_on(connection))
    rows = connection.execute(
        select(review)
        .join(person, person.c.id == review.c.person)
        .where(
            review.c.done_us.is_(None),
            review.c.published_us.is_(None),
            review.c.kind.in_(_CHECKS),
            or_(person.c.mode == "prevention", on),
        )
        .order_by(review.c.due, review.c.id)
        .limit(limit)
    )
    return [CheckDue(**{name: row._mapping[name] for name in CheckDue.__struct_fields__}) for row in rows]


def review_published(connection: Connection, check: str, at_us: int) -> None:
    """Note that the broker has a check."""
    connection.execute(_published(tables.review, check, at_us))


def _published(table: Table, name: str, at_us: int) -> Update:
    return update(table).where(table.c.id == name, table.c.published_us.is_(None)).values(published_us=at_us)


_CHECKS = ("week", "improvement", "pain", "programme", "return")


def suggestions_on(connection: Connection) -> bool:
    """Whether decisions about people in a clinic are published."""
    table = tables.setting
    value = connection.execute(select(table.c.value).where(table.c.key == SUGGESTIONS)).scalar()
    return value == "on"


def set_suggestions(connection: Connection, on: bool, *, who: str, at_us: int) -> None:
    """Publish decisions about people in a clinic, or stop it; ``who`` answers for it."""
    row = {"key": SUGGESTIONS, "value": "on" if on else "off", "who": who, "at_us": at_us}
    put(connection, tables.setting, row, ("key",))
