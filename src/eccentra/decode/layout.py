"""Packets that are plain numbers in a row: a head and equal records, all described by the profile.

A packet is its ``head``, then records that are all alike until its end (or as many as the head says). What a
number means is its role: a constant that has to be there, how many records follow, the device's time or
running number, a value, or nothing of interest. Own firmware needs no code here, only a profile.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["Decoder", "Encoder", "Field", "Parameters"]

_CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "u64": "Q"}
_RAW = "raw_"
# Numbers of 64 bits count modulo 2^63: a device's clock never gets there.
_MOST_TICK = 0x7FFFFFFFFFFFFFFF
# From so many records on it is quicker to take them all at once.
_MANY = 6

_DTYPES = {
    "u8": "u1",
    "i8": "i1",
    "u16": "u2",
    "i16": "i2",
    "u32": "u4",
    "i32": "i4",
    "f32": "f4",
    "u64": "u8",
}

Number = Literal["u8", "i8", "u16", "i16", "u32", "i32", "f32", "u64"]


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number in a head or record.

    Attributes
    ----------
    type
        How it is written.
    role
        ``value``; ``tick``: the device's time, of the first sample when it stands in the head; ``number``:
        the running number of a sample; ``count``: how many records follow; ``const``; ``skip``.
    channel
        Of a value: the channel that it is. The channel ``raw_`` + this is the number as it was written.
    scale
        Of a value: SI units a step.
    limit
        Of a value: beyond this, either way and in SI units, it is no measurement.
    is_
        Of a constant: what it has to be.
    tick_s
        Of a tick: its length.
    """

    type: Number
    role: Literal["value", "tick", "number", "count", "const", "skip"] = "value"
    channel: str = ""
    scale: float = 1.0
    limit: Limit = 1e9
    is_: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(default=0, name="is")
    tick_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    record
        The numbers of one sample, or of one record of a packet.
    head
        Those before the first record.
    big_endian
        Most significant byte first.
    trailing
        A packet holds one record; what follows it is of no interest.
    most_records
        A packet never holds more; an emulated sensor fills its packets up to so many.
    on
        Names of the characteristics where such packets arrive.
    gain, zero
        Of a sensor whose scale is its own: a value is ``gain * scale * (number - zero)``.
    """

    record: Annotated[tuple[Field, ...], msgspec.Meta(min_length=1, max_length=64)]
    head: tuple[Field, ...] = ()
    big_endian: bool = False
    trailing: bool = False
    most_records: Count = 1
    on: tuple[str, ...] = (CHANNEL,)
    gain: float = 1.0
    zero: float = 0.0

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self, channels, rate_hz)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose packets fit ``mtu``."""
        return Encoder(self, channels, rate_hz, mtu)


