"""The angle of a sensor on a lever, without a gyroscope."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eccentra.exercises import load_exercise
from eccentra.stages.cycle_lever import LeverRules, swung_deg
from eccentra.stages.generic import Stage
from eccentra.stages.movement_axis import GRAVITY, tilt_axis

STEP_S = 0.01


def rules() -> LeverRules:
    run = load_exercise("generic").event_stage()
    assert isinstance(run, Stage)
    return run.lever


def course(out_s: float, back_s: float) -> np.ndarray:
    def stroke(seconds: float) -> np.ndarray:
        u = np.arange(round(seconds / STEP_S)) * STEP_S / seconds
        return u**3 * (10 - 15 * u + 6 * u * u)

    rest = np.zeros(80)
    return np.concatenate([rest, stroke(out_s), 1.0 - stroke(back_s), rest])


def swing(
    angle: np.ndarray, lever: tuple[float, float], *, axis_deg: float = 0.0, travel_m: float = 0.0
) -> np.ndarray:
    """Rows of a sensor that turns about its z axis, which stands up by ``axis_deg``."""
    rate = np.gradient(angle, STEP_S)
    bend = np.gradient(rate, STEP_S)
    flat = GRAVITY * np.cos(np.radians(axis_deg))
    away = np.gradient(np.gradient(angle / angle.max() * travel_m, STEP_S), STEP_S)
    x, y = lever
    acc = np.stack(
        [
            flat * np.cos(angle) + bend * y - rate**2 * x + away * np.sin(angle),
            flat * np.sin(angle) - bend * x - rate**2 * y - away * np.cos(angle),
            np.full(len(angle), GRAVITY * np.sin(np.radians(axis_deg))),
        ],
        axis=1,
    )
    acc += 0.04 * np.random.default_rng(0).standard_normal(acc.shape)
    up = acc / np.linalg.norm(acc, axis=1)[:, None]
    return np.concatenate([up, np.full_like(acc, np.nan), acc], axis=1)


@pytest.mark.parametrize(
    ("lever", "axis_deg"), [((-0.5, 0.0), 0.0), ((0.3, -0.2), 0.0), ((0.1, 0.1), 0.0), ((-0.5, 0.0), 35.0)]
)
def test_pushes_do_not_bend_the_angle(lever: tuple[float, float], axis_deg: float) -> None:
    angle = np.radians(100.0) * course(1.4, 2.0)
    rows = swing(angle, lever, axis_deg=axis_deg)
    t = 1000.0 + np.arange(len(angle)) * STEP_S
    axis = tilt_axis(rows)
    assert axis is not None
    found = swung_deg(axis, t, rows, rules())
    assert found is not None
    sign = math.copysign(1.0, found[180] - found[20])
    off = sign * (found - found[20:60].mean()) - np.degrees(angle)
    assert np.abs(off[10:-10]).max() < 2.0


def test_a_stroke_with_travel_is_no_swing() -> None:
    angle = np.radians(50.0) * course(0.8, 1.0)
    rows = swing(angle, (-0.3, 0.0), travel_m=0.4)
    # the way is straight, not round a point: its direction turns in the sensor
    t = np.arange(len(angle)) * STEP_S
    axis = tilt_axis(rows)
    assert axis is not None
    assert swung_deg(axis, t, rows, rules()) is None
