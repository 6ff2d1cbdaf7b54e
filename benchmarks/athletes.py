"""Which simulated sessions each exercise is tried on: kits, sessions with the exercise, and without."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from contractions import contraction_session

from eccentra.exercises import exercise_ids, load_exercise
from eccentra.simulate import (
    JOINT_EXERCISES,
    Disconnect,
    Dropout,
    Scenario,
    everyday_session,
    generic_session,
    hold_session,
    joint_session,
    nordic_session,
)
from eccentra.simulate.sessions import Variant

__all__ = ["Athletes", "all_athletes", "with_faults"]

_VARIANTS: dict[str, Variant] = {
    "nordic-curl": "flat",
    "nordic-curl-assisted": "assisted",
    "nordic-curl-inclined": "inclined",
}
# Load cells alone see contractions in every other exercise alike: short ones and holds stand for all.
_CONTRACTIONS = {"leg-curl": False, "bridge-hold": True}
# A disturbed session still counts: what a person loses to a sensor that drops out is part of the error.
_FAULTY_EVERY = 10


class Athletes(msgspec.Struct, frozen=True):
    """One exercise: its kits, a session by seed and kit, everyday movement by seed, kit and minutes.

    ``generic`` has none of the last: steady walking is a cyclic exercise to it.
    """

    exercise: str
    kits: tuple[str, ...]
    session: Callable[[int, str], Scenario]
    idle: Callable[[int, str, float], Scenario] | None


def all_athletes() -> dict[str, Athletes]:
    """Every exercise there is a simulator for, by id."""
    return {name: _athletes(name) for name in exercise_ids()}


def _athletes(name: str) -> Athletes:
    athletes = _by_stage(name)
    long = _CONTRACTIONS.get(name)
    if long is None:
        return athletes

    def session(seed: int, kit: str) -> Scenario:
        return contraction_session(seed, long=long) if kit == "force" else athletes.session(seed, kit)

    return Athletes(name, (*athletes.kits, "force"), session, athletes.idle)


def _by_stage(name: str) -> Athletes:
    stage = load_exercise(name).stage["kind"]
    kits: tuple[str, ...]

    def idle(seed: int, kit: str, minutes: float) -> Scenario:
        return everyday_session(seed, kit=kit, minutes=minutes)

    if stage == "generic":
        return Athletes(name, ("one sensor",), lambda seed, _kit: generic_session(seed), None)
    if stage == "hold":
        kits = ("thigh+pelvis", "pelvis", "trunk", "thigh")
        return Athletes(name, kits, lambda seed, kit: hold_session(seed, name, kit=kit), idle)  # type: ignore[arg-type]
    if name in JOINT_EXERCISES:
        kits = JOINT_EXERCISES[name].kits
        return Athletes(name, kits, lambda seed, kit: joint_session(seed, exercise=name, kit=kit), idle)
    kits = ("thigh+shank+force", "thigh+force", "thigh+shank", "thigh", "force")
    variant = _VARIANTS[name]
    return Athletes(name, kits, lambda seed, kit: nordic_session(seed, kit=kit, variant=variant), idle)


def with_faults(scenario: Scenario, seed: int, duration_s: float) -> Scenario:
    """Every tenth session loses a sensor's samples, or its connection, for a while."""
    if seed % _FAULTY_EVERY:
        return scenario
    rng = np.random.default_rng([seed, 77])
    worn = scenario.worn
    sensor = worn[int(rng.integers(len(worn)))].id
    at = float(rng.uniform(0.2, 0.8)) * duration_s
    away = float(rng.uniform(0.3, 2.0))
    fault: Dropout | Disconnect = Dropout(sensor=sensor, start_s=at, end_s=at + away)
    if rng.random() < 0.5:
        fault = Disconnect(sensor=sensor, at_s=at, away_s=away, restart=bool(rng.random() < 0.5))
    return msgspec.structs.replace(scenario, faults=(*scenario.faults, fault))
