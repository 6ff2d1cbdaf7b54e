"""Holds while they happen: rest pose, way up, raised pose, way down.

Every 50 ms of session time "up" in the sensor's frame is looked at. The numbers come from
:mod:`eccentra.stages.hold_measure` once something has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from eccentra.events import CalibrationDone, Event, Flag, QualityNoted, Reason
from eccentra.samples import NS_PER_S, Block, StreamInfo
from eccentra.stages.history import History
from eccentra.stages.hold import Stage
from eccentra.stages.hold_far import FarPose
from eccentra.stages.hold_judge import BEFORE_NS, Judge
from eccentra.stages.hold_phase import LivePhase
from eccentra.stages.hold_pose import TICK_NS, Gait, Liveliness, Lively, Recent, Tremor, chord2
from eccentra.stages.hold_rows import columns_of, force_in, rate_in
from eccentra.stages.hold_second import SecondLook, Seen
from eccentra.stages.hold_track import Held, Rise
from eccentra.stages.hold_upright import Upright
from eccentra.stages.inclination import Vector, angle_between
from eccentra.stages.live import Beat, LiveState

__all__ = ["HoldRun"]

_GAP_NS = 4 * TICK_NS
_EVER = -(1 << 62)  # times may be negative
# Rows of longer holds than this are kept only while they are known to be holds.
_LONGEST_NS = 120 * NS_PER_S
# So many seconds say how still the rest pose is.
_REST_S = 10
# After so long in the raised pose it is looked at whether the way to it went up.
_CONFIRM_NS = 6 * NS_PER_S // 5
# After so long in a pose below it is looked at whether the way to it went down.
_PARKED_NS = 4 * TICK_NS
# At the start of a recording a pose that turns slower than this is at rest.
_SLOW_DEG_S = 3.0


class HoldRun:
    """State of the run.

    Parameters
    ----------
    stage
        Parameters.
    info
        Aligned rows of at least one of the stage's sensors.
    first_set
        Index of the first set.
    """

    def __init__(self, stage: Stage, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        self._stage = stage
        self._place, self._columns = columns_of(info, stage)
        self._history = History()
        self._gait = Gait(stage.walk)
        self._upright = Upright(stage, self._place, self._gait)
        self._recent = Recent(stage.pose.quiet_s, stage.pose.quiet_deg, stage.rise.settle_s)
        self._judge = Judge(
            stage,
            info,
            self._place,
            self._columns,
            round(NS_PER_S / info.rate_hz),
            self._history,
            first_set,
            self._upright.may_be,
        )
        lively = stage.rise.lively_deg_s.get(self._place, 0.0)
        self._second = SecondLook(stage, lively, self._judge, self._judge.known)
        self._judge.recall = self._second.recall
        self._live = LivePhase(self._judge.book)
        self._home: Vector | None = None
        self._near = self._quiet_from = 0
        self._home_from = _EVER
        self._tremor = Tremor()
        self._first = True
        self._seen = False
        self._lively = Liveliness(_REST_S)
        self._rise: Rise | None = None
        self._held: Held | None = None
        self._far = FarPose(stage, self._place, self._judge, self._upright)
        self._t = 0
        self._angle: float | None = None

    # -- the run ------------------------------------------------------------------------------------

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        self._history.push(block)
        out: list[Event] = []
        beats: list[Beat] = []
        x = block.x
        for i, t in enumerate(block.t.tolist()):
            if t % TICK_NS == 0:
                self._tick(t, x[i].tolist(), out)
                going = self._held or self._rise
                since = None if going is None else going.since
                away = self._t == t and since is not None
                beats.append(Beat(t, len(out), self._angle if away else None, since))
        self.beats = beats
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        held = self._held
        if held is not None:
            self._judge.decide(held, self._t, out, ended=held.came_down)
        elif self._far.held is not None:
            self._judge.decide_far(self._far.held, None, self._t, out)
        elif self._rise is not None and self._rise.peak >= self._stage.rise.least_deg:
            self._judge.refused.refuse(self._rise.since, self._t, self._t, Reason.UNFINISHED, out)
        self._held = self._far.held = self._rise = None
        out += self._judge.book.finish(self._t // 1000)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._judge.book.undo(t_us)

    def live(self) -> LiveState:
        """What a screen shows now; ``tut_s`` runs during a hold and then stays at the last one's."""
        book = self._judge.book
        going = self._held or (self._rise if self._rise is not None and self._rise.clean else None)
        last = book.reps[-1].value("tut_s") if book.open and book.reps else None
        return LiveState(
            t_us=self._t // 1000,
            phase=self._live.phase,
            set_index=max(book.set_index, 0),
            reps=book.live_reps if book.open else 0,
            session_reps=self._judge.known.counted,
            angle_deg=self._angle,
            tut_s=(self._t - going.since) / NS_PER_S if going is not None else last,
        )

    # -- every 50 ms --------------------------------------------------------------------------------

    def _tick(self, t: int, row: list[float], out: list[Event]) -> None:
        at = self._columns.up
        u = (row[at], row[at + 1], row[at + 2])
        if u[0] != u[0]:
            return
        before, self._t = self._t, t
        if self._seen and t - before > _GAP_NS:
            self._recent.clear()
            self._second.clear()
            self._after_gap(before, t, u, out)
        self._seen = True
        step = self._recent.push(t, u)
        moves = Lively(step, self._tremor.push(t, rate_in(row, self._columns)))
        force = force_in(row, self._columns)
        knew = self._gait.upright is not None
        self._gait.push(u, force, step)
        if self._gait.walking:
            self._far.held = None
            self._second.clear()
        if not knew and self._gait.upright is not None:
            self._judge.known.take_back(self._upright.may_be, t, out)
        if self._held is not None:
            self._stay(self._held, t, u, moves, out)
        elif self._rise is not None:
            self._go(self._rise, t, u, force, out)
        elif self._home is None:
            self._seek(t, row, out)
        else:
            self._rest(self._home, t, u, moves, out)
        if self._far.held is not None and self._held is None and self._rise is None:
            self._far.held.live_on(moves)
        seen = self._second.push(t, u, moves, self._recent, out)
        if seen is not None:
            self._far.held = None
            self._begin_again(seen, t, out)
        if not t % NS_PER_S:
            self._each_second(t, out)

    def _begin_again(self, seen: Seen, t: int, out: list[Event]) -> None:
        """From what the second look has found: in a rest pose, or in a hold that is going on."""
        rest, raised = seen
        self._leave(t, None, out, then=rest.pose)
        if raised is not None:
            way = Rise(self._stage, rest.end, rest.pose, raised.pose, rest.lively, clean=True)
            self._hold(way, raised.start, raised.pose, out)

    def _each_second(self, t: int, out: list[Event]) -> None:
        rise = self._rise if self._rise is not None and self._rise.clean else None
        going = [way.since for way in (self._held, self._far.held, rise) if way is not None]
        if not going and not self._second.holding:
            out += self._judge.book.tick(t // 1000)
        kept = self._second.keeps_from
        if kept is not None:
            going.append(max(kept, t - _LONGEST_NS))
        self._history.drop_before(min([t, *going]) - 2 * BEFORE_NS)

    def _after_gap(self, before: int, t: int, u: Vector, out: list[Event]) -> None:
        """Rows were missing from ``before`` to ``t``."""
        held, home = self._held, self._home
        if self._rise is not None:
            self._rise.gap, self._rise.clean = True, False
        if held is not None:
            if held.drop is None and held.off(u, held.angle(u)) > held.limit():
                held.drop = before
                self._judge.decide(held, before, out, ended=False, lost=True)
                self._leave(t, None, out)
            return
        rule = self._stage.rise
        if home is None or self._rise is not None:
            return
        away = angle_between(home, u)
        if away > self._stage.pose.near_deg:
            # it may have gone up in the gap: what comes then is not known to be a hold
            self._rise = Rise(self._stage, before, home, u, self._lively.value, clean=False)
            self._rise.gap = True
            self._far.held = None
            if rule.least_deg <= away <= rule.most_deg:
                self._hold(self._rise, t, u, out)

    def _seek(self, t: int, row: list[float], out: list[Event]) -> None:
        """No rest pose is known: the next one that is held will do, the first moment if it is slow."""
        recent = self._recent
        if not (recent.quiet or (self._first and recent.speed < _SLOW_DEG_S)):
            return
        usual = self._judge.known.usual
        if usual is not None and self._judge.known.raised(usual[0], recent.middle):
            # up again without having been seen on the way: not to be taken for the rest pose
            way = Rise(self._stage, t, usual[0], recent.middle, None, clean=False)
            way.gap = True
            self._hold(way, t, recent.middle, out)
            return
        self._home, self._near = recent.middle, t
        # what was before the recording is not known
        self._home_from = _EVER if self._first else t
        self._first = False
        out.append(CalibrationDone(t_us=t // 1000, what="rest pose"))
        if row[self._columns.rate] != row[self._columns.rate] and self._judge.gyroscope:
            self._judge.gyroscope = False
            out.append(QualityNoted(t_us=t // 1000, flag=Flag.NO_GYROSCOPE, detail=self._place))

    def _rest(self, home: Vector, t: int, u: Vector, moves: Lively, out: list[Event]) -> None:
        if angle_between(home, u) >= self._stage.pose.near_deg:
            self._rise = Rise(self._stage, self._near, home, u, self._lively.value, clean=True)
            return
        self._near, self._angle = t, 0.0
        if self._recent.quiet:
            if self._recent.resting:
                self._home = self._recent.middle
            self._lively.push(moves)
            if t - self._quiet_from > NS_PER_S:
                self._judge.refused.tell(t, out)
        else:
            self._quiet_from = t

    def _go(self, way: Rise, t: int, u: Vector, force: float, out: list[Event]) -> None:
        """Away from the rest pose: until one is back, or in another pose."""
        d = way.step(t, u, force)
        self._angle = d
        rule = self._stage.rise
        if d < self._stage.pose.near_deg:
            if way.peak >= rule.least_deg:
                self._judge.let_go(way, t, out)
            self._leave(t, way.home, out)
            return
        if way.clean and d >= rule.least_deg:
            self._live.say("concentric", t, out)
        tolerance = min(rule.settle_deg, max(rule.settle_share * d, self._stage.pose.quiet_deg))
        settle_s = rule.settle_s
        if self._far.held is not None and d > rule.most_deg:
            # what was held is to be decided soon after its end
            settle_s = min(settle_s, self._stage.end.stop_s + 0.1)
        rests = self._recent.within(Recent.ticks(settle_s), chord2(tolerance))
        if self._far.ending is not None:
            if not (rests and self._far.goes_on(way, t)):
                self._reach_far(way, t, self._far.ending, out)
            return
        if not rests:
            return
        rested = way.since - self._home_from >= self._stage.pose.rest_s * NS_PER_S
        may, hasty = self._judge.leads(way, u, d, t, rested=rested)
        if may and self._upright.may_rise(way.home, u):
            self._hold(way, t, u, out, hasty=hasty)
        elif d > rule.most_deg and (way.clean or self._far.held is not None) and self._stage.far is not None:
            if not self._far.goes_on(way, t):
                self._reach_far(way, t, u, out)
            else:
                self._far.ending = u
        elif self._recent.quiet:
            self._far.leave(way.since, t, u, out, near=True)
            if way.peak >= rule.least_deg:
                reason = Reason.GAP if way.gap else Reason.SETUP
                self._judge.refused.refuse(way.since, t, t, reason, out)
                self._home_from = t
            self._leave(t, self._recent.middle, out)

    def _reach_far(self, way: Rise, t: int, u: Vector, out: list[Event]) -> None:
        self._far.reach(way, t, u, out)
        self._home_from = t
        self._leave(t, u, out)

    def _hold(self, way: Rise, t: int, u: Vector, out: list[Event], *, hasty: bool = False) -> None:
        self._rise = None
        self._held = Held(self._stage, way, t, u)
        self._held.hasty = hasty
        if not self._held.unsure:
            self._live.say("isometric", t, out)

    def _stay(self, held: Held, t: int, u: Vector, moves: Lively, out: list[Event]) -> None:
        verdict = held.step(t, u, moves)
        self._angle = held.angle(u)
        judge = self._judge
        if self._gait.walking:
            judge.refused.refuse(held.since, t, t, Reason.WALKING, out)
            self._leave(t, None, out)
            return
        match verdict:
            case "down" if judge.goes_on(held, t):
                self._live.say("eccentric", t, out)
            case "down" | "away":
                calmer = held.calmer and self._gait.upright is None
                counted = False
                if calmer:
                    judge.refused.refuse(held.since, held.drop or t, t, Reason.SETUP, out)
                else:
                    counted = self._count(
                        held, t, out, back=angle_between(held.home, u) <= self._stage.rise.most_deg
                    )
                if calmer or held.reversed:
                    # the rest pose was the one that was held
                    self._held = held.turned_round(t, u, leaving=False)
                    return
                self._far.leave(held.since, t, u, out)
                self._home_from = _EVER
                self._leave(t, None, out, then=u)
                if not counted and self._far.leads(held, t, u):
                    self._rise = held.rested(t, u)
            case "again":
                self._again(held, t, u, out)
            case "further" if held.came_down and not held.unsure:
                # down, and up without a rest
                self._count(held, held.home_at, out)
                self._leave(t, None, out)
            case "further":
                self._far.leave(held.since, t, u, out)
                judge.refused.refuse(held.since, t, t, Reason.GAP if held.unsure else Reason.SETUP, out)
                self._leave(t, None, out)
            case "higher":
                judge.refused.refuse(held.since, held.calm_at, t, Reason.SETUP, out)
                self._held = held.from_here(t, u)
            case "lost":
                self._far.leave(held.since, t, u, out)
                judge.refused.refuse(held.since, t, t, Reason.GAP if held.unsure else Reason.NO_RETURN, out)
                self._leave(t, None, out)
            case "shaky":
                if judge.decide(held, t, out, ended=True, steady=False):
                    self._far.held = None
                self._leave(t, None, out)
            case _ if held.drop is None and t == held.settled + _CONFIRM_NS and judge.sinks(held, t):
                judge.refused.refuse(held.since, t, t, Reason.SETUP, out)
                self._leave(t, None, out, then=u)
                self._home_from = held.settled
            case _ if held.parked is not None and t == held.parked + _PARKED_NS:
                self._parked(held, t, u, out)
            case _:
                off = held.drop is not None and t - held.drop > self._stage.end.dip_s * NS_PER_S
                if not held.unsure:
                    self._live.say("eccentric" if off else "isometric", t, out)

    def _parked(self, held: Held, t: int, u: Vector, out: list[Event]) -> None:
        """It has stopped somewhere else than in the rest pose: that may have been the way down."""
        lowered = self._judge.lowered(held)
        if lowered > 0:
            self._count(held, t, out)
            self._leave(t, None, out, then=u)
        elif lowered < 0 and self._upright.may_rise(held.pose, u):
            self._judge.refused.refuse(held.since, held.drop or t, t, Reason.SETUP, out)
            self._held = held.turned_round(t, u, leaving=False)

    def _count(self, held: Held, t: int, out: list[Event], *, back: bool = True) -> bool:
        if not self._judge.decide(held, t, out, ended=True, back=back):
            return False
        # from a rest pose to a hold and back: the pose far away was lying down
        self._far.held = None
        return True

    def _again(self, held: Held, t: int, u: Vector, out: list[Event]) -> None:
        """After the hold was over it goes up again, without having been in the rest pose.

        When it stopped below for as long as a hold lasts, it was the other way round: that was the hold, and
        the pose before it the rest pose.
        """
        low = held.parked is not None and held.low_at - held.parked > self._stage.end.least_s * NS_PER_S
        if low and not self._upright.may_rise(held.pose, held.lowest):
            self._judge.refused.refuse(held.since, t, t, Reason.SETUP, out)
            self._leave(t, None, out)
            return
        if low:
            self._judge.refused.refuse(held.since, held.drop or t, t, Reason.SETUP, out)
            self._held = held.turned_round(t, u, leaving=True)
            return
        self._count(held, held.low_at, out)
        self._held = None
        self._rise = Rise(self._stage, held.low_at, held.home, u, held.rest_lively, clean=True)

    def _leave(self, t: int, home: Vector | None, out: list[Event], then: Vector | None = None) -> None:
        """Back to resting; without a ``home`` the next pose that is held is one, or ``then`` at once."""
        self._rise = self._held = self._far.ending = None
        self._home = home if home is not None else then
        usual = self._judge.known.usual
        if usual is not None and self._home is not None and self._judge.known.raised(usual[0], self._home):
            self._home = None
        self._near = self._quiet_from = t
        self._lively = Liveliness(_REST_S)
        self._live.say("rest", t, out)
