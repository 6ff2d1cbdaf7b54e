"""Unmodified Bleak code on the in-memory radio behaves as on a desktop."""

from __future__ import annotations

import asyncio

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from virtual_parts import Host, Room, in_room, until


def test_a_scan_finds_names_services_and_makers() -> None:
    async def scene(room: Room) -> None:
        found = await BleakScanner.discover(0.3, return_adv=True, backend=room.scanner)
        assert set(found) == {room["thigh"].address, room["left"].address}
        _, thigh = found[room["thigh"].address]
        assert thigh.local_name.startswith("Movesense 17453")
        assert "0000fdf3-0000-1000-8000-00805f9b34fb" in thigh.service_uuids
        assert 0x009F in thigh.manufacturer_data
        _, left = found[room["left"].address]
        assert left.local_name.startswith("Progressor_")
        assert left.service_uuids == ["7e4e1701-1ea6-40c9-9dcc-13d34ffead57"]
        assert left.rssi == -50

    in_room(scene)


@pytest.mark.parametrize("name_first", [True, False])
def test_name_and_service_come_in_different_packets(name_first: bool) -> None:
    async def scene(room: Room) -> None:
        first: list[tuple[bool, bool]] = []

        def seen(_: object, data: object) -> None:
            first.append((data.local_name is not None, bool(data.service_uuids)))

        async with BleakScanner(seen, backend=room.scanner):
            await until(lambda: len(first) >= 2)
        assert first[0] == ((True, False) if name_first else (False, True))
        assert first[1] == (True, True)

    in_room(scene, ("left",), name_first=name_first)


def test_passive_scans_get_no_scan_response_and_filters_hold() -> None:
    async def scene(room: Room) -> None:
        names = []
        async with BleakScanner(
            lambda d, a: names.append(a.local_name), scanning_mode="passive", backend=room.scanner
        ):
            await until(lambda: len(names) >= 3)
        assert set(names) == {None}
        full = "0000fdf3-0000-1000-8000-00805f9b34fb"
        only = await BleakScanner.discover(0.2, service_uuids=[full], backend=room.scanner)
        assert [device.address for device in only] == [room["thigh"].address]

    in_room(scene)


def test_services_properties_and_mtu() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        ble = room["left"].setup.profile.ble
        assert client.is_connected
        assert client.mtu_size == 247
        data = client.services.get_characteristic(ble.characteristics["data"])
        control = client.services.get_characteristic(ble.characteristics["control"])
        assert data.service_uuid == ble.service
        assert data.properties == ["notify"]
        assert sorted(control.properties) == ["write", "write-without-response"]
        assert control.max_write_without_response_size == 244
        with pytest.raises(BleakGATTProtocolError) as refused:
            await client.read_gatt_char(data)
        assert refused.value.code == 2
        await client.disconnect()
        assert not client.is_connected
        with pytest.raises(BleakError, match=r"Not connected|performed"):
            await client.write_gatt_char(control, b"\x66", response=True)

    in_room(scene, ("left",))


def test_the_callback_comes_for_our_own_disconnect_too_and_once() -> None:
    async def scene(room: Room) -> None:
        gone: list[str] = []
        client = await room.connect("left", disconnected_callback=lambda c: gone.append(c.address))
        await client.disconnect()
        await client.disconnect()
        assert gone == [room["left"].address]
        again = await room.connect("left", disconnected_callback=lambda c: gone.append("again"))
        await room["left"].drop()
        await until(lambda: len(gone) == 2)
        assert not again.is_connected

    in_room(scene, ("left",))


def test_connecting_to_nobody_ends_and_leaves_nothing_pending() -> None:
    async def scene(room: Room) -> None:
        device = await room.find("left")
        await room["left"].sleep()
        with pytest.raises(TimeoutError):
            await BleakClient(device, timeout=0.2, backend=room.client).connect()
        with pytest.raises(BleakDeviceNotFoundError):
            await BleakClient("F0:00:00:00:00:99", timeout=0.2, backend=room.client).connect()
        cancelled = asyncio.create_task(BleakClient(device, backend=room.client).connect())
        await asyncio.sleep(0.05)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await room["left"].wake()
        client = await room.connect("left")
        assert client.is_connected

    in_room(scene, ("left",))


