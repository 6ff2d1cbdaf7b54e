"""What is done before a set, between sets and on the way there is none of the repetitions."""

from __future__ import annotations

import pytest

from eccentra.simulate import everyday_session, joint_session, simulate
from stages.joint_kit import events_of, reps_in


@pytest.mark.parametrize(
    ("name", "kit", "seed", "what"),
    [
        (
            "askling-diver",
            "trunk+thigh",
            13001,
            "inclinations settle for a second after getting into position",
        ),
        ("askling-diver", "trunk", 19006, "getting into position ended in the pose of the repetitions"),
        ("askling-glider", "pelvis", 19020, "a slow fidget between sets, half as far as the repetitions"),
        ("hip-thrust", "thigh", 19007, "a weight was picked up before, and the first way down stopped"),
    ],
)
def test_repetitions_begin_where_they_begin(name: str, kit: str, seed: int, what: str) -> None:
    made = simulate(joint_session(seed, exercise=name, kit=kit), seed)  # type: ignore[arg-type]
    reps, true = reps_in(events_of(name, made)), made.truth.reps
    assert len(reps) == len(true), what
    for rep, one in zip(reps, true, strict=True):
        assert abs(rep.start_us / 1e6 - one.start_s) < 0.5, what
        assert abs(rep.end_us / 1e6 - one.end_s) < 0.5, what


@pytest.mark.parametrize(("name", "seed"), [("hip-thrust", 19003), ("side-lying-abduction", 19004)])
def test_a_stride_that_stopped_in_the_middle_is_a_stride(name: str, seed: int) -> None:
    """Who stands still for 15 s between two walks ends one stride in two halves; others follow it."""
    made = simulate(everyday_session(seed, kit="thigh", minutes=10.0), seed)
    assert reps_in(events_of(name, made)) == []
