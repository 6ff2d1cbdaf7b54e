"""Turning points: where a signal turns by at least so much.

A turning point is final once the signal has come back from it by ``least``; the last one of a list is the
furthest point since, which may still move.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eccentra.samples import Floats

__all__ = ["coarser", "extremes", "turning_points"]


def extremes(x: Floats) -> list[int]:
    """Indices of the first, last and all locally largest and smallest values, in order."""
    if len(x) < 3:
        return list(range(len(x)))
    rising = np.diff(x) > 0.0
    return [0, *(np.flatnonzero(rising[1:] != rising[:-1]) + 1).tolist(), len(x) - 1]


def turning_points(x: Floats, least: float) -> list[int]:
    """Indices of turning points: alternately high and low, at least ``least`` apart in value.

    The first is where the first such movement starts; empty when there is none.
    """
    return coarser(x.tolist(), extremes(x), least)


def coarser(x: Sequence[float], points: Sequence[int], least: float) -> list[int]:
    """Those of ``points`` that are turning points at the level ``least``."""
    if not points:
        return []
    out: list[int] = []
    low = high = points[0]
    direction = 0
    for i in points:
        v = x[i]
        if direction == 0:
            # the start is where the value was left last, not the furthest value ever seen
            if v < x[low]:
                low = i
            if v > x[high]:
                high = i
            if v - x[low] >= least:
                out.append(low)
                direction, high = 1, i
            elif x[high] - v >= least:
                out.append(high)
                direction, low = -1, i
        elif direction > 0:
            if v > x[high]:
                high = i
            elif x[high] - v >= least:
                out.append(high)
                direction, low = -1, i
        elif v < x[low]:
            low = i
        elif v - x[low] >= least:
            out.append(low)
            direction, high = 1, i
    if direction:
        out.append(high if direction > 0 else low)
    return out
