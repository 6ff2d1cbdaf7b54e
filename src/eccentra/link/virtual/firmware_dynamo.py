"""Inside an emulated DynaMo: streams after its start command as long as it is told every second to go on.

Sources: as :mod:`eccentra.decode.dynamo`.
"""

from __future__ import annotations

from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.decode.dynamo import framed
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["Firmware"]

_VERSION, _NAME, _INIT, _KEEP_ALIVE, _CONFIGURE, _START = 0x04, 0x00, 0x56, 0x10, 0x50, 0x53
_ACKNOWLEDGED = 0x09
_ANSWERS = {0x04: 0x05, 0x1D: 0x1E, 0x1A: 0x1B, 0x24: 0x25, 0x50: 0x51}
_HEAD = b"\x00\x00\x00"
_PATIENCE_NS = 2 * NS_PER_S


class Firmware(BaseFirmware):
    """State: whether it is ready to measure, when it was last told to go on, the load at the start."""

    MTU: ClassVar[int] = 23

    _ready = False
    _told_ns = 0
    _zero_n: float | None = None

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a framed command; others are ignored."""
        if len(data) < 6 or framed(data[2:-2]) != data:
            return ()
        code = data[2]
        self._told_ns = true_ns
        if code == _KEEP_ALIVE:
            return ()
        if code == _NAME:
            return _say(bytes((0x01,)), b"DynaMo-" + self.serial.encode())
        if code == _VERSION:
            self.stream = None  # the same bytes stop a stream
        if code == _START:
            if not self._ready:
                return ()
            self._zero_n = None
            self._begin(self.setup.mode.channels, self.setup.rate)
            return [*_say(bytes((_ACKNOWLEDGED,)), b""), (CHANNEL, _HEAD)]
        if code == _INIT:
            self._ready = True
            return _say(bytes((_ACKNOWLEDGED,)), b"")
        if code in _ANSWERS:
            return _say(bytes((_ANSWERS[code],)), b"\x01")
        return ()

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Changes since the start, until nobody has said for two seconds that it should go on."""
        if int(true_ns[-1]) - self._told_ns > _PATIENCE_NS:
            return []
        if self._zero_n is None:
            self._zero_n = float(x[0, 0])
        return super().encode(true_ns, x - self._zero_n)


def _say(code: bytes, data: bytes) -> Answers:
    return [(CHANNEL, framed(code + bytes((len(data),)) + data))]
