"""One number that says where in its movement a body part is: four ways to get it from one sensor.

- **tilt**: the angle of gravity in the sensor's frame, in the plane in which gravity swings most. It cannot
  drift, so it can wait out a hold of any length; it is blind to turning about the vertical.
- **turn**: the angular rate about the axis about which the sensor turns most, summed up. It sees turning
  about the vertical, but drifts, which those who use it must allow for.
- **shift**: the position along the direction of largest acceleration, for a sensor that moves without
  turning, such as one on a weight stack. Gravity that is not removed exactly would run away when summed up
  twice, so both sums leak; the sums forget a hold.
- **lift**: the height of a sensor that moves up and down without turning, such as one on a weight stack. An
  error of inclination hardly changes the vertical part of gravity, so seconds before and after can be used
  (:mod:`eccentra.stages.cycle_height`).

The first two are angles in degrees, the others are metres.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import Floats
from eccentra.stages.cycle_height import heights

__all__ = [
    "GRAVITY",
    "LONG_STEP_S",
    "Axis",
    "Follower",
    "Kind",
    "is_lift",
    "lift_axis",
    "shift_axis",
    "tilt_axis",
    "turn_axis",
    "vertical",
]

Kind = Literal["tilt", "turn", "shift", "lift"]

GRAVITY = 9.80665
# Rows further apart than this do not say what happened between them.
LONG_STEP_S = 0.25
_DEG = 180.0 / math.pi
# What moves up and down tilts by less than 15 degrees, and its way leans by less than 30 degrees (tangent
# squared), as rails of a press do. Looked at over a quarter of a second: noise has all directions.
_UPRIGHT = 0.26
_SIDEWAYS = 0.3
_SMOOTH = 5
# Cosine of 20 degrees: tilted more than that beside the lift, it is not lifted.
_TILTED = 0.94
# Columns of one sensor's rows.
_UP, _RATE, _ACC = slice(0, 3), slice(3, 6), slice(6, 9)

Vector = tuple[float, float, float]


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """How rows become one number.

    Attributes
    ----------
    kind
        See the module.
    main
        Unit vector, sensor frame: direction in which gravity swings, axis of turning, or direction of shift.
    zero
        Unit vector, sensor frame, for ``tilt``: where the angle is zero.
    keep
        For ``shift``: share that both sums keep from one row to the next.
    cutoff, bias
        For ``lift``: how soon its height is told in rad/s, and acceleration (m/s²) shown at rest;
        ``main`` is up.
    """

    kind: Kind
    main: Vector
    zero: Vector = (0.0, 0.0, 1.0)
    keep: float = 1.0
    cutoff: float = 1.0
    bias: float = 0.0

    def values(self, t: Floats, rows: Floats) -> Floats:
        """The number over a stretch of rows, shape (n,), from ``t`` in s, shape (n,), and rows (n, 9).

        What happened between rows that are more than :data:`LONG_STEP_S` apart is not known: ``turn`` and
        ``shift`` stay as they are.
        """
        if self.kind == "tilt":
            # not unwrapped: zero is the middle of the movement, and a wrong turn would stay for good
            angle: Floats = np.arctan2(_along(rows, 0, self.main), _along(rows, 0, self.zero))
            return angle * _DEG
        if self.kind == "lift":
            return heights(t, self.push(rows) - self.bias, self.upright(rows), self.cutoff)
        step = np.diff(t, prepend=t[0])
        step[step > LONG_STEP_S] = 0.0
        if self.kind == "turn":
            rate = _along(rows, 3, self.main)
            rate[1:] = 0.5 * (rate[1:] + rate[:-1])
            turned: Floats = np.cumsum(rate * step) * _DEG
            return turned
        return self._leaky_sum(self._leaky_sum(self.push(rows) * step) * step)

    def upright(self, rows: Floats) -> NDArray[np.bool_]:
        """Whether the sensor is tilted as in its lift, for each row (n, 9); always so if it is no lift."""
        if self.kind != "lift":
            return np.ones(len(rows), dtype=bool)
        out: NDArray[np.bool_] = _along(rows, 0, self.main) > _TILTED
        return out

    def push(self, rows: Floats) -> Floats:
        """Acceleration in m/s² along the way of ``lift`` or ``shift``, shape (n,)."""
        if self.kind == "lift":
            return vertical(rows)
        return _along(rows, 6, self.main) - GRAVITY * _along(rows, 0, self.main)

    def _leaky_sum(self, x: Floats) -> Floats:
        # no scipy here: to import its filters takes longer than the analysis of minutes
        keep = self.keep
        return np.array(list(accumulate(x.tolist(), lambda total, value: value + keep * total)))

    def follow(self) -> Follower:
        """The same, row by row."""
        return Follower(self)

    def lifted(self, row: list[float], at: int) -> float:
        """Acceleration of a ``lift`` in one row (m/s²), whose columns begin at ``at``; NaN if not upright."""
        x, y, z = row[at], row[at + 1], row[at + 2]
        a, b, c = self.main
        up = x * row[at + 6] + y * row[at + 7] + z * row[at + 8]
        return up - GRAVITY - self.bias if x * a + y * b + z * c > _TILTED else math.nan


def _along(rows: Floats, column: int, direction: Vector) -> Floats:
    """Component of a vector in ``column`` and the next two; elementwise, so it does not depend on memory."""
    a, b, c = direction
    out: Floats = rows[:, column] * a + rows[:, column + 1] * b + rows[:, column + 2] * c
    return out


class Follower:
    """State of an axis on a stream of rows, in plain numbers: the same bits however the stream is cut.

    A lift is followed by :class:`eccentra.stages.cycle_height.HeightFollower`.
    """

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._value = self._speed = self._raw = 0.0
        self._t: int | None = None

    def next(self, t_ns: int, row: list[float], at: int) -> float:
        """The number for the row whose sensor's nine columns begin at ``at``; NaN rows must be left out."""
        axis, (a, b, c) = self._axis, self._axis.main
        step = 0.0 if self._t is None else (t_ns - self._t) * 1e-9
        if step > LONG_STEP_S:
            step = 0.0
        self._t = t_ns
        if axis.kind == "tilt":
            x, y, z = row[at], row[at + 1], row[at + 2]
            d, e, f = axis.zero
            self._value = math.atan2(x * a + y * b + z * c, x * d + y * e + z * f) * _DEG
        elif axis.kind == "turn":
            raw = row[at + 3] * a + row[at + 4] * b + row[at + 5] * c
            self._value += 0.5 * (raw + self._raw) * step * _DEG
            self._raw = raw
        else:
            linear = (
                (row[at + 6] - GRAVITY * row[at]) * a
                + (row[at + 7] - GRAVITY * row[at + 1]) * b
                + (row[at + 8] - GRAVITY * row[at + 2]) * c
            )
            self._speed = self._speed * axis.keep + linear * step
            self._value = self._value * axis.keep + self._speed * step
        return self._value


