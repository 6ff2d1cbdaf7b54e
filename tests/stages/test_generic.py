"""The counter for any cyclic exercise: on movements whose truth is known exactly."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuts import cut, cut_places
from eccentra.events import (
    CalibrationDone,
    Event,
    Flag,
    PhaseChanged,
    Reason,
    RepCompleted,
    RepCounted,
    Repetition,
    RepRejected,
    SetCompleted,
    SetStarted,
)
from eccentra.exercises import load_exercise
from eccentra.samples import Block, StreamInfo
from eccentra.stages import EventStage
from eccentra.stages.orientation import COLUMNS

G = 9.80665
STEP_NS = 10_000_000
INFO = StreamInfo(
    stream="aligned",
    kind="aligned",
    channels=tuple(f"wrist.{name}" for name in (*COLUMNS, "gap")),
    units=("1",) * 3 + ("rad/s",) * 3 + ("m/s2",) * 3 + ("1",),
    rate_hz=100.0,
)


def stage() -> EventStage:
    return load_exercise("generic").event_stage()


def min_jerk(seconds: float) -> np.ndarray:
    u = np.linspace(0.0, 1.0, max(round(seconds * 100), 2))
    return u**3 * (10 - 15 * u + 6 * u * u)


def cycles(
    n: int,
    *,
    deg: float = 60.0,
    out_s: float = 1.0,
    back_s: float = 2.0,
    hold_s: float = 0.0,
    pause_s: float = 0.5,
) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    """Angle in rad at 100 Hz, and (start, far, leave, end) of each cycle in s."""
    parts: list[np.ndarray] = []
    truth = []
    at = 0.0
    for k in range(n):
        size = math.radians(deg) * (1.0 + 0.05 * math.sin(2.1 * k))
        out, back = min_jerk(out_s) * size, min_jerk(back_s)[::-1] * size
        hold, pause = (
            np.full(round(hold_s * 100), size),
            np.zeros(round(pause_s * (1 + 0.3 * math.cos(k)) * 100)),
        )
        parts += [out, hold, back, pause]
        truth.append((at, at + out_s, at + out_s + hold_s, at + out_s + hold_s + back_s))
        at += sum(len(p) for p in parts[-4:]) / 100
    return np.concatenate(parts), truth


def still(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * 100))


def rows(
    angle: np.ndarray, axis: tuple[float, float, float], up: tuple[float, float, float], seed: int = 0
) -> np.ndarray:
    """Aligned rows of a sensor that turns by ``angle`` about ``axis``; ``up`` at zero, sensor frame."""
    rng = np.random.default_rng(seed)
    a, u = np.array(axis) / np.linalg.norm(axis), np.array(up) / np.linalg.norm(up)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    # Rodrigues, backwards: a sensor that turns one way sees the world turn the other way
    seen = u * cos - np.cross(a, u) * sin + a * (a @ u) * (1 - cos)
    seen += rng.normal(size=seen.shape) * 5e-4
    seen /= np.linalg.norm(seen, axis=1)[:, None]
    rate = np.gradient(angle)[:, None] * 100 * a + rng.normal(size=seen.shape) * 5e-3
    acc = seen * G + rng.normal(size=seen.shape) * 0.05
    return np.hstack([seen, rate, acc, np.zeros((len(angle), 1))])


def block(x: np.ndarray, start_ns: int = 0) -> Block:
    return Block("aligned", start_ns + np.arange(len(x), dtype=np.int64) * STEP_NS, np.ascontiguousarray(x))


def run(*blocks: Block, info: StreamInfo = INFO) -> list[Event]:
    process = stage().start(info)
    events = list(itertools.chain.from_iterable(process.push(b) for b in blocks))
    return events + list(process.finish())


def counts(events: list[Event]) -> list[int]:
    return [e.reps_counted for e in events if isinstance(e, SetCompleted)]


def reps(events: list[Event]) -> list[Repetition]:
    return [e.rep for e in events if isinstance(e, RepCompleted)]


def as_live(x: np.ndarray) -> list[Block]:
    whole = block(x)
    return cut(whole, range(0, len(x), 10))


@pytest.mark.parametrize(
    ("axis", "up"),
    [
        ((1, 0, 0), (0, 0, 1)),
        ((0.3, -0.5, 0.8), (1, 0.2, 0.1)),
        ((0, 1, 0), (0, 1, 0.02)),  # about the vertical: gravity does not see it
        ((-1, 0, 0), (0, -1, 0)),  # worn the other way round
    ],
)
@pytest.mark.parametrize(("n", "deg"), [(4, 60.0), (9, 25.0), (6, 140.0)])
def test_any_axis_any_size(
    axis: tuple[float, float, float], up: tuple[float, float, float], n: int, deg: float
) -> None:
    angle, truth = cycles(n, deg=deg)
    events = run(*as_live(rows(np.concatenate([still(3), angle, still(5)]), axis, up)))
    assert counts(events) == [n]
    for rep, (start, far, _, end) in zip(reps(events), truth, strict=True):
        assert [p.kind for p in rep.phases] == ["concentric", "eccentric"]
        assert rep.start_us / 1e6 == pytest.approx(start + 3, abs=0.2)
        assert rep.phases[0].end_us / 1e6 == pytest.approx(far + 3, abs=0.3)
        assert rep.end_us / 1e6 == pytest.approx(end + 3, abs=0.35)
        assert Flag.DIRECTION_ASSUMED in rep.flags
    # a rotation about the vertical by 25 degrees and one about the horizontal both move by 25 degrees
    assert np.median([rep.value("rom_deg") for rep in reps(events)]) == pytest.approx(deg, rel=0.1)


def test_phases_tile_and_a_hold_is_isometric() -> None:
    angle, truth = cycles(6, hold_s=2.0, out_s=1.5, back_s=1.5, pause_s=1.0)
    events = run(*as_live(rows(np.concatenate([still(2), angle, still(3)]), (1, 0, 0), (0, 0, 1))))
    assert counts(events) == [6]
    for rep in reps(events):
        assert [p.kind for p in rep.phases] == ["concentric", "isometric", "eccentric"]
        assert rep.start_us == rep.phases[0].start_us
        assert rep.end_us == rep.phases[-1].end_us
        assert all(a.end_us == b.start_us for a, b in itertools.pairwise(rep.phases))
        assert rep.value("isometric_s") == pytest.approx(2.0, abs=0.25)
        assert rep.value("tut_s") == pytest.approx(5.0, abs=0.3)
    assert len(truth) == 6


def test_events_of_a_set_are_in_order_and_repetitions_are_soon_decided() -> None:
    angle, _ = cycles(8)
    events = run(
        *as_live(rows(np.concatenate([still(3), angle, still(25), still(5)]), (1, 0.3, 0), (0, 0, 1)))
    )
    assert [e.set_index for e in events if isinstance(e, SetStarted)] == [1]
    assert [e.index for e in events if isinstance(e, RepCounted)] == list(range(1, 9))
    done = [e for e in events if isinstance(e, SetCompleted)]
    assert done[0].end_us == reps(events)[-1].end_us
    assert 20e6 <= done[0].decided_us - done[0].end_us <= 21e6
    for rep in reps(events):
        assert rep.decided_us >= rep.end_us
    assert all(rep.decided_us - rep.end_us < 0.6e6 for rep in reps(events)[3:])
    live = [e.phase for e in events if isinstance(e, PhaseChanged)]
    assert {"concentric", "eccentric", "rest"} <= set(live)


def test_two_sets_and_another_movement_in_the_second() -> None:
    one, _ = cycles(5)
    two, _ = cycles(7, deg=35, out_s=0.7, back_s=0.8)
    first = rows(np.concatenate([still(2), one, still(15)]), (1, 0, 0), (0, 0, 1))
    second = rows(np.concatenate([still(15), two, still(3)]), (0, 1, 0), (0, 0, 1), seed=1)
    events = run(*as_live(np.vstack([first, second])))
    assert counts(events) == [5, 7]
    assert [rep.index for rep in reps(events)] == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7]


def test_another_movement_without_a_pause_is_another_set() -> None:
    one, _ = cycles(5)
    two, _ = cycles(8, deg=50, out_s=0.7, back_s=0.8)
    x = np.vstack(
        [
            rows(np.concatenate([still(2), one, still(3)]), (1, 0, 0), (0, 0, 1)),
            rows(np.concatenate([still(3), two, still(3)]), (0, 1, 0), (0, 0, 1), seed=1),
        ]
    )
    assert counts(run(*as_live(x))) == [5, 8]


@pytest.mark.parametrize("from_deg", [25.0, -40.0])
def test_the_start_pose_is_where_one_waits_before_the_first_repetition(from_deg: float) -> None:
    """Not the far end, where the exercise stays longest and which one passed while taking the pose."""
    angle, truth = cycles(7, hold_s=2.5, pause_s=0.4)
    into_pose = math.radians(from_deg) * min_jerk(1.0)[::-1]
    leaving = math.radians(from_deg) * min_jerk(1.0)
    x = rows(np.concatenate([into_pose, still(1.5), angle, still(2), leaving]), (1, 0, 0), (0, 0, 1))
    events = run(*as_live(x))
    assert counts(events) == [7]
    for rep, (start, _, _, end) in zip(reps(events), truth, strict=True):
        assert rep.start_us / 1e6 == pytest.approx(start + 2.5, abs=0.3)
        assert rep.end_us / 1e6 == pytest.approx(end + 2.5, abs=0.4)


def test_partial_repetitions_count_but_are_not_valid() -> None:
    angle, truth = cycles(8)
    begin, end = round(truth[4][0] * 100), round(truth[4][3] * 100)
    angle[begin:end] *= 0.45
    events = run(*as_live(rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))))
    assert counts(events) == [8]
    assert [rep.index for rep in reps(events) if not rep.valid] == [5]
    assert reps(events)[4].reasons == (Reason.PARTIAL_ROM,)


def test_small_movements_between_repetitions_do_not_count() -> None:
    angle, truth = cycles(8, pause_s=2.0)
    for _, _, _, end in truth:
        begin = round((end + 0.3) * 100)
        wiggle = 0.2 * math.radians(60) * np.sin(np.linspace(0, math.pi, 80))
        angle[begin : begin + 80] += wiggle
    assert counts(run(*as_live(rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))))) == [
        8
    ]


def test_shaky_holds_are_one_repetition() -> None:
    rng = np.random.default_rng(3)
    angle, truth = cycles(6, hold_s=4.0)
    for _, far, leave, _ in truth:
        at = far + 0.4
        while at < leave - 1.2:
            lasts = rng.uniform(0.3, 0.8)
            a, b = round(at * 100), round((at + lasts) * 100)
            dip = math.radians(60) * rng.uniform(0.05, 0.4)
            angle[a:b] -= dip * np.sin(np.linspace(0, math.pi, b - a)) ** 2
            at += lasts + rng.uniform(0.1, 1.0)
    assert counts(run(*as_live(rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))))) == [
        6
    ]


def test_one_movement_like_a_repetition_after_a_pause_does_not_count() -> None:
    angle, _ = cycles(7)
    pick_up, _ = cycles(1, deg=65, out_s=1.2, back_s=1.2)
    x = rows(np.concatenate([still(3), angle, still(5), pick_up, still(30)]), (1, 0, 0), (0, 0, 1))
    events = run(*as_live(x))
    assert counts(events) == [7]
    assert [e.reason for e in events if isinstance(e, RepRejected)] == [Reason.SINGLE_CYCLE]


def test_the_other_way_from_the_start_pose_does_not_count() -> None:
    angle, _ = cycles(7)
    wrong, _ = cycles(1, deg=-70, hold_s=3.0)
    x = rows(np.concatenate([still(3), angle, still(5), wrong, still(30)]), (1, 0, 0), (0, 0, 1))
    assert counts(run(*as_live(x))) == [7]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size_deg", [2.0, 8.0, 30.0])
def test_random_movement_is_no_exercise(seed: int, size_deg: float) -> None:
    """Moves between random poses with random pauses, about all axes."""
    rng = np.random.default_rng(seed)
    path, pose = [np.zeros((100, 3))], np.zeros(3)
    while sum(map(len, path)) < 6000:
        new = rng.normal(size=3) * math.radians(size_deg) * (rng.random() < 0.7)
        share = min_jerk(rng.uniform(0.3, 2.0))[:, None]
        path += [pose + (new - pose) * share, np.tile(new, (int(rng.exponential(100)) + 1, 1))]
        pose = new
    turn = np.concatenate(path)
    # small angles about two horizontal axes tilt gravity; the third turns about it
    up = np.column_stack([np.sin(turn[:, 0]), np.sin(turn[:, 1]), np.cos(turn[:, 0]) * np.cos(turn[:, 1])])
    up /= np.linalg.norm(up, axis=1)[:, None]
    rate = np.gradient(turn, axis=0) * 100
    x = np.hstack([up, rate[:, [1, 0, 2]] * [-1, 1, 1], up * G, np.zeros((len(up), 1))])
    assert counts(run(*as_live(x))) == []


def test_accelerometer_alone() -> None:
    angle, _ = cycles(6)
    x = rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))
    x[:, 3:6] = np.nan
    events = run(*as_live(x))
    assert counts(events) == [6]
    assert all(Flag.NO_GYROSCOPE in rep.flags for rep in reps(events))
    totals = [e.metrics for e in events if isinstance(e, SetCompleted)]
    for metrics in (*(rep.metrics for rep in reps(events)), *totals):
        assert all(metric.quality != "ok" for metric in metrics.values())
        assert metrics["tut_s"].value
        assert metrics["tut_s"].reason is Flag.NO_GYROSCOPE


@pytest.mark.parametrize("upright_deg", [0, 30, 60, 80])
def test_range_of_motion_about_an_axis_that_stands_up(upright_deg: int) -> None:
    """Gravity sees less and less of the movement; the gyroscope does not care."""
    angle, _ = cycles(6, deg=44.0)
    up = math.radians(upright_deg)
    axis = (math.cos(up), 0.0, math.sin(up))
    events = run(*as_live(rows(np.concatenate([still(3), angle, still(3)]), axis, (0, 0, 1))))
    assert counts(events) == [6]
    for k, rep in enumerate(reps(events)):
        true = 44.0 * (1.0 + 0.05 * math.sin(2.1 * k))
        assert rep.metrics["rom_deg"].quality == "ok"
        assert rep.value("rom_deg") == pytest.approx(true, rel=0.03)


def test_a_sensor_that_moves_without_turning() -> None:
    """On a weight stack: only acceleration tells."""
    angle, _ = cycles(9, out_s=0.9, back_s=0.9, pause_s=0.1)
    height = np.concatenate([still(3), angle, still(3)]) / math.radians(60) * 0.5
    x = rows(np.zeros(len(height)), (1, 0, 0), (0, 0, 1))
    x[:, 8] += np.gradient(np.gradient(height)) * 1e4
    events = run(*as_live(x))
    assert sum(counts(events)) == pytest.approx(9, abs=1)
    assert all(rep.value("rom_deg") is None and rep.metrics["rom_deg"].reason for rep in reps(events))


@pytest.mark.parametrize("hold_s", [0.0, 2.0])
def test_slow_strokes_on_a_weight_stack(hold_s: float) -> None:
    """Too slow for a position that forgets quickly; the accelerometer has an offset."""
    angle, truth = cycles(12, deg=60, out_s=1.5, back_s=2.0, hold_s=hold_s, pause_s=0.6)
    height = np.concatenate([still(4), angle, still(4)]) / math.radians(60) * 0.6
    x = rows(np.zeros(len(height)), (1, 0, 0), (0, 0, 1))
    x[:, 8] += np.gradient(np.gradient(height)) * 1e4 + 0.1
    events = run(*as_live(x))
    assert counts(events) == [12]
    assert [e.what for e in events if isinstance(e, CalibrationDone)] == ["axis:lift"]
    for rep, (start, _, _, end) in list(zip(reps(events), truth, strict=True))[1:]:
        assert rep.start_us / 1e6 == pytest.approx(start + 4, abs=1.3)
        assert rep.end_us / 1e6 == pytest.approx(end + 4, abs=1.3)


def lift_rows(height: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Rows of a sensor that goes up by ``height`` m and tilts by ``tilt`` rad."""
    x = rows(tilt, (1, 0, 0), (0, 0, 1))
    x[:, 6:9] += x[:, 0:3] * np.gradient(np.gradient(height))[:, None] * 1e4
    return x


