"""WitMotion WT901BLECL, BWT901BLE5.0, WT9011DCL: frames of 20 bytes in a stream of bytes, little endian.

======  ===========================================================================================
head    what follows
======  ===========================================================================================
55 61   9 i16: acceleration in 16 g / 32768, rotation in 2000 deg/s / 32768, three angles (not used)
55 71   u16 number of a register, then 8 i16: it and the next seven; the answer to a question
======  ===========================================================================================

There is no checksum, time stamp or counter. Frames may be split or joined by the transport; usually a
notification is a frame, and one that is drops what was left of an unfinished one before.

Sources: WITMOTION/WitBluetooth_BWT901BLE5_0 (device_model.py and its C# processor), REG.h of its protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Notice
from eccentra.decode._imu import ACC, G0, GYR, RAD_PER_DEG, clipped
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_FRAME = struct.Struct("<2s6h6x")
_SIZE = 20
_DATA, _REGISTERS = b"\x55\x61", b"\x55\x71"
_ACC_STEP = 16 * G0 / 32768
_GYR_STEP = 2000 * RAD_PER_DEG / 32768
_SET_RATE = b"\xff\xaa\x03"
_BATTERY, _TEMPERATURE = 0x64, 0x40
# volts x 100 of one lithium cell, and the share that the maker says is left
_CHARGE = (
    (396, 100), (393, 90), (387, 75), (382, 60), (379, 50), (377, 40), (373, 30), (370, 20), (368, 15),
    (350, 10), (340, 5),
)  # fmt: skip


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind: the scale is fixed, so there is nothing to say."""

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        if channels != ACC + GYR:
            raise ValueError(f"channels {channels}: expected acceleration and angular rate")
        return Decoder()

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; its frames fit the smallest MTU."""
        return Encoder()


class Decoder:
    """State: the beginning of a frame whose rest has not come, fewer than 20 bytes; whether its rate is set.

    It streams by itself, at a rate that nobody asked for, until its own is set; and without times these
    samples would be taken for ones at that rate. So from the first command on until then they are left out.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._set = self._waits = False

    def expect(self, written: bytes) -> None:
        """Answers say what they answer; the rate has to be set first."""
        self._set = self._set or written[:3] == _SET_RATE
        self._waits = not self._set

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification, whole frames or pieces of them."""
        out = self._decode(channel, data)
        return [part for part in out if isinstance(part, Notice)] if self._waits else out

    def _decode(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        check_channel(channel, data)
        if len(data) == _SIZE and data[:2] in (_DATA, _REGISTERS):
            out = _frame(data)
            if not self._rest:
                return out
            lost, self._rest = len(self._rest), b""
            return (Notice(kind="lost_part", value=lost), *out)
        return self._pieces(data)

    def _pieces(self, data: bytes) -> Sequence[Frame | Notice]:
        bytes_left = self._rest + data
        out: list[Frame | Notice] = []
        skipped = at = 0
        while at < len(bytes_left):
            head = bytes_left[at : at + 2]
            if head in (_DATA, _REGISTERS):
                if len(bytes_left) - at < _SIZE:
                    break
                out += _frame(bytes_left[at : at + _SIZE])
                at += _SIZE
            elif head == b"\x55":
                break
            else:
                skipped += 1
                at += 1
        self._rest = bytes_left[at:]
        if not skipped:
            return out
        if not out:
            raise DecodeError("no_frame", data, 0, f"{skipped} bytes belong to no frame (55 61, 55 71)")
        return [Notice(kind="lost_part", value=skipped), *out]


def _frame(data: bytes) -> tuple[Frame | Notice, ...]:
    if data[1] == 0x61:
        _, ax, ay, az, p, q, r = _FRAME.unpack(data)
        a, g = _ACC_STEP, _GYR_STEP
        return (Frame(np.array(((ax * a, ay * a, az * a, p * g, q * g, r * g),)), None),)
    number, value = struct.unpack_from("<Hh", data, 2)
    if number == _BATTERY:
        share = next((share for least, share in _CHARGE if value >= least), 0)
        return (Notice(kind="battery_v", value=value / 100), Notice(kind="battery_pct", value=share))
    if number == _TEMPERATURE:
        return (Notice(kind="temperature_c", value=value / 100),)
    return (Notice(kind="answer", value=data[2:].hex()),)


class Encoder:
    """The inverse: one sample to one notification, angles zero."""

    samples_per_packet = 1

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One notification; what the chip cannot measure is at the end of its range."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        body = clipped(x[:, :3], _ACC_STEP) + clipped(x[:, 3:6], _GYR_STEP)
        return [(CHANNEL, _DATA + body + bytes(6))]
