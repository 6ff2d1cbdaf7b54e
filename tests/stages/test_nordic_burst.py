"""A burst of strap force read as a lowering: its start, its end, and how it ended."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.samples import Floats
from eccentra.stages.nordic_burst import Reading, read_burst

K2 = 10.0
FULL = 800.0
T: Floats = np.arange(0.0, 14.0, 0.01)


def force(lean: Floats) -> Floats:
    """Force that holds a body which moves so; a strap cannot push."""
    bend = np.gradient(np.gradient(lean, 0.01), 0.01)
    return np.maximum(FULL * (np.sin(lean) - bend / K2), 0.0)


def soft(t: Floats) -> Floats:
    """Minimum-jerk course from 0 to 1."""
    s = np.clip(t, 0.0, 1.0)
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


def even(length: float, speeding_up: float = 0.3) -> Floats:
    """Lean at constant speed after a short speeding up, from the time 3 s on."""
    speed = 1.5 / length * np.clip((T - 3.0) / speeding_up, 0.0, 1.0)
    return np.cumsum(speed) * 0.01


def reading(net: Floats, full: float | None = None) -> Reading:
    begin = int(np.argmax(net > 20.0))
    found = read_burst(T, net, begin, full=full, k2=K2, release=2.5, break_rate=0.1)
    assert found is not None
    return found


@pytest.mark.parametrize("length", [3.0, 5.0, 8.0])
def test_soft_descent_begins_before_its_force(length: float) -> None:
    net = force(1.5 * soft((T - 3.0) / length))
    net[3.0 + length < T] = 0.0
    found = reading(net)
    assert float(T[int(np.argmax(net > 20.0))]) > 3.5
    assert found.start == pytest.approx(3.0, abs=0.15)
    assert found.end == pytest.approx(3.0 + length, abs=0.1)
    assert not found.broken
    assert not found.steady


@pytest.mark.parametrize("length", [3.0, 6.0])
def test_step_of_an_even_descent_tells_its_start(length: float) -> None:
    net = force(even(length))
    net[3.0 + 0.9 * length < T] = 0.0
    assert reading(net, full=FULL).start == pytest.approx(3.0, abs=0.12)


def test_lost_control_ends_at_the_floor() -> None:
    lean = even(5.0)
    net = force(lean)
    k = int(np.argmax(lean > 0.7))
    angle, speed, held = 0.7, 0.3, float(net[k])
    fall = k
    while angle < 1.48:
        net[fall] = held * 0.4
        speed += 0.01 * K2 * (np.sin(angle) - net[fall] / FULL)
        angle += 0.01 * speed
        fall += 1
    net[fall:] = 0.0
    found = reading(net, full=FULL)
    assert found.broken
    assert found.end == pytest.approx(float(T[fall]), abs=0.15)


def test_pulled_back_up_is_one_lowering_that_ends_at_the_bottom() -> None:
    found = reading(force(1.4 * (soft((T - 3.0) / 4.0) - soft((T - 7.0) / 4.0))))
    assert found.steady
    assert found.end == pytest.approx(7.0, abs=0.2)