def tilt_axis(rows: Floats) -> Axis | None:
    """Plane in which gravity swings most over ``rows`` (n, 9)."""
    up = rows[:, _UP]
    mean = up.mean(axis=0)
    norm = math.sqrt(float((mean * mean).sum()))
    # gravity that points everywhere alike has no middle
    if norm < 0.05:
        return None
    zero = mean / norm
    away = up - _along(up, 0, _unit(zero))[:, None] * zero
    main = _largest(away - away.mean(axis=0))
    main = main - (main * zero).sum() * zero
    return Axis(kind="tilt", main=_unit(main), zero=_unit(zero))


def turn_axis(rows: Floats) -> Axis | None:
    """Axis about which the sensor turns most, or ``None`` without gyroscope."""
    rate = rows[:, _RATE]
    if np.isnan(rate[0, 0]):
        return None
    return Axis(kind="turn", main=_unit(_largest(rate)))


def shift_axis(rows: Floats, keep: float) -> Axis:
    """Direction of the largest acceleration beside gravity; ``keep`` as in :class:`Axis`."""
    linear = rows[:, _ACC] - GRAVITY * rows[:, _UP]
    return Axis(kind="shift", main=_unit(_largest(linear)), keep=keep)


def vertical(rows: Floats) -> Floats:
    """Vertical acceleration beside gravity in m/s², shape (n,), of rows (n, 9)."""
    out: Floats = rows[:, 0] * rows[:, 6] + rows[:, 1] * rows[:, 7] + rows[:, 2] * rows[:, 8] - GRAVITY
    return out


def lift_axis(rows: Floats, cutoff: float) -> Axis:
    """Height; mostly the load does not accelerate, so the middle of ``rows`` (n, 9) is the error."""
    up = _unit(np.median(rows[:, _UP], axis=0))
    return Axis(kind="lift", main=up, cutoff=cutoff, bias=float(np.median(vertical(rows))))


def is_lift(rows: Floats) -> bool:
    """Whether the sensor moved up and down, neither sideways nor turning, over ``rows`` (n, 9)."""
    up, acc = rows[:, _UP], rows[:, _ACC]
    if float((up.max(axis=0) - up.min(axis=0)).max()) > _UPRIGHT:
        return False
    push = vertical(rows)
    side = acc - (push + GRAVITY)[:, None] * up
    side = _smoothed(side - side.mean(axis=0))
    push = _smoothed((push - push.mean())[:, None])
    return float((side * side).sum()) <= _SIDEWAYS * float((push * push).sum())


def _smoothed(x: Floats) -> Floats:
    total = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    out: Floats = (total[_SMOOTH:] - total[:-_SMOOTH]) / _SMOOTH
    return out


def _largest(x: Floats) -> Floats:
    square = np.array([[float((x[:, i] * x[:, j]).sum()) for j in range(3)] for i in range(3)])
    vectors: Floats = np.linalg.eigh(square)[1]
    main: Floats = vectors[:, -1]
    # an axis has two directions; take the one whose largest part is positive
    return main if main[int(np.argmax(np.abs(main)))] > 0.0 else -main


def _unit(x: Floats) -> Vector:
    a, b, c = (float(v) for v in x)
    norm = math.sqrt(a * a + b * b + c * c)
    return (a / norm, b / norm, c / norm) if norm > 0.0 else (1.0, 0.0, 0.0)
