"""The axis of a joint, from the sensors on both of its sides.

Two segments that meet in a hinge share its axis: ``j1`` in the one sensor's frame, ``j2`` in the other's.
What else the body does, it does to both, so across the axis both turn equally fast (Seel, Raisch and Schauer
2014, *Sensors* 14:6891)::

    |rate1 x j1| = |rate2 x j2|

and both see the axis lean alike, ``up1 . j1 = up2 . j2``: the accelerometers' part (Olsson et al. 2020,
*Sensors* 20:3534), here after the orientation filter, whose "up" acceleration does not disturb. Each part
weighs by its error, so slow rows, whose rates are noise, speak through "up", as Olsson's choice of rows means
it. How "up" varies within a repetition and its mean over all of them weigh apart: an accelerometer's offset
and the tissue under a strap are the same in every row. The sum of squares is made smallest by Gauss and
Newton's method from two starts: the axes about which the sensors turned most, and the same with one of them
reversed, since mounting says nothing about senses.

Two things follow that no sensor can see alone. How far the axis **leans** from level: "up" then moves on a
smaller circle, and an inclination is less than the turn. And the **sense**: whether the segments turn apart,
as the exercise expects, or the same way round (a shank that goes back in a squat).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.inclination import Vector, angle_between, dot
from eccentra.stages.limits import Count, Positive

__all__ = ["Bend", "Hinge", "HingeRule", "fit_hinge", "halves_apart", "turn_about"]

# Columns of a row of a bend.
_UP1, _RATE1, _UP2, _RATE2 = 0, 3, 6, 9
# Steps of the search, each at most so long, and where it ends (rad); how hard it is kept on the unit sphere.
_MOST_STEPS, _LONGEST, _END, _STIFF = 10, 0.3, 1e-3, 1e3
# Below this across the axis (rad/s) the slope of the rate's length has no direction.
_LEAST_ACROSS = 1e-3


class HingeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When two sensors know the axis of the joint between them.

    Attributes
    ----------
    every_s
        One row so often is enough.
    together_s
        Errors closer together than this are the same error.
    rate_error_deg_s, up_error_deg
        Standard errors of a rate and of "up", soft tissue included.
    principal_deg
        A segment turns about the joint's axis up to this: the axis about which it turns most is near.
    agree_deg
        Further from it than this it is another axis.
    least_bends, bend_deg
        So many repetitions of at least so much.
    residual_deg_s
        The rates across the axis agree (RMS) better than this.
    lean_deg
        The two sensors' leans of the axis agree (RMS) better than this.
    spread_deg
        First and second half of the rows agree better than this: on how the axis leans, and on the axes of
        segments that turn by ``bend_deg`` themselves.
    lean_error_deg
        Standard error of how far the axis of so many repetitions leans.
    most_lean_deg
        An axis that leans more is too near the vertical for inclinations to show a turn about it.
    sense_sure
        So much surer (natural logarithm) the sense must be to be believed against the exercise's own.
    """

    every_s: Positive
    together_s: Positive
    rate_error_deg_s: Positive
    up_error_deg: Positive
    principal_deg: Positive
    agree_deg: Positive
    least_bends: Count
    bend_deg: Positive
    residual_deg_s: Positive
    lean_deg: Positive
    spread_deg: Positive
    lean_error_deg: Positive
    most_lean_deg: Positive
    sense_sure: Positive


class Bend(msgspec.Struct, frozen=True, eq=False):
    """One repetition: ``x`` float64, shape (n, 12): "up" and rate (rad/s) of one sensor, then of the other.

    ``away``: about which axis each sensor sees "up" go away from its start pose; ``turns``: how far, deg.
    """

    x: Floats
    away: tuple[Vector, Vector]
    turns: tuple[float, float]


class Hinge(msgspec.Struct, frozen=True):
    """The axis in both sensors' frames.

    Attributes
    ----------
    axes
        The same direction in the room, as the two sensors see it.
    principal_off_deg
        How far it is from the axes about which the sensors turned most, the larger one.
    residual_deg_s, lean_off_deg
        RMS of what does not agree: rates across the axis, and how far the axis leans.
    apart
        Whether the segments turn apart about it.
    sense
        By how much the sense is surer than the other one (natural logarithm); 0 when nothing shows it.
    """

    axes: tuple[Vector, Vector]
    principal_off_deg: float
    residual_deg_s: float
    lean_off_deg: float
    apart: bool
    sense: float

    def lean_of(self, bend: Bend) -> float:
        """How far the axis leaned from level in a repetition, in rad."""
        n = 2 * len(bend.x)
        both = _along(bend.x, _UP1, self.axes[0]) + _along(bend.x, _UP2, self.axes[1])
        return math.asin(min(max(float(np.add.reduce(both)) / n, -1.0), 1.0))

    def off_in(self, bend: Bend) -> float:
        """RMS by which the two sensors saw the axis lean differently in a repetition, in degrees."""
        off = _along(bend.x, _UP1, self.axes[0]) - _along(bend.x, _UP2, self.axes[1])
        return math.degrees(math.sqrt(float(np.add.reduce(off * off)) / len(off)))


