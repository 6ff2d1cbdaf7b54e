"""Rows of a recording made elsewhere, as packets, so that they run through the same loop as live ones.

Packet, little endian: ``u8 version (1), u8 columns, u16 rows``, then for each row ``i64`` session time in ns
and ``columns`` times ``f64`` in SI units. A row with a value missing is never written: readers refuse it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Count, Frame, Limit, Notice
from eccentra.decode._parts import check_channel, check_size
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["Decoder", "Encoder", "Parameters"]

_VERSION = 1
_HEAD = struct.Struct("<BBH")
_I8, _F8 = np.dtype("<i8"), np.dtype("<f8")
# Arrays of one number: NumPy takes longer to see what a scalar is.
_NO_SIGN = np.array(0x7FFF_FFFF_FFFF_FFFF, dtype=np.int64)


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    rows_per_packet
        Most rows in a packet.
    value_limit
        Values beyond this, in any of the units and either way, are not measurements.
    """

    rows_per_packet: Count
    value_limit: Limit

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for rows of ``channels``."""
        return Decoder(self, len(channels))

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder for rows of ``channels``; files know no MTU."""
        return Encoder(self, len(channels))


class Decoder:
    """No state: every packet stands alone."""

    def __init__(self, parameters: Parameters, columns: int) -> None:
        self._rows = parameters.rows_per_packet
        self._limit = parameters.value_limit
        self._limit_bits = np.array(parameters.value_limit, dtype=np.float64).view(np.int64)
        self._columns = columns

    def expect(self, written: bytes) -> None:
        """Nothing is ever written to a file."""

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One packet to one frame; ticks are session time in ns."""
        check_channel(channel, data)
        if len(data) < _HEAD.size:
            raise DecodeError("truncated", data, len(data), f"expected a head of {_HEAD.size} bytes")
        version, columns, rows = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise DecodeError("unknown_version", data, 0, f"version {version}, expected {_VERSION}")
        if columns != self._columns:
            raise DecodeError("wrong_columns", data, 1, f"{columns} columns, expected {self._columns}")
        if not 1 <= rows <= self._rows:
            raise DecodeError("bad_length", data, 2, f"{rows} rows, expected 1 to {self._rows}")
        size = _HEAD.size + rows * (1 + columns) * 8
        check_size(data, size)
        table: Times = np.ndarray((rows, 1 + columns), _I8, data, _HEAD.size)
        bits = table[:, 1:].copy()
        # Bit patterns of positive floats are ordered like the floats, NaN and infinity above all others.
        if b"\x01" in ((bits & _NO_SIGN) > self._limit_bits).tobytes():
            raise self._refused(data, bits)
        return (Frame(bits.view(_F8), table[:, 0].copy()),)

    def _refused(self, data: bytes, bits: Times) -> DecodeError:
        row = int(np.flatnonzero(((bits & _NO_SIGN) > self._limit_bits).any(axis=1))[0])
        values = struct.unpack(f"<{self._columns}d", bits[row].tobytes())
        reason = "out_of_range" if all(map(math.isfinite, values)) else "not_finite"
        at = _HEAD.size + row * (1 + self._columns) * 8
        return DecodeError(reason, data, at, f"row {row}: {list(values)}, limit {self._limit:g}")


class Encoder:
    """The inverse: rows to a packet."""

    def __init__(self, parameters: Parameters, columns: int) -> None:
        self.samples_per_packet = parameters.rows_per_packet
        self._columns = columns

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """One packet; ``device_ns`` is session time."""
        rows, columns = x.shape
        if columns != self._columns:
            raise ValueError(f"{columns} columns, expected {self._columns}")
        if not 1 <= rows <= self.samples_per_packet:
            raise ValueError(f"{rows} rows, expected 1 to {self.samples_per_packet}")
        if not np.isfinite(x).all():
            raise ValueError("a row with a missing value cannot be written; leave the row out")
        table = np.empty((rows, 1 + columns), dtype="<i8")
        table[:, 0] = device_ns
        table[:, 1:] = np.ascontiguousarray(x, dtype="<f8").view("<i8")
        return [(CHANNEL, _HEAD.pack(_VERSION, columns, rows) + table.tobytes())]
