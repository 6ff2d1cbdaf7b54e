"""A hold that was tried and let go is a movement of the exercise: the set's gap begins after it."""

from __future__ import annotations

import pytest

from eccentra.events import RepRejected, SetCompleted
from eccentra.simulate import (
    KITS,
    Hold,
    HoldRep,
    HoldSet,
    LieStill,
    Move,
    Scenario,
    TakePose,
    hold_session,
    simulate,
)
from eccentra.simulate.holds import Style
from stages.test_hold import events_of, reps_in

_DOWN: dict[Style, tuple[Move, ...]] = {
    "plank_from_kneel": (TakePose(to="tall_kneel", seconds=2.5), LieStill(seconds=5.0)),
    "plank": (TakePose(to="prone", via=("tall_kneel", "all_fours"), seconds=6.0), LieStill(seconds=5.0)),
}


@pytest.mark.parametrize("style", ["plank_from_kneel", "plank"])
@pytest.mark.parametrize("tried_s", [0.1, 1.2])
def test_one_that_was_let_go_between_two_holds_keeps_the_set_together(style: Style, tried_s: float) -> None:
    """28 s between two holds, with a try in between: one set, and the try does not count."""
    holds = (
        HoldRep(hold_s=12.0, sway_deg=0.5, pause_s=14.0),
        HoldRep(up_s=0.8, hold_s=tried_s, sway_deg=0.5, down_s=0.8, pause_s=13.0),
        HoldRep(hold_s=12.0, sway_deg=0.5),
    )
    timeline = (Hold(seconds=2.0), *_DOWN[style], HoldSet(holds=holds, style=style))
    scenario = Scenario(exercise="hold", timeline=timeline, sensors=KITS["pelvis"])
    events = events_of(simulate(scenario, seed=4), "plank")
    assert [(rep.set_index, rep.index) for rep in reps_in(events)] == [(1, 1), (1, 2)]
    assert sum(isinstance(event, SetCompleted) for event in events) == 1
    assert any(isinstance(event, RepRejected) for event in events)


def test_a_small_try_between_two_holds_keeps_the_set_together() -> None:
    """A slow way up in pieces that was let go, 27 s between the holds beside it."""
    made = simulate(hold_session(17003, "long-lever-bridge-hold", kit="pelvis"), 17003)
    assert any(move.what == "small" for move in made.truth.movements)
    reps = reps_in(events_of(made, "long-lever-bridge-hold"))
    assert [(rep.set_index, rep.index) for rep in reps] == [(1, 1), (1, 2), (1, 3)]
