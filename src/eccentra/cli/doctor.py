"""``eccentra doctor``: what is wrong, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from eccentra.cli.common import FAILED

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def doctor(
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Broker to check. Default: the broker here, else the embedded one.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
) -> None:
    """Check Bluetooth, broker, disk, clock and files; name what is wrong and what to do.

    Exit status 1 when anything failed; warnings alone give 0.
    """
    from rich.console import Console
    from rich.text import Text

    from eccentra.doctor import examine

    console = Console(highlight=False, soft_wrap=True)
    findings = []
    for finding in examine(mqtt):
        findings.append(finding)
        if not json:
            line = Text.assemble(
                (f"{finding.state:<8}", _STYLES[finding.state]), f"{finding.check:<20} {finding.found}"
            )
            console.print(line)
            if finding.advice:
                console.print(Text(f"{'':<29}{finding.advice}", style="bold"))
    if json:
        import msgspec

        counts = {state: sum(one.state == state for one in findings) for state in _STYLES}
        document = {"schema": "eccentra.doctor/1", **counts, "findings": findings}
        typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(FAILED)
