"""Pure numbers: kinematics, straps, trends of a set, quality score."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.catalogue import Person
from eccentra.events import Flag, Force, Metric, Phase, Repetition
from eccentra.samples import Floats
from eccentra.simulate.strokes import min_jerk
from eccentra.stages.force import summary
from eccentra.stages.kinematics import first_above, sparc, tempo_adherence, variation
from eccentra.stages.quality_score import QualityPart, quality_metrics
from eccentra.stages.set_numbers import (
    eccentric_share,
    loss,
    loss_of,
    mean_of,
    rest_mean,
    signed_asymmetry,
    slope_of,
    span,
    variation_of,
)
from eccentra.stages.sets import total
from eccentra.stages.strap_numbers import StrapRule, onset, quiet_level, rise_rate, strap_metrics, tension_s

RULE = StrapRule(
    onset_n=10.0,
    onset_sd=5.0,
    onset_s=0.05,
    offset_share=0.6,
    quiet_s=1.0,
    quiet_spread_n=6.0,
    least_quiet_s=0.4,
    rfd_s=0.1,
    rfd_least_hz=200.0,
    lever_error_m=0.01,
    scale_error=0.003,
    zero_error_n=0.5,
)


def smoothness(speed: Floats, rate_hz: float = 100.0) -> float:
    found = sparc(speed, rate_hz, cutoff_hz=10.0, least=0.05)
    assert found is not None
    return found


def stroke(seconds: float, way: float = 90.0) -> Floats:
    return np.gradient(way * min_jerk(round(seconds * 100)), 0.01)


# -- kinematics ------------------------------------------------------------


@given(st.floats(0.8, 12.0), st.floats(1.0, 500.0))
def test_a_smooth_stroke_has_one_smoothness_at_any_size_and_duration(seconds: float, way: float) -> None:
    assert smoothness(stroke(seconds, way)) == pytest.approx(-1.40, abs=0.03)


def test_smoother_is_nearer_to_zero() -> None:
    smooth = stroke(4.0)
    two_steps = np.concatenate([stroke(2.0, 45.0), np.zeros(60), stroke(2.0, 45.0)])
    four_steps = np.concatenate([np.concatenate([stroke(1.0, 22.5), np.zeros(30)])] * 4)
    t = np.arange(400) / 100
    shaking = smooth * (1.0 + 0.5 * np.sin(2 * np.pi * 4.0 * t))
    assert 0.0 > smoothness(smooth) > smoothness(two_steps) > smoothness(four_steps)
    assert smoothness(smooth) > smoothness(shaking)


def test_smoothness_of_nothing() -> None:
    assert sparc(np.zeros(300), 100.0, cutoff_hz=10.0, least=0.05) is None
    assert sparc(np.ones(5), 100.0, cutoff_hz=10.0, least=0.05) is None


@given(st.floats(0.1, 20.0), st.floats(0.1, 20.0))
def test_adherence_is_one_only_on_time(seconds: float, wanted: float) -> None:
    value = tempo_adherence(seconds, wanted)
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(max(0.0, 1.0 - abs(seconds / wanted - 1.0)))
    assert tempo_adherence(wanted, wanted) == 1.0


@given(st.lists(st.floats(1.0, 90.0), min_size=5, max_size=40), st.floats(0.1, 10.0))
def test_variation_knows_no_size(speeds: list[float], factor: float) -> None:
    once, scaled = variation(np.array(speeds)), variation(factor * np.array(speeds))
    assert once is not None
    assert scaled == pytest.approx(once, abs=1e-9)


def test_variation_of_known_strokes() -> None:
    speed = stroke(4.0)
    # mean 1, mean square 10/7 for a minimum-jerk stroke of unit length and time
    assert variation(speed) == pytest.approx(math.sqrt(3.0 / 7.0), abs=0.01)
    assert variation(np.full(50, 12.0)) == 0.0
    assert variation(np.zeros(50)) is None
    assert first_above(np.array([1.0, 9.0, 11.0, 12.0]), 10.0) == 2
    assert first_above(np.array([1.0, 9.0]), 10.0) is None


# -- straps ------------------------------------------------------------


def pull(
    hz: float = 100.0, offset: float = 0.0, size: float = 300.0, noise: float = 0.5
) -> tuple[Floats, Floats]:
    """Three quiet seconds, a ramp of one second to ``size``, one second there, one back, two quiet ones."""
    t = np.arange(round(8 * hz)) / hz
    force = np.interp(t, [0, 3, 4, 5, 6, 8], [0, 0, size, size, 0, 0])
    return t, offset + force + np.random.default_rng(3).normal(0.0, noise, len(t))


def numbers(
    t: Floats,
    left: Floats,
    right: Floats,
    zero: tuple[float, float] = (0.0, 0.0),
    person: Person | None = None,
    rule: StrapRule = RULE,
    end: float = 5.5,
    turn_error_s: float = 0.0,
) -> dict[str, Metric]:
    spans = [(3.0, end)]
    forces: dict[str, Force | None] = {
        "left": summary(t, left, spans, zero[0]),
        "right": summary(t, right, spans, zero[1]),
    }
    return strap_metrics(
        t,
        {"left": left, "right": right},
        forces,  # type: ignore[arg-type]
        spans,
        6.0,
        rule=rule,
        person=person or Person(),
        flag=None,
        turn_error_s=turn_error_s,
    )


def peak_error(metrics: dict[str, Metric]) -> float:
    error = metrics["force_left_peak_n"].uncertainty
    assert error is not None
    return error


def value(metrics: dict[str, Metric], name: str) -> float:
    found = metrics[name].value
    assert found is not None, (name, metrics[name])
    return found


def test_the_error_of_a_peak_holds_what_the_sensor_cannot_know() -> None:
    t, force = pull(noise=0.2)
    usual = peak_error(numbers(t, force, force))
    coarse = msgspec.structs.replace(RULE, step_n=4.448)
    assert peak_error(numbers(t, force, force, rule=coarse)) == pytest.approx(
        math.hypot(usual, 4.448 / math.sqrt(12.0)), rel=0.01
    )
    # a phase that ends while force rises by 300 N/s, known to 0.1 s
    early = numbers(t, force, force, end=3.5, turn_error_s=0.1)
    assert peak_error(early) == pytest.approx(30.0, rel=0.1)
    assert peak_error(numbers(t, force, force, end=3.5)) < 2.0
    assert peak_error(numbers(t, force, force, turn_error_s=0.1)) == pytest.approx(usual, rel=0.01)


def test_the_error_of_a_peak_covers_long_noisy_holds_and_sharp_blows() -> None:
    rng = np.random.default_rng(8)
    t = np.arange(4400) / 100.0
    held = np.interp(t, [0, 3, 4, 40, 41, 44], [0, 0, 300, 300, 0, 0])
    blow = 300.0 * np.exp(-0.5 * ((t - 4.5) / 0.02) ** 2)
    for truth, end in ((held, 41.0), (blow, 6.0)):
        misses = []
        for _ in range(20):
            force = truth + rng.normal(0.0, 1.5, len(t))
            got = numbers(t, force, force, end=end)
            misses.append(abs(value(got, "force_left_peak_n") - 300.0) / peak_error(got))
        assert max(misses) < 2.5


def test_numbers_of_a_known_pull() -> None:
    t, force = pull(noise=0.2)
    found = numbers(t, force, force, person=Person(body_mass_kg=75.0, lever_arm_m=0.4))
    assert value(found, "force_left_peak_n") == pytest.approx(300.0, abs=1.0)
    assert value(found, "force_left_onset_s") == pytest.approx(10.0 / 300.0, abs=0.01)
    assert value(found, "tut_force_s") == pytest.approx(3.0 - 16.0 / 300.0, abs=0.03)
    assert value(found, "force_left_peak_n_kg") == pytest.approx(value(found, "force_left_peak_n") / 75.0)
    assert value(found, "torque_left_peak_nm") == pytest.approx(0.4 * value(found, "force_left_peak_n"))
    # 1 cm of 40 cm
    assert found["torque_left_peak_nm"].uncertainty == pytest.approx(300.0 * 0.01, rel=0.02)
    error = found["force_left_peak_n"].uncertainty
    # 0.3 % of 300 N, half a newton of zero; a fifth of a newton of noise, of which a plateau has its best
    assert error == pytest.approx(math.hypot(0.9, 0.5, 0.3), rel=0.1)
    rfd = found["force_left_rfd_n_s"]
    assert (rfd.value, rfd.quality, rfd.reason) == (None, "missing", Flag.RATE_TOO_LOW)


def test_rate_of_force_development_at_a_rate_that_allows_it() -> None:
    t, force = pull(hz=1000.0, noise=0.0)
    assert value(numbers(t, force, force), "force_left_rfd_n_s") == pytest.approx(300.0, rel=0.01)
    assert rise_rate(force, len(force) - 20.0, 1000.0, 0.1) is None


def test_what_counts_is_how_often_the_strap_was_sampled() -> None:
    """Rows of 100 Hz from a strap of 1000 Hz: a bent rise, the stated error covers what the rows lose."""
    fine = np.arange(8000) / 1000.0
    rise = np.clip((fine - 3.0) / 0.4, 0.0, 1.0)
    true = 400.0 * rise**2 * (3.0 - 2.0 * rise)
    force = true + np.random.default_rng(5).normal(0.0, 0.3, len(fine))
    exact = rise_rate(true, 3000.0 + onset_of(true), 1000.0, 0.1)
    rule = msgspec.structs.replace(RULE, sampled_hz=1000.0)
    spans = [(3.0, 5.5)]
    found = strap_metrics(
        fine[::10],
        {"left": force[::10]},
        {"left": summary(fine[::10], force[::10], spans, 0.0)},
        spans,
        6.0,
        rule=rule,
        person=Person(),
        flag=None,
    )["force_left_rfd_n_s"]
    assert found.value is not None
    assert found.uncertainty is not None
    assert exact is not None
    assert abs(found.value - exact) <= 3.0 * found.uncertainty < 0.15 * exact


def onset_of(true: Floats) -> float:
    """Samples after 3 s until 10 N are passed."""
    return float(np.argmax(true > 10.0)) - 3000.0


def test_without_mass_and_lever_nothing_is_made_of_them() -> None:
    t, force = pull()
    names = numbers(t, force, force)
    assert not [name for name in names if name.endswith("_kg") or name.endswith("_nm")]


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.7])
def test_scaling_force_scales_what_is_measured_in_newtons(factor: float) -> None:
    t, force = pull(size=256.0, noise=0.1)
    once, scaled = numbers(t, force, force), numbers(t, factor * force, factor * force)
    for name in ("peak_n", "mean_n", "impulse_ns"):
        want = factor * value(once, f"force_left_{name}")
        got = value(scaled, f"force_left_{name}")
        # powers of two change no bit of the fraction
        assert got == want if factor != 1.7 else got == pytest.approx(want, rel=1e-12)


@given(st.floats(-200.0, 200.0))
def test_an_offset_changes_nothing_once_it_is_the_zero(offset: float) -> None:
    t, force = pull()
    plain, shifted = numbers(t, force, force), numbers(t, force + offset, force + offset, (offset, offset))
    for name, metric in plain.items():
        assert shifted[name].value == pytest.approx(metric.value, abs=1e-6), name
        assert shifted[name].quality == metric.quality


def test_a_mirror_swaps_the_sides() -> None:
    (t, left), (_, right) = pull(), pull(size=220.0, noise=0.4)
    plain, mirrored = numbers(t, left, right), numbers(t, right, left)
    for name, metric in plain.items():
        other = name.replace("left", "#").replace("right", "left").replace("#", "right")
        assert mirrored[other] == metric


def test_stretching_time_stretches_times() -> None:
    t, force = pull(noise=0.0)
    slow = np.interp(np.arange(1600) / 200, t, force)
    n = np.arange(1600) / 100
    once = tension_s(force, 250, 650, 100.0, 20.0, 0.6)
    twice = tension_s(slow, 500, 1300, 100.0, 20.0, 0.6)
    assert twice == pytest.approx(2.0 * once, abs=0.03)
    assert summary(n, slow, [(6.0, 11.0)], 0.0).impulse_ns == pytest.approx(  # type: ignore[union-attr]
        2.0 * summary(t, force, [(3.0, 5.5)], 0.0).impulse_ns,  # type: ignore[union-attr]
        rel=0.01,
    )


@given(st.lists(st.floats(-5.0, 40.0), max_size=60), st.floats(0.1, 1.0))
def test_tension_goes_on_above_the_threshold_and_off_below_its_share(
    force: list[float], share: float
) -> None:
    on, rows = False, 0
    for newtons in force:
        on = newtons > (share * 20.0 if on else 20.0)
        rows += on
    assert tension_s(np.array(force), 0, len(force), 100.0, 20.0, share) == rows / 100.0


def test_onset_must_be_held() -> None:
    net = np.zeros(300)
    net[100:103] = 50.0  # a tap
    net[200:] = np.linspace(0.0, 99.0, 100)
    assert onset(net, 0, 100.0, 10.0, 0.05) == pytest.approx(210.0)
    assert onset(np.zeros(300), 0, 100.0, 10.0, 0.05) is None
    assert onset(np.full(3, 50.0), 0, 100.0, 10.0, 0.05) is None


def test_quiet_level_is_the_last_before_the_start() -> None:
    force = np.concatenate([np.full(150, 3.0), np.full(150, 20.0), np.linspace(20.0, 300.0, 100)])
    quiet = quiet_level(force, 320, 100, 6.0)
    assert quiet is not None
    assert quiet.level == pytest.approx(20.0, abs=0.2)
    force[160:] = np.nan
    earlier = quiet_level(force, 320, 100, 6.0)
    assert earlier is not None
    assert earlier.level == pytest.approx(3.0)
    assert quiet_level(np.linspace(0.0, 300.0, 300), 300, 100, 6.0) is None


def test_a_short_rest_is_flagged_and_none_at_all_is_no_number() -> None:
    t, force = pull()
    short = force.copy()
    short[:240] += np.where(np.arange(240) // 10 % 2, 30.0, 0.0)  # handling up to 0.6 s before
    found = numbers(t, short, short)
    assert found["force_left_onset_s"].reason is Flag.BASELINE_UNSETTLED
    assert found["tut_force_s"].quality == "flagged"
    short[:300] += np.where(np.arange(300) // 10 % 2, 30.0, 0.0)
    found = numbers(t, short, short)
    assert (found["force_left_onset_s"].value, found["tut_force_s"].value) == (None, None)
    assert found["force_left_peak_n"].quality == "ok"


def test_a_hole_leaves_the_other_side() -> None:
    t, force = pull()
    broken = force.copy()
    broken[450:480] = np.nan
    found = numbers(t, force, broken)
    assert found["force_left_peak_n"].quality == "ok"
    for name in ("force_right_peak_n", "force_right_impulse_ns", "force_right_onset_s", "tut_force_s"):
        assert (found[name].value, found[name].reason) == (None, Flag.FORCE_MISSING), name


# -- sets ------------------------------------------------------------


def rep(
    index: int, *, peaks: tuple[float, float] | None = None, method: str = "m", **metrics: float | None
) -> Repetition:
    start = 10_000_000 * index
    forces = [Force(peak_n=p, mean_n=p, impulse_ns=p) for p in peaks] if peaks else [None, None]
    return Repetition(
        set_index=1,
        index=index,
        start_us=start,
        end_us=start + 6_000_000,
        decided_us=start + 7_000_000,
        valid=True,
        reasons=(),
        phases=(Phase(kind="eccentric", start_us=start, end_us=start + 4_000_000),),
        metrics={
            name: Metric(
                value=v,
                unit="1",
                method=method,
                quality="missing" if v is None else "ok",
                reason=Flag.GAP_INSIDE if v is None else None,
            )
            for name, v in metrics.items()
        },
        force_left=forces[0],
        force_right=forces[1],
    )


@given(st.floats(-5.0, 5.0), st.floats(1.0, 90.0), st.integers(3, 12))
def test_slope_of_a_straight_line(slope: float, first: float, n: int) -> None:
    found = slope_of([rep(k, x=first + slope * k) for k in range(1, n + 1)], "x", "deg", 3)
    assert found.value == pytest.approx(slope, abs=1e-9)
    assert found.uncertainty == pytest.approx(0.0, abs=1e-6)


def test_a_trend_needs_repetitions_and_one_method() -> None:
    reps = [rep(1, x=3.0), rep(2, x=4.0)]
    assert slope_of(reps, "x", "deg", 3).reason is Flag.FEW_REPETITIONS
    assert variation_of(reps, "x", 3).reason is Flag.FEW_REPETITIONS
    mixed = [*reps, rep(3, x=5.0, method="other")]
    assert slope_of(mixed, "x", "deg", 3).value is None
    assert mean_of(mixed, "x", "deg").value is None
    holed = [*reps, rep(3, x=None), rep(4, x=6.0)]
    found = slope_of(holed, "x", "deg", 3)
    assert found.value == pytest.approx(1.0)
    assert (found.quality, found.reason) == ("flagged", Flag.GAP_INSIDE)
    assert mean_of([rep(1, x=None)], "x", "deg").reason is Flag.GAP_INSIDE


def test_mean_has_its_standard_error() -> None:
    found = mean_of([rep(k, x=float(k)) for k in (1, 2, 3, 4)], "x", "deg")
    assert (found.value, found.method) == (2.5, "mean(m)")
    assert found.uncertainty == pytest.approx(math.sqrt(5.0 / 3.0 / 4.0))


def test_loss_from_the_best_of_the_first_to_the_last() -> None:
    assert loss([300.0, 320.0, 310.0, 280.0, 260.0]) == pytest.approx(1.0 - 270.0 / 315.0)
    assert loss([100.0] * 6) == 0.0
    assert loss([100.0, 90.0]) is None
    assert loss_of([100.0] * 3, "m", 4, None).reason is Flag.FEW_REPETITIONS
    assert loss_of([100.0] * 4, "m", 4, Flag.FORCE_MISSING).quality == "flagged"


@given(st.lists(st.tuples(st.floats(80, 400), st.floats(80, 400)), min_size=3, max_size=8))
def test_side_difference_turns_with_the_sides(pairs: list[tuple[float, float]]) -> None:
    plain = signed_asymmetry([rep(k, peaks=p) for k, p in enumerate(pairs, 1)], 3)
    turned = signed_asymmetry([rep(k, peaks=p[::-1]) for k, p in enumerate(pairs, 1)], 3)
    assert plain is not None
    assert turned is not None
    assert turned[0] == pytest.approx(-plain[0])
    assert turned[1] == pytest.approx(plain[1])
    assert abs(plain[0]) <= 100.0
    assert signed_asymmetry([rep(1, peaks=(1.0, 2.0))], 3) is None


def test_error_of_the_side_difference() -> None:
    """Against many simulated sets of an athlete with 6 % noise of each limb."""
    rng = np.random.default_rng(5)
    values, errors = [], []
    for _ in range(400):
        noise = 1.0 + 0.06 * rng.standard_normal((6, 2))
        found = signed_asymmetry([rep(k, peaks=(300 * a, 240 * b)) for k, (a, b) in enumerate(noise)], 3)
        assert found is not None
        values.append(found[0])
        errors.append(found[1] or 0.0)
    assert np.mean(values) == pytest.approx(-20.0, abs=0.5)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_sensors_are_wrong_in_all_repetitions_alike() -> None:
    """However many there are, a side difference and a mean are not known better than the sensors' scale."""
    reps = [
        msgspec.structs.replace(
            rep(k, peaks=(300.0, 240.0)),
            metrics={
                f"force_{side}_peak_n": Metric(value=peak, unit="N", method="m", uncertainty=0.005 * peak)
                for side, peak in (("left", 300.0), ("right", 240.0))
            },
        )
        for k in range(8)
    ]
    found = signed_asymmetry(reps, 3)
    assert found is not None
    assert found[0] == pytest.approx(-20.0)
    assert found[1] == pytest.approx(80.0 * 0.005 * math.sqrt(2.0))
    assert mean_of(reps, "force_left_peak_n", "N").uncertainty == pytest.approx(1.5)


