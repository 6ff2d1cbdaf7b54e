"""A session that begins between the two halves of a sample begins with the next whole one."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.decode import CHANNEL, Frame
from eccentra.inputs import Connected, Lost, Packet
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import Floats
from eccentra.station.halves import Halves


def setup_of(model: str) -> SensorSetup:
    return SensorSetup(sensor="one", profile=load_profile(model))


def stream(setup: SensorSetup, packets: int = 20) -> list[Packet]:
    """Samples that all differ; acceleration and rotation of the k-th are k m/s² and k/10 rad/s."""
    encoder = setup.start_encoder()
    n = encoder.samples_per_packet
    said: list[tuple[str, bytes]] = []
    for k in range(packets):
        number = np.arange(k * n, (k + 1) * n, dtype=np.float64)
        x = np.concatenate([np.tile(number, (3, 1)), np.tile(number / 10, (3, 1))]).T
        said += encoder.encode(np.arange(n, dtype=np.int64), x)
    return [Packet(k, "one", *one) for k, one in enumerate(said)]


def decoded(setup: SensorSetup, packets: list[Packet]) -> Floats:
    decoder = setup.start_decoder()
    parts = [part for one in packets for part in decoder.feed(one.channel, one.data)]
    return np.concatenate([part.x for part in parts if isinstance(part, Frame)])


def recorded(setup: SensorSetup, packets: list[Packet], begin: int) -> list[Packet]:
    """What a session takes that begins after so many packets."""
    halves = Halves([setup])
    assert halves.take(Connected(0, "one"))
    for one in packets[:begin]:
        halves.take(one)
    halves.begin()
    return [one for one in packets[begin:] if halves.take(one)]


@pytest.mark.parametrize("model", ["metamotion", "metamotion-s"])
@pytest.mark.parametrize("begin", [0, 1, 2, 7])
def test_acceleration_and_rotation_belong_together(model: str, begin: int) -> None:
    setup = setup_of(model)
    packets = stream(setup)
    x = decoded(setup, recorded(setup, packets, begin))
    assert len(x) == 3 * ((len(packets) - begin) // 2), "half a sample is left out, nothing else"
    assert np.allclose(x[:, 0], 10 * x[:, 3], atol=0.01)


def test_what_is_no_sample_and_other_connections_pass() -> None:
    setup = setup_of("metamotion")
    packets = stream(setup)
    halves = Halves([setup])
    halves.take(Connected(0, "one"))
    halves.take(packets[0])
    halves.begin()
    assert halves.take(Packet(9, "one", CHANNEL, bytes.fromhex("118c633410"))), "the battery"
    assert halves.take(Packet(9, "one", CHANNEL, b"\x03")), "the session says that it is malformed"
    assert halves.take(Lost(10, "one"))
    assert halves.take(Connected(11, "one"))
    assert all(halves.take(one) for one in packets)


def test_halves_that_never_meet_are_not_kept_back_for_ever() -> None:
    setup = setup_of("metamotion")
    acceleration = stream(setup, 60)[::2]
    assert len(recorded(setup, acceleration, 1)) >= 20


def test_a_sensor_whose_samples_come_whole_is_left_alone() -> None:
    setup = setup_of("tindeq-progressor")
    packet = Packet(0, "one", CHANNEL, b"\x01\x00")
    halves = Halves([setup])
    assert halves.take(Connected(0, "one"))
    halves.begin()
    assert halves.take(packet)
