"""Movesense, GATT SensorData Protocol: motion with two or three kinds of sensors, or heart rate.

Notification: ``u8 code, u8 reference, ...``, little endian; the reference is that of the subscription.

====  =======================================================================================
code  what follows
====  =======================================================================================
1     answer to a command: u16 status as in HTTP, then data; HELLO answers text without status
2     DATA: u32 milliseconds of the first sample, n x 3 f32 m/s2, then n x 3 f32 deg/s, then
      n x 3 f32 microtesla; of heart rate: f32 beats per minute, then u16 RR intervals in ms, no time
3, 4  continuation of the DATA with the same reference: its bytes are appended
====  =======================================================================================

There is no sample count and no end marker. Up to 104 Hz a packet is known to hold rate / 13 samples; above,
a packet counts as whole when its bytes are whole samples. A continuation of a later packet that happens to
fit a pending first half cannot be told from the right one; that needs two losses in a row.

Sources: movesense.com/docs/esw/gatt_sensordata_protocol, sensein/movesense-py, EvanKat/movesense_bleak.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._imu import RAD_PER_DEG, one_sample
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["Decoder", "Encoder", "HeartRateDecoder", "HeartRateEncoder", "Parameters"]

_HEART_RATE = ("heart_rate",)
_RESULT, _DATA, _PART2, _PART3 = 1, 2, 3, 4
_HELLO, _GET = 0, 4
_BATTERY_PATH = b"/System/Energy/Level"
_HEAD = 6  # code, reference, time stamp
_STAMP = struct.Struct("<I")
_MS_NS = 1_000_000
_U4, _F4 = np.dtype("<u4"), np.dtype("<f4")
_NO_SIGN = np.uint32(0x7FFFFFFF)


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    acc_limit_m_s2, gyr_limit_deg_s, mag_limit_ut, most_per_minute
        Values beyond these, either way, are not measurements.
    packets_hz
        Packets a second: a packet holds rate / packets_hz samples.
    sized_to_hz
        Highest rate for which that is known.
    most_samples
        Samples in a packet of a simulated sensor at higher rates.
    """

    acc_limit_m_s2: Limit
    gyr_limit_deg_s: Limit
    packets_hz: Limit
    sized_to_hz: Limit
    most_samples: Count
    mag_limit_ut: Limit = 10_000.0
    most_per_minute: Limit = 400.0

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        if channels == _HEART_RATE:
            return HeartRateDecoder(self, _Layout(self, (), rate_hz))
        return Decoder(self, _Layout(self, channels, rate_hz))

    def start_encoder(
        self, *, channels: tuple[str, ...], rate_hz: float, mtu: int
    ) -> Encoder | HeartRateEncoder:
        """An encoder whose notifications fit ``mtu``."""
        if channels == _HEART_RATE:
            return HeartRateEncoder()
        return Encoder(_Layout(self, channels, rate_hz), mtu)


