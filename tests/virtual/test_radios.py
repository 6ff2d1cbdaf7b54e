"""Sensors on controllers that are spoken to by HCI, here virtual ones behind a TCP port, as in the rig."""

from __future__ import annotations

import asyncio

import pytest
from virtual_parts import Host, Room, moving, until

from eccentra.errors import InputError
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.athlete import VirtualAthlete
from eccentra.link.virtual.backend import Central
from eccentra.link.virtual.radios import HciTransport
from hci_port import served


def test_two_sensors_over_one_tcp_port_stream_vanish_and_come_back() -> None:
    async def scene() -> None:
        air = Air()
        async with served(air) as spec, asyncio.timeout(15):
            sent = {"thigh": [], "left": []}
            athlete = VirtualAthlete(
                moving(), HciTransport(spec), sent=lambda name, one: sent[name].append(one)
            )
            await athlete.start()
            room = Room(air, athlete, await Central.switched_on(air), sent)
            gone = asyncio.Event()
            for name in ("thigh", "left"):
                client = await room.connect(name, disconnected_callback=lambda _: gone.set())
                host = Host(room[name])
                await host.start(client)
                await until(lambda host=host: host.samples > 10)
            vanishing = asyncio.create_task(room["left"].vanish(0.3))
            await asyncio.wait_for(gone.wait(), 2.0)
            assert room["thigh"].connected
            await vanishing
            host = Host(room["left"])
            await host.start(await room.connect("left"))
            await until(lambda: host.samples > 10)
            await room["left"].drop(0.1)
            assert (await room.connect("left")).is_connected
            await athlete.stop()
            assert not room["thigh"].on_air

    asyncio.run(scene())


@pytest.mark.parametrize("spec", ["tcp-client:127.0.0.1:1", "nonsense", "usb:99", ""])
def test_a_transport_that_cannot_be_opened_is_one_clear_line(spec: str) -> None:
    with pytest.raises(InputError, match=r"--transport .*cannot be opened.*examples: usb:0"):
        asyncio.run(HciTransport(spec).attach("x", "F0:00:00:00:00:01"))
