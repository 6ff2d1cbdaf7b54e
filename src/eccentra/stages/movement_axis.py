"""One number that says where in its movement a body part is: three ways to get it from one sensor.

- **tilt**: the angle of gravity in the sensor's frame, in the plane in which gravity swings most. It cannot
  drift, so it can wait out a hold of any length; it is blind to turning about the vertical.
- **turn**: the angular rate about the axis about which the sensor turns most, summed up. It sees turning
  about the vertical, but drifts, which those who use it must allow for.
- **shift**: the position along the direction of largest acceleration, for a sensor that moves without
  turning, such as one on a weight stack. Gravity that is not removed exactly would run away when summed up
  twice, so both sums leak; the sums forget a hold.

The first two are angles in degrees, the third is metres.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["GRAVITY", "Axis", "Follower", "Kind", "shift_axis", "tilt_axis", "turn_axis"]

Kind = Literal["tilt", "turn", "shift"]

GRAVITY = 9.80665
_DEG = 180.0 / math.pi
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
    leak_s
        Time constant of the leak of ``shift``.
    """

    kind: Kind
    main: Vector
    zero: Vector = (0.0, 0.0, 1.0)
    leak_s: float = 0.0

    def values(self, t: Floats, rows: Floats) -> Floats:
        """The number over a stretch of rows, shape (n,), from ``t`` in s, shape (n,), and rows (n, 9)."""
        a = np.asarray(self.main)
        if self.kind == "tilt":
            up = rows[:, _UP]
            angle: Floats = np.unwrap(np.arctan2(up @ a, up @ np.asarray(self.zero)))
            return angle * _DEG
        step = np.diff(t, prepend=t[0])
        if self.kind == "turn":
            turned: Floats = np.cumsum((rows[:, _RATE] @ a) * step) * _DEG
            return turned
        linear = (rows[:, _ACC] - GRAVITY * rows[:, _UP]) @ a
        return _leaky_sum(_leaky_sum(linear, step, self.leak_s), step, self.leak_s)

    def follow(self) -> Follower:
        """The same, row by row."""
        return Follower(self)


def _leaky_sum(x: Floats, step: Floats, leak_s: float) -> Floats:
    total, out = 0.0, []
    for value, dt in zip(x.tolist(), step.tolist(), strict=True):
        total += value * dt - total * min(dt / leak_s, 1.0)
        out.append(total)
    return np.array(out)


class Follower:
    """State of an axis on a stream of rows, in plain numbers: the same bits however the stream is cut."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._value = 0.0
        self._speed = 0.0
        self._t: int | None = None
        self._raw = 0.0

    def next(self, t_ns: int, row: list[float], at: int) -> float:
        """The number for the row whose sensor's nine columns begin at ``at``; NaN rows must be left out."""
        kind, (a, b, c) = self._axis.kind, self._axis.main
        step = 0.0 if self._t is None else (t_ns - self._t) * 1e-9
        if kind == "tilt":
            x, y, z = row[at], row[at + 1], row[at + 2]
            d, e, f = self._axis.zero
            raw = math.atan2(x * a + y * b + z * c, x * d + y * e + z * f) * _DEG
            if self._t is None:
                self._value = raw
            else:
                move = raw - self._raw
                self._value += move - 360.0 * round(move / 360.0)
            self._raw = raw
        elif kind == "turn":
            # what happened in a gap is not known; a rate held over it would be a guess
            if step < 0.1:
                self._value += (row[at + 3] * a + row[at + 4] * b + row[at + 5] * c) * step * _DEG
        else:
            linear = (
                (row[at + 6] - GRAVITY * row[at]) * a
                + (row[at + 7] - GRAVITY * row[at + 1]) * b
                + (row[at + 8] - GRAVITY * row[at + 2]) * c
            )
            keep = min(step / self._axis.leak_s, 1.0)
            if step < 0.1:
                self._speed += linear * step
                self._value += self._speed * step
            self._speed -= self._speed * keep
            self._value -= self._value * keep
        self._t = t_ns
        return self._value


def tilt_axis(rows: Floats) -> Axis | None:
    """Plane in which gravity swings most over ``rows`` (n, 9)."""
    up = rows[:, _UP]
    mean = up.mean(axis=0)
    norm = float(np.sqrt(mean @ mean))
    # gravity that points everywhere alike has no middle
    if norm < 0.05:
        return None
    zero = mean / norm
    away = up - np.outer(up @ zero, zero)
    away = away - away.mean(axis=0)
    main = _largest(away)
    main = main - (main @ zero) * zero
    return Axis(kind="tilt", main=_unit(main), zero=_unit(zero))


def turn_axis(rows: Floats) -> Axis | None:
    """Axis about which the sensor turns most, or ``None`` without gyroscope."""
    rate = rows[:, _RATE]
    if np.isnan(rate[0, 0]):
        return None
    return Axis(kind="turn", main=_unit(_largest(rate)))


def shift_axis(rows: Floats, leak_s: float) -> Axis | None:
    """Direction of the largest acceleration beside gravity."""
    linear = rows[:, _ACC] - GRAVITY * rows[:, _UP]
    return Axis(kind="shift", main=_unit(_largest(linear)), leak_s=leak_s)


def _largest(x: Floats) -> Floats:
    vectors: Floats = np.linalg.eigh(x.T @ x)[1]
    main: Floats = vectors[:, -1]
    # an axis has two directions; take the one whose largest part is positive
    return main if main[int(np.argmax(np.abs(main)))] > 0.0 else -main


def _unit(x: Floats) -> Vector:
    a, b, c = (float(v) for v in x)
    norm = math.sqrt(a * a + b * b + c * c)
    return (a / norm, b / norm, c / norm) if norm > 0.0 else (1.0, 0.0, 0.0)
