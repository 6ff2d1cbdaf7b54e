"""Is it better, the same, worse, or can nobody tell: a number over sessions, against its day-to-day error.

The mean of the last two sessions is compared with that of the first two. A difference is one when it is
larger than the smallest real change between single sessions (MDC95, Weir 2005, J Strength Cond Res 19:231).
The means of two err less: fewer than 2 % of looks at a person who does not change see one. Values of
different methods, and flagged ones, are never on one trend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from eccentra.plan.done import SessionDone
from eccentra.plan.history import EDGE
from eccentra.plan.measured import side_difference
from eccentra.plan.review_rules import review_rules
from eccentra.plan.thresholds import thresholds
from eccentra.reliability import Reliability

__all__ = ["Asymmetry", "Point", "Trend", "asymmetry_rule", "points_of", "trend"]

Verdict = Literal["better", "same", "worse", "cannot tell"]
_LESS_IS_BETTER = ("asymmetry", "force_loss", "sway")
_AVERAGED = 2


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One session's value of a metric; ``sound`` is false when it is flagged or missing."""

    session: str
    at_us: int
    value: float | None
    unit: str
    method: str
    sound: bool = True


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a number.

    Attributes
    ----------
    change
        Last minus first, in ``unit``; ``None`` when fewer than two sessions can be compared.
    typical_error, mdc95
        In ``unit``; ``None`` when nobody published any.
    sessions
        How many are on the trend.
    left_out
        Why sessions are not on it, in words.
    why
        The verdict in words.
    """

    metric: str
    verdict: Verdict
    unit: str | None
    method: str | None
    sessions: int
    first: float | None
    last: float | None
    change: float | None
    typical_error: float | None
    mdc95: float | None
    source: str | None
    left_out: tuple[str, ...]
    why: str


def points_of(sessions: Sequence[SessionDone], metric: str) -> list[Point]:
    """A metric of sets as one value a session: the mean of its sound sets, oldest session first."""
    out = []
    for one in sorted(sessions, key=lambda each: (each.ended_us, each.id)):
        known = [found for values in one.sets if (found := values.get(metric)) is not None]
        if not known:
            continue
        # of several methods within a session, the last set's holds
        own = [each for each in known if (each.method, each.unit) == (known[-1].method, known[-1].unit)]
        sound = [each.value for each in own if each.quality == "ok" and each.value is not None]
        out.append(
            Point(
                session=one.id,
                at_us=one.ended_us,
                value=math.fsum(sound) / len(sound) if sound else None,
                unit=known[-1].unit,
                method=known[-1].method,
                sound=bool(sound),
            )
        )
    return out


def trend(metric: str, points: Sequence[Point], known: Reliability | None) -> Trend:
    """Better, same, worse or cannot tell.

    Parameters
    ----------
    points
        Oldest first.
    known
        Published error of this number; without one nobody can tell.
    """
    sound = [one for one in points if one.sound and one.value is not None]
    newest = sound[-1] if sound else None
    line = [one for one in sound if newest and (one.method, one.unit) == (newest.method, newest.unit)]
    values = [one.value for one in line if one.value is not None]
    count = min(_AVERAGED, len(values) // 2)
    first = math.fsum(values[:count]) / count if count else None
    last = math.fsum(values[-count:]) / count if count else None
    fits = known if known and newest and known.unit == newest.unit and known.metric == metric else None
    verdict, why = _verdict(metric, first, last, fits, newest)
    return Trend(
        metric=metric,
        verdict=verdict,
        unit=newest.unit if newest else None,
        method=newest.method if newest else None,
        sessions=len(values),
        first=first,
        last=last,
        change=None if first is None or last is None else last - first,
        typical_error=fits.typical_error if fits else None,
        mdc95=fits.mdc95 if fits else None,
        source=fits.source if fits else None,
        left_out=_left_out(len(points) - len(sound), len(sound) - len(line)),
        why=why,
    )


def _verdict(
    metric: str, first: float | None, last: float | None, known: Reliability | None, newest: Point | None
) -> tuple[Verdict, str]:
    if newest is None:
        return "cannot tell", "no session has a sound value"
    if first is None or last is None:
        return "cannot tell", "one session alone is no trend"
    change = last - first
    if known is None:
        return "cannot tell", f"changed by {change:+.3g} {newest.unit}; its day-to-day error is not published"
    if abs(change) <= known.mdc95:
        return "same", f"changed by {change:+.3g} {known.unit}, real from {known.mdc95:g} on"
    up = (change > 0.0) != metric.startswith(_LESS_IS_BETTER)
    text = f"changed by {change:+.3g} {known.unit}, more than {known.mdc95:g} that is day-to-day error"
    return ("better" if up else "worse"), text


def _left_out(unsound: int, other: int) -> tuple[str, ...]:
    out = []
    if unsound:
        out.append(f"{unsound} with a flagged or missing value")
    if other:
        out.append(f"{other} measured by another method")
    return tuple(out)


# -- sides --------------------------------------------------------------------------------------------------


class Asymmetry(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a side difference.

    Attributes
    ----------
    level
        ``hold`` or ``approve``, the limit that held in every one of the last sessions; ``None`` for neither.
    side
        The weaker one, when a limit held.
    values
        Weaker side and difference in % of the last sessions that know it, oldest first.
    """

    level: Literal["hold", "approve"] | None
    side: str | None
    values: tuple[tuple[str, float], ...]
    why: str


def asymmetry_rule(sessions: Sequence[SessionDone]) -> Asymmetry:
    """Whether the same side was weaker in the last sessions, each the mean of at least three repetitions."""
    rule, limits = review_rules().asymmetry, thresholds().asymmetry
    known = []
    for one in sorted(sessions, key=lambda each: (each.ended_us, each.id)):
        both = [rep for rep in one.reps if rep.valid and rep.force_left and rep.force_right]
        side, pct = side_difference(one.sets)
        if side is not None and pct is not None and len(both) >= rule.least_reps:
            known.append((side, pct))
    last = tuple(known[-rule.sessions :])
    if len(last) < rule.sessions:
        why = f"known of {len(last)} sessions with {rule.least_reps} repetitions, {rule.sessions} are needed"
        return Asymmetry(level=None, side=None, values=last, why=why)
    sides = {side for side, _ in last}
    least = min(pct for _, pct in last)
    if len(sides) > 1:
        return Asymmetry(level=None, side=None, values=last, why="not the same side in these sessions")
    side = sides.pop()
    for level, limit in (("hold", limits.hold), ("approve", limits.approve)):
        if least >= limit - EDGE:
            why = f"{side}: {limit:g} % or more below the other side in {rule.sessions} sessions"
            return Asymmetry(level=level, side=side, values=last, why=why)  # type: ignore[arg-type]
    return Asymmetry(level=None, side=None, values=last, why=f"below {limits.approve:g} % in one of them")