class _Layout:
    """Sizes that follow from the subscription, worked out once."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...], rate_hz: float) -> None:
        if len(channels) not in (0, 3, 6, 9):
            known = "expected acceleration, with angular rate, with magnetic field, or heart_rate"
            raise ValueError(f"channels {channels}: {known}")
        self.blocks = len(channels) // 3
        self.rate_hz = rate_hz
        self.sample_bytes = 12 * self.blocks or 1
        self.sized = rate_hz <= parameters.sized_to_hz
        by_rate = max(1, round(rate_hz / parameters.packets_hz))
        self.samples = by_rate if self.sized else parameters.most_samples
        self.whole = _HEAD + self.samples * self.sample_bytes
        kinds = (
            (1.0, parameters.acc_limit_m_s2),
            (RAD_PER_DEG, parameters.gyr_limit_deg_s),
            (1e-6, parameters.mag_limit_ut),
        )
        self.scale = np.array([scale for scale, _ in kinds[: self.blocks] for _ in range(3)])
        self.limits = [limit for _, limit in kinds[: self.blocks] for _ in range(3)]

    def is_whole(self, size: int) -> bool:
        """Whether a packet of ``size`` bytes with its head is complete."""
        if self.sized:
            return size == self.whole
        return size > _HEAD and (size - _HEAD) % self.sample_bytes == 0

    def is_too_long(self, size: int) -> bool:
        """Whether a packet of ``size`` bytes cannot become complete."""
        # one second of samples is far beyond any packet: a bound on memory
        most = self.whole if self.sized else _HEAD + round(self.rate_hz) * self.sample_bytes
        return size > most

    def limit_bits(self, n: int) -> NDArray[np.uint32]:
        """Limits in wire order as bit patterns: those of positive floats are ordered like the floats."""
        per_block = [np.full(3 * n, self.limits[3 * b], dtype="<f4") for b in range(self.blocks)]
        return np.concatenate(per_block).view("<u4")

    def wire_scale(self, n: int) -> Floats:
        """Factors to SI units in wire order."""
        return np.repeat(self.scale[::3], 3 * n)

    def offsets(self, n: int) -> Times:
        """Time of each sample after the first, ns."""
        return np.array([round(i * NS_PER_S / self.rate_hz) for i in range(n)], dtype=np.int64)


class Decoder:
    """State: first halves that wait for the rest, and commands that wait for an answer, by reference."""

    def __init__(self, parameters: Parameters, layout: _Layout) -> None:
        self._layout = layout
        self._pending: dict[int, bytes] = {}
        self._asked: dict[int, bytes] = {}
        self._tables: dict[int, tuple[NDArray[np.uint32], Floats, Times, Times]] = {}

    def expect(self, written: bytes) -> None:
        """Remember the command by its reference."""
        if len(written) >= 2:
            self._asked[written[1]] = written

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification; frames come when a packet is complete."""
        check_channel(channel, data)
        if len(data) < 2:
            raise DecodeError("truncated", data, len(data), "expected code and reference")
        code = data[0]
        if code == _DATA:
            return self._data(data)
        if code in (_PART2, _PART3):
            return self._part(data)
        if code == _RESULT:
            return self._result(data)
        raise DecodeError("unknown_type", data, 0, f"code {code}, expected 1 to 4")

    def _data(self, data: bytes) -> Sequence[Frame | Notice]:
        size, reference, layout = len(data), data[1], self._layout
        if size <= _HEAD:
            raise DecodeError("truncated", data, size, "expected a time stamp and samples")
        if layout.is_too_long(size):
            raise DecodeError("too_long", data, layout.whole, f"{size} bytes, expected {layout.whole}")
        lost = self._pending.pop(reference, None) if self._pending else None
        if layout.is_whole(size):
            frames = self._samples(data)
            if lost is None:
                return frames
            return (Notice(kind="lost_part", value=len(lost)), *frames)
        self._pending[reference] = data
        if lost is not None:
            detail = f"the rest of a packet of {len(lost)} bytes never came; the new packet is kept"
            raise DecodeError("lost_part", lost, len(lost), detail)
        return ()

    def _part(self, data: bytes) -> Sequence[Frame | Notice]:
        reference = data[1]
        first = self._pending.pop(reference, None)
        if first is None:
            raise DecodeError("part_without_start", data, 0, f"no packet waits for reference {reference}")
        if len(data) == 2:
            self._pending[reference] = first
            raise DecodeError("truncated", data, 2, "a continuation without bytes")
        joined = first + data[2:]
        if self._layout.is_too_long(len(joined)):
            detail = f"joined to {len(joined)} bytes, expected {self._layout.whole}"
            raise DecodeError("too_long", data, len(data), detail)
        if self._layout.is_whole(len(joined)):
            return self._samples(joined)
        self._pending[reference] = joined
        return ()

    def _samples(self, data: bytes) -> Sequence[Frame | Notice]:
        n = (len(data) - _HEAD) // self._layout.sample_bytes
        tables = self._tables.get(n)
        if tables is None:
            layout, ones = self._layout, np.ones(n, dtype=np.int64)
            tables = (layout.limit_bits(n), layout.wire_scale(n), ones, layout.offsets(n))
            self._tables[n] = tables
        limits, scale, ones, offsets = tables
        bits = np.frombuffer(data, _U4, -1, _HEAD)
        # NaN and infinity have larger patterns than any finite limit, so one comparison finds all; a search
        # in its bytes is quicker than a reduction
        if b"\x01" in ((bits & _NO_SIGN) > limits).tobytes():
            return self._some_samples(data, n, offsets)
        wire = (bits.view(_F4) * scale).reshape(-1, n, 3)
        x: Floats = wire.transpose(1, 0, 2).reshape(n, -1)
        return (Frame(x, ones * _STAMP.unpack_from(data, 2)[0], offsets),)

    def _some_samples(self, data: bytes, n: int, offsets: Times) -> Sequence[Frame | Notice]:
        """A packet with values that are no numbers: samples without them are kept."""
        layout = self._layout
        values = struct.unpack_from(f"<{3 * n * layout.blocks}f", data, _HEAD)
        rows: list[tuple[float, ...]] = []
        kept: list[int] = []
        for i in range(n):
            row = [values[3 * (b * n + i) + k] for b in range(layout.blocks) for k in range(3)]
            if not all(map(math.isfinite, row)):
                continue
            for value, limit in zip(row, layout.limits, strict=True):
                # the limit as the wire would carry it, like the check of whole packets
                if abs(value) > float(np.float32(limit)):
                    raise DecodeError("out_of_range", data, _HEAD, f"sample {i}: {value:g}, limit {limit:g}")
            rows.append(tuple(row))
            kept.append(i)
        notice = Notice(kind="lost_samples", value=n - len(kept))
        if not kept:
            return (notice,)
        ticks = np.full(len(kept), _STAMP.unpack_from(data, 2)[0], dtype=np.int64)
        return (Frame(np.array(rows) * layout.scale, ticks, offsets[kept]), notice)

    def _result(self, data: bytes) -> Sequence[Frame | Notice]:
        asked = self._asked.pop(data[1], b"")
        if asked and asked[0] == _HELLO:
            return _hello(data)
        if len(data) < 4:
            raise DecodeError("truncated", data, len(data), "expected a status of 2 bytes")
        status = int.from_bytes(data[2:4], "little")
        if status == 200 and asked[:1] == bytes((_GET,)) and asked[2:].rstrip(b"\0") == _BATTERY_PATH:
            if len(data) != 5 or data[4] > 100:
                raise DecodeError("out_of_range", data, 4, "expected one byte of 0 to 100 percent")
            return (Notice(kind="battery_pct", value=data[4]),)
        return (Notice(kind="result", value=status),)


