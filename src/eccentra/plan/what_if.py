"""What would change the answer: each input moved across its nearest threshold, and the table asked again.

So an explanation cannot say anything that the table would not do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from eccentra.plan.decision_input import DecisionInput, SessionResult
from eccentra.plan.history import total_reps
from eccentra.plan.passing import break_start_days
from eccentra.plan.rows import red_flag
from eccentra.plan.verdict import Rules, Verdict, most_rpe, pain_band, reach, rpe_limit

__all__ = ["Change", "Near", "nearest", "would_change"]

# How far across a threshold an input is moved, in its own unit.
_ACROSS = 0.01
_MOST = 6

# An input of the newest session: name, edges (each with whether it belongs to its upper side), scale.
_Edge = tuple[str, tuple[tuple[float, bool], ...], float]


class Change(msgspec.Struct, frozen=True, rename={"condition": "if"}):
    """``if`` something had been different, ``then`` this would have been the answer."""

    condition: str
    then: str


class Near(msgspec.Struct, frozen=True):
    """An input and a threshold of it; ``distance`` in shares of the input's scale."""

    name: str
    value: float
    limit: float
    distance: float


def nearest(given: DecisionInput, rules: Rules) -> tuple[Near, ...]:
    """All inputs that are known with all their thresholds, nearest first."""
    if not given.sessions:
        return ()
    newest = given.sessions[-1]
    found = [
        Near(name, value, limit, abs(limit - value) / scale)
        for name, edges, scale in _edges(given, rules)
        if (value := getattr(newest, name)) is not None
        for limit, _ in edges
    ]
    found += [
        Near(name, value, limit, abs(limit - value) / max(limit, 1.0))
        for name, value, limit, _ in _whole(given, rules)
    ]
    return tuple(sorted(found, key=lambda one: (one.distance, one.name, one.limit)))


def would_change(given: DecisionInput, rules: Rules, verdict: Verdict) -> tuple[Change, ...]:
    """Changes of one input each that change row, action or steps; at most six.

    Those of what the row itself looked at come first, each kind nearest first.
    """
    if not given.sessions:
        return (Change("a session is done", "it is judged"),)
    found: list[tuple[bool, float, Change]] = []
    before = (verdict.row, verdict.action, verdict.steps)
    own = _OWN.get(verdict.row, ())
    for distance, words, other in _candidates(given, rules):
        after = reach(other, rules)
        if (after.row, after.action, after.steps) != before:
            found.append((not words.startswith(own), distance, Change(words, _then(after))))
    found.sort(key=lambda one: one[:2])
    return tuple(change for *_, change in found[:_MOST])


# How the words begin of what each row looks at.
_OWN: dict[int, tuple[str, ...]] = {
    1: ("there had", "no session's", "pain_during", "pain_24h_change", "weekly pain", "a therapist"),
    2: ("pain_during",),
    3: ("pain_24h_change",),
    4: ("soreness",),
    5: ("days_since_last",),
    6: ("the data", "valid_reps", "reps_ratio", "dose_ratio"),
    7: ("pain_during",),
    8: ("reps_ratio", "dose_ratio", "rpe"),
    9: ("rom_ratio", "quality", "severe_fault_share"),
    10: ("asymmetry_pct",),
    11: ("force_loss", "control"),
    12: ("adherence_2w",),
    13: ("tempo_adherence",),
    14: ("dose_ratio",),
    15: ("no painkiller", "pain_24h_change had been stated"),
    16: ("no painkiller", "pain_24h_change had been stated"),
    17: ("load_steps_7d", "programme_week", "stage", "the programme's week"),
}


def _then(after: Verdict) -> str:
    return f"row {after.row} {after.action}" + (f" {after.steps}" if after.steps else "")


