"""The hard limits read again, straight from their table, over all that was prescribed to a person."""

from __future__ import annotations

import datetime as dt
from typing import Any

from eccentra.exercises import load_exercise
from eccentra.plan.prescription import LOADS
from eccentra.plan.programmes import load_programme
from eccentra.simulate.following import FIRST_DAY, Turn
from eccentra.simulate.patients import Patient

DAY_US = 86_400_000_000
AXES: dict[str, tuple[str, ...]] = {
    "load": LOADS,
    "reps": ("sets", "reps"),
    "rom": ("rom_target_deg",),
    "tempo": ("tempo_s",),
    "variant": ("variant",),
}


def broken_limits(one: Patient, found: list[Turn]) -> list[str]:
    """Every limit that a turn broke, in words; empty when all were kept."""
    out = []
    steps_up: list[int] = []
    for turn in found:
        before, after = turn.before.prescription.for_decision(), turn.after.prescription.for_decision()
        harder = turn.decision.action == "PROGRESS" and before != after
        if before != after:
            out += _changed(one, turn, before, after)
        if harder:
            out += _evidence(one, turn)
            if changed_axes(before, after) == ["load"] and turn.answered_us is not None:
                steps_up.append(turn.answered_us)
        alone = turn.decision.action == "PROGRESS" and not turn.decision.needs_approval
        if alone and one.mode == "clinic":
            out.append(f"H12: day {turn.day}")
        if turn.before != turn.after and turn.answer != "accept":
            out.append(f"H12: day {turn.day}, changed without a yes")
        if turn.decision.next_prescription is not None:
            # H14: nothing that is decided says anything about a return
            assert "return" not in str(turn.decision.next_prescription)
    out += [
        f"H7: three load steps from {a} to {c}"
        for a, c in zip(steps_up, steps_up[2:], strict=False)
        if c - a < 7 * DAY_US
    ]
    return out


def changed_axes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Along which axes two prescriptions differ."""
    return [axis for axis, keys in AXES.items() if any(before.get(key) != after.get(key) for key in keys)]


def _changed(one: Patient, turn: Turn, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    out = []
    up = turn.decision.action == "PROGRESS"
    weeks = _weeks(one)
    inside = one.template is not None and turn.after.level < weeks
    where = f"day {turn.day}, level {turn.before.level} to {turn.after.level}: {before} {after}"
    if not up and turn.decision.action not in ("REGRESS", "STOP"):
        out.append(f"{turn.decision.action} changed the prescription, {where}")
    if abs(turn.after.level - turn.before.level) > 1 and up:
        out.append(f"H1: more than one step, {where}")
    if inside:
        week = (dt.timedelta(days=turn.day)).days // 7 + 1
        if up and turn.after.level > week:
            out.append(f"H8: ahead of the programme, {where}")
        # a week back of one with so many repetitions at most is lighter by its load
        if (
            not up
            and before.get("load_rm") == after.get("load_rm")
            and _weekly(after) > _weekly(before) + 1e-6
        ):
            out.append(f"a step down asks for more, {where}")
        most = _weekly(before) * (1.0 + max(0.2, 1.0 / before["sets"])) + 1e-6
        if up and _weekly(before) < _of_week(one, turn.before.level + 1) - 1e-6 and _weekly(after) > most:
            out.append(f"H5, on the way back: {where}")
        return out
    if len(changed_axes(before, after)) > 1 and not (one.template is not None and turn.before.level >= weeks):
        out.append(f"H1: several axes, {where}")
    if not up:
        return out
    if (kg := before.get("load_kg")) and after.get("load_kg", 0.0) > kg * 1.1 + 1e-6:
        out.append(f"H3, {where}")
    if before.get("assistance_pct_bm", 0.0) - after.get("assistance_pct_bm", 0.0) > 5.0 + 1e-6:
        out.append(f"H4, {where}")
    if after.get("added_pct_bm", 0.0) - before.get("added_pct_bm", 0.0) > 2.5 + 1e-6:
        out.append(f"H4, {where}")
    sets = before["sets"]
    if _reps(after) > _reps(before) * (1.0 + max(0.2, 1.0 / sets)) + 1e-6:
        out.append(f"H5, {where}")
    return out


def _evidence(one: Patient, turn: Turn) -> list[str]:
    """Limits on what a step up rests on: H2, H8 to H11, H13; rows of red flags and pain besides."""
    out = []
    document, where = turn.document, f"day {turn.day}"
    rows = document["sessions"]
    level = [each for each in rows if one.template is not None or each["level"] == rows[-1]["level"]]
    days = sorted({each["date"] for each in level})[-2:]
    if len(days) < 2 and one.template is None:
        out.append(f"H2: {len(days)} days at the level, {where}")
    looked_at = [each for each in level if each["date"] in days]
    band = document["prescription"]["pain_limits"]
    for each in looked_at:
        if each["pain_during"] is None or each["pain_during"] > band["low"]:
            out.append(f"H2: pain {each['pain_during']}, {where}")
        if each["reps_ratio"] is None or each["reps_ratio"] < 1.0 - 1e-9:
            out.append(f"H2: repetitions {each['reps_ratio']}, {where}")
        if each["confidence"] != "ok" or each["valid_reps"] < 1:
            out.append(f"H11, {where}")
        if each["analgesic_24h"]:
            out.append(f"M2, {where}")
    newest = rows[-1]
    if newest["pain_24h_change"] is None and newest["hours_since"] > 36.0:
        out.append(f"M3, {where}")
    if (newest["pain_24h_change"] or 0.0) > 0.0:
        out.append(f"worse the next morning, {where}")
    week = document["template_week"] or document["programme_week"]
    if week <= 2 and newest["rpe"] > 6.5 + 1e-9:
        out.append(f"H8: effort {newest['rpe']}, {where}")
    if document["days_since_last"] >= max(8.0, 10.5 / document["prescription"]["frequency_per_week"]):
        out.append(f"H9, {where}")
    if (newest["soreness"] or 0.0) >= 4.0:
        out.append(f"H10, {where}")
    exercise = load_exercise(document["exercise"])
    if exercise.hip_flexed and document["profile"] == "tendinopathy" and document["stage"] < 3:
        out.append(f"H13, {where}")
    if exercise.heavy and len(rows) > 1:
        between = rows[-2]["hours_since"] - rows[-1]["hours_since"]
        if between < 48.0 and not any("H6" in note for note in turn.decision.notes):
            out.append(f"H6: {between} h, not said, {where}")
    return out


def _weeks(one: Patient) -> int:
    if one.template is None:
        return 0
    course = load_programme(one.template).course_of(one.follows.exercise)
    assert course is not None
    return course.weeks


def _of_week(one: Patient, week: int) -> float:
    """Repetitions that the programme asks in a week; 0 where its load counts."""
    course = load_programme(str(one.template)).course_of(one.follows.exercise)
    dose = None if course is None else course.of_week(min(week, course.weeks))
    return 0.0 if dose is None or dose.rm is not None else dose.reps_a_week()


def _reps(table: dict[str, Any]) -> int:
    reps = table["reps"]
    return sum(reps) if isinstance(reps, list) else table["sets"] * reps


def _weekly(table: dict[str, Any]) -> float:
    return float(_reps(table) * table["frequency_per_week"])


assert FIRST_DAY.weekday() == 0
