"""Shimmer3R: counts of acceleration and rotation with device time. Raw: what a count means is not known here.

Both pipes of the sensor are one stream of bytes, little endian:

==========  =========================================================================================
first byte  what follows
==========  =========================================================================================
00          u24 time stamp in 1/32768 s, then an i16 for each channel
02          answer to an inquiry: u16 divisor, 7 bytes, u8 channels, u8 buffer size, ids of the channels
ff, fe      a command was carried out, was refused; nothing follows
==========  =========================================================================================

A data frame has no further mark. One is taken for real when the byte after it, if it has come, can begin
something, and its time lies within two seconds after the one before.

Sources: ShimmerResearch/webBLEDemos shimmer3r.js; Shimmer's Android driver.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Notice
from eccentra.decode._imu import clipped
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["CHANNELS", "IDS", "Decoder", "Encoder", "Parameters"]

CHANNELS = ("acc_raw_x", "acc_raw_y", "acc_raw_z", "gyr_raw_x", "gyr_raw_y", "gyr_raw_z")
IDS = bytes((0, 1, 2, 10, 11, 12))
"""Ids of the low-noise accelerometer and the gyroscope, in the order of an inquiry's answer."""
_PIPES = (CHANNEL, "pipe")
_DATA, _INQUIRY, _DONE, _REFUSED = 0x00, 0x02, 0xFF, 0xFE
_FRAME = struct.Struct("<4s6h")
_INQUIRY_HEAD = 12
_TICKS_S = 32768
_MASK = 0xFFFFFF
_MOST_TICKS = 2 * _TICKS_S


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind: there is nothing to say."""

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        if channels != CHANNELS:
            raise ValueError(f"channels {channels}: only counts are known, expected {', '.join(CHANNELS)}")
        return Decoder()

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; its packets fit the smallest MTU."""
        return Encoder()


class Decoder:
    """State: the beginning of a message, fewer than 268 bytes, and the last time."""

    def __init__(self) -> None:
        self._rest = b""
        self._last: int | None = None

    def expect(self, written: bytes) -> None:
        """Answers say what they answer."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """A piece of the stream of bytes."""
        if channel not in _PIPES:
            raise DecodeError("unknown_channel", data, 0, f"channel {channel!r}, expected one of {_PIPES}")
        out: list[Frame | Notice] = []
        at = skipped = 0
        if self._rest and data[:1] == bytes((_DATA,)) and not len(data) % _FRAME.size:
            # usually a notification is whole frames: then what waits is the rest of something lost
            skipped, self._rest = len(self._rest), b""
        bytes_left = self._rest + data
        while at < len(bytes_left):
            used = self._message(bytes_left, at, out)
            if used == 0:
                break
            skipped -= min(used, 0)
            at += abs(used)
        self._rest = bytes_left[at:]
        if skipped and not out:
            raise DecodeError("no_frame", data, 0, f"{skipped} bytes belong to no message")
        return [*out, Notice(kind="lost_part", value=skipped)] if skipped else out

    def _message(self, data: bytes, at: int, out: list[Frame | Notice]) -> int:
        """Bytes of the message at ``at``; 0 when its end is missing; so many to skip when negative."""
        first = data[at]
        if first == _DATA:
            return self._frame(data, at, out)
        if first in (_DONE, _REFUSED):
            if first == _REFUSED:
                out.append(Notice(kind="result", value="refused"))
            return 1
        if first != _INQUIRY:
            return -1
        if len(data) - at < _INQUIRY_HEAD:
            return 0
        size = _INQUIRY_HEAD + data[at + 10]
        if len(data) - at < size:
            return 0
        ids = data[at + _INQUIRY_HEAD : at + size]
        divisor = int.from_bytes(data[at + 1 : at + 3], "little")
        if divisor:
            said = f"{_TICKS_S / divisor:g} Hz; channels {ids.hex()}"
            out.append(Notice(kind="setting", value=said))
        return size

    def _frame(self, data: bytes, at: int, out: list[Frame | Notice]) -> int:
        end = at + _FRAME.size
        if len(data) < end:
            return 0
        if end < len(data) and data[end] not in (_DATA, _INQUIRY, _DONE, _REFUSED):
            return -1
        head, *counts = _FRAME.unpack_from(data, at)
        stamp = int.from_bytes(head[1:], "little")
        if self._last is not None and (stamp - self._last) & _MASK > _MOST_TICKS:
            self._last = None  # perhaps that one was wrong; the next decides
            return -_FRAME.size if end == len(data) else -1
        self._last = stamp
        row = [float(count) for count in counts]
        out.append(Frame(np.array((row,)), np.array((stamp,), dtype=np.int64)))
        return _FRAME.size


class Encoder:
    """The inverse: one sample of counts to one notification."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One data frame."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        stamp = round(int(device_ns[0]) * _TICKS_S / 1e9) & _MASK
        return [(CHANNEL, bytes((_DATA,)) + stamp.to_bytes(3, "little") + clipped(x, 1.0))]
