"""Quality of a movement, 0 to 100, as a weighted mean of parts that are shown beside it.

Each part maps one or more metrics to 0..1 by straight lines between a value that is perfect and one that is
worth nothing; of several metrics of one part the worst counts. What was not measured drops out and lowers
the coverage, not the score. Parts, limits and weights are data of the exercise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from eccentra.events import Flag, Metric
from eccentra.stages.metric import metric_of

__all__ = ["METHOD", "QualityPart", "quality_metrics", "scored"]

METHOD = "weighted_parts"
# Reasons by which a number is missing that this kit measures; all others belong to the movement or the kit.
_LOST = (Flag.GAP_INSIDE, Flag.FORCE_MISSING, Flag.BASELINE_UNSETTLED)


class QualityPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the score.

    Attributes
    ----------
    id
        Part it belongs to; ``weight`` is that part's, and the same on each of its lines.
    metric
        Name of the metric.
    full, none
        Value from which on it is perfect, and from which on it is worth nothing.
    """

    id: str
    weight: float
    metric: str
    full: float
    none: float

    def __post_init__(self) -> None:
        if self.full == self.none or not all(map(math.isfinite, (self.full, self.none))):
            raise ValueError(f"quality part {self.id}: full {self.full} and none {self.none} must differ")
        if not 0.0 < self.weight <= 1.0 or not self.id.isidentifier():
            raise ValueError(f"quality part {self.id!r}: weight is {self.weight}, expected 0 to 1")


def quality_metrics(
    parts: Sequence[QualityPart], metrics: Mapping[str, Metric], least_coverage: float
) -> dict[str, Metric]:
    """The score, the coverage, and ``quality_PART`` for each part that could be measured."""
    shares: dict[str, Metric] = {}
    lost: Flag | None = None
    for part in parts:
        metric = metrics.get(part.metric)
        if metric is None:
            continue
        if metric.value is None:
            lost = lost or (metric.reason if metric.reason in _LOST else None)
            continue
        share = min(1.0, max(0.0, (metric.value - part.none) / (part.full - part.none)))
        reason = metric.reason if metric.quality != "ok" else None
        before = shares.get(part.id)
        if before is not None and before.value is not None:
            share, reason = min(share, before.value), before.reason or reason
        shares[part.id] = metric_of(share, "1", METHOD, reason)
    return scored(parts, shares, least_coverage, lost)


def scored(
    parts: Sequence[QualityPart],
    shares: Mapping[str, Metric],
    least_coverage: float,
    lost: Flag | None = None,
) -> dict[str, Metric]:
    """Score and coverage of parts whose shares are known, with these shares.

    Parameters
    ----------
    shares
        By id of the part, from 0 to 1; each has a value.
    least_coverage
        Parts of less weight than this (of all weights) make no score.
    lost
        Why a part that is usually measured was not.
    """
    weights = {part.id: part.weight for part in parts}
    if not weights:
        return {}
    known = {name: metric.value for name, metric in shares.items() if metric.value is not None}
    covered = math.fsum(weights[name] for name in known)
    coverage = covered / math.fsum(weights.values())
    doubt = lost or next((metric.reason for metric in shares.values() if metric.reason is not None), None)
    score = None
    if covered > 0.0 and coverage >= least_coverage:
        score = 100.0 * math.fsum(weights[name] * share for name, share in known.items()) / covered
    return {
        **{f"quality_{name}": metric for name, metric in shares.items()},
        "quality_score": metric_of(score, "1", METHOD, doubt if score is not None else Flag.METHOD_UNFIT),
        "quality_coverage": metric_of(coverage, "1", "weight_measured", lost),
    }
