"""Decide about an exercise of a person from what the database knows, and keep the decision.

The same state of the database gives the same decision with the same id, whoever decides: several workers, or
one that was killed and started again, end with the same open decisions. The moment of a decision is that of
the newest session or report, or one at which time alone changes the answer, never the clock's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from eccentra import __version__
from eccentra.errors import PlanError
from eccentra.plan.assess import decision_document
from eccentra.plan.decide import decide
from eccentra.plan.decision_input import RED_FLAG_FIRST, parse_decision_input
from eccentra.plan.done import SESSIONS_READ_US, Known, Report, SessionDone
from eccentra.plan.passing import passing_us
from eccentra.plan.prescription import Prescription
from eccentra.plan.thresholds import thresholds
from eccentra.store import tables
from eccentra.store.decisions import InForce, Kept, in_force, keep_decision
from eccentra.store.people import Person, ProgrammeRun, current_programme, person
from eccentra.store.reading import incomplete_sessions, reports_for_plan, sessions_for_plan

__all__ = ["changed_by_hand", "evaluate", "known_of", "moment_of"]

_WEEK_US = 7 * 86_400_000_000
# What was said longer ago, and steps taken, say nothing about the next session.
_LOOK_BACK_US = 200 * 86_400_000_000


def evaluate(
    connection: Connection,
    name: str,
    exercise: str,
    *,
    now_us: int | None = None,
    session: str | None = None,
    requested: dict[str, Any] | None = None,
    until_us: int | None = None,
) -> Kept | None:
    """Decide and keep; ``None`` when nothing is prescribed or done, or exactly this decision is kept already.

    Parameters
    ----------
    name
        The person.
    now_us
        Moment of the decision, µs since 1970: what was said and done until then counts. That of the newest
        session or report when not given.
    session
        The session after which it is decided; the newest one until then when not given.
    requested
        A wish, as in the decision's input.
    until_us
        What happened after it, by a clock that is wrong, waits until its time has come.
    """
    who = person(connection, name)
    held = in_force(connection, name, exercise)
    if who is None or held is None:
        return None
    sessions = _sessions(connection, name, exercise, until_us if now_us is None else now_us)
    reports = reports_for_plan(connection, name)
    if until_us is not None:
        reports = [one for one in reports if one.at_us <= until_us]
    if now_us is None:
        now_us = _moment(sessions, reports, exercise, _unlocked(connection, name))
        if now_us is None:
            return None
        now_us = max(now_us, _reached(connection, name, held, sessions, until_us))
    if session is None:
        done = [(one.ended_us, one.id) for one in sessions if one.ended_us <= now_us]
        session = max(done)[1] if done else None
    since = now_us - _LOOK_BACK_US
    known = known_of(connection, who, held, now_us, requested)
    document = decision_document(
        known,
        [one for one in sessions if one.ended_us > since],
        [one for one in reports if one.at_us > since],
        now_us,
    )
    text = msgspec.json.encode(document, order="deterministic").decode()
    return keep_decision(
        connection,
        name,
        exercise,
        text,
        decided(document),
        at_us=now_us,
        session=session,
        version=f"{thresholds().version} eccentra {__version__}",
        unlocked_us=known.unlocked_us,
    )


def _sessions(
    connection: Connection, name: str, exercise: str, until_us: int | None = None
) -> list[SessionDone]:
    """What a decision reads of what was done; while the plan is locked, what locked it stays in sight."""
    table = tables.decision
    locked = connection.execute(
        select(table.c.id).where(table.c.person == name, table.c.locked.is_(True), table.c.status == "open")
    ).first()
    last_us = SESSIONS_READ_US if locked is None else _LOOK_BACK_US
    return _whole(
        connection, sessions_for_plan(connection, name, exercise, until_us=until_us, last_us=last_us)
    )


def _whole(connection: Connection, sessions: list[SessionDone]) -> list[SessionDone]:
    """Without sessions some of whose events have not come: half a session is no ground for a decision."""
    missing = incomplete_sessions(connection, [one.id for one in sessions]) if sessions else {}
    return [one for one in sessions if one.id not in missing]


def decided(document: dict[str, Any]) -> dict[str, Any]:
    """The decision's document; input that cannot be used but reports a red flag is row 1.

    Raises
    ------
    PlanError
        The input cannot be used and reports none.
    """
    try:
        decision = decide(parse_decision_input(document, "results"))
    except PlanError as error:
        if not str(error).startswith(RED_FLAG_FIRST):
            raise
        return _referred(document, error)
    out: dict[str, Any] = msgspec.to_builtins(decision)
    return out


def _referred(document: dict[str, Any], error: PlanError) -> dict[str, Any]:
    """Row 1 for input that is wrong elsewhere: the flag counts, the mistake is named."""
    flags = sorted({flag for one in document["sessions"] for flag in one["red_flags"] or ()})
    one = {"date": "1970-01-01", "hours_since": 0.0, "valid_reps": 0, "confidence": "low"}
    plain = {**document, "sessions": [{**one, "red_flags": flags or ["reported"]}]}
    plain |= {"days_since_last": 0.0, "prescription": {}, "requested": None, "weekly_pain_medians": None}
    # row 1 reads no exercise and no programme: the one asked for may be what is wrong
    plain |= {"exercise": "generic", "template": None, "template_week": None}
    out: dict[str, Any] = msgspec.to_builtins(decide(parse_decision_input(plain, "results")))
    out["notes"] = [*out["notes"], f"the rest of the input cannot be used: {error.problem}"]
    return out


def known_of(
    connection: Connection,
    who: Person,
    held: InForce,
    now_us: int,
    requested: dict[str, Any] | None = None,
) -> Known:
    """What is known of a person for one exercise."""
    programme = current_programme(connection, who.id)
    template = _template(programme, held.exercise)
    return Known(
        mode=who.mode,
        profile=who.profile,
        stage=who.stage,
        exercise=held.exercise,
        prescription=held.prescription,
        since=who.since if programme is None else programme.started,
        template=template,
        template_week=None if template is None else max(1, held.level + 1),
        week_from_us=held.from_us,
        load_steps_us=_load_steps(connection, who.id, held.exercise, now_us),
        steps_down_us=_steps_down(connection, who.id, held.exercise, now_us),
        plate_step_kg=who.details.get("plate_step_kg"),
        requested=requested,
        unlocked_us=_unlocked(connection, who.id),
        level=held.level,
    )


def _template(programme: ProgrammeRun | None, exercise: str) -> str | None:
    """The published programme, when it knows the exercise."""
    if programme is None or programme.template is None:
        return None
    from eccentra.plan.programmes import load_programme

    known = load_programme(programme.template).course_of(exercise) is not None
    return programme.template if known else None


def changed_by_hand(connection: Connection, name: str, change: Prescription) -> int:
    """Steps of the level that a person's own change makes: one outside a programme of weeks, else none.

    What was done with the prescription before says nothing about the new one.
    """
    held = in_force(connection, name, change.exercise)
    if held is None or held.prescription.for_decision() == change.for_decision():
        return 0
    return int(_template(current_programme(connection, name), change.exercise) is None)


def _load_steps(connection: Connection, name: str, exercise: str, now_us: int) -> tuple[int, ...]:
    """When the load was stepped up in the last week: accepted decisions along that axis."""
    taken = _taken(connection, name, exercise, ("PROGRESS",), now_us - _WEEK_US)
    return tuple(at for at, output in taken if output["axis"] == "load")


def _steps_down(connection: Connection, name: str, exercise: str, now_us: int) -> tuple[tuple[int, int], ...]:
    """When it was made easier, and by how many steps."""
    taken = _taken(connection, name, exercise, ("REGRESS", "STOP"), now_us - _LOOK_BACK_US)
    return tuple((at, int(output["steps"])) for at, output in taken)


def _taken(
    connection: Connection, name: str, exercise: str, actions: tuple[str, ...], since_us: int
) -> list[tuple[int, dict[str, Any]]]:
    """Decisions that were accepted or edited, with the moment of the answer, oldest first."""
    decision, approval = tables.decision, tables.approval
    rows = connection.execute(
        select(approval.c.at_us, decision.c.output)
        .join(decision, decision.c.id == approval.c.decision)
        .where(
            decision.c.person == name,
            decision.c.exercise == exercise,
            decision.c.action.in_(actions),
            decision.c.status.in_(["accepted", "edited"]),
            approval.c.at_us > since_us,
        )
        .order_by(approval.c.at_us)
    )
    return [(row.at_us, msgspec.json.decode(row.output)) for row in rows]


def _reached(
    connection: Connection, name: str, held: InForce, sessions: Sequence[SessionDone], until_us: int | None
) -> int:
    """The last moment of passing time that was decided about since the newest session; 0 for none."""
    ended = max((one.ended_us for one in sessions), default=None)
    table = tables.decision
    newest = connection.execute(
        select(func.max(table.c.at_us)).where(table.c.person == name, table.c.exercise == held.exercise)
    ).scalar()
    if ended is None or newest is None:
        return 0
    newest = newest if until_us is None else min(newest, until_us)
    times = passing_us(ended, held.prescription.frequency_per_week, thresholds())
    return max((at for at in times if at <= newest), default=0)


def _unlocked(connection: Connection, name: str) -> int | None:
    """When a therapist last unlocked the plan."""
    decision, approval = tables.decision, tables.approval
    return connection.execute(
        select(approval.c.at_us)
        .join(decision, decision.c.id == approval.c.decision)
        .where(decision.c.person == name, approval.c.verdict == "unlock")
        .order_by(approval.c.at_us.desc())
    ).scalar()


def moment_of(connection: Connection, name: str, exercise: str) -> int | None:
    """The newest moment at which something was done or said that this exercise's decision looks at."""
    sessions = _sessions(connection, name, exercise)
    return _moment(sessions, reports_for_plan(connection, name), exercise, _unlocked(connection, name))


def _moment(
    sessions: Sequence[SessionDone], reports: Sequence[Report], exercise: str, unlocked_us: int | None
) -> int | None:
    """A red flag counts whatever it was told with, and before the first session too."""
    ended = max((one.ended_us for one in sessions), default=None)
    about = [
        one.at_us
        for one in reports
        if (one.red_flag and one.at_us > (unlocked_us or 0))
        or (ended is not None and one.at_us >= ended and one.exercise in (None, exercise))
    ]
    return max((*about, *(() if ended is None else (ended,))), default=None)
