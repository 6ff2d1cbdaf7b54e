"""The way a sensor goes during a stroke, as a shape that can be compared with another stroke's.

Two strokes are alike when the sensor takes the same way in space, whatever the size and the time. Stops at
the ends do not belong to the shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eccentra.samples import Floats
from eccentra.stages.movement_axis import GRAVITY, LONG_STEP_S, Kind

__all__ = ["Likeness", "moving_part", "sensor_path", "stroke_shape"]

# Points at which two strokes are compared: a stroke has no more shape than that.
_POINTS = 9
# A sensor that slips turns its shapes; they follow over about five repetitions.
_FOLLOW = 0.2


def sensor_path(kind: Kind, t: Floats, rows: Floats, x: Floats) -> Floats:
    """Path of the sensor in space, shape (n, 3): turning if measured, else tilt; or position.

    A lift is known by its height alone, the number ``x`` along its axis: shape (n, 1).
    """
    if kind == "lift":
        return x[:, None]
    step = np.diff(t, prepend=t[0])[:, None]
    step[step > LONG_STEP_S] = 0.0
    if kind == "shift":
        speed = np.cumsum((rows[:, 6:9] - GRAVITY * rows[:, 0:3]) * step, axis=0)
        speed -= np.linspace(0.0, 1.0, len(t))[:, None] * speed[-1]
        path: Floats = np.cumsum(speed * step, axis=0)
        return path
    if math.isnan(float(rows[0, 3])):
        return rows[:, 0:3]
    path = np.cumsum(rows[:, 3:6] * step, axis=0)
    return path


def stroke_shape(path: Floats, x: Sequence[float], a: int, b: int) -> Floats:
    """Path of the moving part of a stroke, from its own start, at equal shares of its time, length one."""
    first, last = moving_part(x, a, b)
    at = np.linspace(first, last, _POINTS + 1)
    left = np.minimum(at.astype(np.int64), len(path) - 2)
    share = (at - left)[:, None]
    points = path[left] * (1.0 - share) + path[left + 1] * share
    shape: Floats = points[1:] - points[0]
    norm = math.sqrt(float((shape * shape).sum()))
    return shape / norm if norm > 0.0 else shape


def moving_part(x: Sequence[float], a: int, b: int) -> tuple[int, int]:
    """First and last index of the moving part of the stroke from ``a`` to ``b``: without its outer tenths."""
    tenth = 0.1 * (x[b] - x[a])
    up = tenth > 0.0
    first = last = a
    low, high = x[a] + tenth, x[b] - tenth
    for i in range(a, b + 1):
        v = x[i]
        if (v <= low) if up else (v >= low):
            first = i
        if (v >= high) if up else (v <= high):
            last = i
            break
    return first, max(last, first + 1)


class Likeness:
    """State: how the strokes away and back of a movement usually go.

    Parameters
    ----------
    kind
        Of the movement's axis.
    away, back
        Shapes of its strokes.
    """

    def __init__(self, kind: Kind, away: Floats, back: Floats) -> None:
        self._kind = kind
        self._usual = [away, back]

    def take(self, t: Floats, rows: Floats, x: Sequence[float], top: int, least: float) -> bool:
        """Whether both strokes of a cycle are like the usual ones; if so, these follow slowly.

        Parameters
        ----------
        t, rows, x
            Time in s, rows (n, 9) and number along the axis of the whole cycle.
        top
            Index of its turning point.
        least
            Least cosine.
        """
        path = sensor_path(self._kind, t, rows, np.array(x))
        end = len(x) - 1
        shapes = [stroke_shape(path, x, a, b) for a, b in ((0, top), (top, end))]
        likes = [float((u * s).sum()) for u, s in zip(self._usual, shapes, strict=True)]
        if min(likes) < least:
            return False
        for k, shape in enumerate(shapes):
            mixed = self._usual[k] * (1.0 - _FOLLOW) + shape * _FOLLOW
            self._usual[k] = mixed / math.sqrt(float((mixed * mixed).sum()))
        return True
