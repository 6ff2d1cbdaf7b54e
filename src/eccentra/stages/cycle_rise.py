"""How high a sensor was at each place of its movement, which tells picking a weight up from a repetition.

Both swing the limb about as far and about as fast, so an angle shows the same. But the weight comes from the
floor or a rack, so the whole arm goes down and up again while it swings, and no repetition does that. Over a
movement that ends where it began the height is known from acceleration alone: mean acceleration and mean
speed are zero. It is looked up by how far the movement had gone, so that pace, holds and a creeping last lift
do not change it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.movement_axis import LONG_STEP_S, vertical

__all__ = ["RiseRules", "otherwise", "rise"]

# Shares of the stroke at which the height is looked up, on the way there and on the way back.
_LEVELS = np.linspace(0.1, 0.9, 9)
# A closed double sum of an error of one period over the movement: its time squared by (2 pi) squared.
_CLOSED = 1.0 / (4.0 * math.pi**2)
# m/s², r.m.s., a third of gravity: with such pushes, as of swings, up is not known well enough, and 50 ms are
# coarse.
_PUSHED = 3.3
# Standard deviation of a normal distribution in units of its median absolute deviation.
_SD = 1.4826


class RiseRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much heights of repetitions of one set differ.

    Attributes
    ----------
    sway_m
        Standard deviation from sway and bending of the body.
    share
        The same as a share of the usual rise.
    error
        Error of the acceleration that changes during a repetition, m/s².
    scales
        A repetition may be smaller or larger as a whole, within these ratios.
    most
        Standard deviations from which it is another movement.
    """

    sway_m: float
    share: float
    error: float
    scales: tuple[float, float]
    most: float


def rise(t: Floats, x: Floats, rows: Floats, start_s: float, end_s: float) -> Floats | None:
    """Height in m above the start at shares of the stroke away and back, shape (18,).

    ``None`` when there are too few rows to say, rows are missing, or the pushes are too strong.

    Parameters
    ----------
    t, x, rows
        Time in s (n,), number along the axis (n,) and rows (n, 9).
    start_s, end_s
        Of the movement, which ends where it began.
    """
    inside = slice(int(t.searchsorted(start_s)), int(t.searchsorted(end_s, side="right")))
    t, x = t[inside], x[inside]
    if len(t) < 8 or float(np.diff(t).max()) > LONG_STEP_S:
        return None
    top = int(np.argmax(x))
    if not 2 <= top < len(t) - 2:
        return None
    push = vertical(rows[inside])
    if _rms(push) > _PUSHED:
        return None
    step = np.diff(t, prepend=t[0])
    speed = np.cumsum((push - push.mean()) * step)
    height = np.cumsum((speed - speed.mean()) * step)
    return np.concatenate(
        [_by_share(x[: top + 1], height[: top + 1]), _by_share(x[top:][::-1], height[top:][::-1])]
    )


def _by_share(x: Floats, height: Floats) -> Floats:
    gone = np.maximum.accumulate(x)
    share = (gone - gone[0]) / max(float(gone[-1] - gone[0]), 1e-9)
    found: Floats = np.interp(_LEVELS, share, height)
    return found


def otherwise(one: Floats, others: Sequence[Floats], lasts_s: float, rules: RiseRules) -> float:
    """By how many standard deviations the heights of ``one`` are not those of ``others``, as :func:`rise`."""
    middle = np.median(np.stack(list(others)), axis=0)
    square = float((middle * middle).sum())
    scale = float((one * middle).sum()) / square if square > 0.0 else 1.0
    scale = min(max(scale, rules.scales[0]), rules.scales[1])
    spreads = sorted(_rms(other - middle) for other in others)
    sd = math.hypot(
        rules.sway_m,
        rules.share * float(middle.max() - middle.min()),
        rules.error * lasts_s * lasts_s * _CLOSED,
        _SD * spreads[len(spreads) // 2],
    )
    return _rms(one - scale * middle) / sd


def _rms(x: Floats) -> float:
    return math.sqrt(float((x * x).mean()))
