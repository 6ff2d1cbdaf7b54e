"""What the decoders of motion sensors share: constants, single samples, and two streams that become one.

Many sensors send acceleration and rotation in packets of their own. :class:`InTurn` and
:class:`ByNumber` make one stream of them where nothing but their order is known; where both carry times,
:mod:`eccentra.decode._merge` does. All are functions of the packets of one connection and their order, so
live and replay give the same.
"""

from __future__ import annotations

import math
import struct
from collections import deque

import numpy as np

from eccentra.decode import Frame, Notice
from eccentra.errors import DecodeError
from eccentra.samples import Floats

__all__ = [
    "ACC",
    "G0",
    "GYR",
    "MAG",
    "RAD_PER_DEG",
    "ByNumber",
    "InTurn",
    "clipped",
    "one_sample",
    "refuse_beyond",
]

G0 = 9.80665
RAD_PER_DEG = math.pi / 180
ACC = ("acc_x", "acc_y", "acc_z")
GYR = ("gyr_x", "gyr_y", "gyr_z")
MAG = ("mag_x", "mag_y", "mag_z")

# Packets after which it is judged whether one kind has been ahead all the time: a lost packet, not jitter.
_WINDOW = 16
# One kind may be ahead by so many packets; more are given up at once, which bounds memory.
_MOST_AHEAD = 8


def one_sample(values: tuple[float, ...], tick: int | None = None) -> Frame:
    """A frame of one sample; short, as some sensors send two hundred of them a second."""
    ticks = None if tick is None else np.array((tick,), dtype=np.int64)
    return Frame(np.array((values,)), ticks)


def refuse_beyond(data: bytes, values: tuple[float, ...], limit: float, unit: str) -> bool:
    """Check three or more values of one kind: false when one of them is no number.

    Raises
    ------
    DecodeError
        When one is beyond ``limit``.
    """
    for value in values:
        if not math.isfinite(value):
            return False
        if not -limit <= value <= limit:
            raise DecodeError("out_of_range", data, 0, f"{value:g} {unit}, limit {limit:g} {unit}")
    return True


def clipped(values: Floats, step: float, kind: str = "h") -> bytes:
    """Values as little endian integers of ``step``, rounded, kept within the type like a chip does."""
    bits = 8 * struct.calcsize(f"<{kind}")
    most = (1 << (bits - 1)) - 1
    whole = np.clip(np.round(values / step), -most - 1, most)
    return struct.pack(f"<{values.size}{kind}", *whole.astype(np.int64).ravel().tolist())


class InTurn:
    """Acceleration and rotation without times, sent in turn, acceleration first: neighbours belong together.

    What comes without its partner is given up, said, and left out of the running number.
    """

    def __init__(self) -> None:
        self._acc: Floats | None = None
        self._number = 0

    def add(self, x: Floats, *, rotation: bool) -> list[Frame | Notice]:
        """One packet of samples, shape (n, 3); gives what is complete now."""
        acc = self._acc
        self._acc = None if rotation else x
        if rotation and acc is not None:
            n = min(len(acc), len(x))
            ticks = np.arange(self._number, self._number + n, dtype=np.int64)
            self._number += n
            return [Frame(np.concatenate((acc[:n], x[:n]), axis=1), ticks)]
        lost = x if rotation else acc
        if lost is None:
            return []
        self._number += len(lost)
        return [Notice(kind="lost_samples", value=len(lost))]


class ByNumber:
    """Acceleration and rotation without times, sent as each is ready: the k-th of both belong together.

    A connection keeps the order of packets and the device takes both at one rate, so this holds until a
    packet is lost. Then one kind stays ahead by one more than it was at first; what it is ahead is given up,
    said, and left out of the running number. Until that is seen (16 packets) pairs are wrong by a packet.
    """

    def __init__(self) -> None:
        self._acc: deque[Floats] = deque()
        self._gyr: deque[Floats] = deque()
        self._number = 0
        self._usual: int | None = None
        self._low = _MOST_AHEAD
        self._seen = 0
        self._owed = 0  # packets to give up: of acceleration when positive, of rotation when negative

    @property
    def waiting(self) -> int:
        """How many packets wait for their other half."""
        return len(self._acc) + len(self._gyr)

    def add(self, x: Floats, *, rotation: bool) -> list[Frame | Notice]:
        """One packet of samples, shape (n, 3); gives what is complete now."""
        mine, other = (self._gyr, self._acc) if rotation else (self._acc, self._gyr)
        mine.append(x)
        out: list[Frame | Notice] = []
        if len(mine) - len(other) > _MOST_AHEAD:
            self._owed += -1 if rotation else 1
        if self._owed and (self._owed < 0) == rotation and not other:
            self._owed += 1 if rotation else -1
            lost = len(mine.popleft())
            self._number += lost
            out.append(Notice(kind="lost_samples", value=lost))
        if self._acc and self._gyr:
            acc, gyr = self._acc.popleft(), self._gyr.popleft()
            n = min(len(acc), len(gyr))
            ticks = np.arange(self._number, self._number + n, dtype=np.int64)
            self._number += n
            out.append(Frame(np.concatenate((acc[:n], gyr[:n]), axis=1), ticks))
        self._judge()
        return out

    def _judge(self) -> None:
        """See over some packets how far ahead acceleration always is."""
        self._low = min(self._low, len(self._acc) - len(self._gyr))
        self._seen += 1
        if self._seen < _WINDOW:
            return
        if self._usual is None:
            # whichever is ready first: acceleration is ahead by 0 to 1 packets, or by -1 to 0
            self._usual = max(-1, min(0, self._low))
        self._owed = self._low - self._usual
        self._low, self._seen = _MOST_AHEAD, 0
