"""From one resting pose away and back, seen by one segment.

A trial belongs to one pose in which the person rested. It is told every 50 ms where "up" is in the sensor's
frame, and says when the segment has come back, and that it turned around on the way back.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from eccentra.samples import NS_PER_S
from eccentra.stages.inclination import Vector, cross, dot, lean, unit
from eccentra.stages.joint import CountRule, PoseRule
from eccentra.stages.stillness import TICK_NS, chord2, distance2

__all__ = ["Seen", "Trial"]

# An axis is known well enough when the segment has turned this far.
_AXIS_DEG = 30.0
# So many slow moments in a row in the pose are a stay, not a swing that turns around there.
_SLOW_TICKS = 8


class Seen(msgspec.Struct, frozen=True):
    """What a trial saw: back, turned around before being back, or gone too far or too long.

    ``exact``: it is the same pose without doubt; ``low`` is how far it was from it, in degrees. ``began``: it
    left from rest. ``rested``: it came to rest in the pose. ``near``: it came near enough to be in it.
    ``contested``: another trial is still under way that came nearer to its own pose. ``inside``: a movement
    from the pose where repetitions start had begun before, and goes on.
    """

    what: Literal["back", "turned", "lost"]
    since: int
    until: int
    peak: float
    eligible: bool
    unsure: bool
    exact: bool = True
    low: float = 0.0
    began: bool = True
    rested: bool = False
    near: bool = True
    contested: bool = False
    inside: bool = False


class Trial:
    """State of one trial.

    Parameters
    ----------
    home, others
        "Up" in the frames of the followed sensor, and of the other ones (``None`` where unknown).
    t
        Time of the rest in ns.
    """

    def __init__(
        self,
        home: Vector,
        others: tuple[Vector | None, ...],
        t: int,
        pose: PoseRule,
        count: CountRule,
        most_deg: float,
    ) -> None:
        self.home, self.others = home, others
        self._anchor, self._rested = home, t
        self._pose, self._count, self._most_deg = pose, count, most_deg
        self._same = chord2(count.same_deg)
        self._near = chord2(pose.near_deg)
        self._memory = round(pose.touch_memory_s * NS_PER_S)
        self._longest = round((2.0 * count.most_stroke_s + count.most_hold_s) * NS_PER_S)
        self._window = deque[float](maxlen=round(count.settle_s * NS_PER_S / TICK_NS) + 1)
        self.touched: int | None = t
        self.rested_away = False
        self.proven = False
        self.free_from = -(1 << 62)
        self.unsure = False
        self._clear()

    def _clear(self) -> None:
        self.away = False
        self.eligible = False
        self.axis: Vector | None = None
        self.since = 0
        self.peak = self.low = self.phi = 0.0
        self.low_at = self.arrived_at = self._left = self._last = 0
        self._window.clear()
        self.unsure = False
        self.rested_away = False
        self.began = True
        self._slow = 0
        self._slow_at = -(1 << 62)

    def settle(self, home: Vector, others: tuple[Vector | None, ...], t: int, *, lasting: bool) -> None:
        """Rested here again: the pose follows, but not a slow stroke, whose moments look like rests."""
        self._rested = t
        if self.away:
            self._clear()
            self.touched = t
        if lasting:
            self._anchor = home
        elif distance2(home, self._anchor) > self._same:
            return
        self.home, self.others = home, others

    @property
    def phase(self) -> Literal["rest", "first", "stop", "second"]:
        """What it looks like now."""
        if not self.away or not self.eligible:
            return "rest"
        if self.peak - self.phi > max(5.0, 0.1 * self.peak):
            return "second"
        return "stop" if self._stopped() else "first"

    def left_at(self, t: int) -> tuple[bool, int]:
        """Whether a movement from here may still come back, and when the person was last in this pose."""
        if not self.away:
            return True, t
        return self.eligible, self.since if self.eligible else self._rested

    def is_near(self, u: Vector) -> bool:
        """Whether this pose is taken."""
        return distance2(u, self.home) < self._near

    def _spread(self) -> float:
        """How far the segment went in the last moments, in degrees."""
        window = self._window
        return max(window) - min(window) if len(window) == window.maxlen else 360.0

    def _stopped(self) -> bool:
        return self._spread() < self._fading(self._count.settle_share, self._count.settle_deg)

    def _fading(self, share: float, most: float) -> float:
        """Spread at this share of the mean speed of the way back; a slow stroke fades out slowly."""
        count = self._count
        if self.phi > 0.9 * self.peak:
            return most
        seconds = max(self._last - self._left, TICK_NS) / NS_PER_S
        way = share * count.settle_s * (self.peak - self.phi) / seconds
        return min(max(way, count.still_least_deg), most)

    def step(self, t: int, u: Vector, speed: float) -> Seen | None:
        """Take one moment."""
        if not self.away:
            self._at_home(t, u, speed)
            return None
        assert self.axis is not None
        phi = lean(self.home, self.axis, u)
        if phi > self.peak and self.peak < _AXIS_DEG:
            axis = unit(cross(self.home, u))
            if axis is not None and dot(axis, self.axis) > 0.0:
                self.axis = axis
                phi = lean(self.home, axis, u)
        self._slow = self._slow + 1 if speed < self._pose.touch_deg_s and self.is_near(u) else 0
        if self._slow >= _SLOW_TICKS:
            self._slow_at = t
        self.phi, self._last = phi, t
        if phi > 0.9 * self.peak:
            self._left = t
        self._window.append(phi)
        if phi > self.peak:
            self.peak, self.low, self.low_at, self.arrived_at = phi, phi, t, 0
        elif phi < self.low:
            self.low, self.low_at = phi, t
        return self._ended(t, u, speed)

    def _at_home(self, t: int, u: Vector, speed: float) -> None:
        if self.is_near(u):
            if speed < self._pose.touch_deg_s:
                self.touched = t
            return
        axis = unit(cross(self.home, u))
        if axis is None:
            return
        touched, unsure = self.touched, self.unsure
        self._clear()
        self.away, self.axis, self.unsure = True, axis, unsure
        self.eligible = touched is not None and t - touched <= self._memory
        self.since = touched if touched is not None and self.eligible else t
        self.low_at = t

    def _ended(self, t: int, u: Vector, speed: float) -> Seen | None:
        count, phi = self._count, self.phi
        near = self._pose.near_deg
        if self.eligible and (abs(phi) > self._most_deg or t - self.since > self._longest):
            return self._lose(t)
        if phi < -near:
            # going through the pose is being back only where repetitions are known to start
            return self._leave("back" if self.proven else "lost", t, touched=False)
        back = max(count.home_share * self.peak, 0.5 * near)
        if phi <= back:
            if phi - self.low > 0.25 * near and self.low < max(count.home_share * self.peak, 2.0):
                return self._turn_around(t)
            if self._stopped():
                self.arrived_at = self.arrived_at or t
                waited = (t - self.arrived_at) / NS_PER_S
                here = phi <= max(count.arrived_share * self.peak, 0.7 * near)
                still = self._spread() < self._fading(count.still_share, count.still_deg)
                if (here and (still or waited >= 1.5 * count.settle_s)) or waited >= count.arrived_s:
                    return self._leave("back", t, touched=True)
            else:
                self.arrived_at = 0
        way = self.peak - self.low
        turned = phi - self.low > max(0.5 * count.partial_least_deg, 0.15 * self.peak)
        if turned and way > count.turn_share * self.peak:
            return self._turn_around(t)
        return None

    def _is_near_home(self) -> bool:
        return self.low <= max(self._count.arrived_share * self.peak, 0.7 * self._pose.near_deg)

    def _exact(self) -> bool:
        """Whether it is the same pose without doubt.

        Where nothing is known yet, and the person rested somewhere else on the way, it has to be very near:
        the deepest point of a squat is like sitting on a bench.
        """
        return self.proven or not self.rested_away or abs(self.low) < self._count.same_deg

    def _leave(self, what: Literal["back", "lost"], t: int, *, touched: bool) -> Seen:
        exact, near = self._exact(), self._is_near_home()
        seen = Seen(
            what,
            self.since,
            t,
            self.peak,
            self.eligible,
            self.unsure,
            exact,
            self.low,
            self.began,
            touched,
            near,
        )
        self._clear()
        self.touched = t if touched else None
        return seen

    def _lose(self, t: int) -> Seen:
        """Not a movement of this pose; it may come back all the same."""
        seen = Seen("lost", self.since, t, self.peak, self.eligible, self.unsure)
        self.eligible = False
        self.since = t
        return seen

    def _turn_around(self, t: int) -> Seen:
        """On the way away again: the next repetition has begun at the turn."""
        back = self.low <= self._count.home_share * self.peak or self.low <= 0.5 * self._pose.near_deg
        seen = Seen(
            "back" if back else "turned",
            self.since,
            self.low_at,
            self.peak,
            self.eligible,
            self.unsure,
            self._exact(),
            self.low,
            self.began,
            False,
            self._is_near_home(),
        )
        axis, phi, low_at = self.axis, self.phi, self.low_at
        # swaying in the pose for a moment is being in it, also for one who did not leave from it
        eligible = self.eligible or self._slow_at > t - self._memory
        self._clear()
        self.away, self.axis, self.eligible, self.since = True, axis, eligible, low_at
        self.phi = self.peak = self.low = phi
        self.began = False
        self.low_at = t
        self.touched = low_at
        return seen
