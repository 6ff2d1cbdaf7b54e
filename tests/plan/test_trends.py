"""Better, same, worse or cannot tell."""

from __future__ import annotations

import random

import pytest
from done import newtons, repetition, session, sides

from eccentra.exercises import load_exercise
from eccentra.plan.trends import Trend, asymmetry_rule, points_of, trend
from eccentra.reliability import Reliability

METRIC = "force_left_peak_mean_n"
KNOWN = next(one for one in load_exercise("nordic-curl").reliability if one.metric == METRIC)


def of(
    values: list[float | None], methods: list[str] | None = None, known: Reliability | None = KNOWN
) -> Trend:
    names = methods or ["peak_mean"] * len(values)
    done = [
        session(3 * k, metrics=newtons(value, names[k], "ok" if value is not None else "missing"))
        for k, value in enumerate(values)
    ]
    return trend(METRIC, points_of(done, METRIC), known)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([300.0, 300.0, 390.0, 380.0], "better"),
        ([300.0, 300.0, 220.0, 210.0], "worse"),
        ([300.0, 300.0, 370.0, 370.0], "same"),  # 70 N is within 76 N
        ([300.0, 376.0], "same"),  # the edge itself is error
        ([300.0, 376.1], "better"),
        ([300.0], "cannot tell"),
        ([], "cannot tell"),
        ([None, 300.0], "cannot tell"),
    ],
)
def test_a_change_is_one_beyond_day_to_day_error(values: list[float | None], verdict: str) -> None:
    one = of(values)
    assert one.verdict == verdict
    if one.change is not None:
        assert (one.typical_error, one.mdc95) == (27.5, 76.0)


def test_without_a_published_error_nobody_can_tell() -> None:
    one = of([300.0, 300.0, 900.0, 900.0], known=None)
    assert (one.verdict, one.change, one.mdc95) == ("cannot tell", 600.0, None)
    other = Reliability(metric=METRIC, typical_error=1.0, mdc95=3.0, unit="kg", source="x")
    assert of([300.0, 300.0, 900.0, 900.0], known=other).verdict == "cannot tell"


def test_methods_are_never_mixed() -> None:
    one = of([300.0, 300.0, 900.0, 900.0], ["old", "old", "new", "new"])
    assert (one.verdict, one.sessions, one.method, one.change) == ("same", 2, "new", 0.0)
    assert one.left_out == ("2 measured by another method",)


def test_flagged_values_are_left_out_and_said() -> None:
    done = [session(0, metrics=newtons(300.0)), session(3, metrics=newtons(900.0, quality="flagged"))]
    one = trend(METRIC, points_of(done, METRIC), KNOWN)
    assert (one.sessions, one.left_out) == (1, ("1 with a flagged or missing value",))


def test_less_may_be_better() -> None:
    known = Reliability(metric="asymmetry_pct", typical_error=2.0, mdc95=5.0, unit="%", source="x")
    some = [
        session(k, metrics={"asymmetry_pct": sides(v)["asymmetry_signed_pct"]})
        for k, v in enumerate((20.0, 8.0))
    ]
    assert trend("asymmetry_pct", points_of(some, "asymmetry_pct"), known).verdict == "better"


def test_stable_people_are_told_so() -> None:
    """Looked at again and again over sixteen weeks: few looks, and few people, ever see a change."""
    rng = random.Random(7)
    alarms = looks = ever = 0
    for _ in range(200):
        values = [rng.gauss(300.0, KNOWN.typical_error) for _ in range(32)]
        told = [of(list(values[:k])).verdict in ("better", "worse") for k in range(2, 33, 3)]
        alarms, looks, ever = alarms + sum(told), looks + len(told), ever + any(told)
    assert looks == 200 * 11
    assert alarms / looks <= 0.02  # asked for are at most 5 %
    assert ever / 200 <= 0.15


# -- sides --------------------------------------------------------------------------------------------------

BOTH = [repetition(k, n=(100.0, 130.0)) for k in range(1, 4)]


def sided(*pcts: float, reps: int = 3):  # type: ignore[no-untyped-def]
    return [session(3 * k, metrics=sides(pct), reps=BOTH[:reps]) for k, pct in enumerate(pcts)]


def test_the_same_side_in_two_sessions() -> None:
    one = asymmetry_rule(sided(22.0, 25.0))
    assert (one.level, one.side) == ("hold", "left")
    assert asymmetry_rule(sided(16.0, 25.0)).level == "approve"
    assert asymmetry_rule(sided(-20.0, -20.0)).side == "right"


@pytest.mark.parametrize("pcts", [(22.0,), (22.0, 14.0), (22.0, -22.0), (22.0, 22.0, 3.0), ()])
def test_once_or_another_side_is_nothing(pcts: tuple[float, ...]) -> None:
    one = asymmetry_rule(sided(*pcts))
    assert (one.level, one.side) == (None, None)
    assert one.why


def test_two_repetitions_say_nothing() -> None:
    one = asymmetry_rule(sided(22.0, 25.0, reps=2))
    assert one.level is None
    assert "3 repetitions" in one.why
