"""Where the first repetition begins: in the pose in which the person rested before it.

What comes before a set, such as taking a position, often ends with a stroke that looks like half a
repetition, and then the person waits a moment in the start pose. Taken for a repetition, that stroke would
shift all the others by half a cycle. So a run of strokes begins where the sensor first rests. Only when the
recording itself begins at the far end of a whole stroke back, that is the end of a repetition.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import Floats

__all__ = ["StartRules", "from_rest", "stroke_back_before"]


class StartRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What resting is.

    Attributes
    ----------
    rest_s
        It lasts at least so long.
    rest_deg, rest_share
        The number along the axis stays within so many degrees, or within this share of the usual stroke.
    wait_s, wait_share
        Who stays in a pose longer than in the repetitions after it, by so much and this share of their time,
        waits there to begin.
    """

    rest_s: float
    rest_deg: float
    rest_share: float
    wait_s: float
    wait_share: float

    def resting(self, t: Floats, x: Floats, size: float, least: float | None = None) -> NDArray[np.bool_]:
        """Whether each row, and those in the ``rest_s`` before it, stay in one place; bool, shape (n,)."""
        rows = max(round(self.rest_s / float(np.median(np.diff(t)))), 1)
        out = np.zeros(len(x), dtype=bool)
        if len(x) > rows:
            view = np.lib.stride_tricks.sliding_window_view(x, rows + 1)
            spread = view.max(axis=1) - view.min(axis=1)
            lasts = t[rows:] - t[:-rows]
            most = max(self.rest_deg if least is None else least, self.rest_share * size)
            out[rows:] = (spread <= most) & (lasts < 1.5 * self.rest_s)
        return out


def from_rest(
    turns: Sequence[int],
    lead: int,
    t: Floats,
    x: Floats,
    size: float,
    period_s: float,
    ratio: float,
    rules: StartRules,
    *,
    creeps: bool = False,
) -> tuple[int, ...]:
    """The run without what came before its start pose.

    Parameters
    ----------
    turns
        Rows of the turning points of the run.
    lead
        Only the first so many strokes may be left out: those that were taken less strictly.
    t, x
        Time in s and angle along the axis in degrees.
    size, period_s, ratio
        Usual stroke and time, and how different strokes of one movement may be.
    creeps
        Whether ``x`` creeps too much to show rest, as heights do: then only long waiting tells.
    """
    waited = _waited(turns, lead, t, x, size, ratio, rules.wait_s + rules.wait_share * period_s)
    if waited is not None:
        whole = _whole(turns, waited, x, size, ratio)
        return tuple(turns[whole:])
    if creeps:
        return tuple(turns)
    resting = rules.resting(t[: turns[lead + 1] + 1], x[: turns[lead + 1] + 1], size)
    for k in range(lead + 1):
        # a rest near this turning point, or on the way to the next one
        level, far = x[turns[k]], x[turns[k + 1]]
        begin = turns[k - 1] if k else max(turns[0] - 1, 0)
        rests = np.flatnonzero(resting[begin : turns[k + 1]]) + begin
        rests = rests[np.abs(x[rests] - far) >= 0.5 * abs(far - level)]
        if len(rests):
            whole = _whole(turns, k, x, size, ratio)
            return tuple(turns[whole:]) if whole < k else (int(rests[-1]), *turns[k + 1 :])
    return tuple(turns)


def _waited(
    turns: Sequence[int], lead: int, t: Floats, x: Floats, size: float, ratio: float, extra_s: float
) -> int | None:
    """The last turning point at which the person waited to begin: longer than there in the run; if any.

    A stroke of the run itself proved to be like the others, so it takes twice ``extra_s`` to leave it out.
    A single stroke before the run turns all repetitions round: it has to be as large as the others.
    """
    stays = [_stay(t, x[a : c + 1], a, b - a) for a, b, c in zip(turns, turns[1:], turns[2:], strict=False)]
    for k in range(lead + 1, 0, -1):
        # stays at the same end during the run
        usual = sorted(stays[k + 1 if k >= lead else k - 1 + (lead - k + 1) // 2 * 2 :: 2])
        most = extra_s if k <= lead else 2.0 * extra_s
        if not usual or stays[k - 1] - usual[len(usual) // 2] <= most:
            continue
        last = abs(float(x[turns[lead]] - x[turns[lead - 1]])) if k < lead else size
        if (lead - k) % 2 == 0 or size <= last * ratio:
            return k
    return None


def _stay(t: Floats, x: Floats, first: int, turn: int) -> float:
    """Time in s near a turning point: from the first middle of the stroke to it to the last of that from it.

    ``x`` are the values of both strokes, beginning with row ``first``; the turning point is ``x[turn]``.
    """
    to, after = 0.5 * (x[0] + x[turn]), 0.5 * (x[turn] + x[-1])
    up = x[turn] > x[0]
    arrived = np.flatnonzero((x[: turn + 1] > to) == up)
    near = np.flatnonzero((x[turn:] > after) == up)
    return float(t[first + turn + near[-1]] - t[first + arrived[0]])


def _whole(turns: Sequence[int], k: int, x: Floats, size: float, ratio: float) -> int:
    """First turning point of the whole cycles of usual size before the ``k``-th: they are repetitions."""
    while k >= 2:
        strokes = [abs(float(x[turns[i + 1]] - x[turns[i]])) for i in (k - 2, k - 1)]
        if max(strokes) > ratio * size or ratio * min(strokes) < size:
            break
        k -= 2
    return k


def stroke_back_before(
    turns: Sequence[int], t: Floats, x: Floats, size: float, period_s: float, shares: tuple[float, float]
) -> int | None:
    """Row of the far end from which the rows themselves begin with a whole stroke back; else ``None``.

    Parameters
    ----------
    turns
        Rows of the turning points of the run.
    t, x
        Time in s and number that grows away from the start pose, from the first row that there is.
    size, period_s
        Usual stroke and time.
    shares
        Smallest and largest stroke as a share of the usual one.
    """
    begin = turns[0]
    if begin < 4 or t[begin] - t[0] > period_s:
        return None
    far = int(np.argmax(x[:begin]))
    least, most = shares[0] * size, shares[1] * size
    # what rose before it would be part of a stroke away, and what comes after it no stroke back
    if x[far] - x[0] > 0.3 * size or not least <= x[far] - x[begin] <= most:
        return None
    course = x[far : begin + 1]
    risen = float((course - np.minimum.accumulate(course)).max())
    return far if risen < 0.3 * size else None
