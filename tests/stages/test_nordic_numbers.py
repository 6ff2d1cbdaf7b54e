"""Further numbers of simulated Nordic curls: against the truth, and how they change with what is done."""

from __future__ import annotations

import math
from functools import cache

import msgspec
import numpy as np
import pytest

from eccentra.catalogue import Person, Tempo
from eccentra.events import Event, Flag, Metric, Repetition, SetCompleted
from eccentra.exercises import load_exercise
from eccentra.inputs import Prescribed, Tick
from eccentra.samples import Block
from eccentra.session import Header, Session, Settings
from eccentra.simulate import Athlete, NordicRep, Simulation, Stop, nordic_session, simulate
from eccentra.simulate.body import DT
from eccentra.simulate.sensors import ideal_force
from eccentra.simulate.truth import TrueRep
from eccentra.stages.nordic import Stage
from stages.nordic_kit import EXERCISE, Rows, reps_in, rows_of, scenario

FORCE_KITS = ("thigh+force", "thigh+shank+force")
KITS = ("thigh", "thigh+shank", *FORCE_KITS)


def events_of(rows: Rows, person: Person | None = None, tempo: Tempo | None = None) -> list[Event]:
    run = EXERCISE.event_stage(person, tempo).start(rows.info)
    return [*run.push(rows.block), *run.finish()]


def value(metrics: dict[str, Metric], name: str) -> float:
    found = metrics[name].value
    assert found is not None, (name, metrics[name])
    return found


def of_set(events: list[Event]) -> dict[str, Metric]:
    (done,) = (event for event in events if isinstance(event, SetCompleted))
    return done.metrics


@cache
def session(seed: int, kit: str) -> tuple[Simulation, tuple[Event, ...]]:
    simulation = simulate(nordic_session(seed, kit=kit, sets=2, reps=4), seed)
    return simulation, tuple(events_of(rows_of(simulation)))


def pairs(seed: int, kit: str) -> list[tuple[TrueRep, Repetition]]:
    simulation, events = session(seed, kit)
    out = []
    for true in simulation.truth.reps:
        for rep in reps_in(events):
            if min(true.end_s, rep.end_us / 1e6) - max(true.start_s, rep.start_us / 1e6) > 0.5 * (
                true.end_s - true.start_s
            ):
                out.append((true, rep))
    assert len(out) >= 6
    return out


def eccentric_rows(true: TrueRep) -> np.ndarray:
    return np.concatenate(
        [np.arange(round(p.start_s / DT), round(p.end_s / DT)) for p in true.phases if p.kind == "eccentric"]
    )


# -- against the truth --------------------------------------------------


@pytest.mark.parametrize("kit", KITS)
def test_speeds_range_and_breaks(kit: str) -> None:
    rom, lean, mean, variation = [], [], [], []
    for seed in (21, 22, 23):
        simulation, _ = session(seed, kit)
        thigh = np.degrees(simulation.course["thigh"])
        speed = np.gradient(thigh, DT)
        for true, rep in pairs(seed, kit):
            rows = eccentric_rows(true)
            if (true.break_point is None) != (rep.break_point is None):
                continue  # another controlled part
            if true.break_point is not None:
                rows = rows[rows < true.break_point.t_s / DT]
                lean.append(value(rep.metrics, "break_lean_deg") - true.break_point.lean_deg)
            mean.append(
                value(rep.metrics, "omega_mean_controlled_deg_s")
                - (thigh[rows[-1]] - thigh[rows[0]]) / (len(rows) * DT)
            )
            variation.append(value(rep.metrics, "omega_cv") - np.std(speed[rows]) / np.mean(speed[rows]))
            known = true.rom_knee_deg if "shank" in kit else true.rom_lean_deg
            rom.append(value(rep.metrics, "rom_deg") - (known or math.nan))
    assert np.mean(np.abs(rom)) <= 2.0
    assert np.mean(np.abs(lean)) <= 2.5
    assert np.mean(np.abs(mean)) <= 1.5
    assert np.mean(np.abs(variation)) <= 0.06


