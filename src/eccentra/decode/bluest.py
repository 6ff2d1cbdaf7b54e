"""ST BlueST, protocol 1 (SensorTile, SensorTile.box, Nucleo with motion shields), little endian.

A characteristic is named by the features in it. A notification is a u16 time stamp in steps of 8 ms, then
the features by descending bit: acceleration (3 i16, milli-g), rotation (3 i16, 0.1 deg/s), magnetic field
(3 i16, milligauss = 1e-7 T).

==============  =====  ======================
characteristic  bytes  features
==============  =====  ======================
data 00e00000   20     all three
acc  00800000   8      acceleration
==============  =====  ======================

Sources: STMicroelectronics/BlueSTSDK_Python (BSD-3-Clause): node.py, features, ble_node_definitions.py.
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

_STEP_NS = 8_000_000
_A, _G, _M = G0 / 1000, RAD_PER_DEG / 10, 1e-7
# channels: characteristic, layout, size of a step
_MODES = {
    ACC + GYR: (CHANNEL, struct.Struct("<H6h6x"), (_A, _A, _A, _G, _G, _G)),
    ACC + GYR + MAG: (CHANNEL, struct.Struct("<H9h"), (_A, _A, _A, _G, _G, _G, _M, _M, _M)),
    ACC: ("acc", struct.Struct("<H3h"), (_A, _A, _A)),
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
    if channels not in _MODES:
        raise ValueError(f"channels {channels}: expected one of {'; '.join(map(', '.join, _MODES))}")
    return channels


class Decoder:
    """It has no state: a packet is a sample."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._from, self._layout, self._steps = _MODES[channels]

    def expect(self, written: bytes) -> None:
        """Nothing is answered."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification."""
        check_channel(channel, data, self._from)
        check_size(data, self._layout.size)
        stamp, *values = self._layout.unpack(data)
        row = [value * step for value, step in zip(values, self._steps, strict=True)]
        return (Frame(np.array((row,)), np.array((stamp,), dtype=np.int64)),)


class Encoder:
    """The inverse: one sample to one notification."""

    samples_per_packet = 1

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._to, self._layout, steps = _MODES[channels]
        self._steps = np.array(steps)

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification; the time is rounded to its step."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        stamp = (int(device_ns[0]) + _STEP_NS // 2) // _STEP_NS & 0xFFFF
        body = struct.pack("<H", stamp) + clipped(x / self._steps, 1.0)
        return [(self._to, body.ljust(self._layout.size, b"\0"))]
