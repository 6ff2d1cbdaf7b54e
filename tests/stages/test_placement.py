"""Where sensors sit: turned, turned over, swapped, zeroed under load, on the other side; and left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.analysis import summarise
from eccentra.errors import InputError
from eccentra.events import (
    CalibrationDone,
    CalibrationFailed,
    CalibrationNeeded,
    Event,
    Flag,
    QualityNoted,
    RepAmended,
    RepCompleted,
    Repetition,
    SetCompleted,
    Tared,
)
from eccentra.exercises import load_exercise
from eccentra.inputs import Command, Input
from eccentra.samples import NS_PER_S, Block, Floats, StreamInfo
from eccentra.session import Header, Session
from eccentra.simulate import (
    Fault,
    LoadedTare,
    Misplaced,
    Simulation,
    Slip,
    joint_session,
    nordic_session,
    simulate,
)
from eccentra.stages.live import Beat, LiveState
from eccentra.stages.placement import PlacementCheck
from eccentra.stages.placement_again import AgainWatch, Seen
from eccentra.stages.placement_cycles import cycles_of_motion, turns_in
from eccentra.stages.placement_frames import change, frame_of, mean_frame
from eccentra.stages.placement_frames import rotation as turn_between
from eccentra.stages.placement_gyro import seen_after, turn_of
from eccentra.stages.placement_run import PlacementRun
from eccentra.stages.placement_segment import elsewhere
from eccentra.stages.placement_slip import Moved, SlipWatch, either_way, turned_by
from eccentra.stages.placement_strap import SidesWatch, ZeroWatch
from eccentra.view import advice_after, plain_line

_CHECK = load_exercise("squat").placement
assert _CHECK is not None
CHECK: PlacementCheck = _CHECK
NORDIC = load_exercise("nordic-curl").placement
FLAGS = {Flag.UPSIDE_DOWN, Flag.WRONG_SEGMENT, Flag.STRAP_SLIPPED, Flag.TARE_UNDER_LOAD, Flag.WRONG_SIDE}


def rotation(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    a, k = np.radians(angle_deg), axis / np.linalg.norm(axis)
    m = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    return np.eye(3) + np.sin(a) * m + (1 - np.cos(a)) * m @ m


def movement(turn_deg: float, start_deg: float = 0.0) -> np.ndarray:
    """ "Up" of a segment that leans by ``turn_deg`` and comes back, in its own frame."""
    lean = np.radians(start_deg + turn_deg * np.sin(np.linspace(0, np.pi, 200)) ** 2)
    return np.stack([-np.sin(lean), np.zeros(200), np.cos(lean)], axis=1)


def moved(k: int, up: np.ndarray) -> Moved:
    frame = frame_of(up)
    assert frame is not None
    return Moved((1, k), 4_000_000 * k, 4_000_000 * k + 3_000_000, frame)


def watched(*ups: np.ndarray, sets: list[int] | None = None) -> list[tuple[int, float, bool]]:
    """Movement at which a turn was found, by how much, and whether it was turned over."""
    watch, out = SlipWatch(CHECK.slip), []
    for k, up in enumerate(ups):
        found = watch.add(moved(k, up), bout=sets[k] if sets else 0)
        if found is not None:
            out.append((k, found.by_deg, found.over))
    return out


@given(
    st.integers(0, 10_000),
    st.floats(40.0, 160.0),
    st.floats(30.0, 100.0),
)
def test_a_turn_about_any_axis_is_found_at_the_second_movement_after_it(
    seed: int, by_deg: float, turn_deg: float
) -> None:
    rng = np.random.default_rng(seed)
    mount = rotation(rng.standard_normal(3), 180 * rng.random())
    moved = rotation(rng.standard_normal(3), by_deg) @ mount
    before = [movement(turn_deg + rng.uniform(-2, 2), rng.uniform(-2, 2)) @ mount.T for _ in range(3)]
    after = [movement(turn_deg + rng.uniform(-2, 2), rng.uniform(-2, 2)) @ moved.T for _ in range(3)]
    found = watched(*before, *after)
    assert [k for k, _, _ in found] == [4]


def test_the_turn_of_a_sensor_is_what_its_gyroscope_adds_up_to() -> None:
    rng = np.random.default_rng(5)
    for n in (2, 3, 4, 301):
        t, rate = np.arange(n) * 10_000_000, rng.standard_normal((n, 3))
        rate[0] = rate[1] = 0.0
        wanted = np.eye(3)
        for step in 0.005 * (rate[1:] + rate[:-1]):
            size = float(np.linalg.norm(step))
            wanted = wanted @ (rotation(step, np.degrees(size)) if size else np.eye(3))
        found = turn_of(t, rate)
        assert found is not None
        assert np.abs(found - wanted).max() < 1e-9
        assert seen_after(found, (0.0, 0.6, 0.8)) == pytest.approx(wanted.T @ (0.0, 0.6, 0.8))
    # rows are missing, or what they said
    assert turn_of(np.array([0, 1, 2, 30]) * 10_000_000, rate[:4]) is None
    assert turn_of(t, np.where(np.arange(n)[:, None] == 7, np.nan, rate)) is None


def turning(turn: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """A gyroscope that saw the sensor turn: what was ``v`` in its frame is ``turn @ v`` now."""
    return lambda from_us, to_us: turn.T


@given(st.integers(0, 10_000), st.floats(25.0, 160.0), st.floats(40.0, 100.0))
def test_one_movement_is_enough_when_the_gyroscope_saw_the_sensor_turn(
    seed: int, by_deg: float, turn_deg: float
) -> None:
    rng = np.random.default_rng(seed)
    mount = rotation(rng.standard_normal(3), 180 * rng.random())
    # about the limb: across the axis of the movement
    slip = mount @ rotation(np.array([0, 0, 1.0]), by_deg) @ mount.T
    before = [movement(turn_deg + rng.uniform(-2, 2), rng.uniform(-2, 2)) @ mount.T for _ in range(3)]
    after = movement(turn_deg) @ (slip @ mount).T

    def found(saw: np.ndarray, last: np.ndarray) -> bool:
        watch = SlipWatch(CHECK.slip, turning(saw))
        assert all(watch.add(moved(k, up)) is None for k, up in enumerate(before))
        return watch.add(moved(3, last)) is not None

    assert found(slip, after)
    # another movement, and no sensor that turned; a person who turned round, and moves as before
    assert not found(np.eye(3), after)
    assert not found(slip, movement(turn_deg) @ mount.T)


def test_people_who_start_and_turn_elsewhere_are_left_alone() -> None:
    rng = np.random.default_rng(3)
    ups = []
    for _ in range(200):
        wobble = rotation(np.array([1.0, 0, 0]), rng.uniform(-6, 6)) @ rotation(
            np.array([0, 0, 1.0]), rng.uniform(-8, 8)
        )
        ups.append(movement(rng.uniform(35, 90), rng.uniform(-8, 8)) @ wobble.T)
    assert watched(*ups) == []
    # going less far, from a start pose that is not reached any more, is no turned sensor either
    assert watched(*[movement(80)] * 3, *[movement(60, 20)] * 5) == []


def test_half_a_turn_is_called_turned_over_and_one_odd_movement_is_not() -> None:
    over = np.diag([1.0, -1.0, -1.0])
    assert watched(*[movement(80)] * 3, movement(80) @ over, *[movement(80)] * 3) == []
    ((at, _, turned_over),) = watched(*[movement(80)] * 3, *[movement(80) @ over] * 3)
    assert (at, turned_over) == (4, True)


def test_a_repetition_counted_from_its_far_end_is_no_turned_sensor() -> None:
    """The stage took the way back and the next way out for a repetition."""
    there, back = np.split(movement(60), 2)
    shifted = np.concatenate([back, there])
    assert watched(*[movement(60)] * 3, *[shifted] * 4) == []
    # and a sensor that turned is seen from there as well
    slipped = rotation(np.array([0, 0, 1.0]), 35.0).T
    ((at, by, over),) = watched(*[movement(60)] * 3, movement(60) @ slipped, shifted @ slipped)
    assert (at, over) == (4, False)
    assert by == pytest.approx(35.0, abs=2.0)


@given(st.integers(0, 10_000), st.floats(25.0, 50.0))
def test_a_slip_seen_from_where_the_movements_went_is_not_called_turned_over(
    seed: int, by_deg: float
) -> None:
    rng = np.random.default_rng(seed)
    there, back = np.split(movement(80), 2)
    shifted = np.concatenate([back, there])
    reference, slip = frame_of(movement(80)), rotation(rng.standard_normal(3), by_deg)
    for up in (movement(80), shifted):
        seen = frame_of(up @ slip.T)
        assert reference is not None
        assert seen is not None
        way = either_way(CHECK.slip, reference, seen)
        assert turn_between(reference, way) == pytest.approx(by_deg, abs=2.0)
        assert not turned_by(CHECK.slip, reference, way, between=False).over


@pytest.mark.parametrize("turn_deg", [25.0, 80.0, 110.0])
@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])
def test_half_a_turn_stays_one_from_whichever_end_it_is_looked_at(
    turn_deg: float, axis: tuple[float, float, float]
) -> None:
    reference = frame_of(movement(turn_deg))
    over = frame_of(movement(turn_deg) @ rotation(np.array(axis), 180.0).T)
    assert reference is not None
    assert over is not None
    assert turned_by(CHECK.slip, reference, either_way(CHECK.slip, reference, over), between=True).over


def test_turns_little_by_little_are_found_against_the_first_movements() -> None:
    """Three degrees a repetition, less than a person's own changes."""
    turned = [rotation(np.array([0, 0, 1.0]), 3.0 * max(k - 2, 0)).T for k in range(14)]
    assert len(watched(*[movement(60) @ m for m in turned])) == 1


