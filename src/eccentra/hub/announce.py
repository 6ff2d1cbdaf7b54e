"""What the hub publishes, made from the database: plans, proposals, questions, checks. No network.

The same state of the database gives the same bytes, whoever publishes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from eccentra.mqtt import contract
from eccentra.mqtt.asking import (
    PLAN_ANSWERED,
    QUESTION_ASKED,
    REVIEW_DUE,
    OpenQuestion,
    PlanAnswered,
    QuestionAsked,
    QuestionsState,
    ReviewDue,
)
from eccentra.mqtt.payloads import PlanItem, PlanProposed, PlanState
from eccentra.plan.done import midnight_us
from eccentra.store import tables
from eccentra.store.announcing import (
    Answered,
    CheckDue,
    Due,
    answer_published,
    answers_due,
    plan_published,
    plans_due,
    proposal_published,
    proposals_due,
    review_published,
    reviews_due,
)
from eccentra.store.database import Store
from eccentra.store.decisions import InForce, all_in_force, decision
from eccentra.store.questions import (
    Question,
    announce_asked,
    asked_and_not_announced,
    newest_asking,
    open_questions,
    question_states_due,
    question_states_published,
)

__all__ = ["LOCKED", "Announcement", "due", "plan_of", "published", "questions_state"]

LOCKED = "Stop, and contact your clinician."


Strike = Callable[[Connection, int], None]
"""Strikes a message off in the database; the clock, µs since 1970."""


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One message to be published.

    Attributes
    ----------
    key
        What may be on its way only once at a time: a decision, a person's plan, an asking.
    strike
        To be called when it is acknowledged.
    """

    topic: str
    payload: bytes
    retain: bool
    key: str
    strike: Strike


def due(store: Store, site: str, node: str, limit: int) -> list[Announcement]:
    """What the broker does not have yet: plans first, they say what is locked."""
    with store.read() as connection:
        out = [_plan(connection, one, site, node) for one in plans_due(connection, limit)]
        names = proposals_due(connection, limit)
        out += [_proposal(connection, name, site, node) for name in names]
        out += [_questions(connection, one, site, node) for one in question_states_due(connection, limit)]
        out += [_asking(one, site, node) for one in asked_and_not_announced(connection, limit)]
        out += [_answer(one, site, node) for one in answers_due(connection, limit)]
        out += [_review(one, site, node) for one in reviews_due(connection, limit)]
    return out


def published(store: Store, done: list[Announcement], *, now_us: int) -> None:
    """Strike off what the broker acknowledged."""
    with store.write() as connection:
        for one in done:
            one.strike(connection, now_us)


def _plan(connection: Connection, one: Due, site: str, node: str) -> Announcement:
    return Announcement(
        topic=contract.topic("plan", site=site, node=node, athlete=one.person),
        payload=contract.encode(plan_of(connection, one.person)),
        retain=contract.CHANNELS["plan"].retain,
        key=f"plan {one.person}",
        strike=lambda database, _: plan_published(database, one),
    )


def _proposal(connection: Connection, name: str, site: str, node: str) -> Announcement:
    kept = decision(connection, name)
    assert kept is not None
    proposed = PlanProposed(
        decision=kept.id,
        athlete=kept.person,
        exercise=kept.exercise,
        session=kept.session,
        supersedes=kept.supersedes,
        document=msgspec.json.decode(kept.output),
    )
    return Announcement(
        topic=contract.topic("hub_event", site=site, node=node),
        payload=contract.proposal_message(
            proposed, site=site, node=node, time=contract.utc(kept.at_us * 1000)
        ),
        retain=contract.CHANNELS["hub_event"].retain,
        key=kept.id,
        strike=lambda database, now_us: proposal_published(database, name, now_us),
    )


def _questions(connection: Connection, one: Due, site: str, node: str) -> Announcement:
    return Announcement(
        topic=contract.topic("questions", site=site, node=node, athlete=one.person),
        payload=contract.encode(questions_state(connection, one.person)),
        retain=contract.CHANNELS["questions"].retain,
        key=f"questions {one.person}",
        strike=lambda database, _: question_states_published(database, one),
    )


