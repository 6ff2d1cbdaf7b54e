"""Questions how the next morning is: scheduled, asked, answered or left open, each said once.

A question belongs to a person and a morning: two sessions of a day are asked about together. What has to be
published is noted in the transaction of the change itself, as with plans.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from eccentra.plan.daily import daily_rules
from eccentra.plan.morning import Morning, local_day, morning_after, time_to_ask, time_zone
from eccentra.plan.thresholds import thresholds
from eccentra.store import tables
from eccentra.store.announcing import Due, changed, due_of, forgotten, published_of
from eccentra.store.people import Person, person, reports_of
from eccentra.store.reading import incomplete_sessions
from eccentra.store.upsert import insert_once

__all__ = [
    "Question",
    "announce_asked",
    "ask_due",
    "asked_and_not_announced",
    "close_questions",
    "open_questions",
    "question_states_due",
    "question_states_forgotten",
    "question_states_published",
    "questions_of",
    "schedule",
]

_HOUR_US = 3_600_000_000
# Sessions that came later than this after they were done are history.
_LOOK_BACK_US = 7 * 24 * _HOUR_US


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question.

    Attributes
    ----------
    session
        The last session that it is about.
    due, due_us, until_us
        Which morning, from when it is asked, and from when on it counts as not answered.
    asked, asked_us
        How often it was asked, and when last.
    outcome
        ``answered``, ``missing``, or ``None`` while it is open.
    """

    id: str
    person: str
    session: str
    kind: str
    due: dt.date
    due_us: int
    until_us: int
    asked: int
    asked_us: int | None
    outcome: str | None
    closed_us: int | None


def schedule(connection: Connection, now_us: int) -> int:
    """Make the questions about sessions that ended lately and have none; gives how many sessions were new.

    Only whole sessions of known people in which something was done.
    """
    session, table = tables.session, tables.question
    done = select(tables.set_result.c.session).where(
        tables.set_result.c.session == session.c.id, tables.set_result.c.reps_counted > 0
    )
    there = select(table.c.id).where(
        table.c.person == session.c.person, table.c.ended_us >= session.c.ended_us
    )
    rows = connection.execute(
        select(session.c.id, session.c.person, session.c.ended_us)
        .join(tables.person, tables.person.c.id == session.c.person)
        .where(
            session.c.last_seq.is_not(None),
            session.c.ended_us > now_us - _LOOK_BACK_US,
            session.c.ended_us <= now_us,
            done.exists(),
            ~there.exists(),
        )
        .order_by(session.c.ended_us, session.c.id)
    ).all()
    missing = incomplete_sessions(connection, [row.id for row in rows]) if rows else {}
    new = 0
    for row in rows:
        if row.id not in missing:
            who = person(connection, row.person)
            assert who is not None
            new += _schedule_one(connection, who, row)
    return new


def _schedule_one(connection: Connection, who: Person, row: Any) -> bool:
    morning = morning_of(who)
    due_us = morning_after(row.ended_us, morning)
    due = local_day(due_us, morning.zone)
    until_us = row.ended_us + round(thresholds().history.next_morning_hours * _HOUR_US)
    question = {
        "id": f"{who.id}:{due}:next_morning",
        "person": who.id,
        "session": row.id,
        "kind": "next_morning",
        "due": due,
        "due_us": due_us,
        "ended_us": row.ended_us,
        "until_us": until_us,
        "asked": 0,
        "announced": 0,
    }
    if insert_once(connection, tables.question, question, ("id",)):
        return True
    # another session before the same morning: the question is about both, an answer before it was not
    table = tables.question
    later = (table.c.id == question["id"]) & (table.c.ended_us < row.ended_us)
    values = {name: question[name] for name in ("session", "ended_us", "until_us")}
    values |= {"outcome": None, "closed_us": None}
    return connection.execute(update(table).where(later).values(values)).rowcount > 0


def morning_of(who: Person) -> Morning:
    """When a person is asked."""
    zone, ask_at = who.details.get("time_zone"), who.details.get("morning")
    return Morning(time_zone(zone), ask_at, daily_rules().morning)


