"""What is upright, seen when somebody walks, and which poses and ways that leaves possible for a hold."""

from __future__ import annotations

from eccentra.samples import Placement
from eccentra.stages.hold import Stage
from eccentra.stages.hold_pose import Gait
from eccentra.stages.inclination import Vector, angle_between

__all__ = ["Upright"]

# Share of a way that goes up: more than half of it.
_SURE = 0.5


class Upright:
    """Which poses and ways are possible for the sensor at ``place``."""

    def __init__(self, stage: Stage, place: Placement, gait: Gait) -> None:
        self._stage, self._gait = stage, gait
        self._sign = stage.upright.get(place)

    def _share(self, home: Vector, u: Vector, away: float) -> float | None:
        """How much of the way from ``home`` goes up, -1 to 1; ``None`` when that is not known."""
        sign, upright = self._sign, self._gait.upright
        if upright is None:
            return None
        lying = self._stage.rise.lying_deg
        if angle_between(upright, u) < lying:
            return -1.0
        if sign is None:
            return None
        if angle_between(upright, home) < lying:
            # only what may start from kneeling leads from upright to level
            return -1.0 if self._stage.far is None else 1.0
        if angle_between(upright, home) < self._stage.rise.fours_deg:
            return 1.0
        return sign * (angle_between(upright, u) - angle_between(upright, home)) / away

    def may_rise(self, home: Vector, u: Vector) -> bool:
        """Whether the way from ``home`` may be a way up; a turn mostly about another axis says nothing."""
        upwards = self._share(home, u, angle_between(home, u))
        return upwards is None or upwards > -_SURE

    def may_be(self, home: Vector, pose: Vector, far: bool) -> bool:
        """Whether these may be the poses of a hold, as far as it is known what is upright."""
        if not far:
            return self.may_rise(home, pose)
        upright = self._gait.upright
        return upright is None or angle_between(upright, pose) >= self._stage.rise.lying_deg
