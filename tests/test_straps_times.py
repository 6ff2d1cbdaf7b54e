"""Straps alone: where the clock of a recording starts changes nothing but the times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eccentra.analysis import analyze
from eccentra.simulate import Simulation, nordic_session, simulate


@pytest.fixture(scope="module")
def session() -> Simulation:
    return simulate(nordic_session(5, kit="force"), seed=5)


@pytest.fixture(scope="module")
def expected(session: Simulation, tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    return counts(session, tmp_path_factory.mktemp("zero"), 0.0)


def counts(session: Simulation, folder: Path, offset_s: float) -> list[int]:
    files = []
    for name, signal in session.signals.items():
        path = folder / f"{name}{offset_s}.csv"
        rows = np.column_stack([np.round(signal.t_s, 3) + offset_s, signal.x])
        np.savetxt(path, rows, delimiter=",", header="t_s,force_n", comments="", fmt="%.6f")
        files.append((name, path))
    return [done["reps_counted"] for done in analyze([], files, exercise="nordic-curl").document["sets"]]


@pytest.mark.parametrize("offset_s", [-500.0, -30.0, 1.7e9])
def test_the_zero_of_time_does_not_matter(
    session: Simulation, expected: list[int], tmp_path: Path, offset_s: float
) -> None:
    assert sum(expected) > 10
    assert counts(session, tmp_path, offset_s) == expected
