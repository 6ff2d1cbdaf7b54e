"""One decision about one exercise of one person: a pure function of what is known.

``decide(given)`` gives the same document for the same input, thresholds, exercise record and programme, byte
for byte; it names its row, what it used, and what would change the answer.
"""

from __future__ import annotations

import functools
from operator import attrgetter
from typing import Any, Literal

import msgspec

from eccentra.errors import ExerciseError, PlanError
from eccentra.exercises import load_exercise
from eccentra.plan.decision_input import RED_FLAG_FIRST, Axis, DecisionInput
from eccentra.plan.programmes import Programme, load_programme
from eccentra.plan.rows import EVIDENCE, Action, red_flag
from eccentra.plan.steps import Facts, Table
from eccentra.plan.thresholds import Thresholds, thresholds
from eccentra.plan.verdict import Modifier, Rules, Verdict, reach
from eccentra.plan.what_if import Change, would_change
from eccentra.plan.words import missing_names, reason

__all__ = ["Decision", "decide", "facts_of", "rules_for"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """``eccentra.decision/1``.

    Attributes
    ----------
    row
        Of the table, 1 to 17; the first that matched.
    steps
        How many, in the direction of ``action``.
    provisional
        The next morning's answer is still to come.
    locked
        Nothing goes on before a therapist unlocks it.
    needs_approval
        A therapist must accept it.
    limits
        Hard limits that held something back.
    next_prescription
        What would be prescribed; ``None`` when it is not known.
    """

    schema: Literal["eccentra.decision/1"] = "eccentra.decision/1"
    row: int
    action: Action
    steps: int
    axis: Axis | None
    provisional: bool
    locked: bool
    needs_approval: bool
    modifiers: tuple[Modifier, ...]
    limits: tuple[str, ...]
    next_prescription: Table | None
    notes: tuple[str, ...]
    reason: str
    inputs_used: dict[str, Any]
    would_change: tuple[Change, ...]
    evidence: Literal["evidence", "judgement", "mixed"]
    thresholds_version: str


@functools.lru_cache(maxsize=256)
def facts_of(exercise: str) -> Facts:
    """What the plan needs of an exercise's record.

    Raises
    ------
    PlanError
        When there is no such exercise.
    """
    try:
        one = load_exercise(exercise)
    except ExerciseError as error:
        raise PlanError("exercise", error.problem) from None
    metrics = one.stage.get("metrics", {})
    return Facts(
        id=one.id,
        load_axis=one.load_axis,
        regress_to=one.regress_to,
        progress_to=one.progress_to,
        rom=one.expected_rom_deg is not None and one.stage.get("kind") != "hold",
        quality="quality" in metrics,
        heavy=one.heavy,
        hip_flexed=one.hip_flexed,
    )


def rules_for(
    given: DecisionInput, rules: Thresholds | None = None, programme: Programme | None = None
) -> Rules:
    """The data that hold for an input; ``programme`` stands for the one of its id.

    Raises
    ------
    PlanError
        Unknown exercise or programme, or a programme that does not know the exercise.
    """
    facts = facts_of(given.exercise)
    if given.template is None:
        return Rules(rules or thresholds(), facts, None, None)
    try:
        if programme is None or programme.id != given.template:
            programme = load_programme(given.template)
    except PlanError as error:
        raise PlanError("template", error.problem, where=error.where) from None
    course = programme.course_of(given.exercise)
    if course is None:
        known = ", ".join(sorted({one for each in programme.course for one in each.exercises}))
        raise PlanError("template", f"{given.template} has no {given.exercise}; it has {known}")
    return Rules(rules or thresholds(), facts, programme, course)


def decide(
    given: DecisionInput,
    *,
    rules: Thresholds | None = None,
    what_if: bool = True,
    programme: Programme | None = None,
) -> Decision:
    """Decide.

    Parameters
    ----------
    given
        Checked input.
    rules
        Thresholds; those of the file when not given.
    what_if
        Whether to work out what would change the answer.
    programme
        Another version of the programme that is followed.

    Raises
    ------
    PlanError
        Unknown exercise or programme; begins with ``RED_FLAG_FIRST`` when the input reports a red flag.
    """
    try:
        data = rules_for(given, rules, programme)
    except PlanError as error:
        if red_flag(given, rules or thresholds()) is None:
            raise
        raise PlanError(f"{RED_FLAG_FIRST}; {error.source}", error.problem, where=error.where) from None
    verdict = reach(given, data)
    changes = would_change(given, data, verdict) if what_if else ()
    return _decision(given, data, verdict, changes)


def _decision(given: DecisionInput, data: Rules, verdict: Verdict, changes: tuple[Change, ...]) -> Decision:
    return Decision(
        row=verdict.row,
        action=verdict.action,
        steps=verdict.steps,
        axis=verdict.axis,
        provisional=verdict.provisional,
        locked=verdict.row == 1,
        needs_approval=verdict.needs_approval,
        modifiers=verdict.modifiers,
        limits=verdict.limits,
        next_prescription=verdict.table,
        notes=(*verdict.notes, *missing_names(given, data.facts), *given.notes),
        reason=reason(verdict),
        inputs_used=_inputs_used(given),
        would_change=changes,
        evidence=EVIDENCE[verdict.row],
        thresholds_version=data.thresholds.version,
    )


_TOP = ("mode", "profile", "stage", "days_since_last", "adherence_2w", "load_steps_7d", "programme_week")
_NEWEST = (
    "pain_during", "pain_24h_change", "soreness", "reps_ratio", "dose_ratio", "quality", "rom_ratio", "rpe",
    "force_loss", "tempo_adherence", "severe_fault_share", "asymmetry_pct", "asymmetry_side", "valid_reps",
    "confidence",
)  # fmt: skip


_top, _newest = attrgetter(*_TOP), attrgetter(*_NEWEST)


def _inputs_used(given: DecisionInput) -> dict[str, Any]:
    """What the rows looked at: of the person, of the newest session, and how many there are."""
    used: dict[str, Any] = dict(zip(_TOP, _top(given), strict=True))
    used["target_rpe"] = given.target.rpe
    used["template"] = given.template
    used["template_week"] = given.template_week
    used["sessions"] = len(given.sessions)
    if given.sessions:
        newest = given.sessions[-1]
        used |= zip(_NEWEST, _newest(newest), strict=True)
        used["date"] = newest.date.isoformat()
    return used
