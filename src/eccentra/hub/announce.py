"""What the hub publishes, made from the database: proposals and retained plans. No network.

The same state of the database gives the same bytes, whoever publishes them.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from eccentra.mqtt import contract
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

__all__ = ["LOCKED", "Announcement", "due", "plan_of", "published"]

LOCKED = "Stop, and contact your clinician."


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One message to be published; ``about`` is what is struck off when it is acknowledged."""

    topic: str
    payload: bytes
    retain: bool
    about: str | Due

    @property
    def key(self) -> str:
        """What may be on its way only once at a time: a decision, or a person's plan."""
        return self.about if isinstance(self.about, str) else f"plan {self.about.person}"


def due(store: Store, site: str, node: str, limit: int) -> list[Announcement]:
    """What the broker does not have yet: plans first, they say what is locked."""
    with store.read() as connection:
        out = [_plan(connection, one, site, node) for one in plans_due(connection, limit)]
        names = proposals_due(connection, limit)
        out += [_proposal(connection, name, site, node) for name in names]
    return out


def published(store: Store, done: list[Announcement], *, now_us: int) -> None:
    """Strike off what the broker acknowledged."""
    with store.write() as connection:
        for one in done:
            if isinstance(one.about, Due):
                plan_published(connection, one.about)
            else:
                proposal_published(connection, one.about, now_us)


def _plan(connection: Connection, one: Due, site: str, node: str) -> Announcement:
    return Announcement(
        topic=contract.topic("plan", site=site, node=node, athlete=one.person),
        payload=contract.encode(plan_of(connection, one.person)),
        retain=contract.CHANNELS["plan"].retain,
        about=one,
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
        about=kept.id,
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
