"""What runs inside an emulated sensor: what it answers to commands, and when it streams what.

A protocol's firmware is the module ``firmware_<kind>`` here, ``kind`` being the decoder's; it holds a class
``Firmware`` derived from :class:`BaseFirmware`; a sensor that takes no commands needs none. It is sans-IO:
time and bytes come in, bytes go out.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import ClassVar

import msgspec
import numpy as np

from eccentra.decode import Encoder
from eccentra.errors import InputError
from eccentra.profiles import SensorSetup
from eccentra.samples import Floats, Times

__all__ = ["Answers", "BaseFirmware", "Stream", "firmware_for"]

Answers = Sequence[tuple[str, bytes]]
"""Notifications to send, as (characteristic's name, bytes)."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """What is being streamed.

    ``number`` counts the streams of a sensor: another number, another start.
    """

    number: int
    channels: tuple[str, ...]
    rate_hz: float


class BaseFirmware:
    """What all sensors have: a clock since boot, a battery, at most one stream.

    Parameters
    ----------
    setup
        Model of the sensor and how it streams by default.
    booted_ns
        True time at which it was switched on.
    drift_ppm
        How much faster than true time its clock runs.
    serial
        Serial number, digits.

    Attributes
    ----------
    battery_pct
        Charge.
    stream
        What is streamed now.
    asleep
        It has been told to switch off.
    """

    MTU: ClassVar[int] = 247

    def __init__(
        self, setup: SensorSetup, *, booted_ns: int, drift_ppm: float = 0.0, serial: str = "1234"
    ) -> None:
        self.setup = setup
        self.serial = serial
        self.battery_pct = 87
        self.stream: Stream | None = None
        self.asleep = False
        self._epoch_ns = booted_ns
        self._drift = drift_ppm * 1e-6
        self._mtu = self.MTU
        self._streams = 0
        self._encoder: Encoder | None = None

    def connected(self, mtu: int) -> None:
        """A host has connected, or agreed on another MTU."""
        self._mtu = mtu
        self._encoder = None

    def disconnected(self) -> None:
        """The host is gone: whatever it had asked for is forgotten."""
        self.stream = None

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """A host wrote ``data`` to the characteristic named ``to``; by default nothing happens."""
        return ()

    def read(self, name: str, true_ns: int) -> bytes | None:
        """A host reads the characteristic ``name``; ``None`` when that is not allowed."""
        return None

    def subscribed(self, name: str, true_ns: int) -> Answers:
        """A host subscribed to the characteristic ``name``: a sensor without a start command streams now."""
        ble = self.setup.profile.ble
        if ble is not None and "start" not in ble.commands and self.stream is None:
            self._begin(self.setup.mode.channels, self.setup.rate)
        return ()

    def low_battery(self) -> Answers:
        """The battery is nearly empty: what it says of its own accord."""
        self.battery_pct = 3
        return ()

    def restart_counter(self, true_ns: int) -> None:
        """The counter in its packets starts at zero again."""
        self._epoch_ns = true_ns

    @property
    def samples_per_packet(self) -> int:
        """Samples that one packet of the stream takes."""
        return self._coder().samples_per_packet

    def encode(self, true_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """The notifications of one packet."""
        return self._coder().encode(self.device_ns(true_ns), x)

    def device_ns(self, true_ns: Times) -> Times:
        """Time on its own clock, ns since its epoch."""
        since = true_ns - self._epoch_ns
        return np.asarray(since + np.round(since * self._drift).astype(np.int64))

    def _begin(self, channels: tuple[str, ...], rate_hz: float) -> None:
        self._streams += 1
        self._encoder = None
        self.stream = Stream(number=self._streams, channels=channels, rate_hz=rate_hz)

    def _coder(self) -> Encoder:
        if self._encoder is None:
            stream = self.stream
            channels = stream.channels if stream else self.setup.mode.channels
            rate = stream.rate_hz if stream else self.setup.rate
            parameters = self.setup.profile.parameters(self.setup.settings)
            self._encoder = parameters.start_encoder(channels=channels, rate_hz=rate, mtu=self._mtu)
        return self._encoder


def firmware_for(
    setup: SensorSetup, *, booted_ns: int, drift_ppm: float = 0.0, serial: str = "1234"
) -> BaseFirmware:
    """The firmware of a sensor.

    Raises
    ------
    InputError
        When this protocol cannot be emulated.
    """
    kind = setup.profile.decoder.get("kind")
    name = f"eccentra.link.virtual.firmware_{kind}"
    ble = setup.profile.ble
    if importlib.util.find_spec(name) is None:
        if ble is not None and "start" not in ble.commands:
            return BaseFirmware(setup, booted_ns=booted_ns, drift_ppm=drift_ppm, serial=serial)
        raise InputError(setup.profile.id, f"sensors with decoder {kind!r} cannot be emulated: no {name}")
    made: BaseFirmware = importlib.import_module(name).Firmware(
        setup, booted_ns=booted_ns, drift_ppm=drift_ppm, serial=serial
    )
    return made
