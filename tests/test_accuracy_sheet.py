"""The error sheet itself: that it finds the errors there are, and that its command runs."""

from __future__ import annotations

import accuracy
import msgspec
import numpy as np
import pytest
from matching import Errors, Found, Sheet
from motion_capture import Trial, peer_errors_deg
from peers import COUNTERS, FILTERS, INSTALL

from eccentra.events import Repetition
from eccentra.simulate import Simulation, joint_session, simulate
from needs import need_module

SHIFT_US = 230_000


@pytest.fixture(scope="module")
def squats() -> tuple[Simulation, Found]:
    simulation = simulate(joint_session(1, exercise="squat", kit="thigh", sets=2, reps=4), 1)
    return simulation, accuracy.run(simulation, "squat")


def sheet_of(simulation: Simulation, found: Found) -> Sheet:
    sheet = Sheet(exercise="squat", kit="thigh")
    sheet.add_session(simulation, found)
    return sheet


def longer(rep: Repetition) -> Repetition:
    """The repetition with an eccentric phase told too long."""
    metric = rep.metrics["eccentric_s"]
    assert metric.value is not None
    told = msgspec.structs.replace(metric, value=metric.value + SHIFT_US / 1e6)
    return msgspec.structs.replace(rep, metrics={**rep.metrics, "eccentric_s": told})


def test_what_is_right_is_right(squats: tuple[Simulation, Found]) -> None:
    sheet = sheet_of(*squats)
    assert (sheet.sets, sheet.exact, sheet.ghosts, sheet.f1) == (2, 2, 0, 1.0)
    assert sheet.errors["ecc"].mae < 0.1


def test_an_error_of_duration_is_seen(squats: tuple[Simulation, Found]) -> None:
    simulation, found = squats
    good = sheet_of(simulation, found).errors["ecc"]
    wrong = msgspec.structs.replace(found, reps=tuple(longer(rep) for rep in found.reps))
    errors = sheet_of(simulation, wrong).errors["ecc"]
    np.testing.assert_allclose(np.subtract(errors.values, good.values), SHIFT_US / 1e6)
    assert errors.share > 1.0


def test_a_repetition_too_few_or_outside_is_seen(squats: tuple[Simulation, Found]) -> None:
    simulation, found = squats
    few = sheet_of(simulation, msgspec.structs.replace(found, reps=found.reps[1:]))
    assert (few.exact, few.ghosts) == (1, 0)
    assert few.f1 == pytest.approx(2 * 7 / 15)
    assert few.miscounted == ["squat session 1 (thigh), set 1: 3 of 4"]
    first = found.reps[0]
    early = msgspec.structs.replace(first, start_us=0, end_us=500_000)
    more = sheet_of(simulation, msgspec.structs.replace(found, reps=(early, *found.reps)))
    assert (more.exact, more.ghosts) == (2, 1)


def test_a_set_told_as_two_is_not_exact(squats: tuple[Simulation, Found]) -> None:
    simulation, found = squats
    first = msgspec.structs.replace(found.reps[0], set_index=9)
    split = sheet_of(simulation, msgspec.structs.replace(found, reps=(first, *found.reps[1:])))
    assert split.exact == 1


def test_numbers_of_errors() -> None:
    errors = Errors()
    errors.add(0.1, 0.1, "a", stated=0.06, bias_limit=0.05)
    errors.add(-0.3, 0.1, "b", stated=0.06, bias_limit=0.05)
    assert errors.mae == pytest.approx(0.2)
    assert errors.bias == pytest.approx(-0.1)
    assert errors.share == pytest.approx(2.0)
    assert errors.worst == (-0.3, "b")
    assert errors.bias_share == pytest.approx(2.0)
    assert errors.held == (2, 0.5)
    errors.add(-0.1, 0.1, "c")
    assert errors.held == (2, 0.5), "it states none"
    low, high = Errors([0.1, -0.3]).limits_of_agreement
    assert (low + high) / 2 == pytest.approx(-0.1)
    assert (high - low) / 2 == pytest.approx(1.96 * np.std([0.1, -0.3], ddof=1))


def test_the_command_prints_a_sheet(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--exercise leg-curl --kit shank --sessions 2 --minutes 1 --jobs 1 --no-real"
    assert accuracy.main(arguments.split()) == 0
    out = capsys.readouterr().out
    assert "synthetic" in out
    assert "| leg-curl, shank | " in out
    assert "### Eccentric duration, s" in out
    assert "### Stated uncertainties" in out


def test_other_ways_of_counting_count_what_is_plain() -> None:
    need_module("neurokit2", INSTALL)
    t = np.arange(0.0, 40.0, 0.02)
    x = np.zeros((len(t), 6))
    x[:, 0] = 3.0 * np.sin(2 * np.pi * t / 4.0)
    x[:, 2] = 9.81
    for name, count in COUNTERS.items():
        if name != "0.4 Hz maxima":  # of the magnitude: both ways of every cycle look alike
            assert count(t, x) == 10, name


def test_other_filters_give_the_direction_up() -> None:
    """A sensor that turns about a level axis once in 8 s."""
    need_module("imufusion", INSTALL)
    need_module("ahrs", INSTALL)
    trial = Trial.__new__(Trial)
    trial.name, trial.rate_hz = "turning", 100.0
    t = np.arange(0.0, 30.0, 0.01)
    angle = 2 * np.pi * np.clip(t - 5.0, 0.0, None) / 8.0
    trial.t = np.round(t * 1e9).astype(np.int64)
    trial.up = np.stack((-np.sin(angle), np.zeros_like(t), np.cos(angle)), axis=1)
    rate = np.where(t > 5.0, 2 * np.pi / 8.0, 0.0)
    trial.x = np.hstack([9.80665 * trial.up, np.stack((0 * t, rate, 0 * t), axis=1)])
    trial.scored = np.ones(len(t), bool)
    errors = peer_errors_deg(trial)
    assert set(errors) == set(FILTERS) == {"imufusion", "ahrs Madgwick", "ahrs Mahony"}
    assert all(error < 2.0 for error, _ in errors.values()), errors
