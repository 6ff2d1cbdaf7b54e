"""Griptonite Motherboard: lines of text, three load cells, calibrated by a table that it prints itself.

===================================  =================================================================
line                                 meaning
===================================  =================================================================
``sensor,point,kg,raw``              a point of the calibration; 16 of them answer the command ``C``
32 hex digits                        a sample: u16 index, u16 battery, four times 24 bits, little endian
``Stream:...``, ``Error...``, text   answers
===================================  =================================================================

Lines end with LF, perhaps CR LF, and may be cut anywhere into notifications. A cell's mass lies on the
straight lines through its points; below them the curve is taken as odd. Cells 1 and 2 are mounted the other
way round. The force is that of the three cells together; the fourth is not used. Before the calibration has
come there is no force.

Sources: Stevie-Ray/hangtime-grip-connect (motherboard.model.ts), jtvjan.nl grippynotes.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._parts import KG_TO_N, check_channel
from eccentra.errors import DecodeError
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["COUNTS_PER_KG", "Decoder", "Encoder", "Parameters", "calibration_lines"]

COUNTS_PER_KG = 23_517
"""Of an emulated unit; a published table has 47.3 kg at 1112352."""

_CELLS, _ALL_CELLS, _POINTS = 3, 4, 4
_SIGNS = (1.0, -1.0, -1.0)
_LONGEST = 256
_SAMPLE = re.compile(rb"[0-9A-Fa-f]{32}")
_POINT = re.compile(rb"([0-3]),([0-9]{1,2}),(-?[0-9]{1,6}(?:\.[0-9]{1,6})?),(-?[0-9]{1,9})")

Point = tuple[float, float]


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
        """An encoder whose notifications fit ``mtu``, and 20 bytes as those of the real one."""
        return Encoder(rate_hz, mtu)


class Decoder:
    """State: the line that is not complete, and the calibration."""

    def __init__(self, parameters: Parameters) -> None:
        self._limit = parameters.limit_kg
        self._line = b""
        self._points: list[dict[int, Point]] = [{} for _ in range(_ALL_CELLS)]
        self._curves: list[tuple[list[float], list[float]]] | None = None

    def expect(self, written: bytes) -> None:
        """Lines say by themselves what they are."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """Any piece of the text."""
        check_channel(channel, data)
        *lines, self._line = (self._line + data).split(b"\n")
        out: list[Frame | Notice] = []
        wrong: DecodeError | None = None
        for line in lines:
            try:
                out += self._whole(line.rstrip(b"\r"), data)
            except DecodeError as error:
                wrong = error
        if len(self._line) > _LONGEST:
            self._line = b""
            wrong = DecodeError("too_long", data, len(data), f"a line of more than {_LONGEST} bytes")
        if wrong is not None and not out:
            raise wrong
        return out

    def _whole(self, line: bytes, data: bytes) -> Sequence[Frame | Notice]:
        if _SAMPLE.fullmatch(line):
            return (self._sample(bytes.fromhex(line.decode("ascii")), data),)
        point = _POINT.fullmatch(line)
        if point is not None:
            return self._calibrate(int(point[1]), int(point[2]), float(point[4]), float(point[3]))
        if not line:
            return ()
        if not line.isascii() or len(line) > _LONGEST or re.fullmatch(rb"[0-9A-Fa-f]+", line):
            raise DecodeError("bad_text", data, 0, "a line that is neither sample, calibration nor text")
        kind = "setting" if line.startswith(b"Stream:") else "answer"
        return (Notice(kind=kind, value=line.decode("ascii")),)

    def _calibrate(self, cell: int, number: int, raw: float, kg: float) -> Sequence[Notice]:
        """Take a point; said when the table is complete."""
        points = self._points[cell]
        if number not in points and len(points) >= _POINTS:
            points.clear()  # another table begins
        before = points.get(number)
        points[number] = (raw, kg)
        curves = [_curve(one) for one in self._points[:_CELLS]]
        self._curves = [one for one in curves if one is not None] if None not in curves else None
        whole = all(len(one) == _POINTS for one in self._points)
        return (Notice(kind="calibration", value=_POINTS * _ALL_CELLS),) if whole and before is None else ()

    def _sample(self, sample: bytes, data: bytes) -> Frame:
        if self._curves is None:
            raise DecodeError("not_calibrated", data, 0, "a sample, but no calibration has come; ask for C")
        kg = 0.0
        for cell, (raws, masses) in enumerate(self._curves):
            at = 4 + 3 * cell
            raw = int.from_bytes(sample[at : at + 3], "little", signed=True)
            kg += _SIGNS[cell] * (-_mass(raws, masses, -raw) if raw < raws[0] else _mass(raws, masses, raw))
        if not -self._limit <= kg <= self._limit:
            raise DecodeError("out_of_range", data, 0, f"{kg:g} kg, limit {self._limit:g} kg")
        index = int.from_bytes(sample[:2], "little")
        return Frame(np.array(((kg * KG_TO_N,),)), np.array((index,), dtype=np.int64))


def _curve(points: dict[int, Point]) -> tuple[list[float], list[float]] | None:
    """Points in order of their counts; ``None`` when they make no curve."""
    by_raw = dict(sorted(points.values()))
    return (list(by_raw), list(by_raw.values())) if len(by_raw) > 1 else None


def _mass(raws: list[float], masses: list[float], raw: float) -> float:
    """On the line through the two points around ``raw``; beyond the ends on the last one."""
    i = min(max(bisect_right(raws, raw), 1), len(raws) - 1)
    share = (raw - raws[i - 1]) / (raws[i] - raws[i - 1])
    return masses[i - 1] + share * (masses[i] - masses[i - 1])


def calibration_lines() -> list[bytes]:
    """The table of an emulated unit."""
    kilograms = (0, 15, 30, 60)
    return [
        b"%d,%d,%d.0,%d\r\n" % (cell, point, kg, kg * COUNTS_PER_KG)
        for cell in range(_ALL_CELLS)
        for point, kg in enumerate(kilograms)
    ]


class Encoder:
    """The inverse: the load is shared by the three cells."""

    samples_per_packet = 1
    _ROOM = 20

    def __init__(self, rate_hz: float, mtu: int) -> None:
        self._period_ns = NS_PER_S / rate_hz
        self._room = min(self._ROOM, mtu - 3)

    def opening(self) -> list[tuple[str, bytes]]:
        """The calibration, without which nothing can be understood."""
        return self.split(b"".join(calibration_lines()))

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One line."""
        if len(x) != 1:
            raise ValueError(f"{len(x)} samples, expected 1")
        force = float(x[0, 0])
        counts = 0.0 if math.isnan(force) else force / KG_TO_N * COUNTS_PER_KG / _CELLS
        index = round(int(device_ns[0]) / self._period_ns) & 0xFFFF
        cells = [round(sign * counts) for sign in _SIGNS]
        body = b"".join(
            max(-0x800000, min(0x7FFFFF, one)).to_bytes(3, "little", signed=True) for one in cells
        )
        sample = index.to_bytes(2, "little") + (300).to_bytes(2, "little") + body + bytes(3)
        return self.split(sample.hex().upper().encode() + b"\r\n")

    def split(self, text: bytes) -> list[tuple[str, bytes]]:
        """Text as notifications."""
        return [(CHANNEL, text[at : at + self._room]) for at in range(0, len(text), self._room)]
