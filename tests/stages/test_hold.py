"""Isometric holds: on simulated sessions whose truth is known exactly, through the stages before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuts import cut, cut_places
from eccentra.errors import ExerciseError
from eccentra.events import (
    Event,
    FaultId,
    Flag,
    PhaseChanged,
    Reason,
    RepAmended,
    RepCompleted,
    Repetition,
    RepRejected,
    SetCompleted,
)
from eccentra.exercises import load_exercise, parse_exercise
from eccentra.pipeline import Pipeline
from eccentra.samples import Block, StreamInfo
from eccentra.simulate import (
    KITS,
    Dip,
    Fidget,
    Hold,
    HoldRep,
    HoldSet,
    LieStill,
    Mounting,
    Move,
    Scenario,
    SensorSpec,
    Shift,
    Simulation,
    TakePose,
    Walk,
    hold_session,
    simulate,
)
from needs import ROOT

EXERCISES = ("bridge-hold", "long-lever-bridge-hold", "plank")
DOWN: tuple[Move, ...] = (
    Hold(seconds=2.0),
    TakePose(to="supine_bent", via=("tall_kneel", "sit"), seconds=5.0),
    LieStill(seconds=4.0),
)


def infos_of(simulation: Simulation, *, gyroscope: bool = True) -> list[StreamInfo]:
    out = []
    for name, signal in simulation.signals.items():
        names = signal.sensor.channels if gyroscope else signal.sensor.channels[:3]
        out.append(
            StreamInfo(
                stream=name,
                kind="imu",
                channels=names,
                units=("SI",) * len(names),
                rate_hz=signal.sensor.rate_hz,
                placement=signal.sensor.placement,
            )
        )
    return out


class _Catcher:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.beats: list[int] = []

    def push(self, block: Block) -> Sequence[Event]:
        self.blocks.append(block)
        return ()

    def finish(self) -> Sequence[Event]:
        return ()


def rows_of(
    simulation: Simulation, exercise: str = "bridge-hold", *, gyroscope: bool = True
) -> tuple[StreamInfo, Block]:
    """What reaches the event stage, by the real stages before it."""
    infos = infos_of(simulation, gyroscope=gyroscope)
    pipeline = Pipeline(load_exercise(exercise), infos)
    catcher = _Catcher()
    pipeline._run = catcher  # type: ignore[assignment]
    for info in infos:
        signal = simulation.signals[info.stream]
        t = np.round(signal.t_s * 1e9).astype(np.int64)
        pipeline.push(Block(info.stream, t, np.ascontiguousarray(signal.x[:, : len(info.channels)])))
    pipeline.finish()
    t = np.concatenate([b.t for b in catcher.blocks])
    return pipeline._align.info, Block("aligned", t, np.concatenate([b.x for b in catcher.blocks]))


def run(info: StreamInfo, *blocks: Block, exercise: str = "bridge-hold") -> list[Event]:
    process = load_exercise(exercise).event_stage().start(info)
    return [*itertools.chain.from_iterable(process.push(b) for b in blocks), *process.finish()]


def events_of(simulation: Simulation, exercise: str = "bridge-hold", **how: bool) -> list[Event]:
    info, rows = rows_of(simulation, exercise, **how)
    return run(info, *cut(rows, range(0, len(rows.t), 100)), exercise=exercise)


def reps_in(events: list[Event]) -> list[Repetition]:
    return [e.rep for e in events if isinstance(e, RepCompleted)]


def refused(events: list[Event]) -> list[Reason]:
    return [e.reason for e in events if isinstance(e, RepRejected)]


def bridge(
    *holds: HoldRep,
    kit: str = "pelvis",
    before: tuple[Move, ...] = DOWN,
    after: tuple[Move, ...] = (LieStill(seconds=4.0),),
    mounting: Mounting | None = None,
) -> Simulation:
    sensors: tuple[SensorSpec, ...] = KITS[kit]
    if mounting is not None:
        sensors = tuple(msgspec.structs.replace(sensor, mounting=mounting) for sensor in sensors)
    moves: tuple[Move, ...] = (*before, HoldSet(holds=holds), *after) if holds else (*before, *after)
    return simulate(Scenario(exercise="hold", timeline=moves, sensors=sensors), seed=3)


@cache
def usual() -> Simulation:
    """Two holds, a dip in the second one, and a movement too short to be one."""
    return bridge(
        HoldRep(hold_s=8.0),
        HoldRep(hold_s=10.0, dips=(Dip(at=0.5, depth=0.7),), up_s=2.5, down_s=3.0, down_shape="ramped"),
        HoldRep(hold_s=1.0),
    )


def compare(simulation: Simulation, reps: list[Repetition], slack: float = 1.0) -> None:
    truth = simulation.truth.reps
    assert len(reps) == len(truth)
    for true, rep in zip(truth, reps, strict=True):
        assert [p.kind for p in rep.phases] == ["concentric", "isometric", "eccentric"]
        assert rep.phases[0].end_us == rep.phases[1].start_us
        assert rep.phases[1].end_us == rep.phases[2].start_us
        value = rep.value("hold_s")
        assert value is not None
        assert abs(value - true.total_s("isometric")) <= 0.2 * slack
        assert abs((rep.value("concentric_s") or 0.0) - true.total_s("concentric")) <= 0.2 * slack
        assert abs((rep.value("eccentric_s") or 0.0) - true.total_s("eccentric")) <= 0.3 * slack
        assert abs((rep.value("tut_s") or 0.0) - true.tut_s) <= 0.3 * slack
        assert 0 <= rep.decided_us - rep.end_us <= 500_000


@pytest.mark.parametrize("kit", ["pelvis", "trunk", "thigh", "thigh+pelvis"])
def test_holds_are_counted_and_timed(kit: str) -> None:
    simulation = bridge(HoldRep(hold_s=8.0), HoldRep(hold_s=6.0, up_s=3.0, down_s=1.0), kit=kit)
    events = events_of(simulation)
    reps = reps_in(events)
    compare(simulation, reps)
    assert all(rep.valid for rep in reps)
    (done,) = [e for e in events if isinstance(e, SetCompleted)]
    assert done.reps_counted == 2
    assert done.metrics["hold_s"].value == pytest.approx(sum(rep.value("hold_s") or 0.0 for rep in reps))
    assert ("hip_loss_deg" in reps[0].metrics) == (kit == "thigh+pelvis")


@pytest.mark.parametrize(
    "mounting",
    [
        Mounting(twist_deg=100.0, tilt_deg=10.0),
        Mounting(upside_down=True, twist_deg=-40.0),
        Mounting(face_in=True),
    ],
)
def test_mounting_changes_nothing(mounting: Mounting) -> None:
    simulation = bridge(HoldRep(hold_s=7.0), HoldRep(hold_s=6.0), mounting=mounting)
    compare(simulation, reps_in(events_of(simulation)))


def test_without_gyroscope() -> None:
    simulation = bridge(HoldRep(hold_s=8.0), HoldRep(hold_s=6.0))
    reps = reps_in(events_of(simulation, gyroscope=False))
    compare(simulation, reps, slack=3.5)
    assert all(Flag.NO_GYROSCOPE in rep.flags for rep in reps)
    assert all((rep.metrics["hold_s"].uncertainty or 0.0) > 0.4 for rep in reps)


def test_a_dip_does_not_end_a_hold_and_is_marked() -> None:
    simulation = usual()
    events = events_of(simulation)
    reps = reps_in(events)
    # a ramped way of 3 s in sway looks a little softer than it is
    compare(simulation, reps, slack=1.25)
    assert [rep.value("dips") for rep in reps] == [0.0, 1.0]
    assert [fault.id for fault in reps[1].faults] == [FaultId.DIPPED]
    assert Reason.TOO_SHORT in refused(events)
    assert Reason.SETUP in refused(events)


def test_a_long_drop_ends_the_hold() -> None:
    """Down half-way for 4 s and up again: two holds, or one that ended there."""
    simulation = bridge(HoldRep(hold_s=20.0, dips=(Dip(at=0.5, depth=0.9, stay_s=2.0),)))
    first = reps_in(events_of(simulation))[0]
    true = simulation.truth.reps[0].phases[1]
    assert first.phases[1].end_us / 1e6 == pytest.approx(true.start_s + 10.0, abs=0.3)


def test_sag_hike_and_cramp_are_said() -> None:
    simulation = bridge(
        HoldRep(hold_s=20.0, sag_deg=9.0, sway_deg=0.2),
        HoldRep(hold_s=12.0, hike_deg=12.0),
        HoldRep(hold_s=10.0, cramp=True),
        HoldRep(hold_s=10.0),
    )
    sag, hike, cramp, good = reps_in(events_of(simulation))
    assert FaultId.HIP_SAG in {fault.id for fault in sag.faults}
    assert sag.value("sag_deg") == pytest.approx(8.0, abs=1.5)
    assert FaultId.HIP_HIKE in {fault.id for fault in hike.faults}
    assert hike.value("hike_deg") == pytest.approx(12.0, abs=2.0)
    assert FaultId.DROPPED in {fault.id for fault in cramp.faults}
    assert not good.faults
    assert all(fault.cue for rep in (sag, hike, cramp) for fault in rep.faults)


def test_sway_is_measured_and_its_growth() -> None:
    simulation = bridge(
        HoldRep(hold_s=30.0, sway_deg=0.3, fatigue=0.0), HoldRep(hold_s=30.0, sway_deg=0.3, fatigue=4.0)
    )
    even, tired = reps_in(events_of(simulation))
    sd, tired_sd = even.value("sway_sd_deg"), tired.value("sway_sd_deg")
    growth, tired_growth = even.value("sway_growth"), tired.value("sway_growth")
    assert None not in (sd, tired_sd, growth, tired_growth)
    assert 0.2 < (sd or 0.0) < 0.6
    assert (tired_sd or 0.0) > 1.5 * (sd or 0.0)
    assert (tired_growth or 0.0) > 2.0 > (growth or 0.0)


def test_walking_is_said() -> None:
    before: tuple[Move, ...] = (Hold(seconds=3.0), Walk(seconds=10.0), Hold(seconds=4.0))
    events = events_of(bridge(kit="thigh", before=before, after=()))
    assert not reps_in(events)
    assert set(refused(events)) == {Reason.WALKING}


def test_what_was_counted_upright_is_taken_back() -> None:
    """A trunk that leans while standing looks like a hold until somebody walks and it is known what is up."""
    before: tuple[Move, ...] = (Hold(seconds=4.0), HoldSet(holds=(HoldRep(hold_s=9.0),)), Hold(seconds=4.0))
    still = bridge(kit="trunk", before=before, after=())
    walks = bridge(kit="trunk", before=before, after=(Walk(seconds=10.0), Hold(seconds=3.0)))
    assert len(reps_in(events_of(still))) == 1
    events = events_of(walks)
    (rep,) = reps_in(events)
    (taken,) = [e for e in events if isinstance(e, RepAmended)]
    assert (taken.set_index, taken.index, taken.counted) == (rep.set_index, rep.index, False)
    (done,) = [e for e in events if isinstance(e, SetCompleted)]
    assert done.reps_counted == 0


def test_a_plank_from_kneeling_is_not_taken_back() -> None:
    """Its rest pose is upright."""
    holds = HoldSet(holds=(HoldRep(hold_s=12.0, sway_deg=0.5),), style="plank_from_kneel")
    moves = (TakePose(to="tall_kneel"), Hold(seconds=4.0), holds, TakePose(to="stand"), Walk(seconds=10.0))
    scenario = Scenario(exercise="hold", timeline=(Hold(seconds=2.0), *moves), sensors=KITS["trunk"])
    events = events_of(simulate(scenario, seed=3), "plank")
    assert len(reps_in(events)) == 1
    assert not [e for e in events if isinstance(e, RepAmended)]


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("kit", ["pelvis", "trunk"])
def test_nothing_is_counted_without_a_hold(exercise: str, kit: str) -> None:
    around: tuple[Move, ...] = (
        Hold(seconds=3.0),
        Walk(seconds=8.0),
        Fidget(seconds=6.0),
        *DOWN,
        Shift(size_deg=3.0, stay_s=5.0),
        LieStill(seconds=6.0),
        Shift(size_deg=3.0, stay_s=1.0, back=True),
        LieStill(seconds=3.0),
        TakePose(to="stand", via=("sit", "tall_kneel")),
        Walk(seconds=6.0),
        Hold(seconds=4.0),
    )
    events = events_of(bridge(kit=kit, before=around, after=()), exercise)
    assert not reps_in(events)
    assert Reason.SETUP in refused(events)


def test_a_recording_that_ends_in_a_hold() -> None:
    """A pose that was held before is known; the first one may be anything."""
    simulation = bridge(HoldRep(hold_s=8.0), HoldRep(hold_s=20.0))
    info, rows = rows_of(simulation)
    second = simulation.truth.reps[1]
    end = int(np.searchsorted(rows.t, round((second.phases[1].start_s + 9.0) * 1e9)))
    first_end = int(np.searchsorted(rows.t, round((simulation.truth.reps[0].phases[1].start_s + 5.0) * 1e9)))
    reps = reps_in(run(info, Block("aligned", rows.t[:end], rows.x[:end])))
    assert len(reps) == 2
    assert reps[1].reasons == (Reason.UNFINISHED,)
    assert reps[1].flags == (Flag.RETURN_NOT_SEEN,)
    assert reps[1].value("hold_s") == pytest.approx(9.0, abs=0.2)
    assert reps[1].metrics["hold_s"].quality == "flagged"
    assert reps[1].metrics["eccentric_s"].quality == "missing"
    events = run(info, Block("aligned", rows.t[:first_end], rows.x[:first_end]))
    assert not reps_in(events)
    assert refused(events)[-1] is Reason.UNFINISHED


def test_the_hold_runs_on_the_screen() -> None:
    simulation = bridge(HoldRep(hold_s=10.0))
    info, rows = rows_of(simulation)
    process = load_exercise("bridge-hold").event_stage().start(info)
    true = simulation.truth.reps[0]
    phases: list[str] = []
    seen: list[tuple[float, str, float | None]] = []
    for piece in cut(rows, range(0, len(rows.t), 50)):
        phases += [e.phase for e in process.push(piece) if isinstance(e, PhaseChanged)]
        live = process.live()
        seen.append((live.t_us / 1e6, live.phase, live.tut_s))
    assert phases[-4:] == ["concentric", "isometric", "eccentric", "rest"]
    inside = [(t, phase, tut) for t, phase, tut in seen if true.end_s - 8.0 < t < true.end_s - 3.0]
    assert {phase for _, phase, _ in inside} == {"isometric"}
    for t, _, tut in inside:
        assert tut == pytest.approx(t - true.start_s, abs=0.7)
    after = [tut for t, _, tut in seen if t > true.end_s + 1.0]
    assert after[-1] == pytest.approx(true.tut_s, abs=0.2)


@settings(max_examples=15)
@given(at=cut_places())
def test_cutting_changes_nothing(at: list[int]) -> None:
    info, rows = cached_rows()
    assert run(info, *cut(rows, at)) == whole_events()


@cache
def cached_rows() -> tuple[StreamInfo, Block]:
    return rows_of(usual())


@cache
def whole_events() -> list[Event]:
    info, rows = cached_rows()
    events = run(info, rows)
    assert len(reps_in(events)) == 2
    return events


@settings(max_examples=25)
@given(start=st.floats(13.0, 45.0), length=st.sampled_from([0.3, 0.8, 2.0]))
def test_what_a_gap_touches_is_flagged(start: float, length: float) -> None:
    info, rows = cached_rows()
    keep = (rows.t < start * 1e9) | (rows.t > (start + length) * 1e9)
    found = reps_in(run(info, Block("aligned", rows.t[keep], np.ascontiguousarray(rows.x[keep]))))
    for rep in reps_in(whole_events()):
        near = [r for r in found if min(r.end_us, rep.end_us) - max(r.start_us, rep.start_us) > 3_000_000]
        touched = rep.start_us / 1e6 - 3.0 < start + length and start < rep.end_us / 1e6 + 3.0
        if not near:
            assert touched
            continue
        (other,) = near
        for name in ("hold_s", "concentric_s", "eccentric_s", "tut_s"):
            was, now = rep.metrics[name], other.metrics[name]
            if now.quality == "ok":
                assert abs((was.value or np.nan) - (now.value or np.nan)) <= max(0.2, now.uncertainty or 0.0)
            else:
                assert touched


def test_rules_of_the_exercise_are_checked_when_it_is_read() -> None:
    raw = msgspec.toml.decode((ROOT / "pipelines" / "bridge-hold.toml").read_bytes())
    shared = msgspec.toml.decode((ROOT / "pipelines" / "shared" / "hold.toml").read_bytes())
    assert raw["stage"].pop("defaults") == "hold"
    raw["stage"]["rise"] |= shared.pop("rise")
    raw["stage"] |= shared
    raw["stage"]["faults"][0]["metric"] = "hold_minutes"
    with pytest.raises(ExerciseError, match="no metric 'hold_minutes'"):
        parse_exercise(raw, "bridge-hold.toml")
    raw["stage"]["faults"][0]["metric"] = "drop_deg"
    raw["stage"]["pose"]["near_deg"] = 20.0
    with pytest.raises(ExerciseError, match=r"pose\.near_deg < rise\.least_deg"):
        parse_exercise(raw, "bridge-hold.toml")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_random_sessions(exercise: str) -> None:
    """A few; benchmarks/accuracy_holds.py does many."""
    errors = []
    for seed in (201, 202, 203):
        simulation = simulate(hold_session(seed, exercise), seed)  # type: ignore[arg-type]
        reps = reps_in(events_of(simulation, exercise))
        assert len(reps) == len(simulation.truth.reps)
        for true, rep in zip(simulation.truth.reps, reps, strict=True):
            errors.append(abs((rep.value("hold_s") or np.nan) - true.total_s("isometric")))
    assert np.mean(errors) <= 0.2
