"""A made-up radio behind Bleak's own classes: every way in which device, adapter and system misbehave.

It also watches the rules: one scanner, one connect at a time, never both, and a client that was lost must be
disconnected before another one is made, or every notification comes twice, as on BlueZ.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from eccentra.link.addresses import long_uuid
from eccentra.profiles import DeviceProfile, load_profile

ADVERTISE_S = 0.2


class FakeDevice:
    """A Progressor (or any profile's GATT server) that streams 80 records a second after ``65``."""

    def __init__(self, air: Air, address: str, profile: DeviceProfile | None = None) -> None:
        self.air = air
        self.address = address
        self.profile = profile or load_profile("tindeq-progressor")
        self.switched_on = True
        self.sends_data = True
        self.mtu = 247
        self.shown_mtu: int | None = None
        self.records = 1
        self.every_s = 1 / 80
        self.battery_service: int | None = None
        self.missing: set[str] = set()
        self.connect_error: BaseException | None = None
        self.connect_hangs = False
        self.write_error: BaseException | None = None
        self.held = False
        self.disconnect_hangs = False
        self.streaming = False
        self.frozen = False
        self.written: list[bytes] = []
        self.connects = 0
        self.clients: list[FakeClient] = []
        self._ticks = 0
        air.devices[address] = self

    def characteristic(self, name: str) -> str:
        assert self.profile.ble is not None
        return long_uuid(self.profile.ble.characteristics[name])

    def receive(self, data: bytes) -> None:
        self.written.append(data)
        if data == b"\x65":
            self.streaming, self._ticks = True, 0
        elif data == b"\x66":
            self.streaming = False
        elif data == b"\x6f":
            self.notify(bytes.fromhex("000443100000"))

    def notify(self, data: bytes) -> None:
        for client in self.clients:
            client.deliver(self.characteristic("data"), data[: self.mtu - 3])

    async def live(self) -> None:
        while True:
            await asyncio.sleep(self.records * self.every_s)
            if self.streaming and self.sends_data and not self.frozen:
                data = bytes((1, 8 * self.records))
                for _ in range(self.records):
                    self._ticks += 12_500
                    data += struct.pack("<fI", 10.0, self._ticks)
                self.notify(data)

    # -- what can go wrong
    def drop(self) -> None:
        """The system notices the end of the connection."""
        self.streaming = False
        for client in self.clients:
            client.lose()

    def vanish(self) -> None:
        """Nobody notices: just no packets any more, and no advertisements."""
        self.switched_on, self.frozen = False, True

    def come_back(self) -> None:
        self.switched_on, self.frozen, self.streaming = True, False, False

    @property
    def connected(self) -> bool:
        return any(client.is_connected for client in self.clients)


class Air:
    """All devices and the computer's adapter."""

    def __init__(self) -> None:
        self.devices: dict[str, FakeDevice] = {}
        self.powered = True
        self.error: BaseException | None = None
        self.adapter_error: BaseException | None = None
        self.scanner_hangs = False
        self.scanners: set[FakeScanner] = set()
        self.connecting = 0
        self.broken_rules: list[str] = []
        self.scan_starts = 0
        self.scanned_s = 0.0

    def check_power(self) -> None:
        if self.error is not None:
            raise self.error
        if not self.powered:
            raise BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF)

    def switch_off(self) -> None:
        """As BlueZ: connections drop, a running scan just goes quiet."""
        self.powered = False
        for device in self.devices.values():
            device.drop()

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._advertise())
            for device in self.devices.values():
                group.create_task(device.live())

    async def _advertise(self) -> None:
        while True:
            await asyncio.sleep(ADVERTISE_S)
            self.scanned_s += ADVERTISE_S if self.scanners else 0.0
            for device in self.devices.values():
                if self.powered and device.switched_on and not device.connected and not device.held:
                    for scanner in list(self.scanners):
                        scanner.hear(device)

    def backend(self) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
        air = self

        class Scanner(FakeScanner):
            AIR = air

        class Client(FakeClient):
            AIR = air

        return Scanner, Client

    def adapter(self) -> Any:
        air = self

        class Adapter:
            @classmethod
            async def get(cls, *, bluez: Any) -> Any:
                # as Bleak's: from memory, even when the Bluetooth service is gone
                if air.adapter_error is not None:
                    raise air.adapter_error
                return cls()

            async def get_connected_devices(self, service_uuids: frozenset[str]) -> list[BLEDevice]:
                return [BLEDevice(d.address, None, d) for d in air.devices.values() if d.held or d.connected]

        return Adapter


