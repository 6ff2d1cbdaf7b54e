"""Poses of the thigh: is one held, is it the start pose, what is upright; and of the shank.

Looked at every 50 ms. The start pose (``home``) is the last pose held near the one before; what is upright is
the mean of the poses in which repetitions began.
"""

from __future__ import annotations

import math
from collections import deque

from eccentra.stages.inclination import Vector, angle_between, cross, dot, unit
from eccentra.stages.nordic import PoseRule
from eccentra.stages.nordic_posture import Kneeling
from eccentra.stages.stillness import TICK_NS, Stillness, chord2

__all__ = ["TICK_NS", "Poses", "chord2"]


class Poses(Stillness):
    """State: the last moments, the start pose, upright; the first pose of all."""

    def __init__(self, rule: PoseRule) -> None:
        self._rule = rule
        super().__init__(rule.quiet_s, rule.quiet_deg)
        self.home: Vector | None = None
        self.upright: Vector | None = None
        self.first: Vector | None = None
        self._count = 0
        self._shanks: deque[tuple[Vector, Vector]] = deque(maxlen=12)

    def settle(self, pose: Vector) -> None:
        """``pose`` is the start pose from now on."""
        self.home = pose
        if self.upright is None:
            self.upright = self.first = pose

    def back_upright(self, home: Vector, u: Vector) -> bool:
        """From a pose elsewhere (sitting on the heels) into the start pose."""
        upright, near = self.upright, self._rule.near_deg
        if upright is None or angle_between(upright, u) > near:
            return False
        return angle_between(upright, home) > max(2.0 * near, self._rule.lean_back_deg)

    def leant_back(self, pose: Vector | None) -> bool:
        """Whether this may be a start pose that leans back."""
        upright = self.upright
        if upright is None or pose is None or self._rule.lean_back_deg == 0.0:
            return False
        return self._rule.near_deg < angle_between(upright, pose) < self._rule.lean_back_deg

    @property
    def known(self) -> bool:
        """Whether what is upright comes from repetitions."""
        return self._count > 0

    def is_rest(self, pose: Vector, axis: Vector | None) -> bool:
        """Sitting on the heels or lying: turned from upright about the movement's own axis."""
        upright = self.upright
        if upright is None or axis is None:
            return False
        away = angle_between(upright, pose)
        return (
            max(self._rule.shift_deg, self._rule.lean_back_deg) < away < self._rule.most_deg
            and abs(dot(pose, axis)) < 0.3
        )

    def shifted(self, pose: Vector, forward: Vector | None) -> bool:
        """Whether a start pose is none of the usual ones: kneeling anew, or the sensor sits otherwise.

        ``forward`` is the axis of the forward lean: who kneels leans about it, and hardly to the side.
        """
        off = self.upright is None or angle_between(self.upright, pose) > self._rule.shift_deg
        return off or self.tilted(pose, forward)

    def tilted(self, pose: Vector, forward: Vector | None) -> bool:
        """Whether a pose tilts to the side as nobody's thigh does who kneels."""
        return forward is not None and abs(dot(forward, pose)) > math.sin(math.radians(self._rule.tilt_deg))

    def learn_upright(self, pose: Vector, *, anew: bool) -> None:
        """A repetition began in this pose: what is upright is the mean of the last ones, or ``anew`` this."""
        upright = self.upright
        if upright is None or not self._count or anew:
            self.upright, self._count = pose, 1
            return
        self._count = min(self._count + 1, 8)
        w = 1.0 / self._count
        mixed = unit(
            (
                upright[0] + w * (pose[0] - upright[0]),
                upright[1] + w * (pose[1] - upright[1]),
                upright[2] + w * (pose[2] - upright[2]),
            )
        )
        self.upright = mixed if mixed is not None else pose

    def remember_shank(self, thigh: Vector, row: list[float], c: int | None) -> None:
        """Keep the shank's pose (columns from ``c`` on) that goes with a pose of the thigh."""
        if c is None or row[c] != row[c]:
            return
        shank = (row[c], row[c + 1], row[c + 2])
        if self._shanks and angle_between(self._shanks[-1][1], shank) < self._rule.near_deg:
            self._shanks.pop()  # the same pose again
        self._shanks.append((thigh, shank))

    def kneeling(self) -> Kneeling | None:
        """What standing, seen before, tells: from there to kneeling the shank leans forward by about 90°."""
        if len(self._shanks) < 2:
            return None
        rule = self._rule
        thigh, now = self._shanks[-1]
        for upright, before in reversed(self._shanks):
            turn = angle_between(before, now)
            axis = unit(cross(before, now))
            if axis is None or not rule.stand_deg[0] < turn < rule.stand_deg[1]:
                continue
            if angle_between(upright, thigh) > rule.stand_thigh_deg:
                return Kneeling(axis)  # sitting or half-kneeling: the axis is the same
            return Kneeling(axis, 90.0 - turn, upright)
        return None
