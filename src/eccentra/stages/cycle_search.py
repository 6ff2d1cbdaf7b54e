"""Looks for a cyclic movement in a stretch of rows, and for its axis.

What makes a movement an exercise, whatever the exercise, is that it is repeated: away and back, the same
way, about as far, in about the same time, several times in a row. Setting up, fidgeting and strapping go
back and forth too, but not alike. So for several windows that end now, several axes
(:mod:`eccentra.stages.movement_axis`) and several sizes of movement, the strokes between turning points are
compared; the longest run of like strokes wins. The whole path of the sensor is compared, not only its part
along the axis, so that two different movements that look alike on one axis are told apart.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.cycle_belief import Belief
from eccentra.stages.cycle_closed import pushed, pushes
from eccentra.stages.cycle_start import StartRules, from_rest, stroke_back_before
from eccentra.stages.movement_axis import Axis, Kind, is_lift, lift_axis, shift_axis, tilt_axis, turn_axis
from eccentra.stages.stroke_shape import moving_part, sensor_path, stroke_shape
from eccentra.stages.turning_points import coarser, extremes

__all__ = ["CycleSearch", "Found"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A cyclic movement.

    Attributes
    ----------
    axis
        How to follow it.
    sign
        +1 when it goes away from the start pose in the direction in which the axis' number grows.
    size
        Typical stroke, in the axis' unit.
    period_s
        Typical time from one start to the next.
    turns
        Rows of its turning points.
    likeness
        Mean likeness of its strokes, at most 1.
    away, back
        Mean shape of its strokes in each direction, see :mod:`eccentra.stages.stroke_shape`.
    pushes
        Usual accelerations of its strokes away and back, if it is a lift, see
        :func:`eccentra.stages.cycle_closed.pushes`.
    cut_off
        Row of the far end of a repetition whose stroke away was before the first row, if there is one.
    """

    axis: Axis
    sign: int
    size: float
    period_s: float
    turns: tuple[int, ...]
    likeness: float
    away: Floats
    back: Floats
    pushes: tuple[tuple[float, float], ...] = ()
    cut_off: int | None = None

    def same(self, other: Found, rules: CycleSearch) -> bool:
        """Whether ``other`` may be the same movement found again."""
        cosine = sum(a * b for a, b in zip(self.axis.main, other.axis.main, strict=True))
        return (
            self.axis.kind == other.axis.kind
            and abs(cosine) > _SAME_AXIS
            and _like(self.size, other.size, rules.size_ratio)
            and _like(self.period_s, other.period_s, rules.time_ratio)
        )


class CycleSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters.

    Attributes
    ----------
    windows_s
        Lengths of the windows; the longest is how long rows are kept.
    least_deg, least_m
        Smaller movements are not looked at: errors of inclination and of position.
    size_ratio, time_ratio
        How different two strokes, or two cycles, of one movement may be.
    belief
        When likeness is no chance.
    first_share, first_ratio, first_likeness
        The same for the repetitions before those that proved it: smallest and largest size as a share of the
        usual one, and likeness.
    leak_s
        Leak of ``shift``.
    lift_cutoffs
        How soon the height of a ``lift`` is told, in rad/s, for each window but the first.
    start
        Where a set begins.
    """

    windows_s: tuple[float, ...]
    least_deg: float
    least_m: float
    size_ratio: float
    time_ratio: float
    belief: Belief
    first_share: float
    first_ratio: float
    first_likeness: float
    leak_s: float
    lift_cutoffs: tuple[float, ...]
    start: StartRules

    def find(self, t: Floats, rows: Floats, *, first: bool = False, last: bool = False) -> Found | None:
        """Best cyclic movement in ``rows`` (n, 9), taken at ``t`` in s (n,).

        ``first``: there was nothing before; ``last``: no more will come.
        """
        best: tuple[float, Found] | None = None
        begins = dict.fromkeys(int(np.searchsorted(t, t[-1] - w)) for w in self.windows_s)
        for begin in begins:
            part, times = rows[begin:], t[begin:]
            if len(times) < 8:
                continue
            for axis in self._axes(part):
                found = self._along(axis, times, part, last)
                if found is not None and (best is None or self._better(found, best)):
                    best = (found[0], _moved(found[1], begin))
        # a load that is lifted may tilt a little, each time or not
        if best is not None and best[1].size < _FLAT_DEG and best[1].axis.kind in ("tilt", "turn"):
            lifted = self._lifted(t, rows, last)
            if lifted is None and self._carried(best[1], t, rows):
                return None
            if lifted is not None and lifted[1].size > math.radians(best[1].size) * _LEVER_M:
                best = lifted
        if best is None:
            # a sensor that turns is followed by its turning; position is the last resort, and only for quick
            # cycles, because it is soon forgotten
            best = self._lifted(t, rows, last) or self._shifted(t, rows, last)
            if best is None:
                return None
        whole = self._begun(best[1], self._earlier(best[1], t, rows), t, rows)
        return self._finished(whole, t, rows, first=first)

    def _lifted(self, t: Floats, rows: Floats, last: bool) -> tuple[float, Found] | None:
        """A movement up and down; a short window has too few cycles to tell it by size and time alone.

        What is too slow to be told soon is told later, if it is found there as well.
        """
        early: tuple[float, Found] | None = None
        for window_s, cutoff in zip(self.windows_s[1:], self.lift_cutoffs, strict=True):
            begin = int(np.searchsorted(t, t[-1] - window_s))
            part, times = rows[begin:], t[begin:]
            if len(times) < 8:
                continue
            found = self._along(lift_axis(part, cutoff), times, part, last)
            if found is not None and is_lift(part[_moving(found[1], times, part)]):
                early = found[0], _moved(found[1], begin)
                if found[1].period_s * cutoff <= _WELL_PASSED:
                    break
        return early

    def _carried(self, found: Found, t: Floats, rows: Floats) -> bool:
        """Whether a small turn is that of a load that is lifted: in its cycles it goes up further.

        Then it is not followed by its turn, which may be of the pushes, but by its height, once that is like
        an exercise.
        """
        stretch = slice(found.turns[0], found.turns[-1] + 1)
        part = rows[stretch]
        if not is_lift(part):
            return False
        height = lift_axis(part, self.lift_cutoffs[0]).values(t[stretch], part)
        spans = sorted(
            float(np.ptp(height[a - found.turns[0] : c - found.turns[0]]))
            for a, c in zip(found.turns, found.turns[2:], strict=False)
        )
        return spans[len(spans) // 2] > max(self.least_m, math.radians(found.size) * _LEVER_M)

    def _shifted(self, t: Floats, rows: Floats, last: bool) -> tuple[float, Found] | None:
        begin = int(np.searchsorted(t, t[-1] - self.windows_s[0]))
        if len(t) - begin < 8:
            return None
        axis = shift_axis(rows[begin:], self.keep(t))
        found = self._along(axis, t[begin:], rows[begin:], last)
        return None if found is None else (found[0], _moved(found[1], begin))

    def keep(self, t: Floats) -> float:
        """Share that a leaking sum keeps from row to row."""
        return 1.0 - min(float(t[1] - t[0]) / self.leak_s, 0.5)

    def _finished(self, found: Found, t: Floats, rows: Floats, *, first: bool) -> Found:
        """With the mean shapes of its strokes, and what was cut off before them."""
        along = found.sign * found.axis.values(t, rows)
        x = along.tolist()
        path = sensor_path(found.axis.kind, t, rows, along)
        away, back = (
            _mean([stroke_shape(path, x, a, b) for a, b in pairwise(found.turns)][k::2]) for k in (0, 1)
        )
        far = None
        if first and found.axis.kind in ("tilt", "turn"):
            shares = (1.0 / self.size_ratio, self.first_ratio)
            far = stroke_back_before(found.turns, t, along, found.size, found.period_s, shares)
        if far is not None:
            like = float((stroke_shape(path, x, far, found.turns[0]) * back).sum())
            far = far if like >= self.first_likeness else None
        usual = self._pushes(found, rows)
        return msgspec.structs.replace(found, away=away, back=back, pushes=usual, cut_off=far)

    def _begun(self, run: Found, found: Found, t: Floats, rows: Floats) -> Found:
        """Without strokes before the start pose."""
        if found.axis.kind == "shift":
            return found
        lead = len(found.turns) - len(run.turns)
        x = found.axis.values(t, rows)
        turns = from_rest(
            found.turns,
            lead,
            t,
            x,
            found.size,
            found.period_s,
            self.size_ratio,
            self.start,
            creeps=found.axis.kind == "lift",
        )
        if found.axis.kind == "lift":
            turns = _from_rest_level(turns, t, x, found.size, self.start)
        return msgspec.structs.replace(found, turns=turns, sign=1 if x[turns[1]] > x[turns[0]] else -1)

    def _earlier(self, found: Found, t: Floats, rows: Floats) -> Found:
        """Go back over earlier strokes that lead to the run, now that it is known, less strictly.

        First repetitions are often smaller or slower. Where rows begin in the middle of a movement, its
        first stroke is taken as far as it is seen.
        """
        begin, far, back = found.turns[:3]
        x = found.axis.values(t, rows)
        values = x.tolist()
        turns = coarser(values, extremes(x[: begin + 1]), self.first_share * found.size)
        if len(turns) < 2 or (values[turns[-1]] < values[turns[-2]]) != (found.sign > 0):
            return found
        path = sensor_path(found.axis.kind, t, rows, x)
        shapes = {
            found.sign: stroke_shape(path, values, begin, far),
            -found.sign: stroke_shape(path, values, far, back),
        }
        usual = self._pushes(found, rows)
        direction, later, after = -found.sign, begin, far
        added: list[int] = []
        for turn in reversed(turns[:-1]):
            stroke = (values[later] - values[turn]) * direction
            leaves = moving_part(values, turn, later)[0]
            if (
                not self.first_share * found.size <= stroke <= self.first_ratio * found.size
                or t[after] - t[leaves] > self.time_ratio * found.period_s
                or not found.axis.upright(rows[turn : later + 1]).all()
                or float((stroke_shape(path, values, turn, later) * shapes[direction]).sum())
                < self.first_likeness
                or not all(
                    pushed(pushes(found.axis, rows[turn : later + 1]), stroke_pushes)
                    for stroke_pushes in usual[(direction != found.sign) :: 2]
                )
            ):
                break
            added.append(turn)
            direction, later, after = -direction, turn, later
        return msgspec.structs.replace(found, turns=(*reversed(added), *found.turns), sign=-direction)

    def _pushes(self, found: Found, rows: Floats) -> tuple[tuple[float, float], ...]:
        """Middle of the pushes of the strokes of a lift, away and back; else empty."""
        if found.axis.kind != "lift":
            return ()
        each = [pushes(found.axis, rows[a : b + 1]) for a, b in pairwise(found.turns)]
        return tuple(
            (sorted(first)[len(first) // 2], sorted(second)[len(second) // 2])
            for first, second in (zip(*each[k::2], strict=True) for k in (0, 1))
        )

    def lead_s(self, found: Found) -> float:
        """By how much a shift is early, row by row: its two leaks are high-passes of first order."""
        if found.axis.kind != "shift":
            return 0.0
        turn = 2.0 * math.pi / found.period_s
        return min(2.0 * math.atan(1.0 / (turn * self.leak_s)) / turn, _MOST_LEAD_S)

    def least(self, kind: Kind) -> float:
        """Smallest movement looked at, in the unit of an axis of this kind."""
        return self.least_m if kind in ("shift", "lift") else self.least_deg

    def _axes(self, rows: Floats) -> list[Axis]:
        found = (tilt_axis(rows), turn_axis(rows))
        return [axis for axis in found if axis is not None]

    def _better(self, one: tuple[float, Found], other: tuple[float, Found]) -> bool:
        """Whether ``one`` is the better answer; both are believed.

        Small movements inside larger ones, such as dips in a hold, are not the exercise.
        """
        if (one[1].axis.kind == "shift") == (other[1].axis.kind == "shift"):
            if one[1].size > self.size_ratio * other[1].size:
                return True
            if other[1].size > self.size_ratio * one[1].size:
                return False
        return one[0] > other[0]

    def _along(self, axis: Axis, t: Floats, rows: Floats, last: bool) -> tuple[float, Found] | None:
        x = axis.values(t, rows)
        values = x.tolist()
        times = t.tolist()
        least = self.least(axis.kind)
        points = coarser(values, extremes(x), 0.5 * least)
        size = 0.6 * float(x.max() - x.min())
        path: Floats | None = None
        best: tuple[float, Found] | None = None
        seen: set[tuple[int, ...]] = set()
        while size >= 0.5 * least:
            turns = coarser(values, points, size)
            for run in self._runs(turns if last else turns[:-1], values, times):
                if run not in seen:
                    seen.add(run)
                    path = sensor_path(axis.kind, t, rows, x) if path is None else path
                    rated = self._rate(run, values, times, path, axis)
                    if rated is not None and (best is None or self._better(rated, best)):
                        best = rated
            size *= 0.6
        return best

    def _runs(self, turns: Sequence[int], x: Sequence[float], t: Sequence[float]) -> list[tuple[int, ...]]:
        """Stretches of turning points with strokes of like size and cycles of like time, the late ones."""
        if len(turns) <= 2 * _FEWEST:
            return []
        sizes = [abs(x[b] - x[a]) for a, b in pairwise(turns)]
        middles = [_middle(x, t, a, b) for a, b in pairwise(turns)]
        runs: list[tuple[int, ...]] = []
        reached = len(turns)
        for end in range(len(sizes), max(len(sizes) - 4, 0), -1):
            begin = self._back(sizes, middles, end)
            if end - begin >= 2 * _FEWEST and begin < reached:
                reached = begin
                runs.append(tuple(turns[begin : end + 1]))
        return runs

    def _back(self, sizes: Sequence[float], middles: Sequence[float], end: int) -> int:
        """First of the strokes before ``end`` that belong together by size and time."""
        used: list[float] = []
        cycles: list[float] = []
        for begin in range(end - 1, -1, -1):
            if used and not _like(sizes[begin], used[len(used) // 2], self.size_ratio):
                return begin + 1
            if begin + 2 < end:
                cycle = middles[begin + 2] - middles[begin]
                if cycles and not _like(cycle, cycles[len(cycles) // 2], self.time_ratio):
                    return begin + 1
                insort(cycles, cycle)
            insort(used, sizes[begin])
        return 0

    def _rate(
        self, run: tuple[int, ...], x: Sequence[float], t: Sequence[float], path: Floats, axis: Axis
    ) -> tuple[float, Found] | None:
        """How strongly a run, or its late part, speaks for a movement, and the movement if that is enough."""
        strokes = list(pairwise(run))
        shapes = [stroke_shape(path, x, a, b) for a, b in strokes]
        sizes = [abs(x[b] - x[a]) for a, b in strokes]
        middles = [_middle(x, t, a, b) for a, b in strokes]
        cycles = [b - a for a, b in zip(middles, middles[2:], strict=False)]
        total = best = 0.0
        begin = len(strokes)
        likeness, likes = 0.0, 0.0
        for k in range(len(strokes) - 3, -1, -1):
            like = float((shapes[k] * shapes[k + 2]).sum())
            straight = axis.kind == "lift"
            total += self.belief.of(like, sizes[k] / sizes[k + 2], straight=straight)
            if straight:
                total += self.belief.of_pace(_pace(x, t, *strokes[k]) / _pace(x, t, *strokes[k + 2]))
            # the last cycle has none after it to be compared with
            if k + 1 < len(cycles):
                total += self.belief.of_time(cycles[k] / cycles[k + 1]) * (0.5 if straight else 1.0)
            likes += like
            if total > best:
                best, begin, likeness = total, k, likes / (len(strokes) - 2 - k)
        if begin >= len(strokes):
            return None
        run = run[begin:]
        period = 2.0 * (middles[-1] - middles[begin]) / (len(middles) - 1 - begin)
        size = sorted(sizes[begin:])[(len(sizes) - begin) // 2]
        best *= _PREFERENCE[axis.kind]
        if axis.kind == "lift":
            best += self.belief.lift
        if size < self.least(axis.kind) or best < self.belief.enough - math.log(period):
            return None
        found = Found(
            axis=axis,
            sign=1 if x[run[1]] > x[run[0]] else -1,
            size=size,
            period_s=period,
            turns=tuple(run),
            likeness=likeness,
            away=shapes[begin],
            back=shapes[begin + 1],
        )
        return best, found


# A lift tilts by less; and no lever is longer than a metre or so.
_FLAT_DEG = 15.0
_LEVER_M = 1.0
# Cosine of 37 degrees: less is another axis.
_SAME_AXIS = 0.8
# Cycles of more than 9 s, whose position is early by more, are hardly found from acceleration.
_MOST_LEAD_S = 1.0
# Period by cutoff: when a height is told, the next time the load stands still was seen.
_WELL_PASSED = math.pi
# Levels of one pose differ by less, as a share of the strokes.
_NEAR = 0.3
# m: sway of a load that is held.
_SWAY_M = 0.02
# Fewer cycles are no repetition of anything.
_FEWEST = 2

# Of equally good answers, take the one that cannot drift; a leaky position comes last.
_PREFERENCE: dict[Kind, float] = {"tilt": 1.0, "turn": 0.95, "shift": 0.8, "lift": 0.95}


def _middle(x: Sequence[float], t: Sequence[float], a: int, b: int) -> float:
    """When the stroke from ``a`` to ``b`` passes its middle; unlike its ends, this does not lie in a hold."""
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


def _pace(x: Sequence[float], t: Sequence[float], a: int, b: int) -> float:
    """Time of the moving part of the stroke from ``a`` to ``b``."""
    first, last = moving_part(x, a, b)
    return t[last] - t[first]


def _from_rest_level(
    turns: tuple[int, ...], t: Floats, x: Floats, size: float, rules: StartRules
) -> tuple[int, ...]:
    """The run of a lift with the stroke before it that began where the others do: the load had come further.

    A bar that is pulled up from the floor, waits, and goes on up from there has gone twice as far.
    """
    first = turns[0]
    if first < _FEWEST:
        return turns
    up = x[first] > x[turns[1]]
    way = x[first] - x[: first + 1] if up else x[: first + 1] - x[first]
    reversals = np.flatnonzero(way < -_NEAR * size)
    begin = int(reversals[-1]) + 1 if len(reversals) else 0
    resting = rules.resting(t[: first + 1], x[: first + 1], size, least=_SWAY_M)
    stroke = abs(float(x[turns[1]] - x[first]))
    found = np.flatnonzero(resting[begin:] & (np.abs(way[begin:] - stroke) <= _NEAR * size)) + begin
    if not len(found):
        return turns
    rest = int(found[-1])
    # from there on it only went this way
    after = way[rest:]
    if float((np.maximum.accumulate(after[::-1])[::-1] - after).max()) > _NEAR * size:
        return turns
    return (rest, *turns)


def _moving(found: Found, t: Floats, rows: Floats) -> slice:
    """From where its first stroke leaves: who waited there may have come from aside."""
    x = found.axis.values(t, rows).tolist()
    return slice(moving_part(x, *found.turns[:2])[0], found.turns[-1])


def _moved(found: Found, begin: int) -> Found:
    """The same with rows counted from ``begin`` earlier."""
    return msgspec.structs.replace(found, turns=tuple(turn + begin for turn in found.turns))


def _mean(shapes: Sequence[Floats]) -> Floats:
    total: Floats = np.zeros_like(shapes[0])
    for shape in shapes:
        total = total + shape
    return total / math.sqrt(float((total * total).sum()))


def _like(a: float, b: float, ratio: float) -> bool:
    return a <= b * ratio and b <= a * ratio
