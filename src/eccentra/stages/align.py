"""Rows of several sensors side by side.

All streams are on the same grid of session time, so alignment is bookkeeping: a row is complete when every
present stream has reached it. A stream that is declared absent is not waited for, and its columns are NaN.
What comes out depends on the samples and on those declarations only, not on how sensors were interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eccentra.samples import Block, Floats, Gap, StreamInfo, Times

__all__ = ["AlignRun", "prefix_of"]


def prefix_of(info: StreamInfo) -> str:
    """First part of the names of a stream's columns: its place or side."""
    return (info.side or "both") if info.kind == "force" else (info.placement or info.stream)


class AlignRun:
    """State: rows that wait for other streams.

    Parameters
    ----------
    infos
        Streams on the same grid, in the order in which their columns shall come.

    Raises
    ------
    ValueError
        When two streams would get the same column names.
    """

    def __init__(self, infos: Sequence[StreamInfo]) -> None:
        channels = tuple(f"{prefix_of(info)}.{name}" for info in infos for name in info.channels)
        if len(set(channels)) != len(channels):
            raise ValueError(f"two sensors at the same place: {sorted(prefix_of(i) for i in infos)}")
        self.info = StreamInfo(
            stream="aligned",
            kind="aligned",
            channels=channels,
            units=tuple(unit for info in infos for unit in info.units),
            rate_hz=infos[0].rate_hz,
            loss_observable=all(info.loss_observable for info in infos),
            force_step_n=max(info.force_step_n for info in infos),
            sampled_hz=min((i.sampled_hz for i in infos if i.kind == "force" and i.sampled_hz), default=None),
        )
        self.dropped: list[Gap] = []
        self._columns: dict[str, slice] = {}
        start = 0
        for info in infos:
            self._columns[info.stream] = slice(start, start + len(info.channels))
            start += len(info.channels)
        self._width = start
        self._waiting: dict[str, list[tuple[Times, Floats]]] = {info.stream: [] for info in infos}
        self._reached: dict[str, int | None] = {info.stream: None for info in infos}
        self._absent: set[str] = set()
        self._done: int | None = None
        self._late: dict[str, tuple[int, int]] = {}  # first and last row that came too late

    def push(self, block: Block) -> Sequence[Block]:
        """Take rows of one stream, give the rows that are now complete.

        Rows that come after their place has been passed (their stream was absent) are left out and noted
        in ``dropped``, in one piece however they are cut: when the first row comes that has its place.
        """
        if len(self._waiting) == 1:
            return (Block("aligned", block.t, block.x),)
        t, x = block.t, block.x
        if self._done is not None and t[0] <= self._done:
            late = int(np.searchsorted(t, self._done, side="right"))
            self._late.setdefault(block.stream, (int(t[0]), 0))
            self._late[block.stream] = (self._late[block.stream][0], int(t[late - 1]))
            t, x = t[late:], x[late:]
            if not len(t):
                return ()
        if block.stream in self._late:
            self._note_late(block.stream, int(t[0]))
        self._waiting[block.stream].append((t, x))
        self._reached[block.stream] = int(t[-1])
        return self._complete()

    def present(self, stream: str) -> None:
        """Wait for ``stream`` again."""
        self._absent.discard(stream)

    def absent(self, stream: str) -> Sequence[Block]:
        """Do not wait for ``stream`` until it is present again; give the rows that this completes."""
        self._absent.add(stream)
        if stream in self._late:
            self._note_late(stream, self._late[stream][1])
        return self._complete() if len(self._waiting) > 1 else ()

    def finish(self) -> Sequence[Block]:
        """Everything that still waits."""
        for stream in sorted(self._late):
            self._note_late(stream, self._late[stream][1])
        self._absent.update(self._waiting)
        return self._complete()

    def _note_late(self, stream: str, end_ns: int) -> None:
        start, _ = self._late.pop(stream)
        self.dropped.append(Gap(stream=stream, start_ns=start, end_ns=end_ns))

    def _complete(self) -> Sequence[Block]:
        limit: int | None = None
        for stream, reached in self._reached.items():
            if stream in self._absent:
                continue
            if reached is None:
                return ()
            limit = reached if limit is None else min(limit, reached)
        if limit is None:
            reaches = [r for r in self._reached.values() if r is not None]
            if not reaches:
                return ()
            limit = max(reaches)
        if self._done is not None and limit <= self._done:
            return ()
        return self._merge(limit)

    def _merge(self, limit: int) -> Sequence[Block]:
        pieces: list[tuple[slice, Times, Floats]] = []
        for stream, queue in self._waiting.items():
            while queue and queue[0][0][0] <= limit:
                t, x = queue.pop(0)
                if t[-1] > limit:
                    cut = int(np.searchsorted(t, limit, side="right"))
                    queue.insert(0, (t[cut:], x[cut:]))
                    t, x = t[:cut], x[:cut]
                pieces.append((self._columns[stream], t, x))
        if not pieces:
            return ()
        times = np.unique(np.concatenate([t for _, t, _ in pieces]))
        rows = np.full((len(times), self._width), np.nan)
        for columns, t, x in pieces:
            rows[np.searchsorted(times, t), columns] = x
        self._done = int(times[-1])
        return (Block("aligned", times, rows),)
