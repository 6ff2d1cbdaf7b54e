"""Shapes of single strokes: how an angle gets from here to there.

All functions return the values at the end of each of ``n`` equal steps: the start value is left out (the
stroke before ended on it) and the end value is the last one. So strokes join without repeating a sample.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from eccentra.samples import Floats

__all__ = ["Shape", "min_jerk", "quintic", "ramped", "stroke"]

Shape = Literal["min_jerk", "ramped"]


def min_jerk(n: int) -> Floats:
    """Minimum-jerk course from 0 to 1 (Flash & Hogan 1985): speed and acceleration are zero at both ends.

    Returns
    -------
    float64, shape (n,)
    """
    u = np.arange(1, n + 1) / n
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


def ramped(n: int, ramp: float) -> Floats:
    """Course from 0 to 1 at constant speed, with linear speed ramps over the share ``ramp`` at each end.

    Returns
    -------
    float64, shape (n,)
    """
    a = min(max(ramp, 1.0 / n), 0.5)
    u = np.arange(1, n + 1) / n
    v = 1.0 / (1.0 - a)
    first = v * u * u / (2.0 * a)
    last = 1.0 - v * (1.0 - u) ** 2 / (2.0 * a)
    return np.where(u < a, first, np.where(u > 1.0 - a, last, v * (u - 0.5 * a)))


def stroke(shape: Shape, start: float, end: float, n: int, dt: float, ramp_s: float = 0.2) -> Floats:
    """Stroke from ``start`` to ``end`` in ``n`` steps of ``dt`` seconds; ``ramp_s`` is for ``ramped``."""
    course = min_jerk(n) if shape == "min_jerk" else ramped(n, ramp_s / (n * dt))
    out = start + (end - start) * course
    out[-1] = end
    return out


def quintic(x0: float, v0: float, a0: float, x1: float, n: int, dt: float) -> Floats:
    """Fifth-order course from position, speed and acceleration (x0, v0, a0) to rest at ``x1``.

    Returns
    -------
    float64, shape (n,)
    """
    T = n * dt
    d = x1 - x0
    c3 = (20.0 * d - 12.0 * v0 * T - 3.0 * a0 * T * T) / (2.0 * T**3)
    c4 = (-30.0 * d + 16.0 * v0 * T + 3.0 * a0 * T * T) / (2.0 * T**4)
    c5 = (12.0 * d - 6.0 * v0 * T - a0 * T * T) / (2.0 * T**5)
    t = np.arange(1, n + 1) * dt
    out = x0 + t * (v0 + t * (0.5 * a0 + t * (c3 + t * (c4 + t * c5))))
    out[-1] = x1
    return np.asarray(out)
