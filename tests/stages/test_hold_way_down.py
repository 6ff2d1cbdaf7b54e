"""Holds after ways of lying down that look like holds themselves: what comes first hides nothing."""

from __future__ import annotations

import pytest

from eccentra import __version__
from eccentra.events import RepAmended, RepCompleted
from eccentra.exercises import load_exercise
from eccentra.session import Header, Session
from eccentra.simulate import hold_session, simulate
from eccentra.simulate.hold_sessions import HoldExercise


@pytest.mark.parametrize(
    ("exercise", "seed"),
    [
        ("bridge-hold", 9000),  # legs straight, then bent: beyond the pose that they were bent from
        ("bridge-hold", 9002),  # lying was counted as a hold, and with that the first hold hidden
        ("long-lever-bridge-hold", 8993),  # lying still and then shifting about
    ],
)
def test_lying_down_hides_no_hold(exercise: HoldExercise, seed: int) -> None:
    simulation = simulate(hold_session(seed, exercise, kit="thigh"))
    header = Header(
        session="holds", exercise=load_exercise(exercise), sensors=simulation.setups, software=__version__
    )
    session = Session(header)
    counted: dict[tuple[int, int], float] = {}
    for one in session.feed_many(simulation.inputs()) + session.finish():
        if isinstance(one.event, RepCompleted):
            rep = one.event.rep
            counted[rep.set_index, rep.index] = rep.start_us / 1e6
        elif isinstance(one.event, RepAmended) and not one.event.counted:
            counted.pop((one.event.set_index, one.event.index), None)
    true = [rep.start_s for done in simulation.truth.sets for rep in done.reps]
    assert sorted(counted.values()) == pytest.approx(true, abs=0.3)
