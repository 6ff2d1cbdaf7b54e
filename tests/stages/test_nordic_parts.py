"""The parts of the Nordic curl stage by themselves: strokes, shapes, breaks, force, sets, inclination."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.events import (
    Flag,
    Force,
    Metric,
    Phase,
    Reason,
    RepAmended,
    RepCounted,
    Repetition,
    SetCompleted,
    SetStarted,
)
from eccentra.samples import Block, Floats
from eccentra.simulate.strokes import min_jerk, ramped
from eccentra.stages.force import Zero, summary
from eccentra.stages.history import History
from eccentra.stages.inclination import axis_of, lean, lean_of, rate_about
from eccentra.stages.nordic_break import find_break
from eccentra.stages.sets import SetBook, asymmetry, total
from eccentra.stages.shapes import fit_shape
from eccentra.stages.strokes import Ends, find_strokes, join_strokes, refine, smooth
from stages.nordic_kit import STAGE


def soft_ramps(n: int, ramp: float) -> Floats:
    """Constant speed with ramps of half a cosine: the acceleration sets in softly."""
    u = (np.arange(n) + 0.5) / n
    speed = 0.5 - 0.5 * np.cos(np.pi * np.minimum(np.minimum(u, 1 - u) / ramp, 1.0))
    return np.cumsum(speed) / speed.sum()


def skewed(n: int, skew: float) -> Floats:
    """Minimum jerk in a bent time: the speed peaks early or late."""
    u = np.arange(1, n + 1) / n
    w = u + skew * u * (1 - u)
    return w**3 * (10 + w * (6 * w - 15))


SHAPES = {
    "min_jerk": min_jerk,
    "ramps of 0.2 s": lambda n: ramped(n, 20 / n),
    "ramps of a quarter": lambda n: ramped(n, 0.25),
    "soft ramps of a third": lambda n: soft_ramps(n, 1 / 3),
    "late peak": lambda n: skewed(n, -0.3),
    "half-cosine": lambda n: (1 - np.cos(np.pi * np.arange(1, n + 1) / n)) / 2,
    "step": lambda n: np.arange(1, n + 1) / n,
}
HOW = Ends(noise=1.0, smear_s=0.03, error=0.1, most_residual=0.3)


def course(shape: str, seconds: float, way: float) -> tuple[Floats, Floats, Floats]:
    n = round(seconds * 100)
    rng = np.random.default_rng(1)
    x = np.concatenate([np.zeros(300), way * SHAPES[shape](n), np.full(300, way)])
    rate = np.gradient(x, 0.01) + rng.normal(0.0, 0.15, len(x))
    return np.arange(len(x)) / 100, smooth(x, 100.0, 0.03), smooth(rate, 100.0, 0.03)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seconds", [1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("way", [60.0, -85.0])
def test_ends_of_a_stroke(shape: str, seconds: float, way: float) -> None:
    t, x, v = course(shape, seconds, way)
    strokes = find_strokes(x, v, threshold=2.0, least=3.0)
    refine(strokes, t, x, v, HOW)
    (stroke,) = join_strokes(strokes, stop_s=0.5)
    assert stroke.sign == math.copysign(1, way)
    assert stroke.start_s == pytest.approx(2.99, abs=max(0.04, 0.03 * seconds))
    assert stroke.end_s - stroke.start_s == pytest.approx(seconds, abs=max(0.06, 0.05 * seconds))


@pytest.mark.parametrize("shape", ["min_jerk", "soft ramps of a third", "ramps of a quarter", "late peak"])
def test_slow_strokes_in_sway_are_neither_too_short_nor_too_long(shape: str) -> None:
    """What the data cannot tell apart is averaged: on the mean of many, no shape is off by much."""
    rng = np.random.default_rng(5)
    how, off = Ends(noise=1.0, smear_s=0.03, error=0.1, most_residual=0.6), []
    for _ in range(12):
        x = np.concatenate([np.zeros(300), 70 * SHAPES[shape](800), np.full(300, 70.0)])
        sway = smooth(rng.normal(0.0, 1.0, len(x)), 100.0, 0.25)
        x = x + 0.2 * sway / sway.std()
        t, y, v = np.arange(len(x)) / 100, smooth(x, 100.0, 0.03), smooth(np.gradient(x, 0.01), 100.0, 0.08)
        strokes = find_strokes(y, v, threshold=2.5, least=10.0)
        refine(strokes, t, y, v, how)
        off.append(strokes[-1].end_s - strokes[0].start_s - 8.0)
    assert abs(float(np.mean(off))) < 0.04 * 8.0


@pytest.mark.parametrize(("way", "rest"), [(1.5, 0), (2.0, 20), (2.5, 0)])
def test_settling_before_a_brisk_start_is_no_soft_start(way: float, rest: int) -> None:
    """Kneeling one settles by some degrees; on the floor afterwards one lies nearly still."""
    x = np.concatenate([np.zeros(150), way * min_jerk(120), np.full(rest, way)])
    begin = (len(x) - 1) / 100
    x = np.concatenate([x, way + (85.0 - way) * SHAPES["ramps of 0.2 s"](580), np.full(300, 85.0)])
    x[-300:] += 0.02 * np.sin(np.arange(300))
    t, y, v = np.arange(len(x)) / 100, smooth(x, 100.0, 0.03), smooth(np.gradient(x, 0.01), 100.0, 0.03)
    off = []
    for usual_sway in (0.0, 1.0):
        strokes = find_strokes(y, v, threshold=2.5, least=3.0)
        refine(strokes, t, y, v, msgspec.structs.replace(HOW, usual_sway=usual_sway))
        off.append(strokes[-1].start_s - begin)
    assert off[0] < -0.5
    assert off[1] == pytest.approx(0.0, abs=0.1)


def test_a_stroke_may_end_after_what_was_seen_of_it() -> None:
    t, x, v = course("min_jerk", 8.0, 60.0)
    seen = 300 + 800 - 25
    ends = []
    for beyond in (0.0, 0.5):
        strokes = find_strokes(x[:seen], v[:seen], threshold=2.0, least=3.0)
        refine(strokes, t[:seen], x[:seen], v[:seen], msgspec.structs.replace(HOW, beyond_s=beyond))
        ends.append(strokes[-1].end_s)
    assert ends[0] == t[seen - 1]
    assert ends[1] == pytest.approx(10.99, abs=0.2)
    assert ends[1] > t[seen - 1]


def test_stop_decides_whether_strokes_are_one() -> None:
    n = 200
    for stop, wanted in ((30, 1), (80, 2)):
        x = np.concatenate([np.zeros(200), 40 * min_jerk(n), np.full(stop, 40.0), 40 + 40 * min_jerk(n)])
        x = np.concatenate([x, np.full(200, 80.0)])
        t, v = np.arange(len(x)) / 100, smooth(np.gradient(x, 0.01), 100.0, 0.03)
        strokes = find_strokes(x, v, threshold=2.0, least=3.0)
        refine(strokes, t, x, v, HOW)
        assert len(join_strokes(strokes, stop_s=0.5)) == wanted


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60), st.floats(0.0, 0.2))
def test_smoothing_keeps_bounds_and_constants(values: list[float], sigma: float) -> None:
    x = np.array(values)
    y = smooth(x, 100.0, sigma)
    assert len(y) == len(x)
    assert y.min() >= x.min() - 1e-9
    assert y.max() <= x.max() + 1e-9
    assert smooth(np.full(30, 7.0), 100.0, sigma) == pytest.approx(7.0)


@pytest.mark.parametrize("shape", ["min_jerk", "soft ramps of a third", "late peak"])
@pytest.mark.parametrize("at", [0.5, 0.65])
def test_a_slow_descent_that_breaks_begins_where_it_began(shape: str, at: float) -> None:
    """Controlled for some of its 9 s, then a fall: no known shape as a whole, but its begin has one."""
    rng = np.random.default_rng(7)
    how, off = Ends(noise=1.0, smear_s=0.03, error=0.1, most_residual=0.3, heads=True), []
    for _ in range(8):
        down = 85 * SHAPES[shape](900)[: round(900 * at)]
        s = np.arange(1, 300) / 100
        fall = down[-1] + (down[-1] - down[-2]) * 100 * s + 90 * s * s
        x = np.concatenate([np.zeros(300), down, fall[fall < 85], np.full(200, 85.0)])
        sway = smooth(rng.normal(0.0, 1.0, len(x)), 100.0, 0.25)
        x = x + 0.2 * sway / sway.std()
        t, y, v = np.arange(len(x)) / 100, smooth(x, 100.0, 0.03), smooth(np.gradient(x, 0.01), 100.0, 0.08)
        strokes = find_strokes(y, v, threshold=2.5, least=10.0)
        refine(strokes, t, y, v, how)
        off.append(strokes[0].start_s - 2.99)
    assert abs(float(np.mean(off))) < 0.2


def test_a_fall_has_no_known_shape() -> None:
    u = np.arange(500) / 500
    x = np.concatenate([np.zeros(100), 30 * u, 30 + 55 * np.linspace(0, 1, 50) ** 2, np.full(100, 85.0)])
    fit = fit_shape(np.arange(len(x)) / 100, x, 0.0, 85.0, coherence_s=0.4, error=0.1)
    assert fit is not None
    assert fit.residual * 85 > 3.0


@pytest.mark.parametrize("held", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("speed", [8.0, 15.0, 30.0, 50.0])
def test_break_of_a_pendulum(held: float, speed: float) -> None:
    """Constant lowering to 35 degrees, then a fall with the share ``held`` of the torque left."""
    rule = STAGE.fall  # type: ignore[attr-defined]
    dt, phi, omega = 0.01, math.radians(2.0), math.radians(speed)
    leans = []
    while phi < math.radians(35.0):
        phi += omega * dt
        leans.append(phi)
    wanted = len(leans) - 1
    torque, s = 11.0 * math.sin(phi), 0.0
    while phi < math.radians(80.0):
        s += dt
        left = torque * (held + (1 - held) * math.exp(-s / 0.2))
        omega += dt * (11.0 * math.sin(phi) - left)
        phi += dt * omega
        leans.append(phi)
    x = np.degrees(leans)
    v = smooth(np.gradient(x, dt), 100.0, 0.03)
    t = np.arange(len(x)) * dt
    found = find_break(t, x, v, rule, 0.03)
    assert found is not None
    assert float(np.interp(found, t, x)) == pytest.approx(float(x[wanted]), abs=2.0)


def quick(broken: bool) -> tuple[np.ndarray, np.ndarray]:
    """Upright to the floor at 50 degrees/s; control decays evenly from 60 degrees on, or never."""
    dt, phi, omega, kept = 0.01, 0.0, 0.0, 0.0
    leans: list[float] = []
    while phi < math.radians(78.0):
        lost = np.clip(len(leans) * dt - kept, 0.0, 0.4) / 0.4
        if not broken or phi < math.radians(60.0):
            kept = len(leans) * dt
            omega = math.radians(50.0) * min(kept / 0.4, 1.0)
        else:
            omega += dt * 11.0 * (math.sin(phi) - math.sin(math.radians(60.0)) * (1.0 - 0.8 * lost))
        phi += dt * omega
        leans.append(math.degrees(phi))
    hands = leans[-1] + math.degrees(omega) * 0.05 * (1.0 - np.exp(-np.arange(30) * dt / 0.05))
    x = np.concatenate([leans, hands])
    return np.arange(len(x)) * dt, x


@pytest.mark.parametrize(("broken", "tremor"), [(True, 0.0), (True, 3.0), (False, 0.0), (False, 8.0)])
def test_break_of_a_quick_descent(broken: bool, tremor: float) -> None:
    """There is no time to get twice as fast before the floor; a tremor of 7 Hz is no fall."""
    rule = STAGE.fall  # type: ignore[attr-defined]
    t, x = quick(broken)
    v = smooth(np.gradient(x, 0.01) + tremor * np.sin(2 * math.pi * 7.0 * t), 100.0, 0.03)
    found = find_break(t, x, v, rule, 0.03)
    if not broken:
        assert found is None
    else:
        assert found is not None
        assert v.max() < 1.9 * 50.0
        assert float(np.interp(found, t, x)) == pytest.approx(60.0, abs=3.0)


@pytest.mark.parametrize("at", [20.0, 35.0, 55.0])
@pytest.mark.parametrize("seconds", [1.0, 1.5, 3.0])
def test_a_second_stage_is_no_break(at: float, seconds: float) -> None:
    """Down in two strokes with hardly a stop between: the second speeds up early and is slowed down."""
    rule = STAGE.fall  # type: ignore[attr-defined]
    first = at * skewed(160, 0.0)
    second = at + (86.0 - at) * skewed(round(100 * seconds), 0.0)
    x = np.concatenate([first, np.full(20, at), second])
    v = smooth(np.gradient(x, 0.01), 100.0, 0.03)
    assert find_break(np.arange(len(x)) * 0.01, x, v, rule, 0.03) is None


def test_zero_of_a_strap_is_its_lowest_quiet_level() -> None:
    zero = Zero(window=20, spread_n=6.0, memory_ns=10**12)
    levels = [12.0] * 40 + [-3.0] * 40 + [15.0] * 40 + list(np.linspace(0, 300, 40))
    for k, level in enumerate(levels):
        zero.push(k * 50_000_000, level)
    assert zero.value == pytest.approx(-3.0)


def test_tension_that_stays_is_no_zero() -> None:
    """Legs that rest in their straps for minutes: 9 N more than nothing is no drift, 0.5 N in a minute is."""
    zero = Zero(window=20, spread_n=6.0, memory_ns=180 * 10**9)
    for k in range(20 * 600):
        zero.push(k * 50_000_000, (2.0 if k < 200 else 11.0) + 0.3 * k / 1200.0)
    assert zero.value == pytest.approx(2.0, abs=0.1)
    assert zero.sure(150 * 10**9)
    assert not zero.sure(600 * 10**9)
    for k in range(20 * 600, 20 * 610):
        zero.push(k * 50_000_000, 5.0)
    assert zero.value == pytest.approx(5.0), "slack again, and drifted"
    assert zero.sure(610 * 10**9)


@pytest.mark.parametrize(("seen_s", "zero_n"), [(10.0, -8.0), (200.0, 0.1)])
def test_a_sensor_that_reads_nothing_was_tared_when_its_zero_is_long_ago(
    seen_s: float, zero_n: float
) -> None:
    zero = Zero(window=20, spread_n=6.0, memory_ns=180 * 10**9)
    for k in range(40):
        zero.push(k * 50_000_000, -8.0)
    for k in range(40):
        zero.push(round(seen_s * 1e9) + k * 50_000_000, 0.1)
    assert zero.value == pytest.approx(zero_n)


def test_force_of_a_phase() -> None:
    t = np.arange(300) / 100
    force = 20.0 + np.where((t >= 1) & (t < 2), 100.0, 0.0)
    got = summary(t, force, [(1.0, 1.99)], 20.0)
    assert got is not None
    assert got.peak_n == pytest.approx(100.0, abs=0.5)
    assert got.mean_n == pytest.approx(100.0)
    assert got.impulse_ns == pytest.approx(100.0)
    force[150] = np.nan
    assert summary(t, force, [(1.0, 1.99)], 20.0) is None


def test_lean_and_its_rate_agree() -> None:
    home = (0.0, 0.6, 0.8)
    axis = (1.0, 0.0, 0.0)
    angles = np.radians(np.linspace(0, 100, 201))
    side = np.cross(axis, home)
    up = np.cos(angles)[:, None] * np.array(home) + np.sin(angles)[:, None] * side
    found = axis_of(home, up)
    assert found == pytest.approx(axis)
    assert lean_of(home, axis, up) == pytest.approx(np.linspace(0, 100, 201))
    assert lean(home, axis, tuple(up[100])) == pytest.approx(50.0)
    # a direction fixed in the room turns against the sensor: d(up)/dt = up x rate
    rate = np.array([[-1.0, 0.3, 0.4]])
    assert rate_about(axis, rate) == pytest.approx(np.degrees([1.0]))


def test_history_is_cut_by_time() -> None:
    history = History()
    for k in range(10):
        t = np.arange(k * 5, k * 5 + 5, dtype=np.int64) * 10
        history.push(Block("aligned", t, t[:, None].astype(float)))
    t, x = history.rows(95, 203)
    assert t.tolist() == list(range(100, 204, 10))
    assert x[:, 0].tolist() == t.tolist()
    history.drop_before(300)
    assert history.rows(0, 200)[0].tolist() == []
    assert history.rows(300, 310)[0].tolist() == [300, 310]


# -- sets -----------------------------------------------------------------------------------------------


def repetition(
    index: int,
    start_s: float,
    *,
    tut: float | None = 3.0,
    peaks: tuple[float, float] | None = None,
    valid: bool = True,
) -> Repetition:
    start = round(start_s * 1e6)
    forces = [Force(peak_n=p, mean_n=p, impulse_ns=p) for p in peaks] if peaks else [None, None]
    return Repetition(
        set_index=1,
        index=index,
        start_us=start,
        end_us=start + 4_000_000,
        decided_us=start + 4_500_000,
        valid=valid,
        reasons=(),
        phases=(Phase(kind="eccentric", start_us=start, end_us=start + 3_000_000),),
        metrics={"tut_s": Metric(value=tut, unit="s", method="m", quality="ok" if tut else "missing")},
        force_left=forces[0],
        force_right=forces[1],
    )


def test_a_set_from_first_count_to_gap() -> None:
    book = SetBook(4, 20_000_000, lambda reps: {"tut_s": total(reps, "tut_s", "s", "sum")})
    index, events = book.count(1_000_000, 3_000_000)
    assert [type(e) for e in events] == [SetStarted, RepCounted]
    assert (index, book.set_index, book.live_reps) == (1, 4, 1)
    assert book.tick(60_000_000) == []  # its repetition is not complete
    book.complete(repetition(1, 1.0))
    assert book.tick(24_000_000) == []
    (done,) = book.tick(26_000_000)
    assert isinstance(done, SetCompleted)
    assert (done.set_index, done.reps_counted, done.metrics["tut_s"].value) == (4, 1, 3.0)
    assert book.finish(99_000_000) == []


def test_a_late_start_opens_the_next_set() -> None:
    book = SetBook(1, 20_000_000, lambda reps: {})
    book.count(0, 1_000_000)
    book.complete(repetition(1, 0.0))
    index, events = book.count(30_000_000, 32_000_000)
    assert [type(e) for e in events] == [SetCompleted, SetStarted, RepCounted]
    assert (index, book.set_index) == (1, 2)


def test_taken_back() -> None:
    book = SetBook(1, 20_000_000, lambda reps: {})
    for k in range(2):
        book.count(k * 5_000_000, k * 5_000_000 + 3_000_000)
        book.complete(repetition(k + 1, 5.0 * k))
    (event,) = book.amend(1, 1, 11_000_000, Reason.WRONG_DIRECTION)
    assert isinstance(event, RepAmended)
    assert book.amend(1, 1, 11_000_000, Reason.WRONG_DIRECTION) == []
    (done,) = book.finish(12_000_000)
    assert isinstance(done, SetCompleted)
    assert (done.reps_counted, done.start_us) == (1, 5_000_000)


def test_totals_say_when_a_number_is_missing() -> None:
    whole = total([repetition(1, 0.0), repetition(2, 5.0)], "tut_s", "s", "sum")
    assert (whole.value, whole.quality) == (6.0, "ok")
    part = total([repetition(1, 0.0), repetition(2, 5.0, tut=None)], "tut_s", "s", "sum")
    assert (part.value, part.quality) == (3.0, "flagged")
    assert total([], "tut_s", "s", "sum").value is None


@given(st.floats(50, 400), st.floats(50, 400))
def test_side_difference_is_of_the_stronger_side(left: float, right: float) -> None:
    reps = [repetition(k, 5.0 * k, peaks=(left, right)) for k in range(3)]
    value = asymmetry(reps, 3).value
    assert value is not None
    assert value == pytest.approx(100 * abs(left - right) / max(left, right))
    assert asymmetry(reps, 4).reason is Flag.FEW_REPETITIONS
    assert asymmetry([repetition(1, 0.0)], 1).reason is Flag.FORCE_MISSING
    weak = [*reps[:2], repetition(3, 15.0, peaks=(1.0, 400.0), valid=False)]
    assert asymmetry(weak, 3).value is None
