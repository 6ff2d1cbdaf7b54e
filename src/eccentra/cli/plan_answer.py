"""``eccentra plan enrol|prescribe|accept|edit|refuse|unlock|suggestions``: the hub's commands, typed here.

They write into the results database; a running hub finds what changed and publishes it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from eccentra.cli.common import checked_id
from eccentra.cli.plan_show import Athlete, StoreUrl
from eccentra.errors import EccentraError, InputError

__all__ = ["accept", "edit", "enrol", "prescribe", "refuse", "suggestions", "unlock"]

Who = Annotated[str | None, typer.Option(metavar="ID", help="Id of who says so: a pseudonym, no name.")]
Decision = Annotated[str, typer.Argument(metavar="DECISION", help="Its id, as plan show names it.")]
Role = Annotated[str, typer.Option("--as", metavar="ROLE", help="therapist or athlete.")]
Verb = Literal["accept", "edit", "refuse", "unlock"]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")]


def enrol(
    athlete: Athlete,
    who: Who = None,
    mode: Annotated[str, typer.Option(help="clinic, or prevention: there athletes answer alone.")] = "clinic",
    profile: Annotated[str, typer.Option(help="acute_strain, tendinopathy or prevention.")] = "prevention",
    stage: Annotated[int, typer.Option(min=1, max=4, help="Stage of rehabilitation, 4 is the last.")] = 4,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Default: today.")] = None,
    body_mass: Annotated[float | None, typer.Option(metavar="KG", help="For forces per kg.")] = None,
    plate_step: Annotated[float | None, typer.Option(metavar="KG", help="Smallest step of weights.")] = None,
    programme: Annotated[
        str | None, typer.Option(metavar="ID", help="A published one, a file of pipelines/programmes.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(metavar="ZONE", help="Such as Europe/Oslo.")] = None,
    morning: Annotated[str | None, typer.Option(metavar="HH:MM", help="When to ask after a session.")] = None,
    goal: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What they want to reach; once for each.")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Make a person known to the plan, or change what is known; a pseudonym, never a name."""
    day = since or dt.date.fromtimestamp(time.time()).isoformat()
    given: dict[str, Any] = {
        "athlete": athlete,
        "mode": mode,
        "profile": profile,
        "stage": stage,
        "since": day,
        "body_mass_kg": body_mass,
        "plate_step_kg": plate_step,
        "time_zone": time_zone,
        "morning": morning,
        "goals": goal or None,
    }
    if programme is not None:
        from eccentra.plan.programmes import load_programme

        weeks = load_programme(programme).weeks
        given["programme"] = {"id": programme, "template": programme, "started": day, "weeks": weeks}
    _ask("enrol", {k: v for k, v in given.items() if v is not None}, who, store)


def prescribe(
    athlete: Athlete,
    who: Who = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML with tables [[prescription]], whole ones.")
    ] = None,
    programme: Annotated[
        str | None, typer.Option(metavar="ID", help="Instead of a file: a week of a published programme.")
    ] = None,
    exercise: Annotated[str | None, typer.Option(metavar="ID", help="Which of its exercises.")] = None,
    week: Annotated[int, typer.Option(min=1, max=520, help="Which of its weeks.")] = 1,
    load: Annotated[
        str | None,
        typer.Option(metavar="NAME=VALUE", help="The load, such as load_kg=20; no programme says."),
    ] = None,
    stage: Annotated[int, typer.Option(min=1, max=4, help="Stage of rehabilitation, 4 is the last.")] = 4,
    store: StoreUrl = None,
) -> None:
    """Put prescriptions in force: those of a file, or the week of a published programme."""
    import msgspec

    from eccentra.plan.prescription import read_prescriptions
    from eccentra.plan.starting import programme_prescription

    author = checked_id("--who", who)
    if (file is None) == (programme is None):
        raise InputError("plan prescribe", "give --file, or --programme with --exercise and --load")
    if file is not None:
        wanted = read_prescriptions(file)
    else:
        if exercise is None:
            raise InputError("--exercise", "is missing: which exercise of the programme")
        wanted = [
            programme_prescription(
                str(programme),
                exercise,
                week,
                _load(load),
                author=author,
                approved_by=author,
                stage=stage,
            )
        ]
    for one in wanted:
        _ask("prescribe", {"athlete": athlete, "prescription": msgspec.to_builtins(one)}, who, store)


