"""Hard limits of a step up: those on evidence block it, those on size make it smaller.

H1 one axis at a time, H2 two good sessions, H3 and H4 size of a load step, H5 weekly repetitions, H6 48 h
between heavy sessions (warns), H7 load steps a week, H8 the first weeks, H9 a break, H10 soreness, H11 data,
H12 approval, H13 hip-flexed loading of a tendon, H14 the return (a person's alone, nothing here sets it).
"""

from __future__ import annotations

import msgspec

from eccentra.plan.decision_input import DecisionInput
from eccentra.plan.history import EDGE, History
from eccentra.plan.programmes import Course, Week
from eccentra.plan.steps import (
    NOTHING_KNOWN,
    Facts,
    Step,
    grow_reps,
    harder_load,
    held_of,
    in_week,
    load_key,
    reps_share_of_week,
    share_of_week,
    weekly_cap_pct,
    with_rom,
    with_tempo,
    with_variant,
)
from eccentra.plan.thresholds import LimitSizes

__all__ = ["blocked", "first_weeks", "heavy_note", "not_evaluated", "progressed"]


def first_weeks(given: DecisionInput, seen: History) -> bool:
    """Whether it is one of the first weeks of programme or training."""
    week = given.template_week if given.template is not None else given.programme_week
    return week is not None and week <= seen.rules.limits.first_weeks


def blocked(given: DecisionInput, seen: History, facts: Facts) -> tuple[str, str] | None:
    """The limit on evidence that forbids a step up, and why; H2, H10 and H11 are rows of the table."""
    sizes = seen.rules.limits
    if first_weeks(given, seen):
        most = sizes.first_weeks_rpe
        # in a programme it is the ceiling of the target, which a session may exceed as any target
        allowed = most + (seen.rules.effort.good_above_target if given.template is not None else 0.0)
        hardest = max((one.rpe or 0.0) for day in seen.pair for one in day)
        if hardest > allowed + EDGE:
            return "H8", f"effort {hardest:g} in the first {sizes.first_weeks} weeks, at most {most:g}"
    if facts.hip_flexed and given.profile == "tendinopathy" and given.stage < sizes.hip_flexed_stage:
        return "H13", f"loading with the hip flexed waits for stage {sizes.hip_flexed_stage}"
    return None


def not_evaluated(given: DecisionInput, seen: History) -> list[str]:
    """Limits whose input is absent."""
    notes = []
    if given.load_steps_7d is None:
        notes.append("H7 not evaluated: load_steps_7d is not stated")
    if given.template is None and given.programme_week is None:
        notes.append("H8 not evaluated: programme_week is not stated")
    if any(one.soreness is None for one in seen.newest):
        notes.append("H10 not evaluated: soreness is not stated")
    return notes


def heavy_note(given: DecisionInput, seen: History, facts: Facts) -> str | None:
    """H6, which warns only: heavy sessions too close to each other."""
    least = seen.rules.limits.heavy_hours
    if not facts.heavy or len(given.sessions) < 2:
        return None
    between = given.sessions[-2].hours_since - given.sessions[-1].hours_since
    if 0.0 <= between < least - EDGE:
        return (
            f"H6: {between:g} h between the last two sessions, {least:g} h are meant for heavy eccentric work"
        )
    return None


def progressed(given: DecisionInput, seen: History, facts: Facts, course: Course | None) -> Step:
    """One step up within the limits on size."""
    wish = given.requested
    week = given.template_week
    less = wish is not None and (wish.change_pct or 0.0) < 0.0
    if course is not None and week is not None and not less and given.below_programme:
        step = _way_back(given, seen, course, week)
        if step is not None:
            return step
    if course is not None and week is not None and not less and course.of_week(week + 1) is not None:
        step = in_week(given.prescription, course, week + 1, course.of_week(week), seen.rules.limits)
        if wish is None:
            return step
        told = f"the programme's week decides, the wish for {wish.axis} was not used"
        return msgspec.structs.replace(step, note="; ".join(filter(None, (step.note, told))))
    if wish is None:
        return _own_order(given, seen, facts)
    return _along(wish.axis, wish.change_pct, given, seen, facts) or NOTHING_KNOWN


