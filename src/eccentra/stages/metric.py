"""Making metrics: value or reason, never both missing."""

from __future__ import annotations

import math

from eccentra.events import Flag, Metric

__all__ = ["metric_of"]


def metric_of(
    value: float | None, unit: str, method: str, flag: Flag | None = None, uncertainty: float | None = None
) -> Metric:
    """A metric; missing when the value is ``None`` or NaN, flagged when there is a flag."""
    if value is None or math.isnan(value):
        return Metric(value=None, unit=unit, method=method, quality="missing", reason=flag)
    return Metric(
        value=value,
        unit=unit,
        method=method,
        quality="ok" if flag is None else "flagged",
        reason=flag,
        uncertainty=uncertainty,
    )
