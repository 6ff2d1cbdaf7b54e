"""How far a sensor turned in one repetition, where gravity does not show it.

The angle of gravity in the sensor's frame is blind to turning about the vertical: about an axis that stands
up by 30 degrees it shows a seventh too little, about one that stands up by 80 degrees next to nothing. The
gyroscope sees all of it. Its sum drifts, but a repetition that ends in the pose in which it began closes the
sum again, so that only what was missed within a single repetition is left.
"""

from __future__ import annotations

import numpy as np

from eccentra.samples import Floats
from eccentra.stages.movement_axis import LONG_STEP_S, turn_axis

__all__ = ["turned_deg"]

# Sine of the axis' inclination above which gravity shows more than 2 % too little.
_UPRIGHT = 0.2


def turned_deg(t: Floats, rows: Floats, *, closed: bool) -> float | None:
    """Range of the turn about the axis about which the sensor turned most, in degrees.

    ``None`` where gravity shows as much, or where the gyroscope is missing.

    Parameters
    ----------
    t, rows
        Time in s (n,) and rows (n, 9) of one repetition.
    closed
        Whether it ended in the pose in which it began.
    """
    if len(t) < 8 or float(np.diff(t).max()) > LONG_STEP_S or bool(np.isnan(rows[:, 3]).any()):
        return None
    axis = turn_axis(rows)
    if axis is None:
        return None
    a, b, c = axis.main
    upright = float((rows[:, 0] * a + rows[:, 1] * b + rows[:, 2] * c).mean())
    if abs(upright) <= _UPRIGHT:
        return None
    angle = axis.values(t, rows)
    if closed:
        angle = angle - (angle[-1] - angle[0]) * (t - t[0]) / (t[-1] - t[0])
    low, high = (float(v) for v in np.percentile(angle, (2.0, 98.0)))
    return high - low