@pytest.mark.parametrize("kit", FORCE_KITS)
def test_forces(kit: str) -> None:
    peaks, lean, speed, tension = [], [], [], []
    for seed in (21, 22, 23):
        simulation, _ = session(seed, kit)
        course, athlete = simulation.course, simulation.scenario.athlete
        thigh = np.degrees(course["thigh"])
        total = ideal_force(course, athlete, "left") + ideal_force(course, athlete, "right")
        for true, rep in pairs(seed, kit):
            for side, force in (("left", rep.force_left), ("right", rep.force_right)):
                got, want = value(rep.metrics, f"force_{side}_peak_n"), true.force[side].peak_n
                peaks.append(abs(got - want) / max(2.0, 0.01 * want))
                assert force is not None
                assert force.peak_n == got
                assert force.mean_n == value(rep.metrics, f"force_{side}_mean_n")
            rows = eccentric_rows(true)
            top = rows[total[rows].argmax()]
            lean.append(value(rep.metrics, "lean_at_peak_force_deg") - thigh[top])
            speed.append(value(rep.metrics, "omega_at_peak_force_deg_s") - np.gradient(thigh, DT)[top])
            found = rep.metrics["tut_force_s"]
            if found.quality == "ok" and found.value is not None:
                first, last = rows[0], rows[-1]
                if not any(p.kind in ("isometric", "concentric") for p in true.phases):
                    level = total[first - 400 : first - 300].min()
                    tension.append(found.value - np.sum(total[first - 400 : last] - level > 20.0) * DT)
    assert np.mean(peaks) <= 1.0
    assert np.mean(np.abs(lean)) <= 2.0
    assert np.mean(np.abs(speed)) <= 3.0
    assert np.median(np.abs(tension)) <= 0.1


@pytest.mark.parametrize("kit", [*FORCE_KITS, "force"])
@pytest.mark.parametrize("share", [0.5, 0.44, 0.57])
def test_side_difference(kit: str, share: float) -> None:
    reps = tuple(NordicRep(descent_s=4.0) for _ in range(4))
    made = simulate(scenario(*reps, kit=kit, athlete=Athlete(left_share=share)), 4)
    metrics = of_set(events_of(rows_of(made)))
    want = 100.0 * (1.0 - 2.0 * share) / max(share, 1.0 - share)
    assert value(metrics, "asymmetry_signed_pct") == pytest.approx(want, abs=1.5)
    assert value(metrics, "asymmetry_pct") == pytest.approx(abs(want), abs=1.5)
    assert metrics["asymmetry_pct"].uncertainty is not None


# -- how numbers change with what is done --------------------------------------------------


def one(
    rep: NordicRep,
    kit: str = "thigh",
    seed: int = 3,
    person: Person | None = None,
    tempo: Tempo | None = None,
) -> Repetition:
    made = simulate(scenario(rep, rep, rep, kit=kit), seed)
    _, middle, _ = reps_in(events_of(rows_of(made), person, tempo))
    return middle


def test_twice_as_slow_is_half_the_speed() -> None:
    fast, slow = one(NordicRep(descent_s=3.0)).metrics, one(NordicRep(descent_s=6.0)).metrics
    for name in ("omega_mean_controlled_deg_s", "omega_peak_ecc_deg_s", "omega_mean_ecc_deg_s"):
        assert value(slow, name) == pytest.approx(value(fast, name) / 2.0, rel=0.05)
    assert value(slow, "omega_cv") == pytest.approx(value(fast, "omega_cv"), abs=0.05)
    assert value(slow, "smoothness_ecc") == pytest.approx(value(fast, "smoothness_ecc"), abs=0.05)


def test_stops_and_falls_are_less_smooth_and_worth_less() -> None:
    smooth = one(NordicRep(descent_s=5.0)).metrics
    stepwise = one(
        NordicRep(descent_s=5.0, stops=(Stop(at=0.3, seconds=0.4), Stop(at=0.6, seconds=0.4)))
    ).metrics
    broken = one(NordicRep(descent_s=5.0, break_lean_deg=30.0)).metrics
    for worse in (stepwise, broken):
        assert value(worse, "smoothness_ecc") < value(smooth, "smoothness_ecc") - 0.1
        assert value(worse, "quality_control") < value(smooth, "quality_control")
        assert value(worse, "quality_score") < value(smooth, "quality_score")
    assert value(smooth, "quality_coverage") == pytest.approx(0.45)