class HeartRateDecoder(Decoder):
    """Heart rate: a packet is a sample, at times of its own; RR intervals are notices."""

    def __init__(self, parameters: Parameters, layout: _Layout) -> None:
        super().__init__(parameters, layout)
        self._most = parameters.most_per_minute

    def _data(self, data: bytes) -> Sequence[Frame | Notice]:
        if len(data) < _HEAD or len(data) % 2:
            raise DecodeError("bad_length", data, len(data), "expected a rate and whole RR intervals")
        (rate,) = struct.unpack_from("<f", data, 2)
        if rate < 0 or rate > self._most:
            raise DecodeError("out_of_range", data, 2, f"{rate:g} per minute, limit {self._most:g}")
        out: list[Frame | Notice] = []
        # without a beat yet it is zero: nothing was measured
        out.append(one_sample((rate / 60,)) if rate > 0 else Notice(kind="lost_samples", value=1))
        for (interval,) in struct.iter_unpack("<H", data[_HEAD:]):
            out.append(Notice(kind="rr_s", value=interval / 1000))
        return out


class HeartRateEncoder:
    """The inverse: a rate, without intervals."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One packet."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        return [(CHANNEL, struct.pack("<BBf", _DATA, Encoder.REFERENCE, float(x[0, 0]) * 60))]


def _hello(data: bytes) -> Sequence[Notice]:
    """Serial number, product and firmware; old sample firmware says only ``Hello``."""
    parts = data[3:].rstrip(b"\0").split(b"\0")
    if not data.isascii() or len(parts) != 5:
        return (Notice(kind="answer", value=data[2:].hex()),)
    serial, product, _dfu_address, app, version = (part.decode("ascii") for part in parts)
    return (
        Notice(kind="serial", value=serial),
        Notice(kind="product", value=product),
        Notice(kind="firmware", value=f"{app} {version}"),
    )


class Encoder:
    """The inverse: samples to DATA and, when they do not fit, continuations."""

    REFERENCE = 1

    def __init__(self, layout: _Layout, mtu: int) -> None:
        self._layout = layout
        self._room = mtu - 3 - 2
        if self._room < 8:
            raise ValueError(f"an MTU of {mtu} is too small; expected at least 13")
        self.samples_per_packet = layout.samples

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One packet; the time of the first sample is written, the others follow at the nominal rate."""
        n, layout = len(x), self._layout
        if n != layout.samples and (layout.sized or not 1 <= n <= layout.samples):
            raise ValueError(f"{n} samples, expected {layout.samples}")
        stamp = (int(device_ns[0]) + _MS_NS // 2) // _MS_NS & 0xFFFFFFFF
        wire = (x / layout.scale).reshape(n, layout.blocks, 3).transpose(1, 0, 2)
        body = _STAMP.pack(stamp) + np.ascontiguousarray(wire, dtype="<f4").tobytes()
        packets: list[tuple[str, bytes]] = []
        code = _DATA
        while body:
            cut = min(self._room, len(body))
            if not layout.sized and cut < len(body):
                # a first part must not look like whole samples
                sent = _HEAD - 2 + n * layout.sample_bytes - len(body) + cut
                cut -= 4 if layout.is_whole(sent + 2) else 0
            packets.append((CHANNEL, bytes((code, self.REFERENCE)) + body[:cut]))
            body, code = body[cut:], _PART2
        return packets
