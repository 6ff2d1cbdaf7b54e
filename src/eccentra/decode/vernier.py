"""Vernier Go Direct: framed commands with a rolling counter, measurements as calibrated floats.

Command: ``58, length, counter, sum, id, arguments``; the counter is counted down before each use and set back
by INIT, the sum is the low byte of the sum of all other bytes. Answer: ``type, length, 2 bytes, id, counter,
payload``; it may span several notifications. Measurement: type 20, then a kind:

==========  ======================  ==========  =============  ==========================
byte 4      channels                count       values from    values
==========  ======================  ==========  =============  ==========================
06          u16 mask at 5           u8 at 7     9              f32, sample by sample, channels ascending
07          u32 mask at 5           u8 at 9     11             f32, the same
08, 0A      u8 number at 6          u8 at 7     8              f32
09, 0B      u8 number at 6          u8 at 7     8              i32
0C, 0D, 0E                                                     start time, dropped samples, period
==========  ======================  ==========  =============  ==========================

Values are in the unit that the sensor's channel says; newtons are not taken for granted.

Sources: VernierST/godirect-js (Device.js, constants.js), VernierST/godirect-py (godirect/device.py).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._parts import KG_TO_N, check_channel, check_limit
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["COMMAND", "INIT", "Decoder", "Encoder", "Framer", "Parameters", "framed"]

COMMAND, INIT = 0x58, 0x1A
_MEASUREMENT = 0x20
_NORMAL, _WIDE = 0x06, 0x07
_ONE_FLOAT, _ONE_INT, _NO_SAMPLES = (0x08, 0x0A), (0x09, 0x0B), (0x0C, 0x0E)
_DROPPED = 0x0D
_STATUS, _SENSOR_INFO, _DEVICE_INFO = 0x10, 0x50, 0x55
_SHORTEST = 6
_UNIT_AT, _UNIT_CHARS = 6 + 8 + 60, 32
_NEWTONS = {
    "N": 1.0,
    "kN": 1000.0,
    "kg": KG_TO_N,
    "kgf": KG_TO_N,
    "lb": 4.4482216152605,
    "lbs": 4.4482216152605,
}
_NEWTONS |= {"lbf": 4.4482216152605}


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_n
        A force beyond this, either way, is no measurement.
    force_channel
        Number of the channel that measures force.
    unit
        Its unit, until the sensor has said it.
    samples_per_packet
        Samples a packet of an emulated sensor holds.
    """

    limit_n: Limit
    force_channel: Annotated[float, msgspec.Meta(ge=0, le=31)] = 1
    unit: str = "N"
    samples_per_packet: Count = 1

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(self, mtu)

    def start_framer(self) -> Framer:
        """What puts commands into frames."""
        return Framer()


def framed(inside: bytes, counter: int) -> bytes:
    """The frame around id and arguments of a command."""
    length = len(inside) + 4
    total = COMMAND + length + counter + sum(inside)
    return bytes((COMMAND, length, counter, total & 0xFF)) + inside


class Framer:
    """State: the counter."""

    def __init__(self) -> None:
        self._counter = 0xFF

    def frame(self, inside: bytes) -> bytes:
        """The frame around a command."""
        if inside[:1] == bytes((INIT,)):
            self._counter = 0xFF
        self._counter = (self._counter - 1) & 0xFF
        return framed(inside, self._counter)