def lifted(n: int, **cycle: float) -> np.ndarray:
    """Height in m of ``n`` lifts by half a metre."""
    return cycles(n, **cycle)[0] / math.radians(60) * 0.5


@pytest.mark.parametrize("pause_s", [0.3, 1.5])
def test_four_lifts_are_a_set(pause_s: float) -> None:
    height = np.concatenate([still(4), lifted(4, out_s=1.3, back_s=1.6, pause_s=pause_s), still(6)])
    events = run(*as_live(lift_rows(height, np.zeros(len(height)))))
    assert counts(events) == [4]
    assert [e.what for e in events if isinstance(e, CalibrationDone)] == ["axis:lift"]


def test_a_lift_in_which_the_load_tilts_is_none() -> None:
    """Handling the bar after the set: as far up and down, but it is turned over at the top."""
    one = lifted(1, out_s=1.5, back_s=1.5, hold_s=1.0, pause_s=0.3)
    before = np.concatenate([still(4), lifted(6, out_s=1.5, back_s=1.5, pause_s=0.3), still(0.5)])
    height = np.concatenate([before, one, still(8)])
    turn = np.concatenate([min_jerk(0.5), min_jerk(0.5)[::-1]]) * math.radians(50)
    tilt = np.zeros(len(height))
    tilt[len(before) + 150 : len(before) + 150 + len(turn)] = turn
    assert counts(run(*as_live(lift_rows(height, tilt)))) == [6]


