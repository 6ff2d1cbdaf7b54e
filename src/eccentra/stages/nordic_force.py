"""Nordic curls from ankle straps alone: bursts of force that look like lowerings.

The load is the weight of the body over the knees, so it grows with the sine of the lean: its rise starts
where the descent starts (and is extrapolated to there like a stroke), and it goes when the hands take over.
A burst is a lowering when it lasts and reaches a good part of what is usual for this person. The lean is not
known: the one phase carries the flag ``phase_from_force``, and the return is not seen.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.events import (
    CalibrationDone,
    Event,
    Flag,
    Phase,
    PhaseChanged,
    Reason,
    Repetition,
)
from eccentra.samples import NS_PER_S, Block, Floats, Side, StreamInfo
from eccentra.stages.force import Zero, summary
from eccentra.stages.history import History
from eccentra.stages.live import Beat, LiveState
from eccentra.stages.metric import metric_of
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_burst import FLOOR_DEG, Burst, Reading, read_burst, take_burst
from eccentra.stages.nordic_lone import (
    LoneTotals,
    length_of,
    lone_metrics,
    open_peaks,
    stays,
    unseen_before,
    without_peaks,
)
from eccentra.stages.nordic_rep import both_metrics, set_totals
from eccentra.stages.nordic_strength import Lowering, StrapJudge
from eccentra.stages.sets import SetBook
from eccentra.stages.strokes import smooth

__all__ = ["ForceRun"]

_TICK_NS = 50_000_000
_SIDES: tuple[Side, ...] = ("left", "right", "both")


class _Burst(msgspec.Struct, kw_only=True):
    """Force above the onset; ``baseline`` is the level before it."""

    since: int
    baseline: float
    peak: float = 0.0
    low_since: int | None = None
    gap: bool = False


class ForceRun:
    """State of the run.

    Parameters
    ----------
    stage
        Parameters.
    info
        Aligned rows with ``left.force`` and ``right.force``, or ``both.force``.
    first_set
        Index of the first set.
    """

    def __init__(self, stage: Stage, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        rule = stage.force
        self._stage = stage
        columns = {side: info.column(f"{side}.force") for side in _SIDES}
        self._columns: dict[Side, int] = {s: c for s, c in columns.items() if c is not None}
        window = round(rule.quiet_s * NS_PER_S / _TICK_NS)
        memory = round(rule.zero_memory_s * NS_PER_S)
        self._zeros = {s: Zero(window, rule.quiet_spread_n, memory) for s in self._columns}
        self._pairs = [(self._zeros[s], c) for s, c in self._columns.items()]
        self._step_ns = round(NS_PER_S / info.rate_hz)
        self._history = History()
        self._recent: deque[float] = deque(maxlen=window)
        self._baseline: float | None = None
        self._noise = 0.0
        self._burst: _Burst | None = None
        self._above = 0
        self._judge = StrapJudge(stage)
        self._whole = self._judge.whole
        self._unproven: list[tuple[int, int, Lowering]] = []
        sides = tuple(self._columns)
        self._book = SetBook(
            first_set,
            round(stage.set_gap_s * 1e6),
            LoneTotals(set_totals(stage.asymmetry_least_reps, sides, stage.metrics)),
        )
        self._t = 0
        self._free_from = -(1 << 62)  # times may be negative

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        self._history.push(block)
        out: list[Event] = []
        beats: list[Beat] = []
        for i, t in enumerate(block.t.tolist()):
            if t % _TICK_NS == 0:
                self._tick(t, block.x[i].tolist(), out)
                since = None if self._burst is None else self._burst.since
                beats.append(Beat(t, len(out), None, since))
        self.beats = beats
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        if self._burst is not None:
            self._end(self._burst, self._t, out)
        out += self._book.finish(self._t // 1000)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._book.undo(t_us)

    def tared(self, side: Side, by_n: float) -> None:
        """A strap reads ``by_n`` less from now on."""
        if side in self._zeros:
            self._zeros[side].shift(by_n)
            self._recent.clear()
            if self._baseline is not None:
                self._baseline -= by_n

    def live(self) -> LiveState:
        """What a screen shows now."""
        book = self._book
        net = {s: z.last - (z.value or 0.0) for s, z in self._zeros.items() if z.last is not None}
        return LiveState(
            t_us=self._t // 1000,
            phase="rest" if self._burst is None else "eccentric",
            set_index=book.set_index,
            reps=book.live_reps if book.open else 0,
            tut_s=sum(rep.value("tut_s") or 0.0 for rep in book.reps) if book.open else None,
            force_left_n=net.get("left"),
            force_right_n=net.get("right"),
            flags=(Flag.PHASE_FROM_FORCE.value,),
        )

    # -- every 50 ms --------------------------------------------------------------------------------

    def _tick(self, t: int, row: list[float], out: list[Event]) -> None:
        self._t = t
        total, missing = 0.0, 0
        loaded = self._burst is not None and self._burst.peak >= self._stage.force.burst_first_n
        for zero, c in self._pairs:
            force = row[c]
            zero.push(t, force, loaded=loaded)
            if force != force:
                missing += 1
            else:
                total += force
        if missing:
            self._recent.clear()
            if self._burst is not None:
                self._burst.gap = True
            return
        recent = self._recent
        recent.append(total)
        quiet = len(recent) == recent.maxlen and max(recent) - min(recent) < self._spread
        if quiet:
            self._level(t, out)
        if self._burst is None:
            self._wait(t, total, out)
        else:
            self._follow(self._burst, t, total, quiet, out)
        if not t % NS_PER_S:
            out += self._book.tick(t // 1000) if self._burst is None else []
            since = t if self._burst is None else self._burst.since
            self._history.drop_before(since - 5 * NS_PER_S)

    @property
    def _spread(self) -> float:
        return self._stage.force.quiet_spread_n * len(self._pairs)

    @property
    def _onset(self) -> float:
        rule = self._stage.force
        return max(rule.onset_n * len(self._pairs), rule.onset_sd * self._noise)

    def _level(self, t: int, out: list[Event]) -> None:
        """A quiet level: the baseline, unless it is a hold within a lowering."""
        level = math.fsum(self._recent) / len(self._recent)
        b = self._burst
        if b is not None and b.peak >= self._judge.least and level - b.baseline > 0.35 * b.peak:
            return
        if self._baseline is None:
            out.append(CalibrationDone(t_us=t // 1000, what="force baseline"))
        self._baseline = level
        self._noise = math.sqrt(math.fsum((f - level) ** 2 for f in self._recent) / len(self._recent))

    def _wait(self, t: int, total: float, out: list[Event]) -> None:
        base = self._baseline
        if base is None:
            return
        if total - base <= self._onset:
            self._above = 0
            return
        self._above += 1
        if self._above * _TICK_NS < self._stage.force.onset_s * NS_PER_S + _TICK_NS:
            return
        self._burst = _Burst(since=t - 2 * _TICK_NS, baseline=base, peak=total - base)
        index = self._book.set_index + (0 if self._book.open else 1)
        out.append(PhaseChanged(t_us=t // 1000, phase="eccentric", set_index=index))

    def _follow(self, b: _Burst, t: int, total: float, quiet: bool, out: list[Event]) -> None:
        net = total - b.baseline
        b.peak = max(b.peak, net)
        low = max(self._onset * self._stage.force.offset_share, 0.1 * b.peak)
        if net < low:
            b.low_since = t if b.low_since is None else b.low_since
            if t - b.low_since >= self._stage.force.dip_s * NS_PER_S:
                self._end(b, t, out)
        else:
            b.low_since = None
            if quiet and (net < 0.35 * b.peak or b.peak < self._judge.least):
                self._end(b, t, out)

    # -- decisions ----------------------------------------------------------------------------------

    def _end(self, b: _Burst, t: int, out: list[Event]) -> None:
        self._burst, self._above = None, 0
        book = self._book
        index = book.set_index + (0 if book.open else 1)
        out.append(PhaseChanged(t_us=t // 1000, phase="rest", set_index=index))
        if b.peak < self._judge.least:
            # handling as well as a movement that was carried otherwise: not a repetition, but said
            out += book.reject(b.since // 1000, t // 1000, t // 1000, Reason.NO_LOAD)
            return
        found = self._take_apart(b, t)
        reason = Reason.GAP if found is None else self._judge.refused(found)
        if found is not None and reason is Reason.TOO_SMALL and self._whole.seen:
            self._whole.learn(found.burst.evidence(), counted=False)
        if found is None or reason is not None:
            out += book.reject(b.since // 1000, t // 1000, t // 1000, reason or Reason.GAP)
            return
        self._free_from = found.end
        self._judge.learn(found)
        number, events = book.count(found.start // 1000, found.end // 1000)
        out += events
        out += book.complete(self._write(found, number, t))
        self._unproven.append((book.set_index, number, found))
        self._doubt(t, out)

    def _doubt(self, t: int, out: list[Event]) -> None:
        """The first bursts were counted before the body's weight was known: take back what was too small."""
        if not self._judge.settled:
            return
        for set_index, number, found in self._unproven:
            if self._judge.small(found.burst):
                out += self._book.amend(set_index, number, t // 1000, Reason.TOO_SMALL)
        self._unproven = []

    def _take_apart(self, b: _Burst, t: int) -> Lowering | None:
        rows_t, rows = self._history.rows(max(b.since - 3 * NS_PER_S, self._free_from), t)
        if len(rows_t) < 50:
            return None
        n = int((rows_t[-1] - rows_t[0]) // self._step_ns) + 1
        at = (rows_t - rows_t[0]) // self._step_ns
        grid: Floats = np.arange(n, dtype=np.float64) * (self._step_ns / NS_PER_S)
        sides: dict[Side, Floats] = {}
        gap = n > len(rows_t) or b.gap
        total = np.zeros(n)
        for side, c in self._columns.items():
            own = np.full(n, np.nan)
            own[at] = rows[:, c]
            good = ~np.isnan(own)
            if not good.any():
                return None
            sides[side] = own
            total += np.interp(grid, grid[good], own[good])
        hz = NS_PER_S / self._step_ns
        net = smooth(total - b.baseline, hz, 0.03)
        first = int(rows_t[0])
        begin = max(0, int((b.since - first) // self._step_ns))
        k2 = self._stage.fall.free_fall_rad_s2
        burst = take_burst(grid, net, begin, self._whole, self._stage.burst, k2)
        if burst is None:
            return None
        load = read_burst(grid, net, begin, burst, self._whole, self._stage.burst, self._stage.rise, k2)
        if load is None:
            return None
        before = unseen_before(load, self._stage)
        start, end = max(load.start - before, 0.0), min(load.end, float(grid[-1]))
        least, unseen = self._stage.count.least_down_s, False
        if end - start < least:
            # then it was not that: the whole of the burst is what is known, and straps that were slack before
            end = max(end, float(grid[burst.arrived]))
            if self._judge.usual_like(burst) and end - start < least:
                start, unseen = max(end - least, 0.0), True
        zeros = {side: zero.value or 0.0 for side, zero in self._zeros.items()}
        forces = {side: summary(grid, sides[side], [(start, end)], zeros[side]) for side in self._columns}
        span = max(load.earliest, start), min(load.latest, float(grid[-1]))
        peaks = [force.peak_n for force in forces.values() if force is not None]
        return Lowering(
            start=first + round(start * NS_PER_S),
            end=first + round(end * NS_PER_S),
            burst=burst,
            load=load,
            even=min(peaks) / max(peaks) if len(peaks) > 1 and max(peaks) > 0.0 else 1.0,
            forces=forces,
            unsure=open_peaks(grid, sides, zeros, forces, start, span, self._stage.burst),
            stopped=self._stopped(net, hz, load, burst),
            unseen=unseen,
            gap=gap,
        )

    def _stopped(self, net: Floats, hz: float, load: Reading, burst: Burst) -> bool:
        """Whether the body may have stopped on the way down."""
        log_full, _ = self._whole.about(burst.weights[load.kind])
        first, last = round(load.start * hz), round((load.start + load.held_s) * hz)
        seconds = max(load.end - load.start, self._stage.count.least_down_s)
        return stays(net, hz, max(first, 0), last, math.exp(log_full), seconds, self._stage.burst)

    def _write(self, found: Lowering, index: int, t: int) -> Repetition:
        start, end = found.start // 1000, found.end // 1000
        flag = Flag.GAP_INSIDE if found.gap else Flag.PHASE_FROM_FORCE
        seconds = (found.end - found.start) / NS_PER_S
        length, why, error = length_of(seconds, found.load, self._stage, flag, unseen=found.unseen)
        partial = self._judge.turned(found.burst, self._stage.count.full_share * FLOOR_DEG)
        reasons = ((Reason.PARTIAL_ROM,) if partial else ()) + ((Reason.GAP,) if found.gap else ())
        metrics = {
            "tut_s": metric_of(length, "s", "tut_force", why, error),
            "tut_controlled_s": metric_of(None, "s", "tut_ecc_controlled", flag),
            # a stop is no eccentric, and how much of a flat force is one cannot be told
            "eccentric_s": metric_of(
                None if found.stopped else length, "s", "force_rise_to_release", why, error
            ),
            "isometric_s": metric_of(None, "s", "zero_velocity", flag),
            "return_s": metric_of(None, "s", "zero_velocity", flag),
            "rom_deg": metric_of(None, "deg", "thigh_lean", flag),
        }
        if "both" in self._columns:
            metrics |= both_metrics(found.forces.get("both"))
        when = (found.start, found.end)
        metrics |= lone_metrics(
            self._history, self._columns, self._step_ns, when, found.forces, metrics, self._stage, flag
        )
        metrics = without_peaks(metrics, found.unsure)
        missing = any(force is None for force in found.forces.values())
        flags = [Flag.PHASE_FROM_FORCE]
        flags += [Flag.GAP_INSIDE] if found.gap else []
        flags += [Flag.START_NOT_SEEN] if why is Flag.START_NOT_SEEN else []
        flags += [Flag.FORCE_MISSING] if missing else []
        flags += [Flag.BASELINE_UNSETTLED] if not all(z.sure(found.end) for z in self._zeros.values()) else []
        flags += [Flag.CALIBRATION_PROVISIONAL] if not self._judge.settled else []
        sure = found.burst.sure(self._whole)
        flags += [Flag.COUNT_UNSURE] if found.gap or sure < self._stage.whole.sure_share else []
        return Repetition(
            set_index=self._book.set_index,
            index=index,
            start_us=start,
            end_us=end,
            decided_us=t // 1000,
            valid=not reasons,
            reasons=reasons,
            phases=(Phase(kind="eccentric", start_us=start, end_us=end),),
            metrics=metrics,
            # a peak that another reading does not have is no number: the metric is missing as well
            force_left=None if "left" in found.unsure else found.forces.get("left"),
            force_right=None if "right" in found.unsure else found.forces.get("right"),
            confidence=0.4 if found.gap else (0.7 if not self._judge.settled else 0.8),
            flags=tuple(flags),
        )
