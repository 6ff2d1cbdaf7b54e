"""For whom time alone has changed the answer: read from the newest decision about each exercise in force."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select

from eccentra.plan.passing import passing_us
from eccentra.plan.thresholds import thresholds
from eccentra.store import tables
from eccentra.store.database import Store

__all__ = ["time_passed"]

_DAY_US = 86_400_000_000


class _Prescribed(msgspec.Struct, frozen=True):
    frequency_per_week: float | None = None


class _Given(msgspec.Struct, frozen=True):
    """The part of a decision's input that says when the newest session was."""

    days_since_last: float
    sessions: tuple[msgspec.Raw, ...]
    prescription: _Prescribed


def time_passed(store: Store, now_us: int) -> list[tuple[str, str, int]]:
    """Person, exercise, and the moment to decide at, in the past; what is locked waits for a therapist."""
    table, held = tables.decision, tables.prescription
    newest = (
        select(table.c.person, table.c.exercise, func.max(table.c.at_us).label("at_us"))
        .group_by(table.c.person, table.c.exercise)
        .subquery()
    )
    wanted = (
        select(table.c.person, table.c.exercise, table.c.at_us, table.c.provisional, table.c.input)
        .join(
            newest,
            (newest.c.person == table.c.person)
            & (newest.c.exercise == table.c.exercise)
            & (newest.c.at_us == table.c.at_us),
        )
        .join(
            held,
            (held.c.person == table.c.person)
            & (held.c.exercise == table.c.exercise)
            & held.c.until_us.is_(None),
        )
        .where(table.c.locked.is_(False), table.c.at_us < now_us)
        .order_by(table.c.person, table.c.exercise)
    )
    session = tables.session
    last = (
        select(session.c.person, session.c.exercise, func.max(session.c.ended_us).label("ended_us"))
        .where(session.c.ended_us <= now_us)
        .group_by(session.c.person, session.c.exercise)
    )
    found: dict[tuple[str, str], int] = {}
    with store.read() as connection:
        ends = {(row.person, row.exercise): row.ended_us for row in connection.execute(last)}
        for row in connection.execute(wanted):
            given = msgspec.json.decode(row.input, type=_Given)
            if not given.sessions:
                continue
            # a session may have come after the break that follows it was decided about
            told_us = row.at_us - round(given.days_since_last * _DAY_US)
            ended_us = max(told_us, ends.get((row.person, row.exercise), 0))
            times = list(passing_us(ended_us, given.prescription.frequency_per_week, thresholds()))
            times = times if row.provisional else times[1:]
            due = [at for at in times if row.at_us < at <= now_us]
            if due:
                found[row.person, row.exercise] = due[-1]
    return [(person, exercise, at_us) for (person, exercise), at_us in found.items()]
