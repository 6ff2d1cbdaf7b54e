"""The Bluetooth half of an emulated sensor: radio, advertisements, GATT server and the one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from bumble import att, hci
from bumble.core import BaseBumbleError
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service

from eccentra.link.virtual.advertising import broadcast
from eccentra.link.virtual.radios import Radio, RadioSource
from eccentra.profiles import Ble

__all__ = ["GattServer", "Owner"]

_SMALLEST_MTU = 23
_SETTLE_S = 1.0


class Owner(Protocol):
    """The sensor to which the server belongs."""

    def host_connected(self, mtu: int) -> None:
        """A host has connected, or agreed on another MTU."""
        ...

    def host_gone(self) -> None:
        """The host has gone."""
        ...

    def written(self, name: str, data: bytes) -> None:
        """The host wrote to a characteristic; an :class:`att.ATT_Error` refuses it."""
        ...

    def read(self, name: str) -> bytes:
        """The host reads a characteristic; an :class:`att.ATT_Error` refuses it."""
        ...

    def subscribed(self, name: str) -> None:
        """The host subscribed to a characteristic."""
        ...


class GattServer:
    """Radio and GATT server of one sensor, with the services and properties that its profile implies.

    Parameters
    ----------
    ble
        The profile's table.
    owner
        The sensor.
    source
        Where the radio comes from.
    name, address
        Local name and random static address.
    adverts
        Advertisement and scan response.
    advertise_every_s
        Advertising interval.
    mtu
        Largest ATT MTU.
    notifying
        Names of the characteristics that notify, in any mode.
    say
        Told in words what happens.

    Attributes
    ----------
    connection
        The host that is connected.
    connections, disconnections
        How often that happened.
    """

    def __init__(
        self,
        ble: Ble,
        owner: Owner,
        source: RadioSource,
        *,
        name: str,
        address: str,
        adverts: tuple[bytes, bytes],
        advertise_every_s: float,
        mtu: int,
        notifying: frozenset[str],
        say: Callable[[str], None],
    ) -> None:
        self._notifying = notifying
        self.connection: Connection | None = None
        self.connections = self.disconnections = 0
        self._ble = ble
        self._owner = owner
        self._source = source
        self._name = name
        self._address = address
        self._adverts = adverts
        self._advertise_every_s = advertise_every_s
        self._mtu = mtu
        self._say = say
        self._radio: Radio | None = None
        self._characteristics: dict[str, Characteristic[bytes]] = {}
        self._advertising = True
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def on_air(self) -> bool:
        """Whether the radio is on."""
        return self._radio is not None

    async def switch_on(self) -> None:
        """A radio, and advertisements on it."""
        radio = await self._source.attach(
            self._name, self._address, advertise_every_s=self._advertise_every_s
        )
        device = radio.device
        device.gatt_server.max_mtu = self._mtu
        self._characteristics = self._gatt()
        for uuid in self._ble.all_services:
            of_it = [c for name, c in self._characteristics.items() if self._ble.service_of(name) == uuid]
            device.add_service(Service(uuid, of_it))
        device.gatt_server.on("characteristic_subscription", self._on_subscription)
        device.on("connection", self._on_connection)
        self._radio = radio
        if self._advertising:
            await self._start_advertising(radio)
        self._say("on the air")

    async def switch_off(self, noticed_s: float | None) -> None:
        """The radio is gone without a word; the other side notices after ``noticed_s``, or never."""
        radio, self._radio = self._radio, None
        if radio is None:
            return
        self._say("silent")
        self._forget_host()
        await self._settle()
        await radio.silence(noticed_s)

    async def close(self) -> None:
        """Hang up and switch off."""
        self._advertising = False
        await self._settle()
        await self.hang_up()
        await self.switch_off(None)

    async def advertise(self, on: bool) -> None:
        """Begin or cease to advertise; while connected it never does."""
        self._advertising = on
        if self._radio is None or self.connection is not None:
            return
        if on:
            await self._start_advertising(self._radio)
        else:
            await self._radio.device.stop_advertising()

    async def hang_up(self) -> None:
        """Disconnect from this side."""
        connection = self.connection
        if connection is None:
            return
        try:
            await connection.disconnect()
        except BaseBumbleError:
            # the host was quicker
            return

    def subscribed(self, name: str) -> bool:
        """Whether the host has subscribed to the characteristic ``name``."""
        if self.connection is None:
            return False
        server = self.connection.device.gatt_server
        cccd = server.subscribers.get(self.connection, {}).get(self._characteristics[name].handle, b"")
        return bool(cccd[:1] and cccd[0] & 3)

    async def notify(self, name: str, data: bytes) -> None:
        """Send to the host, if one is connected and has subscribed."""
        if self.connection is not None:
            device = self.connection.device
            send = device.indicate_subscriber if name in self._ble.indicate else device.notify_subscriber
            await send(self.connection, self._characteristics[name], data)

    async def broadcast(self, data: bytes) -> None:
        """Advertise ``data`` behind the company id from now on."""
        if self._radio is None or not self._advertising or self._ble.broadcast is None:
            return
        advertisement = broadcast(self._name, self._ble.broadcast.company, data)
        await self._radio.device.send_sync_command(
            hci.HCI_LE_Set_Advertising_Data_Command(advertising_data=advertisement)
        )

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that needs the radio, soon."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        """Let what is under way for the radio end before it goes: Bumble cannot bear a cancelled command."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SETTLE_S)

    async def _start_advertising(self, radio: Radio) -> None:
        advertisement, response = self._adverts
        await radio.device.start_advertising(
            auto_restart=False, advertising_data=advertisement, scan_response_data=response
        )

    def _gatt(self) -> dict[str, Characteristic[bytes]]:
        """Characteristics with the properties that the profile's use of them implies."""
        kinds = Characteristic.Properties
        steps = [write for writes in self._ble.commands.values() for write in writes]
        written = {write.to for write in steps if not write.read}
        out: dict[str, Characteristic[bytes]] = {}
        for name, uuid in self._ble.characteristics.items():
            properties = kinds(0)
            if name in self._ble.indicate:
                properties |= kinds.INDICATE
            elif name in self._notifying:
                properties |= kinds.NOTIFY
            if name in written:
                properties |= kinds.WRITE_WITHOUT_RESPONSE
                properties |= kinds.WRITE if self._ble.respond else kinds(0)
            if name in self._ble.readable:
                properties |= kinds.READ
            value = CharacteristicValue(read=self._reader(name), write=self._writer(name))
            permissions = Characteristic.WRITEABLE | Characteristic.READABLE
            out[name] = Characteristic(uuid, properties, permissions, value)
        return out

    def _writer(self, name: str) -> Callable[[Connection, bytes], None]:
        def written(_: Connection, data: bytes) -> None:
            self._owner.written(name, bytes(data))

        return written

    def _reader(self, name: str) -> Callable[[Connection], bytes]:
        def read(_: Connection) -> bytes:
            if name not in self._ble.readable:
                raise att.ATT_Error(att.ErrorCode.READ_NOT_PERMITTED)
            return self._owner.read(name)

        return read

    def _on_subscription(
        self, _: Any, characteristic: Characteristic[bytes], notified: bool, indicated: bool
    ) -> None:
        if not (notified or indicated):
            return
        for name, one in self._characteristics.items():
            if one is characteristic:
                self._owner.subscribed(name)

    def _on_connection(self, connection: Connection) -> None:
        self.connection = connection
        self.connections += 1
        self._say("connected")
        self._owner.host_connected(_SMALLEST_MTU)
        connection.on("disconnection", self._on_disconnection)
        connection.on("connection_att_mtu_update", lambda: self._owner.host_connected(connection.att_mtu))

    def _on_disconnection(self, reason: int) -> None:
        if self.connection is None:
            return
        self._say(f"disconnected ({hci.HCI_ErrorCode(reason).name.lower()})")
        self._forget_host()
        if self._advertising and self._radio is not None:
            self.later(self._start_advertising(self._radio))

    def _forget_host(self) -> None:
        if self.connection is None:
            return
        self.disconnections += 1
        self.connection = None
        self._owner.host_gone()
