"""VALD DynaMo: a serial stream in which every sample is the change since the one before.

A notification is one of these:

=============  ==============================================================================
bytes          meaning
=============  ==============================================================================
``04 d``       d, signed, tenths of a newton: force = sum of all d so far; what follows in the
               same notification is of no interest
``00 ..``      head of the stream: the sum starts at zero
``02 02 ..``   a frame: command, length, data, check, ``03``; an answer or a status
=============  ==============================================================================

There is neither an absolute value nor a counter. A lost notification shifts all that follow, for ever, and
nobody can see it: the sum is said to have lost its zero on each new stream, and after that it has to be
tared while unloaded. The check is (0xFF - low byte of the sum of command, length and data).

Source: ForceBTEwithYou/DynamometerHolocron (vald_dynamo.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Framer", "Parameters", "framed"]

_STEP_N = 0.1
_CHANGE, _HEAD, _MARK, _END = 0x04, 0x00, 0x02, 0x03
_NAME, _STATUS = 0x01, 0x52
_MOST_CHANGE = 127
_SHORTEST = 6  # two marks, command, length, check, end


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    limit_n
        A sum beyond this, either way, has drifted beyond use; it starts again from zero.
    """

    limit_n: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; every packet fits the smallest MTU."""
        return Encoder()

    def start_framer(self) -> Framer:
        """What puts commands into frames."""
        return Framer()


def framed(inside: bytes) -> bytes:
    """The frame around command, length and data."""
    check = (0xFF - (sum(inside) & 0xFF)) & 0xFF
    return bytes((_MARK, _MARK)) + inside + bytes((check, _END))


class Framer:
    """No state."""

    def frame(self, inside: bytes) -> bytes:
        """The frame around a command."""
        return framed(inside)


class Decoder:
    """State: the sum, in steps."""

    def __init__(self, parameters: Parameters) -> None:
        self._most = round(parameters.limit_n / _STEP_N)
        self._sum = 0

    def expect(self, written: bytes) -> None:
        """Answers say to what they belong."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification."""
        check_channel(channel, data)
        if len(data) < 2:
            raise DecodeError("truncated", data, len(data), "expected two bytes or more")
        if data[0] == _CHANGE:
            return self._change(data)
        if data[0] == _HEAD:
            if len(data) != 3:
                raise DecodeError("bad_length", data, len(data), "the head of a stream has 3 bytes")
            self._sum = 0
            return (Notice(kind="zero_lost", value="the force counts from an unknown zero; tare unloaded"),)
        if data[:2] == bytes((_MARK, _MARK)):
            return _answer(data)
        raise DecodeError("unknown_type", data, 0, f"begins with {data[0]:#04x}, expected 00, 02 or 04")

    def _change(self, data: bytes) -> Sequence[Frame | Notice]:
        change = data[1] - 256 if data[1] > _MOST_CHANGE else data[1]
        self._sum += change
        if not -self._most <= self._sum <= self._most:
            self._sum = 0
            return (Notice(kind="zero_lost", value="the sum has drifted out of range; tare unloaded"),)
        return (Frame(np.array(((self._sum * _STEP_N,),)), None),)


def _answer(data: bytes) -> Sequence[Notice]:
    """Name and whatever else; a status says nothing that is known."""
    if len(data) < _SHORTEST or len(data) < _SHORTEST + data[3]:
        raise DecodeError("truncated", data, len(data), "expected a whole frame")
    inside = data[2 : 4 + data[3]]
    if not data.startswith(framed(inside)):
        raise DecodeError("bad_checksum", data, 4 + data[3], "check or end of a frame do not fit")
    if inside[0] == _NAME and inside[2:].isascii():
        return (Notice(kind="product", value=inside[2:].decode("ascii").rstrip("\0")),)
    if inside[0] == _STATUS:
        return ()
    return (Notice(kind="answer", value=inside.hex()),)


class Encoder:
    """The inverse. A change that one sample cannot carry is made up for by the next ones."""

    samples_per_packet = 1

    def __init__(self) -> None:
        self._sum = 0

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One sample."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        wanted = round(float(x[0, 0]) / _STEP_N) - self._sum
        change = max(-_MOST_CHANGE - 1, min(_MOST_CHANGE, wanted))
        self._sum += change
        return [(CHANNEL, bytes((_CHANGE, change & 0xFF)))]
