"""``eccentra plan check|outcome|return|end``: a file of prescriptions, and what people say of a programme."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eccentra.cli.common import BAD_INPUT, checked_id
from eccentra.cli.plan_show import Athlete, StoreUrl
from eccentra.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from eccentra.plan.followed import Followed
    from eccentra.plan.return_list import ReturnList

__all__ = ["check", "end", "outcome", "return_list"]

Who = Annotated[str | None, typer.Option(metavar="ID", help="Id of the therapist who says so.")]


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML with tables [[prescription]].")],
    profile: Annotated[
        str, typer.Option(help="acute_strain, tendinopathy or prevention: advice differs.")
    ] = "prevention",
    warm_up: Annotated[
        bool | None, typer.Option("--warm-up/--no-warm-up", help="Whether sessions have a warm-up.")
    ] = None,
) -> None:
    """Check prescriptions: what is incomplete (exit status 2), and what advice says of the whole."""
    from eccentra.plan.prescription import read_prescriptions
    from eccentra.plan.programme_check import check_prescribed
    from eccentra.plan.thresholds import thresholds

    if profile not in thresholds().pain.profiles:
        known = ", ".join(thresholds().pain.profiles)
        raise InputError(f"--profile {profile}", f"expected one of {known}")
    prescribed = read_prescriptions(file)
    found = check_prescribed(prescribed, profile=profile, warm_up=warm_up)
    for one in found:
        where = f"{one.exercise}: " if one.exercise else ""
        typer.echo(f"{one.level}: {where}{one.message}")
    typer.echo(f"{len(prescribed)} prescriptions, each whole; {len(found)} to look at")
    if any(one.level == "error" for one in found):
        raise typer.Exit(BAD_INPUT)


def outcome(
    athlete: Athlete,
    check: Annotated[str, typer.Option(metavar="NAME", help="A check that is due, as plan show names it.")],
    outcome: Annotated[str, typer.Option(help="What came out, such as improved or not_improved.")],
    who: Who = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="What was seen.")] = None,
    store: StoreUrl = None,
) -> None:
    """Say what came out of a check of the calendar."""
    from eccentra.store.reviews import answer_review

    author = checked_id("--who", who)
    with _writing(store) as connection:
        done = answer_review(connection, athlete, check, outcome=outcome, who=author, at_us=_now(), note=note)
    typer.echo(f"{check}: {outcome} noted; the data say {done.found.outcome}")


def return_list(
    athlete: Athlete,
    who: Who = None,
    tick: Annotated[str | None, typer.Option(metavar="ITEM", help="Tick an item.")] = None,
    untick: Annotated[str | None, typer.Option(metavar="ITEM", help="Take a tick back.")] = None,
    open_early: Annotated[
        str | None, typer.Option(metavar="REASON", help="Open the list before its day.")
    ] = None,
    step: Annotated[
        str | None, typer.Option(metavar="STEP", help="Note a step: participation, sport or performance.")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Show or fill in the list before a return: humans tick, humans decide."""
    from eccentra.store.reviews import return_list as kept
    from eccentra.store.reviews import save_return_list

    changes = {"tick": tick, "untick": untick, "open_early": open_early, "step": step}
    wanted = {name: value for name, value in changes.items() if value is not None}
    with _writing(store) as connection:
        followed = _followed(connection, athlete)
        one = kept(connection, athlete)
        if wanted:
            author, now = checked_id("--who", who), _now()
            for name, value in wanted.items():
                one = _changed(one, name, value, author, now, followed)
            save_return_list(connection, athlete, one, who=author, at_us=now)
    for line in _list_lines(one, followed):
        typer.echo(line)


def end(
    athlete: Athlete,
    who: Who = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; needed when it is early.")] = None,
    store: StoreUrl = None,
) -> None:
    """End a person's programme today, and what is prescribed with it."""
    from eccentra.plan.done import day_of
    from eccentra.store.reviews import end_programme

    author, now = checked_id("--who", who), _now()
    with _writing(store) as connection:
        early = end_programme(connection, athlete, day_of(now), who=author, at_us=now, reason=reason)
    typer.echo("ended" if early is None else f"ended early: it {early}; the reason is kept")


def _changed(one: ReturnList, name: str, value: str, who: str, now: int, followed: Followed) -> ReturnList:
    from eccentra.plan.done import day_of
    from eccentra.plan.return_list import open_anyway, take_step, tick

    if name == "open_early":
        return open_anyway(one, who=who, at_us=now, reason=value)
    at: dict[str, Any] = {"who": who, "at_us": now, "today": day_of(now)}
    at |= {"profile": followed.profile, "started": followed.started}
    if name == "step":
        if value not in ("participation", "sport", "performance"):
            raise InputError(f"--step {value[:40]}", "expected participation, sport or performance")
        return take_step(one, value, **at)  # type: ignore[arg-type]
    return tick(one, value, done=name == "tick", **at)


def _list_lines(one: ReturnList, followed: Followed) -> Iterator[str]:
    from eccentra.plan.return_list import ITEMS, locked_until

    yield one.words()
    until = locked_until(followed.profile, followed.started, one)
    if until is not None:
        yield f"locked until {until}; a therapist may open it earlier with a reason (--open-early)"
    if one.override is not None:
        yield f"opened early by {one.override.who}: {one.override.reason}"
    for name, words in ITEMS.items():
        done = one.ticks.get(name)
        by = f"  [{done.who}, {_day(done.at_us)}]" if done else ""
        yield f"  {'x' if done else '-'} {name}: {words}{by}"
    for each in one.steps:
        yield f"step to {each.to} by {each.who}, {_day(each.at_us)}"


def _followed(connection: Connection, athlete: str) -> Followed:
    from eccentra.store.reviews import followed_of

    found = followed_of(connection, athlete)
    if found is None:
        raise InputError(f"--athlete {athlete}", "is nobody in this database")
    return found


@contextmanager
def _writing(store: str | None) -> Iterator[Connection]:
    from eccentra.store.database import open_store

    opened = open_store(store)
    try:
        with opened.write() as connection:
            yield connection
    finally:
        opened.close()


def _now() -> int:
    return time.time_ns() // 1000


def _day(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).date().isoformat()
