"""Law 2 for every stage that turns blocks into blocks, and what each one promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts import cut, cut_places, joined, same
from eccentra.samples import Block, StreamInfo
from eccentra.stages.align import AlignRun
from eccentra.stages.lowpass import LowPass, same_bits
from eccentra.stages.orientation import Orientation, StillRule
from eccentra.stages.resample import Resample

IMU = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")


def imu_info(rate_hz: float, channels: tuple[str, ...] = IMU, stream: str = "s1") -> StreamInfo:
    return StreamInfo(
        stream=stream,
        kind="imu",
        channels=channels,
        units=("x",) * len(channels),
        rate_hz=rate_hz,
        placement="thigh",
    )


def irregular(seed: int, n: int, rate_hz: float, columns: int, gaps: int = 3) -> Block:
    """Samples with jitter, a few short and long gaps."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0.5, 1.5, n) / rate_hz
    for i in rng.integers(1, n, gaps):
        steps[i] += rng.choice([0.03, 0.12, 0.9])
    t = (np.cumsum(steps) * 1e9).astype(np.int64) + int(rng.integers(-(10**12), 10**12))
    x = rng.normal(size=(n, columns))
    x[:, 2] += 9.81
    return Block("s1", t, x)


def run_block_stages(block: Block, info: StreamInfo, places: list[int]) -> list[Block]:
    resample = Resample().start(info)
    orient = Orientation().start(resample.info)
    low = LowPass(cutoff_hz=5.0, order=4).start(orient.info)
    out: list[Block] = []
    for piece in cut(block, places):
        for grid in resample.push(piece):
            for up in orient.push(grid):
                out += low.push(up)
    return out


@given(
    seed=st.integers(0, 20),
    rate=st.sampled_from([8.0, 25.0, 104.0, 208.0]),
    places=cut_places(),
    gyro=st.booleans(),
)
def test_chain_gives_the_same_bits_however_cut(seed: int, rate: float, places: list[int], gyro: bool) -> None:
    info = imu_info(rate, IMU if gyro else IMU[:3])
    block = irregular(seed, 400, rate, len(info.channels))
    assert same(run_block_stages(block, info, []), run_block_stages(block, info, places))


def test_the_two_ways_of_filtering_agree_here() -> None:
    assert same_bits()


def test_resampling_a_line_gives_the_line() -> None:
    info = imu_info(104.0)
    t = (np.arange(500) * 1e9 / 104).astype(np.int64) + 123_456_789
    block = Block("s1", t, np.outer(t / 1e9, np.arange(1.0, 7.0)))
    rows_t, rows = joined(Resample().start(info).push(block))
    assert np.array_equal(rows_t % 10_000_000, np.zeros(len(rows_t)))
    assert np.array_equal(np.diff(rows_t), np.full(len(rows_t) - 1, 10_000_000))
    assert np.allclose(rows[:, :6], np.outer(rows_t / 1e9, np.arange(1.0, 7.0)), rtol=1e-9)


@pytest.mark.parametrize(
    ("missing_s", "marked", "split"), [(0.04, False, False), (0.1, True, False), (0.4, False, True)]
)
def test_gaps_are_marked_or_split(missing_s: float, marked: bool, split: bool) -> None:
    t = np.arange(200) * 10_000_000
    t[100:] += round(missing_s * 1e9)
    run = Resample().start(imu_info(100.0))
    rows_t, rows = joined(run.push(Block("s1", t, np.ones((200, 6)))))
    assert bool(rows[:, 6].any()) == marked
    assert (np.diff(rows_t).max() > 10_000_000) == split
    assert [(g.start_ns, g.end_ns) for g in run.gaps] == ([(t[99], t[100])] if marked or split else [])


def test_up_at_rest_is_the_accelerometer_and_bias_is_removed() -> None:
    rng = np.random.default_rng(3)
    n = 2000
    direction = np.array([0.48, -0.6, 0.64])
    x = np.column_stack([direction * 9.81 + rng.normal(0, 0.02, (n, 3)), 0.01 + rng.normal(0, 0.001, (n, 3))])
    block = Block("s1", np.arange(n, dtype=np.int64) * 10_000_000, np.column_stack([x, np.zeros(n)]))
    run = Orientation().start(Resample().start(imu_info(100.0)).info)
    _, rows = joined(run.push(block))
    assert np.degrees(np.arccos(rows[-1, :3] @ direction)) < 0.2
    assert np.abs(rows[-500:, 3:6].mean(axis=0)).max() < 0.001


def test_up_follows_a_turn() -> None:
    n, rate = 1000, np.radians(30)
    angle = np.clip(np.arange(n) * 0.01 - 5, 0, 3) * rate
    omega = np.gradient(angle, 0.01)
    acc = 9.81 * np.column_stack([np.zeros(n), np.sin(angle), np.cos(angle)])
    x = np.column_stack([acc, omega, np.zeros((n, 3))])
    run = Orientation().start(Resample().start(imu_info(100.0)).info)
    _, rows = joined(run.push(Block("s1", np.arange(n, dtype=np.int64) * 10_000_000, x)))
    assert np.degrees(np.arctan2(rows[-1, 1], rows[-1, 2])) == pytest.approx(90, abs=0.5)


