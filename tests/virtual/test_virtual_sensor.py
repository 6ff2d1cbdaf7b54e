"""Emulated sensors: what they answer, when they stream, and what goes wrong when it is told to."""

from __future__ import annotations

import asyncio
import itertools
import time

import numpy as np
import pytest
from bleak.exc import BleakGATTProtocolError
from virtual_parts import Host, Room, in_room, moving, until, worn

from eccentra.decode import Notice
from eccentra.link.virtual.peripheral import VirtualSensor


def ticks(host: Host) -> np.ndarray:
    return np.concatenate([frame.ticks for frame in host.frames])


def test_samples_arrive_as_simulated_in_real_time() -> None:
    async def scene(room: Room) -> None:
        hosts = {name: Host(room[name]) for name in ("thigh", "left")}
        clients = {name: await room.connect(name) for name in hosts}
        loop = asyncio.get_running_loop()
        began, took = {}, {}
        for name, host in hosts.items():
            await host.start(clients[name])
            began[name] = loop.time()
        await asyncio.sleep(1.0)
        for name, host in hosts.items():
            took[name] = loop.time() - began[name]
            await host.tell(clients[name], "stop")
        await asyncio.sleep(0.1)
        for name, host in hosts.items():
            signal = moving().signals[name]
            sent = room.sent[name]
            assert host.samples == sum(len(one.device_ns) for one in sent)
            rate = room[name].setup.rate
            assert host.samples == pytest.approx(rate * took[name], abs=0.15 * rate)
            expected = signal.x[sent[0].first : sent[0].first + host.samples]
            scale = np.abs(expected).max(axis=0)
            heard = np.concatenate([frame.x for frame in host.frames])
            np.testing.assert_allclose(heard, expected, atol=1e-6 * scale.max())

    in_room(scene)


def test_the_force_counter_starts_with_the_start_command() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        host = Host(room["left"])
        await host.start(client)
        await until(lambda: host.samples > 10)
        first = ticks(host)
        assert first[0] <= 12_500
        assert np.all(np.abs(np.diff(first) - 12_500) <= 1)
        await host.tell(client, "stop")
        await asyncio.sleep(0.1)
        host.frames.clear()
        await host.tell(client, "start")
        await until(lambda: host.samples > 3)
        assert ticks(host)[0] <= 12_500

    in_room(scene, ("left",))


def test_the_motion_counter_counts_since_boot_and_packets_come_in_two_parts() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("thigh")
        host = Host(room["thigh"])
        await host.start(client)
        await until(lambda: len(host.frames) >= 4)
        stamps = [int(frame.ticks[0]) for frame in host.frames]
        assert stamps[0] > 100_000
        assert all(76 <= b - a <= 78 for a, b in itertools.pairwise(stamps))
        data = [len(packet) for packet in host.packets if packet[0] in (2, 3)]
        assert data[:2] == [155, 45]
        assert {packet[1] for packet in host.packets} == {7}

    in_room(scene, ("thigh",), booted_s=120.0)


def test_it_streams_only_while_started_and_subscribed() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        host = Host(room["left"])
        await host.tell(client, "start")
        await asyncio.sleep(0.15)
        assert not host.packets
        assert room["left"].counts.withheld > 3
        await host.subscribe(client)
        await until(lambda: host.samples > 3)
        await host.tell(client, "stop")
        await asyncio.sleep(0.05)
        before = host.samples
        await asyncio.sleep(0.1)
        assert host.samples == before
        await client.disconnect()
        again = await room.connect("left")
        await host.subscribe(again)
        await asyncio.sleep(0.1)
        assert host.samples == before  # what was asked for ended with the connection

    in_room(scene, ("left",))


def test_answers_to_questions_in_the_middle_of_a_stream_cost_no_sample() -> None:
    async def scene(room: Room) -> None:
        said = {
            "left": (Notice(kind="battery_v", value=4.044), Notice(kind="firmware", value="1.2.3")),
            "thigh": (Notice(kind="battery_pct", value=87), Notice(kind="firmware", value="gsp 2.3.1")),
        }
        for name, (battery, firmware) in said.items():
            host = Host(room[name])
            client = await room.connect(name)
            await host.start(client)
            await until_samples(host, 4)
            await host.tell(client, "battery")
            await until_samples(host, 16)
            await host.tell(client, "firmware")
            await until_samples(host, 16)
            assert battery in host.notices
            assert firmware in host.notices
            numbers = [one.first for one in room.sent[name]]
            assert len(set(np.diff(numbers))) == 1

    in_room(scene)


