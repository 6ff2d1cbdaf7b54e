"""Ways of cutting a stream into blocks, and the comparison that law 2 asks for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import strategies as st

from eccentra.samples import Block


def cut(block: Block, at: Iterable[int]) -> list[Block]:
    """``block`` in pieces, cut at the given places."""
    n = len(block.t)
    edges = [0, *sorted({a % n for a in at} - {0}), n]
    return [Block(block.stream, block.t[a:b], block.x[a:b]) for a, b in itertools.pairwise(edges) if b > a]


def cut_places(most: int = 60) -> st.SearchStrategy[list[int]]:
    """Random places; also runs of single samples."""
    single = st.integers(0, 10_000).map(lambda a: list(range(a, a + 40)))
    return st.one_of(st.lists(st.integers(0, 100_000), max_size=most), single)


def joined(blocks: Sequence[Block]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([b.t for b in blocks]), np.concatenate([b.x for b in blocks])


def same(a: Sequence[Block], b: Sequence[Block]) -> bool:
    """Equal in every bit."""
    if not a or not b:
        return not a and not b
    (ta, xa), (tb, xb) = joined(a), joined(b)
    return np.array_equal(ta, tb) and np.array_equal(xa, xb, equal_nan=True)
