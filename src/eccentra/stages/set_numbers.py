"""Numbers of a set from those of its repetitions: means, variation, trends from first to last, rests.

A number of a set is flagged when one of its repetitions' numbers is flagged or missing, and is missing when
there are too few of them or they come from different methods, which are never mixed. Uncertainties: standard
error of the mean, and of the slope of a straight line (least squares).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from eccentra.events import Flag, Metric, Repetition
from eccentra.stages.metric import metric_of

__all__ = [
    "eccentric_share",
    "imbalance",
    "loss",
    "loss_of",
    "mean_of",
    "rest_mean",
    "series",
    "shared_error",
    "signed_asymmetry",
    "slope_of",
    "span",
    "variation_of",
]

# What makes the times of a repetition doubtful.
_TIMES = (Flag.GAP_INSIDE, Flag.START_NOT_SEEN, Flag.PHASE_FROM_FORCE)


def series(reps: Sequence[Repetition], name: str) -> tuple[list[float], list[int], str | None, Flag | None]:
    """Values of one metric, the indices of their repetitions, their method, and why they are doubtful.

    The method is ``None`` when there is no value or when methods differ.
    """
    values: list[float] = []
    indices: list[int] = []
    methods: set[str] = set()
    doubt: Flag | None = None
    for rep in reps:
        metric = rep.metrics.get(name)
        if metric is None:
            continue
        if metric.value is not None:
            values.append(metric.value)
            indices.append(rep.index)
            methods.add(metric.method)
        if metric.quality != "ok" and metric.reason is not Flag.NOT_BROKEN:
            doubt = doubt or metric.reason or Flag.GAP_INSIDE
    return values, indices, methods.pop() if len(methods) == 1 else None, doubt


def _few(unit: str, method: str, values: Sequence[float], doubt: Flag | None) -> Metric:
    """Too few values: say whether because of the repetitions or because of what touched them."""
    return metric_of(None, unit, method, Flag.FEW_REPETITIONS if values or doubt is None else doubt)


def mean_of(reps: Sequence[Repetition], name: str, unit: str, least: int = 1) -> Metric:
    """Mean over repetitions, method ``mean(...)`` of theirs.

    Its error holds the spread of the repetitions and, whole, what one of them is stated to be wrong by:
    scale, zero and orientation are wrong in all of them alike.
    """
    values, _, method, doubt = series(reps, name)
    if method is None or len(values) < least:
        return _few(unit, f"mean({method or name})", values, doubt)
    n = len(values)
    mean = math.fsum(values) / n
    error = None
    if n > 2:
        spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)
        error = math.hypot(spread, shared_error(reps, name) or 0.0)
    return metric_of(mean, unit, f"mean({method})", doubt, error)


def shared_error(reps: Sequence[Repetition], name: str) -> float | None:
    """Mean of the uncertainties that the repetitions state of a metric; ``None`` when none does."""
    found = [m.uncertainty for rep in reps if (m := rep.metrics.get(name)) and m.uncertainty is not None]
    return math.fsum(found) / len(found) if found else None


def variation_of(reps: Sequence[Repetition], name: str, least: int) -> Metric:
    """Standard deviation over repetitions by their mean."""
    values, _, method, doubt = series(reps, name)
    n = len(values)
    mean = math.fsum(values) / n if n else 0.0
    if method is None or n < max(least, 2) or mean <= 0.0:
        return _few("1", f"cv({method or name})", values, doubt)
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) / mean
    # of a normal distribution, for small spreads
    error = spread * math.sqrt(1.0 / (2.0 * (n - 1)) + spread * spread / n)
    return metric_of(spread, "1", f"cv({method})", doubt, error)


def slope_of(reps: Sequence[Repetition], name: str, unit: str, least: int) -> Metric:
    """Change per repetition: the slope of a straight line over the repetitions' indices."""
    values, indices, method, doubt = series(reps, name)
    n = len(values)
    if method is None or n < max(least, 2):
        return _few(unit, f"slope({method or name})", values, doubt)
    middle, mean = math.fsum(indices) / n, math.fsum(values) / n
    spread = math.fsum((k - middle) ** 2 for k in indices)
    pairs = list(zip(indices, values, strict=True))
    slope = math.fsum((k - middle) * (v - mean) for k, v in pairs) / spread
    error = None
    if n > 2:
        left = math.fsum((v - mean - slope * (k - middle)) ** 2 for k, v in pairs)
        error = math.sqrt(left / (n - 2) / spread)
    return metric_of(slope, unit, f"slope({method})", doubt, error)


def loss(values: Sequence[float]) -> float | None:
    """Loss from the best two of the first three to the last two, as a share of the former."""
    if len(values) < 3:
        return None
    best = math.fsum(sorted(values[:3])[1:]) / 2.0
    return None if best <= 0.0 else (best - math.fsum(values[-2:]) / 2.0) / best


