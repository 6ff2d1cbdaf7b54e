"""What sensors said before their first sample is kept for sessions that begin later, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.decode import CHANNEL, Frame, opening
from eccentra.inputs import Connected, Lost, Packet, Written
from eccentra.profiles import SensorSetup, load_profile
from eccentra.station.openings import Openings


def setup_of(model: str) -> SensorSetup:
    return SensorSetup(sensor="one", profile=load_profile(model))


def connection(setup: SensorSetup, samples: int = 3) -> list[Packet | Connected | Written]:
    """A connection as a link tells of it, with its times, and samples of 5 N or 5 m/s²."""
    encoder = setup.start_encoder()
    n = encoder.samples_per_packet
    times = np.arange(n, dtype=np.int64) * 10_000_000
    said: list[tuple[str, bytes]] = []
    for k in range(samples):
        said += encoder.encode(times + k * n * 10_000_000, np.full((n, len(setup.mode.channels)), 5.0))
    asked: list[Packet | Connected | Written] = [Connected(1, "one"), Written(2, "one", "command", b"C")]
    answered = [Packet(3, "one", *one) for one in opening(encoder)]
    return [*asked, *answered, Written(4, "one", "command", b"S8"), *(Packet(5, "one", *one) for one in said)]


def frames(setup: SensorSetup, items: list[Packet | Written]) -> list[Frame]:
    decoder = setup.start_decoder()
    out: list[Frame] = []
    for item in items:
        if isinstance(item, Written):
            decoder.expect(item.data)
        else:
            out += [part for part in decoder.feed(item.channel, item.data) if isinstance(part, Frame)]
    return out


@pytest.mark.parametrize("model", ["griptonite-motherboard", "polar-verity-sense"])
def test_a_later_session_understands_what_comes(model: str) -> None:
    setup = setup_of(model)
    openings = Openings([setup])
    items = connection(setup)
    for item in items:
        openings.take(item)
    said = openings.of("one")
    assert {item.arrival_ns for item in said} == {0}
    assert not frames(setup, said), "no sample of before the session"
    later = [item for item in items if isinstance(item, Packet) and item.channel == CHANNEL][-4:]
    assert frames(setup, [*said, *later])


def test_it_ends_with_the_connection_and_a_sensor_that_needs_none_has_none() -> None:
    setup = setup_of("griptonite-motherboard")
    openings = Openings([setup])
    for item in connection(setup):
        openings.take(item)
    openings.take(Lost(3_000, "one"))
    assert openings.of("one") == []
    plain = setup_of("tindeq-progressor")
    assert not plain.has_opening
    other = Openings([plain])
    for one in connection(plain):
        other.take(one)
    assert other.of("one") == []


def test_a_device_that_never_comes_to_the_point_does_not_fill_the_memory() -> None:
    openings = Openings([setup_of("griptonite-motherboard")])
    openings.take(Connected(0, "one"))
    for k in range(10_000):
        openings.take(Packet(k, "one", CHANNEL, b"hello\n"))
    assert len(openings.of("one")) <= 200
