"""Sessions of contractions against a strap, a belt or a machine with load cells: every range stands here."""

from __future__ import annotations

import numpy as np

from eccentra.simulate import ContractionSet, Fidget, Hold, Scenario, StrapWork
from eccentra.simulate.athlete import Athlete
from eccentra.simulate.draw import Draw, random_sensors
from eccentra.simulate.scenario import Move

__all__ = ["contraction_session"]


def contraction_session(seed: int, *, long: bool) -> Scenario:
    """One to three sets of contractions, with strap work before each.

    Parameters
    ----------
    seed
        Decides everything drawn.
    long
        Few holds of 10 to 40 s, instead of many contractions of 1 to 6 s.
    """
    draw = Draw(np.random.default_rng([seed, 31]))
    athlete = Athlete(left_share=draw.between(0.40, 0.60), sway_deg=draw.between(0.1, 0.4))
    timeline: list[Move] = [Hold(seconds=draw.between(2.0, 6.0))]
    force = draw.between(120.0, 900.0)
    hold = draw.between(10.0, 40.0) if long else draw.between(1.0, 6.0)
    for _ in range(draw.whole(1, 3)):
        timeline += [
            StrapWork(
                seconds=draw.between(4.0, 10.0),
                tug_n=draw.between(5.0, 40.0),
                strap_n=draw.between(0.0, 20.0),
            ),
            Fidget(seconds=draw.between(2.0, 5.0), size_deg=draw.between(4.0, 11.0)),
            Hold(seconds=draw.between(1.5, 4.0)),
            ContractionSet(
                reps=draw.whole(2, 4) if long else draw.whole(3, 10),
                force_n=force,
                rise_s=draw.between(0.2, 1.5),
                hold_s=hold,
                fall_s=draw.between(0.2, 1.2),
                pause_s=draw.between(1.0, 6.0),
                shape="min_jerk" if draw.often(0.5) else "ramped",
                unsteady=draw.between(0.005, 0.04),
                variation=draw.between(0.02, 0.12),
                loss=draw.between(0.0, 0.04),
            ),
            Hold(seconds=draw.between(30.0, 60.0)),
        ]
    return Scenario(
        name=f"contractions {seed}",
        exercise="generic",
        athlete=athlete,
        timeline=tuple(timeline),
        sensors=random_sensors("force", seed),
    )
