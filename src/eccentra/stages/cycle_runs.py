"""Runs of strokes along one axis that are like each other, and how strongly they speak for a movement."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from eccentra.samples import Floats
from eccentra.stages.cycle_belief import Belief
from eccentra.stages.cycle_found import Found, like
from eccentra.stages.movement_axis import Axis, Kind
from eccentra.stages.stroke_shape import moving_part, stroke_shape

__all__ = ["Course", "like_runs", "rated"]

# Fewer cycles are no repetition of anything.
_FEWEST = 2
# The time of a cycle holds those of its strokes: what they said already is half of what it says.
_SAID = 0.5
# Of equally good answers, take the one that cannot drift; a leaky position comes last.
_PREFERENCE: dict[Kind, float] = {"tilt": 1.0, "turn": 0.95, "shift": 0.8, "lift": 0.95}


class Course(NamedTuple):
    """What went on along an axis: time in s and the number along it, and the path in space, shape (n, k)."""

    axis: Axis
    t: Sequence[float]
    x: Sequence[float]
    path: Floats

    def middle(self, a: int, b: int) -> float:
        """When the stroke from ``a`` to ``b`` passes its middle; unlike its ends, this is not in a hold."""
        return _middle(self.x, self.t, a, b)

    def pace(self, a: int, b: int) -> float:
        """Time of the moving part of the stroke from ``a`` to ``b``."""
        first, last = moving_part(self.x, a, b)
        return self.t[last] - self.t[first]


def like_runs(
    turns: Sequence[int], t: Sequence[float], x: Sequence[float], *, size_ratio: float, time_ratio: float
) -> list[tuple[int, ...]]:
    """Stretches of turning points with strokes of like size and cycles of like time, the late ones."""
    if len(turns) <= 2 * _FEWEST:
        return []
    sizes = [abs(x[b] - x[a]) for a, b in pairwise(turns)]
    middles = [_middle(x, t, a, b) for a, b in pairwise(turns)]
    runs: list[tuple[int, ...]] = []
    reached = len(turns)
    for end in range(len(sizes), max(len(sizes) - 4, 0), -1):
        begin = _first_like(sizes, middles, end, size_ratio, time_ratio)
        if end - begin >= 2 * _FEWEST and begin < reached:
            reached = begin
            runs.append(tuple(turns[begin : end + 1]))
    return runs


def _first_like(
    sizes: Sequence[float], middles: Sequence[float], end: int, size_ratio: float, time_ratio: float
) -> int:
    """First of the strokes before ``end`` that belong together by size and time."""
    used: list[float] = []
    cycles: list[float] = []
    for begin in range(end - 1, -1, -1):
        if used and not like(sizes[begin], used[len(used) // 2], size_ratio):
            return begin + 1
        if begin + 2 < end:
            cycle = middles[begin + 2] - middles[begin]
            if cycles and not like(cycle, cycles[len(cycles) // 2], time_ratio):
                return begin + 1
            insort(cycles, cycle)
        insort(used, sizes[begin])
    return 0


def rated(run: tuple[int, ...], course: Course, belief: Belief, least: float) -> tuple[float, Found] | None:
    """How strongly a run, or its late part, speaks for a movement, and the movement if that is enough.

    ``least`` is the smallest stroke looked at.
    """
    axis, x = course.axis, course.x
    strokes = list(pairwise(run))
    shapes = [stroke_shape(course.path, x, a, b) for a, b in strokes]
    sizes = [abs(x[b] - x[a]) for a, b in strokes]
    middles = [course.middle(a, b) for a, b in strokes]
    cycles = [b - a for a, b in zip(middles, middles[2:], strict=False)]
    straight = axis.kind == "lift"
    total = best = 0.0
    begin = len(strokes)
    likeness, likes = 0.0, 0.0
    for k in range(len(strokes) - 3, -1, -1):
        same = float((shapes[k] * shapes[k + 2]).sum())
        total += belief.of(same, sizes[k] / sizes[k + 2], straight=straight)
        if straight:
            total += belief.of_pace(course.pace(*strokes[k]) / course.pace(*strokes[k + 2]))
        # the last cycle has none after it to be compared with
        if k + 1 < len(cycles):
            total += belief.of_time(cycles[k] / cycles[k + 1]) * (_SAID if straight else 1.0)
        likes += same
        if total > best:
            best, begin, likeness = total, k, likes / (len(strokes) - 2 - k)
    if begin >= len(strokes):
        return None
    run = run[begin:]
    period = 2.0 * (middles[-1] - middles[begin]) / (len(middles) - 1 - begin)
    size = sorted(sizes[begin:])[(len(sizes) - begin) // 2]
    best *= _PREFERENCE[axis.kind]
    if straight:
        best += belief.lift
    if size < least or best < belief.enough - math.log(period):
        return None
    found = Found(
        axis=axis,
        sign=1 if x[run[1]] > x[run[0]] else -1,
        size=size,
        period_s=period,
        turns=run,
        likeness=likeness,
        away=shapes[begin],
        back=shapes[begin + 1],
    )
    return best, found


def _middle(x: Sequence[float], t: Sequence[float], a: int, b: int) -> float:
    level = 0.5 * (x[a] + x[b])
    up = x[b] > x[a]
    low, high = a, b
    while high - low > 1:
        at = (low + high) // 2
        if (x[at] < level) == up:
            low = at
        else:
            high = at
    return (
        t[low] + (t[high] - t[low]) * (level - x[low]) / (x[high] - x[low]) if x[high] != x[low] else t[low]
    )