class FakeScanner(BaseBleakScanner):
    AIR: Air

    def __init__(self, callback: Any, uuids: Any, mode: str, *, bluez: Any, cb: Any, **_: Any) -> None:
        super().__init__(callback, uuids)

    async def start(self) -> None:
        air = self.AIR
        await asyncio.sleep(0.01)
        if air.scanner_hangs:
            await asyncio.Event().wait()
        air.check_power()
        if air.scanners:
            air.broken_rules.append("two scanners")
        if air.connecting:
            air.broken_rules.append("scan started while connecting")
        air.scan_starts += 1
        air.scanners.add(self)

    async def stop(self) -> None:
        await asyncio.sleep(0.01)
        self.AIR.scanners.discard(self)
        self.AIR.check_power()

    def hear(self, device: FakeDevice) -> None:
        seen = AdvertisementData("Progressor_1", {}, {}, [], None, -60, ())
        made = self.create_or_update_device(device.address, device.address, "Progressor_1", device, seen)
        self.call_detection_callbacks(made, seen)


class FakeClient(BaseBleakClient):
    AIR: Air

    def __init__(self, device: Any, **kwargs: Any) -> None:
        kwargs.pop("services"), kwargs.pop("bluez"), kwargs.pop("winrt")
        super().__init__(device, **kwargs)
        if not isinstance(device, BLEDevice):
            self.AIR.broken_rules.append("connected by an address")
        self.device: FakeDevice = device.details
        self._connected = False
        self._callbacks: dict[str, Any] = {}
        self._leaked = False
        if any(client._leaked for client in self.device.clients):
            self.AIR.broken_rules.append("a lost client was not disconnected before the next one")

    @property
    def name(self) -> str:
        return "fake"

    @property
    def mtu_size(self) -> int:
        return 23

    @property
    def is_connected(self) -> bool:
        return self._connected

    async def connect(self, pair: bool, **_: Any) -> None:
        air, device = self.AIR, self.device
        if air.connecting:
            air.broken_rules.append("two connects")
        if air.scanners:
            air.broken_rules.append("connected while scanning")
        air.connecting += 1
        try:
            await asyncio.sleep(0.3)
            air.check_power()
            if device.connect_error is not None:
                raise device.connect_error
            if device.connect_hangs or not device.switched_on:
                await asyncio.Event().wait()
        finally:
            air.connecting -= 1
        device.held = False
        device.connects += 1
        device.clients.append(self)
        self._connected = self._leaked = True
        self._make_services()

    def _make_services(self) -> None:
        device, ble = self.device, self.device.profile.ble
        assert ble is not None
        self.services = BleakGATTServiceCollection()
        service = BleakGATTService(None, 1, long_uuid(ble.service))
        self.services.add_service(service)
        written = {write.to for writes in ble.commands.values() for write in writes}
        for handle, (name, uuid) in enumerate(ble.characteristics.items(), 2):
            if name in device.missing:
                continue
            properties = (["write"] if name in written else []) + (["notify"] if name in ble.notify else [])

            def room() -> int:
                return (device.shown_mtu or device.mtu) - 3

            made = BleakGATTCharacteristic(None, handle, long_uuid(uuid), properties, room, service)
            self.services.add_characteristic(made)
        if device.battery_service is not None:
            battery = BleakGATTService(None, 100, long_uuid("180f"))
            self.services.add_service(battery)
            level = BleakGATTCharacteristic(None, 101, long_uuid("2a19"), ["read"], lambda: 20, battery)
            self.services.add_characteristic(level)

    def lose(self) -> None:
        if self._connected:
            self._connected = False
            if self._disconnected_callback is not None:
                self._disconnected_callback()

    async def disconnect(self) -> None:
        await asyncio.sleep(0.05)
        self._leaked = False
        self._callbacks.clear()
        if self in self.device.clients:
            self.device.clients.remove(self)
        if self.device.disconnect_hangs:
            await asyncio.Event().wait()
        self.lose()

    def deliver(self, uuid: str, data: bytes) -> None:
        # BlueZ: a client that was lost but not disconnected gets what the next one subscribes to
        if uuid in self._callbacks and (self._connected or self.device.connected):
            self._callbacks[uuid](bytearray(data))

    def _need(self) -> None:
        if not self._connected:
            raise BleakError("Not connected")

    async def read_gatt_char(self, characteristic: Any, **_: Any) -> bytearray:
        self._need()
        assert self.device.battery_service is not None
        return bytearray([self.device.battery_service])

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        await asyncio.sleep(0.03)
        self._need()
        if self.device.write_error is not None:
            raise self.device.write_error
        if not response:
            raise BleakGATTProtocolError(BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED)
        self.device.receive(bytes(data))

    async def start_notify(self, characteristic: Any, callback: Any, **_: Any) -> None:
        await asyncio.sleep(0.03)
        self._need()
        self._callbacks[characteristic.uuid] = callback

    async def stop_notify(self, characteristic: Any) -> None:
        self._callbacks.pop(characteristic.uuid, None)

    async def pair(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError

    async def unpair(self) -> None:
        raise NotImplementedError

    async def read_gatt_descriptor(self, *_: Any, **__: Any) -> bytearray:
        raise NotImplementedError

    async def write_gatt_descriptor(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError
