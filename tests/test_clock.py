"""Device ticks to session time: wraps, restarts, order, slew, accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.clock import ClockMap, ClockSpec
from eccentra.decode import Frame
from eccentra.samples import Floats, Times
from eccentra.unwrap import Unwrapper

S = 10**9
MS = 10**6


def wrapped(ticks: Times | list[int], bits: int) -> Times:
    """As the wire carries them: modulo the width, 64 bits as two's complement."""
    values = [int(t) % (1 << bits) for t in ticks]
    return np.array(values, dtype=np.uint64).astype(np.int64)


def frame(ticks: Times | None, n: int | None = None, offset_ns: Times | None = None) -> Frame:
    count = n if n is not None else len(ticks) if ticks is not None else 1
    return Frame(np.zeros((count, 1)), ticks, offset_ns)


# -- unwrapping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 64])
@given(data=st.data())
def test_unwrapper_undoes_wraps(bits: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, (1 << bits) - 1))
    steps = data.draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=20))
    counter = Unwrapper(bits)
    counter.restart(start)
    true = start
    for step in steps:
        true += step
        raw = true % (1 << bits)
        assert counter.step(raw) == step
        assert counter.advance(raw) == true - start
        assert counter.ticks == true - start


@pytest.mark.parametrize(
    ("bits", "tick_ns", "gap_s"),
    [(8, 10 * MS, 1), (16, 8 * MS, 60), (16, MS, 10), (24, 30517, 100), (32, 1000, 100), (64, 1, 100)],
)
@given(data=st.data())
def test_wraps_of_all_widths_do_not_show(bits: int, tick_ns: int, gap_s: int, data: st.DataObject) -> None:
    """The same samples mapped from a counter that wraps and from one that does not: the same times."""
    steps = data.draw(st.lists(st.integers(1, 50), min_size=5, max_size=200))
    gap_at = data.draw(st.integers(0, len(steps) - 1))
    steps[gap_at] += gap_s * S // tick_ns
    start = data.draw(st.integers(0, (1 << bits) - 1))
    true = np.cumsum([0, *steps])
    spec = ClockSpec(kind="per_sample", tick_s=tick_ns / 1e9, bits=bits)  # type: ignore[arg-type]
    clock = spec.start(100.0)
    out = [int(clock.map(S + int(k) * tick_ns, frame(wrapped([start + int(k)], bits)))[0]) for k in true]
    assert out == [S + int(k) * tick_ns for k in true]
    assert (clock.epoch, clock.refused) == (0, 0)


def test_wrap_inside_a_packet() -> None:
    clock = ClockSpec(kind="per_sample", tick_s=1e-6, bits=32).start(80.0)
    t = clock.map(S, frame(wrapped([2**32 - 12_500, 2**32, 2**32 + 12_500], 32)))
    assert t.tolist() == [S - 25 * MS, S - 12_500_000, S]


def test_many_wraps_unseen_in_a_long_silence() -> None:
    clock = ClockSpec(kind="per_sample", tick_s=0.01, bits=8).start(100.0)
    for at in (0, 1, 2, 1000, 1001, 9999):  # the period is 2.56 s
        assert clock.map(at * 10 * MS, frame(wrapped([at], 8))).tolist() == [at * 10 * MS]
    assert clock.epoch == 0


# -- restarts -----------------------------------------------------------------------------------------


@given(
    streamed=st.floats(0.1, 3000.0),
    pause=st.floats(0.0, 100.0),
    first=st.integers(0, 20_000),
)
def test_restart_is_told_from_a_wrap(streamed: float, pause: float, first: int) -> None:
    """A Tindeq starts at zero with each start command, whenever that is."""
    clock = ClockSpec(kind="per_sample", tick_s=1e-6, bits=32, epoch="start").start(80.0)
    end = round(streamed * 80) * 12_500
    at = max(0, end - 100 * 12_500) + 7
    ticks = list(range(at, end, 12_500)) or [at]
    for k in ticks:
        clock.map(k * 1000, frame(np.array([k])))
    arrival = ticks[-1] * 1000 + round(pause * S) + MS
    if first >= ticks[-1]:
        first = 0
    t = clock.map(arrival, frame(np.array([first])))
    assert clock.epoch == 1
    assert int(t[0]) == max(arrival, ticks[-1] * 1000 + 1)
    later = clock.map(arrival + 12_500_000, frame(np.array([first + 12_500])))
    assert int(later[0]) == arrival + 12_500_000
    assert clock.epoch == 1


def test_packets_held_up_are_no_restart() -> None:
    """A link that stalls for 5 s and then delivers everything at once."""
    clock = ClockSpec(kind="per_sample", tick_s=1e-6, bits=32).start(80.0)
    for k in range(2000):
        now = k * 12_500_000
        arrival = max(now, 15 * S) if now > 10 * S else now
        (t,) = clock.map(arrival, frame(np.array([k * 12_500]))).tolist()
        assert t == now
    assert clock.epoch == 0


def test_clock_that_stood_still_begins_a_new_epoch() -> None:
    """Packets stay late by the length of a pause: that is no backlog, which would drain."""
    clock = ClockSpec(kind="per_sample", tick_s=1e-6, bits=32).start(80.0)
    for k in range(800):
        clock.map(k * 12_500_000, frame(np.array([k * 12_500])))
    last = 0
    for k in range(800, 2000):
        last = int(clock.map(k * 12_500_000 + 6 * S, frame(np.array([k * 12_500])))[0])
    assert clock.epoch == 1
    assert last == 1999 * 12_500_000 + 6 * S


def test_repeated_packets_are_refused() -> None:
    """BlueZ can deliver every notification twice."""
    clock = ClockSpec(kind="first_of_packet", tick_s=1e-3, bits=32).start(104.0)
    offset = np.array([0, 9_615_385], dtype=np.int64)
    for k in range(10):
        packet = frame(np.array([k * 19, k * 19]), offset_ns=offset)
        assert len(clock.map(k * 19 * MS, packet)) == 2
        assert len(clock.map(k * 19 * MS, packet)) == 0
    assert clock.refused == 10
    assert clock.epoch == 0


def test_packet_that_goes_backwards_in_itself_is_refused() -> None:
    clock = ClockSpec(kind="per_sample", tick_s=1e-6, bits=32).start(80.0)
    assert len(clock.map(S, frame(np.array([0, 12_500])))) == 2
    assert len(clock.map(S, frame(np.array([37_500, 25_000])))) == 0
    assert clock.refused == 1
    assert len(clock.map(S + 25 * MS, frame(np.array([25_000, 37_500])))) == 2


def test_equal_ticks_get_different_times() -> None:
    clock = ClockSpec(kind="per_sample", tick_s=1e-3, bits=32).start(1600.0)
    t = clock.map(S, frame(np.array([5, 5, 6, 6])))
    assert np.diff(t).tolist() == [1, 999_999, 1]


# -- order and slew -----------------------------------------------------------------------------------

SPECS = {
    "per_sample": ClockSpec(kind="per_sample", tick_s=1e-6, bits=32),
    "short": ClockSpec(kind="per_sample", tick_s=0.008, bits=8),
    "first_of_packet": ClockSpec(kind="first_of_packet", tick_s=1e-3, bits=16),
    "counter": ClockSpec(kind="counter", bits=16, drift_ppm=20_000),
    "nominal": ClockSpec(kind="nominal", drift_ppm=50_000),
    "identity": ClockSpec(kind="identity", epoch="host"),
}


@pytest.mark.parametrize("name", SPECS)
@given(data=st.data())
def test_times_always_increase_whatever_comes(name: str, data: st.DataObject) -> None:
    clock = SPECS[name].start(100.0)
    bits = SPECS[name].bits or 62
    some = st.one_of(st.integers(0, (1 << bits) - 1), st.integers(0, 100), st.just(12_500))
    arrival, last, tick = 0, -(2**63), 0
    for _ in range(data.draw(st.integers(1, 30))):
        arrival += data.draw(st.one_of(st.integers(0, 50 * MS), st.integers(0, 100 * S)))
        n = data.draw(st.integers(1, 4))
        ticks, offset = None, None
        if name != "nominal":
            ticks = wrapped([tick := tick + data.draw(some) for _ in range(n)], bits)
        if name == "first_of_packet":
            ticks, offset = np.full(n, tick % (1 << bits)), np.arange(n, dtype=np.int64) * 10 * MS
        t = clock.map(arrival, frame(ticks, n, offset))
        assert t.dtype == np.int64
        assert len(t) in (0, n)
        for now in t.tolist():
            assert now > last
            last = now
        assert clock.residual_ns >= 0


@given(
    first_late=st.integers(0, 900 * MS),
    delays=st.lists(st.integers(0, 40 * MS), min_size=400, max_size=400),
)
def test_corrections_slew_by_5_ms_a_second(first_late: int, delays: list[int]) -> None:
    clock = SPECS["per_sample"].start(80.0)
    delays[0] = first_late
    offset: int | None = None
    for k, delay in enumerate(delays):
        (t,) = clock.map(k * 12_500_000 + delay, frame(np.array([k * 12_500]))).tolist()
        now = t - k * 12_500_000
        if offset is not None:
            assert abs(now - offset) <= 12_500_000 * 5e-3
        offset = now
    assert offset is not None
    # the first packet waited longest; 5 s of slewing have come closer by all that is allowed
    assert offset <= max(first_late - 399 * 62_500, 40 * MS)


def test_a_bad_stretch_of_the_link_moves_nothing() -> None:
    """Packets that all wait 100 ms longer for 40 s say nothing new: the window remembers better ones."""
    clock = SPECS["per_sample"].start(80.0)
    worst = 0
    for k in range(80 * 100):
        waits = 100 * MS if 4800 <= k < 8000 else 2 * MS * (k % 7)
        (t,) = clock.map(k * 12_500_000 + waits, frame(np.array([k * 12_500]))).tolist()
        worst = max(worst, abs(t - k * 12_500_000))
    assert worst < MS
    assert clock.residual_ns >= 90 * MS  # but it shows


def test_a_link_that_got_slower_for_good_is_followed() -> None:
    """The constant part of the delay cannot be told from an offset; after a window it counts as one."""
    clock = SPECS["per_sample"].start(80.0)
    for k in range(80 * 150):
        waits = 20 * MS if k >= 4000 else 0
        (t,) = clock.map(k * 12_500_000 + waits, frame(np.array([k * 12_500]))).tolist()
    assert abs(t - k * 12_500_000 - 20 * MS) < MS


def test_first_packet_gets_its_arrival_and_residual_says_unsure() -> None:
    clock = SPECS["per_sample"].start(80.0)
    assert clock.residual_ns == 50 * MS
    assert clock.map(7 * S, frame(np.array([123_456]))).tolist() == [7 * S]
    assert clock.residual_ns >= 50 * MS


# -- accuracy -----------------------------------------------------------------------------------------


def arrivals(true: Floats, interval_s: float, rng: np.random.Generator, *, retries: float = 0.02) -> Floats:
    """When packets that are complete at ``true`` (s) reach the program, over a Bluetooth link.

    They wait for the next connection event, some for a further one, and then for the host.
    """
    step = interval_s * (1 + rng.normal(0, 20e-6))
    phase = rng.uniform(0, step)
    event = np.ceil((true - phase) / step) * step + phase
    event += (rng.geometric(1 - retries, len(true)) - 1) * step
    return np.maximum.accumulate(event + np.abs(rng.normal(0, 3e-3, len(true))))


def mapped_error(
    per_packet: int, interval_s: float, drift_ppm: float, rng: np.random.Generator, seconds: float = 90.0
) -> tuple[Floats, Floats, ClockMap]:
    """True time (s) and error (s) of the last sample of each packet; 1 for a Tindeq, 8 for a Movesense."""
    period = 12.5e-3 if per_packet == 1 else 8 / 104
    true = rng.uniform(0, period) + np.arange(1, seconds / period) * period
    arrival = arrivals(true, interval_s, rng)
    device = true * (1 + drift_ppm * 1e-6) + 777.0
    out = np.empty(len(true))
    if per_packet == 1:
        clock = ClockSpec(kind="per_sample", tick_s=1e-6, bits=32).start(80.0)
        packets = [frame(np.array([round(d * 1e6)])) for d in device]
    else:
        clock = ClockSpec(kind="first_of_packet", tick_s=1e-3, bits=32).start(104.0)
        offset = np.array([round(i * S / 104) for i in range(8)], dtype=np.int64)
        packets = [frame(np.full(8, round((d - 7 / 104) * 1e3)), offset_ns=offset) for d in device]
    for i, packet in enumerate(packets):
        out[i] = clock.map(round(arrival[i] * S), packet)[-1] / S
    return true, out - true, clock


@pytest.mark.parametrize("interval_s", [0.0075, 0.015, 0.03])
@pytest.mark.parametrize("drift_ppm", [-50.0, 0.0, 50.0])
@pytest.mark.parametrize("per_packet", [1, 8])
def test_error_is_one_sided_and_below_one_interval(
    per_packet: int, drift_ppm: float, interval_s: float
) -> None:
    rng = np.random.default_rng(4)
    true, error, clock = mapped_error(per_packet, interval_s, drift_ppm, rng)
    settled = error[true > 20.0]
    # a drift of 50 ppm moves by 1.5 ms within half a window before its slope is known
    assert settled.min() > -2.5e-3
    assert settled.max() < interval_s + 1e-3
    assert abs(settled[-1]) <= clock.residual_ns / S + interval_s / 2
    assert clock.residual_ns < 20 * MS


