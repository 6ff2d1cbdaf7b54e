"""What a gap touches is null or flagged, and what is not flagged is right, for every exercise and kit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from eccentra.exercises import exercise_ids
from eccentra.simulate import Simulation
from gap_honesty import KITS_OF, Document, Holes, analysed, draw_holes, recorded, violations

# one of each kind of stage, with one sensor and with more
FEW = [
    ("nordic-curl", "thigh+force"),
    ("squat", "thigh+shank"),
    ("bridge-hold", "thigh+pelvis"),
    ("generic", "imu"),
    ("contractions", "force"),
]
SEED = 2
MANY = [(exercise, kit) for exercise, kits in KITS_OF.items() for kit in kits]


@cache
def undisturbed(exercise: str, kit: str, seed: int) -> tuple[Simulation, Document]:
    simulation = recorded(exercise, kit, seed)
    return simulation, analysed(exercise, simulation)[0]


def disturbed(exercise: str, kit: str, seed: int, draws: int) -> Iterator[tuple[Document, Document, Holes]]:
    """The undisturbed document beside that of the same recording with holes, and the holes."""
    simulation, before = undisturbed(exercise, kit, seed)
    for draw in range(draws if before["sets"] else 0):
        holes = draw_holes(simulation, before, np.random.default_rng([seed, draw]))
        yield before, *analysed(exercise, simulation, holes)


def check(exercise: str, kit: str, seed: int, draws: int) -> None:
    found = [
        f"draw {draw}: {one}"
        for draw, parts in enumerate(disturbed(exercise, kit, seed, draws))
        for one in violations(*parts)
    ]
    assert not found, f"{exercise} with {kit}, seed {seed}: " + "\n".join(found)


def test_every_exercise_is_looked_at() -> None:
    assert set(exercise_ids()) == set(KITS_OF) - {"contractions"}


@pytest.mark.parametrize(("exercise", "kit"), FEW)
def test_numbers_beside_holes(exercise: str, kit: str) -> None:
    check(exercise, kit, SEED, 1)


@pytest.mark.parametrize(("exercise", "kit"), FEW)
def test_a_hole_in_a_repetition_is_seen(exercise: str, kit: str) -> None:
    """Flags are where holes are, and not everywhere."""
    simulation, before = undisturbed(exercise, kit, SEED)
    rep = before["sets"][-1]["reps"][1]
    at = 0.5 * (rep["start_s"] + rep["end_s"])
    for seconds, flag in ((0.12, "gap_interpolated"), (0.4, "gap_inside")):
        holes = {name: [(at, at + seconds)] for name in simulation.signals}
        after, wide = analysed(exercise, simulation, holes)
        assert all(len(one) == 1 for one in wide.values())
        missing = [gap for gap in after["quality"]["gaps"] if gap["missing"]]
        assert {gap["sensor"] for gap in missing} == {
            gap["sensor"] for gap in missing if abs(gap["start_s"] - at) < 0.1
        }
        over = [one for one in after["sets"][-1]["reps"] if one["start_s"] < at < one["end_s"]]
        assert all(flag in one["flags"] for one in over)
        assert list(violations(before, after, wide)) == []
        elsewhere = [one for one in after["sets"][0]["reps"] if one["end_s"] < at - 2.0]
        assert elsewhere
        assert not any("gap" in name for one in elsewhere for name in one["flags"])


@pytest.mark.parametrize("what", ["value", "flag", "total"])
def test_the_check_sees_what_is_wrong(what: str) -> None:
    """A wrong number, a repetition and a total that say nothing of the hole in them."""
    simulation, before = undisturbed("squat", "thigh", SEED)
    rep = before["sets"][0]["reps"][2]
    at = 0.5 * (rep["start_s"] + rep["end_s"])
    after, wide = analysed("squat", simulation, {"thigh": [(at, at + 0.15)]})
    assert list(violations(before, after, wide)) == []
    changed = after["sets"][0]
    match what:
        case "value":
            metric = changed["reps"][0]["metrics"]["rom_deg"]
            metric["value"] += 2.0 + (metric["uncertainty"] or 0.0) + 0.1
        case "flag":
            for metric in changed["reps"][2]["metrics"].values():
                metric["quality"] = "ok"
        case "total":
            changed["metrics"]["tut_s"]["quality"] = "ok"
    assert list(violations(before, after, wide)) != []


@pytest.mark.long
def test_many_holes() -> None:
    """Every exercise and kit."""
    found, looked = [], 0
    for exercise, kit in MANY:
        for draw, parts in enumerate(disturbed(exercise, kit, 10, 3)):
            looked += 1
            wrong = list(violations(*parts))
            found += [f"{exercise} with {kit}, draw {draw}: {wrong[0]}"] if wrong else []
    assert looked > 2 * len(MANY)
    assert not found, f"{len(found)} of {looked} recordings: " + "\n".join(found)
