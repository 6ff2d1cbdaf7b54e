"""The position of a load over one repetition, from its acceleration, without a leak.

A sum that leaks shifts the turning points, and one that does not runs away within seconds. But a repetition
ends where it began and as it began: over it, the mean acceleration is zero, and so is the mean speed. Only
its ends have to be known, and a position tells them better than they were known before; so it is done again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eccentra.samples import Floats
from eccentra.stages.movement_axis import Axis

__all__ = ["closed_position", "pushed", "pushes"]

_PASSES = 3
# A stroke of a height with less than this share of the usual push is no stroke: the reading creeps.
_PUSHED = 0.3


def closed_position(
    axis: Axis, sign: int, t: Floats, rows: Floats, ends_s: tuple[float, float], off_s: float
) -> Floats:
    """Position in m that grows away from the start pose; what is around the repetition is continued.

    Parameters
    ----------
    axis, sign
        Of kind ``lift`` or ``shift``, and the direction away from the start pose.
    t, rows
        Time in s (n,) and rows (n, 9).
    ends_s, off_s
        When the repetition began and ended, and by how much both may be off.
    """
    push = sign * axis.push(rows)
    step = np.diff(t, prepend=t[0])
    begin_s, end_s = ends_s
    out = np.zeros(len(t))
    for _ in range(_PASSES):
        inside = (t >= begin_s) & (t <= end_s)
        if int(inside.sum()) < 8:
            break
        speed = np.cumsum((push - push[inside].mean()) * step)
        out = np.cumsum((speed - speed[inside].mean()) * step)
        begin_s, end_s = (_lowest(t, out, near, off_s) for near in ends_s)
    return out


def pushes(axis: Axis, rows: Floats) -> tuple[float, float]:
    """Acceleration in m/s², r.m.s., in the first and the second half of a stroke of rows (n, 9)."""
    push = axis.push(rows) - axis.bias
    middle = len(push) // 2
    first, second = (
        math.sqrt(float((half * half).sum()) / max(len(half), 1)) for half in (push[:middle], push[middle:])
    )
    return first, second


def pushed(one: Sequence[float], usual: Sequence[float]) -> bool:
    """Whether a stroke was begun and ended by :func:`pushes`, beside the usual ones.

    What comes before a lift, and after it, turns the reading as it does, but the load stands still.
    """
    return all(now >= _PUSHED * then for now, then in zip(one, usual, strict=True))


def _lowest(t: Floats, x: Floats, near_s: float, off_s: float) -> float:
    near = np.flatnonzero(np.abs(t - near_s) <= off_s)
    return float(t[near[int(np.argmin(x[near]))]]) if len(near) else near_s
