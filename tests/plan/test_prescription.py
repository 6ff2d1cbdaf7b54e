"""Incomplete is invalid; what contradicts itself is refused; a decision's part goes out and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from eccentra.errors import PlanError
from eccentra.plan.prescription import Prescription, parse_prescription, read_prescriptions
from eccentra.plan.programmes import load_programme, programme_ids
from eccentra.plan.starting import programme_prescription


def whole(**changes: Any) -> dict[str, Any]:
    one = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 2, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    return {**msgspec.to_builtins(one), **changes}


REQUIRED = [field.name for field in msgspec.structs.fields(Prescription) if field.required]


@pytest.mark.parametrize("key", [*REQUIRED, "added_pct_bm", "rpe"])
def test_a_missing_field_is_named_and_never_filled_in(key: str) -> None:
    raw = whole()
    del raw[key]
    with pytest.raises(PlanError, match="incomplete") as caught:
        parse_prescription(raw, "p")
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"load_kg": 20.0}, "exactly one"),
        ({"rir": 2.0}, "rpe and rir"),
        ({"tut_s": 60.0}, "tut_s is 60"),
        ({"tempo_s": ["X", 0, 0, 0]}, "tempo_s"),
        ({"reps": [6, 6, 6]}, "numbers of repetitions"),
        ({"sets": 0}, "sets"),
        ({"side": "L"}, "both, left, right"),
        ({"pain_limits": {"low": 3, "stop": 2, "after": 2, "next_morning": 1}}, "above stop"),
        ({"pain_limits": {"low": 1, "stop": 2}}, "after"),
        ({"stage": 5}, "stage"),
        ({"frequency_per_week": 0}, "frequency_per_week"),
        ({"rom": []}, "rom"),
        ({"speed": 3}, "speed"),
        ({"author": "Anna Example"}, "author"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        parse_prescription(whole(**changes), "p")


def test_every_programme_gives_complete_prescriptions() -> None:
    for name in programme_ids():
        programme = load_programme(name)
        for course in programme.course:
            for week in (1, course.weeks):
                one = programme_prescription(
                    name, course.exercises[0], week, {"load_kg": 0.0}, author="t", approved_by=None, stage=3
                )
                assert one.tut_s == pytest.approx(one.derived_tut_s())


def test_a_decision_changes_the_part_that_it_reads() -> None:
    before = parse_prescription(whole(), "p")
    part = before.for_decision()
    assert part == {
        "added_pct_bm": 0.0,
        "sets": 2,
        "reps": 6,
        "frequency_per_week": 2.0,
        "tempo_s": [3.0, 0.0, 0.0, 0.0],
        "rpe": 6.0,  # the ceiling of the first two weeks
        "rom_target_deg": 90.0,
        "pain_limits": {"low": 2.0, "stop": 4.0, "reason": None},
    }
    after = before.changed({**part, "reps": 8, "rom_target_deg": 81.0}, author="hub", approved_by="t1")
    assert (after.reps, after.tut_s, after.rom[0].end_deg, after.author) == (8, 24.0, 81.0, "hub")
    lighter = before.changed(
        {"variant": "nordic-curl-assisted", "assistance_pct_bm": 20.0}, author="hub", approved_by="t1"
    )
    assert (lighter.exercise, lighter.added_pct_bm, lighter.assistance_pct_bm) == (
        "nordic-curl-assisted",
        None,
        20.0,
    )
    with pytest.raises(PlanError, match="incomplete"):
        before.changed({"variant": "nordic-curl-assisted"}, author="hub", approved_by="t1")


def test_repetitions_left_are_effort() -> None:
    raw = whole(rpe=None, rir=3.0)
    assert parse_prescription(raw, "p").target_rpe == 7.0


def test_a_range_of_two_joints_at_once() -> None:
    knee = {"joint": "knee", "start_deg": 45.0, "end_deg": 90.0, "least_deg": 40.0}
    hip = {"joint": "hip", "start_deg": 20.0, "end_deg": 110.0, "least_deg": 80.0}
    one = parse_prescription(whole(rom=[hip, knee]), "p")
    assert [joint.joint for joint in one.rom] == ["hip", "knee"]
    # a step of the range is one of the joint that moves most
    next_one = one.changed({**one.for_decision(), "rom_target_deg": 99.0}, author="plan", approved_by="t1")
    assert [joint.end_deg - joint.start_deg for joint in next_one.rom] == [pytest.approx(99.0), 45.0]
    with pytest.raises(PlanError, match="rom"):
        parse_prescription(whole(rom=[hip, knee, hip]), "p")


TOML = """
[[prescription]]
exercise = "leg-curl"
side = "both"
sets = 3
reps = 15
load_rm = 15
tempo_s = [3, 0, 3, 0]
tut_s = 90
rest_reps_s = 0
rest_sets_s = 150
rest_sessions_h = 48
rom = [{ joint = "knee", start_deg = 10, end_deg = 100, least_deg = 70 }]
rir = 2
pain_limits = { low = 3, stop = 5, after = 5, next_morning = 3 }
frequency_per_week = 3
weeks = 12
supervised = "none"
stage = 2
regress_to = ["glute-bridge"]
progress_to = ["slider-leg-curl"]
author = "t1"
"""


def test_a_file_of_prescriptions(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(TOML + TOML.replace("leg-curl", "squat"))
    assert [one.exercise for one in read_prescriptions(path)] == ["leg-curl", "squat"]
    path.write_text(TOML + TOML.replace("sets = 3\n", ""))
    with pytest.raises(PlanError, match=r"prescription\[1\].*incomplete.*sets"):
        read_prescriptions(path)


@pytest.mark.parametrize("text", ["", "x", "[[prescription]", "prescription = 3", "[prescription]\nsets = 1"])
def test_no_file_of_prescriptions(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(PlanError):
        read_prescriptions(path)
    with pytest.raises(PlanError, match="cannot be read"):
        read_prescriptions(tmp_path / "none.toml")
