"""What looked like a raised pose and was none was a rest pose: the way from there to one far away counts."""

from __future__ import annotations

from eccentra.simulate import KITS, Hold, HoldRep, HoldSet, LieStill, Scenario, Shift, TakePose, simulate
from stages.test_hold import compare, events_of, reps_in


def test_planks_from_kneeling_after_shifting_about_on_the_knees() -> None:
    """The shift of 6 degrees looks like a small rise, and the plank after it like the way down from that."""
    holds = tuple(HoldRep(hold_s=14.0, sway_deg=0.6, pause_s=10.0) for _ in range(2))
    timeline = (
        Hold(seconds=2.0),
        TakePose(to="tall_kneel", seconds=2.5),
        LieStill(seconds=5.0),
        Shift(size_deg=8.0, stay_s=1.0, back=False),
        LieStill(seconds=12.0),
        HoldSet(holds=holds, style="plank_from_kneel"),
    )
    simulation = simulate(Scenario(exercise="hold", timeline=timeline, sensors=KITS["thigh"]), seed=4)
    reps = reps_in(events_of(simulation, "plank"))
    compare(simulation, reps, slack=1.5)
