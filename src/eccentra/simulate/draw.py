"""Random but plausible values: short words for drawing, and the sensors of a kit drawn anew."""

from __future__ import annotations

import msgspec
import numpy as np

from eccentra.simulate.kits import KITS
from eccentra.simulate.link import Clock, Link
from eccentra.simulate.sensors import ForceErrors, ImuErrors, Mounting, SensorSpec

__all__ = ["Draw", "random_imu_errors", "random_link", "random_mounting", "random_sensors"]


class Draw:
    """Short words for drawing."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        """Evenly between two values."""
        return round(float(self.rng.uniform(low, high)), 4)

    def often(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def vector(self, size: float, centre: float = 0.0) -> tuple[float, float, float]:
        """Three values within ``size`` of ``centre``."""
        a, b, c = (centre + size * self.rng.uniform(-1, 1, 3)).tolist()
        return a, b, c


def random_link(draw: Draw) -> Link:
    """A link as phones and laptops make them."""
    return Link(
        interval_ms=float(draw.rng.choice([7.5, 11.25, 15, 22.5, 30])),
        latency_ms=draw.between(1, 5),
        jitter_ms=draw.between(0.3, 3),
        retry=draw.between(0, 0.05),
        stall=draw.between(0, 0.001),
    )


def random_mounting(draw: Draw) -> Mounting:
    """Any way round, not far off the segment's axis."""
    return Mounting(
        twist_deg=draw.between(-180, 180),
        tilt_deg=draw.between(-12, 12),
        upside_down=draw.often(0.5),
        face_in=draw.often(0.5),
    )


def random_imu_errors(draw: Draw) -> ImuErrors:
    """Errors of usual MEMS units: gyroscope offset to 1.1 deg/s, accelerometer offset to 20 mg."""
    return ImuErrors(
        gyr_bias=draw.vector(0.02),
        gyr_walk=draw.between(0, 3e-5),
        gyr_noise=draw.between(0.001, 0.004),
        gyr_range=17.45,
        acc_bias=draw.vector(0.2),
        acc_scale=draw.vector(0.01, 1.0),
        acc_noise=draw.between(0.01, 0.06),
        acc_range=78.5,
        acc_step=0.0024,
    )


def _random_force_errors(draw: Draw) -> ForceErrors:
    return ForceErrors(
        offset_n=draw.between(-12, 12),
        drift_n_per_min=draw.between(-0.3, 0.3),
        gain=draw.between(0.995, 1.005),
        noise_n=draw.between(0.2, 1.0),
    )


def random_sensors(kit: str, seed: int) -> tuple[SensorSpec, ...]:
    """The sensors of a kit with mounting, errors, clock and link drawn within what is usual."""
    if kit not in KITS:
        raise ValueError(f"kit is {kit!r}, expected one of {', '.join(sorted(KITS))}")
    draw = Draw(np.random.default_rng([seed, 8]))
    out: list[SensorSpec] = []
    for base in KITS[kit]:
        # One clock in ten is about to wrap, if it counts microseconds in 32 bits.
        start = 4294.967 - draw.between(5, 60) if draw.often(0.1) else draw.between(0, 4000)
        clock = Clock(drift_ppm=draw.between(-40, 40), start_s=start, phase_s=draw.between(0, 0.02))
        out.append(
            msgspec.structs.replace(
                base,
                clock=clock,
                link=random_link(draw),
                mounting=random_mounting(draw),
                imu=random_imu_errors(draw),
                force=_random_force_errors(draw),
            )
        )
    return tuple(out)
