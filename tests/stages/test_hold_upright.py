"""From hands and knees the hips sink into a plank, from lying they are lifted into it."""

from __future__ import annotations

import math

import pytest

from eccentra.exercises import load_exercise
from eccentra.simulate import everyday_session, simulate
from eccentra.stages.hold import Stage
from eccentra.stages.hold_pose import TICK_NS, Gait
from eccentra.stages.hold_upright import Upright
from eccentra.stages.inclination import Vector
from stages.test_hold import events_of, reps_in


def leaning(degrees: float) -> Vector:
    """Up, of a pelvis that leans forward by so much."""
    return math.sin(math.radians(degrees)), 0.0, math.cos(math.radians(degrees))


@pytest.mark.parametrize(
    ("rest", "held", "may"),
    [(66.0, 80.0, True), (90.0, 80.0, True), (80.0, 92.0, False), (66.0, 10.0, False)],
)
def test_rest_poses_of_a_plank_once_it_is_known_what_is_upright(rest: float, held: float, may: bool) -> None:
    stage = load_exercise("plank").event_stage()
    assert isinstance(stage, Stage)
    gait = Gait(stage.walk)
    for tick in range(200):
        steps = math.sin(2.0 * math.pi * 1.8 * tick * TICK_NS / 1e9)
        gait.push(leaning(0.0), 9.81 + 2.5 * steps, 20.0)
    assert gait.upright is not None
    assert Upright(stage, "pelvis", gait).may_rise(leaning(rest), leaning(held)) is may


def test_sitting_down_a_moment_after_walking_is_no_plank() -> None:
    """By the thigh alone: it lies still for 24 s, after standing for a second."""
    simulation = simulate(everyday_session(19009, kit="thigh", minutes=10.0), 19009)
    assert any(m.what == "sit_down" for m in simulation.truth.movements)
    assert reps_in(events_of(simulation, "plank")) == []
