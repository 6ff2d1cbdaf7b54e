"""Inside an emulated Shimmer3R: commands of its serial protocol, acknowledged one by one.

Sources: as :mod:`eccentra.decode.shimmer`.
"""

from __future__ import annotations

from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.decode.shimmer import IDS
from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]

_INQUIRY, _RATE, _START, _SENSORS, _STOP = 0x01, 0x05, 0x07, 0x08, 0x20
_DONE, _REFUSED = b"\xff", b"\xfe"


class Firmware(BaseFirmware):
    """State: the divisor of its clock of 32768 Hz."""

    MTU: ClassVar[int] = 247
    _divisor = 640

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; low-noise acceleration and rotation are the only channels."""
        code = data[0] if data else None
        answer = _DONE
        if code == _INQUIRY:
            head = b"\x02" + self._divisor.to_bytes(2, "little") + bytes(7)
            answer += head + bytes((len(IDS), 1)) + IDS
        elif code == _RATE and len(data) == 3:
            self._divisor = max(1, int.from_bytes(data[1:], "little"))
        elif code == _START:
            self._begin(self.setup.mode.channels, 32768 / self._divisor)
        elif code == _STOP:
            self.stream = None
        elif code != _SENSORS:
            answer = _REFUSED
        return [(CHANNEL, answer)]
