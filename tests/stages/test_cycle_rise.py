"""Heights over a movement, and what they tell apart."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from test_cycle_odd import ODD, RISE

from eccentra.samples import Floats
from eccentra.stages.cycle_odd import Looks, creeps, elsewhere, looks
from eccentra.stages.cycle_rise import otherwise, rise
from eccentra.stages.movement_axis import GRAVITY

STEP_S = 0.05


def course(lasts_s: float) -> Floats:
    u = np.clip(np.arange(0.0, lasts_s + STEP_S / 2, STEP_S) / lasts_s, 0.0, 1.0)
    way: Floats = u**3 * (10.0 + u * (6.0 * u - 15.0))
    return way


def moved(up_s: float, hold_s: float, down_s: float, high_m: float) -> tuple[Floats, Floats, Floats]:
    """Times, share of the stroke, and rows of an upright sensor that is ``high_m`` higher at the far end."""
    pause = np.zeros(20)
    there, back = course(up_s)[1:], course(down_s)[1:]
    hold = np.ones(round(hold_s / STEP_S))
    x = np.concatenate([pause, there, hold, 1.0 - back, pause])
    t = 5.0 + np.arange(len(x)) * STEP_S
    height = high_m * x
    rows = np.zeros((len(t), 9))
    rows[:, 2] = 1.0
    rows[:, 8] = GRAVITY + 0.05 + np.gradient(np.gradient(height, STEP_S), STEP_S)
    return t, x, rows


def seen(up_s: float, hold_s: float, down_s: float, high_m: float) -> Floats:
    t, x, rows = moved(up_s, hold_s, down_s, high_m)
    found = rise(t, x, rows, 6.0, 6.0 + up_s + hold_s + down_s)
    assert found is not None
    return found


def test_height_is_known_at_each_share_of_the_stroke_in_spite_of_a_bias() -> None:
    found = seen(1.5, 1.0, 2.0, 0.4)
    assert found.shape == (18,)
    shares = np.linspace(0.1, 0.9, 9)
    assert found == pytest.approx(0.4 * np.concatenate([shares, shares]), abs=0.025)


def test_pace_hold_and_size_do_not_change_it_but_another_way_does() -> None:
    others = [seen(1.5, 0.0, 1.5, 0.30), seen(1.4, 0.2, 1.7, 0.32), seen(1.6, 0.1, 1.5, 0.29)]
    assert otherwise(seen(4.0, 0.5, 1.5, 0.30), others, 6.0, RISE) < 1.0, "a creeping lift"
    assert otherwise(seen(1.5, 2.0, 1.5, 0.30), others, 5.0, RISE) < 1.0, "a hold"
    assert otherwise(seen(1.5, 0.0, 1.5, 0.18), others, 3.0, RISE) < 1.0, "a partial one"
    assert otherwise(seen(1.2, 0.6, 1.3, -0.45), others, 3.1, RISE) > RISE.most, "down to the weight"


def test_what_is_not_known_is_not_said() -> None:
    t, x, rows = moved(1.5, 0.0, 1.5, 0.3)
    assert rise(t, x, rows, 6.0, 6.3) is None, "too short"
    keep = (t < 7.0) | (t > 7.4)
    assert rise(t[keep], x[keep], rows[keep], 6.0, 9.0) is None, "rows are missing"
    t, x, rows = moved(0.6, 0.0, 0.6, 0.6)
    assert rise(t, x, rows, 6.0, 7.2) is None, "thrown"


def rep(up_s: float, down_s: float, high_m: float, size: float = 60.0) -> Looks:
    t, x, rows = moved(up_s, 0.0, down_s, high_m)
    end_s = 6.0 + up_s + down_s
    one = looks(t, size * x, 6.0, end_s, [(6.0, 6.0 + up_s), (6.0 + up_s, end_s)])
    return msgspec.structs.replace(one, rise=rise(t, size * x, rows, 6.0, end_s))


def test_picking_a_weight_up_is_no_repetition_however_alike_it_turns() -> None:
    others = [rep(1.5, 1.5, 0.30), rep(1.4, 1.6, 0.32), rep(1.6, 1.5, 0.29)]
    assert elsewhere(rep(1.5, 1.5, -0.45), others, ODD)
    assert not elsewhere(rep(1.5, 1.5, 0.25), others, ODD)
    assert not elsewhere(rep(1.5, 1.5, -0.45), others[:1], ODD), "one says nothing"


def test_a_creeping_lift_that_goes_as_high_may_be_larger() -> None:
    others = [rep(1.5, 1.5, 0.30), rep(1.4, 1.6, 0.32), rep(1.6, 1.5, 0.29)]
    last = rep(4.0, 1.5, 0.35, size=85.0)
    assert creeps(last, others, 0.0, ODD)
    assert not creeps(msgspec.structs.replace(last, rise=None), others, 0.0, ODD), "not known to be"