def test_a_bar_is_pulled_up_then_lifted_and_the_last_lift_creeps() -> None:
    """Between its strokes the load stands still, which says where it is: at once, and after a slow stroke."""
    first, last = lifted(4, out_s=1.3, back_s=2.2, hold_s=0.8, pause_s=0.6), lifted(1, out_s=3.6, back_s=2.2)
    pull = -0.5 + 0.5 * min_jerk(1.2)
    height = np.concatenate(
        [np.full(400, -0.5), pull, still(1.5), first, last, still(1.5), pull[::-1], still(8) - 0.5]
    )
    events = run(*as_live(lift_rows(height, np.zeros(len(height)))))
    assert counts(events) == [5]
    assert [e.what for e in events if isinstance(e, CalibrationDone)] == ["axis:lift"]
    assert reps(events)[0].start_us * 1e-6 == pytest.approx(6.7, abs=0.3)
    assert reps(events)[4].end_us * 1e-6 == pytest.approx((len(height) - 1135) / 100, abs=0.6)


@pytest.mark.parametrize("ends", [False, True])
def test_the_last_lift_is_too_slow_to_be_seen(ends: bool) -> None:
    """Half a metre in nine seconds while the bar tilts a little: lowered like the others it counts.

    What is not known is not told, and the flags say why.
    """
    times = {"out_s": 1.0, "back_s": 2.0, "pause_s": 0.6}
    before = np.concatenate([still(4), -lifted(4, **times), -0.5 * min_jerk(1.0)])
    rises = -0.5 + 0.5 * min_jerk(9.0)
    height = np.concatenate([before, rises, still(25)] if ends else [before, rises[:600]])
    x = lift_rows(height, np.zeros(len(height)))
    at = np.arange(len(height)) - len(before)
    x[:, 8] += 0.05 * np.clip(at / 200, 0.0, 1.0) * np.clip((1100 - at) / 200, 0.0, 1.0)
    events = run(*as_live(x))
    assert counts(events) == [5]
    last = reps(events)[-1]
    assert last.start_us * 1e-6 == pytest.approx((len(before) - 100) / 100, abs=0.3)
    assert {Flag.RETURN_NOT_SEEN, Flag.COUNT_UNSURE} <= set(last.flags)
    assert not last.valid
    assert last.reasons == (Reason.UNFINISHED,)
    assert [phase.kind for phase in last.phases] == ["concentric"]
    assert last.value("eccentric_s") is None
    assert last.value("tut_s") is None
    assert last.metrics["tut_s"].reason is Flag.RETURN_NOT_SEEN
    assert not {Flag.GAP_INSIDE, Flag.GAP_INTERPOLATED} & set(last.flags)
    hole = len(before) + 200
    blocks = [one for k, one in enumerate(as_live(x)) if not hole <= 10 * k < hole + 30]
    assert Flag.GAP_INSIDE in reps(run(*blocks))[-1].flags


