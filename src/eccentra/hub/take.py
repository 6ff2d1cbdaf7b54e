"""A batch of event messages into the results, and decisions where they complete something: one transaction.

=====================  ====================================================================================
message                what becomes of it
=====================  ====================================================================================
known already          nothing; also with another body: the first one stays, and that is said
out of order           kept; a session is decided about when all its events are there
of an old schema       kept as it came, said; decides nothing
from the future        kept, said; decided about when its time has come
of an unknown athlete  kept, said; decided about when the athlete is known
an impossible score    kept, said; decisions take it as not stated
malformed              refused, counted by reason; the others of the batch are taken
=====================  ====================================================================================

Nothing is decided that is not in the same transaction as what it was decided from, and no message is to be
acknowledged before that transaction has ended: a worker may be killed anywhere.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from eccentra.errors import InputError
from eccentra.events import Reported
from eccentra.hub.evaluate import evaluate
from eccentra.hub.locks import lock_people, lock_sessions
from eccentra.hub.passing import time_passed
from eccentra.plan.said import possible
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.decisions import all_in_force
from eccentra.store.people import person
from eccentra.store.reading import incomplete_sessions
from eccentra.store.taking import Incoming, Taken, read_event, take_events

__all__ = ["FUTURE_US", "Outcome", "decide_about", "sweep", "take"]

# Clocks of stations may be ahead by so much.
FUTURE_US = 10 * 60 * 1_000_000
_MOST_TOLD = 5

log = logging.getLogger("eccentra.hub")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch did: numbers by name, see :data:`eccentra.hub.node.COUNTS`, and new decisions."""

    counts: Counter[str]
    decisions: tuple[str, ...] = ()


def take(store: Store, payloads: Sequence[bytes], *, now_us: int) -> Outcome:
    """Take event messages.

    Parameters
    ----------
    payloads
        CloudEvents envelopes as they came.
    now_us
        The clock, µs since 1970: what is later than it by minutes is from the future.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database cannot be used now: nothing was taken, the same batch may be given again.
    """
    counts: Counter[str] = Counter()
    events = []
    for payload in payloads:
        try:
            events.append(read_event(payload))
        except InputError as error:
            counts["refused"] += 1
            log.warning("a message is refused: %s", error)
    try:
        return _take(store, events, counts, now_us)
    except (DataError, IntegrityError, ProgrammingError, OverflowError) as error:
        # Something in it does not go into the tables: find it, keep the others.
        return _one_by_one(store, events, counts, now_us, error)


def _take(store: Store, events: Sequence[Incoming], counts: Counter[str], now_us: int) -> Outcome:
    with store.write() as connection:
        lock_sessions(connection, {one.session for one in events})
        taken = take_events(connection, events)
        people = _people_of_complete(connection, taken.sessions)
        lock_people(connection, people)
        decisions, unknown, failed = [], 0, 0
        for name in sorted(people):
            if person(connection, name) is None:
                unknown += 1
                log.warning("person %s is not known: the sessions are kept until they are enrolled", name)
                continue
            kept, wrong = decide_about(connection, name, until_us=now_us + FUTURE_US)
            decisions += kept
            failed += wrong
    counts = counts + _counted(taken, events, now_us)
    counts["unknown_athlete"] += unknown
    counts["undecided"] += failed
    counts["decisions"] += len(decisions)
    return Outcome(counts=counts, decisions=tuple(decisions))


def _one_by_one(
    store: Store, events: Sequence[Incoming], counts: Counter[str], now_us: int, error: Exception
) -> Outcome:
    if len(events) == 1:
        log.warning("event %s-%d is refused: %s", events[0].session, events[0].seq, error)
        return Outcome(counts=counts + Counter(refused=1))
    decisions: list[str] = []
    for one in events:
        try:
            done = _take(store, [one], Counter(), now_us)
        except (DataError, IntegrityError, ProgrammingError, OverflowError) as reason:
            done = _one_by_one(store, [one], Counter(), now_us, reason)
        counts = counts + done.counts
        decisions += done.decisions
    return Outcome(counts=counts, decisions=tuple(decisions))