def test_a_sum_is_as_wrong_as_its_parts() -> None:
    reps = [rep(k, x=5.0) for k in range(4)]
    assert total(reps, "x", "s", "sum").uncertainty is None
    known = [
        msgspec.structs.replace(one, metrics={"x": Metric(value=5.0, unit="s", method="m", uncertainty=0.1)})
        for one in reps
    ]
    assert total(known, "x", "s", "sum").uncertainty == pytest.approx(0.2)
    assert total(known, "x", "s", "sum", alike=True).uncertainty == pytest.approx(0.4)


def test_times_of_a_set() -> None:
    reps = [rep(k, eccentric_s=3.0, tut_s=4.0) for k in (1, 2, 3)]
    assert span(reps).value == pytest.approx(26.0)
    assert rest_mean(reps).value == pytest.approx(4.0)
    assert rest_mean(reps[:1]).reason is Flag.FEW_REPETITIONS
    assert eccentric_share(reps).value == pytest.approx(0.75)
    assert variation_of(reps, "tut_s", 3).value == 0.0


# -- quality ------------------------------------------------------------

PARTS = (
    QualityPart(id="rom", weight=0.5, metric="rom_share", full=0.95, none=0.60),
    QualityPart(id="control", weight=0.3, metric="break_lean_deg", full=65.0, none=10.0),
    QualityPart(id="control", weight=0.3, metric="omega_cv", full=0.25, none=1.0),
    QualityPart(id="symmetry", weight=0.2, metric="asymmetry_pct", full=10.0, none=30.0),
)


