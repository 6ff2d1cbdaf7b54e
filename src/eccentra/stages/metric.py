"""Making metrics: value or reason, never both missing."""

from __future__ import annotations

import math

from eccentra.events import Flag, Metric

__all__ = ["doubted", "metric_of"]


def metric_of(
    value: float | None, unit: str, method: str, flag: Flag | None = None, uncertainty: float | None = None
) -> Metric:
    """A metric; missing when the value is ``None`` or NaN, flagged when there is a flag.

    Missing without a flag means that the method found nothing: a force that never rises has no onset.
    """
    if value is None or math.isnan(value):
        reason = flag or Flag.METHOD_UNFIT
        return Metric(value=None, unit=unit, method=method, quality="missing", reason=reason)
    return Metric(
        value=value,
        unit=unit,
        method=method,
        quality="ok" if flag is None else "flagged",
        reason=flag,
        # beside a hole the value may be known and its error not
        uncertainty=None if uncertainty is None or math.isnan(uncertainty) else uncertainty,
    )


def doubted(metric: Metric, flag: Flag) -> Metric:
    """The metric, flagged if it was not yet."""
    if metric.quality != "ok":
        return metric
    return metric_of(metric.value, metric.unit, metric.method, flag, metric.uncertainty)
