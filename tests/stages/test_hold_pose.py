"""Walking is known by its steps, muscles under load by their tremor."""

from __future__ import annotations

import math

import pytest

from eccentra.exercises import load_exercise
from eccentra.stages.hold import Stage, WalkRule
from eccentra.stages.hold_pose import TICK_NS, Gait, Lively, Tremor, livelier


@pytest.mark.parametrize(("hertz", "walks"), [(0.5, False), (1.8, True), (8.0, False)])
def test_steps_are_neither_getting_down_nor_tremor(hertz: float, walks: bool) -> None:
    gait = Gait(WalkRule(shake=0.8, speed_deg_s=8.0))
    for tick in range(200):
        force = 9.81 + 2.5 * math.sin(2.0 * math.pi * hertz * (tick + 0.3) / 20.0)
        gait.push((0.0, 0.0, 1.0), force, 20.0)
    assert gait.walking is walks
    assert (gait.upright is not None) is walks


def tremor_at(hertz: float, amplitude_deg_s: float = 10.0) -> float:
    """Mean over ten seconds of turning to and fro about one axis."""
    tremor, sizes = Tremor(), []
    for tick in range(200):
        turn = 2.0 * math.pi * hertz * (tick + 0.3) / 20.0
        sizes.append(tremor.push(tick * TICK_NS, (math.radians(amplitude_deg_s) * math.sin(turn), 0.0, 0.0)))
    return math.fsum(sizes) / len(sizes)


def test_tremor_is_seen_and_sway_is_not() -> None:
    assert tremor_at(9.0) > 5.0
    assert tremor_at(1.0) < 0.06 * tremor_at(9.0)


def test_tremor_after_lost_moments_starts_anew() -> None:
    tremor = Tremor()
    for tick, rate in ((0, 0.0), (1, 1.0), (9, 2.0), (10, 0.0)):
        assert tremor.push(tick * TICK_NS, (rate, 0.0, 0.0)) == 0.0
    assert tremor.push(11 * TICK_NS, (0.0, 0.0, 0.0)) > 0.0


def test_tremor_tells_before_sway_does() -> None:
    stage = load_exercise("plank").event_stage()
    assert isinstance(stage, Stage)
    held, shifting, lying = Lively(0.5, 0.8), Lively(2.0, 0.3), Lively(0.4, 0.3)
    assert livelier(held, shifting, stage.rise) == 1
    assert livelier(shifting, held, stage.rise) == -1
    assert livelier(shifting, lying, stage.rise) == 1  # nothing trembles: then it is how much one sways
    assert livelier(lying, lying, stage.rise) == 0
    assert livelier(held, None, stage.rise) == 0


def test_a_few_seconds_of_the_sensors_noise_are_no_tremor() -> None:
    stage = load_exercise("bridge-hold").event_stage()
    assert isinstance(stage, Stage)
    held, lying = Lively(0.6, 0.083, seconds=2.0), Lively(0.12, 0.122, seconds=16.0)
    assert livelier(held, lying, stage.rise) == 1  # the sway tells
    assert livelier(held._replace(seconds=30.0), lying._replace(seconds=30.0), stage.rise) == -1
    assert not lying.trembles(held, stage.rise.tremor_ratio)
    assert Lively(0.6, 0.3, seconds=2.0).trembles(lying, stage.rise.tremor_ratio)


def test_a_second_of_sway_is_less_certain_than_ten() -> None:
    """Who sits down a moment after standing still sways on the chair by chance."""
    stage = load_exercise("plank").event_stage()
    assert isinstance(stage, Stage)
    sitting, ratio = Lively(0.55, 0.26, seconds=20.0), stage.rise.lively_ratio
    standing = Lively(0.31, 0.29, seconds=1.0)
    assert livelier(sitting, standing, stage.rise) == 1
    assert not sitting.sways(standing, ratio)
    assert sitting.sways(standing._replace(seconds=20.0), ratio)
