"""``eccentra plan``: the next session's load, by rules that anybody can read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from eccentra.cli import plan_answer, plan_calendar, plan_explain, plan_say, plan_show, plan_simulate
from eccentra.cli.common import BAD_INPUT, INTENDED_USE, guarded
from eccentra.errors import InputError, PlanError

__all__ = ["plan"]

plan = typer.Typer(
    name="plan",
    help=f"What the plan says, and why.\n\n{INTENDED_USE}",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def decide(
    source: Annotated[
        str, typer.Option("--input", metavar="IN.json", help="eccentra.decision-input/1; - is stdin.")
    ],
    json: Annotated[
        str | None,
        typer.Option(metavar="OUT.json", help="Where the decision goes (eccentra.decision/1); - is stdout."),
    ] = None,
) -> None:
    """Decide about one exercise of one person: the pure decision, nothing is stored."""
    import msgspec

    from eccentra.cli.analyze import write_document
    from eccentra.plan.decide import decide as decided
    from eccentra.plan.decision_input import RED_FLAG_FIRST, read_decision_input

    try:
        decision = decided(read_decision_input(_read(source), source))
    except PlanError as error:
        if not str(error).startswith(RED_FLAG_FIRST):
            raise
        # nothing stands before it, not even our name
        typer.echo(" ".join(str(error).split()), err=True)
        raise typer.Exit(BAD_INPUT) from None
    if json is not None:
        write_document(json, msgspec.to_builtins(decision))
    to_stderr = json == "-"
    typer.echo(f"row {decision.row}, {decision.action}: {decision.reason}", err=to_stderr)
    for note in decision.notes:
        typer.echo(f"note: {note}", err=True)
    for change in decision.would_change:
        typer.echo(f"if {change.condition}: {change.then}", err=to_stderr)


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise InputError(source, f"cannot be read: {error.strerror or error}") from None


plan.command(epilog=INTENDED_USE)(guarded(decide))
plan.command(epilog=INTENDED_USE)(guarded(plan_show.show))
plan.command(epilog=INTENDED_USE)(guarded(plan_explain.explain))
plan.command(epilog=INTENDED_USE)(guarded(plan_simulate.simulate))
plan.command(epilog=INTENDED_USE)(guarded(plan_calendar.check))
plan.command(epilog=INTENDED_USE)(guarded(plan_calendar.outcome))
plan.command("return", epilog=INTENDED_USE)(guarded(plan_calendar.return_list))
plan.command(epilog=INTENDED_USE)(guarded(plan_calendar.end))
plan.command(epilog=INTENDED_USE)(guarded(plan_say.say))
plan.command(epilog=INTENDED_USE)(guarded(plan_say.questions))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.enrol))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.prescribe))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.accept))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.edit))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.refuse))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.unlock))
plan.command(epilog=INTENDED_USE)(guarded(plan_answer.suggestions))
