"""What a hole keeps from being known beyond itself: movements beside it that were not counted.

A stage decides about a movement from what comes before and after it: a repetition counts once the person is
back, a partial one when others are near, the first ones when they are alike. A hole takes that away, and a
movement that was whole in the samples may not count because of it. Nobody can know whether it would have. So
the span is told like the hole itself: from the last counted repetition before it, or from the hole, to the
next one, at most one and a half repetitions' lengths each way, as far as something moved there; and so is a
movement as long as a repetition that was refused or taken back once the hole had come. Where all that moved
was counted, nothing is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from eccentra.events import Repetition, RepRejected, SensorGap
from eccentra.samples import NS_PER_S, Floats, StreamInfo
from eccentra.stages.gap_check import GapCheck, Hole
from eccentra.stages.history import History

__all__ = ["GapReach"]

# A repetition's decision waits for what comes after it, so long at most: the rest that ends a set.
_SET_GAP_US = 20_000_000
# So many lengths of a repetition beside a hole may hang on it, within bounds.
_LENGTHS = 1.5
_SHORTEST_US, _LONGEST_US = 5_000_000, 30_000_000
_KEPT_US = 60_000_000
# No repetition of any exercise is smaller (a partial one has 15 degrees), nor has less force in a strap.
_MOVES_DEG, _PULLS_N = 10.0, 20.0
_COARSE_NS = NS_PER_S // 10


class GapReach:
    """State: holes that were looked at, and the repetitions that were counted.

    Parameters
    ----------
    info
        Aligned rows.
    holes
        Follows where rows are missing.
    sensors
        Id of the sensor for each prefix of a column's name (placement or side).
    """

    def __init__(self, info: StreamInfo, holes: GapCheck, sensors: Mapping[str, str]) -> None:
        self._holes = holes
        names = [name.removesuffix(".gap") for name in holes.columns]
        self._sensors = [sensors.get(name, name) for name in names]
        self._up = [at for name in names if (at := info.column(f"{name}.up_x")) is not None]
        self._force = [at for name in names if (at := info.column(f"{name}.force")) is not None]
        self._reps: dict[tuple[int, int], tuple[int, int]] = {}
        # start, end and decision of movements that were not counted after all
        self._refused: list[tuple[int, int, int]] = []
        self._looked_ns: float = -1

    def counted(self, rep: Repetition) -> None:
        """A repetition was counted."""
        self._reps[rep.set_index, rep.index] = (rep.start_us, min(rep.end_us, rep.decided_us))

    def taken_back(self, key: tuple[int, int], t_us: int) -> None:
        """It was none."""
        span = self._reps.pop(key, None)
        if span is not None:
            self._refused.append((*span, t_us))

    def refused(self, event: RepRejected) -> None:
        """A movement was not counted."""
        self._refused.append((event.start_us, event.end_us, event.decided_us))

    def look(self, t_us: int, until_us: int | None, history: History) -> list[SensorGap]:
        """Spans beside the holes that ended before ``until_us`` (all of them when it is ``None``).

        ``t_us`` is the time of the events that tell them.
        """
        until = math.inf if until_us is None else until_us * 1000
        holes = [one for one in self._holes.holes() if self._looked_ns <= one.end < until]
        self._looked_ns = until
        if not holes:
            return []
        spans = sorted(self._reps.values())
        self._reps = {key: span for key, span in self._reps.items() if span[1] > t_us - _KEPT_US}
        self._refused = [one for one in self._refused if one[2] > t_us - _KEPT_US]
        told: dict[str, list[tuple[int, int]]] = {}
        for one in holes:
            reach = self._reach(one, spans, history)
            for k, sensor in enumerate(self._sensors):
                if reach is not None and one.columns >> k & 1:
                    told.setdefault(sensor, []).append(reach)
        return [
            SensorGap(t_us=t_us, sensor=sensor, start_us=a, end_us=b, missing=False)
            for sensor, reaches in told.items()
            for a, b in _joined(reaches)
        ]

    def _reach(
        self, hole: Hole, spans: Sequence[tuple[int, int]], history: History
    ) -> tuple[int, int] | None:
        """From where to where something beside the hole moved that was not counted."""
        hole_us = (hole.start // 1000, -(-hole.end // 1000))
        # a repetition over the hole was counted all the same
        over = [hole_us, *((a, b) for a, b in spans if b > hole_us[0] and a < hole_us[1])]
        first, last = min(a for a, _ in over), max(b for _, b in over)
        near = [(a, b) for a, b in spans if b > first - _SET_GAP_US and a < last + _SET_GAP_US]
        if not near:
            return None
        longest = max(b - a for a, b in near)
        length = round(min(max(_LENGTHS * longest, _SHORTEST_US), _LONGEST_US))
        open_then = [a for a, b, at in self._refused if a < first and at > hole_us[0] and b - a <= length]
        begin = max([first - length, *(b for _, b in near if b <= first)])
        end = min([last + length, *(a for a, _ in near if a >= last)])
        before = begin < first and self._moved(history, begin, first)
        after = last < end and self._moved(history, last, end)
        if not before and not after and not open_then:
            return None
        if before:
            open_then.append(begin)
        return min([*open_then, hole_us[0]]), end if after else hole_us[1]

    def _moved(self, history: History, begin_us: int, end_us: int) -> bool:
        """Whether a sensor turned, or a strap was pulled, by as much as a repetition has."""
        t, x = history.rows(begin_us * 1000, end_us * 1000)
        if not len(t):
            return False
        x = x[t % _COARSE_NS == 0]
        return any(_turn(x[:, at : at + 3]) > _MOVES_DEG for at in self._up) or any(
            _range(x[:, at]) > _PULLS_N for at in self._force
        )


def _turn(up: Floats) -> float:
    """Largest angle in degrees from the first known row, shape (n, 3)."""
    known = up[~np.isnan(up[:, 0])]
    if not len(known):
        return 0.0
    a = known[0]
    along = known[:, 0] * a[0] + known[:, 1] * a[1] + known[:, 2] * a[2]
    return math.degrees(math.acos(min(max(float(along.min()), -1.0), 1.0)))


def _range(force: Floats) -> float:
    known = force[~np.isnan(force)]
    return float(known.max() - known.min()) if len(known) else 0.0


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return out
