"""Heart rate beside an exercise: recorded, counted from never, and nothing waits for it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from eccentra.errors import InputError
from eccentra.events import Numbered, RepCompleted, SensorGap, SensorLost
from eccentra.exercises import load_exercise
from eccentra.inputs import Connected, Input, Packet
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import NS_PER_S
from eccentra.session import Header, Session, Settings
from eccentra.simulate import nordic_session, simulate
from eccentra.simulate.delivery import setup_of

BELT = SensorSetup(sensor="belt", profile=load_profile("heart-rate"))


def header(*sensors: SensorSetup) -> Header:
    return Header(
        session="heart",
        exercise=load_exercise("nordic-curl"),
        sensors=sensors,
        software="test",
        settings=Settings(idle_end_s=None),
    )


def exercise() -> tuple[SensorSetup, list[Input]]:
    scenario = nordic_session(3, kit="thigh")
    return setup_of(scenario.sensors[0]), list(simulate(scenario, 3).inputs())


def beats(until_ns: int) -> list[Input]:
    """A packet with each beat, with a pause of four seconds without contact to the skin."""
    encoder = BELT.start_encoder()
    out: list[Input] = [Connected(1000, BELT.sensor)]
    for at in np.arange(0.4, until_ns / NS_PER_S, 0.83).tolist():
        if not 20.0 < at < 24.0:
            ((channel, data),) = encoder.encode(np.zeros(1, dtype=np.int64), np.array([[1.2]]))
            out.append(Packet(int(at * NS_PER_S), BELT.sensor, channel, data))
    return out


def told(session: Session, items: list[Input], *, singly: bool) -> list[Numbered]:
    out = [one for item in items for one in session.feed(item)] if singly else session.feed_many(items)
    return [*out, *session.finish()]


def test_repetitions_are_those_without_the_belt() -> None:
    thigh, items = exercise()
    alone = told(Session(header(thigh)), items, singly=False)
    mixed = sorted([*items, *beats(items[-1].arrival_ns)], key=lambda item: item.arrival_ns)
    session = Session(header(thigh, BELT))
    beside = told(session, mixed, singly=False)
    reps = [[e.event for e in out if isinstance(e.event, RepCompleted)] for out in (alone, beside)]
    assert len(reps[0]) == 2
    assert reps[0] == reps[1]
    assert not [e for e in beside if isinstance(e.event, SensorGap | SensorLost)]
    assert session.health()["belt"].samples > 20
    singly = told(Session(header(thigh, BELT)), mixed, singly=True)
    assert [msgspec.json.encode(e) for e in singly] == [msgspec.json.encode(e) for e in beside]


def test_what_is_no_motion_is_refused_as_motion() -> None:
    with pytest.raises(InputError, match="got no sensor"):
        Session(header(BELT))
    free = SensorSetup(
        sensor="dot", profile=load_profile("movella-dot"), channels=("free_x", "free_y", "free_z")
    )
    with pytest.raises(InputError, match="no exercise is measured with free_x"):
        Session(header(free))
    raw = SensorSetup(sensor="shimmer", profile=load_profile("shimmer3r"))
    with pytest.raises(InputError, match="calibrated for each unit"):
        Session(header(raw))
