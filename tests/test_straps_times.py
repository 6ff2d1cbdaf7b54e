"""Straps alone: where the clock of a recording starts changes nothing but the times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eccentra.analysis import analyze
from eccentra.simulate import nordic_session, simulate


def counts(folder: Path, offset_s: float) -> list[int]:
    files = []
    for name, signal in simulate(nordic_session(5, kit="force"), seed=5).signals.items():
        path = folder / f"{name}{offset_s}.csv"
        rows = np.column_stack([np.round(signal.t_s, 3) + offset_s, signal.x])
        np.savetxt(path, rows, delimiter=",", header="t_s,force_n", comments="", fmt="%.6f")
        files.append((name, path))
    return [done["reps_counted"] for done in analyze([], files, exercise="nordic-curl").document["sets"]]


@pytest.mark.parametrize("offset_s", [-500.0, -30.0, 1.7e9])
def test_the_zero_of_time_does_not_matter(tmp_path: Path, offset_s: float) -> None:
    expected = counts(tmp_path, 0.0)
    assert sum(expected) > 10
    assert counts(tmp_path, offset_s) == expected
