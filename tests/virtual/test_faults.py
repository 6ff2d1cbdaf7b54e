"""Faults as data and as text."""

from __future__ import annotations

import asyncio

import pytest
from virtual_parts import Host, Room, in_room, until

from eccentra.errors import InputError
from eccentra.link.virtual.faults import KINDS, Fault, parse_fault, play


def test_text_to_fault() -> None:
    assert parse_fault("left:drop@20+3.5") == Fault(sensor="left", kind="drop", at_s=20.0, for_s=3.5)
    assert parse_fault("thigh:lose@12x4") == Fault(sensor="thigh", kind="lose", at_s=12.0, count=4)
    assert parse_fault("thigh:low_battery@0.5").at_s == 0.5


@pytest.mark.parametrize(
    "text", ["", "left", "left:drop", "left:drop@", "left:explode@3", "left:drop@3+x", "L:drop@3"]
)
def test_bad_text_says_what_was_expected(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        parse_fault(text)


def test_all_kinds_can_happen_and_the_sensor_is_well_afterwards() -> None:
    async def scene(room: Room) -> None:
        faults = [Fault(sensor="left", kind=kind, at_s=0.05 * n, for_s=0.05) for n, kind in enumerate(KINDS)]
        await play(faults, room.athlete.sensors)
        sensor = room["left"]
        sensor.refuse = sensor.swallow = 0
        client = await room.connect("left")
        host = Host(sensor)
        await host.start(client)
        await until(lambda: host.samples > 10)

    in_room(scene, ("left",))


def test_a_fault_of_nobody() -> None:
    async def scene(room: Room) -> None:
        with pytest.raises(InputError, match="no such sensor; there are left"):
            await play([parse_fault("right:drop@1")], room.athlete.sensors)

    in_room(scene, ("left",))


def test_drop_and_vanish_at_their_time() -> None:
    async def scene(room: Room) -> None:
        loop = asyncio.get_running_loop()
        gone: list[float] = []
        await room.connect("left", disconnected_callback=lambda _: gone.append(loop.time()))
        began = loop.time()
        playing = asyncio.create_task(play([parse_fault("left:drop@0.2+0.3")], room.athlete.sensors))
        await until(lambda: len(gone) == 1)
        assert 0.19 < gone[0] - began < 0.5
        await room.connect("left")
        assert loop.time() - began >= 0.5
        await playing

    in_room(scene, ("left",))