def _answering(verb: Verb, what: str) -> Callable[..., None]:
    """The command that answers a decision by ``verb`` and needs no more."""

    def answer(
        decision: Decision,
        who: Who = None,
        role: Role = "therapist",
        reason: Reason = None,
        store: StoreUrl = None,
    ) -> None:
        _answer(verb, decision, who, role, reason, store)

    answer.__name__, answer.__doc__ = verb, what
    return answer


accept = _answering("accept", "Take what a decision proposes: it is prescribed from now on.")
refuse = _answering("refuse", "Leave the prescription as it is.")
unlock = _answering("unlock", "Open a locked plan again, after the person was looked at.")


def edit(
    decision: Decision,
    file: Annotated[Path, typer.Option(metavar="FILE", help="TOML with one table [[prescription]].")],
    who: Who = None,
    role: Role = "therapist",
    reason: Reason = None,
    store: StoreUrl = None,
) -> None:
    """Prescribe something else instead of what a decision proposes: a whole prescription."""
    import msgspec

    from eccentra.plan.prescription import read_prescriptions

    wanted = read_prescriptions(file)
    if len(wanted) != 1:
        raise InputError(str(file), f"holds {len(wanted)} prescriptions; expected one")
    _answer("edit", decision, who, role, reason, store, prescription=msgspec.to_builtins(wanted[0]))


def suggestions(
    on: Annotated[str, typer.Argument(metavar="on|off", help="Whether proposals are published.")],
    who: Who = None,
    store: StoreUrl = None,
) -> None:
    """Publish proposals for people in a clinic, or stop it; a therapist answers for it."""
    if on not in ("on", "off"):
        raise InputError(f"suggestions {on[:20]}", "expected on or off")
    _ask("suggestions", {"on": on == "on"}, who, store)


def _load(text: str | None) -> dict[str, Any]:
    name, _, value = (text or "").partition("=")
    try:
        return {name: float(value)}
    except ValueError:
        raise InputError(
            f"--load {(text or '')[:60]}", "expected NAME=VALUE, such as load_kg=20 or assistance_pct_bm=20"
        ) from None


def _answer(
    verb: Verb,
    decision: str,
    who: str | None,
    role: str,
    reason: str | None,
    store: str | None,
    **more: Any,
) -> None:
    given = {"decision": decision, "role": role, "reason": reason, **more}
    _ask(verb, {key: value for key, value in given.items() if value is not None}, who, store)


def _ask(verb: str, given: dict[str, Any], who: str | None, store: str | None) -> None:
    """Carry a command of the hub out on the database; whoever may write to it may act as therapist."""
    from eccentra.commands import Request, parse_arguments
    from eccentra.hub.carry_out import carry_out
    from eccentra.mqtt.hubverbs import HUB_VERBS
    from eccentra.store.database import open_store

    author = checked_id("--who", who)
    try:
        do = parse_arguments(verb, {**given, "who": author}, HUB_VERBS)
    except EccentraError as error:
        raise InputError(f"plan {verb}", str(error)) from None
    results = open_store(store)
    try:
        request = Request(id=f"typed-{secrets.token_hex(8)}", do=do)
        answer = carry_out(results, request, now_us=time.time_ns() // 1000, therapists=(author,))
    finally:
        results.close()
    if answer.status != "done":
        raise InputError(f"plan {verb}", answer.message)
    typer.echo(answer.message)
