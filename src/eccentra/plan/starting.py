"""The first prescription of a programme's exercise: its week, the exercise's record, the person's limits.

What neither knows, the load above all, a person must say.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from eccentra.errors import PlanError
from eccentra.exercises import load_exercise
from eccentra.plan.prescription import Prescription, parse_prescription
from eccentra.plan.programmes import load_programme
from eccentra.plan.steps import target_of_week
from eccentra.plan.thresholds import PainBand, Profile, thresholds

__all__ = ["programme_prescription"]


def programme_prescription(
    template: str,
    exercise: str,
    week: int,
    load: dict[str, Any],
    *,
    author: str,
    approved_by: str | None,
    stage: int,
    profile: Profile | None = None,
    side: Literal["left", "right", "both"] = "both",
    supervised: Literal["in_person", "remote_live", "none"] = "none",
    pain: PainBand | None = None,
) -> Prescription:
    """A complete prescription of a programme's week.

    Parameters
    ----------
    load
        The one load, such as ``{"assistance_pct_bm": 20.0}``.
    profile, pain
        The person's; the programme's profile when not given. A programme's own limits only tighten.

    Raises
    ------
    PlanError
        Unknown programme, exercise or week, or a load that cannot be.
    """
    programme = load_programme(template)
    course = programme.course_of(exercise)
    if course is None:
        raise PlanError(template, f"has no exercise {exercise}")
    dose = course.of_week(week)
    if dose is None:
        raise PlanError(template, f"has no week {week} of {exercise}; the last is {course.weeks}")
    record = load_exercise(exercise)
    band = pain or thresholds().pain.profiles[profile or programme.profile]
    if programme.pain is not None:
        band = PainBand(low=min(band.low, programme.pain.low), stop=min(band.stop, programme.pain.stop))
    tempo = list(course.tempo_s)
    if dose.hold_s is not None:
        tempo[1] = dose.hold_s
    reps = list(dose.reps) if isinstance(dose.reps, tuple) else dose.reps
    most = max(dose.reps) if isinstance(dose.reps, tuple) else dose.reps
    angle = record.expected_rom_deg
    wanted = 90.0 if angle is None else angle.typ
    raw: dict[str, Any] = {
        "exercise": exercise,
        "side": side,
        "sets": dose.sets,
        "reps": reps,
        "tempo_s": tempo,
        "tut_s": most * math.fsum(tempo[:3]),
        "rest_reps_s": course.rest_reps_s,
        "rest_sets_s": course.rest_sets_s,
        "rest_sessions_h": course.rest_sessions_h,
        "rom": [
            {
                "joint": record.primary_joint if record.primary_joint in ("knee", "hip", "trunk") else "knee",
                "start_deg": 0.0,
                "end_deg": wanted,
                "least_deg": wanted * course.rom_least_share,
            }
        ],
        "pain_limits": {"low": band.low, "stop": band.stop, "after": band.stop, "next_morning": band.low},
        "frequency_per_week": dose.sessions,
        "weeks": programme.weeks,
        "supervised": supervised,
        "stage": stage,
        "regress_to": list(record.regress_to),
        "progress_to": list(record.progress_to),
        "author": author,
        "approved_by": approved_by,
        "rpe": target_of_week(course, week, thresholds().limits),
        **load,
    }
    return parse_prescription(raw, f"{template}, week {week}")
