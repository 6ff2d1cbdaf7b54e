"""Sensors over Bluetooth Low Energy, by Bleak: found, connected, started, kept.

There is one scanner in the program, and it is stopped while a connection is made. Every connection has a
client of its own, made from the device as the scanner just saw it, and a lost client is always disconnected
before the next one is made: on BlueZ it would otherwise deliver every notification a second time. What is
done when is decided by the pure parts :mod:`~eccentra.link.machine` and :mod:`~eccentra.link.listening`;
here it is carried out.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from bleak import BleakClient
from bleak.backends.adapter import BaseBleakAdapter
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakError

from eccentra.errors import InputError, LinkError
from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Lost
from eccentra.link import LinkStatus, WantedSensor
from eccentra.link.addresses import (
    keep_addresses_out_of_logs,
    long_uuid,
    normal_address,
)
from eccentra.link.advice import RADIO, Step, Trouble, explain
from eccentra.link.broadcast import Broadcasts, BroadcastSensor
from eccentra.link.connection import Connection
from eccentra.link.listening import Rhythm
from eccentra.link.machine import Action, Connect, Patience, Release, SensorMachine
from eccentra.link.mailbox import Mailbox
from eccentra.link.mistakes import Mistakes
from eccentra.link.radio import Radio
from eccentra.samples import NS_PER_S

__all__ = ["BluetoothLink"]

# An attempt that was cancelled and does not end is stuck below Bleak.
_CANCEL_S = 12.0
_COMMAND_S = 5.0
# Bleak gives up first, so that its message is the one that is said.
_BLEAK_SHARE = 0.8
_GOODBYE_S = 5.0
_LONGEST_PAUSE_S = 1.0
# The loop was held up for so long: packets may wait that nobody has looked at yet.
_LATE_S = 1.0

log = logging.getLogger("eccentra.link")


class _Sensor:
    """One wanted sensor: its machine and what runs for it."""

    def __init__(self, wanted: WantedSensor, machine: SensorMachine) -> None:
        self.setup = wanted.setup
        self.machine = machine
        self.device: BLEDevice | None = None
        self.inherited = False
        self.connection: Connection | None = None
        self.outages = 0
        self.attempt: asyncio.Task[None] | None = None


class BluetoothLink:
    """Keeps sensors connected and streaming.

    Parameters
    ----------
    wanted
        The sensors.
    mailbox
        Takes what comes.
    backend
        Bleak backend classes of scanner and client, instead of the platform's.
    adapter
        The same for asking which devices the system holds; needed only together with ``backend``.
    now
        Host's monotonic clock, ns.
    patience, rhythm
        Thresholds.
    platform
        ``sys.platform``, for advice.

    Raises
    ------
    InputError
        When two sensors have one address or id, or one is no Bluetooth device.
    """

    def __init__(
        self,
        wanted: Sequence[WantedSensor],
        mailbox: Mailbox,
        *,
        backend: tuple[type[BaseBleakScanner], type[BaseBleakClient]] | None = None,
        adapter: type[BaseBleakAdapter] | None = None,
        now: Callable[[], int] = time.monotonic_ns,
        patience: Patience | None = None,
        rhythm: Rhythm | None = None,
        platform: str = sys.platform,
    ) -> None:
        self._mailbox = mailbox
        self._client_class = None if backend is None else backend[1]
        self._now = now
        self._platform = platform
        self._sensors: dict[str, _Sensor] = {}
        self._by_address: dict[str, _Sensor] = {}
        self._broadcasts = Broadcasts()
        self._mistakes = Mistakes(mailbox.put, now, platform)
        for one in wanted:
            self._add(one, patience)
        self._radio = Radio(
            heard=self._heard,
            changed=self._radio_changed,
            put=mailbox.put,
            explain=lambda error: self._mistakes.explain(error, "scan"),
            now=now,
            scanner_class=None if backend is None else backend[0],
            adapter_class=adapter,
            rhythm=rhythm,
            broadcast=self._overheard if self._broadcasts else None,
        )
        self._scan_task: asyncio.Task[None] | None = None
        self._busy: _Sensor | None = None
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        keep_addresses_out_of_logs("bleak", log)

    def _add(self, one: WantedSensor, patience: Patience | None) -> None:
        name, address = one.setup.sensor, normal_address(one.address)
        if one.setup.profile.ble is None:
            raise InputError(name, f"{one.setup.profile.name} is no Bluetooth device")
        twice = name in self._sensors or self._broadcasts.names(name)
        if twice or address in self._by_address or address in self._broadcasts:
            raise InputError(name, "is bound twice; each sensor has one address and one id")
        if one.setup.profile.ble.broadcast is not None:
            self._broadcasts[address] = BroadcastSensor(
                one.setup, self._mailbox.put, self._now(), patience or Patience(), self._platform
            )
            return
        patience = (patience or Patience()).with_quiet(one.setup.profile.ble.quiet_s)
        sensor = _Sensor(one, SensorMachine(name, self._now(), patience, self._platform))
        self._sensors[name] = self._by_address[address] = sensor

    # -- what the station calls --------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep all sensors connected and streaming until cancelled; then disconnect all of them."""
        try:
            while True:
                with self._mistakes.said():
                    self._look()
                await self._pause()
        finally:
            await self._end()

    async def command(self, sensor: str, name: str) -> None:
        """Write the profile's command ``name`` (``tare``, ``battery`` ...) to a sensor.

        Raises
        ------
        LinkError
            When it is not connected, knows no such command, or the write failed.
        """
        reason = StationReason.COMMAND_FAILED
        one = self._sensors.get(sensor)
        if self._broadcasts.names(sensor):
            raise LinkError(reason, f"{sensor}: only advertises, it takes no commands", "use its own buttons")
        if one is None:
            known = ", ".join(self._sensors) or "none"
            raise LinkError(reason, f"there is no sensor {sensor!r}", f"name one of these: {known}")
        known = ", ".join((one.setup.profile.ble.commands if one.setup.profile.ble else {}).keys())
        if name not in known.split(", "):
            raise LinkError(reason, f"{sensor}: has no command {name!r}", f"it knows: {known}")
        connection = one.connection
        if connection is None or not connection.open or one.machine.state != "streaming":
            raise LinkError(reason, f"{sensor} is not connected", "wait until it streams, then try again")
        try:
            async with asyncio.timeout(_COMMAND_S):
                await connection.command(name)
        except (BleakError, TimeoutError, OSError, EOFError, AssertionError) as error:
            trouble = explain(error, "command", self._platform)
            raise LinkError(trouble.reason, f"{sensor}: {trouble.detail}", trouble.advice) from None

    def swap(self, sensor: str, address: str) -> bool:
        """Another device of the same model takes the place of ``sensor``; false when that needs a new start.

        The session is told by a :class:`~eccentra.inputs.Lost` with ``why`` ``swapped``.
        """
        one, address = self._sensors.get(sensor), normal_address(address)
        if one is None or address in self._broadcasts or self._by_address.get(address, one) is not one:
            return False
        self._by_address = {key: other for key, other in self._by_address.items() if other is not one}
        self._by_address[address] = one
        one.device, one.inherited = None, False
        tells = one.connection is not None and one.connection.told
        self._carry_out(one, one.machine.swapped(self._now()))
        if not tells:
            self._mailbox.put(Lost(self._now(), sensor, "swapped"))
        self._radio.listening.hurry()
        self._wake.set()
        return True

    def status(self) -> Sequence[LinkStatus]:
        """How each sensor is connected now."""
        now = self._now()
        statuses = [self._status(sensor, now) for sensor in self._sensors.values()]
        return statuses + [self._excused(one.status()) for one in self._broadcasts.values()]

    def _status(self, sensor: _Sensor, now: int) -> LinkStatus:
        status = sensor.machine.status(now)
        connection = sensor.connection
        if connection is not None:
            status = msgspec.structs.replace(
                status, battery_low=connection.battery_low, battery_pct=connection.battery_pct
            )
        return self._excused(status)

    def _excused(self, status: LinkStatus) -> LinkStatus:
        """No sensor is to blame for a radio that is away."""
        if self._radio.problem is None or status.state not in ("searching", "waiting", "lost"):
            return status
        _, detail, advice = self._radio.problem
        return msgspec.structs.replace(status, problem=detail, advice=advice)

    # -- the loop ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Time passed or something happened: what is to be done now."""
        now = self._now()
        for sensor in self._sensors.values():
            self._carry_out(sensor, sensor.machine.tick(now))
        self._broadcasts.tick(now, listening=self._radio.listening.on)
        if self._scan_task is None and self._busy is None:
            wish = self._radio.listening.decide(now, needed=self._needed(), sparing=self._sparing(now))
            if wish is not None:
                self._scan_task = self._spawn(self._listen() if wish == "start" else self._rest())

    def _needed(self) -> bool:
        searching = any(sensor.machine.state == "searching" for sensor in self._sensors.values())
        return (searching or bool(self._broadcasts)) and self._busy is None

    def _sparing(self, now: int) -> bool:
        """True when only sensors are searched that are probably switched off."""
        if self._broadcasts:
            return False
        searched = [s.machine for s in self._sensors.values() if s.machine.state == "searching"]
        return all(machine.asleep(now) for machine in searched)

    async def _pause(self) -> None:
        now = self._now()
        scan = self._radio.listening.next_ns(needed=self._needed(), sparing=self._sparing(now))
        due = [sensor.machine.next_ns() for sensor in self._sensors.values()]
        due += self._broadcasts.next_ns()
        if self._scan_task is None and self._busy is None:
            due.append(scan)
        soonest = min((t - now for t in due if t is not None), default=NS_PER_S)
        pause_s = min(max(soonest / NS_PER_S, 0.001), _LONGEST_PAUSE_S)
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
        late = self._now() - now - round(pause_s * NS_PER_S)
        if late > _LATE_S * NS_PER_S:
            for sensor in self._sensors.values():
                sensor.machine.excuse(late)

    def _carry_out(self, sensor: _Sensor, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Connect():
                    self._connect(sensor)
                case Release():
                    self._release(sensor, action.why)
                case StationNoted():
                    self._mailbox.put(action)
        if actions:
            self._wake.set()

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- who is heard ------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        machines = [(sensor.machine, sensor.setup.profile.ble) for sensor in self._sensors.values()]
        searched = {
            uuid
            for machine, ble in machines
            if ble and machine.state == "searching"
            for uuid in ble.all_services
        }
        try:
            await self._radio.listen(sorted(searched), lambda: self._needed() and not self._ending)
        finally:
            self._scan_task = None
            self._wake.set()

    async def _rest(self) -> None:
        try:
            await self._radio.rest()
        finally:
            self._scan_task = None
            self._wake.set()

    def _heard(self, device: BLEDevice, rssi_dbm: int | None, inherited: bool) -> None:
        sensor = self._by_address.get(normal_address(device.address))
        if sensor is None:
            return
        free = self._busy is None and not self._ending
        with self._mistakes.said():
            actions = sensor.machine.heard(self._now(), rssi_dbm, free=free)
            if actions:
                sensor.device, sensor.inherited = device, inherited
                self._carry_out(sensor, actions)

    def _overheard(self, address: str, advertisement: AdvertisementData) -> None:
        """An advertisement of anybody: perhaps of a sensor that sends its samples so."""
        one = self._broadcasts.get(normal_address(address))
        if one is not None and not self._ending:
            with self._mistakes.said():
                one.heard(self._now(), advertisement.manufacturer_data, advertisement.rssi)

    def _radio_changed(self, usable: bool) -> None:
        for sensor in self._sensors.values():
            sensor.machine.radio(self._now(), usable=usable)

    # -- one connection ----------------------------------------------------------------------------------

    def _connect(self, sensor: _Sensor) -> None:
        assert self._busy is None, "one connect at a time"
        assert sensor.connection is None, "the lost client is disconnected before the next is made"
        self._busy, sensor.outages = sensor, self._radio.outages
        sensor.connection = Connection(
            sensor.setup,
            put=self._mailbox.put,
            now=self._now,
            took=self._took,
            inherited=sensor.inherited,
            platform=self._platform,
        )
        sensor.attempt = self._spawn(self._attempt(sensor, sensor.connection))

    async def _attempt(self, sensor: _Sensor, connection: Connection) -> None:
        step: Step = "connect"
        try:
            async with self._radio.lock:
                await self._radio.hush()
                client = connection.client = self._new_client(sensor, connection)
                await client.connect()
                if not connection.open:
                    await client.disconnect()  # given up meanwhile, and nobody waits for it any more
                    return
                sensor.machine.connected(self._now())
                step = "start"
                await connection.start()
            if connection.open:
                sensor.machine.started(self._now())
        except LinkError as error:
            self._failed(sensor, connection, Trouble(error.reason, error.detail, error.advice))
        except Exception as error:  # noqa: BLE001  explained and said; the link goes on
            self._failed(sensor, connection, self._mistakes.explain(error, step))
        finally:
            if self._busy is sensor and sensor.connection in (connection, None):
                self._busy = None
            self._wake.set()

    def _new_client(self, sensor: _Sensor, connection: Connection) -> BleakClient:
        assert sensor.device is not None, "connected only after it was heard"
        return BleakClient(
            sensor.device,
            disconnected_callback=functools.partial(self._dropped, sensor, connection),
            services=[long_uuid(uuid) for uuid in dict.fromkeys([*connection.ble.all_services, "180f"])],
            timeout=_BLEAK_SHARE * sensor.machine.patience.connect_s,
            backend=self._client_class,
        )

    def _failed(self, sensor: _Sensor, connection: Connection, trouble: Trouble) -> None:
        if sensor.connection is not connection or not connection.open:
            return
        if trouble.reason in RADIO:
            self._radio.away(trouble)
        self._carry_out(sensor, sensor.machine.failed(self._now(), trouble))

    def _dropped(self, sensor: _Sensor, connection: Connection, _: BleakClient) -> None:
        """The operating system says that a connection ended, our own disconnects included."""
        if sensor.connection is connection and connection.open and not self._ending:
            with self._mistakes.said():
                self._carry_out(sensor, sensor.machine.dropped(self._now()))

    def _took(self, connection: Connection, at: int, channel: str, data: bytes) -> None:
        """A packet came; must be quick."""
        sensor = self._sensors[connection.setup.sensor]
        machine = sensor.machine
        if machine.state == "streaming":
            machine.packet(at)
            return
        with self._mistakes.said():
            try:
                if connection.prove(channel, data):
                    self._carry_out(sensor, machine.samples(at))
            except LinkError as error:
                self._failed(sensor, connection, Trouble(error.reason, error.detail, error.advice))

    def _release(self, sensor: _Sensor, why: str) -> None:
        connection, attempt = sensor.connection, sensor.attempt
        assert connection is not None, "there is something to release"
        connection.close(why)
        self._spawn(self._released(sensor, connection, attempt))

    async def _released(
        self, sensor: _Sensor, connection: Connection, attempt: asyncio.Task[None] | None
    ) -> None:
        try:
            if attempt is not None and not attempt.done() and not await self._cancelled(attempt):
                # Stuck below Bleak. It keeps its old lock; others must not wait for it.
                self._radio.lock = asyncio.Lock()
            if connection.client is not None:
                await self._radio.disconnect(connection.client, sensor.outages)
        except Exception as error:  # noqa: BLE001  it is lost anyway; a mistake of our own is said
            self._mistakes.explain(error, "disconnect")
        finally:
            sensor.connection = sensor.attempt = None
            if self._busy is sensor:
                self._busy = None
            sensor.machine.released(self._now())
            self._radio.listening.hurry()
            self._wake.set()

    async def _cancelled(self, attempt: asyncio.Task[None]) -> bool:
        attempt.cancel()
        _, running = await asyncio.wait({attempt}, timeout=_CANCEL_S)
        return not running

    # -- the end -----------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Stop streams, disconnect, stop scanning: all at once, and within a bound."""
        self._ending = True
        self._broadcasts.close(self._now(), "stopped")
        work = [self._spawn(self._goodbye(sensor)) for sensor in self._sensors.values()]
        if work:
            await asyncio.wait(work, timeout=_GOODBYE_S)
        try:
            await self._radio.hush()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_GOODBYE_S)

    async def _goodbye(self, sensor: _Sensor) -> None:
        connection = sensor.connection
        if connection is None:
            return
        if sensor.attempt is not None and not sensor.attempt.done():
            await self._cancelled(sensor.attempt)
        try:
            await connection.stop()
            if connection.client is not None:
                await connection.client.disconnect()
        except Exception as error:  # noqa: BLE001  the program ends; a mistake of our own is said
            self._mistakes.explain(error, "disconnect")
        finally:
            connection.close("stopped")