def ask_due(connection: Connection, now_us: int) -> int:
    """Ask what is due, again where nobody answered; gives how many."""
    table = tables.question
    rows = connection.execute(
        select(table).where(table.c.outcome.is_(None), table.c.due_us <= now_us, table.c.until_us > now_us)
    ).all()
    asked = 0
    for row in rows:
        who = person(connection, row.person)
        if who is None or not time_to_ask(now_us, row.due_us, row.asked, row.asked_us, morning_of(who)):
            continue
        connection.execute(
            update(table)
            .where(table.c.id == row.id, table.c.asked == row.asked)
            .values(asked=row.asked + 1, asked_us=now_us)
        )
        changed(connection, tables.question_state, row.person)
        asked += 1
    return asked


def close_questions(
    connection: Connection, now_us: int, name: str | None = None
) -> tuple[list[str], list[str]]:
    """Strike off what was answered, and what can no longer be; of one person or of all.

    Returns
    -------
    tuple
        Who answered, and whose answers are missing.
    """
    table = tables.question
    wanted = select(table).where(table.c.outcome.is_(None))
    if name is not None:
        wanted = wanted.where(table.c.person == name)
    answered: list[str] = []
    missing: list[str] = []
    for row in connection.execute(wanted).all():
        at_us = _answered_us(connection, row)
        if at_us is not None:
            _close(connection, row, "answered", at_us)
            answered.append(row.person)
        elif now_us >= row.until_us:
            _close(connection, row, "missing", row.until_us)
            missing.append(row.person)
    return answered, missing


def _answered_us(connection: Connection, row: Any) -> int | None:
    """When the person said how the morning was: the pain, or a red flag."""
    for said in reports_of(connection, row.person, row.ended_us):
        body = said["body"]
        about = said["session"] in (None, row.session) or said["person"] is None
        told = body.get("pain") is not None or body.get("red_flag") is not None
        if said["kind"] == "next_morning" and about and told and row.ended_us < said["at_us"] <= row.until_us:
            return int(said["at_us"])
    return None


def _close(connection: Connection, row: Any, outcome: str, at_us: int) -> None:
    table = tables.question
    connection.execute(
        update(table)
        .where(table.c.id == row.id, table.c.outcome.is_(None))
        .values(outcome=outcome, closed_us=at_us)
    )
    if row.asked:
        changed(connection, tables.question_state, row.person)


def questions_of(connection: Connection, name: str | None = None, limit: int = 1000) -> list[Question]:
    """Questions of a person or of all, newest first."""
    table = tables.question
    wanted = select(table).order_by(table.c.due_us.desc(), table.c.id).limit(limit)
    if name is not None:
        wanted = wanted.where(table.c.person == name)
    return [_question(row) for row in connection.execute(wanted)]


def open_questions(connection: Connection, name: str) -> list[Question]:
    """What a person was asked and has not answered, oldest first."""
    table = tables.question
    rows = connection.execute(
        select(table)
        .where(table.c.person == name, table.c.outcome.is_(None), table.c.asked > 0)
        .order_by(table.c.due_us, table.c.id)
    )
    return [_question(row) for row in rows]


def _question(row: Any) -> Question:
    return Question(**{name: getattr(row, name) for name in Question.__struct_fields__})


# -- what has to be published -------------------------------------------------------------------------------


def asked_and_not_announced(connection: Connection, limit: int) -> list[Question]:
    """Open questions that were asked more often than the broker knows."""
    table = tables.question
    rows = connection.execute(
        select(table)
        .where(table.c.outcome.is_(None), table.c.announced < table.c.asked)
        .order_by(table.c.due_us, table.c.id)
        .limit(limit)
    )
    return [_question(row) for row in rows]


def announce_asked(connection: Connection, question: str, asked: int) -> None:
    """Note that the broker has the asking of that number."""
    table = tables.question
    connection.execute(
        update(table).where(table.c.id == question, table.c.announced < asked).values(announced=asked)
    )


def question_states_due(connection: Connection, limit: int) -> list[Due]:
    """People whose open questions the broker does not have as they are."""
    return due_of(connection, tables.question_state, limit)


def question_states_published(connection: Connection, due: Due) -> None:
    """Note that the broker has a revision; a newer one is still due."""
    published_of(connection, tables.question_state, due)


def question_states_forgotten(connection: Connection) -> None:
    """Note that the broker may have none of them any more."""
    forgotten(connection, tables.question_state)


def newest_asking(connection: Connection, name: str) -> int | None:
    """When anything about a person's questions changed last, µs since 1970."""
    table = tables.question
    found = connection.execute(
        select(func.max(table.c.asked_us), func.max(table.c.closed_us)).where(table.c.person == name)
    ).one()
    return max((one for one in found if one is not None), default=None)
