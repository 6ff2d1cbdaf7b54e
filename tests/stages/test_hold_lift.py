"""Did it go up or down: from the acceleration between two rests."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.samples import Floats, Times
from eccentra.stages.hold_lift import lift_of
from eccentra.stages.nordic_grid import Columns

COLUMNS = Columns(up=0, rate=3, gaps=(), shank=None, forces={})


def rows(
    height_m: float, seconds: float, *, turn_deg: float = 20.0, bias: float = 0.0
) -> tuple[Times, Floats]:
    """A lift in one minimum-jerk stroke while the sensor turns, with 0.3 s of rest on both sides.

    ``bias`` is an error of the sensor's x axis in m/s².
    """
    n = round((seconds + 0.6) * 100)
    t = np.arange(n) * 10_000_000
    u = np.clip((np.arange(n) / 100.0 - 0.3) / seconds, 0.0, 1.0)
    inside = (u > 0.0) & (u < 1.0)
    rise = height_m / seconds**2 * (60.0 * u - 180.0 * u**2 + 120.0 * u**3) * inside
    angle = np.radians(turn_deg) * u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
    up = np.stack([np.sin(angle), np.zeros(n), np.cos(angle)], axis=1)
    acc = (9.81 + rise)[:, None] * up
    acc[:, 0] += bias
    acc += np.random.default_rng(1).normal(0.0, 0.04, acc.shape)
    return t, np.hstack([up, np.zeros((n, 3)), acc])


@pytest.mark.parametrize("seconds", [0.8, 2.0, 3.0])
@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_up_and_down(seconds: float, bias: float) -> None:
    for height in (0.12, -0.12):
        found = lift_of(*rows(height, seconds, bias=bias), COLUMNS)
        assert found is not None
        assert found.height_m == pytest.approx(height, abs=0.03)
        assert found.sign == (1 if height > 0 else -1)


def test_nobody_can_say() -> None:
    level = lift_of(*rows(0.0, 2.0), COLUMNS)
    slow = lift_of(*rows(0.05, 8.0), COLUMNS)
    assert level is not None
    assert slow is not None
    assert (level.sign, slow.sign) == (0, 0)


def test_a_hole_is_not_integrated_over() -> None:
    t, x = rows(0.12, 2.0)
    assert lift_of(np.delete(t, slice(90, 95)), np.delete(x, slice(90, 95), axis=0), COLUMNS) is None
    x[100, 6] = np.nan
    assert lift_of(t, x, COLUMNS) is None
    assert lift_of(t[:50], x[:50], COLUMNS) is None
