"""Decisions in plain words: intended for the person and the therapist, never a diagnosis."""

from __future__ import annotations

from operator import attrgetter

from eccentra.plan.decision_input import DecisionInput
from eccentra.plan.steps import Facts
from eccentra.plan.verdict import Verdict

__all__ = ["CORE", "LIMITS", "action_words", "missing_names", "reason"]

CORE: dict[int, str] = {
    1: "Stop. Contact your clinician",
    2: "Pain above your limit",
    3: "Not settled by next morning",
    4: "Muscle still sore",
    5: "Back after a break",
    6: "Not enough good data",
    7: "Acceptable pain, same load",
    8: "Too much for now",
    9: "Form first",
    10: "{side} does less",
    11: "Strength fell within the set",
    12: "Dose too low to judge",
    13: "Slower on the way down, if you were too fast",
    14: "More than planned",
    15: "Too easy",
    16: "Two good sessions: next step",
    17: "Repeat to confirm",
}

LIMITS: dict[str, str] = {
    "H1": "one thing at a time is changed",
    "H2": "two good sessions come before a step",
    "H3": "size of a load step",
    "H4": "size of a step of Nordic curls",
    "H5": "repetitions a week outside a programme",
    "H6": "48 h between heavy eccentric sessions",
    "H7": "load steps within seven days",
    "H8": "the first weeks are gentle",
    "H9": "days since the last session",
    "H10": "soreness before the session",
    "H11": "numbers that are not sound",
    "H12": "who must approve",
    "H13": "loading with the hip flexed waits",
    "H14": "a return is a human decision",
}

# Parts that rows look at and a session may leave out.
_NULLABLE = (
    "pain_during", "pain_24h_change", "soreness", "reps_ratio", "dose_ratio", "quality", "rom_ratio", "rpe",
    "asymmetry_pct", "force_loss", "tempo_adherence", "severe_fault_share",
)  # fmt: skip


_nullable = attrgetter(*_NULLABLE)


def reason(verdict: Verdict) -> str:
    """One or two sentences, the row's own words first."""
    core = CORE[verdict.row]
    if verdict.row == 10:
        core = core.format(side=verdict.why.partition(":")[0].capitalize())
    sign = "; " if ":" in core else ": "
    return f"{core}{sign}{verdict.why}. {action_words(verdict)}"


def action_words(verdict: Verdict) -> str:
    """What is to be done, in a sentence."""
    steps = "one step" if verdict.steps == 1 else f"{verdict.steps} steps"
    along = {
        None: "",
        "load": " in load",
        "reps": " in sets and repetitions",
        "rom": " in range of motion",
        "variant": " to another variant",
        "tempo": " in tempo",
    }[verdict.axis]
    if verdict.action == "REFER":
        return "The plan is locked until a therapist unlocks it."
    if verdict.action == "STOP":
        return f"Stop this exercise for today; next time {steps} easier{along}."
    if verdict.action == "REGRESS":
        return f"Next time {steps} easier{along}."
    if verdict.action == "HOLD":
        return "Same prescription next time."
    if verdict.table is None:
        return "A step up is due; the prescription does not say what could be stepped."
    late = " Until the next morning's answer it is provisional." if verdict.provisional else ""
    return f"Suggested: {steps} up{along}.{late}"


def missing_names(given: DecisionInput, facts: Facts) -> list[str]:
    """A note that names what nobody stated."""
    if not given.sessions:
        return []
    values = _nullable(given.sessions[-1])
    names = [name for name, value in zip(_NULLABLE, values, strict=True) if value is None]
    declared = {"rom_ratio": facts.rom, "quality": facts.quality}
    names = [name for name in names if declared.get(name, True)]
    names += ["adherence_2w"] if given.adherence_2w is None else []
    return [f"not stated: {', '.join(names)}"] if names else []
