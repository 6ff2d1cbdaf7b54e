"""From what was measured and said to the input of a decision.

Pure: sessions, reports and prescriptions in, ``eccentra.decision-input/1`` out. What was not measured or said
stays null; nothing is assumed.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import Any, Literal

import msgspec

from eccentra.ids import Flag
from eccentra.plan.decision_input import SCHEMA
from eccentra.plan.history import total_reps
from eccentra.plan.prescription import Prescription
from eccentra.plan.thresholds import Profile, Thresholds, thresholds
from eccentra.repetition import Metric, Repetition

__all__ = [
    "Known",
    "Report",
    "SessionDone",
    "day_of",
    "decision_document",
    "midnight_us",
    "session_document",
    "side_difference",
]

US_PER_HOUR = 3_600_000_000
US_PER_DAY = 24 * US_PER_HOUR
# More lost packets than this and the numbers say nothing (limit H11).
_LOST_SHARE = 0.05
_BASELINE_SCORES = 7
_WEEKS_OF_PAIN = 4
# A score belongs to a session when it was given this long before it, or after it.
_BEFORE_H, _MORNING_H = 12.0, 36.0
# With these, numbers of a session are no ground for more load.
_UNSOUND = {Flag.UNCALIBRATED, Flag.WRONG_SEGMENT, Flag.STRAP_SLIPPED, Flag.UPSIDE_DOWN, Flag.TARE_UNDER_LOAD}
# Stands where nothing was done, so that a red flag has its place.
_NO_SESSION: dict[str, Any] = {
    "level": None,
    "early_break_drift": False,
    "confidence": "low",
    "valid_reps": 0,
    "analgesic_24h": False,
}


class SessionDone(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of one session.

    Attributes
    ----------
    began_us, ended_us
        µs since 1970, UTC.
    reps
        Counted repetitions.
    sets
        Metrics of each set.
    flags
        Of sets and repetitions.
    lost_share
        Share of the session's time in which a needed sensor was silent.
    prescription, level
        What was in force when it began.
    """

    id: str
    exercise: str
    began_us: int
    ended_us: int
    reps: tuple[Repetition, ...]
    sets: tuple[dict[str, Metric], ...] = ()
    flags: tuple[Flag, ...] = ()
    lost_share: float = 0.0
    prescription: Prescription | None = None
    level: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Something the person said; ``session`` and ``exercise`` are ``None`` when it is about the day."""

    at_us: int
    kind: Literal["before", "during", "after", "next_morning", "session", "prom", "note"]
    session: str | None = None
    exercise: str | None = None
    pain: float | None = None
    soreness: float | None = None
    rpe: float | None = None
    analgesic: bool | None = None
    red_flag: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known of a person for one exercise.

    Attributes
    ----------
    since
        First day of the programme or of training.
    template_week
        Week under way of the programme ``template``.
    load_steps_us
        When the load was last stepped up.
    steps_down_us
        When it was made easier, and by how many steps.
    unlocked_us
        When a therapist last unlocked the plan: red flags up to then are dealt with.
    """

    mode: Literal["clinic", "prevention"]
    profile: Profile
    stage: int
    exercise: str
    prescription: Prescription
    since: dt.date
    template: str | None = None
    template_week: int | None = None
    week_from_us: int | None = None
    load_steps_us: tuple[int, ...] = ()
    steps_down_us: tuple[tuple[int, int], ...] = ()
    plate_step_kg: float | None = None
    requested: dict[str, Any] | None = None
    unlocked_us: int | None = None
    level: int | None = None


def decision_document(
    known: Known,
    sessions: Sequence[SessionDone],
    reports: Sequence[Report],
    now_us: int,
    *,
    rules: Thresholds | None = None,
    measured: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """``eccentra.decision-input/1`` at a moment; sessions and reports of one exercise, any order.

    Parameters
    ----------
    rules
        Those of the file when not given.
    measured
        Memory for who asks again and again about sessions that do not change: what was measured in each, by
        its id. It is read and added to.
    """
    measured = {} if measured is None else measured
    done = sorted((one for one in sessions if one.ended_us <= now_us), key=lambda one: (one.ended_us, one.id))
    said = _Said(sorted((one for one in reports if one.at_us <= now_us), key=lambda one: one.at_us))
    open_since = known.unlocked_us or 0
    rows = [_session_row(one, said, now_us, measured) for one in done if one.ended_us > open_since]
    days = (now_us - done[-1].ended_us) / US_PER_DAY if done else 0.0
    # a red flag is about the person, whatever exercise it was told with
    flags = {one.red_flag for one in said.all if one.red_flag and one.at_us > open_since}
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
        "adherence_2w": _adherence(known, done, now_us),
        "prescription": known.prescription.for_decision(),
        "target": {"rpe": _target_rpe(known, programme_week, rules or thresholds())},
        "requested": known.requested,
        "load_steps_7d": sum(now_us - 7 * US_PER_DAY < at for at in known.load_steps_us),
        "plate_step_kg": known.plate_step_kg,
        "weekly_pain_medians": _weekly_pain(done, said, now_us, open_since),
        "level": known.level,
        "steps_down_since_last": _steps_down(known, done),
        "sessions": rows[-200:],
    }


