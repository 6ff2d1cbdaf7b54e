"""What several protocols share. No protocol itself."""

from __future__ import annotations

from eccentra.decode import CHANNEL
from eccentra.errors import DecodeError

__all__ = ["KG_TO_N", "check_channel", "check_limit", "check_size"]

KG_TO_N = 9.80665


def check_channel(channel: str, data: bytes, expected: str = CHANNEL) -> None:
    """Refuse what arrived where this protocol has nothing to say."""
    if channel != expected:
        raise DecodeError("unknown_channel", data, 0, f"channel {channel!r}, expected {expected!r}")


def check_limit(value: float, limit: float, unit: str, data: bytes, at: int = 0) -> None:
    """Refuse a value that no sensor of the model can have measured; NaN is one, too."""
    if not -limit <= value <= limit:
        raise DecodeError("out_of_range", data, at, f"{value:g} {unit}, limit {limit:g} {unit}")


def check_size(data: bytes, size: int) -> None:
    """Refuse what is shorter or longer than the one size it can have."""
    if len(data) != size:
        reason = "truncated" if len(data) < size else "too_long"
        raise DecodeError(reason, data, min(len(data), size), f"{len(data)} bytes, expected {size}")
