"""What is odd beside the repetitions of a set, and where a set begins."""

from __future__ import annotations

import msgspec
import numpy as np

from eccentra.exercises import load_exercise
from eccentra.samples import Floats
from eccentra.stages.cycle_odd import Looks, OddRules, creeps, looks, oddness
from eccentra.stages.cycle_rise import RiseRules
from eccentra.stages.cycle_start import StartRules, from_rest

RISE = RiseRules(sway_m=0.05, share=0.12, error=0.03, scales=(0.3, 1.7), most=2.0)
ODD = OddRules(time=0.2, size=0.3, pause_s=0.6, course=0.12, most_pause=2.5, most=9.0, creep=3.5, rise=RISE)
START = StartRules(rest_s=0.5, rest_deg=1.0, rest_share=0.02, wait_s=0.5, wait_share=0.15)


def rep(lasts_s: float, size: float, hold_s: float = 0.0) -> Looks:
    t = np.linspace(0.0, lasts_s, 200)
    move = 0.5 * (lasts_s - hold_s)
    share = np.clip(np.minimum(t, lasts_s - t) / move, 0.0, 1.0)
    return looks(t, size * share, 0.0, lasts_s)


def test_like_repetitions_are_not_odd() -> None:
    others = [rep(3.0, 60.0), rep(3.2, 57.0), rep(2.9, 63.0)]
    assert oddness(rep(3.1, 61.0), others, 0.0, ODD) < 1.0


def test_one_difference_is_not_odd_several_are() -> None:
    others = [rep(3.0, 60.0), rep(3.2, 57.0), rep(2.9, 63.0)]
    assert oddness(rep(3.0, 32.0), others, 0.0, ODD) < ODD.most, "a partial repetition"
    assert oddness(rep(4.5, 60.0), others, 0.0, ODD) < ODD.most, "a slow one"
    assert oddness(rep(4.5, 32.0, hold_s=2.0), others, 1.2, ODD) > ODD.most, "picking up a weight"


def test_a_pause_alone_is_not_odd() -> None:
    others = [rep(3.0, 60.0), rep(3.2, 57.0), rep(2.9, 63.0)]
    assert oddness(rep(3.0, 60.0), others, 8.0, ODD) < ODD.most


def lift(up_s: float, down_s: float, size: float = 60.0) -> Looks:
    end_s = up_s + down_s
    t = np.linspace(0.0, end_s, 400)
    x = np.where(
        t < up_s, 0.5 - 0.5 * np.cos(np.pi * t / up_s), 0.5 + 0.5 * np.cos(np.pi * (t - up_s) / down_s)
    )
    return looks(t, size * x, 0.0, end_s, [(0.0, up_s), (up_s, end_s)])


def test_the_last_lift_creeps_and_belongs_to_the_set() -> None:
    others = [lift(1.4, 1.5), lift(1.5, 1.4, 62.0), lift(1.3, 1.5, 59.0)]
    last = lift(3.9, 1.5)
    assert oddness(last, others, 0.0, ODD) > ODD.most
    assert creeps(last, others, 0.0, ODD)
    assert not creeps(last, others, 1.0, ODD), "after a pause"
    assert not creeps(lift(3.9, 1.5, 100.0), others, 0.0, ODD), "another way"
    assert not creeps(lift(3.9, 3.5), others, 0.0, ODD), "both ways slow: putting a weight down"
    assert not creeps(lift(6.0, 1.5), others, 0.0, ODD), "nobody lifts so long"


def test_the_set_begins_where_the_person_waited() -> None:
    # from a bent pose back, three seconds of waiting, then away 0.8 s and back 1.2 s
    t, x = _course([(1.0, 0.0), (0.8, -60.0), (3.0, -60.0)] + 3 * [(0.8, 0.0), (1.2, -60.0)])
    turns = [20, 60, *(round(20 * (4.8 + s)) for s in (0.8, 2.0, 2.8, 4.0, 4.8, 6.0))]
    begun = from_rest(turns, 1, t, x, 60.0, 2.0, 1.7, START)
    assert begun[0] == 60
    assert x[begun[1]] > x[begun[0]], "away from the pose in which it waited"


def _course(parts: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    at, t, x = 0.0, [0.0], [0.0]
    for seconds, level in parts:
        at += seconds
        t.append(at)
        x.append(level)
    grid = np.arange(0.0, at + 0.025, 0.05)
    return grid, np.interp(grid, t, x)


def test_the_rules_of_the_file_are_these() -> None:
    stage = load_exercise("generic").stage
    assert msgspec.convert(stage["odd"], OddRules) == ODD