def turn_about(lean_deg: Floats, axis_lean: float) -> Floats | None:
    """Turn about an axis that leans by ``axis_lean`` rad, from the inclination since the start, deg.

    "Up" moves on a circle about the axis; its inclination is the angle of the chord. ``None`` when no turn
    about such an axis reaches that far.
    """
    half = np.sin(np.radians(lean_deg) * 0.5) / math.cos(axis_lean)
    if float(np.max(np.abs(half), initial=0.0)) >= 1.0:
        return None
    return np.asarray(np.degrees(2.0 * np.arcsin(half)))


def fit_hinge(bends: Sequence[Bend], rule: HingeRule) -> Hinge | None:
    """Axis that fits these repetitions; ``None`` when a sensor did not turn at all."""
    rows = _Rows(bends, rule)
    first, second = rows.principal(_RATE1), rows.principal(_RATE2)
    if first is None or second is None:
        return None
    (one, sure1), (two, sure2) = first, second
    found = []
    for start in (two, (-two[0], -two[1], -two[2])):
        axes, cost = _search(rows, (one, start), (sure1, sure2))
        found.append((cost, axes, _is_apart(bends, axes)))
    found.sort(key=lambda item: item[0])
    cost, axes, apart = found[0]
    other, _, as_well = found[1]
    if apart == as_well:
        # the other sense has no axes of its own: it stands or falls with these, one of them reversed
        a, b, c = axes[1]
        other = rows.cost((axes[0], (-a, -b, -c)))
    rate_off, up_off = rows.residuals(axes)
    return Hinge(
        axes=axes,
        principal_off_deg=max(_off(axes[0], one), _off(axes[1], two)),
        residual_deg_s=math.degrees(rate_off),
        lean_off_deg=math.degrees(up_off),
        apart=apart,
        sense=max(0.5 * (other - cost), 0.0),
    )


