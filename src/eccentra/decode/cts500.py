"""CTS500 and CTS-300 tension scales: frames of seven bytes in a serial stream, mass in 10 g.

====================================  ================================================================
frame                                 meaning
====================================  ================================================================
``05 xx``, i32 big endian, sum        mass; ``xx`` is neither 80 nor the code of a command
``05 80 op ..``, sum                  answer to a question: battery (C4), temperature (C5) ...
``05 op p0 p1 p2 sum``                a command, repeated as acknowledgement; six bytes
====================================  ================================================================

The sum is the low byte of the sum of all bytes before it. Frames may be split or joined in notifications:
bytes are collected, and one is dropped at a time until a frame fits. A frame that came damaged is left out.

Source: Stevie-Ray/hangtime-grip-connect (cts500.model.ts).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._parts import KG_TO_N, check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters", "framed"]

_HEAD, _ANSWER, _MASS = 0x05, 0x80, 0x01
_FRAME, _ECHO = 7, 6
_COMMANDS = frozenset((0x85, 0x86, 0xA6, 0xA7, 0xA9, 0xAA, 0xAB, 0xC0, 0xC1, 0xC3, 0xC4, 0xC5, 0xCA))
_BATTERY = 0xC4
_STEP_KG = 0.01


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_kg
        A mass beyond this, either way, is no measurement.
    """

    limit_kg: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; every frame fits the smallest MTU."""
        return Encoder()


def framed(inside: bytes) -> bytes:
    """Bytes and their check sum."""
    return inside + bytes((sum(inside) & 0xFF,))


class Decoder:
    """State: bytes of a frame that is not complete."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_kg
        self._buffer = b""

    def expect(self, written: bytes) -> None:
        """Answers say to what they belong."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """Any piece of the stream."""
        if not self._buffer and len(data) == _FRAME and channel == CHANNEL:
            # the usual notification: one mass
            mass = self._mass(data)
            if mass is not None:
                return (Frame(np.array(((mass,),)), None),)
        check_channel(channel, data)
        joined = self._buffer + data
        forces: list[float] = []
        notices: list[Notice] = []
        at = skipped = 0
        while len(joined) - at >= _ECHO:
            size = self._take(joined[at : at + _FRAME], forces, notices)
            if size is None:
                break  # a mass of which the last byte is missing
            skipped += not size
            at += size or 1
        self._buffer = joined[at:]
        if skipped and not forces and not notices:
            raise DecodeError("bad_checksum", data, 0, f"{skipped} bytes belong to no frame")
        if not forces:
            return notices
        return (Frame(np.array(forces).reshape(-1, 1), None), *notices)

    def _take(self, frame: bytes, forces: list[float], notices: list[Notice]) -> int | None:
        """Bytes that the frame at the beginning takes; 0 when there is none, ``None`` when it may be cut."""
        if frame[0] != _HEAD:
            return 0
        if frame[1] in _COMMANDS:
            return _ECHO if framed(frame[:5]) == frame[:_ECHO] else 0
        if len(frame) < _FRAME:
            return None
        if frame[1] != _ANSWER:
            mass = self._mass(frame)
            if mass is not None:
                forces.append(mass)
            return 0 if mass is None else _FRAME
        if framed(frame[:6]) != frame:
            return 0
        if frame[2] == _BATTERY:
            notices.append(Notice(kind="battery_v", value=int.from_bytes(frame[4:6], "big") / 100))
        else:
            notices.append(Notice(kind="answer", value=frame[2:6].hex()))
        return _FRAME

    def _mass(self, frame: bytes) -> float | None:
        """Force of a mass frame; ``None`` when it is none or damaged."""
        if frame[0] != _HEAD or frame[1] == _ANSWER or frame[1] in _COMMANDS:
            return None
        if sum(frame[:6]) & 0xFF != frame[6]:
            return None
        kg = int.from_bytes(frame[2:6], "big", signed=True) * _STEP_KG
        return kg * KG_TO_N if -self._limit <= kg <= self._limit else None


class Encoder:
    """The inverse."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One frame."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        force = float(x[0, 0])
        steps = 0 if math.isnan(force) else round(force / KG_TO_N / _STEP_KG)
        return [(CHANNEL, framed(bytes((_HEAD, _MASS)) + steps.to_bytes(4, "big", signed=True)))]
