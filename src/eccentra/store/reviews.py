"""Checks of the calendar in the database: what is due, what was found, who looked and what they said.

A check that is due is kept with what the data say (``keep_reviews``) and stays open until a person gives it
its outcome; until then it is worked out anew whenever it is kept again.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from eccentra.errors import PlanError
from eccentra.plan.calendar import Due, due_until
from eccentra.plan.done import SessionDone, day_of
from eccentra.plan.followed import Followed, PromScore
from eccentra.plan.ledger import Pause, Span
from eccentra.plan.prescription import Prescription
from eccentra.plan.return_list import ReturnList
from eccentra.plan.reviews import OUTCOMES, Review, early_ending, review
from eccentra.store import tables
from eccentra.store.announcing import plan_changed
from eccentra.store.decisions import audit
from eccentra.store.people import ProgrammeRun, current_programme, person, put_programme, reports_of
from eccentra.store.reading import exercises_of_session, reports_for_plan, sessions_for_plan
from eccentra.store.upsert import put

__all__ = [
    "Stored",
    "answer_review",
    "end_programme",
    "followed_of",
    "keep_reviews",
    "return_list",
    "reviews_of",
    "save_return_list",
    "spans_of",
    "who_has_new",
]

_WHO = "review"
_RETURN = "return"


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A check and what became of it.

    Attributes
    ----------
    found
        What the data say.
    outcome, who, done_us, note
        What a person said; ``None`` while nobody has looked.
    """

    due: Due
    found: Review
    outcome: str | None = None
    who: str | None = None
    done_us: int | None = None
    note: str | None = None


