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
    Force,
    Metric,
    Phase,
    PhaseChanged,
    Reason,
    Repetition,
)
from eccentra.samples import NS_PER_S, Block, Floats, Side, StreamInfo
from eccentra.stages.force import Zero, summary
from eccentra.stages.history import History
from eccentra.stages.live import LiveState
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_rep import both_metrics, set_totals
from eccentra.stages.sets import SetBook
from eccentra.stages.strokes import Ends, smooth, zero_velocity

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


class _Lowering(msgspec.Struct, frozen=True, kw_only=True):
    """A burst taken apart; session times in ns.

    ``rise_s``: from a tenth to four fifths of the peak. ``steady``: let go slowly, as in pulling back up.
    """

    start: int
    end: int
    peak: float
    rise_s: float
    forces: dict[Side, Force | None]
    gap: bool
    steady: bool


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
        self._peaks: list[float] = []
        self._unproven: list[tuple[int, int, float, bool]] = []
        sides = tuple(self._columns)
        self._book = SetBook(
            first_set, round(stage.set_gap_s * 1e6), set_totals(stage.asymmetry_least_reps, sides)
        )
        self._t = 0
        self._free_from = 0

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        self._history.push(block)
        out: list[Event] = []
        for i, t in enumerate(block.t.tolist()):
            if t % _TICK_NS == 0:
                self._tick(t, block.x[i].tolist(), out)
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        if self._burst is not None:
            self._end(self._burst, self._t, out)
        out += self._book.finish(self._t // 1000)
        return out

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
        for zero, c in self._pairs:
            force = row[c]
            zero.push(t, force)
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
        if b is not None and b.peak >= self._least and level - b.baseline > 0.35 * b.peak:
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
        low = max(self._onset * self._stage.force.offset_share, 0.2 * b.peak)
        if net < low:
            b.low_since = t if b.low_since is None else b.low_since
            if t - b.low_since >= self._stage.force.dip_s * NS_PER_S:
                self._end(b, t, out)
        else:
            b.low_since = None
            if quiet and (net < 0.35 * b.peak or b.peak < self._least):
                self._end(b, t, out)

    # -- decisions ----------------------------------------------------------------------------------

    def _end(self, b: _Burst, t: int, out: list[Event]) -> None:
        self._burst, self._above = None, 0
        book = self._book
        index = book.set_index + (0 if book.open else 1)
        out.append(PhaseChanged(t_us=t // 1000, phase="rest", set_index=index))
        found = self._take_apart(b, t)
        reason = Reason.GAP if found is None else self._refused(found)
        if found is None or reason is not None:
            if b.peak >= self._least:
                out += book.reject(b.since // 1000, t // 1000, t // 1000, reason or Reason.GAP)
            return
        self._free_from = found.end
        number, events = book.count(found.start // 1000, found.end // 1000)
        out += events
        out += book.complete(self._write(found, number, t))
        self._peaks.append(found.peak)
        self._unproven.append((book.set_index, number, found.peak, found.steady))
        self._doubt(t, out)

    def _usual(self) -> float:
        """Usual peak of all straps; before any, the least that counts."""
        recent = sorted(self._peaks[-9:])
        rule = self._stage.force
        return recent[len(recent) // 2] if recent else rule.burst_first_n / rule.burst_share

    @property
    def _least(self) -> float:
        """Smallest peak of a lowering: some break early, with a third of the load of the others."""
        rule, recent = self._stage.force, sorted(self._peaks[-9:])
        usual = recent[len(recent) // 4] if recent else 0.0
        return max(rule.burst_first_n, rule.burst_share * usual)

    def _refused(self, found: _Lowering) -> Reason | None:
        rule = self._stage.force
        if found.peak < self._least:
            return Reason.NO_LOAD
        share = rule.steady_share if self._peaks else 1.0
        if found.steady and found.peak < share * self._usual():
            return Reason.TOO_SMALL
        if found.end - found.start < rule.burst_s * NS_PER_S or found.rise_s < rule.rise_s:
            return Reason.TOO_SHORT
        if found.end - found.start > self._stage.count.most_down_s * NS_PER_S:
            return Reason.TOO_LONG
        return None

    def _doubt(self, t: int, out: list[Event]) -> None:
        """The first bursts were counted before anything was usual: take back what turns out to be weak."""
        if len(self._peaks) < 3:
            return
        keep: list[tuple[int, int, float, bool]] = []
        for set_index, number, peak, steady in self._unproven:
            least = self._stage.force.steady_share * self._usual() if steady else self._least
            if peak < least:
                out += self._book.amend(set_index, number, t // 1000, Reason.NO_LOAD)
            else:
                keep.append((set_index, number, peak, steady))
        self._unproven = keep if len(self._peaks) < 5 else []

    def _take_apart(self, b: _Burst, t: int) -> _Lowering | None:
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
        begin = int((b.since - int(rows_t[0])) // self._step_ns)
        span = self._span(grid, net, begin, hz)
        if span is None:
            return None
        start, end, steady = span
        forces = {
            side: summary(grid, sides[side], [(start, end)], self._zeros[side].value or 0.0)
            for side in self._columns
        }
        first = int(rows_t[0])
        return _Lowering(
            start=first + round(start * NS_PER_S),
            end=first + round(end * NS_PER_S),
            peak=float(net[begin:].max()),
            rise_s=_rise(grid, net[begin:]),
            forces=forces,
            gap=gap,
            steady=steady,
        )

    def _span(self, t: Floats, net: Floats, begin: int, hz: float) -> tuple[float, float, bool] | None:
        """Start of the descent and its end.

        The end is where force has gone to half of what it was just before it went for good; when it goes
        slowly, the person pulls back up, and the descent ended at the greatest force.
        """
        peak_at = begin + int(np.argmax(net[begin:]))
        peak = float(net[peak_at])
        if peak <= 0.0 or peak_at <= begin:
            return None
        over = np.flatnonzero(net[begin:] > 0.25 * peak)
        last = begin + int(over[-1])
        level = float(net[max(0, last - round(0.6 * hz)) : last + 1].max())
        end = last
        while end > peak_at and net[end - 1] < 0.5 * level:
            end -= 1
        high = begin + int(np.flatnonzero(net[begin:] > 0.9 * peak)[-1])
        rate = smooth(np.gradient(net, 1.0 / hz), hz, 0.05)
        # hands catch or take over within 0.3 s; pulling back up takes as long as a movement does
        steady = last - high > 0.8 * hz and float(rate[high : last + 1].min()) > -2.0 * peak
        if steady:
            end = begin + int(np.flatnonzero(net[begin:] > 0.97 * peak)[-1])
        rising = begin + int(np.argmax(net[begin : peak_at + 1] > 0.15 * peak))
        top = begin + int(np.argmax(net[begin : peak_at + 1] > 0.5 * peak))
        if top - rising < 5:
            return float(t[begin]), float(t[end]), steady
        how = Ends(noise=12.0, smear_s=0.06, error=1.0, most_residual=1.0)
        start = zero_velocity(t, rate, rising, top, 0, how)
        return max(start, float(t[begin]) - 2.0), float(t[end]), steady

    def _write(self, found: _Lowering, index: int, t: int) -> Repetition:
        start, end = found.start // 1000, found.end // 1000
        length = (found.end - found.start) / NS_PER_S
        flag = Flag.GAP_INSIDE if found.gap else Flag.PHASE_FROM_FORCE

        def metric(value: float | None, unit: str, method: str) -> Metric:
            if value is None:
                return Metric(value=None, unit=unit, method=method, quality="missing", reason=flag)
            return Metric(value=value, unit=unit, method=method, quality="flagged", reason=flag)

        metrics = {
            "tut_s": metric(length, "s", "tut_force"),
            "tut_controlled_s": metric(None, "s", "tut_ecc_controlled"),
            "eccentric_s": metric(length, "s", "force_rise_to_release"),
            "isometric_s": metric(None, "s", "zero_velocity"),
            "return_s": metric(None, "s", "zero_velocity"),
            "rom_deg": metric(None, "deg", "thigh_lean"),
        }
        if "both" in self._columns:
            metrics |= both_metrics(found.forces.get("both"))
        missing = any(force is None for force in found.forces.values())
        flags = [Flag.PHASE_FROM_FORCE]
        flags += [Flag.GAP_INSIDE] if found.gap else []
        flags += [Flag.FORCE_MISSING] if missing else []
        flags += [Flag.BASELINE_UNSETTLED] if any(z.value is None for z in self._zeros.values()) else []
        flags += [Flag.CALIBRATION_PROVISIONAL] if len(self._peaks) < 3 else []
        flags += [Flag.COUNT_UNSURE] if found.gap else []
        return Repetition(
            set_index=self._book.set_index,
            index=index,
            start_us=start,
            end_us=end,
            decided_us=t // 1000,
            valid=not found.gap,
            reasons=(Reason.GAP,) if found.gap else (),
            phases=(Phase(kind="eccentric", start_us=start, end_us=end),),
            metrics=metrics,
            force_left=found.forces.get("left"),
            force_right=found.forces.get("right"),
            confidence=0.4 if found.gap else (0.7 if len(self._peaks) < 3 else 0.8),
            flags=tuple(flags),
        )


def _rise(t: Floats, net: Floats) -> float:
    """Time that the force took from a tenth to four fifths of its peak, s."""
    peak = float(net.max())
    top = int(np.argmax(net >= 0.8 * peak))
    below = np.flatnonzero(net[: top + 1] < 0.1 * peak)
    return float(t[top] - t[below[-1] if len(below) else 0])
