"""Random but plausible sessions of isometric holds from a seed; every range stands here."""

from __future__ import annotations

from typing import Literal

import numpy as np

from eccentra.simulate.athlete import Athlete
from eccentra.simulate.draw import Draw, random_sensors
from eccentra.simulate.everyday import Fidget, Hold, Walk
from eccentra.simulate.holds import Dip, HoldRep, HoldSet, Style
from eccentra.simulate.poses import LieStill, PoseName, Shift, TakePose
from eccentra.simulate.scenario import Move, Scenario

__all__ = ["hold_session"]

HoldExercise = Literal["bridge-hold", "long-lever-bridge-hold", "plank"]
# Style, the pose it starts from, the poses on the way there, and range of the rise's scale.
_Way = tuple[Style, PoseName, tuple[PoseName, ...], tuple[float, float]]
_WAYS: dict[str, tuple[_Way, ...]] = {
    "bridge-hold": (
        ("bridge", "supine_bent", ("tall_kneel", "sit"), (0.7, 1.3)),
        ("bridge", "supine_bent", ("sit", "supine_straight"), (0.7, 1.3)),
    ),
    "long-lever-bridge-hold": (("long_lever", "supine_long", ("sit",), (0.9, 1.5)),),
    "plank": (
        ("plank", "prone", ("tall_kneel", "all_fours"), (0.8, 1.4)),
        ("plank_from_kneel", "tall_kneel", (), (0.95, 1.05)),
        ("side_plank", "side", ("tall_kneel",), (0.8, 1.3)),
    ),
}


def hold_session(
    seed: int,
    exercise: HoldExercise = "bridge-hold",
    *,
    kit: str = "pelvis",
    way: int | None = None,
    holds: int | None = None,
) -> Scenario:
    """Holds with everything around them: walking, getting down, shifting about, getting up.

    Parameters
    ----------
    seed
        Decides everything drawn.
    exercise
        Which holds.
    kit
        Ready-made set of sensors; mounting, errors, clocks and links are drawn anew.
    way, holds
        Which way of doing it; fixed number of holds instead of 1 to 5 (0: only what is around them).
    """
    draw = Draw(np.random.default_rng([seed, 11]))
    ways = _WAYS[exercise]
    style, start, via, span = ways[draw.whole(0, len(ways) - 1) if way is None else way]
    breath = draw.between(0.1, 0.6)
    timeline: list[Move] = [Hold(seconds=draw.between(1, 4))]
    if draw.often(0.7):
        timeline += [_walk(draw), Hold(seconds=draw.between(0.5, 3))]
    if draw.often(0.3):
        timeline += [Fidget(seconds=draw.between(2, 5), size_deg=draw.between(3, 10)), Hold(seconds=1.5)]
    timeline.append(TakePose(to=start, via=via, seconds=draw.between(3, 9), pause_s=draw.between(0.2, 2.5)))
    timeline.append(LieStill(seconds=draw.between(2, 10), breath_deg=breath))
    timeline += _shifting(draw, breath)
    count = draw.whole(1, 5) if holds is None else holds
    if count:
        reps = tuple(_hold(draw, style) for _ in range(count))
        rise = draw.between(*span)
        timeline.append(HoldSet(holds=reps, style=style, rise=rise, breath_deg=breath))
    timeline += _shifting(draw, breath)
    timeline.append(LieStill(seconds=draw.between(1, 25), breath_deg=breath))
    back: tuple[PoseName, ...] = tuple(reversed(via))
    timeline.append(TakePose(to="stand", via=back, seconds=draw.between(3, 8), pause_s=draw.between(0.2, 2)))
    if draw.often(0.7):
        timeline.append(_walk(draw))
    timeline.append(Hold(seconds=draw.between(1, 8)))
    return Scenario(
        name=f"{exercise} {style} {seed}",
        exercise="hold",
        athlete=Athlete(sway_deg=draw.between(0.1, 0.4)),
        timeline=tuple(timeline),
        sensors=random_sensors(kit, seed),
    )


def _walk(draw: Draw) -> Walk:
    return Walk(
        seconds=draw.between(5, 15),
        cadence_hz=draw.between(0.8, 1.05),
        swing_deg=draw.between(20, 28),
        speed_m_s=draw.between(0.9, 1.5),
        turns=draw.whole(0, 2),
    )


def _shifting(draw: Draw, breath: float) -> list[Move]:
    out: list[Move] = []
    for _ in range(draw.whole(0, 2)):
        size, stay = draw.between(1, 5), draw.between(0.5, 8)
        out.append(Shift(size_deg=size, seconds=draw.between(0.5, 1.5), stay_s=stay, back=draw.often(0.5)))
        out.append(LieStill(seconds=draw.between(1, 4), breath_deg=breath))
    return out


def _hold(draw: Draw, style: Style) -> HoldRep:
    seconds = draw.between(5, 45)
    if draw.often(0.06):
        seconds = draw.between(0.3, 1.8)  # clearly no hold
    dips: tuple[Dip, ...] = ()
    if draw.often(0.2) and seconds > 10 and style != "plank_from_kneel":
        dips = (
            Dip(
                at=draw.between(0.3, 0.7),
                depth=draw.between(0.3, 1.0),
                seconds=draw.between(0.25, 0.4),
                stay_s=draw.between(0, 0.1),
            ),
        )
    far = style == "plank_from_kneel"
    small = style in ("long_lever", "plank", "side_plank")
    return HoldRep(
        up_s=draw.between(0.8, 4.0),
        hold_s=seconds,
        down_s=draw.between(0.8, 5.0),
        up_shape="min_jerk" if draw.often(0.6) else "ramped",
        down_shape="min_jerk" if draw.often(0.6) else "ramped",
        sag_deg=draw.between(0, 2.0 if small else 6.0),
        # nobody holds a plank as still as a bridge
        sway_deg=draw.between(0.3, 0.8) if far else draw.between(0.1, 0.4 if small else 0.7),
        fatigue=draw.between(0, 1.5),
        sway_hz=draw.between(0.6, 4.0),
        hike_deg=draw.between(4, 12) if draw.often(0.2) and style in ("bridge", "long_lever") else 0.0,
        dips=dips,
        cramp=draw.often(0.08),
        pause_s=draw.between(2, 15),
    )
