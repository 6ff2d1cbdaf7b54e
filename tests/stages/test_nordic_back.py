"""The way back by the legs is part of a razor curl: its stops, its soft end, its range."""

from __future__ import annotations

from itertools import pairwise

import pytest

from eccentra.simulate import JointRep
from eccentra.simulate.nordic import Stop
from stages.joint_kit import events_of, one_set, reps_in


def test_a_stop_on_the_way_back_is_a_phase() -> None:
    stopped = JointRep(second_s=3.0, back_stops=(Stop(at=0.4, seconds=1.2),))
    made = one_set("razor-curl", JointRep(), stopped, JointRep(), kit="thigh")
    reps = reps_in(events_of("razor-curl", made))
    kinds = [[phase.kind for phase in rep.phases] for rep in reps]
    assert kinds == [
        ["eccentric", "concentric"],
        ["eccentric", "concentric", "isometric", "concentric"],
        ["eccentric", "concentric"],
    ]
    for rep, true in zip(reps, made.truth.reps, strict=True):
        assert rep.value("concentric_s") == pytest.approx(true.total_s("concentric"), abs=0.1)
        assert rep.value("isometric_s") == pytest.approx(true.total_s("isometric"), abs=0.1)
        assert rep.value("return_s") == pytest.approx(true.end_s - true.phases[1].start_s, abs=0.1)
        # what was held on the way back is no part of the controlled lowering
        assert rep.value("tut_controlled_s") == pytest.approx(true.total_s("eccentric"), abs=0.1)


@pytest.mark.parametrize("pause_s", [0.0, 1.5])
def test_the_soft_end_of_a_slow_way_back_is_no_stop(pause_s: float) -> None:
    """Of 7 s the last half second has a sixth of a degree. Without a pause the next one begins there."""
    plan = [JointRep(second_s=7.0, pause_s=pause_s) for _ in range(3)]
    made = one_set("razor-curl", *plan, kit="thigh")
    reps = reps_in(events_of("razor-curl", made))
    assert len(reps) == 3
    for rep, true in zip(reps, made.truth.reps, strict=True):
        assert rep.value("concentric_s") == pytest.approx(true.total_s("concentric"), abs=0.3)
    assert all(one.end_us <= two.start_us for one, two in pairwise(reps))


def test_the_range_is_that_of_the_whole_repetition() -> None:
    """Who comes back further than where the descent began has moved further."""
    made = one_set("razor-curl", JointRep(), JointRep(rest_off_deg=-6.0), JointRep(), kit="thigh")
    reps = reps_in(events_of("razor-curl", made))
    assert len(reps) == 3
    for rep, true in zip(reps, made.truth.reps, strict=True):
        assert rep.value("rom_deg") == pytest.approx(true.roms["thigh_lean"], abs=1.5)