def test_a_movement_in_which_the_sensor_turned_makes_nobody_unsteady() -> None:
    """A small turn: half seen in one movement, whole in the next."""
    half, whole = (rotation(np.array([0, 0, 1.0]), by).T for by in (9.0, 18.0))
    assert len(watched(*[movement(60)] * 3, movement(60) @ half, *[movement(60) @ whole] * 2)) == 1


def test_what_was_seen_before_a_rest_counts_after_it() -> None:
    turned = rotation(np.array([0, 0, 1.0]), 27.0).T
    ups = [*[movement(70)] * 2, *[movement(70) @ turned] * 3]
    assert [k for k, _, _ in watched(*ups, sets=[1, 1, 1, 2, 2])] == [4]


def test_a_strap_that_turns_on_is_found_and_something_else_is_not() -> None:
    far, near = (rotation(np.array([0, 0, 1.0]), by).T for by in (75.0, 55.0))
    known = [movement(60)] * 3
    assert len(watched(*known, movement(60) @ far, movement(60) @ near)) == 1
    # getting up goes twice as far
    assert watched(*known, movement(130) @ far, movement(130) @ far) == []
    # what is not valid may be done in another pose, and is no beginning either
    watch = SlipWatch(CHECK.slip)
    assert watch.add(moved(0, movement(60) @ far), sure=False) is None
    assert [watch.add(moved(k, movement(60))) for k in range(1, 5)] == [None] * 4