def _way_back(given: DecisionInput, seen: History, course: Course, week: int) -> Step | None:
    """Up again after steps down: to the programme's first week that asks for more than now, or towards it.

    Not at once to the week whose turn it is: that can be twice what the last good sessions were, and what is
    prescribed is no week of the programme, so that its ramp is no excuse (limits H1 and H5). ``None`` when
    all of it is prescribed again.
    """
    sizes, now = seen.rules.limits, given.prescribed
    for number in range(1, min(week, course.weeks) + 1):
        dose = course.of_week(number)
        share = None if dose is None else share_of_week(now, dose)
        if dose is None or share is None or share > 1.0 - EDGE:
            continue
        told = f"on the way back to week {number} of the programme"
        step = in_week(given.prescription, course, number, None, sizes)
        # fewer, longer holds may be the same seconds: neither grows by more
        least = min(share, reps_share_of_week(now, dose) or share)
        if 1.0 / least > 1.0 + weekly_cap_pct(now.sets, sizes) / 100.0 + EDGE:
            step = _part_way(given, dose, step, sizes)
        return msgspec.structs.replace(step, note=told)
    return None


def _part_way(given: DecisionInput, dose: Week, whole: Step, sizes: LimitSizes) -> Step:
    """Towards a programme's week by as many repetitions as H5 allows, none of them held for longer."""
    step = grow_reps(given.prescription, given.prescribed, sizes, None) or whole
    held = held_of(given.prescribed)
    if step.table is not None and dose.hold_s is not None and held is not None and held > dose.hold_s:
        tempo = {"tempo_s": [0.0, dose.hold_s, 0.0, 0.0]}
        step = msgspec.structs.replace(step, table={**step.table, **tempo})
    return msgspec.structs.replace(step, limit="H5")


def _own_order(given: DecisionInput, seen: History, facts: Facts) -> Step:
    if load_key(given.prescribed) is not None:
        step = _along("load", None, given, seen, facts)
        assert step is not None
        if step.table is None and step.limit == "H4":
            return with_variant(given.prescription, facts.progress_to) or step
        if step.table is not None or step.limit is not None or facts.load_axis[:1] == ("load",):
            return step
    elif "load" in facts.load_axis:
        return NOTHING_KNOWN
    for axis in facts.load_axis:
        if axis == "load":
            continue
        step = _along("tempo" if axis == "hold" else axis, None, given, seen, facts)
        if step is not None and step.table is not None:
            return step
    return NOTHING_KNOWN


def _along(axis: str, wish: float | None, given: DecisionInput, seen: History, facts: Facts) -> Step | None:
    sizes, table, prescribed = seen.rules.limits, given.prescription, given.prescribed
    if axis == "reps":
        return grow_reps(table, prescribed, sizes, wish)
    if axis == "rom":
        return with_rom(table, prescribed, sizes, wish)
    if axis == "tempo":
        return with_tempo(table, prescribed, sizes, wish)
    if axis == "variant":
        return with_variant(table, facts.regress_to if (wish or 0.0) < 0.0 else facts.progress_to)
    if (wish is None or wish > 0.0) and (given.load_steps_7d or 0) >= sizes.load_steps_7d:
        note = f"{given.load_steps_7d} load steps in 7 days, at most {sizes.load_steps_7d}"
        return Step("load", None, "H7", note=note)
    early = first_weeks(given, seen)
    most = sizes.load_step_most_pct if given.mode == "clinic" and not early else sizes.load_step_pct
    step = harder_load(table, prescribed, sizes, wish, given.plate_step_kg, most=most)
    if step is not None and step.limit == "H3" and early and wish is not None:
        return msgspec.structs.replace(step, limit="H8")
    return step
