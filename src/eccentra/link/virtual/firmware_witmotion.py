"""Inside an emulated WitMotion sensor: it streams by itself; settings need to be unlocked.

Sources: as :mod:`eccentra.decode.witmotion`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]

_HEAD = b"\xff\xaa"
_UNLOCK = bytes.fromhex("ffaa6988b5")
_RATE, _READ = 0x03, 0x27
_BATTERY = 0x64
_RATES = {0x05: 5.0, 0x06: 10.0, 0x07: 20.0, 0x08: 50.0, 0x09: 100.0, 0x0B: 200.0}


class Firmware(BaseFirmware):
    """State: the rate, and whether settings may be changed."""

    MTU: ClassVar[int] = 23
    _rate = 10.0
    _unlocked = False

    def subscribed(self, name: str, true_ns: int) -> Answers:
        """It has been streaming all the time."""
        self._begin(self.setup.mode.channels, self._rate)
        return ()

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; nothing is acknowledged."""
        if data == _UNLOCK:
            self._unlocked = True
        elif len(data) != 5 or data[:2] != _HEAD:
            return ()
        elif data[2] == _RATE and self._unlocked and data[3] in _RATES:
            self._rate = _RATES[data[3]]
            if self.stream is not None:
                self._begin(self.setup.mode.channels, self._rate)
        elif data[2] == _READ:
            # lithium cell: 3.4 V at nothing, 3.96 V when full
            value = 340 + round(0.56 * self.battery_pct) if data[3] == _BATTERY else 0
            return [(CHANNEL, b"\x55\x71" + struct.pack("<H8h", data[3], value, *[0] * 7))]
        return ()