async def until_samples(host: Host, more: int) -> None:
    before = host.samples
    await until(lambda: host.samples > before + more)


def test_a_hardware_tare_moves_the_zero() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        host = Host(room["left"])
        await host.start(client)
        await until(lambda: host.samples > 3)
        assert abs(host.frames[-1].x[0, 0]) > 1.0  # the simulated offset of 4 N
        host.frames.clear()
        await host.tell(client, "tare")
        await until(lambda: host.samples > 3 and abs(host.frames[-1].x[0, 0]) < 2.5)

    in_room(scene, ("left",))


def test_movesense_refuses_what_it_does_not_have() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("thigh")
        host = Host(room["thigh"])
        await host.subscribe(client)
        command = host.ble.characteristics["command"]
        for data, status in (
            (b"\x01\x05/Meas/Nonsense/104\0", 404),
            (b"\x01\x06/Meas/IMU6/100\0", 200),  # accepted, and then no data
            (b"\x02\x06", 404),
            (b"\x01\x07/Meas/Acc/52\0", 200),
            (b"\x01\x08/Meas/IMU6/52\0", 409),
            (b"\x02\x07", 200),
        ):
            host.packets.clear()
            await client.write_gatt_char(command, data, response=True)
            await until(lambda data=data: any(p[:2] == bytes((1, data[1])) for p in host.packets))
            answer = next(p for p in host.packets if p[:2] == bytes((1, data[1])))
            assert int.from_bytes(answer[2:4], "little") == status
        await client.write_gatt_char(command, b"\x04\x09/Info\0", response=True)
        host.packets.clear()
        await asyncio.sleep(0.1)
        assert not host.packets

    in_room(scene, ("thigh",))


def test_another_rate_and_mode_than_the_tape_has() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("thigh")
        host = Host(room["thigh"])
        setup = room["thigh"].setup
        acc = setup.profile.mode[1]
        host.decoder = setup.profile.parameters().start(channels=acc.channels, rate_hz=52.0)
        await host.subscribe(client)
        command = host.ble.command("start", acc.id, 52.0)[0]
        await client.write_gatt_char(*command, response=True)
        await until(lambda: len(host.frames) > 3)
        assert host.frames[0].x.shape == (4, 3)
        assert np.linalg.norm(host.frames[0].x[0]) == pytest.approx(9.81, abs=1.0)

    in_room(scene, ("thigh",))


def test_low_battery_silence_repeats_and_losses() -> None:
    async def scene(room: Room) -> None:
        sensor = room["left"]
        client = await room.connect("left")
        host = Host(sensor)
        await host.start(client)
        await until(lambda: host.samples > 3)
        await sensor.low_battery()
        await until(lambda: Notice(kind="battery_low") in host.notices)
        sensor.silent = True
        await asyncio.sleep(0.05)
        before = host.samples
        await asyncio.sleep(0.1)
        assert host.samples == before
        sensor.silent = False
        await until(lambda: host.samples > before + 2)
        sensor.repeat = 2
        await until(lambda: np.sum(np.diff(ticks(host)) == 0) == 2)
        sensor.lose = 3
        await until(lambda: any(abs(d - 50_000) <= 2 for d in np.diff(ticks(host))))
        sensor.restart_counter()
        await until(lambda: bool(np.any(np.diff(ticks(host)) < 0)))

    in_room(scene, ("left",))


def test_refused_and_swallowed_commands() -> None:
    async def scene(room: Room) -> None:
        sensor = room["left"]
        client = await room.connect("left")
        host = Host(sensor)
        await host.subscribe(client)
        sensor.refuse = 1
        with pytest.raises(BleakGATTProtocolError):
            await host.tell(client, "start")
        sensor.swallow = 1
        await host.tell(client, "start")
        assert not sensor.streaming
        await host.tell(client, "start")
        assert sensor.streaming

    in_room(scene, ("left",))


def test_told_to_sleep_it_hangs_up_and_is_not_heard_until_woken() -> None:
    async def scene(room: Room) -> None:
        sensor = room["left"]
        gone = asyncio.Event()
        client = await room.connect("left", disconnected_callback=lambda _: gone.set())
        control = sensor.setup.profile.ble.characteristics["control"]
        await client.write_gatt_char(control, b"\x6e", response=True)
        await asyncio.wait_for(gone.wait(), 1.0)
        with pytest.raises(AssertionError, match="not found"):
            await room.find("left", within_s=0.2)
        await sensor.wake()
        await room.find("left")

    in_room(scene, ("left",))