def test_two_connects_at_once_wait_for_each_other() -> None:
    async def scene(room: Room) -> None:
        devices = [await room.find(name) for name in ("thigh", "left")]
        clients = [BleakClient(device, backend=room.client) for device in devices]
        await asyncio.gather(*(client.connect() for client in clients))
        assert all(client.is_connected for client in clients)

    in_room(scene)


def test_a_vanished_sensor_is_noticed_by_supervision() -> None:
    async def scene(room: Room) -> None:
        gone = asyncio.Event()
        client = await room.connect("left", disconnected_callback=lambda _: gone.set())
        began = asyncio.get_running_loop().time()
        vanishing = asyncio.create_task(room["left"].vanish(1.0, noticed_s=0.3))
        await gone.wait()
        assert 0.25 < asyncio.get_running_loop().time() - began < 0.95
        assert not client.is_connected
        await vanishing
        assert (await room.connect("left")).is_connected

    in_room(scene, ("left",))


def test_an_unnoticed_loss_shows_as_a_time_out_and_can_be_cleared() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        control = room["left"].setup.profile.ble.characteristics["control"]
        await room["left"].vanish(0.0, noticed_s=None)
        assert client.is_connected
        with pytest.raises(TimeoutError, match="no answer"):
            await client.write_gatt_char(control, b"\x66", response=True)
        await client.disconnect()
        assert not client.is_connected
        assert (await room.connect("left")).is_connected

    in_room(scene, ("left",), request_s=0.2)


def test_a_loss_during_a_write_is_an_error_and_no_cancellation() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        control = room["left"].setup.profile.ble.characteristics["control"]
        vanishing = asyncio.create_task(room["left"].vanish(0.5, noticed_s=0.1))
        await asyncio.sleep(0.01)
        with pytest.raises(BleakError, match="disconnected"):
            await client.write_gatt_char(control, b"\x66", response=True)
        await vanishing

    in_room(scene, ("left",))


def test_an_adapter_that_is_switched_off() -> None:
    async def scene(room: Room) -> None:
        gone = asyncio.Event()
        client = await room.connect("left", disconnected_callback=lambda _: gone.set())
        device = await room.find("thigh")
        await room["thigh"].sleep()
        pending = asyncio.create_task(BleakClient(device, backend=room.client).connect())
        await asyncio.sleep(0.05)
        room.central.switch_off()
        await asyncio.wait_for(gone.wait(), 1.0)
        assert not client.is_connected
        for attempt in (pending, client.connect(), BleakScanner(backend=room.scanner).start()):
            with pytest.raises(BleakBluetoothNotAvailableError) as off:
                await attempt
            assert off.value.reason is BleakBluetoothNotAvailableReason.POWERED_OFF
        await until(lambda: not room["left"].connected)
        room.central.switch_on()
        assert (await room.connect("left")).is_connected

    in_room(scene)


def test_notifications_stop_and_start_again() -> None:
    async def scene(room: Room) -> None:
        client = await room.connect("left")
        host = Host(room["left"])
        await host.start(client)
        data = host.ble.characteristics["data"]
        await until(lambda: host.samples > 5)
        with pytest.raises(BleakError, match="already started"):
            await client.start_notify(data, host.heard)
        await client.stop_notify(data)
        before = host.samples
        await asyncio.sleep(0.1)
        assert host.samples == before
        await host.subscribe(client)
        await until(lambda: host.samples > before + 5)

    in_room(scene, ("left",))


def test_a_loss_during_discovery_fails_the_connect_and_is_told_once() -> None:
    async def scene(room: Room) -> None:
        gone: list[str] = []
        device = await room.find("left")
        client = BleakClient(device, lambda _: gone.append("gone"), backend=room.client)
        connecting = asyncio.create_task(client.connect())
        await until(lambda: room["left"].connected)
        await room["left"].drop()
        with pytest.raises(BleakError, match="disconnected"):
            await connecting
        assert gone == ["gone"]
        assert not client.is_connected
        await client.connect()
        await room["left"].drop()
        await until(lambda: gone == ["gone", "gone"])

    in_room(scene, ("left",))
