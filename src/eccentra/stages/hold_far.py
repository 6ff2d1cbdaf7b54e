"""A pose far from the one before, reached in one go: a hold, or the rest pose of the next ones."""

from __future__ import annotations

from eccentra.events import Event, Reason
from eccentra.samples import NS_PER_S, Placement
from eccentra.stages.hold import Stage
from eccentra.stages.hold_judge import Judge
from eccentra.stages.hold_track import Held, Rise
from eccentra.stages.hold_upright import Upright
from eccentra.stages.inclination import Vector, angle_between

__all__ = ["FarPose"]


class FarPose:
    """State: such a pose, ``held``, that may still turn out to be a hold.

    ``ending``: the pose far from it that was reached, while the soft end of the way there is waited for.
    """

    def __init__(self, stage: Stage, place: Placement, judge: Judge, upright: Upright) -> None:
        self._stage, self._place, self._judge, self._upright = stage, place, judge, upright
        self.held: Held | None = None
        self.ending: Vector | None = None

    def goes_on(self, way: Rise, t: int) -> bool:
        """Whether the soft end of the way out of it is still to come."""
        return self.held is not None and self._judge.goes_on(self.held, t, way.since)

    def reach(self, way: Rise, t: int, u: Vector, out: list[Event]) -> None:
        """Such a pose was reached."""
        rule = self._stage.far
        assert rule is not None
        old, self.held, self.ending = self.held, None, None
        back = False
        if old is not None:
            self._judge.decide_far(old, way.since, t, out)
            back = angle_between(old.home, u) < self._stage.end.turn_deg
        elif angle_between(way.home, u) > rule.most_deg:
            self._judge.refused.refuse(way.since, t, t, Reason.SETUP, out)
        away = angle_between(way.home, u)
        may = rule.least_deg.get(self._place, 0.0) <= away <= rule.most_deg
        if way.clean and not back and may and self._upright.may_be(way.home, u, far=True):
            self.held = Held(self._stage, way, t, u)

    def leads(self, held: Held, t: int, u: Vector) -> bool:
        """Whether what was no hold, and so a rest pose, was left just now for a pose far from it."""
        rise = self._stage.rise
        soon = held.drop is not None and t - held.drop <= rise.longest_s * NS_PER_S
        return self._stage.far is not None and soon and angle_between(held.pose, u) > rise.most_deg

    def leave(self, left: int, t: int, u: Vector, out: list[Event], *, near: bool = False) -> None:
        """It was taken, and now it is left at ``left`` from what looked like a hold in it.

        ``near``: a pose nearby is taken instead: down to the floor from a hold, or up to one from it.
        """
        held, end = self.held, self._stage.end
        if held is None:
            return
        away = angle_between(held.pose, u)
        if away > end.turn_deg:
            self.held = None
            self._judge.decide_far(held, left, t, out)
        elif near and away > end.drop_deg:
            self.held = None
            self._judge.decide_far(held, left, t, out, near=True)
