"""Contractions from load cells alone: on forces whose truth is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuts import cut, cut_places
from eccentra.catalogue import Person
from eccentra.events import (
    Event,
    Flag,
    Reason,
    RepAmended,
    RepCompleted,
    Repetition,
    RepRejected,
    SetCompleted,
)
from eccentra.exercises import exercise_ids, load_exercise
from eccentra.pipeline import Pipeline
from eccentra.samples import Block, StreamInfo
from eccentra.session import Header, Session
from eccentra.simulate import Athlete, ContractionSet, Hold, Scenario, SensorSpec, StrapWork, simulate

RATE = 100.0


def info(*sides: str) -> StreamInfo:
    return StreamInfo(
        stream="aligned",
        kind="aligned",
        channels=tuple(f"{side}.{name}" for side in sides for name in ("force", "gap")),
        units=("N", "1") * len(sides),
        rate_hz=RATE,
    )


def pull(peak: float, *, rise: float = 0.4, hold: float = 2.0, fall: float = 0.4) -> np.ndarray:
    """Ramp, plateau, ramp."""
    up, down = np.linspace(0.0, peak, round(rise * RATE)), np.linspace(peak, 0.0, round(fall * RATE))
    return np.concatenate([up, np.full(round(hold * RATE), peak), down])


def rest(seconds: float, level: float = 0.0) -> np.ndarray:
    return np.full(round(seconds * RATE), level)


def block(*columns: np.ndarray, noise: float = 0.2, offset: float = 5.0) -> Block:
    """Rows of the straps, with noise and an offset that was not tared."""
    rng = np.random.default_rng(3)
    x = np.zeros((len(columns[0]), 2 * len(columns)))
    for k, force in enumerate(columns):
        x[:, 2 * k] = force + offset + noise * rng.standard_normal(len(force))
    return Block("aligned", np.arange(len(x)) * round(1e9 / RATE), x)


def run(one: Block, *sides: str, pieces: Sequence[Block] = (), person: Person | None = None) -> list[Event]:
    stage = load_exercise("generic").event_stage(person, force_only=True)
    process = stage.start(info(*sides))
    out = [event for piece in pieces or [one] for event in process.push(piece)]
    return [*out, *process.finish()]


def reps_in(events: Sequence[Event]) -> list[Repetition]:
    back = {(e.set_index, e.index) for e in events if isinstance(e, RepAmended) and not e.counted}
    reps = [e.rep for e in events if isinstance(e, RepCompleted)]
    return [rep for rep in reps if (rep.set_index, rep.index) not in back]


def test_times_and_forces_of_two_straps() -> None:
    left = np.concatenate([rest(2), pull(200), rest(2), pull(210), rest(2), pull(190), rest(2)])
    events = run(block(left, 0.8 * left), "left", "right", person=Person(body_mass_kg=80, lever_arm_m=0.4))
    reps = reps_in(events)
    assert [rep.valid for rep in reps] == [True] * 3
    assert [rep.start_us / 1e6 for rep in reps] == pytest.approx([2.0, 6.8, 11.6], abs=0.03)
    assert [rep.value("tut_s") for rep in reps] == pytest.approx([2.8] * 3, abs=0.06)
    for rep, peak in zip(reps, (200.0, 210.0, 190.0), strict=True):
        assert [phase.kind for phase in rep.phases] == ["isometric"]
        assert Flag.PHASE_FROM_FORCE in rep.flags
        assert rep.force_left is not None
        assert rep.force_right is not None
        assert rep.force_left.peak_n == pytest.approx(peak, abs=1.0)
        assert rep.force_right.peak_n == pytest.approx(0.8 * peak, abs=1.0)
        assert rep.force_left.impulse_ns == pytest.approx(2.4 * peak, rel=0.01)
        assert rep.value("torque_left_peak_nm") == pytest.approx(0.4 * peak, abs=0.5)
        assert rep.value("force_left_peak_n_kg") == pytest.approx(peak / 80, abs=0.02)
        assert rep.value("force_left_time_to_peak_s") == pytest.approx(1.4, abs=1.1)
        rate = rep.metrics["force_left_rfd_n_s"]
        assert (rate.value, rate.reason) == (None, Flag.RATE_TOO_LOW)
        assert rep.metrics["force_left_mean_n"].method == "mean_isometric"
    done = next(e for e in events if isinstance(e, SetCompleted))
    assert done.metrics["asymmetry_pct"].value == pytest.approx(20.0, abs=0.3)


def test_legs_that_take_turns_have_no_side_difference() -> None:
    left = np.concatenate([rest(2), pull(200), rest(4.8), pull(200), rest(4.8), pull(200), rest(4.8)])
    right = np.concatenate([rest(3.8), left[: -round(3.8 * RATE)]])
    events = run(block(left, right), "left", "right")
    reps = reps_in(events)
    assert len(reps) == 6
    assert [rep.force_left is None for rep in reps] == [False, True] * 3
    done = next(e for e in events if isinstance(e, SetCompleted))
    assert done.metrics["asymmetry_pct"].value is None


def test_rest_under_tension_before_and_after_is_no_contraction() -> None:
    force = np.concatenate(
        [rest(2), rest(4, 35.0), 35.0 + pull(165), rest(4, 35.0), 35.0 + pull(165), rest(4, 35.0), rest(2)]
    )
    reps = reps_in(run(block(force), "both"))
    assert [rep.start_us / 1e6 for rep in reps] == pytest.approx([6.0, 12.8], abs=0.05)
    assert [rep.end_us / 1e6 for rep in reps] == pytest.approx([8.8, 15.6], abs=0.1)
    assert reps[0].value("force_both_peak_n") == pytest.approx(200.0, abs=1.0)


def test_tugs_before_are_taken_back_and_after_refused() -> None:
    tug = pull(25, rise=0.2, hold=0.4, fall=0.2)
    force = np.concatenate([rest(2), tug, rest(1), tug, rest(2), pull(300), rest(2), pull(300), rest(2), tug])
    events = run(block(np.concatenate([force, rest(2)])), "left")
    assert [rep.force_left.peak_n for rep in reps_in(events) if rep.force_left] == pytest.approx(
        [300, 300], abs=2
    )
    refused = [e.reason for e in events if isinstance(e, RepAmended | RepRejected)]
    assert refused == [Reason.NO_LOAD] * 3


@pytest.mark.parametrize(("pause_s", "taken_back"), [(10.0, True), (2.5, False)])
def test_a_weak_first_one_long_before_the_others_is_taken_back(pause_s: float, taken_back: bool) -> None:
    """Tightening a strap pulls it like a third of a repetition; a weak first repetition keeps the rhythm."""
    strong = [piece for _ in range(4) for piece in (pull(150.0), rest(2.0))]
    force = np.concatenate([rest(3.0), pull(60.0, hold=3.0), rest(pause_s), *strong, rest(4.0)])
    events = run(block(force, force), "left", "right")
    gone = {(e.set_index, e.index): e.reason for e in events if isinstance(e, RepAmended)}
    assert gone == ({(1, 1): Reason.NO_LOAD} if taken_back else {})


@pytest.mark.parametrize("name", ["bridge-hold", "long-lever-bridge-hold", "plank"])
def test_hands_on_the_strap_before_a_single_hold_are_none(name: str) -> None:
    stage = load_exercise(name).event_stage(force_only=True)
    short, long = pull(30, hold=1.5), pull(30, hold=3.0)
    one = block(np.concatenate([rest(2), short, rest(3), long, rest(3), pull(150, hold=12.0), rest(3)]))
    going = stage.start(info("left"))
    events = [*going.push(one), *going.finish()]
    gone = {(e.set_index, e.index): e.reason for e in events if isinstance(e, RepAmended)}
    assert gone == {(1, 1): Reason.NO_LOAD}
    assert [rep.index for rep in reps_in(events)] == [2]
    assert [e.reason for e in events if isinstance(e, RepRejected)] == [Reason.TOO_SHORT]


def test_recording_that_begins_under_load() -> None:
    reps = reps_in(run(block(np.concatenate([rest(4, 180.0), pull(180)[-40:], rest(3)])), "left"))
    assert len(reps) == 1
    assert reps[0].reasons == (Reason.NOT_FROM_START_POSE,)
    assert Flag.START_NOT_SEEN in reps[0].flags
    assert reps[0].end_us / 1e6 == pytest.approx(4.4, abs=0.1)


def test_recording_that_ends_under_load() -> None:
    reps = reps_in(run(block(np.concatenate([rest(0.3), pull(150)[:-60]])), "left"))
    assert [rep.reasons for rep in reps] == [(Reason.UNFINISHED,)]
    assert {Flag.RETURN_NOT_SEEN, Flag.BASELINE_UNSETTLED} <= set(reps[0].flags)
    assert reps[0].start_us / 1e6 == pytest.approx(0.3, abs=0.05)


def test_missing_rows_inside_are_said() -> None:
    whole = block(np.concatenate([rest(2), pull(200), rest(2)]))
    keep = np.ones(len(whole.t), dtype=bool)
    keep[300:330] = False
    reps = reps_in(run(Block("aligned", whole.t[keep], whole.x[keep]), "left"))
    assert [rep.reasons for rep in reps] == [(Reason.GAP,)]
    assert reps[0].force_left is None
    keep[300:400] = False
    events = run(Block("aligned", whole.t[keep], whole.x[keep]), "left")
    assert not reps_in(events)
    assert [e.reason for e in events if isinstance(e, RepRejected)] == [Reason.GAP]


def test_slow_drift_and_a_slackened_strap_are_no_contraction() -> None:
    drift = np.linspace(0.0, 40.0, round(60 * RATE))
    assert not reps_in(run(block(drift), "left"))
    assert not reps_in(run(block(np.concatenate([rest(3, 40.0), rest(5)])), "left"))


def a_session(seed: int = 2) -> Block:
    force = np.concatenate(
        [
            rest(1.5),
            pull(40, hold=0.1),
            rest(1.7),
            pull(220),
            rest(1.3),
            pull(250, hold=0.7),
            rest(1),
            pull(30),
        ]
    )
    return block(force, np.roll(force, 5) * 0.9, noise=0.5)


WHOLE = a_session()
EVENTS = run(WHOLE, "left", "right")


@given(cut_places())
@settings(max_examples=25, deadline=None)
def test_cuts_change_nothing(at: list[int]) -> None:
    assert run(WHOLE, "left", "right", pieces=cut(WHOLE, at)) == EVENTS


@given(st.integers(1, len(WHOLE.t) - 1))
@settings(max_examples=10, deadline=None)
def test_what_is_decided_is_told_at_once(n: int) -> None:
    """The same rows give the same events whether they came as one block or as two."""
    head = Block("aligned", WHOLE.t[:n], WHOLE.x[:n])
    stage = load_exercise("generic").event_stage(force_only=True)
    one, two = stage.start(info("left", "right")), stage.start(info("left", "right"))
    assert list(one.push(head)) == [e for part in cut(head, [n // 3]) for e in two.push(part)]


@pytest.mark.parametrize("name", [name for name in exercise_ids() if "nordic" not in name])
def test_every_exercise_takes_force_alone(name: str) -> None:
    exercise = load_exercise(name)
    if exercise.force_only is None:
        pytest.skip("its own stage reads straps")
    sensor = StreamInfo(
        stream="left", kind="force", channels=("force",), units=("N",), rate_hz=80.0, side="left"
    )
    pipeline = Pipeline(exercise, [sensor])
    force = np.concatenate([rest(2), pull(200), rest(2)])
    events = pipeline.push(Block("left", np.arange(len(force)) * 12_500_000, force[:, None]))
    assert len(reps_in([*events, *pipeline.finish()])) == 1


@pytest.mark.parametrize("rate", [10.0, 40.0, 80.0, 500.0])
def test_simulated_sessions_at_any_rate(rate: float) -> None:
    """Through packets and the session loop: count, hold time, peak."""
    sensors = tuple(
        SensorSpec(id=side, kind="force", device="recorded-csv", rate_hz=rate, side=side)
        for side in ("left", "right")
    )
    one = ContractionSet(reps=5, force_n=400.0, rise_s=0.5, hold_s=3.0)
    timeline = (Hold(seconds=2), StrapWork(seconds=6), Hold(seconds=3), one, Hold(seconds=2))
    simulation = simulate(
        Scenario(exercise="generic", athlete=Athlete(left_share=0.55), timeline=timeline, sensors=sensors), 3
    )
    session = Session(
        Header(session="c", exercise=load_exercise("generic"), sensors=simulation.setups, software="test")
    )
    events = [n.event for n in (*session.feed_many(simulation.inputs()), *session.finish())]
    reps = reps_in(events)
    truth = [rep for one in simulation.truth.sets for rep in one.reps]
    assert len(reps) == len(truth) == 5
    for rep, true in zip(reps, truth, strict=True):
        assert rep.value("tut_s") == pytest.approx(true.tut_s, abs=0.2)
        assert rep.force_left is not None
        assert rep.force_left.peak_n == pytest.approx(true.force["left"].peak_n, rel=0.01)


def swings(tops: Sequence[float], lows: Sequence[float], seconds: float = 1.5) -> np.ndarray:
    """Force of an elastic band: minimum-jerk strokes between 0, tops and lows, and to 0."""
    ends = [0.0] + [x for pair in zip(tops, (*lows, 0.0), strict=True) for x in pair]
    s = np.arange(round(seconds * RATE)) / (seconds * RATE)
    soft = s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)
    return np.concatenate([a + (b - a) * soft for a, b in pairwise(ends)])


def test_pulls_on_a_band_that_never_goes_slack_are_counted_one_by_one() -> None:
    force = np.concatenate([rest(3), swings((200, 180, 190, 185), (20, 15, 25)), rest(3)])
    reps = reps_in(run(block(force), "left"))
    assert len(reps) == 4
    for k, rep in enumerate(reps):
        assert rep.start_us / 1e6 == pytest.approx(3.0 + 3.0 * k, abs=0.3)
        assert rep.end_us / 1e6 == pytest.approx(6.0 + 3.0 * k, abs=0.3)
    assert all(a.end_us <= b.start_us for a, b in pairwise(reps))


def test_a_turn_around_under_load_and_a_short_dip_split_no_pull() -> None:
    stack = pull(300.0, rise=0.8, hold=3.0, fall=0.8)
    stack[230:245] = 30.0
    band = swings((200, 190), (90,))
    reps = reps_in(run(block(np.concatenate([rest(3), stack, rest(3), band, rest(3)])), "left"))
    assert len(reps) == 2


@given(places=cut_places(1500))
@settings(max_examples=15, deadline=None)
def test_pulls_without_slack_however_the_rows_are_cut(places: list[int]) -> None:
    whole = block(np.concatenate([rest(3), swings((200, 180, 190), (20, 15)), rest(3)]))
    assert run(whole, "left", pieces=cut(whole, places)) == run(whole, "left")


def test_letting_go_with_a_stop_on_the_way_leaves_the_next_pulls_countable() -> None:
    stop = np.concatenate([np.linspace(200, 65, 100), np.full(130, 65.0), np.linspace(65, 0, 60)])
    force = [
        rest(3),
        np.linspace(0, 200, 100),
        np.full(200, 200.0),
        stop,
        rest(0.3),
        swings((200, 190), (0,)),
    ]
    reps = reps_in(run(block(np.concatenate([*force, rest(3)])), "left"))
    assert len(reps) == 3
