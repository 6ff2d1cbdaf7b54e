"""Samples at any rate onto one grid of session time.

Filters and orientation estimation want equal steps, and several sensors want common instants. Both come
from one grid whose points are whole multiples of the step since session start, so that it depends on
nothing but time. Values between two samples are interpolated linearly. A step that is longer than the
nominal one by more than ``flag_gap_s`` is marked in the column ``gap``; by more than ``split_gap_s``, no
rows are made for it (limits: proposal of Eccentra's references for angles at 3 to 5 Hz bandwidth, where
50 ms is a small part of the shortest phase and 200 ms is not).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.samples import NS_PER_S, Block, Floats, Gap, StreamInfo, Times

__all__ = ["Resample", "ResampleRun"]

# Which of three ways of doing the same arithmetic is quickest: rows in plain Python, times in plain Python
# and values in NumPy, or all in NumPy, whose every call costs as much as ten rows of a loop.
_VALUES_FROM = 5
_TIMES_FROM = 64


class Resample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the grid.

    Attributes
    ----------
    grid_hz
        Rows a second.
    flag_gap_s, split_gap_s
        Missing time beyond the nominal step above which rows are marked, and above which none are made.
    """

    grid_hz: float = 100.0
    flag_gap_s: float = 0.05
    split_gap_s: float = 0.2

    def start(self, info: StreamInfo) -> ResampleRun:
        """Begin a run on the stream ``info``."""
        return ResampleRun(self, info)


class ResampleRun:
    """State: the last sample and the next point of the grid."""

    def __init__(self, stage: Resample, info: StreamInfo) -> None:
        self.info = msgspec.structs.replace(
            info,
            channels=(*info.channels, "gap"),
            units=(*info.units, "1"),
            rate_hz=stage.grid_hz,
            sampled_hz=info.rate_hz,
        )
        self.gaps: list[Gap] = []
        self._step = round(NS_PER_S / stage.grid_hz)
        period = round(NS_PER_S / info.rate_hz)
        self._flag = period + round(stage.flag_gap_s * NS_PER_S)
        self._split = period + round(stage.split_gap_s * NS_PER_S)
        self._t0: int | None = None
        self._row: Floats = np.empty(0)
        self._next = 0

    def push(self, block: Block) -> Sequence[Block]:
        """Rows of the grid between the samples; gaps found are appended to ``gaps``."""
        n = len(block.t)
        if self._t0 is None or n < _VALUES_FROM:
            return self._any(block)
        if n < _TIMES_FROM:
            return self._few(block, self._t0)
        times = np.concatenate(([self._t0], block.t))
        spans = times[1:] - times[:-1]
        return self._regular(block, times, spans) if spans.max() <= self._flag else self._any(block)

    def _few(self, block: Block, t0: int) -> Sequence[Block]:
        """The same for the rows of a packet or two."""
        step, flag, point = self._step, self._flag, self._next
        weights: list[float] = []
        left: list[int] = []
        for k, t in enumerate(block.t.tolist()):
            span = t - t0
            if span > flag:
                return self._any(block)
            while point <= t:
                weights.append((point - t0) / span)
                left.append(k)
                point += step
            t0 = t
        after = block.x
        before: Floats = np.empty(after.shape)
        before[0], before[1:] = self._row, after[:-1]
        first, self._t0, self._row, self._next = self._next, t0, after[-1], point
        n = len(left)
        if not n:
            return ()
        if n != len(after) or left != list(range(n)):
            before, after = before.take(left, 0), after.take(left, 0)
        share: Floats = np.empty(before.shape)
        share.T[:] = weights
        share *= after - before
        share += before
        rows = np.zeros((n, after.shape[1] + 1))
        rows[:, :-1] = share
        return (Block(block.stream, np.arange(first, point, step), rows),)

    def _regular(self, block: Block, times: Times, spans: Times) -> Sequence[Block]:
        """The same arithmetic as :meth:`_any` for a block without gaps, all points at once."""
        values: Floats = np.concatenate((self._row[None, :], block.x))
        points = np.arange(self._next, times[-1] + 1, self._step)
        self._t0, self._row = int(times[-1]), values[-1]
        if not len(points):
            return ()
        self._next = int(points[-1]) + self._step
        i = times.searchsorted(points) - 1
        w = (points - times[i]) / spans[i]
        before = values[i]
        rows = np.zeros((len(points), values.shape[1] + 1))
        rows[:, :-1] = before + (values[i + 1] - before) * w[:, None]
        return (Block(block.stream, points, rows),)

    def _any(self, block: Block) -> Sequence[Block]:
        times: list[int] = []
        rows: list[list[float]] = []
        step, flag, split = self._step, self._flag, self._split
        t0, before, point = self._t0, self._row.tolist(), self._next
        for t, row in zip(block.t.tolist(), block.x.tolist(), strict=True):
            if t0 is None or t - t0 > split:
                if t0 is not None:
                    self.gaps.append(Gap(stream=block.stream, start_ns=t0, end_ns=t))
                point = -(-t // step) * step
                if point == t:
                    times.append(t)
                    rows.append([*row, 0.0])
                    point += step
            elif point <= t:
                span = t - t0
                mark = 1.0 if span > flag else 0.0
                while point <= t:
                    w = (point - t0) / span
                    new = [a + (b - a) * w for a, b in zip(before, row, strict=True)]
                    new.append(mark)
                    times.append(point)
                    rows.append(new)
                    point += step
                if mark:
                    self.gaps.append(Gap(stream=block.stream, start_ns=t0, end_ns=t))
            t0, before = t, row
        self._t0, self._row, self._next = t0, block.x[-1], point
        if not times:
            return ()
        x: Floats = np.array(rows)
        return (Block(block.stream, np.array(times, dtype=np.int64), x),)
