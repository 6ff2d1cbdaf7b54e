"""The open sensor protocol: our own, for sensors that people build. Specified in docs/open-sensor.md.

Little endian. Packets of samples and answers come on one characteristic:

====  ==================================================================================================
kind  what follows
====  ==================================================================================================
1     force: u8 samples, u16 number of the first, u32 microseconds of the first, then an f32 each, newton
2     motion: the same head, then 3 i16 of 0.005 m/s2 and 3 i16 of 0.001 rad/s each
80    answer: u8 code of the command, then its data
81    low battery: u8 percent
====  ==================================================================================================

Times within a packet follow from the times and numbers of two packets, so that a chip whose rate is not
the nominal one (an HX711's may be 10 % off) is timed as it is; in the first packet from the nominal rate.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._imu import ACC, GYR, clipped
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = [
    "ANSWER",
    "BATTERY",
    "FIRMWARE",
    "LOW_BATTERY",
    "START",
    "STOP",
    "Decoder",
    "Encoder",
    "Parameters",
]

START, STOP, BATTERY, FIRMWARE = 1, 2, 3, 4
ANSWER, LOW_BATTERY = 0x80, 0x81
_FORCE, _MOTION = 1, 2
_HEAD = struct.Struct("<BBHI")
_ACC_STEP, _GYR_STEP = 0.005, 0.001
_STEPS = np.array([_ACC_STEP] * 3 + [_GYR_STEP] * 3)
_US_NS = 1000
_NUMBERS, _TICKS = 1 << 16, 1 << 32
# A rate may be off by so much; what differs more comes from a sensor that paused or started again.
_RATE_OFF = 0.2
# More samples than this are not missing: the sensor started again.
_MOST_LOST = 1 << 12


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    force_limit_n
        A force beyond this, either way, is not a measurement.
    samples_per_packet
        Most samples that a simulated sensor puts into a notification.
    """

    force_limit_n: Limit
    samples_per_packet: int = 4

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self, _kind_of(channels), rate_hz)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(self, _kind_of(channels), mtu)


def _kind_of(channels: tuple[str, ...]) -> int:
    if channels not in (("force",), ACC + GYR):
        raise ValueError(f"channels {channels}: expected force, or acceleration and angular rate")
    return _FORCE if channels == ("force",) else _MOTION


class Decoder:
    """State: number and time of the last packet's first sample, and how many it had."""

    def __init__(self, parameters: Parameters, kind: int, rate_hz: float) -> None:
        self._limit = parameters.force_limit_n
        self._kind = kind
        self._size = 4 if kind == _FORCE else 12
        self._period_us = 1e6 / rate_hz
        self._last: tuple[int, int, int] | None = None

    def expect(self, written: bytes) -> None:
        """Answers say what they answer."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification."""
        check_channel(channel, data)
        kind = data[0] if data else None
        if kind in (ANSWER, LOW_BATTERY):
            return (_said(data),)
        if kind != self._kind:
            what = "wrong_mode" if kind in (_FORCE, _MOTION) else "unknown_type"
            raise DecodeError(what, data, 0, f"kind {kind}, expected {self._kind}")
        if len(data) < _HEAD.size:
            raise DecodeError("truncated", data, len(data), f"expected a head of {_HEAD.size} bytes")
        _, n, number, stamp = _HEAD.unpack_from(data)
        if not n or len(data) != _HEAD.size + n * self._size:
            raise DecodeError("bad_length", data, 1, f"{n} samples in {len(data)} bytes")
        x, rows = self._values(data, n)
        ticks, lost = self._ticks(number, stamp, n)
        lost += n - len(rows)
        out: list[Frame | Notice] = []
        if len(rows):
            out.append(Frame(x, ticks if len(rows) == n else ticks[rows]))
        if lost:
            out.append(Notice(kind="lost_samples", value=lost))
        return out

    def _values(self, data: bytes, n: int) -> tuple[Floats, list[int]]:
        """Values of the samples that are numbers, and which these are."""
        if self._kind == _MOTION:
            counts = np.frombuffer(data, "<i2", -1, _HEAD.size).reshape(n, 6)
            return counts * _STEPS, list(range(n))
        values = struct.unpack_from(f"<{n}f", data, _HEAD.size)
        for i, value in enumerate(values):
            if math.isfinite(value) and not -self._limit <= value <= self._limit:
                detail = f"force {value:g} N, limit {self._limit:g} N"
                raise DecodeError("out_of_range", data, _HEAD.size + 4 * i, detail)
        rows = [i for i, value in enumerate(values) if math.isfinite(value)]
        return np.array([values[i] for i in rows]).reshape(-1, 1), rows

    def _ticks(self, number: int, stamp: int, n: int) -> tuple[Times, int]:
        """Microseconds of each sample, and how many samples are missing before the first."""
        period, lost = self._period_us, 0
        if self._last is not None:
            number_before, stamp_before, n_before = self._last
            steps = (number - number_before) % _NUMBERS
            seen = ((stamp - stamp_before) % _TICKS) / steps if steps else 0.0
            if abs(seen - period) <= _RATE_OFF * period:
                period = seen
                lost = min(max(steps - n_before, 0), _MOST_LOST)
        self._last = (number, stamp, n)
        if n == 1:
            return np.array((stamp,), dtype=np.int64), lost
        return np.array([(stamp + round(i * period)) % _TICKS for i in range(n)], dtype=np.int64), lost


def _said(data: bytes) -> Notice:
    if data[0] == LOW_BATTERY:
        if len(data) != 2 or data[1] > 100:
            raise DecodeError("out_of_range", data, 1, "expected one byte of 0 to 100 percent")
        return Notice(kind="battery_low", value=data[1])
    if len(data) < 2:
        raise DecodeError("truncated", data, len(data), "expected the code of a command")
    code, body = data[1], data[2:]
    if code == BATTERY:
        if len(body) != 1 or body[0] > 100:
            raise DecodeError("out_of_range", data, 2, "expected one byte of 0 to 100 percent")
        return Notice(kind="battery_pct", value=body[0])
    if code == FIRMWARE:
        if not body.isascii():
            raise DecodeError("not_text", data, 2, "expected ASCII")
        return Notice(kind="firmware", value=body.decode("ascii").rstrip("\0"))
    if code in (START, STOP):
        if len(body) != 1:
            raise DecodeError("bad_length", data, 2, "expected one byte of status")
        return Notice(kind="result", value=body[0])
    return Notice(kind="answer", value=data[1:].hex())


class Encoder:
    """The inverse. State: the number of the next sample."""

    def __init__(self, parameters: Parameters, kind: int, mtu: int) -> None:
        self._kind = kind
        size = 4 if kind == _FORCE else 12
        fits = (mtu - 3 - _HEAD.size) // size
        if fits < 1:
            raise ValueError(f"an MTU of {mtu} has no room for a sample; expected at least {11 + size}")
        self.samples_per_packet = min(parameters.samples_per_packet, fits, 255)
        self._number = 0

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification."""
        n = len(x)
        if not 1 <= n <= self.samples_per_packet:
            raise ValueError(f"{n} samples, expected 1 to {self.samples_per_packet}")
        stamp = (int(device_ns[0]) + _US_NS // 2) // _US_NS % _TICKS
        head = _HEAD.pack(self._kind, n, self._number, stamp)
        self._number = (self._number + n) % _NUMBERS
        if self._kind == _FORCE:
            return [(CHANNEL, head + np.asarray(x[:, 0], dtype="<f4").tobytes())]
        return [(CHANNEL, head + clipped(x / _STEPS, 1.0))]