def test_a_movement_told_twice_is_one_piece_of_evidence() -> None:
    watch, turned = SlipWatch(CHECK.slip), rotation(np.array([0, 0, 1.0]), 60.0).T
    for k in range(3):
        assert watch.add(moved(k, movement(60))) is None
    for _ in range(3):
        assert watch.add(moved(3, movement(60) @ turned)) is None
    found = watch.add(moved(4, movement(60) @ turned))
    assert found is not None
    assert found.since_us == 8_000_000  # it may have turned in the last one that agreed


def test_the_change_between_two_frames_is_that_of_the_mounting() -> None:
    a = frame_of(movement(70))
    b = frame_of(movement(70) @ rotation(np.array([0, 0, 1.0]), 40.0).T)
    c = frame_of(movement(70) @ rotation(np.array([0, 1.0, 0]), 20.0).T)
    assert a is not None
    assert b is not None
    assert c is not None
    found = change(a, b, 15.0)
    assert found.axis == pytest.approx(40.0, abs=0.1)
    found = change(a, c, 15.0)
    assert found.axis == pytest.approx(0.0, abs=0.1)
    assert found.about == pytest.approx(20.0, abs=0.5)
    assert mean_frame([a, a, a]).turn == pytest.approx(a.turn)
    assert frame_of(np.full((100, 3), np.nan)) is None


