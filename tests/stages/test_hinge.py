"""The axis of a joint between two sensors: found, judged, told, and what it makes of a range."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from joint_kit import events_of, one_set, reps_in, rows_of, staged
from scipy.spatial.transform import Rotation

from eccentra.events import CalibrationDone, CalibrationFailed, Event, Flag, RepAmended
from eccentra.exercises import load_exercise
from eccentra.samples import Floats
from eccentra.simulate import JOINT_EXERCISES, JointRep, Mounting, Simulation
from eccentra.stages.hinge import Bend, fit_hinge, halves_apart, turn_about
from eccentra.stages.inclination import Vector, axis_of
from eccentra.stages.joint_hinge import HingeWatch

_STAGE = load_exercise("squat").event_stage()
RULE = _STAGE.hinge  # type: ignore[attr-defined]
_T = np.arange(0.0, 4.0, 0.1)


def mounted(seed: int) -> Rotation:
    """Any way of wearing a sensor."""
    return Rotation.random(random_state=np.random.default_rng(seed))


def _about(axis: str, angles: Floats) -> Rotation:
    return Rotation.from_euler(axis, angles[:, None])


def seen(angles: Floats, lean_deg: float, sway: Floats, mount: Rotation) -> tuple[Floats, Floats]:
    """Up and rate, shape (n, 3) each, in the frame of a sensor whose segment turns about an axis that leans.

    ``angles`` in rad about the segment's y axis, ``sway`` in rad sideways.
    """
    body = _about("x", sway + math.radians(lean_deg))
    attitude = body * _about("y", angles) * mount
    up = attitude.inv().apply([0.0, 0.0, 1.0])
    turned = np.gradient(angles, 0.1)[:, None] * np.array([0.0, 1.0, 0.0])
    swayed = np.gradient(sway, 0.1)[:, None] * np.array([1.0, 0.0, 0.0])
    back = (_about("y", angles) * mount).inv()
    return up, mount.inv().apply(turned) + back.apply(swayed)


def bend(lean_deg: float, sizes: tuple[float, float], seed: int, mounts: tuple[Rotation, Rotation]) -> Bend:
    """A repetition of two segments that turn by these degrees, of a person who sways by two."""
    rng = np.random.default_rng(seed)
    way = np.sin(np.pi * _T / _T[-1]) ** 2
    sway = np.radians(2.0) * np.sin(2 * np.pi * rng.uniform(0.2, 0.4) * _T + rng.uniform(0, 6))
    parts: list[Floats] = []
    away: list[Vector] = []
    for k, (size, mount) in enumerate(zip(sizes, mounts, strict=True)):
        up, rate = seen(np.radians(size) * way ** (1.0 + 0.3 * k), lean_deg, sway, mount)
        axis = axis_of(tuple(up[0].tolist()), up)
        assert axis is not None
        away.append(axis)
        parts += [up, rate + rng.normal(0.0, 0.02, rate.shape)]
    return Bend(np.concatenate(parts, axis=1), (away[0], away[1]), (abs(sizes[0]), abs(sizes[1])))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("lean", "sizes"), [(0.0, (-85.0, 30.0)), (20.0, (60.0, -50.0)), (-25.0, (80.0, 15.0))]
)
def test_the_axis_is_found_in_both_frames_however_the_sensors_sit(
    seed: int, lean: float, sizes: tuple[float, float]
) -> None:
    mounts = mounted(seed), mounted(100 + seed)
    bends = [bend(lean, sizes, 10 * seed + k, mounts) for k in range(4)]
    hinge = fit_hinge(bends, RULE)
    assert hinge is not None
    # both sensors see the same direction of the room, one of the two
    sign = math.copysign(1.0, float(mounts[0].inv().apply([0.0, 1.0, 0.0]) @ np.array(hinge.axes[0])))
    for axis, mount, size in zip(hinge.axes, mounts, sizes, strict=True):
        off = float(np.dot(axis, sign * mount.inv().apply([0.0, 1.0, 0.0])))
        # the less a segment turns, the more sway tells its axis
        assert math.degrees(math.acos(min(off, 1.0))) < (4.0 if abs(size) > 40.0 else RULE.spread_deg)
    assert hinge.apart == (sizes[0] * sizes[1] < 0.0)
    assert hinge.sense > RULE.sense_sure
    assert math.degrees(abs(hinge.lean_of(bends[0]))) == pytest.approx(abs(lean), abs=3.0)
    assert halves_apart(bends, hinge, RULE) < 5.0
    assert hinge.residual_deg_s < 5.0


def test_without_sway_and_lean_nothing_shows_the_sense() -> None:
    mounts = mounted(1), mounted(2)
    way = np.sin(np.pi * _T / _T[-1]) ** 2
    still = np.zeros(len(_T))
    parts = [
        part
        for size, mount in zip((80.0, 30.0), mounts, strict=True)
        for part in seen(np.radians(size) * way, 0.0, still, mount)
    ]
    axes = [axis_of(tuple(up[0].tolist()), up) for up in (parts[0], parts[2])]
    one = Bend(np.concatenate(parts, axis=1), (axes[0], axes[1]), (80.0, 30.0))  # type: ignore[arg-type]
    hinge = fit_hinge([one] * 3, RULE)
    assert hinge is not None
    assert hinge.sense < 0.5 * RULE.sense_sure


def test_a_turn_about_a_leaning_axis_is_more_than_the_inclination() -> None:
    turn, lean = math.radians(80.0), math.radians(25.0)
    up = _about("x", np.full(2, lean)) * _about("y", np.array([0.0, turn]))
    one, two = up.inv().apply([0.0, 0.0, 1.0])
    inclination = np.array([0.0, math.degrees(math.acos(float(one @ two)))])
    assert inclination[1] < 72.0
    turned = turn_about(inclination, lean)
    assert turned is not None
    assert turned[1] == pytest.approx(80.0)
    assert turn_about(np.array([0.0, 170.0]), lean) is None


def measured(one: Bend) -> Any:
    """As much of a measured repetition as the axis asks for."""
    leans = tuple(np.linspace(0.0, turn, 50) for turn in one.turns)
    return SimpleNamespace(bend=one, rom=sum(one.turns), leans=leans)


def watch() -> HingeWatch:
    return HingeWatch(RULE, _STAGE.angles[0])  # type: ignore[attr-defined]


def test_a_joint_that_is_no_hinge_is_told_once_with_what_to_do() -> None:
    one, told = watch(), []
    for k in range(12):
        # each time the sensors sit another way
        bad = bend(0.0, (-85.0, 60.0), k, (mounted(3 * k), mounted(3 * k + 1)))
        told += one.add(measured(bad), (), k)
    (failed,) = told
    assert isinstance(failed, CalibrationFailed)
    assert (failed.what, failed.reason) == ("knee hinge axis", Flag.CALIBRATION_PROVISIONAL)
    assert "allowed" in failed.instruction
    assert "three slow full repetitions" in failed.instruction
    turn, doubtful = one.read(measured(bad))
    assert turn is None
    assert doubtful


def test_segments_that_turn_the_same_way_are_found_and_ranges_told_before_are_marked() -> None:
    one, mounts = watch(), (mounted(5), mounted(6))
    told: list[tuple[int, int]] = []
    events: list[Event] = []
    for k in range(6):
        events += one.add(measured(bend(0.0, (85.0, 25.0), k, mounts)), told, k)
        told.append((1, k + 1))
    amended = [event for event in events if isinstance(event, RepAmended)]
    assert [(event.set_index, event.index) for event in amended] == told[: len(amended)]
    assert len(amended) in (2, 5)
    assert all(event.counted and event.flags == (Flag.DIRECTION_ASSUMED,) for event in amended)
    turn, doubtful = one.read(measured(bend(0.0, (85.0, 25.0), 9, mounts)))
    assert turn is not None
    assert not doubtful
    assert turn.share == pytest.approx(60.0 / 110.0, abs=0.02)


def test_a_sensor_that_moved_has_its_axis_found_anew() -> None:
    one, mounts = watch(), (mounted(7), mounted(8))
    sizes = (-80.0, 45.0)
    events = [e for k in range(4) for e in one.add(measured(bend(0.0, sizes, k, mounts)), (), k)]
    assert [type(event) for event in events] == [CalibrationDone]
    moved = mounts[0], mounts[1] * Rotation.from_euler("xz", [40.0, 60.0], degrees=True)
    odd = measured(bend(0.0, sizes, 20, moved))
    assert one.add(odd, (), 20) == []
    assert one.read(odd) == (None, True)
    events = [e for k in range(21, 25) for e in one.add(measured(bend(0.0, sizes, k, moved)), (), k)]
    assert [type(event) for event in events] == [CalibrationDone]
    assert one.read(odd)[1] is False


_REPS = tuple(JointRep(first_s=first, second_s=2.0) for first in (2.5, 3.0, 2.2, 2.8, 2.6, 3.2))
_ASKEW = Mounting(twist_deg=57.0, tilt_deg=35.0, upside_down=True)


@pytest.fixture
def leaning(monkeypatch: pytest.MonkeyPatch) -> float:
    """Squats whose knees fall outward by 22 degrees."""
    squat = JOINT_EXERCISES["squat"]
    start, far = (msgspec.structs.replace(pose, roll=22.0) for pose in (squat.start, squat.far))
    monkeypatch.setitem(JOINT_EXERCISES, "squat", msgspec.structs.replace(squat, start=start, far=far))
    return 22.0


def _errors(made: Simulation, events: list[Event]) -> list[float]:
    reps, (true,) = reps_in(events), made.truth.sets
    assert len(reps) == len(true.reps)
    values = [rep.value("rom_deg") for rep in reps]
    return [
        value - one.roms["knee_flexion"]
        for value, one in zip(values, true.reps, strict=True)
        if value is not None
    ]


def test_a_leaning_axis_is_told_and_the_range_is_that_of_the_knee(leaning: float) -> None:
    made = one_set("squat", *_REPS, kit="thigh+shank", mounting=_ASKEW)
    events = events_of("squat", made)
    errors = _errors(made, events)
    assert len(errors) == len(_REPS)
    assert max(abs(error) for error in errors) < 2.0
    (done,) = (e for e in events if isinstance(e, CalibrationDone) and "hinge" in e.what)
    assert done.what == "knee hinge axis"
    assert done.lean_deg == pytest.approx(leaning, abs=3.0)
    assert {one.sensor for one in done.mounting} == {"thigh", "shank"}
    assert done.residual_deg is not None
    assert done.residual_deg_s is not None
    rep = reps_in(events)[-1]
    spread = rep.metrics["rom_deg"].uncertainty
    assert spread is not None
    assert spread > max(abs(error) for error in errors)


@pytest.mark.usefixtures("leaning")
def test_the_axis_does_not_depend_on_how_rows_came() -> None:
    rows = rows_of("squat", one_set("squat", *_REPS[:4], kit="thigh+shank", mounting=_ASKEW))
    whole = staged("squat", rows, ())
    assert any(isinstance(e, CalibrationDone) and "hinge" in e.what for e in whole)
    assert staged("squat", rows, range(7, 40_000, 61)) == whole


@pytest.mark.parametrize("mounting", [Mounting(twist_deg=-120.0, tilt_deg=30.0), Mounting(face_in=True)])
def test_a_level_axis_keeps_the_range(mounting: Mounting) -> None:
    made = one_set("squat", *_REPS, kit="thigh+shank", mounting=mounting)
    errors = _errors(made, events_of("squat", made))
    assert max(abs(error) for error in errors) < 1.5
