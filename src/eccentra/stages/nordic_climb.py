"""Whether the thigh ended as high as it began: its vertical acceleration, integrated twice between two rests.

Kneeling down and standing up take a knee down or up by the length of a shank; in a Nordic curl both knees
stay on the floor. What is vertical is known well: an inclination that is off by 1 degree changes the vertical
acceleration by a thousandth of gravity's. Speed is zero at both ends, which takes out what the sensor adds
all the time. What is left is that its axes have different errors: the further it turns and the longer it
takes, the less is known, and of a whole descent next to nothing.
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.stages.nordic_grid import Columns, Grid, missing

__all__ = ["climb"]

# Calibration of axes of an accelerometer differs by so much.
_AXES_M_S2 = 0.2
# The height is given when it is known to this.
_ERROR_M = 0.06


def climb(grid: Grid, columns: Columns, start: float, end: float, turn_deg: float) -> float | None:
    """Height gained between two rests, m; ``None`` when it cannot be known.

    Parameters
    ----------
    start, end
        Times of the rests, s.
    turn_deg
        How far the sensor turned between them.
    """
    c, seconds = columns.acc, end - start
    if c is None or missing(grid, start, end):
        return None
    # an acceleration that is off in the middle of the time
    if 0.125 * seconds**2 * _AXES_M_S2 * (1.0 - math.cos(math.radians(turn_deg))) > _ERROR_M:
        return None
    a, b = (int(grid.t.searchsorted(s)) for s in (start, end))
    up, acc = grid.x[a:b, columns.up : columns.up + 3], grid.x[a:b, c : c + 3]
    if b - a < 10 or np.isnan(acc[0, 0]) or np.isnan(grid.x[a, columns.rate]):
        return None
    dt = float(grid.t[1])
    vertical = up[:, 0] * acc[:, 0] + up[:, 1] * acc[:, 1] + up[:, 2] * acc[:, 2]
    vertical -= np.add.reduce(vertical) / (b - a)
    speed = np.cumsum(vertical) * dt
    return float(np.add.reduce(speed)) * dt
