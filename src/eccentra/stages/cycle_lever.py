"""The angle of a sensor that swings on a lever, from its accelerometer alone.

An accelerometer shows gravity and, on a body part that turns, the acceleration of its place. On an arm that
is half a metre long and raised in a second this is a third of gravity: the direction of what is measured
runs ahead of the limb and behind it, and a stroke seems to begin and end at other times. But a place at a
fixed distance from the axis of turning is accelerated by the turning itself, tangentially by ``r a''`` and
towards the axis by ``r a'²``, and this in directions that are fixed in the sensor. So angle and lever are
found together: the smooth course of the angle (cubic B-splines) and the lever in the plane of turning that
make the measured acceleration, by Gauss-Newton steps of penalised least squares (Eilers & Marx 1996 for the
penalty). What is left over says whether it was such a movement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import Floats
from eccentra.stages.movement_axis import GRAVITY, Axis
from eccentra.stages.strokes import smooth

__all__ = ["LeverRules", "swung_deg", "undelayed"]

# Three steps between knots, 40 ms each: what is quicker than 4 Hz is no stroke of a limb.
_STEP_S = 0.04
_PER_KNOT = 3
_KNOT_S = _STEP_S * _PER_KNOT
_ROUNDS = 8
# The first rounds may lead away before they lead on.
_FIRST = 2
# A knot's change of acceleration of 100 rad/s³ weighs as much as 0.1 m/s².
_STIFFNESS = 1e-3
# The first guess is the direction of what is measured, but stiff: over a stroke the pushes cancel each other.
_STIFFER = 30.0
# No lever is longer than a metre or so; weak, it decides only where nothing turns.
_PRIOR = 0.3
_FEWEST = 12
# A smaller share of change in what is left is none.
_SETTLED = 0.03
# m/s²: where less of gravity is in the plane of turning, it shows no angle.
_LEAST_GRAVITY = 2.0
# Sine of 6 degrees: a plane that is tilted by less is the same one.
_TILTED = 0.1
# A second plane has to leave so much less.
_CLEARLY = 0.85
_DEG = 180.0 / math.pi


class LeverRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a movement is a swing on a lever.

    Attributes
    ----------
    smooth_s
        Standard deviation of the smoothing of the acceleration.
    else_smooth_s
        The same where it was none, and the angle is the direction of what is measured.
    most_share
        What is left of the acceleration, r.m.s., is at most this share of gravity's change in the stroke.
    """

    smooth_s: float
    else_smooth_s: float
    most_share: float


def swung_deg(axis: Axis, t: Floats, rows: Floats, rules: LeverRules) -> Floats | None:
    """Angle along ``axis`` (of kind ``tilt``) in degrees, shape (n,); ``None`` if it was no swing on a lever.

    Parameters
    ----------
    t, rows
        Time in s (n,) and rows (n, 9), evenly spaced but for gaps; only the acceleration is used.
    """
    rate_hz = (len(t) - 1) / float(t[-1] - t[0])
    knots = int(float(t[-1] - t[0]) / _KNOT_S)
    if knots < _FEWEST:
        return None
    # the rows in the middle of each step between knots, counted from the last one
    grid = float(t[-1]) - _STEP_S * (np.arange(knots * _PER_KNOT)[::-1] + 0.5)
    force = np.stack(
        [np.interp(grid, t, smooth(rows[:, k], rate_hz, rules.smooth_s)) for k in (6, 7, 8)], axis=1
    )
    best: tuple[Floats, float] | None = None
    for zero, main in _planes(axis, force):
        swing = _Swing(_along(force, zero), _along(force, main), knots)
        for k in range(_ROUNDS):
            if not swing.step() and k >= _FIRST:
                break
        if best is None or swing.best[1] < _CLEARLY * best[1]:
            best = swing.best
    assert best is not None
    angle, left = best
    if left > rules.most_share * GRAVITY * float(angle.max() - angle.min()):
        return None
    out: Floats = np.interp(t, grid, angle) * _DEG
    return out


def undelayed(rows: Floats, rate_hz: float, smooth_s: float) -> Floats:
    """Rows (n, 9) whose up is the direction of the acceleration in them, smoothed without delay."""
    out = rows.copy()
    for k in range(3):
        out[:, k] = smooth(rows[:, 6 + k], rate_hz, smooth_s)
    return out


