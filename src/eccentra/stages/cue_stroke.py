"""One stroke while it happens: when it began, how far it went, too fast, out of control.

Everything comes from the angle that the exercise tracks live, every 50 ms.
"""

from __future__ import annotations

import math
from collections import deque

from eccentra.samples import NS_PER_S
from eccentra.stages.cue_rules import ControlRule, FastRule

__all__ = ["Course", "Stroke"]

_STEP_NS = 50_000_000
_MEMORY_S = 15.0
# Moments further apart belong to different movements.
_HOLE_NS = 4 * _STEP_NS
# A pose: within so many degrees of where the stroke began.
_STILL_DEG = 2.0
# Lowering is faster.
_STOPPED_DEG_S = 2.5


class Course:
    """The tracked angle of the last seconds: pairs of time in ns and degrees."""

    def __init__(self) -> None:
        self.points: deque[tuple[int, float]] = deque(maxlen=round(_MEMORY_S * NS_PER_S / _STEP_NS))

    def speed(self) -> float | None:
        """Change of the angle over the last 100 ms in deg/s; ``None`` across missing moments."""
        points = self.points
        if len(points) < 3:
            return None
        (t0, a0), (t1, a1) = points[-3], points[-1]
        return (a1 - a0) / 0.1 if t1 - t0 == 2 * _STEP_NS else None

    def gain(self) -> float | None:
        """Change of speed over the last 200 ms in deg/s²; ``None`` across missing moments."""
        points = self.points
        if len(points) < 5 or points[-1][0] - points[-5][0] != 4 * _STEP_NS:
            return None
        return (points[-1][1] - 2.0 * points[-3][1] + points[-5][1]) / 0.01

    def began(self) -> tuple[int, float]:
        """Where and when the movement under way began: its last turn, or pose, looking back."""
        points = self.points
        turn = points[-1][1]
        up = len(points) > 1 and points[-1][1] >= points[-2][1]
        first = len(points) - 1
        for k in range(len(points) - 1, -1, -1):
            if k + 1 < len(points) and points[k + 1][0] - points[k][0] > _HOLE_NS:
                break
            a = points[k][1]
            if (a < turn) if up else (a > turn):
                turn, first = a, k
            elif abs(a - turn) > _STILL_DEG:
                break
        # the last moment that was still there: a pose before the stroke is not part of it
        for k in range(len(points) - 1, first, -1):
            if abs(points[k][1] - turn) <= _STILL_DEG:
                return points[k]
        return points[first]

    def still_since(self) -> int:
        """Since when the angle has stayed where it is now."""
        now, since = self.points[-1][1], self.points[-1][0]
        for t, a in reversed(self.points):
            if abs(a - now) > _STILL_DEG:
                break
            since = t
        return since


class Stroke:
    """A movement in one direction.

    Parameters
    ----------
    start_ns, start_deg
        Where it began.
    """

    def __init__(self, start_ns: int, start_deg: float) -> None:
        self.start_ns = start_ns
        self.start_deg = start_deg
        self.fell_at: int | None = None
        self.fell_deg = 0.0
        self.fast_at: int | None = None
        self._beyond = 0
        self._seen: int | None = None
        self._stopped_ns = 0

    def too_fast(self, t: int, angle: float, rule: FastRule, limit: float, full_deg: float | None) -> bool:
        """Whether the stroke is too fast by now; told once.

        Parameters
        ----------
        limit
            Largest mean speed, deg/s.
        full_deg
            Usual length of the stroke; ``None`` when not known.
        """
        way, seconds = abs(angle - self.start_deg), (t - self.start_ns) / NS_PER_S + rule.soft_start_s
        if self.fast_at is not None or self.fell_at is not None:
            return False
        if way < max(rule.least_deg, rule.least_share * (full_deg or 0.0)) or seconds < rule.least_s:
            return False
        early = full_deg is None or way < rule.full_share * full_deg
        if way <= limit * (rule.early_factor if early else 1.0) * seconds:
            return False
        self.fast_at = t
        return True

    def lost_control(self, t: int, course: Course, rule: ControlRule) -> int | None:
        """When control was lost, ns, at the moment when that is sure; told once."""
        speed, angle = course.speed(), course.points[-1][1]
        self._note_stops(t, speed)
        way, seconds = abs(angle - self.start_deg), (t - self.start_ns - self._stopped_ns) / NS_PER_S
        if self.fell_at is not None or speed is None or seconds < _STEP_NS / NS_PER_S:
            return None
        fast = speed > max(rule.ratio * way / seconds, rule.least_deg_s)
        gain = course.gain()
        falls = (
            angle >= rule.fall_from_deg
            and speed > rule.least_deg_s
            and gain is not None
            and gain > rule.fall_share * _free_fall(angle, rule)
        )
        if not fast and not falls:
            self._beyond = 0
            return None
        self._beyond += 1
        if self._beyond * _STEP_NS < rule.for_s * NS_PER_S:
            return None
        since, at = self._fall_began(course, rule)
        if at > rule.most_deg:
            self._beyond = 0
            return None
        self.fell_at, self.fell_deg = since, at
        return since

    def _note_stops(self, t: int, speed: float | None) -> None:
        """Time in which the stroke stood still is none of its speed: a second stage is not quicker for it."""
        if self._seen is not None:
            since = t - self._seen
            if since > _HOLE_NS or (speed is not None and abs(speed) < _STOPPED_DEG_S):
                self._stopped_ns += since
        self._seen = t

    def _fall_began(self, course: Course, rule: ControlRule) -> tuple[int, float]:
        """Looking back, the first moment from which on speed grew like in a fall."""
        points = course.points
        k = len(points) - 1
        while k > 1 and points[k - 2][0] >= self.start_ns:
            (t0, a0), (_, a1), (t2, a2) = points[k - 2], points[k - 1], points[k]
            if t2 - t0 > 2 * _STEP_NS:
                break
            grown = (a2 - 2.0 * a1 + a0) * (NS_PER_S / _STEP_NS) ** 2
            if grown < 0.5 * rule.fall_share * _free_fall(a1, rule) and t2 < points[-1][0]:
                break
            k -= 1
        return points[k]


def _free_fall(angle_deg: float, rule: ControlRule) -> float:
    """Angular acceleration of a body that falls about the knees without any braking, deg/s²."""
    return math.degrees(rule.free_fall_rad_s2 * math.sin(math.radians(angle_deg)))
