"""From what was measured and said to the input of a decision.

Pure: sessions, reports and prescriptions in, ``eccentra.decision-input/1`` out. What was not measured or said
stays null; nothing is assumed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from operator import attrgetter
from statistics import median
from typing import Any

from eccentra.plan.decision_input import SCHEMA
from eccentra.plan.done import US_PER_DAY, US_PER_HOUR, Known, Report, SessionDone, day_of, midnight_us
from eccentra.plan.measured import Measured, measured, session_dose
from eccentra.plan.prescription import Prescription
from eccentra.plan.programmes import load_programme
from eccentra.plan.steps import share_of_week
from eccentra.plan.thresholds import Thresholds, thresholds
from eccentra.plan.told import Told

__all__ = ["Memory", "decision_document"]

_WEEKS_OF_PAIN = 4
_WEEK_US = 7 * US_PER_DAY
_ENDED, _AT = attrgetter("ended_us", "id"), attrgetter("at_us")
# Stands where nothing was done, so that a red flag has its place.
_NO_SESSION: dict[str, Any] = {
    "level": None,
    "early_break_drift": False,
    "confidence": "low",
    "valid_reps": 0,
    "analgesic_24h": False,
}


class Memory:
    """For who asks again and again about the same sessions: what was measured and said in each, by its id.

    Sessions do not change meanwhile, and what was said is only added to.
    """

    def __init__(self) -> None:
        self._measured: dict[str, Measured] = {}
        self._rows: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {}

    def measured(self, one: SessionDone) -> Measured:
        """What was measured in a session."""
        found = self._measured.get(one.id)
        if found is None:
            found = self._measured[one.id] = measured(one)
        return found

    def row(self, one: SessionDone, said: Told, now_us: int) -> dict[str, Any]:
        """A session of the input."""
        amount = said.amount(one)
        known = self._rows.get(one.id)
        if known is None or known[0] != amount:
            known = self._rows[one.id] = amount, {**self.measured(one).row, **said.row(one)}
        return {**known[1], "hours_since": (now_us - one.ended_us) / US_PER_HOUR}


def decision_document(
    known: Known,
    sessions: Sequence[SessionDone],
    reports: Sequence[Report],
    now_us: int,
    *,
    rules: Thresholds | None = None,
    memory: Memory | None = None,
) -> dict[str, Any]:
    """``eccentra.decision-input/1`` at a moment; sessions and reports of one exercise, any order.

    Parameters
    ----------
    rules
        Those of the file when not given.
    memory
        It is read and added to.
    """
    memory = memory or Memory()
    done = sorted([one for one in sessions if one.ended_us <= now_us], key=_ENDED)
    said = Told(sorted([one for one in reports if one.at_us <= now_us], key=_AT))
    open_since = known.unlocked_us or 0
    counted = [one for one in done if one.ended_us > open_since]
    rows = [memory.row(one, said, now_us) for one in counted]
    weekly_pain = _weekly_pain(counted, rows, now_us)
    days = (now_us - done[-1].ended_us) / US_PER_DAY if done else 0.0
    # a red flag is about the person, whatever exercise it was told with
    flags = {flag for at, flag in said.red_flags if at > open_since}
    if flags and not rows:
        # told before the first session, or before the first since the plan was unlocked
        rows = [
            {**_NO_SESSION, "date": day_of(now_us).isoformat(), "hours_since": 24.0 * days, "red_flags": []}
        ]
    if rows:
        rows[-1]["red_flags"] = sorted({*rows[-1]["red_flags"], *flags})
    programme_week = max(0, (day_of(now_us) - known.since).days) // 7 + 1
    return {
        "schema": SCHEMA,
        "mode": known.mode,
        "profile": known.profile,
        "stage": known.stage,
        "exercise": known.exercise,
        "template": known.template,
        "template_week": known.template_week,
        "template_week_done": _week_done(known, done, programme_week),
        "programme_week": programme_week,
        "days_since_last": days,
        "adherence_2w": _adherence(known, done, now_us, memory),
        "prescription": known.prescription.for_decision(),
        "target": {"rpe": _target_rpe(known, programme_week, rules or thresholds())},
        "requested": known.requested,
        "load_steps_7d": sum(now_us - 7 * US_PER_DAY < at for at in known.load_steps_us),
        "plate_step_kg": known.plate_step_kg,
        "weekly_pain_medians": weekly_pain,
        "level": known.level,
        "steps_down_since_last": _steps_down(known, done),
        "below_programme": _below_programme(known),
        "sessions": rows[-200:],
    }


def _steps_down(known: Known, done: Sequence[SessionDone]) -> int:
    """Steps down since the newest session: answers count whenever they were given."""
    last = done[-1].ended_us if done else 0
    return sum(steps for at, steps in known.steps_down_us if at > last)


def _weekly_pain(
    done: Sequence[SessionDone], rows: Sequence[dict[str, Any]], now_us: int
) -> list[float] | None:
    """Median worst pain of each of the last weeks that had a score, oldest first."""
    weeks: dict[int, list[float]] = {}
    for one, row in zip(done, rows, strict=True):
        ago, pain = (now_us - one.ended_us) // _WEEK_US, row["pain_during"]
        if pain is not None and ago < _WEEKS_OF_PAIN:
            weeks.setdefault(ago, []).append(pain)
    return [median(weeks[ago]) for ago in sorted(weeks, reverse=True)] or None


# -- programme ----------------------------------------------------------------------------------------------


def _below_programme(known: Known) -> bool:
    """Whether less is prescribed than the week of the programme asks: after steps down, or by a person."""
    if known.template is None or known.template_week is None:
        return False
    course = load_programme(known.template).course_of(known.exercise)
    dose = None if course is None else course.of_week(min(known.template_week, course.weeks))
    share = None if dose is None else share_of_week(known.prescription, dose)
    return share is not None and share < 1.0 - 1e-9


def _target_rpe(known: Known, programme_week: int, rules: Thresholds) -> float:
    """Effort aimed at, with the ceiling of the first weeks (limit H8)."""
    week = programme_week if known.template_week is None else known.template_week
    sizes = rules.limits
    target = known.prescription.target_rpe
    return min(target, sizes.first_weeks_rpe) if week <= sizes.first_weeks else target


def _week_done(known: Known, done: Sequence[SessionDone], programme_week: int) -> bool | None:
    """Whether the programme's week has had its sessions, with the rest between them that is prescribed.

    Who is ahead of the programme's calendar has not: training every day is no way through it in half the time
    (limit H8 and the rule that no week is left out).
    """
    if known.template is None or known.week_from_us is None:
        return None
    if (known.template_week or 1) > programme_week:
        return False
    planned = known.prescription.frequency_per_week
    wanted = max(1, math.floor(min(planned, 7.0) + 1e-9))
    # no more rest than so many sessions leave in a week
    apart = min(known.prescription.rest_sessions_h // 24.0, 6 // max(1, wanted - 1))
    spaced: list[dt.date] = []
    for one in done:
        if one.ended_us <= known.week_from_us:
            continue
        day = day_of(one.ended_us)
        if not spaced or (day - spaced[-1]).days >= max(1.0, apart):
            spaced.append(day)
            if len(spaced) >= wanted:
                return True
    return False


def _adherence(known: Known, done: Sequence[SessionDone], now_us: int, memory: Memory) -> float | None:
    """Dose done in the last two weeks by dose planned, from the first day on; ``None`` in the first week."""
    days = min(14.0, (now_us - midnight_us(known.since)) / US_PER_DAY)
    if days < 7.0:
        return None
    since = now_us - round(days * US_PER_DAY)
    planned = _planned_s(known, done, since, now_us)
    times = [memory.measured(one).tut_s for one in done if one.ended_us > since]
    return min(math.fsum(times) / planned, 2.0) if planned > 0.0 else None


def _planned_s(known: Known, done: Sequence[SessionDone], since: int, now_us: int) -> float:
    """Time under tension planned between two moments, each stretch by what was in force then.

    What was in force before the present prescription is known from the sessions done with it.
    """
    recent = [one for one in done if one.ended_us > since]
    changed = known.week_from_us if known.week_from_us is not None else since
    total, at, last = 0.0, since, known.prescription
    for one in recent:
        if one.ended_us > changed:
            break
        last = one.prescription or last
        total += _rate(last) * (one.ended_us - at)
        at = one.ended_us
    if at < changed:
        total += _rate(last) * (changed - at)
        at = changed
    return total + _rate(known.prescription) * (now_us - at)


def _rate(one: Prescription) -> float:
    """Planned time under tension, s per microsecond."""
    return one.frequency_per_week * session_dose(one)[1] / _WEEK_US
