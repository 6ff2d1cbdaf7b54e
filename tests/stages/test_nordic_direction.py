"""Which way is forward: what speaks for it adds up, and repetitions are alike."""

from __future__ import annotations

import pytest

from eccentra.events import RepAmended, RepCompleted
from eccentra.simulate import (
    Athlete,
    Hold,
    KneelDown,
    NordicRep,
    SitBack,
    Walk,
    everyday_session,
    simulate,
)
from eccentra.stages.nordic_direction import Direction, Proof, most_alike, repeated
from stages.joint_kit import events_of as joint_events
from stages.nordic_kit import analysed, live_count, reps_in, scenario

ENOUGH = 0.9
CURL = Proof(1.4, 75.0, 1.9)


def of(*proofs: Proof) -> Direction:
    direction = Direction()
    direction.start((1.0, 0.0, 0.0))
    for proof in proofs:
        direction.learn(proof, (1.0, 0.0, 0.0))
    return direction


def test_few_strong_ones_are_outweighed_by_several() -> None:
    wrong = of(Proof(3.3, 88.0, 2.0))
    assert not wrong.turned([CURL] * 2, ENOUGH)
    assert wrong.turned([CURL] * 4, ENOUGH)


def test_two_that_are_not_alike_prove_a_direction_but_settle_nothing() -> None:
    wrong = of(Proof(2.2, 88.0, 2.5), Proof(1.0, 66.0, 1.2))
    assert wrong.established
    assert not wrong.settled
    assert wrong.turned([CURL] * 3, ENOUGH)


def test_a_set_is_settled_and_not_outweighed_by_sitting_back() -> None:
    right = of(*[CURL] * 4)
    assert right.settled
    assert not right.turned([Proof(1.0, 60.0, 1.6)] * 4, ENOUGH)
    assert not right.turned([Proof(0.5, 60.0, 1.6)] * 20, ENOUGH)


@pytest.mark.parametrize(("times", "expected"), [(2, False), (3, True)])
def test_nobody_gets_into_position_three_times_alike(times: int, expected: bool) -> None:
    quick = Proof(0.4, 72.0, 1.4)
    assert repeated([quick] * times, ENOUGH) is expected
    assert not repeated([quick] * 2 + [Proof(0.4, 40.0, 1.4)], ENOUGH)


def test_several_alike_outnumber_one_that_was_clearer() -> None:
    """Quick lowerings with a slow way back say little one by one; kneeling down over the heels said more."""
    weak = Proof(0.35, 79.0, 1.6)
    wrong = of(Proof(2.3, 73.0, 3.0))
    assert not wrong.turned([weak] * 3, ENOUGH)
    assert not wrong.outnumbered([weak] * 2 + [Proof(0.35, 60.0, 1.6)], ENOUGH)
    assert not wrong.outnumbered([Proof(0.2, 79.0, 1.6)] * 3, ENOUGH)
    assert wrong.outnumbered([weak] * 3, ENOUGH)


def test_alike_is_each_like_each_other() -> None:
    """A chair, a half-kneel and the heels: each is like the next, the first is not like the last."""
    into_position = [Proof(0.7, 84.0, 1.5), Proof(0.7, 73.0, 1.5), Proof(0.7, 64.0, 1.5)]
    assert most_alike(into_position) == 2
    assert not repeated([into_position[1], into_position[0], into_position[2]], ENOUGH)
    assert most_alike([CURL] * 3) == 3
    assert most_alike([]) == 0


def test_strong_ones_settle_it_against_weak_ones() -> None:
    """What several alike have settled, one that was clearer does not turn."""
    right = of()
    for _ in range(3):
        right.count(Proof(0.35, 79.0, 1.6))
    assert right.settled
    assert not right.outnumbered([CURL] * 3, ENOUGH)
    assert not right.turned([Proof(2.0, 84.0, 2.4)], ENOUGH)


@pytest.mark.parametrize("seconds", [1.0, 2.5])
def test_quick_curls_count_after_a_slow_way_down_to_the_heels(seconds: float) -> None:
    """One movement that is clear by itself was counted and cost the set."""
    heels = SitBack(lean_deg=-73.0, down_s=3.0, seconds=seconds, up_s=1.3)
    rest = Hold(seconds=2.0)
    quick = NordicRep(descent_s=1.7, end_lean_deg=79.0, return_s=2.2, turn_s=0.3, pause_s=1.0)
    before = (Hold(seconds=3.0), KneelDown(), rest, heels, rest)
    made, events, reps = analysed(scenario(*[quick] * 4, before=before))
    assert len(reps) == live_count(events) == 4
    assert min(rep.start_us for rep in reps) / 1e6 > made.truth.sets[0].start_s - 0.5


def test_a_partial_repetition_may_be_as_quick_as_the_full_ones() -> None:
    full = NordicRep(descent_s=1.15, end_lean_deg=70.0, back="active", return_s=1.9, turn_s=0.1, pause_s=1.5)
    part = NordicRep(descent_s=0.62, end_lean_deg=33.0, back="active", return_s=0.9, turn_s=0.1, pause_s=1.5)
    made = simulate(scenario(full, full, full, part, full), 1)
    assert len(reps_in(joint_events("razor-curl", made))) == 5


def test_who_stays_down_sits() -> None:
    """Two chairs within a set's time look like lowerings, but for how long one stays."""
    chair = SitBack(lean_deg=-88.0, down_s=1.75, seconds=6.5, up_s=0.95)
    rest = Hold(seconds=5.0)
    made = scenario(before=(rest, chair, rest, rest, chair, rest), after=(Walk(seconds=4.0),))
    _, _, reps = analysed(made)
    assert not reps


