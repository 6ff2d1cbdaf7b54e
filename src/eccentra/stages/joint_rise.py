"""Does the sensor go up or down on its way? It tells a squat's way down from standing up.

The mounting is unknown, so the inclination alone does not say which of two poses is the start. But a sensor
has a height: vertical acceleration, integrated over a stroke that begins and ends at rest, gives how far it
rose. What is constant in the accelerometer's error drops out, as the speed is zero at both ends; what changes
with the inclination does not, and grows with the square of the time. So quick strokes are sure and slow ones
say little; the result is in units of that error, less where the error is larger than what a sensor can rise:
the sign of such a sum is chance.
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.samples import Floats

__all__ = ["rise_of"]

# m: sway of the body, and the end of a stroke that is not quite at rest
_LEAST_M = 0.015
# m: how far a sensor on limb or trunk rises in one stroke; knee to sensor, hip to sensor
_USUAL_M = 0.25


def rise_of(
    up: Floats, acc: Floats, step_s: float, ways: list[tuple[int, int, int]], error_m_s2: float
) -> float:
    """How sure it is that the sensor rose on the way away and sank on the way back (negative: the reverse).

    Parameters
    ----------
    up, acc
        "Up" and specific force in the sensor's frame, shape (n, 3).
    ways
        First and last index of each stroke, and +1 for away, -1 for back.
    error_m_s2
        By how much the accelerometer's error changes between two inclinations.

    Returns
    -------
    Number of standard errors; where these exceed the usual way, in proportion less (the logarithm of the odds
    of two senses is the product of the sum and the way, by the error's square).
    """
    vertical = acc[:, 0] * up[:, 0] + acc[:, 1] * up[:, 1] + acc[:, 2] * up[:, 2]
    total, variance, usual = 0.0, 0.0, 0.0
    for a, b, sign in ways:
        n = b - a
        if n < 10:
            continue
        part = vertical[a:b]
        speed = np.cumsum(part - float(np.add.reduce(part)) / n) * step_s
        seconds = n * step_s
        usual += _USUAL_M
        total += sign * float(np.add.reduce(speed)) * step_s
        variance += (error_m_s2 * seconds * seconds / 12.0) ** 2 + _LEAST_M**2
    error = math.sqrt(variance)
    return total / error * min(usual / error, 1.0) if error > 0.0 else 0.0
