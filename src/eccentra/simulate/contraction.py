"""Contractions against a strap: force that comes, is held, and goes, with the limb at rest."""

from __future__ import annotations

import msgspec
import numpy as np

from eccentra.simulate.body import DT, Pen, RawRep
from eccentra.simulate.strokes import Shape, stroke

__all__ = ["ContractionSet"]


class ContractionSet(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="do",
    tag="contraction_set",
):
    """Isometric (or machine) repetitions, as straps feel them.

    Attributes
    ----------
    force_n
        Plateau of both straps together.
    rise_s, hold_s, fall_s, pause_s
        Times of one contraction.
    unsteady
        Relative SD of the force while it is held: slow waves.
    variation
        Relative SD of force and times from one to the next.
    loss
        Share of the force that is lost from each to the next.
    """

    reps: int = 5
    force_n: float = 300.0
    rise_s: float = 0.6
    hold_s: float = 4.0
    fall_s: float = 0.5
    pause_s: float = 3.0
    shape: Shape = "min_jerk"
    unsteady: float = 0.015
    variation: float = 0.05
    loss: float = 0.0

    def __post_init__(self) -> None:
        if min(self.rise_s, self.fall_s) < 0.05 or self.hold_s < 0.0:
            raise ValueError(f"rise_s, fall_s are {self.rise_s}, {self.fall_s}, expected at least 0.05")

    def play(self, pen: Pen) -> None:
        """Write it."""
        pen.sets += 1
        for k in range(self.reps):
            jitter = np.clip(1.0 + self.variation * pen.rng.standard_normal(5), 0.6, 1.6)
            force = self.force_n * (1.0 - self.loss) ** k * float(jitter[0])
            begin = pen.n - 1
            course = [
                stroke(self.shape, 0.0, 1.0, pen.steps(self.rise_s * float(jitter[1])), DT),
                np.ones(pen.steps(self.hold_s * float(jitter[2]))),
                stroke(self.shape, 1.0, 0.0, pen.steps(self.fall_s * float(jitter[3])), DT),
            ]
            whole = np.concatenate(course)
            t = np.arange(len(whole)) * DT
            waves = sum(
                np.sin(2 * np.pi * (f * t + pen.rng.random())) for f in pen.rng.uniform(0.3, 3.0, 4)
            ) / np.sqrt(2.0)
            torque = force * whole * (1.0 + self.unsteady * waves) * pen.athlete.lever_m
            torque[-1] = 0.0
            pen.write(len(whole), torque=torque)
            raw = RawRep(pen.sets, "torque")
            raw.phases.append(("isometric", begin, pen.n - 1))
            pen.reps.append(raw)
            pen.hold(self.pause_s * float(jitter[4]))
