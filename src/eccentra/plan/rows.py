"""The decision table: rows 1 to 14 as functions of the history. The first that matches is the row.

Every number is a threshold of ``pipelines/shared/progression.toml``, with its source beside it; how well a
row is founded is :data:`EVIDENCE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from eccentra.plan.decision_input import DecisionInput, SessionResult
from eccentra.plan.history import EDGE, Day, History
from eccentra.plan.passing import break_start_days
from eccentra.plan.thresholds import Thresholds

__all__ = ["EVIDENCE", "Action", "Match", "matches", "red_flag"]

Action = Literal["REFER", "STOP", "REGRESS", "HOLD", "PROGRESS"]
Evidence = Literal["evidence", "judgement", "mixed"]

_MIXED = {1, 2, 3, 5, 7, 9, 10, 11, 12, 13, 16}
EVIDENCE: dict[int, Evidence] = {row: "mixed" if row in _MIXED else "judgement" for row in range(1, 18)}


class Match(msgspec.Struct, frozen=True):
    """A row that matches: what it asks for, and why, in words."""

    row: int
    action: Action
    steps: int
    why: str
    limit: str | None = None


def red_flag(given: DecisionInput, rules: Thresholds) -> str | None:
    """Row 1: what locks the plan, in words; ``None`` when nothing does."""
    for one in given.sessions:
        if one.red_flags:
            return f"red flag on {one.date}: {', '.join(one.red_flags)}"
        if one.pain_during is not None and one.pain_during > rules.pain.refer_above + EDGE:
            return f"pain {one.pain_during:g} on {one.date}, above {rules.pain.refer_above:g}"
        change = one.pain_24h_change
        if change is not None and change >= rules.pain.refer_next_morning - EDGE:
            return f"pain {change:+g} the morning after {one.date}"
    weeks = given.weekly_pain_medians or ()
    rise = rules.pain.weekly_rise - EDGE
    for a, b, c in zip(weeks, weeks[1:], weeks[2:], strict=False):
        if b - a >= rise and c - b >= rise:
            return f"weekly pain rose twice in a row: {a:g}, {b:g}, {c:g}"
    return None


def matches(given: DecisionInput, seen: History, rpe_limit: float) -> list[Match]:
    """Rows 2 to 14 that match, in order."""
    found = [
        _pain(seen),
        _next_morning(seen),
        _soreness(seen),
        _break(given, seen),
        _confidence(seen),
        _acceptable(seen),
        _too_much(seen, rpe_limit),
        _form(seen),
        _asymmetry(seen),
        _fatigue(seen),
        _adherence(given, seen),
        _tempo(seen),
        _overdone(seen),
    ]
    return [one for one in found if one is not None]


def _worst(day: Day, name: str) -> float | None:
    """The greatest value of the day, ``None`` when nobody said."""
    if len(day) == 1:
        only: float | None = getattr(day[0], name)
        return only
    values = [value for one in day if (value := getattr(one, name)) is not None]
    return max(values) if values else None


def _pain(seen: History) -> Match | None:
    worst = _worst(seen.newest, "pain_during")
    if worst is None or worst <= seen.band.stop + EDGE:
        return None
    return Match(2, "STOP", 1, f"pain {worst:g} during, the limit is {seen.band.stop:g}")


def _next_morning(seen: History) -> Match | None:
    change = _worst(seen.newest, "pain_24h_change")
    least = seen.rules.pain.next_morning_worse
    if change is None or change < least - EDGE:
        return None
    return Match(3, "REGRESS", 1, f"pain {change:+g} the next morning, from {least:+g} on it is too much")


def _soreness(seen: History) -> Match | None:
    sore, rule = _worst(seen.newest, "soreness"), seen.rules.soreness
    if sore is None or sore < rule.hold - EDGE:
        return None
    much = sore >= rule.regress - EDGE
    return Match(
        4,
        "REGRESS" if much else "HOLD",
        int(much),
        f"soreness {sore:g} before the session, from {rule.regress if much else rule.hold:g} on",
        "H10",
    )


def _break(given: DecisionInput, seen: History) -> Match | None:
    rule, days = seen.rules.gap, given.days_since_last
    often = given.prescribed.frequency_per_week
    if days < break_start_days(often, seen.rules) - EDGE:
        return None
    steps = 2 if days > rule.two_steps_after_days + EDGE else int(days >= rule.one_step_days - EDGE)
    return Match(5, "REGRESS" if steps else "HOLD", steps, f"{days:g} days since the last session", "H9")


def _confidence(seen: History) -> Match | None:
    bad = [one for one in seen.newest if not seen.sound(one)]
    if not bad:
        return None
    one = bad[-1]
    if one.confidence == "low":
        why = "the data have low confidence"
    elif one.valid_reps < seen.least_valid:
        why = f"{one.valid_reps} valid repetitions, {seen.least_valid} are needed"
    else:
        why = "share of repetitions or dose not known"
    return Match(6, "HOLD", 0, why, "H11")


def _acceptable(seen: History) -> Match | None:
    worst, band = _worst(seen.newest, "pain_during"), seen.band
    if worst is None or worst <= band.low + EDGE or worst > band.stop + EDGE:
        return None
    return Match(7, "HOLD", 0, f"pain {worst:g} lies between {band.low:g} and {band.stop:g}")


def _too_much(seen: History, rpe_limit: float) -> Match | None:
    rpe, least = _worst(seen.newest, "rpe"), seen.rules.dose.too_little - EDGE
    if rpe is not None and rpe >= rpe_limit - EDGE:
        return Match(8, "REGRESS", 1, f"effort {rpe:g}, from {rpe_limit:g} on it is too much")

    def little(one: SessionResult) -> bool:
        return (one.reps_ratio or 0.0) < least or (one.dose_ratio or 0.0) < least

    if not seen.both(little):
        return None
    share = seen.rules.dose.too_little
    return Match(8, "REGRESS", 1, f"less than {share:.0%} of repetitions or dose in two sessions")


def _form(seen: History) -> Match | None:
    if not all(seen.sound(one) for one in seen.newest):
        return None
    worst = [why for one in seen.newest if (why := _worst_part(one, seen.rules)) is not None]
    if not worst:
        return None
    twice = seen.both(lambda one: _worst_part(one, seen.rules) is not None)
    return Match(
        9, "REGRESS" if twice else "HOLD", int(twice), worst[-1] + (" in two sessions" if twice else "")
    )


def _worst_part(one: SessionResult, rules: Thresholds) -> str | None:
    """The part of the form that is furthest from its limit, ``None`` when all are within."""
    form = rules.form
    parts: list[tuple[float, str]] = []
    if one.rom_ratio is not None and one.rom_ratio < form.rom_least - EDGE:
        parts.append((one.rom_ratio / form.rom_least, f"range of motion {one.rom_ratio:.0%} of the target"))
    if one.quality is not None and one.quality < form.quality_least - EDGE:
        parts.append((one.quality / form.quality_least, f"quality {one.quality:g} of 100"))
    share = one.severe_fault_share
    if share is not None and share > form.severe_fault_share + EDGE:
        parts.append((form.severe_fault_share / share, f"a severe fault in {share:.0%} of repetitions"))
    return min(parts)[1] if parts else None


def same_side(pair: Sequence[Day], least: float) -> str | None:
    """The weaker side when it is the same, by so much, in both days."""
    for side in ("left", "right"):
        if len(pair) == 2 and all(
            any(
                one.asymmetry_side == side
                and one.asymmetry_pct is not None
                and one.asymmetry_pct >= least - EDGE
                for one in day
            )
            for day in pair
        ):
            return side
    return None


def _asymmetry(seen: History) -> Match | None:
    least = seen.rules.asymmetry.hold
    side = same_side(seen.pair, least) if seen.in_a_row else None
    if side is None:
        return None
    return Match(10, "HOLD", 0, f"{side}: {least:g} % or more below the other side in two sessions")


def _fatigue(seen: History) -> Match | None:
    loss, most = _worst(seen.newest, "force_loss"), seen.rules.fatigue.force_loss
    if loss is not None and loss > most + EDGE:
        return Match(11, "HOLD", 0, f"force fell by {loss:.0%}, more than {most:.0%}")
    if any(one.early_break_drift for one in seen.newest):
        return Match(11, "HOLD", 0, "control was lost earlier in the last repetitions")
    return None


def _adherence(given: DecisionInput, seen: History) -> Match | None:
    done, least = given.adherence_2w, seen.rules.adherence.least
    if done is None or done >= least - EDGE:
        return None
    return Match(12, "HOLD", 0, f"{done:.0%} of the planned dose in two weeks, {least:.0%} are needed")


def _tempo(seen: History) -> Match | None:
    values = [one.tempo_adherence for one in seen.newest if one.tempo_adherence is not None]
    least = seen.rules.tempo.least
    if not values or min(values) >= least - EDGE:
        return None
    return Match(13, "HOLD", 0, f"match the tempo: adherence {min(values):.0%}, {least:.0%} are needed")


def _overdone(seen: History) -> Match | None:
    dose, most = _worst(seen.newest, "dose_ratio"), seen.rules.dose.too_much
    if dose is None or dose <= most + EDGE:
        return None
    return Match(14, "HOLD", 0, f"{dose:.0%} of the prescribed dose, at most {most:.0%}")
