"""``eccentra plan explain``: why this, from which inputs and thresholds, and what would change it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eccentra.cli.plan_show import StoreUrl
from eccentra.errors import InputError, PlanError

if TYPE_CHECKING:
    from eccentra.plan.what_if import Near
    from eccentra.store.decisions import Answer, Kept

__all__ = ["explain"]

_NEAR = 6


def explain(
    athlete: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Pseudonym of the person: the newest decision about each exercise."),
    ] = None,
    decision: Annotated[
        str | None, typer.Option(metavar="ID", help="One decision; the first letters of its id are enough.")
    ] = None,
    store: StoreUrl = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
) -> None:
    """Explain decisions: why this, what was looked at, what else was near, what would change it."""
    import msgspec

    from eccentra.store.database import open_store
    from eccentra.store.decisions import answers_to, decisions_like, newest_decisions

    if (athlete is None) == (decision is None):
        raise InputError("plan explain", "expected --athlete or --decision")
    opened = open_store(store)
    try:
        with opened.read() as connection:
            if decision is not None:
                found = decisions_like(connection, decision)
                if len(found) != 1:
                    known = (
                        "no decision has this id" if not found else f"{len(found)} decisions begin like this"
                    )
                    raise InputError(f"--decision {decision[:64]}", known)
            else:
                found = newest_decisions(connection, athlete or "")
                if not found:
                    raise InputError(f"--athlete {athlete}", "has no decision: none is made before a session")
            answers = [answers_to(connection, one.id) for one in found]
    finally:
        opened.close()
    if json:
        document = [_document(one, said) for one, said in zip(found, answers, strict=True)]
        whole = {"schema": "eccentra.plan-explain/1", "decisions": document}
        typer.echo(msgspec.json.format(msgspec.json.encode(whole), indent=1).decode())
        return
    for k, (one, said) in enumerate(zip(found, answers, strict=True)):
        for line in ([""] if k else []) + list(_lines(one, said)):
            typer.echo(line)


def _document(one: Kept, said: list[Answer]) -> dict[str, Any]:
    import msgspec

    near, _ = _near(one)
    return {
        "decision": one.id,
        "athlete": one.person,
        "exercise": one.exercise,
        "status": one.status,
        "version": one.version,
        "output": msgspec.Raw(one.output.encode()),
        "input": msgspec.Raw(one.input.encode()),
        "near": near,
        "answers": said,
    }


def _near(one: Kept) -> tuple[tuple[Near, ...], str | None]:
    """What was near by the thresholds of today, and why that may not be those of the decision."""
    import msgspec

    from eccentra.plan.decide import rules_for
    from eccentra.plan.decision_input import parse_decision_input
    from eccentra.plan.thresholds import thresholds
    from eccentra.plan.what_if import nearest

    try:
        given = parse_decision_input(msgspec.json.decode(one.input), one.id)
        near = nearest(given, rules_for(given))
    except PlanError as error:
        return (), f"the input cannot be used: {error.problem}"
    then = msgspec.json.decode(one.output)["thresholds_version"]
    now = thresholds().version
    return (
        near,
        None if then == now else f"decided with thresholds {then}; the limits shown are those of {now}",
    )


def _lines(one: Kept, said: list[Answer]) -> Iterator[str]:
    import msgspec

    from eccentra.plan.words import LIMITS

    out = msgspec.json.decode(one.output)
    yield f"Decision {one.id}, {one.exercise}, {_clock(one.at_us)}, {one.status}"
    marks = [f"row {out['row']}", out["action"]]
    marks += ["provisional until the next morning's answer"] if out["provisional"] else []
    marks += ["locked until a therapist unlocks it"] if out["locked"] else []
    marks += ["needs a therapist"] if out["needs_approval"] else []
    yield ", ".join(marks)
    yield from _part("Why", [out["reason"], f"grounds: {out['evidence']}; thresholds {one.version}"])
    yield from _part("Looked at", _inputs(out["inputs_used"]))
    near, doubt = _near(one)
    shown = [f"{each.name} was {each.value:g}, the limit is {each.limit:g}" for each in near[:_NEAR]]
    yield from _part("Nearest limits", ([doubt] if doubt else []) + shown)
    held = [f"{name}: {LIMITS.get(name, 'limit')}" for name in out["limits"]]
    yield from _part("Held back by", held + [f"modifier {name}" for name in out["modifiers"]])
    yield from _part("Would change it", [f"if {each['if']}: {each['then']}" for each in out["would_change"]])
    yield from _part("Next prescription", _next(msgspec.json.decode(one.input), out))
    yield from _part("Notes", out["notes"])
    yield from _part("Answers", [_answer(each) for each in said])


def _part(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield title
        for line in lines:
            yield f"  {line}"


def _inputs(used: dict[str, Any]) -> list[str]:
    known = [f"{name} {_plain(value)}" for name, value in used.items() if value is not None]
    missing = [name for name, value in used.items() if value is None]
    lines = [", ".join(known[k : k + 5]) for k in range(0, len(known), 5)]
    return lines + ([f"not known: {', '.join(missing)}"] if missing else [])


def _next(given: dict[str, Any], out: dict[str, Any]) -> list[str]:
    """What changes against the prescription that was in force."""
    after, before = out["next_prescription"], given["prescription"]
    if after is None:
        return ["not known: the prescription does not say what could be stepped"] if out["steps"] else []
    changed = [
        f"{name}: {_plain(before.get(name))} to {_plain(after.get(name))}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
        and (before.get(name) is not None or after.get(name) is not None)
    ]
    return changed or ["as before"]


def _answer(one: Answer) -> str:
    why = f": {one.reason}" if one.reason else ""
    return f"{one.verdict} by {one.who}, {_clock(one.at_us)}{why}"


def _clock(at_us: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC):%Y-%m-%d %H:%M} UTC"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "nothing" if value is None else str(value)
