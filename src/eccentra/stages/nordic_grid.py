"""Rows of one excursion on an even grid, and what is missing of them."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import NS_PER_S, Floats, Side, Times

__all__ = ["Columns", "Grid", "bridged", "even_grid", "missing"]


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Where things stand in an aligned row; ``None`` when no such sensor is worn."""

    up: int
    rate: int
    gaps: tuple[int, ...]
    shank: int | None
    forces: dict[Side, int]


class Grid(msgspec.Struct):
    """Rows on an even grid, missing ones filled in between (``hole`` says which, ``whole`` that none is)."""

    t0: int
    t: Floats
    x: Floats
    hole: NDArray[np.bool_]
    whole: bool


def even_grid(t: Times, x: Floats, columns: Columns, step_ns: int) -> Grid | None:
    """Rows with missing ones filled in; forces are left missing. ``None`` when there are too few."""
    n = int((t[-1] - t[0]) // step_ns) + 1
    unknown = np.isnan(x)
    if n == len(t) and not unknown.any():
        seconds: Floats = np.arange(n, dtype=np.float64) * (step_ns / NS_PER_S)
        return Grid(t0=int(t[0]), t=seconds, x=x, hole=np.zeros(n, dtype=bool), whole=True)
    good = ~unknown[:, columns.up]
    if np.count_nonzero(good) < 30:
        return None
    place = ((t - t[0]) // step_ns).astype(np.int64)
    hole = np.ones(n, dtype=bool)
    hole[place[good]] = False
    even = np.arange(n)
    out = np.empty((n, x.shape[1]))
    for c in range(x.shape[1]):
        column = x[:, c]
        own = ~unknown[:, c]
        if c in columns.forces.values() or not own.any():
            out[:, c] = np.nan
            out[place, c] = column
        else:
            out[:, c] = np.interp(even, place[own], column[own])
    times: Floats = even.astype(np.float64) * (step_ns / NS_PER_S)
    return Grid(t0=int(t[0]), t=times, x=out, hole=hole, whole=not hole.any())


def missing(grid: Grid, start: float, end: float) -> bool:
    """Whether rows of the thigh sensor are missing between two times in s."""
    if grid.whole:
        return False
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end))
    return bool(np.any(grid.hole[a:b]))


def bridged(grid: Grid, columns: Columns, start: float, end: float) -> bool:
    """Whether rows of any sensor were interpolated over a gap."""
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end))
    return any(bool(np.any(grid.x[a:b, c] > 0.0)) for c in columns.gaps)
