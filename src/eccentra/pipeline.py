"""The stages of one exercise, connected: samples of each sensor in, events out.

Order of what comes out is a matter of sample time alone: rows are processed when all present sensors have
reached them, and a sensor's gap is told just before the first row after it. So no way of cutting or
interleaving the streams changes the sequence of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from eccentra.catalogue import Person, Tempo
from eccentra.errors import InputError
from eccentra.events import Event, PhaseKind, SensorGap
from eccentra.exercises import Exercise
from eccentra.samples import Block, Gap, Side, StreamInfo
from eccentra.stages import Beat, EventRun, LiveState, ReadsStraps
from eccentra.stages.accompanied import Accompanied, Companion
from eccentra.stages.align import AlignRun, prefix_of
from eccentra.stages.contraction import Stage as Contractions
from eccentra.stages.cue_rules import Aim
from eccentra.stages.cues import CueRun
from eccentra.stages.force_beside import ForceBeside
from eccentra.stages.gap_check import GapCheck
from eccentra.stages.gap_reach import GapReach
from eccentra.stages.likeness import LikenessCheck
from eccentra.stages.placement_run import PlacementRun

__all__ = ["Observer", "Pipeline"]


class Observer(Protocol):
    """Watches the exercise's stage and has something to add."""

    def see(self, rows: Block, beats: Sequence[Beat], events: Sequence[Event]) -> Sequence[tuple[int, Event]]:
        """Take aligned rows and what the stage made of them: its moments, and the events up to each.

        Gives events with the moment (ns, one of ``beats``) at which they were decided. They may depend on
        rows and moments only, not on where this piece of rows begins and ends.
        """
        ...