@pytest.mark.parametrize("bias_deg_s", [0.0, 1.0])
def test_a_slow_even_turn_is_no_rest(bias_deg_s: float) -> None:
    """20 degrees in 10 s and back, for a minute, by a gyroscope whose zero is off the other way."""
    n = 7500
    t = np.arange(n) * 0.01
    angle = np.radians(2.0 * np.abs((np.maximum(t - 5.0, 0.0) + 10.0) % 20.0 - 10.0))
    acc = 9.81 * np.column_stack([np.zeros(n), np.sin(angle), np.cos(angle)])
    noise = np.random.default_rng(4).normal(0, 1, (n, 6)) * np.repeat([0.05, 0.005], 3)
    omega = np.gradient(angle, 0.01) - np.radians(bias_deg_s)
    x = np.column_stack([np.column_stack([acc, omega, np.zeros((n, 2))]) + noise, np.zeros(n)])
    run = Orientation().start(Resample().start(imu_info(100.0)).info)
    _, rows = joined(run.push(Block("s1", np.arange(n, dtype=np.int64) * 10_000_000, x)))
    off = np.degrees(np.arctan2(rows[:, 1], rows[:, 2]) - angle)
    assert np.abs(off[500:]).max() < 1.0


def overloaded() -> Block:
    """A sensor that lies still throughout, but whose gyroscope once says that it turned by 40 degrees."""
    rng = np.random.default_rng(6)
    n = 1600
    x = np.zeros((n, 7))
    x[:, :3] = 9.81 * np.array([0.48, -0.6, 0.64]) + rng.normal(0, 0.05, (n, 3))
    x[:, 3:6] = rng.normal(0, 0.005, (n, 3))
    x[800:880, 4] += np.radians(50.0)
    return Block("s1", np.arange(n, dtype=np.int64) * 10_000_000, x)


@given(places=cut_places())
def test_a_still_sensor_puts_the_filter_right_however_cut(places: list[int]) -> None:
    block = overloaded()
    whole = list(Orientation().start(imu_info(100.0)).push(block))
    _, rows = joined(whole)
    up = block.x[:800, :3].mean(axis=0)
    off = np.degrees(np.arccos(np.clip(rows[:, :3] @ (up / np.sqrt(up @ up)), -1.0, 1.0)))
    assert off[880] > 20.0
    assert off[880 + 85 :].max() < 1.0
    run = Orientation().start(imu_info(100.0))
    assert same(whole, [row for piece in cut(block, places) for row in run.push(piece)])


def test_sliding_is_no_contradiction() -> None:
    block = overloaded()
    t = np.arange(len(block.t)) * 0.01
    block.x[:, 3:6] = 0.0
    block.x[:, 0] += 2.0 * np.sin(np.pi * t)  # to and fro by 0.4 m within 2 s
    never = Orientation(still=StillRule(still_s=1e6))
    slid, plain = (list(stage.start(imu_info(100.0)).push(block)) for stage in (Orientation(), never))
    assert same(slid, plain)


def align_pair() -> AlignRun:
    thigh = imu_info(100.0, ("a",), "s1")
    force = StreamInfo(
        stream="s2", kind="force", channels=("force",), units=("N",), rate_hz=100.0, side="left"
    )
    return AlignRun([thigh, force])


@given(order=st.lists(st.booleans(), min_size=4, max_size=40), places=cut_places(20))
def test_alignment_does_not_depend_on_interleaving(order: list[bool], places: list[int]) -> None:
    grid = np.arange(300, dtype=np.int64) * 10_000_000
    keep = np.ones(300, bool)
    keep[120:150] = False
    a = Block("s1", grid[keep], np.arange(300.0)[keep, None])
    b = Block("s2", grid[40:], np.arange(40.0, 300.0)[:, None] * 10)

    def run(queue_a: list[Block], queue_b: list[Block], order: list[bool]) -> list[Block]:
        align, out = align_pair(), []
        for pick in [*order, *[True] * 1000]:
            queue = queue_a if (pick and queue_a) or not queue_b else queue_b
            if not queue:
                break
            out += align.push(queue.pop(0))
        return out + list(align.finish())

    whole = run([a], [b], [])
    assert same(whole, run(cut(a, places), cut(b, places[::2]), order))
    t, x = joined(whole)
    assert len(t) == 300
    assert np.isnan(x[:40, 1]).all()
    assert np.isnan(x[120:150, 0]).all()
    assert np.array_equal(x[150:, 0] * 10, x[150:, 1])


def test_an_absent_stream_is_not_waited_for_and_late_rows_are_told() -> None:
    align = align_pair()
    grid = np.arange(100, dtype=np.int64) * 10_000_000
    assert not align.push(Block("s1", grid[:50], np.zeros((50, 1))))
    assert len(joined(align.absent("s2"))[0]) == 50
    align.present("s2")
    align.push(Block("s2", grid[:60], np.ones((60, 1))))
    # up to the first row that has its place, and in one piece however it is cut
    assert [(g.stream, g.start_ns, g.end_ns) for g in align.dropped] == [("s2", grid[0], grid[50])]
    t, x = joined(align.push(Block("s1", grid[50:], np.zeros((50, 1)))))
    assert np.array_equal(t, grid[50:60])
    assert np.array_equal(x[:, 1], np.ones(10))


def test_two_sensors_at_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="same place"):
        AlignRun([imu_info(100.0, stream="a"), imu_info(100.0, stream="b")])
