"""Any cyclic exercise, wherever the sensor is worn.

Rows are kept for up to a minute while no movement is known. Once a second of data it is searched for a
cyclic movement (:mod:`eccentra.stages.cycle_search`). When there is one, its axis is fixed, the kept rows
are run through the counter (:mod:`eccentra.stages.cycle_counter`), and the repetitions done so far are
published late, with their true times; from then on each is decided as it ends. After a set the axis is
forgotten and searched anew.

What is away and what is back is known only by where the movement started, so phases carry
``direction_assumed``.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.events import Event, Flag, PhaseChanged, Reason, Repetition
from eccentra.samples import NS_PER_S, Block, Floats, StreamInfo
from eccentra.stages.cycle_counter import Cycle, CycleCounter, CyclePhase, CycleRules
from eccentra.stages.cycle_found import Found
from eccentra.stages.cycle_half import HalfRules
from eccentra.stages.cycle_lever import LeverRules
from eccentra.stages.cycle_odd import OddRules
from eccentra.stages.cycle_phases import PhaseRules
from eccentra.stages.cycle_search import CycleSearch
from eccentra.stages.generic_count import Counting
from eccentra.stages.generic_rep import GaitRules, RepMaker, looks_like_gait
from eccentra.stages.generic_rows import THIN_NS, Rows
from eccentra.stages.generic_tracking import PauseRules, Tracking
from eccentra.stages.live import Beat, LiveState

__all__ = ["Stage"]

# Rows before a repetition that help to find where its first stroke begins.
_BEFORE_S = 1.0
_THIN_S = THIN_NS / NS_PER_S


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters; see ``pipelines/generic.toml`` for why each has its value.

    Attributes
    ----------
    set_gap_s
        A set ends so long after its last repetition.
    hold_s
        Shortest stop at the far end that is a phase of its own.
    full_share
        Share of the usual stroke below which a repetition is partial.
    search_every_s
        How often a movement is searched for; times are whole multiples of it.
    least_reps
        Fewest repetitions of a set.
    prove_reps
        So many are waited for before the first ones are told: one of two may be something else.
    relearn_after
        So many movements in a row that are not like the known one: learn anew.
    gap_s
        Longest missing time that a repetition survives.
    sway_share
        Movement in a pose, as a share of the smallest movement that the search looks at.
    search, rules, pause, odd, half, gait, phases, turned, lever
        Parameters of the search, of the count, of pauses that part repetitions, of what is no repetition at
        the ends of a set, of lifts that are not seen to come back, of telling walking, of phase times, of
        those of an angle that pushes do not bend, and of finding such an angle without a gyroscope.
    trend_least_reps
        Repetitions that a variation within a set needs; ``None`` leaves means and variations of a set out.
    """

    set_gap_s: float
    hold_s: float
    full_share: float
    search_every_s: float
    least_reps: int
    prove_reps: int
    relearn_after: int
    gap_s: float
    sway_share: float
    search: CycleSearch
    rules: CycleRules
    pause: PauseRules
    odd: OddRules
    half: HalfRules
    gait: GaitRules
    phases: PhaseRules
    turned: PhaseRules
    lever: LeverRules
    trend_least_reps: int | None = None

    def start(self, info: StreamInfo, first_set: int = 1) -> Run:
        """Begin a run on aligned rows."""
        return Run(self, info, first_set)


