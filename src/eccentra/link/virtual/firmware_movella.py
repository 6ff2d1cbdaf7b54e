"""Inside an emulated DOT: the output rate, and streams by payload mode.

Sources: as :mod:`eccentra.decode.movella`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.decode.movella import PAYLOADS, Encoder
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.samples import Floats, Times

__all__ = ["Firmware"]

_RATE_MASK = 0x10
_RATES = (1, 4, 10, 12, 15, 20, 30, 60)
_BUSY, _ILLEGAL = 2, 3


class Firmware(BaseFirmware):
    """State: rate and payload mode."""

    MTU: ClassVar[int] = 247
    _rate = 60.0
    _payload: Encoder | None = None

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; what is not allowed is reported."""
        if to == "setup":
            return self._set_up(data)
        if to != "control" or len(data) != 3 or data[0] != 1:
            return ()
        if not data[1]:
            self.stream = None
        elif data[2] not in PAYLOADS:
            return _report(_ILLEGAL)
        else:
            self._payload = Encoder(data[2])
            self._begin(PAYLOADS[data[2]][2], self._rate)
        return ()

    def read(self, name: str, true_ns: int) -> bytes | None:
        """Battery: percent, and whether it is charged."""
        return bytes((self.battery_pct, 0)) if name == "battery" else None

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """In the layout of the payload mode; a notification too long for the link is cut off."""
        assert self._payload is not None, "set when the stream began"
        packets = self._payload.encode(self.device_ns(true_ns), x)
        return [(to, data[: self._mtu - 3]) for to, data in packets]

    def low_battery(self) -> Answers:
        """It says that it will save power."""
        super().low_battery()
        return _report(4)

    def _set_up(self, data: bytes) -> Answers:
        if len(data) != 32:
            return _report(_ILLEGAL)
        if data[0] & _RATE_MASK:
            (rate,) = struct.unpack_from("<H", data, 24)
            if self.stream is not None or rate not in _RATES:
                return _report(_BUSY if self.stream is not None else _ILLEGAL)
            self._rate = float(rate)
        return ()


def _report(code: int) -> Answers:
    return [("report", bytes((code,)).ljust(36, b"\0"))]
