"""How strongly like strokes speak for an exercise and against chance."""

from __future__ import annotations

import math

import msgspec

__all__ = ["Belief"]


class Belief(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much two like strokes say for an exercise and against chance: a sequential likelihood ratio test.

    In an exercise, the paths of two strokes in the same direction differ by an angle, their sizes and times
    by a ratio, all with bell-shaped errors. In any other movement, each may lie anywhere up to a limit.
    The logarithms of the ratios add up over the strokes of a run, until there is enough.

    Attributes
    ----------
    angle_deg, any_angle_deg
        Standard deviation (each of two directions) in an exercise, limit otherwise.
    lift
        What it says that a movement goes straight up or down and does not tilt.
    size, any_size, time, any_time, pace, any_pace
        The same for the logarithms of the ratios of sizes, of times of cycles, and of times of strokes.
    enough
        Sum that is enough for cycles of one second. Slower ones, of which there are fewer a minute and so
        fewer chances to look alike, need less by the logarithm of their time.
    """

    angle_deg: float
    any_angle_deg: float
    lift: float
    size: float
    any_size: float
    time: float
    any_time: float
    pace: float
    any_pace: float
    enough: float

    def of(self, likeness: float, size_ratio: float, *, straight: bool) -> float:
        """Logarithm of the likelihood ratio of two strokes in the same direction.

        On a ``straight`` path all strokes go the same way, so that they do says nothing.
        """
        angle = math.degrees(math.acos(min(max(likeness, -1.0), 1.0)))
        spread = 2.0 * self.angle_deg * self.angle_deg
        found = math.log(self.any_angle_deg * self.any_angle_deg / spread) - angle * angle / spread
        if straight:
            found = min(found, 0.0)
        return found + _of_ratio(size_ratio, self.size, self.any_size)

    def of_time(self, ratio: float) -> float:
        """The same of the times of two cycles."""
        return _of_ratio(ratio, self.time, self.any_time)

    def of_pace(self, ratio: float) -> float:
        """The same of the times of two strokes in the same direction.

        Where the way says nothing, on a straight path, the time does: who lifts once in one second and once
        in three does two things.
        """
        return _of_ratio(ratio, self.pace, self.any_pace)


def _of_ratio(ratio: float, sd: float, limit: float) -> float:
    off = math.log(ratio) / sd
    return math.log(2.0 * limit / (sd * math.sqrt(2.0 * math.pi))) - 0.5 * off * off
