"""Squegg grip sensor: text of at most 14 bytes, one sample a notification.

Byte 0 is ``1``; byte 1 a digit d of the battery, 10 x (d + 1) percent; byte 2 ``0`` idle or ``1`` squeezing;
then the force in kg as decimal text up to a zero byte; then the number of squeezes as text.

Source: ForceBTEwithYou/DynamometerHolocron (squegg.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._parts import KG_TO_N, check_channel, check_limit
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_MOST = 14
_MESSAGE = re.compile(rb"1([0-9])([01])([0-9]{1,4}(?:\.[0-9]{1,6})?)\x00([0-9]{0,8})\x00*")


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_kg
        A sample beyond this is no measurement.
    """

    limit_kg: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; every packet fits the smallest MTU."""
        return Encoder()


class Decoder:
    """No state."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_kg

    def expect(self, written: bytes) -> None:
        """There are no commands."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One sample, and the battery."""
        check_channel(channel, data)
        found = _MESSAGE.fullmatch(data)
        if found is None or len(data) > _MOST:
            raise DecodeError("bad_text", data, 0, "expected 1, two digits, a mass in kg, zero, a number")
        kg = float(found[3])
        check_limit(kg, self._limit, "kg", data, 3)
        frame = Frame(np.array(((kg * KG_TO_N,),)), None)
        return (frame, Notice(kind="battery_pct", value=10 * (int(found[1]) + 1)))


class Encoder:
    """The inverse: three decimals, as the sensor writes them."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One sample."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        kg = max(0.0, float(x[0, 0]) / KG_TO_N)
        squeezing = "1" if kg > 1.0 else "0"
        return [(CHANNEL, f"18{squeezing}{kg:.3f}".encode() + b"\x000")]
