"""Slow ways down of small rises: their soft end is waited for; slow ways around no stay are no hold."""

from __future__ import annotations

import pytest

from cuts import cut
from eccentra.simulate import hold_session, simulate
from stages.test_hold import reps_in, rows_of, run

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
