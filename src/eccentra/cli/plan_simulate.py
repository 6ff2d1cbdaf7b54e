"""``eccentra plan simulate``: what other thresholds, or another version of a programme, would have said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from eccentra.cli.common import say

__all__ = ["simulate"]

_MOST_LISTED = 40


def simulate(
    thresholds: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Thresholds to try, as pipelines/shared/progression.toml."),
    ] = None,
    programme: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Version of a programme to try; its id says of which.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Decisions of this database, instead of simulated people."),
    ] = None,
    people: Annotated[
        int, typer.Option(min=1, max=1000, help="Simulated people, of all kinds in turn.")
    ] = 12,
    weeks: Annotated[int, typer.Option(min=1, max=16, help="Simulated weeks.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Another number, other people.")] = 1,
) -> None:
    """Ask the table again about decisions made: simulated people's, or those kept in a database.

    Nothing is changed. Every input is answered as it was recorded, not what another answer would have led to.
    """
    from eccentra.plan.compare import ask_again
    from eccentra.plan.programmes import read_programme
    from eccentra.plan.thresholds import Thresholds, thresholds_of

    rules = None if thresholds is None else thresholds_of(thresholds, Thresholds)
    version = None if programme is None else read_programme(programme)
    documents = _simulated(people, weeks, seed) if store is None else _stored(store)
    found = ask_again(documents, rules=rules, programme=version)
    if not found:
        say("no decisions found")
        return
    before = Counter((one.before.row, one.before.action) for one in found)
    after = Counter((one.after.row, one.after.action) for one in found)
    typer.echo(f"{len(found)} decisions\n\nrow  action     as it is  tried")
    for row, action in sorted({*before, *after}):
        typer.echo(f"{row:3d}  {action:9s} {before[row, action]:9d} {after[row, action]:6d}")
    different = [one for one in found if one.differs]
    typer.echo(f"\n{len(different)} answers differ")
    for one in different[:_MOST_LISTED]:
        a, b = one.before, one.after
        next_one = (
            "" if (a.row, a.action, a.steps) != (b.row, b.action, b.steps) else ", another prescription"
        )
        typer.echo(f"{one.name}: row {a.row} {a.action} -> row {b.row} {b.action}{next_one}: {b.reason}")
    if len(different) > _MOST_LISTED:
        typer.echo(f"... and {len(different) - _MOST_LISTED} more")


def _simulated(people: int, weeks: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    from eccentra.simulate.following import turns
    from eccentra.simulate.patients import KINDS, patient

    for number in range(people):
        one = patient(KINDS[number % len(KINDS)], seed + number)
        for turn in turns(one, weeks=weeks):
            yield f"{one.id}, {one.programme}, day {turn.day}", turn.document


def _stored(url: str) -> list[tuple[str, dict[str, Any]]]:
    import msgspec
    from sqlalchemy import select

    from eccentra.store import tables
    from eccentra.store.database import open_store

    opened = open_store(url)
    try:
        with opened.read() as connection:
            table = tables.decision
            rows = connection.execute(
                select(table.c.person, table.c.id, table.c.input).order_by(table.c.at_us, table.c.id)
            ).all()
    finally:
        opened.close()
    return [(f"{row.person}, decision {row.id[:8]}", msgspec.json.decode(row.input)) for row in rows]
