"""Packets to frames and back: sans-IO, one protocol a file.

A decoder is made anew for every connection. It never opens a socket, reads a clock or logs. It gets one
packet at a time and answers with frames (samples, raw device ticks) and notices (battery, command
answers), or raises :class:`~eccentra.errors.DecodeError`, after which it is ready for the next packet.

A protocol is a module here whose name is the ``[decoder] kind`` of device profiles. It holds the struct
``Parameters`` (what the profile's ``[decoder]`` table may say), which makes decoders and, as their exact
inverse, encoders for simulated sensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol, runtime_checkable

import msgspec

from eccentra.samples import Floats, Times

__all__ = [
    "BATTERY_LEVEL",
    "CHANNEL",
    "Count",
    "Decoder",
    "DecoderParameters",
    "Encoder",
    "Frame",
    "Framer",
    "Limit",
    "Listens",
    "Notice",
    "Pairs",
    "opening",
    "start_framer",
]

CHANNEL = "data"
"""Name of the channel that carries samples; profiles say which characteristic it is."""

BATTERY_LEVEL = "battery_level"
"""Name of the channel of the standard battery service, whatever the protocol: one byte, percent."""

Limit = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]


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
    """Something a sensor said that is no sample.

    ``battery_low``; ``battery_v``, ``battery_pct``; ``firmware``, ``device_id``, ``product``, ``serial``;
    ``result`` (status of a command); ``answer`` (bytes as hex, meaning unknown); ``lost_samples`` (number of
    samples of a packet that carried no number); ``lost_part`` (a packet was given up, its second half never
    came); ``zero_lost`` (its values count from another zero from here on); ``setting`` (what the sensor
    answered about how it streams); ``calibration`` (a table was read).
    """

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

    def expect(self, written: bytes) -> None:
        """Remember a command that was just written to the sensor, to understand the answer to it."""
        ...


@runtime_checkable
class Pairs(Protocol):
    """What a decoder offers that pairs packets by their number alone."""

    @property
    def waiting(self) -> int:
        """How many packets of samples wait for their other half."""
        ...


class Encoder(Protocol):
    """The inverse of a decoder: one packet's samples to the bytes a sensor would send."""

    @property
    def samples_per_packet(self) -> int:
        """Most samples that one call of :meth:`encode` takes; sensors fill their packets."""
        ...

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Bytes of one packet of samples, as (channel, data); several when it has to be split.

        Parameters
        ----------
        device_ns
            Time of each sample on the device's own clock, ns since its epoch, int64, shape (n,). Rounded to
            the device's ticks and wrapped like its counter.
        x
            Values, float64, shape (n, channels), SI. Rounded to what the wire can carry.
        """
        ...


class DecoderParameters(Protocol):
    """What ``Parameters`` of a protocol's module offers."""

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection that streams ``channels`` at ``rate_hz``."""
        ...

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose packets fit an ATT MTU of ``mtu`` bytes (3 of them are protocol)."""
        ...


class Framer(Protocol):
    """Puts commands into frames: length, rolling counter, check sum. Made anew for every connection.

    One that has to know what the sensor offers before it can ask for something also has
    ``heard(channel, data)``, which is told of every packet (see :class:`Listens`).
    """

    def frame(self, inside: bytes) -> bytes:
        """The frame around a command."""
        ...


@runtime_checkable
class Listens(Protocol):
    """What a framer offers that chooses from what the sensor answered."""

    def heard(self, channel: str, data: bytes) -> None:
        """A packet came on ``channel``; what is not understood is left alone."""
        ...


def start_framer(parameters: DecoderParameters) -> Framer | None:
    """A framer, when the protocol has one: its ``Parameters`` then offer ``start_framer()``."""
    start = getattr(parameters, "start_framer", None)
    made: Framer | None = None if start is None else start()
    return made


def opening(encoder: Encoder) -> Sequence[tuple[str, bytes]]:
    """What a sensor says before its first samples and a decoder needs, as (channel, data).

    Calibration tables, answers with a factor: an encoder that has such offers ``opening()``.
    """
    say = getattr(encoder, "opening", None)
    said: Sequence[tuple[str, bytes]] = () if say is None else say()
    return said
