"""``eccentra plan show``: what is in force, what waits for an answer, what is due, how much was done."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.plan.ledger import Line
    from eccentra.store.decisions import InForce, Kept
    from eccentra.store.people import ProgrammeRun
    from eccentra.store.reviews import Stored

__all__ = ["Athlete", "StoreUrl", "day_words", "show"]

StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Database of results. Default: in the user's folder."),
]
# Weekly checks that nobody answered are shown up to so many, the newest.
_WEEKS_SHOWN = 4
Athlete = Annotated[str, typer.Option("--athlete", metavar="ID", help="Pseudonym of the person.")]


def show(
    athlete: Athlete,
    store: StoreUrl = None,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="As of the end of this day. Default: now.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
) -> None:
    """Show a person's plan: prescriptions in force, open decisions, checks that are due, dose done."""
    import msgspec

    from eccentra.store.database import open_store

    now_us = _moment(day)
    opened = open_store(store)
    try:
        found = _gather(opened, athlete, now_us)
    finally:
        opened.close()
    if json:
        document = {"schema": "eccentra.plan-show/1", **found}
        typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())
        return
    for line in _lines(found):
        typer.echo(line)


def _moment(day: str | None) -> int:
    if day is None:
        return time.time_ns() // 1000
    try:
        end = dt.datetime.combine(dt.date.fromisoformat(day), dt.time.max, dt.UTC)
    except ValueError:
        raise InputError(f"--day {day}", "expected a day such as 2026-03-31") from None
    return round(end.timestamp() * 1e6)


def _gather(opened: Any, athlete: str, now_us: int) -> dict[str, Any]:
    from eccentra.plan.calendar import week_of
    from eccentra.plan.done import day_of
    from eccentra.plan.followed import idle_hours
    from eccentra.plan.ledger import ledger
    from eccentra.plan.programme_check import check_prescribed
    from eccentra.plan.reviews import strength_trends
    from eccentra.plan.trends import asymmetry_rule
    from eccentra.store.announcing import suggestions_on
    from eccentra.store.decisions import all_in_force, open_decisions
    from eccentra.store.people import current_programme, person
    from eccentra.store.reviews import followed_of, return_list, reviews_of

    with opened.read() as connection:
        who, followed = person(connection, athlete), followed_of(connection, athlete, now_us)
        if who is None or followed is None:
            raise InputError(f"--athlete {athlete}", "is nobody in this database")
        run = current_programme(connection, athlete)
        held = all_in_force(connection, athlete)
        return {
            "athlete": athlete,
            "mode": who.mode,
            "profile": who.profile,
            "stage": who.stage,
            "goals": who.details.get("goals", []),
            "suggestions": suggestions_on(connection),
            "programme": None if run is None else run.template or "free",
            "since": followed.started,
            "first_session": min((day_of(each.began_us) for each in followed.sessions), default=None),
            "idle_hours": idle_hours(followed, now_us),
            "week": week_of(followed.started, day_of(now_us)),
            "weeks": followed.weeks,
            "after": _after(run, week_of(followed.started, day_of(now_us))),
            "in_force": held,
            "open": open_decisions(connection, athlete),
            "advice": check_prescribed(
                [one.prescription for one in held],
                profile=who.profile,
                warm_up=None if run is None else run.details.get("warm_up"),
            ),
            "checks": [one for one in reviews_of(connection, athlete, now_us) if one.done_us is None],
            "return_list": return_list(connection, athlete).words() if who.profile != "prevention" else None,
            "ledger": ledger(followed.spans, followed.sessions, now_us, followed.pauses),
            "trends": strength_trends(followed),
            "sides": asymmetry_rule(followed.sessions),
        }


