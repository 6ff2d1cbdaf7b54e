"""Muscle Meter (MUSCLE_V2): tenths of a kilogram and flags, 20 samples a notification.

Sample: u16 big endian in 0.1 kg, then a byte of flags: bit 0 display in kg, bit 1 in lb, bit 4 compression.
The value is always in kg and without a sign; tension is positive here, compression negative.

Source: ForceBTEwithYou/DynamometerHolocron (muscle_meter.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._parts import KG_TO_N, check_channel, check_limit
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_STEP_KG = 0.1
_SAMPLE = 3
_COMPRESSION = 0x10
_SHOWS_KG = 0x01


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_kg
        A sample beyond this is no measurement.
    samples_per_packet
        Samples a packet of an emulated sensor holds.
    """

    limit_kg: Limit
    samples_per_packet: Count = 20

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(self, mtu)


class Decoder:
    """No state."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_kg

    def expect(self, written: bytes) -> None:
        """There are no commands."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification of any number of samples."""
        check_channel(channel, data)
        if not data or len(data) % _SAMPLE:
            raise DecodeError("bad_length", data, len(data), f"expected whole samples of {_SAMPLE} bytes")
        forces = []
        for at in range(0, len(data), _SAMPLE):
            kg = (data[at] << 8 | data[at + 1]) * _STEP_KG
            check_limit(kg, self._limit, "kg", data, at)
            forces.append((-kg if data[at + 2] & _COMPRESSION else kg) * KG_TO_N)
        return (Frame(np.array(forces).reshape(-1, 1), None),)


class Encoder:
    """The inverse."""

    def __init__(self, parameters: Parameters, mtu: int) -> None:
        self.samples_per_packet = min(parameters.samples_per_packet, (mtu - 3) // _SAMPLE)

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        return [(CHANNEL, b"".join(_sample(force) for force in x[:, 0].tolist()))]


def _sample(force_n: float) -> bytes:
    steps = 0 if math.isnan(force_n) else min(0xFFFF, round(abs(force_n) / KG_TO_N / _STEP_KG))
    flags = _SHOWS_KG | (_COMPRESSION if force_n < 0 and steps else 0)
    return steps.to_bytes(2, "big") + bytes((flags,))