def test_with_the_smallest_mtu_motion_does_not_get_through_and_force_does() -> None:
    async def scene(room: Room) -> None:
        force, motion = Host(room["left"]), Host(room["thigh"])
        clients = [await room.connect("left"), await room.connect("thigh")]
        assert [client.mtu_size for client in clients] == [23, 23]
        await force.start(clients[0])
        await motion.start(clients[1])
        await until(lambda: force.samples > 3 and motion.errors > 1)
        assert not motion.frames

    in_room(scene, mtu=23)


def test_packets_leave_in_bursts_at_connection_events() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        host = Host(room["left"])
        await host.start(client)
        await until(lambda: host.samples > 30)
        moments = np.diff([one.at_s for one in room.sent["left"]])
        assert np.sum(moments < 0.002) >= 0.6 * len(moments)
        assert moments.max() > 0.045

    in_room(scene, ("left",), interval_s=0.05)


def test_a_drifting_clock() -> None:
    options = {"address": "F0:00:00:00:00:01", "drift_ppm": 100.0, "booted_s": 0.0}
    sensor = VirtualSensor(in_setup("thigh"), in_tape("thigh"), None, **options)
    second = np.array([1_000_000_000], dtype=np.int64)
    assert sensor.firmware.device_ns(second)[0] == 1_000_100_000


def in_setup(name: str):
    return next(setup for setup in moving().setups if setup.sensor == name)


def in_tape(name: str):
    from eccentra.link.virtual.tape import tapes

    return tapes(moving(), loop=True)[name][1]


def test_a_name_that_does_not_fit_and_a_device_that_is_not_bluetooth() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        VirtualSensor(in_setup("left"), in_tape("left"), None, address="F0:00:00:00:00:01", name="x" * 40)
    from eccentra.errors import InputError
    from eccentra.profiles import SensorSetup, load_profile

    setup = SensorSetup(sensor="csv", profile=load_profile("recorded-csv"), rate_hz=100.0)
    with pytest.raises(InputError, match="no Bluetooth device"):
        VirtualSensor(setup, in_tape("left"), None, address="F0:00:00:00:00:01")


def test_every_bluetooth_profile_can_be_emulated() -> None:
    from eccentra.link.virtual.firmware import firmware_for
    from eccentra.profiles import SensorSetup, load_profile, profile_ids

    profiles = [load_profile(name) for name in profile_ids()]
    able = [p for p in profiles if p.ble is not None]
    assert len(able) >= 2
    for profile in able:
        typed = {one.id: one.example for one in profile.setting if one.example is not None}
        firmware = firmware_for(SensorSetup(sensor="one", profile=profile, settings=typed), booted_ns=0)
        assert firmware.samples_per_packet >= 1
    assert worn("left").device in {profile.id for profile in able}


def test_no_sample_overtakes_the_answer_that_announces_it() -> None:
    from eccentra.decode.dynamo import framed
    from eccentra.profiles import SensorSetup, load_profile
    from waves import tape_of

    setup = SensorSetup(sensor="one", profile=load_profile("vald-dynamo"), channels=("force",))
    said: list[bytes] = []

    async def slowly(to: str, data: bytes) -> None:
        await asyncio.sleep(0.05)
        said.append(data)

    async def scene() -> None:
        sensor = VirtualSensor(setup, tape_of(setup), None, address="F0:00:00:00:00:01")
        sensor._gatt.notify = slowly
        sensor._gatt.subscribed = lambda name: True
        sensor._zero_s = asyncio.get_running_loop().time()
        for ready_then_start in ("560100", "5300"):
            sensor.written("command", framed(bytes.fromhex(ready_then_start)))
        await until(lambda: sum(data[0] == 0x04 for data in said) >= 3)
        sensor.host_gone()

    asyncio.run(scene())
    first = next(k for k, data in enumerate(said) if data[0] == 0x04)
    assert b"\x00\x00\x00" in said[:first]


def test_a_held_up_program_does_not_make_the_sensor_remember_for_ever() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        host = Host(room["left"])
        await host.start(client)
        await until(lambda: host.samples > 3)
        time.sleep(2.0)  # noqa: ASYNC251  the event loop is what is held up
        await until_samples(host, 90)
        numbers = [one.first for one in room.sent["left"]]
        assert 60 <= max(np.diff(numbers)) <= 100
        assert room["left"].counts.overflowed >= 60

    in_room(scene, ("left",))
