"""Bluetooth SIG services that many sensors have: heart rate, battery, device information. Little endian.

===========  ==============================================================================================
channel      content
===========  ==============================================================================================
data 2a37    heart rate: u8 flags (bit 0: rate is u16, bits 1 and 2: contact, 3: energy, 4: RR intervals),
             rate in beats per minute, u16 kilojoule, u16 RR intervals in 1/1024 s, oldest first
battery      u8 percent (2a19)
maker ...    UTF-8 text (180a)
===========  ==============================================================================================

A rate is one sample, in Hz, on a stream of its own that no exercise is counted from; RR intervals come with
the beats, not evenly, so they are notices.

Sources: Bluetooth SIG Heart Rate, Battery and Device Information Services; bluetooth-sig-python.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._imu import one_sample
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["TEXTS", "Decoder", "Encoder", "Parameters", "battery_level"]

_BATTERY = "battery"
TEXTS = ("maker", "model", "serial", "firmware", "hardware", "software")
"""Channels of the device information service, which are the kinds of their notices."""
_U16_RATE, _CONTACT, _CONTACT_KNOWN, _ENERGY, _RR = 1, 2, 4, 8, 16
_RR_S = 1 / 1024
_MOST_TEXT = 256


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    most_per_minute
        A rate beyond this is not a measurement.
    """

    most_per_minute: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        if channels != ("heart_rate",):
            raise ValueError(f"channels {channels}: expected heart_rate")
        return Decoder(self)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; its packets fit the smallest MTU."""
        return Encoder()


def battery_level(data: bytes) -> Notice:
    """What the battery service says (2a19).

    Raises
    ------
    DecodeError
        When it is no percentage.
    """
    if len(data) != 1 or data[0] > 100:
        raise DecodeError("out_of_range", data, 0, "expected one byte of 0 to 100 percent")
    return Notice(kind="battery_pct", value=data[0])


class Decoder:
    """It has no state: a packet is a sample."""

    def __init__(self, parameters: Parameters) -> None:
        self._most = parameters.most_per_minute

    def expect(self, written: bytes) -> None:
        """Nothing is answered."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification, or what was read."""
        if channel == CHANNEL:
            return self._heart_rate(data)
        if channel == _BATTERY:
            return (battery_level(data),)
        if channel in TEXTS:
            return (_text(channel, data),)
        raise DecodeError("unknown_channel", data, 0, f"channel {channel!r}, expected {CHANNEL!r}")

    def _heart_rate(self, data: bytes) -> Sequence[Frame | Notice]:
        flags = data[0] if data else 0
        size = 2 + (flags & _U16_RATE) + (2 if flags & _ENERGY else 0)
        intervals = len(data) - size
        # an announced interval that is missing, half an interval, or bytes that nothing announced
        if intervals < (2 if flags & _RR else 0) or intervals % 2 or (intervals and not flags & _RR):
            raise DecodeError("bad_length", data, len(data), f"{len(data)} bytes do not fit flags {flags:#x}")
        rate = int.from_bytes(data[1:3], "little") if flags & _U16_RATE else data[1]
        if rate > self._most:
            raise DecodeError("out_of_range", data, 1, f"{rate} per minute, limit {self._most:g}")
        out: list[Frame | Notice] = []
        # belts without contact to the skin send zero: nothing was measured
        out.append(one_sample((rate / 60,)) if rate else Notice(kind="lost_samples", value=1))
        if flags & _CONTACT_KNOWN:
            out.append(Notice(kind="contact", value=int(bool(flags & _CONTACT))))
        if flags & _ENERGY:
            at = 2 + (flags & _U16_RATE)
            out.append(Notice(kind="energy_j", value=1000.0 * int.from_bytes(data[at : at + 2], "little")))
        for (interval,) in struct.iter_unpack("<H", data[size:]):
            out.append(Notice(kind="rr_s", value=interval * _RR_S))
        return out


def _text(channel: str, data: bytes) -> Notice:
    if len(data) > _MOST_TEXT:
        raise DecodeError("too_long", data, _MOST_TEXT, f"{len(data)} bytes of text, expected {_MOST_TEXT}")
    try:
        return Notice(kind=channel, value=data.decode("utf-8").strip("\0 "))
    except UnicodeDecodeError as error:
        raise DecodeError("not_text", data, error.start, "expected UTF-8") from None


class Encoder:
    """The inverse: a rate, rounded to whole beats per minute, without intervals."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification; above 255 beats per minute the long form."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        rate = min(max(round(float(x[0, 0]) * 60), 0), 0xFFFF)
        return [(CHANNEL, struct.pack("<BB", 0, rate) if rate < 256 else struct.pack("<BH", _U16_RATE, rate))]
