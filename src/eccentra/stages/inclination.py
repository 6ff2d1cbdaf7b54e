"""Lean of one segment: how far "up" has turned in the sensor's frame since the start pose.

The mounting is unknown, so no axis of the sensor means anything. ``home`` is "up" in the sensor's frame in
the start pose; the movement's axis is at right angles to it and comes from the way that "up" takes. A lean
``phi`` about the unit vector ``axis`` (sensor frame) is ``atan2((home x up) . axis, home . up)``; its rate is
``-rate . axis``, since a direction fixed in the room turns the other way in the sensor's frame. Heading does
not matter, as the axis is close to horizontal (references: Laidig & Seel 2023; Seel 2014).
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.samples import Floats

__all__ = ["Vector", "angle_between", "axis_of", "cross", "dot", "lean", "lean_of", "rate_about", "unit"]

Vector = tuple[float, float, float]


def dot(a: Vector, b: Vector) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Vector product."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def unit(a: Vector) -> Vector | None:
    """``a`` scaled to length 1; ``None`` when it has no direction."""
    n = math.sqrt(dot(a, a))
    return (a[0] / n, a[1] / n, a[2] / n) if n > 1e-9 else None


def angle_between(a: Vector, b: Vector) -> float:
    """Angle between two unit vectors in degrees; exact for small angles too."""
    c = cross(a, b)
    return math.degrees(math.atan2(math.sqrt(dot(c, c)), dot(a, b)))


def lean(home: Vector, axis: Vector, up: Vector) -> float:
    """Signed lean of one sample in degrees."""
    return math.degrees(math.atan2(dot(cross(home, up), axis), dot(home, up)))


def lean_of(home: Vector, axis: Vector, up: Floats) -> Floats:
    """Signed lean in degrees, shape (n,), of ``up``, shape (n, 3)."""
    side = cross(axis, home)
    along = up[:, 0] * home[0] + up[:, 1] * home[1] + up[:, 2] * home[2]
    across = up[:, 0] * side[0] + up[:, 1] * side[1] + up[:, 2] * side[2]
    return np.asarray(np.degrees(np.arctan2(across, along)))


def rate_about(axis: Vector, rate: Floats) -> Floats:
    """Rate of the lean in degrees/s, shape (n,), from the angular rate in rad/s, shape (n, 3)."""
    return np.asarray(np.degrees(-(rate[:, 0] * axis[0] + rate[:, 1] * axis[1] + rate[:, 2] * axis[2])))


def axis_of(home: Vector, up: Floats) -> Vector | None:
    """Axis about which "up" has gone away from ``home``: the mean of ``home x up``, shape (n, 3) in.

    Samples far from ``home`` (up to 90 degrees) weigh most. ``None`` when nothing went anywhere.
    """
    x, y, z = up[:, 0], up[:, 1], up[:, 2]
    sides = (home[1] * z - home[2] * y, home[2] * x - home[0] * z, home[0] * y - home[1] * x)
    a, b, c = (float(np.add.reduce(part)) for part in sides)
    return unit((a, b, c))