class _Shape:
    """Sizes and places that follow from the parameters, worked out once."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...], rate_hz: float) -> None:
        order: Literal[">", "<"] = ">" if parameters.big_endian else "<"
        self.head = struct.Struct(order + "".join(_CODES[field.type] for field in parameters.head))
        self.record = struct.Struct(order + "".join(_CODES[field.type] for field in parameters.record))
        kinds = [np.dtype(_DTYPES[f.type]).newbyteorder(order) for f in parameters.record]
        self.dtype = np.dtype([(f"f{i}", kind) for i, kind in enumerate(kinds)])
        self.columns = [_column(parameters.record, channel) for channel in channels]
        self.scales, self.zeros, self.limits = [], [], []
        for channel, column in zip(channels, self.columns, strict=True):
            raw = channel.startswith(_RAW)
            field = parameters.record[column]
            self.scales.append(1.0 if raw else field.scale * parameters.gain)
            self.zeros.append(0.0 if raw else parameters.zero)
            self.limits.append(1e18 if raw else field.limit)
        self.stamp = _role(parameters.head, "tick")
        self.count = _role(parameters.head, "count")
        self.tick = next((i for i, f in enumerate(parameters.record) if f.role in ("tick", "number")), None)
        self.period_ns = NS_PER_S / rate_hz


def _column(record: Sequence[Field], channel: str) -> int:
    for i, field in enumerate(record):
        if field.role == "value" and field.channel and channel in (field.channel, _RAW + field.channel):
            return i
    known = ", ".join(field.channel for field in record if field.role == "value")
    raise ValueError(f"no value of the record is the channel {channel!r}; there are {known}")


def _role(fields: Sequence[Field], role: str) -> int | None:
    return next((i for i, field in enumerate(fields) if field.role == role), None)


class Decoder:
    """No state: every packet stands alone."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...], rate_hz: float) -> None:
        self._parameters = parameters
        self._shape = shape = _Shape(parameters, channels, rate_hz)
        self._consts = [(i, f.is_) for i, f in enumerate(parameters.head) if f.role == "const"]
        self._offsets: dict[int, Times] = {}
        self._places = list(zip(shape.columns, shape.scales, shape.zeros, shape.limits, strict=True))

    def expect(self, written: bytes) -> None:
        """Answers are not a part of this protocol."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One packet to one frame."""
        if channel not in self._parameters.on:
            check_channel(channel, data)
        shape = self._shape
        head, n = self._head(data)
        if n >= _MANY:
            quick = self._many(data, head, n)
            if quick is not None:
                return quick
        rows: list[list[float]] = []
        ticks: list[int] = []
        lost = 0
        size = shape.record.size
        for at in range(shape.head.size, shape.head.size + n * size, size):
            numbers = shape.record.unpack_from(data, at)
            row = [(numbers[i] - zero) * scale for i, scale, zero, _ in self._places]
            for value, place in zip(row, self._places, strict=True):
                if not -place[3] <= value <= place[3]:
                    if math.isfinite(value):
                        detail = f"{value:g}, limit {place[3]:g}"
                        raise DecodeError("out_of_range", data, at, detail)
                    lost += 1
                    break
            else:
                rows.append(row)
                if shape.tick is not None:
                    ticks.append(numbers[shape.tick])
                elif shape.stamp is not None:
                    ticks.append(head[shape.stamp])
        notices = (Notice(kind="lost_samples", value=lost),) if lost else ()
        if not rows:
            return notices
        return (self._frame(rows, ticks, n), *notices)

    def _many(self, data: bytes, head: tuple[int, ...], n: int) -> Sequence[Frame] | None:
        """The same for many records at once; ``None`` when one of them is no measurement."""
        shape = self._shape
        table = np.frombuffer(data, shape.dtype, n, shape.head.size)
        x = np.empty((n, len(self._places)))
        for column, (i, scale, zero, limit) in enumerate(self._places):
            x[:, column] = (table[f"f{i}"].astype(np.float64) - zero) * scale
            if not (np.abs(x[:, column]) <= limit).all():
                return None
        if shape.tick is not None:
            numbers = table[f"f{shape.tick}"].astype(np.uint64)
            ticks: Times | None = (numbers & np.uint64(_MOST_TICK)).astype(np.int64)
        elif shape.stamp is not None:
            ticks = np.full(n, head[shape.stamp] & _MOST_TICK, dtype=np.int64)
        else:
            ticks = None
        return (self._placed(x, ticks, n),)

    def _frame(self, rows: list[list[float]], ticks: list[int], n: int) -> Frame:
        wide = np.array([tick & _MOST_TICK for tick in ticks], dtype=np.int64) if ticks else None
        return self._placed(np.array(rows), wide, n)

    def _placed(self, x: Floats, ticks: Times | None, n: int) -> Frame:
        if self._shape.tick is not None or self._shape.stamp is None:
            return Frame(x, ticks)
        if n not in self._offsets:
            period = self._shape.period_ns
            self._offsets[n] = np.array([round(i * period) for i in range(n)], dtype=np.int64)
        return Frame(x, ticks, self._offsets[n][: len(x)])

    def _head(self, data: bytes) -> tuple[tuple[int, ...], int]:
        """Numbers of the head, and how many records follow it."""
        shape, parameters = self._shape, self._parameters
        room = len(data) - shape.head.size
        size = shape.record.size
        if room < size:
            raise DecodeError(
                "truncated", data, len(data), f"expected {shape.head.size + size} bytes or more"
            )
        head = shape.head.unpack_from(data)
        for i, wanted in self._consts:
            if head[i] != wanted:
                raise DecodeError("unknown_type", data, 0, f"{head[i]:#x} in the head, expected {wanted:#x}")
        n = 1 if parameters.trailing else head[shape.count] if shape.count is not None else room // size
        if not 1 <= n <= parameters.most_records:
            detail = f"{n} records, expected 1 to {parameters.most_records}"
            raise DecodeError("bad_length", data, 0, detail)
        if n * size > room or (not parameters.trailing and shape.count is None and room % size):
            raise DecodeError("truncated", data, len(data), f"{n} records of {size} bytes, and a rest")
        if shape.count is not None and n * size < room:
            raise DecodeError("too_long", data, len(data), f"{n} records of {size} bytes, and more")
        return head, n


class Encoder:
    """The inverse."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...], rate_hz: float, mtu: int) -> None:
        self._parameters = parameters
        self._shape = _Shape(parameters, channels, rate_hz)
        room = (mtu - 3 - self._shape.head.size) // self._shape.record.size
        if room < 1:
            raise ValueError(f"an MTU of {mtu} has no room for a record; expected at least 13")
        self.samples_per_packet = 1 if parameters.trailing else min(parameters.most_records, room)

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One packet."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        head = [self._number(f, int(device_ns[0]), len(x)) for f in self._parameters.head]
        body = b"".join(self._record(t, row) for t, row in zip(device_ns.tolist(), x.tolist(), strict=True))
        return [(CHANNEL, self._shape.head.pack(*head) + body)]

    def _record(self, device_ns: int, row: list[float]) -> bytes:
        shape = self._shape
        numbers: list[float] = [self._number(f, device_ns, 1) for f in self._parameters.record]
        for value, i, scale, zero in zip(row, shape.columns, shape.scales, shape.zeros, strict=True):
            field = self._parameters.record[i]
            numbers[i] = (
                value / scale + zero if field.type == "f32" else _fit(value / scale + zero, field.type)
            )
        return shape.record.pack(*numbers)

    def _number(self, field: Field, device_ns: int, count: int) -> int:
        match field.role:
            case "const":
                return field.is_
            case "count":
                return count
            case "tick":
                ticks = round(device_ns / (field.tick_s * NS_PER_S))
            case "number":
                ticks = round(device_ns / self._shape.period_ns)
            case _:
                return 0
        return ticks & ((1 << int(field.type[1:])) - 1)


def _fit(value: float, kind: str) -> int:
    """The nearest number that can be written; nothing measured is the end of the range."""
    bits = int(kind[1:])
    low, high = (0, (1 << bits) - 1) if kind[0] == "u" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return low if math.isnan(value) else max(low, min(high, round(value)))
