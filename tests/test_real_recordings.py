"""Recordings of people made by others, through the whole of ``analyze``: how many are counted right."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from needs import ROOT, need_data


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark, which reads the recordings."""
    spec = importlib.util.spec_from_file_location("accuracy_real", ROOT / "benchmarks" / "accuracy_real.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def errors(benchmark: ModuleType, recordings: list, folder: Path) -> np.ndarray:
    return np.array([sum(benchmark.analysed(one, folder)) - one.truth for one in recordings])


def test_physical_therapy_with_holds_fast_and_small(benchmark: ModuleType, tmp_path: Path) -> None:
    recordings = list(benchmark.uci_physical_therapy(need_data("uci_physical_therapy")))
    assert len(recordings) == 48
    off = errors(benchmark, recordings, tmp_path)
    assert np.count_nonzero(off == 0) >= 43
    assert np.count_nonzero(abs(off) <= 1) >= 47


def test_shoulder_exercises_with_a_watch(benchmark: ModuleType, tmp_path: Path) -> None:
    """Files are cut to the set, so the first or last of 20 may be missing."""
    recordings = list(benchmark.shoulder_watch(need_data("shoulder_watch")))
    assert len(recordings) == 38
    off = errors(benchmark, recordings, tmp_path)
    assert np.count_nonzero(off == 0) >= 25
    assert np.count_nonzero(abs(off) <= 1) >= 37


def test_rest_between_sets_is_no_repetition(benchmark: ModuleType, tmp_path: Path) -> None:
    """What follows the last repetition of the first block: 20 s of rest, shifting and waiting."""
    for one in benchmark.uci_physical_therapy(need_data("uci_physical_therapy")):
        if one.name.endswith("correct"):
            rest = one.t > 78.0
            quiet = benchmark.msgspec.structs.replace(one, t=one.t[rest], x=one.x[rest])
            assert benchmark.analysed(quiet, tmp_path) == [], one.name
