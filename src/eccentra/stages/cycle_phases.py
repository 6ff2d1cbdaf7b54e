"""When the strokes of one repetition begin and end, from all of its samples.

The turning points that a counter works with are late or early by the time it takes to cross a threshold,
and in a hold they lie anywhere. Here the moving parts are looked at again, smoothed without delay, and
their ends extrapolated to zero velocity (:mod:`eccentra.stages.strokes`).
"""

from __future__ import annotations

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.strokes import Ends, Stroke, find_strokes, refine, smooth

__all__ = ["CyclePhases", "PhaseRules", "cycle_phases"]

# What is near the start pose is also well below the middle of a stroke, however small.
_BELOW_MIDDLE = 0.4
# What smoothing twice leaves of its width: the corner of a ramp is rounded half as far.
_SMEAR = 0.5
# Shorter than a rest, and long enough for a soft turn-around to get up speed.
_TURN_S = 0.1


class PhaseRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How moving parts are found.

    Attributes
    ----------
    smooth_s
        Standard deviation of the smoothing.
    twice
        Whether what smoothing took away is smoothed and given back.
    speed_share
        Moving means faster than this share of the fastest speed in the same direction.
    stroke_share
        Moving parts that cover less than this share of the stroke are sway.
    end_share
        A stroke begins, and ends, in the outer parts of the way; this is how wide they are, as a share.
    error_share
        Error of the signal, as a share of the stroke.
    unlike_share
        A stroke that is further off the best shape than this has no known shape.
    near_s, whole_s
        As in :class:`eccentra.stages.strokes.Ends`: from when on a stroke is looked at as a whole.
    stop_s
        A stop near the start pose that is at least so long is rest: what moved on its far side is settling.
    """

    smooth_s: float
    twice: bool
    speed_share: float
    stroke_share: float
    end_share: float
    error_share: float
    unlike_share: float
    near_s: float
    whole_s: float
    stop_s: float


class CyclePhases(msgspec.Struct, frozen=True, kw_only=True):
    """Times in s: the stroke away, maybe a stop, the stroke back; ``rom`` in the unit of ``x``."""

    start_s: float
    far_start_s: float
    far_end_s: float
    end_s: float
    rom: float


def cycle_phases(
    t: Floats,
    x: Floats,
    turns: tuple[float, float, float],
    rules: PhaseRules,
    rate_hz: float,
    *,
    usual: float = 0.0,
) -> CyclePhases:
    """Find the strokes of one repetition.

    Parameters
    ----------
    t, x
        Time in s and signal, growing away from the start pose; float64, shape (n,), some rest at both ends.
    turns
        Times of its turning points as the counter saw them: start, far end, end. They stand in for strokes
        that are not found.
    usual
        Usual stroke of the movement: what is near the start pose is not measured by a partial one.
    """
    grid = np.arange(t[0], t[-1] + 0.5 / rate_hz, 1.0 / rate_hz)
    smoothed = _smooth_twice if rules.twice else smooth
    level = smoothed(np.interp(grid, t, x), rate_hz, rules.smooth_s)
    speed = np.gradient(level) * rate_hz
    start, far, end = turns
    inside = level[(grid >= start) & (grid <= end)]
    if len(inside) < 8:
        return CyclePhases(
            start_s=start, far_start_s=far, far_end_s=far, end_s=end, rom=float(x.max() - x.min())
        )
    low, high = (float(v) for v in np.percentile(inside, (2.0, 98.0)))
    inner = speed[(grid >= start) & (grid <= end)]
    # the way back may be much slower, so each direction has its own threshold
    fastest = max(float(inner.max()), 1e-9), max(float(-inner.min()), 1e-9)
    relative = np.where(speed > 0.0, speed / fastest[0], speed / fastest[1])
    strokes = find_strokes(
        level, relative, threshold=rules.speed_share, least=rules.stroke_share * (high - low)
    )
    threshold = rules.speed_share * min(fastest)
    how = Ends(
        noise=0.3 * threshold,
        smear_s=rules.smooth_s * (_SMEAR if rules.twice else 1.0),
        error=rules.error_share * (high - low),
        most_residual=rules.unlike_share * (high - low),
        near_s=rules.near_s,
        whole_s=rules.whole_s,
        turn_s=_TURN_S if rules.twice else 0.0,
    )
    refine(strokes, grid, level, speed, how)
    edge = rules.end_share * (high - low)
    first = [s for s in strokes if s.sign > 0 and grid[s.first] < far and grid[s.last] > start]
    back = [s for s in strokes if s.sign < 0 and grid[s.last] > far and grid[s.first] < end]
    away = _away(first, level, high - edge)
    home = _home(back, level, high - edge)
    near = low + min(rules.end_share * max(high - low, usual), _BELOW_MIDDLE * (high - low))
    first, back = _from_rest(first, level, near, rules.stop_s), _to_rest(back, level, near, rules.stop_s)
    begin = first[0].start_s if first else start
    finish = back[-1].end_s if back else end
    reached = away.end_s if away is not None else far
    left = home.start_s if home is not None else far
    return CyclePhases(
        start_s=min(begin, reached),
        far_start_s=reached,
        far_end_s=max(left, reached),
        end_s=max(finish, left, reached),
        rom=high - low,
    )


def _smooth_twice(x: Floats, rate_hz: float, sigma_s: float) -> Floats:
    """Smoothed, and what that took away smoothed and given back (Tukey's twicing).

    Smoothing once lengthens every stroke: where speed begins to ramp up it shows movement before there is
    any. That is in proportion to the second derivative, which is given back here.
    """
    once = smooth(x, rate_hz, sigma_s)
    out: Floats = once + smooth(x - once, rate_hz, sigma_s)
    return out


def _from_rest(strokes: list[Stroke], level: Floats, near: float, stop_s: float) -> list[Stroke]:
    """Those after the last rest near the start pose."""
    for k in range(len(strokes) - 1, 0, -1):
        before, after = strokes[k - 1], strokes[k]
        if level[after.first] <= near and after.start_s - before.end_s >= stop_s:
            return strokes[k:]
    return strokes


def _to_rest(strokes: list[Stroke], level: Floats, near: float, stop_s: float) -> list[Stroke]:
    """Those until the first rest near the start pose."""
    for k in range(1, len(strokes)):
        before, after = strokes[k - 1], strokes[k]
        if level[before.last] <= near and after.start_s - before.end_s >= stop_s:
            return strokes[:k]
    return strokes


def _away(strokes: list[Stroke], level: Floats, far: float) -> Stroke | None:
    """The stroke with which the far end is first reached; else the last one."""
    for stroke in strokes:
        if level[stroke.last] >= far:
            return stroke
    return strokes[-1] if strokes else None


def _home(strokes: list[Stroke], level: Floats, far: float) -> Stroke | None:
    """The stroke with which the far end is left for good; else the first one."""
    for stroke in reversed(strokes):
        if level[stroke.first] >= far:
            return stroke
    return strokes[0] if strokes else None
