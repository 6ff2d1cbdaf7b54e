"""A person's own repetitions, and what everyday life has that looks like them."""

from __future__ import annotations

import pytest
from joint_kit import events_of, reps_in

from eccentra.simulate import (
    KITS,
    Fidget,
    Hold,
    JointRep,
    JointSet,
    Move,
    PickUp,
    Scenario,
    SitDown,
    TakePosition,
    simulate,
)

HINGE = "single-leg-rdl"


def counted(*moves: Move, kit: str = "trunk", seed: int = 3) -> list[tuple[float, float]]:
    """When repetitions were counted in these moves, and how many there were in truth."""
    timeline = (Hold(seconds=3.0), *moves, Hold(seconds=25.0))
    made = simulate(Scenario(exercise="joint", timeline=timeline, sensors=KITS[kit]), seed)
    reps = reps_in(events_of(HINGE, made))
    assert len(reps) == len(made.truth.reps)
    return [(rep.start_us / 1e6, rep.end_us / 1e6) for rep in reps]


def hinge(n: int, seconds: float, pause_s: float = 1.5) -> tuple[Move, ...]:
    rep = JointRep(first_s=seconds, second_s=seconds, pause_s=pause_s)
    return (
        TakePosition(exercise=HINGE),
        Hold(seconds=1.5),
        JointSet(exercise=HINGE, reps=(rep,) * n),
        Hold(seconds=1.0),
    )


@pytest.mark.parametrize("kit", ["trunk", "trunk+thigh"])
def test_picking_up_before_and_sitting_down_after_are_none(kit: str) -> None:
    picked = (PickUp(seconds=3.5), Hold(seconds=1.0))
    assert len(counted(*picked, *hinge(4, 3.0), SitDown(), kit=kit)) == 4


def test_two_pick_ups_are_no_set() -> None:
    assert counted(PickUp(seconds=3.0), Hold(seconds=2.0), PickUp(seconds=4.0)) == []


@pytest.mark.parametrize(("n", "seconds"), [(2, 3.0), (3, 1.4)])
def test_few_repetitions_are_a_set_when_they_are_slow_or_uniform(n: int, seconds: float) -> None:
    assert len(counted(*hinge(n, seconds))) == n


def test_a_last_repetition_that_is_a_struggle_counts() -> None:
    usual = JointRep(first_s=2.5, second_s=2.0, pause_s=1.5)
    last = JointRep(first_s=3.0, second_s=3.6, pause_s=1.0)
    moves = (TakePosition(exercise=HINGE), Hold(seconds=1.5))
    assert len(counted(*moves, JointSet(exercise=HINGE, reps=(usual, usual, usual, last)))) == 4


def test_a_slow_repetition_alone_counts_once_the_person_is_known() -> None:
    rep = JointRep(first_s=3.0, second_s=3.0, pause_s=1.5)
    known, alone = ((JointSet(exercise=HINGE, reps=(rep,) * n), Hold(seconds=28.0)) for n in (3, 1))
    begin = (TakePosition(exercise=HINGE), Hold(seconds=1.5))
    assert len(counted(*begin, *known, *alone)) == 4


@pytest.mark.parametrize(("seconds", "least"), [(3.0, 1), (1.2, 0)])
def test_a_repetition_alone_counts_when_it_is_slow(seconds: float, least: int) -> None:
    timeline = (Hold(seconds=3.0), *hinge(1, seconds), Hold(seconds=25.0))
    made = simulate(Scenario(exercise="joint", timeline=timeline, sensors=KITS["trunk"]), 3)
    assert len(reps_in(events_of(HINGE, made))) == least


def test_slow_repetitions_are_one_set_whatever_their_holds_and_pauses() -> None:
    one = JointRep(first_s=5.0, second_s=6.0, hold_s=2.2, pause_s=12.0)
    two = JointRep(first_s=6.0, second_s=5.0)
    moves = (TakePosition(exercise=HINGE), Hold(seconds=1.5))
    assert len(counted(*moves, JointSet(exercise=HINGE, reps=(one, two)))) == 2


def test_a_set_waits_for_the_slow_repetition_under_way() -> None:
    """Its end comes longer after the first one than a set waits."""
    one = JointRep(first_s=9.0, second_s=9.0, pause_s=15.0)
    timeline = (Hold(seconds=3.0), TakePosition(exercise=HINGE), Hold(seconds=1.5))
    timeline += (JointSet(exercise=HINGE, reps=(one, one)), Hold(seconds=25.0))
    made = simulate(Scenario(exercise="joint", timeline=timeline, sensors=KITS["trunk"]), 3)
    reps = reps_in(events_of(HINGE, made))
    assert [rep.set_index for rep in reps] == [1, 1]


def test_fidgeting_just_before_the_first_repetition_does_not_hide_it() -> None:
    rep = JointRep(first_s=3.0, second_s=3.0, pause_s=0.0)
    moves = (TakePosition(exercise=HINGE), Fidget(seconds=4.0, size_deg=14.0), Hold(seconds=0.8))
    assert len(counted(*moves, JointSet(exercise=HINGE, reps=(rep,) * 4))) == 4


def test_the_first_repetition_is_told_at_once_whatever_came_before() -> None:
    moves = (PickUp(seconds=3.0), Hold(seconds=24.0), *hinge(4, 2.5, pause_s=0.0))
    timeline = (Hold(seconds=3.0), *moves, Hold(seconds=5.0))
    made = simulate(Scenario(exercise="joint", timeline=timeline, sensors=KITS["trunk"]), 4)
    reps = reps_in(events_of(HINGE, made))
    assert len(reps) == 4
    assert all(rep.decided_us - rep.end_us <= 700_000 for rep in reps)
