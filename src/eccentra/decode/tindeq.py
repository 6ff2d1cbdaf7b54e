"""Tindeq Progressor and open clones: force in kg, one or more records a notification.

Notification: ``u8 type, u8 length, payload``, little endian.

====  =======================================================================================
type  payload
====  =======================================================================================
0     answer to the last command; does not say to which, so the command must be remembered
1     records of 8 bytes: f32 mass in kg, u32 microseconds since the start command
2, 3  peak rate of force development; layout not known well, handed on as hex
4     low power warning, no payload; the device switches itself off soon after
====  =======================================================================================

Sources: blims/Tindeq-Progressor-API (README), Stevie-Ray/hangtime-grip-connect (progressor.model.ts and its
tests), kesyog/hangman, crimpdeq/crimpdeq-firmware.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

KG_TO_N = 9.80665
_ANSWER, _WEIGHT, _PEAK, _PEAK_SERIES, _LOW_POWER = range(5)
_FIRMWARE, _ERROR_INFO, _BATTERY, _DEVICE_ID = 0x6B, 0x6C, 0x6F, 0x70
_US_NS = 1000
_RECORD = struct.Struct("<fI")
_SINGLE = struct.Struct("<HfI")
_SINGLE_HEAD = 0x0801


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    mass_limit_kg
        A record beyond this, either way, is not a measurement.
    battery_limit_v
        The same for the battery voltage.
    records_per_packet
        Records a simulated sensor puts into one notification.
    """

    mass_limit_kg: Limit
    battery_limit_v: Limit
    records_per_packet: Count = 1

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(self, mtu)


class Decoder:
    """State: the command whose answer is awaited."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.mass_limit_kg
        self._battery_limit = parameters.battery_limit_v
        self._open: int | None = None

    def expect(self, written: bytes) -> None:
        """Remember the command (its first byte): the next answer belongs to it."""
        self._open = written[0] if written else None

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification to a frame, notices, or both."""
        if len(data) == 10:
            # the usual packet of clones: one record; 80 of them a second, so this way is short
            head, mass, micros = _SINGLE.unpack(data)
            if head == _SINGLE_HEAD and channel == CHANNEL and -self._limit <= mass <= self._limit:
                return (Frame(np.array(((mass * KG_TO_N,),)), np.array((micros,), dtype=np.int64)),)
        return self._any(channel, data)

    def _any(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        check_channel(channel, data)
        if len(data) < 2:
            raise DecodeError("truncated", data, len(data), "expected type and length")
        kind, length = data[0], data[1]
        if length != len(data) - 2:
            reason = "truncated" if length > len(data) - 2 else "too_long"
            raise DecodeError(reason, data, 1, f"length {length}, but {len(data) - 2} bytes follow")
        if kind == _WEIGHT:
            return self._records(data)
        if kind == _ANSWER:
            return (self._answer(data),)
        if kind == _LOW_POWER:
            if length:
                raise DecodeError("bad_length", data, 1, "a low power warning has no payload")
            return (Notice(kind="battery_low"),)
        if kind in (_PEAK, _PEAK_SERIES):
            return (Notice(kind="peak" if kind == _PEAK else "peak_series", value=data[2:].hex()),)
        raise DecodeError("unknown_type", data, 0, f"type {kind}, expected 0 to 4")

    def _records(self, data: bytes) -> Sequence[Frame | Notice]:
        if len(data) == 2 or (len(data) - 2) % _RECORD.size:
            raise DecodeError("bad_length", data, 1, f"expected whole records of {_RECORD.size} bytes")
        values: list[float] = []
        ticks: list[int] = []
        lost = 0
        for i, (mass, micros) in enumerate(_RECORD.iter_unpack(memoryview(data)[2:])):
            if not math.isfinite(mass):
                lost += 1
            elif not -self._limit <= mass <= self._limit:
                detail = f"mass {mass:g} kg, limit {self._limit:g} kg"
                raise DecodeError("out_of_range", data, 2 + i * _RECORD.size, detail)
            else:
                values.append(mass * KG_TO_N)
                ticks.append(micros)
        out: list[Frame | Notice] = []
        if values:
            out.append(Frame(np.array(values).reshape(-1, 1), np.array(ticks, dtype=np.int64)))
        if lost:
            out.append(Notice(kind="lost_samples", value=lost))
        return out

    def _answer(self, data: bytes) -> Notice:
        command, self._open = self._open, None
        payload = data[2:]
        if command == _BATTERY:
            if len(payload) != 4:
                raise DecodeError("bad_length", data, 1, "battery voltage is 4 bytes")
            volts: float = int.from_bytes(payload, "little") / 1000
            if volts > self._battery_limit:
                detail = f"battery {volts:g} V, limit {self._battery_limit:g} V"
                raise DecodeError("out_of_range", data, 2, detail)
            return Notice(kind="battery_v", value=volts)
        if command in (_FIRMWARE, _ERROR_INFO):
            if not payload.isascii():
                raise DecodeError("not_text", data, 2, "expected ASCII")
            text = payload.decode("ascii").rstrip("\0")
            return Notice(kind="firmware" if command == _FIRMWARE else "error_info", value=text)
        if command == _DEVICE_ID:
            return Notice(kind="device_id", value=payload[::-1].hex())
        return Notice(kind="answer", value=payload.hex())


class Encoder:
    """The inverse: forces to notifications."""

    def __init__(self, parameters: Parameters, mtu: int) -> None:
        room = min((mtu - 3 - 2) // _RECORD.size, 255 // _RECORD.size)
        if room < 1:
            raise ValueError(f"an MTU of {mtu} has no room for a record; expected at least 13")
        self.samples_per_packet = min(parameters.records_per_packet, room)

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification; NaN is sent as NaN, as some devices do."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        body = b"".join(
            _RECORD.pack(force / KG_TO_N, (t + _US_NS // 2) // _US_NS & 0xFFFFFFFF)
            for t, force in zip(device_ns.tolist(), x[:, 0].tolist(), strict=True)
        )
        return [(CHANNEL, bytes((_WEIGHT, len(body))) + body)]
