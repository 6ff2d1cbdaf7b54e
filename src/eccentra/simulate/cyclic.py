"""Any cyclic exercise: a channel of the body goes away from its start and comes back, again and again."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.events import PhaseKind
from eccentra.simulate.body import DT, Pen, RawRep
from eccentra.simulate.strokes import Shape, stroke

__all__ = ["CyclicSet", "PickUp"]

rad = np.radians


class CyclicSet(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="cyclic_set"
):
    """Cycles: out, hold, back, pause.

    Attributes
    ----------
    channel
        What moves: ``limb`` (about the scenario's limb axis), ``thigh``, ``shank`` or ``trunk``.
    amplitude_deg
        How far it goes, with sign.
    travel_m
        How far the free limb goes along its line at the same time.
    out_s, hold_s, back_s, pause_s
        Times of one cycle.
    variation
        Relative SD of amplitude and times from cycle to cycle.
    partial
        Cycles (from 1) that go only half of the way.
    """

    reps: int = 10
    channel: Literal["limb", "thigh", "shank", "trunk"] = "limb"
    amplitude_deg: float = 90.0
    travel_m: float = 0.0
    out_s: float = 1.5
    hold_s: float = 0.0
    back_s: float = 1.5
    pause_s: float = 0.3
    shape: Shape = "min_jerk"
    variation: float = 0.06
    partial: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.out_s, self.back_s) < 0.1:
            raise ValueError(f"out_s and back_s are {self.out_s}, {self.back_s}, expected at least 0.1")

    def play(self, pen: Pen) -> None:
        """Write it."""
        pen.sets += 1
        home, place = pen.now[self.channel], pen.now["travel"]
        for k in range(1, self.reps + 1):
            jitter = np.clip(1.0 + self.variation * pen.rng.standard_normal(5), 0.7, 1.4)
            size = float(jitter[0]) * (0.5 if k in self.partial else 1.0)
            raw = RawRep(pen.sets, self.channel)
            raw.partial = k in self.partial
            begin = pen.n - 1
            self._go(
                pen,
                self.out_s * jitter[1],
                home + rad(self.amplitude_deg) * size,
                place + self.travel_m * size,
            )
            raw.phases.append(("concentric", begin, pen.n - 1))
            begin = pen.n - 1
            pen.hold(self.hold_s * float(jitter[2]))
            if (pen.n - 1 - begin) * DT >= 0.5:
                raw.phases.append(("isometric", begin, pen.n - 1))
            elif pen.n - 1 > begin:
                raw.phases[-1] = ("concentric", raw.phases[-1][1], pen.n - 1)
            begin = pen.n - 1
            self._go(pen, self.back_s * jitter[3], home, place)
            last: PhaseKind = "eccentric"
            raw.phases.append((last, begin, pen.n - 1))
            pen.reps.append(raw)
            pen.hold(self.pause_s * float(jitter[4]))

    def _go(self, pen: Pen, seconds: float, angle: float, place: float) -> None:
        n, before = pen.steps(seconds), pen.now["sway"]
        pen.write(
            n,
            **{self.channel: stroke(self.shape, pen.now[self.channel], angle, n, DT)},
            travel=stroke(self.shape, pen.now["travel"], place, n, DT),
            sway=np.full(n, 0.5 * before),
        )
        pen.now["sway"] = before


class PickUp(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="pick_up"
):
    """Bend down, grip or put down a weight, stand up: before and after sets."""

    seconds: float = 4.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, home, part = pen.n, dict(pen.now), self.seconds / 4
        limb = home["limb"] + rad(pen.rng.uniform(30, 80))
        yaw = home["yaw"] + rad(pen.rng.uniform(-40, 40))
        pen.glide(1.3 * part, trunk=rad(70.0), thigh=rad(-40.0), shank=rad(15.0), limb=limb, yaw=yaw)
        pen.hold(0.7 * part)
        pen.shake(pen.n, 2.0)
        pen.glide(1.3 * part, trunk=home["trunk"], thigh=home["thigh"], shank=home["shank"])
        pen.glide(0.7 * part, limb=home["limb"], yaw=home["yaw"])
        pen.movements.append(("pick_up", start, pen.n))
