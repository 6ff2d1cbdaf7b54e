"""Movella DOT (Xsens DOT): one sample a notification, layout by payload mode, little endian.

========  ==============  =====  ==========================================================================
payload   characteristic  bytes  after the u32 time stamp in microseconds
========  ==============  =====  ==========================================================================
26        long            63     quaternion 4 f32, acceleration 3 f32 m/s2, rotation 3 f32 deg/s
20, 21    medium          40     acceleration 3 f32 m/s2, rotation 3 f32 deg/s (20: magnetometer, no unit)
6         short           20     free acceleration 3 f32 m/s2: **without gravity, in the earth's frame**
========  ==============  =====  ==========================================================================

The rest is padding. The payload mode is the one in the start command that was written; without one, the one
that suits the channels. Free acceleration is no specific force: it has channels of its own, ``free_x`` to
``free_z``, so that no exercise can be measured with it by mistake.

Sources: njanssen/node-movella-dot, npm @vliegwerk/xsens-dot, captures in xsens-dot-python-examples.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._imu import ACC, GYR, RAD_PER_DEG
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["FREE", "PAYLOADS", "Decoder", "Encoder", "Parameters"]

FREE = ("free_x", "free_y", "free_z")
_MEDIUM, _SHORT, _REPORT, _BATTERY = "medium", "short", "report", "battery"
_SIZES = {CHANNEL: 63, _MEDIUM: 40, _SHORT: 20}
_US_NS = 1000
_START = b"\x01\x01"
_LONG_IMU = struct.Struct("<I16x6f19x")
_MEDIUM_IMU = struct.Struct("<I6f12x")
_SHORT_FREE = struct.Struct("<I3f4x")
PAYLOADS = {
    26: (CHANNEL, _LONG_IMU, ACC + GYR),
    20: (_MEDIUM, _MEDIUM_IMU, ACC + GYR),
    21: (_MEDIUM, _MEDIUM_IMU, ACC + GYR),
    6: (_SHORT, _SHORT_FREE, FREE),
}
"""Characteristic, layout and channels by payload mode."""
# codes of the device report that are worth saying
_REPORTS = {1: "power_off", 4: "power_saving", 5: "button"}


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    acc_limit_m_s2, gyr_limit_deg_s
        Values beyond these, either way, are not measurements.
    """

    acc_limit_m_s2: Limit
    gyr_limit_deg_s: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self, _payload_of(channels), channels)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``: the medium payload where the long one does not."""
        payload = _payload_of(channels)
        if payload == 26 and mtu - 3 < _SIZES[CHANNEL]:
            payload = 21
        if mtu - 3 < _SIZES[PAYLOADS[payload][0]]:
            raise ValueError(f"an MTU of {mtu} is too small for payload mode {payload}")
        return Encoder(payload)


def _payload_of(channels: tuple[str, ...]) -> int:
    for payload, (_, _, given) in PAYLOADS.items():
        if given == channels:
            return payload
    raise ValueError(f"channels {channels}: expected acceleration and angular rate, or {', '.join(FREE)}")


class Decoder:
    """State: the payload mode that was asked for."""

    def __init__(self, parameters: Parameters, payload: int, channels: tuple[str, ...]) -> None:
        self._acc_limit = parameters.acc_limit_m_s2
        self._gyr_limit = parameters.gyr_limit_deg_s
        self._channels = channels
        self._use(payload)

    def _use(self, payload: int) -> None:
        self._payload = payload
        self._from, self._layout, given = PAYLOADS.get(payload, ("", _LONG_IMU, ()))
        self._suits = given == self._channels

    def expect(self, written: bytes) -> None:
        """Remember the payload mode of a start command."""
        if len(written) == 3 and written[:2] == _START:
            self._use(written[2])

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification."""
        if channel == self._from and len(data) == self._layout.size and self._suits:
            tick, *values = self._layout.unpack(data)
            acc, gyr = self._acc_limit, self._gyr_limit
            x, y, z = values[:3]
            # comparisons with NaN are false, so this finds it as well
            if -acc <= x <= acc and -acc <= y <= acc and -acc <= z <= acc:
                if len(values) == 3:
                    return (Frame(np.array((values,)), np.array((tick,), dtype=np.int64)),)
                p, q, r = values[3:]
                if -gyr <= p <= gyr and -gyr <= q <= gyr and -gyr <= r <= gyr:
                    row = (x, y, z, p * RAD_PER_DEG, q * RAD_PER_DEG, r * RAD_PER_DEG)
                    return (Frame(np.array((row,)), np.array((tick,), dtype=np.int64)),)
            if not all(map(math.isfinite, values)):
                return (Notice(kind="lost_samples", value=1),)
            detail = f"{values}, limits {acc:g} m/s2 and {gyr:g} deg/s"
            raise DecodeError("out_of_range", data, 4, detail)
        return self._other(channel, data)

    def _other(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        if channel in _SIZES:
            if not self._suits:
                detail = f"payload mode {self._payload} does not give {', '.join(self._channels)}"
                raise DecodeError("wrong_mode", data, 0, detail)
            if channel != self._from:
                detail = f"payload mode {self._payload} comes on {self._from!r}, not on {channel!r}"
                raise DecodeError("wrong_mode", data, 0, detail)
            size = self._layout.size
            reason = "truncated" if len(data) < size else "too_long"
            raise DecodeError(reason, data, min(len(data), size), f"{len(data)} bytes, expected {size}")
        if channel == _BATTERY:
            if len(data) != 2 or data[0] > 100:
                raise DecodeError("out_of_range", data, 0, "expected percent (0 to 100) and charging")
            return (Notice(kind="battery_pct", value=data[0]),)
        if channel == _REPORT:
            if len(data) != 36:
                raise DecodeError("bad_length", data, len(data), "a device report has 36 bytes")
            return (Notice(kind=_REPORTS.get(data[0], "result"), value=data[0]),)
        raise DecodeError(
            "unknown_channel", data, 0, f"channel {channel!r}, expected one of {sorted(_SIZES)}"
        )


class Encoder:
    """The inverse: one sample to one notification, orientation set to none (quaternion 1, 0, 0, 0)."""

    samples_per_packet = 1

    def __init__(self, payload: int) -> None:
        self._to, self._layout, _ = PAYLOADS[payload]
        self._payload = payload

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        stamp = (int(device_ns[0]) + _US_NS // 2) // _US_NS & 0xFFFFFFFF
        row = x[0].tolist()
        data = bytearray(self._layout.pack(stamp, *row[:3], *(rate / RAD_PER_DEG for rate in row[3:])))
        if self._payload == 26:
            struct.pack_into("<4f", data, 4, 1.0, 0.0, 0.0, 0.0)
        return [(self._to, bytes(data))]
