"""PitchSix Force Board: whole pounds-force, several samples a notification.

Notification: u16 number of samples, then three bytes a sample, big endian. The first byte of a sample is
read differently by different programs; both agree while it is zero, that is for all loads that the board can
carry. A sample in which it is not is an overflow (the board measures tension only, compression runs over).

Sources: Stevie-Ray/hangtime-grip-connect (forceboard.model.ts), ForceBTEwithYou/DynamometerHolocron
(pitchsix.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

LBF_TO_N = 4.4482216152605
_HEAD, _SAMPLE = 2, 3


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_lbf
        A sample beyond this is an overflow.
    most_samples
        Samples a packet of an emulated sensor holds at most.
    """

    limit_lbf: Limit
    most_samples: Count = 6

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(self, mtu)


class Decoder:
    """No state."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_lbf

    def expect(self, written: bytes) -> None:
        """Commands are not answered."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification; overflows are left out and said."""
        check_channel(channel, data)
        n = int.from_bytes(data[:_HEAD], "big")
        size = _HEAD + _SAMPLE * n
        if len(data) < _HEAD or len(data) < size:
            raise DecodeError("truncated", data, len(data), f"{n} samples, expected {size} bytes")
        if not n or len(data) > size:
            raise DecodeError("bad_length", data, 0, f"{n} samples in {len(data)} bytes")
        pounds = [int.from_bytes(data[at : at + _SAMPLE], "big") for at in range(_HEAD, size, _SAMPLE)]
        good = [one * LBF_TO_N for one in pounds if one <= self._limit]
        notices = (Notice(kind="lost_samples", value=n - len(good)),) if len(good) < n else ()
        if not good:
            return notices
        return (Frame(np.array(good).reshape(-1, 1), None), *notices)


class Encoder:
    """The inverse; compression cannot be sent."""

    def __init__(self, parameters: Parameters, mtu: int) -> None:
        room = (mtu - 3 - _HEAD) // _SAMPLE
        if room < 1:
            raise ValueError(f"an MTU of {mtu} has no room for a sample; expected at least 13")
        self.samples_per_packet = min(parameters.most_samples, room)

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        body = b"".join(_pounds(force).to_bytes(_SAMPLE, "big") for force in x[:, 0].tolist())
        return [(CHANNEL, len(x).to_bytes(_HEAD, "big") + body)]


def _pounds(force_n: float) -> int:
    return 0xFFFF if math.isnan(force_n) else max(0, min(0xFFFF, round(force_n / LBF_TO_N)))
