"""A station begins its session long after it has connected: every model is understood all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")

from station_parts import Told

from eccentra.commands import Request, parse_line
from eccentra.link import WantedSensor
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.mailbox import Mailbox
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.link.virtual.peripheral import Sent, VirtualSensor
from eccentra.profiles import SensorSetup
from eccentra.recording import Recording
from eccentra.station import Room, Station
from waves import decoded, longest, not_a_piece, tape_of
from worn import groups

BEFORE_S = 1.0
STREAMS_S = 3.0
WITHIN_S = 60.0

GROUPS = groups()


async def recorded(folder: Path, setups: list[SensorSetup]) -> dict[str, list[Sent]]:
    """One session of a station on these sensors, begun when all have been streaming for a while."""
    air = Air()
    central = await Central.switched_on(air, request_s=30.0)
    sent: dict[str, list[Sent]] = {setup.sensor: [] for setup in setups}
    sensors = [
        VirtualSensor(
            setup,
            tape_of(setup),
            air,
            address=f"F0:EC:CE:47:0B:{order:02X}",
            sent=sent[setup.sensor].append,
            advertise_every_s=0.03,
        )
        for order, setup in enumerate(setups, 1)
    ]
    wanted = tuple(WantedSensor(setup=one.setup, address=one.address) for one in sensors)
    mailbox, told = Mailbox(), Told()
    link = BluetoothLink(wanted, mailbox, backend=make_backend(central))
    station = Station(Room(station="bench", folder=folder, wanted=wanted), link, mailbox, (told,))
    running = asyncio.create_task(station.run())
    for sensor in sensors:
        await sensor.start()
    async with asyncio.timeout(WITHIN_S):
        while {one.state for one in link.status()} != {"streaming"}:  # noqa: ASYNC110  no event says it
            await asyncio.sleep(0.1)
    await asyncio.sleep(BEFORE_S)
    answer = await station.request(Request(id="begin", do=parse_line("start exercise=generic")))
    assert answer.reason == "done", answer
    await asyncio.sleep(STREAMS_S)
    station.stop()
    await running
    for sensor in sensors:
        await sensor.stop()
    return sent


@pytest.mark.long
@pytest.mark.parametrize("setups", GROUPS, ids=lambda group: "+".join(one.sensor for one in group))
def test_a_session_that_begins_later_understands_every_model(
    tmp_path: Path, setups: list[SensorSetup]
) -> None:
    sent = asyncio.run(recorded(tmp_path, setups))
    (path,) = tmp_path.glob("*.eccentra")
    recording = Recording(path)
    inputs = list(recording.inputs())
    found = {}
    for setup in setups:
        own = sent[setup.sensor]
        stream = longest([one.stream for one in own])
        packets = [one for one in own if one.stream == stream]
        tape = tape_of(setup).at_rate(setup.rate)
        values = np.concatenate([tape.read(one.first, len(one.device_ns))[1] for one in packets])
        got = decoded(setup, inputs)
        enough = 0.5 * setup.rate * STREAMS_S
        found[setup.sensor] = f"{len(got)} samples" if len(got) < enough else not_a_piece(setup, got, values)
    assert {name: what for name, what in found.items() if what} == {}
