"""Movements that look like a Nordic curl to one thigh sensor, and those that only nearly are none."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.events import Event, RepCompleted, RepRejected
from eccentra.exercises import load_exercise
from eccentra.pipeline import Pipeline
from eccentra.samples import Block, StreamInfo
from eccentra.session import Header, Session
from eccentra.simulate import (
    Athlete,
    GetUp,
    Hold,
    KneelDown,
    Move,
    NordicRep,
    NordicSet,
    Scenario,
    SitBack,
    Walk,
    nordic_session,
    simulate,
)
from eccentra.simulate.kits import KITS
from eccentra.stages.nordic_climb import climb
from eccentra.stages.nordic_grid import Columns, even_grid

REP = NordicRep(descent_s=4.0, end_lean_deg=56.0, back="active", turn_s=0.2, return_s=2.0)


def _found(
    *after: Move, start: float = 0.0, reps: tuple[NordicRep, ...] = (REP,) * 3, kit: str = "thigh"
) -> list[Event]:
    """What an inclined set and what follows gives to the kit's sensors."""
    made = simulate(
        Scenario(
            athlete=Athlete(incline_deg=30.0),
            timeline=(
                Hold(seconds=3.0),
                KneelDown(route="front"),
                Hold(seconds=3.0),
                NordicSet(reps=reps, start_lean_deg=start),
                *after,
                Hold(seconds=3.0),
            ),
            sensors=KITS[kit],
        ),
        1,
    )
    infos = [
        StreamInfo(
            stream=name,
            kind="imu",
            channels=signal.sensor.channels,
            units=("SI",) * 6,
            rate_hz=signal.sensor.rate_hz,
            placement=signal.sensor.placement,
        )
        for name, signal in made.signals.items()
    ]
    run = Pipeline(load_exercise("nordic-curl-inclined"), infos)
    events: list[Event] = []
    for name, signal in made.signals.items():
        t = np.round(signal.t_s * 1e9).astype(np.int64)
        events += run.push(Block(name, t, np.ascontiguousarray(signal.x)))
    return [*events, *run.finish()]


def _reps(events: list[Event]) -> int:
    return sum(isinstance(e, RepCompleted) for e in events)


@pytest.mark.parametrize("start", [0.0, -28.0])
def test_getting_up_over_the_hands_is_no_repetition(start: float) -> None:
    events = _found(Hold(seconds=2.0), GetUp(route="hands", seconds=2.4), start=start)
    assert _reps(events) == 3
    assert any(isinstance(e, RepRejected) for e in events)


@pytest.mark.parametrize("kit", ["thigh", "thigh+shank"])
@pytest.mark.parametrize("seconds", [3.2, 3.6, 4.0])
@pytest.mark.parametrize("start", [-36.0, -42.0])
def test_slowly_over_the_hands_from_leaning_back(start: float, seconds: float, kit: str) -> None:
    """Upright, onto the hands, and back into a squat: as far back as the set began, but no rest there."""
    events = _found(Hold(seconds=2.0), GetUp(route="hands", seconds=seconds), start=start, kit=kit)
    assert _reps(events) == 3


def test_coming_upright_and_walking_is_no_partial_repetition() -> None:
    """The thigh comes upright, stays, and swings back as far as the set began: nobody rests there."""
    walk = Walk(seconds=6.0, cadence_hz=0.9, swing_deg=24.0, speed_m_s=1.2)
    events = _found(Hold(seconds=2.0), GetUp(route="back", seconds=2.4), Hold(seconds=1.4), walk, start=-27.0)
    assert _reps(events) == 3


QUICK = NordicRep(descent_s=2.4, end_lean_deg=56.0, back="active", turn_s=0.1, return_s=1.2, pause_s=0.0)
RESTED = NordicRep(descent_s=2.4, end_lean_deg=56.0, back="active", turn_s=0.1, return_s=1.2, pause_s=1.5)


@pytest.mark.parametrize("reps", [(REP, REP, QUICK, REP), (REP, REP, REP, RESTED), (REP, REP, QUICK, RESTED)])
def test_a_hurried_one_counts_when_one_follows_or_somebody_rests(reps: tuple[NordicRep, ...]) -> None:
    assert _reps(_found(Hold(seconds=2.0), start=-30.0, reps=reps)) == 4


def test_one_quicker_by_half_from_which_somebody_sits_back_counts_with_the_next() -> None:
    """Paces of 4.1, 2.8, 4.2 and 2.4 s in one set, and sitting back after the second."""
    made = simulate(nordic_session(11112, kit="thigh"), 11112)
    header = Header(session="s", exercise=load_exercise("nordic-curl"), sensors=made.setups, software="test")
    session = Session(header)
    events = [one.event for one in session.feed_many(made.inputs()) + session.finish()]
    done = [e.rep for e in events if isinstance(e, RepCompleted)]
    second = made.truth.sets[1]
    assert sum(second.start_s - 1.0 < rep.start_us / 1e6 < second.end_s for rep in done) == len(second.reps)


def test_getting_up_from_the_heels_is_no_repetition() -> None:
    events = _found(SitBack(lean_deg=-42.0), GetUp(route="back", seconds=3.0), start=-28.0)
    assert _reps(events) == 3


def test_kneeling_down_on_one_knee_is_no_partial_repetition() -> None:
    """The thigh leans by 18 degrees and comes upright again, a shank lower than before."""
    short = NordicRep(descent_s=4.0, end_lean_deg=48.0, back="active", turn_s=0.2, return_s=2.0)
    again = (
        GetUp(route="squat"),
        Hold(seconds=25.0),
        KneelDown(route="back", seconds=4.0),
        Hold(seconds=4.0),
        NordicSet(reps=(short,) * 3),
    )
    assert _reps(_found(*again, reps=(short,) * 3)) == 6


def test_a_partial_repetition_as_small_is_one() -> None:
    small = NordicRep(descent_s=1.5, end_lean_deg=56.0, partial=0.36, back="active", return_s=1.5)
    assert _reps(_found(Hold(seconds=2.0), reps=(REP, REP, small, REP))) == 4


def test_a_last_one_that_falls_and_stays_down_counts() -> None:
    """It is quicker than the others, nobody comes back from it, and yet it is one: control was lost."""
    last = NordicRep(descent_s=4.0, end_lean_deg=56.0, break_lean_deg=22.0, catch_lean_deg=48.0, turn_s=30.0)
    assert _reps(_found(reps=(REP, REP, last))) == 3


def test_height_between_two_rests() -> None:
    """Half a metre down and turned by 10 degrees, with an accelerometer whose axes are off."""
    n, dt = 300, 0.01
    t = np.arange(n) * dt
    u = t / t[-1]
    height = -0.5 * u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
    vertical = np.gradient(np.gradient(height, dt), dt) + 9.81
    angle = np.radians(10.0) * np.sin(np.pi * u) ** 2
    up = np.stack([np.sin(angle), 0.0 * t, np.cos(angle)], axis=1)
    acc = up * vertical[:, None] * np.array([1.02, 1.0, 0.99]) + np.array([0.1, 0.0, -0.1])
    columns = Columns(up=0, rate=3, gaps=(), shank=None, forces={}, acc=6)
    x = np.concatenate([up, np.zeros((n, 3)), acc], axis=1)
    grid = even_grid(np.arange(n) * 10_000_000, x, columns, 10_000_000)
    assert grid is not None
    found = climb(grid, columns, 0.0, 2.99, 10.0)
    assert found == pytest.approx(-0.5, abs=0.03)
    # of a whole descent of 6 s it is not known
    assert climb(grid, columns, 0.0, 2.99, 90.0) is None