def known(**values: float) -> dict[str, Metric]:
    return {name: Metric(value=v, unit="1", method="m") for name, v in values.items()}


def test_the_worst_line_of_a_part_counts() -> None:
    found = quality_metrics(
        PARTS, known(rom_share=1.2, break_lean_deg=37.5, omega_cv=0.2, asymmetry_pct=20.0), 0.4
    )
    assert value(found, "quality_rom") == 1.0
    assert value(found, "quality_control") == pytest.approx(0.5)
    assert value(found, "quality_symmetry") == pytest.approx(0.5)
    assert value(found, "quality_score") == pytest.approx(75.0)
    assert value(found, "quality_coverage") == 1.0


def test_what_was_not_measured_lowers_the_coverage_not_the_score() -> None:
    found = quality_metrics(PARTS, known(rom_share=0.95, omega_cv=0.25), 0.4)
    assert value(found, "quality_score") == 100.0
    assert value(found, "quality_coverage") == pytest.approx(0.8)
    assert "quality_symmetry" not in found
    few = quality_metrics(PARTS, known(asymmetry_pct=0.0), 0.4)
    assert (few["quality_score"].value, few["quality_score"].reason) == (None, Flag.METHOD_UNFIT)


def test_a_doubtful_part_makes_a_doubtful_score() -> None:
    metrics = known(rom_share=0.9, omega_cv=0.3)
    metrics["omega_cv"] = Metric(
        value=0.3, unit="1", method="m", quality="flagged", reason=Flag.GAP_INTERPOLATED
    )
    found = quality_metrics(PARTS, metrics, 0.4)
    assert found["quality_score"].reason is Flag.GAP_INTERPOLATED
    assert found["quality_rom"].quality == "ok"


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_more_range_is_never_worse(a: float, b: float) -> None:
    low, high = sorted((a, b))
    scores = [
        value(quality_metrics(PARTS, known(rom_share=x, omega_cv=0.5), 0.4), "quality_score")
        for x in (low, high)
    ]
    assert scores[0] <= scores[1] + 1e-9


@pytest.mark.parametrize("change", [{"full": 0.6}, {"weight": 0.0}, {"id": "no id"}, {"none": math.nan}])
def test_a_part_that_cannot_work_is_refused(change: dict[str, float | str]) -> None:
    good = {"id": "rom", "weight": 0.5, "metric": "rom_share", "full": 0.95, "none": 0.6}
    with pytest.raises(ValueError, match="quality part"):
        QualityPart(**(good | change))  # type: ignore[arg-type]