@pytest.mark.parametrize(
    ("interval_s", "p95_s"),
    [(0.0075, 5e-3), pytest.param(0.015, 10e-3, marks=pytest.mark.long), (0.03, 15e-3)],
)
@pytest.mark.parametrize("kit", [(1, 1), (8, 8), (1, 8)])
def test_two_sensors_agree(kit: tuple[int, int], interval_s: float, p95_s: float) -> None:
    rng = np.random.default_rng(11)
    grid = np.arange(20.0, 88.0, 0.05)
    between = []
    for _ in range(4):
        errors = []
        for per_packet in kit:
            true, error, _ = mapped_error(per_packet, interval_s, rng.uniform(-50, 50), rng)
            errors.append(np.interp(grid, true, error))
        between.append(np.abs(errors[0] - errors[1]))
    assert np.percentile(np.concatenate(between), 95) <= p95_s


def test_arrival_jitter_does_not_reach_sample_times() -> None:
    """Steps between samples stay those of the device, however irregularly packets arrive."""
    rng = np.random.default_rng(2)
    clock = SPECS["per_sample"].start(80.0)
    true = np.arange(1, 4000) * 12.5e-3
    arrival = arrivals(true, 0.05, rng)
    packets = zip(arrival, true, strict=True)
    t = [clock.map(round(a * S), frame(np.array([round(d * 1e6)])))[0] for a, d in packets]
    assert np.abs(np.diff(t) - 12_500_000).max() <= 12_500_000 * 5e-3


# -- counters, nominal rates, files -------------------------------------------------------------------


@given(lost=st.sets(st.integers(1, 498), max_size=100), width=st.sampled_from([8, 16]))
def test_counter_knows_what_is_lost(lost: set[int], width: int) -> None:
    """Packets of two samples; the counter numbers samples."""
    clock = ClockSpec(kind="counter", bits=width, drift_ppm=1000).start(100.0)  # type: ignore[arg-type]
    for k in range(500):
        if k in lost:
            continue
        numbers = [2 * k, 2 * k + 1]
        t = clock.map(S + numbers[1] * 10 * MS, frame(wrapped(numbers, width)))
        assert t.tolist() == [S + n * 10 * MS for n in numbers]
    assert clock.lost == 2 * len(lost)


@pytest.mark.parametrize("off", [-0.03, 0.0, 0.03])
def test_nominal_rate_finds_the_true_one(off: float) -> None:
    """A cheap sensor of nominally 80 Hz: its rate is off, and nothing but arrival tells."""
    rng = np.random.default_rng(3)
    spec = ClockSpec(kind="nominal", drift_ppm=50_000)
    assert not spec.loss_observable
    clock = spec.start(80.0)
    true = np.arange(1, 9600) / (80.0 * (1 + off))
    arrival = arrivals(true, 0.015, rng, retries=0.0)
    t = np.array([clock.map(round(a * S), frame(None, 1))[0] / S for a in arrival])
    error = (t - true)[true > 30]
    assert np.abs(error).max() < 0.03
    assert clock.epoch == 0


def test_nominal_rate_after_a_gap_begins_anew() -> None:
    clock = ClockSpec(kind="nominal", drift_ppm=50_000).start(100.0)
    for k in range(500):
        clock.map(k * 10 * MS, frame(None, 1))
    t = clock.map(20 * S, frame(None, 1))
    assert t.tolist() == [20 * S]
    assert clock.epoch == 1


def test_identity_keeps_the_times_of_the_file() -> None:
    clock = SPECS["identity"].start(100.0)
    assert clock.map(5, frame(np.array([-20, 0, 10]))).tolist() == [-20, 0, 10]
    assert clock.map(6, frame(np.array([10, 10, 30]))).tolist() == [11, 12, 30]
    assert len(clock.map(7, frame(np.array([29])))) == 0
    assert len(clock.map(7, frame(np.array([50, 40])))) == 0
    assert clock.map(8, frame(np.array([50]))).tolist() == [50]
    assert (clock.refused, clock.epoch, clock.residual_ns) == (2, 0, 0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ClockSpec(kind="per_sample", bits=32), "tick_s is missing"),
        (lambda: ClockSpec(kind="per_sample", tick_s=1e-6), "bits is missing"),
        (lambda: ClockSpec(kind="counter"), "bits is missing"),
        (lambda: ClockSpec(kind="counter", bits=8, tick_s=0.1), "tick_s is not allowed"),
        (lambda: ClockSpec(kind="nominal", bits=8), "bits is not allowed"),
        (lambda: ClockSpec(kind="identity", tick_s=1.0), "tick_s is not allowed"),
    ],
)
def test_specs_that_make_no_sense(make: Callable[[], ClockSpec], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
