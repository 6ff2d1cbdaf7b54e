"""The stages of one exercise, connected: samples of each sensor in, events out.

Order of what comes out is a matter of sample time alone: rows are processed when all present sensors have
reached them, and a sensor's gap is told just before the first row after it. So no way of cutting or
interleaving the streams changes the sequence of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eccentra.catalogue import Person, Tempo
from eccentra.errors import InputError
from eccentra.events import Event, SensorGap
from eccentra.exercises import Exercise
from eccentra.samples import Block, Gap, StreamInfo
from eccentra.stages import LiveState
from eccentra.stages.align import AlignRun

__all__ = ["Pipeline"]


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
    person, tempo
        What is known of the person, and prescribed times of the phases.

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
        stage = exercise.event_stage(person, tempo, force_only=all(info.kind == "force" for info in streams))
        self._run = stage.start(self._align.info, first_set=first_set)
        self._gaps: list[Gap] = []

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
        return list(self._run.undo(t_us))

    def live(self) -> LiveState:
        """What a screen shows now."""
        return self._run.live()

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
                out.extend(self._run.push(Block(rows.stream, rows.t[:cut], rows.x[:cut])))
                rows = Block(rows.stream, rows.t[cut:], rows.x[cut:])
            self._tell_gaps(end, out)
        out.extend(self._run.push(rows))

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


def _check_kit(exercise: Exercise, streams: Sequence[StreamInfo]) -> None:
    have = {info.kind for info in streams} | {info.placement for info in streams if info.placement}
    missing = exercise.missing(set(have))
    if missing is not None:
        got = ", ".join(sorted(have)) or "no sensor"
        raise InputError(exercise.id, f"needs {missing}; got {got}")
