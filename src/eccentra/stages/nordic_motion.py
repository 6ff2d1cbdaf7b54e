"""Excursions of the thigh from the tall kneel, while they happen.

Every 50 ms of session time "up" in the thigh sensor's frame is looked at: is it at rest (a pose), in the
start pose, away from it, stopped, on its way back? That is all that runs per sample; the numbers come from
:mod:`eccentra.stages.nordic_measure` once something has ended. An excursion is a candidate only if it starts
from a moment of (near) rest in the start pose: walking, lying down over the heels, getting up do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eccentra.events import CalibrationDone, Event, Flag, PhaseChanged, QualityNoted, Reason
from eccentra.samples import NS_PER_S, Block, Side, StreamInfo
from eccentra.stages.force import Zero
from eccentra.stages.history import History
from eccentra.stages.inclination import Vector, angle_between, cross, dot, lean, unit
from eccentra.stages.live import Beat, LiveState
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_excursion import Excursion, Noise
from eccentra.stages.nordic_grid import SIDES, columns_of
from eccentra.stages.nordic_judge import Judge
from eccentra.stages.nordic_measure import Measured, measure
from eccentra.stages.nordic_pose import TICK_NS, Poses, chord2

__all__ = ["MotionRun"]

# Cosines: axes within 20 degrees are the same one; "up" within 12 degrees of a right angle turns about it.
_SAME_AXIS = 0.94
_ACROSS = 0.2
# Speed is known of the last 150 ms: on average it was so 75 ms before.
_SPEED_NS = 75_000_000


class MotionRun:
    """State of the run.

    Parameters
    ----------
    stage
        Parameters.
    info
        Aligned rows with ``thigh.*``, maybe ``shank.*`` and ``left.force``, ``right.force``, ``both.force``.
    first_set
        Index of the first set.
    """

    def __init__(self, stage: Stage, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        self._stage = stage
        self._columns = columns_of(info)
        self._step_ns = round(NS_PER_S / info.rate_hz)
        sides = tuple(side for side in SIDES if side in self._columns.forces)
        self._judge = Judge(stage, first_set, sides, self._columns.shank is not None, True)
        window = round(stage.force.quiet_s * NS_PER_S / TICK_NS)
        memory = round(stage.force.zero_memory_s * NS_PER_S)
        self._zeros = {s: Zero(window, stage.force.quiet_spread_n, memory) for s in sides}
        self._force_columns = [(self._zeros[s], self._columns.forces[s]) for s in sides]
        self._history = History()
        self._poses = Poses(stage.pose)
        self._near_chord = chord2(stage.pose.near_deg)
        self._resting = False
        self._touched: int | None = None
        self._exc: Excursion | None = None
        self._noise = Noise()
        self._free_from = -(1 << 62)  # since ever: times may be negative
        self._t = 0
        self._angle: float | None = None
        self._phase = "rest"
        self._said_no_gyro = False

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
                beats.append(self._beat(t, len(out)))
        self.beats = beats
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        e = self._exc
        if e is not None:
            if e.eligible and (e.opened is not None or e.ended_at is not None):
                self._close(e, self._t, out, returned=False)
            elif e.eligible and e.peak >= self._stage.count.partial_least_deg:
                us = self._t // 1000
                out += self._judge.book.reject(e.since // 1000, us, us, Reason.UNFINISHED)
            self._exc = None
        self._flush_noise(self._t, out)
        out += self._judge.finish(self._t)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._judge.book.undo(t_us)

    def tared(self, side: Side, by_n: float) -> None:
        """A strap reads ``by_n`` less from now on."""
        if side in self._zeros:
            self._zeros[side].shift(by_n)

    def live(self) -> LiveState:
        """What a screen shows now."""
        book = self._judge.book
        forces = {
            side: zero.last - (zero.value or 0.0)
            for side, zero in self._zeros.items()
            if zero.last is not None
        }
        return LiveState(
            t_us=self._t // 1000,
            phase=self._phase,
            set_index=book.set_index if book.open else max(book.set_index, 0),
            reps=book.live_reps if book.open else 0,
            angle_deg=self._angle,
            tut_s=sum(rep.value("tut_s") or 0.0 for rep in book.reps) if book.open else None,
            force_left_n=forces.get("left"),
            force_right_n=forces.get("right"),
        )

    def _beat(self, t: int, events: int) -> Beat:
        """Without an angle in the start pose, and where the thigh's rows are missing."""
        e = self._exc
        if e is None:
            return Beat(t, events, None, None)
        return Beat(t, events, self._angle if self._t == t else None, e.since)

    # -- every 50 ms --------------------------------------------------------------------------------

    def _tick(self, t: int, row: list[float], out: list[Event]) -> None:
        at = self._columns.up
        ux, uy, uz = row[at], row[at + 1], row[at + 2]
        for zero, c in self._force_columns:
            zero.push(t, row[c])
        if ux != ux:
            return
        recent = self._poses.recent
        if recent and t - recent[-1][0] > 4 * TICK_NS:
            self._after_gap()
        self._t = t
        u = (ux, uy, uz)
        speed, quiet = self._poses.motion(t, u)
        if self._poses.home is None:
            # a recording may begin just before the first descent: the first still moment will do
            if quiet or (len(recent) >= 5 and speed < self._stage.pose.touch_deg_s):
                self._new_home(self._poses.middle, t, row, out)
            return
        if self._exc is None:
            self._at_home(t, u, row, speed, quiet, out)
        else:
            self._away(self._exc, t, u, speed, quiet, row, out)
        if not t % NS_PER_S:
            e = self._exc
            out += self._judge.tick(t, e is not None and e.eligible and e.peak > 0.0)
            keep = e.since if e is not None and e.eligible else t - 6 * NS_PER_S
            self._history.drop_before(keep - 4 * NS_PER_S)

    def _after_gap(self) -> None:
        """Rows were missing: no speed, no pose across it; an excursion under way is not sure any more."""
        self._poses.recent.clear()
        if self._exc is not None:
            self._exc.leans.clear()
            self._exc.unsure = True

    def _new_home(self, pose: Vector, t: int, row: list[float], out: list[Event]) -> None:
        self._poses.settle(pose)
        self._touched = t
        self._exc = None
        self._poses.remember_shank(pose, row, self._columns.shank)
        out.append(CalibrationDone(t_us=t // 1000, what="start pose"))
        if row[self._columns.rate] != row[self._columns.rate] and not self._said_no_gyro:
            self._said_no_gyro = True
            self._judge.without_gyroscope()
            out.append(QualityNoted(t_us=t // 1000, flag=Flag.NO_GYROSCOPE, detail="thigh"))

    def _at_home(
        self, t: int, u: Vector, row: list[float], speed: float, quiet: bool, out: list[Event]
    ) -> None:
        home = self._poses.home
        assert home is not None
        dx, dy, dz = u[0] - home[0], u[1] - home[1], u[2] - home[2]
        if dx * dx + dy * dy + dz * dz < self._near_chord:
            if speed < self._stage.pose.touch_deg_s:
                self._touched = t
            if quiet:
                self._rest(t, row, out)
            else:
                self._resting = False
            self._angle = 0.0
            return
        self._resting = False
        axis = unit(cross(home, u))
        if axis is None:
            return
        memory = round(self._stage.pose.touch_memory_s * NS_PER_S)
        touched = self._touched
        eligible = (
            touched is not None
            and t - touched <= memory
            and not self._poses.is_rest(home, self._judge.forward)
        )
        since = touched if touched is not None and eligible else t
        self._exc = Excursion(since=since, eligible=eligible, home=home, axis=axis, low_at=t)
        self._judge.departed()
        if eligible and self._judge.side_of(axis) in (0, 1):
            self._say(self._exc, "eccentric", t, out)

    def _rest(self, t: int, row: list[float], out: list[Event]) -> None:
        """A pose is held in the start pose: it is the start pose from now on."""
        self._poses.settle(self._poses.middle)
        if not self._resting:
            self._resting = True
            self._poses.remember_shank(self._poses.middle, row, self._columns.shank)
            self._flush_noise(t, out)
            out += self._judge.settled(t)

    # -- away from the start pose -------------------------------------------------------------------

    def _away(
        self,
        e: Excursion,
        t: int,
        u: Vector,
        speed: float,
        quiet: bool,
        row: list[float],
        out: list[Event],
    ) -> None:
        phi = e.go_on(t, u)
        self._angle = phi if self._judge.side_of(e.axis) != -1 else -phi
        e.touch(self._stage, t, phi, speed)
        if quiet:
            e.dwell = self._poses.middle
            e.dwell_since = t if e.dwell_since is None else e.dwell_since
            e.dwell_until = t
            if e.opened is None and self._is_start_pose(e, u):
                self._elsewhere(e, t, row, out)
                return
        elif e.dwell_since is not None and speed > 4.0:
            e.dwell_since = None
        if e.opened is None and speed < self._stage.pose.touch_deg_s and self._poses.back_upright(e.home, u):
            self._new_home(u, t, row, out)
            self._free_from = t
            return
        if abs(dot(u, e.axis)) > 0.6 or abs(phi) > self._stage.pose.most_deg:
            self._elsewhere(e, t, row, out)
            return
        if phi < -self._stage.pose.near_deg and e.opened is None and self._poses.leant_back(e.dwell):
            self._elsewhere(e, t, row, out)  # came from there, through what had been the start pose
            return
        if e.came_home(self._stage, t, phi, speed):
            self._close(e, t, out, returned=True)
            self._home_again(e, t, phi, u, out)
            return
        if e.eligible:
            self._follow(e, t, phi, row, out)
        elif e.dwell_since is not None and t - e.dwell_since > self._stage.pose.new_pose_s * NS_PER_S:
            self._elsewhere(e, t, row, out)

    def _is_start_pose(self, e: Excursion, u: Vector) -> bool:
        """Whether the pose held here is the start pose, a little shifted."""
        upright = self._poses.upright
        if upright is not None and angle_between(upright, u) < self._stage.pose.near_deg:
            return True
        small = e.peak < self._stage.count.partial_least_deg
        shift = max(self._stage.pose.shift_deg, self._stage.pose.lean_back_deg)
        in_set = self._judge.established and self._judge.book.open
        slipped = in_set and self._poses.tilted(u, self._judge.forward)
        return (small or not e.eligible or slipped) and e.peak < shift

    def _home_again(self, e: Excursion, t: int, phi: float, u: Vector, out: list[Event]) -> None:
        self._exc = None
        self._say(e, "rest", t, out)
        self._touched = t if e.eligible and phi > -self._stage.pose.near_deg else None
        if phi < -self._stage.pose.near_deg or phi > self._stage.pose.near_deg:
            axis = unit(cross(e.home, u))
            if axis is not None:
                self._judge.departed()
                # who comes up from the heels and goes down at once turns in the start pose
                since = self._turned_at(e, t, phi)
                if since is not None:
                    self._free_from = min(self._free_from, since - _SPEED_NS)
                self._exc = Excursion(
                    since=t if since is None else since,
                    eligible=since is not None,
                    home=e.home,
                    axis=axis,
                    low_at=t,
                )
                if since is not None and self._judge.side_of(axis) == 1:
                    self._say(self._exc, "eccentric", t, out)

    def _turned_at(self, e: Excursion, t: int, phi: float) -> int | None:
        """When the thigh was still for a moment in the start pose on its way through it, if it was."""
        if e.eligible and phi > 0.0:
            return t
        memory = round(self._stage.pose.touch_memory_s * NS_PER_S)
        resting = self._poses.is_rest(e.home, self._judge.forward)
        if e.touched is None or t - e.touched > memory or resting:
            return None
        return e.touched

    def _follow(self, e: Excursion, t: int, phi: float, row: list[float], out: list[Event]) -> None:
        """A candidate goes on."""
        count = self._stage.count
        phase = e.follow(t, phi)
        if phase in ("return", "rest"):
            deep = e.peak > e.judged + 3.0 and e.peak >= 0.8 * self._judge.usual.full_from()
            if e.opened is None and deep:
                e.judged = e.peak
                self._judge_down(e, t, out)
        # sitting back goes on and stops, too, but it is no eccentric
        if phase is not None and self._judge.side_of(e.axis) != -1:
            self._say(e, phase, t, out)
        if e.turned(self._stage, phi):
            self._turn(e, t, row, out)
            return
        waited = None if e.ended_at is None else t - e.ended_at
        if e.opened is not None:
            if waited is not None and waited > count.return_s * NS_PER_S:
                self._close(e, t, out, returned=False)
                self._exc = msgspec.structs.replace(e, eligible=False, opened=None, dwell_since=None)
        elif (
            e.dwell_since is not None
            and t - e.dwell_since > self._stage.pose.new_pose_s * NS_PER_S
            and (
                waited is None or waited > count.return_s * NS_PER_S or e.peak < self._judge.usual.full_from()
            )
        ):
            self._elsewhere(e, t, row, out)

    def _judge_down(self, e: Excursion, t: int, out: list[Event]) -> None:
        m = self._measure(e, t)
        if m is not None:
            e.opened, events = self._judge.down(m, t)
            out += events

    def _turn(self, e: Excursion, t: int, row: list[float], out: list[Event]) -> None:
        """Came up part of the way and goes down again: the next repetition."""
        self._close(e, e.low_at, out, returned=False, now=t)
        self._exc = Excursion(
            since=e.low_at,
            eligible=True,
            home=e.home,
            axis=e.axis,
            peak=e.peak,
            low=e.peak,
            low_at=t,
            leans=e.leans,
        )
        self._exc.peak = lean(e.home, e.axis, self._poses.recent[-1][1])
        self._exc.low = self._exc.peak

    def _elsewhere(self, e: Excursion, t: int, row: list[float], out: list[Event]) -> None:
        """It leads nowhere: a pose held here is the new start pose, and the excursion began there."""
        if e.opened is not None:
            self._close(e, t, out, returned=False)
        elif e.peak >= self._stage.count.partial_least_deg:
            self._noise.add(e.since, t)
        pose = e.dwell
        self._say(e, "rest", t, out)
        if pose is None:
            e.eligible, e.opened, e.dwell = False, None, None
            if abs(dot(self._poses.recent[-1][1], e.axis)) > 0.6:
                turned = unit(cross(e.home, self._poses.recent[-1][1]))
                self._exc = Excursion(
                    since=t, eligible=False, home=e.home, axis=turned or e.axis, low_at=t, leans=e.leans
                )
            else:
                e.peak = min(e.peak, self._stage.pose.most_deg - 1.0)
            return
        self._new_home(pose, t, row, out)
        now = self._poses.recent[-1][1]
        axis = unit(cross(pose, now))
        if axis is not None and angle_between(pose, now) > self._stage.pose.near_deg:
            # already on the way from there
            self._exc = Excursion(
                since=e.dwell_until,
                eligible=not self._poses.is_rest(pose, self._judge.forward),
                home=pose,
                axis=axis,
                low_at=t,
            )

    # -- ends ---------------------------------------------------------------------------------------

    def _close(
        self, e: Excursion, t: int, out: list[Event], *, returned: bool, now: int | None = None
    ) -> None:
        """An excursion is over at ``t``."""
        now = t if now is None else now
        small = e.peak < self._stage.count.partial_least_deg
        if e.opened is None and (small or not e.eligible or t - e.since < NS_PER_S // 2):
            if not small:
                self._noise.add(e.since, t)
            self._free_from = t
            return
        m = self._measure(e, t)
        if m is None and e.opened is not None:
            m = e.opened.measured
        if m is None:
            self._noise.add(e.since, t)
            return
        self._flush_noise(now, out)
        seen = returned and m.back_end is not None
        counted = self._judge.counted
        shifted = self._poses.shifted(e.home, self._judge.forward)
        rested = seen and self._touching(e)
        out += self._judge.done(
            m, e.opened, now, returned=seen, rested=rested, swung=e.swung, unsure=e.unsure
        )
        if e.opened is not None or self._judge.counted > counted:
            self._poses.learn_upright(e.home, anew=shifted)
        # a soft end may be later than now: what comes next begins after it
        self._free_from = m.t0 + round(m.end * NS_PER_S)
        e.opened = None

    def _touching(self, e: Excursion) -> bool:
        """Whether the way back has ended in the start pose, and not gone through it."""
        return not e.leans or e.leans[-1] > -self._stage.pose.near_deg

    def _measure(self, e: Excursion, t: int) -> Measured | None:
        begin = max(e.since - 7 * NS_PER_S // 2, self._free_from)
        rows, x = self._history.rows(begin, t)
        zeros = {side: zero.value for side, zero in self._zeros.items() if zero.value is not None}
        self._judge.zeros = all(zero.sure(t) for zero in self._zeros.values())
        upright = self._poses.upright if self._poses.known else None
        shifted = upright is None or self._poses.shifted(e.home, self._judge.forward)
        home = e.home if upright is None or shifted else upright
        m = measure(
            rows,
            x,
            home=home,
            since_ns=e.since,
            columns=self._columns,
            step_ns=self._step_ns,
            rule=self._stage.phases,
            breaks=self._stage.fall,
            zeros=zeros,
            kneeling=self._poses.kneeling(),
            slope=self._stage.slope,
            first=self._poses.first,
            by_legs=self._stage.back_by == "legs",
            falls=self._stage.falls,
            usual_deg=self._judge.usual.end,
        )
        forward = self._judge.forward
        if m is None or upright is None or forward is None or not shifted:
            return m
        # about the same axis it sat further back; about another one the sensor was put on again
        if dot(forward, m.axis) > _SAME_AXIS and abs(dot(upright, m.axis)) < _ACROSS:
            m.reach += min(lean(upright, m.axis, home), 0.0)
        return m

    def _flush_noise(self, t: int, out: list[Event]) -> None:
        noise = self._noise.take()
        if noise is not None:
            start, end, reason = noise
            out += self._judge.book.reject(start // 1000, end // 1000, t // 1000, reason)

    def _say(self, e: Excursion, phase: str, t: int, out: list[Event]) -> None:
        """Tell the live phase when it changes."""
        if phase == self._phase or (phase != "rest" and not e.eligible):
            return
        self._phase = phase
        book = self._judge.book
        index = book.set_index if book.open else book.set_index + 1
        out.append(PhaseChanged(t_us=t // 1000, phase=phase, set_index=index))  # type: ignore[arg-type]
