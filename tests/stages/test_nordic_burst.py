"""A burst of strap force read as a lowering: its start, its end, how it ended, and what the body weighs."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from eccentra.events import Flag, Force
from eccentra.exercises import load_exercise
from eccentra.samples import Floats, Side
from eccentra.stages.force import summary
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_burst import Burst, Reading, read_burst, take_burst
from eccentra.stages.nordic_lone import length_of, open_peaks, unseen_before
from eccentra.stages.nordic_strength import Lowering, StrapJudge
from eccentra.stages.nordic_whole import Whole

K2 = 10.0
FULL = 800.0
T: Floats = np.arange(0.0, 14.0, 0.01)
TABLE = {k: v for k, v in load_exercise("nordic-curl").stage.items() if k != "kind"}
STAGE = msgspec.convert(TABLE, Stage)


def force(lean: Floats) -> Floats:
    """Force that holds a body which moves so; a strap cannot push."""
    bend = np.gradient(np.gradient(lean, 0.01), 0.01)
    return np.maximum(FULL * (np.sin(lean) - bend / K2), 0.0)


def soft(t: Floats) -> Floats:
    """Minimum-jerk course from 0 to 1."""
    s = np.clip(t, 0.0, 1.0)
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


def even(length: float, speeding_up: float = 0.3) -> Floats:
    """Lean at constant speed after a short speeding up, from the time 3 s on."""
    speed = 1.5 / length * np.clip((T - 3.0) / speeding_up, 0.0, 1.0)
    return np.cumsum(speed) * 0.01


def fallen(lean: Floats, at: float, residual: float) -> tuple[Floats, float]:
    """Force when control is lost at a lean, and the time at which the hands catch the body."""
    net = force(lean)
    k = int(np.argmax(lean > at))
    angle, speed, held = at, 0.3, float(net[k])
    i = k
    while angle < math.radians(62.0):
        net[i] = held * (residual + (1.0 - residual) * math.exp(-(i - k) * 0.01 / 0.15))
        speed += 0.01 * K2 * (np.sin(angle) - net[i] / FULL)
        angle += 0.01 * speed
        i += 1
    net[i:] = net[i - 1] * np.exp(-np.arange(len(net) - i) * 0.01 / 0.08)
    return net, float(T[i])


def reading(net: Floats, whole: Whole | None = None) -> tuple[Burst, Reading, Whole]:
    whole = whole or Whole(STAGE.whole)
    begin = int(np.argmax(net > 20.0))
    end = int(np.flatnonzero(net > 10.0)[-1]) + 30
    burst = take_burst(T[:end], net[:end], begin, whole, STAGE.burst, K2)
    assert burst is not None
    found = read_burst(T[:end], net[:end], begin, burst, whole, STAGE.burst, STAGE.rise, K2)
    assert found is not None
    return burst, found, whole


@pytest.mark.parametrize("length", [3.0, 5.0, 8.0])
def test_soft_descent_begins_before_its_force(length: float) -> None:
    whole = Whole(STAGE.whole)
    whole.learn(whole.arrival(FULL), counted=True)
    net = force(1.5 * soft((T - 3.0) / length))
    net[3.0 + length < T] = 0.0
    _, found, _ = reading(net, whole)
    assert float(T[int(np.argmax(net > 20.0))]) > 3.5
    assert found.kind == "arrival"
    assert found.start == pytest.approx(3.0, abs=0.15)
    assert found.end == pytest.approx(3.0 + length, abs=0.1)


@pytest.mark.parametrize("length", [3.0, 6.0])
def test_step_of_an_even_descent_tells_its_start(length: float) -> None:
    net = force(even(length))
    net[3.0 + 0.9 * length < T] = 0.0
    _, found, _ = reading(net)
    assert found.start == pytest.approx(3.0, abs=0.25)


@pytest.mark.parametrize("length", [4.0, 7.0])
def test_pull_before_the_descent_is_not_part_of_it(length: float) -> None:
    net = force(even(length))
    net[3.0 + 0.9 * length < T] = 0.0
    net += 60.0 * (soft((T - 2.2) / 0.6) - soft((T - 3.0) / 1.0))
    _, found, _ = reading(net)
    assert float(T[int(np.argmax(net > 20.0))]) < 2.7
    assert found.start == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("at", [0.35, 0.5, 0.8])
def test_lost_control_ends_at_the_floor_and_tells_the_weight(at: float) -> None:
    net, caught = fallen(even(5.0), at, 0.4)
    burst, found, whole = reading(net)
    assert found.kind == "fall"
    assert found.end == pytest.approx(caught + 0.2, abs=0.2)
    whole.learn(burst.evidence(), counted=True)
    mean, spread = whole.known
    assert math.exp(mean) == pytest.approx(FULL, rel=0.25)
    assert spread < STAGE.whole.usual_spread


def test_pulled_back_up_is_one_lowering_that_ends_at_the_bottom() -> None:
    _, found, _ = reading(force(1.4 * (soft((T - 3.0) / 4.0) - soft((T - 7.0) / 4.0))))
    assert found.kind == "turn"
    assert found.end == pytest.approx(7.0, abs=0.2)


def test_small_movement_is_small_however_it_loads() -> None:
    whole = Whole(STAGE.whole)
    for length in (3.0, 5.0, 4.0):
        net = force(1.5 * soft((T - 3.0) / length))
        net[3.0 + length < T] = 0.0
        whole.learn(reading(net, whole)[0].evidence(), counted=True)
    burst, found, _ = reading(force(0.2 * (soft((T - 3.0) / 1.2) - soft((T - 4.4) / 1.5))), whole)
    assert burst.peak > 0.2 * FULL
    assert found.kind == "turn"
    assert math.degrees(found.lean) < 20.0


def test_one_misread_burst_does_little_harm() -> None:
    whole = Whole(STAGE.whole)
    net = force(1.5 * soft((T - 3.0) / 4.0))
    net[T > 7.0] = 0.0
    right = reading(net)[0].evidence()
    wrong = reading(2.0 * net)[0].evidence()
    for evidence in (right, wrong, right, right, right):
        whole.learn(evidence, counted=True)
    assert math.exp(whole.known[0]) == pytest.approx(FULL, rel=0.15)


@pytest.mark.parametrize(("down", "up"), [(6.0, 1.6), (2.5, 2.0), (3.0, 3.5)])
def test_the_lowest_point_follows_from_the_mechanics(down: float, up: float) -> None:
    burst, _, _ = reading(force(1.4 * (soft((T - 3.0) / down) - soft((T - 3.0 - down) / up))))
    first, bottom, last = burst.bottom
    assert float(T[bottom]) == pytest.approx(3.0 + down, abs=0.2)
    assert first <= bottom <= last


def test_readings_that_disagree_widen_the_error_of_the_end() -> None:
    _, sure, _ = reading(force(1.4 * (soft((T - 3.0) / 4.0) - soft((T - 7.0) / 4.0))))
    assert sure.earliest < sure.end < sure.latest
    assert sure.end_error > 0.1


def test_a_time_is_told_where_force_tells_it() -> None:
    _, found, _ = reading(force(1.4 * (soft((T - 3.0) / 4.0) - soft((T - 7.0) / 4.0))))
    known, flag = msgspec.structs.replace(found, end_error=0.1), Flag.PHASE_FROM_FORCE
    seconds, reason, error = length_of(4.0, known, STAGE, flag)
    assert (seconds, reason) == (4.0, flag)
    assert error is not None
    assert error >= 0.1
    open_end = msgspec.structs.replace(found, end_error=STAGE.burst.known_s + 0.01)
    assert length_of(4.0, open_end, STAGE, flag) == (None, flag, None)
    slope = load_exercise("nordic-curl-inclined").event_stage()
    assert isinstance(slope, Stage)
    assert length_of(4.0, found, slope, flag) == (None, Flag.START_NOT_SEEN, None)


def test_a_peak_is_open_when_it_lies_between_the_ends_that_are_possible() -> None:
    t = np.arange(0.0, 6.0, 0.01)
    force_n = 400.0 * np.exp(-(((t - 4.0) / 0.5) ** 2))
    side: dict[Side, Floats] = {"left": force_n}
    found = {"left": summary(t, force_n, [(1.0, 4.0)], 0.0)}
    forces: dict[Side, Force | None] = {"left": found["left"]}
    assert open_peaks(t, side, {"left": 0.0}, forces, 1.0, (3.2, 4.5), STAGE.burst) == {"left"}
    assert not open_peaks(t, side, {"left": 0.0}, forces, 1.0, (4.0, 5.0), STAGE.burst)


@pytest.mark.parametrize("stop_s", [0.3, 1.0])
def test_a_descent_in_stages_begins_with_the_first(stop_s: float) -> None:
    whole = Whole(STAGE.whole)
    whole.learn(whole.arrival(FULL), counted=True)
    corners = (3.0, 3.2, 4.0, 4.2, 4.2 + stop_s, 4.4 + stop_s, 8.4 + stop_s)
    net = force(np.cumsum(np.interp(T, corners, (0.0, 0.3, 0.3, 0.0, 0.0, 0.3, 0.3))) * 0.01)
    net[8.4 + stop_s < T] = 0.0
    _, found, _ = reading(net, whole)
    assert found.kind == "arrival"
    assert found.start == pytest.approx(3.0, abs=0.45)


@pytest.mark.parametrize("up_s", [1.1, 1.5])
def test_a_small_dip_with_a_stop_is_pushed_up_again(up_s: float) -> None:
    whole = Whole(STAGE.whole)
    for _ in range(3):
        whole.learn(whole.arrival(FULL), counted=True)
    burst, _, _ = reading(force(0.25 * (soft((T - 3.0) / 1.2) - soft((T - 4.6) / up_s))), whole)
    assert burst.kind(whole) == "turn"
    assert burst.sure(whole) > 0.8


def test_control_lost_while_braking_a_quick_descent_is_a_fall() -> None:
    # inertia takes more than the lean does: by the force alone the body would be nearly at the floor
    lean = 0.75 * soft((T - 3.0) / 1.1)
    net, caught = fallen(lean, 0.62, 0.4)
    corner = int(np.argmax(net))
    assert net[corner] > 1.1 * FULL * math.sin(0.62)
    burst, found, whole = reading(net)
    assert found.kind == "fall"
    assert burst.sure(whole) > 0.5
    assert found.end == pytest.approx(caught, abs=0.6)


def known() -> Whole:
    """The weight is known to a tenth."""
    whole = Whole(STAGE.whole)
    for _ in range(4):
        whole.learn(whole.arrival(FULL), counted=True)
    return whole


def test_control_lost_after_a_stop_is_a_fall_though_braking_took_far_more() -> None:
    """Down to lean 15 within 0.7 s, held for 1.2 s, let down again, and lost at lean 22."""
    stop, on = soft((T - 3.0) / 0.7), soft((T - 4.9) / 2.5)
    net, floor = fallen(math.radians(15.0) * stop + math.radians(40.0) * on, math.radians(22.0), 0.4)
    lost = int(np.argmax(T > 4.9))
    assert net[lost:].max() < 0.7 * net.max()
    burst, found, whole = reading(net, known())
    assert found.kind == "fall", burst.shares(whole)
    assert found.end == pytest.approx(floor, abs=0.4)


def test_straps_that_still_carry_a_good_part_were_not_let_go_of() -> None:
    whole, at = known(), round(math.log(FULL / 150.0) / 0.04)
    carried = {left: float(whole.on_hands(left, 300.0)[at]) for left in (30.0, 80.0, 160.0)}
    assert carried[30.0] == carried[80.0] == 1.0
    assert carried[160.0] < 0.2
    # who held little pulls as little on the way back
    assert float(whole.on_hands(40.0, 60.0)[at]) == 1.0


def test_who_has_shown_strength_does_not_lose_control_under_a_third_of_it() -> None:
    whole = known()
    assert whole.loses(150.0) == 1.0
    for _ in range(4):
        whole.show(500.0, arrived=False)
    assert whole.loses(150.0) < 0.3
    assert whole.loses(400.0) > 1.0


def test_who_always_comes_back_up_tells_the_weight_as_well() -> None:
    """No force ever says how far down it was: the weight is bounded by what full repetitions take."""
    judge = StrapJudge(STAGE)
    net = force(math.radians(70.0) * (soft((T - 3.0) / 2.5) - soft((T - 5.5) / 2.5)))
    begin, end = int(np.argmax(net > 20.0)), int(np.flatnonzero(net > 10.0)[-1]) + 30
    for _ in range(12):
        burst = take_burst(T[:end], net[:end], begin, judge.whole, STAGE.burst, K2)
        assert burst is not None
        load = read_burst(T[:end], net[:end], begin, burst, judge.whole, STAGE.burst, STAGE.rise, K2)
        assert load is not None
        judge.learn(
            Lowering(
                start=3 * 10**9,
                end=8 * 10**9,
                burst=burst,
                load=load,
                even=1.0,
                forces={},
                unsure=frozenset(),
                stopped=False,
                unseen=False,
                gap=False,
            )
        )
    assert math.exp(judge.whole.known[0]) < 1.4 * FULL


def test_on_a_slope_the_start_is_between_upright_and_leaning_back() -> None:
    table = {k: v for k, v in load_exercise("nordic-curl-inclined").stage.items() if k != "kind"}
    slope = msgspec.convert(table, Stage)
    net = force(1.5 * soft((T - 3.0) / 4.0))
    net[T > 7.0] = 0.0
    _, found, _ = reading(net, known())
    # 30 degrees at the mean speed of 86 degrees in 4 s, half of it
    assert unseen_before(found, slope) == pytest.approx(0.7, abs=0.15)
    assert unseen_before(found, STAGE) == 0.0


def test_what_is_usually_held_bounds_the_weight() -> None:
    whole = Whole(STAGE.whole)
    for _ in range(3):
        whole.bound(400.0)
    assert math.exp(whole.known[0]) < STAGE.whole.usual_share * 400.0 * 1.1
    whole.bound(1.0)
    assert math.isfinite(whole.known[0])


@pytest.mark.parametrize(("length", "at_deg"), [(2.6, 12.0), (2.2, 15.0), (1.8, 18.0)])
def test_who_is_quick_and_loses_control_early_was_still_on_the_way(length: float, at_deg: float) -> None:
    """Force came all at once: it was no step up of somebody who was held already."""
    net, floor = fallen(np.minimum(even(length, 0.4), 1.5), math.radians(at_deg), 0.5)
    burst, found, whole = reading(net, known())
    assert found.kind == "fall"
    assert burst.sure(whole) > STAGE.whole.sure_share
    assert found.end == pytest.approx(floor, abs=0.3)
