"""Exercises whose start pose loads the straps, from straps alone: every swing of force is counted or refused.

The swings of both straps together (:mod:`eccentra.stages.force_swings`) are repetitions when they last, reach
more than handling does, and are not far smaller than the usual one. A swing from slack begins with taking the
start pose: its load, as seen at the other end or between the repetitions before, is where the repetition
begins. What is refused is said; the first ones are taken back when much larger ones show that they were
handling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from eccentra.events import CalibrationDone, Event, Flag, PhaseChanged, Reason, Repetition
from eccentra.samples import NS_PER_S, Block, Floats, Side, StreamInfo, Times
from eccentra.stages.contraction_rep import Contraction, contraction_rep, set_totals
from eccentra.stages.force import Zero
from eccentra.stages.force_swings import TICK_NS, Swing, SwingRule, Swings
from eccentra.stages.history import History
from eccentra.stages.live import Beat, LiveState
from eccentra.stages.sets import SetBook
from eccentra.stages.strokes import Ends, find_strokes, refine, smooth

if TYPE_CHECKING:
    from eccentra.stages.contraction import Stage

__all__ = ["SwingRun"]

_SIDES: tuple[Side, ...] = ("left", "right", "both")
_BEFORE_NS = 4 * NS_PER_S
# So many repetitions say what is usual.
_MEMORY = 9
# Pieces of strokes between stops are at least this share of the way.
_PIECE = 0.06
# The load of the start pose has been taken.
_TAKEN = 0.85
# A strap works when it carries this share of an even part.
_WORKS = 0.2


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A counted swing: its place, height above the start pose, highest level, and load of the start pose."""

    set_index: int
    index: int
    height: float
    top: float
    start: float | None