class Pipeline:
    """A running exercise.

    Parameters
    ----------
    exercise
        What is done.
    streams
        The sensors' streams, keyed by sensor id order of the session.
    first_set
        Index of the next set.
    person, tempo, aim
        What is known of the person, prescribed times of the phases, and what else is prescribed.

    Raises
    ------
    InputError
        When the exercise cannot be measured with these sensors.
    """

    def __init__(
        self,
        exercise: Exercise,
        streams: Sequence[StreamInfo],
        *,
        first_set: int = 1,
        person: Person | None = None,
        tempo: Tempo | None = None,
        aim: Aim | None = None,
    ) -> None:
        _check_kit(exercise, streams)
        self._resample = {info.stream: exercise.resample.start(info) for info in streams}
        self._orient = {
            info.stream: exercise.orientation.start(self._resample[info.stream].info)
            for info in streams
            if info.kind == "imu"
        }
        ready = [self._orient.get(info.stream, self._resample[info.stream]).info for info in streams]
        try:
            self._align = AlignRun(ready)
        except ValueError as error:
            raise InputError(exercise.id, f"{error}; wear each at a place of its own") from None
        worn = {prefix_of(info): info.stream for info in ready}
        self._run = _event_run(exercise, streams, self._align.info, worn, first_set, person, tempo)
        self._placed: PlacementRun | None = None
        if exercise.placement is not None:
            self._run = self._placed = PlacementRun(exercise.placement, self._run, self._align.info, worn)
        self._straps: dict[str, Side] = {
            info.stream: info.side or "both" for info in streams if info.kind == "force"
        }
        self._gaps: list[Gap] = []
        self._cues = None
        if exercise.cues is not None:
            self._cues = CueRun(exercise.cues, self._align.info, exercise.usual(), tempo, aim or Aim())
        self._observers: list[Observer] = [one for one in (self._cues,) if one is not None]

    def push(self, block: Block) -> list[Event]:
        """Take samples of one sensor, give the events they decide."""
        run = self._resample[block.stream]
        orient = self._orient.get(block.stream)
        out: list[Event] = []
        rows: Iterable[Block] = run.push(block)
        if run.gaps:
            self._gaps += run.gaps
            run.gaps.clear()
        for piece in rows:
            for ready in orient.push(piece) if orient is not None else (piece,):
                for aligned in self._align.push(ready):
                    self._process(aligned, out)
        return out

    def absent(self, stream: str) -> list[Event]:
        """A sensor is silent: go on without it."""
        out: list[Event] = []
        for aligned in self._align.absent(stream):
            self._process(aligned, out)
        return out

    def present(self, stream: str) -> None:
        """A silent sensor is back: wait for it again."""
        self._align.present(stream)

    def finish(self) -> list[Event]:
        """Nothing more will come: decide what is open."""
        out: list[Event] = []
        for aligned in self._align.finish():
            self._process(aligned, out)
        self._gaps += self._align.dropped
        self._align.dropped.clear()
        self._tell_gaps(None, out)
        out.extend(self._run.finish())
        return out

    def undo(self, t_us: int) -> list[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        events = list(self._run.undo(t_us))
        return events + [cue for event in events for cue in self.told(event)]

    def told(self, event: Event) -> list[Event]:
        """Take an event that comes from outside the samples; give what follows from it."""
        return [] if self._cues is None else self._cues.told(event)

    def tared(self, stream: str, by_n: float) -> None:
        """The zero of a strap was set anew: it reads ``by_n`` less from now on."""
        if isinstance(self._run, ReadsStraps):
            self._run.tared(self._straps[stream], by_n)

    def is_loaded(self, stream: str, level_n: float) -> bool:
        """Whether a strap that reads ``level_n`` carries load: it was clearly lower when it rested before."""
        return self._placed is not None and self._placed.is_loaded(stream, level_n)

    def ask_sides(self, t_us: int) -> list[Event]:
        """Ask which strap answers when the left leg pulls."""
        return [] if self._placed is None else self._placed.ask_sides(t_us)

    def live(self) -> LiveState:
        """What a screen shows now."""
        state = self._run.live()
        return state if self._cues is None else self._cues.show(state)

    def _process(self, rows: Block, out: list[Event]) -> None:
        if self._align.dropped:
            self._gaps += self._align.dropped
            self._align.dropped.clear()
        while self._gaps:
            gap = min(self._gaps, key=_gap_order)
            end = gap.end_ns if gap.end_ns is not None else gap.start_ns
            if end > rows.t[-1]:
                break
            cut = int(rows.t.searchsorted(end))
            if cut:
                self._see(Block(rows.stream, rows.t[:cut], rows.x[:cut]), out)
                rows = Block(rows.stream, rows.t[cut:], rows.x[cut:])
            self._tell_gaps(end, out)
        self._see(rows, out)

    def _see(self, rows: Block, out: list[Event]) -> None:
        """Let the stage and its observers see rows; events come in the order in which they were decided."""
        events, beats = self._run.push(rows), self._run.beats
        added = [pair for one in self._observers for pair in one.see(rows, beats, events)]
        if not added:
            out.extend(events)
            return
        if len(self._observers) > 1:
            added.sort(key=lambda pair: pair[0])
        done = k = 0
        for beat in beats:
            out.extend(events[done : beat.events])
            done = max(done, beat.events)
            while k < len(added) and added[k][0] <= beat.t:
                out.append(added[k][1])
                k += 1
        out.extend(events[done:])

    def _tell_gaps(self, until_ns: int | None, out: list[Event]) -> None:
        self._gaps.sort(key=_gap_order)
        while self._gaps and (until_ns is None or _gap_order(self._gaps[0])[0] <= until_ns):
            gap = self._gaps.pop(0)
            end = gap.end_ns if gap.end_ns is not None else gap.start_ns
            out.append(
                SensorGap(
                    t_us=end // 1000, sensor=gap.stream, start_us=gap.start_ns // 1000, end_us=end // 1000
                )
            )


def _gap_order(gap: Gap) -> tuple[int, int, str]:
    return (gap.end_ns if gap.end_ns is not None else gap.start_ns, gap.start_ns, gap.stream)


def _event_run(
    exercise: Exercise,
    streams: Sequence[StreamInfo],
    info: StreamInfo,
    worn: Mapping[str, str],
    first_set: int,
    person: Person | None,
    tempo: Tempo | None,
) -> EventRun:
    """The run of the exercise's stage, with those that look at its repetitions again."""
    kinds = {one.kind for one in streams}
    stage = exercise.event_stage(person, tempo, force_only="imu" not in kinds)
    try:
        run = stage.start(info, first_set=first_set)
    except ValueError as error:
        raise InputError(exercise.id, str(error)) from None
    companions: list[Companion] = []
    if "imu" in kinds:
        companions.append(LikenessCheck(info))
    if kinds >= {"imu", "force"} and exercise.force_only is not None:
        rule = exercise.event_stage(person, tempo, force_only=True)
        if isinstance(rule, Contractions):
            phase: PhaseKind = "isometric" if exercise.stage["kind"] == "hold" else "eccentric"
            companions.append(ForceBeside(rule, info, phase, person or Person()))
    settle_s = max((exercise.orientation.memory_s(one) for one in streams if one.kind == "imu"), default=0.0)
    gaps = GapCheck(info, learns=exercise.stage["kind"] == "generic", settle_s=settle_s)
    return Accompanied(run, companions, gaps, GapReach(info, gaps, worn))


def _check_kit(exercise: Exercise, streams: Sequence[StreamInfo]) -> None:
    have = {info.kind for info in streams} | {info.placement for info in streams if info.placement}
    got = ", ".join(sorted(have)) or "no sensor"
    missing = exercise.missing(set(have))
    if missing is not None:
        raise InputError(exercise.id, f"needs {missing}; got {got}")
    # straps are enough alone; beside a motion sensor it is that sensor's stage that counts
    beside = exercise.force_only is not None and "imu" in have
    if beside and exercise.missing(set(have) - {"force"}) is not None:
        kits = " or ".join(" + ".join(kit) for kit in exercise.needs if "force" not in kit)
        raise InputError(
            exercise.id,
            f"needs {kits}; got {got} (without the motion sensor it is counted from force alone)",
        )
