"""Movements of a joint exercise that are alike, and those about which nothing is decided yet."""

from __future__ import annotations

import math

import msgspec

from eccentra.stages.inclination import Vector
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_trial import Seen, Trial

__all__ = ["JOINED_US", "Doubt", "Group", "Item", "median", "overlap", "ratio", "size_of"]

# Two movements without a rest between them.
JOINED_US = 400_000


class Item(msgspec.Struct, kw_only=True, eq=False):
    """A measured movement, and under which number it was counted, if it was."""

    measured: Measured
    seen: Seen
    full: bool
    counted: tuple[int, int] | None = None

    @property
    def start_us(self) -> int:
        """Begin in µs of session time."""
        return self.measured.us(self.measured.start)

    @property
    def end_us(self) -> int:
        """End in µs of session time."""
        return self.measured.us(self.measured.end)


class Doubt(msgspec.Struct, kw_only=True, eq=False):
    """A movement seen from a pose that may be the far one; ``score`` is what speaks for it."""

    measured: Measured
    seen: Seen
    source: Trial
    score: float


class Group(msgspec.Struct, kw_only=True, eq=False):
    """Movements that are alike."""

    home: Vector
    axis: Vector
    share: float
    items: list[Item]
    rom: float | None = None
    counts: bool = False

    @property
    def fulls(self) -> int:
        """Number of full repetitions."""
        return sum(item.full for item in self.items)


def overlap(a_us: int, b_us: int, c_us: int, d_us: int) -> bool:
    """Whether two movements are the same one; neighbours without a rest may touch."""
    return min(b_us, d_us) - max(a_us, c_us) > JOINED_US


def size_of(m: Measured) -> float:
    """The tracked angle's range; that of the first segment when another one was missing."""
    return m.rom if m.whole else m.first_rom


def ratio(a: float, b: float) -> float:
    """The larger by the smaller."""
    return max(a, b) / max(min(a, b), 1e-6)


def median(values: list[float]) -> float:
    """Upper median of what is known; 0 of nothing."""
    ordered = sorted(v for v in values if not math.isnan(v))
    return ordered[len(ordered) // 2] if ordered else 0.0
