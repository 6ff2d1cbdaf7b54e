"""Inside an emulated Go Direct force sensor: framed commands that may come in pieces, framed answers.

Sources: as :mod:`eccentra.decode.vernier`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.decode.vernier import COMMAND, INIT, framed
from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]

_STATUS, _START, _STOP, _PERIOD, _SENSOR_INFO = 0x10, 0x18, 0x19, 0x1B, 0x50
_MASK, _DISCONNECT, _DEVICE_INFO, _DEFAULT_MASK = 0x51, 0x54, 0x55, 0x56
_ANSWER = 0x98
_FORCE_CHANNEL = 1
_SHORTEST_PERIOD_US = 10_000


class Firmware(BaseFirmware):
    """State: the period, and a command of which a part has come."""

    MTU: ClassVar[int] = 158

    _begun = b""
    _rate_hz = 10.0

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Collect a command, and carry it out when it is whole and its sum is right."""
        self._begun += data
        if self._begun[0] != COMMAND:
            self._begun = b""
        if len(self._begun) < 5 or len(self._begun) < self._begun[1]:
            return ()
        command, self._begun = self._begun, b""
        inside, counter = command[4:], command[2]
        if framed(inside, counter) != command:
            return ()
        return self._say(inside[0], counter, self._carry_out(inside))

    def _carry_out(self, inside: bytes) -> bytes:
        """What is answered."""
        code = inside[0]
        if code == INIT:
            self.stream = None
        elif code == _STATUS:
            return bytes((0, 0, 1, 2)) + struct.pack("<H", 3) + bytes((1, 0, 0, 0, self.battery_pct, 0))
        elif code == _PERIOD:
            self._rate_hz = 1e6 / max(_SHORTEST_PERIOD_US, int.from_bytes(inside[3:7], "little"))
        elif code == _START:
            if int.from_bytes(inside[3:7], "little") != 1 << _FORCE_CHANNEL:
                return b"\x01"
            self._begin(self.setup.mode.channels, self._rate_hz)
        elif code == _STOP:
            self.stream = None
        elif code in (_MASK, _DEFAULT_MASK):
            return struct.pack("<I", 1 << _FORCE_CHANNEL)
        elif code == _SENSOR_INFO:
            return _sensor_info(inside[1]) if len(inside) > 1 else b"\x01"
        elif code == _DEVICE_INFO:
            return b"GDX-FOR".ljust(16, b"\0") + self.serial.encode().ljust(16, b"\0") + bytes(40)
        return b"\x00"

    def _say(self, code: int, counter: int, payload: bytes) -> Answers:
        message = bytes((_ANSWER, len(payload) + 6, 0, 0, code, counter)) + payload
        room = self._mtu - 3
        return [(CHANNEL, message[at : at + room]) for at in range(0, len(message), room)]


def _sensor_info(channel: int) -> bytes:
    """Number, id, types, description, unit, uncertainty, range and periods of a channel."""
    description, unit = b"Force".ljust(60, b"\0"), b"N".ljust(32, b"\0")
    numbers = struct.pack("<dddIQIII", 0.1, -50.0, 50.0, 1000, 1 << 32, 100_000, 1000, 0)
    return struct.pack("<bBIBB", channel, 0, 1, 0, 0) + description + unit + numbers
