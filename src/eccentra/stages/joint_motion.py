"""The run of a joint exercise: trials from every resting pose, the first one to come back has it.

A set-up leads from pose to pose and never back; a repetition comes back to the pose it left. Holds at the far
end are resting poses too, and seen from there the movement comes back as well, but later: once a repetition
is found from one pose, the other trials are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from eccentra.events import CalibrationDone, Event, Flag, PhaseChanged, QualityNoted, Reason, RepRejected
from eccentra.samples import NS_PER_S, Block, StreamInfo
from eccentra.stages.history import History
from eccentra.stages.inclination import Vector
from eccentra.stages.joint import Stage
from eccentra.stages.joint_grid import columns_of
from eccentra.stages.joint_judge import Judge
from eccentra.stages.joint_measure import Measured, measure
from eccentra.stages.joint_trial import Seen, Trial
from eccentra.stages.live import Beat, LiveState
from eccentra.stages.stillness import TICK_NS, Stillness, chord2

__all__ = ["MotionRun"]

# Rows before the last moment in the start pose: noise of the rest, and soft starts. A slow stroke of a small
# range stays near its start pose for up to 45 % of its time, and the way back may be quicker.
_BEFORE_NS = 7 * NS_PER_S // 2
_BEFORE_SHARE = 0.6
_LONGEST_BEFORE_NS = 7 * NS_PER_S
# A way back that fades out is waited for while its shape says that it goes on, for up to this share of the
# repetition; less than this is known of no end.
_OPEN_SHARE = 0.15
_OPEN_S = 0.1


class _Waiting(msgspec.Struct, frozen=True):
    """A movement that came back and will have ended at ``until``, with what its measure needs."""

    trial: Trial
    seen: Seen
    homes: dict[str, Vector]
    free_from: int
    until: int
    latest: int


class MotionRun:
    """State of the run.

    Parameters
    ----------
    stage
        Parameters.
    info
        Aligned rows.
    first_set
        Index of the first set.
    """

    def __init__(self, stage: Stage, info: StreamInfo, first_set: int) -> None:
        self.beats: list[Beat] = []
        self._columns = columns_of(info)
        self._rule_at = _best_angle(stage, set(self._columns.up))
        self._followed = stage.followed(self._rule_at)
        self._stage = stage = stage.by(self._rule_at)
        self._first = stage.angles[self._rule_at].segments[0]
        self._at = self._columns.up[self._first]
        self._others = tuple(s for s in self._columns.up if s != self._first)
        self._step_ns = round(NS_PER_S / info.rate_hz)
        self._most_deg = min(stage.count.over_share * _largest(stage, self._rule_at) + 10.0, 175.0)
        self._still = Stillness(stage.pose.quiet_s, stage.pose.quiet_deg)
        self._recent: deque[tuple[Vector | None, ...]] = deque(maxlen=self._still.recent.maxlen)
        self._judge = Judge(stage, self._rule_at, first_set)
        self._history = History()
        self._trials: list[Trial] = []
        self._noise: list[int] | None = None
        self._waiting: list[_Waiting] = []
        self._t = 0
        self._phase = "rest"
        self._angle: float | None = None
        self._since: int | None = None
        self._away = False
        self._said_no_gyro = False
        self._said_pose = False

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
                beats.append(
                    Beat(t, len(out), self._angle if self._t == t and self._away else None, self._since)
                )
        self.beats = beats
        return out

    def finish(self) -> Sequence[Event]:
        """Decide what is open."""
        out: list[Event] = []
        self._take_waiting(self._t, out, last=True)
        for trial in self._trials:
            if trial.away and trial.eligible and trial.phi <= self._stage.count.home_share * trial.peak:
                seen = Seen("back", trial.since, self._t, trial.peak, True, trial.unsure)
                if self._take(trial, seen, self._t, out):
                    break
        else:
            trial_open = next((one for one in self._trials if one.proven and one.away and one.eligible), None)
            if trial_open is not None and trial_open.peak >= self._judge.partial_from():
                us = self._t // 1000
                out += self._judge.book.reject(trial_open.since // 1000, us, us, Reason.UNFINISHED)
        self._flush_noise(self._t, out)
        out += self._judge.finish(self._t)
        return out

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._judge.book.undo(t_us)

    def live(self) -> LiveState:
        """What a screen shows now."""
        book = self._judge.book
        return LiveState(
            t_us=self._t // 1000,
            phase=self._phase,
            set_index=book.set_index,
            reps=book.live_reps if book.open else 0,
            angle_deg=self._angle,
            tut_s=sum(rep.value("tut_s") or 0.0 for rep in book.reps) if book.open else None,
        )

    # -- every 50 ms --------------------------------------------------------------------------------

    def _tick(self, t: int, row: list[float], out: list[Event]) -> None:
        at = self._at
        u = (row[at], row[at + 1], row[at + 2])
        if u[0] != u[0]:
            return
        still = self._still
        if still.recent and t - still.recent[-1][0] > 4 * TICK_NS:
            # rows were missing: no speed, no pose across it; a movement under way is not sure any more
            still.clear()
            self._recent.clear()
            for trial in self._trials:
                trial.unsure = trial.away
        self._t = t
        self._recent.append(tuple(_vector(row, self._columns.up[s]) for s in self._others))
        speed, quiet = still.motion(t, u)
        self._check_gyroscope(row, t, out)
        begins = not self._trials and len(still.recent) >= 5 and speed < self._stage.pose.touch_deg_s
        if quiet or begins:
            self._rest(t, u, out)
        for trial in list(self._trials):
            seen = trial.step(t, u, speed)
            if seen is not None:
                self._take(trial, seen, t, out)
        if self._waiting and t >= min(one.until for one in self._waiting):
            self._take_waiting(t, out)
        self._show(t, out)
        if not t % NS_PER_S:
            self._every_second(t, out)

    def _every_second(self, t: int, out: list[Event]) -> None:
        least = self._judge.partial_from()
        known = any(one.proven for one in self._trials)
        going = [
            one.since
            for one in self._trials
            if (one.proven or not known) and one.away and one.eligible and one.peak >= least
        ]
        waiting = [one.seen.since for one in self._waiting]
        out += self._judge.tick(t, min((*going, *waiting), default=None))
        begun = [trial.since for trial in self._trials if trial.away and trial.eligible]
        oldest = min((*begun, *waiting), default=t)
        self._history.drop_before(min(oldest, t) - _LONGEST_BEFORE_NS - 5 * NS_PER_S)

    def _rest(self, t: int, u: Vector, out: list[Event]) -> None:
        """A pose is held: known ones follow it, a new one is remembered."""
        middle, lasting = self._still.middle, self._still.lasting
        others = self._recent[len(self._recent) // 2]
        known = False
        for trial in list(self._trials):
            if trial.is_near(u) and trial.is_near(middle):
                if known and not trial.away and not trial.proven:
                    self._trials.remove(trial)  # poses that have become one
                    continue
                # who rests near a pose is in it, unless a movement from there is just coming back; who rests
                # for long, and was not far from it, is in it all the same
                small = trial.peak < self._followed.partial_least_deg
                here = not (trial.away and trial.eligible) or (lasting and small)
                known = known or here
                if here:
                    trial.settle(middle, others, t, lasting=lasting)
        for trial in self._trials:
            trial.rested_away = trial.away
        if known or any(trial.is_near(middle) for trial in self._trials):
            return
        self._add_trial(middle, others, t)
        if not self._said_pose:
            self._said_pose = True
            out.append(CalibrationDone(t_us=t // 1000, what="start pose"))

    def _check_gyroscope(self, row: list[float], t: int, out: list[Event]) -> None:
        if (
            not self._said_no_gyro
            and row[self._columns.rate[self._first]] != row[self._columns.rate[self._first]]
        ):
            self._said_no_gyro = True
            out.append(QualityNoted(t_us=t // 1000, flag=Flag.NO_GYROSCOPE, detail=self._first))

    # -- a trial has seen something -----------------------------------------------------------------

    def _take(self, trial: Trial, seen: Seen, t: int, out: list[Event]) -> bool:
        """Measure what it was and have it judged, at its end; whether it may be a repetition."""
        small = seen.peak < self._followed.partial_least_deg - 5.0
        if seen.what == "lost" or small:
            if not small and seen.eligible and trial.proven:
                self._add_noise(seen.since, seen.until)
            return False
        homes = self._homes(trial)
        m = self._measure(seen, homes, trial.free_from) if seen.eligible else None
        if m is None:
            if trial is self._trials[-1] or trial.proven or seen.eligible:
                self._add_noise(seen.since, seen.until)
            return False
        nearer = seen.low - self._stage.count.same_deg
        others = [one for one in self._trials if one is not trial and one.away and one.eligible]
        seen = msgspec.structs.replace(
            seen,
            contested=any(one.low < nearer for one in others),
            inside=any(one.proven and one.since < seen.since for one in others),
        )
        until = t + round(m.open_s * NS_PER_S) if seen.rested else t
        if until > t or self._waiting:
            # what comes meanwhile keeps its turn
            until = max(until, self._waiting[-1].until if self._waiting else t)
            latest = max(t + round(_OPEN_SHARE * (t - seen.since)), until)
            self._waiting.append(_Waiting(trial, seen, homes, trial.free_from, until, latest))
            trial.free_from = t
        else:
            self._judged(trial, seen, m, t, out)
        return True

    def _take_waiting(self, t: int, out: list[Event], *, last: bool = False) -> None:
        """The ends waited for are there, or nothing more comes (``last``)."""
        waiting, self._waiting = self._waiting, []
        for k, one in enumerate(waiting):
            m = self._measure(one.seen, one.homes, one.free_from)
            if m is not None and m.open_s > _OPEN_S and t < one.latest and not last:
                until = min(t + round(m.open_s * NS_PER_S), one.latest)
                later = (msgspec.structs.replace(each, until=max(each.until, until)) for each in waiting[k:])
                self._waiting = list(later)
                return
            if m is None:
                self._add_noise(one.seen.since, one.seen.until)
            else:
                self._judged(one.trial, one.seen, m, t, out)

    def _judged(self, trial: Trial, seen: Seen, m: Measured, t: int, out: list[Event]) -> None:
        trial.free_from = min(m.t0 + round(m.end * NS_PER_S), t)
        self._flush_noise(t, out)
        events = self._judge.done(m, t, seen, trial)
        out += events
        if any(isinstance(e, RepRejected) and e.reason is Reason.WRONG_DIRECTION for e in events):
            self._start_from_far(m)
        self._follow_leader()

    def _follow_leader(self) -> None:
        """The pose from which repetitions count; the only one to be followed once that is sure."""
        leader = self._judge.leader
        for one in self._trials:
            one.proven = one is leader
        if leader is not None and leader in self._trials and self._judge.sure:
            self._trials = [leader]

    def _homes(self, trial: Trial) -> dict[str, Vector]:
        """Where "up" is in the frames of the worn sensors in a trial's start pose."""
        homes: dict[str, Vector] = {self._first: trial.home}
        for segment, home in zip(self._others, trial.others, strict=True):
            if home is not None:
                homes[segment] = home
        return homes

    def _measure(self, seen: Seen, homes: dict[str, Vector], free_from: int) -> Measured | None:
        usual = max(seen.since - _BEFORE_NS, free_from)
        before = min(round(_BEFORE_SHARE * (self._t - seen.since)), _LONGEST_BEFORE_NS)
        begin = max(seen.since - before, free_from)
        begin = self._in_pose_from(begin, usual, homes[self._first]) if begin < usual else usual
        rows, x = self._history.rows(begin, self._t)
        return measure(
            rows,
            x,
            stage=self._stage,
            rule_at=self._rule_at,
            columns=self._columns,
            homes=homes,
            since_ns=max(seen.since, begin),
            step_ns=self._step_ns,
        )

    def _in_pose_from(self, begin: int, end: int, home: Vector) -> int:
        """Since when, at most since ``begin``, the person stayed near this pose until ``end``, ns."""
        rows, x = self._history.rows(begin, end)
        if not len(rows):
            return end
        off = x[:, self._at : self._at + 3] - home
        off *= off
        away = (off[:, 0] + off[:, 1] + off[:, 2] > chord2(self._stage.pose.near_deg)).nonzero()[0]
        return min(int(rows[away[-1]]) + self._step_ns, end) if len(away) else begin

    def _start_from_far(self, m: Measured) -> None:
        """The movement was seen from its far end: where it turned around is the start pose."""
        at = m.t0 + round((m.start + m.away_s) * NS_PER_S)
        rows, x = self._history.rows(at - TICK_NS, at + TICK_NS)
        if not len(rows):
            return
        row = x[len(rows) // 2].tolist()
        home = _vector(row, self._at)
        if home is None or any(trial.is_near(home) for trial in self._trials):
            return
        others = tuple(_vector(row, self._columns.up[s]) for s in self._others)
        self._add_trial(home, others, int(rows[len(rows) // 2]))

    def _add_trial(self, home: Vector, others: tuple[Vector | None, ...], t: int) -> None:
        pose = self._stage.pose
        self._trials.append(Trial(home, others, t, pose, self._followed, self._most_deg))
        if len(self._trials) > pose.most_poses:
            # one that nothing can come back to any more, or that was left longest ago
            gone = min((one for one in self._trials if not one.proven), key=lambda one: one.left_at(t))
            self._trials = [one for one in self._trials if one is not gone]

    def _add_noise(self, start: int, end: int) -> None:
        """A movement that is no candidate; many in a row are told as one."""
        if self._noise is None:
            self._noise = [start, end, 1]
        else:
            self._noise[1] = end
            self._noise[2] += 1

    def _flush_noise(self, t: int, out: list[Event]) -> None:
        noise, self._noise = self._noise, None
        if noise is not None:
            start, end, swings = noise
            walking = swings >= 4 and (end - start) / swings < 2 * NS_PER_S
            reason = Reason.WALKING if walking else Reason.SETUP
            self._judge.other(start // 1000, end // 1000)
            out += self._judge.book.reject(start // 1000, end // 1000, t // 1000, reason)

    def _show(self, t: int, out: list[Event]) -> None:
        """Tell the live phase when it changes."""
        trial = next((one for one in self._trials if one.proven), self._trials[-1] if self._trials else None)
        if trial is None:
            return
        self._angle = trial.phi if trial.away else 0.0
        self._away = trial.away
        self._since = trial.since if trial.away and trial.eligible else None
        names = {
            "rest": "rest",
            "first": self._stage.first,
            "stop": "isometric",
            "second": self._stage.second,
        }
        phase = names[trial.phase]
        if not trial.proven and not self._judge.book.open and phase != self._stage.first:
            phase = "rest"
        if phase == self._phase:
            return
        self._phase = phase
        book = self._judge.book
        index = book.set_index if book.open else book.set_index + 1
        out.append(PhaseChanged(t_us=t // 1000, phase=phase, set_index=index))  # type: ignore[arg-type]


def _vector(row: list[float], at: int) -> Vector | None:
    x = row[at]
    return None if x != x else (x, row[at + 1], row[at + 2])


def _largest(stage: Stage, rule_at: int) -> float:
    return stage.angles[rule_at].rom.max


def _best_angle(stage: Stage, worn: set[str]) -> int:
    for k, rule in enumerate(stage.angles):
        if set(rule.segments) <= worn:
            return k
    wanted = " or ".join(" + ".join(rule.segments) for rule in stage.angles)
    raise ValueError(f"rows have motion of {sorted(worn)}, expected {wanted}")
