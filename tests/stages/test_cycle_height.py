"""Height from vertical acceleration: what goes up and down is known, what is constant is not seen."""

import numpy as np
import pytest

from eccentra.samples import Floats
from eccentra.stages.cycle_closed import pushed
from eccentra.stages.cycle_height import HeightFollower, heights

CUTOFF = 0.4


def _lift(seconds: float = 80.0, period: float = 5.0) -> tuple[Floats, Floats, Floats]:
    """Time, height and acceleration of a load that goes up by 0.4 m and down again."""
    t = np.arange(0.0, seconds, 0.05)
    turn = 2.0 * np.pi / period
    height = -0.2 * np.cos(turn * t)
    return t, height, -turn * turn * height


def test_height_is_neither_early_nor_late_nor_small() -> None:
    t, height, push = _lift()
    got = heights(t, push, np.ones(len(t), dtype=bool), CUTOFF)
    inside = (t > 15.0) & (t < 65.0)
    assert np.abs(got - height)[inside].max() < 0.04


def test_a_constant_error_is_not_seen() -> None:
    t, _, push = _lift()
    upright = np.ones(len(t), dtype=bool)
    off = heights(t, push + 0.1, upright, CUTOFF) - heights(t, push, upright, CUTOFF)
    assert np.abs(off[(t > 15.0) & (t < 65.0)]).max() < 1e-6


def test_what_was_no_lift_does_not_leak_in() -> None:
    t, _, push = _lift()
    turned = (t > 20.0) & (t < 25.0)
    one, other = push.copy(), push.copy()
    other[t <= 22.0] += 3.0
    a, b = (heights(t, x, ~turned, CUTOFF) for x in (one, other))
    assert np.array_equal(a[t > 25.05], b[t > 25.05])
    assert not np.array_equal(a[t < 20.0], b[t < 20.0])


@pytest.mark.parametrize("missing", [0, 3, 40])
def test_row_by_row_is_the_same(missing: int) -> None:
    t, _, push = _lift()
    keep = np.ones(len(t), dtype=bool)
    keep[600 : 600 + missing] = False
    upright = np.ones(len(t), dtype=bool)
    upright[1100:1150] = False
    whole = heights(t[keep], push[keep], upright[keep], CUTOFF)
    follower = HeightFollower(CUTOFF)
    pushes = [
        float(p) if k and u else None if not k else np.nan
        for p, k, u in zip(push, keep, upright, strict=True)
    ]
    got = np.array([follower.next(p) for p in (*pushes, *[np.nan] * follower.reach)])[follower.reach :]
    assert np.allclose(got[keep], whole, atol=1e-9)


def test_a_stroke_is_begun_and_ended_by_a_push() -> None:
    assert pushed((0.4, 0.3), (0.5, 0.5))
    assert not pushed((0.0, 0.5), (0.5, 0.5))
    assert not pushed((0.5, 0.1), (0.5, 0.5))