def halves_apart(bends: Sequence[Bend], hinge: Hinge, rule: HingeRule) -> float:
    """How far apart the axes of the first and of the second half are, in degrees."""
    parts = bends[: len(bends) // 2], bends[len(bends) // 2 :]
    found: list[tuple[Vector, Vector]] = []
    for part in parts:
        rows = _Rows(part, rule)
        first, second = rows.principal(_RATE1), rows.principal(_RATE2)
        if first is None or second is None:
            return 90.0
        start = (_towards(hinge.axes[0], first[0]), _towards(hinge.axes[1], second[0]))
        found.append(_search(rows, start, (first[1], second[1]))[0])
    turned = [all(bend.turns[k] >= rule.bend_deg for bend in bends) for k in (0, 1)]
    offs = [angle_between(found[0][k], found[1][k]) for k in (0, 1) if turned[k]]
    leans = [
        math.fsum(msgspec.structs.replace(hinge, axes=axes).lean_of(bend) for bend in bends) / len(bends)
        for axes in found
    ]
    return max([math.degrees(abs(leans[0] - leans[1])), *offs])


def _off(one: Vector, two: Vector) -> float:
    """Angle between two axes in degrees, whatever their directions."""
    off = angle_between(one, two)
    return min(off, 180.0 - off)


def _towards(wanted: Vector, axis: Vector) -> Vector:
    """The axis, in that of its two directions that lies nearer to ``wanted``."""
    return axis if dot(wanted, axis) > 0.0 else (-axis[0], -axis[1], -axis[2])


def _is_apart(bends: Sequence[Bend], axes: tuple[Vector, Vector]) -> bool:
    """Whether the ways away lead opposite ways about the axis."""
    both = (dot(bend.away[0], axes[0]) * dot(bend.away[1], axes[1]) for bend in bends)
    return math.fsum(both) < 0.0


class _Rows:
    """Rows of all repetitions, and what does not change in the search."""

    def __init__(self, bends: Sequence[Bend], rule: HingeRule) -> None:
        self.x = x = np.concatenate([bend.x for bend in bends])
        share = rule.every_s / rule.together_s
        self.rate_weight = share / math.radians(rule.rate_error_deg_s) ** 2
        self.near_weight = 1.0 / math.radians(rule.principal_deg) ** 2
        self.rates = np.concatenate([x[:, _RATE1 : _RATE1 + 3], x[:, _RATE2 : _RATE2 + 3]], axis=1)
        square = self.rates * self.rates
        self.size1 = square[:, 0] + square[:, 1] + square[:, 2]
        self.size2 = square[:, 3] + square[:, 4] + square[:, 5]
        ups = np.concatenate([x[:, _UP1 : _UP1 + 3], -x[:, _UP2 : _UP2 + 3]], axis=1)
        self.whole = _products(ups)
        mean = np.add.reduce(ups, axis=0) / len(ups)
        varied, at = np.zeros((6, 6)), 0
        for bend in bends:
            own = ups[at : at + len(bend.x)]
            varied += _products(own - np.add.reduce(own, axis=0) / len(own))
            at += len(own)
        self.ups = share / math.radians(rule.up_error_deg) ** 2 * varied
        self.ups += (mean[:, None] * mean) / math.radians(rule.lean_error_deg) ** 2

    def principal(self, at: int) -> tuple[Vector, float] | None:
        """Axis about which a sensor turned most, and how clear that is, 0 to 1."""
        values, vectors = np.linalg.eigh(_products(self.x[:, at : at + 3]))
        if not values[2] > 0.0:
            return None
        a, b, c = vectors[:, 2].tolist()
        return (a, b, c), 1.0 - max(float(values[1]), 0.0) / float(values[2])

    def across(self, axes: tuple[Vector, Vector]) -> tuple[Floats, Floats, Floats, Floats]:
        """Rates along the axis and across it, of both sensors."""
        along1, along2 = _along(self.rates, 0, axes[0]), _along(self.rates, 3, axes[1])
        one = np.sqrt(np.maximum(self.size1 - along1 * along1, 0.0))
        two = np.sqrt(np.maximum(self.size2 - along2 * along2, 0.0))
        return along1, along2, one, two

    def residuals(self, axes: tuple[Vector, Vector]) -> tuple[float, float]:
        """RMS of the rates across (rad/s) and of the leans (rad) that do not agree."""
        _, _, one, two = self.across(axes)
        j = np.array([*axes[0], *axes[1]])
        n = len(self.x)
        rates = float(np.add.reduce((one - two) ** 2))
        return math.sqrt(rates / n), math.sqrt(max(float(j @ self.whole @ j), 0.0) / n)

    def cost(self, axes: tuple[Vector, Vector]) -> float:
        """Sum of the squares of what does not agree, by the sensors' errors."""
        rate_off, _ = self.residuals(axes)
        j = np.array([*axes[0], *axes[1]])
        return len(self.x) * self.rate_weight * rate_off**2 + float(j @ self.ups @ j)


def _search(
    rows: _Rows, start: tuple[Vector, Vector], sure: tuple[float, float]
) -> tuple[tuple[Vector, Vector], float]:
    """Gauss and Newton's method from ``start``, drawn to it by how sure it is; axes and cost."""
    begin = np.array([*start[0], *start[1]])
    draw = rows.near_weight * np.repeat(np.array(sure), 3)
    j = begin.copy()
    for _ in range(_MOST_STEPS):
        slope, bend = _slopes(rows, j)
        slope += draw * (j - begin)
        bend[np.arange(6), np.arange(6)] += draw + 1e-9 * rows.near_weight
        # along themselves unit vectors cannot go
        stiff = _STIFF * float(bend.trace())
        bend[:3, :3] += stiff * (j[:3, None] * j[:3])
        bend[3:, 3:] += stiff * (j[3:, None] * j[3:])
        step = np.linalg.solve(bend, slope)
        size = math.sqrt(float(step @ step))
        j = j - step * min(1.0, _LONGEST / max(size, 1e-12))
        j[:3] /= math.sqrt(float(j[:3] @ j[:3]))
        j[3:] /= math.sqrt(float(j[3:] @ j[3:]))
        if size < _END:
            break
    axes: tuple[Vector, Vector] = (tuple(j[:3].tolist()), tuple(j[3:].tolist()))
    return axes, rows.cost(axes) + float(np.add.reduce(draw * (j - begin) ** 2))


def _slopes(rows: _Rows, j: Floats) -> tuple[Floats, Floats]:
    """Slope and curvature of half the cost in all six numbers, without the residuals' own curvature."""
    a, b, c, d, e, f = j.tolist()
    along1, along2, one, two = rows.across(((a, b, c), (d, e, f)))
    jacobian = rows.rates.copy()
    jacobian[:, :3] *= (-along1 / np.maximum(one, _LEAST_ACROSS))[:, None]
    jacobian[:, 3:] *= (along2 / np.maximum(two, _LEAST_ACROSS))[:, None]
    slope = rows.rate_weight * np.add.reduce(jacobian * (one - two)[:, None], axis=0)
    slope += rows.ups @ j
    return slope, rows.rate_weight * _products(jacobian) + rows.ups


def _along(x: Floats, at: int, direction: Vector) -> Floats:
    out: Floats = x[:, at] * direction[0] + x[:, at + 1] * direction[1] + x[:, at + 2] * direction[2]
    return out


def _products(x: Floats) -> Floats:
    """Sum of the rows' products with themselves, shape (n, m) to (m, m); always in the same order."""
    out: Floats = np.add.reduce(x[:, :, None] * x[:, None, :], axis=0)
    return out
