"""Rows of one repetition on an even grid, what is missing of each sensor, and the tracked angle from them."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import NS_PER_S, Floats, StreamInfo, Times
from eccentra.stages.inclination import Vector, axis_of, lean_of, rate_about
from eccentra.stages.joint import AngleRule
from eccentra.stages.joint_numbers import SEGMENTS

__all__ = ["Angle", "Columns", "Grid", "columns_of", "even_rows", "tracked_angle"]

_FEWEST_ROWS = 30


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Where each worn segment's ``up_x``, ``rate_x``, ``acc_x`` and ``gap`` stand in an aligned row."""

    up: dict[str, int]
    rate: dict[str, int]
    acc: dict[str, int]
    gap: dict[str, int]


def columns_of(info: StreamInfo) -> Columns:
    """Columns of the segments that are worn."""
    found: dict[str, dict[str, int]] = {"up_x": {}, "rate_x": {}, "acc_x": {}, "gap": {}}
    for segment in SEGMENTS:
        for name, places in found.items():
            column = info.column(f"{segment}.{name}")
            if column is not None:
                places[segment] = column
    return Columns(up=found["up_x"], rate=found["rate_x"], acc=found["acc_x"], gap=found["gap"])


class Grid(msgspec.Struct):
    """Rows every ``step_s``: ``t`` in s from ``t0`` (ns), ``x`` with missing rows filled in.

    ``hole`` says by segment which rows were missing, and is empty for segments that were there throughout;
    segments that were never there are not in ``have``.
    """

    t0: int
    step_s: float
    t: Floats
    x: Floats
    have: tuple[str, ...]
    hole: dict[str, NDArray[np.bool_]]

    def missing(self, segment: str, start: float, end: float) -> bool:
        """Whether rows of a segment are missing between two times in s."""
        hole = self.hole.get(segment)
        if hole is None:
            return False
        a, b = int(self.t.searchsorted(start)), int(self.t.searchsorted(end))
        return bool(np.any(hole[max(a, 0) : b]))

    def up(self, segment: str, columns: Columns) -> Floats:
        """Direction "up" in the segment's sensor, shape (n, 3)."""
        at = columns.up[segment]
        return self.x[:, at : at + 3]


def even_rows(t: Times, x: Floats, columns: Columns, step_ns: int) -> Grid | None:
    """Rows with missing ones filled in between; ``None`` when there are too few."""
    if len(t) < _FEWEST_ROWS:
        return None
    n = int((t[-1] - t[0]) // step_ns) + 1
    place = ((t - t[0]) // step_ns).astype(np.int64)
    whole = n == len(t)
    even = np.arange(n)
    if whole:
        out = x.copy()
    else:
        out = np.full((n, x.shape[1]), np.nan)
        out[place] = x
    hole: dict[str, NDArray[np.bool_]] = {}
    have: list[str] = []
    for segment, at in columns.up.items():
        lost = np.isnan(out[:, at])
        good = np.flatnonzero(~lost)
        if len(good) < _FEWEST_ROWS:
            continue
        have.append(segment)
        if len(good) == n:
            continue
        hole[segment] = lost
        rate, acc = columns.rate[segment], columns.acc[segment]
        for c in (*range(at, at + 3), *range(rate, rate + 3), *range(acc, acc + 3)):
            out[:, c] = np.interp(even, good, out[good, c])
    seconds: Floats = even.astype(np.float64) * (step_ns / NS_PER_S)
    return Grid(t0=int(t[0]), step_s=step_ns / NS_PER_S, t=seconds, x=out, have=tuple(have), hole=hole)


class Angle(msgspec.Struct):
    """The tracked angle and its parts.

    ``raw`` and ``spin`` in degrees and degrees/s, shape (n,); ``axes`` and ``leans`` by segment; ``whole`` is
    false when a segment of the rule is not there, and the angle is that of the first one alone.
    """

    raw: Floats
    spin: Floats
    axes: dict[str, Vector]
    leans: dict[str, Floats]
    whole: bool


def tracked_angle(
    grid: Grid, columns: Columns, rule: AngleRule, homes: dict[str, Vector], since: int
) -> Angle | None:
    """Sum of the leans of the rule's segments from their start poses.

    Each segment turns about its own axis, seen in its sensor; the sense is the one in which it goes away from
    the start pose in this repetition, as mounting says nothing about senses.
    """
    axes: dict[str, Vector] = {}
    leans: dict[str, Floats] = {}
    raw, spin = np.zeros(len(grid.t)), np.zeros(len(grid.t))
    whole = True
    for k, segment in enumerate(rule.segments):
        home = homes.get(segment)
        axis = None
        if home is not None and segment in grid.have:
            axis = axis_of(home, grid.up(segment, columns)[since:])
        if home is None or axis is None:
            if k == 0:
                return None
            whole = False
            continue
        lean = lean_of(home, axis, grid.up(segment, columns))
        at = columns.rate[segment]
        rate = grid.x[:, at : at + 3]
        no_gyroscope = bool(np.isnan(rate[0, 0]))
        axes[segment], leans[segment] = axis, lean
        raw = raw + lean
        spin = spin + (np.gradient(lean, grid.step_s) if no_gyroscope else rate_about(axis, rate))
    if not whole:
        first = rule.segments[0]
        at = columns.rate[first]
        rate = grid.x[:, at : at + 3]
        raw = leans[first]
        spin = np.gradient(raw, grid.step_s) if np.isnan(rate[0, 0]) else rate_about(axes[first], rate)
    return Angle(raw=raw, spin=spin, axes=axes, leans=leans, whole=whole)
