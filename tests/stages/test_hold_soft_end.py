"""Slow ways down of small rises: their soft end is waited for; slow ways around no stay are no hold."""

from __future__ import annotations

import pytest

from cuts import cut
from eccentra.simulate import (
    KITS,
    Hold,
    HoldRep,
    HoldSet,
    LieStill,
    Scenario,
    TakePose,
    hold_session,
    simulate,
)
from stages.test_hold import events_of, reps_in, rows_of, run

EXERCISE = "long-lever-bridge-hold"


@pytest.mark.parametrize("seed", [2004, 2006])
def test_the_soft_end_of_a_slow_way_down_is_waited_for(seed: int) -> None:
    """The second session has a rise with ways of 2.5 and 3.7 s around a stay of 0.9 s: no hold."""
    simulation = simulate(hold_session(seed, EXERCISE), seed)
    info, rows = rows_of(simulation, EXERCISE)
    events = run(info, *cut(rows, range(0, len(rows.t), 100)), exercise=EXERCISE)
    reps, true = reps_in(events), simulation.truth.reps
    assert len(reps) == len(true)
    for rep, one in zip(reps, true, strict=True):
        assert abs(rep.end_us / 1e6 - one.end_s) <= 0.12
        assert -0.15 <= rep.decided_us / 1e6 - one.end_s <= 0.5
    assert run(info, *cut(rows, range(0, len(rows.t), 37)), exercise=EXERCISE) == events


def test_the_soft_end_of_a_plank_into_kneeling_is_waited_for() -> None:
    """80 degrees in 4.5 s: for its last half second it hardly moves. Its pose is far from the one before."""
    holds = tuple(HoldRep(hold_s=9.0, sway_deg=0.5, down_s=4.5, pause_s=6.0) for _ in range(2))
    timeline = (
        TakePose(to="tall_kneel", seconds=2.5),
        LieStill(seconds=5.0),
        HoldSet(holds=holds, style="plank_from_kneel"),
    )
    scenario = Scenario(exercise="hold", timeline=(Hold(seconds=2.0), *timeline), sensors=KITS["pelvis"])
    simulation = simulate(scenario, seed=4)
    reps, true = reps_in(events_of(simulation, "plank")), simulation.truth.reps
    assert len(reps) == len(true) == 2
    for rep, one in zip(reps, true, strict=True):
        assert abs(rep.end_us / 1e6 - one.end_s) <= 0.1
        assert rep.decided_us / 1e6 - one.end_s <= 0.5
