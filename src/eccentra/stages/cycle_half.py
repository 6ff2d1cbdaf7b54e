"""Lifts whose way away is like the others of the set, and whose way back is too slow to be seen.

The last lift before failure takes up to three times as long as the others. Over half a metre in eight seconds
a load accelerates by a few hundredths of a metre per second squared, less than an accelerometer's offset
changes when the load tilts by a degree: its height is known no more. That the load was lowered as always, as
far and as fast, is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.cycle_odd import Looks

__all__ = ["HalfRules", "away_like"]

# Fewer repetitions do not say what is usual.
_FEWEST = 2
# Shares of the usual way between which paces are compared: near the ends it is slow.
_FROM, _TO = 0.1, 0.6


class HalfRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alike the way away must be.

    Attributes
    ----------
    pace
        Logarithm of the ratio of its time to that of two others, at most.
    size
        Share of the usual way, at least and at most.
    """

    pace: float
    size: tuple[float, float]


def away_like(
    t: Floats, x: Floats, start_s: float, others: Sequence[Looks], rules: HalfRules
) -> float | None:
    """When a way away like that of ``others`` was at its far end; ``None`` when it was not like them.

    Parameters
    ----------
    t, x
        Time in s and number along the axis, from the start on, shape (n,).
    start_s
        When it left the start pose.
    """
    strokes = [(one.size, *one.strokes[0]) for one in others if one.strokes]
    if len(strokes) < _FEWEST:
        return None
    usual = _middle([size for size, _, _ in strokes])
    lasts_s = _middle([lasts for _, lasts, _ in strokes])
    way = x - x[0]
    soon = way[t <= start_s + math.exp(rules.pace) * lasts_s]
    least, most = rules.size
    if not len(soon) or not least * usual <= float(soon.max()) <= most * usual:
        return None
    paces = [lasts * _between(np.linspace(0.0, 1.0, len(course)), course) for _, lasts, course in strokes]
    pace = _between(t[: len(soon)], soon / usual)
    alike = sum(one > 0.0 and abs(math.log(pace / one)) <= rules.pace for one in paces if pace > 0.0)
    if alike < _FEWEST:
        return None
    # the height goes on a little after it: the end of the way is where nine tenths of it are done
    done = int(np.argmax(soon >= 0.9 * float(soon.max())))
    return float(t[done])


def _between(t: Floats, way: Floats) -> float:
    """Time from one share of the way to the other; 0 when it did not go so far."""
    if float(way.max()) < _TO:
        return 0.0
    first, last = int(np.argmax(way >= _FROM)), int(np.argmax(way >= _TO))
    return float(t[last] - t[first])


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
