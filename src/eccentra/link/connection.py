"""One connection to one sensor: checked, started, read, stopped. Made once, never used again.

Bytes are put into the mailbox as they come, by plain functions that return at once. What is written is put
there too, before it is written, so that answers can be understood when the recording is played again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eccentra.decode import BATTERY_LEVEL, CHANNEL, Frame, Notice
from eccentra.decode.sig import battery_level
from eccentra.errors import DecodeError, LinkError
from eccentra.events import StationReason
from eccentra.inputs import Connected, Input, Lost, Packet, Written
from eccentra.link.addresses import long_uuid
from eccentra.link.advice import advice_for
from eccentra.link.commanding import Commander
from eccentra.profile_ble import KeepAlive
from eccentra.profiles import Ble, SensorSetup

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.characteristic import BleakGATTCharacteristic

__all__ = ["LOW_BATTERY_PCT", "Connection"]

LOW_BATTERY_PCT = 15.0
"""Below this a sensor may not last for a session."""

_LEVEL_UUID = "00002a19-0000-1000-8000-00805f9b34fb"
_ATT_HEADER = 3
_SMALLEST_MTU = 23
# BlueZ shows the smallest size at first and the true one once it was exchanged, a few intervals later.
_MTU_WAIT_S = 2.0
_MTU_POLL_S = 0.1
# An answer comes within one or two connection intervals (at most 0.1 s each); some never come.
_ANSWER_S = 1.0
_READ_S = 2.0
_STOP_S = 2.0


class Connection:
    """One connection.

    Parameters
    ----------
    setup
        The sensor.
    put
        Takes inputs.
    now
        Host's monotonic clock, ns.
    took
        Told of every packet and its time.
    inherited
        The operating system already held it: the sensor may be streaming.
    platform
        ``sys.platform``.
    """

    def __init__(
        self,
        setup: SensorSetup,
        *,
        put: Callable[[Input], None],
        now: Callable[[], int],
        took: Callable[[Connection, int, str, bytes], None],
        inherited: bool,
        platform: str,
    ) -> None:
        self.setup = setup
        self.client: BleakClient | None = None
        self.open = True
        self.inherited = inherited
        self.battery_pct: float | None = None
        self.battery_low = False
        self._put = put
        self._now = now
        self._took = took
        self._platform = platform
        self._announced = False
        self._answered = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._commander = Commander(setup, wrote=self._wrote, came=self._came, is_open=lambda: self.open)
        # until samples flow, what comes is looked at here as well
        self._proof: Any = setup.start_decoder()
        self._shown_mtu = _SMALLEST_MTU

    @property
    def ble(self) -> Ble:
        """How the sensor is commanded."""
        ble = self.setup.profile.ble
        assert ble is not None, "checked when the link was made"
        return ble

    # -- its life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Check that it is the right device, subscribe, ask for the battery, start the stream.

        Raises
        ------
        LinkError
            When it is another device.
        """
        found = self._characteristics()
        await self._wait_for_mtu(next(iter(found.values())) if CHANNEL not in found else found[CHANNEL])
        if self.inherited:
            # Nobody listens yet; what is left of an earlier stream must not mix with the new one.
            await self._ask("stop", found)
        if not self.open:
            return
        self._announced = True
        self._put(Connected(self._now(), self.setup.sensor))
        for name in self.setup.notify:
            if name in found:
                await self._connected_client().start_notify(found[name], self._receiver(name))
        await self._learn_battery(found)
        await self._write("start", found)
        if self.ble.keep_alive is not None and self.open:
            self._keeping = asyncio.get_running_loop().create_task(
                self._keep_alive(self.ble.keep_alive, found)
            )

    @property
    def told(self) -> bool:
        """Whether the session knows of it, and will be told of its end."""
        return self.open and self._announced

    def close(self, why: str) -> None:
        """From now on nothing that comes counts; said once if it was said to be connected."""
        if self.told:
            self._put(Lost(self._now(), self.setup.sensor, why))
        self.open = False
        if self._keeping is not None:
            self._keeping.cancel()

    async def stop(self) -> None:
        """Stop the stream and close; errors do not matter any more, the connection ends anyway."""
        if self.client is not None and self.open and self._announced:
            await self._ask("stop", self._characteristics(), within_s=_STOP_S)
        self.close("stopped")

    async def command(self, name: str) -> None:
        """Write one of the profile's commands; raises what Bleak raises."""
        await self._write(name, self._characteristics())

    # -- what comes --------------------------------------------------------------------------------------

    def prove(self, channel: str, data: bytes) -> bool:
        """Look at a packet that came before any sample did; true when it holds samples.

        Raises
        ------
        LinkError
            When it was cut because the packet size is too small.
        """
        if self._proof is None:
            return False
        room = self._shown_mtu - _ATT_HEADER
        if channel == CHANNEL and self._shown_mtu < self.ble.min_mtu and len(data) == room:
            raise self._error(
                StationReason.MTU_TOO_SMALL,
                f"packets are cut at {room} bytes; the sensor needs an MTU of {self.ble.min_mtu}",
            )
        try:
            parts = self._proof.feed(channel, data)
        except DecodeError:
            return False  # the session says so
        for part in parts:
            if isinstance(part, Notice):
                self._battery(part)
        if any(isinstance(part, Frame) and len(part.x) for part in parts):
            self._proof = None
            return True
        return False

    def _receiver(self, channel: str) -> Callable[[Any, bytearray], None]:
        sensor, put, now, took = self.setup.sensor, self._put, self._now, self._took
        heard = self._commander.heard

        def receive(_: Any, data: bytearray) -> None:
            if not self.open:
                return
            at, packet = now(), bytes(data)
            put(Packet(at, sensor, channel, packet))
            self._answered.set()
            heard(channel, packet)
            took(self, at, channel, packet)

        return receive

    def _came(self, channel: str, data: bytes) -> None:
        """Something was read: an input like what a sensor sends by itself."""
        if self.open:
            at = self._now()
            self._put(Packet(at, self.setup.sensor, channel, data))
            self._took(self, at, channel, data)

    def _battery(self, notice: Notice) -> None:
        if notice.kind == "battery_low":
            self.battery_low = True
        elif notice.kind == "battery_pct" and isinstance(notice.value, int | float):
            self.battery_pct = float(notice.value)
            self.battery_low = self.battery_pct < LOW_BATTERY_PCT

    # -- what is written ---------------------------------------------------------------------------------

    def _wrote(self, to: str, data: bytes) -> None:
        self._put(Written(self._now(), self.setup.sensor, to, data))
        if self._proof is not None:
            self._proof.expect(data)

    async def _write(self, name: str, found: dict[str, BleakGATTCharacteristic]) -> None:
        await self._commander.carry_out(name, self._connected_client(), found)

    async def _keep_alive(self, keep: KeepAlive, found: dict[str, BleakGATTCharacteristic]) -> None:
        """Repeat what the sensor has to be told; a write that fails shows as silence or as the end."""
        while self.open:
            await asyncio.sleep(keep.every_s)
            await self._ask(keep.command, found)

    async def _ask(
        self, name: str, found: dict[str, BleakGATTCharacteristic], *, within_s: float = _READ_S
    ) -> None:
        """Write a command that need not succeed."""
        from bleak.exc import BleakError

        try:
            async with asyncio.timeout(within_s):
                await self._write(name, found)
        except (LinkError, BleakError, TimeoutError, OSError, EOFError):
            return  # a connection that is gone shows at the next step

    async def _learn_battery(self, found: dict[str, BleakGATTCharacteristic]) -> None:
        """Ask by command (before the stream: answers may have no tag), else by the standard service."""
        if "battery" in self.ble.commands:
            self._answered.clear()
            await self._ask("battery", found)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ANSWER_S):
                    await self._answered.wait()
            return
        from bleak.exc import BleakError

        client = self._connected_client()
        level = client.services.get_characteristic(_LEVEL_UUID)
        if level is None or "read" not in level.properties:
            return
        try:
            async with asyncio.timeout(_READ_S):
                data = await client.read_gatt_char(level)
        except (BleakError, TimeoutError, OSError, EOFError):
            return
        self._came(BATTERY_LEVEL, bytes(data))
        with contextlib.suppress(DecodeError):  # the session says so
            self._battery(battery_level(bytes(data)))

    # -- checks ------------------------------------------------------------------------------------------

    def _connected_client(self) -> BleakClient:
        assert self.client is not None, "started before it was connected"
        return self.client

    def _characteristics(self) -> dict[str, BleakGATTCharacteristic]:
        services = self._connected_client().services
        found = {}
        for name, uuid in self.ble.characteristics.items():
            service = services.get_service(long_uuid(self.ble.service_of(name)))
            if service is None and name == CHANNEL and name not in self.ble.optional:
                raise self._error(
                    StationReason.WRONG_DEVICE, f"it is no {self.setup.profile.name}: no such service"
                )
            characteristic = None if service is None else service.get_characteristic(long_uuid(uuid))
            if characteristic is not None:
                found[name] = characteristic
            elif name not in self.ble.optional:
                raise self._error(
                    StationReason.WRONG_DEVICE,
                    f"it is no {self.setup.profile.name} as known here: no characteristic {name!r}",
                )
        if not any(name in found for name in self.setup.notify):
            raise self._error(
                StationReason.WRONG_DEVICE, f"it is no {self.setup.profile.name}: it has nothing to listen to"
            )
        return found

    async def _wait_for_mtu(self, data: BleakGATTCharacteristic) -> None:
        waited = 0.0
        while (shown := data.max_write_without_response_size + _ATT_HEADER) < self.ble.min_mtu:
            if waited >= _MTU_WAIT_S:
                break
            await asyncio.sleep(_MTU_POLL_S)
            waited += _MTU_POLL_S
        # Old versions of BlueZ always show the smallest: the first packets tell, see prove().
        self._shown_mtu = shown

    def _error(self, reason: StationReason, detail: str) -> LinkError:
        return LinkError(reason, detail, advice_for(reason, self._platform))