def _planes(axis: Axis, force: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Planes in which it may turn, as two directions each: that of the axis, and that in which force changes.

    Gravity goes round in a circle in the sensor. If the axis of turning is tilted, the circle's plane does
    not hold the sensor itself; but the plane of a small piece of a circle is hardly seen.
    """
    yield np.array(axis.zero), np.array(axis.main)
    middle = force.mean(axis=0)
    off = force - middle
    square = np.array([[float((off[:, i] * off[:, j]).sum()) for j in range(3)] for i in range(3)])
    normal = np.linalg.eigh(square)[1][:, 0]
    zero = middle - (middle * normal).sum() * normal
    size = math.sqrt(float((zero * zero).sum()))
    if size > _LEAST_GRAVITY and abs(float((normal * axis.zero).sum())) > _TILTED:
        zero = zero / size
        main = np.cross(normal, zero)
        yield zero, main if float((main * axis.main).sum()) > 0.0 else -main


def _along(force: Floats, direction: Floats) -> Floats:
    a, b, c = direction.tolist()
    out: Floats = force[:, 0] * a + force[:, 1] * b + force[:, 2] * c
    return out


class _Swing:
    """State of the fit: coefficients of the angle, gravity in the plane, and the lever.

    Parameters
    ----------
    u, v
        Acceleration in m/s² along the zero of the angle and a right angle further, shape (3 knots,).
    knots
        Number of intervals between knots.
    """

    def __init__(self, u: Floats, v: Floats, knots: int) -> None:
        self._u, self._v, self._knots = u, v, knots
        self._angle: Floats
        self._basis = _basis(knots)
        self._scatter, self._penalty = _frame(knots)
        self._others = np.array([float(np.median(np.hypot(u, v))), 0.0, 0.0])
        seen = np.unwrap(np.arctan2(v, u))
        normal, right = self._sums(self._basis[0][:, None, :], seen[:, None])
        stiff = normal + _STIFFER * _STIFFER * self._penalty
        self._angles = np.linalg.solve(stiff, right).astype(np.float64)
        self._look()
        self.best = self._angle, self._left

    def step(self) -> bool:
        """One Gauss-Newton step; whether it still made a difference."""
        m = self._knots + 3
        g, x, y = self._others.tolist()
        sine, cosine, rate, bend = np.sin(self._angle), np.cos(self._angle), self._rate, self._bend
        places, rates, bends = self._basis
        by = np.empty((len(sine), 2, 7))
        by[:, 0, :4] = (-g * sine)[:, None] * places + y * bends - (2.0 * x * rate)[:, None] * rates
        by[:, 1, :4] = (g * cosine)[:, None] * places - x * bends - (2.0 * y * rate)[:, None] * rates
        by[:, 0, 4], by[:, 1, 4] = cosine, sine
        by[:, 0, 5], by[:, 1, 5] = -rate * rate, -bend
        by[:, 0, 6], by[:, 1, 6] = bend, -rate * rate
        normal, right = self._sums(by, self._off)
        normal[:m, :m] += self._penalty
        right[:m] -= (self._penalty * self._angles).sum(axis=1)
        for k in (1, 2):
            normal[m + k, m + k] += _PRIOR * _PRIOR
            right[m + k] -= _PRIOR * _PRIOR * self._others[k]
        change = np.linalg.solve(normal, right)
        self._angles = self._angles + change[:m]
        self._others = self._others + change[m:]
        before = self._left
        self._look()
        if self._left < self.best[1]:
            self.best = self._angle, self._left
        return abs(self._left - before) > _SETTLED * before

    def _look(self) -> None:
        """The angle, its derivatives, and what is left of both accelerations."""
        near = np.lib.stride_tricks.sliding_window_view(self._angles, 4).repeat(_PER_KNOT, axis=0)
        angle, rate, bend = (np.add.reduce(basis * near, 1) for basis in self._basis)
        g, x, y = self._others.tolist()
        off = np.empty((len(angle), 2))
        off[:, 0] = self._u - (g * np.cos(angle) + y * bend - x * rate * rate)
        off[:, 1] = self._v - (g * np.sin(angle) - x * bend - y * rate * rate)
        self._angle = angle
        self._rate, self._bend, self._off = rate, bend, off
        # tremor is quicker than what the movement leaves
        slow = off.reshape(self._knots, _PER_KNOT, 2).sum(axis=1) / _PER_KNOT
        slow = 0.5 * (slow[1:] + slow[:-1])
        self._left: float = math.sqrt(float((slow * slow).sum()) / len(slow))

    def _sums(self, by: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Sums over rows of products: of what changes them with itself, and with ``values``.

        ``by`` (rows, each, 4 or 7) is for the four coefficients next to a row, then for gravity and lever.
        """
        m, width = self._knots + 3, by.shape[2]
        whole = np.concatenate([by, values[:, :, None]], axis=2).reshape(self._knots, -1, width + 1)
        blocks = np.einsum("kri,krj->kij", whole, whole)
        normal = np.zeros((m + width - 4, m + width - 4))
        normal[:m, :m] = np.bincount(self._scatter, blocks[:, :4, :4].ravel(), m * m).reshape(m, m)
        borders = np.zeros((m, width - 3))
        for k in range(4):
            borders[k : k + self._knots] += blocks[:, k, 4:]
        corner = blocks[:, 4:, 4:].sum(axis=0)
        normal[:m, m:], normal[m:, :m], normal[m:, m:] = borders[:, :-1], borders[:, :-1].T, corner[:-1, :-1]
        return normal, np.concatenate([borders[:, -1], corner[:-1, -1]])


@lru_cache(maxsize=64)
def _frame(knots: int) -> tuple[NDArray[np.int64], Floats]:
    """Where products of the four coefficients next to each interval belong, and the penalty."""
    at = np.arange(knots)[:, None, None]
    near = np.arange(4)
    places = (at + near[None, :, None]) * (knots + 3) + at + near[None, None, :]
    rough = np.diff(np.eye(knots + 3), 3, axis=0) * (_STIFFNESS / _KNOT_S**3)
    return places.ravel(), np.einsum("ki,kj->ij", rough, rough)


@lru_cache(maxsize=64)
def _basis(knots: int) -> tuple[Floats, Floats, Floats]:
    """Cubic B-splines and their first and second derivatives, of the four next to each row (rows, 4)."""
    f = (np.arange(_PER_KNOT) + 0.5) / _PER_KNOT
    back = 1.0 - f
    places = (back**3, 3 * f**3 - 6 * f**2 + 4, 3 * back**3 - 6 * back**2 + 4, f**3)
    rates = (-(back**2), 3 * f**2 - 4 * f, 4 * back - 3 * back**2, f**2)
    bends = (back, 3 * f - 2, 3 * back - 2, f)
    whole = (
        np.stack(places, axis=1) / 6.0,
        np.stack(rates, axis=1) / (2.0 * _KNOT_S),
        np.stack(bends, axis=1) / _KNOT_S**2,
    )
    one, two, three = (np.tile(part, (knots, 1)) for part in whole)
    return one, two, three
