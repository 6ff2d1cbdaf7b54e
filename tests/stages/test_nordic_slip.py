"""A set goes on after the sensor has slipped: from the start pose and about the axis that it shows now."""

from __future__ import annotations

import msgspec
import pytest

from eccentra.simulate import NordicRep, Slip, simulate
from stages.joint_kit import events_of, reps_in
from stages.nordic_kit import scenario


@pytest.mark.parametrize("turn_deg", [(12.0, -21.0, -14.0), (-6.8, -5.3, -85.9)])
def test_repetitions_after_a_slip_count(turn_deg: tuple[float, float, float]) -> None:
    """By 28 degrees, less than who kneels anew may be off; by 86, so that another axis is the forward one."""
    rep = NordicRep(descent_s=4.5, return_s=1.5, pause_s=4.0)
    plan = scenario(*[rep] * 5, msgspec.structs.replace(rep, partial=0.5), rep)
    true = simulate(plan, 1).truth.reps
    at_s = 0.5 * (true[2].end_s + true[3].start_s)
    slip = Slip(sensor="thigh", at_s=at_s, turn_deg=turn_deg, over_s=0.4)
    made = simulate(msgspec.structs.replace(plan, faults=(slip,)), 1)
    reps = reps_in(events_of("nordic-curl", made))
    assert len(reps) == len(true) == 7
    for found, one in zip(reps, true, strict=True):
        assert found.start_us / 1e6 == pytest.approx(one.start_s, abs=0.6)
        assert found.end_us / 1e6 == pytest.approx(one.end_s, abs=0.3)
