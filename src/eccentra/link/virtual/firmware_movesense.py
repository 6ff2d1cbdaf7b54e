"""Inside an emulated Movesense: commands tagged by reference, subscriptions by resource path.

One subscription of measured samples at a time, which is what Eccentra asks for. A rate that the sensor does
not have is accepted and then gives no data, as the real one may do; ``/Info`` never answers.

Sources: as :mod:`eccentra.decode.movesense`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.samples import Floats, Times

__all__ = ["Firmware"]

_HELLO, _SUBSCRIBE, _UNSUBSCRIBE, _GET, _SYSTEM_MODE = 0, 1, 2, 4, 7
_RESULT = 1
_OK, _NOT_FOUND, _CONFLICT = 200, 404, 409
_POWER_OFF, _REBOOT = 1, 5
_PROTOCOL = 1


class Firmware(BaseFirmware):
    """State: the reference of the subscription."""

    MTU: ClassVar[int] = 158
    _reference = 0

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; without a valid reference nothing happens."""
        if len(data) < 2 or data[1] == 0:
            return ()
        code, reference, payload = data[0], data[1], data[2:]
        if code == _HELLO:
            texts = (self.serial, "Movesense", "00:00:00:00:00:00", "gsp", "2.3.1")
            body = b"".join(text.encode() + b"\0" for text in texts)
            return [(CHANNEL, bytes((_RESULT, reference, _PROTOCOL)) + body)]
        if code == _SUBSCRIBE:
            return self._subscribe(reference, payload)
        if code == _UNSUBSCRIBE:
            known = self.stream is not None and reference == self._reference
            if known:
                self.stream = None
            return _result(reference, _OK if known else _NOT_FOUND)
        if code == _GET:
            return self._get(reference, payload)
        if code == _SYSTEM_MODE:
            if payload[:1] == bytes((_POWER_OFF,)):
                self.asleep = True
            elif payload[:1] == bytes((_REBOOT,)):
                self.stream = None
                self.restart_counter(true_ns)
            return _result(reference, _OK)
        return _result(reference, _NOT_FOUND)

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Packets tagged by the subscription's reference; what does not fit into two parts is cut off."""
        parts = super().encode(true_ns, x)[:2]
        return [(name, bytes((data[0], self._reference)) + data[2:]) for name, data in parts]

    def _subscribe(self, reference: int, payload: bytes) -> Answers:
        parts = payload.rstrip(b"\0").decode("ascii", "replace").split("/")
        modes = {mode.id: mode for mode in self.setup.profile.mode}
        # heart rate has no rate: it comes with the beats
        if parts == ["", "Meas", "HR"]:
            parts.append("1")
        if len(parts) != 4 or parts[:2] != ["", "Meas"] or parts[2] not in modes or not parts[3].isdigit():
            return _result(reference, _NOT_FOUND)
        if self.stream is not None:
            return _result(reference, _CONFLICT)
        rate = float(parts[3])
        if rate in (modes[parts[2]].rates_hz or self.setup.profile.rates_hz):
            self._reference = reference
            self._begin(modes[parts[2]].channels, rate)
        return _result(reference, _OK)

    def _get(self, reference: int, payload: bytes) -> Answers:
        path = payload.rstrip(b"\0")
        if path == b"/System/Energy/Level":
            return _result(reference, _OK, bytes((self.battery_pct,)))
        if path == b"/Info":
            return ()
        return _result(reference, _NOT_FOUND)


def _result(reference: int, status: int, data: bytes = b"") -> Answers:
    return [(CHANNEL, bytes((_RESULT, reference)) + struct.pack("<H", status) + data)]
