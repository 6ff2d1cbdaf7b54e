"""Which columns of aligned rows a hold is seen by."""

from __future__ import annotations

import math

from eccentra.samples import Placement, StreamInfo
from eccentra.stages.hold import Stage
from eccentra.stages.inclination import Vector
from eccentra.stages.nordic_grid import Columns

__all__ = ["columns_of", "force_in", "rate_in"]


def columns_of(info: StreamInfo, stage: Stage) -> tuple[Placement, Columns]:
    """The sensor that is used, and its columns; the thigh's as well when it is another one.

    Raises
    ------
    ValueError
        None of the stage's sensors is worn.
    """
    for place in stage.sensors:
        up, rate, gap = (info.column(f"{place}.{name}") for name in ("up_x", "rate_x", "gap"))
        if up is not None and rate is not None and gap is not None:
            gaps = tuple(i for i, name in enumerate(info.channels) if name.endswith(".gap"))
            other = info.column("thigh.up_x") if place != "thigh" else None
            return place, Columns(up=up, rate=rate, gaps=gaps, shank=other, forces={})
    raise ValueError(f"rows have none of {', '.join(stage.sensors)}: {info.channels}")


def force_in(row: list[float], columns: Columns) -> float:
    """Size of the specific force in m/s²."""
    at = columns.rate + 3
    return math.sqrt(row[at] * row[at] + row[at + 1] * row[at + 1] + row[at + 2] * row[at + 2])


def rate_in(row: list[float], columns: Columns) -> Vector:
    """Turning rate in rad/s; NaN without a gyroscope."""
    at = columns.rate
    return row[at], row[at + 1], row[at + 2]
