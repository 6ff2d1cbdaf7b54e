"""The floors on simulated Nordic curls, through bytes, radio, clock and session.

Count, ghosts, eccentric time. A few sessions in every run, many behind the marker ``long``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from eccentra.events import RepAmended, RepCompleted, Repetition
from eccentra.exercises import load_exercise
from eccentra.session import Header, Session
from eccentra.simulate import Truth, nordic_session, simulate

MOTION_KITS = ("thigh", "thigh+shank", "thigh+force", "thigh+shank+force")


@cache
def measured(seed: int, kit: str) -> tuple[Truth, tuple[Repetition, ...]]:
    """What was done and what was counted in the end."""
    made = simulate(nordic_session(seed, kit=kit), seed=seed)
    header = Header(
        session=f"floor-{seed}", exercise=load_exercise("nordic-curl"), sensors=made.setups, software="test"
    )
    session = Session(header)
    reps: dict[tuple[int, int], Repetition] = {}
    for numbered in session.feed_many(made.inputs()) + session.finish():
        event = numbered.event
        if isinstance(event, RepCompleted):
            reps[event.rep.set_index, event.rep.index] = event.rep
        elif isinstance(event, RepAmended) and not event.counted:
            del reps[event.set_index, event.index]
    return made.truth, tuple(sorted(reps.values(), key=lambda rep: rep.start_us))


def check(kit: str, seeds: range) -> None:
    sets = exact = ghosts = 0
    errors, limits = [], []
    for seed in seeds:
        truth, reps = measured(seed, kit)
        left = list(reps)
        for true_set in truth.sets:
            inside = [
                r for r in left if r.end_us / 1e6 > true_set.start_s and r.start_us / 1e6 < true_set.end_s
            ]
            left = [r for r in left if r not in inside]
            sets += 1
            exact += len(inside) == len(true_set.reps)
            if len(inside) == len(true_set.reps):
                for true, rep in zip(true_set.reps, inside, strict=True):
                    eccentric = sum(p.end_us - p.start_us for p in rep.phases if p.kind == "eccentric") / 1e6
                    errors.append(abs(eccentric - true.total_s("eccentric")))
                    limits.append(max(0.20, 0.05 * true.total_s("eccentric")))
        ghosts += len(left)
    assert exact >= 0.98 * sets, f"{kit}: {exact} of {sets} sets exact"
    assert ghosts == 0
    assert np.mean(errors) <= np.mean(limits), f"{kit}: eccentric duration off by {np.mean(errors):.3f} s"


@pytest.mark.parametrize(
    "kit", [pytest.param(kit, marks=pytest.mark.long if kit.count("+") else ()) for kit in MOTION_KITS]
)
def test_a_few_sessions(kit: str) -> None:
    check(kit, range(100, 106))


@pytest.mark.long
@pytest.mark.parametrize("kit", MOTION_KITS)
def test_many_sessions(kit: str) -> None:
    check(kit, range(200, 260))
