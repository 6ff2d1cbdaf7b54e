"""Arduino sketches of the Nano 33 BLE Sense and the Nicla Sense ME: three floats a notification.

Acceleration (characteristic ``data``) and rotation (``gyr``) come apart, 3 f32 each, little endian, without
time stamps; what one unit is says the profile. The sketches send both in each turn of their loop,
acceleration first, so neighbours belong together (:class:`eccentra.decode._imu.InTurn`).

Sources: arduino-libraries/Arduino_ScienceJournal, arduino/ArduinoAI (BLESense-test-dashboard,
NiclaSenseME-dashboard): layouts only.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._imu import ACC, GYR, RAD_PER_DEG, InTurn, refuse_beyond
from eccentra.decode._parts import check_size
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_GYR = "gyr"
_THREE = struct.Struct("<3f")


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    acc_unit_m_s2, gyr_unit_deg_s
        What 1.0 on the wire means.
    acc_limit_m_s2, gyr_limit_deg_s
        Values beyond these, either way, are not measurements.
    """

    acc_unit_m_s2: Limit
    gyr_unit_deg_s: Limit
    acc_limit_m_s2: Limit
    gyr_limit_deg_s: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self, _known(channels))

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; its packets fit the smallest MTU."""
        return Encoder(self, _known(channels))


def _known(channels: tuple[str, ...]) -> tuple[str, ...]:
    if channels not in (ACC + GYR, ACC, GYR):
        raise ValueError(f"channels {channels}: expected acceleration, angular rate, or both")
    return channels


class Decoder:
    """State: an acceleration that waits for its rotation."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...]) -> None:
        self._acc = (parameters.acc_unit_m_s2, parameters.acc_limit_m_s2 / parameters.acc_unit_m_s2)
        scale = parameters.gyr_unit_deg_s
        self._gyr = (scale * RAD_PER_DEG, parameters.gyr_limit_deg_s / scale)
        self._wanted = {CHANNEL} if channels == ACC else {_GYR} if channels == GYR else {CHANNEL, _GYR}
        self._pairs = InTurn() if len(self._wanted) == 2 else None

    def expect(self, written: bytes) -> None:
        """Nothing is answered."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification; a frame comes when both parts of a sample are there."""
        if channel not in self._wanted:
            detail = f"channel {channel!r}, expected {sorted(self._wanted)}"
            raise DecodeError("unknown_channel", data, 0, detail)
        check_size(data, _THREE.size)
        rotation = channel == _GYR
        unit, limit = self._gyr if rotation else self._acc
        x, y, z = _THREE.unpack(data)
        if not refuse_beyond(data, (x, y, z), limit, "units"):
            # its partner comes or has come; it is given up in its turn
            return (Notice(kind="lost_samples", value=1),)
        row = np.array(((x * unit, y * unit, z * unit),))
        if self._pairs is None:
            return (Frame(row, None),)
        return self._pairs.add(row, rotation=rotation)


class Encoder:
    """The inverse: one sample to one notification of each kind."""

    samples_per_packet = 1

    def __init__(self, parameters: Parameters, channels: tuple[str, ...]) -> None:
        self._parts = []
        if channels != GYR:
            self._parts.append((CHANNEL, parameters.acc_unit_m_s2, slice(0, 3)))
        if channels != ACC:
            start = channels.index("gyr_x")
            self._parts.append((_GYR, parameters.gyr_unit_deg_s * RAD_PER_DEG, slice(start, start + 3)))

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Acceleration, then rotation."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        return [(to, _THREE.pack(*(x[0, columns] / unit).tolist())) for to, unit, columns in self._parts]