def _candidates(given: DecisionInput, rules: Rules) -> Iterator[tuple[float, str, DecisionInput]]:
    """Distance in shares of a scale, words, and the input as it would have been."""
    newest = given.sessions[-1]
    for words, changes in _answers(newest):
        yield 0.0, words, _newest(given, changes)
    for name, edges, scale in _edges(given, rules):
        value = getattr(newest, name)
        if value is None:
            continue
        for edge, in_upper in edges:
            word, new = _other_side(value, edge, in_upper)
            words = f"{name} had been {word} {edge:g}"
            yield abs(edge - value) / scale, words, _newest(given, {name: new})
    for name, value, edge, in_upper in _whole(given, rules):
        word, new = _other_side(value, edge, in_upper)
        words = f"{name} had been {word} {edge:g}"
        yield abs(edge - value) / max(edge, 1.0), words, msgspec.structs.replace(given, **{name: new})
    if given.template_week_done is False:
        done = msgspec.structs.replace(given, template_week_done=True)
        yield 0.0, "the programme's week had been done", done
    if red_flag(given, rules.thresholds) is not None:
        yield from _unlocked(given, rules)
    else:
        yield from _unlimited(given, rules)
    yield 0.05, "the next session is like this one", _repeated(given)


def _unlocked(given: DecisionInput, rules: Rules) -> Iterator[tuple[float, str, DecisionInput]]:
    """What would not have locked the plan, whichever session it was in."""
    pain = rules.thresholds.pain

    def every(changes: Callable[[SessionResult], dict[str, Any]]) -> DecisionInput:
        sessions = tuple(msgspec.structs.replace(one, **changes(one)) for one in given.sessions)
        return msgspec.structs.replace(given, sessions=sessions)

    if any(one.red_flags for one in given.sessions):
        yield 0.0, "there had been no red flag", every(lambda _: {"red_flags": ()})
    worst = max((one.pain_during or 0.0 for one in given.sessions), default=0.0)
    if worst > pain.refer_above:
        least = every(lambda one: {"pain_during": _upto(one.pain_during, pain.refer_above)})
        yield 0.1, f"no session's pain_during had been above {pain.refer_above:g}", least
    change = pain.refer_next_morning - _ACROSS
    if any((one.pain_24h_change or 0.0) > change for one in given.sessions):
        words = f"no session's pain_24h_change had reached {pain.refer_next_morning:g}"
        yield 0.1, words, every(lambda one: {"pain_24h_change": _upto(one.pain_24h_change, change)})
    if given.weekly_pain_medians:
        words = f"weekly pain had not risen by {pain.weekly_rise:g} twice in a row"
        yield 0.2, words, msgspec.structs.replace(given, weekly_pain_medians=None)
    words = "a therapist unlocks the plan, and sessions up to then are left out"
    yield 1.0, words, msgspec.structs.replace(given, sessions=(), weekly_pain_medians=None)


def _upto(value: float | None, most: float) -> float | None:
    return None if value is None else min(value, most)


def _unlimited(given: DecisionInput, rules: Rules) -> Iterator[tuple[float, str, DecisionInput]]:
    """What hard limits look at, where one of them may have held a step back."""
    sizes, week = rules.thresholds.limits, given.programme_week
    if (given.load_steps_7d or 0) >= sizes.load_steps_7d > 0:
        fewer = msgspec.structs.replace(given, load_steps_7d=sizes.load_steps_7d - 1)
        yield 0.1, f"load_steps_7d had been below {sizes.load_steps_7d}", fewer
    if given.template is None and week is not None and week <= sizes.first_weeks:
        later = msgspec.structs.replace(given, programme_week=sizes.first_weeks + 1)
        yield 0.1, f"programme_week had been above {sizes.first_weeks}", later
    if rules.facts.hip_flexed and given.stage < sizes.hip_flexed_stage:
        higher = msgspec.structs.replace(given, stage=sizes.hip_flexed_stage)
        yield 0.1, f"stage had been at least {sizes.hip_flexed_stage}", higher
    if any(one.analgesic_24h for one in given.sessions):
        sessions = tuple(msgspec.structs.replace(one, analgesic_24h=False) for one in given.sessions)
        without = msgspec.structs.replace(given, sessions=sessions)
        yield 0.0, "no painkiller had been taken", without
    prescribed = total_reps(given.prescribed.sets, given.prescribed.reps)
    least = rules.thresholds.confidence.least_valid_reps
    least = least if prescribed is None else min(least, prescribed)
    if given.sessions[-1].valid_reps < least:
        yield 0.0, f"valid_reps had been at least {least}", _newest(given, {"valid_reps": least})


