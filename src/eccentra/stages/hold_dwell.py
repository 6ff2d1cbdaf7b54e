"""Poses one stays in, one after the other, whatever they are: what a second look at holds goes by.

A dwell begins when "up" has kept within a small angle for a moment and lasts until it is further away than
sway for longer than sway lasts. A small rise is no further than sway, but muscles that take over, or let go,
show in the tremor: where that changes together with the pose, the dwell is taken apart. Which dwells are
holds and which are rests is decided from all of them (:mod:`eccentra.stages.hold_second`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from eccentra.samples import NS_PER_S
from eccentra.stages.hold import RiseRule
from eccentra.stages.hold_pose import TICK_NS, Lively, Recent, chord2, mean_of, quartiles_of
from eccentra.stages.inclination import Vector, angle_between, unit

__all__ = ["Dwell", "Dwells"]

# As long as a dip of a hold may take.
_OFF_NS = 2 * NS_PER_S // 5
# Poses nearer than this to each other, with no longer way between, are one: sway of somebody tired.
_AGAIN_NS = 3 * NS_PER_S // 2
# A pose is followed this slowly, in ticks: sag belongs to it.
_FOLLOW = 100.0
_KEEP_S = 60
# What is shorter than the shortest hold and goes straight on for most of its path, in no half second slower
# than a third of its mean, is a way: sway turns around, and a rest is still before one leaves it.
_SHORT_S = 3.0
_STRAIGHT = 0.7
_STOP_SHARE = 0.33
_SECOND_TICKS = Recent.ticks(1.0)
_HALF_TICKS = Recent.ticks(0.5)
_SHORT_TICKS = Recent.ticks(_SHORT_S)
# So many seconds before and after a way inside a dwell say where it was, and what the tremor is from then on;
# the way takes no longer.
_BESIDE = 2
_AFTER = 3
_LONGEST_WAY = 4
# Seconds beside such a way differ by no more than this share of it.
_STEADY_SHARE = 0.4


class _Second(NamedTuple):
    """A second of a dwell: its first and last moment, how it moves, and the mean of "up"."""

    start: int
    end: int
    moves: Lively
    up: Vector


class Dwell:
    """State: one pose.

    Attributes
    ----------
    start, end
        First and last moment in it, session time in ns.
    pose
        Up in the sensor's frame.
    """

    def __init__(self, start: int, pose: Vector) -> None:
        self.start = self.end = start
        self.pose = self.first = self.last = pose
        self._n = 0.0
        self._steps: list[float] = []
        self._seconds: deque[_Second] = deque(maxlen=_KEEP_S)
        self._now: list[tuple[int, Vector, Lively]] = []

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return (self.end - self.start) / NS_PER_S

    @property
    def passes(self) -> bool:
        """Whether it was but part of a slow way: it went straight on, and never stopped."""
        steps, n = self._steps, _HALF_TICKS
        if len(steps) < n or self.seconds >= _SHORT_S:
            return False
        path = math.fsum(steps)
        slowest = min(math.fsum(steps[k : k + n]) for k in range(0, len(steps) - n + 1, n)) / n
        straight = angle_between(self.first, self.last) > _STRAIGHT * path
        return straight and slowest > _STOP_SHARE * path / len(steps)

    @property
    def lively(self) -> Lively | None:
        """How still it is in its calmer seconds; ``None`` before one is full."""
        return quartiles_of([second.moves for second in self._seconds])

    def trembles(self, other: Dwell, rule: RiseRule) -> bool:
        """Whether muscles hold it beyond doubt, and the floor carries the other one."""
        mine, its = self.lively, other.lively
        return mine is not None and its is not None and mine.trembles(its, rule.tremor_ratio)

    def stay(self, t: int, u: Vector, moves: Lively) -> None:
        """One more moment in it."""
        self.end = t
        self.last = u
        if len(self._steps) <= _SHORT_TICKS:
            self._steps.append(moves.sway * TICK_NS / NS_PER_S)
        self._n = min(self._n + 1.0, _FOLLOW)
        a = 1.0 / (self._n + 1.0)
        x, y, z = (p + a * (v - p) for p, v in zip(self.pose, u, strict=True))
        self.pose = unit((x, y, z)) or self.pose
        self._now.append((t, u, moves))
        if len(self._now) == _SECOND_TICKS:
            up = _mean([v for _, v, _ in self._now])
            self._seconds.append(_Second(self._now[0][0], t, mean_of([m for *_, m in self._now]), up))
            self._now.clear()

    def parted(self, ratio: float, least_deg: float) -> Dwell | None:
        """The pose it has gone on to, ending this one, if both its tremor and its pose have changed.

        Asked once a second; ``ratio`` of the tremors and ``least_deg`` between the poses tell.
        """
        seconds = list(self._seconds)
        if self._now or len(seconds) < _BESIDE + _AFTER:
            return None
        after = seconds[-_AFTER:]
        slow, fast = _tremors(after)
        for n in range(len(seconds) - _AFTER, max(len(seconds) - _AFTER - _LONGEST_WAY, _BESIDE) - 1, -1):
            usual = _tremors(seconds[:n])
            told = slow > ratio * usual[1] or usual[0] > ratio * fast
            if told and _apart(seconds[n - _BESIDE : n], after) > least_deg:
                return self._split(n, after)
        return None

    def _split(self, n: int, after: Sequence[_Second]) -> Dwell:
        """End it after ``n`` of its seconds; what comes then is given."""
        kept = list(self._seconds)[:n]
        self._seconds = deque(kept, maxlen=_KEEP_S)
        other = Dwell(after[0].start, _mean([second.up for second in after]))
        other.end, other._n = self.end, float(_AFTER * _SECOND_TICKS)
        other._seconds.extend(after)
        self.end, self.pose = kept[-1].end, _mean([second.up for second in kept[-_BESIDE:]])
        return other


def _mean(ups: Sequence[Vector]) -> Vector:
    """Mean direction."""
    x, y, z = (math.fsum(v[k] for v in ups) for k in range(3))
    return unit((x, y, z)) or ups[-1]


def _tremors(seconds: Sequence[_Second]) -> tuple[float, float]:
    """Lower and upper quartile of the tremor."""
    ordered = sorted(second.moves.tremor for second in seconds)
    k = (len(ordered) - 1) // 4
    return ordered[k], ordered[-1 - k]


def _apart(before: Sequence[_Second], after: Sequence[_Second]) -> float:
    """Angle between two poses in degrees; 0 when either is still on its way."""
    step = angle_between(_mean([s.up for s in before]), _mean([s.up for s in after]))
    moved = max(angle_between(part[0].up, part[-1].up) for part in (before, after))
    return step if moved <= _STEADY_SHARE * step else 0.0


class Dwells:
    """State: the dwell one is in, and those before it.

    Parameters
    ----------
    settle_s
        A dwell begins after so long
    near_deg
        within this angle.
    ratio, least_deg
        Poses whose tremors differ by this factor are two if they are so far apart.
    keep
        How many are kept.
    """

    def __init__(
        self, settle_s: float, near_deg: float, *, ratio: float, least_deg: float, keep: int = 8
    ) -> None:
        self._ticks = Recent.ticks(settle_s)
        self._ratio, self._least = ratio, least_deg
        self._near, self._near2 = near_deg, chord2(near_deg)
        self.past: deque[Dwell] = deque(maxlen=keep)
        self.now: Dwell | None = None
        self._off: int | None = None

    def clear(self) -> None:
        """Time was lost: what was before is no neighbour of what comes."""
        self.past.clear()
        self.now = self._off = None

    def push(self, t: int, u: Vector, moves: Lively, recent: Recent) -> bool:
        """Take one moment; whether a dwell has just begun."""
        now = self.now
        if now is not None and angle_between(now.pose, u) <= self._near:
            self._off = None
            now.stay(t, u, moves)
            then = now.parted(self._ratio, self._least)
            if then is None:
                return False
            self.past.append(now)
            self.now = then
            return True
        if now is not None:
            if self._off is None:
                self._off = t
            if t - self._off < _OFF_NS:
                return False
            if not now.passes:
                self.past.append(now)
            self.now = self._off = None
        if not recent.within(self._ticks, self._near2):
            return False
        last = self.past[-1] if self.past else None
        start = t - self._ticks * TICK_NS
        if (
            last is not None
            and start - last.end < _AGAIN_NS
            and angle_between(last.pose, u) < 1.5 * self._near
        ):
            self.now = self.past.pop()
            # from half-way both are near
            self.now.pose = _mean([last.pose, u])
            self.now.stay(t, u, moves)
            return False
        self.now = Dwell(start, u)
        self.now.end = t
        return True
