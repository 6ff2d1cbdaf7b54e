"""Begin and end of strokes of any cyclic exercise, whatever the course of their speed."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.exercises import load_exercise
from eccentra.stages.cycle_phases import cycle_phases
from eccentra.stages.generic import Stage

RATE = 100.0
AWAY_S, BACK_S, REST_S = 1.2, 2.0, 1.0


def speeds(u: np.ndarray, shape: str) -> np.ndarray:
    if shape == "sine":
        return np.sin(np.pi * u)
    if shape == "minimum jerk":
        return (u * (1.0 - u)) ** 2
    ramp = {"steep ramps": 0.1, "long ramps": 0.3}[shape]
    return np.minimum(np.minimum(u / ramp, 1.0), (1.0 - u) / ramp)


def stroke(seconds: float, shape: str) -> np.ndarray:
    n = round(seconds * RATE)
    course = np.cumsum(speeds((np.arange(n) + 0.5) / n, shape))
    return course / course[-1]


def rules() -> Stage:
    run = load_exercise("generic").event_stage()
    assert isinstance(run, Stage)
    return run


@pytest.mark.parametrize("shape", ["minimum jerk", "sine", "steep ramps", "long ramps"])
@pytest.mark.parametrize("hold_s", [0.0, 1.0])
def test_strokes_are_neither_lengthened_nor_cut(shape: str, hold_s: float) -> None:
    away, back = stroke(AWAY_S, shape), stroke(BACK_S, shape)
    rest, hold = np.zeros(round(REST_S * RATE)), np.ones(round(hold_s * RATE))
    x = 70.0 * np.concatenate([rest, away, hold, 1.0 - back, rest])
    x += 0.05 * np.random.default_rng(0).standard_normal(len(x))
    t = np.arange(len(x)) / RATE
    far_s = REST_S + AWAY_S
    end_s = far_s + hold_s + BACK_S
    found = cycle_phases(t, x, (REST_S, far_s, end_s), rules().turned, RATE)
    assert found.start_s == pytest.approx(REST_S, abs=0.05)
    assert found.far_start_s == pytest.approx(far_s, abs=0.05)
    assert found.far_end_s == pytest.approx(far_s + hold_s, abs=0.05)
    assert found.end_s == pytest.approx(end_s, abs=0.05)
    assert found.end_s - found.start_s == pytest.approx(end_s - REST_S, abs=0.07)


@pytest.mark.parametrize("next_s", [0.2, 0.25])
def test_a_turn_in_the_start_pose_is_where_the_speed_changes_sign(next_s: float) -> None:
    away, back = stroke(AWAY_S, "steep ramps"), stroke(BACK_S, "steep ramps")
    # decided soon after the next one began: the rows end there
    ahead = stroke(1.8, "steep ramps")[: round(next_s * RATE)]
    before = 1.0 - stroke(1.8, "steep ramps")[-60:]
    x = 70.0 * np.concatenate([before, away, 1.0 - back, ahead])
    t = np.arange(len(x)) / RATE
    start_s = len(before) / RATE
    far_s, end_s = start_s + AWAY_S, start_s + AWAY_S + BACK_S
    found = cycle_phases(t, x, (start_s, far_s, end_s), rules().turned, RATE)
    assert found.start_s == pytest.approx(start_s, abs=0.03)
    assert found.far_end_s == pytest.approx(far_s, abs=0.03)
    assert found.end_s == pytest.approx(end_s, abs=0.03)
