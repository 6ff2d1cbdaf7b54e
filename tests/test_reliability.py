"""Day-to-day error: its formulas, what is published, and that it stands beside the numbers of a set."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from eccentra.errors import ExerciseError
from eccentra.events import SetCompleted
from eccentra.exercises import exercise_ids, load_exercise, parse_exercise
from eccentra.reliability import mdc95, typical_error
from eccentra.session import Header, Session
from eccentra.simulate import nordic_session, simulate


def test_formulas_recover_the_error_of_a_measurement() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(200, 400, 20_000)
    first, second = (true + rng.normal(0, 25, len(true)) for _ in range(2))
    assert typical_error(first.tolist(), second.tolist()) == pytest.approx(25, rel=0.02)
    beyond = np.abs(second - first) > mdc95(25)
    assert beyond.mean() == pytest.approx(0.05, abs=0.005)


def test_a_common_gain_is_no_error() -> None:
    assert typical_error([1.0, 2.0, 3.0], [6.0, 7.0, 8.0]) == 0.0


@pytest.mark.parametrize(("first", "second"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, 3.0], [1.0])])
def test_too_few_pairs_are_an_error(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="at least three"):
        typical_error(first, second)


def test_published_errors_agree_with_each_other() -> None:
    """The change that is more than error follows from the typical error, within rounding."""
    seen = 0
    for name in exercise_ids():
        for one in load_exercise(name).reliability:
            assert mdc95(one.typical_error) == pytest.approx(one.mdc95, rel=0.02), one
            seen += 1
    assert seen >= 9
    assert not any(a == b for a, b in pairwise(load_exercise("nordic-curl").reliability))


def test_it_stands_beside_the_numbers_that_were_measured() -> None:
    made = simulate(nordic_session(3, kit="thigh+force", sets=1, reps=4), 3)
    header = Header(session="s", exercise=load_exercise("nordic-curl"), sensors=made.setups, software="test")
    session = Session(header)
    events = [one.event for one in session.feed_many(made.inputs()) + session.finish()]
    (done,) = [event for event in events if isinstance(event, SetCompleted)]
    named = {one.metric for one in done.reliability}
    assert {"force_left_peak_mean_n", "force_right_peak_mean_n"} <= named
    assert all(done.metrics[name].value is not None for name in named)


def test_an_impossible_error_is_refused() -> None:
    raw = msgspec.to_builtins(load_exercise("nordic-curl"))
    raw["reliability"][0]["typical_error"] = 100.0
    with pytest.raises(ExerciseError, match="typical_error"):
        parse_exercise(raw, "x.toml")
