"""Inside an emulated CTS500: commands are repeated as acknowledgement, but for a change of rate.

Sources: as :mod:`eccentra.decode.cts500`.
"""

from __future__ import annotations

from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.decode.cts500 import framed
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.samples import Floats, Times

__all__ = ["Firmware"]

_HEAD, _ANSWER = 0x05, 0x80
_ZERO, _TARE, _START, _STOP, _RATE, _BATTERY = 0x86, 0xA6, 0xAA, 0xAB, 0xC1, 0xC4
_RATES_HZ = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
_COMMAND = 6


class Firmware(BaseFirmware):
    """State: rate and zero point."""

    MTU: ClassVar[int] = 23

    _rate_hz = _RATES_HZ[0]
    _zero_n = 0.0
    _tare_next = False

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command with a right check sum; others are ignored."""
        if len(data) != _COMMAND or data[0] != _HEAD or framed(data[:-1]) != data:
            return ()
        code = data[1]
        if code == _RATE:
            if data[4] < len(_RATES_HZ):
                self._rate_hz = _RATES_HZ[data[4]]
            return ()
        if code == _START:
            self._begin(self.setup.mode.channels, self._rate_hz)
        elif code == _STOP:
            self.stream = None
        elif code in (_ZERO, _TARE):
            self._tare_next = True
        elif code == _BATTERY:
            centivolts = 300 + 120 * self.battery_pct // 100
            return [(CHANNEL, framed(bytes((_HEAD, _ANSWER, code, 0)) + centivolts.to_bytes(2, "big")))]
        return [(CHANNEL, data)]

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Masses relative to the zero point, which the first sample after a tare sets."""
        if self._tare_next:
            self._zero_n, self._tare_next = float(x[0, 0]), False
        return super().encode(true_ns, x - self._zero_n)
