"""Bluetooth SIG Weight Scale Service: one settled mass per message.

Weight Measurement, little endian: flags (bit 0 pounds, 1 time stamp, 2 user, 3 body mass index and height),
u16 mass in 0.005 kg or 0.01 lb (0xFFFF: it did not succeed), then what the flags announce.

Sources: Bluetooth SIG Weight Scale Service 1.0; RonanB96/bluetooth-sig-python.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Notice
from eccentra.decode._parts import KG_TO_N, check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_KG_STEP = 0.005
_LB_STEP = 0.01 * 0.45359237
_POUNDS, _STAMP, _USER, _BODY = 1, 2, 4, 8
_EXTRA = {_STAMP: 7, _USER: 1, _BODY: 4}
_FAILED = 0xFFFF


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind: nothing to choose."""

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder()

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; every message fits the smallest MTU."""
        return Encoder()


class Decoder:
    """No state."""

    def expect(self, written: bytes) -> None:
        """There are no commands."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One message."""
        check_channel(channel, data)
        if len(data) < 3:
            raise DecodeError("truncated", data, len(data), "expected flags and a mass")
        flags, steps = data[0], int.from_bytes(data[1:3], "little")
        # products differ about one more flag, for the height alone: longer messages are taken
        size = 3 + sum(extra for flag, extra in _EXTRA.items() if flags & flag)
        if len(data) < size:
            raise DecodeError("truncated", data, len(data), f"flags {flags:#04x}, expected {size} bytes")
        if steps == _FAILED:
            return (Notice(kind="lost_samples", value=1),)
        kg = steps * (_LB_STEP if flags & _POUNDS else _KG_STEP)
        return (Frame(np.array(((kg * KG_TO_N,),)), None),)


class Encoder:
    """The inverse, in kilograms."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One message."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        steps = max(0, min(_FAILED - 1, round(float(x[0, 0]) / KG_TO_N / _KG_STEP)))
        return [(CHANNEL, b"\x00" + steps.to_bytes(2, "little"))]
