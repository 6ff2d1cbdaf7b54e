"""What the hub publishes, made from the database: proposals, plans, questions. No network.

The same state of the database gives the same bytes, whoever publishes them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, select

from eccentra.mqtt import contract
from eccentra.mqtt.asking import QUESTION_ASKED, OpenQuestion, QuestionAsked, QuestionsState
from eccentra.mqtt.contract import PlanItem, PlanProposed, PlanState
from eccentra.store import tables
from eccentra.store.announcing import (
    Due,
    plan_published,
    plans_due,
    proposal_published,
    proposals_due,
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
    payload = contract.hub_message(
        QUESTION_ASKED,
        about,
        number=f"{one.id}:{one.asked}",
        subject=one.person,
        site=site,
        node=node,
        time=contract.utc((one.asked_us or one.due_us) * 1000),
    )
    return Announcement(
        topic=contract.topic("hub_question", site=site, node=node),
        payload=payload,
        retain=contract.CHANNELS["hub_question"].retain,
        key=f"question {one.id} {one.asked}",
        strike=lambda database, _: announce_asked(database, one.id, one.asked),
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
