"""The start of a lowering seen by straps: pull before it, stops on the way, what its uncertainty holds."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from eccentra.exercises import load_exercise
from eccentra.samples import Floats
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_burst import Reading, read_burst, take_burst
from eccentra.stages.nordic_whole import Whole

K2 = 10.0
FULL = 850.0
START = 3.0
T: Floats = np.arange(0.0, 14.0, 0.01)
TABLE = {k: v for k, v in load_exercise("nordic-curl").stage.items() if k != "kind"}
STAGE = msgspec.convert(TABLE, Stage)


def force(lean: Floats) -> Floats:
    """Force that holds a body which moves so; a strap cannot push."""
    bend = np.gradient(np.gradient(lean, 0.01), 0.01)
    return np.maximum(FULL * (np.sin(lean) - bend / K2), 0.0)


def soft(begin: float, seconds: float) -> Floats:
    """Minimum-jerk course from 0 to 1."""
    s = np.clip((T - begin) / seconds, 0.0, 1.0)
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


def even(seconds: float) -> Floats:
    """Lean at constant speed after a short speeding up."""
    return np.cumsum(1.5 / seconds * np.clip((T - START) / 0.3, 0.0, 1.0)) * 0.01


def fallen(lean: Floats, at: float) -> tuple[Floats, float]:
    """Force when control is lost at a lean and half of it stays, and when the hands catch the body."""
    net = force(lean)
    k = int(np.argmax(lean > at))
    angle, speed, held = at, float(lean[k] - lean[k - 1]) / 0.01, float(net[k])
    i = k
    while angle < math.radians(62.0):
        net[i] = held * (0.5 + 0.5 * math.exp(-(i - k) * 0.01 / 0.2))
        speed += 0.01 * K2 * (math.sin(angle) - net[i] / FULL)
        angle += 0.01 * speed
        i += 1
    net[i:] = net[i - 1] * np.exp(-np.arange(len(net) - i) * 0.01 / 0.08)
    return net, float(T[i])


def pulled(newton: float) -> Floats:
    """What the legs pull before the descent; it goes while the body begins to lean."""
    return newton * (soft(START - 0.5, 0.5) - soft(START, 1.0))


def reading(net: Floats) -> Reading:
    """The burst, by somebody whose weight is known."""
    whole = Whole(STAGE.whole)
    for _ in range(3):
        whole.learn(whole.arrival(FULL), counted=True)
    begin = int(np.argmax(net > 20.0))
    end = int(np.flatnonzero(net > 10.0)[-1]) + 30
    burst = take_burst(T[:end], net[:end], begin, whole, STAGE.burst, K2)
    assert burst is not None
    found = read_burst(T[:end], net[:end], begin, burst, whole, STAGE.burst, STAGE.rise, K2)
    assert found is not None
    return found


@pytest.mark.parametrize("newton", [60.0, 90.0, 115.0])
@pytest.mark.parametrize("seconds", [4.2, 5.0])
def test_pull_before_an_early_fall_is_no_first_stage(newton: float, seconds: float) -> None:
    net, _ = fallen(even(seconds), math.radians(17.0))
    assert reading(net + pulled(newton)).start == pytest.approx(START, abs=0.2)


@pytest.mark.parametrize("newton", [45.0, 90.0])
def test_pull_before_a_quick_descent_is_no_first_stage(newton: float) -> None:
    net = force(1.5 * soft(START, 2.6))
    net[START + 2.6 < T] = 0.0
    assert reading(net + pulled(newton)).start == pytest.approx(START, abs=0.2)


@pytest.mark.parametrize("stop", [0.17, 0.3])
def test_a_short_stop_does_not_move_the_start(stop: float) -> None:
    first, second = 0.22 * 5.7, 0.78 * 5.7
    lean = 1.5 * (0.22 * soft(START, first) + 0.78 * soft(START + first + stop, second))
    net, _ = fallen(lean, math.radians(44.0))
    assert reading(net + pulled(26.0)).start == pytest.approx(START, abs=0.25)


def test_what_the_model_misses_is_in_the_uncertainty_of_the_start() -> None:
    smooth = force(1.5 * soft(START, 5.0))
    smooth[START + 5.0 < T] = 0.0
    bumpy = smooth * (1.0 + 0.12 * np.sin(2.0 * math.pi * 1.5 * T))
    known, odd = reading(smooth), reading(bumpy)
    assert odd.misfit > 1.5 > known.misfit
    assert odd.start_error > 1.3 * known.start_error
    assert abs(odd.start - START) < odd.start_error


def test_how_hands_brake_a_slow_fall_is_in_the_uncertainty_of_its_end() -> None:
    net, caught = fallen(even(5.0), math.radians(52.0))
    found = reading(net)
    assert found.kind == "fall"
    assert found.end_error > 1.2 * 2.0 * STAGE.burst.fall_error_s
    # braked evenly from there to the floor, or at once
    assert abs(found.end - caught) < found.end_error
