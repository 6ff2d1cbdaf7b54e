"""The floors of the Nordic family on simulated people: counts, times, range, break-points, forces.

Samples go through the stages without the radio. Control can be lost so late in a quick descent that nothing
is seen of it; the helped and inclined people here lower for 3 s and more.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import numpy as np
import pytest
from nordic_kit import reps_in, rows_of

from eccentra.events import Repetition
from eccentra.exercises import load_exercise
from eccentra.simulate import Simulation, simulate
from eccentra.simulate.sessions import nordic_session
from eccentra.simulate.truth import TrueRep

Variant = Literal["flat", "assisted", "inclined"]
EXERCISES: dict[Variant, str] = {
    "flat": "nordic-curl",
    "assisted": "nordic-curl-assisted",
    "inclined": "nordic-curl-inclined",
}


class Errors:
    """Errors as shares of their limits, and what was counted and found."""

    def __init__(self) -> None:
        self.sets = self.exact = self.ghosts = self.reps = self.wrong = 0
        self.breaks = [0, 0, 0]
        self.shares: dict[str, list[float]] = defaultdict(list)

    def add(self, simulation: Simulation, reps: list[Repetition]) -> None:
        """Compare one session with its truth."""
        left = list(reps)
        for true in simulation.truth.sets:
            found = [r for r in left if r.end_us / 1e6 > true.start_s and r.start_us / 1e6 < true.end_s]
            left = [r for r in left if r not in found]
            self.sets += 1
            self.reps += len(true.reps)
            self.wrong += abs(len(found) - len(true.reps))
            if len(found) == len(true.reps):
                self.exact += 1
                for one, rep in zip(true.reps, found, strict=True):
                    self._compare(one, rep)
        self.ghosts += len(left)

    def _compare(self, true: TrueRep, rep: Repetition) -> None:
        forces = rep.force_left is not None and rep.force_right is not None
        kinds = ("eccentric", "concentric") if forces else ("eccentric",)
        for kind in kinds:
            want = true.total_s(kind)  # type: ignore[arg-type]
            got = sum(p.end_us - p.start_us for p in rep.phases if p.kind == kind) / 1e6
            if want > 0.0 and got > 0.0:
                self.shares[kind].append(abs(got - want) / max(0.10, 0.05 * want))
        rom = rep.metrics["rom_deg"]
        wanted = true.rom_knee_deg if rom.method == "knee_flexion" else true.rom_lean_deg
        if rom.value is not None and wanted is not None:
            self.shares["rom"].append(abs(rom.value - wanted) / 2.0)
        hit, lost = rep.break_point is not None, true.break_point is not None
        for k, holds in enumerate((hit and lost, hit and not lost, lost and not hit)):
            self.breaks[k] += holds
        if rep.break_point is not None and true.break_point is not None:
            self.shares["lean"].append(abs(rep.break_point.lean_deg - true.break_point.lean_deg) / 2.5)
        for side, force in (("left", rep.force_left), ("right", rep.force_right)):
            if force is not None:
                peak = true.force[side].peak_n
                self.shares["peak"].append(abs(force.peak_n - peak) / max(0.01 * peak, 2.0))
        if forces:
            self.shares["tut"].append(
                abs((rep.value("tut_s") or 0.0) - true.tut_s) / max(0.12, 0.05 * true.tut_s)
            )


def measured(variant: Variant, kit: str, seeds: range) -> Errors:
    exercise = load_exercise(EXERCISES[variant])
    out = Errors()
    for seed in seeds:
        made = simulate(nordic_session(seed, kit=kit, variant=variant), seed)
        rows = rows_of(made)
        run = exercise.event_stage().start(rows.info)
        out.add(made, reps_in([*run.push(rows.block), *run.finish()]))
    return out


def check(variant: Variant, kit: str, seeds: range, ghosts: int = 0) -> None:
    found = measured(variant, kit, seeds)
    assert found.exact >= 0.98 * found.sets, f"{found.exact} of {found.sets} sets exact"
    assert found.wrong <= 0.005 * found.reps
    assert found.ghosts <= ghosts
    means = {name: float(np.mean(shares)) for name, shares in found.shares.items()}
    assert max(means.values()) <= 1.0, means
    hit, false, missed = found.breaks
    assert hit >= 0.97 * (hit + false)
    assert hit >= 0.97 * (hit + missed), f"{missed} of {hit + missed} breaks missed"


def test_a_few_of_each() -> None:
    check("inclined", "thigh+shank+force", range(40, 43))
    check("assisted", "thigh+force", range(40, 43))


@pytest.mark.long
@pytest.mark.parametrize("kit", ["thigh", "thigh+shank", "thigh+force", "thigh+shank+force"])
def test_flat(kit: str) -> None:
    check("flat", kit, range(100, 130))


@pytest.mark.long
@pytest.mark.parametrize("kit", ["thigh", "thigh+shank", "thigh+force", "thigh+shank+force"])
def test_assisted(kit: str) -> None:
    check("assisted", kit, range(100, 125))


@pytest.mark.long
@pytest.mark.parametrize("kit", ["thigh+shank", "thigh+force", "thigh+shank+force"])
def test_inclined(kit: str) -> None:
    # not reached yet: without straps, getting up over the hands out of a pose that leans back looks like one
    check("inclined", kit, range(100, 125), ghosts=0 if "force" in kit else 12)
