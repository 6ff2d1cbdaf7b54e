"""Inside an emulated Progressor: one-byte commands, untagged answers, a counter since the start command.

Sources: as :mod:`eccentra.decode.tindeq`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.samples import Floats, Times

__all__ = ["Firmware"]

_TARE, _START, _STOP = 0x64, 0x65, 0x66
_FIRMWARE, _ERROR_INFO, _CLEAR_ERROR, _SLEEP, _BATTERY, _DEVICE_ID = 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70
_ANSWER, _LOW_POWER = 0, 4
_VERSION = b"1.2.3"


class Firmware(BaseFirmware):
    """State: the zero point of the last hardware tare."""

    MTU: ClassVar[int] = 247

    _zero_n = 0.0
    _tare_next = False

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; unknown ones are ignored."""
        code = data[0] if data else None
        if code == _START:
            self._epoch_ns = true_ns
            self._begin(self.setup.mode.channels, self.setup.rate)
        elif code == _STOP:
            self.stream = None
        elif code == _TARE:
            self._tare_next = True
        elif code == _SLEEP:
            self.asleep = True
        elif code == _FIRMWARE:
            return _answer(_VERSION)
        elif code == _ERROR_INFO:
            return _answer(b"")
        elif code == _BATTERY:
            return _answer(struct.pack("<I", 3000 + 12 * self.battery_pct))
        elif code == _DEVICE_ID:
            return _answer(int(self.serial).to_bytes(8, "little"))
        return ()

    def low_battery(self) -> Answers:
        """It warns in the middle of the stream."""
        super().low_battery()
        return [(CHANNEL, bytes((_LOW_POWER, 0)))]

    def disconnected(self) -> None:
        """All state is lost, the zero point too."""
        super().disconnected()
        self._zero_n, self._tare_next = 0.0, False

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Forces relative to the zero point, which the first sample after a tare sets."""
        if self._tare_next:
            self._zero_n, self._tare_next = float(x[0, 0]), False
        return super().encode(true_ns, x - self._zero_n)


def _answer(payload: bytes) -> Answers:
    return [(CHANNEL, bytes((_ANSWER, len(payload))) + payload)]
