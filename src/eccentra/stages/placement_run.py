"""The run beside the counting stage: rows and its events in, the same events out, with what was found.

Repetitions are looked at when they complete, straps and uncounted movements every ten seconds of session
time; in between a packet costs next to nothing. Blocks are cut at those moments, so nothing depends on how
rows came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from eccentra.events import (
    CalibrationDone,
    CalibrationFailed,
    CalibrationNeeded,
    Event,
    Flag,
    QualityNoted,
    RepAmended,
    RepCompleted,
    Repetition,
    RepRejected,
    SetCompleted,
)
from eccentra.samples import NS_PER_S, Block, Floats, Side, StreamInfo
from eccentra.stages import Beat, EventRun, LiveState, ReadsStraps
from eccentra.stages.history import History
from eccentra.stages.placement import PlacementCheck
from eccentra.stages.placement_again import AgainWatch, Seen
from eccentra.stages.placement_axis import CalibrationWatch
from eccentra.stages.placement_cycles import COARSE_NS, RATE_HZ, cycles_of_force, cycles_of_motion, turns_in
from eccentra.stages.placement_frames import Frame, frame_of
from eccentra.stages.placement_segment import SegmentWatch, elsewhere
from eccentra.stages.placement_slip import SlipWatch, Turned
from eccentra.stages.placement_strap import SidesWatch, ZeroWatch
from eccentra.stages.placement_words import misplaced_events, turned_events

__all__ = ["PlacementRun"]

_TICK_NS = 10 * NS_PER_S
_KEPT_NS = 90 * NS_PER_S
_LOOK_NS = 80 * NS_PER_S
# A movement that was not counted: so soon after a repetition, and as long as it up to this factor.
_SOON_US = 45_000_000
_REST_US = 25_000_000
_LIKE = 1.7
# So many tares are remembered, and smaller ones matter to no number.
_MOST_TARES, _LEAST_TARE_N = 20, 3.0
# Free limbs and bars turn as they like between movements.
_SEGMENTS = ("thigh", "shank", "pelvis", "trunk")
_LEFT_PULL = "Take the load off both straps, then pull with your left leg only, for two seconds."


class PlacementRun:
    """State of the run.

    Parameters
    ----------
    check
        Parameters.
    stage
        The run that counts.
    info
        Aligned rows.
    sensors
        Id of the sensor for each prefix of a column's name (placement or side).
    """

    def __init__(
        self, check: PlacementCheck, stage: EventRun, info: StreamInfo, sensors: Mapping[str, str]
    ) -> None:
        self._check, self._stage, self._sensors = check, stage, dict(sensors)
        columns = ((name, info.column(f"{name}.up_x")) for name in _SEGMENTS)
        self._up = {name: at for name, at in columns if at is not None}
        sides = ((name, info.column(f"{name}.force")) for name in ("left", "right", "both"))
        self._force = {name: at for name, at in sides if at is not None}
        self.beats: list[Beat] = []
        self._history = History()
        self._next: int | None = None
        self._t = 0
        self._slips = {name: SlipWatch(check.slip) for name in self._up}
        self._agains = {name: AgainWatch(check.slip, check.segment, check.again) for name in self._up}
        self._calibration = CalibrationWatch(check.axis, self._up, self._sensors)
        self._spans = check.turn_deg if self._up else {}
        self._segments = SegmentWatch(check.segment, self._spans)
        self._zeros = {name: ZeroWatch(check.strap) for name in self._force}
        self._zeroed: dict[str, int] = {}
        self._tares: list[tuple[Side, int, float]] = []
        self._sides: SidesWatch | None = None
        # set, end and length of the last counted repetition in us
        self._usual: tuple[int, int, int] | None = None
        self._uncounted = 0
        # movements without a longer rest between them
        self._bout, self._moved_us = 0, 0
        self._counted: set[tuple[int, int]] = set()
        # sensors that saw a counted movement as those before
        self._fitted: dict[tuple[int, int], set[str]] = {}
        self._all: dict[Flag, None] = {}
        self._of_set: dict[int, dict[Flag, None]] = {}

    def live(self) -> LiveState:
        """What a screen shows now."""
        state = self._stage.live()
        if not self._all:
            return state
        return msgspec.structs.replace(state, flags=(*state.flags, *self._all))

    def push(self, rows: Block) -> list[Event]:
        """Take aligned rows; gives the counting stage's events and what was found."""
        self.beats = []
        last = rows.t.item(-1)
        if self._next is None:
            self._calibration.since = rows.t.item(0)
            self._next = rows.t.item(0) // _TICK_NS * _TICK_NS + _TICK_NS
        out: list[Event] = []
        while last >= self._next:
            at = int(rows.t.searchsorted(self._next))
            if at:
                self._part(Block(rows.stream, rows.t[:at], rows.x[:at]), out)
            self._tick(self._next, out)
            rows = Block(rows.stream, rows.t[at:], rows.x[at:])
            self._next = self._after(rows.t.item(0))
        self._part(rows, out)
        return out

    def _after(self, t: int) -> int:
        """The next moment to look at things; every second while a pull is waited for."""
        step = NS_PER_S if self._sides is not None else _TICK_NS
        return t // step * step + step

    def _part(self, rows: Block, out: list[Event]) -> None:
        self._history.push(rows)
        self._t = rows.t.item(-1)
        events, beats = self._stage.push(rows), self._stage.beats
        if not events and not out:
            self.beats = self.beats + beats if self.beats else beats
            return
        # so many events there are now when the stage had so many
        shifted = [len(out)]
        for event in events:
            self._pass((event,), out)
            shifted.append(len(out))
        self.beats = self.beats + [beat._replace(events=shifted[beat.events]) for beat in beats]

    def finish(self) -> list[Event]:
        """Nothing more will come."""
        out: list[Event] = []
        self._pass(self._stage.finish(), out)
        if self._next is not None:
            self._tick(self._t + 1, out, last=True)
        return out

    def undo(self, t_us: int) -> list[Event]:
        """Take the last counted repetition back."""
        out: list[Event] = []
        self._pass(self._stage.undo(t_us), out)
        return out

    def tared(self, side: Side, by_n: float) -> None:
        """The zero of a strap was set anew: it reads ``by_n`` less from now on."""
        self._tares = [*self._tares[-_MOST_TARES:], (side, self._t // 1000, abs(by_n))]
        if isinstance(self._stage, ReadsStraps):
            self._stage.tared(side, by_n)
        if side in self._zeros:
            self._zeros[side].renew()
            # rows that wait for another sensor still come as they were
            self._zeroed[side] = self._t + NS_PER_S
        if all(not watch.done for watch in self._zeros.values()):
            self._all.pop(Flag.TARE_UNDER_LOAD, None)

    def is_loaded(self, sensor: str, level_n: float) -> bool:
        """Whether a strap that reads ``level_n`` carries load."""
        sides = [side for side in self._zeros if self._sensors.get(side) == sensor]
        return any(self._zeros[side].is_loaded(level_n) for side in sides)

    def ask_sides(self, t_us: int) -> list[Event]:
        """Ask which strap answers when the left leg pulls."""
        known: dict[str, float] = {}
        for side in ("left", "right"):
            level = self._level(side) if side in self._force else None
            if level is not None:
                known[side] = level
        if len(known) < 2:
            return [
                CalibrationFailed(
                    t_us=t_us,
                    what="sides",
                    reason=Flag.FORCE_MISSING,
                    instruction="Connect a strap for the left and one for the right leg, then ask again.",
                )
            ]
        self._sides = SidesWatch(self._check.strap, known)
        if self._next is not None:
            self._next = self._after(self._t + 1)
        return [CalibrationNeeded(t_us=t_us, what="sides", instruction=_LEFT_PULL)]

    def _level(self, side: str) -> float | None:
        """Mean force of the last second."""
        _, x = self._history.rows(self._t - NS_PER_S, self._t)
        values = sorted(v for v in x[:, self._force[side]].tolist() if v == v) if len(x) else []
        return values[len(values) // 2] if values else None

    # -- events of the counting stage -----------------------------------------------------------------

    def _pass(self, events: Iterable[Event], out: list[Event]) -> None:
        for event in events:
            if isinstance(event, RepCompleted):
                out.append(self._repetition(event, out))
            elif isinstance(event, SetCompleted):
                out += self._calibration.after_set(event.t_us)
                out.append(self._set(event))
            elif isinstance(event, CalibrationDone):
                out.append(self._calibration.done(event, self._history))
            else:
                if isinstance(event, RepAmended) and not event.counted:
                    self._taken_back((event.set_index, event.index))
                elif isinstance(event, RepRejected):
                    self._rejected(event, out)
                out.append(event)

    def _taken_back(self, key: tuple[int, int]) -> None:
        self._counted.discard(key)
        self._segments.drop(key)
        fitted = self._fitted.pop(key, set())
        for name, watch in self._slips.items():
            # another sensor saw a repetition: that it was taken back may be due to this one
            if not fitted - {name}:
                watch.drop(key)

    def _repetition(self, event: RepCompleted, out: list[Event]) -> RepCompleted:
        rep = self._tared_inside(event.rep)
        key = (rep.set_index, rep.index)
        self._counted.add(key)
        self._usual = (rep.set_index, rep.end_us, rep.end_us - rep.start_us)
        rested = self._go_on(rep.start_us, rep.end_us)
        frames = self._frames(rep.start_us, rep.end_us)
        self._fitted[key] = {name for name, frame in frames.items() if self._agains[name].fits(frame)}
        for name, frame in frames.items():
            self._agains[name].add(rep.start_us, rep.end_us, frame, rested=rested)
        t_us = max(rep.decided_us, event.t_us)
        odd = self._slipped(key, frames, t_us, out)
        out += self._calibration.add(frames, t_us)
        bad = self._calibration.is_bad(frames)
        for name, places in self._segments.add(key, frames).items():
            self._wrong(name, places, t_us, out)
        flags = dict.fromkeys([*self._all, *self._of_set.get(rep.set_index, {})])
        if (odd or bad) and not flags:
            flags[Flag.CALIBRATION_PROVISIONAL] = None
        return self._marked(event, rep, tuple(flags))

    def _tared_inside(self, rep: Repetition) -> Repetition:
        """Forces from before a tare, above a zero from after it, are doubtful."""
        sides = {
            side
            for side, t_us, by_n in self._tares
            if rep.start_us <= t_us <= rep.decided_us and by_n > _LEAST_TARE_N
        }
        if not sides:
            return rep
        flag = Flag.BASELINE_UNSETTLED
        touched = tuple(f"{kind}_{side}_" for kind in ("force", "torque") for side in sides)
        metrics = {
            name: msgspec.structs.replace(metric, quality="flagged", reason=flag)
            if metric.quality == "ok" and name.startswith((*touched, "tut_force"))
            else metric
            for name, metric in rep.metrics.items()
        }
        return msgspec.structs.replace(rep, metrics=metrics, flags=tuple(dict.fromkeys([*rep.flags, flag])))

    def _go_on(self, start_us: int, end_us: int) -> bool:
        """A movement came; whether it did after a longer rest."""
        rested = start_us - self._moved_us > _REST_US
        self._bout += rested
        self._moved_us = end_us
        return rested

    def _rejected(self, event: RepRejected, out: list[Event]) -> None:
        """A movement like the counted ones, soon after them: maybe one that a turned sensor sees."""
        if self._usual is None or event.start_us - self._usual[1] > _SOON_US:
            return
        seconds = (event.end_us - event.start_us) / max(self._usual[2], 1)
        if not 1.0 / _LIKE < seconds < _LIKE:
            return
        self._uncounted += 1
        self._go_on(event.start_us, event.end_us)
        frames = self._frames(event.start_us, event.end_us)
        key = (self._usual[0], -self._uncounted)
        # one sensor sees a repetition: then it was one, and the other sensors are to be asked
        sure = any(self._slips[name].is_like(frame) for name, frame in frames.items())
        self._slipped(key, frames, max(event.decided_us, event.t_us), out, sure=sure)

    def _frames(self, start_us: int, end_us: int) -> dict[str, Frame]:
        """Frames of the sensors that were there from start to end."""
        t, x = self._history.rows(start_us * 1000 - NS_PER_S // 20, end_us * 1000)
        frames: dict[str, Frame] = {}
        if not len(t) or t.item(0) > start_us * 1000 + NS_PER_S // 20:
            return frames  # longer than rows are kept, or begun in a hole: the start pose was not seen
        for name, at in self._up.items():
            frame = frame_of(x[:, at : at + 3]) if len(x) else None
            if frame is not None:
                frames[name] = frame
        return frames

    def _marked(self, event: RepCompleted, rep: Repetition, flags: tuple[Flag, ...]) -> RepCompleted:
        if not flags:
            return event if rep is event.rep else msgspec.structs.replace(event, rep=rep)
        rep = msgspec.structs.replace(
            rep,
            flags=tuple(dict.fromkeys([*rep.flags, *flags])),
            confidence=round(rep.confidence * self._check.confidence, 3),
        )
        return msgspec.structs.replace(event, rep=rep)

    def _set(self, event: SetCompleted) -> SetCompleted:
        flags = [*event.flags, *self._all, *self._of_set.pop(event.set_index, {})]
        return msgspec.structs.replace(event, flags=tuple(dict.fromkeys(flags)))

    # -- what was found -----------------------------------------------------------------------------

    def _slipped(
        self,
        key: tuple[int, int],
        frames: dict[str, Frame],
        t_us: int,
        out: list[Event],
        *,
        sure: bool = True,
    ) -> bool:
        """Sensors that turned; whether this repetition alone differs much from the others."""
        found = {
            name: self._slips[name].add(key, frame, bout=self._bout, sure=sure)
            for name, frame in frames.items()
        }
        turned = {name: one for name, one in found.items() if one is not None}
        others = [name for name in frames if name not in turned and not self._slips[name].waiting]
        if turned and not others and len(frames) > 1:
            return False  # everything turned: the person lies or kneels another way
        for name, one in turned.items():
            self._agains[name].renew()
            self._say_turned(name, one, key[0], t_us, out)
        return any(self._slips[name].odd for name in frames)

    def _say_turned(self, name: str, one: Turned, set_index: int, t_us: int, out: list[Event]) -> None:
        flag, events = turned_events(name, self._sensors.get(name), one, t_us)
        self._of_set.setdefault(set_index, {})[flag] = None
        self._calibration.renew(name)
        out += events

    def _wrong(self, name: str, places: tuple[str, ...], t_us: int, out: list[Event]) -> None:
        self._all[Flag.WRONG_SEGMENT] = None
        out += misplaced_events(name, self._sensors.get(name), places, t_us)

    # -- at fixed moments ---------------------------------------------------------------------------

    def _tick(self, t: int, out: list[Event], *, last: bool = False) -> None:
        """Look at the rows before ``t``."""
        if self._sides is not None:
            self._look_at_sides(t, out)
        if t % _TICK_NS and not last:
            return
        self._history.drop_before(t - _KEPT_NS)
        if self._zeros:
            self._look_at_zeros(t, out)
        self._look_again(t, out)
        if not self._calibration.posed and len(x := self._coarse(t - _TICK_NS, t)):
            out += self._calibration.ask(t, x)
        if len(self._counted) < 2 and not self._segments.done:
            self._look_at_movements(t, out)

    def _look_again(self, t: int, out: list[Event]) -> None:
        """Movements that go on, but turned, where the counted ones stopped."""
        for name, watch in self._agains.items():
            if not watch.is_due(t // 1000):
                continue
            times, x = self._history.rows(watch.last_us * 1000, t - 1)
            at = self._up[name]
            seen = watch.look(times, x[:, at : at + 3]) if len(times) else None
            if seen is None or not self._is_alone(name, seen):
                continue
            self._slips[name].renew()
            watch.renew()
            set_index = self._usual[0] if self._usual is not None else 1
            self._say_turned(name, seen.turned, set_index, t // 1000, out)

    def _is_alone(self, name: str, seen: Seen) -> bool:
        """Whether the other sensors saw the same movements as before: else the person lies another way."""
        others = [other for other in self._up if other != name]
        fits = 0
        for start_us, end_us in seen.spans:
            frames = self._frames(start_us, end_us)
            fits += any(self._agains[other].fits(frames[other]) for other in others if other in frames)
        return not others or 2 * fits >= len(seen.spans)

    def _coarse(self, since: int, t: int) -> Floats:
        """Ten rows a second from ``since`` to just before ``t``."""
        times, x = self._history.rows(since, t - 1)
        return x[times % COARSE_NS == 0] if len(times) else x

    def _look_at_zeros(self, t: int, out: list[Event]) -> None:
        first = (t - 1) // _TICK_NS * _TICK_NS
        for side, watch in self._zeros.items():
            x = self._coarse(max(first, self._zeroed.get(side, first)), t)
            level = watch.add(x[:, self._force[side]]) if len(x) else None
            if level is None:
                continue
            self._all[Flag.TARE_UNDER_LOAD] = None
            sensor = self._sensors.get(side)
            detail = f"the {side} strap reads {level:.0f} N without load: its zero was set under load"
            out.append(QualityNoted(t_us=t // 1000, flag=Flag.TARE_UNDER_LOAD, sensor=sensor, detail=detail))
            out.append(
                CalibrationFailed(
                    t_us=t // 1000,
                    what=f"zero of the {side} strap",
                    reason=Flag.TARE_UNDER_LOAD,
                    instruction=f"Take the load off the {side} strap, wait two seconds, then tare again.",
                    sensor=sensor,
                )
            )

    def _look_at_movements(self, t: int, out: list[Event]) -> None:
        rule = self._check.segment
        x = self._coarse(t - _LOOK_NS, t)
        if len(x) < rule.least_cycles * RATE_HZ:
            return
        ups = {name: x[:, at : at + 3] for name, at in self._up.items()}
        if not ups:
            return
        cycles = max((cycles_of_motion(rule, up) for up in ups.values()), key=lambda one: one.weight)
        least = rule.least_cycles if len(ups) > 1 else rule.alone_cycles
        if self._force and len(cycles) < least:
            cycles = cycles_of_force(rule, sum((x[:, at] for at in self._force.values()), np.zeros(len(x))))
            least = rule.least_cycles
        if len(cycles) < least:
            return
        turns = turns_in(ups, cycles.spans)
        found = elsewhere(rule, self._spans, turns, alone_low=rule.alone_low)
        self._segments.done = bool(found)
        for name, places in found.items():
            self._wrong(name, places, t // 1000, out)

    def _look_at_sides(self, t: int, out: list[Event]) -> None:
        x = self._coarse(t - NS_PER_S, t)
        if self._sides is None or not len(x):
            return
        side = self._sides.add({name: x[:, self._force[name]] for name in ("left", "right")})
        if side is None:
            return
        self._sides = None
        if side == "left":
            self._all.pop(Flag.WRONG_SIDE, None)
            out.append(CalibrationDone(t_us=t // 1000, what="sides"))
            return
        reason = Flag.WRONG_SIDE if side == "right" else Flag.UNCALIBRATED
        instruction = {
            "right": "The straps are on the wrong legs: change them over, then ask again.",
            "both": "Both straps were pulled. " + _LEFT_PULL,
            "none": "No strap was pulled. " + _LEFT_PULL,
        }[side]
        if side == "right":
            self._all[Flag.WRONG_SIDE] = None
            out.append(
                QualityNoted(t_us=t // 1000, flag=reason, detail="the left leg pulls the strap of the right")
            )
        out.append(CalibrationFailed(t_us=t // 1000, what="sides", reason=reason, instruction=instruction))