def _steps_down(known: Known, done: Sequence[SessionDone]) -> int:
    """Steps down since the newest session: answers count whenever they were given."""
    last = done[-1].ended_us if done else 0
    return sum(steps for at, steps in known.steps_down_us if at > last)


def session_document(one: SessionDone, said: Sequence[Report], now_us: int) -> dict[str, Any]:
    """One session of the input; ``said`` in order of time."""
    return _session_row(one, _Said(said), now_us, {})


def _session_row(
    one: SessionDone, said: _Said, now_us: int, measured: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    if one.id not in measured:
        measured[one.id] = _measured(one)
    pain = sore = rpe = None
    analgesic, flags = False, set()
    for report in said.about(one):
        kind = report.kind
        if report.pain is not None and kind in ("during", "session"):
            pain = report.pain if pain is None else max(pain, report.pain)
        if report.soreness is not None and kind in ("before", "session"):
            sore = report.soreness if sore is None else max(sore, report.soreness)
        if report.rpe is not None:
            rpe = report.rpe
        if report.red_flag:
            flags.add(report.red_flag)
        analgesic = analgesic or bool(report.analgesic)
    return {
        **measured[one.id],
        "hours_since": (now_us - one.ended_us) / US_PER_HOUR,
        "pain_during": pain,
        "pain_24h_change": _next_morning(one, said),
        "soreness": sore,
        "rpe": rpe,
        "red_flags": sorted(flags),
        "analgesic_24h": analgesic,
    }


class _Said:
    """What a person said in order of time, found by session."""

    def __init__(self, said: Sequence[Report]) -> None:
        self.all = said
        self.named: dict[str, list[Report]] = {}
        self.loose: list[Report] = []
        self.before: list[tuple[int, float]] = []
        for one in said:
            if one.session is None:
                self.loose.append(one)
            else:
                self.named.setdefault(one.session, []).append(one)
            if one.kind == "before" and one.pain is not None:
                self.before.append((one.at_us, one.pain))

    def about(self, one: SessionDone) -> list[Report]:
        """What was said of a session, in order of time."""
        own = self.named.get(one.id, [])
        loose = [report for report in self.loose if _belongs(report, one)]
        return sorted((*own, *loose), key=lambda each: each.at_us) if loose else own


def _measured(one: SessionDone) -> dict[str, Any]:
    """The part of a session's document that nobody said."""
    valid = [rep for rep in one.reps if rep.valid]
    prescribed = None if one.prescription is None else _prescribed(one.prescription)
    severe = sum(any(fault.severity == "severe" for fault in rep.faults) for rep in one.reps)
    side, share = side_difference(one.sets)
    return {
        "date": day_of(one.ended_us).isoformat(),
        "level": one.level,
        "ecc_reps": len(one.reps),
        "reps_ratio": None if prescribed is None else min(len(valid) / prescribed[0], 5.0),
        "dose_ratio": None if prescribed is None else _dose_ratio(valid, prescribed[1]),
        "quality": _mean([rep.value("quality_score") for rep in valid]),
        "rom_ratio": _rom_ratio(one, valid),
        "asymmetry_pct": share,
        "asymmetry_side": side,
        "force_loss": _clamped(_worst_of_sets(one.sets, "force_loss"), -1.0, 1.0),
        "early_break_drift": _drift(one.reps),
        "tempo_adherence": _clamped(_mean([rep.value("tempo_adherence") for rep in valid]), 0.0, 1.0),
        "confidence": _confidence(one),
        "valid_reps": len(valid),
        "severe_fault_share": severe / len(one.reps) if one.reps else None,
    }


# -- measured -----------------------------------------------------------------------------------------------


def _prescribed(one: Prescription) -> tuple[int, float]:
    """Repetitions and time under tension of a session."""
    reps = total_reps(one.sets, one.reps) or 1
    return reps, reps * math.fsum(one.tempo_s[:3])


def _dose_ratio(valid: Sequence[Repetition], prescribed_s: float) -> float | None:
    """Time under tension done by prescribed; ``None`` when one of the times is not known."""
    times = [rep.value("tut_s") for rep in valid]
    if prescribed_s <= 0.0 or any(time is None for time in times):
        return None
    return min(math.fsum(time for time in times if time is not None) / prescribed_s, 5.0)


def _rom_ratio(one: SessionDone, valid: Sequence[Repetition]) -> float | None:
    """Median range of motion by its target."""
    reached = [value for rep in valid if (value := rep.value("rom_deg")) is not None]
    if one.prescription is None or not reached:
        return None
    target = max(abs(joint.end_deg - joint.start_deg) for joint in one.prescription.rom)
    return min(median(reached) / target, 2.0) if target > 0.0 else None


def side_difference(sets: Sequence[dict[str, Metric]]) -> tuple[str | None, float | None]:
    """Weaker side and difference in %, the mean of the sets that know it; positive is right above left."""
    values = [m.value for one in sets if (m := one.get("asymmetry_signed_pct")) and m.value is not None]
    if not values:
        return None, None
    mean = math.fsum(values) / len(values)
    return ("left" if mean > 0.0 else "right"), min(abs(mean), 100.0)


def _drift(reps: Sequence[Repetition]) -> bool:
    """Control lost at a lean 8 degrees smaller in the last two repetitions than in the first three."""
    leans = [rep.break_point.lean_deg for rep in reps if rep.break_point is not None]
    known = [lean for lean in leans if lean is not None]
    if len(known) < 5:
        return False
    first = math.fsum(known[:3]) / 3.0
    return all(first - lean >= _EARLIER_DEG for lean in known[-2:])


_EARLIER_DEG = 8.0  # smallest real change of a break-point (Lee 2018, IJSPP)


def _confidence(one: SessionDone) -> str:
    return "low" if one.lost_share > _LOST_SHARE or _UNSOUND & set(one.flags) else "ok"


def _worst_of_sets(sets: Sequence[dict[str, Metric]], name: str) -> float | None:
    values = [metric.value for one in sets if (metric := one.get(name)) and metric.value is not None]
    return max(values) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _clamped(value: float | None, low: float, high: float) -> float | None:
    return None if value is None else min(max(value, low), high)


# -- said ---------------------------------------------------------------------------------------------------


def _belongs(report: Report, one: SessionDone) -> bool:
    if report.session is not None:
        return report.session == one.id
    if report.exercise is not None and report.exercise != one.exercise:
        return False
    if report.kind == "next_morning":
        return False
    first = one.began_us - round(_BEFORE_H * US_PER_HOUR)
    return first <= report.at_us <= one.ended_us + round(_BEFORE_H * US_PER_HOUR)


def _worst(own: Sequence[Report], name: str, kinds: tuple[str, ...]) -> float | None:
    values = [getattr(one, name) for one in own if one.kind in kinds and getattr(one, name) is not None]
    return max(values) if values else None


def _next_morning(one: SessionDone, said: _Said) -> float | None:
    """Next morning's pain minus the usual: the median of the last seven scores before sessions."""
    until = one.ended_us + round(_MORNING_H * US_PER_HOUR)
    loose = (report for report in said.loose if one.ended_us < report.at_us <= until)
    mornings = [
        report.pain
        for report in (*said.named.get(one.id, ()), *loose)
        if report.kind == "next_morning"
        and report.pain is not None
        and report.exercise in (None, one.exercise)
    ]
    if not mornings:
        return None
    before = said.before[: bisect_right(said.before, one.ended_us, key=lambda each: each[0])]
    if not before:
        return None
    usual = median(pain for _, pain in before[-_BASELINE_SCORES:])
    return _clamped(max(mornings) - usual, -10.0, 10.0)


def _weekly_pain(
    done: Sequence[SessionDone], said: _Said, now_us: int, open_since: int
) -> list[float] | None:
    """Median worst pain of each of the last weeks that had a score, oldest first."""
    weeks: dict[int, list[float]] = {}
    for one in done:
        ago = (now_us - one.ended_us) // (7 * US_PER_DAY)
        if ago >= _WEEKS_OF_PAIN or one.ended_us <= open_since:
            continue
        pain = _worst(said.about(one), "pain", ("during", "session"))
        if pain is not None:
            weeks.setdefault(ago, []).append(pain)
    return [median(weeks[ago]) for ago in sorted(weeks, reverse=True)] or None


# -- programme ----------------------------------------------------------------------------------------------


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
    for day in (day_of(one.ended_us) for one in done if one.ended_us > known.week_from_us):
        if not spaced or (day - spaced[-1]).days >= max(1.0, apart):
            spaced.append(day)
    return len(spaced) >= wanted


def _adherence(known: Known, done: Sequence[SessionDone], now_us: int) -> float | None:
    """Dose done in the last two weeks by dose planned, from the first day on; ``None`` in the first week."""
    days = min(14.0, (now_us - midnight_us(known.since)) / US_PER_DAY)
    if days < 7.0:
        return None
    since = now_us - round(days * US_PER_DAY)
    planned = _planned_s(known, done, since, now_us)
    times = [
        rep.value("tut_s") or 0.0 for one in done if one.ended_us > since for rep in one.reps if rep.valid
    ]
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
    return one.frequency_per_week * _prescribed(one)[1] / (7 * US_PER_DAY)


def day_of(at_us: int) -> dt.date:
    """Day in UTC."""
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).date()


def midnight_us(day: dt.date) -> int:
    """First moment of a day in UTC, µs since 1970."""
    return round(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1e6)
