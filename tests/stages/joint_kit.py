"""Simulated joint exercises, and what their stage makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cuts import cut
from eccentra.events import Event, RepAmended, RepCompleted, Repetition
from eccentra.exercises import Exercise, load_exercise
from eccentra.pipeline import Pipeline
from eccentra.samples import Block, Floats, StreamInfo
from eccentra.simulate import (
    KITS,
    Hold,
    JointRep,
    JointSet,
    LeavePosition,
    Mounting,
    Move,
    Scenario,
    Simulation,
    TakePosition,
    simulate,
)
from eccentra.simulate.faults import Fault
from eccentra.stages.live import Beat


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


def pipeline_of(exercise: Exercise, simulation: Simulation, *, gyroscope: bool = True) -> Pipeline:
    infos = [
        StreamInfo(
            stream=name,
            kind="imu",
            channels=signal.sensor.channels[: 6 if gyroscope else 3],
            units=("SI",) * (6 if gyroscope else 3),
            rate_hz=signal.sensor.rate_hz,
            placement=signal.sensor.placement,
        )
        for name, signal in simulation.signals.items()
    ]
    return Pipeline(exercise, infos)


def feed(pipeline: Pipeline, simulation: Simulation, *, gyroscope: bool = True) -> list[Event]:
    """All samples, a second at a time, as they come live."""
    out: list[Event] = []
    n = 6 if gyroscope else 3
    for second in range(int(simulation.truth.duration_s) + 1):
        for name, signal in simulation.signals.items():
            a, b = np.searchsorted(signal.t_s, (second, second + 1)).tolist()
            if b > a:
                t = np.round(signal.t_s[a:b] * 1e9).astype(np.int64)
                out += pipeline.push(Block(name, t, np.ascontiguousarray(signal.x[a:b, :n])))
    return out + pipeline.finish()


def events_of(name: str, simulation: Simulation, *, gyroscope: bool = True) -> list[Event]:
    pipeline = pipeline_of(load_exercise(name), simulation, gyroscope=gyroscope)
    return feed(pipeline, simulation, gyroscope=gyroscope)


def rows_of(name: str, simulation: Simulation) -> Rows:
    """What reaches the event stage, by the real stages before it."""
    pipeline = pipeline_of(load_exercise(name), simulation)
    catcher = _Catcher()
    pipeline._run = catcher  # type: ignore[assignment]
    feed(pipeline, simulation)
    t = np.concatenate([b.t for b in catcher.blocks])
    x = np.concatenate([b.x for b in catcher.blocks])
    return Rows(pipeline._align.info, Block("aligned", t, x))


def staged(name: str, rows: Rows, cuts: Iterable[int]) -> list[Event]:
    """Events of the stage on rows cut in this way."""
    run = load_exercise(name).event_stage().start(rows.info)
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


def one_set(
    name: str,
    *reps: JointRep,
    kit: str,
    after: tuple[Move, ...] = (),
    mounting: Mounting | None = None,
    faults: tuple[Fault, ...] = (),
    seed: int = 1,
) -> Simulation:
    """One set from standing, into position and out again."""
    sensors = KITS[kit]
    if mounting is not None:
        sensors = tuple(
            type(s)(**{f: getattr(s, f) for f in s.__struct_fields__} | {"mounting": mounting})
            for s in sensors
        )
    timeline = (
        Hold(seconds=2.0),
        TakePosition(exercise=name),
        Hold(seconds=2.0),
        JointSet(exercise=name, reps=reps),
        Hold(seconds=2.0),
        LeavePosition(exercise=name),
        Hold(seconds=2.0),
        *after,
    )
    return simulate(Scenario(exercise="joint", timeline=timeline, sensors=sensors, faults=faults), seed)


def shank_rows(begin_deg: float, *moves: tuple[float, float, float]) -> Rows:
    """A shank that goes to an angle, in so many seconds, rests there for so long; 90 degrees is hanging."""
    return limb_rows("leg-curl", "shank", -0.25, begin_deg, *moves)


def limb_rows(
    name: str, segment: str, lever_m: float, begin_deg: float, *moves: tuple[float, float, float]
) -> Rows:
    """One segment that goes to an angle, in so many seconds, rests there; it rises by the lever."""
    info = rows_of(name, one_set(name, JointRep(), kit=segment)).info
    pieces: list[Floats] = [np.full(300, begin_deg)]
    for goal, go_s, rest_s in moves:
        u = np.arange(1, round(100 * go_s) + 1) / round(100 * go_s)
        start = next(float(piece[-1]) for piece in reversed(pieces) if len(piece))
        pieces.append(start + (goal - start) * (10 * u**3 - 15 * u**4 + 6 * u**5))
        pieces.append(np.full(round(100 * rest_s), goal))
    angle = np.radians(np.concatenate(pieces))
    n = len(angle)
    x = np.zeros((n, len(info.channels)))
    first, rate, acc = (info.column(f"{segment}.{what}_x") for what in ("up", "rate", "acc"))
    assert first is not None
    assert rate is not None
    assert acc is not None
    x[:, first], x[:, first + 2] = np.sin(angle), np.cos(angle)
    x[:, rate + 1] = -np.gradient(angle, 0.01)
    # a shank's sensor is a quarter of a metre below the knee when it hangs
    height = np.gradient(np.gradient(lever_m * np.sin(angle), 0.01), 0.01)
    x[:, acc : acc + 3] = x[:, first : first + 3] * (9.81 + height)[:, None]
    return Rows(info, Block("aligned", np.arange(n, dtype=np.int64) * 10_000_000, x))
