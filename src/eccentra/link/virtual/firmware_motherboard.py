"""Inside an emulated Motherboard: commands are text, any of them ends the stream.

Sources: as :mod:`eccentra.decode.motherboard`.
"""

from __future__ import annotations

from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.decode.motherboard import calibration_lines
from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]

_PIECE = 20


class Firmware(BaseFirmware):
    """State: the rate that was asked for last."""

    MTU: ClassVar[int] = 23

    _rate_hz = 30.0

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; unknown ones are errors."""
        self.stream = None
        if data == b"\x00":
            self.asleep = True
        elif data == b"C":
            return _say(b"".join(calibration_lines()))
        elif data == b"#":
            return _say(self.serial.encode() + b"\r\n")
        elif data[:1] == b"S":
            if data[1:] and not (data[1:].isdigit() and 1 <= int(data[1:]) <= 100):
                return _say(b"Error VAL\r\n")
            self._rate_hz = float(data[1:] or self._rate_hz)
            self._begin(self.setup.mode.channels, self._rate_hz)
            return _say(b"Stream:%d\r\n" % self._rate_hz)
        elif data.strip():
            return _say(b"Error CMD\r\n")
        return ()


def _say(text: bytes) -> Answers:
    return [(CHANNEL, text[at : at + _PIECE]) for at in range(0, len(text), _PIECE)]