@pytest.mark.parametrize("own_time", [False, True])
def test_a_bar_that_rocks_while_it_is_lifted_is_followed_by_its_height(own_time: bool) -> None:
    """It rocks by six degrees to and fro, with its acceleration or in a time of its own."""
    height = np.concatenate([still(4), lifted(6, out_s=1.4, back_s=1.8, hold_s=0.9, pause_s=0.8), still(8)])
    rocks = np.gradient(np.gradient(height))
    if own_time:
        at = np.arange(400, len(height), 130)
        rocks = np.interp(np.arange(len(height)), at, np.resize([1.0, -1.0], len(at)), left=0.0)
    tilt = math.radians(6) * rocks / float(np.abs(rocks).max())
    events = run(*as_live(lift_rows(height, tilt)))
    assert [e.what for e in events if isinstance(e, CalibrationDone)] == ["axis:lift"]
    assert counts(events) == [6]
    assert reps(events)[0].start_us * 1e-6 == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize(
    ("deg", "stroke_s", "may_walk"), [(30.0, 0.52, True), (100.0, 0.6, False), (30.0, 1.2, False)]
)
def test_what_swings_as_in_walking_may_be_walking(deg: float, stroke_s: float, may_walk: bool) -> None:
    """An arm swings once in a stride, and feels one of the two steps more than the other."""
    angle, truth = cycles(8, deg=deg, out_s=stroke_s, back_s=stroke_s, pause_s=0.0)
    x = rows(np.concatenate([still(3), angle, still(4)]), (1, 0, 0), (0, 0, 1))
    for start, *_ in truth:
        x[round((start + 3) * 100) : round((start + 3) * 100) + 6, 6:9] += (
            4.0 * x[round((start + 3) * 100), 0:3]
        )
    events = run(*as_live(x))
    assert sum(counts(events)) == 8
    assert all((Flag.UNIDENTIFIED_CYCLIC in rep.flags) == may_walk for rep in reps(events))


def shaken(seed: int) -> int:
    """How many repetitions a minute of heights and times of every kind gives."""
    rng = np.random.default_rng(seed)
    path, at = [still(2)], 0.0
    while sum(map(len, path)) < 6000:
        new = rng.uniform(-0.4, 0.4)
        path += [
            at + (new - at) * min_jerk(rng.uniform(0.4, 2.0)),
            np.full(int(rng.exponential(80)) + 1, new),
        ]
        at = new
    height = np.concatenate(path)
    x = rows(np.zeros(len(height)), (1, 0, 0), (0, 0, 1))
    x[:, 8] += np.gradient(np.gradient(height)) * 1e4
    return sum(counts(run(*as_live(x))))


def test_shaking_up_and_down_at_random_is_no_exercise() -> None:
    """Chance looks like an exercise once in many minutes."""
    assert sum(shaken(seed) > 0 for seed in range(2, 8)) <= 1


@pytest.mark.parametrize("lean_deg", [0, 20])
def test_strokes_without_pauses_on_a_bar(lean_deg: int) -> None:
    """Leaning rails; no pause shows that the speed is zero, and a leaking sum would be early."""
    angle, truth = cycles(8, deg=60, out_s=2.2, back_s=2.6, pause_s=0.0)
    way = np.concatenate([still(4), angle, still(4)]) / math.radians(60) * 0.5
    x = rows(np.zeros(len(way)), (1, 0, 0), (0, 0, 1))
    push = np.gradient(np.gradient(way)) * 1e4
    x[:, 8] += push * math.cos(math.radians(lean_deg)) + 0.05
    x[:, 7] += push * math.sin(math.radians(lean_deg))
    events = run(*as_live(x))
    assert counts(events) == [8]
    for rep in reps(events):
        assert rep.metrics["tut_s"].reason is Flag.POSITION_FROM_ACCELERATION
    errors = [
        (rep.start_us * 1e-6 - 4.0 - start, rep.end_us * 1e-6 - 4.0 - end)
        for rep, (start, _, _, end) in zip(reps(events), truth, strict=True)
    ]
    assert float(np.abs(errors).mean()) < 0.35


