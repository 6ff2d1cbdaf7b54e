"""Inside an emulated Force Board: one byte chooses the mode, nothing is answered.

Sources: as :mod:`eccentra.decode.forceboard`.
"""

from __future__ import annotations

from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.samples import Floats, Times

__all__ = ["Firmware"]

_STREAM, _TARE, _IDLE = 0x04, 0x05, 0x07


class Firmware(BaseFirmware):
    """State: the zero point."""

    _zero_n = 0.0
    _tare_next = False

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; unknown ones are ignored."""
        if to == "zero":
            self._tare_next = self._tare_next or data == b"\x01"
        elif data == bytes((_STREAM,)):
            self._begin(self.setup.mode.channels, self.setup.rate)
        elif data == bytes((_TARE,)):
            self._tare_next = True
        elif data == bytes((_IDLE,)):
            self.stream = None
        return ()

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Forces relative to the zero point, which the first sample after a tare sets."""
        if self._tare_next:
            self._zero_n, self._tare_next = float(x[0, 0]), False
        return super().encode(true_ns, x - self._zero_n)
