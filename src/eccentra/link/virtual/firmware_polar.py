"""Inside an emulated Polar sensor: the control point of its measurement data service.

Sources: as :mod:`eccentra.decode.polar`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.decode._imu import ACC, GYR
from eccentra.decode.polar import CONTROL, Parameters, settings_of, started
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.profiles import SensorSetup

__all__ = ["Firmware"]

_GET, _START, _STOP = 1, 2, 3
_ACC, _GYR = 2, 5
_OK, _BAD_TYPE, _BAD_PARAMETER, _ALREADY, _BAD_RATE, _MTU = 0, 2, 5, 6, 8, 10


class Firmware(BaseFirmware):
    """State: the kinds of samples that are streamed."""

    MTU: ClassVar[int] = 247

    def __init__(
        self, setup: SensorSetup, *, booted_ns: int, drift_ppm: float = 0.0, serial: str = "1234"
    ) -> None:
        super().__init__(setup, booted_ns=booted_ns, drift_ppm=drift_ppm, serial=serial)
        made = self.setup.profile.parameters(self.setup.settings)
        assert isinstance(made, Parameters), "this firmware is found by the decoder's kind"
        self._parameters = made
        self._kinds: set[int] = set()
        offered = {channel for mode in self.setup.profile.mode for channel in mode.channels}
        self._offered = {kind for kind, one in ((_ACC, "acc_x"), (_GYR, "gyr_x")) if one in offered}

    def read(self, name: str, true_ns: int) -> bytes | None:
        """Features: which kinds it can stream."""
        return bytes((0x0F, sum(1 << kind for kind in self._offered), 0)) if name == CONTROL else None

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command of the control point."""
        if to != CONTROL or len(data) < 2:
            return ()
        operation, kind = data[0], data[1] & 0x3F
        if kind not in self._offered:
            return _answer(operation, kind, _BAD_TYPE)
        if operation == _GET:
            return _answer(operation, kind, _OK, self._settings(kind))
        if operation == _START:
            return self._start(kind, data[2:])
        if operation == _STOP:
            if kind not in self._kinds:
                return _answer(operation, kind, _ALREADY)
            self._kinds.discard(kind)
            self._follow(self.setup.rate)
            return _answer(operation, kind, _OK)
        return _answer(operation, kind, 1)

    def disconnected(self) -> None:
        """All streams end."""
        super().disconnected()
        self._kinds.clear()

    def _start(self, kind: int, settings: bytes) -> Answers:
        try:
            wanted = settings_of(settings)
        except ValueError:
            return _answer(_START, kind, _BAD_PARAMETER)
        (rate,) = wanted.get("Hz", [0.0])
        if kind in self._kinds:
            return _answer(_START, kind, _ALREADY)
        if rate not in self.setup.profile.rates_hz:
            return _answer(_START, kind, _BAD_RATE)
        if self._mtu < 100:
            return _answer(_START, kind, _MTU)
        self._kinds.add(kind)
        self._follow(rate)
        if not self._parameters.compressed:
            return _answer(_START, kind, _OK)
        one = self._parameters
        return [(CONTROL, started(kind, one.factor_acc_mg if kind == _ACC else one.factor_gyr_deg_s))]

    def _follow(self, rate_hz: float) -> None:
        channels = (*(ACC if _ACC in self._kinds else ()), *(GYR if _GYR in self._kinds else ()))
        if channels:
            self._begin(channels, rate_hz)
        else:
            self.stream = None

    def _settings(self, kind: int) -> bytes:
        rates = [round(rate) for rate in self.setup.profile.rates_hz]
        ranges = [8] if kind == _ACC else [2000]
        parts = struct.pack(f"<BB{len(rates)}H", 0, len(rates), *rates)
        parts += struct.pack("<BBH", 1, 1, 16)
        return parts + struct.pack(f"<BB{len(ranges)}HBBB", 2, len(ranges), *ranges, 4, 1, 3)


def _answer(operation: int, kind: int, status: int, parameters: bytes = b"") -> Answers:
    return [(CONTROL, bytes((0xF0, operation, kind, status, 0)) + parameters)]
