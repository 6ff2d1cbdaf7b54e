"""Every force sensor on two straps of a simulated athlete: its packets through a whole session."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eccentra.events import CalibrationFailed, QualityNoted, RepCompleted, SensorMalformed
from eccentra.exercises import load_exercise
from eccentra.profiles import load_profile
from eccentra.session import Header, Session
from eccentra.simulate import Simulation, nordic_session, simulate
from needs import ROOT

SEED = 5
FORCE = [
    profile
    for profile in (load_profile(path) for path in sorted((ROOT / "devices").glob("*.toml")))
    if profile.ble is not None and profile.kind == "force"
]
# The most common, the slowest, the fastest, and one that sends differences.
QUICK = {"tindeq-progressor", "wh-c06", "muscle-meter", "vald-dynamo", "open-sensor"}
# Slower than the phases of a curl: only that nothing breaks.
TOO_SLOW_HZ = 7.0


def worn_by(device: str, rate_hz: float) -> Simulation:
    """The session of the ready-made straps, measured by two sensors of this model."""
    scenario = nordic_session(SEED, kit="force", sets=1, reps=5)
    sensors = tuple(
        msgspec.structs.replace(spec, device=device, rate_hz=rate_hz, samples_per_packet=1)
        for spec in scenario.worn
    )
    return simulate(msgspec.structs.replace(scenario, sensors=sensors), seed=SEED)


def header_of(simulation: Simulation) -> Header:
    exercise = load_exercise("nordic-curl")
    return Header(session="s", exercise=exercise, sensors=simulation.setups, software="test")


def events_of(simulation: Simulation) -> list[Any]:
    session = Session(header_of(simulation))
    numbered = session.feed_many(simulation.inputs()) + session.finish()
    return [one.event for one in numbered]


@pytest.mark.parametrize(
    "profile",
    [pytest.param(one, id=one.id, marks=() if one.id in QUICK else pytest.mark.long) for one in FORCE],
)
def test_a_session_on_these_straps(profile: Any) -> None:
    simulation = worn_by(profile.id, profile.rate_hz)
    events = events_of(simulation)
    assert not [event for event in events if isinstance(event, SensorMalformed | CalibrationFailed)]
    done = [event for event in events if isinstance(event, RepCompleted)]
    assert len({e.flag for e in events if isinstance(e, QualityNoted)}) < 10
    if profile.rate_hz > TOO_SLOW_HZ:
        assert len(done) == 5
    else:
        assert len(done) <= 5


@pytest.mark.parametrize("device", ["griptonite-motherboard", "vald-dynamo", "wh-c06"])
def test_one_input_at_a_time_is_the_same(device: str) -> None:
    simulation = worn_by(device, load_profile(device).rate_hz)
    session = Session(header_of(simulation))
    singly = [one.event for item in simulation.inputs() for one in session.feed(item)]
    singly += [one.event for one in session.finish()]
    assert singly == events_of(simulation)
