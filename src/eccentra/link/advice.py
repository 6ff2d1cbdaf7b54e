"""What went wrong with Bluetooth, in words, and what a person can do about it on this platform.

Every exception that Bleak and its backends raise ends here as a :class:`Trouble`. Texts never hold a
Bluetooth address.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from eccentra.events import StationReason
from eccentra.link.addresses import without_addresses

__all__ = ["NEEDS_A_PERSON", "RADIO", "Step", "Trouble", "advice_for", "explain"]

Step = Literal["scan", "connect", "start", "command", "disconnect"]

R = StationReason

RADIO = frozenset({R.BLUETOOTH_OFF, R.BLUETOOTH_MISSING, R.BLUETOOTH_DENIED, R.BLUETOOTH_FAILED})
"""Troubles of the whole radio, not of one sensor."""

NEEDS_A_PERSON = frozenset({R.WRONG_DEVICE, R.MTU_TOO_SMALL, *RADIO})
"""Troubles that trying again alone will hardly cure."""


class Trouble(NamedTuple):
    """One failure: its kind, what was found, what to do."""

    reason: StationReason
    detail: str
    advice: str


# per reason: for any platform, or by sys.platform
_ADVICE: dict[StationReason, str | dict[str, str]] = {
    R.BLUETOOTH_OFF: {
        "linux": "switch Bluetooth on: `bluetoothctl power on`; if it is blocked, `rfkill unblock bluetooth`",
        "darwin": "switch Bluetooth on: System Settings > Bluetooth",
        "win32": "switch Bluetooth on: Settings > Bluetooth & devices; check that flight mode is off",
        "": "switch Bluetooth on",
    },
    R.BLUETOOTH_MISSING: {
        "linux": "plug in a Bluetooth adapter (4.0 or newer) and start its service: "
        "`sudo systemctl start bluetooth` (package bluez); a container needs /run/dbus of its host",
        "darwin": "this Mac has no usable Bluetooth; restart it, or use another one",
        "win32": "plug in a Bluetooth adapter (4.0 or newer) and install its driver",
        "": "plug in a Bluetooth adapter (4.0 or newer)",
    },
    R.BLUETOOTH_DENIED: {
        "linux": "allow this user to use Bluetooth: `sudo usermod -aG bluetooth $USER`, then log in again",
        "darwin": "allow it: System Settings > Privacy & Security > Bluetooth, tick your terminal, restart",
        "win32": "allow it: Settings > Privacy & security > Radios, let desktop apps control radios",
        "": "allow this program to use Bluetooth",
    },
    R.BLUETOOTH_FAILED: {
        "linux": "restart the service: `sudo systemctl restart bluetooth`; if that does not help, plug the "
        "adapter out and in; `journalctl -u bluetooth` says more",
        "darwin": "switch Bluetooth off and on; if that does not help, restart the computer",
        "win32": "switch Bluetooth off and on; if that does not help, restart the Bluetooth Support Service",
        "": "switch Bluetooth off and on",
    },
    R.SENSOR_NOT_SEEN: "switch it on or move it to wake it, charge it, bring it closer, and close phone apps "
    "that may hold it; searching goes on",
    R.CONNECT_FAILED: {
        "linux": "bring it closer; if it stays so, switch the sensor off and on, or `bluetoothctl remove` it",
        "win32": "bring it closer; if it stays so, switch the sensor off and on, or remove it in Settings > "
        "Bluetooth & devices",
        "": "bring it closer; if it stays so, switch the sensor off and on",
    },
    R.CONNECT_TIMEOUT: "bring it closer, close phone apps that may hold it, or switch the sensor off and on; "
    "it is tried again",
    R.WRONG_DEVICE: "find and bind the sensors again: `eccentra scan`",
    R.MTU_TOO_SMALL: "use another Bluetooth adapter (4.2 or newer), or bind it with a lower rate or fewer "
    "channels: `eccentra scan`",
    R.NO_DATA: "it is connected anew; if it stays so, switch the sensor off and on, or choose another rate: "
    "`eccentra scan`",
    R.COMMAND_FAILED: "try again; if it stays so, switch the sensor off and on",
    R.SENSOR_SWAPPED: "let the new one lie still and unloaded, then tare; the set begins anew with it",
    R.BINDINGS_CHANGED: "stop this program and start it again when the session has ended",
    R.CONNECTION_LOST: "it is searched for; bring it closer to the computer if this happens often",
    R.INTERNAL: "it goes on; please report this with the log",
}


def advice_for(reason: StationReason, platform: str) -> str:
    """What to do about ``reason`` on ``platform`` (``sys.platform``)."""
    found = _ADVICE.get(reason, "")
    if isinstance(found, str):
        return found
    return found.get(platform, found[""])


# D-Bus error names, first match wins. Sources: BlueZ src/error.c, the D-Bus specification.
_DBUS = (
    (r"org\.bluez\.Error\.(NotReady|Blocked)", R.BLUETOOTH_OFF, "the Bluetooth adapter is switched off"),
    (
        r"org\.freedesktop\.(DBus\.Error\.(ServiceUnknown|NameHasNoOwner|Spawn\..*)|systemd1\..*)",
        R.BLUETOOTH_MISSING,
        "the Bluetooth service (bluetoothd) does not run",
    ),
    (
        r"org\.freedesktop\.DBus\.Error\.(AccessDenied|AuthFailed|InteractiveAuthorizationRequired)",
        R.BLUETOOTH_DENIED,
        "this user may not use Bluetooth",
    ),
    (
        r"org\.freedesktop\.DBus\.Error\.(NoReply|TimedOut|Timeout|Disconnected|NoServer|LimitsExceeded)",
        R.BLUETOOTH_FAILED,
        "the Bluetooth service does not answer",
    ),
)

_BY_STEP: dict[Step, StationReason] = {
    "scan": R.BLUETOOTH_FAILED,
    "connect": R.CONNECT_FAILED,
    "start": R.COMMAND_FAILED,
    "command": R.COMMAND_FAILED,
    "disconnect": R.CONNECT_FAILED,
}

_DOING: dict[Step, str] = {
    "scan": "searching for sensors failed",
    "connect": "connecting failed",
    "start": "starting the sensor failed",
    "command": "the command failed",
    "disconnect": "disconnecting failed",
}


def explain(error: BaseException, step: Step, platform: str) -> Trouble:
    """What an exception of Bleak means.

    Parameters
    ----------
    error
        What was raised; anything that is not known to come from Bluetooth becomes ``INTERNAL``.
    step
        What was being done.
    platform
        ``sys.platform``.
    """
    reason, detail = _classify(error, step)
    return Trouble(reason, without_addresses(detail), advice_for(reason, platform))


def _classify(error: BaseException, step: Step) -> tuple[StationReason, str]:
    from bleak import exc

    match error:
        case exc.BleakBluetoothNotAvailableError():
            return _unavailable(error)
        case exc.BleakDBusError():
            return _dbus(error, step)
        case exc.BleakDeviceNotFoundError():
            return R.CONNECT_FAILED, f"{_DOING[step]}: the system does not know the device any more"
        case exc.BleakCharacteristicNotFoundError():
            return R.WRONG_DEVICE, f"{_DOING[step]}: it lacks a characteristic ({error.char_specifier})"
        case exc.BleakGATTProtocolError():
            name = error.code.name.replace("_", " ").lower()
            return _BY_STEP[step], f"{_DOING[step]}: the sensor refused it ({name})"
        case exc.BleakError():
            return _worded(str(error), step)
        case TimeoutError():
            timed_out = R.CONNECT_TIMEOUT if step == "connect" else _BY_STEP[step]
            return timed_out, f"{_DOING[step]}: no answer in time"
        case PermissionError() if step == "scan":
            return R.BLUETOOTH_DENIED, f"{_DOING[step]}: {error.strerror or error}"
        case FileNotFoundError() | ConnectionRefusedError() if step == "scan":
            return (
                R.BLUETOOTH_MISSING,
                "Bluetooth cannot be reached: the system's message bus (D-Bus) is not there",
            )
        case OSError() | EOFError():
            return _BY_STEP[step], f"{_DOING[step]}: {_text(error)}"
        case AssertionError():
            # a backend's own check: the device or the bus went away under it
            return _BY_STEP[step], f"{_DOING[step]}: Bluetooth went away meanwhile ({type(error).__name__})"
        case ImportError():
            return R.BLUETOOTH_MISSING, f"the Bluetooth library cannot be loaded: {_text(error)}"
        case _:
            return R.INTERNAL, f"{_DOING[step]}: unexpected {_text(error)}"


def _unavailable(error: BaseException) -> tuple[StationReason, str]:
    from bleak.exc import BleakBluetoothNotAvailableReason as Why

    match getattr(error, "reason", None):
        case Why.POWERED_OFF:
            return R.BLUETOOTH_OFF, "Bluetooth is switched off"
        case Why.NO_BLUETOOTH:
            return R.BLUETOOTH_MISSING, "this computer has no Bluetooth adapter"
        case Why.NO_BLE_CENTRAL_ROLE:
            return R.BLUETOOTH_MISSING, "the Bluetooth adapter is too old: it cannot do Bluetooth Low Energy"
        case Why.DENIED_BY_USER:
            return R.BLUETOOTH_DENIED, "Bluetooth was denied to this program by the user"
        case Why.DENIED_BY_SYSTEM:
            return R.BLUETOOTH_DENIED, "Bluetooth is denied to this program by the system"
        case Why.DENIED_BY_UNKNOWN:
            return R.BLUETOOTH_DENIED, "Bluetooth is denied to this program"
    words = error.args[0] if error.args else "no reason given"
    return R.BLUETOOTH_FAILED, f"Bluetooth is not available: {words}"


def _dbus(error: BaseException, step: Step) -> tuple[StationReason, str]:
    name = str(getattr(error, "dbus_error", ""))
    for pattern, reason, words in _DBUS:
        if re.fullmatch(pattern, name):
            return reason, words
    try:
        more = getattr(error, "dbus_error_details", None)
    except (IndexError, ValueError):  # Bleak reads a number out of the text
        more = None
    short = name.rpartition(".")[2] or "unknown"
    return _BY_STEP[step], f"{_DOING[step]}: {short}{f' ({more})' if more else ''}"


def _worded(text: str, step: Step) -> tuple[StationReason, str]:
    """Some backends say the cause in the text only (WinRT; BlueZ for a missing adapter)."""
    if re.search(r"adapter '.*' not found", text):
        return R.BLUETOOTH_MISSING, "the Bluetooth adapter is gone"
    if "Is Bluetooth turned on" in text:
        return R.BLUETOOTH_OFF, "searching could not be started; Bluetooth seems to be switched off"
    if "Access Denied" in text:
        return _BY_STEP[step], f"{_DOING[step]}: the system or the sensor denied it"
    if "Unreachable" in text:
        return _BY_STEP[step], f"{_DOING[step]}: it is out of reach"
    return _BY_STEP[step], f"{_DOING[step]}: {text or 'no reason given'}"


def _text(error: BaseException) -> str:
    words = str(error)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
