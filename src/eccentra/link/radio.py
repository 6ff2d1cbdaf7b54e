"""The computer's Bluetooth adapter: the one scanner of the program, and whether Bluetooth works at all.

Scanner and connects take turns under one lock, because scanning while connecting fails on many adapters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from eccentra.events import StationNoted
from eccentra.link.advice import Trouble
from eccentra.link.listening import Listening, Rhythm

if TYPE_CHECKING:
    from bleak import BleakClient, BleakScanner
    from bleak.args.bluez import BlueZScannerArgs
    from bleak.backends.adapter import BaseBleakAdapter
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

__all__ = ["Heard", "Radio"]

_START_S = 10.0
_STOP_S = 5.0
_ASK_S = 2.0
# Bleak itself waits 10 s for the operating system to report the end of a connection.
_RELEASE_S = 12.0
# A system that had no Bluetooth since reports nothing of the connections before.
_GONE_S = 2.0
_GENERIC_ATTRIBUTE = "1801"
_NO_RSSI = -127

Heard = Callable[["BLEDevice", int | None, bool], None]
"""Told of a device, its signal (dBm), and whether the system held it already instead of it advertising."""


class Radio:
    """Scanner and state of the adapter.

    Parameters
    ----------
    heard
        Told of every device that is heard, or that the system holds.
    changed
        Told when Bluetooth became unusable, or usable again.
    put
        Takes what is said about it.
    explain
        Makes a trouble of an exception.
    now
        Host's monotonic clock, ns.
    scanner_class, adapter_class
        Bleak backends instead of the platform's.
    rhythm
        Thresholds.
    broadcast
        Told of the address and all that is in an advertisement; then every single one is asked for, also
        those that say the same as before.

    Attributes
    ----------
    lock
        Held while connecting.
    problem
        What is wrong with Bluetooth; ``None`` when it works.
    outages
        How often it became unusable.
    """

    def __init__(
        self,
        *,
        heard: Heard,
        changed: Callable[[bool], None],
        put: Callable[[StationNoted], None],
        explain: Callable[[Exception], Trouble],
        now: Callable[[], int],
        scanner_class: type[BaseBleakScanner] | None = None,
        adapter_class: type[BaseBleakAdapter] | None = None,
        rhythm: Rhythm | None = None,
        broadcast: Callable[[str, AdvertisementData], None] | None = None,
    ) -> None:
        self._broadcast = broadcast
        self.lock = asyncio.Lock()
        self.listening = Listening(rhythm)
        self.problem: Trouble | None = None
        self.outages = 0
        self._releasing: dict[asyncio.Timeout, int] = {}
        self._heard = heard
        self._changed = changed
        self._put = put
        self._explain = explain
        self._now = now
        self._scanner_class = scanner_class
        self._adapter_class = adapter_class
        # a made-up scanner comes with no adapter unless one is given
        self._asks_system = scanner_class is None or adapter_class is not None
        self._scanner: BleakScanner | None = None

    # -- the scanner ---------------------------------------------------------------------------------------

    async def listen(self, services: list[str], wanted: Callable[[], bool]) -> None:
        """Start the scanner, and look for devices that the system holds.

        Parameters
        ----------
        services
            Of the sensors that are searched.
        wanted
            Whether it is still wanted when it is its turn.
        """
        async with self.lock:
            if not wanted():
                return
            try:
                async with asyncio.timeout(_START_S):
                    await self._start()
            except Exception as error:  # noqa: BLE001  explained and said; the link goes on
                self._scanner = None
                self.away(self._explain(error))
                return
            self.listening.started(self._now())
            self._back()
            # Only now, as the answer may come from a memory that outlives the Bluetooth service.
            await self._find_held(services)

    async def rest(self) -> None:
        """Stop the scanner."""
        async with self.lock:
            await self.hush()

    async def hush(self) -> None:
        """Stop the scanner if it runs; for whoever holds the lock."""
        if not self.listening.on:
            return
        self.listening.stopped()
        scanner = self._scanner
        try:
            async with asyncio.timeout(_STOP_S):
                if scanner is not None:
                    await scanner.stop()
        except Exception as error:  # noqa: BLE001  an adapter that is gone cannot stop; the next start says so
            self._scanner = None
            self._explain(error)

    async def _start(self) -> None:
        from bleak import BleakScanner

        if self._scanner is None:
            every: BlueZScannerArgs = {"filters": {"DuplicateData": True}} if self._broadcast else {}
            self._scanner = BleakScanner(self._advertised, bluez=every, backend=self._scanner_class)
        await self._scanner.start()

    async def _find_held(self, services: list[str]) -> None:
        """Devices held since a program was killed: these do not advertise."""
        if not self._asks_system:
            return
        from bleak import BleakAdapter

        try:
            async with asyncio.timeout(_ASK_S):
                adapter = await BleakAdapter.get(backend=self._adapter_class)
                held = await adapter.get_connected_devices([_GENERIC_ATTRIBUTE, *services])
        except NotImplementedError:
            self._asks_system = False
            return
        except Exception as error:  # noqa: BLE001  the scan goes on; a mistake of our own is said
            self._explain(error)
            return
        for device in held:
            self._heard(device, None, True)

    def _advertised(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self.listening.heard(self._now())
        rssi = advertisement.rssi
        self._heard(device, None if rssi <= _NO_RSSI else rssi, False)
        if self._broadcast is not None:
            self._broadcast(device.address, advertisement)

    # -- the end of a connection ---------------------------------------------------------------------------

    async def disconnect(self, client: BleakClient, outages: int) -> None:
        """Disconnect a client, and wait for the system to report it, unless that report cannot come.

        Parameters
        ----------
        client
            Of a connection that is lost or given up.
        outages
            How many there had been when it was made.
        """
        async with asyncio.timeout(_RELEASE_S) as limit:
            self._releasing[limit] = outages
            self._hasten()
            try:
                await client.disconnect()
            finally:
                del self._releasing[limit]

    def _hasten(self) -> None:
        """Wait no longer for reports of connections that ended when Bluetooth went away."""
        soon = asyncio.get_running_loop().time() + _GONE_S
        for limit, outages in self._releasing.items():
            if outages != self.outages and not limit.expired():
                limit.reschedule(min(limit.when() or soon, soon))

    # -- whether it works ----------------------------------------------------------------------------------

    def away(self, trouble: Trouble) -> None:
        """Bluetooth cannot be used; said once, and tried again from time to time."""
        self.listening.failed(self._now())
        before, self.problem = self.problem, trouble
        if before is None:
            self.outages += 1
            self._hasten()
        self._changed(False)
        if before is None or before.reason is not trouble.reason:
            self._put(
                StationNoted(
                    reason=trouble.reason, level="error", detail=trouble.detail, advice=trouble.advice
                )
            )

    def _back(self) -> None:
        before, self.problem = self.problem, None
        if before is not None:
            self._changed(True)
            detail = "Bluetooth works again; sensors are searched"
            self._put(StationNoted(reason=before.reason, level="info", detail=detail))