def test_break_points_by_method_are_kept_apart() -> None:
    broken = one(NordicRep(descent_s=6.0, break_lean_deg=35.0), "thigh+force")
    assert broken.break_point is not None
    assert broken.break_point.method == "bta"
    assert broken.break_point.lean_deg == value(broken.metrics, "break_lean_deg")
    for method in ("bta", "bpa_acc1"):
        for what, want in (("lean", 35.0), ("knee_flexion", 55.0)):
            metric = broken.metrics[f"break_{what}_{method}_deg"]
            assert metric.value == pytest.approx(want, abs=3.0)
            assert metric.method == method
    # 6 s is far too fast for a limit of 10 deg/s
    assert broken.metrics["break_lean_bpa_abs10_deg"].reason is Flag.METHOD_UNFIT
    alone = one(NordicRep(descent_s=6.0, break_lean_deg=35.0), "thigh")
    assert alone.break_point is not None
    assert alone.break_point.method == "bpa_acc1"
    assert "break_lean_bta_deg" not in alone.metrics


def test_twice_the_own_speed_comes_after_the_fall_began() -> None:
    even = NordicRep(descent_s=6.0, break_lean_deg=35.0, shape="ramped")
    found = one(even).metrics
    made = simulate(scenario(even, even, even, kit="thigh"), 3)
    middle = made.truth.reps[1]
    assert middle.break_point is not None
    # the rule of the method, on the true course
    start, lost = round(middle.start_s / DT), round(middle.break_point.t_s / DT)
    lean = np.degrees(made.course["thigh"])
    speed = np.gradient(lean, DT)
    usual = np.median(speed[start + round(0.2 * (lost - start)) : start + round(0.6 * (lost - start))])
    want = lean[lost + int(np.argmax(speed[lost:] > 2.0 * usual))]
    assert value(found, "break_lean_bpa_rel_deg") == pytest.approx(want, abs=2.0)
    assert value(found, "break_lean_bpa_rel_deg") > value(found, "break_lean_bpa_acc1_deg") + 0.5
    assert found["break_lean_bpa_rel_deg"].method == "bpa_rel"
    # a smooth stroke doubles its speed before control is lost
    soft = one(NordicRep(descent_s=6.0, break_lean_deg=35.0, shape="min_jerk")).metrics
    assert soft["break_lean_bpa_rel_deg"].reason is Flag.METHOD_UNFIT
    assert value(soft, "break_lean_bpa_acc1_deg") == pytest.approx(35.0, abs=2.5)


def test_braking_at_a_stop_is_not_the_break() -> None:
    stop = (Stop(at=0.25, seconds=0.3),)
    rep = NordicRep(descent_s=3.0, break_lean_deg=38.0, stops=stop, shape="ramped")
    metrics = one(rep, "thigh+force").metrics
    assert value(metrics, "lean_at_peak_force_deg") < 25.0
    assert value(metrics, "break_lean_bta_deg") == pytest.approx(38.0, abs=3.0)


def test_a_very_slow_lowering_has_its_absolute_break_point() -> None:
    slow = one(NordicRep(descent_s=20.0, break_lean_deg=35.0, shape="ramped"), "thigh").metrics
    assert value(slow, "break_lean_bpa_abs10_deg") == pytest.approx(35.0, abs=3.0)
    assert value(slow, "break_lean_bpa_abs10_deg") >= value(slow, "break_lean_bpa_acc1_deg") - 1.0


@pytest.mark.parametrize("kit", ["thigh", "thigh+shank+force"])
def test_no_break_is_said_and_not_invented(kit: str) -> None:
    whole = one(NordicRep(descent_s=4.0), kit)
    assert whole.break_point is None
    metric = whole.metrics["break_lean_deg"]
    assert (metric.value, metric.method, metric.reason) == (None, "none", Flag.NOT_BROKEN)
    for method in ("bpa_acc1", "bpa_rel"):
        assert whole.metrics[f"break_lean_{method}_deg"].reason is Flag.NOT_BROKEN


