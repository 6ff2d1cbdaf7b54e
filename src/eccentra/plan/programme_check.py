"""What a person is prescribed, looked at as a whole: what is incomplete, and what advice says beside it.

An incomplete or impossible prescription is an error. Advice about the programme (eccentric work every week,
hip and trunk work, length, supervised sessions, warm-up) warns, in rehabilitation only. Heavy sessions of the
same muscle want a pause (limit H6), whatever the profile. Nothing here changes or blocks a prescription.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from eccentra.errors import ExerciseError, PlanError
from eccentra.exercises import load_exercise
from eccentra.plan.prescription import Prescription, parse_prescription
from eccentra.plan.programmes import Course, Programme, load_programme, programme_ids
from eccentra.plan.review_rules import review_rules
from eccentra.plan.thresholds import Profile, thresholds

__all__ = ["Finding", "check_prescribed", "check_programme", "roles_of"]

_WEEK_H = 168.0

Code = Literal[
    "incomplete", "unknown_exercise", "no_eccentric_week", "no_hip_work", "no_trunk_work", "short_programme",
    "few_supervised", "no_warm_up", "heavy_too_close",
]  # fmt: skip


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at; ``exercise`` is ``None`` when it is about the whole."""

    level: Literal["error", "warning"]
    code: Code
    message: str
    exercise: str | None = None


def check_prescribed(
    prescribed: Sequence[Prescription | Mapping[str, Any]],
    *,
    profile: Profile,
    warm_up: bool | None = None,
) -> tuple[Finding, ...]:
    """Look at all prescriptions of a person together.

    Parameters
    ----------
    prescribed
        As parsed, or as they were written.
    warm_up
        Whether a warm-up is part of the sessions; ``None`` when nobody said.

    Returns
    -------
    tuple of Finding
        Errors first. None when all is well.
    """
    whole: list[Prescription] = []
    errors: list[Finding] = []
    for k, raw in enumerate(prescribed):
        try:
            one = (
                raw
                if isinstance(raw, Prescription)
                else parse_prescription(dict(raw), f"prescription {k + 1}")
            )
            load_exercise(one.exercise)
        except PlanError as error:
            name = raw.get("exercise") if isinstance(raw, Mapping) else None
            errors.append(
                Finding(
                    level="error",
                    code="incomplete",
                    message=str(error),
                    exercise=name if isinstance(name, str) else None,
                )
            )
        except ExerciseError as error:
            errors.append(
                Finding(level="error", code="unknown_exercise", message=str(error), exercise=one.exercise)
            )
        else:
            whole.append(one)
    warnings = [*_heavy((one.exercise, one.rest_sessions_h, one.frequency_per_week) for one in whole)]
    if profile != "prevention" and whole:
        warnings += _advice_on_prescriptions(whole, warm_up)
    return (*errors, *warnings)


def check_programme(programme: Programme) -> tuple[Finding, ...]:
    """Look at a programme's file; advice only when it is one of rehabilitation."""
    heavy = (
        (name, course.rest_sessions_h, max(week.sessions for week in course.week))
        for course in programme.course
        for name in course.exercises
    )
    found = [*_heavy(heavy)]
    if not programme.rehabilitation:
        return tuple(found)
    eccentric = [
        one for one in programme.course if one.role == "eccentric_hamstring" and one.tempo_s[0] > 0.0
    ]
    empty = [
        week
        for week in range(1, programme.weeks + 1)
        if not any(_in_week(course, week) >= 1.0 for course in eccentric)
    ]
    supervised = None if programme.supervised is None else programme.supervised * programme.weeks
    found += _advice(
        empty_weeks=len(empty),
        roles={course.role for course in programme.course},
        weeks=programme.weeks,
        supervised=supervised,
        warm_up=bool(programme.warm_up),
    )
    return tuple(found)


@functools.lru_cache(maxsize=128)
def roles_of(exercise: str) -> frozenset[str]:
    """What an exercise does in the published programmes; empty when none has it."""
    found = (load_programme(name).course_of(exercise) for name in programme_ids())
    return frozenset(course.role for course in found if course is not None)


def _in_week(course: Course, week: int) -> float:
    dose = course.of_week(week)
    return 0.0 if dose is None else dose.sessions


def _advice_on_prescriptions(whole: Sequence[Prescription], warm_up: bool | None) -> list[Finding]:
    weeks = max(one.weeks for one in whole)
    eccentric = [
        one.weeks
        for one in whole
        if "eccentric_hamstring" in roles_of(one.exercise)
        and one.tempo_s[0] > 0.0
        and one.frequency_per_week >= 1.0
    ]
    watched = [one.frequency_per_week * one.weeks for one in whole if one.supervised != "none"]
    return _advice(
        empty_weeks=weeks - max(eccentric, default=0),
        roles={role for one in whole for role in roles_of(one.exercise)},
        weeks=weeks,
        # exercises share sessions: those of the one done most often
        supervised=max(watched, default=0.0),
        warm_up=warm_up,
    )


def _advice(
    *,
    empty_weeks: int,
    roles: set[str],
    weeks: int,
    supervised: float | None,
    warm_up: bool | None,
) -> list[Finding]:
    """What a programme of rehabilitation should have."""
    rules = review_rules().programme
    found: list[tuple[Code, str]] = []
    if empty_weeks > 0:
        text = f"{empty_weeks} of {weeks} weeks have no eccentric exercise of the hamstrings"
        found.append(("no_eccentric_week", text))
    if "hip_strength" not in roles:
        found.append(("no_hip_work", "no hip exercise (abduction, bridge, hip thrust) is planned"))
    if "trunk" not in roles:
        found.append(("no_trunk_work", "no trunk exercise (plank) is planned"))
    if weeks < rules.least_weeks:
        found.append(("short_programme", f"{weeks} weeks are planned, {rules.least_weeks} are advised"))
    least = rules.supervised_sessions
    if supervised is None:
        found.append(("few_supervised", f"supervised sessions are not stated, {least} are advised"))
    elif math.floor(supervised + 1e-9) < least:
        planned = math.floor(supervised + 1e-9)
        found.append(("few_supervised", f"{planned} supervised sessions are planned, {least} are advised"))
    if not warm_up:
        stated = "no warm-up is planned" if warm_up is False else "a warm-up is not stated"
        found.append(("no_warm_up", f"{stated}; one comes before eccentric sets"))
    return [Finding(level="warning", code=code, message=text) for code, text in found]


def _heavy(planned: Iterable[tuple[str, float, float]]) -> list[Finding]:
    """Limit H6 for exercises, their rest between sessions (h), and sessions a week."""
    least = thresholds().limits.heavy_hours
    found = []
    for name, rest_h, often in planned:
        if not load_exercise(name).heavy:
            continue
        if rest_h < least:
            text = f"{rest_h:g} h between sessions, {least:g} h are advised for a heavy exercise (H6)"
        elif often * least > _WEEK_H + 1e-9:
            text = f"{often:g} sessions a week leave less than {least:g} h between them (H6)"
        else:
            continue
        found.append(Finding(level="warning", code="heavy_too_close", message=text, exercise=name))
    return found