def _answers(one: SessionResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """Answers of yes or no, and those that are missing."""
    if one.confidence == "low":
        yield "the data had been sound", {"confidence": "ok"}
    if one.early_break_drift:
        yield "control had not been lost earlier", {"early_break_drift": False}
    for name, value in (("pain_during", 0.0), ("pain_24h_change", 0.0), ("rpe", 5.0)):
        if getattr(one, name) is None:
            yield f"{name} had been stated and low", {name: value}
    for name, value in (("reps_ratio", 1.0), ("dose_ratio", 1.0), ("quality", 100.0), ("rom_ratio", 1.0)):
        if getattr(one, name) is None:
            yield f"{name} had been known and good", {name: value}


def _other_side(value: float, edge: float, in_upper: bool) -> tuple[str, float]:
    """A value across an edge, and how to say so."""
    if in_upper:
        below = value < edge - 1e-9
        return ("at least", edge) if below else ("below", edge - _ACROSS)
    upto = value <= edge + 1e-9
    return ("above", edge + _ACROSS) if upto else ("at most", edge)


def _edges(given: DecisionInput, rules: Rules) -> tuple[_Edge, ...]:
    t, band = rules.thresholds, pain_band(given, rules)
    dose = ((t.dose.too_little, True), (t.dose.good_least, True), (t.dose.too_much, False))
    return (
        ("pain_during", ((band.low, False), (band.stop, False), (t.pain.refer_above, False)), 10.0),
        (
            "pain_24h_change",
            ((0.0, False), (t.pain.next_morning_worse, True), (t.pain.refer_next_morning, True)),
            10.0,
        ),
        ("soreness", ((t.soreness.hold, True), (t.soreness.regress, True)), 10.0),
        ("rpe", ((most_rpe(given, rules), False), (rpe_limit(rules), True)), 10.0),
        ("reps_ratio", ((t.dose.too_little, True), (1.0, True)), 1.0),
        ("dose_ratio", dose, 1.0),
        ("quality", ((t.form.quality_least, True), (t.form.quality_good, True)), 100.0),
        ("rom_ratio", ((t.form.rom_least, True), (t.form.rom_good, True)), 1.0),
        ("tempo_adherence", ((t.tempo.least, True),), 1.0),
        ("force_loss", ((t.fatigue.force_loss, False),), 1.0),
        ("severe_fault_share", ((t.form.severe_fault_share, False),), 1.0),
        ("asymmetry_pct", ((t.asymmetry.hold, True),), 100.0),
    )


def _whole(given: DecisionInput, rules: Rules) -> Iterator[tuple[str, float, float, bool]]:
    t, days = rules.thresholds, given.days_since_last
    if given.adherence_2w is not None:
        yield "adherence_2w", given.adherence_2w, t.adherence.least, True
    start = break_start_days(given.prescribed.frequency_per_week, t)
    yield "days_since_last", days, start, True
    if days >= start:
        yield "days_since_last", days, t.gap.one_step_days, True
        yield "days_since_last", days, t.gap.two_steps_after_days, False


def _newest(given: DecisionInput, changes: dict[str, Any]) -> DecisionInput:
    """The input with another newest session."""
    one = msgspec.structs.replace(given.sessions[-1], **changes)
    return msgspec.structs.replace(given, sessions=(*given.sessions[:-1], one))


def _repeated(given: DecisionInput) -> DecisionInput:
    """The input after one more session like the newest, two days later."""
    newest = given.sessions[-1]
    level = newest.level if given.level is None else given.level
    after = msgspec.structs.replace(newest, date=newest.date + dt.timedelta(days=2), level=level)
    return msgspec.structs.replace(given, sessions=(*given.sessions, after), steps_down_since_last=None)
