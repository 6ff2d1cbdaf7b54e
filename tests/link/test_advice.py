"""Every exception that Bleak raises becomes a reason, words without an address, and advice."""

from __future__ import annotations

import re

import bleak.exc
import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from hypothesis import given
from hypothesis import strategies as st

from eccentra.events import StationReason
from eccentra.link.addresses import without_addresses
from eccentra.link.advice import advice_for, explain

R = StationReason
Why = BleakBluetoothNotAvailableReason
MAC = "A4:C1:38:00:00:01"
APPLE = "9F1B2C3D-0000-4444-8888-0123456789AB"

CASES = [
    (BleakBluetoothNotAvailableError("x", Why.NO_BLUETOOTH), "scan", R.BLUETOOTH_MISSING),
    (BleakBluetoothNotAvailableError("x", Why.NO_BLE_CENTRAL_ROLE), "scan", R.BLUETOOTH_MISSING),
    (BleakBluetoothNotAvailableError("x", Why.POWERED_OFF), "connect", R.BLUETOOTH_OFF),
    (BleakBluetoothNotAvailableError("x", Why.DENIED_BY_USER), "scan", R.BLUETOOTH_DENIED),
    (BleakBluetoothNotAvailableError("x", Why.DENIED_BY_SYSTEM), "scan", R.BLUETOOTH_DENIED),
    (BleakBluetoothNotAvailableError("x", Why.DENIED_BY_UNKNOWN), "scan", R.BLUETOOTH_DENIED),
    (BleakBluetoothNotAvailableError("resetting", Why.UNKNOWN), "scan", R.BLUETOOTH_FAILED),
    (BleakDBusError("org.bluez.Error.NotReady", ["Resource Not Ready"]), "scan", R.BLUETOOTH_OFF),
    (BleakDBusError("org.bluez.Error.Blocked", ["rfkill"]), "scan", R.BLUETOOTH_OFF),
    (BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["org.bluez"]), "scan", R.BLUETOOTH_MISSING),
    (BleakDBusError("org.freedesktop.DBus.Error.Spawn.ChildExited", [""]), "scan", R.BLUETOOTH_MISSING),
    (BleakDBusError("org.freedesktop.systemd1.NoSuchUnit", [""]), "scan", R.BLUETOOTH_MISSING),
    (BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", ["rules"]), "scan", R.BLUETOOTH_DENIED),
    (BleakDBusError("org.freedesktop.DBus.Error.NoReply", ["timeout"]), "connect", R.BLUETOOTH_FAILED),
    (BleakDBusError("org.bluez.Error.InProgress", ["busy"]), "scan", R.BLUETOOTH_FAILED),
    (BleakDBusError("org.bluez.Error.InProgress", ["busy"]), "connect", R.CONNECT_FAILED),
    (BleakDBusError("org.bluez.Error.Failed", ["ATT error: 0x0e"]), "start", R.COMMAND_FAILED),
    (BleakDBusError("org.bluez.Error.Failed", ["ATT error: 0xzz"]), "start", R.COMMAND_FAILED),
    (BleakDBusError("", []), "connect", R.CONNECT_FAILED),
    (BleakDeviceNotFoundError(MAC, f"Device with address {MAC} was not found."), "connect", R.CONNECT_FAILED),
    (BleakCharacteristicNotFoundError("2a19"), "start", R.WRONG_DEVICE),
    (BleakGATTProtocolError(BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED), "command", R.COMMAND_FAILED),
    (BleakGATTProtocolError(BleakGATTProtocolErrorCode(0x81)), "start", R.COMMAND_FAILED),
    (BleakError("adapter 'hci0' not found"), "scan", R.BLUETOOTH_MISSING),
    (BleakError("Failed to start scanner. Is Bluetooth turned on?"), "scan", R.BLUETOOTH_OFF),
    (BleakError("Could not get GATT services: Unreachable"), "connect", R.CONNECT_FAILED),
    (BleakError("Could not get GATT services: Access Denied"), "connect", R.CONNECT_FAILED),
    (BleakError(), "connect", R.CONNECT_FAILED),
    (TimeoutError(), "connect", R.CONNECT_TIMEOUT),
    (TimeoutError(), "command", R.COMMAND_FAILED),
    (TimeoutError(), "scan", R.BLUETOOTH_FAILED),
    (FileNotFoundError(2, "No such file or directory"), "scan", R.BLUETOOTH_MISSING),
    (ConnectionRefusedError(111, "refused"), "scan", R.BLUETOOTH_MISSING),
    (PermissionError(13, "Permission denied"), "scan", R.BLUETOOTH_DENIED),
    (OSError(5, "Input/output error"), "start", R.COMMAND_FAILED),
    (EOFError(), "connect", R.CONNECT_FAILED),
    (AssertionError(), "connect", R.CONNECT_FAILED),
    (ImportError("no winrt"), "scan", R.BLUETOOTH_MISSING),
    (ZeroDivisionError("division"), "connect", R.INTERNAL),
    (KeyError("x"), "start", R.INTERNAL),
]


@pytest.mark.parametrize(
    ("error", "step", "reason"), CASES, ids=lambda x: getattr(x, "value", type(x).__name__)
)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "freebsd"])
def test_reason_words_and_advice(
    error: BaseException, step: str, reason: StationReason, platform: str
) -> None:
    trouble = explain(error, step, platform)  # type: ignore[arg-type]
    assert trouble.reason is reason
    assert len(trouble.detail) > 8
    assert len(trouble.advice) > 8
    assert MAC not in trouble.detail


def test_every_exception_class_of_bleak_is_covered() -> None:
    ours = {type(error) for error, _, _ in CASES}
    theirs = {c for c in vars(bleak.exc).values() if isinstance(c, type) and issubclass(c, BleakError)}
    assert theirs <= ours


def test_every_reason_for_no_bluetooth_is_covered() -> None:
    assert {e.reason for e, _, _ in CASES if isinstance(e, BleakBluetoothNotAvailableError)} == set(Why)


def test_advice_differs_where_the_way_differs() -> None:
    for reason in (R.BLUETOOTH_OFF, R.BLUETOOTH_DENIED):
        assert len({advice_for(reason, platform) for platform in ("linux", "darwin", "win32", "")}) == 4


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, st.sampled_from([MAC, MAC.lower(), MAC.replace(":", "_"), MAC.replace(":", "-"), APPLE]), TEXTS)
def test_no_address_survives(before: str, address: str, after: str) -> None:
    glued = re.search(r"[0-9A-Fa-f]$", before) or re.match(r"[0-9A-Fa-f]", after)
    text = f"{before}/dev_{address}/{after}" if glued else f"{before}{address}{after}"
    assert address not in without_addresses(text)
