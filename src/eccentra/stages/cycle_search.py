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
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.cycle_belief import Belief
from eccentra.stages.cycle_closed import pushed, pushes
from eccentra.stages.cycle_found import Found
from eccentra.stages.cycle_runs import Course, like_runs, rated
from eccentra.stages.cycle_start import StartRules, from_rest, stroke_back_before
from eccentra.stages.movement_axis import Axis, Kind, is_lift, lift_axis, shift_axis, tilt_axis, turn_axis
from eccentra.stages.stroke_shape import moving_part, sensor_path, stroke_shape
from eccentra.stages.turning_points import coarser, extremes

__all__ = ["CycleSearch"]


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
                    best = (found[0], found[1].moved(begin))
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
            if found is not None and is_lift(part[found[1].moving(times, part)]):
                early = found[0], found[1].moved(begin)
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
        return None if found is None else (found[0], found[1].moved(begin))

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
        course: Course | None = None
        best: tuple[float, Found] | None = None
        seen: set[tuple[int, ...]] = set()
        while size >= 0.5 * least:
            turns = coarser(values, points, size)
            known = turns if last else turns[:-1]
            for run in like_runs(
                known, times, values, size_ratio=self.size_ratio, time_ratio=self.time_ratio
            ):
                if run not in seen:
                    seen.add(run)
                    if course is None:
                        course = Course(axis, times, values, sensor_path(axis.kind, t, rows, x))
                    one = rated(run, course, self.belief, least)
                    if one is not None and (best is None or self._better(one, best)):
                        best = one
            size *= 0.6
        return best


# A lift tilts by less; and no lever is longer than a metre or so.
_FLAT_DEG = 15.0
_LEVER_M = 1.0
# Cycles of more than 9 s, whose position is early by more, are hardly found from acceleration.
_MOST_LEAD_S = 1.0
# Period by cutoff: when a height is told, the next time the load stands still was seen.
_WELL_PASSED = math.pi
# Levels of one pose differ by less, as a share of the strokes.
_NEAR = 0.3
# m: sway of a load that is held.
_SWAY_M = 0.02


def _from_rest_level(
    turns: tuple[int, ...], t: Floats, x: Floats, size: float, rules: StartRules
) -> tuple[int, ...]:
    """The run of a lift with the stroke before it that began where the others do: the load had come further.

    A bar that is pulled up from the floor, waits, and goes on up from there has gone twice as far.
    """
    first = turns[0]
    if not first:
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


def _mean(shapes: Sequence[Floats]) -> Floats:
    total: Floats = np.zeros_like(shapes[0])
    for shape in shapes:
        total = total + shape
    return total / math.sqrt(float((total * total).sum()))
