"""Random sessions of any cyclic exercise, for what knows neither axis nor placement."""

from __future__ import annotations

import msgspec
import numpy as np

from eccentra.samples import Placement
from eccentra.simulate.cyclic import CyclicSet, PickUp
from eccentra.simulate.draw import Draw, random_imu_errors, random_link, random_mounting
from eccentra.simulate.everyday import Fidget, Hold, Walk
from eccentra.simulate.link import Clock
from eccentra.simulate.scenario import Move, Scenario
from eccentra.simulate.sensors import Limb, SensorSpec

__all__ = ["PATTERNS", "Pattern", "generic_session"]

Span = tuple[float, float]


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A family of exercises: what moves, where the sensor may sit, and the ranges drawn from.

    ``turns_about_vertical``: gravity does not see it, so it needs a gyroscope.
    """

    name: str
    set: CyclicSet
    limb: Limb = Limb()
    placements: tuple[Placement, ...] = ("wrist",)
    amplitude_deg: Span = (50.0, 120.0)
    travel_m: Span = (0.0, 0.0)
    hold_s: Span = (0.0, 0.0)
    turns_about_vertical: bool = False


PATTERNS: tuple[Pattern, ...] = (
    Pattern(name="arm raise to the front", set=CyclicSet(), amplitude_deg=(60, 150)),
    Pattern(
        name="arm raise to the side", set=CyclicSet(), limb=Limb(axis=(1.0, 0.0, 0.0)), hold_s=(0.7, 2.5)
    ),
    Pattern(name="row", set=CyclicSet(), amplitude_deg=(20, 60), travel_m=(-0.45, -0.25)),
    Pattern(
        name="rotation about the vertical",
        set=CyclicSet(),
        limb=Limb(axis=(0.0, 0.0, 1.0), lever_m=(0.3, 0.0, 0.0)),
        placements=("wrist", "load"),
        turns_about_vertical=True,
    ),
    Pattern(
        name="about a tilted axis",
        set=CyclicSet(),
        limb=Limb(axis=(0.5, -0.6, 0.6), lever_m=(0.2, 0.1, -0.4)),
    ),
    Pattern(
        name="knee raise", set=CyclicSet(channel="thigh"), placements=("thigh",), amplitude_deg=(-85, -45)
    ),
    Pattern(
        name="hip hinge",
        set=CyclicSet(channel="trunk"),
        placements=("trunk", "pelvis"),
        amplitude_deg=(40, 85),
    ),
)


def generic_session(
    seed: int,
    *,
    pattern: int | None = None,
    reps: int | None = None,
    rate_hz: float | None = None,
    gyroscope: bool | None = None,
) -> Scenario:
    """One or two sets of a cyclic exercise, with set-up movement before and after.

    Parameters
    ----------
    seed
        Decides everything drawn.
    pattern
        Number of the pattern in :data:`PATTERNS`; drawn when ``None``, as are the other values.
    reps, rate_hz, gyroscope
        Repetitions in each set; sample rate; with angular rate or acceleration only.
    """
    draw = Draw(np.random.default_rng([seed, 9]))
    chosen = PATTERNS[draw.whole(0, len(PATTERNS) - 1) if pattern is None else pattern]
    rate = float(draw.rng.choice([8, 12.5, 25, 50, 52, 100, 104, 200])) if rate_hz is None else rate_hz
    if gyroscope is None:
        gyroscope = chosen.turns_about_vertical or draw.often(0.6)
    one = msgspec.structs.replace(
        chosen.set,
        reps=draw.whole(5, 15) if reps is None else reps,
        amplitude_deg=draw.between(*chosen.amplitude_deg),
        travel_m=draw.between(*chosen.travel_m),
        out_s=draw.between(0.7, 2.5),
        hold_s=draw.between(*chosen.hold_s),
        back_s=draw.between(0.7, 3.0),
        pause_s=0.0 if draw.often(0.3) else draw.between(0.1, 1.5),
        shape="min_jerk" if draw.often(0.6) else "ramped",
        variation=draw.between(0.02, 0.12),
    )
    timeline: list[Move] = _around(draw)
    for k in range(draw.whole(1, 2)):
        if k:
            timeline += [Hold(seconds=draw.between(24, 40))]
        timeline += [one, Hold(seconds=draw.between(1, 3))]
    timeline += _around(draw)
    # Packets of at most 0.2 s: a slow sensor does not wait for ten rows.
    size = int(np.clip(rate * 0.2, 1, 10))
    sensor = SensorSpec(
        id="imu",
        kind="imu",
        device="recorded-csv",
        rate_hz=rate,
        samples_per_packet=size,
        placement=chosen.placements[draw.whole(0, len(chosen.placements) - 1)],
        gyroscope=gyroscope,
        mounting=random_mounting(draw),
        imu=random_imu_errors(draw),
        clock=Clock(phase_s=draw.between(0, 0.02)),
        link=random_link(draw),
    )
    return Scenario(
        name=f"{chosen.name} {seed}",
        exercise="generic",
        limb=chosen.limb,
        timeline=tuple(timeline),
        sensors=(sensor,),
    )


def _around(draw: Draw) -> list[Move]:
    """What people do before and after a set, ending at rest."""
    out: list[Move] = [Hold(seconds=draw.between(0.5, 3))]
    if draw.often(0.3):
        out.append(Walk(seconds=draw.between(4, 8), turns=draw.whole(0, 1)))
    if draw.often(0.5):
        out.append(PickUp(seconds=draw.between(2.5, 5)))
    if draw.often(0.5):
        out.append(Fidget(seconds=draw.between(1.5, 4), size_deg=draw.between(4, 15)))
    out.append(Hold(seconds=draw.between(1.5, 4)))
    return out
