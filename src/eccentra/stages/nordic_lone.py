"""Further numbers of a Nordic curl when straps are all that is worn."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from eccentra.events import Flag, Force, Metric, Repetition
from eccentra.samples import NS_PER_S, Floats, Side
from eccentra.stages.force import summary
from eccentra.stages.history import History
from eccentra.stages.metric import metric_of
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_burst import BurstRule, Reading
from eccentra.stages.nordic_numbers import tempo_metrics
from eccentra.stages.nordic_set import Totals
from eccentra.stages.quality_score import quality_metrics
from eccentra.stages.strap_numbers import strap_metrics

__all__ = ["LoneTotals", "length_of", "lone_metrics", "open_peaks", "stays", "unseen_before", "without_peaks"]

# The quiet start pose is looked for so long before a repetition.
_BEFORE_NS = 4 * NS_PER_S


class LoneTotals:
    """Metrics of a set from straps alone: a time is summed when all its repetitions have one.

    Where it is not sure that one of them was a repetition, the sum is flagged, and off by as much.

    Parameters
    ----------
    totals
        What a set has with any sensors.
    """

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def __call__(self, reps: Sequence[Repetition]) -> dict[str, Metric]:
        """Those metrics, less the sums that lack a repetition."""
        out = self._totals(reps)
        for name in ("tut_s", "eccentric_s"):
            lost = [rep.metrics[name].reason for rep in reps if rep.value(name) is None]
            if lost:
                out[name] = metric_of(None, out[name].unit, out[name].method, lost[0])
                continue
            unsure = [rep.value(name) or 0.0 for rep in reps if Flag.COUNT_UNSURE in rep.flags]
            if unsure:
                sum_of = out[name]
                error = math.hypot(sum_of.uncertainty or 0.0, *unsure)
                out[name] = metric_of(sum_of.value, sum_of.unit, sum_of.method, Flag.COUNT_UNSURE, error)
        return out


def lone_metrics(
    history: History,
    columns: Mapping[Side, int],
    step_ns: int,
    when: tuple[int, int],
    forces: Mapping[Side, Force | None],
    known: dict[str, Metric],
    stage: Stage,
    flag: Flag,
) -> dict[str, Metric]:
    """Numbers of the straps over one repetition; nothing without the table ``[stage.metrics]``.

    Parameters
    ----------
    when
        Begin and end of the repetition in ns.
    known
        Its metrics so far.
    flag
        What touches all its numbers.
    """
    rule = stage.metrics
    if rule is None:
        return {}
    out = tempo_metrics(stage, known)
    start, end = when
    rows_t, rows = history.rows(start - _BEFORE_NS, end + NS_PER_S // 2)
    if len(rows_t) < 2:
        return out
    n = int((rows_t[-1] - rows_t[0]) // step_ns) + 1
    at = (rows_t - rows_t[0]) // step_ns
    t: Floats = np.arange(n, dtype=np.float64) * (step_ns / NS_PER_S)
    sides: dict[Side, Floats] = {}
    for side, c in columns.items():
        sides[side] = np.full(n, np.nan)
        sides[side][at] = rows[:, c]
    first, last = ((ns - int(rows_t[0])) / NS_PER_S for ns in when)
    out |= strap_metrics(
        t,
        sides,
        forces,
        [(first, last)],
        last,
        rule=rule.strap(stage.force),
        person=stage.person,
        flag=flag,
    )
    return out | quality_metrics(rule.quality, known | out, rule.quality_least)


def without_peaks(metrics: Mapping[str, Metric], unsure: Collection[Side]) -> dict[str, Metric]:
    """The metrics, less the peaks of sides for which another reading of the lowering has another peak."""
    names = {
        f"{what}_{side}_{name}"
        for side in unsure
        for what, name in (
            ("force", "peak_n"),
            ("force", "peak_n_kg"),
            ("torque", "peak_nm"),
            ("force", "time_to_peak_s"),
        )
    }
    return {
        name: metric_of(None, one.unit, one.method, Flag.PHASE_FROM_FORCE) if name in names else one
        for name, one in metrics.items()
    }


def length_of(
    seconds: float, load: Reading, stage: Stage, flag: Flag, *, unseen: bool = False
) -> tuple[float | None, Flag, float | None]:
    """Time of a lowering in s, what touches it, and its standard error.

    Leaning back leaves the straps slack: where people may start like that, the start is not seen, as little
    as that of a quick way down whose slack straps were loaded by its braking (``unseen``). Whoever may
    have come back up in the straps may have turned at another time; then the time is not told either.
    """
    if unseen or stage.pose.lean_back_deg > 0.0:
        return None, Flag.START_NOT_SEEN, None
    if load.end_error > stage.burst.known_s:
        return None, flag, None
    # a reading carries twice the standard errors of its ends
    return seconds, flag, 0.5 * math.hypot(load.start_error, load.end_error)


def unseen_before(load: Reading, stage: Stage) -> float:
    """Likely time for which a lowering went on before the straps were loaded, s.

    On a slope some begin leaning back, with the knees at a right angle, and straps that are slack until they
    are upright; others begin there. Force looks the same. With half of the time that the slope takes at the
    mean speed neither start is off by more than that.
    """
    if stage.slope is None or stage.pose.lean_back_deg <= 0.0:
        return 0.0
    speed = load.lean / max(load.held_s, stage.count.least_down_s)
    return 0.5 * math.radians(stage.slope.usual_deg) / max(speed, 1e-3)


def stays(
    net: Floats, hz: float, first: int, last: int, full: float, seconds: float, rule: BurstRule
) -> bool:
    """Whether force stays the same on the way down, so that the body may have stopped there.

    An even descent to the floor in ``seconds`` changes force by ``full cos(lean)`` times its speed. Who goes
    on softly after a short stop leaves force as flat as who stops for longer: how long it was is not told.

    Parameters
    ----------
    net
        float64, shape (n,): N above the level before the burst, at ``hz``.
    first, last
        Rows of the start and of the end of control.
    full
        Force of a full lowering, N.
    """
    rows = round(0.5 * rule.stop_s * hz)
    if last - first < 2 * rows:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(net[first : last + 1], rows)
    share = windows.mean(axis=1) / full
    low, high = rule.stop_share
    even = np.sqrt(np.maximum(1.0 - share * share, 0.0)) * (0.5 * math.pi / seconds) * full * rows / hz
    flat = (
        (windows.max(axis=1) - windows.min(axis=1) < rule.stop_slope * even) & (share > low) & (share < high)
    )
    # windows that begin within so many rows, all of them flat, cover the stop
    held = np.convolve(flat, np.ones(rows), mode="valid")
    return bool(held.max(initial=0.0) > rows - 0.5)


def open_peaks(
    t: Floats,
    sides: Mapping[Side, Floats],
    zeros: Mapping[Side, float],
    forces: Mapping[Side, Force | None],
    start: float,
    ends: tuple[float, float],
    rule: BurstRule,
) -> frozenset[Side]:
    """Sides whose peak would be another one, had the lowering ended at either of ``ends`` (s)."""
    found: set[Side] = set()
    for side, force in forces.items():
        if force is None:
            continue
        least = max(rule.peak_share * force.peak_n, rule.peak_n)
        others = [summary(t, sides[side], [(start, end)], zeros[side]) for end in ends]
        if any(other is None or abs(other.peak_n - force.peak_n) > least for other in others):
            found.add(side)
    return frozenset(found)
