"""Movements alike that nobody counted: what a sensor on the wrong segment makes of repetitions.

A coarse look (ten times a second) at the last minute, only while nothing has been counted: away from a pose
in which the sensor rested, and back, several times alike. It counts nothing; it only asks which sensors turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import NS_PER_S, Floats
from eccentra.stages.history import History
from eccentra.stages.placement import SegmentRule

__all__ = [
    "COARSE_NS",
    "RATE_HZ",
    "Cycles",
    "coarse_rows",
    "cycles_of_force",
    "cycles_of_motion",
    "poses_in",
    "swings_from",
    "turns_in",
]

# Rows a second of what is looked at.
RATE_HZ = 10
COARSE_NS = NS_PER_S // RATE_HZ
# Where a movement begins and ends, and what it must reach, as shares of its size.
_LOW, _HIGH = 0.35, 0.65
_SIZES_DEG = (11.0, 17.0, 26.0, 40.0, 60.0, 90.0)
_MOST_POSES = 3
_NEAR_DEG = 10.0
# Turns that differ by less are the same.
_SAME_DEG = 6.0
# Repetitions turn a segment by the same but for this share, between poses that are the same to within this,
# and take the same time up to this factor; one of four may be odd. They go there and back, so that their way
# is twice the turn, and a half of that for stops, sway and second tries; several strides go far more.
_LIKE_SHARE, _SAME_POSE_DEG, _LIKE_TIMES, _LONGEST_WAY = 0.3, 12.0, 2.0, 1.5
# People rest for less between repetitions; for longer between ways into the start pose.
_PAUSE_S = 6


def coarse_rows(history: History, since: int, t: int) -> Floats:
    """Ten rows a second from ``since`` to just before ``t``, in ns; shape (n, channels)."""
    times, x = history.rows(since, t - 1)
    return x[times % COARSE_NS == 0] if len(times) else x


class Cycles(msgspec.Struct):
    """First and last row of each movement; ``size`` in degrees or N."""

    spans: list[tuple[int, int]]
    size: float

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def weight(self) -> float:
        """How far it went in all: seen from the far pose, the same movements go less far."""
        return len(self.spans) * self.size


def cycles_of_motion(rule: SegmentRule, up: Floats) -> Cycles:
    """Movements alike in "up" of one sensor, shape (n, 3), ten rows a second; those that go farthest."""
    best = Cycles([], 0.0)
    for pose in poses_in(rule, up):
        away = _angles(up, pose)
        for size in _SIZES_DEG:
            if size < rule.cycle_deg:
                continue
            spans, peaks = _swings(away, size, _rows(rule.cycle_s))
            spans = _from_rest(away, spans, size)
            spans, peaks = _same_axis(rule, up, pose, spans, peaks)
            found = _alike(rule, spans, peaks)
            if found.weight > best.weight:
                best = found
    return best


def cycles_of_force(rule: SegmentRule, force: Floats) -> Cycles:
    """Pulls alike in the force of all straps, shape (n,), ten rows a second."""
    known = force[~np.isnan(force)]
    if len(known) < RATE_HZ:
        return Cycles([], 0.0)
    above = force - float(known.min())
    best = Cycles([], 0.0)
    for size in (rule.burst_n, 2.0 * rule.burst_n, 4.0 * rule.burst_n):
        found = _alike(rule, *_swings(above, size, _rows(rule.cycle_s)))
        if len(found) > len(best):
            best = found
    return best


def turns_in(ups: Mapping[str, Floats], spans: list[tuple[int, int]]) -> dict[str, float]:
    """Median over the movements of how far each sensor turned away from where it was at their start.

    Empty when they are not repetitions: a sensor turned differently from one to the other, or from or to
    another pose, or they took other times. People who walk, sit down and bend do that, people who exercise do
    not.
    """
    if not _are_as_long(spans):
        return {}
    out: dict[str, float] = {}
    for name, up in ups.items():
        ways = [up[a : b + 1] for a, b in spans if not bool(np.isnan(up[a : b + 1]).any())]
        if not ways:
            continue
        turns = [_angles(way, way[0]) for way in ways]
        sizes = [float(turn.max()) for turn in turns]
        middle = sorted(sizes)[len(sizes) // 2]
        near = max(_LIKE_SHARE * middle, _SAME_DEG)
        odd = np.array([abs(size - middle) > near for size in sizes])
        odd |= _off(np.array([way[0] for way in ways])) > _SAME_POSE_DEG
        if middle > _SAME_POSE_DEG:
            far = np.array([way[int(turn.argmax())] for way, turn in zip(ways, turns, strict=True)])
            odd |= _off(far) > max(near, _SAME_POSE_DEG)
            odd |= np.array([_way_deg(way) for way in ways]) > _LONGEST_WAY * 2.0 * np.array(sizes)
        if int(odd.sum()) > len(ways) // 4:
            return {}
        out[name] = middle
    return out


def _are_as_long(spans: list[tuple[int, int]]) -> bool:
    """Whether movements take about the same time, and none lies in another one."""
    times = sorted(b - a for a, b in spans)
    middle = times[len(times) // 2]
    odd = sum(not middle < _LIKE_TIMES * time < _LIKE_TIMES**2 * middle for time in times)
    return odd <= len(times) // 4 and all(one[1] <= other[0] for one, other in pairwise(spans))


def _way_deg(up: Floats) -> float:
    """All the way of "up", shape (n, 3), in degrees."""
    step = up[1:] - up[:-1]
    return math.degrees(float(np.sqrt(np.add.reduce(step * step, axis=1)).sum()))


def _off(poses: Floats) -> Floats:
    """How far each pose is from the middle one, in degrees; shape (n, 3) in, (n,) out."""
    between = np.degrees(np.arccos(np.clip(poses @ poses.T, -1.0, 1.0)))
    return np.asarray(between[int(np.argmin(np.median(between, axis=1)))])


def swings_from(up: Floats, pose: Floats, size: float, rows: tuple[float, float]) -> list[tuple[int, int]]:
    """Movements of about ``size`` degrees away from a pose and back: first and last row.

    ``rows`` is how many rows they take, shortest and longest.
    """
    away = _angles(up, pose)
    spans, _ = _swings(away, size, rows)
    return _from_rest(away, spans, size)


def _angles(up: Floats, pose: Floats) -> Floats:
    """Angle to a pose in degrees, shape (n,)."""
    along = up[:, 0] * pose[0] + up[:, 1] * pose[1] + up[:, 2] * pose[2]
    return np.asarray(np.degrees(np.arccos(np.clip(along, -1.0, 1.0))))


def poses_in(rule: SegmentRule, up: Floats) -> list[Floats]:
    """Poses in which the sensor rested, those with most rest first."""
    step = up[2:] - up[:-2]
    speed = np.degrees(np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2 + step[:, 2] ** 2)) * (RATE_HZ / 2.0)
    left = up[1:-1][speed < rule.quiet_deg_s]
    out: list[tuple[int, Floats]] = []
    while len(left) and len(out) < 2 * _MOST_POSES:
        near = _angles(left, left[0]) < _NEAR_DEG
        out.append((int(near.sum()), left[0]))
        left = left[~near]
    out.sort(key=lambda one: -one[0])
    return [pose for _, pose in out[:_MOST_POSES]]


def _rows(seconds: tuple[float, float]) -> tuple[float, float]:
    return seconds[0] * RATE_HZ, seconds[1] * RATE_HZ


def _swings(x: Floats, size: float, rows: tuple[float, float]) -> tuple[list[tuple[int, int]], list[float]]:
    """Stretches above the lower limit that reach the upper one and go not further than twice the size."""
    high: NDArray[np.bool_] = np.concatenate(([False], x > _LOW * size, [False]))
    edges = np.flatnonzero(high[1:] != high[:-1])
    starts, ends = edges[::2], edges[1::2]
    spans: list[tuple[int, int]] = []
    peaks: list[float] = []
    shortest, longest = rows
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        if a == 0 or b == len(x) or not shortest <= b - a <= longest:
            continue
        peak = float(x[a:b].max())
        if _HIGH * size < peak < 2.0 * size:
            spans.append((a - 1, b))
            peaks.append(peak)
    return spans, peaks


def _from_rest(away: Floats, spans: list[tuple[int, int]], size: float) -> list[tuple[int, int]]:
    """The same movements, each from the last moment in the pose before it, after the one before."""
    ends = [0, *(b for _, b in spans)]
    return [(_rest_before(away, a, size, end), b) for (a, b), end in zip(spans, ends[:-1], strict=True)]


def _rest_before(away: Floats, a: int, size: float, least: int) -> int:
    """The last moment in the pose before a movement, or the nearest to it within five seconds."""
    first = max(a - 5 * RATE_HZ, min(least, a))
    before = away[first : a + 1]
    near = np.flatnonzero(before < 0.1 * size)
    return first + int(near[-1] if len(near) else np.argmin(before))


def _same_axis(
    rule: SegmentRule, up: Floats, pose: Floats, spans: list[tuple[int, int]], peaks: list[float]
) -> tuple[list[tuple[int, int]], list[float]]:
    """Only movements about the axis of the middle one, the same way round."""
    axes = []
    for a, b in spans:
        far = up[a + int(np.argmax(_angles(up[a : b + 1], pose)))]
        axis = np.array(
            [
                pose[1] * far[2] - pose[2] * far[1],
                pose[2] * far[0] - pose[0] * far[2],
                pose[0] * far[1] - pose[1] * far[0],
            ]
        )
        size = float(np.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2))
        axes.append(axis / max(size, 1e-9))
    if not axes:
        return spans, peaks
    limit = float(np.cos(np.radians(rule.axis_deg)))
    best: list[int] = []
    for one in axes:
        same = [
            k
            for k, axis in enumerate(axes)
            if float(axis[0] * one[0] + axis[1] * one[1] + axis[2] * one[2]) > limit
        ]
        if len(same) > len(best):
            best = same
    return [spans[k] for k in best], [peaks[k] for k in best]


def _alike(rule: SegmentRule, spans: list[tuple[int, int]], peaks: list[float]) -> Cycles:
    """The longest run of movements of one size that follow each other."""
    best = Cycles([], 0.0)
    for middle in peaks:
        run: list[tuple[int, int]] = []
        runs = [run]
        for span, peak in zip(spans, peaks, strict=True):
            if max(peak, middle) > rule.alike * min(peak, middle):
                continue
            if run and span[0] - run[-1][1] > _PAUSE_S * RATE_HZ:
                run = []
                runs.append(run)
            run.append(span)
        longest = max(runs, key=len)
        if len(longest) > len(best):
            best = Cycles(longest, middle)
    return best