class Run:
    """State: kept rows, and the movement that is followed, if any."""

    def __init__(self, stage: Stage, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        self._stage = stage
        self._info = info
        window = stage.search.windows_s[-1]
        self._rows = Rows(info, keep_s=window + stage.rules.longest_s + stage.set_gap_s)
        self._step_s = 1.0 / info.rate_hz
        self._every = round(stage.search_every_s * NS_PER_S)
        self._counting = Counting(stage, first_set)
        self._book = self._counting.book
        self._tracking: Tracking | None = None
        self._maker: RepMaker | None = None
        self._phase = "rest"
        self._angle: float | None = None
        self._quiet = False

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        out: list[Event] = []
        self.beats = []
        done, n = 0, len(block.t)
        while done < n:
            done = (self._gather if self._tracking is None else self._follow)(block, done, out)
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is still open: nothing more will come."""
        out: list[Event] = []
        if self._tracking is None:
            self._search(out, last=True)
        tracking = self._tracking
        if tracking is not None:
            for now, row, x in tracking.flush():
                self._step(tracking, now * 1e-9, row, x, out)
            cycle = tracking.counter.finish()
            for last in (*tracking.pending, *((cycle,) if cycle is not None else ())):
                self._take(tracking, last, out)
            self._end(tracking, out)
        out += self._book.finish(self._counting.t_us)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._book.undo(t_us)

    def live(self) -> LiveState:
        """What a screen shows now."""
        book = self._book
        return LiveState(
            t_us=self._counting.t_us,
            phase=self._phase,
            set_index=book.set_index,
            reps=book.live_reps if book.open else 0,
            session_reps=self._counting.session_reps,
            angle_deg=self._angle,
        )

    def _gather(self, block: Block, begin: int, out: list[Event]) -> int:
        """Keep rows up to the next point of search; search there."""
        t = block.t
        point = -(-int(t[begin]) // self._every) * self._every
        end = int(t.searchsorted(point, side="right"))
        self._rows.add(t[begin:end], block.x[begin:end])
        self._counting.t_us = int(t[end - 1]) // 1000
        if int(t[end - 1]) == point:
            out += self._book.tick(self._counting.t_us)
            self._search(out)
            self.beats.append(Beat(point, len(out), self._angle, None))
        return end

    def _search(self, out: list[Event], *, last: bool = False) -> None:
        search = self._stage.search
        sensor = self._rows.liveliest(search.windows_s[-1])
        if sensor is None:
            return
        # who stands still has ended the last stroke, and after that there is nothing new
        quiet = self._rows.quiet(sensor, 1.5 * self._stage.search_every_s, 0.5 * search.least_deg)
        if quiet and self._quiet and not last:
            return
        self._quiet = quiet
        t, x, index = self._rows.thinned(sensor, search.windows_s[-1])
        first = bool(len(index)) and int(index[0]) < round(THIN_NS / NS_PER_S / self._step_s)
        found = search.find(t, x, first=first, last=last or quiet) if len(t) >= 20 else None
        if found is None:
            return
        at = found.turns[0]
        self._maker = self._new_maker(found, t[at : found.turns[-1]], x[at : found.turns[-1]])
        counter = CycleCounter(
            self._stage.rules,
            found.size,
            found.period_s,
            sway=self._stage.sway_share * search.least(found.axis.kind),
            step_s=_THIN_S,
            drifts=found.axis.kind == "lift",
        )
        tracking = Tracking(
            found, sensor, float(t[at]), counter=counter, pause=self._stage.pause, lead_s=search.lead_s(found)
        )
        self._tracking = tracking
        if found.cut_off is not None:
            span = slice(found.cut_off, at + 1)
            along = found.sign * found.axis.values(t[span], x[span])
            tracking.waiting.append(self._maker.make_cut_off(t[span], along))
        # a lift is known from what was before as well
        times, rows = self._rows.stretch(int(index[max(at - tracking.reach, 0)]), self._rows.end)
        for k in np.flatnonzero(times % THIN_NS == 0).tolist():
            if self._row(tracking, int(times[k]), rows[k].tolist(), out, live=False):
                return

    def _new_maker(self, found: Found, t: Floats, rows: Floats) -> RepMaker:
        stage = self._stage
        holds = {
            Flag.UNIDENTIFIED_CYCLIC: looks_like_gait(found, t, rows, stage.gait),
            Flag.NO_GYROSCOPE: bool(np.isnan(rows[0, 3])),
            Flag.POSITION_FROM_ACCELERATION: found.axis.kind in ("lift", "shift"),
        }
        return RepMaker(
            self._info,
            found,
            hold_s=stage.hold_s,
            full_share=stage.full_share,
            return_share=stage.rules.return_share,
            phases=stage.phases,
            turned=stage.turned,
            flags=tuple(flag for flag, holding in holds.items() if holding),
        )

    def _follow(self, block: Block, begin: int, out: list[Event]) -> int:
        """Follow rows until the set ends."""
        tracking = self._tracking
        assert tracking is not None
        first = self._rows.end
        t, x = block.t[begin:], block.x[begin:]
        self._rows.add(t, x)
        for k, now in enumerate(t.tolist()):
            if now % THIN_NS:
                continue
            ended = self._row(tracking, now, x[k].tolist(), out, live=True)
            self.beats.append(Beat(now, len(out), self._angle, None))
            if ended:
                self._rows.cut(first + k + 1)
                return begin + k + 1
        return len(block.t)

    def _row(self, tracking: Tracking, now: int, row: list[float], out: list[Event], *, live: bool) -> bool:
        """Take one row; whether the set ended with it."""
        if live:
            self._counting.t_us = now // 1000
        if row[tracking.sensor] == row[tracking.sensor]:
            for when, known, x in tracking.arrive(now, row):
                self._step(tracking, when * 1e-9, known, x, out)
                if live:
                    self._tell_phase(tracking.counter.phase, out)
                    self._angle = x if tracking.found.axis.kind in ("tilt", "turn") else None
        t = now * 1e-9 - tracking.reach * _THIN_S
        if t - tracking.last_s > self._stage.set_gap_s and not (tracking.counter.moving or tracking.pending):
            self._end(tracking, out)
        elif tracking.unlike >= self._stage.relearn_after:
            self._relearn(tracking)
        return self._tracking is None

    def _step(self, tracking: Tracking, t: float, row: list[float], x: float, out: list[Event]) -> None:
        """Count with one more row at ``t`` s, whose number along the axis is ``x``."""
        if t < tracking.first_s:
            return
        counter, at = tracking.counter, tracking.sensor
        step, lost = len(tracking.values), t - tracking.times[-1] if tracking.times else 0.0
        tracking.values.append(x)
        tracking.times.append(t)
        tracking.rows.append(row[at : at + 9])
        if counter.moving and lost > self._stage.gap_s:
            cycle: Cycle | None = counter.give_up(step, t, x, Reason.GAP)
        elif counter.moving and t - counter.start_s > counter.longest_s:
            cycle = counter.give_up(step, t, x, Reason.NO_RETURN)
        else:
            cycle = counter.step(step, t, x)
        if cycle is not None:
            tracking.pending.append(cycle)
        while tracking.pending and t >= tracking.pending[0].end_s + tracking.late_s:
            self._take(tracking, tracking.pending.popleft(), out)

    def _tell_phase(self, phase: CyclePhase, out: list[Event]) -> None:
        if phase != self._phase and self._book.open:
            out.append(PhaseChanged(t_us=self._counting.t_us, phase=phase, set_index=self._book.set_index))
        self._phase = phase

    def _take(self, tracking: Tracking, cycle: Cycle, out: list[Event]) -> None:
        """A movement was decided: refuse it, or count it once there are enough for a set."""
        far_s = tracking.half(cycle, self._stage.half)
        if far_s is not None:
            self._take_half(tracking, cycle.start_s, far_s, out)
            return
        if cycle.reason is None and not self._alike(tracking, cycle):
            cycle = msgspec.structs.replace(cycle, reason=Reason.IRREGULAR)
        if cycle.reason is not None:
            tracking.unlike += cycle.reason is Reason.IRREGULAR
            tracking.refused.append(cycle)
        else:
            if tracking.goes_on and cycle.start_s - tracking.counted_s > self._stage.set_gap_s:
                self._counting.close(tracking, out)
                tracking.begin_set()
            tracking.unlike = 0
            tracking.counter.learn(cycle)
            rep = self._make(tracking, cycle)
            tracking.wait(rep)
            tracking.last_s = max(tracking.last_s, cycle.end_s, rep.end_us * 1e-6)
            if self._book.open or len(tracking.waiting) >= self._stage.prove_reps:
                self._counting.settle(tracking, out)
        if tracking.booked:
            self._counting.publish_refused(tracking, out)

    def _take_half(self, tracking: Tracking, start_s: float, far_s: float, out: list[Event]) -> None:
        """A lift whose way back was too slow to be seen."""
        assert self._maker is not None
        now = tracking.times[-1]
        marked, lost_s = self._holes(tracking, start_s, now)
        rep = self._maker.make_half(
            start_s, far_s, marked=marked, lost=lost_s > 0.0, known_us=round(now * 1e6)
        )
        tracking.wait(rep)
        tracking.last_s = max(tracking.last_s, far_s)
        if self._book.open or len(tracking.waiting) >= self._stage.prove_reps:
            self._counting.settle(tracking, out)

    def _alike(self, tracking: Tracking, cycle: Cycle) -> bool:
        begin, top, end = cycle.start, cycle.top, cycle.end + 1
        rows = np.array(tracking.rows[begin:end])
        found = tracking.found
        if not found.axis.upright(rows).all():
            return False
        return tracking.likeness.take(
            np.array(tracking.times[begin:end]),
            rows,
            tracking.values[begin:end],
            top - begin,
            self._stage.rules.likeness,
        )

    def _make(self, tracking: Tracking, cycle: Cycle) -> Repetition:
        assert self._maker is not None
        now = tracking.times[-1]
        t, x, _ = self._rows.between(tracking.sensor, cycle.start_s - _BEFORE_S, now)
        marked, lost_s = self._holes(tracking, cycle.start_s, cycle.end_s)
        # what was interpolated is no push
        whole = not marked and not lost_s
        swung = tracking.swung(t, x, self._stage.lever) if whole else None
        return self._maker.make(
            cycle,
            t,
            tracking.along(t, x, cycle, self._stage.lever) if swung is None else swung,
            x,
            usual=tracking.counter.size,
            marked=marked,
            lost_s=lost_s,
            known_us=round(now * 1e6),
            swung=swung is not None,
        )

    def _holes(self, tracking: Tracking, begin_s: float, end_s: float) -> tuple[bool, float]:
        """Whether rows between two times were interpolated over a gap, and the longest time without rows."""
        t, _, marked = self._rows.between(tracking.sensor, begin_s, end_s)
        lost = float(np.diff(t).max()) if len(t) > 1 else 0.0
        return marked, lost if lost > 1.5 * self._step_s else 0.0

    def _end(self, tracking: Tracking, out: list[Event]) -> None:
        """The set is over: forget the axis, keep the rows since its last repetition."""
        self._counting.close(tracking, out)
        self._leave(tracking.last_s)

    def _relearn(self, tracking: Tracking) -> None:
        """Several movements in a row were not like the known one: the axis was wrong, or all has changed."""
        # what was not published yet will be looked at again
        self._leave(tracking.counted_s if tracking.booked else None)

    def _leave(self, since_s: float | None) -> None:
        if since_s is not None:
            self._rows.forget_until(round(since_s * NS_PER_S))
        self._tracking = None
        self._quiet = False
        self._phase = "rest"
        self._angle = None