class _Body(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The document of a row."""

    found: dict[str, Any] | None = None
    who: str | None = None
    note: str | None = None
    checklist: ReturnList | None = None


def followed_of(connection: Connection, name: str, until_us: int | None = None) -> Followed | None:
    """What a person follows now and did; ``None`` for an unknown person.

    Parameters
    ----------
    until_us
        What came later is left out.
    """
    who = person(connection, name)
    if who is None:
        return None
    run = current_programme(connection, name)
    spans = spans_of(connection, name)
    sessions = _sessions(connection, name, until_us)
    raw = reports_of(connection, name)
    details = {} if run is None else run.details
    return Followed(
        profile=who.profile,
        started=who.since if run is None else run.started,
        weeks=max((one.prescription.weeks for one in spans), default=1) if run is None else run.weeks,
        template=None if run is None else run.template,
        spans=tuple(spans),
        sessions=tuple(sessions),
        reports=tuple(one for one in reports_for_plan(connection, name) if _by(one.at_us, until_us)),
        proms=tuple(_prom(row) for row in raw if row["body"].get("prom") and _by(row["at_us"], until_us)),
        prom_changes=who.details.get("prom_changes", {}),
        supervised=_supervised(connection, name),
        pauses=tuple(msgspec.convert(one, Pause) for one in details.get("pauses", ())),
    )


def _by(at_us: int, until_us: int | None) -> bool:
    return until_us is None or at_us <= until_us


def _prom(row: dict[str, Any]) -> PromScore:
    body = row["body"]
    return PromScore(
        at_us=row["at_us"], name=body["prom"], version=body.get("version"), scores=body["scores"]
    )


def spans_of(connection: Connection, name: str) -> list[Span]:
    """All prescriptions a person ever had, oldest first."""
    table = tables.prescription
    rows = connection.execute(
        select(table).where(table.c.person == name).order_by(table.c.from_us, table.c.id)
    )
    return [
        Span(
            exercise=row.exercise,
            prescription=msgspec.json.decode(row.body, type=Prescription),
            from_us=row.from_us,
            until_us=row.until_us,
        )
        for row in rows
    ]


def _sessions(connection: Connection, name: str, until_us: int | None) -> list[SessionDone]:
    table = tables.session
    ids = connection.execute(select(table.c.id).where(table.c.person == name)).scalars().all()
    names = sorted({one for each in ids for one in exercises_of_session(connection, each)})
    found = [one for each in names for one in sessions_for_plan(connection, name, each)]
    return [one for one in found if _by(one.ended_us, until_us)]


def _supervised(connection: Connection, name: str) -> dict[str, str]:
    table = tables.session
    rows = connection.execute(
        select(table.c.id, table.c.supervised).where(table.c.person == name, table.c.supervised.is_not(None))
    )
    return {row.id: row.supervised for row in rows}


# -- checks -------------------------------------------------------------------------------------------------


def reviews_of(connection: Connection, name: str, now_us: int) -> list[Stored]:
    """All checks of the programme under way that are due, oldest first; nothing is written."""
    followed = followed_of(connection, name, now_us)
    if followed is None:
        return []
    rows = _rows(connection, name)
    run = current_programme(connection, name)
    out = []
    for due in due_until(followed.started, followed.weeks, followed.profile, day_of(now_us), followed.ended):
        row = rows.get(_id(name, run, due.name))
        if row is None or row.done_us is None:
            out.append(Stored(due=due, found=review(followed, due)))
            continue
        body = msgspec.json.decode(row.body, type=_Body)
        found = review(followed, due) if body.found is None else msgspec.convert(body.found, Review)
        out.append(
            Stored(
                due=due,
                found=found,
                outcome=row.outcome,
                who=body.who,
                done_us=row.done_us,
                note=body.note,
            )
        )
    return out


def who_has_new(connection: Connection, now_us: int) -> list[str]:
    """People of whom a check is due that is not kept yet; by the calendar alone, nothing is worked out."""
    kept = set(connection.execute(select(tables.review.c.id)).scalars())
    people, run, held = tables.person, tables.programme, tables.prescription
    rows = connection.execute(
        select(people.c.id, people.c.profile, run.c.id.label("run"), run.c.started, run.c.weeks)
        .join(run, (run.c.person == people.c.id) & run.c.ended.is_(None))
        .where(select(held.c.id).where(held.c.person == people.c.id).exists())
        .order_by(people.c.id)
    )
    today = day_of(now_us)
    return [
        row.id
        for row in rows
        if any(
            _key(row.id, row.run, one.name) not in kept
            for one in due_until(row.started, row.weeks, row.profile, today)
        )
    ]


def keep_reviews(connection: Connection, name: str, now_us: int) -> list[Stored]:
    """Keep all checks that are due and still open, with what the data say; gives those that are new."""
    run = current_programme(connection, name)
    before = _rows(connection, name)
    new = []
    for one in reviews_of(connection, name, now_us):
        if one.done_us is not None:
            continue
        key = _id(name, run, one.due.name)
        body = _Body() if key not in before else msgspec.json.decode(before[key].body, type=_Body)
        body.found = msgspec.to_builtins(one.found)
        _put(connection, name, run, one.due.name, one.found.kind, one.due.due, body, one.found.outcome)
        if key not in before:
            new.append(one)
    return new


def answer_review(
    connection: Connection,
    name: str,
    check: str,
    *,
    outcome: str,
    who: str,
    at_us: int,
    note: str | None = None,
) -> Stored:
    """A person has looked and says what came out; it may be said again.

    Raises
    ------
    PlanError
        No such check is due, or it cannot come to that.
    """
    due = {one.due.name: one for one in reviews_of(connection, name, at_us)}
    if check not in due:
        raise PlanError(_WHO, f"no check {check[:40]!r} is due; due are {', '.join(due) or 'none'}")
    one = due[check]
    allowed = OUTCOMES[one.due.kind]
    if outcome not in allowed:
        raise PlanError(_WHO, f"{check} cannot come to {outcome[:40]!r}; expected {', '.join(allowed)}")
    run = current_programme(connection, name)
    row = _rows(connection, name).get(_id(name, run, check))
    body = _Body() if row is None else msgspec.json.decode(row.body, type=_Body)
    body.found, body.who, body.note = msgspec.to_builtins(one.found), who, note
    _put(connection, name, run, check, one.due.kind, one.due.due, body, outcome, at_us)
    audit(connection, at_us, who, "review", _id(name, run, check))
    return msgspec.structs.replace(one, outcome=outcome, who=who, done_us=at_us, note=note)


def _id(name: str, run: ProgrammeRun | None, check: str) -> str:
    return _key(name, "" if run is None else run.id, check)


def _key(name: str, run: str, check: str) -> str:
    return f"{name}:{run}:{check}"[:160]


def _rows(connection: Connection, name: str) -> dict[str, Any]:
    rows = connection.execute(select(tables.review).where(tables.review.c.person == name))
    return {row.id: row for row in rows}


def _put(
    connection: Connection,
    name: str,
    run: ProgrammeRun | None,
    check: str,
    kind: str,
    due: dt.date,
    body: _Body,
    outcome: str | None,
    done_us: int | None = None,
) -> None:
    row = {
        "id": _id(name, run, check),
        "person": name,
        "programme": None if run is None else run.id,
        "kind": kind,
        "due": due,
        "done_us": done_us,
        "outcome": outcome,
        "body": msgspec.json.encode(body).decode(),
    }
    put(connection, tables.review, row, ("id",))


# -- the return, the end ------------------------------------------------------------------------------------


def return_list(connection: Connection, name: str) -> ReturnList:
    """The list of the programme under way; an empty one when nobody has begun it."""
    row = _rows(connection, name).get(_id(name, current_programme(connection, name), _RETURN))
    found = None if row is None else msgspec.json.decode(row.body, type=_Body).checklist
    return ReturnList() if found is None else found


def save_return_list(connection: Connection, name: str, one: ReturnList, *, who: str, at_us: int) -> None:
    """Keep the list as a person left it."""
    run = current_programme(connection, name)
    key = _id(name, run, _RETURN)
    row = _rows(connection, name).get(key)
    body = _Body() if row is None else msgspec.json.decode(row.body, type=_Body)
    body.checklist = one
    due = day_of(at_us) if row is None else row.due
    outcome, done = (None, None) if row is None else (row.outcome, row.done_us)
    _put(connection, name, run, _RETURN, _RETURN, due, body, outcome, done)
    audit(connection, at_us, who, "return list", key)


def end_programme(
    connection: Connection, name: str, on: dt.date, *, who: str, at_us: int, reason: str | None
) -> str | None:
    """End what a person follows; says so when that is early.

    Prescriptions end with it.

    Raises
    ------
    PlanError
        Nothing is followed, the day cannot be, or it is early and nobody said why.
    """
    run, followed = current_programme(connection, name), followed_of(connection, name)
    if run is None or followed is None:
        raise PlanError(name[:64], "follows no programme")
    if on < run.started:
        raise PlanError(name[:64], f"began on {run.started}: it cannot end on {on}")
    early = early_ending(followed, on)
    why = (reason or "").strip()
    if early is not None and not why:
        raise PlanError(name[:64], f"{early}: say why (--reason)")
    put_programme(connection, msgspec.structs.replace(run, ended=on, end_reason=why or None))
    table = tables.prescription
    held = (table.c.person == name) & table.c.until_us.is_(None)
    connection.execute(update(table).where(held).values(until_us=at_us))
    plan_changed(connection, name)
    audit(connection, at_us, who, "end programme", run.id)
    return early
