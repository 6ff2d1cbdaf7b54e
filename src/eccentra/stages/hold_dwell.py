"""Poses one stays in, one after the other, whatever they are: what a second look at holds goes by.

A dwell begins when "up" has kept within a small angle for a moment and lasts until it is further away than
sway for longer than sway lasts. Which dwells are holds and which are rests is decided from all of them
(:mod:`eccentra.stages.hold_second`).
"""

from __future__ import annotations

from collections import deque

from eccentra.samples import NS_PER_S
from eccentra.stages.hold import RiseRule
from eccentra.stages.hold_pose import Liveliness, Lively, Recent, chord2
from eccentra.stages.inclination import Vector, angle_between, unit

__all__ = ["Dwell", "Dwells"]

# As long as a dip of a hold may take.
_OFF_NS = 2 * NS_PER_S // 5
# Poses nearer than this to each other, with no longer way between, are one: sway of somebody tired.
_AGAIN_NS = 3 * NS_PER_S // 2
# A pose is followed this slowly, in ticks: sag belongs to it.
_FOLLOW = 100.0


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
        self.pose = self.first = pose
        self._n = 0.0
        self._live = Liveliness(60)

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return (self.end - self.start) / NS_PER_S

    @property
    def lively(self) -> Lively | None:
        """How still it is in its calmer seconds; ``None`` before one is full."""
        return self._live.value

    def trembles(self, other: Dwell, rule: RiseRule) -> bool:
        """Whether muscles hold it beyond doubt, and the floor carries the other one."""
        mine, its = self.lively, other.lively
        return mine is not None and its is not None and mine.tremor > rule.tremor_ratio * its.tremor

    def stay(self, t: int, u: Vector, moves: Lively) -> None:
        """One more moment in it."""
        self.end = t
        self._n = min(self._n + 1.0, _FOLLOW)
        a = 1.0 / (self._n + 1.0)
        x, y, z = (p + a * (v - p) for p, v in zip(self.pose, u, strict=True))
        self.pose = unit((x, y, z)) or self.pose
        self._live.push(moves)


class Dwells:
    """State: the dwell one is in, and those before it.

    Parameters
    ----------
    settle_s
        A dwell begins after so long
    near_deg
        within this angle.
    keep
        How many are kept.
    """

    def __init__(self, settle_s: float, near_deg: float, keep: int = 8) -> None:
        self._ticks = Recent.ticks(settle_s)
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
            return False
        if now is not None:
            if self._off is None:
                self._off = t
            if t - self._off < _OFF_NS:
                return False
            self.past.append(now)
            self.now = self._off = None
        if not recent.within(self._ticks, self._near2):
            return False
        last = self.past[-1] if self.past else None
        start = t - self._ticks * 50_000_000
        if (
            last is not None
            and start - last.end < _AGAIN_NS
            and angle_between(last.pose, u) < 1.5 * self._near
        ):
            self.now = self.past.pop()
            self.now.stay(t, u, moves)
            return False
        self.now = Dwell(start, u)
        self.now.end = t
        return True
