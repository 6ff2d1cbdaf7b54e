"""Is a segment at rest? "Up" in its sensor's frame, looked at every 50 ms."""

from __future__ import annotations

from collections import deque
from math import radians, sin

from eccentra.samples import NS_PER_S
from eccentra.stages.inclination import Vector

__all__ = ["TICK_NS", "Stillness", "chord2", "distance2"]

TICK_NS = 50_000_000


def chord2(angle_deg: float) -> float:
    """Squared distance of two unit vectors at this angle."""
    half = 2.0 * sin(radians(angle_deg) / 2.0)
    return half * half


def distance2(a: Vector, b: Vector) -> float:
    """Squared distance of two vectors."""
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return dx * dx + dy * dy + dz * dz


class Stillness:
    """State: the last moments.

    Parameters
    ----------
    quiet_s, quiet_deg
        A pose is held when "up" moves by less than ``quiet_deg`` in ``quiet_s``.
    """

    def __init__(self, quiet_s: float, quiet_deg: float) -> None:
        quiet = round(quiet_s * NS_PER_S / TICK_NS)
        self.recent: deque[tuple[int, Vector]] = deque(maxlen=quiet + 1)
        self._full = quiet + 1
        self._quiet_chord = chord2(quiet_deg)
        self._earlier: deque[Vector] = deque(maxlen=self._full)

    @property
    def middle(self) -> Vector:
        """Pose in the middle of the last moments: inside a rest, not at its edge."""
        return self.recent[len(self.recent) // 2][1]

    @property
    def lasting(self) -> bool:
        """Whether the pose has been held for twice as long: a slow stroke has gone further by then."""
        early = self._earlier
        return len(early) == self._full and distance2(early[0], self.recent[-1][1]) <= self._quiet_chord

    def clear(self) -> None:
        """Forget the last moments: rows were missing."""
        self.recent.clear()
        self._earlier.clear()

    def motion(self, t: int, u: Vector) -> tuple[float, bool]:
        """Speed of "up" over the last 150 ms in deg/s, and whether a pose is held."""
        recent = self.recent
        if len(recent) == self._full:
            self._earlier.append(recent[0][1])
        recent.append((t, u))
        n = len(recent)
        if n < 4:
            return 0.0 if n < 2 else 99.0, False
        past, v = recent[-4]
        speed = 57.29578e9 * distance2(u, v) ** 0.5 / (t - past)
        if n < self._full or speed > 4.0:
            return speed, False
        for k in (0, n // 2):
            if distance2(u, recent[k][1]) > self._quiet_chord:
                return speed, False
        return speed, True
