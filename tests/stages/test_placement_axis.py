"""How well pose and axis are known, what is told of it, and when."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.events import CalibrationDone, CalibrationFailed, CalibrationNeeded, Flag
from eccentra.exercises import load_exercise
from eccentra.samples import NS_PER_S, Block
from eccentra.stages.history import History
from eccentra.stages.placement_axis import CalibrationWatch, pose_spread
from eccentra.stages.placement_frames import Frame, frame_of

_CHECK = load_exercise("squat").placement
assert _CHECK is not None
RULE = _CHECK.axis


def bend(sway_deg: float, turn_deg: float = 60.0) -> Frame:
    """A movement whose axis lies so far from the y axis."""
    lean = np.radians(turn_deg * np.sin(np.linspace(0, np.pi, 200)) ** 2)
    way = np.radians(sway_deg)
    up = np.stack([-np.sin(lean) * np.cos(way), -np.sin(lean) * np.sin(way), np.cos(lean)], axis=1)
    frame = frame_of(up)
    assert frame is not None
    return frame


def watch() -> CalibrationWatch:
    return CalibrationWatch(RULE, {"thigh": 0}, {"thigh": "a"})


def test_an_axis_is_known_when_three_repetitions_agree_and_anew_after_the_sensor_moved() -> None:
    one = watch()
    assert one.add({"thigh": bend(0)}, 1) == []
    assert one.add({"thigh": bend(3)}, 2) == []
    (done,) = one.add({"thigh": bend(-3)}, 3)
    assert isinstance(done, CalibrationDone)
    assert done.what == "thigh axis"
    assert done.residual_deg == pytest.approx(np.sqrt(18 / 3), abs=0.1)
    assert one.add({"thigh": bend(1)}, 4) == []
    assert not one.is_bad(["thigh"])
    one.renew("thigh")
    told = [one.add({"thigh": bend(60 + k)}, 5 + k) for k in range(3)]
    assert [len(some) for some in told] == [0, 0, 1]


def test_repetitions_without_a_common_axis_are_told_once_after_the_set() -> None:
    one = watch()
    for k, sway in enumerate((-25, 0, 25)):
        assert one.add({"thigh": bend(sway)}, k) == []
    assert one.is_bad(["thigh"])
    (failed,) = one.after_set(9)
    assert isinstance(failed, CalibrationFailed)
    assert (failed.reason, failed.sensor) == (Flag.CALIBRATION_PROVISIONAL, "a")
    assert "three slow full repetitions" in failed.instruction
    assert one.after_set(10) == []
    # later ones agree
    told = [event for k in range(6) for event in one.add({"thigh": bend(k)}, 20 + k)]
    assert [type(event) for event in told] == [CalibrationDone]


def test_segments_that_hardly_turn_have_no_axis_and_are_not_blamed() -> None:
    one = watch()
    for k, sway in enumerate((-60, 0, 60)):
        assert one.add({"thigh": bend(sway, 8.0)}, k) == []
    assert one.after_set(9) == []


def test_a_pose_gets_how_still_the_sensor_was() -> None:
    t = np.arange(0, 2 * NS_PER_S, NS_PER_S // 100)
    off = np.radians(np.where(np.arange(len(t)) % 2 == 0, 2.0, -2.0))
    up = np.stack([np.sin(off), np.zeros(len(t)), np.cos(off)], axis=1)
    history = History()
    history.push(Block("aligned", t, up))
    one = watch()
    done = one.done(CalibrationDone(t_us=1_500_000, what="start pose"), history)
    assert done.residual_deg == pytest.approx(2.0, abs=0.05)
    assert one.done(CalibrationDone(t_us=1_500_000, what="sides"), history).residual_deg is None
    assert pose_spread(np.full((5, 3), np.nan)) is None


def test_a_still_pose_is_asked_for_once_when_the_sensors_never_rest() -> None:
    lean = np.radians(30.0 * np.sin(np.linspace(0, 20, 100)))
    moving = np.stack([np.sin(lean), np.zeros(100), np.cos(lean)], axis=1)
    resting = np.tile([[0.0, 0.0, 1.0]], (100, 1))
    one = watch()
    assert one.ask(10 * NS_PER_S, moving) == []
    assert one.ask(30 * NS_PER_S, resting) == []
    (needed,) = one.ask(40 * NS_PER_S, moving)
    assert isinstance(needed, CalibrationNeeded)
    assert one.posed


@pytest.mark.parametrize(
    ("up", "axis", "upside_down"),
    [((0.0, 0.0, 1.0), "+z", False), ((0.1, -0.99, 0.0), "-y", True), ((-0.8, 0.6, 0.0), "-x", True)],
)
def test_a_pose_says_how_sensors_sit(up: tuple[float, float, float], axis: str, upside_down: bool) -> None:
    history = History()
    t = np.arange(200, dtype=np.int64) * (NS_PER_S // 100)
    history.push(Block("aligned", t, np.tile(np.array(up) / np.linalg.norm(up), (200, 1))))
    (sits,) = watch().done(CalibrationDone(t_us=1_500_000, what="start pose"), history).mounting
    assert (sits.sensor, sits.axis, sits.upside_down) == ("a", axis, upside_down)
    assert sits.off_deg == pytest.approx(np.degrees(np.arccos(max(np.abs(up)) / np.linalg.norm(up))), abs=0.1)


def test_an_axis_says_what_a_sensor_turned_about() -> None:
    one = watch()
    mirrored = [
        Frame(f.home, f.far, (-f.axis[0], -f.axis[1], -f.axis[2]), f.turn) for f in [bend(0)] if f.axis
    ]
    for frames, axis in (([bend(0)] * 3, "-y"), (mirrored * 3, "+y")):
        told = [event for k, frame in enumerate(frames) for event in one.add({"thigh": frame}, k)]
        (done,) = (event for event in told if isinstance(event, CalibrationDone))
        (sits,) = done.mounting
        assert (sits.axis, sits.upside_down) == (axis, None)
        one.renew("thigh")
