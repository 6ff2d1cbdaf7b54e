"""Climbro hangboard: a stream of bytes with modes that last until the next one.

``F0``: battery bytes follow, percent = (byte - 112) x 100 / 118. ``F5``: force bytes follow, whole kilograms.
``F6`` is itself a force, 36 kg. Before the first mode byte nothing is known.

Source: Stevie-Ray/hangtime-grip-connect (climbro.model.ts).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Notice
from eccentra.decode._parts import KG_TO_N, check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_BATTERY, _FORCE, _FORCE_36 = 0xF0, 0xF5, 0xF6
_36_KG = 36
_MOST_KG = 239  # the largest byte that is no mode
_ZERO_PCT, _STEPS = 112, 118


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    samples_per_packet
        Samples a packet of an emulated sensor holds.
    """

    samples_per_packet: Count = 1

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder()

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(min(self.samples_per_packet, mtu - 3 - 1))


class Decoder:
    """State: the mode."""

    def __init__(self) -> None:
        self._mode: int | None = None

    def expect(self, written: bytes) -> None:
        """There are no commands."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """Any piece of the stream."""
        check_channel(channel, data)
        forces: list[float] = []
        notices: list[Notice] = []
        unknown = 0
        for byte in data:
            if byte in (_BATTERY, _FORCE):
                self._mode = byte
            elif byte == _FORCE_36:
                forces.append(_36_KG * KG_TO_N)
            elif self._mode == _FORCE:
                forces.append(byte * KG_TO_N)
            elif self._mode == _BATTERY:
                percent = (byte - _ZERO_PCT) * 100 / _STEPS
                notices.append(Notice(kind="battery_pct", value=min(max(percent, 0.0), 100.0)))
            else:
                unknown += 1
        if unknown and not forces and not notices:
            raise DecodeError("part_without_start", data, 0, "no mode byte (f0, f5) has come yet")
        if not forces:
            return notices
        return (*notices, Frame(np.array(forces).reshape(-1, 1), None))


class Encoder:
    """The inverse. It says the mode in each packet, so that a lost one costs no more than itself."""

    def __init__(self, samples_per_packet: int) -> None:
        self.samples_per_packet = samples_per_packet

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        kilograms = [max(0, min(_MOST_KG, round(force / KG_TO_N))) for force in x[:, 0].tolist()]
        return [(CHANNEL, bytes((_FORCE, *kilograms)))]
