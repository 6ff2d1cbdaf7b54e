"""What would change the answer: each input moved across its nearest threshold, and the table asked again.

So an explanation cannot say anything that the table would not do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec

from eccentra.plan.decision_input import DecisionInput, SessionResult
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
        for name, value, limit in _whole(given, rules)
    ]
    return tuple(sorted(found, key=lambda one: (one.distance, one.name, one.limit)))


def would_change(given: DecisionInput, rules: Rules, verdict: Verdict) -> tuple[Change, ...]:
    """Changes of one input each that change row, action or steps, nearest first; at most six."""
    if not given.sessions:
        return (Change("a session is done", "it is judged"),)
    found: list[tuple[float, Change]] = []
    before = (verdict.row, verdict.action, verdict.steps)
    for distance, words, other in _candidates(given, rules):
        after = reach(other, rules)
        if (after.row, after.action, after.steps) != before:
            found.append((distance, Change(words, _then(after))))
    found.sort(key=lambda one: one[0])
    return tuple(change for _, change in found[:_MOST])


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
    for name, value, edge in _whole(given, rules):
        word, new = _other_side(value, edge, True)
        words = f"{name} had been {word} {edge:g}"
        yield abs(edge - value) / max(edge, 1.0), words, msgspec.structs.replace(given, **{name: new})
    if given.template_week_done is False:
        done = msgspec.structs.replace(given, template_week_done=True)
        yield 0.0, "the programme's week had been done", done
    if red_flag(given, rules.thresholds) is not None:
        words = "a therapist unlocks the plan, and sessions up to then are left out"
        yield 1.0, words, msgspec.structs.replace(given, sessions=(), weekly_pain_medians=None)
    yield 0.05, "the next session is like this one", _repeated(given)


def _answers(one: SessionResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """Answers of yes or no, and those that are missing."""
    if one.red_flags:
        yield "there had been no red flag", {"red_flags": ()}
    if one.confidence == "low":
        yield "the data had been sound", {"confidence": "ok"}
    if one.analgesic_24h:
        yield "no painkiller had been taken", {"analgesic_24h": False}
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


def _whole(given: DecisionInput, rules: Rules) -> Iterator[tuple[str, float, float]]:
    t = rules.thresholds
    if given.adherence_2w is not None:
        yield "adherence_2w", given.adherence_2w, t.adherence.least
    yield (
        "days_since_last",
        given.days_since_last,
        break_start_days(given.prescribed.frequency_per_week, t),
    )


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
