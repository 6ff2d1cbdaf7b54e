"""The run beside the counting stage: rows and its events in, the same events out, with what was found.

Repetitions are looked at when they complete, straps and uncounted movements every ten seconds of session
time; in between a packet costs next to nothing. Blocks are cut at those moments, so nothing depends on how
rows came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec
import numpy as np

from eccentra.events import (
    CalibrationDone,
    Event,
    Flag,
    RepAmended,
    RepCompleted,
    Repetition,
    RepRejected,
    SetCompleted,
)
from eccentra.samples import NS_PER_S, Block, Side, StreamInfo
from eccentra.stages import Beat, EventRun, LiveState, ReadsStraps
from eccentra.stages.history import History
from eccentra.stages.placement import PlacementCheck
from eccentra.stages.placement_again import AgainWatch
from eccentra.stages.placement_axis import CalibrationWatch
from eccentra.stages.placement_cycles import RATE_HZ, coarse_rows, cycles_of_force, cycles_of_motion, turns_in
from eccentra.stages.placement_frames import Frame
from eccentra.stages.placement_looks import Looks
from eccentra.stages.placement_segment import SegmentWatch, elsewhere
from eccentra.stages.placement_sides import StrapPlaces
from eccentra.stages.placement_slip import Moved, SlipWatch, Turned
from eccentra.stages.placement_words import misplaced_events, turned_events

__all__ = ["PlacementRun"]

_TICK_NS = 10 * NS_PER_S
_KEPT_NS = 200 * NS_PER_S
_LOOK_NS = 80 * NS_PER_S
# A movement that was not counted: so soon after a repetition, and as long as the last ones up to this factor.
_SOON_US = 300_000_000
_REST_US = 25_000_000
_LIKE = 1.7
_USUAL = 6


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
        self.beats: list[Beat] = []
        self._history = History()
        self._looks = Looks(self._history, info)
        self._up = self._looks.up
        self._straps = StrapPlaces(check.strap, info, self._sensors, self._history)
        self._force = self._straps.columns
        self._next: int | None = None
        self._t = 0
        self._slips = {name: SlipWatch(check.slip, partial(self._looks.turn, name)) for name in self._up}
        self._agains = {name: AgainWatch(check.slip, check.segment, check.again) for name in self._up}
        self._calibration = CalibrationWatch(check.axis, self._up, self._sensors)
        self._spans = check.turn_deg if self._up else {}
        self._segments = SegmentWatch(check.segment, self._spans)
        # set and end of the last counted repetition in us, and how long the last ones were
        self._usual: tuple[int, int] | None = None
        self._lengths: deque[int] = deque(maxlen=_USUAL)
        self._uncounted = 0
        # movements without a longer rest between them
        self._bout, self._moved_us = 0, 0
        # counted repetitions: when they began, and what is known of the sensors' places
        self._counted: dict[tuple[int, int], int] = {}
        self._flags_of: dict[tuple[int, int], dict[Flag, None]] = {}
        # sensors that saw a counted movement as those before
        self._fitted: dict[tuple[int, int], set[str]] = {}
        self._all: dict[Flag, None] = {}
        self._of_set: dict[int, dict[Flag, None]] = {}
        # the last set that was completed: what is found later goes to the next one
        self._closed = 0

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
        step = NS_PER_S if self._straps.is_asked else _TICK_NS
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
        self.beats = self.beats + [beat.after(shifted[beat.events]) for beat in beats]

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
        if isinstance(self._stage, ReadsStraps):
            self._stage.tared(side, by_n)
        if self._straps.tared(side, by_n, self._t):
            self._all.pop(Flag.TARE_UNDER_LOAD, None)

    def is_loaded(self, sensor: str, level_n: float) -> bool:
        """Whether a strap that reads ``level_n`` carries load."""
        return self._straps.is_loaded(sensor, level_n)

    def ask_sides(self, t_us: int) -> list[Event]:
        """Ask which strap answers when the left leg pulls."""
        out = self._straps.ask(t_us, self._t)
        if self._straps.is_asked and self._next is not None:
            self._next = self._after(self._t + 1)
        return out

    # -- events of the counting stage -----------------------------------------------------------------

    def _pass(self, events: Iterable[Event], out: list[Event]) -> None:
        for event in events:
            if isinstance(event, RepCompleted):
                out.append(self._repetition(event, out))
            elif isinstance(event, SetCompleted):
                out += self._calibration.after_set(event.t_us)
                self._look_again(event.decided_us * 1000, out)
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
        self._counted.pop(key, None)
        self._flags_of.pop(key, None)
        self._segments.drop(key)
        fitted = self._fitted.pop(key, set())
        for name, watch in self._slips.items():
            # another sensor saw a repetition: that it was taken back may be due to this one
            if not fitted - {name}:
                watch.drop(key)

    def _repetition(self, event: RepCompleted, out: list[Event]) -> RepCompleted:
        rep = self._straps.doubt(event.rep)
        key = (rep.set_index, rep.index)
        self._usual = (rep.set_index, rep.end_us)
        self._lengths.append(rep.end_us - rep.start_us)
        rested = self._go_on(rep.start_us, rep.end_us)
        frames = self._looks.frames(rep.start_us, rep.end_us)
        self._fitted[key] = fits = self._fits(frames)
        for name, frame in frames.items():
            self._agains[name].add(rep.start_us, rep.end_us, frame, rested=rested)
        t_us = max(rep.decided_us, event.t_us)
        # one that is not valid may be something else, done in another pose
        odd = self._slipped(key, (rep.start_us, rep.end_us), frames, fits, t_us, out, sure=rep.valid)
        out += self._calibration.add(frames, t_us)
        bad = self._calibration.is_bad(frames)
        for name, places in self._segments.add(key, frames).items():
            self._wrong(name, places, t_us, out)
        flags = dict.fromkeys([*self._all, *self._of_set.get(rep.set_index, {})])
        if (odd or bad) and not flags:
            flags[Flag.CALIBRATION_PROVISIONAL] = None
        self._counted[key] = rep.start_us
        self._flags_of[key] = flags
        return self._marked(event, rep, tuple(flags))

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
        length = event.end_us - event.start_us
        if not min(self._lengths) < _LIKE * length or not length < _LIKE * max(self._lengths):
            return
        self._uncounted += 1
        self._go_on(event.start_us, event.end_us)
        frames = self._looks.frames(event.start_us, event.end_us)
        key = (self._usual[0], -self._uncounted)
        # one sensor sees a repetition: then it was one, and the other sensors are to be asked
        sure = any(self._slips[name].is_like(frame) for name, frame in frames.items())
        span = (event.start_us, event.end_us)
        t_us = max(event.decided_us, event.t_us)
        self._slipped(key, span, frames, self._fits(frames), t_us, out, sure=sure)

    def _fits(self, frames: dict[str, Frame]) -> set[str]:
        """Sensors that saw a movement as those counted a moment ago."""
        return {name for name, frame in frames.items() if self._agains[name].fits(frame)}

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
        self._closed = event.set_index
        flags = [*event.flags, *self._all, *self._of_set.pop(event.set_index, {})]
        return msgspec.structs.replace(event, flags=tuple(dict.fromkeys(flags)))

    # -- what was found -----------------------------------------------------------------------------

    def _slipped(
        self,
        key: tuple[int, int],
        span: tuple[int, int],
        frames: dict[str, Frame],
        fits: set[str],
        t_us: int,
        out: list[Event],
        *,
        sure: bool,
    ) -> bool:
        """Sensors that turned; whether this repetition alone differs much from the others."""
        found = {
            name: self._slips[name].add(
                Moved(key, *span, frame), bout=self._bout, sure=sure, beside=bool(fits - {name})
            )
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
        self._of_set.setdefault(max(set_index, self._closed + 1), {})[flag] = None
        self._calibration.renew(name)
        out += events
        if one.since_us is not None:
            self._doubt(flag, one.since_us, t_us, out)

    def _doubt(self, flag: Flag, since_us: int, t_us: int, out: list[Event]) -> None:
        """What was found holds since then: repetitions that were told already are told to be doubtful."""
        for key, start_us in self._counted.items():
            if start_us >= since_us and flag not in self._flags_of[key]:
                self._flags_of[key][flag] = None
                out.append(RepAmended(t_us=t_us, set_index=key[0], index=key[1], counted=True, flags=(flag,)))

    def _wrong(self, name: str, places: tuple[str, ...], t_us: int, out: list[Event]) -> None:
        self._all[Flag.WRONG_SEGMENT] = None
        out += misplaced_events(name, self._sensors.get(name), places, t_us)
        self._doubt(Flag.WRONG_SEGMENT, 0, t_us, out)

    # -- at fixed moments ---------------------------------------------------------------------------

    def _tick(self, t: int, out: list[Event], *, last: bool = False) -> None:
        """Look at the rows before ``t``."""
        self._look_at_sides(t, out)
        if t % _TICK_NS and not last:
            return
        self._history.drop_before(t - _KEPT_NS)
        self._look_at_zeros(t, out)
        self._look_again(t, out)
        if not self._calibration.posed and len(x := coarse_rows(self._history, t - _TICK_NS, t)):
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
            set_index = self._usual[0] if self._usual is not None else 1
            if seen is not None and self._is_alone(name, seen.spans):
                self._slips[name].renew()
                watch.renew()
                self._say_turned(name, seen.turned, set_index, t // 1000, out)
            elif watch.alone is not None:
                self._look_at_one(name, watch.alone, set_index, t // 1000, out)

    def _look_at_one(
        self, name: str, alone: tuple[int, int, Frame], set_index: int, t_us: int, out: list[Event]
    ) -> None:
        """See whether one movement that nobody counted is one for which the sensor turned."""
        self._uncounted += 1
        one = Moved((set_index, -self._uncounted), *alone)
        turned = self._slips[name].add(one, bout=self._bout, sure=False)
        if turned is not None and self._is_alone(name, [alone[:2]]):
            self._agains[name].renew()
            self._say_turned(name, turned, set_index, t_us, out)

    def _is_alone(self, name: str, spans: list[tuple[int, int]]) -> bool:
        """Whether the other sensors saw the same movements as before: else the person lies another way."""
        others = [other for other in self._up if other != name]
        fits = 0
        for start_us, end_us in spans:
            frames = self._looks.frames(start_us, end_us)
            fits += any(self._agains[other].fits(frames[other]) for other in others if other in frames)
        return not others or 2 * fits >= len(spans)

    def _look_at_sides(self, t: int, out: list[Event]) -> None:
        told, right = self._straps.look_at_sides(t)
        out += told
        if right is not None:
            self._all.pop(Flag.WRONG_SIDE, None)
        if right is False:
            self._all[Flag.WRONG_SIDE] = None

    def _look_at_zeros(self, t: int, out: list[Event]) -> None:
        told, since_us = self._straps.look_at_zeros((t - 1) // _TICK_NS * _TICK_NS, t)
        if since_us is not None:
            self._all[Flag.TARE_UNDER_LOAD] = None
            out += told
            self._doubt(Flag.TARE_UNDER_LOAD, since_us, t // 1000, out)

    def _look_at_movements(self, t: int, out: list[Event]) -> None:
        rule = self._check.segment
        x = coarse_rows(self._history, t - _LOOK_NS, t)
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
