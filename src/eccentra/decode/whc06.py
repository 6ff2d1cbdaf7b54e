"""Weiheng WH-C06 hanging scale: the mass is in its advertisements, nobody connects to it.

Manufacturer data behind the company id: the mass at 10 and 11, big endian, in hundredths of the unit; the
unit in the low half of byte 14: 1 kg, 2 lb, 3 stone, 4 jin; the other bytes say nothing that is needed. Some
programs read the mass without sign; both agree for all that the scale carries. Sources disagree about units
other than kilograms, so these are refused. A shorter packet, without the unit, is taken as kilograms.

Every advertisement that is heard is a sample, a repeated one too: the value still holds.

Sources: Stevie-Ray/hangtime-grip-connect (wh-c06.model.ts), sebws/Crane (WHC06.swift, WHC06Mock.swift).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._parts import KG_TO_N, check_channel, check_limit
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_MASS_AT, _UNIT_AT, _SHORTEST = 10, 14, 12
_STEP_KG = 0.01
_KG = 1
_UNITS = {2: "pounds", 3: "stone", 4: "jin"}
_HEAD = bytes.fromhex("0203112ac0191123e101")
_TAIL = bytes.fromhex("01f401")


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_kg
        A mass beyond this, either way, is no measurement.
    """

    limit_kg: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; there is no MTU."""
        return Encoder()


class Decoder:
    """No state."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_kg

    def expect(self, written: bytes) -> None:
        """Nothing can be written to it."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One advertisement."""
        check_channel(channel, data)
        if len(data) < _SHORTEST:
            raise DecodeError("truncated", data, len(data), f"expected {_SHORTEST} bytes or more")
        unit = data[_UNIT_AT] & 0x0F if len(data) > _UNIT_AT else _KG
        if unit != _KG:
            shown = _UNITS.get(unit, f"unit {unit}")
            raise DecodeError("unknown_unit", data, _UNIT_AT, f"the scale shows {shown}; switch it to kg")
        kg = int.from_bytes(data[_MASS_AT : _MASS_AT + 2], "big", signed=True) * _STEP_KG
        check_limit(kg, self._limit, "kg", data, _MASS_AT)
        return (Frame(np.array(((kg * KG_TO_N,),)), None),)


class Encoder:
    """The inverse; the last two bytes change with each sample, as those of the real one do."""

    samples_per_packet = 1

    def __init__(self) -> None:
        self._count = 0

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One advertisement's data."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        force = float(x[0, 0])
        steps = 0 if math.isnan(force) else max(-32768, min(32767, round(force / KG_TO_N / _STEP_KG)))
        self._count = (self._count + 1) & 0xFFFF
        mass = steps.to_bytes(2, "big", signed=True)
        return [(CHANNEL, _HEAD + mass + _TAIL + self._count.to_bytes(2, "big"))]