class Decoder:
    """State: a message that is not complete, and the unit of the channel."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_n
        self._channel = int(parameters.force_channel)
        self._unit = parameters.unit
        self._begun = b""

    def expect(self, written: bytes) -> None:
        """Answers say to what they belong."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification; what it completes is decoded."""
        check_channel(channel, data)
        begun, self._begun = self._begun, b""
        if not begun:
            return self._message(data)
        joined = begun + data
        if len(joined) > joined[1] or _stands_alone(data):
            # the rest of the message before was lost
            return (Notice(kind="lost_part", value=len(begun)), *self._message(data))
        return self._message(joined)

    def _message(self, data: bytes) -> Sequence[Frame | Notice]:
        if len(data) < 2:
            raise DecodeError("truncated", data, len(data), "expected type and length")
        if data[1] < _SHORTEST:
            raise DecodeError("bad_length", data, 1, f"length {data[1]}, expected {_SHORTEST} or more")
        if len(data) < data[1]:
            self._begun = data
            return ()
        if len(data) > data[1]:
            raise DecodeError("too_long", data, data[1], f"{len(data)} bytes, expected {data[1]}")
        return self._measured(data) if data[0] == _MEASUREMENT else self._answer(data)

    def _measured(self, data: bytes) -> Sequence[Frame | Notice]:
        kind = data[4]
        if kind == _NORMAL:
            return self._masked(data, int.from_bytes(data[5:7], "little"), 7, 9)
        if kind == _WIDE:
            return self._masked(data, int.from_bytes(data[5:9], "little"), 9, 11)
        if kind in (*_ONE_FLOAT, *_ONE_INT):
            if len(data) < 8 or data[6] != self._channel:
                return ()
            return self._values(data, 7, 8, "f" if kind in _ONE_FLOAT else "i", 1, 0)
        if kind == _DROPPED:
            return (Notice(kind="lost_part", value=data[5:].hex()),)
        if kind in _NO_SAMPLES:
            return ()
        raise DecodeError("unknown_type", data, 4, f"measurement {kind:#04x}, expected 06 to 0e")

    def _masked(self, data: bytes, mask: int, count_at: int, first: int) -> Sequence[Frame | Notice]:
        if not mask >> self._channel & 1:
            return ()
        before = (mask & ((1 << self._channel) - 1)).bit_count()
        return self._values(data, count_at, first, "f", mask.bit_count(), before)

    def _values(
        self, data: bytes, count_at: int, first: int, code: str, columns: int, column: int
    ) -> Sequence[Frame | Notice]:
        count = data[count_at] if count_at < len(data) else 0
        if not count or first + 4 * count * columns != len(data):
            detail = f"{count} samples of {columns} channels in {len(data)} bytes"
            raise DecodeError("bad_length", data, count_at, detail)
        scale = _NEWTONS.get(self._unit)
        if scale is None:
            raise DecodeError(
                "unknown_unit", data, 4, f"channel {self._channel} is in {self._unit!r}, no force"
            )
        values = struct.unpack_from(f"<{count * columns}{code}", data, first)[column::columns]
        good = []
        for value in values:
            if math.isfinite(value):
                check_limit(value * scale, self._limit, "N", data, first)
                good.append(value * scale)
        lost = (Notice(kind="lost_samples", value=count - len(good)),) if len(good) < count else ()
        return (Frame(np.array(good).reshape(-1, 1), None), *lost) if good else lost

    def _answer(self, data: bytes) -> Sequence[Notice]:
        command = data[4]
        if command == _STATUS and len(data) > 17:
            if data[16] > 100:
                raise DecodeError("out_of_range", data, 16, f"battery {data[16]} percent")
            firmware = f"{data[8]}.{data[9]}.{int.from_bytes(data[10:12], 'little')}"
            return (Notice(kind="battery_pct", value=data[16]), Notice(kind="firmware", value=firmware))
        if command == _SENSOR_INFO and len(data) >= _UNIT_AT + _UNIT_CHARS:
            if data[6] != self._channel:
                return ()
            self._unit = _text(data[_UNIT_AT : _UNIT_AT + _UNIT_CHARS])
            return (Notice(kind="unit", value=self._unit),)
        if command == _DEVICE_INFO and len(data) >= 38:
            serial = Notice(kind="serial", value=_text(data[22:38]))
            return (Notice(kind="product", value=_text(data[6:22])), serial)
        return (Notice(kind="result", value=data[6] if len(data) > 6 else None),)


def _stands_alone(data: bytes) -> bool:
    """Whether a notification is a whole measurement by itself, and not the rest of another message."""
    whole = len(data) >= _SHORTEST and data[1] == len(data)
    return whole and data[0] == _MEASUREMENT and _NORMAL <= data[4] <= _NO_SAMPLES[1]


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii", "replace").strip()


class Encoder:
    """The inverse: one channel, normal measurements."""

    def __init__(self, parameters: Parameters, mtu: int) -> None:
        room = (min(mtu - 3, 0xFF) - 9) // 4
        self._mask = 1 << int(parameters.force_channel)
        self.samples_per_packet = max(1, min(parameters.samples_per_packet, room))
        self._room = mtu - 3

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One message, in as many notifications as it needs."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        values = struct.pack(f"<{len(x)}f", *x[:, 0].tolist())
        wide = self._mask > 0xFFFF
        mask = self._mask.to_bytes(4 if wide else 2, "little")
        body = bytes((0, 0, _WIDE if wide else _NORMAL)) + mask + bytes((len(x), 0)) + values
        message = bytes((_MEASUREMENT, len(body) + 2)) + body
        return [(CHANNEL, message[at : at + self._room]) for at in range(0, len(message), self._room)]
