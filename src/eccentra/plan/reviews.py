"""What a check of the calendar finds: numbers, what stands out, and what a professional may consider.

Pure. A review changes no load and locks nothing; a person gives it its outcome. What cannot be told from the
data is ``unknown``.
"""

from __future__ import annotations

import datetime as dt
import functools
from statistics import median
from typing import Any, Literal

import msgspec

from eccentra.exercises import load_exercise
from eccentra.plan.calendar import Due, Kind
from eccentra.plan.done import US_PER_DAY, SessionDone, midnight_us
from eccentra.plan.followed import (
    Followed,
    adherence,
    adherence_over,
    heavy_too_close,
    idle_hours,
    load_steps,
    spacing,
)
from eccentra.plan.ledger import done_dose, planned_dose
from eccentra.plan.review_rules import review_rules
from eccentra.plan.thresholds import thresholds
from eccentra.plan.trends import Trend, asymmetry_rule, points_of, trend
from eccentra.reliability import Reliability

__all__ = [
    "OUTCOMES",
    "Change",
    "Outcome",
    "Review",
    "early_ending",
    "pain_change",
    "review",
    "strength_trends",
]

Outcome = Literal["as_planned", "look", "improved", "not_improved", "met", "not_met", "unknown"]
OUTCOMES: dict[Kind, tuple[Outcome, ...]] = {
    "week": ("as_planned", "look", "unknown"),
    "improvement": ("improved", "not_improved", "unknown"),
    "pain": ("met", "not_met", "unknown"),
    "programme": ("as_planned", "look", "unknown"),
    "return": ("look",),
}
"""What each kind of check may come to."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One check as the data have it.

    Attributes
    ----------
    findings
        What stands out, in words.
    prompts
        What a professional may consider; they decide.
    values
        The numbers behind it.
    version
        Of the numbers of ``pipelines/shared/reviews.toml``.
    """

    name: str
    kind: Kind
    due: dt.date
    outcome: Outcome
    findings: tuple[str, ...]
    prompts: tuple[str, ...]
    values: dict[str, Any]
    version: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something compared with the start: ``why`` in words, ``first`` and ``last`` where both are known."""

    what: str
    verdict: Literal["better", "same", "worse", "cannot tell"]
    why: str
    first: float | None = None
    last: float | None = None


def review(one: Followed, due: Due) -> Review:
    """A check as of the start of its day: what was done and said before it counts."""
    now_us = midnight_us(due.due)
    known = msgspec.structs.replace(
        one,
        sessions=tuple(each for each in one.sessions if each.ended_us <= now_us),
        reports=tuple(each for each in one.reports if each.at_us <= now_us),
        proms=tuple(each for each in one.proms if each.at_us <= now_us),
        spans=tuple(each for each in one.spans if each.from_us <= now_us),
    )
    if due.kind == "week":
        outcome, findings, prompts, values = _week(known, now_us)
    elif due.kind == "improvement":
        outcome, findings, prompts, values = _improvement(known, now_us)
    elif due.kind == "pain":
        outcome, findings, prompts, values = _pain(known, now_us)
    elif due.kind == "programme":
        outcome, findings, prompts, values = _programme(known, now_us)
    else:
        asked = "the list of the return is filled in by a clinician"
        outcome, findings, prompts, values = "look", [], [asked], {}
    return Review(
        name=due.name,
        kind=due.kind,
        due=due.due,
        outcome=outcome,
        findings=tuple(findings),
        prompts=tuple(prompts),
        values=values,
        version=review_rules().version,
    )


_Found = tuple[Outcome, list[str], list[str], dict[str, Any]]


def _week(one: Followed, now_us: int) -> _Found:
    since = now_us - 7 * US_PER_DAY
    rules = thresholds()
    week = adherence_over(one, 1, now_us)
    found: list[str] = []
    if week.tut is not None and week.tut < rules.dose.too_little:
        found.append(f"{week.tut:.0%} of the planned time under tension was done")
    if week.tut is not None and week.tut > rules.dose.too_much:
        found.append(f"{week.tut:.0%} of the planned time under tension was done, more than planned")
    found += [step for step in [_dose_step(one, now_us)] if step is not None]
    steps = load_steps(one.spans, since, now_us)
    most = rules.limits.load_steps_7d
    found += [
        f"{name}: the load went up {n} times, at most {most} a week" for name, n in steps.items() if n > most
    ]
    found += [text for text in [spacing(one, since, now_us)] if text is not None]
    found += heavy_too_close(one, since, now_us)
    idle = idle_hours(one, now_us)
    found += [] if idle is None else [f"{idle:.0f} h without a session"]
    values = {"adherence": _plain(adherence(one, now_us)), "load_steps": steps, "idle_hours": idle}
    side = asymmetry_rule([each for each in one.sessions if each.ended_us > since - 7 * US_PER_DAY])
    prompts = []
    if side.level is not None:
        found.append(f"side difference: {side.why}")
        prompts.append("the weaker side may need work of its own before the load of both goes up")
    if not week.planned.sessions and not week.done.sessions:
        return "unknown", found, prompts, values
    if week.done.unknown_reps:
        found.append(f"the time of {week.done.unknown_reps} repetitions is not known: shares are at least")
    return ("look" if found else "as_planned"), found, prompts, values


def _dose_step(one: Followed, now_us: int) -> str | None:
    """A jump of repetitions outside a programme, against the mean of the two weeks before."""
    if one.template is not None or now_us < one.start_us + 21 * US_PER_DAY:
        return None
    since = now_us - 7 * US_PER_DAY
    now = done_dose(one.sessions, since, now_us).reps
    before = done_dose(one.sessions, since - 14 * US_PER_DAY, since).reps / 2.0
    planned = planned_dose(one.spans, since, now_us)
    set_size = planned.reps / planned.sets if planned.sets else 0.0
    most = max(before * (1.0 + thresholds().limits.weekly_reps_pct / 100.0), before + set_size)
    if not before or now <= most + 1e-9:
        return None
    return f"{now:.0f} repetitions this week, {before:.0f} a week in the two before"


# -- day 14, 21, 28 -----------------------------------------------------------------------------------------


def _improvement(one: Followed, now_us: int) -> _Found:
    changes = [pain_change(one, now_us), *_strength(one), *_proms(one)]
    better = [each for each in changes if each.verdict == "better"]
    worse = [each for each in changes if each.verdict == "worse"]
    known = [each for each in changes if each.verdict != "cannot tell"]
    outcome: Outcome = "unknown"
    if known and not (better and worse):
        outcome = "improved" if better else "not_improved"
    findings = [f"{each.what}: {each.verdict}; {each.why}" for each in changes]
    prompts = []
    if outcome == "not_improved":
        prompts.append("no improvement since the start is seen: consider a referral")
    elif outcome == "unknown":
        prompts.append("the data do not say whether it is better: judge it yourself")
    return outcome, findings, prompts, {"changes": _plain(changes)}


def _pain(one: Followed, now_us: int) -> _Found:
    change = pain_change(one, now_us)
    rule = review_rules().pain
    outcome: Outcome = {"better": "met", "cannot tell": "unknown"}.get(change.verdict, "not_met")  # type: ignore[assignment]
    prompts = []
    if outcome == "not_met":
        prompts.append(f"pain has not fallen by {rule.points:g} points or {rule.share:.0%}: look at the plan")
    return outcome, [f"pain: {change.verdict}; {change.why}"], prompts, {"changes": _plain([change])}


def pain_change(one: Followed, now_us: int) -> Change:
    """Worst pain in sessions: median of the last week against that of the first."""
    rule = review_rules().pain
    window = rule.window_days * US_PER_DAY
    first = _pain_scores(one, one.start_us, one.start_us + window)
    last = _pain_scores(one, max(now_us - window, one.start_us + window), now_us)
    if not first or not last:
        missing = "first" if not first else "last"
        return Change(what="pain", verdict="cannot tell", why=f"no score in the {missing} week")
    before, after = median(first), median(last)
    words = f"median {before:g} in the first week, {after:g} in the last"
    drop = before - after
    verdict: Literal["better", "same", "worse", "cannot tell"] = "same"
    if before == 0.0 and after < rule.points:
        verdict, words = "cannot tell", f"there was no pain to lose: {words}"
    elif drop > 0.0 and (drop >= rule.points - 1e-9 or drop >= rule.share * before - 1e-9):
        verdict = "better"
    elif -drop >= rule.points - 1e-9:
        verdict = "worse"
    return Change(what="pain", verdict=verdict, why=words, first=before, last=after)


def _pain_scores(one: Followed, since_us: int, until_us: int) -> list[float]:
    return [
        each.pain
        for each in one.reports
        if each.kind in ("during", "session") and each.pain is not None and since_us <= each.at_us < until_us
    ]


def strength_trends(one: Followed) -> list[Trend]:
    """Trends of all numbers whose day-to-day error is published, of every exercise that was done."""
    by_exercise: dict[str, list[SessionDone]] = {}
    for each in one.sessions:
        by_exercise.setdefault(each.exercise, []).append(each)
    return [
        trend(known.metric, points, known)
        for name in sorted(by_exercise)
        for known in _reliability(name)
        if (points := points_of(by_exercise[name], known.metric))
    ]


@functools.lru_cache(maxsize=256)
def _reliability(exercise: str) -> tuple[Reliability, ...]:
    return load_exercise(exercise).reliability


def _strength(one: Followed) -> list[Change]:
    return [
        Change(what=each.metric, verdict=each.verdict, why=each.why, first=each.first, last=each.last)
        for each in strength_trends(one)
    ]


def _proms(one: Followed) -> list[Change]:
    """Each subscale: first against last score of the same questionnaire and version."""
    out = []
    series: dict[tuple[str, str | None, str], list[float]] = {}
    for each in sorted(one.proms, key=lambda prom: prom.at_us):
        for scale, value in each.scores.items():
            series.setdefault((each.name, each.version, scale), []).append(value)
    for (name, _, scale), values in series.items():
        what = f"{name}.{scale}"
        matters = one.prom_changes.get(what)
        change = values[-1] - values[0]
        words = f"changed by {change:+g}"
        if len(values) < 2:
            verdict, words = "cannot tell", "one score alone"
        elif not matters:
            verdict, words = "cannot tell", f"{words}; the change that matters is not stated"
        else:
            up = change / matters
            verdict = "better" if up >= 1.0 else "worse" if up <= -1.0 else "same"
        out.append(Change(what=what, verdict=verdict, why=words, first=values[0], last=values[-1]))  # type: ignore[arg-type]
    return out


# -- week 12 ------------------------------------------------------------------------------------------------


def _programme(one: Followed, now_us: int) -> _Found:
    rule = review_rules().programme
    found, prompts = [], []
    paused = sum(
        max(0, min(pause.until_us, now_us) - max(pause.from_us, one.start_us)) for pause in one.pauses
    )
    weeks = (now_us - one.start_us - paused) / (7 * US_PER_DAY)
    if weeks < rule.least_weeks - 1e-9:
        found.append(f"{weeks:.1f} weeks without pauses, {rule.least_weeks} are advised")
    counts = _supervised(one)
    if counts["supervised"] < rule.supervised_sessions:
        text = f"{counts['supervised']} supervised sessions, {rule.supervised_sessions} are advised"
        found.append(text + (f"; of {counts['not stated']} nobody said" if counts["not stated"] else ""))
    side = asymmetry_rule(one.sessions)
    trends = _strength(one)
    if side.level is not None:
        found.append(f"side difference: {side.why}")
    found += [f"{each.what}: {each.verdict}; {each.why}" for each in trends if each.verdict != "better"]
    if side.level is not None or any(each.verdict == "worse" for each in trends):
        prompts.append("a side is still weaker, or strength fell: consider an evaluation")
    nothing_known = not side.values and all(each.verdict == "cannot tell" for each in trends)
    if nothing_known:
        found.append("strength and sides were not measured")
    values = {
        "weeks": weeks,
        "supervised": counts,
        "asymmetry": _plain(side),
        "changes": _plain([pain_change(one, now_us), *trends]),
        "adherence": _plain(adherence(one, now_us)),
    }
    outcome: Outcome = "look" if found and not nothing_known else "unknown" if nothing_known else "as_planned"
    return outcome, found, prompts, values


def _supervised(one: Followed) -> dict[str, int]:
    ids = {each.id for each in one.sessions if each.ended_us >= one.start_us}
    said = [one.supervised.get(name) for name in ids]
    return {
        "supervised": sum(each in ("in_person", "remote_live") for each in said),
        "not stated": sum(each is None for each in said),
    }


def early_ending(one: Followed, on: dt.date) -> str | None:
    """What to say of a programme that ends before its time; ``None`` when it does not."""
    advised = review_rules().programme.least_weeks if one.profile != "prevention" else one.weeks
    weeks = max(0, (on - one.started).days) / 7.0
    least = max(one.weeks, advised)
    if weeks >= least - 1e-9:
        return None
    return f"ends after {weeks:.1f} of {least} weeks"


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