def test_tempo_only_when_one_is_wanted() -> None:
    assert "tempo_adherence" not in one(NordicRep(descent_s=4.0)).metrics
    rep = one(NordicRep(descent_s=4.0), tempo=Tempo(eccentric=5.0))
    seconds = value(rep.metrics, "eccentric_s")
    assert value(rep.metrics, "tempo_adherence") == pytest.approx(1.0 - abs(seconds - 5.0) / 5.0)
    assert value(rep.metrics, "quality_tempo") == pytest.approx(0.75, abs=0.06)
    assert value(rep.metrics, "quality_coverage") == pytest.approx(0.70)


def test_mass_and_lever_arm() -> None:
    person = Person(body_mass_kg=75.0, lever_arm_m=0.4)
    metrics = one(NordicRep(descent_s=4.0), "thigh+force", person=person).metrics
    peak = value(metrics, "force_right_peak_n")
    assert value(metrics, "force_right_peak_n_kg") == pytest.approx(peak / 75.0)
    assert value(metrics, "torque_right_peak_nm") == pytest.approx(peak * 0.4)
    athlete = Athlete()
    # quasi-static: what gravity does on the way down
    lean = np.radians(np.linspace(0.0, 88.0, 200))
    assert value(metrics, "work_ecc_j") == pytest.approx(np.trapezoid(athlete.moment(lean), lean), rel=0.05)


def test_trends_within_a_set() -> None:
    reps = [
        NordicRep(descent_s=5.0 - 0.4 * k, break_lean_deg=45.0 - 4.0 * k, end_lean_deg=86.0) for k in range(5)
    ]
    made = simulate(scenario(*reps, kit="thigh+force"), 5)
    metrics = of_set(events_of(rows_of(made)))
    assert value(metrics, "break_slope_deg") == pytest.approx(-4.0, abs=1.0)
    assert metrics["break_slope_deg"].method == "slope(bta)"
    assert value(metrics, "omega_slope_deg_s") > 0.3
    lean = np.radians([45.0, 41.0, 37.0, 33.0, 29.0])
    peaks = np.sin(lean)
    assert value(metrics, "force_loss") == pytest.approx(1.0 - peaks[3:].mean() / peaks[:2].mean(), abs=0.05)
    assert abs(value(metrics, "rom_loss")) < 0.03
    assert value(metrics, "tut_span_s") > value(metrics, "tut_s")
    assert value(metrics, "tut_force_s") > 0.0
    assert 0.0 < value(metrics, "quality_score") < 100.0
    assert value(metrics, "quality_symmetry") == pytest.approx(1.0)


# -- rows changed after the fact --------------------------------------------------


@cache
def rows() -> Rows:
    reps = (NordicRep(descent_s=4.0), NordicRep(descent_s=4.0, break_lean_deg=40.0), NordicRep(descent_s=3.0))
    return rows_of(simulate(scenario(*reps, kit="thigh+force", athlete=Athlete(left_share=0.46)), 6))


def changed(edit: object) -> list[Event]:
    x = rows().block.x.copy()
    edit({name: k for k, name in enumerate(rows().info.channels)}, x)  # type: ignore[operator]
    return events_of(Rows(rows().info, Block("aligned", rows().block.t, x)))


def swap(columns: dict[str, int], x: np.ndarray) -> None:
    a, b = columns["left.force"], columns["right.force"]
    x[:, [a, b]] = x[:, [b, a]]


def test_mirrored_straps_swap_the_sides() -> None:
    plain, mirrored = events_of(rows()), changed(swap)
    for a, b in zip(reps_in(plain), reps_in(mirrored), strict=True):
        assert (a.force_left, a.force_right) == (b.force_right, b.force_left)
        for name in ("onset_s", "time_to_peak_s", "peak_n"):
            assert a.metrics[f"force_left_{name}"] == b.metrics[f"force_right_{name}"]
    name = "asymmetry_signed_pct"
    assert value(of_set(mirrored), name) == pytest.approx(-value(of_set(plain), name))


def test_a_strap_that_was_not_tared_changes_nothing() -> None:
    def shift(columns: dict[str, int], x: np.ndarray) -> None:
        x[:, columns["left.force"]] += 64.0

    plain, shifted = reps_in(events_of(rows())), reps_in(changed(shift))
    for a, b in zip(plain, shifted, strict=True):
        for name, metric in a.metrics.items():
            assert b.metrics[name].value == pytest.approx(metric.value, abs=1e-6), name


