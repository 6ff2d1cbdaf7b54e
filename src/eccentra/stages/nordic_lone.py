"""Further numbers of a Nordic curl when straps are all that is worn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eccentra.events import Flag, Force, Metric
from eccentra.samples import NS_PER_S, Floats, Side
from eccentra.stages.history import History
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_numbers import tempo_metrics
from eccentra.stages.quality_score import quality_metrics
from eccentra.stages.strap_numbers import strap_metrics

__all__ = ["lone_metrics"]

# The quiet start pose is looked for so long before a repetition.
_BEFORE_NS = 4 * NS_PER_S


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
    out = tempo_metrics(stage, rule, known)
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
