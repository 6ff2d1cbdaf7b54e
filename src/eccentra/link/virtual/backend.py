"""A Bleak backend on Bumble: unmodified Bleak code scans, connects and subscribes on the in-memory radio.

>>> central = await Central.switched_on(air)          # doctest: +SKIP
>>> scanner, client = make_backend(central)           # doctest: +SKIP
>>> BleakScanner(seen, backend=scanner); BleakClient(device, backend=client)  # doctest: +SKIP

It behaves as the desktop backends do where programs can tell: the callback for disconnection is called for
our own disconnects too; each advertisement and each scan response is a callback of its own; an adapter that
is switched off raises ``BleakBluetoothNotAvailableError`` and drops every connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import att, core, hci
from bumble.core import AdvertisingData
from bumble.device import Connection, Peer

from eccentra.link.virtual.advertising import Advertised, uuid_text
from eccentra.link.virtual.air import Air, AirRadio

__all__ = ["Central", "make_backend"]

T = TypeVar("T")

_MTU = 517
_REQUEST_S = 30.0  # the ATT transaction time-out of the Bluetooth specification


class Central:
    """The computer's Bluetooth adapter on the air; one for all scanners and clients.

    Attributes
    ----------
    powered
        Whether the adapter is switched on.
    request_s
        How long a read or write may take.
    connects
        Connections that were made, for tests.
    """

    def __init__(self, radio: AirRadio, request_s: float = _REQUEST_S) -> None:
        self.radio = radio
        self.device = radio.device
        self.powered = True
        self.request_s = request_s
        self.connects = 0
        self.heard: dict[str, hci.Address] = {}
        self._scanners: set[_Scanner] = set()
        self._connecting = asyncio.Lock()
        self.device.host.on("advertising_report", self._on_report)

    @classmethod
    async def switched_on(
        cls, air: Air, address: str = "C0:00:00:00:00:01", request_s: float = _REQUEST_S
    ) -> Central:
        """A new adapter on ``air``."""
        return cls(await air.attach("adapter", address), request_s)

    def require_power(self) -> None:
        """Raise as Bleak does when the adapter is off."""
        if not self.powered:
            raise BleakBluetoothNotAvailableError(
                "Bluetooth is turned off", BleakBluetoothNotAvailableReason.POWERED_OFF
            )

    def switch_off(self) -> None:
        """Switch the adapter off: scans end, connections drop."""
        self.powered = False
        self._scanners.clear()
        self.heard.clear()
        self.radio.controller.hang_up()

    def switch_on(self) -> None:
        """Switch it on again; nobody scans or is connected."""
        self.powered = True

    async def scan(self, scanner: _Scanner, active: bool) -> None:
        """Let ``scanner`` hear."""
        self.require_power()
        if not self._scanners:
            await self.device.start_scanning(legacy=True, active=active, filter_duplicates=False)
        self._scanners.add(scanner)

    async def end_scan(self, scanner: _Scanner) -> None:
        """Let it hear no more."""
        self._scanners.discard(scanner)
        if not self._scanners and self.powered:
            await self.device.stop_scanning(legacy=True)

    def _on_report(self, report: Any) -> None:
        address = _plain(report.address)
        self.heard[address] = report.address
        for scanner in list(self._scanners):
            scanner.hear(address, report)

    async def connect(self, address: str, timeout_s: float) -> Connection:
        """Connect to ``address`` as soon as it advertises; one attempt at a time."""
        async with self._connecting:
            self.require_power()
            peer = self.heard.get(address, hci.Address(address, hci.Address.RANDOM_DEVICE_ADDRESS))
            attempt = self.device.connect(peer, transport=core.PhysicalTransport.LE, timeout=None)
            try:
                connection = await asyncio.wait_for(attempt, timeout_s)
            except (TimeoutError, asyncio.CancelledError):
                await self._give_up(address)
                self.require_power()
                raise
            except core.ConnectionError as error:
                self.require_power()
                raise BleakError(f"connection to {address} failed: {error}") from error
        self.connects += 1
        return connection

    async def _give_up(self, address: str) -> None:
        """Take the attempt back; it may just have succeeded."""
        if self.radio.controller.pending_le_connection is not None:
            await self.device.send_sync_command_raw(hci.HCI_LE_Create_Connection_Cancel_Command())
        for connection in list(self.device.connections.values()):
            if _plain(connection.peer_address) == address:
                await connection.disconnect()


class _Scanner(BaseBleakScanner):
    central: Central

    def __init__(
        self, detection_callback: Any, service_uuids: list[str] | None, scanning_mode: str, **_: Any
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"
        self._known: dict[str, Advertised] = {}

    async def start(self) -> None:
        self.seen_devices.clear()
        self._known.clear()
        await self.central.scan(self, self._active)

    async def stop(self) -> None:
        await self.central.end_scan(self)

    def hear(self, address: str, report: Any) -> None:
        """One advertisement or scan response; what was said before stays known, as BlueZ does it."""
        known = self._known.setdefault(address, Advertised())
        known.update(AdvertisingData.from_bytes(bytes(report.data)))
        data = AdvertisementData(
            local_name=known.name,
            manufacturer_data=dict(known.manufacturer_data),
            service_data=dict(known.service_data),
            service_uuids=list(known.service_uuids),
            tx_power=known.tx_power,
            rssi=report.rssi,
            platform_data=(report,),
        )
        if not self.is_allowed_uuid(data.service_uuids):
            return
        device = self.create_or_update_device(address, address, known.name, report.address, data)
        self.call_detection_callbacks(device, data)


class _Client(BaseBleakClient):
    central: Central

    def __init__(self, address_or_ble_device: BLEDevice | str, **kwargs: Any) -> None:
        super().__init__(address_or_ble_device, **kwargs)
        by_name = address_or_ble_device.name if isinstance(address_or_ble_device, BLEDevice) else None
        self._name = by_name or self.address
        self._by_address = isinstance(address_or_ble_device, str)
        self._peer: Peer | None = None
        self._connection: Connection | None = None
        self._gone: asyncio.Future[None] | None = None
        self._subscribers: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection is not None else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **_: Any) -> None:
        if self._connection is not None:
            raise BleakError("already connected")
        self.central.require_power()
        try:
            connection = await self.central.connect(self.address.upper(), self._timeout)
        except TimeoutError:
            if self._by_address and self.address.upper() not in self.central.heard:
                raise BleakDeviceNotFoundError(self.address, f"device {self.address} was not found") from None
            raise
        self._connection = connection
        self._gone = asyncio.get_running_loop().create_future()
        connection.on("disconnection", self._on_disconnection)
        try:
            self._peer = Peer(connection)
            await self._request(self._discover(self._peer))
        except BaseException:
            # as BlueZ does it, the end of this connection is told too although it never was of use
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            await asyncio.wait_for(connection.disconnect(), self.central.request_s)
        except core.BaseBumbleError:
            # it went away by itself in the meantime
            self._on_disconnection(0)

    async def pair(self, *_: Any, **__: Any) -> None:
        connection = self._require()
        await self._request(connection.pair())

    async def unpair(self) -> None:
        await self.disconnect()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **_: Any
    ) -> bytearray:
        return bytearray(await self._request(self._require_peer().read_value(characteristic.obj)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **_: Any
    ) -> bytearray:
        return bytearray(await self._request(self._require_peer().read_value(descriptor.obj)))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        client = self._require_peer().gatt_client
        await self._request(client.write_value(characteristic.obj, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        client = self._require_peer().gatt_client
        await self._request(client.write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_: Any
    ) -> None:
        if characteristic.handle in self._subscribers:
            raise BleakError("characteristic notifications already started")

        def subscriber(value: bytes) -> None:
            callback(bytearray(value))

        self._subscribers[characteristic.handle] = subscriber
        try:
            await self._request(self._require_peer().gatt_client.subscribe(characteristic.obj, subscriber))
        except BaseException:
            self._subscribers.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        subscriber = self._subscribers.pop(characteristic.handle, None)
        if subscriber is not None:
            client = self._require_peer().gatt_client
            await self._request(client.unsubscribe(characteristic.obj, subscriber))

    def _require(self) -> Connection:
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection

    def _require_peer(self) -> Peer:
        self._require()
        assert self._peer is not None
        return self._peer

    async def _request(self, work: Awaitable[T]) -> T:
        """Await a request; it ends with the connection, and after a time-out.

        A lost connection cancels Bumble's future, which must not look as if our caller had been cancelled:
        so the request runs in a task of its own.
        """
        gone = self._gone
        assert gone is not None
        task = asyncio.ensure_future(work)
        both: set[asyncio.Future[Any]] = {task, gone}
        try:
            await asyncio.wait(both, timeout=self.central.request_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answered = task.done() and not task.cancelled()
            if not task.done():
                task.cancel()
        if not answered:
            if gone.done() or task.done():
                raise BleakError("disconnected")
            raise TimeoutError(f"no answer from {self.address} within {self.central.request_s:g} s")
        try:
            return task.result()
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except core.TimeoutError as error:
            raise TimeoutError(str(error)) from error

    async def _discover(self, peer: Peer) -> None:
        await peer.request_mtu(_MTU)
        services = BleakGATTServiceCollection()
        for service in await peer.discover_services():
            ours = BleakGATTService(service, service.handle, uuid_text(service.uuid))
            services.add_service(ours)
            for proxy in await service.discover_characteristics():
                characteristic = BleakGATTCharacteristic(
                    proxy,
                    proxy.handle,
                    uuid_text(proxy.uuid),
                    list(gatt_char_props_to_strs(int(proxy.properties))),
                    lambda: self.mtu_size - 3,
                    ours,
                )
                services.add_characteristic(characteristic)
                for descriptor in await proxy.discover_descriptors():
                    services.add_descriptor(
                        BleakGATTDescriptor(
                            descriptor, descriptor.handle, uuid_text(descriptor.type), characteristic
                        )
                    )
        self.services = services

    def _on_disconnection(self, _reason: int) -> None:
        if self._connection is None:
            return
        self._connection = None
        self._peer = None
        self.services = None
        self._subscribers.clear()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        if self._disconnected_callback is not None:
            self._disconnected_callback()


def make_backend(central: Central) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
    """Classes for the ``backend=`` argument of ``BleakScanner`` and ``BleakClient``."""
    scanner = type("VirtualScanner", (_Scanner,), {"central": central})
    client = type("VirtualClient", (_Client,), {"central": central})
    return scanner, client


def _plain(address: hci.Address) -> str:
    """Address as Bleak writes it."""
    return str(address).removesuffix("/P").upper()