def test_the_livelier_of_two_sensors_is_used() -> None:
    angle, _ = cycles(6)
    moving = rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))
    quiet = rows(np.zeros(len(moving)), (1, 0, 0), (0, 0, 1), seed=5)
    names = tuple(f"{place}.{name}" for place in ("trunk", "wrist") for name in (*COLUMNS, "gap"))
    info = StreamInfo(
        stream="aligned", kind="aligned", channels=names, units=("1",) * len(names), rate_hz=100.0
    )
    assert counts(run(*as_live(np.hstack([quiet, moving])), info=info)) == [6]


def test_a_gap_inside_a_repetition_is_said() -> None:
    angle, truth = cycles(7, out_s=1.5, back_s=1.5)
    x = rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))
    whole = block(x)
    middle = round((truth[4][1] + 3) * 100)
    keep = np.r_[0 : middle - 20, middle + 20 : len(x)]
    events = run(*[Block("aligned", whole.t[i : i + 1], whole.x[i : i + 1]) for i in keep])
    assert counts(events) == [7]
    touched = [rep for rep in reps(events) if Flag.GAP_INSIDE in rep.flags]
    assert [rep.index for rep in touched] == [5]
    assert touched[0].metrics["tut_s"].quality == "flagged"
    assert [rep.metrics["tut_s"].quality for rep in reps(events)].count("ok") == 6


