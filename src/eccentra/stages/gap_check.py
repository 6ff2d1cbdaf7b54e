"""No number over a gap goes unsaid: whatever a stage knows of gaps, this looks at all worn sensors.

A stage judges by the sensors and moments that its numbers come from. Whoever reads a repetition cannot see
which those were, so each number that a gap may have touched says so, unless its uncertainty is stated (the
stage has then judged it). Where a repetition begins or ends at the edge of a hole, that edge may be the
hole's and not the movement's: then no number is sure. A set's totals are over all that happened in it, rests
included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.events import Flag, Repetition, SetCompleted
from eccentra.samples import NS_PER_S, Block, Floats, StreamInfo
from eccentra.stages.metric import doubted

__all__ = ["GapCheck"]

# A stroke moves so little so near its end that a hole further away does not hide where it began.
_EDGE_US = 150_000
# Of a repetition that lacks something, a hole may hold the beginning, with a stop after it.
_BEFORE_US = 5_000_000
# A bound on memory, far more than a usable set has; the oldest are forgotten.
_MOST = 4096


class GapCheck:
    """Follows where rows of any worn sensor were interpolated or are missing.

    A sensor that has not been heard of yet is missing, which is no gap.

    Parameters
    ----------
    info
        Aligned rows; columns that end in ``.gap`` are marks: 0, above 0 where interpolated, NaN where
        missing.
    learns
        The stage learns the movement as it goes on: a gap from one repetition's length before a repetition
        until it is decided touches it, too.
    """

    def __init__(self, info: StreamInfo, *, learns: bool = False) -> None:
        self._learns = learns
        self._columns = [k for k, name in enumerate(info.channels) if name.endswith(".gap")]
        self._step = round(NS_PER_S / info.rate_hz)
        self._seen = np.zeros(len(self._columns), dtype=np.bool_)
        self._last: int | None = None
        # start and end of each run, ns; the worse first
        self._runs: dict[Flag, deque[list[int]]] = {
            Flag.GAP_INSIDE: deque(maxlen=_MOST),
            Flag.GAP_INTERPOLATED: deque(maxlen=_MOST),
        }

    def see(self, rows: Block) -> None:
        """Rows as they come."""
        t = rows.t
        first, last, before = t.item(0), t.item(-1), self._last
        self._last = last
        whole = last - first == (len(t) - 1) * self._step
        marks: Floats = rows.x.take(self._columns, 1)
        if whole and (before is None or first - before <= self._step) and not marks.any():
            self._seen[:] = True
            return
        missing: NDArray[np.bool_] = np.isnan(marks)
        seen: NDArray[np.bool_] = np.logical_or.accumulate(~missing, axis=0) | self._seen
        lost: list[bool] = np.any(missing & seen, axis=1).tolist()
        marked: list[bool] = np.any(marks > 0.0, axis=1).tolist()
        self._seen = seen[-1]
        for k, now in enumerate(t.tolist()):
            if before is not None and now - before > self._step:
                self._note(Flag.GAP_INSIDE, before, now)
            if lost[k]:
                self._note(Flag.GAP_INSIDE, now, now)
            if marked[k]:
                self._note(Flag.GAP_INTERPOLATED, now, now)
            before = now

    def look(self, rep: Repetition) -> Repetition:
        """The repetition; when a gap touches it, it and its numbers without uncertainty say so.

        All its numbers say so when it begins or ends at a hole, or is not valid and comes soon after one.
        """
        end_us = min(rep.end_us, rep.decided_us)
        before_us = _EDGE_US if rep.valid else _BEFORE_US
        beside = self._lost(rep.start_us - before_us, rep.start_us) or self._lost(
            end_us - self._step // 1000, min(end_us + _EDGE_US, rep.decided_us)
        )
        span = (rep.start_us, end_us)
        if self._learns:
            span = (2 * rep.start_us - end_us, rep.decided_us)
        flag = Flag.GAP_INSIDE if beside else self._inside(*span)
        if flag is None:
            return rep
        metrics = {
            name: metric if metric.uncertainty is not None and not beside else doubted(metric, flag)
            for name, metric in rep.metrics.items()
        }
        flags = tuple(dict.fromkeys((*rep.flags, flag)))
        return msgspec.structs.replace(rep, metrics=metrics, flags=flags)

    def close(self, done: SetCompleted, reps: Sequence[Repetition]) -> SetCompleted:
        """The set; when a gap touches it, it and its totals say so."""
        end_us = max((rep.end_us for rep in reps), default=done.end_us)
        start_us = min((rep.start_us for rep in reps), default=done.start_us)
        flag = self._inside(start_us, min(end_us, done.decided_us))
        for runs in self._runs.values():
            while runs and runs[0][1] <= start_us * 1000:
                runs.popleft()
        if flag is None:
            return done
        metrics = {name: doubted(metric, flag) for name, metric in done.metrics.items()}
        return msgspec.structs.replace(done, metrics=metrics, flags=tuple(dict.fromkeys((*done.flags, flag))))

    def _note(self, flag: Flag, start: int, end: int) -> None:
        runs = self._runs[flag]
        if runs and start - runs[-1][1] <= self._step:
            runs[-1][1] = end
        else:
            runs.append([start, end])

    def _inside(self, start_us: int, end_us: int) -> Flag | None:
        """The worst that happened between; nothing that later rows could still change."""
        for flag, runs in self._runs.items():
            if _overlap(runs, start_us, end_us):
                return flag
        return None

    def _lost(self, start_us: int, end_us: int) -> bool:
        return _overlap(self._runs[Flag.GAP_INSIDE], start_us, end_us)


def _overlap(runs: deque[list[int]], start_us: int, end_us: int) -> bool:
    """Whether a run lies between; the rows up to ``end_us`` decide it, whatever comes later."""
    return start_us < end_us and any(a < end_us * 1000 and b > start_us * 1000 for a, b in reversed(runs))
