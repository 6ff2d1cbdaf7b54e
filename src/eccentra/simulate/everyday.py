"""What people do besides repetitions: stand, walk, get into position, fidget, rest.

A move is data with a method ``play(pen)``; poses join because each move starts from where the pen is.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.simulate.body import DT, Pen

__all__ = ["Fidget", "GetUp", "Hold", "KneelDown", "LieDown", "SitBack", "StrapWork", "Walk"]

rad = np.radians
Route = Literal["front", "back", "squat", "hands"]


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="hold"):
    """Stay in the pose."""

    seconds: float = 3.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        pen.hold(self.seconds)


class Walk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="walk"):
    """Walk from standing to standing, with turns.

    Attributes
    ----------
    seconds, cadence_hz
        Length; strides (two steps) a second.
    swing_deg
        Swing of the thigh to each side.
    speed_m_s
        Walking speed.
    turns
        Number of turns, spread over the way.
    """

    seconds: float = 10.0
    cadence_hz: float = 0.95
    swing_deg: float = 25.0
    speed_m_s: float = 1.2
    turns: int = 1

    def play(self, pen: Pen) -> None:
        """Write it."""
        n, start = pen.steps(max(self.seconds, 3.0)), pen.n
        t = np.arange(1, n + 1) * DT
        ease = np.clip(np.minimum(t, t[-1] - t) / 0.9, 0.0, 1.0)
        ease = ease * ease * (3.0 - 2.0 * ease)
        wobble = 1.0 + 0.03 * np.sin(2 * np.pi * 0.13 * t + pen.rng.uniform(0, 6))
        cycle = np.cumsum(self.cadence_hz * wobble) * DT + pen.rng.uniform(0, 1)
        thigh, shank, bob = _gait(cycle, rad(self.swing_deg))
        thigh, shank, bob = thigh * ease, shank * ease, bob * ease
        body = pen.athlete
        # The hip moves on with the body's speed; the ankle is where the leg leaves it.
        x = -body.thigh_m * np.sin(thigh) - body.shank_m * np.sin(shank)
        z = body.thigh_m * (1 - np.cos(thigh)) + body.shank_m * (1 - np.cos(shank)) + bob
        yaw = pen.now["yaw"] + self._turning(pen, n)
        pen.write(
            n,
            thigh=thigh,
            shank=shank,
            ankle_x=x,
            ankle_z=z,
            speed=self.speed_m_s * ease,
            yaw=yaw,
            trunk=rad(4.0) * ease + rad(1.5) * ease * np.sin(4 * np.pi * cycle),
            roll=rad(2.5) * ease * np.sin(2 * np.pi * cycle + 1.0),
            limb=pen.now["limb"] + rad(15.0) * ease * np.sin(2 * np.pi * cycle),
            sway=pen.now["sway"] * np.ones(n),
        )
        for own, size in ((0.0, 6.0), (0.5, 2.0)):
            for k in np.flatnonzero(np.diff(np.floor(cycle - own)) > 0):
                pen.shake(start + int(k), size * float(ease[k]) * pen.rng.uniform(0.7, 1.3), 14.0, 0.05)
        pen.movements.append(("walk", start, pen.n))

    def _turning(self, pen: Pen, n: int) -> Floats:
        """Heading over the way: each turn takes about 1.5 s."""
        out = np.zeros(n)
        for k in range(self.turns):
            middle = n * (k + 1) // (self.turns + 1)
            width = pen.steps(pen.rng.uniform(1.0, 2.0))
            angle = pen.rng.choice([-1, 1]) * rad(pen.rng.uniform(60, 180))
            u = np.clip((np.arange(n) - middle + width / 2) / width, 0, 1)
            out += angle * u**3 * (10 + u * (6 * u - 15))
        return out


def _gait(cycle: Floats, swing: float) -> tuple[Floats, Floats, Floats]:
    """Thigh lean, shank lean (rad) and hip height (m) over the stride; heel strike at whole numbers.

    A smooth likeness of the textbook sagittal curves: knee flexion near 15° in loading and 60° in swing.
    """
    thigh = -swing * (0.9 * np.cos(2 * np.pi * (cycle + 0.06)) + 0.12 * np.cos(4 * np.pi * cycle))
    thigh += rad(3.0)

    def bump(centre: float, width: float) -> Floats:
        away = (cycle - centre + 0.5) % 1.0 - 0.5
        return np.asarray(np.exp(-((away / width) ** 2)))

    flexion = rad(4.0) + rad(12.0) * bump(0.14, 0.08) + rad(56.0) * bump(0.72, 0.11)
    return thigh, thigh + flexion, 0.02 * np.sin(4 * np.pi * cycle)


class KneelDown(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="kneel_down"
):
    """From standing to the tall kneel.

    ``route``: ``front`` (the measured leg stays in front, its thigh goes level behind the knee), ``back``
    (the measured knee goes down first), ``squat`` (hips down to the heels, then knees), ``hands`` (on to
    the hands first: the thigh leans far forward, then pushes back upright).
    """

    route: Route = "back"
    seconds: float = 3.0
    depth_deg: float = 60.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, kneel, part = pen.n, rad(90.0 - pen.athlete.incline_deg), self.seconds / 4
        depth = rad(self.depth_deg)
        if self.route == "front":
            pen.glide(1.5 * part, thigh=-depth - rad(15), shank=rad(5.0), trunk=rad(10.0))
            pen.hold(0.5 * part)
            pen.glide(2 * part, thigh=0.0, shank=kneel, trunk=0.0)
        elif self.route == "back":
            pen.glide(1.5 * part, thigh=rad(18.0), shank=kneel, trunk=rad(15.0), ankle_x=-0.35)
            pen.shake(pen.n, 4.0)
            pen.hold(0.5 * part)
            pen.glide(2 * part, thigh=0.0, trunk=0.0)
        elif self.route == "squat":
            pen.glide(1.5 * part, thigh=-depth, shank=rad(25.0), trunk=rad(35.0))
            pen.glide(1.0 * part, thigh=-rad(35.0), shank=kneel)
            pen.shake(pen.n, 5.0)
            pen.glide(1.5 * part, thigh=0.0, trunk=0.0)
        else:
            pen.glide(1.2 * part, thigh=-depth, shank=rad(40.0), trunk=rad(60.0))
            pen.glide(1.2 * part, thigh=depth, shank=kneel, trunk=rad(85.0))
            pen.shake(pen.n, 4.0)
            pen.hold(0.4 * part)
            pen.glide(1.2 * part, thigh=0.0, trunk=0.0)
        pen.movements.append(("kneel_down", start, pen.n))


class GetUp(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="get_up"
):
    """From the tall kneel to standing, by the reverse of the routes of :class:`KneelDown`."""

    route: Route = "front"
    seconds: float = 2.5

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, part = pen.n, self.seconds / 4
        pen.glide(0.3, strap=0.0, torque=0.0)
        if self.route == "front":
            pen.glide(2 * part, thigh=-rad(80.0), shank=rad(5.0), trunk=rad(20.0))
        elif self.route == "back":
            pen.glide(2 * part, thigh=rad(15.0), trunk=rad(10.0))
        elif self.route == "squat":
            pen.glide(1.5 * part, thigh=-rad(60.0), trunk=rad(30.0))
            pen.glide(1.0 * part, thigh=-rad(70.0), shank=rad(25.0))
        else:
            pen.glide(1.2 * part, thigh=rad(45.0), trunk=rad(80.0))
            pen.glide(1.2 * part, thigh=-rad(40.0), shank=rad(40.0), trunk=rad(60.0))
        pen.glide(2 * part, thigh=0.0, shank=0.0, trunk=0.0, ankle_x=0.0)
        pen.movements.append(("get_up", start, pen.n))


class Fidget(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="fidget"
):
    """Small aimless movements about the pose, back at the end.

    ``size_deg`` bounds the lean of thigh and trunk and the swing of the free limb.
    """

    seconds: float = 5.0
    size_deg: float = 8.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, left, home = pen.n, self.seconds, dict(pen.now)
        while left > 0:
            go = pen.rng.uniform(0.4, 1.4)
            thigh, trunk, limb = rad(pen.rng.uniform(-1, 1, 3) * self.size_deg)
            pen.glide(
                go,
                thigh=home["thigh"] + thigh,
                trunk=home["trunk"] + 2 * trunk,
                limb=home["limb"] + limb,
                roll=rad(pen.rng.uniform(-3, 3)),
                yaw=home["yaw"] + rad(pen.rng.uniform(-8, 8)),
            )
            stay = pen.rng.uniform(0.1, 0.8)
            pen.hold(stay)
            left -= go + stay
        pen.glide(
            0.8,
            thigh=home["thigh"],
            trunk=home["trunk"],
            limb=home["limb"],
            roll=0.0,
        )
        pen.movements.append(("fidget", start, pen.n))


class StrapWork(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="strap_work"
):
    """Kneeling, reach back to the ankles, tighten the straps with a few tugs, come upright again.

    ``tug_n`` bounds the force of the tugs; afterwards the straps hold ``strap_n``.
    """

    seconds: float = 6.0
    lean_deg: float = -12.0
    tug_n: float = 30.0
    strap_n: float = 12.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, home = pen.n, pen.now["thigh"]
        pen.glide(1.0, thigh=home + rad(self.lean_deg), trunk=rad(35.0), roll=rad(pen.rng.uniform(-6, 6)))
        left = max(self.seconds - 2.2, 0.5)
        while left > 0:
            go = pen.rng.uniform(0.4, 1.0)
            n = pen.steps(pen.rng.uniform(0.2, 0.6))
            tug = pen.rng.uniform(0.3, 1.0) * self.tug_n * np.sin(np.pi * np.arange(n) / n) ** 2
            pen.overlay("strap", pen.n + pen.steps(0.1), tug)
            pen.glide(
                go,
                thigh=home + rad(self.lean_deg + pen.rng.uniform(-4, 4)),
                trunk=rad(35.0 + pen.rng.uniform(-10, 10)),
                strap=self.strap_n * pen.rng.uniform(0.3, 1.2),
            )
            left -= go
        pen.glide(1.2, thigh=home, trunk=0.0, roll=0.0, strap=self.strap_n)
        pen.movements.append(("strap_work", start, pen.n))


class SitBack(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="sit_back"
):
    """Sit back on the heels (the thigh leans backward) and come up again."""

    lean_deg: float = -55.0
    down_s: float = 1.5
    seconds: float = 5.0
    up_s: float = 1.2

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, home = pen.n, pen.now["thigh"]
        pen.glide(self.down_s, thigh=rad(self.lean_deg), trunk=rad(15.0))
        pen.hold(self.seconds)
        pen.glide(self.up_s, thigh=home, trunk=home)
        pen.movements.append(("sit_back", start, pen.n))


class LieDown(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="lie_down"
):
    """From the tall kneel over the heels and the hands to lying prone, rest, and push back up.

    Without load on the straps; the thigh comes from behind, not from the start pose.
    """

    back_deg: float = -35.0
    down_s: float = 3.0
    seconds: float = 5.0
    up_s: float = 2.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        start = pen.n
        pen.glide(0.4 * self.down_s, thigh=rad(self.back_deg), trunk=rad(60.0), strap=2.0)
        pen.glide(0.6 * self.down_s, thigh=rad(88.0), trunk=rad(88.0))
        pen.hold(self.seconds)
        pen.glide(0.6 * self.up_s, thigh=rad(self.back_deg), trunk=rad(60.0))
        pen.glide(0.4 * self.up_s, thigh=0.0, trunk=0.0)
        pen.movements.append(("lie_down", start, pen.n))