class SwingRun:
    """State of the run.

    Parameters
    ----------
    stage
        Parameters; ``stage.swing`` is there.
    info
        Aligned rows with ``left.force`` and ``right.force``, or one of them, or ``both.force``.
    first_set
        Index of the first set.
    """

    def __init__(self, stage: Stage, rule: SwingRule, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        self._stage, self._rule = stage, rule
        columns = {side: info.column(f"{side}.force") for side in _SIDES}
        self._columns: dict[Side, int] = {s: c for s, c in columns.items() if c is not None}
        window = round(stage.level.quiet_s * NS_PER_S / TICK_NS)
        memory = round(stage.count.zero_memory_s * NS_PER_S)
        self._zeros = {s: Zero(window, stage.strap.quiet_spread_n, memory) for s in self._columns}
        self._swings = Swings(rule, stage.level.onset_n * len(self._columns))
        self._step_ns = round(NS_PER_S / info.rate_hz)
        self._history = History()
        sides = tuple(self._columns)
        self._book = SetBook(
            first_set,
            round(stage.set_gap_s * 1e6),
            set_totals(sides, stage.asymmetry_least_reps, stage.trend_least_reps, stage.loss_least_reps),
        )
        self._t = 0
        self._seen_at: int | None = None
        self._held, self._fed = 0.0, False
        self._free_from = -(1 << 62)  # times may be negative
        self._phase: Literal["rest", "isometric"] = "rest"
        self._known_zero = False
        self._known: list[_Known] = []
        self._session_reps = 0

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        self._history.push(block)
        out: list[Event] = []
        beats: list[Beat] = []
        for i in np.flatnonzero(block.t % TICK_NS == 0).tolist():
            t = block.t.item(i)
            self._tick(t, block.x[i].tolist(), out)
            beats.append(Beat(t, len(out), None, self._swings.since))
        self.beats = beats
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        found = self._swings.finish()
        if found is not None:
            self._judge(found, self._t, out)
        out += self._book.finish(self._t // 1000)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._book.undo(t_us)

    def tared(self, side: Side, by_n: float) -> None:
        """A strap reads ``by_n`` less from now on."""
        if side in self._zeros:
            self._zeros[side].shift(by_n)

    def live(self) -> LiveState:
        """What a screen shows now."""
        book = self._book
        net = {s: z.last - (z.value or 0.0) for s, z in self._zeros.items() if z.last is not None}
        return LiveState(
            t_us=self._t // 1000,
            phase=self._phase,
            set_index=book.set_index,
            reps=book.live_reps if book.open else 0,
            session_reps=self._session_reps,
            tut_s=math.fsum(rep.value("tut_s") or 0.0 for rep in book.reps) if book.open else None,
            force_left_n=net.get("left"),
            force_right_n=net.get("right"),
            flags=(Flag.PHASE_FROM_FORCE.value,),
        )

    # -- every 50 ms --------------------------------------------------------------------------------

    def _tick(self, t: int, row: list[float], out: list[Event]) -> None:
        self._t = t
        total, missing = 0.0, False
        loaded = self._swings.top >= self._rule.least_n
        for side, c in self._columns.items():
            zero, force = self._zeros[side], row[c]
            before = zero.value
            # nobody rests under more at the start
            under = before is None and force > self._stage.level.most_rest_n
            zero.push(t, force, loaded=loaded or under)
            if (
                zero.value != before
                and abs((zero.value or 0.0) - (before or 0.0)) > self._stage.level.onset_n
            ):
                self._forget()
            missing = missing or force != force
            total += force - (zero.value or 0.0)
        if not missing and (self._fed or self._ready):
            if self._seen_at is not None and t - self._seen_at > self._stage.count.gap_s * NS_PER_S + TICK_NS:
                self._broken(t, out)
            self._fill(t, total, out)
        self._say(t, out)
        if not self._known_zero and all(zero.sure(t) for zero in self._zeros.values()):
            out.append(CalibrationDone(t_us=t // 1000, what="force baseline"))
            self._known_zero = True
        if not t % NS_PER_S:
            out += self._book.tick(t // 1000) if self._swings.resting else []
            since = self._swings.since
            keep = t if since is None else max(since, t - round(self._stage.count.longest_s * NS_PER_S))
            self._history.drop_before(keep - _BEFORE_NS - NS_PER_S)

    def _fill(self, t: int, total: float, out: list[Event]) -> None:
        """Take a force, and those that were missing before it as a straight line."""
        steps = (t - self._seen_at) // TICK_NS if self._fed and self._seen_at is not None else 1
        for k in range(1, steps + 1):
            at = t - (steps - k) * TICK_NS
            found = self._swings.push(at, self._held + (total - self._held) * (k / steps))
            if found is not None:
                self._judge(found, t, out)
        self._seen_at, self._held, self._fed = t, total, True

    @property
    def _ready(self) -> bool:
        """Whether every strap's zero is known, or one is under load, as tared straps can be."""
        most = self._stage.level.most_rest_n
        zeros = self._zeros.values()
        return all(z.value is not None for z in zeros) or any((z.last or 0.0) > most for z in zeros)

    def _forget(self) -> None:
        """Levels before do not compare with those from now on."""
        self._swings.reset()
        self._fed = False

    def _broken(self, t: int, out: list[Event]) -> None:
        """Too much is missing: what was under way is refused."""
        since, top = self._swings.since, self._swings.top
        last = self._seen_at or t
        self._forget()
        if since is not None and top >= self._rule.least_n:
            out += self._book.reject(since // 1000, last // 1000, t // 1000, Reason.GAP)
            self._free_from = last

    def _say(self, t: int, out: list[Event]) -> None:
        phase: Literal["rest", "isometric"]
        phase = "rest" if self._swings.resting or self._swings.top < self._rule.least_n else "isometric"
        if phase != self._phase:
            self._phase = phase
            index = self._book.set_index + (0 if self._book.open else 1)
            out.append(PhaseChanged(t_us=t // 1000, phase=phase, set_index=index))

    # -- decisions ----------------------------------------------------------------------------------

    def _judge(self, found: Swing, t: int, out: list[Event]) -> None:
        start = self._start_level(found)
        one = self._contraction(found, start, t)
        reason = self._refused(found, start, one)
        begin, end = (found.begin, found.end) if one is None else (one.start, one.end)
        self._free_from = end
        if one is None or reason is not None:
            why = reason or Reason.TOO_SHORT
            out += self._book.reject(begin // 1000, end // 1000, t // 1000, why)
            return
        number, events = self._book.count(one.start // 1000, one.end // 1000)
        out += events
        rep = self._write(one, number, t)
        out += self._book.complete(self._doubted(rep, found, start))
        self._session_reps += 1
        seen = max(found.before, found.after)
        known = _Known(
            set_index=self._book.set_index,
            index=number,
            height=found.top - start,
            top=found.top,
            start=seen if self._is_start(seen, found.top) else None,
        )
        self._known = [*self._known, known][-_MEMORY:]
        self._swings.home = self._home
        self._prove(t, out)

    def _is_start(self, level: float, top: float) -> bool:
        """Whether a level can be the load of the start pose: above slack, and far below the highest."""
        return self._rule.slack_share * top < level < self._rule.start_share * top

    @property
    def _home(self) -> float | None:
        """The usual load of the start pose, N."""
        levels = sorted(one.start for one in self._known if one.start is not None)
        return levels[len(levels) // 2] if levels else None

    def _start_level(self, found: Swing) -> float:
        """Load of the start pose, N: of the swing's higher end, or the usual one where both are slack."""
        seen = found.after if found.open_start else max(found.before, found.after)
        home = self._home
        if home is not None and seen < self._rule.slack_share * found.top:
            return min(home, found.top)
        return seen

    def _refused(self, found: Swing, start: float, one: Contraction | None) -> Reason | None:
        count = self._stage.count
        usual = self._usual
        if found.top < self._rule.least_n:
            return Reason.NO_LOAD
        if found.top - start < (
            count.small_share * usual if usual is not None else self._rule.turn_share * found.top
        ):
            return Reason.TOO_SMALL
        if one is None or one.end - one.start < count.least_s * NS_PER_S:
            return Reason.TOO_SHORT
        if one.end - one.start > count.longest_s * NS_PER_S:
            return Reason.TOO_LONG
        return None

    @property
    def _usual(self) -> float | None:
        """Usual height of a repetition; ``None`` until enough like ones are known."""
        count = self._stage.count
        most = max((one.height for one in self._known), default=0.0)
        strong = sorted(one.height for one in self._known if one.height >= count.small_share * most)
        return strong[len(strong) // 2] if len(strong) >= count.prove_reps else None

    def _prove(self, t: int, out: list[Event]) -> None:
        """Take back what was counted before more was known: handling, or taking the start pose alone."""
        usual, home = self._usual, self._home
        if usual is None:
            return
        least = self._stage.count.small_share * usual
        for one in list(self._known):
            above = one.height if one.start is not None or home is None else min(one.height, one.top - home)
            if above < least:
                out += self._book.amend(one.set_index, one.index, t // 1000, Reason.TOO_SMALL)
                self._known.remove(one)
                self._session_reps -= 1

    # -- numbers ------------------------------------------------------------------------------------

    def _contraction(self, found: Swing, start: float, t: int) -> Contraction | None:
        """Times by the strokes of the undone inertia, and sizes of each side."""
        rows_t, rows = self._history.rows(max(found.begin - _BEFORE_NS, self._free_from), t)
        if len(rows_t) < 20:
            return None
        grid: Times = np.arange(int(rows_t[0]), int(rows_t[-1]) + 1, self._step_ns)
        sides: dict[Side, Floats] = {}
        total: Floats = np.zeros(len(grid))
        for side, c in self._columns.items():
            good = ~np.isnan(rows[:, c])
            if not good.any():
                return None
            zero = self._zeros[side].value or 0.0
            sides[side] = np.interp(grid, rows_t[good], rows[good, c]) - zero
            total += sides[side]
        begin, end = self._ends(found, start, grid, total)
        inside = slice(int(grid.searchsorted(begin)), int(grid.searchsorted(end, side="right")))
        if inside.stop - inside.start < 3:
            return None
        peaks = {side: float(one[inside].max()) for side, one in sides.items()}
        least = _WORKS * max(peaks.values())
        return Contraction(
            start=begin,
            end=end,
            working=tuple(side for side in sides if peaks[side] >= least),
            zeros={side: zero.value for side, zero in self._zeros.items()},
            peak=found.top,
            impulse=math.fsum(total[inside].tolist()) * self._step_ns / NS_PER_S,
            settled=all(zero.sure(end) for zero in self._zeros.values()),
            gap=_incomplete(rows_t, rows[:, list(self._columns.values())], begin, end, self._step_ns),
            open_start=found.open_start,
            open_end=found.open_end,
        )

    def _ends(self, found: Swing, start: float, grid: Times, total: Floats) -> tuple[int, int]:
        """When the body left the start pose and was back: zero velocity of the first and last stroke, ns."""
        first = int(grid[0])
        t = (grid - first) / NS_PER_S
        hz, rule = NS_PER_S / self._step_ns, self._rule
        # the two-sided exponential has this standard deviation
        smear = math.sqrt(2.0) * rule.inertia_s
        height = max(found.top - start, 1.0)
        a, top, b = (
            int(t.searchsorted((x - first) / NS_PER_S)) for x in (found.begin, found.top_at, found.end)
        )
        top, b = min(top, len(t) - 1), min(b, len(t) - 1)
        # the load is taken and given away with the start pose: no part of the repetition
        low = np.flatnonzero(total[: top + 1] < _TAKEN * start)
        on = int(low[-1]) + 1 if len(low) and found.before < 0.5 * start else 0
        low = np.flatnonzero(total[top:] < _TAKEN * start)
        off = top + int(low[0]) - 1 if len(low) and found.after < 0.5 * start else len(t) - 1
        on, off = min(on, top), max(off, top)
        total = total.copy()
        total[:on], total[off + 1 :] = start, start
        lean: Floats = (smooth(total, hz, smear) - start) / height
        speed: Floats = np.gradient(lean, 1.0 / hz)
        strokes = find_strokes(lean, speed, threshold=rule.stroke_per_s, least=_PIECE)
        strokes = [one for one in strokes if one.last > a and one.first < max(b, a + 1)]
        how = Ends(noise=rule.noise_per_s, smear_s=smear, error=0.01, most_residual=0.02)
        refine(strokes, t, lean, speed, how)
        ups = [one.start_s for one in strokes if one.sign > 0 and one.first < top]
        downs = [one.end_s for one in strokes if one.sign < 0 and one.last > top]
        begin, end = max(found.begin, int(grid[on])), min(found.end, int(grid[off]))
        if ups:
            begin = max(int(grid[on]), first + round(min(ups) * NS_PER_S))
        if downs and not found.open_end:
            end = min(int(grid[off]), first + round(max(downs) * NS_PER_S))
        return max(begin, self._free_from), max(end, begin)

    def _write(self, one: Contraction, number: int, t: int) -> Repetition:
        rows_t, rows = self._history.rows(one.start - _BEFORE_NS, t)
        rep = contraction_rep(
            one,
            rows_t,
            {side: rows[:, c] for side, c in self._columns.items()},
            self._step_ns,
            place=(self._book.set_index, number),
            decided=t,
            rule=self._stage.strap,
            person=self._stage.person,
        )
        return rep

    def _doubted(self, rep: Repetition, found: Swing, start: float) -> Repetition:
        """The repetition, with what is not sure about it, and whether it was partial."""
        flags, reasons, confidence = rep.flags, rep.reasons, rep.confidence
        usual = self._usual
        if usual is None:
            flags, confidence = (*flags, Flag.CALIBRATION_PROVISIONAL), min(confidence, 0.7)
        elif found.top - start < self._rule.full_share * usual:
            reasons = (*reasons, Reason.PARTIAL_ROM)
        if start < self._rule.slack_share * found.top and Flag.START_NOT_SEEN not in flags:
            # where taking the start pose ends cannot be told
            flags, confidence = (*flags, Flag.START_NOT_SEEN), min(confidence, 0.6)
        return msgspec.structs.replace(
            rep, flags=flags, reasons=reasons, valid=not reasons, confidence=confidence
        )


def _incomplete(t: Times, forces: Floats, begin: int, end: int, step_ns: int) -> bool:
    """Whether rows or numbers are missing between two times, ns."""
    a, b = int(t.searchsorted(begin)), int(t.searchsorted(end, side="right"))
    return bool(np.isnan(forces[a:b]).any()) or bool((np.diff(t[max(a - 1, 0) : b + 1]) > step_ns).any())
