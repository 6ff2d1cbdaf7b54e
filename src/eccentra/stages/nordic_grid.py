"""Rows of one excursion on an even grid, and what is missing of them."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import NS_PER_S, Floats, Side, StreamInfo, Times

__all__ = ["SIDES", "Columns", "Grid", "bridged", "columns_of", "even_grid", "lost", "missing"]

SIDES: tuple[Side, ...] = ("left", "right", "both")


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Where things stand in an aligned row.

    Attributes
    ----------
    up, rate
        First of the three columns of the thigh sensor.
    gaps
        Columns that say that a row was interpolated.
    shank
        First of the three columns of "up" of the shank; ``None`` when it is not worn.
    forces
        Columns of the worn straps.
    segments
        The same as ``shank`` of all worn segments but the thigh.
    acc
        First of the three columns of the thigh's specific force; ``None`` when it is not there.
    """

    up: int
    rate: int
    gaps: tuple[int, ...]
    shank: int | None
    forces: dict[Side, int]
    segments: dict[str, int] = {}
    acc: int | None = None


def columns_of(info: StreamInfo) -> Columns:
    """Where things stand in these rows.

    Raises
    ------
    ValueError
        When there is no thigh sensor.
    """
    up, rate = info.column("thigh.up_x"), info.column("thigh.rate_x")
    if up is None or rate is None:
        raise ValueError(f"rows have no thigh sensor: {info.channels}")
    others = {name: info.column(f"{name}.up_x") for name in ("shank", "pelvis", "trunk")}
    forces = {side: info.column(f"{side}.force") for side in SIDES}
    return Columns(
        up=up,
        rate=rate,
        gaps=tuple(i for i, name in enumerate(info.channels) if name.endswith(".gap")),
        shank=others["shank"],
        segments={name: c for name, c in others.items() if c is not None},
        forces={side: c for side, c in forces.items() if c is not None},
        acc=info.column("thigh.acc_x"),
    )


class Grid(msgspec.Struct):
    """Rows on an even grid, missing ones filled in between.

    ``hole`` says which rows of the thigh sensor were missing, ``whole`` that none was; ``holes`` says it of
    the other segments that miss some, by their column.
    """

    t0: int
    t: Floats
    x: Floats
    hole: NDArray[np.bool_]
    whole: bool
    holes: dict[int, NDArray[np.bool_]]


def even_grid(t: Times, x: Floats, columns: Columns, step_ns: int) -> Grid | None:
    """Rows with missing ones filled in; forces are left missing. ``None`` when there are too few."""
    n = int((t[-1] - t[0]) // step_ns) + 1
    unknown = np.isnan(x)
    if n == len(t) and not unknown.any():
        seconds: Floats = np.arange(n, dtype=np.float64) * (step_ns / NS_PER_S)
        return Grid(t0=int(t[0]), t=seconds, x=x, hole=np.zeros(n, dtype=bool), whole=True, holes={})
    good = ~unknown[:, columns.up]
    if np.count_nonzero(good) < 30:
        return None
    place = ((t - t[0]) // step_ns).astype(np.int64)
    hole = np.ones(n, dtype=bool)
    hole[place[good]] = False
    even = np.arange(n)
    out = np.empty((n, x.shape[1]))
    holes: dict[int, NDArray[np.bool_]] = {}
    for first in columns.segments.values():
        if n > len(t) or unknown[:, first].any():
            holes[first] = np.ones(n, dtype=bool)
            holes[first][place[~unknown[:, first]]] = False
    for c in range(x.shape[1]):
        column = x[:, c]
        own = ~unknown[:, c]
        if c in columns.forces.values() or not own.any():
            out[:, c] = np.nan
            out[place, c] = column
        else:
            out[:, c] = np.interp(even, place[own], column[own])
    times: Floats = even.astype(np.float64) * (step_ns / NS_PER_S)
    return Grid(t0=int(t[0]), t=times, x=out, hole=hole, whole=not hole.any(), holes=holes)


def missing(grid: Grid, start: float, end: float) -> bool:
    """Whether rows of the thigh sensor are missing between two times in s."""
    if grid.whole:
        return False
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end))
    return bool(np.any(grid.hole[a:b]))


def lost(grid: Grid, column: int, start: float, end: float) -> bool:
    """Whether rows of another segment's sensor are missing between two times in s."""
    hole = grid.holes.get(column)
    if hole is None:
        return False
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end)) + 1
    return bool(np.any(hole[a:b]))


def bridged(grid: Grid, columns: Columns, start: float, end: float) -> bool:
    """Whether rows of any sensor were interpolated over a gap."""
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end))
    return any(bool(np.any(grid.x[a:b, c] > 0.0)) for c in columns.gaps)
