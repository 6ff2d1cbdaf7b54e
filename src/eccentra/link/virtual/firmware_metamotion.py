"""Inside an emulated MetaMotion: modules with registers; raw acceleration and rotation.

Configuration and streams outlive a connection, as in the real board.

Sources: as :mod:`eccentra.decode.metamotion`.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from eccentra.decode import CHANNEL, Encoder
from eccentra.decode.metamotion import CHIPS, GYR_RANGES, Parameters
from eccentra.link.virtual.firmware import Answers, BaseFirmware
from eccentra.profiles import SensorSetup

__all__ = ["Firmware"]

_ACC, _GYR = 0x03, 0x13
_POWER, _ENABLE, _CONFIG = 0x01, 0x02, 0x03
_RATES = {0x27: 50.0, 0x28: 100.0, 0x29: 200.0}


class Firmware(BaseFirmware):
    """State: of each chip whether it runs, is subscribed to (and packed), its rate and range."""

    MTU: ClassVar[int] = 23

    def __init__(
        self, setup: SensorSetup, *, booted_ns: int, drift_ppm: float = 0.0, serial: str = "1234"
    ) -> None:
        super().__init__(setup, booted_ns=booted_ns, drift_ppm=drift_ppm, serial=serial)
        made = self.setup.profile.parameters(self.setup.settings)
        assert isinstance(made, Parameters), "this firmware is found by the decoder's kind"
        self._parameters = made
        self._chip = CHIPS[made.chip]
        self._running: set[int] = set()
        self._sent: set[int] = set()
        self._rate = 100.0

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command; unknown ones are ignored."""
        if len(data) < 2:
            return ()
        module, register = data[0], data[1]
        if data[:2] == b"\x11\x8c":
            return [(CHANNEL, b"\x11\x8c" + bytes((self.battery_pct,)) + (4000).to_bytes(2, "little"))]
        if module not in (_ACC, _GYR):
            return ()
        if register == 0x80:
            chip = self._chip.gyr_id if module == _GYR else self._chip.acc_id
            return [(CHANNEL, bytes((module, 0x80, chip, 0)))]
        if register == _CONFIG and len(data) == 4:
            self._configure(module, data[2], data[3])
        elif register == _POWER and len(data) == 3:
            (self._running.add if data[2] else self._running.discard)(module)
            self._follow()
        elif register != _ENABLE and len(data) == 3:
            self._subscribe(module, register, on=bool(data[2]))
        return ()

    def disconnected(self) -> None:
        """Streams go on into nothing: whoever connects next gets them."""
        self.stream = None

    def subscribed(self, name: str, true_ns: int) -> Answers:
        """What was started before goes on."""
        self._follow()
        return ()

    def _configure(self, module: int, rate: int, span: int) -> None:
        code = rate & 0x7F if self._parameters.chip == "bmi270" and module == _ACC else rate
        self._rate = _RATES.get(code, self._rate)
        if module == _ACC and span in self._chip.ranges:
            self._change(acc_range_g=self._chip.ranges[span])
        elif module == _GYR and span in GYR_RANGES:
            self._change(gyr_range_deg_s=GYR_RANGES[span])

    def _subscribe(self, module: int, register: int, *, on: bool) -> None:
        single, packed = self._chip.gyr_registers if module == _GYR else self._chip.acc_registers
        if register not in (single, packed):
            return
        self._change(packed=register == packed)
        (self._sent.add if on else self._sent.discard)(module)
        self._follow()

    def _change(self, **changes: object) -> None:
        self._parameters = msgspec.structs.replace(self._parameters, **changes)

    def _follow(self) -> None:
        """Stream what runs and is subscribed to."""
        active = self._running & self._sent
        channels = tuple(
            f"{kind}_{axis}"
            for module, kind in ((_ACC, "acc"), (_GYR, "gyr"))
            if module in active
            for axis in "xyz"
        )
        if not channels:
            self.stream = None
        elif self.stream is None or (self.stream.channels, self.stream.rate_hz) != (channels, self._rate):
            self._begin(channels, self._rate)

    def _coder(self) -> Encoder:
        if self._encoder is None:
            stream = self.stream
            channels = stream.channels if stream else self.setup.mode.channels
            self._encoder = self._parameters.start_encoder(
                channels=channels, rate_hz=self._rate, mtu=self._mtu
            )
        return self._encoder