def test_quick_down_and_slow_back_counts_when_it_repeats() -> None:
    quick = NordicRep(descent_s=1.5, end_lean_deg=74.0, return_s=2.0, turn_s=0.3, pause_s=1.0)
    before = (Walk(seconds=4.0), KneelDown(), Hold(seconds=2.0))
    _, events, reps = analysed(scenario(*[quick] * 5, before=before))
    assert len(reps) == live_count(events) == 5


def test_sitting_far_back_twice_does_not_cost_the_set() -> None:
    """Two that look like curls, and are not alike, are taken back when the set follows, all of it counted."""
    far = SitBack(lean_deg=-88.0, down_s=2.6, seconds=2.0, up_s=1.2)
    less = SitBack(lean_deg=-70.0, down_s=1.6, seconds=2.0, up_s=1.0)
    rest = Hold(seconds=2.0)
    quick = NordicRep(descent_s=2.0, end_lean_deg=72.0, return_s=1.5, pause_s=1.0)
    before = (Hold(seconds=3.0), KneelDown(), rest, far, rest, less, rest)
    made, events, reps = analysed(scenario(*[quick] * 5, before=before))
    assert any(isinstance(event, RepAmended) and not event.counted for event in events)
    assert len(reps) == live_count(events) == 5
    assert min(rep.start_us for rep in reps) / 1e6 > made.truth.sets[0].start_s - 0.5


def test_two_alike_in_position_are_taken_back_when_the_set_turns_the_direction() -> None:
    """Settled is not certain: two movements into position may be alike too."""
    back = SitBack(lean_deg=-80.0, down_s=2.4, seconds=2.0, up_s=1.2)
    rest = Hold(seconds=2.0)
    curl = NordicRep(descent_s=4.0, end_lean_deg=78.0, return_s=1.5, pause_s=1.0)
    before = (Hold(seconds=3.0), KneelDown(), rest, back, rest, back, rest)
    made, events, reps = analysed(scenario(*[curl] * 5, before=before))
    assert len(reps) == live_count(events) == 5
    assert min(rep.start_us for rep in reps) / 1e6 > made.truth.sets[0].start_s - 0.5


@pytest.mark.parametrize(
    ("incline", "end", "descent"), [(30.0, 58.0, 4.0), (30.0, 58.0, 1.9), (0.0, 74.0, 5.0)]
)
def test_a_chair_before_does_not_cost_the_set(incline: float, end: float, descent: float) -> None:
    """Sitting down with the shank still is clearer than any lowering, and goes further than one on a slope.

    What the set is measured by is not that; and sitting back on the heels, refused because the shank lay
    otherwise, is no repetition once the direction has turned.
    """
    chair = SitBack(lean_deg=-86.0, down_s=2.1, seconds=2.5, up_s=1.1)
    heels = SitBack(lean_deg=-66.0, down_s=2.0, seconds=1.0, up_s=1.5)
    rest = Hold(seconds=2.0)
    curl = NordicRep(descent_s=descent, end_lean_deg=end, return_s=1.4, pause_s=1.0)
    before = (Hold(seconds=3.0), chair, rest, KneelDown(), rest, heels, rest)
    athlete = Athlete(incline_deg=incline)
    made = simulate(scenario(*[curl] * 4, before=before, kit="thigh+shank", athlete=athlete), 1)
    events = joint_events("nordic-curl-inclined" if incline else "nordic-curl", made)
    reps = reps_in(events)
    assert len(reps) == live_count(events) == 4
    assert min(rep.start_us for rep in reps) / 1e6 > made.truth.sets[0].start_s - 0.5


def test_three_repetitions_are_certain() -> None:
    assert not of(*[CURL] * 2).certain
    assert of(*[CURL] * 3).certain


@pytest.mark.parametrize("name", ["razor-curl", "nordic-curl-inclined"])
def test_sitting_down_and_picking_up_all_day_is_no_set(name: str) -> None:
    """What is not clear by itself does not bridge the time between two movements that are alike."""
    made = simulate(everyday_session(4001, kit="thigh", minutes=3.0), 4001)
    events = joint_events(name, made)
    assert not any(isinstance(event, RepCompleted) for event in events)


def test_partial_repetitions_of_different_depth_and_a_full_one_are_a_set() -> None:
    """None of them proves the way, and no two are alike; nothing else goes from rest to rest like that."""
    down = {"pause_s": 2.0, "hip_flexion_deg": 0.0}
    parts = [
        NordicRep(descent_s=1.85, partial=0.45, back="active", turn_s=0.1, return_s=1.7, **down),
        NordicRep(descent_s=1.4, partial=0.6, back="active", turn_s=0.1, return_s=1.9, **down),
    ]
    full = NordicRep(descent_s=2.1, end_lean_deg=80.0, turn_s=2.0, return_s=1.75, **down)
    made, events, reps = analysed(scenario(*parts, full))
    assert len(reps) == len(made.truth.reps) == live_count(events) == 3
    heels = [SitBack(lean_deg=lean, down_s=1.6, seconds=1.0, up_s=1.5) for lean in (-40.0, -55.0, -72.0)]
    rest = Hold(seconds=2.0)
    before = (Hold(seconds=3.0), KneelDown(), rest, *(move for heel in heels for move in (heel, rest)))
    _, _, reps = analysed(scenario(before=before))
    assert reps == []
