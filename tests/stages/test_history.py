"""Rows of the last while are the same however they came, and whoever looked before."""

import numpy as np
import pytest

from eccentra.samples import Block
from eccentra.stages.history import History

STEP_NS = 10_000_000
T = np.arange(5000, dtype=np.int64) * STEP_NS
X = np.random.default_rng(1).normal(size=(5000, 3))


@pytest.mark.parametrize("rows", [1, 7, 1500])
def test_what_is_cut_out_is_what_came(rows: int) -> None:
    """Also after many looks back, and when a reader changed what it was given."""
    history = History()
    for i in range(0, len(T), rows):
        history.push(Block("aligned", T[i : i + rows].copy(), X[i : i + rows].copy()))
        last = min(i + rows, len(T)) - 1
        if i % 350 == 0:
            first = max(last - 2500, 0)
            t, x = history.rows(int(T[first]), int(T[last]))
            np.testing.assert_array_equal(t, T[first : last + 1])
            np.testing.assert_array_equal(x, X[first : last + 1])
            t[:], x[:] = 0, np.nan


def test_old_rows_are_forgotten_after_a_look_back() -> None:
    """What is kept together is small enough: at most some 10 s more than asked for."""
    history = History()
    for i in range(0, len(T), 10):
        history.push(Block("aligned", T[i : i + 10], X[i : i + 10]))
    assert len(history.rows(0, int(T[-1]))[0]) == len(T)
    history.drop_before(int(T[3000]))
    t, _ = history.rows(0, int(T[-1]))
    assert T[1900] < t[0] <= T[3000]