def _counted(taken: Taken, events: Sequence[Incoming], now_us: int) -> Counter[str]:
    future = [one for one in events if one.at_us is not None and one.at_us > now_us + FUTURE_US]
    odd = [f"{one.session}-{one.seq}" for one in events if _impossible(one)]
    for what, names in (
        ("has the number of another event, which stays", taken.different),
        ("is of an unknown type or version: kept as it came", taken.not_understood),
        ("has a score that is not from 0 to 10: kept, and taken as not stated", odd),
        ("is from the future: kept; set the station's clock", [f"{one.session}-{one.seq}" for one in future]),
    ):
        if names:
            more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
            log.warning("event %s%s %s", ", ".join(names[:_MOST_TOLD]), more, what)
    return Counter(
        new=taken.new,
        known=taken.known,
        different=len(taken.different),
        not_understood=len(taken.not_understood),
        future=len(future),
        impossible=len(odd),
    )


def _impossible(one: Incoming) -> bool:
    """Whether a person is said to have reported what cannot be."""
    if not isinstance(one.event, Reported):
        return False
    scores = (getattr(one.event, name) for name in ("pain", "soreness", "rpe", "rir", "confidence"))
    return any(score is not None and possible(score) is None for score in scores)


def _people_of_complete(connection: Connection, sessions: Sequence[str]) -> set[str]:
    """People of those sessions of which every event is there, from the first to ``session.ended``."""
    if not sessions:
        return set()
    table = tables.session
    ended = connection.execute(
        select(table.c.id, table.c.person).where(
            table.c.id.in_(sessions), table.c.person.is_not(None), table.c.last_seq.is_not(None)
        )
    ).all()
    missing = incomplete_sessions(connection, [row.id for row in ended]) if ended else {}
    return {row.person for row in ended if row.id not in missing}


def decide_about(connection: Connection, name: str, *, until_us: int) -> tuple[list[str], int]:
    """Decide about everything prescribed to a person; the caller holds the person's lock.

    All of it, because what is said about the day and a red flag are about every exercise: so the open
    decisions follow from what is in the database alone, in whatever order it came.

    Returns
    -------
    tuple
        Ids of new decisions, and of how many exercises nothing could be decided.
    """
    decisions: list[str] = []
    failed = 0
    for held in all_in_force(connection, name):
        kept, wrong = _decide(connection, name, held.exercise, until_us=until_us)
        decisions += kept
        failed += wrong
    return decisions, failed


def _decide(
    connection: Connection,
    name: str,
    exercise: str,
    *,
    until_us: int | None = None,
    now_us: int | None = None,
) -> tuple[list[str], int]:
    try:
        # Should it fail half-way, what was taken stays and this alone is undone.
        with connection.begin_nested():
            kept = evaluate(connection, name, exercise, until_us=until_us, now_us=now_us)
    except (InputError, msgspec.MsgspecError, ArithmeticError, LookupError, ValueError) as error:
        log.error("cannot decide about %s of %s: %s", exercise, name, error, exc_info=True)
        return [], 1
    return ([] if kept is None else [kept.id]), 0


def sweep(store: Store, *, now_us: int) -> Outcome:
    """Decide where time has passed.

    About sessions that are newer than every decision, because their time has come meanwhile; when a next
    morning's answer stays out; and about breaks, before the first session back.
    """
    session, decision, known = tables.session, tables.decision, tables.person
    newest = select(func.max(decision.c.at_us)).where(decision.c.person == session.c.person).scalar_subquery()
    held = (
        select(tables.prescription.c.id)
        .where(
            tables.prescription.c.person == session.c.person,
            tables.prescription.c.until_us.is_(None),
        )
        .exists()
    )
    with store.read() as connection:
        rows = connection.execute(
            select(session.c.id, session.c.person)
            .join(known, known.c.id == session.c.person)
            .where(
                session.c.ended_us.is_not(None),
                session.c.ended_us <= now_us + FUTURE_US,
                session.c.ended_us > func.coalesce(newest, 0),
                held,
            )
        ).all()
        missing = incomplete_sessions(connection, [row.id for row in rows]) if rows else {}
        people = sorted({row.person for row in rows if row.id not in missing})
    decisions: list[str] = []
    failed = 0
    for name in people:
        with store.write() as connection:
            lock_people(connection, [name])
            kept, wrong = decide_about(connection, name, until_us=now_us + FUTURE_US)
        decisions += kept
        failed += wrong
    for name, exercise, at_us in time_passed(store, now_us):
        with store.write() as connection:
            lock_people(connection, [name])
            kept, wrong = _decide(connection, name, exercise, now_us=at_us)
        decisions += kept
        failed += wrong
    return Outcome(counts=Counter(decisions=len(decisions), undecided=failed), decisions=tuple(decisions))
