"""``eccentra demo --weeks N``: a simulated athlete goes through a programme, decision by decision."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.text import Text

    from eccentra.hub.rehearse import Rehearsed
    from eccentra.plan.prescription import Prescription

__all__ = ["show_weeks"]

_COLOURS = {"PROGRESS": "green", "HOLD": "cyan", "REGRESS": "yellow", "STOP": "red", "REFER": "bold red"}
_WHEN = {
    "session": "after the session",
    "morning": "next morning",
    "late": "no answer the next morning",
    "red_flag": "red flag",
    "return": "back after a break",
}
_MOST_CHANGES = 2


def show_weeks(weeks: int, seed: int, folder: Path, watched: bool) -> None:
    """Simulate, decide, answer and explain; the results stay in a database in ``folder``."""
    from eccentra.hub.rehearse import rehearse
    from eccentra.simulate.patients import Patient
    from eccentra.store.database import open_store

    flare = 3 + 7 * max(1, weeks // 2)
    one = Patient(
        id=f"athlete-{seed}",
        kind="flare",
        seed=seed,
        programme="mjolsnes",
        mode="clinic",
        flares=((flare, 5.0),),
    )
    path = folder / f"weeks-{secrets.token_hex(6)}.sqlite"
    store = open_store(f"sqlite:///{path}")
    counts: dict[str, int] = {}
    changes = 0
    tell = _teller(watched)
    tell(
        f"Simulated athlete, programme {one.template}, {weeks} weeks; every step up needs a therapist's yes",
        "bold",
    )
    tell(f"begins with {_dose(one.first_prescription())}", "")
    try:
        for each in rehearse(store, one, weeks):
            action = each.turn.decision.action
            if each.turn.answer is not None:
                counts[action] = counts.get(action, 0) + 1
                changes += each.turn.before != each.turn.after
            for line, style in _lines(each):
                tell(line, style)
    finally:
        store.close()
    told = ", ".join(f"{count} x {action}" for action, count in sorted(counts.items()))
    tell(
        f"{weeks} weeks: {sum(counts.values())} decisions answered ({told}), {changes} changes of the plan",
        "bold",
    )
    tell(f"results database: {path}", "")


def _teller(watched: bool) -> Any:
    """How a line is written: coloured in a terminal, plain elsewhere."""
    if not watched:
        return lambda line, style: typer.echo(line)
    from rich.console import Console

    console = Console(highlight=False)

    def tell(line: str, style: str) -> None:
        from rich.text import Text

        text: Text = Text(line, style=style)
        console.print(text)

    return tell


def _lines(each: Rehearsed) -> list[tuple[str, str]]:
    """What is shown of a decision: what was done, what is said and why, what would change it, the answer."""
    import msgspec

    turn = each.turn
    output: dict[str, Any] = msgspec.json.decode(each.kept.output)
    at = dt.datetime.fromtimestamp(turn.at_us / 1e6, dt.UTC)
    head = f"week {turn.day // 7 + 1:2d}, {at:%a %d %b}, {_WHEN[turn.why]}"
    lines = []
    if turn.why == "session" and turn.done:
        lines.append((f"{head}: {_result(turn.document['sessions'][-1])}", ""))
        if output["action"] in ("PROGRESS", "HOLD"):
            return lines  # told again, and answered, with the next morning's score
    style = _COLOURS[output["action"]]
    lines.append((f"{head}: row {output['row']} {output['action']}: {output['reason']}", style))
    lines += [(f"    note: {note}", "dim") for note in output["notes"] if not note.startswith("not stated")]
    lines += [
        (f"    if {change['if']}: {change['then']}", "dim")
        for change in output["would_change"][:_MOST_CHANGES]
    ]
    if each.response is not None:
        lines.append((f"    {_answer(each)}", "bold" if turn.before != turn.after else "dim"))
    return lines


def _answer(each: Rehearsed) -> str:
    turn, response = each.turn, each.response
    assert response is not None
    who = "the therapist" if turn.who == "therapist" else "the athlete"
    if response.status != "done":
        return f"{who}: {response.message}"
    if response.prescription is None:
        return f"{who}: {turn.answer}, the prescription stays {_dose(turn.after.prescription)}"
    return f"{who}: {turn.answer}, now {_dose(response.prescription.prescription)}"


def _result(row: dict[str, Any]) -> str:
    parts = [f"{row['valid_reps']} repetitions"]
    parts += [
        f"{word} {row[name]:g}"
        for name, word in (("pain_during", "pain"), ("rpe", "effort"), ("soreness", "soreness before"))
        if row[name] is not None
    ]
    return ", ".join(parts)


def _dose(one: Prescription) -> str:
    reps = ", ".join(map(str, one.reps)) if isinstance(one.reps, tuple) else str(one.reps)
    load = f", {one.added_pct_bm:g} % of body mass added" if one.added_pct_bm else ""
    return f"{one.sets} sets of {reps}, {one.frequency_per_week:g} a week{load}"
