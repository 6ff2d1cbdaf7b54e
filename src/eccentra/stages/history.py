"""The rows of the last while, for numbers that are computed when something has ended."""

from __future__ import annotations

from collections import deque

import numpy as np

from eccentra.samples import Block, Floats, Times

__all__ = ["History"]

# Looking back takes as long as there are blocks, and a live sensor gives ten and more a second: when so many
# were cut out together, they are kept as larger ones, which are small enough to be forgotten in time.
_MANY = 16
_ROWS_TOGETHER = 1024


class History:
    """Rows as they came, to be cut out by time. What is cut out does not depend on how they came."""

    def __init__(self) -> None:
        self._blocks: deque[Block] = deque()

    def push(self, block: Block) -> None:
        """Remember rows."""
        self._blocks.append(block)

    def drop_before(self, t_ns: int) -> None:
        """Forget blocks that end before ``t_ns``."""
        blocks = self._blocks
        while blocks and blocks[0].t.item(-1) < t_ns:
            blocks.popleft()

    def rows(self, from_ns: int, to_ns: int) -> tuple[Times, Floats]:
        """Rows with ``from_ns <= t <= to_ns``: int64, shape (n,), and float64, shape (n, channels)."""
        parts: list[Block] = []
        for block in reversed(self._blocks):
            if block.t.item(-1) < from_ns:
                break
            parts.append(block)
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty((0, 0))
        parts.reverse()
        t = np.concatenate([b.t for b in parts])
        x = np.concatenate([b.x for b in parts])
        a, b = t.searchsorted(from_ns), t.searchsorted(to_ns, side="right")
        if len(parts) < _MANY:
            return t[a:b], x[a:b]
        self._keep_together(len(parts), t, x)
        # not what is kept here: the reader may change it
        return t[a:b].copy(), x[a:b].copy()

    def _keep_together(self, count: int, t: Times, x: Floats) -> None:
        """Keep the rows of the last ``count`` blocks in larger ones."""
        stream = self._blocks[-1].stream
        for _ in range(count):
            self._blocks.pop()
        for k in range(0, len(t), _ROWS_TOGETHER):
            part = slice(k, k + _ROWS_TOGETHER)
            self._blocks.append(Block(stream, t[part], x[part]))