def loss_of(values: Sequence[float], method: str, least: int, doubt: Flag | None) -> Metric:
    """:func:`loss` of values in the order of the repetitions; needs ``least`` of them."""
    name = f"best2of3_to_last2({method})"
    value = loss(values) if len(values) >= least else None
    return _few("1", name, values, doubt) if value is None else metric_of(value, "1", name, doubt)


def span(reps: Sequence[Repetition]) -> Metric:
    """From the start of the first repetition to the end of the last one, pauses included."""
    if not reps:
        return metric_of(None, "s", "tut_span", Flag.FEW_REPETITIONS)
    touched = next((flag for flag in _TIMES if any(flag in rep.flags for rep in reps)), None)
    start, end = min(rep.start_us for rep in reps), max(rep.end_us for rep in reps)
    return metric_of((end - start) * 1e-6, "s", "tut_span", touched)


def rest_mean(reps: Sequence[Repetition]) -> Metric:
    """Mean time from the end of a repetition to the start of the next one."""
    ordered = sorted(reps, key=lambda rep: rep.start_us)
    rests = [(b.start_us - a.end_us) * 1e-6 for a, b in pairwise(ordered)]
    # where the return was not seen, the rest would begin at the end of the descent
    seen = all(Flag.RETURN_NOT_SEEN not in rep.flags for rep in ordered[:-1])
    if not rests:
        return metric_of(None, "s", "mean(end_to_start)", Flag.FEW_REPETITIONS)
    touched = next((flag for flag in _TIMES if any(flag in rep.flags for rep in ordered)), None)
    flag = touched or (None if seen else Flag.RETURN_NOT_SEEN)
    return metric_of(math.fsum(rests) / len(rests), "s", "mean(end_to_start)", flag)


def eccentric_share(reps: Sequence[Repetition]) -> Metric:
    """Eccentric time by time under tension, over the repetitions that have both."""
    both = [
        (rep.metrics["eccentric_s"], rep.metrics["tut_s"])
        for rep in reps
        if "eccentric_s" in rep.metrics and "tut_s" in rep.metrics
    ]
    pairs = [(a.value, b.value) for a, b in both if a.value is not None and b.value is not None]
    tut = math.fsum(b for _, b in pairs)
    doubt = next((m.reason or Flag.GAP_INSIDE for pair in both for m in pair if m.quality != "ok"), None)
    if tut <= 0.0:
        return metric_of(None, "1", "eccentric_by_tut", doubt or Flag.FEW_REPETITIONS)
    return metric_of(math.fsum(a for a, _ in pairs) / tut, "1", "eccentric_by_tut", doubt)


def signed_asymmetry(reps: Sequence[Repetition], least: int) -> tuple[float, float | None] | None:
    """Difference of mean peak force, right minus left, in percent of the stronger side, and its error.

    From valid repetitions with both sides; ``None`` for fewer than ``least``. The standard error holds the
    spread of the pairs: of ``1 - w/s`` with the means ``w`` of the weaker and ``s`` of the stronger side,
    to first order (single repetitions are taken as independent); and what the two sensors are stated to be
    wrong by, which is the same in all repetitions.
    """
    paired = [r for r in reps if r.valid and r.force_left is not None and r.force_right is not None]
    peaks = [(r.force_left.peak_n, r.force_right.peak_n) for r in paired if r.force_left and r.force_right]
    found = imbalance(peaks, least)
    if found is None:
        return None
    value, spread = found
    left, right = (math.fsum(side) / len(peaks) for side in zip(*peaks, strict=True))
    own = [shared_error(paired, f"force_{side}_peak_n") for side in ("left", "right")]
    if spread is None or own[0] is None or own[1] is None or min(left, right) <= 0.0:
        return found
    sensors = (100.0 - abs(value)) * math.hypot(own[0] / left, own[1] / right)
    return value, math.hypot(spread, sensors)


def imbalance(peaks: Sequence[tuple[float, float]], least: int) -> tuple[float, float | None] | None:
    """The same of pairs of left and right peak force, N."""
    n = len(peaks)
    if n < max(least, 1):
        return None
    left = math.fsum(a for a, _ in peaks) / n
    right = math.fsum(b for _, b in peaks) / n
    strong, weak = max(left, right), min(left, right)
    if strong <= 0.0:
        return None
    error = None
    if n > 2:
        ratio = weak / strong
        rest = [((b if left > right else a) - ratio * (a if left > right else b)) / strong for a, b in peaks]
        error = 100.0 * math.sqrt(math.fsum(e * e for e in rest) / (n - 1) / n)
    return 100.0 * (right - left) / strong, error
