"""Whether this program can use Bluetooth: from the bottom up, the first step that fails ends it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from eccentra.doctor.finding import Finding, failed, ok, warning
from eccentra.errors import LinkError
from eccentra.events import StationReason
from eccentra.link.advice import advice_for
from eccentra.link.nearby import Nearby, bluetooth_profiles, listen

if TYPE_CHECKING:
    from bleak.backends.scanner import BaseBleakScanner

__all__ = ["check_bluetooth"]

_LISTEN_S = 2.0
_BUS = "unix:path=/run/dbus/system_bus_socket"
_BUS_S = 2.0
_OLDEST_BLUEZ = (5, 55)  # Bleak refuses older ones
_MTU_BLUEZ = (5, 62)  # from here on it tells the packet size


def check_bluetooth(
    *,
    platform: str = sys.platform,
    bus: str | None = None,
    bluez_version: Callable[[], str | None] | None = None,
    backend: type[BaseBleakScanner] | None = None,
    listen_s: float = _LISTEN_S,
) -> Iterator[Finding]:
    """Check message bus and service (Linux), adapter, permission, and listen for a moment.

    Parameters
    ----------
    platform
        ``sys.platform``.
    bus
        D-Bus address of the system bus; ``None`` for the usual one.
    bluez_version
        Asks for the version of BlueZ, ``None`` when it is not known.
    backend
        Bleak backend instead of the platform's.
    listen_s
        How long to listen.
    """
    if platform == "linux":
        bus_finding = _bus(bus or os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _BUS)
        yield bus_finding
        if bus_finding.state == "failed":
            return
        yield from _bluez((bluez_version or _ask_bluez)())
    nearby = Nearby(bluetooth_profiles())
    try:
        asyncio.run(listen(nearby, listen_s, backend=backend, platform=platform))
    except LinkError as error:
        yield failed("bluetooth.adapter", error.detail, error.advice)
        return
    devices, sensors = len(nearby.devices), len(nearby.sensors())
    yield ok(
        "bluetooth.adapter", f"works; {devices} devices heard in {listen_s:g} s, {sensors} known sensors"
    )


def _bus(address: str) -> Finding:
    """The system's message bus, by which BlueZ is reached."""
    advice = advice_for(StationReason.BLUETOOTH_MISSING, "linux")
    where = re.search(r"unix:(?:.*,)?path=([^,;]+)", address)
    if where is None:
        return ok("bluetooth.bus", "at an unusual address; not looked at")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_BUS_S)
            connection.connect(where[1])
    except PermissionError:
        denied = advice_for(StationReason.BLUETOOTH_DENIED, "linux")
        return failed("bluetooth.bus", "this user may not use the system's message bus (D-Bus)", denied)
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        return failed("bluetooth.bus", f"the system's message bus (D-Bus) is not there: {problem}", advice)
    return ok("bluetooth.bus", "the system's message bus (D-Bus) answers")


def _bluez(version: str | None) -> Iterator[Finding]:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version or "")[:2])
    if len(numbers) < 2:
        return
    if numbers < _OLDEST_BLUEZ:
        yield failed("bluetooth.bluez", f"BlueZ {version} is too old", "update the system: 5.55 is needed")
    elif numbers < _MTU_BLUEZ:
        advice = "if a fast sensor sends nothing, update to 5.62 or newer"
        yield warning("bluetooth.bluez", f"BlueZ {version} does not tell the packet size", advice)
    else:
        yield ok("bluetooth.bluez", f"BlueZ {version}")


def _ask_bluez() -> str | None:
    program = shutil.which("bluetoothctl")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=3, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+", done.stdout)
    return found[0] if found else None
