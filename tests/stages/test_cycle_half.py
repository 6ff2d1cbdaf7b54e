"""A lift that was not seen to come back counts when it went away like the others of its set."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.stages.cycle_half import HalfRules, away_like
from eccentra.stages.cycle_odd import Looks, looks

RULES = HalfRules(pace=0.4, size=(0.6, 1.35))
STEP_S = 0.05


def stroke(seconds: float, size: float = 0.5) -> np.ndarray:
    u = np.linspace(0.0, 1.0, round(seconds / STEP_S) + 1)
    return size * u**3 * (10 - 15 * u + 6 * u * u)


def usual(away_s: float = 1.0, size: float = 0.5) -> Looks:
    """How a whole repetition looked."""
    x = np.concatenate([stroke(away_s, size), size - stroke(2.0, size)[1:]])
    t = np.arange(len(x)) * STEP_S
    return looks(t, x, 0.0, float(t[-1]), [(0.0, away_s), (away_s, float(t[-1]))])


def half(away_s: float, size: float = 0.5, then_s: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    """Time and height of a way away after which nothing is seen."""
    x = np.concatenate([stroke(away_s, size), np.full(round(then_s / STEP_S), size)])
    return 20.0 + np.arange(len(x)) * STEP_S, x + 3.0


@pytest.mark.parametrize("away_s", [0.8, 1.0, 1.3])
def test_like_the_others(away_s: float) -> None:
    far_s = away_like(*half(away_s), 20.0, [usual(0.9), usual(1.0), usual(1.1)], RULES)
    assert far_s == pytest.approx(20.0 + away_s, abs=0.4)


@pytest.mark.parametrize(("away_s", "size"), [(1.0, 0.25), (1.0, 0.8), (2.2, 0.5), (0.4, 0.5)])
def test_another_way(away_s: float, size: float) -> None:
    """A weight put down goes further or not so far, or at another pace."""
    assert away_like(*half(away_s, size), 20.0, [usual(0.9), usual(1.0), usual(1.1)], RULES) is None


def test_one_repetition_says_not_what_is_usual() -> None:
    assert away_like(*half(1.0), 20.0, [usual()], RULES) is None
    assert away_like(*half(1.0), 20.0, [usual(), usual(3.0)], RULES) is None
