"""Aligned rows of simulated Nordic curls, and what the stage makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cuts import cut
from eccentra.events import Event, RepAmended, RepCompleted, RepCounted, Repetition
from eccentra.exercises import load_exercise
from eccentra.pipeline import Pipeline
from eccentra.samples import Block, StreamInfo
from eccentra.simulate import (
    Athlete,
    Hold,
    KneelDown,
    Mounting,
    Move,
    NordicRep,
    NordicSet,
    Scenario,
    SensorSpec,
    Simulation,
    simulate,
)
from eccentra.simulate.kits import KITS
from eccentra.stages import Beat

EXERCISE = load_exercise("nordic-curl")
STAGE = EXERCISE.event_stage()


class Rows:
    """Aligned rows: ``info`` and one block of all of them."""

    def __init__(self, info: StreamInfo, block: Block) -> None:
        self.info, self.block = info, block


class _Catcher:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.beats: list[Beat] = []

    def push(self, block: Block) -> Sequence[Event]:
        self.blocks.append(block)
        return ()

    def finish(self) -> Sequence[Event]:
        return ()


def rows_of(simulation: Simulation, *, gyroscope: bool = True) -> Rows:
    """What reaches the event stage, by the real stages before it."""
    infos = []
    for name, signal in simulation.signals.items():
        imu = signal.sensor.kind == "imu"
        names = signal.sensor.channels if imu else ("force",)
        names = names if gyroscope or not imu else names[:3]
        infos.append(
            StreamInfo(
                stream=name,
                kind=signal.sensor.kind,
                channels=names,
                units=("SI",) * len(names),
                rate_hz=signal.sensor.rate_hz,
                placement=signal.sensor.placement,
                side=signal.sensor.side,
            )
        )
    pipeline = Pipeline(EXERCISE, infos)
    catcher = _Catcher()
    pipeline._run = catcher  # type: ignore[assignment]
    for info in infos:
        signal = simulation.signals[info.stream]
        t = np.round(signal.t_s * 1e9).astype(np.int64)
        pipeline.push(Block(info.stream, t, np.ascontiguousarray(signal.x[:, : len(info.channels)])))
    pipeline.finish()
    t = np.concatenate([b.t for b in catcher.blocks])
    x = np.concatenate([b.x for b in catcher.blocks])
    return Rows(pipeline._align.info, Block("aligned", t, x))


def events_of(rows: Rows, cuts: Iterable[int] = range(0, 1_000_000, 100)) -> list[Event]:
    run = STAGE.start(rows.info)
    out: list[Event] = []
    for piece in cut(rows.block, (c for c in cuts if c < len(rows.block.t))):
        out += run.push(piece)
    return out + list(run.finish())


def reps_in(events: Iterable[Event]) -> list[Repetition]:
    """Repetitions that count in the end, in order of time."""
    reps: dict[tuple[int, int], Repetition] = {}
    for event in events:
        if isinstance(event, RepCompleted):
            reps[event.rep.set_index, event.rep.index] = event.rep
        elif isinstance(event, RepAmended) and not event.counted:
            reps.pop((event.set_index, event.index), None)
    return sorted(reps.values(), key=lambda rep: rep.start_us)


def live_count(events: Iterable[Event]) -> int:
    return sum(isinstance(e, RepCounted) - (isinstance(e, RepAmended) and not e.counted) for e in events)


def scenario(
    *reps: NordicRep,
    before: tuple[Move, ...] = (Hold(seconds=3.0), KneelDown(seconds=3.0), Hold(seconds=2.5)),
    after: tuple[Move, ...] = (Hold(seconds=4.0),),
    kit: str = "thigh",
    mounting: Mounting | None = None,
    athlete: Athlete | None = None,
) -> Scenario:
    """One set between two stretches of something else."""
    sensors: tuple[SensorSpec, ...] = KITS[kit]
    if mounting is not None:
        sensors = tuple(
            SensorSpec(**{f: getattr(s, f) for f in s.__struct_fields__} | {"mounting": mounting})
            if s.kind == "imu"
            else s
            for s in sensors
        )
    return Scenario(
        timeline=(*before, NordicSet(reps=reps), *after),
        sensors=sensors,
        athlete=athlete or Athlete(),
    )


def analysed(wanted: Scenario, seed: int = 1) -> tuple[Simulation, list[Event], list[Repetition]]:
    simulation = simulate(wanted, seed)
    events = events_of(rows_of(simulation))
    return simulation, events, reps_in(events)