def test_a_long_gap_ends_a_repetition() -> None:
    angle, truth = cycles(7, hold_s=3.0)
    x = rows(np.concatenate([still(3), angle, still(3)]), (1, 0, 0), (0, 0, 1))
    whole = block(x)
    middle = round((truth[4][1] + 3.3) * 100)
    keep = np.r_[0:middle, middle + 220 : len(x)]
    events = run(Block("aligned", whole.t[keep], np.ascontiguousarray(whole.x[keep])))
    assert sum(counts(events)) == 6
    assert Reason.GAP in [e.reason for e in events if isinstance(e, RepRejected)]


def test_nothing_and_almost_nothing() -> None:
    assert run() == []
    assert run(block(rows(still(0.02), (1, 0, 0), (0, 0, 1)))) == []
    nothing = np.full((3000, 10), np.nan)
    assert run(block(nothing)) == []


MOVED = rows(
    np.concatenate(
        [still(2.5), cycles(5, out_s=0.6, back_s=0.7)[0], still(21), cycles(4, deg=30, out_s=0.6)[0]]
    ),
    (1, 0.2, 0.1),
    (0, 0.1, 1),
)
WHOLE = run(block(MOVED))
_HEIGHT = np.concatenate([still(2.5), cycles(5, out_s=1.5, back_s=1.5, hold_s=0.5)[0], still(1)]) * 0.6
LIFTED = rows(np.zeros(len(_HEIGHT)), (1, 0, 0), (0, 0, 1))
LIFTED[:, 8] += np.gradient(np.gradient(_HEIGHT)) * 1e4
WHOLE_LIFT = run(block(LIFTED))