def looked_for(after: list[np.ndarray]) -> Seen | None:
    """Three counted movements of four seconds, then what came after them, all with two quiet ends."""

    def slow(up: np.ndarray) -> np.ndarray:
        return np.repeat(up, 2, axis=0)

    watch = AgainWatch(CHECK.slip, CHECK.segment, CHECK.again)
    for k in range(3):
        frame = frame_of(slow(movement(70)))
        assert frame is not None
        watch.add(4_000_000 * k, 4_000_000 * (k + 1), frame, rested=k == 0)
    up = np.concatenate([slow(one) for one in after])
    t = 12_000_000_000 + 10_000_000 * np.arange(len(up), dtype=np.int64)
    return watch.look(t, up) if watch.is_due(int(t[-1]) // 1000) else None


@given(st.integers(0, 10_000), st.floats(40.0, 180.0))
def test_movements_that_go_on_turned_are_found_though_nobody_counted_them(seed: int, by_deg: float) -> None:
    rng = np.random.default_rng(seed)
    # about the limb: any other half turn may lay the way onto itself
    moved = rotation(np.array([0.1, 0.1, 1.0]) * rng.choice([-1, 1]), by_deg)
    found = looked_for([movement(rng.uniform(64, 76)) @ moved.T for _ in range(3)])
    assert found is not None
    assert len(found.spans) >= 2
    assert found.spans[0][0] >= 12_000_000


def test_what_goes_on_as_before_or_as_something_else_is_no_turned_sensor() -> None:
    moved = rotation(np.array([0.0, 0.0, 1.0]), 60.0)
    assert looked_for([movement(70)] * 3) is None
    assert looked_for([movement(70)[::-1]] * 3) is None
    assert looked_for([movement(30) @ moved.T] * 3) is None
    assert looked_for([movement(70) @ moved.T]) is None
    other = rotation(np.array([0.0, 0.0, 1.0]), 130.0)
    assert looked_for([movement(70) @ moved.T, movement(70) @ other.T]) is None


def spans(exercise: str) -> dict[str, tuple[float, float]]:
    check = load_exercise(exercise).placement
    assert check is not None
    return check.turn_deg


@pytest.mark.parametrize(
    ("exercise", "turns", "wrong"),
    [
        ("nordic-curl", {"thigh": 85, "shank": 3}, {}),
        ("nordic-curl", {"thigh": 30, "shank": 2}, {}),  # partial
        ("nordic-curl", {"thigh": 3, "shank": 85}, {"thigh", "shank"}),
        ("nordic-curl", {"thigh": 85, "shank": 84}, {"shank"}),
        ("squat", {"thigh": 40, "shank": 14}, {}),  # shallow
        ("squat", {"thigh": 26, "shank": 80}, {"thigh", "shank"}),
        ("squat", {"thigh": 26, "shank": 25}, {"thigh"}),
        ("squat", {"thigh": 40}, {}),
        ("squat", {"thigh": 22}, {"thigh"}),
        ("leg-curl", {"thigh": 90, "shank": 1}, {"thigh", "shank"}),
        ("askling-glider", {"pelvis": 23, "thigh": 44}, {"pelvis", "thigh"}),
        # two sensors in order say nothing of a third one
        ("squat", {"thigh": 71, "shank": 71, "pelvis": 31}, {"shank"}),
        ("single-leg-rdl", {"trunk": 66, "thigh": 8, "pelvis": 3}, {"pelvis"}),
        ("single-leg-rdl", {"trunk": 9, "thigh": 9, "pelvis": 74}, {"trunk"}),
        ("slider-leg-curl", {"thigh": 18, "shank": 52, "pelvis": 52}, {"pelvis"}),
        # both on one segment
        ("askling-glider", {"pelvis": 45, "thigh": 44}, {"pelvis", "thigh"}),
        # shallow, with a bent or an upright trunk
        ("squat", {"thigh": 33, "shank": 14, "pelvis": 31}, {}),
        ("squat", {"thigh": 65, "shank": 25, "pelvis": 64}, {}),
        ("squat", {"thigh": 80, "shank": 30, "pelvis": 2}, {}),
        ("single-leg-rdl", {"trunk": 32, "thigh": 6, "pelvis": 27}, {}),
        ("plank", {"pelvis": 80}, {}),  # nothing is known of its segments
    ],
)
def test_segments_are_told_apart_by_how_far_they_turn(
    exercise: str, turns: dict[str, float], wrong: set[str]
) -> None:
    rule = CHECK.segment
    found = elsewhere(rule, spans(exercise), turns, alone_low=rule.alone_low)
    assert set(found) == set(wrong)


def leaning(*parts: tuple[float, float]) -> Floats:
    """Ten rows a second of a segment that goes to each angle (degrees) in so many seconds."""
    angle = [0.0]
    for goal, seconds in parts:
        u = np.arange(1, round(10 * seconds) + 1) / round(10 * seconds)
        angle += (angle[-1] + (goal - angle[-1]) * (1.0 - np.cos(np.pi * u)) / 2.0).tolist()
    rad = np.radians(angle)
    return np.stack([np.sin(rad), 0.0 * rad, np.cos(rad)], axis=1)


def test_only_movements_that_are_alike_are_asked_which_segment_turned() -> None:
    rep = ((70.0, 2.0), (0.0, 2.0), (0.0, 1.0))
    spans = [(50 * k, 50 * k + 40) for k in range(4)]
    good = leaning(*rep * 4)
    assert turns_in({"thigh": good}, spans) == {"thigh": pytest.approx(70.0, abs=0.5)}
    deep = leaning(*rep * 3, (30.0, 2.0), (0.0, 2.0), (0.0, 1.0))
    assert set(turns_in({"thigh": good, "shank": deep}, spans)) == {"thigh", "shank"}
    # strides: several ways there and back, as far
    strides = ((70.0, 0.5), (0.0, 0.5)) * 4 + ((0.0, 1.0),)
    assert turns_in({"thigh": good, "shank": leaning(*strides * 4)}, spans) == {}
    # the other sensor starts from another pose each time
    steps = [
        part for k in range(4) for part in ((20.0 * k + 70.0, 2.0), (20.0 * k, 2.0), (20.0 * k + 20.0, 1.0))
    ]
    assert turns_in({"thigh": good, "shank": leaning(*steps)}, spans) == {}
    # of very different length, or one in the other
    assert turns_in({"thigh": good}, [(0, 40), (50, 90), (100, 106), (150, 156)]) == {}
    assert turns_in({"thigh": good}, [(0, 40), (50, 90), (50, 140), (150, 190)]) == {}


@pytest.mark.parametrize(("pause_s", "enough"), [(1.0, True), (12.0, False)])
def test_movements_far_apart_are_no_repetitions(pause_s: float, enough: bool) -> None:
    up = leaning((0.0, 2.0), *((70.0, 2.0), (0.0, 2.0), (0.0, pause_s)) * 3)
    assert (len(cycles_of_motion(CHECK.segment, up)) >= CHECK.segment.least_cycles) == enough


def test_a_zero_under_load_is_seen_and_a_strap_worn_the_wrong_way_round_is_not_taken_for_one() -> None:
    rng = np.random.default_rng(1)

    def level(force_n: float, seconds: int) -> np.ndarray:
        return force_n + rng.uniform(-1, 1, 10 * seconds)

    watch = ZeroWatch(CHECK.strap)
    assert watch.add(level(0, 5)) is None
    assert watch.add(np.concatenate([level(-60, 2), level(300, 5)])) is None
    assert watch.add(level(-60, 3)) == pytest.approx(-60, abs=1)
    assert watch.is_loaded(0.0)
    assert not watch.is_loaded(-55.0)
    watch.renew()
    assert watch.add(level(-12, 10)) is None  # offset of a usual sensor
    watch.renew()
    assert watch.add(np.concatenate([level(-40, 5), level(-300, 1)])) is None


def test_the_strap_that_answers_a_pull() -> None:
    def second(left: float, right: float) -> dict[str, np.ndarray]:
        return {"left": np.full(10, left), "right": np.full(10, right)}

    start = {"left": 5.0, "right": -3.0}
    watch = SidesWatch(CHECK.strap, start)
    assert [watch.add(second(5, -3)), watch.add(second(20, 0)), watch.add(second(150, 2))] == [
        None,
        None,
        "left",
    ]
    assert SidesWatch(CHECK.strap, start).add(second(8, 200)) == "right"
    assert SidesWatch(CHECK.strap, start).add(second(150, 200)) == "both"
    watch = SidesWatch(CHECK.strap, start)
    assert [watch.add(second(5, -3)) for _ in range(CHECK.strap.wait_s)][-1] == "none"


# -- whole sessions ---------------------------------------------------------------------------------------


def session_of(simulation: Simulation, exercise: str) -> Session:
    header = Header(
        session="placed", exercise=load_exercise(exercise), sensors=simulation.setups, software="test"
    )
    return Session(header)


def events_of(simulation: Simulation, exercise: str, extra: tuple[Input, ...] = ()) -> list[Event]:
    session = session_of(simulation, exercise)
    inputs = sorted([*simulation.inputs(), *extra], key=lambda item: item.arrival_ns)
    return [n.event for n in session.feed_many(inputs) + session.finish()]


def noted(events: list[Event]) -> set[Flag]:
    return {event.flag for event in events if isinstance(event, QualityNoted)} & FLAGS


def with_faults(simulation: Simulation, *faults: Fault) -> Simulation:
    return simulate(msgspec.structs.replace(simulation.scenario, faults=faults), simulation.seed)


SQUAT = simulate(joint_session(3, exercise="squat", kit="thigh+shank", sets=1, reps=7), 3)
NORDICS = simulate(nordic_session(3, kit="thigh+shank+force", sets=1, reps=5), 3)


def test_nothing_is_said_of_well_placed_sensors() -> None:
    assert noted(events_of(SQUAT, "squat")) == set()
    assert noted(events_of(NORDICS, "nordic-curl")) == set()


def test_a_sensor_that_turns_in_the_set_is_said_with_what_to_do_and_marks_what_it_touches() -> None:
    reps = SQUAT.truth.sets[0].reps
    slip = Slip(sensor="shank", at_s=(reps[2].end_s + reps[3].start_s) / 2, turn_deg=(10.0, 5.0, 60.0))
    events = events_of(with_faults(SQUAT, slip), "squat")
    assert noted(events) == {Flag.STRAP_SLIPPED}
    (failed,) = [event for event in events if isinstance(event, CalibrationFailed)]
    assert (failed.sensor, failed.reason) == ("shank", Flag.STRAP_SLIPPED)
    assert "tighten" in failed.instruction
    line = plain_line(failed)
    assert line is not None
    assert failed.instruction in line
    assert advice_after(failed, "") == failed.instruction
    touched = [e.rep for e in events if isinstance(e, RepCompleted) and Flag.STRAP_SLIPPED in e.rep.flags]
    assert touched
    assert all(rep.confidence < 0.7 for rep in touched)
    assert any(isinstance(e, SetCompleted) and Flag.STRAP_SLIPPED in e.flags for e in events)
    amended = [e for e in events if isinstance(e, RepAmended) and e.counted]
    assert amended
    assert all(e.flags == (Flag.STRAP_SLIPPED,) for e in amended)
    document = summarise("squat", events)
    after = [one for one in document["sets"][0]["reps"] if one["start_s"] >= slip.at_s]
    assert len(after) >= 4
    assert all("strap_slipped" in one["flags"] for one in after)
    assert "strap_slipped" not in document["sets"][0]["reps"][0]["flags"]
    assert "strap_slipped" in document["quality"]["flags"]
    assert any(failed.instruction in note for note in document["quality"]["notes"])


@pytest.mark.parametrize("turn_deg", [(8.0, 0.0, 45.0), (6.0, 178.0, -4.0)])
def test_a_sensor_that_turns_before_the_last_repetition_is_said_before_its_set_is(
    turn_deg: tuple[float, float, float],
) -> None:
    reps = NORDICS.truth.sets[0].reps
    at = (reps[-2].end_s + reps[-1].start_s) / 2.0
    for kit in ("thigh", "thigh+shank"):
        clean = simulate(nordic_session(3, kit=kit, sets=1, reps=5), 3)
        slip = Slip(sensor="thigh", at_s=at, turn_deg=turn_deg, over_s=0.3)
        events = events_of(with_faults(clean, slip), "nordic-curl")
        (done,) = [event for event in events if isinstance(event, SetCompleted)]
        said = [e for e in events if isinstance(e, QualityNoted) and e.flag in FLAGS]
        assert [one.sensor for one in said] == ["thigh"]
        assert said[0].flag in done.flags
        assert events.index(said[0]) < events.index(done)


def test_swapped_sensors_are_said_even_when_nothing_could_be_counted() -> None:
    swap = (Misplaced(sensor="thigh", placement="shank"), Misplaced(sensor="shank", placement="thigh"))
    for simulation, exercise in ((SQUAT, "squat"), (NORDICS, "nordic-curl")):
        events = events_of(with_faults(simulation, *swap), exercise)
        assert noted(events) == {Flag.WRONG_SEGMENT}
        assert {e.sensor for e in events if isinstance(e, CalibrationFailed)} == {"thigh", "shank"}
        reps = [event.rep for event in events if isinstance(event, RepCompleted)]
        assert all(rep.confidence < 1.0 for rep in reps)


def test_a_zero_under_load_is_said_and_forces_stay_right() -> None:
    clean = events_of(NORDICS, "nordic-curl")
    events = events_of(with_faults(NORDICS, LoadedTare(sensor="left", load_n=70.0)), "nordic-curl")
    assert noted(events) == {Flag.TARE_UNDER_LOAD}
    peaks = [
        [e.rep.force_left.peak_n for e in some if isinstance(e, RepCompleted) and e.rep.force_left]
        for some in (clean, events)
    ]
    assert peaks[0] == pytest.approx(peaks[1], abs=2.0)


def test_a_tare_in_the_middle_of_a_repetition_is_refused() -> None:
    rep = NORDICS.truth.sets[0].reps[1]
    middle = int(0.5e9 * (rep.phases[0].start_s + rep.phases[0].end_s))
    early = Command(1_900_000_000, "tare", {}, "a")
    late = Command(middle, "tare", {"sensor": "left"}, "b")
    events = events_of(NORDICS, "nordic-curl", (early, late))
    assert {e.sensor for e in events if isinstance(e, Tared)} == {"left", "right"}
    (failed,) = [e for e in events if isinstance(e, CalibrationFailed)]
    assert (failed.sensor, failed.reason) == ("left", Flag.TARE_UNDER_LOAD)
    assert failed.t_us == middle // 1000


@pytest.mark.parametrize(
    ("exercise", "kit"), [("nordic-curl", "thigh+force"), ("nordic-curl", "force"), ("squat", "force")]
)
def test_forces_are_right_once_a_zero_under_load_was_set_anew(exercise: str, kit: str) -> None:
    """A tare at rest moves what is known of the force without load as well."""
    clean = simulate(nordic_session(3, kit=kit), 3)
    wrong = with_faults(clean, LoadedTare(sensor="left", load_n=70.0))
    before = events_of(clean, exercise)
    after = events_of(wrong, exercise, (Command(3_000_000_000, "tare", {"sensor": "left"}, "a"),))
    (tared,) = [e for e in after if isinstance(e, Tared)]
    assert tared.offset_n < -60.0
    peaks = [
        [e.rep.force_left.peak_n for e in some if isinstance(e, RepCompleted) and e.rep.force_left]
        for some in (before, after)
    ]
    assert len(peaks[0]) >= 2
    assert peaks[1] == pytest.approx(peaks[0], abs=2.0)


def test_a_tare_before_a_repetition_is_decided_makes_its_forces_doubtful() -> None:
    run, push = run_of(Told((2.0, 4.0), (10.0, 12.0)), "left.force", "right.force")
    push(pulls((3, -50, 0)))
    run.tared("left", -50.0)
    events = push(pulls((10, 0, 0)))
    assert not noted(events)  # what was read before the tare says nothing of the new zero
    first, second = (e.rep for e in events if isinstance(e, RepCompleted))
    assert first.flags == (Flag.BASELINE_UNSETTLED,)
    assert second.flags == ()


def test_sides_are_asked_for_and_answered() -> None:
    """Nobody pulls with one leg here; without two straps the question has no sense."""
    ask = Command(3_000_000_000, "calibrate", {"what": "sides"}, "c")
    events = events_of(NORDICS, "nordic-curl", (ask,))
    (needed,) = [e for e in events if isinstance(e, CalibrationNeeded)]
    assert needed.what == "sides"
    assert "left leg" in needed.instruction
    answers = [e for e in events if isinstance(e, CalibrationDone | CalibrationFailed) and e.what == "sides"]
    assert len(answers) == 1
    assert [e.rep.start_us for e in events if isinstance(e, RepCompleted)] == [
        e.rep.start_us for e in events_of(NORDICS, "nordic-curl") if isinstance(e, RepCompleted)
    ]
    (failed,) = [e for e in events_of(SQUAT, "squat", (ask,)) if isinstance(e, CalibrationFailed)]
    assert failed.reason is Flag.FORCE_MISSING


def test_findings_do_not_depend_on_how_packets_are_put_together() -> None:
    rep = NORDICS.truth.sets[0].reps[1]
    simulation = with_faults(
        NORDICS,
        LoadedTare(sensor="right", load_n=50.0),
        Slip(sensor="thigh", at_s=rep.end_s, turn_deg=(0.0, 0.0, 70.0)),
    )
    ask = Command(9_000_000_000, "calibrate", {"what": "sides"}, "c")
    inputs = sorted([*simulation.inputs(), ask], key=lambda item: item.arrival_ns)
    together, apart = session_of(simulation, "nordic-curl"), session_of(simulation, "nordic-curl")
    one = together.feed_many(inputs) + together.finish()
    other = [event for item in inputs for event in apart.feed(item)] + apart.finish()
    assert one == other
    assert {Flag.TARE_UNDER_LOAD, Flag.STRAP_SLIPPED} <= noted([n.event for n in one])


# -- the run alone ----------------------------------------------------------------------------------------


class Told:
    """A stage that completes repetitions when it is told to."""

    def __init__(self, *reps: tuple[float, float]) -> None:
        self.beats: list[Beat] = []
        self._reps = list(reps)
        self._index = 0

    def push(self, block: Block) -> Sequence[Event]:
        out: list[Event] = []
        while self._reps and block.t.item(-1) >= self._reps[0][1] * NS_PER_S:
            start, end = (round(1e6 * s) for s in self._reps.pop(0))
            self._index += 1
            rep = Repetition(
                set_index=1,
                index=self._index,
                start_us=start,
                end_us=end,
                decided_us=end,
                valid=True,
                reasons=(),
                phases=(),
                metrics={},
                force_left=None,
                force_right=None,
                confidence=1.0,
            )
            out.append(RepCompleted(t_us=end, rep=rep))
        return out

    def finish(self) -> Sequence[Event]:
        return []

    def undo(self, t_us: int) -> Sequence[Event]:
        return []

    def live(self) -> LiveState:
        return LiveState()


def run_of(stage: Told, *channels: str) -> tuple[PlacementRun, Callable[[np.ndarray], list[Event]]]:
    """A run, and what pushes rows into it, 100 a second, from where the last ones ended."""
    info = StreamInfo(
        stream="aligned",
        kind="aligned",
        channels=channels,
        units=("N",) * len(channels),
        rate_hz=100.0,
        loss_observable=True,
    )
    run, done = PlacementRun(CHECK, stage, info, {}), 0

    def push(x: np.ndarray) -> list[Event]:
        nonlocal done
        t = np.arange(done, done + len(x), dtype=np.int64) * 10_000_000
        done += len(x)
        return run.push(Block("aligned", t, x))

    return run, push


def pulls(*levels: tuple[float, float, float]) -> np.ndarray:
    """Seconds, and the forces of both straps in them."""
    return np.concatenate([np.tile((left, right), (round(100 * s), 1)) for s, left, right in levels])


def test_a_question_for_the_sides_counts_no_quiet_second_twice() -> None:
    run, push = run_of(Told(), "left.force", "right.force")
    push(pulls((1, 0, 0)))
    assert [type(e) for e in run.ask_sides(1_000_000)] == [CalibrationNeeded]
    sway = np.stack([20.0 * np.sin(np.arange(800) / 10.0), np.zeros(800)], axis=1)
    events = push(np.concatenate([pulls((2, -30, 0)), sway])) + run.finish()
    assert CHECK.strap.least_s > 2
    assert Flag.TARE_UNDER_LOAD not in noted(events)


def test_straps_that_were_changed_over_are_right_again() -> None:
    run, push = run_of(Told((22.0, 23.0)), "left.force", "right.force")
    push(pulls((2, 0, 0)))
    run.ask_sides(2_000_000)
    assert noted(push(pulls((2, 0, 150), (3, 0, 0)))) == {Flag.WRONG_SIDE}
    assert Flag.WRONG_SIDE.value in run.live().flags
    run.ask_sides(7_000_000)
    events = push(pulls((2, 150, 0), (13, 0, 0)))
    assert [e.what for e in events if isinstance(e, CalibrationDone)] == ["sides"]
    assert not run.live().flags
    (rep,) = [e.rep for e in push(pulls((2, 0, 0))) if isinstance(e, RepCompleted)]
    assert (rep.flags, rep.confidence) == ((), 1.0)


def test_a_hold_longer_than_rows_are_kept_says_nothing_of_its_sensor() -> None:
    spans = [(2, 120), (125, 243), (248, 280), (285, 317)]
    seconds = np.arange(0, 330, 0.01)
    away = sum(np.clip(np.minimum(seconds - a, b - seconds), 0.0, 2.0) for a, b in spans)
    lean = np.radians(30.0 * away)
    up = np.stack([-np.sin(lean), np.zeros(len(lean)), np.cos(lean)], axis=1)
    _, push = run_of(Told(*spans), "thigh.up_x", "thigh.up_y", "thigh.up_z")
    events = [e for part in np.array_split(up, 33) for e in push(part)]
    assert sum(isinstance(e, RepCompleted) for e in events) == 4
    assert not noted(events)


def test_a_kit_whose_motion_sensor_does_not_fit_is_refused_beside_straps_too() -> None:
    made = simulate(joint_session(3, exercise="squat", kit="thigh+force", sets=1, reps=3), 3)
    with pytest.raises(InputError, match=r"needs trunk.* or trunk; got force, imu, thigh .*from force alone"):
        session_of(made, "single-leg-rdl")
