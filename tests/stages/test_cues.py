"""Live cues: each is given when it should be, none in a clean set, the same however streams are cut."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import numpy as np
import pytest

from eccentra.catalogue import Tempo
from eccentra.cli.demo_scene import EXERCISES, scene
from eccentra.errors import ExerciseError, InputError
from eccentra.events import (
    BreakPoint,
    CueGiven,
    CueId,
    Event,
    Fault,
    FaultId,
    Flag,
    Force,
    PhaseChanged,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    RepRejected,
    SetCompleted,
    SetStarted,
)
from eccentra.exercises import Exercise, exercise_ids, load_exercise, parse_exercise
from eccentra.inputs import Command, Input, Lost, Packet, Prescribed
from eccentra.recording import encode_event
from eccentra.samples import Block, StreamInfo
from eccentra.session import Header, Session
from eccentra.simulate import (
    Hold,
    NordicRep,
    NordicSet,
    Scenario,
    Simulation,
    Stop,
    scenario_from,
    simulate,
)
from eccentra.simulate.kits import KITS
from eccentra.stages import Beat
from eccentra.stages.cue_pacer import Pacer, word
from eccentra.stages.cue_range import Usual
from eccentra.stages.cue_rules import Aim, CueRules, aim_of
from eccentra.stages.cue_stroke import Course
from eccentra.stages.cues import CueRun

NORDIC = load_exercise("nordic-curl")
PRESCRIPTION: dict[str, Any] = {
    "tempo_s": {"eccentric": 4.0, "isometric": 2.0, "concentric": 2.0},
    "reps": 3,
    "rom_target_deg": 60.0,
}
WARNINGS = {CueId.TOO_FAST, CueId.HIP_BENDING, CueId.CONTROL_LOST, CueId.TECHNIQUE}


def nordic(*reps: NordicRep, kit: str = "thigh", seed: int = 3) -> Simulation:
    return simulate(
        Scenario(timeline=(Hold(seconds=3.0), NordicSet(reps=reps), Hold(seconds=3.0)), kit=kit), seed
    )


def header_of(exercise: Exercise, made: Simulation) -> Header:
    return Header(session="cues", exercise=exercise, sensors=made.setups, software="test")


def events_of(
    made: Simulation,
    prescription: dict[str, Any] | None = None,
    exercise: Exercise = NORDIC,
    more: tuple[Input, ...] = (),
) -> list[Event]:
    items: list[Input] = list(made.inputs())
    if prescription is not None:
        items.insert(0, Prescribed(items[0].arrival_ns, prescription))
    items = sorted([*items, *more], key=lambda item: item.arrival_ns)
    session = Session(header_of(exercise, made))
    return [one.event for one in (*session.feed_many(items), *session.finish())]


def cues_of(events: list[Event]) -> list[CueGiven]:
    return [event for event in events if isinstance(event, CueGiven)]


def ids_of(events: list[Event]) -> list[CueId]:
    return [cue.cue for cue in cues_of(events)]


# -- laws --------------------------------------------------------------------------------------------------


def fed(header: Header, items: tuple[Input, ...], sizes: list[int], seed: int = 0) -> list[bytes]:
    session, out, left, rng = Session(header), [], list(items), random.Random(seed)
    while left:
        n = rng.choice(sizes)
        out += session.feed_many(left[:n])
        del left[:n]
    return [encode_event(one) for one in out + session.finish()]


# One of each kind of stage at every turn, the others by the long run.
QUICK = {"nordic-curl", "squat", "plank", "generic"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in exercise_ids()],
)
def test_cues_of_every_exercise_are_the_same_however_inputs_are_cut(name: str) -> None:
    exercise = load_exercise(name)
    example = exercise.example[0]
    made = simulate(scenario_from(example.scenario), example.seed)
    items = list(made.inputs())
    items = (Prescribed(items[0].arrival_ns, PRESCRIPTION), *items)
    header = header_of(exercise, made)
    whole = fed(header, items, [1 << 20])
    assert any(b"cue.given" in one for one in whole)
    assert fed(header, items, [1]) == whole
    assert fed(header, items, [1, 7, 300], seed=1) == whole


# -- clean sets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descent_s", [3.0, 4.0, 6.0])
@pytest.mark.parametrize("shape", ["min_jerk", "ramped"])
def test_a_clean_set_has_counts_and_no_warning(descent_s: float, shape: Any) -> None:
    made = nordic(*(NordicRep(descent_s=descent_s, shape=shape) for _ in range(4)))
    found = cues_of(events_of(made, {"tempo_s": {"eccentric": descent_s}}))
    assert [cue.text for cue in found if cue.cue is CueId.REP_COUNTED] == ["One.", "Two.", "Three.", "Four."]
    assert not {cue.cue for cue in found} - {CueId.REP_COUNTED, CueId.PACE_COUNT}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.long)
        for name in EXERCISES
        if not name.startswith("nordic-curl")
    ],
)
def test_demonstrations_have_only_the_warnings_of_their_faults(name: str) -> None:
    exercise = load_exercise(name)
    events = events_of(simulate(scene(name, None, 1), 1), None, exercise)
    faulty = {
        event.rep.faults[0].cue for event in events if isinstance(event, RepCompleted) if event.rep.faults
    }
    for cue in cues_of(events):
        assert cue.severity != "stop"
        if cue.cue in WARNINGS - {CueId.TOO_FAST}:
            assert cue.text in faulty


# -- each cue ----------------------------------------------------------------------------------------------


def test_the_pacer_counts_seconds_of_the_real_stroke() -> None:
    made = nordic(*(NordicRep(descent_s=4.0) for _ in range(3)))
    events = events_of(made, {"tempo_s": {"eccentric": 4.0}})
    starts = [event.rep.start_us for event in events if isinstance(event, RepCompleted)]
    counts = [cue for cue in cues_of(events) if cue.cue is CueId.PACE_COUNT]
    for start in starts:
        mine = [cue for cue in counts if 0 <= cue.decided_us - start < 5_000_000]
        assert [cue.text for cue in mine][-2:] == ["three", "four"]
        for cue in mine:
            second = ("one", "two", "three", "four").index(cue.text)
            assert abs(cue.t_us - start - second * 1_000_000) < 500_000
            assert cue.decided_us - cue.t_us <= 500_000


def test_without_a_tempo_nothing_is_counted_but_repetitions() -> None:
    assert CueId.PACE_COUNT not in ids_of(events_of(nordic(NordicRep(), NordicRep())))


def test_target_repetitions_and_range() -> None:
    made = nordic(*(NordicRep(descent_s=4.0) for _ in range(4)))
    found = cues_of(events_of(made, {"reps": 3, "rom_target_deg": 60.0}))
    (reps,) = [cue for cue in found if cue.cue is CueId.TARGET_REPS]
    assert (reps.index, reps.text) == (3, "Target reached.")
    assert sum(cue.cue is CueId.TARGET_RANGE for cue in found) == 4
    assert CueId.TARGET_RANGE not in ids_of(events_of(made, {"rom_target_deg": 120.0}))


def test_target_of_a_hold() -> None:
    made = simulate(scene("plank", None, 1), 1)
    plank = load_exercise("plank")
    found = [c for c in cues_of(events_of(made, {"tempo_s": {"isometric": 10.0}}, plank))]
    held = [cue for cue in found if cue.cue is CueId.TARGET_HOLD]
    assert held
    assert all(cue.text == "Target reached. Down." for cue in held)
    assert CueId.TARGET_HOLD not in ids_of(events_of(made, {"tempo_s": {"isometric": 60.0}}, plank))


def test_too_fast_is_said_within_the_stroke() -> None:
    slow, quick = NordicRep(descent_s=5.0), NordicRep(descent_s=2.2)
    events = events_of(nordic(slow, slow, quick, slow), {"tempo_s": {"eccentric": 5.0}})
    (cue,) = [cue for cue in cues_of(events) if cue.cue is CueId.TOO_FAST]
    rep = [event.rep for event in events if isinstance(event, RepCompleted)][2]
    assert rep.start_us < cue.decided_us < rep.phases[0].end_us
    assert cue.index == 3


def test_before_a_set_is_known_a_warning_waits_for_the_count() -> None:
    quick = NordicRep(descent_s=2.4)
    events = events_of(nordic(quick, NordicRep(descent_s=5.0)), {"tempo_s": {"eccentric": 5.0}})
    cue = next(cue for cue in cues_of(events) if cue.cue is CueId.TOO_FAST)
    at = events.index(cue)
    assert any(isinstance(event, SetStarted) for event in events[:at])
    assert cue.index == 1
    assert cue.decided_us - cue.t_us < 5_000_000


@pytest.mark.parametrize("lean", [30.0, pytest.param(40.0, marks=pytest.mark.long), 50.0])
@pytest.mark.parametrize("descent_s", [4.0, pytest.param(8.0, marks=pytest.mark.long)])
def test_control_lost_is_said_while_falling(lean: float, descent_s: float) -> None:
    held, broken = NordicRep(descent_s=descent_s), NordicRep(descent_s=descent_s, break_lean_deg=lean)
    made = nordic(held, held, broken, held)
    found = [cue for cue in cues_of(events_of(made)) if cue.cue is CueId.CONTROL_LOST]
    truth = made.truth.sets[0].reps[2]
    assert len(found) == 1
    assert found[0].index == 3
    assert truth.break_point is not None
    assert abs(found[0].t_us / 1e6 - truth.break_point.t_s) < 0.4
    assert found[0].decided_us / 1e6 - truth.break_point.t_s < 0.7
    assert CueId.STOP_FREE_FALLS not in ids_of(events_of(made))


@pytest.mark.parametrize("stop_s", [1.5, 2.5])
def test_a_second_stage_after_a_stop_is_no_fall(stop_s: float) -> None:
    """Time in which the thigh stands still does not slow the stroke that it is compared with."""
    held = NordicRep(descent_s=2.5)
    staged = NordicRep(descent_s=2.4, stops=(Stop(at=0.3, seconds=stop_s),))
    assert CueId.CONTROL_LOST not in ids_of(events_of(nordic(held, held, staged, held)))


def test_two_falls_in_a_row_stop_the_set_and_then_nothing_is_said() -> None:
    held, broken = NordicRep(descent_s=4.0), NordicRep(descent_s=4.0, break_lean_deg=35.0)
    found = cues_of(events_of(nordic(held, broken, broken, broken, held)))
    at = [cue.cue for cue in found].index(CueId.STOP_FREE_FALLS)
    assert (found[at].severity, found[at].index) == ("stop", 3)
    assert found[at].text.startswith("Stop the set.")
    assert found[at + 1 :] == []
    apart = ids_of(events_of(nordic(broken, held, broken, held, broken)))
    assert CueId.STOP_FREE_FALLS not in apart


def test_hip_bending_needs_a_sensor_above_the_hip() -> None:
    straight, bent = NordicRep(descent_s=4.0), NordicRep(descent_s=4.0, hip_flexion_deg=24.0)
    sensors = (*KITS["thigh"], *KITS["trunk"])
    timeline = (Hold(seconds=3.0), NordicSet(reps=(straight, straight, bent, straight)), Hold(seconds=3.0))
    made = simulate(Scenario(timeline=timeline, sensors=sensors), 2)
    events = events_of(made)
    (cue,) = [cue for cue in cues_of(events) if cue.cue is CueId.HIP_BENDING]
    rep = [event.rep for event in events if isinstance(event, RepCompleted)][2]
    assert rep.start_us < cue.t_us <= cue.decided_us < rep.phases[0].end_us
    assert CueId.HIP_BENDING not in ids_of(events_of(nordic(straight, straight, bent, straight)))


@pytest.mark.parametrize(
    ("pain", "limits", "stops"), [(4.0, None, False), (4.5, None, True), (5.0, 5.0, False)]
)
def test_pain_above_the_limit_stops(pain: float, limits: float | None, stops: bool) -> None:
    made = nordic(*(NordicRep() for _ in range(3)))
    report = Command(20_000_000_000, "report", {"pain": pain}, "r1")
    prescription = {"pain_limits": {"low": 2.0, "stop": limits}} if limits is not None else {}
    found = ids_of(events_of(made, prescription, more=(report,)))
    assert (CueId.STOP_PAIN in found) == stops


def test_a_red_flag_stops_at_once() -> None:
    made = nordic(*(NordicRep() for _ in range(3)))
    events = events_of(made, more=(Command(20_000_000_000, "report", {"red_flag": "pop"}, "r1"),))
    (cue,) = [cue for cue in cues_of(events) if cue.cue is CueId.STOP_RED_FLAG]
    assert cue.t_us == cue.decided_us == 20_000_000
    assert "clinician" in cue.text


def test_a_lost_sensor_pauses_a_maximal_test_only() -> None:
    made = nordic(*(NordicRep() for _ in range(4)))
    lost = Lost(30_000_000_000, made.setups[0].sensor)
    assert CueId.STOP_SENSOR_LOST in ids_of(events_of(made, {"test": "maximal"}, more=(lost,)))
    assert CueId.STOP_SENSOR_LOST not in ids_of(events_of(made, more=(lost,)))


def test_lost_rows_are_no_fall() -> None:
    made = nordic(*(NordicRep(descent_s=4.0) for _ in range(4)))
    session = Session(header_of(NORDIC, made))
    starts = [rep.phases[0].start_s + 1.6 for rep in made.truth.sets[0].reps]
    kept = [
        item
        for item in made.inputs()
        if not (isinstance(item, Packet) and any(s < item.arrival_ns / 1e9 < s + 0.4 for s in starts))
    ]
    events = [one.event for one in (*session.feed_many(kept), *session.finish())]
    assert not {CueId.CONTROL_LOST, CueId.TOO_FAST} & set(ids_of(events))


# -- the run alone: rules on finished repetitions ----------------------------------------------------------

ROWS = Block("aligned", np.arange(1, dtype=np.int64), np.zeros((1, 1)))
INFO = StreamInfo(stream="aligned", kind="aligned", channels=("x",), units=("1",), rate_hz=100.0)


def rules_of(name: str = "nordic-curl") -> CueRules:
    found = load_exercise(name).cues
    assert found is not None
    return found


class Told:
    """A cue run that is told repetitions, four seconds apart."""

    def __init__(self, aim: Aim | None = None) -> None:
        self.run = CueRun(rules_of(), INFO, Usual(), None, aim or Aim())
        self.t = 0
        self.index = 0
        self.cues: list[CueGiven] = []

    def tell(self, *events: Event) -> list[CueGiven]:
        self.t += 4_000_000_000
        found = self.run.see(ROWS, [Beat(self.t, len(events), None, None)], events)
        new = [event for _, event in found if isinstance(event, CueGiven)]
        self.cues += new
        return new

    def rep(self, **fields: Any) -> list[CueGiven]:
        self.index += 1
        us = self.t // 1000
        made = Repetition(
            **{
                "set_index": 1,
                "index": self.index,
                "start_us": us,
                "end_us": us,
                "decided_us": us,
                "valid": True,
                "reasons": (),
                "phases": (),
                "metrics": {},
                **fields,
            }
        )
        first: tuple[Event, ...] = (SetStarted(t_us=us, set_index=1),) if self.index == 1 else ()
        return self.tell(
            *first, RepCounted(t_us=us, set_index=1, index=self.index), RepCompleted(t_us=us, rep=made)
        )


def force(peak: float) -> Force:
    return Force(peak_n=peak, mean_n=peak, impulse_ns=peak)


def test_force_that_fell_by_more_than_a_third_stops_once() -> None:
    told = Told()
    for peak in (300.0, 310.0, 230.0):
        told.rep(force_left=force(peak), force_right=force(peak))
    assert not [cue for cue in told.cues if cue.severity == "stop"]
    told.rep(force_left=force(200.0), force_right=force(200.0))
    told.rep(force_left=force(150.0), force_right=force(150.0))
    (stop,) = [cue for cue in told.cues if cue.severity == "stop"]
    assert (stop.cue, stop.index, stop.text) == (
        CueId.STOP_FORCE_LOSS,
        4,
        "Stop the set. Force has fallen by 35 percent.",
    )


def test_force_of_unsure_repetitions_says_nothing() -> None:
    told = Told()
    told.rep(force_left=force(300.0), force_right=force(300.0))
    told.rep(force_left=force(100.0), force_right=force(100.0), valid=False)
    told.rep(force_left=force(100.0), force_right=force(100.0), flags=(Flag.GAP_INSIDE,))
    told.rep(force_left=force(300.0))
    assert not [cue for cue in told.cues if cue.severity == "stop"]


def fault(severity: Any = "severe") -> Fault:
    return Fault(
        id=FaultId.HIP_MOVED,
        severity=severity,
        metric="m",
        value=2.0,
        limit=1.0,
        unit="deg",
        cue="Keep the hips still.",
    )


def test_a_severe_fault_that_stays_after_it_was_said_stops() -> None:
    told = Told()
    assert [cue.text for cue in told.rep(faults=(fault(),))][-2:] == ["Keep the hips still.", "One."]
    told.rep()
    assert CueId.STOP_FAULT_REPEATED not in [cue.cue for cue in told.rep(faults=(fault(),))]
    assert CueId.STOP_FAULT_REPEATED in [cue.cue for cue in told.rep(faults=(fault(),))]


def test_a_mild_fault_is_said_and_never_stops() -> None:
    told = Told()
    for _ in range(6):
        told.rep(faults=(fault("warning"),))
    assert {cue.severity for cue in told.cues} == {"info", "warning"}
    assert not [cue for cue in Told().rep(faults=(fault("note"),)) if cue.severity == "warning"]


def test_a_fall_taken_back_does_not_count() -> None:
    point = BreakPoint(lean_deg=30.0, knee_flexion_deg=None, method="bpa_acc1", t_us=0)
    told = Told()
    told.rep(break_point=point)
    told.tell(RepAmended(t_us=told.t // 1000, set_index=1, index=1, counted=False))
    told.rep(break_point=point)
    assert CueId.STOP_FREE_FALLS not in [cue.cue for cue in told.cues]
    told.rep(break_point=point)
    assert CueId.STOP_FREE_FALLS in [cue.cue for cue in told.cues]
    late = Told()
    for _ in range(3):
        late.rep(break_point=msgspec.structs.replace(point, lean_deg=70.0))
    assert not [cue for cue in late.cues if cue.severity != "info"]


def test_the_same_warning_is_not_given_again_at_once() -> None:
    told = Told()
    told.rep(faults=(fault("warning"),))
    told.t -= 3_000_000_000
    assert CueId.TECHNIQUE not in [cue.cue for cue in told.rep(faults=(fault("warning"),))]
    assert CueId.TECHNIQUE in [cue.cue for cue in told.rep(faults=(fault("warning"),))]


def test_another_set_begins_anew() -> None:
    told = Told()
    point = BreakPoint(lean_deg=30.0, knee_flexion_deg=None, method="bpa_acc1", t_us=0)
    told.rep(break_point=point)
    told.rep(break_point=point)
    us = told.t // 1000
    done = SetCompleted(
        t_us=us, set_index=1, start_us=0, end_us=us, decided_us=us, reps_counted=2, reps_valid=2, metrics={}
    )
    told.tell(done)
    told.index = 0
    assert [cue.text for cue in told.rep()] == ["One."]


def test_what_was_seen_in_a_refused_movement_is_not_said() -> None:
    told = Told()
    beats = [Beat(50_000_000 * k, 1, 4.0 * k, 0) for k in range(20)]
    begun = PhaseChanged(t_us=0, phase="eccentric", set_index=1)
    assert not told.run.see(ROWS, beats, (begun,))
    told.tell(RepRejected(t_us=0, start_us=0, end_us=1_000_000, decided_us=1, reason="setup"))  # type: ignore[arg-type]
    assert [cue.cue for cue in told.rep()] == [CueId.REP_COUNTED]
    other = Told()
    other.run.see(ROWS, beats, (begun,))
    assert WARNINGS & {cue.cue for cue in other.rep()}


# -- parts -------------------------------------------------------------------------------------------------


def told_by(pacer: Pacer, phases: list[tuple[str, float]]) -> list[tuple[float, str]]:
    t, out = 0, []
    for phase, seconds in phases:
        pacer.begin(phase, t)
        for _ in range(round(seconds * 20)):
            found = pacer.step(t)
            if found is not None:
                out.append((t / 1e9, found[1]))
            t += 50_000_000
    return out


def test_the_pacer_leads_into_the_next_phase() -> None:
    pacer = Pacer(Tempo(eccentric=3.0, isometric=1.0, concentric=2.0), rules_of().pace)
    found = told_by(pacer, [("eccentric", 3.2), ("isometric", 1.2), ("concentric", 2.2), ("rest", 1.0)])
    words = ["one", "two", "three", "hold", "up", "two"]
    assert [said for _, said in found] == words
    assert [t for t, _ in found] == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.2, 5.4], abs=0.051)
    assert pacer.word == ""


def test_the_pacer_counts_long_holds_sparsely() -> None:
    pacer = Pacer(Tempo(isometric=26.0), rules_of().pace)
    found = told_by(pacer, [("concentric", 1.0), ("isometric", 27.0)])
    assert [said for _, said in found] == ["hold", "ten", "twenty", "three", "two", "one", "down"]


def test_numbers_in_words() -> None:
    assert [word(n) for n in (0, 1, 20, 21)] == ["zero", "one", "twenty", "21"]


def test_where_a_stroke_began() -> None:
    course = Course()
    for k in range(40):
        angle = 60.0 if k < 20 else 60.0 * math.cos(math.pi * (k - 20) / 40)
        course.points.append((k * 50_000_000, angle))
    t, angle = course.began()
    assert angle == pytest.approx(60.0, abs=2.0)
    assert 19 <= t / 50_000_000 <= 24
    course.points.append((10_000_000_000, 5.0))
    assert course.speed() is None
    assert course.gain() is None


def test_a_prescription_that_cannot_be_understood_is_refused() -> None:
    with pytest.raises(InputError, match="reps"):
        aim_of({"reps": "many"})
    assert aim_of({"variant": "x", "reps": 5}).reps == 5
    assert aim_of(None) == Aim()


def test_an_exercise_may_change_its_cues_and_old_recordings_have_none() -> None:
    raw = msgspec.to_builtins(NORDIC)
    raw["cues"]["again_s"] = 9.0
    assert parse_exercise(raw, "x").cues == msgspec.structs.replace(rules_of(), again_s=9.0)
    del raw["cues"]
    silent = parse_exercise(raw, "x")
    assert cues_of(events_of(nordic(NordicRep(), NordicRep()), None, silent)) == []
    raw["cues"] = {"again": 1}
    with pytest.raises(ExerciseError, match="again"):
        parse_exercise(raw, "x")
    assert rules_of("squat").control is None
