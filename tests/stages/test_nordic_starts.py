"""The start of a lowering seen by straps: pull before it, stops on the way, what its uncertainty holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from eccentra import __version__
from eccentra.events import Flag, Metric, RepCompleted, Repetition
from eccentra.exercises import load_exercise
from eccentra.samples import Floats
from eccentra.session import Header, Session
from eccentra.simulate import nordic_session, simulate
from eccentra.simulate.sessions import Variant
from eccentra.stages.metric import metric_of
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_burst import Reading, read_burst, take_burst
from eccentra.stages.nordic_corners import lifted
from eccentra.stages.nordic_lone import LoneTotals, stays
from eccentra.stages.nordic_whole import Whole

K2 = 10.0
FULL = 850.0
START = 3.0
T: Floats = np.arange(0.0, 14.0, 0.01)
TABLE = {k: v for k, v in load_exercise("nordic-curl").stage.items() if k != "kind"}
STAGE = msgspec.convert(TABLE, Stage)


def force(lean: Floats) -> Floats:
    """Force that holds a body which moves so; a strap cannot push."""
    bend = np.gradient(np.gradient(lean, 0.01), 0.01)
    return np.maximum(FULL * (np.sin(lean) - bend / K2), 0.0)


def soft(begin: float, seconds: float) -> Floats:
    """Minimum-jerk course from 0 to 1."""
    s = np.clip((T - begin) / seconds, 0.0, 1.0)
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


def even(seconds: float) -> Floats:
    """Lean at constant speed after a short speeding up."""
    return np.cumsum(1.5 / seconds * np.clip((T - START) / 0.3, 0.0, 1.0)) * 0.01


def fallen(lean: Floats, at: float) -> tuple[Floats, float]:
    """Force when control is lost at a lean and half of it stays, and when the hands catch the body."""
    net = force(lean)
    k = int(np.argmax(lean > at))
    angle, speed, held = at, float(lean[k] - lean[k - 1]) / 0.01, float(net[k])
    i = k
    while angle < math.radians(62.0):
        net[i] = held * (0.5 + 0.5 * math.exp(-(i - k) * 0.01 / 0.2))
        speed += 0.01 * K2 * (math.sin(angle) - net[i] / FULL)
        angle += 0.01 * speed
        i += 1
    net[i:] = net[i - 1] * np.exp(-np.arange(len(net) - i) * 0.01 / 0.08)
    return net, float(T[i])


def pulled(newton: float) -> Floats:
    """What the legs pull before the descent; it goes while the body begins to lean."""
    return newton * (soft(START - 0.5, 0.5) - soft(START, 1.0))


def reading(net: Floats) -> Reading:
    """The burst, by somebody whose weight is known."""
    whole = Whole(STAGE.whole)
    for _ in range(3):
        whole.learn(whole.arrival(FULL), counted=True)
    begin = int(np.argmax(net > 20.0))
    end = int(np.flatnonzero(net > 10.0)[-1]) + 30
    burst = take_burst(T[:end], net[:end], begin, whole, STAGE.burst, K2)
    assert burst is not None
    found = read_burst(T[:end], net[:end], begin, burst, whole, STAGE.burst, STAGE.rise, K2)
    assert found is not None
    return found


@pytest.mark.parametrize("newton", [60.0, 90.0, 115.0])
@pytest.mark.parametrize("seconds", [4.2, 5.0])
def test_pull_before_an_early_fall_is_no_first_stage(newton: float, seconds: float) -> None:
    net, _ = fallen(even(seconds), math.radians(17.0))
    assert reading(net + pulled(newton)).start == pytest.approx(START, abs=0.2)


@pytest.mark.parametrize("newton", [45.0, 90.0])
def test_pull_before_a_quick_descent_is_no_first_stage(newton: float) -> None:
    net = force(1.5 * soft(START, 2.6))
    net[START + 2.6 < T] = 0.0
    assert reading(net + pulled(newton)).start == pytest.approx(START, abs=0.2)


@pytest.mark.parametrize("stop", [0.17, 0.3])
def test_a_short_stop_does_not_move_the_start(stop: float) -> None:
    first, second = 0.22 * 5.7, 0.78 * 5.7
    lean = 1.5 * (0.22 * soft(START, first) + 0.78 * soft(START + first + stop, second))
    net, _ = fallen(lean, math.radians(44.0))
    assert reading(net + pulled(26.0)).start == pytest.approx(START, abs=0.25)


def test_what_the_model_misses_is_in_the_uncertainty_of_the_start() -> None:
    smooth = force(1.5 * soft(START, 5.0))
    smooth[START + 5.0 < T] = 0.0
    bumpy = smooth * (1.0 + 0.12 * np.sin(2.0 * math.pi * 1.5 * T))
    known, odd = reading(smooth), reading(bumpy)
    assert odd.misfit > 1.5 > known.misfit
    assert odd.start_error > 1.3 * known.start_error
    assert abs(odd.start - START) < odd.start_error


def test_how_hands_brake_a_slow_fall_is_in_the_uncertainty_of_its_end() -> None:
    net, caught = fallen(even(5.0), math.radians(52.0))
    found = reading(net)
    assert found.kind == "fall"
    assert found.end_error > 1.2 * 2.0 * STAGE.burst.fall_error_s
    # braked evenly from there to the floor, or at once
    assert abs(found.end - caught) < found.end_error


@pytest.mark.parametrize(("at", "stop", "told"), [(0.3, 0.9, True), (0.5, 1.5, True), (0.4, 0.1, False)])
def test_a_stop_on_the_way_down_shows_in_flat_force(at: float, stop: float, *, told: bool) -> None:
    speed = 1.5 / 5.0 * np.ones(len(T))
    begin = START + 5.0 * at
    speed[round(100 * begin) : round(100 * (begin + stop))] = 0.0
    speed[: round(100 * START)] = 0.0
    net = FULL * np.sin(np.minimum(np.cumsum(speed) * 0.01, 1.5))
    rows = round(100 * START), round(100 * (START + 5.0 + stop))
    assert stays(net, 100.0, *rows, FULL, 5.0 + stop, STAGE.burst) is told


@pytest.mark.parametrize("seconds", [2.0, 5.0, 8.0])
def test_an_even_descent_has_no_stop(seconds: float) -> None:
    net = force(even(seconds)) * (1.0 + 0.005 * np.sin(2.0 * math.pi * 8.0 * T))
    rows = round(100 * START), round(100 * (START + 0.95 * seconds))
    assert not stays(net, 100.0, *rows, FULL, seconds, STAGE.burst)


def rep(seconds: float, *flags: Flag) -> Repetition:
    metric = metric_of(seconds, "s", "tut_force", Flag.PHASE_FROM_FORCE, 0.4)
    return Repetition(
        set_index=1,
        index=1,
        start_us=0,
        end_us=round(1e6 * seconds),
        decided_us=round(1e6 * seconds),
        valid=True,
        reasons=(),
        phases=(),
        metrics={"tut_s": metric, "eccentric_s": metric},
        force_left=None,
        force_right=None,
        confidence=0.8,
        flags=flags,
    )


def test_a_sum_with_a_doubtful_repetition_says_so() -> None:
    def sums(reps: Sequence[Repetition]) -> dict[str, Metric]:
        total = math.fsum(rep.value("tut_s") or 0.0 for rep in reps)
        return {name: metric_of(total, "s", "sum", None, 0.6) for name in ("tut_s", "eccentric_s")}

    totals = LoneTotals(sums)
    assert totals([rep(2.0), rep(3.0)])["tut_s"].quality == "ok"
    doubtful = totals([rep(2.0), rep(1.5, Flag.COUNT_UNSURE)])["tut_s"]
    assert (doubtful.value, doubtful.reason) == (3.5, Flag.COUNT_UNSURE)
    assert doubtful.uncertainty is not None
    assert doubtful.uncertainty > 1.5


def test_a_last_hump_that_throws_the_body_up_is_no_arrival() -> None:
    down = 1.5 * soft(START, 3.5)
    thrown = force(down - 1.5 * soft(START + 3.6, 1.4))
    braked = force(np.minimum(even(3.5), 1.5))
    braked[START + 3.7 < T] = 0.0
    ends = [int(np.flatnonzero(net > 0.8 * FULL)[-1]) for net in (thrown, braked)]
    begin = round(100 * START)
    assert lifted(thrown, begin, ends[0], 100.0, K2) > STAGE.burst.most_lift
    assert lifted(braked, begin, ends[1], 100.0, K2) < STAGE.burst.most_lift
    assert reading(thrown).kind != "arrival"


@pytest.mark.parametrize("exercise", ["nordic-curl", "nordic-curl-inclined"])
def test_a_start_that_straps_cannot_see_is_flagged(exercise: str) -> None:
    name: Variant = "inclined" if exercise.endswith("inclined") else "flat"
    simulation = simulate(nordic_session(3, kit="force", sets=1, reps=3, variant=name))
    header = Header(
        session="flags", exercise=load_exercise(exercise), sensors=simulation.setups, software=__version__
    )
    session = Session(header)
    events = session.feed_many(simulation.inputs()) + session.finish()
    flags = [one.event.rep.flags for one in events if isinstance(one.event, RepCompleted)]
    assert flags
    assert all((Flag.START_NOT_SEEN in found) == (name == "inclined") for found in flags)
