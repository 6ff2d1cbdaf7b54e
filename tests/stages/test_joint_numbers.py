"""Speed, smoothness, trends, losses and quality of joint exercises, on simulated sets made for it."""

from __future__ import annotations

import numpy as np
import pytest
from joint_kit import events_of, one_set, reps_in

from eccentra.events import Flag, Metric, SetCompleted
from eccentra.simulate import JointRep, strokes


def set_metrics(*plan: JointRep, exercise: str = "leg-curl", kit: str = "shank") -> dict[str, Metric]:
    events = events_of(exercise, one_set(exercise, *plan, kit=kit))
    (done,) = [event for event in events if isinstance(event, SetCompleted)]
    return done.metrics


def value(metrics: dict[str, Metric], name: str) -> float:
    found = metrics[name].value
    assert found is not None, (name, metrics[name].reason)
    return found


def test_smoothness_of_a_minimum_jerk_way_and_what_makes_it_worse() -> None:
    """A minimum-jerk movement has -1.40 at any size and duration (metric definition)."""
    smooth = [JointRep(first_s=2.5, second_s=3.0, pause_s=1.5) for _ in range(3)]
    shaky = [JointRep(first_s=2.5, second_s=3.0, pause_s=1.5, tremor_deg=1.0) for _ in range(3)]
    good = set_metrics(*smooth)
    assert value(good, "smoothness_ecc") == pytest.approx(-1.40, abs=0.1)
    assert value(set_metrics(*shaky), "smoothness_ecc") < value(good, "smoothness_ecc") - 0.1


def test_speeds_of_both_ways() -> None:
    plan = [JointRep(first_s=2.0, second_s=4.0, pause_s=1.0) for _ in range(3)]
    made = one_set("leg-curl", *plan, kit="shank")
    rep, true = reps_in(events_of("leg-curl", made))[1], made.truth.reps[1]
    rom = true.roms["shank_inclination"]
    assert rep.value("omega_mean_con_deg_s") == pytest.approx(rom / true.total_s("concentric"), rel=0.05)
    assert rep.value("omega_mean_ecc_deg_s") == pytest.approx(rom / true.total_s("eccentric"), rel=0.05)
    assert rep.value("omega_cv_core") == pytest.approx(0.2, abs=0.06)


def test_faster_lowering_and_smaller_ranges_are_seen_as_fatigue() -> None:
    tired = [
        JointRep(first_s=2.0, second_s=4.0 - 0.4 * k, pause_s=1.0, size=1.0 - 0.05 * k) for k in range(6)
    ]
    fresh = [JointRep(first_s=2.0, second_s=4.0, pause_s=1.0) for _ in range(6)]
    worn, even = set_metrics(*tired), set_metrics(*fresh)
    assert value(worn, "omega_slope_deg_s") > 1.0
    assert value(worn, "omega_slope_deg_s") > 5.0 * abs(value(even, "omega_slope_deg_s"))
    # the best two of the first three are 1.0 and 0.95, the last two 0.8 and 0.75
    assert value(worn, "rom_loss") == pytest.approx(1.0 - 0.775 / 0.975, abs=0.03)
    assert abs(value(even, "rom_loss")) < 0.03
    assert value(worn, "eccentric_cv") > 0.15 > 0.05 > value(even, "eccentric_cv")


def test_quality_has_parts_and_follows_them() -> None:
    wanted = [JointRep(first_s=3.0, second_s=3.0, pause_s=1.0, shape="ramped") for _ in range(5)]
    hasty = [JointRep(first_s=3.0, second_s=1.2, pause_s=1.0, shape="ramped") for _ in range(5)]
    good, bad = set_metrics(*wanted), set_metrics(*hasty)
    assert value(good, "quality_score") > 90.0
    assert value(bad, "quality_tempo") < 0.6 < value(good, "quality_tempo")
    assert value(bad, "quality_score") < value(good, "quality_score") - 10.0


def test_too_few_repetitions_make_no_trend() -> None:
    few = set_metrics(*[JointRep(first_s=2.0, second_s=2.0, pause_s=1.0) for _ in range(2)])
    for name in ("omega_slope_deg_s", "eccentric_cv", "rom_loss"):
        assert few[name].value is None
        assert few[name].reason is Flag.FEW_REPETITIONS


@pytest.fixture
def softer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soft strokes whose speed grows with the third power of time, not the second."""
    share = np.linspace(0.0, 1.0, 2001)
    way = np.cumsum(np.sin(np.pi * share) ** 3)
    monkeypatch.setattr(
        strokes, "min_jerk", lambda n: np.interp(np.arange(1, n + 1) / n, share, way / way[-1])
    )


@pytest.mark.usefixtures("softer_ends")
def test_stated_uncertainty_covers_ends_softer_than_minimum_jerk() -> None:
    """Speed that grows with the third power of time hides an end for longer than the usual second power."""
    plan = [JointRep(first_s=4.0, second_s=5.0, pause_s=1.0) for _ in range(3)]
    made = one_set("glute-bridge", *plan, kit="thigh")
    reps = reps_in(events_of("glute-bridge", made))
    assert len(reps) == len(plan)
    for rep, true in zip(reps, made.truth.reps, strict=True):
        for kind in ("eccentric", "concentric"):
            found, want = rep.metrics[f"{kind}_s"], true.total_s(kind)
            assert found.value is not None
            assert found.uncertainty is not None
            assert abs(found.value - want) <= 2.0 * found.uncertainty <= 0.28 * want


@pytest.mark.usefixtures("softer_ends")
def test_a_wide_movement_with_ends_softer_than_minimum_jerk_is_timed_by_its_whole_course() -> None:
    """A third power is told from a second one where the way is long beside the sway (0.3 s short before)."""
    plan = [JointRep(first_s=6.0, second_s=7.0, pause_s=1.0) for _ in range(4)]
    made = one_set("squat", *plan, kit="thigh")
    reps = reps_in(events_of("squat", made))
    off = [
        (rep.value("concentric_s") or 0.0) - true.total_s("concentric")
        for rep, true in zip(reps, made.truth.reps, strict=True)
    ]
    assert abs(np.mean(off)) < 0.2
