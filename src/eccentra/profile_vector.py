"""The part of a device profile that proves it: bytes with known meaning."""

from __future__ import annotations

import re

import msgspec

from eccentra.decode import CHANNEL
from eccentra.profile_ble import Hex
from eccentra.profile_mode import Rate

__all__ = ["Expected", "ExpectedNotice", "Vector"]

_HEX = re.compile(r"([0-9a-fA-F]{2}){1,1024}")


class ExpectedNotice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notice that a vector gives."""

    kind: str
    value: float | str | int | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vector means: device time in s and SI values of each sample, and notices, in order.

    Of a sensor that sends no time there are no times either.
    """

    t_s: tuple[float, ...] = ()
    x: tuple[tuple[float, ...], ...] = ()
    notices: tuple[ExpectedNotice, ...] = ()

    def __post_init__(self) -> None:
        if self.t_s and len(self.t_s) != len(self.x):
            raise ValueError(f"{len(self.t_s)} times for {len(self.x)} samples")


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Captured or worked-out bytes and their meaning; the test suite runs every one.

    Attributes
    ----------
    hex
        The packet, or the packets of which it is made.
    source, checked_by
        Where it comes from, and how it is known to be right.
    channel
        Where it arrived; of several packets, where each did.
    mode, rate_hz
        Id of the mode and rate it was taken with; the profile's first ones when absent.
    after
        Command that was written before, or several of them, hex.
    settings
        Settings of the sensor.
    expected
        What the decoder gives, or
    command
        the name of the command of which ``hex`` is the last write: a vector in the other direction. With
        ``step`` it is another one (0 is the first); ``earlier`` names commands given before it.
    """

    # one is checked below: a union of a text with a pattern and a tuple makes msgspec 0.22 overwrite memory
    hex: str | tuple[Hex, ...]
    source: str
    checked_by: str
    channel: str | tuple[str, ...] = CHANNEL
    mode: str | None = None
    rate_hz: Rate | None = None
    after: str | tuple[Hex, ...] | None = None
    settings: dict[str, float] = {}
    expected: Expected | None = None
    command: str | None = None
    step: int = -1
    earlier: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.expected is None) == (self.command is None):
            raise ValueError("a vector has either expected or command")
        for name, found in (("hex", self.hex), ("after", self.after)):
            if isinstance(found, str) and not _HEX.fullmatch(found):
                raise ValueError(f"{name} is {found[:80]!r}, expected hex bytes, or several of them")
        if not isinstance(self.channel, str) and len(self.channel) != len(self.packets):
            raise ValueError(f"{len(self.channel)} channels for {len(self.packets)} packets")

    @property
    def arrivals(self) -> tuple[tuple[str, bytes], ...]:
        """Channel and bytes of each packet."""
        packets = self.packets
        channels = (self.channel,) * len(packets) if isinstance(self.channel, str) else self.channel
        return tuple(zip(channels, packets, strict=True))

    @property
    def written_before(self) -> tuple[bytes, ...]:
        """What was written before the packets came."""
        after = (self.after,) if isinstance(self.after, str) else self.after or ()
        return tuple(bytes.fromhex(part) for part in after)

    @property
    def packets(self) -> tuple[bytes, ...]:
        """The bytes, one item a packet."""
        parts = (self.hex,) if isinstance(self.hex, str) else self.hex
        return tuple(bytes.fromhex(part) for part in parts)
