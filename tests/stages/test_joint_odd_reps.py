"""Repetitions that are unlike the others of their set, and movements after it that are like them."""

from __future__ import annotations

import pytest
from joint_kit import limb_rows, reps_in, shank_rows, staged

from eccentra.events import Repetition

CURL = ((70.0, 1.8, 0.0), (0.0, 1.2, 0.0))
QUICK_PARTIAL = ((35.0, 0.8, 0.0), (0.0, 0.6, 0.0))


def counted(*moves: tuple[float, float, float]) -> list[Repetition]:
    """Repetitions of a leg curl that are left at its end."""
    return reps_in(staged("leg-curl", shank_rows(0.0, *moves, (0.0, 0.01, 25.0)), []))


def bridged(segment: str, *moves: tuple[float, float, float]) -> list[Repetition]:
    """Repetitions of a hip thrust as one sensor sees them."""
    rows = limb_rows("hip-thrust", segment, 0.35, 0.0, *moves, (0.0, 0.01, 25.0))
    return reps_in(staged("hip-thrust", rows, []))


def test_a_quick_partial_one_between_two_full_ones_is_no_stride() -> None:
    found = counted(*CURL * 2, *QUICK_PARTIAL, *CURL * 2)
    assert [rep.start_us / 1e6 for rep in found] == pytest.approx([3.0, 6.0, 9.0, 10.4, 13.4], abs=0.3)
    assert ["partial_rom" in [why.value for why in rep.reasons] for rep in found] == [0, 0, 1, 0, 0]


def test_strides_that_follow_a_set_at_once_are_none_of_it() -> None:
    assert len(counted(*CURL * 3, *QUICK_PARTIAL * 8)) == 3


def test_one_that_is_stopped_on_its_way_back_does_not_speak_against_the_others() -> None:
    quick = ((70.0, 0.9, 0.0), (0.0, 0.9, 1.8))
    stopped = ((70.0, 0.9, 0.0), (35.0, 0.7, 1.3), (0.0, 1.3, 1.0))
    assert len(counted(*quick * 2, *stopped)) == 3


def test_two_that_are_alike_remain_a_set_when_the_third_is_smaller_and_quicker() -> None:
    full = ((60.0, 1.5, 1.5), (0.0, 3.0, 1.0))
    smaller = ((42.0, 0.9, 2.6), (0.0, 2.2, 1.0))
    assert len(counted(*full * 2, *smaller)) == 3


@pytest.mark.parametrize(("pause_s", "counts"), [(3.0, 6), (18.0, 5)])
def test_a_quicker_one_long_after_the_set_is_none_of_it(pause_s: float, counts: int) -> None:
    curls = ((66.0, 1.9, 0.0), (0.0, 0.8, 0.8)) * 4
    last = ((66.0, 1.9, 0.0), (0.0, 0.8, pause_s))
    assert len(counted(*curls, *last, (70.0, 1.33, 0.0), (0.0, 0.87, 1.0))) == counts


def test_two_that_were_a_set_remain_one_when_the_last_is_unlike_them() -> None:
    stopped = ((33.0, 1.5, 2.4), (16.0, 1.6, 1.4), (0.0, 1.6, 1.1))
    full = ((31.0, 1.3, 2.0), (0.0, 3.0, 1.0))
    smaller = ((24.0, 1.0, 2.2), (0.0, 2.2, 1.0))
    assert len(bridged("pelvis", *stopped, *full, *smaller)) == 3


@pytest.mark.parametrize("segment", ["thigh", "pelvis"])
def test_half_of_what_one_segment_sees_of_a_bridge_is_a_partial_one(segment: str) -> None:
    full, half = ((26.0, 1.5, 1.0), (0.0, 2.0, 1.0)), ((13.0, 1.0, 1.0), (0.0, 1.3, 1.0))
    found = bridged(segment, *full * 2, *half, *full)
    assert ["partial_rom" in [why.value for why in rep.reasons] for rep in found] == [0, 0, 1, 0]


def test_less_than_two_thirds_of_that_is_none() -> None:
    full, sway = ((26.0, 1.5, 1.0), (0.0, 2.0, 1.0)), ((9.0, 1.0, 1.0), (0.0, 1.3, 1.0))
    assert len(bridged("thigh", *full * 2, *sway, *full)) == 3


def test_a_short_one_that_just_counts_as_full_is_quicker_and_still_the_persons() -> None:
    full, last = ((31.0, 2.5, 2.0), (0.0, 4.2, 0.4)), ((22.0, 1.6, 2.7), (0.0, 2.45, 1.0))
    assert len(bridged("thigh", *full * 3, *last)) == 4