@given(cut_places())
@settings(max_examples=25, deadline=None)
def test_cuts_change_no_bit(places: list[int]) -> None:
    assert counts(WHOLE) == [5, 4]
    assert run(*cut(block(MOVED), places)) == WHOLE


@given(cut_places())
@settings(max_examples=10, deadline=None)
def test_cuts_change_no_bit_of_a_lift(places: list[int]) -> None:
    assert counts(WHOLE_LIFT) == [5]
    assert run(*cut(block(LIFTED), places)) == WHOLE_LIFT


@given(st.integers(1, len(MOVED) - 1))
@settings(max_examples=15, deadline=None)
def test_events_come_as_soon_as_their_rows_are_there(at: int) -> None:
    """What was pushed decides what was put out, not how it was cut."""

    def early(places: list[int]) -> list[Event]:
        process = stage().start(INFO)
        part = Block("aligned", block(MOVED).t[:at], MOVED[:at])
        return [event for piece in cut(part, places) for event in process.push(piece)]

    assert early([]) == early(list(range(0, at, 7)))


def test_live_state_follows() -> None:
    process = stage().start(INFO)
    for piece in as_live(MOVED[: round(14.0 * 100)]):
        process.push(piece)
    state = process.live()
    assert state.set_index == 1
    assert state.reps == 5
    assert state.angle_deg is not None


def test_settling_before_a_repetition_is_rest() -> None:
    """After some repetitions the limb sinks in deep, comes up a little, and waits four seconds."""
    angle, truth = cycles(4, pause_s=1.0)
    sink = np.concatenate([-0.12 * min_jerk(0.6), -0.12 + 0.1 * min_jerk(0.6), np.full(400, -0.02)])
    events = run(
        *as_live(rows(np.concatenate([still(2), angle, sink, angle, still(3)]), (1, 0, 0), (0, 0, 1)))
    )
    assert sum(counts(events)) == 8
    fifth = reps(events)[4]
    begin = 2 + (len(angle) + len(sink)) / 100
    assert fifth.start_us / 1e6 == pytest.approx(begin + truth[0][0], abs=0.2)


def test_recording_that_begins_at_the_far_end() -> None:
    """Cut off in the middle of a large repetition: its way back is seen whole, and counted as what it is."""
    angle, _ = cycles(6, pause_s=0.8)
    back = 1.8 * math.radians(60) * min_jerk(1.2)[::-1]
    x = rows(np.concatenate([back, still(0.8), angle, still(3)]), (1, 0, 0), (0, 0, 1))
    found = reps(run(*as_live(x)))
    assert len(found) == 7
    assert found[0].reasons == (Reason.NOT_FROM_START_POSE,)
    assert Flag.START_NOT_SEEN in found[0].flags
    assert [phase.kind for phase in found[0].phases] == ["eccentric"]
    assert found[0].end_us / 1e6 == pytest.approx(1.2, abs=0.2)
    assert all(rep.valid for rep in found[1:])
