"""Height from vertical acceleration: it starts anew whenever the load stands still."""

import numpy as np
import pytest

from eccentra.samples import Floats
from eccentra.stages.cycle_closed import pushed
from eccentra.stages.cycle_height import HeightFollower, heights

CUTOFF = 0.4
STEP_S = 0.05


def _stroke(way_m: float, seconds: float) -> Floats:
    u = np.arange(1, round(seconds / STEP_S) + 1) * STEP_S / seconds
    return way_m * u**3 * (10.0 - 15.0 * u + 6.0 * u * u)


def _presses(pause_s: float) -> tuple[Floats, Floats, list[tuple[int, int, int]]]:
    """Height and acceleration of lifts by 0.45 m, the last one slow, and rows of begin, low end and end."""
    parts = [np.zeros(60)]
    turns = []
    for up_s in (1.4, 1.4, 1.4, 1.4, 4.0):
        begin = sum(map(len, parts))
        parts += [
            0.0 + _stroke(-0.45, 1.8),
            np.full(round(pause_s / STEP_S), -0.45),
            -0.45 + _stroke(0.45, up_s),
        ]
        end = sum(map(len, parts))
        turns.append((begin, begin + round(1.8 / STEP_S), end))
        parts.append(np.full(round(pause_s / STEP_S), 0.0))
    height = np.concatenate([*parts, np.zeros(120)])
    push = np.gradient(np.gradient(height, STEP_S), STEP_S)
    return height, push + 0.08 + 0.05 * np.random.default_rng(3).standard_normal(len(push)), turns


@pytest.mark.parametrize("pause_s", [0.5, 1.2])
def test_slow_and_usual_strokes_have_their_height_and_come_back(pause_s: float) -> None:
    _, push, turns = _presses(pause_s)
    t = np.arange(len(push)) * STEP_S
    got = heights(t, push, np.ones(len(t), dtype=bool), CUTOFF)
    for begin, low, end in turns:
        assert got[begin] - got[low] == pytest.approx(0.45, abs=0.07)
        assert got[end] - got[low] == pytest.approx(0.45, abs=0.11)


def test_before_and_after_the_strokes_the_load_stands_still() -> None:
    _, push, turns = _presses(0.8)
    t = np.arange(len(push)) * STEP_S
    got = heights(t, push, np.ones(len(t), dtype=bool), CUTOFF)
    assert np.ptp(got[: turns[0][0] - 10]) < 0.02
    assert np.ptp(got[turns[-1][2] + 10 :]) < 0.02


def test_strokes_without_any_pause() -> None:
    t = np.arange(0.0, 60.0, STEP_S)
    turn = 2.0 * np.pi / 5.0
    height = -0.2 * np.cos(turn * t)
    got = heights(t, -turn * turn * height, np.ones(len(t), dtype=bool), CUTOFF)
    for top in range(200, 1000, 100):
        assert got[top + 50] - got[top] == pytest.approx(0.4, abs=0.1)


def test_a_constant_error_is_not_seen() -> None:
    _, push, _ = _presses(0.8)
    t, upright = np.arange(len(push)) * STEP_S, np.ones(len(push), dtype=bool)
    off = heights(t, push + 0.1, upright, CUTOFF) - heights(t, push, upright, CUTOFF)
    assert np.abs(off).max() < 1e-6


def test_what_was_no_lift_does_not_leak_in() -> None:
    _, push, turns = _presses(0.8)
    t = np.arange(len(push)) * STEP_S
    middle = turns[2][0]
    turned = np.zeros(len(t), dtype=bool)
    turned[middle - 10 : middle] = True
    other = push.copy()
    other[: middle - 5] += 3.0 * np.sin(t[: middle - 5])
    a, b = (np.diff(heights(t, x, ~turned, CUTOFF)) for x in (push, other))
    assert np.allclose(a[middle:], b[middle:])
    assert not np.allclose(a[: middle - 10], b[: middle - 10])


@pytest.mark.parametrize("missing", [0, 3, 40])
def test_row_by_row_the_strokes_are_as_high(missing: int) -> None:
    _, push, turns = _presses(0.8)
    lost = slice(turns[3][0] - 4, turns[3][0] - 4 + missing)
    pushes: list[float | None] = push.tolist()
    pushes[lost] = [None] * missing
    follower = HeightFollower(CUTOFF)
    got = [follower.next(p) for p in (*pushes, *[np.nan] * follower.reach)][follower.reach :]
    for k, (begin, low, end) in enumerate(turns):
        # what happened in two seconds without rows is not known
        if k != 3 or missing < 40:
            assert got[begin] - got[low] == pytest.approx(0.45, abs=0.09)
            assert got[end] - got[low] == pytest.approx(0.45, abs=0.09)


def test_a_stroke_is_begun_and_ended_by_a_push() -> None:
    assert pushed((0.4, 0.3), (0.5, 0.5))
    assert not pushed((0.0, 0.5), (0.5, 0.5))
    assert not pushed((0.5, 0.1), (0.5, 0.5))
