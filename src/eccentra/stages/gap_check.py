"""No number over a gap goes unsaid: whatever a stage knows of gaps, this looks at all worn sensors.

A stage judges by the sensors and moments that its numbers come from. Whoever reads a repetition cannot see
which those were, so each number that a gap may have touched says so, unless the gap was interpolated and its
uncertainty is stated (the stage has then judged it). Where a repetition begins or ends at the edge of a hole,
that edge may be the hole's and not the movement's: then no number is sure. Neither is one soon after a motion
sensor came back: its estimate of where up is began anew there, from few samples. A set's totals are over all
that happened in it, rests included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.events import Flag, Repetition, SensorGap, SetCompleted
from eccentra.samples import NS_PER_S, Block, Floats, StreamInfo
from eccentra.stages.metric import doubted

__all__ = ["GapCheck", "Hole"]

# A stroke moves so little so near its end that a hole further away does not hide where it began.
_EDGE_US = 150_000
# Of a repetition that lacks something, a hole may hold the beginning, with a stop after it.
_BEFORE_US = 5_000_000
# A bound on memory, far more than a usable set has; the oldest are forgotten.
_MOST = 4096


class Hole(NamedTuple):
    """Rows from ``start`` to ``end`` (ns) that are missing or interpolated.

    ``columns`` has the bit of each sensor that it is in, in the order of :attr:`GapCheck.columns`.
    """

    start: int
    end: int
    columns: int


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
    settle_s
        So long after rows were missing the orientation of a motion sensor is not yet what it was.

    Attributes
    ----------
    columns
        Names of the marks.
    """

    def __init__(self, info: StreamInfo, *, learns: bool = False, settle_s: float = 0.0) -> None:
        self._learns = learns
        found = [k for k, name in enumerate(info.channels) if name.endswith(".gap")]
        self.columns = tuple(info.channels[k] for k in found)
        self._columns = np.array(found, dtype=np.intp)
        bits = [1 << k for k in range(len(self.columns))]
        self._bits = np.array(bits, dtype=np.int64)
        self._all_bits = sum(bits)
        turning = (info.column(name.replace(".gap", ".up_x")) is not None for name in self.columns)
        self._motion = sum(bit for bit, turns in zip(bits, turning, strict=True) if turns)
        self._settle_us = round(settle_s * 1e6)
        self._step = round(NS_PER_S / info.rate_hz)
        self._seen = np.zeros(len(self._columns), dtype=np.bool_)
        self._last: int | None = None
        # the worse first
        self._runs: dict[Flag, deque[Hole]] = {
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
        # NaN is no zero either
        if whole and (before is None or first - before <= self._step) and not np.count_nonzero(marks):
            self._seen[:] = True
            return
        missing: NDArray[np.bool_] = np.isnan(marks)
        seen: NDArray[np.bool_] = np.logical_or.accumulate(~missing, axis=0) | self._seen
        lost: list[int] = ((missing & seen) @ self._bits).tolist()
        marked: list[int] = ((marks > 0.0) @ self._bits).tolist()
        self._seen = seen[-1]
        for k, now in enumerate(t.tolist()):
            if before is not None and now - before > self._step:
                self._note(Flag.GAP_INSIDE, before, now, self._all_bits)
            if lost[k]:
                self._note(Flag.GAP_INSIDE, now, now, lost[k])
            if marked[k]:
                self._note(Flag.GAP_INTERPOLATED, now, now, marked[k])
            before = now

    def look(self, rep: Repetition) -> Repetition:
        """The repetition; when a gap touches it, it and its numbers say so.

        Where rows were only interpolated, those with a stated uncertainty do not. A hole also touches it
        at its edges or soon before it: while orientation settles, or, when it is not valid, so soon that it
        may have begun in the hole.
        """
        end_us = min(rep.end_us, rep.decided_us)
        before_us = _EDGE_US if rep.valid else _BEFORE_US
        beside = (
            self._lost(rep.start_us - before_us, rep.start_us)
            or self._lost(end_us - self._step // 1000, min(end_us + _EDGE_US, rep.decided_us))
            or self._lost(rep.start_us - self._settle_us, rep.start_us, self._motion)
        )
        span = (rep.start_us, end_us)
        if self._learns:
            span = (2 * rep.start_us - end_us, rep.decided_us)
        flag = Flag.GAP_INSIDE if beside else self._inside(*span)
        if flag is None:
            return rep
        lost = flag is Flag.GAP_INSIDE
        metrics = {
            name: doubted(metric, flag) if lost or metric.uncertainty is None else metric
            for name, metric in rep.metrics.items()
        }
        flags = tuple(dict.fromkeys((*rep.flags, flag)))
        return msgspec.structs.replace(rep, metrics=metrics, flags=flags)

    def close(
        self, done: SetCompleted, reps: Sequence[Repetition], beside: Sequence[SensorGap] = ()
    ) -> SetCompleted:
        """The set; when a gap touches it, it and its totals say so.

        ``beside``: spans in which repetitions may be missing from it because of a hole.
        """
        end_us = max((rep.end_us for rep in reps), default=done.end_us)
        start_us = min((rep.start_us for rep in reps), default=done.start_us)
        flag = self._inside(start_us, min(end_us, done.decided_us))
        if any(one.start_us <= end_us and one.end_us >= start_us for one in beside):
            flag = Flag.GAP_INSIDE
        for runs in self._runs.values():
            while runs and runs[0].end <= start_us * 1000:
                runs.popleft()
        if flag is None:
            return done
        metrics = {name: doubted(metric, flag) for name, metric in done.metrics.items()}
        return msgspec.structs.replace(done, metrics=metrics, flags=tuple(dict.fromkeys((*done.flags, flag))))

    def holes(self) -> Sequence[Hole]:
        """Holes that are remembered; the last one of each kind may still grow."""
        return [one for runs in self._runs.values() for one in runs]

    def _note(self, flag: Flag, start: int, end: int, columns: int) -> None:
        runs = self._runs[flag]
        # where other sensors join it, another hole begins: what was told of this one stays
        if runs and start - runs[-1].end <= self._step and runs[-1].columns == columns:
            runs[-1] = runs[-1]._replace(end=end)
        else:
            runs.append(Hole(start, end, columns))

    def _inside(self, start_us: int, end_us: int) -> Flag | None:
        """The worst that happened between; nothing that later rows could still change."""
        for flag, runs in self._runs.items():
            if _overlap(runs, start_us, end_us):
                return flag
        return None

    def _lost(self, start_us: int, end_us: int, columns: int = -1) -> bool:
        return _overlap(self._runs[Flag.GAP_INSIDE], start_us, end_us, columns)


def _overlap(runs: deque[Hole], start_us: int, end_us: int, columns: int = -1) -> bool:
    """Whether a hole of these sensors lies between; the rows up to ``end_us`` decide it, not later ones."""
    return start_us < end_us and any(
        one.start < end_us * 1000 and one.end > start_us * 1000 and one.columns & columns
        for one in reversed(runs)
    )
