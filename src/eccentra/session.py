"""The loop: inputs in, numbered events out. Live, replay, recovery and tests all come through here.

:meth:`Session.feed` is the only door. :meth:`Session.feed_many` takes many inputs at once and puts packets
of one sensor together before they reach the stages, which is what makes replay fast; it gives the same
events in the same order, because stages are cut invariant and everything that is not samples is handled at
its own place in the order of inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from eccentra.catalogue import Person, Tempo
from eccentra.errors import InputError
from eccentra.events import (
    CalibrationFailed,
    CalibrationNeeded,
    Event,
    ExerciseChanged,
    Flag,
    Marked,
    Numbered,
    QualityNoted,
    RepAmended,
    RepCompleted,
    RepCounted,
    Reported,
    SensorConnected,
    SensorGap,
    SensorLost,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    SetCompleted,
    Tared,
)
from eccentra.exercises import Exercise
from eccentra.inputs import (
    ClockPair,
    Command,
    Connected,
    Input,
    Lost,
    Packet,
    Prescribed,
    Resumed,
    Tick,
    Written,
)
from eccentra.intake import Intake, LinkHealth, malformed
from eccentra.pipeline import Pipeline
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S, Block, Floats, Times
from eccentra.stages import LiveState
from eccentra.stages.cue_rules import Aim, aim_of
from eccentra.taps import ASK, TapWatch
from eccentra.walltime import rfc3339

__all__ = ["Header", "LinkHealth", "Session", "Settings"]

_SILENT_NS = NS_PER_S // 2
# A strap that nobody touches is quieter within a second: noise and sway of what hangs on it.
_TARE_SPREAD_N = 10.0
# A bound on memory while packets are put together; far above what arrives between two ticks.
_MOST_WAITING = 1 << 14


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for a whole session beside sensors and exercise.

    Attributes
    ----------
    body_mass_kg
        Body mass, when known.
    lever_arm_m
        From the knee's axis to the centre of the ankle strap, when measured; torques need it.
    idle_end_s
        A session without a repetition for so long ends by itself; ``None`` for recordings made elsewhere.
    athlete
        Pseudonym of the person.
    load
        Load that was prescribed or typed in, in words.
    noted
        Sensors whose data are known to have a circumstance that a reader should know, and which.
    """

    body_mass_kg: float | None = None
    lever_arm_m: float | None = None
    idle_end_s: float | None = 1200.0
    athlete: str | None = None
    load: str | None = None
    noted: tuple[tuple[str, Flag], ...] = ()


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything besides its inputs that a session's result depends on."""

    session: str
    exercise: Exercise
    sensors: tuple[SensorSetup, ...]
    software: str
    settings: Settings = Settings()


