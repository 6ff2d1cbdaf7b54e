"""Eight sensors in one process: nothing lost, and little processor time of ours."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from needs import ROOT

SHARE = 0.15
SHORT_S, LONG_S = 4.0, 180.0


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("link_cost", ROOT / "benchmarks" / "link_cost.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["link_cost"] = module
    spec.loader.exec_module(module)
    return module


def check(seconds: float, **options: object) -> float | None:
    """Nothing is lost; gives the share of a core."""
    link_cost = benchmark()
    cost = link_cost.measure(seconds, **options)
    said = link_cost.table(cost)
    print(said)
    # four motion sensors with 13 packets a second, four straps with 80
    assert cost.packets > 0.9 * seconds * (4 * 13 + 4 * 80), said
    assert (cost.lost, cost.twice, cost.disconnections) == (0, 0, 0), said
    assert not cost.notes, said
    return cost.share


@pytest.mark.long
def test_eight_sensors_for_a_moment() -> None:
    check(SHORT_S, compare=False, warm_up_s=0.0)


@pytest.mark.long
def test_eight_sensors_for_three_minutes() -> None:
    share = check(LONG_S)
    assert share is not None
    assert share < SHARE