def test_what_a_hole_touches_is_missing_or_flagged() -> None:
    middle = reps_in(events_of(rows()))[1]
    a, b = middle.phases[0].start_us * 1000 + 10**9, middle.phases[0].start_us * 1000 + 1_600_000_000

    def hole(columns: dict[str, int], x: np.ndarray) -> None:
        t = rows().block.t
        for name, k in columns.items():
            if name.startswith("thigh"):
                x[(t > a) & (t < b), k] = np.nan

    rep = reps_in(changed(hole))[1]
    times = {"force_left_rfd_n_s", "force_right_rfd_n_s"}
    for name, metric in rep.metrics.items():
        if name not in times and not name.startswith("quality_coverage"):
            assert metric.quality != "ok", name
    for name in ("omega_cv", "smoothness_ecc", "break_lean_deg", "omega_at_peak_force_deg_s"):
        assert rep.metrics[name].value is None


# -- by the session --------------------------------------------------


def test_an_exercise_file_without_the_table_has_no_further_numbers() -> None:
    stage = EXERCISE.event_stage()
    assert isinstance(stage, Stage)
    run = msgspec.structs.replace(stage, metrics=None).start(rows().info)
    plain = [*run.push(rows().block), *run.finish()]
    for before, now in zip(reps_in(plain), reps_in(events_of(rows())), strict=True):
        assert "smoothness_ecc" not in before.metrics
        for name, metric in before.metrics.items():
            assert metric.uncertainty is None
            assert now.metrics[name].value == metric.value, name


def test_a_session_hands_on_what_it_knows_of_the_person_and_the_tempo() -> None:
    made = simulate(nordic_session(2, kit="thigh+force", sets=1, reps=3), 2)
    header = Header(
        session="person",
        exercise=load_exercise("nordic-curl"),
        sensors=made.setups,
        software="test",
        settings=Settings(body_mass_kg=80.0, lever_arm_m=0.38),
    )
    session = Session(header)
    session.feed(Tick(0))
    session.feed(Prescribed(0, {"tempo_s": {"eccentric": 4.0}}))
    events = [n.event for n in session.feed_many(made.inputs()) + session.finish()]
    reps = reps_in(events)
    assert reps
    for rep in reps:
        peak = value(rep.metrics, "force_left_peak_n")
        assert value(rep.metrics, "torque_left_peak_nm") == pytest.approx(0.38 * peak)
        assert value(rep.metrics, "force_left_peak_n_kg") == pytest.approx(peak / 80.0)
        assert "tempo_adherence" in rep.metrics


@pytest.mark.parametrize("kit", ["thigh+shank+force", pytest.param("force", marks=pytest.mark.long)])
def test_numbers_that_are_not_flagged_are_those_without_the_hole(kit: str) -> None:
    """Rows of one sensor are taken out of one repetition; what is not flagged stays what it was."""
    simulation, events = session(24, kit)
    plain, whole = {(r.set_index, r.index): r for r in reps_in(events)}, rows_of(simulation)
    rng, names = np.random.default_rng(24), whole.info.channels
    checked = 0
    for true in simulation.truth.reps:
        place = rng.choice([name for name in names if name.endswith(("up_x", "force"))]).partition(".")[0]
        start = rng.uniform(true.start_s, true.end_s)
        t, x = whole.block.t, whole.block.x.copy()
        gone = (t > start * 1e9) & (t < (start + rng.choice([0.25, 0.5, 1.0])) * 1e9)
        x[np.ix_(gone, [name.startswith(f"{place}.") for name in names])] = np.nan
        changed = events_of(Rows(whole.info, Block("aligned", t, x)))
        for rep in reps_in(changed):
            same = plain.get((rep.set_index, rep.index))
            if same is None or not (same.start_us < rep.end_us and rep.start_us < same.end_us):
                continue
            for name, metric in rep.metrics.items():
                if metric.quality != "ok" or metric.value is None or name == "quality_score":
                    continue
                before = same.value(name)
                assert before is not None, name
                checked += 1
                assert metric.value == pytest.approx(before, abs=max(metric.uncertainty or 0.0, 0.02)), name
    assert checked > 100 or kit == "force"
