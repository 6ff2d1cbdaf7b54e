"""``eccentra plan say|questions``: what a person says, and what they are asked."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any

import typer

from eccentra.cli.plan_show import Athlete, StoreUrl, day_words
from eccentra.errors import EccentraError, InputError

__all__ = ["questions", "say"]


def say(
    athlete: Athlete,
    when: Annotated[
        str, typer.Option(help="before, during, after, next_morning, session, prom or note.")
    ] = "session",
    pain: Annotated[float | None, typer.Option(help="0 to 10; during: the worst.")] = None,
    soreness: Annotated[float | None, typer.Option(help="0 to 10.")] = None,
    rpe: Annotated[float | None, typer.Option(help="Effort, 0 to 10.")] = None,
    rir: Annotated[float | None, typer.Option(help="Repetitions left, instead of the effort.")] = None,
    confidence: Annotated[float | None, typer.Option(help="0 to 10.")] = None,
    analgesic: Annotated[
        bool | None, typer.Option("--analgesic/--no-analgesic", help="A painkiller within 24 h.")
    ] = None,
    warm_up: Annotated[
        bool | None, typer.Option("--warm-up/--no-warm-up", help="Whether one came first.")
    ] = None,
    red_flag: Annotated[str | None, typer.Option(metavar="ID", help="Such as pop: stops everything.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Anything else.")] = None,
    prom: Annotated[
        str | None, typer.Option(metavar="NAME", help="A questionnaire; give its scores.")
    ] = None,
    prom_version: Annotated[str | None, typer.Option(metavar="TEXT", help="Of the questionnaire.")] = None,
    score: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A score of it; once for each.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Of which session; else of the day.")
    ] = None,
    exercise: Annotated[
        str | None, typer.Option(metavar="ID", help="Of which exercise; else of all.")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Note what a person says now, as the command report does; it is decided again at once."""
    from eccentra.commands import Request, parse_arguments
    from eccentra.hub.carry_out import carry_out
    from eccentra.mqtt.hubverbs import HUB_VERBS
    from eccentra.store.database import open_store

    said: dict[str, Any] = {
        "athlete": athlete,
        "kind": when,
        "pain": pain,
        "soreness": soreness,
        "rpe": rpe,
        "rir": rir,
        "confidence": confidence,
        "analgesic": analgesic,
        "warm_up": warm_up,
        "red_flag": red_flag,
        "note": note,
        "prom": prom,
        "version": prom_version,
        "scores": _scores(score),
        "session": session,
        "exercise": exercise,
    }
    try:
        do = parse_arguments("report", {k: v for k, v in said.items() if v is not None}, HUB_VERBS)
    except EccentraError as error:
        raise InputError("plan say", str(error)) from None
    results = open_store(store)
    try:
        request = Request(id=f"typed-{secrets.token_hex(8)}", do=do)
        answer = carry_out(results, request, now_us=time.time_ns() // 1000, therapists=())
    finally:
        results.close()
    if answer.status != "done":
        raise InputError("plan say", answer.message)
    typer.echo(answer.message)


def _scores(given: list[str] | None) -> dict[str, float] | None:
    if not given:
        return None
    out = {}
    for one in given:
        name, _, value = one.partition("=")
        try:
            out[name] = float(value)
        except ValueError:
            raise InputError(f"--score {one[:60]}", "expected NAME=VALUE, such as total=55") from None
    return out


def questions(
    athlete: Annotated[str | None, typer.Option(metavar="ID", help="Of this person only.")] = None,
    store: StoreUrl = None,
) -> None:
    """Show who is asked how the next morning is, who answered, and which answers are missing."""
    from eccentra.store.database import open_store
    from eccentra.store.questions import questions_of

    results = open_store(store)
    try:
        with results.read() as connection:
            found = questions_of(connection, athlete)
    finally:
        results.close()
    for one in found:
        state = one.outcome or ("asked" if one.asked else "scheduled")
        times = f", asked {one.asked} times" if one.asked else ""
        typer.echo(f"{one.due}  {one.person}: {state}{times}; from {day_words(one.due_us)}, {one.session}")
    if not found:
        typer.echo("nobody is asked anything; the hub asks on the morning after a session")
