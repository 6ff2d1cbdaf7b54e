"""Inside a sensor with the open protocol, see docs/open-sensor.md."""

from __future__ import annotations

from typing import ClassVar

from eccentra.decode import CHANNEL
from eccentra.decode.open_sensor import ANSWER, BATTERY, FIRMWARE, LOW_BATTERY, START, STOP
from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]

_OK, _BAD_RATE, _UNKNOWN = 0, 1, 2


class Firmware(BaseFirmware):
    """No state of its own."""

    MTU: ClassVar[int] = 247

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; each is answered."""
        code = data[0] if data else 0
        if code == START:
            rate = float(int.from_bytes(data[1:3], "little")) or self.setup.rate
            if rate not in (self.setup.mode.rates_hz or self.setup.profile.rates_hz):
                return _answer(code, bytes((_BAD_RATE,)))
            self._begin(self.setup.mode.channels, rate)
        elif code == STOP:
            self.stream = None
        elif code == BATTERY:
            return _answer(code, bytes((self.battery_pct,)))
        elif code == FIRMWARE:
            return _answer(code, b"emulated 1")
        else:
            return _answer(code, bytes((_UNKNOWN,)))
        return _answer(code, bytes((_OK,)))

    def low_battery(self) -> Answers:
        """It warns in the middle of the stream."""
        super().low_battery()
        return [(CHANNEL, bytes((LOW_BATTERY, self.battery_pct)))]


def _answer(code: int, body: bytes) -> Answers:
    return [(CHANNEL, bytes((ANSWER, code)) + body)]