def _after(run: ProgrammeRun | None, week: int) -> str | None:
    """What comes after a programme whose planned weeks are over."""
    from eccentra.plan.programmes import load_programme

    if run is None or week <= run.weeks:
        return None
    after = "" if run.template is None else load_programme(run.template).after
    return after or "a therapist decides"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    mode = "clinic, a therapist answers" if found["mode"] == "clinic" else "prevention"
    yield f"{found['athlete']}: {mode}; profile {found['profile']}, stage {found['stage']}"
    yield from (f"goal: {goal}" for goal in found["goals"])
    name = found["programme"] or "no programme"
    yield f"{name}, week {found['week']} of {found['weeks']}, since {found['since']}"
    if found["after"] is not None:
        yield f"the planned weeks are over; after them: {found['after']}; `eccentra plan end` closes it"
    if found["first_session"] is not None:
        yield f"first session {(found['first_session'] - found['since']).days} days after the start"
    if found["idle_hours"] is not None:
        yield f"no session for {found['idle_hours']:.0f} h, longer than planned and no pause is set"
    if found["mode"] == "clinic" and not found["suggestions"]:
        yield "suggestions are off: decisions are kept here and not published"
    yield from _section(
        "In force", [line for one in found["in_force"] for line in _prescribed(one)], "nothing"
    )
    yield from _section("Waiting for an answer", [_waiting(one) for one in found["open"]], "nothing")
    yield from _section("Checks due", list(_checks(found["checks"])), "none")
    yield from _section("Dose, done of planned", list(_ledger(found["ledger"])), "nothing planned or done")
    trends = [f"{one.metric}: {one.verdict}; {one.why}" for one in found["trends"]]
    if found["sides"].values:
        trends.append(f"sides: {found['sides'].why}")
    if trends:
        yield from _section("Trends since the first sessions", trends, "")
    if found["return_list"] is not None:
        yield from _section("List before a return", [found["return_list"]], "")
    if found["advice"]:
        yield from _section("Advice", [_advice(one) for one in found["advice"]], "")


def _section(title: str, lines: list[str], otherwise: str) -> Iterator[str]:
    yield ""
    yield title
    for line in lines or [otherwise]:
        yield f"  {line}"


def _prescribed(one: InForce) -> Iterator[str]:
    from eccentra.plan.prescription_words import dose_words, load_words

    p = one.prescription
    side = "" if p.side == "both" else f", {p.side}"
    by = f"approved by {p.approved_by}" if p.approved_by else "approved by nobody"
    yield f"{one.exercise}{side}: level {one.level}, since {day_words(one.from_us)}, {by}"
    yield f"  {dose_words(p)}, {p.tut_s:g} s under tension a set, {load_words(p)}"
    effort = f"RPE {p.rpe:g}" if p.rpe is not None else f"{p.rir:g} repetitions left"
    yield (
        f"  {p.frequency_per_week:g} a week, rest {p.rest_sets_s:g} s between sets, "
        f"{p.rest_sessions_h:g} h between sessions; {effort}"
    )
    limits = p.pain_limits
    morning = f"next morning up to {limits.next_morning:g}"
    yield f"  pain up to {limits.low:g} is fine, above {limits.stop:g} stop; {morning}"


def _waiting(one: Kept) -> str:
    import msgspec

    output = msgspec.json.decode(one.output)
    need = "a therapist's answer" if output["needs_approval"] else "an answer"
    lock = "LOCKED, " if output["locked"] else ""
    return f"{one.id[:12]}  {one.exercise}, {day_words(one.at_us)}: {output['reason']} [{lock}{need}]"


def _checks(all_due: Sequence[Stored]) -> Iterator[str]:
    """The newest weekly ones and all others; how many weeks are left out."""
    older = [one for one in all_due if one.due.kind == "week"][:-_WEEKS_SHOWN]
    if older:
        look = sum(one.found.outcome == "look" for one in older)
        yield f"{len(older)} earlier weeks, {look} of them with something to look at: --json has them"
    for one in all_due:
        if one not in older:
            yield from _check(one)


def _check(one: Stored) -> Iterator[str]:
    yield f"{one.due.name}, {one.due.due}: {one.found.outcome.replace('_', ' ')}"
    for text in (*one.found.findings, *one.found.prompts):
        yield f"  {text}"


def _ledger(lines: tuple[Line, ...]) -> Iterator[str]:
    for one in lines:
        weeks = "1 week" if one.weeks == 1 else f"{one.weeks} weeks"
        parts = [
            f"{one.done.sessions:.0f} of {one.planned.sessions:.1f} sessions",
            f"{one.done.valid_reps:.0f} of {one.planned.reps:.0f} repetitions",
            f"eccentric {one.done.eccentric_s:.0f} of {one.planned.eccentric_s:.0f} s",
        ]
        if one.done.impulse_ns is not None:
            parts.append(f"impulse {one.done.impulse_ns:.0f} N s in {one.done.impulse_reps} repetitions")
        if one.done.unknown_reps:
            parts.append(f"at least: {one.done.unknown_reps} repetitions without a time")
        yield f"{one.exercise}, {weeks}: {', '.join(parts)}"


def _advice(one: Any) -> str:
    where = f"{one.exercise}: " if one.exercise else ""
    return f"{one.level}: {where}{one.message}"


def day_words(at_us: int) -> str:
    """A moment as a day in UTC."""
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).date().isoformat()
