"""Did it go up or down: how much higher a sensor is after a movement from one rest to the next.

The vertical acceleration, twice integrated over the movement. It is at rest before and after, so a constant
error drops out of the speed; gravity as the sensor reads it differs between two poses by the errors of its
axes, so it is taken from both rests and blended by how far "up" has turned. What is left grows with the
square of the time: good for centimetres over a few seconds, and said to be worse beyond.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import NS_PER_S, Floats, Times
from eccentra.stages.nordic_grid import Columns

__all__ = ["Lift", "lift_of"]

_REST_S = 0.3
# It is not quite at rest there: how the acceleration changes in it may go on in the movement (T²/16 of it).
_UNREST = 0.06
# Error: a centimetre of sway, and 0.012 m/s² of acceleration that changes in the movement (T²/8 of it).
_LEAST_M = 0.01
_DRIFT_M_S2 = 0.0015
# Of a jolt so much is lost in sampling: this time at its height, which is a mean over 0.2 s.
_JOLT_S = 0.02
_JOLT_MEAN_S = 0.2
# A change is certain beyond this many errors, and beyond what shifting about on the floor does.
_ERRORS = 2.0
_SURE_M = 0.03


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """Change of height in m, and its standard error."""

    height_m: float
    error_m: float

    @property
    def sign(self) -> int:
        """+1 when it went up for certain, -1 when down, 0 when nobody can say."""
        if abs(self.height_m) < max(_ERRORS * self.error_m, _SURE_M):
            return 0
        return 1 if self.height_m > 0.0 else -1


def lift_of(t: Times, x: Floats, columns: Columns) -> Lift | None:
    """Lift over rows that begin and end with 0.3 s of rest; ``None`` when rows are missing.

    Parameters
    ----------
    t, x
        Aligned rows, ns and shape (n, channels).
    columns
        ``up`` is the first of three columns of "up", the acceleration (m/s²) follows the three of ``rate``.
    """
    n = len(t)
    if n < 4:
        return None
    step = float(t[-1] - t[0]) / (n - 1) / NS_PER_S
    rest = round(_REST_S / step)
    up, acc = x[:, columns.up : columns.up + 3], x[:, columns.rate + 3 : columns.rate + 6]
    if (
        n < 3 * rest
        or float(np.diff(t).max()) > 1.5 * step * NS_PER_S
        or np.isnan(up).any()
        or np.isnan(acc).any()
    ):
        return None
    force = up[:, 0] * acc[:, 0] + up[:, 1] * acc[:, 1] + up[:, 2] * acc[:, 2]
    a, b = up[:rest], up[-rest:]
    first, last = (np.add.reduce(part, 0) / rest for part in (a, b))
    way = last - first
    size = float(np.add.reduce(way * way))
    if size < 1e-6:
        return None
    off = up - first
    share = np.clip((off[:, 0] * way[0] + off[:, 1] * way[1] + off[:, 2] * way[2]) / size, 0.0, 1.0)
    before, after = (float(np.add.reduce(part)) / rest for part in (force[:rest], force[-rest:]))
    rise = force - (before + (after - before) * share)
    speed = np.cumsum(rise) * step
    speed -= np.linspace(0.0, 1.0, n) * float(speed[-1])
    seconds = n * step
    half = rest // 2
    unrest = max(abs(_change(part, half)) for part in (force[:rest], force[-rest:]))
    width = max(round(_JOLT_MEAN_S / step), 1)
    sums = np.concatenate([[0.0], np.cumsum(rise)])
    jolt = _JOLT_S * float(np.abs(sums[width:] - sums[:-width]).max()) / width * seconds
    return Lift(
        height_m=float(np.add.reduce(speed)) * step,
        error_m=math.hypot(_LEAST_M, (_DRIFT_M_S2 + _UNREST * unrest) * seconds * seconds, jolt),
    )


def _change(x: Floats, half: int) -> float:
    """Difference of the means of the two halves."""
    return (float(np.add.reduce(x[-half:])) - float(np.add.reduce(x[:half]))) / half
