"""The Nordic curl stage: every kit, every hard case; and law 2."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuts import cut_places
from eccentra.events import (
    Flag,
    Phase,
    QualityNoted,
    Reason,
    RepAmended,
    RepCompleted,
    RepCounted,
    RepRejected,
    SetCompleted,
    SetStarted,
)
from eccentra.samples import Block
from eccentra.simulate import (
    GetUp,
    Hold,
    KneelDown,
    LieDown,
    Mounting,
    NordicRep,
    Remount,
    Scenario,
    SitBack,
    Stop,
    StrapWork,
    Walk,
    nordic_session,
    simulate,
)
from stages.nordic_kit import STAGE, Rows, analysed, events_of, live_count, reps_in, rows_of, scenario

KITS = ("thigh", "thigh+shank", "thigh+force", "thigh+shank+force", "force")
MOTION = KITS[:-1]
PLAIN = NordicRep(descent_s=4.0, pause_s=1.5)


def seconds(phases: tuple[Phase, ...], kind: str) -> float:
    return sum(p.end_us - p.start_us for p in phases if p.kind == kind) / 1e6


@cache
def session_rows(seed: int, kit: str) -> Rows:
    return rows_of(simulate(nordic_session(seed, kit=kit, sets=1, reps=3), seed))


# -- law 2 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kit", KITS)
@given(at=cut_places(), seed=st.integers(1, 3))
@settings(max_examples=settings.default.max_examples // 3)
def test_cuts_change_nothing(kit: str, at: list[int], seed: int) -> None:
    rows = session_rows(seed, kit)
    assert events_of(rows, at) == events_of(rows)


@pytest.mark.parametrize("kit", ["thigh+shank+force", "force"])
def test_events_come_with_the_rows_that_decide_them(kit: str) -> None:
    """After any number of rows, the same events have come out whether they came one by one or at once."""
    rows = session_rows(1, kit)
    n = len(rows.block.t)
    whole = events_of(rows, range(n))
    for part in (n // 3, n // 2, 2 * n // 3):
        head = Rows(rows.info, Block("aligned", rows.block.t[:part], rows.block.x[:part]))
        run = STAGE.start(head.info)
        at_once = list(run.push(head.block))
        assert at_once == whole[: len(at_once)]


# -- all kits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kit", MOTION)
@pytest.mark.parametrize("seed", [3, 8])
def test_sessions_are_counted_exactly(kit: str, seed: int) -> None:
    simulation = simulate(nordic_session(seed, kit=kit), seed)
    events = events_of(rows_of(simulation))
    reps = reps_in(events)
    assert len(reps) == len(simulation.truth.reps)
    for true, rep in zip(simulation.truth.reps, reps, strict=True):
        wanted = true.total_s("eccentric")
        assert seconds(rep.phases, "eccentric") == pytest.approx(wanted, abs=max(0.35, 0.1 * wanted))
        assert rep.start_us / 1e6 == pytest.approx(true.start_s, abs=0.5)
        assert rep.set_index == true.set_index


@pytest.mark.parametrize("kit", KITS)
def test_one_plain_set(kit: str) -> None:
    simulation, events, reps = analysed(scenario(*[PLAIN] * 4, kit=kit))
    assert len(reps) == live_count(events) == 4
    assert [e.set_index for e in events if isinstance(e, SetStarted)] == [1]
    (done,) = [e for e in events if isinstance(e, SetCompleted)]
    assert (done.reps_counted, done.reps_valid) == (4, 4)
    assert done.end_us == reps[-1].end_us
    wanted = sum(r.total_s("eccentric") for r in simulation.truth.reps)
    tolerance = 0.02 if kit != "force" else 0.2
    assert done.metrics["tut_s"].value == pytest.approx(wanted, rel=tolerance)
    assert all(0.0 < rep.confidence <= 1.0 for rep in reps)


@pytest.mark.parametrize("kit", ["thigh+force", "force"])
def test_force_of_each_side(kit: str) -> None:
    simulation, events, reps = analysed(scenario(*[PLAIN] * 3, kit=kit))
    for true, rep in zip(simulation.truth.reps, reps, strict=True):
        assert rep.force_left is not None
        assert rep.force_right is not None
        for side, force in (("left", rep.force_left), ("right", rep.force_right)):
            assert force.peak_n == pytest.approx(true.force[side].peak_n, rel=0.02, abs=4.0)
            rough = 0.25 if kit == "force" else 0.05
            assert force.mean_n == pytest.approx(true.force[side].mean_n, rel=rough)
            assert force.impulse_ns == pytest.approx(true.force[side].impulse_ns, rel=rough)
    (done,) = [e for e in events if isinstance(e, SetCompleted)]
    assert done.metrics["asymmetry_pct"].value == pytest.approx(0.0, abs=2.0)


def test_too_few_repetitions_have_no_side_difference() -> None:
    _, events, _ = analysed(scenario(PLAIN, PLAIN, kit="thigh+force"))
    (done,) = [e for e in events if isinstance(e, SetCompleted)]
    metric = done.metrics["asymmetry_pct"]
    assert (metric.value, metric.reason) == (None, Flag.FEW_REPETITIONS)


def test_knee_flexion_needs_the_shank() -> None:
    simulation, _, (thigh, *_) = analysed(scenario(PLAIN, PLAIN))
    assert thigh.metrics["rom_deg"].method == "thigh_lean"
    assert Flag.SHANK_ASSUMED_FIXED in thigh.flags
    slipping = NordicRep(descent_s=4.0, shank_shift_deg=8.0)
    simulation, _, (both, *_) = analysed(scenario(slipping, slipping, kit="thigh+shank"))
    assert both.metrics["rom_deg"].method == "knee_flexion"
    assert both.value("rom_deg") == pytest.approx(simulation.truth.reps[0].rom_knee_deg, abs=2.0)
    assert Flag.SHANK_ASSUMED_FIXED not in both.flags


def test_from_force_alone() -> None:
    _, _, reps = analysed(scenario(*[PLAIN] * 3, kit="force"))
    for rep in reps:
        assert [p.kind for p in rep.phases] == ["eccentric"]
        assert Flag.PHASE_FROM_FORCE in rep.flags
        assert rep.value("rom_deg") is None
        assert rep.break_point is None


@pytest.mark.parametrize("turn", [0.0, 37.0, 90.0, 160.0, -120.0])
@pytest.mark.parametrize(
    ("upside_down", "face_in"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_mounting_does_not_matter(turn: float, upside_down: bool, face_in: bool) -> None:
    mounting = Mounting(twist_deg=turn, tilt_deg=8.0, upside_down=upside_down, face_in=face_in)
    simulation, _, reps = analysed(scenario(PLAIN, PLAIN, mounting=mounting))
    assert len(reps) == 2
    assert reps[0].value("rom_deg") == pytest.approx(simulation.truth.reps[0].rom_lean_deg, abs=2.0)


def test_without_gyroscope() -> None:
    simulation = simulate(scenario(*[PLAIN] * 3), 1)
    events = events_of(rows_of(simulation, gyroscope=False))
    reps = reps_in(events)
    assert len(reps) == 3
    assert all(Flag.NO_GYROSCOPE in rep.flags for rep in reps)
    assert any(isinstance(e, QualityNoted) and e.flag is Flag.NO_GYROSCOPE for e in events)


# -- phases ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["min_jerk", "ramped"])
@pytest.mark.parametrize("descent_s", [2.0, 3.0, 5.0, 8.0])
def test_eccentric_is_measured_from_zero_velocity_to_zero_velocity(shape: str, descent_s: float) -> None:
    rep = NordicRep(shape=shape, descent_s=descent_s)  # type: ignore[arg-type]
    _, _, reps = analysed(scenario(rep, rep, rep))
    errors = [seconds(rep.phases, "eccentric") - descent_s for rep in reps]
    assert len(errors) == 3
    assert float(np.mean(np.abs(errors))) <= max(0.10, 0.05 * descent_s)
    assert abs(float(np.mean(errors))) <= max(0.05, 0.05 * descent_s)


def test_ten_second_descent() -> None:
    slow = NordicRep(shape="ramped", descent_s=10.0, end_lean_deg=65.0)
    _, _, reps = analysed(scenario(slow, slow))
    assert [seconds(r.phases, "eccentric") for r in reps] == pytest.approx([10.0, 10.0], abs=0.3)


def test_lying_on_the_floor_is_no_phase() -> None:
    _, _, reps = analysed(scenario(NordicRep(turn_s=4.0), PLAIN))
    assert [p.kind for p in reps[0].phases] == ["eccentric", "return"]
    assert reps[0].phases[1].start_us - reps[0].phases[0].end_us == pytest.approx(4.0e6, abs=0.3e6)
    assert reps[0].value("tut_s") == pytest.approx(4.0, abs=0.2)


def test_long_stop_is_an_isometric_phase_of_one_repetition() -> None:
    stop = NordicRep(descent_s=5.0, stops=(Stop(at=0.4, seconds=1.5),))
    _, events, reps = analysed(scenario(stop, PLAIN))
    assert live_count(events) == 2
    assert [p.kind for p in reps[0].phases] == ["eccentric", "isometric", "eccentric", "return"]
    assert reps[0].value("isometric_s") == pytest.approx(1.5, abs=0.2)
    assert reps[0].value("tut_s") == pytest.approx(6.5, abs=0.3)


def test_short_stop_belongs_to_the_phase_before() -> None:
    stop = NordicRep(shape="ramped", descent_s=5.0, stops=(Stop(at=0.5, seconds=0.25),))
    _, _, reps = analysed(scenario(stop, PLAIN))
    assert [p.kind for p in reps[0].phases] == ["eccentric", "return"]
    assert seconds(reps[0].phases, "eccentric") == pytest.approx(5.25, abs=0.2)


def test_push_back_in_two_stages_is_one_return() -> None:
    push = NordicRep(descent_s=4.0, push_lean_deg=45.0, push_pause_s=0.8, return_s=1.6)
    simulation, events, reps = analysed(scenario(push, push))
    assert live_count(events) == 2
    true = simulation.truth.reps[0]
    assert reps[0].value("return_s") == pytest.approx(true.total_s("return"), abs=0.2)


def test_live_count_ticks_at_the_end_of_the_eccentric() -> None:
    simulation = simulate(scenario(*[NordicRep(descent_s=3.0, turn_s=3.0)] * 3), 1)
    rows = rows_of(simulation)
    run = STAGE.start(rows.info)
    counted: list[float] = []
    for k in range(0, len(rows.block.t), 5):
        piece = Block("aligned", rows.block.t[k : k + 5], rows.block.x[k : k + 5])
        for event in run.push(piece):
            if isinstance(event, RepCounted):
                counted.append(piece.t[-1] / 1e9)
                assert run.live().reps == len(counted)
    ends = [[p.end_s for p in r.phases if p.kind == "eccentric"][-1] for r in simulation.truth.reps]
    late = np.subtract(counted, ends)
    assert (late <= 0.55).all()
    assert (late > -0.5).all()


# -- break-point ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lean", [25.0, 35.0, 50.0])
@pytest.mark.parametrize("descent_s", [3.0, 6.0])
def test_break_is_found_where_control_is_lost(lean: float, descent_s: float) -> None:
    rep = NordicRep(shape="ramped", descent_s=descent_s, break_lean_deg=lean)
    simulation, _, reps = analysed(scenario(rep, rep, rep, kit="thigh+shank"))
    for true, got in zip(simulation.truth.reps, reps, strict=True):
        assert true.break_point is not None
        assert got.break_point is not None
        assert got.break_point.lean_deg == pytest.approx(true.break_point.lean_deg, abs=3.5)
        assert got.break_point.knee_flexion_deg == pytest.approx(true.break_point.knee_flexion_deg, abs=4.0)
        assert got.value("tut_controlled_s") == pytest.approx(true.tut_controlled_s, abs=0.25)
        assert got.value("tut_s") == pytest.approx(true.tut_s, abs=0.2)


@pytest.mark.parametrize("shape", ["min_jerk", "ramped"])
@pytest.mark.parametrize("descent_s", [2.0, 3.0, 6.0])
def test_control_to_the_end_has_no_break(shape: str, descent_s: float) -> None:
    rep = NordicRep(shape=shape, descent_s=descent_s, tremor_deg=0.1)  # type: ignore[arg-type]
    _, _, reps = analysed(scenario(rep, rep, rep))
    assert [r.break_point for r in reps] == [None] * 3
    assert all(r.value("tut_controlled_s") == r.value("tut_s") for r in reps)


# -- what counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kit", MOTION)
def test_partial_repetition_counts_but_is_not_valid(kit: str) -> None:
    partial = NordicRep(descent_s=2.0, partial=0.5, back="active", turn_s=0.1)
    _, events, reps = analysed(scenario(PLAIN, partial, PLAIN, kit=kit))
    assert [(r.valid, r.reasons) for r in reps] == [(True, ()), (False, (Reason.PARTIAL_ROM,)), (True, ())]
    (done,) = [e for e in events if isinstance(e, SetCompleted)]
    assert (done.reps_counted, done.reps_valid) == (3, 2)


def test_partial_repetition_before_the_first_full_one_counts_with_it() -> None:
    partial = NordicRep(descent_s=2.5, partial=0.5, back="active", turn_s=0.1)
    simulation, _, reps = analysed(scenario(partial, PLAIN, PLAIN))
    assert [r.valid for r in reps] == [False, True, True]
    assert [r.index for r in reps] == [1, 2, 3]
    assert reps[0].start_us / 1e6 == pytest.approx(simulation.truth.reps[0].start_s, abs=0.3)


def test_small_movement_is_refused() -> None:
    small = NordicRep(descent_s=1.2, partial=0.22, back="active", turn_s=0.1)
    _, events, reps = analysed(scenario(PLAIN, small, PLAIN))
    assert len(reps) == 2
    assert Reason.TOO_SMALL in [e.reason for e in events if isinstance(e, RepRejected)]


@pytest.mark.parametrize(
    "moves",
    [
        (Walk(seconds=15.0),),
        (KneelDown(route="front"), StrapWork(), Hold(seconds=2.0), GetUp(route="front")),
        (KneelDown(route="hands", seconds=4.0), Hold(seconds=3.0), GetUp(route="hands", seconds=4.0)),
        (KneelDown(route="squat"), SitBack(seconds=2.0), Hold(seconds=2.0), SitBack(seconds=8.0)),
        (KneelDown(), Hold(seconds=2.0), LieDown(), Hold(seconds=2.0), GetUp(route="back")),
    ],
    ids=["walk", "straps", "hands", "sit back", "lie down"],
)
@pytest.mark.parametrize("kit", KITS)
def test_no_ghosts_without_curls(moves: tuple[object, ...], kit: str) -> None:
    timeline = (Hold(seconds=3.0), *moves, Hold(seconds=25.0))
    simulation = simulate(Scenario(timeline=timeline, kit=kit), 2)  # type: ignore[arg-type]
    events = events_of(rows_of(simulation))
    assert reps_in(events) == []
    assert live_count(events) == 0


def test_sitting_back_between_repetitions_is_no_repetition() -> None:
    back = NordicRep(descent_s=3.0, end_rest_lean_deg=-40.0, pause_s=1.5)
    _, _, reps = analysed(scenario(PLAIN, back, PLAIN))
    assert len(reps) == 3


def test_walking_is_told_once() -> None:
    simulation = simulate(Scenario(timeline=(Hold(), Walk(seconds=20.0), Hold()), kit="thigh"), 2)
    refused = [e for e in events_of(rows_of(simulation)) if isinstance(e, RepRejected)]
    assert Reason.WALKING in [e.reason for e in refused]
    assert len(refused) <= 4


def test_sets_end_after_their_gap() -> None:
    rest = (Hold(seconds=24.0),)
    first = scenario(PLAIN, PLAIN, after=rest)
    both = type(first)(
        timeline=(*first.timeline, *scenario(PLAIN, PLAIN, PLAIN, before=(), after=rest).timeline),
        sensors=first.sensors,
    )
    _, events, reps = analysed(both)
    assert [rep.set_index for rep in reps] == [1, 1, 2, 2, 2]
    assert [rep.index for rep in reps] == [1, 2, 1, 2, 3]
    done = [e for e in events if isinstance(e, SetCompleted)]
    assert [d.reps_counted for d in done] == [2, 3]
    assert (done[0].decided_us - done[0].end_us) / 1e6 == pytest.approx(20.0, abs=1.1)


def test_return_not_seen() -> None:
    lying = NordicRep(descent_s=3.0, turn_s=25.0)
    _, _, reps = analysed(scenario(PLAIN, lying))
    assert len(reps) == 2
    assert Flag.RETURN_NOT_SEEN in reps[1].flags
    assert reps[1].reasons == (Reason.NO_RETURN,)
    assert [p.kind for p in reps[1].phases] == ["eccentric"]
    assert reps[1].value("return_s") is None


def test_wrong_first_guess_of_the_direction_is_taken_back() -> None:
    """Sitting back slowly, far, and coming up quickly looks like a curl until curls follow."""
    back = SitBack(lean_deg=-85.0, down_s=3.0, seconds=1.0, up_s=0.9)
    before = (Hold(seconds=3.0), KneelDown(), Hold(seconds=2.0), back, Hold(seconds=2.0))
    _, events, reps = analysed(scenario(*[PLAIN] * 3, before=before))
    assert any(isinstance(e, RepAmended) and not e.counted for e in events)
    assert len(reps) == live_count(events) == 3


# -- gaps -----------------------------------------------------------------------------------------------


def gap_at(rows: Rows, start_s: float, end_s: float, columns: str | None = None) -> Rows:
    """Rows without those between two times, or with NaN in the columns of one sensor."""
    t, x = rows.block.t, rows.block.x
    away = (t >= start_s * 1e9) & (t < end_s * 1e9)
    if columns is None:
        return Rows(rows.info, Block("aligned", t[~away], x[~away]))
    x = x.copy()
    for k, name in enumerate(rows.info.channels):
        if name.startswith(columns):
            x[away, k] = np.nan
    return Rows(rows.info, Block("aligned", t, x))


@pytest.mark.parametrize("columns", [None, "thigh"])
def test_gap_inside_is_said(columns: str | None) -> None:
    simulation = simulate(scenario(*[PLAIN] * 3, kit="thigh+force"), 1)
    true = simulation.truth.reps[1]
    middle = true.start_s + 2.0
    rows = gap_at(rows_of(simulation), middle, middle + 0.4, columns)
    reps = reps_in(events_of(rows))
    assert len(reps) == 3
    touched = reps[1]
    assert Flag.GAP_INSIDE in touched.flags
    assert touched.metrics["eccentric_s"].quality == "flagged"
    assert touched.confidence < min(reps[0].confidence, reps[2].confidence)
    assert Flag.GAP_INSIDE not in reps[2].flags


def test_gap_over_a_boundary_leaves_no_number() -> None:
    simulation = simulate(scenario(*[PLAIN] * 3), 1)
    true = simulation.truth.reps[1]
    end = [p.end_s for p in true.phases if p.kind == "eccentric"][-1]
    rows = gap_at(rows_of(simulation), end - 0.6, end + 0.5)
    reps = reps_in(events_of(rows))
    assert len(reps) == 3
    assert reps[1].value("eccentric_s") is None
    assert reps[1].value("rom_deg") is None
    assert Flag.COUNT_UNSURE in reps[1].flags
    assert not reps[1].valid


def test_gap_of_a_strap_leaves_no_force() -> None:
    simulation = simulate(scenario(*[PLAIN] * 3, kit="thigh+force"), 1)
    true = simulation.truth.reps[1]
    rows = gap_at(rows_of(simulation), true.start_s + 1.0, true.start_s + 1.6, "left")
    reps = reps_in(events_of(rows))
    assert len(reps) == 3
    assert reps[1].force_left is None
    assert reps[1].force_right is not None
    assert Flag.FORCE_MISSING in reps[1].flags


# -- what is published ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kit", KITS)
def test_every_metric_says_what_it_is(kit: str) -> None:
    _, events, reps = analysed(scenario(PLAIN, NordicRep(break_lean_deg=40.0), kit=kit))
    assert reps
    for rep in reps:
        for metric in rep.metrics.values():
            assert metric.unit
            assert metric.method
            assert (metric.value is None) == (metric.quality == "missing")
        assert all(p.end_us > p.start_us for p in rep.phases)
        assert (rep.start_us, rep.end_us) == (rep.phases[0].start_us, rep.phases[-1].end_us)
        assert rep.decided_us >= rep.phases[0].end_us
    completed = [e.rep.index for e in events if isinstance(e, RepCompleted)]
    assert completed == sorted(completed)


@pytest.mark.parametrize("upside_down", [False, True])
def test_sensor_put_on_differently_between_sets(upside_down: bool) -> None:
    first = scenario(*[PLAIN] * 3, after=(Hold(seconds=30.0),))
    again = scenario(*[PLAIN] * 3, before=(KneelDown(), Hold(seconds=2.0)))
    worn = Scenario(
        timeline=(*first.timeline, *again.timeline),
        sensors=first.sensors,
        faults=(
            Remount(
                sensor="thigh",
                at_s=50.0,
                mounting=Mounting(twist_deg=75.0, tilt_deg=10.0, upside_down=upside_down),
            ),
        ),
    )
    simulation, _, reps = analysed(worn)
    assert simulation.truth.sets[0].end_s < 50.0 < simulation.truth.sets[1].start_s
    assert [rep.set_index for rep in reps] == [1, 1, 1, 2, 2, 2]
