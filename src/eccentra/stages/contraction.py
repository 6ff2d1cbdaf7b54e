"""Any exercise from load cells alone: contractions, one after the other.

One or two straps (or one that carries both legs) are watched for force that stands out from rest
(:mod:`eccentra.stages.contraction_level`). A contraction begins with the first sign of force on any of them
and ends when none pulls any more, or when they rest again at another, much lower level. It is a repetition
when it lasts, and is not far weaker than the others of its set: tightening a strap looks like a contraction.
Its one phase is ``isometric`` and carries ``phase_from_force``: which part of it shortens or lengthens a
muscle cannot be seen from force.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from eccentra.catalogue import Person
from eccentra.events import CalibrationDone, Event, Flag, PhaseChanged, Reason
from eccentra.samples import NS_PER_S, Block, Side, StreamInfo
from eccentra.stages.contraction_level import LevelRule, Strap
from eccentra.stages.contraction_rep import Contraction, contraction_rep, crossing, first_sign, set_totals
from eccentra.stages.contraction_valley import Valley
from eccentra.stages.force import Zero
from eccentra.stages.force_swings import SwingRule
from eccentra.stages.history import History
from eccentra.stages.limits import Count, NotNegative, Positive
from eccentra.stages.live import Beat, LiveState
from eccentra.stages.sets import SetBook
from eccentra.stages.strap_numbers import StrapRule
from eccentra.stages.swing_run import SwingRun

__all__ = ["ContractionRule", "Stage"]

_SIDES: tuple[Side, ...] = ("left", "right", "both")
# The zero of a strap is followed, and sets are looked after, every 50 ms.
_TICK_NS = 50_000_000
# Rows before a contraction in which its quiet level and its first sign are looked for.
_BEFORE_NS = 4 * NS_PER_S
# So many contractions say what is usual.
_MEMORY = 9


class ContractionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which contractions are repetitions.

    Attributes
    ----------
    least_s, longest_s
        Shortest and longest.
    small_share
        Weaker than this share of the usual one is none; less impulse than its square, weaker and shorter.
    rest_share
        A quiet level below this share of the contraction's peak is rest under tension, after it.
    tension_share
        A quiet level below this share of what follows was rest under tension, before it.
    gap_s
        Longest missing time that it survives.
    prove_reps
        So many strong ones say what is usual; those of the set that were far weaker are taken back.
    apart_share, apart_gap
        The first of a set is none when it has less than this share of the force of those that follow, and the
        pause after it is longer than any of theirs by this factor: the strap was put on.
    home_share
        Force back below this share of the greatest ends a pull when another follows.
    zero_memory_s
        A zero that was not seen for so long is not sure any more.
    """

    least_s: Positive
    longest_s: Positive
    small_share: NotNegative
    rest_share: NotNegative
    tension_share: NotNegative
    apart_share: NotNegative
    apart_gap: Positive
    home_share: Positive
    gap_s: NotNegative
    prove_reps: Count
    zero_memory_s: Positive


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters; see ``pipelines/shared/contraction.toml`` for why each has its value.

    Attributes
    ----------
    set_gap_s
        A set ends so long after its last repetition.
    asymmetry_least_reps, trend_least_reps, loss_least_reps
        Valid repetitions that a side difference, a variation and a loss need.
    level, count, strap
        When force is on, what counts, and how straps are read.
    person
        Body mass and lever arm, from the session.
    swing
        For exercises whose start pose loads the straps: repetitions are swings of force.
    """

    set_gap_s: Positive
    asymmetry_least_reps: Count
    trend_least_reps: Count
    loss_least_reps: Count
    level: LevelRule
    count: ContractionRule
    strap: StrapRule
    person: Person = Person()
    swing: SwingRule | None = None

    def start(self, info: StreamInfo, first_set: int = 1) -> Run | SwingRun:
        """Begin a run on aligned rows."""
        stage = msgspec.structs.replace(self, strap=self.strap.worn(info))
        if self.swing is not None:
            return SwingRun(stage, self.swing, info, first_set)
        return Run(stage, info, first_set)


class _Plateau(NamedTuple):
    """A quiet time while force is on: when, its height above rest, and level and noise of each strap."""

    t: int
    height: float
    levels: list[tuple[Strap, float, float]]


class Run:
    """State of the run.

    Parameters
    ----------
    stage
        Parameters.
    info
        Aligned rows with ``left.force`` and ``right.force``, or one of them, or ``both.force``.
    first_set
        Index of the first set.
    """

    def __init__(self, stage: Stage, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        self._stage = stage
        columns = {side: info.column(f"{side}.force") for side in _SIDES}
        self._columns: dict[Side, int] = {s: c for s, c in columns.items() if c is not None}
        self._straps = {side: Strap(stage.level) for side in self._columns}
        window = round(stage.level.quiet_s * NS_PER_S / _TICK_NS)
        memory = round(stage.count.zero_memory_s * NS_PER_S)
        self._zeros = {s: Zero(window, stage.strap.quiet_spread_n, memory) for s in self._columns}
        self._each = [(self._straps[s], self._zeros[s], c) for s, c in self._columns.items()]
        self._step_ns = round(NS_PER_S / info.rate_hz)
        self._history = History()
        self._book = SetBook(
            first_set,
            round(stage.set_gap_s * 1e6),
            set_totals(
                tuple(self._columns),
                stage.asymmetry_least_reps,
                stage.trend_least_reps,
                stage.loss_least_reps,
            ),
        )
        self._t: int | None = None
        self._since: int | None = None
        self._gap = False
        self._known = False
        self._refused: Reason | None = None
        self._plateau: _Plateau | None = None
        level, count = stage.level, stage.count
        self._valley = Valley(count.home_share, count.small_share, level.offset_s, level.onset_n)
        self._free_from = -(1 << 62)  # times may be negative
        self._seen: list[Contraction] = []
        self._counted: list[tuple[int, int, Contraction]] = []
        self._session_reps = 0

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        self._history.push(block)
        out: list[Event] = []
        self.beats = beats = []
        for i, t in enumerate(block.t.tolist()):
            before = len(out)
            self._row(t, block.x[i].tolist(), out)
            if len(out) > before or not t % _TICK_NS:
                beats.append(Beat(t, len(out), None, self._since))
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        if self._t is not None and self._since is not None:
            self._end(self._t, out, last=True)
        out += self._book.finish(self._now_us)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._book.undo(t_us)

    def tared(self, side: Side, by_n: float) -> None:
        """A strap reads ``by_n`` less from now on."""
        if side in self._zeros:
            self._zeros[side].shift(by_n)
            self._straps[side].shift(by_n)

    def live(self) -> LiveState:
        """What a screen shows now."""
        book = self._book
        net = {s: z.last - (z.value or 0.0) for s, z in self._zeros.items() if z.last is not None}
        return LiveState(
            t_us=self._now_us,
            phase="rest" if self._since is None else "isometric",
            set_index=book.set_index,
            reps=book.live_reps if book.open else 0,
            session_reps=self._session_reps,
            tut_s=math.fsum(rep.value("tut_s") or 0.0 for rep in book.reps) if book.open else None,
            force_left_n=net.get("left"),
            force_right_n=net.get("right"),
            flags=(Flag.PHASE_FROM_FORCE.value,),
        )

    @property
    def _now_us(self) -> int:
        return 0 if self._t is None else self._t // 1000

    # -- every row ----------------------------------------------------------------------------------

    def _row(self, t: int, row: list[float], out: list[Event]) -> None:
        lost = 0 if self._t is None else t - self._t - self._step_ns
        self._t = t
        tick = not t % _TICK_NS
        missing = False
        for strap, zero, c in self._each:
            strap.push(t, row[c])
            missing = missing or (strap.on and not strap.seen)
            if tick:
                zero.push(t, row[c], loaded=strap.on)
        if self._since is not None:
            self._gap = self._gap or lost > 0 or missing
            self._follow(t, lost, out)
        elif any(strap.on for strap in self._straps.values()):
            self._begin(t, out)
        elif tick:
            self._rest(t, out)

    def _rest(self, t: int, out: list[Event]) -> None:
        if not self._known and all(strap.settled for strap in self._straps.values()):
            out.append(CalibrationDone(t_us=t // 1000, what="force baseline"))
            self._known = True
        if not t % NS_PER_S:
            out += self._book.tick(t // 1000)
            self._history.drop_before(t - _BEFORE_NS - NS_PER_S)

    def _begin(self, t: int, out: list[Event]) -> None:
        self._since = min(s.on_since for s in self._straps.values() if s.on_since is not None)
        self._gap, self._plateau, self._refused = False, None, None
        self._valley.restart()
        out.append(PhaseChanged(t_us=t // 1000, phase="isometric", set_index=self._next_set))

    @property
    def _next_set(self) -> int:
        return self._book.set_index + (0 if self._book.open else 1)

    def _follow(self, t: int, lost: int, out: list[Event]) -> None:
        since, count = self._since, self._stage.count
        assert since is not None
        if lost > count.gap_s * NS_PER_S:
            self._refused = Reason.GAP
        elif t - since > count.longest_s * NS_PER_S:
            self._refused = Reason.TOO_LONG
        if self._refused is not None and not t % NS_PER_S:
            self._history.drop_before(t - _BEFORE_NS)
        between = self._valley.push(t, math.fsum(s.over for s in self._straps.values() if s.on and s.seen))
        if all(strap.released(t) for strap in self._straps.values()):
            self._end(t, out)
        elif between is not None and self._refused is None:
            self._end(t, out, between=between)
        elif not t % _TICK_NS:
            self._look_at_rest(t, out)

    def _look_at_rest(self, t: int, out: list[Event]) -> None:
        """Rest under tension, after the contraction or, as is seen by what follows, before it."""
        count, on = self._stage.count, [strap for strap in self._straps.values() if strap.on]
        net = math.fsum(strap.over for strap in on)
        plateau = self._plateau
        if plateau is not None and net * count.tension_share > plateau.height:
            for strap, level, noise in plateau.levels:
                strap.rest_at(level, noise)
                strap.begin_at(plateau.t)
            self._since, self._plateau = plateau.t, None
            return
        levels = [(strap, found) for strap in on if (found := strap.quiet()) is not None]
        if len(levels) < len(on):
            return
        height = math.fsum(found[0] - (strap.level or 0.0) for strap, found in levels)
        found_at = _Plateau(t, height, [(strap, *found) for strap, found in levels])
        if height < count.rest_share * math.fsum(strap.peak for strap in on):
            self._end(t, out, rest=found_at)
        else:
            self._plateau = found_at

    # -- decisions ----------------------------------------------------------------------------------

    def _stop(self, t: int, out: list[Event]) -> None:
        self._since = None
        for strap in self._straps.values():
            strap.stop()
        out.append(PhaseChanged(t_us=t // 1000, phase="rest", set_index=self._next_set))

    def _end(
        self,
        t: int,
        out: list[Event],
        *,
        last: bool = False,
        rest: _Plateau | None = None,
        between: int | None = None,
    ) -> None:
        """Take the contraction apart and judge it; ``last``: nothing more will come.

        ``between``: the time at which the next one has begun.
        """
        since, level = self._since, self._stage.level
        assert since is not None
        if self._refused is not None:
            self._stop(t, out)
            out += self._book.reject(since // 1000, t // 1000, t // 1000, self._refused)
            self._free_from = t
            return
        straps = {side: strap for side, strap in self._straps.items() if strap.on}
        rows_t, rows = self._history.rows(max(since - _BEFORE_NS, self._free_from), t)
        starts = [
            first_sign(rows_t, rows[:, self._columns[side]], strap, level) for side, strap in straps.items()
        ]
        open_end = last and not all(strap.off_since for strap in straps.values())
        for strap, at, noise in rest.levels if rest is not None else ():
            strap.rest_at(at, noise)
        ends = [
            crossing(
                rows_t,
                rows[:, self._columns[side]],
                t,
                (strap.level or 0.0) + level.offset_share * strap.threshold,
                rising=False,
            )
            for side, strap in straps.items()
        ]
        one = Contraction(
            start=min(starts),
            end=between if between is not None else t if open_end else max(ends),
            working=tuple(straps),
            zeros=self._levels(),
            peak=math.fsum(strap.peak for strap in straps.values()),
            impulse=math.fsum(strap.impulse for strap in straps.values()) * self._step_ns / NS_PER_S,
            settled=all(strap.settled and self._zeros[side].sure(t) for side, strap in straps.items()),
            gap=self._gap,
            open_start=any(strap.open_start for strap in straps.values()),
            open_end=open_end,
        )
        self._stop(t, out)
        self._judge(one, t, out)
        if between is not None:
            for strap in straps.values():
                strap.begin_at(between)
            self._begin(t, out)

    def _levels(self) -> dict[Side, float | None]:
        """The force of each side without load: its lowest quiet level lately, else where it rests."""
        return {
            side: strap.level if self._zeros[side].value is None else self._zeros[side].value
            for side, strap in self._straps.items()
        }

    def _judge(self, one: Contraction, t: int, out: list[Event]) -> None:
        count, book = self._stage.count, self._book
        reason: Reason | None = None
        if one.end - one.start < count.least_s * NS_PER_S:
            reason = Reason.TOO_SHORT
        elif self._weak(one):
            reason = Reason.NO_LOAD
        self._free_from = one.end
        if reason is not None:
            out += book.reject(one.start // 1000, one.end // 1000, t // 1000, reason)
            return
        number, events = book.count(one.start // 1000, one.end // 1000)
        out += events
        rows_t, rows = self._history.rows(one.start - _BEFORE_NS, t)
        rep = contraction_rep(
            one,
            rows_t,
            {side: rows[:, c] for side, c in self._columns.items()},
            self._step_ns,
            place=(book.set_index, number),
            decided=t,
            rule=self._stage.strap,
            person=self._stage.person,
        )
        out += book.complete(rep)
        self._session_reps += 1
        self._prove(number, one, t, out)

    def _weak(self, one: Contraction) -> bool:
        """Whether it is far weaker, or far weaker and shorter, than the usual one of those that are not.

        One alone may be a fall on the strap, so that nothing is usual yet.
        """
        count, work = self._stage.count, self._stage.count.small_share**2
        most = max((known.impulse for known in self._seen), default=0.0)
        strong = [known for known in self._seen if known.impulse >= work * most]
        if len(strong) < count.prove_reps:
            return False
        peak, impulse = (sorted(values)[len(strong) // 2] for values in _columns(strong))
        return one.peak < count.small_share * peak or one.impulse < work * impulse

    def _prove(self, number: int, one: Contraction, t: int, out: list[Event]) -> None:
        """Remember how strong it was; take back what is far weaker in this set: straps were pulled."""
        book = self._book
        self._seen = [*self._seen, one][-_MEMORY:]
        self._counted = [known for known in self._counted if known[0] == book.set_index]
        self._counted.append((book.set_index, number, one))
        weak = [known for known in self._counted if self._weak(known[2])]
        if not weak and self._is_apart():
            weak = self._counted[:1]
        for known in weak:
            out += book.amend(known[0], known[1], t // 1000, Reason.NO_LOAD)
            self._counted.remove(known)
            self._session_reps -= 1

    def _is_apart(self) -> bool:
        """Whether the first of the set is another movement: weaker than the others, and long before them."""
        count, contractions = self._stage.count, [one for *_, one in self._counted]
        if len(contractions) < 3:
            return False
        first, *others = contractions
        usual = sorted(one.peak for one in others)[len(others) // 2]
        pauses = [after.start - before.end for before, after in pairwise(contractions)]
        return first.peak < count.apart_share * usual and pauses[0] > count.apart_gap * max(pauses[1:])


def _columns(known: Sequence[Contraction]) -> tuple[list[float], list[float]]:
    return [one.peak for one in known], [one.impulse for one in known]