def questions_state(connection: Connection, name: str) -> QuestionsState:
    """What a person is asked now."""
    asked = tuple(_open(one) for one in open_questions(connection, name))
    newest = newest_asking(connection, name)
    return QuestionsState(
        time=None if newest is None else contract.utc(newest * 1000),
        athlete=name,
        waiting=len(asked),
        questions=asked,
    )


def _asking(one: Question, site: str, node: str) -> Announcement:
    about = QuestionAsked(
        athlete=one.person,
        number=one.asked,
        answer_to=contract.topic("hub_command", site=site, node=node, verb="report"),
        question=_open(one),
    )
    return _event(
        "hub_question",
        QUESTION_ASKED,
        about,
        (one.person, f"{one.id}:{one.asked}", one.asked_us or one.due_us),
        (site, node),
        lambda database, _: announce_asked(database, one.id, one.asked),
    )


def _answer(one: Answered, site: str, node: str) -> Announcement:
    said = {name: getattr(one, name) for name in ("decision", "exercise", "verdict", "who", "role", "reason")}
    return _event(
        "hub_answer",
        PLAN_ANSWERED,
        PlanAnswered(athlete=one.person, **said),
        (one.person, f"{one.decision}:{one.id}", one.at_us),
        (site, node),
        lambda database, now_us: answer_published(database, one.id, now_us),
    )


def _review(one: CheckDue, site: str, node: str) -> Announcement:
    found = msgspec.json.decode(one.body).get("found") or {}
    about = ReviewDue(
        athlete=one.person,
        check=one.id.rpartition(":")[2],
        kind=one.kind,
        due=one.due.isoformat(),
        outcome=one.outcome,
        findings=tuple(found.get("findings", ())),
        prompts=tuple(found.get("prompts", ())),
    )
    return _event(
        "hub_review",
        REVIEW_DUE,
        about,
        (one.person, one.id, midnight_us(one.due)),
        (site, node),
        lambda database, now_us: review_published(database, one.id, now_us),
    )


def _event(
    channel: str, kind: str, about: Any, who: tuple[str, str, int], where: tuple[str, str], strike: Strike
) -> Announcement:
    """An event about a person; ``who`` is the person, the event's id and its time."""
    person, number, at_us = who
    site, node = where
    time = contract.utc(at_us * 1000)
    return Announcement(
        topic=contract.topic(channel, site=site, node=node),
        payload=contract.hub_message(
            kind, about, number=number, subject=person, site=site, node=node, time=time
        ),
        retain=contract.CHANNELS[channel].retain,
        key=f"{channel} {number}",
        strike=strike,
    )


def _open(one: Question) -> OpenQuestion:
    return OpenQuestion(
        id=one.id,
        kind="next_morning",
        session=one.session,
        since=contract.utc(one.due_us * 1000),
        until=contract.utc(one.until_us * 1000),
        asked=one.asked,
    )


def plan_of(connection: Connection, name: str) -> PlanState:
    """What is prescribed to a person now; locked while a decision that locks is open."""
    table = tables.decision
    locked = connection.execute(
        select(table.c.at_us)
        .where(table.c.person == name, table.c.status == "open", table.c.locked.is_(True))
        .order_by(table.c.at_us)
    ).scalar()
    held = all_in_force(connection, name)
    times = [one.from_us for one in held] + ([] if locked is None else [locked])
    return PlanState(
        time=contract.utc(max(times) * 1000) if times else None,
        athlete=name,
        locked=locked is not None,
        message=None if locked is None else LOCKED,
        items=tuple(_item(connection, one) for one in held),
    )


def _item(connection: Connection, held: InForce) -> PlanItem:
    reason = held.prescription.reason
    if held.decision is not None:
        kept = decision(connection, held.decision)
        reason = reason if kept is None else str(msgspec.json.decode(kept.output)["reason"])
    return PlanItem(
        exercise=held.exercise,
        level=held.level,
        since=contract.utc(held.from_us * 1000),
        decision=held.decision,
        reason=reason,
        prescription=held.prescription,
    )
