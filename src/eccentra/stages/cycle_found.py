"""A cyclic movement that was found: along which axis, how far, in what time, and where it turned."""

from __future__ import annotations

import msgspec

from eccentra.samples import Floats
from eccentra.stages.movement_axis import Axis
from eccentra.stages.stroke_shape import moving_part

__all__ = ["Found", "like"]

# Cosine of 37 degrees: less is another axis.
_SAME_AXIS = 0.8


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A cyclic movement.

    Attributes
    ----------
    axis
        How to follow it.
    sign
        +1 when it goes away from the start pose in the direction in which the axis' number grows.
    size
        Typical stroke, in the axis' unit.
    period_s
        Typical time from one start to the next.
    turns
        Rows of its turning points.
    likeness
        Mean likeness of its strokes, at most 1.
    away, back
        Mean shape of its strokes in each direction, see :mod:`eccentra.stages.stroke_shape`.
    pushes
        Usual accelerations of its strokes away and back, if it is a lift, see
        :func:`eccentra.stages.cycle_closed.pushes`.
    cut_off
        Row of the far end of a repetition whose stroke away was before the first row, if there is one.
    """

    axis: Axis
    sign: int
    size: float
    period_s: float
    turns: tuple[int, ...]
    likeness: float
    away: Floats
    back: Floats
    pushes: tuple[tuple[float, float], ...] = ()
    cut_off: int | None = None

    def same(self, other: Found, size_ratio: float, time_ratio: float) -> bool:
        """Whether ``other``, whose strokes and times are like these, may be the same movement found again."""
        cosine = sum(a * b for a, b in zip(self.axis.main, other.axis.main, strict=True))
        return (
            self.axis.kind == other.axis.kind
            and abs(cosine) > _SAME_AXIS
            and like(self.size, other.size, size_ratio)
            and like(self.period_s, other.period_s, time_ratio)
        )

    def moving(self, t: Floats, rows: Floats) -> slice:
        """From where its first stroke leaves: who waited there may have come from aside."""
        x = self.axis.values(t, rows).tolist()
        return slice(moving_part(x, *self.turns[:2])[0], self.turns[-1])

    def moved(self, begin: int) -> Found:
        """The same with rows counted from ``begin`` earlier."""
        return msgspec.structs.replace(self, turns=tuple(turn + begin for turn in self.turns))


def like(a: float, b: float, ratio: float) -> bool:
    """Whether neither is more than ``ratio`` times the other."""
    return a <= b * ratio and b <= a * ratio
