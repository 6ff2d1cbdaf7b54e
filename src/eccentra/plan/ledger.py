"""The book of doses: what was planned against what was done, over one, two and four weeks.

The eccentric dose is time under tension of the lowering, repetitions, and impulse where straps measured it.
It is shown and compared with the plan's own; it is no gate and no risk (ratios of a week's load to a month's
are not: Impellizzeri 2020, Sports Med 51:581).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from eccentra.plan.done import US_PER_DAY, SessionDone
from eccentra.plan.history import total_reps
from eccentra.plan.prescription import Prescription
from eccentra.plan.review_rules import review_rules
from eccentra.repetition import Repetition

__all__ = ["Dose", "Line", "Pause", "Span", "done_dose", "ledger", "planned_dose", "share"]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A prescription and when it held, µs since 1970; ``until_us`` is ``None`` while it does."""

    exercise: str
    prescription: Prescription
    from_us: int
    until_us: int | None = None


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause that a therapist set: nothing is planned then."""

    from_us: int
    until_us: int


class Dose(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of work.

    Attributes
    ----------
    sessions, sets
        Of exercises: a session with two exercises counts for each.
    reps, valid_reps
        Counted ones, and those of them that were valid; of a plan both are the same.
    tut_s
        Time under tension of valid repetitions, s.
    eccentric_s
        Time of the lowering of all counted repetitions, s: invalid ones are load too.
    impulse_ns
        Impulse of both sides over that phase, N·s; ``None`` when no strap measured it. No plan states it.
    unknown_reps
        Repetitions one of whose times is not known: the sums are "at least".
    impulse_reps
        Repetitions in ``impulse_ns``.
    """

    sessions: float = 0.0
    sets: float = 0.0
    reps: float = 0.0
    valid_reps: float = 0.0
    tut_s: float = 0.0
    eccentric_s: float = 0.0
    impulse_ns: float | None = None
    unknown_reps: int = 0
    impulse_reps: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise over one window.

    Attributes
    ----------
    weeks
        Length of the window.
    days
        How much of it lies after the first prescription, pauses left out.
    """

    exercise: str
    weeks: int
    days: float
    planned: Dose
    done: Dose


def ledger(
    spans: Sequence[Span],
    sessions: Sequence[SessionDone],
    now_us: int,
    pauses: Sequence[Pause] = (),
) -> tuple[Line, ...]:
    """Planned and done of every exercise over every window up to a moment, shortest window first."""
    names = sorted({one.exercise for one in spans} | {one.exercise for one in sessions})
    lines = []
    for weeks in review_rules().ledger.windows_weeks:
        since = now_us - weeks * 7 * US_PER_DAY
        for name in names:
            own = [one for one in spans if one.exercise == name]
            done = done_dose((one for one in sessions if one.exercise == name), since, now_us)
            days = math.fsum(_days(one, since, now_us, pauses) for one in own)
            if not days and not done.sessions:
                continue
            planned = planned_dose(own, since, now_us, pauses)
            lines.append(Line(exercise=name, weeks=weeks, days=days, planned=planned, done=done))
    return tuple(lines)


def planned_dose(spans: Iterable[Span], since_us: int, until_us: int, pauses: Sequence[Pause] = ()) -> Dose:
    """What the prescriptions that held from one moment to another ask for."""
    parts: list[tuple[float, Prescription]] = []
    for one in spans:
        days = _days(one, since_us, until_us, pauses)
        parts.append((days / 7.0 * one.prescription.frequency_per_week, one.prescription))
    reps = [(times * (total_reps(one.sets, one.reps) or 0), one.tempo_s) for times, one in parts]
    whole = math.fsum(count for count, _ in reps)
    return Dose(
        sessions=math.fsum(times for times, _ in parts),
        sets=math.fsum(times * one.sets for times, one in parts),
        reps=whole,
        valid_reps=whole,
        tut_s=math.fsum(count * math.fsum(tempo[:3]) for count, tempo in reps),
        eccentric_s=math.fsum(count * tempo[0] for count, tempo in reps),
    )


def done_dose(sessions: Iterable[SessionDone], since_us: int, until_us: int) -> Dose:
    """What was done in sessions that ended after one moment and not after another."""
    own = [one for one in sessions if since_us < one.ended_us <= until_us]
    reps = [rep for one in own for rep in one.reps]
    valid = [rep for rep in reps if rep.valid]
    impulses = [value for rep in reps if (value := _impulse(rep)) is not None]
    return Dose(
        sessions=float(len(own)),
        sets=float(sum(len(one.sets) for one in own)),
        reps=float(len(reps)),
        valid_reps=float(len(valid)),
        tut_s=math.fsum(rep.value("tut_s") or 0.0 for rep in valid),
        eccentric_s=math.fsum(rep.value("eccentric_s") or 0.0 for rep in reps),
        impulse_ns=math.fsum(impulses) if impulses else None,
        unknown_reps=sum(
            rep.value("eccentric_s") is None or (rep.valid and rep.value("tut_s") is None) for rep in reps
        ),
        impulse_reps=len(impulses),
    )


def share(done: float, planned: float) -> float | None:
    """Done by planned; ``None`` when nothing was planned."""
    return done / planned if planned > 0.0 else None


def _impulse(rep: Repetition) -> float | None:
    sides = [one.impulse_ns for one in (rep.force_left, rep.force_right) if one is not None]
    return math.fsum(sides) if sides else None


def _days(one: Span, since_us: int, until_us: int, pauses: Sequence[Pause]) -> float:
    """Days of a window in which a prescription held and nobody had set a pause."""
    start = max(one.from_us, since_us)
    end = until_us if one.until_us is None else min(one.until_us, until_us)
    if end <= start:
        return 0.0
    free, at = 0, start
    for pause in sorted(pauses, key=lambda each: each.from_us):
        if pause.until_us <= at or pause.from_us >= end:
            continue
        free += max(0, pause.from_us - at)
        at = max(at, min(pause.until_us, end))
    return (free + max(0, end - at)) / US_PER_DAY
