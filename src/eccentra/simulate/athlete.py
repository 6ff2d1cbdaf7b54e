"""The athlete: body measures and the mechanics of a Nordic curl.

The body above the knees is one rigid link over the knee axis. Segment data: Winter, Biomechanics and Motor
Control of Human Movement (2009): mass above the knees 0.878 of body mass, its centre 0.36 of the height
above the knee axis. Approximation: hip flexion does not change the lever arm of gravity.

Assistance is a rope from above to the chest: a pulley pulls with the same force everywhere, a band the more
the further the body has gone down.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["GRAVITY", "Athlete"]

GRAVITY = 9.80665  # m/s², standard gravity


class Athlete(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person.

    Attributes
    ----------
    mass_kg, height_m
        Body mass and height.
    lever_m
        Knee axis to the centre of the ankle strap.
    left_share
        Part of the knee torque made by the left leg; 0.5 is symmetric.
    incline_deg
        Shank slope against the floor when kneeling, knee end up (0 is the flat Nordic curl).
    sway_deg
        Size (SD) of the postural sway in holds.
    assist_share, assist
        Assistance as a share of body weight (of a band: with the body level), and what gives it.
    """

    mass_kg: float = 75.0
    height_m: float = 1.75
    lever_m: float = 0.40
    left_share: float = 0.5
    incline_deg: float = 0.0
    sway_deg: float = 0.3
    assist_share: float = 0.0
    assist: Literal["pulley", "band"] = "pulley"

    def __post_init__(self) -> None:
        ranges = {
            "mass_kg": (20.0, 250.0),
            "height_m": (1.0, 2.3),
            "lever_m": (0.15, 0.7),
            "left_share": (0.0, 1.0),
            "incline_deg": (-20.0, 60.0),
            "sway_deg": (0.0, 5.0),
            "assist_share": (0.0, 0.5),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {low} to {high}")

    @property
    def thigh_m(self) -> float:
        """Length of the thigh (Winter: 0.245 of the height)."""
        return 0.245 * self.height_m

    @property
    def shank_m(self) -> float:
        """Length of the shank (Winter: 0.246 of the height)."""
        return 0.246 * self.height_m

    @property
    def _link(self) -> tuple[float, float]:
        return 0.878 * self.mass_kg, 0.36 * self.height_m

    @property
    def inertia(self) -> float:
        """Moment of inertia of the upper body about the knee axis in kg·m².

        Parallel axes; about its own centre the link is a rod as long as knee to crown, 0.715 of the height.
        """
        mass, reach = self._link
        return mass * (reach**2 + (0.715 * self.height_m) ** 2 / 12.0)

    def moment(self, lean: Floats) -> Floats:
        """Moment about the knees that the legs hold, both together, in N·m, at thigh lean ``lean`` in rad."""
        mass, reach = self._link
        weight = mass * GRAVITY * reach
        if self.assist_share == 0.0:
            return np.asarray(weight * np.sin(lean))
        # the chest: 0.47 of the height above the knees
        rope = self.assist_share * self.mass_kg * GRAVITY * 0.47 * self.height_m
        pull = rope if self.assist == "pulley" else rope * np.clip(np.sin(lean), 0.0, 1.0)
        return np.asarray((weight - pull) * np.sin(lean))

    def torque(self, lean: Floats, dt: float) -> Floats:
        """Knee torque of both legs in N·m that makes the lean follow ``lean`` (rad, every ``dt`` s).

        Inverse dynamics, ``tau = M(lean) - I * lean''``; the muscle only pulls, so it is never negative.
        """
        rate = np.gradient(lean, dt)
        return np.maximum(self.moment(lean) - self.inertia * np.gradient(rate, dt), 0.0)

    def fall(
        self,
        lean: float,
        rate: float,
        torque: float,
        *,
        until: float,
        residual: float,
        decay_s: float,
        dt: float,
    ) -> tuple[Floats, Floats, float]:
        """Fall from a lost balance of torques until the lean ``until`` (all angles in rad).

        The torque decays from ``torque`` to its share ``residual`` with the time constant ``decay_s``;
        the link then follows ``I * lean'' = M(lean) - tau`` (semi-implicit Euler).

        Returns
        -------
        lean, torque
            float64, shape (n,), every ``dt`` s after the start; n = 0 when ``lean`` is past ``until``.
        rate
            Rate at the end in rad/s.
        """
        inertia = self.inertia
        leans: list[float] = []
        torques: list[float] = []
        t = 0.0
        while lean < until and t < 5.0:
            t += dt
            tau = torque * (residual + (1.0 - residual) * float(np.exp(-t / decay_s)))
            rate = max(rate + dt * (float(self.moment(np.asarray(lean))) - tau) / inertia, 0.05)
            lean += dt * rate
            leans.append(lean)
            torques.append(tau)
        return np.array(leans), np.array(torques), rate
