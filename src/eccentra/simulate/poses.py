"""Poses on the floor, ways between them, and what people do in them besides exercise."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.simulate.body import DT, Pen

__all__ = ["POSES", "LieStill", "PoseName", "Shift", "TakePose"]

rad = np.radians
PoseName = Literal[
    "stand",
    "tall_kneel",
    "all_fours",
    "sit",
    "supine_straight",
    "supine_bent",
    "supine_long",
    "prone",
    "prone_elbows",
    "side",
]
# Leans in degrees, as in eccentra.simulate.body: thigh, shank, trunk, roll of the whole body. Lying on the
# back, the hip is lower than the knee by the height of the bent knee: the thigh hangs below level.
POSES: dict[str, tuple[float, float, float, float]] = {
    "stand": (0.0, 0.0, 0.0, 0.0),
    "tall_kneel": (0.0, 90.0, 0.0, 0.0),
    "all_fours": (2.0, 90.0, 86.0, 0.0),
    "sit": (-125.0, -35.0, -15.0, 0.0),
    "supine_straight": (-90.0, -88.0, -90.0, 0.0),
    "supine_bent": (-140.0, -20.0, -90.0, 0.0),
    "supine_long": (-103.0, -77.0, -90.0, 0.0),
    "prone": (90.0, 88.0, 90.0, 0.0),
    "prone_elbows": (90.0, 88.0, 66.0, 0.0),
    "side": (0.0, 0.0, 0.0, 90.0),
}
_LYING = {"supine_straight", "supine_bent", "supine_long", "prone", "prone_elbows", "side"}
# SD of sway where the floor carries the body
_LYING_SWAY_DEG = 0.04


class TakePose(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="take_pose"
):
    """Go to a pose by way of others.

    Attributes
    ----------
    to, via
        The pose, and the poses passed on the way.
    seconds
        Length of the whole way.
    pause_s
        Longest stop in a pose on the way.
    """

    to: PoseName
    via: tuple[PoseName, ...] = ()
    seconds: float = 5.0
    pause_s: float = 0.6

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, legs = pen.n, (*self.via, self.to)
        for k, name in enumerate(legs):
            thigh, shank, trunk, roll = (float(rad(v)) for v in POSES[name])
            sway = rad(_LYING_SWAY_DEG if name in _LYING else pen.athlete.sway_deg)
            part = self.seconds / len(legs) * pen.rng.uniform(0.8, 1.2)
            pen.glide(part, thigh=thigh, shank=shank, trunk=trunk, roll=roll, sway=float(sway))
            if name in _LYING:
                pen.shake(pen.n, 2.0)
            if k < len(self.via):
                pen.hold(pen.rng.uniform(0.05, 1.0) * self.pause_s)
        pen.movements.append(("take_pose", start, pen.n))


class LieStill(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="lie_still"
):
    """Stay in the pose and breathe: the trunk turns by ``breath_deg`` to each side."""

    seconds: float = 5.0
    breath_deg: float = 0.4

    def play(self, pen: Pen) -> None:
        """Write it."""
        n = pen.steps(self.seconds)
        t = np.arange(n) * DT
        ease = np.clip(np.minimum(t, t[-1] - t) / 1.0, 0.0, 1.0)
        tone = pen.rng.uniform(0.2, 0.33)
        breath = rad(self.breath_deg) * ease * np.sin(2 * np.pi * tone * t + pen.rng.uniform(0, 6))
        pen.overlay("trunk", pen.n, breath)
        pen.write(n)


class Shift(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="shift"
):
    """Make oneself comfortable: a small change of the pose, a stay, maybe back again.

    ``size_deg`` bounds the change of each segment.
    """

    size_deg: float = 4.0
    seconds: float = 1.0
    stay_s: float = 5.0
    back: bool = False

    def play(self, pen: Pen) -> None:
        """Write it."""
        start = pen.n
        home = [pen.now[name] for name in ("thigh", "trunk", "roll")]
        to = [v + float(rad(self.size_deg) * pen.rng.uniform(-1, 1)) for v in home]
        for pose in (to, home) if self.back else (to,):
            pen.glide(self.seconds, thigh=pose[0], trunk=pose[1], roll=pose[2])
            if pose is to:
                pen.hold(self.stay_s)
        pen.movements.append(("shift", start, pen.n))
