"""Walking: known by its steps."""

from __future__ import annotations

import math

import pytest

from eccentra.stages.hold import WalkRule
from eccentra.stages.hold_pose import Gait


@pytest.mark.parametrize(("hertz", "walks"), [(0.5, False), (1.8, True), (8.0, False)])
def test_steps_are_neither_getting_down_nor_tremor(hertz: float, walks: bool) -> None:
    gait = Gait(WalkRule(shake=0.8, speed_deg_s=8.0))
    for tick in range(200):
        force = 9.81 + 2.5 * math.sin(2.0 * math.pi * hertz * (tick + 0.3) / 20.0)
        gait.push((0.0, 0.0, 1.0), force, 20.0)
    assert gait.walking is walks
    assert (gait.upright is not None) is walks
