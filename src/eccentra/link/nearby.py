"""Who can be heard right now: for finding and binding sensors, not for a running station."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eccentra.errors import LinkError
from eccentra.events import StationReason
from eccentra.link.addresses import normal_address
from eccentra.link.advice import explain
from eccentra.link.recognise import Candidate, Seen, recognise
from eccentra.profiles import DeviceProfile, load_profile, profile_ids

if TYPE_CHECKING:
    from bleak import BleakScanner
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

__all__ = ["Nearby", "bluetooth_profiles", "listen"]

# A Mac asks for permission at first use and waits for the answer.
_START_S = 20.0
_STOP_S = 5.0
_STEP_S = 0.25
# A crowd passing by must not fill the memory.
_MOST_DEVICES = 2000


class Nearby:
    """What was heard, by address.

    Parameters
    ----------
    profiles
        Models to look for.
    """

    def __init__(self, profiles: Sequence[DeviceProfile]) -> None:
        self.profiles = tuple(profiles)
        self.devices: dict[str, Seen] = {}

    def heard(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        """Take one advertisement or scan response."""
        address = normal_address(device.address)
        seen = self.devices.get(address)
        if seen is None:
            if len(self.devices) >= _MOST_DEVICES:
                return
            seen = self.devices[address] = Seen()
        seen.add(
            name=advertisement.local_name or device.name,
            services=advertisement.service_uuids,
            makers=advertisement.manufacturer_data,
            service_data=advertisement.service_data,
            rssi_dbm=advertisement.rssi,
        )

    def sensors(self) -> dict[str, list[Candidate]]:
        """Models that each device may be, best first; devices that are none are left out. Nearest first."""
        found = {address: recognise(seen, self.profiles) for address, seen in self.devices.items()}

        def order(address: str) -> tuple[float, str]:
            return -(self.devices[address].rssi_dbm or -127), address

        return {address: found[address] for address in sorted(found, key=order) if found[address]}


def bluetooth_profiles() -> tuple[DeviceProfile, ...]:
    """All known Bluetooth sensors."""
    profiles = (load_profile(name) for name in profile_ids())
    return tuple(profile for profile in profiles if profile.ble is not None)


async def listen(
    nearby: Nearby,
    seconds: float,
    *,
    step: Callable[[], bool] = lambda: False,
    backend: type[BaseBleakScanner] | None = None,
    platform: str = sys.platform,
) -> None:
    """Fill ``nearby`` for so long; ``step`` is called several times a second and ends it when it is true.

    Raises
    ------
    LinkError
        When Bluetooth cannot be used.
    """
    try:
        from bleak import BleakScanner

        scanner = BleakScanner(nearby.heard, backend=backend)
        async with asyncio.timeout(_START_S):
            await scanner.start()
    except Exception as error:
        trouble = explain(error, "scan", platform)
        if trouble.reason is StationReason.INTERNAL:
            raise
        raise LinkError(trouble.reason, trouble.detail, trouble.advice) from None
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        while not step() and (left := end - loop.time()) > 0:  # noqa: ASYNC110  step() has to be called
            await asyncio.sleep(min(_STEP_S, left))
    finally:
        await _stop(scanner, platform)


async def _stop(scanner: BleakScanner, platform: str) -> None:
    """Stop scanning; a radio that went away meanwhile is no trouble any more."""
    try:
        async with asyncio.timeout(_STOP_S):
            await scanner.stop()
    except Exception as error:
        if explain(error, "scan", platform).reason is StationReason.INTERNAL:
            raise
