"""The same repetitions through every motion sensor's own bytes: the count does not depend on the model."""

from __future__ import annotations

import msgspec
import pytest

from eccentra.events import RepCompleted, SensorGap, SensorMalformed
from eccentra.exercises import load_exercise
from eccentra.profiles import SensorSetup, load_profile, profile_ids
from eccentra.session import Header, Session, Settings
from eccentra.simulate import nordic_session, simulate
from eccentra.simulate.delivery import setup_of

ACC = ("acc_x", "acc_y", "acc_z")
IMU = (*ACC, "gyr_x", "gyr_y", "gyr_z")
MODELS = [
    (name, mode.channels == IMU)
    for name in profile_ids()
    for mode in load_profile(name).mode
    if mode.kind == "imu" and mode.channels in (IMU, ACC) and load_profile(name).ble is not None
]


SLOW_HZ = 20.0


def counted(name: str, seed: int, *, gyroscope: bool) -> tuple[int, int, int]:
    """Repetitions counted, true ones, and packets or stretches that were lost."""
    setup = SensorSetup(sensor="a", profile=load_profile(name), channels=IMU if gyroscope else ACC)
    scenario = nordic_session(seed, kit="thigh")
    changes = {
        "device": name,
        "rate_hz": setup.rate,
        "samples_per_packet": setup.start_encoder().samples_per_packet,
        "gyroscope": gyroscope,
    }
    worn = tuple(msgspec.structs.replace(spec, **changes) for spec in scenario.sensors)
    simulation = simulate(msgspec.structs.replace(scenario, sensors=worn), seed)
    header = Header(
        session="models",
        exercise=load_exercise("nordic-curl"),
        sensors=tuple(setup_of(spec) for spec in worn),
        software="test",
        settings=Settings(idle_end_s=None),
    )
    session = Session(header)
    out = [one.event for one in (*session.feed_many(simulation.inputs()), *session.finish())]
    lost = sum(isinstance(event, SensorMalformed | SensorGap) for event in out)
    true = sum(len(one.reps) for one in simulation.truth.sets)
    return sum(isinstance(event, RepCompleted) for event in out), true, lost


def test_there_are_models_of_all_makers() -> None:
    assert len({name for name, _ in MODELS}) >= 12


@pytest.mark.parametrize(("name", "gyroscope"), MODELS)
def test_repetitions_are_counted_through_every_model(name: str, gyroscope: bool) -> None:
    found, true, lost = counted(name, 3, gyroscope=gyroscope)
    assert (found, lost) == (true, 0)


@pytest.mark.long
@pytest.mark.parametrize(("name", "gyroscope"), MODELS)
def test_repetitions_of_other_people_too(name: str, gyroscope: bool) -> None:
    for seed in (1, 2):
        found, true, lost = counted(name, seed, gyroscope=gyroscope)
        assert lost == 0
        # ten samples a second without a gyroscope do not show every quick descent
        slow = not gyroscope and load_profile(name).rate_hz < SLOW_HZ
        assert true / 2 <= found <= true if slow else found == true
