"""One excursion of the thigh away from the start pose, while it goes on; and movements that are none."""

from __future__ import annotations

from collections import deque

import msgspec

from eccentra.events import Reason
from eccentra.samples import NS_PER_S
from eccentra.stages.inclination import Vector, cross, dot, lean, unit
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_judge import Open

__all__ = ["Excursion", "Noise"]

# Below this peak, deg, the axis still follows the way that "up" takes.
_AXIS_SETTLED_DEG = 30.0
# So many leans, one every 50 ms, tell whether it stopped; within so many degrees it did.
_LEANS = 7
_STOPPED_DEG = 0.6
# A still moment so near to the start pose is in it.
_HOME_DEG = 6.0
# The way back fades out when it is slower than this share of its mean speed.
_SOFT_SHARE = 0.25


class Excursion(msgspec.Struct, kw_only=True):
    """Away from the start pose.

    ``since`` is the last moment in the start pose; ``eligible`` whether it can be a repetition; angles in
    degrees, ``low`` is the smallest lean since the ``peak``; ``dwell`` is the last pose held on the way,
    ``touched`` the moment at which it was slowest (``slowest``, deg/s) in the start pose since it came there,
    ``fastest`` its largest speed since the peak; ``swung`` whether it came into the start pose and left it
    again without a stop; ``leans`` are the last ones.
    """

    since: int
    eligible: bool
    home: Vector
    axis: Vector
    unsure: bool = False
    peak: float = 0.0
    low: float = 0.0
    low_at: int = 0
    ended_at: int | None = None
    arrived_at: int | None = None
    judged: float = 0.0
    opened: Open | None = None
    dwell: Vector | None = None
    dwell_since: int | None = None
    dwell_until: int = 0
    touched: int | None = None
    fastest: float = 0.0
    slowest: float = 0.0
    swung: bool = False
    leans: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=_LEANS))

    def go_on(self, t: int, u: Vector) -> float:
        """Take "up" at a moment; gives the lean."""
        phi = lean(self.home, self.axis, u)
        if phi > self.peak and self.peak < _AXIS_SETTLED_DEG:
            axis = unit(cross(self.home, u))
            if axis is not None and dot(axis, self.axis) > 0.0:
                self.axis = axis
                phi = lean(self.home, axis, u)
        self.leans.append(phi)
        if phi > self.peak:
            self.peak, self.low, self.low_at = phi, phi, t
        elif phi < self.low:
            self.low, self.low_at = phi, t
        return phi

    def came_home(self, stage: Stage, t: int, phi: float, speed: float) -> bool:
        """Whether it is over: back in the start pose and slow, or through it."""
        rule = stage.pose
        near = max(stage.phases.home_share * self.peak, _HOME_DEG)
        if phi > near:
            self.arrived_at = None
            return False
        if phi < -rule.near_deg or phi - self.low > 3.0:
            self.swung = True
            return True
        since_end = t - (self.ended_at if self.ended_at is not None else self.low_at)
        # who comes back in 10 s is this slow before the end, too
        usual = (self.peak - phi) * NS_PER_S / since_end if since_end > 0 else rule.touch_deg_s / _SOFT_SHARE
        if speed >= min(rule.touch_deg_s, max(rule.rest_deg_s, _SOFT_SHARE * usual)):
            self.arrived_at = None
            return False
        # a soft way back fades out; who shakes is still for a moment on the way, too
        self.arrived_at = t if self.arrived_at is None else self.arrived_at
        return (
            speed < rule.rest_deg_s and phi < _HOME_DEG
        ) or t - self.arrived_at >= rule.settle_s * NS_PER_S

    def touch(self, stage: Stage, t: int, phi: float, speed: float) -> None:
        """Note the slowest moment in the start pose: nearly still, or much slower than on the way to it."""
        self.fastest = 0.0 if phi >= self.peak else max(self.fastest, speed)
        if phi >= stage.pose.near_deg:
            self.touched = None
        elif phi > -stage.pose.near_deg:
            slow = max(stage.pose.touch_deg_s, _SOFT_SHARE * self.fastest)
            if speed < slow and (self.touched is None or speed < self.slowest):
                self.touched, self.slowest = t, speed

    def follow(self, t: int, phi: float) -> str | None:
        """Whether the descent has ended, or goes on again; the live phase that this is, if it changes."""
        leans, give = self.leans, max(6.0, 0.1 * self.peak)
        stopped = len(leans) == leans.maxlen and max(leans) - min(leans) < _STOPPED_DEG
        back = self.peak - phi > give
        if (stopped and self.peak - phi < give) or back:
            if self.ended_at is None:
                self.ended_at = t
            return "return" if back else "rest"
        if self.ended_at is not None and len(leans) > 4 and phi - leans[0] > 4.0 and phi > self.peak - 3.0:
            self.ended_at = None
            return "eccentric"
        return None

    def turned(self, stage: Stage, phi: float) -> bool:
        """Whether it came up part of the way and goes down again."""
        up = self.peak - self.low > stage.count.return_turn_share * self.peak
        return up and phi - self.low > max(15.0, 0.3 * self.peak)


class Noise:
    """Movements that are no candidates; many in a row are told as one."""

    def __init__(self) -> None:
        self._span: tuple[int, int, int] | None = None

    def add(self, start: int, end: int) -> None:
        """One more, times in ns."""
        span = self._span
        self._span = (start, end, 1) if span is None else (span[0], end, span[2] + 1)

    def take(self) -> tuple[int, int, Reason] | None:
        """Begin and end in ns of what is not told yet, and what it was."""
        span, self._span = self._span, None
        if span is None:
            return None
        start, end, swings = span
        walking = swings >= 4 and (end - start) / swings < 2 * NS_PER_S
        return start, end, Reason.WALKING if walking else Reason.SETUP
