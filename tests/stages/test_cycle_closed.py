"""Where a set of lifts begins: not with a stroke that only the ringing of its height shows."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.stages.cycle_closed import travel
from eccentra.stages.cycle_search import _from_travel
from eccentra.stages.movement_axis import GRAVITY, Axis

STEP_S = 0.05
AXIS = Axis(kind="lift", main=(0.0, 0.0, 1.0), cutoff=0.8)


def rows_of(height: np.ndarray) -> np.ndarray:
    acc = np.gradient(np.gradient(height, STEP_S), STEP_S)
    rows = np.zeros((len(height), 9))
    rows[:, 2], rows[:, 8] = 1.0, GRAVITY + acc
    rows[:, 6:9] += 0.05 * np.random.default_rng(0).standard_normal((len(height), 3))
    return rows


def stroke(way_m: float, seconds: float) -> np.ndarray:
    u = np.arange(1, round(seconds / STEP_S) + 1) * STEP_S / seconds
    return way_m * u**3 * (10.0 - 15.0 * u + 6.0 * u * u)


def test_travel_of_a_stroke_with_waits_at_its_ends() -> None:
    height = np.concatenate([np.zeros(20), stroke(0.5, 1.5), np.full(20, 0.5)])
    t = np.arange(len(height)) * STEP_S
    assert travel(AXIS, t, rows_of(height)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("first_m", [0.03, 0.45])
def test_lifts_begin_with_a_stroke_that_went_somewhere(first_m: float) -> None:
    """A bar is taken off its rack and waits, or is pulled up as far as it is then lowered and lifted."""
    pieces = [np.zeros(20), stroke(first_m, 1.2), np.full(50, first_m)]
    turns = [0, sum(map(len, pieces)) - 1]
    for _ in range(3):
        for way, seconds in ((-0.45, 1.2), (0.45, 1.6)):
            last = float(pieces[-1][-1])
            pieces.append(last + stroke(way, seconds))
            turns.append(turns[-1] + len(pieces[-1]))
    height = np.concatenate(pieces)
    # the whole wait is not looked at, so the pull up belongs to the run where it is just before
    if first_m > 0.1:
        height = np.delete(height, np.arange(46, 90))
        turns = [turns[0], *(turn - 44 for turn in turns[1:])]
    t = np.arange(len(height)) * STEP_S
    kept = _from_travel(AXIS, tuple(turns), t, rows_of(height))
    assert kept == tuple(turns if first_m > 0.1 else turns[1:])
