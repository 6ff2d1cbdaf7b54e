"""Packets to frames: sans-IO, one protocol a file.

A decoder is made anew for every connection. It never opens a socket, reads a clock or logs. It gets one
packet at a time and answers with frames (samples, raw device ticks) and notices (battery, command
answers), or raises :class:`~eccentra.errors.DecodeError`, after which it is ready for the next packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Frame", "Notice"]


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Samples of one packet in SI units, with time as the sensor wrote it.

    Attributes
    ----------
    x
        Values, float64, shape (n, channels), SI.
    ticks
        Raw device counter per sample, int64, shape (n,), not unwrapped; ``None`` when the sensor sends none.
    offset_ns
        What to add to each tick's time, int64, shape (n,): for protocols that stamp only the first or last
        sample of a packet. ``None`` means zero.
    """

    x: Floats
    ticks: Times | None
    offset_ns: Times | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a sensor said that is no sample: ``battery_low``, ``firmware``, ``result`` ..."""

    kind: str
    value: float | str | int | None = None


class Decoder(Protocol):
    """What every decoder offers."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """Decode one packet that arrived on ``channel``.

        Raises
        ------
        DecodeError
            When the bytes do not follow the protocol; the decoder stays usable.
        """
        ...