class Session:
    """One session.

    Parameters
    ----------
    header
        Sensors, exercise and settings.

    Raises
    ------
    InputError
        When the exercise cannot be measured with these sensors, or a setting is impossible.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self._tempo: Tempo | None = None
        self._aim = Aim()
        self._fed = False
        self.exercise = header.exercise
        self.ended = False
        self.prescription: dict[str, Any] | None = None
        for setup in header.sensors:
            if setup.mode.kind == "raw":
                raise InputError(
                    setup.sensor, f"{setup.profile.name} gives raw counts only: {setup.profile.missing}"
                )
            if setup.mode.kind == "other":
                what = f"no exercise is measured with {', '.join(setup.mode.channels)}"
                raise InputError(setup.sensor, f"{what}; bind {setup.profile.name} in another mode")
        self._sensors = {setup.sensor: Intake(setup) for setup in header.sensors}
        if len(self._sensors) != len(header.sensors):
            raise InputError(header.session, "two sensors have the same id; give each its own")
        # heart rate is recorded beside the exercise; it comes with the beats and must hold up nothing
        self._beside = {n for n, one in self._sensors.items() if one.info.kind == "heart_rate"}
        self._pipeline = self._start(header.exercise, 1)
        self._waiting: dict[str, list[tuple[Times, Floats]]] = {}
        self._waiting_samples = 0
        self._last: dict[str, int] = {}
        self._deadline: int | None = None
        self._absent: set[str] = set()
        self._pair: tuple[int, int] | None = None
        self._seq = 0
        self._sets = 0
        self._reps: set[tuple[int, int]] = set()
        self._taps: TapWatch | None = None
        self._last_activity: int | None = None
        self._now = 0
        self._out: list[Numbered] = []

    def feed(self, item: Input) -> list[Numbered]:
        """Take one input, give the events it decides."""
        self._take(item)
        self._flush()
        return self._hand_out()

    def feed_many(self, items: Iterable[Input]) -> list[Numbered]:
        """Take inputs in order, give the events they decide: the same as one :meth:`feed` each."""
        for item in items:
            self._take(item)
        self._flush()
        return self._hand_out()

    def finish(self) -> list[Numbered]:
        """The input is at its end: decide what is open and close the session."""
        if not self.ended:
            self._flush()
            self._end("end")
        return self._hand_out()

    def live(self) -> LiveState:
        """What a screen shows now."""
        state = self._pipeline.live()
        return msgspec.structs.replace(state, session_reps=len(self._reps))

    def health(self) -> dict[str, LinkHealth]:
        """How each sensor's data arrive."""
        for name, sensor in self._sensors.items():
            sensor.health.silent = name in self._absent
            sensor.health.residual_ms = sensor.clock.residual_ns / 1e6
        return {name: sensor.health for name, sensor in self._sensors.items()}

    # -- inputs ---------------------------------------------------------------------------------------

    def _take(self, item: Input) -> None:
        if self.ended:
            return
        if self._seq == 0:
            self._begin(item)
        now, before = item.arrival_ns, self._now
        if now > before:
            self._now = now
        if self._deadline is not None and now > self._deadline and not isinstance(item, Resumed):
            self._find_silent(now)
        if self._taps is not None and now >= self._taps.ends_ns:
            self._flush()
            taps, self._taps = self._taps, None
            self._emit(taps.end(now // 1000))
        if isinstance(item, Packet):
            self._packet(item)
        elif isinstance(item, Resumed):
            self._flush()
            self._resume(item, before)
        else:
            self._flush()
            self._control(item)

    def _begin(self, item: Input) -> None:
        self._last_activity = item.arrival_ns
        if isinstance(item, ClockPair):
            self._pair = (item.wall_ns, item.arrival_ns)
        self._put(
            SessionStarted(
                t_us=item.arrival_ns // 1000,
                exercise=self.exercise.id,
                sensors={name: sensor.setup.profile.id for name, sensor in self._sensors.items()},
                software=self.header.software,
                athlete=self.header.settings.athlete,
                load=self.header.settings.load,
            )
        )
        for name, flag in self.header.settings.noted:
            self._put(QualityNoted(t_us=item.arrival_ns // 1000, flag=flag, sensor=name))
        # a sensor that never says anything is declared silent like one that stopped
        self._last = {name: item.arrival_ns for name in self._sensors if name not in self._beside}
        self._deadline = item.arrival_ns + _SILENT_NS

    def _packet(self, item: Packet) -> None:
        sensor = self._sensors.get(item.sensor)
        if sensor is None:
            self._flush()
            self._put(malformed(item, "unknown_sensor", "no such sensor in this session", 1))
            return
        beside = item.sensor in self._beside
        if not beside:
            self._last[item.sensor] = item.arrival_ns
        if self._absent and item.sensor in self._absent:
            self._flush()
            self._absent.discard(item.sensor)
            self._pipeline.present(item.sensor)
            self._set_deadline()
        for part in sensor.take(item):
            if isinstance(part, tuple):
                if beside:
                    continue
                if self._taps is not None:
                    self._taps.see(item.sensor, part)
                self._waiting.setdefault(item.sensor, []).append(part)
                self._waiting_samples += len(part[0])
                if self._waiting_samples >= _MOST_WAITING:
                    self._flush()
            else:
                self._flush()
                self._put(part)

    def _control(self, item: Input) -> None:
        t_us = item.arrival_ns // 1000
        match item:
            case Tick():
                self._check_idle(item.arrival_ns)
            case ClockPair():
                self._pair = (item.wall_ns, item.arrival_ns)
            case Connected():
                sensor = self._sensors.get(item.sensor)
                if sensor is not None:
                    self._tell_time(item.sensor, t_us)
                    sensor.connect()
                    sensor.health.connected = True
                    self._put(SensorConnected(t_us=t_us, sensor=item.sensor))
            case Lost():
                if item.sensor in self._sensors:
                    self._tell_time(item.sensor, t_us)
                    self._sensors[item.sensor].health.connected = False
                    self._put(SensorLost(t_us=t_us, sensor=item.sensor, why=item.why))
                    if item.why == "swapped":
                        self._swapped(item.sensor, t_us)
            case Written():
                if item.sensor in self._sensors:
                    self._sensors[item.sensor].decoder.expect(item.data)
            case Command():
                self._command(item)
            case Prescribed():
                self._prescribe(item.prescription)
            case Resumed() | Packet():
                pass

    def _swapped(self, name: str, t_us: int) -> None:
        """Another device: zero, pose and axis were those of the old one."""
        sensor = self._sensors[name]
        sensor.tare = 0.0
        sensor.recent.clear()
        self._restart(self.exercise)
        force = sensor.info.kind == "force"
        instruction = (
            "Another strap sensor: leave it unloaded for two seconds, then tare."
            if force
            else "Another sensor: stay still in the start pose for two seconds, then go on."
        )
        what = "zero" if force else "start pose and axis"
        self._put(CalibrationNeeded(t_us=t_us, what=what, instruction=instruction))

    def _prescribe(self, prescription: dict[str, Any]) -> None:
        """It holds from the first sample on, or from where the exercise begins anew."""
        self.prescription = prescription
        try:
            self._tempo = msgspec.convert(prescription.get("tempo_s"), Tempo | None)
        except msgspec.ValidationError as error:
            raise InputError("prescription", f"tempo_s: {error}") from None
        self._aim = aim_of(prescription)
        if not self._fed:
            self._begin_exercise(self.exercise, self._sets + 1)

    def _resume(self, item: Resumed, before_ns: int) -> None:
        """Every connection ended with the process; what was open stays open, with a gap in it."""
        t_us = item.arrival_ns // 1000
        gap_s = (item.arrival_ns - before_ns) / NS_PER_S
        self._put(SessionResumed(t_us=t_us, gap_s=gap_s, by_wall=item.by_wall))
        if item.by_wall:
            self._put(QualityNoted(t_us=t_us, flag=Flag.TIME_FROM_WALL_CLOCK))
        for name, sensor in self._sensors.items():
            if name not in self._absent and name not in self._beside:
                self._absent.add(name)
                self._emit(self._pipeline.absent(name))
            if sensor.health.connected:
                self._tell_time(name, t_us)
                sensor.health.connected = False
                self._put(SensorLost(t_us=t_us, sensor=name, why="interrupted"))
        self._set_deadline()

    def _command(self, item: Command) -> None:
        t_us = item.arrival_ns // 1000
        match item.verb:
            case "stop":
                self._end("interrupted" if item.args.get("why") == "interrupted" else "stop")
            case "tare":
                for name in [item.args["sensor"]] if "sensor" in item.args else list(self._sensors):
                    self._tare(str(name), t_us)
            case "exercise":
                try:
                    exercise = msgspec.convert(item.args.get("exercise"), Exercise)
                except msgspec.ValidationError as error:
                    raise InputError(f"command {item.verb}", str(error)) from None
                self._restart(exercise)
                self._put(ExerciseChanged(t_us=t_us, exercise=exercise.id))
            case "calibrate" if item.args.get("what") == "sides":
                self._emit(self._pipeline.ask_sides(t_us))
            case "calibrate" if item.args.get("what") == "times":
                self._taps = TapWatch(self._sensors, item.arrival_ns)
                self._put(CalibrationNeeded(t_us=t_us, what="times", instruction=ASK))
            case "calibrate":
                self._restart(self.exercise)
                instruction = "Stay still in the start pose for two seconds, then go on."
                self._put(CalibrationNeeded(t_us=t_us, what="start pose and axis", instruction=instruction))
            case "undo":
                self._emit(self._pipeline.undo(t_us))
            case "mark":
                self._put(Marked(t_us=t_us, text=str(item.args.get("text", "mark"))))
            case "report":
                try:
                    event = msgspec.convert({"request": item.request, **item.args, "t_us": t_us}, Reported)
                except msgspec.ValidationError as error:
                    raise InputError(f"command {item.verb}", str(error)) from None
                self._put(event)
            case "start":
                pass  # it made this session
            case _:
                raise InputError(
                    f"command {item.verb}",
                    "is not known; known are calibrate, exercise, mark, report, start, stop, tare, undo",
                )

    def _restart(self, exercise: Exercise) -> None:
        """Close what is open and begin the exercise anew, with nothing calibrated."""
        self._emit(self._pipeline.finish())
        self._begin_exercise(exercise, self._sets + 1)

    def _begin_exercise(self, exercise: Exercise, first_set: int) -> None:
        self.exercise = exercise
        self._pipeline = self._start(exercise, first_set)
        for name in sorted(self._absent):
            self._emit(self._pipeline.absent(name))

    def _tare(self, name: str, t_us: int) -> None:
        sensor = self._sensors.get(name)
        # the last second of a sensor that is silent may be long ago, and under load
        level = sensor.level() if sensor is not None and name not in self._absent else None
        if sensor is None or level is None or sensor.info.kind != "force":
            return
        loaded = sensor.zero_known and self._pipeline.is_loaded(name, level - sensor.tare)
        if sensor.spread() > _TARE_SPREAD_N or loaded:
            self._put(
                CalibrationFailed(
                    t_us=t_us,
                    what="zero",
                    reason=Flag.TARE_UNDER_LOAD,
                    instruction="The strap is loaded: its zero was left as it was. Take the load off, "
                    "wait two seconds, then tare again.",
                    sensor=name,
                )
            )
            return
        by_n, sensor.tare = level - sensor.tare, level
        sensor.zero_known = True
        self._pipeline.tared(name, by_n)
        self._put(Tared(t_us=t_us, sensor=name, offset_n=level))

    def _tell_time(self, name: str, t_us: int) -> None:
        """Say how well the sensor's time was known on a connection that ends."""
        timed = self._sensors[name].end_timing(t_us)
        if timed is not None:
            self._put(timed)

    # -- time-outs --------------------------------------------------------------------------------------

    def _set_deadline(self) -> None:
        present = [t for name, t in self._last.items() if name not in self._absent]
        self._deadline = min(present) + _SILENT_NS if present else None

    def _find_silent(self, now: int) -> None:
        silent = [n for n, t in self._last.items() if n not in self._absent and now - t > _SILENT_NS]
        if silent:
            self._flush()
        for name in silent:
            self._absent.add(name)
            self._emit(self._pipeline.absent(name))
            self._put(SensorLost(t_us=now // 1000, sensor=name, why="silent"))
        self._set_deadline()

    def _check_idle(self, now: int) -> None:
        limit = self.header.settings.idle_end_s
        if limit is None or self._last_activity is None:
            return
        if now - self._last_activity > limit * NS_PER_S:
            self._end("idle")

    def _end(self, why: Any) -> None:
        self._emit(self._pipeline.finish())
        for name in self._sensors:
            self._tell_time(name, self._now // 1000)
        self._put(SessionEnded(t_us=self._now // 1000, why=why, sets=self._sets, reps=len(self._reps)))
        self.ended = True

    # -- stages -----------------------------------------------------------------------------------------

    def _start(self, exercise: Exercise, first_set: int) -> Pipeline:
        infos = [sensor.info for name, sensor in self._sensors.items() if name not in self._beside]
        known = self.header.settings
        try:
            person = Person(body_mass_kg=known.body_mass_kg, lever_arm_m=known.lever_arm_m)
        except ValueError as error:
            raise InputError(self.header.session, str(error)) from None
        return Pipeline(exercise, infos, first_set=first_set, person=person, tempo=self._tempo, aim=self._aim)

    def _flush(self) -> None:
        if not self._waiting_samples:
            return
        waiting, self._waiting, self._waiting_samples = self._waiting, {}, 0
        for name, pieces in waiting.items():
            if len(pieces) == 1:
                t, x = pieces[0]
            else:
                t = np.concatenate([t for t, _ in pieces])
                x = np.concatenate([x for _, x in pieces])
            if len(t):
                self._fed = True
                self._emit(self._pipeline.push(Block(name, t, x)))

    # -- events -----------------------------------------------------------------------------------------

    def _emit(self, events: Iterable[Event]) -> None:
        for event in events:
            self._put(event)

    def _put(self, event: Event) -> None:
        if isinstance(event, RepCompleted):
            self._reps.add((event.rep.set_index, event.rep.index))
        elif isinstance(event, RepAmended) and not event.counted:
            # it may be taken back before it is completed, and then never is
            self._reps.discard((event.set_index, event.index))
        elif isinstance(event, SetCompleted):
            self._sets = event.set_index
            event = self._with_reliability(event)
        elif isinstance(event, SensorGap) and event.missing:
            self._sensors[event.sensor].health.missing_s += (event.end_us - event.start_us) / 1e6
        if isinstance(event, RepCounted | RepCompleted):
            self._last_activity = max(self._last_activity or 0, event.t_us * 1000)
        self._seq += 1
        time = None if self._pair is None else rfc3339(self._pair[0] + event.t_us * 1000 - self._pair[1])
        self._out.append(Numbered(session=self.header.session, seq=self._seq, time=time, event=event))
        if isinstance(event, Reported | SensorLost):
            self._emit(self._pipeline.told(event))

    def _with_reliability(self, event: SetCompleted) -> SetCompleted:
        """With the day-to-day error of those of its numbers for which it is known."""
        known = tuple(
            one
            for one in self.exercise.reliability
            if one.metric in event.metrics and event.metrics[one.metric].value is not None
        )
        return msgspec.structs.replace(event, reliability=known) if known else event

    def _hand_out(self) -> list[Numbered]:
        out, self._out = self._out, []
        return out
