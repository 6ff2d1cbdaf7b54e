"""The command line: one file a command.

Only typer is imported here and in the command files; what a command needs is imported when it runs, so that
``eccentra --help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from eccentra import __version__
from eccentra.cli import (
    analyze,
    check_sensor,
    demo,
    doctor,
    emulate,
    export,
    forget,
    hub,
    plan,
    replay,
    review,
    scan,
    station,
    up,
)
from eccentra.cli.common import INTENDED_USE, guarded

__all__ = ["app", "main"]

app = typer.Typer(
    name="eccentra",
    help="Counts, times and measures eccentric exercise from motion and force sensors, and publishes it over "
    f"MQTT.\n\n{INTENDED_USE}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eccentra {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


for _command in (
    demo.demo,
    up.up,
    scan.scan,
    check_sensor.check_sensor,
    station.station,
    hub.hub,
    analyze.analyze,
    replay.replay,
    review.review,
    export.export,
    forget.forget,
    emulate.emulate,
    doctor.doctor,
):
    app.command(epilog=INTENDED_USE)(guarded(_command))
app.add_typer(plan.plan)


def main() -> None:
    """Entry point of the program."""
    app()
