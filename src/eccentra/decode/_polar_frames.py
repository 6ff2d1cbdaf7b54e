"""Payloads of Polar frames: plain integers, or a first sample and packed differences.

A compressed payload is one sample (three integers of ``resolution`` bits, filled up to bytes), then blocks
of ``u8 bits of a difference, u8 number of samples``, then the differences, signed, least significant bit
first, channel by channel and sample by sample; a block is filled up to whole bytes.

Source: polarofficial/polar-ble-sdk technical documentation and published unit tests (facts).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["compress", "expand", "plain", "raw_samples"]

# Far above a notification's worth of samples; differences of no bits could make any number of them.
_MOST_SAMPLES = 1000
_MOST_BITS = 32


def raw_samples(payload: bytes, size: int, packet: bytes) -> Floats:
    """Integers of ``size`` bytes, as float64 of shape (n, 3)."""
    if len(payload) % (3 * size):
        raise DecodeError("bad_length", packet, len(packet), f"expected whole samples of {3 * size} bytes")
    if size == 3:
        bytes3 = np.frombuffer(payload, np.uint8).reshape(-1, 3).astype(np.int64)
        whole = bytes3[:, 0] | bytes3[:, 1] << 8 | bytes3[:, 2] << 16
        whole = (whole ^ 0x800000) - 0x800000
    else:
        whole = np.frombuffer(payload, np.dtype(f"<i{size}")).astype(np.int64)
    return whole.reshape(-1, 3).astype(np.float64)


def expand(payload: bytes, resolution: int, packet: bytes) -> Times:
    """Integers of a compressed payload, int64, shape (n, 3)."""
    size = -(-resolution // 8)
    if len(payload) < 3 * size:
        raise DecodeError("truncated", packet, len(packet), f"expected a first sample of {3 * size} bytes")
    first = [int.from_bytes(payload[i * size : (i + 1) * size], "little", signed=True) for i in range(3)]
    parts = [np.array((first,), dtype=np.int64)]
    at, n = 3 * size, 1
    while at < len(payload):
        if at + 2 > len(payload):
            raise DecodeError("truncated", packet, len(packet), "a block without its number of samples")
        bits, count = payload[at], payload[at + 1]
        used = -(-bits * count * 3 // 8)
        at, n = at + 2, n + count
        if bits > _MOST_BITS or not count or n > _MOST_SAMPLES:
            raise DecodeError("out_of_range", packet, at - 2, f"a block of {count} samples of {bits} bits")
        if at + used > len(payload):
            raise DecodeError("truncated", packet, len(packet), f"{used} bytes expected in a block")
        parts.append(_differences(payload[at : at + used], bits, count))
        at += used
    return np.cumsum(np.concatenate(parts), axis=0)


def _differences(packed: bytes, bits: int, count: int) -> Times:
    if not bits:
        return np.zeros((count, 3), dtype=np.int64)
    loose = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little", count=bits * count * 3)
    weights = np.int64(1) << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]
    whole: Times = (loose.reshape(-1, bits) * weights).sum(axis=1)
    return whole.reshape(count, 3)


def plain(counts: NDArray[np.int64]) -> bytes:
    """Plain integers of 16 bits, shape (n, 3)."""
    return counts.astype("<i2").tobytes()


def compress(counts: NDArray[np.int64]) -> bytes:
    """The inverse of :func:`expand` at 16 bits: a first sample and one block."""
    out = counts[:1].astype("<i2").tobytes()
    steps = np.diff(counts, axis=0).ravel()
    if not len(steps):
        return out
    bits = 1 + max(int(max(v, -v - 1)).bit_length() for v in steps.tolist())
    loose = (steps[:, None] >> np.arange(bits)) & 1
    packed = np.packbits(loose.astype(np.uint8).ravel(), bitorder="little").tobytes()
    return out + bytes((bits, len(counts) - 1)) + packed
