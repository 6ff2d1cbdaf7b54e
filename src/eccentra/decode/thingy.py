"""Nordic Thingy:52, motion service: one sample a notification, little endian, no time, no counter.

==============  =====  ==============================================================================
characteristic  bytes  content
==============  =====  ==============================================================================
data (raw)      18     9 i16: acceleration / 1024 g, rotation / 32 deg/s, magnetic field / 16 microtesla
quaternion      16     4 i32: w x y z / 2^30
euler           12     3 i32: roll, pitch, yaw / 65536 degrees
==============  =====  ==============================================================================

Sources: NordicSemiconductor/Nordic-Thingy52-FW ble_tms.h, m_motion.c and its documentation.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Notice
from eccentra.decode._imu import ACC, G0, GYR, MAG, RAD_PER_DEG, clipped
from eccentra.decode._parts import check_channel, check_size
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_QUAT = ("quat_w", "quat_x", "quat_y", "quat_z")
_EULER = ("roll", "pitch", "yaw")
_A, _G, _M = G0 / 1024, RAD_PER_DEG / 32, 1e-6 / 16
_STEPS = {
    ACC + GYR: (_A, _A, _A, _G, _G, _G),
    ACC + GYR + MAG: (_A, _A, _A, _G, _G, _G, _M, _M, _M),
    _QUAT: (2.0**-30,) * 4,
    _EULER: (RAD_PER_DEG / 65536,) * 3,
}
_FROM = {ACC + GYR: CHANNEL, ACC + GYR + MAG: CHANNEL, _QUAT: "quaternion", _EULER: "euler"}
_LAYOUTS = {
    ACC + GYR: struct.Struct("<6h6x"),
    ACC + GYR + MAG: struct.Struct("<9h"),
    _QUAT: struct.Struct("<4i"),
    _EULER: struct.Struct("<3i"),
}


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind: the scale is fixed, so there is nothing to say."""

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(_known(channels))

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; its packets fit the smallest MTU."""
        return Encoder(_known(channels))


def _known(channels: tuple[str, ...]) -> tuple[str, ...]:
    if channels not in _STEPS:
        raise ValueError(f"channels {channels}: expected one of {'; '.join(map(', '.join, _STEPS))}")
    return channels


class Decoder:
    """It has no state: a packet is a sample."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._from, self._layout, self._steps = _FROM[channels], _LAYOUTS[channels], _STEPS[channels]

    def expect(self, written: bytes) -> None:
        """Nothing is answered."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification."""
        check_channel(channel, data, self._from)
        check_size(data, self._layout.size)
        row = [value * step for value, step in zip(self._layout.unpack(data), self._steps, strict=True)]
        return (Frame(np.array((row,)), None),)


class Encoder:
    """The inverse: one sample to one notification."""

    samples_per_packet = 1

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._to, self._layout = _FROM[channels], _LAYOUTS[channels]
        self._steps = np.array(_STEPS[channels])
        self._kind = "i" if self._to != CHANNEL else "h"

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification; what the chip cannot measure is at the end of its range."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        body = clipped(x / self._steps, 1.0, self._kind)
        return [(self._to, body.ljust(self._layout.size, b"\0"))]
