"""How much a number of the same person changes from day to day although nothing has changed.

A trend is only one when it is larger than that. Typical error ``TE = SD_diff / sqrt(2)`` (Hopkins 2000,
Sports Med 30:1), smallest real change ``MDC95 = 1.96 * sqrt(2) * TE`` (Weir 2005, J Strength Cond Res
19:231).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

__all__ = ["Reliability", "mdc95", "typical_error"]


class Reliability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published of one number.

    Attributes
    ----------
    metric
        Name of the metric of a set.
    typical_error, mdc95
        In ``unit``: standard deviation of one measurement, and the change between two that is no error.
    source
        Who measured it, and how.
    """

    metric: str
    typical_error: float
    mdc95: float
    unit: str
    source: str

    def __post_init__(self) -> None:
        if not 0.0 < self.typical_error < self.mdc95:
            raise ValueError(
                f"typical_error {self.typical_error}, mdc95 {self.mdc95}: expected 0 < typical_error < mdc95"
            )


def typical_error(first: Sequence[float], second: Sequence[float]) -> float:
    """Typical error from pairs of measurements on two days: ``SD_diff / sqrt(2)``.

    Parameters
    ----------
    first, second
        The same people, or the same person in pairs of sessions, in order; any unit.

    Raises
    ------
    ValueError
        Fewer than three pairs, or sequences of different length.
    """
    if len(first) != len(second) or len(first) < 3:
        raise ValueError(f"{len(first)} and {len(second)} values: expected as many of each, at least three")
    off = [b - a for a, b in zip(first, second, strict=True)]
    mean = math.fsum(off) / len(off)
    variance = math.fsum((d - mean) ** 2 for d in off) / (len(off) - 1)
    return math.sqrt(variance / 2.0)


def mdc95(error: float) -> float:
    """Smallest real change at 95 % confidence from a typical error: ``1.96 * sqrt(2) * TE``."""
    return 1.96 * math.sqrt(2.0) * error
