"""Faults of placement are found and well placed sensors left alone: floors of ``benchmarks/placement.py``."""

from __future__ import annotations

import placement
import pytest

KITS = [
    ("nordic-curl", "thigh+shank+force"),
    ("squat", "thigh+shank"),
    ("leg-curl", "thigh+shank"),
    ("single-leg-rdl", "trunk+thigh"),
]


@pytest.mark.long
def test_faults_are_found_and_nothing_else_is_said() -> None:
    found = [
        one
        for exercise, kit in KITS
        for seed in range(300, 304)
        for one in placement.look((exercise, kit, seed, ("none", *placement.FAULTS)))
    ]
    clean = [one for one in found if one.fault == "none"]
    assert len(clean) == 16
    assert [one for one in clean if one.flags] == []
    faulty = [one for one in found if one.fault != "none"]
    assert len(faulty) >= 40
    missed = [one for one in faulty if not placement.is_right(one)]
    assert len(missed) <= 0.1 * len(faulty), [(o.exercise, o.fault, o.seed) for o in missed]
