"""Live cues: what is told to the person while exercising, as events with a stated decision delay.

The run watches the exercise's stage: its moments (:class:`~eccentra.stages.live.Beat`, every 50 ms) with the
events decided by then, and the aligned rows. It never looks at blocks, so cutting streams otherwise changes
no cue. What comes from outside the samples (a report, a lost sensor) is told to :meth:`CueRun.told`.

Nobody is corrected for getting into position: while no set is open, a warning waits until its movement
counts as a repetition, and is forgotten when it is refused or the next movement begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from eccentra.catalogue import Tempo
from eccentra.events import (
    CueGiven,
    CueId,
    CueSeverity,
    Event,
    FaultId,
    PhaseChanged,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    Reported,
    RepRejected,
    SensorLost,
    SetCompleted,
    SetStarted,
)
from eccentra.samples import Block, StreamInfo
from eccentra.stages.cue_hip import HipWatch
from eccentra.stages.cue_pacer import Pacer, word
from eccentra.stages.cue_range import Range, Usual
from eccentra.stages.cue_rules import Aim, CueRules
from eccentra.stages.cue_stops import SetWatch, Stop
from eccentra.stages.cue_stroke import Course, Stroke
from eccentra.stages.live import Beat, LiveState

__all__ = ["CueRun"]

_SHOWN_US = 5_000_000
_MOVING = ("eccentric", "concentric")


class CueRun:
    """State of the cues of one run of an exercise.

    Parameters
    ----------
    rules
        Parameters.
    info
        Aligned rows.
    usual
        What the exercise's record says.
    tempo, aim
        What is prescribed.
    """

    def __init__(
        self, rules: CueRules, info: StreamInfo, usual: Usual, tempo: Tempo | None, aim: Aim
    ) -> None:
        self._rules = rules
        self._tempo = tempo or Tempo()
        self._range = Range(usual, rules.too_fast, self._tempo)
        self._aim = aim
        self._course = Course()
        self._pacer = Pacer(self._tempo, rules.pace)
        self._hip = HipWatch.of(rules.hip, info)
        self._set = SetWatch(rules.stop)
        self._open = False
        self._set_index: int | None = None
        self._reps: set[int] = set()
        self._phase = "rest"
        self._left: int | None = None
        self._stroke: Stroke | None = None
        self._stopped_in: tuple[str, Stroke] | None = None
        self._reached = False
        self._severe: set[str] = set()
        self._fell_deg: float | None = None
        self._of_rep: dict[int, set[str]] = {}
        self._fallen: set[int] = set()
        self._told_live: set[str] = set()
        self._held: list[CueGiven] = []
        self._given: dict[str, int] = {}
        self._last: CueGiven | None = None
        self._now = 0
        self._out: list[tuple[int, Event]] = []

    # -- what is seen ---------------------------------------------------------------------------------

    def see(self, rows: Block, beats: Sequence[Beat], events: Sequence[Event]) -> Sequence[tuple[int, Event]]:
        """Take what the stage made of aligned rows; gives cues, each with its moment in ns."""
        self._out = []
        done = 0
        for beat in beats:
            if beat.events > done:
                self._now = beat.t
                self._hear(events[done : beat.events], beat)
                done = beat.events
            self._beat(beat, rows)
        return self._out

    def told(self, event: Event) -> list[Event]:
        """Take an event that comes from outside the samples."""
        self._out = []
        now_us = event.t_us
        if isinstance(event, Reported):
            self._report(event)
        elif isinstance(event, SensorLost):
            if self._aim.test == "maximal" and self._open:
                text = "Pause. A sensor is lost."
                self._stop((CueId.STOP_SENSOR_LOST, text), now_us, now_us)
        elif isinstance(event, RepAmended):
            self._take_back(event)
        return [cue for _, cue in self._out]

    def show(self, state: LiveState) -> LiveState:
        """The screen's state, with the last cue and the pacer."""
        recent = self._last is not None and state.t_us - self._last.decided_us < _SHOWN_US
        return msgspec.structs.replace(
            state,
            cue=self._last.text if recent and self._last is not None else "",
            pace=self._pacer.word,
            pace_s=self._pacer.elapsed_s(state.t_us * 1000),
            pace_of_s=self._pacer.wanted_s,
        )

    # -- events of the stage --------------------------------------------------------------------------

    def _hear(self, events: Iterable[Event], beat: Beat) -> None:
        counted: RepCounted | None = None
        for event in events:
            match event:
                case PhaseChanged():
                    self._change_phase(event.phase, beat)
                case SetStarted():
                    self._begin_set(event.set_index)
                case RepCounted():
                    counted = event
                    self._count(event)
                case RepCompleted(rep=rep):
                    self._complete(rep)
                case RepAmended():
                    self._take_back(event)
                case RepRejected():
                    self._held = [one for one in self._held if not event.start_us <= one.t_us <= event.end_us]
                case SetCompleted():
                    self._open = False
                    self._set = SetWatch(self._rules.stop)
                case _:
                    pass
        if counted is not None:
            # repetitions that were recognised late come together: the last number is enough
            self._say_count(counted)

    def _begin_set(self, index: int) -> None:
        self._open, self._set_index = True, index
        self._reps, self._of_rep, self._fallen = set(), {}, set()
        self._set = SetWatch(self._rules.stop)

    def _count(self, event: RepCounted) -> None:
        self._reps.add(event.index)
        self._of_rep[event.index], self._severe = self._severe, set()
        at, self._fell_deg = self._fell_deg, None
        control = self._rules.control
        fell = control is not None and at is not None and at < control.stop_before_deg
        if at is not None:
            self._fallen.add(event.index)
        held, self._held = self._held, []
        for cue in held:
            self._give(msgspec.structs.replace(cue, decided_us=self._now // 1000, index=event.index))
        self._stop(self._set.counted(event.index, fell=fell), event.t_us, None, event.index)

    def _say_count(self, event: RepCounted) -> None:
        done = len(self._reps)
        self._say(CueId.REP_COUNTED, "info", word(done).capitalize() + ".", event.t_us, index=event.index)
        if self._aim.reps is not None and done == self._aim.reps:
            self._say(CueId.TARGET_REPS, "info", "Target reached.", event.t_us, index=event.index)

    def _complete(self, rep: Repetition) -> None:
        self._range.completed(rep.value("rom_deg"))
        severe = self._of_rep.pop(rep.index, set())
        severe |= {fault.id.value for fault in rep.faults if fault.severity == "severe"}
        control = self._rules.control
        point = rep.break_point
        fell = control is not None and point is not None and point.lean_deg < control.stop_before_deg
        told = rep.index in self._fallen or control is None
        if control is not None and point is not None and not told and point.lean_deg < control.most_deg:
            self._warn(CueId.CONTROL_LOST, "Control lost.", point.t_us, index=rep.index)
        stop = self._set.completed(rep, severe, fell=fell)
        self._stop(stop, rep.end_us, None, rep.index)
        self._say_faults(rep)

    def _say_faults(self, rep: Repetition) -> None:
        """The worst fault of the repetition that was not told in its stroke."""
        live, self._told_live = self._told_live, set()
        for severity in ("severe", "warning"):
            for fault in rep.faults:
                if fault.severity == severity and fault.cue and fault.id.value not in live:
                    self._set.said(fault.id.value, rep.index)
                    key = f"{CueId.TECHNIQUE.value}:{fault.id.value}"
                    self._warn(CueId.TECHNIQUE, fault.cue, rep.end_us, index=rep.index, key=key)
                    return

    def _take_back(self, event: RepAmended) -> None:
        if not event.counted and event.set_index == self._set_index:
            self._reps.discard(event.index)
            self._set.taken_back(event.index)

    # -- the movement while it happens ----------------------------------------------------------------

    def _change_phase(self, phase: str, beat: Beat) -> None:
        before, self._phase = self._phase, phase
        start, angle = beat.t, beat.angle_deg
        kept, self._stroke = self._stroke, None
        points = self._course.points
        if phase == "isometric" and kept is not None:
            self._stopped_in = (before, kept)
        elif before == "isometric" and self._stopped_in is not None and self._stopped_in[0] == phase:
            # a stop on the way, or the turn-around: the same stroke goes on
            self._stroke = self._stopped_in[1]
            return
        if phase == "rest" and beat.since is not None and kept is not None:
            self._stopped_in = (before, kept)
        stopped, away = self._stopped_in, beat.since is not None and beat.since == self._left
        if before == "rest" and away and stopped is not None and stopped[0] == phase:
            # a stop, of which the stage tells a rest away from the start pose
            self._stroke = stopped[1]
            self._pacer.begin(phase, stopped[1].start_ns)
            return
        left, self._left = self._left, beat.since
        fresh = before == "rest" if beat.since is None else phase != "rest" and beat.since != left
        if beat.since is not None and (fresh or before == "rest"):
            start = beat.since
            if phase in _MOVING:
                self._stroke = Stroke(start, 0.0)
        elif phase in _MOVING and points and angle is not None:
            start, origin = self._course.began()
            self._stroke = Stroke(start, origin)
        elif phase == "isometric" and points:
            start = self._course.still_since()
        if fresh:
            self._reached, self._fell_deg, self._severe = False, None, set()
            self._range.begin(0.0 if beat.since is not None or angle is None else angle)
            self._stopped_in, self._held = None, []
            if self._hip is not None:
                self._hip.begin(start)
        if phase == "rest" and self._hip is not None:
            self._hip.end()
        self._pacer.begin(phase, start)

    def _move_on(self, beat: Beat) -> None:
        """The movement ended, or another one began, and the stage's phase did not change with it."""
        if beat.since is not None:
            phase, self._phase = self._phase, "rest"
            self._change_phase(phase, beat)
            return
        self._left, self._stroke, self._held = None, None, []
        self._pacer.begin("rest", beat.t)
        if self._hip is not None:
            self._hip.end()

    def _beat(self, beat: Beat, rows: Block) -> None:
        t, angle = beat.t, beat.angle_deg
        self._now = t
        if self._phase != "rest" and beat.since != self._left:
            self._move_on(beat)
        if self._hip is not None:
            self._watch_hip(self._hip, t, rows)
        if angle is not None:
            self._course.points.append((t, angle))
            if self._phase != "rest":
                self._range.see(angle)
                self._watch_range(t, angle)
                if self._stroke is not None and self._phase == "eccentric":
                    self._watch_stroke(self._stroke, t, angle)
        if self._phase != "rest":
            self._pace(t)

    def _pace(self, t: int) -> None:
        found = self._pacer.step(t)
        if found is None or self._set.stopped:
            return
        cue, text, at = found
        long_hold = self._phase == "isometric" and cue is not CueId.PACE_COUNT
        if long_hold and (self._tempo.isometric or 0.0) >= self._rules.pace.every_second_s:
            self._say(CueId.TARGET_HOLD, "info", f"Target reached. {text.capitalize()}.", at // 1000)
            return
        self._say(cue, "pace", text, at // 1000)

    def _watch_range(self, t: int, angle: float) -> None:
        wanted = self._aim.rom_target_deg
        if wanted is not None and not self._reached and angle * self._range.scale >= wanted:
            self._reached = True
            self._say(CueId.TARGET_RANGE, "info", "Range reached.", t // 1000, hold=True)

    def _watch_stroke(self, stroke: Stroke, t: int, angle: float) -> None:
        control = self._rules.control
        if control is not None:
            since = stroke.lost_control(t, self._course, control)
            if since is not None:
                self._fell_deg = stroke.fell_deg
                self._warn(CueId.CONTROL_LOST, "Control lost.", since // 1000)
                return
        full = self._range.full_deg()
        limit = self._range.fastest(full)
        if limit is not None and stroke.too_fast(t, angle, self._rules.too_fast, limit, full):
            self._warn(CueId.TOO_FAST, "Slower.", t // 1000, fault=FaultId.FAST_ECCENTRIC)

    def _watch_hip(self, hip: HipWatch, t: int, rows: Block) -> None:
        since = hip.step(t, rows)
        if self._phase != "eccentric":
            return
        if since is not None:
            self._warn(CueId.HIP_BENDING, "Hips forward.", since // 1000, fault=FaultId.HIP_BENT)
        if self._rules.hip is not None and hip.most_deg > self._rules.hip.severe_deg:
            self._severe.add(FaultId.HIP_BENT.value)

    # -- reports --------------------------------------------------------------------------------------

    def _report(self, event: Reported) -> None:
        limits = self._aim.pain_limits
        most = self._rules.stop.pain if limits is None or limits.stop is None else limits.stop
        if event.red_flag is not None:
            text = "Stop. Do not go on. Contact your clinician."
            self._stop((CueId.STOP_RED_FLAG, text), event.t_us, event.t_us, again=True)
        elif event.pain is not None and event.pain > most and event.when != "next_morning":
            text = "Stop the set. Pain is above your limit."
            self._stop((CueId.STOP_PAIN, text), event.t_us, event.t_us, again=True)

    # -- saying it ------------------------------------------------------------------------------------

    def _warn(
        self,
        cue: CueId,
        text: str,
        t_us: int,
        *,
        index: int | None = None,
        key: str | None = None,
        fault: FaultId | None = None,
    ) -> None:
        """A warning: once in a while, and in a movement that counts."""
        key = key or cue.value
        before = self._given.get(key)
        if before is not None and self._now // 1000 - before < self._rules.again_s * 1e6:
            return
        self._given[key] = self._now // 1000
        if index is None and self._open:
            index = max(self._reps, default=0) + 1
        if fault is not None:
            self._told_live.add(fault.value)
            self._set.said(fault.value, index or 1)
        self._say(cue, "warning", text, t_us, index=index, hold=True)

    def _stop(
        self,
        stop: Stop | None,
        t_us: int,
        now_us: int | None,
        index: int | None = None,
        *,
        again: bool = False,
    ) -> None:
        """A stop rule holds; each speaks once a set, reports always."""
        if stop is None:
            return
        cue, text = stop
        if not self._set.tell_once(cue) and not again:
            return
        self._held = []
        now_us = self._now // 1000 if now_us is None else now_us
        self._give(self._made(cue, "stop", text, t_us, now_us, index))

    def _say(
        self,
        cue: CueId,
        severity: CueSeverity,
        text: str,
        t_us: int,
        *,
        index: int | None = None,
        hold: bool = False,
    ) -> None:
        if self._open and self._set.stopped:
            return
        made = self._made(cue, severity, text, t_us, self._now // 1000, index)
        if hold and not self._open:
            self._held.append(made)
        else:
            self._give(made)

    def _made(
        self, cue: CueId, severity: CueSeverity, text: str, t_us: int, now_us: int, index: int | None
    ) -> CueGiven:
        number = self._set_index if self._open else None
        return CueGiven(
            t_us=t_us, decided_us=now_us, cue=cue, severity=severity, text=text, set_index=number, index=index
        )

    def _give(self, cue: CueGiven) -> None:
        if self._open and cue.set_index is None:
            cue = msgspec.structs.replace(cue, set_index=self._set_index)
        self._last = cue
        self._out.append((self._now, cue))
