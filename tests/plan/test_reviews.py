"""The calendar of checks, what each finds, the list of the return, an early ending."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from done import START_US, at, newtons, repetition, session, sides, span

from eccentra.errors import PlanError
from eccentra.plan.calendar import Due, due_until, week_of
from eccentra.plan.done import Report
from eccentra.plan.followed import Followed, PromScore, adherence, idle_hours, spacing
from eccentra.plan.ledger import Pause
from eccentra.plan.return_list import ITEMS, ReturnList, locked_until, open_anyway, take_step, tick
from eccentra.plan.reviews import OUTCOMES, Review, early_ending, review

START = dt.date(2026, 3, 2)


def day(n: int) -> dt.date:
    return START + dt.timedelta(days=n)


def followed(**changes: Any) -> Followed:
    base: dict[str, Any] = {
        "profile": "tendinopathy",
        "started": START,
        "weeks": 12,
        "template": None,
        "spans": (span(-10 / 24),),
        "sessions": (),
    }
    return Followed(**{**base, **changes})


def twice_a_week(weeks: int, **given: Any) -> tuple[Any, ...]:
    return tuple(session(7 * k + d, **given) for k in range(weeks) for d in (0, 3))


def pains(first: float, last: float, last_day: int) -> tuple[Report, ...]:
    return (
        *(Report(at_us=at(d), kind="during", pain=first) for d in (0, 3)),
        *(Report(at_us=at(last_day - d), kind="during", pain=last) for d in (2, 4)),
    )


def look(one: Followed, name: str) -> Review:
    due = next(each for each in due_until(one.started, one.weeks, one.profile, day(400)) if each.name == name)
    found = review(one, due)
    assert found.outcome in OUTCOMES[found.kind]
    return found


# -- calendar -----------------------------------------------------------------------------------------------


def test_the_calendar_of_a_rehabilitation() -> None:
    found = due_until(START, 12, "tendinopathy", day(84))
    other = [one for one in found if one.kind != "week"]
    assert [(one.name, one.day) for one in other] == [
        ("day-14", 14), ("day-21", 21), ("day-28", 28), ("return", 84), ("week-12-review", 84)
    ]  # fmt: skip
    assert [one.due for one in found if one.kind == "week"] == [day(7 * k) for k in range(1, 13)]
    assert len({one.name for one in found}) == len(found)


def test_prevention_has_its_weeks_only_and_an_ended_programme_no_more() -> None:
    assert {one.kind for one in due_until(START, 12, "prevention", day(100))} == {"week"}
    assert [one.name for one in due_until(START, 12, "acute_strain", day(100), day(13))] == ["week-1"]
    assert due_until(START, 12, "acute_strain", day(-3)) == ()


@pytest.mark.parametrize(("n", "week"), [(-1, 0), (0, 1), (6, 1), (7, 2), (83, 12)])
def test_week_n(n: int, week: int) -> None:
    assert week_of(START, day(n)) == week


# -- every week ---------------------------------------------------------------------------------------------


def test_a_week_as_planned() -> None:
    one = look(followed(sessions=twice_a_week(4)), "week-4")
    assert (one.outcome, one.findings) == ("as_planned", ())
    windows = {each["weeks"]: each for each in one.values["adherence"]}
    assert set(windows) == {1, 2, 4, None}
    for name in ("sessions", "sets", "reps", "tut"):
        assert all(each[name] == pytest.approx(1.0) for each in windows.values())


def test_adherence_is_by_dose() -> None:
    half = tuple(session(d, reps=[repetition(k) for k in range(1, 7)], sets=1) for d in (0, 3))
    one = adherence(followed(sessions=half), at(7) - 10 * 3_600_000_000)[0]
    assert (one.sessions, one.sets, one.reps, one.tut) == pytest.approx((1.0, 0.5, 0.5, 0.5))


def test_too_little_and_too_much() -> None:
    little = look(followed(sessions=(session(1),)), "week-1")
    assert little.outcome == "look"
    assert "50% of the planned" in little.findings[0]
    many = [repetition(k) for k in range(1, 20)]
    much = look(followed(sessions=twice_a_week(1, reps=many)), "week-1")
    assert "more than planned" in much.findings[0]


def test_nothing_planned_and_nothing_done_is_unknown() -> None:
    assert look(followed(spans=()), "week-1").outcome == "unknown"


@pytest.mark.parametrize(
    ("days", "said"),
    [((0.0, 1.0), "two days in a row"), ((5.0, 5.3), "one day"), ((0.0, 3.0), None), ((2.0,), None)],
)
def test_spacing(days: tuple[float, ...], said: str | None) -> None:
    some = tuple(session(d) for d in days)
    found = spacing(followed(sessions=some), START_US - 36_000_000_000, at(6.5))
    assert found is None if said is None else said in (found or "")


def test_once_a_week_has_no_spacing() -> None:
    some = (session(0), session(1))
    assert spacing(followed(sessions=some, spans=(span(-1, frequency_per_week=1.0),)), at(-1), at(7)) is None


def test_heavy_sessions_too_close_and_load_steps() -> None:
    spans = tuple(
        span(d, d + 2, added_pct_bm=load)
        for d, load in zip((-0.4, 1.6, 3.6, 5.5), (0, 2.5, 5, 7.5), strict=True)
    )
    one = look(followed(sessions=(session(0), session(1.5), session(4.5)), spans=spans), "week-1")
    assert any("36 h before the heavy session" in text for text in one.findings)
    assert any("went up 3 times" in text for text in one.findings)
    assert one.values["load_steps"] == {"nordic-curl": 3}


def test_a_jump_outside_a_programme() -> None:
    more = [repetition(k) for k in range(1, 25)]
    some = (*twice_a_week(3), *(session(21 + d, reps=more) for d in (0, 3)))
    assert any(
        "a week in the two before" in text for text in look(followed(sessions=some), "week-4").findings
    )
    inside = look(followed(sessions=some, template="mjolsnes-2004"), "week-4")
    assert not any("in the two before" in text for text in inside.findings)


@pytest.mark.parametrize(("often", "quiet", "loud"), [(3.0, 3.3, 3.6), (2.0, 5.0, 5.5), (1.0, 10.0, 11.0)])
def test_days_without_a_session(often: float, quiet: float, loud: float) -> None:
    one = followed(sessions=(session(0),), spans=(span(-1, frequency_per_week=often),))
    assert idle_hours(one, at(quiet)) is None
    assert idle_hours(one, at(loud)) == pytest.approx(24 * loud, abs=0.2)


def test_three_days_count_unless_somebody_set_a_pause() -> None:
    one = followed(sessions=(session(0),), spans=(span(-1, frequency_per_week=7.0),))
    assert idle_hours(one, at(3.0)) is None
    assert idle_hours(one, at(3.1)) is not None
    paused = followed(sessions=one.sessions, spans=one.spans, pauses=(Pause(from_us=at(1), until_us=at(20)),))
    assert idle_hours(paused, at(10)) is None
    assert idle_hours(paused, at(21)) is None  # it begins anew after the pause
    assert idle_hours(paused, at(24)) is not None


# -- day 14, 21, 28 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["day-14", "day-21"])
@pytest.mark.parametrize(
    ("scores", "outcome"),
    [((5.0, 3.0), "improved"), ((3.0, 2.0), "improved"), ((5.0, 4.0), "not_improved"),
     ((3.0, 5.0), "not_improved"), ((0.0, 0.0), "unknown")],
)  # fmt: skip
def test_improvement_by_pain(name: str, scores: tuple[float, float], outcome: str) -> None:
    one = look(followed(reports=pains(*scores, int(name[-2:]))), name)
    assert one.outcome == outcome
    assert any("consider a referral" in text for text in one.prompts) == (outcome == "not_improved")


def test_without_scores_nobody_can_tell() -> None:
    one = look(followed(), "day-14")
    assert (one.outcome, "judge it yourself" in one.prompts[0]) == ("unknown", True)


def test_improvement_by_strength_and_against_pain() -> None:
    done = tuple(session(2 * k, metrics=newtons(300.0 if k < 2 else 400.0)) for k in range(6))
    assert look(followed(sessions=done), "day-14").outcome == "improved"
    both = look(followed(sessions=done, reports=pains(2.0, 5.0, 14)), "day-14")
    assert both.outcome == "unknown"
    assert any("pain: worse" in text for text in both.findings)


def test_improvement_by_a_questionnaire_needs_the_change_that_matters() -> None:
    proms = tuple(
        PromScore(at_us=at(d), name="hagos", version="1", scores={"pain": v})
        for d, v in ((0, 50.0), (13, 64.0))
    )
    assert look(followed(proms=proms), "day-14").outcome == "unknown"
    assert look(followed(proms=proms, prom_changes={"hagos.pain": 10.0}), "day-14").outcome == "improved"
    assert look(followed(proms=proms, prom_changes={"hagos.pain": -10.0}), "day-14").outcome == "not_improved"
    other = (proms[0], PromScore(at_us=at(13), name="hagos", version="2", scores={"pain": 90.0}))
    assert look(followed(proms=other, prom_changes={"hagos.pain": 10.0}), "day-14").outcome == "unknown"


def test_what_comes_after_the_day_does_not_count() -> None:
    late = pains(5.0, 1.0, 21)
    assert look(followed(reports=late), "day-14").outcome == "unknown"
    assert look(followed(reports=late), "day-21").outcome == "improved"


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [
        ((6.0, 4.0), "met"),
        ((6.0, 4.5), "not_met"),
        ((3.0, 2.1), "met"),
        ((3.0, 2.2), "not_met"),
        ((0.0, 0.0), "unknown"),
    ],
)
def test_pain_after_four_weeks(scores: tuple[float, float], outcome: str) -> None:
    one = look(followed(reports=pains(*scores, 28)), "day-28")
    assert one.outcome == outcome
    assert bool(one.prompts) == (outcome == "not_met")


# -- week 12 ------------------------------------------------------------------------------------------------


def strong(k: int) -> dict[str, Any]:
    return {**newtons(300.0 + 10.0 * k), **sides(5.0)}


BOTH = [repetition(k, n=(100.0, 105.0)) for k in range(1, 13)]


def test_twelve_weeks_as_planned() -> None:
    done = tuple(session(7 * k + d, metrics=strong(k), reps=BOTH) for k in range(12) for d in (0, 3))
    watched = {one.id: "in_person" for one in done[:12]}
    one = look(followed(sessions=done, supervised=watched), "week-12-review")
    assert (one.outcome, one.findings, one.prompts) == ("as_planned", (), ())
    assert one.values["supervised"] == {"supervised": 12, "not stated": 12}
    home = {name: "none" for name in watched}
    few = look(followed(sessions=done, supervised=home), "week-12-review")
    assert (few.outcome, "0 supervised sessions, 12 are advised; of 12 nobody said" in few.findings[0]) == (
        "look",
        True,
    )


def test_a_side_that_stays_weaker_prompts_an_evaluation() -> None:
    done = tuple(session(7 * k, metrics={**newtons(300.0), **sides(22.0)}, reps=BOTH) for k in range(12))
    one = look(followed(sessions=done), "week-12-review")
    assert one.outcome == "look"
    assert "consider an evaluation" in one.prompts[0]
    assert any("left: 20 % or more" in text for text in one.findings)


def test_a_pause_is_no_programme_and_nothing_measured_is_unknown() -> None:
    one = look(followed(pauses=(Pause(from_us=at(7), until_us=at(21)),)), "week-12-review")
    assert one.outcome == "unknown"
    assert one.findings[0].startswith("10.0 weeks")


@pytest.mark.parametrize(
    ("weeks", "profile", "on", "said"),
    [(12, "tendinopathy", 49, "7.0 of 12"), (8, "acute_strain", 56, "8.0 of 12"), (8, "prevention", 56, None),
     (12, "tendinopathy", 84, None), (24, "tendinopathy", 84, "12.0 of 24")],
)  # fmt: skip
def test_an_early_ending_is_said(weeks: int, profile: Any, on: int, said: str | None) -> None:
    found = early_ending(followed(weeks=weeks, profile=profile), day(on))
    assert found is None if said is None else said in (found or "")


# -- the return ---------------------------------------------------------------------------------------------


def mark(one: ReturnList, item: str, n: int = 90, profile: Any = "tendinopathy", **more: Any) -> ReturnList:
    return tick(one, item, who="t1", at_us=1, today=day(n), profile=profile, started=START, **more)


def test_the_list_is_locked_for_a_tendon_until_week_12() -> None:
    empty = ReturnList()
    assert locked_until("tendinopathy", START, empty) == day(84)
    with pytest.raises(PlanError, match="locked until 2026-05-25"):
        mark(empty, "readiness", 83)
    assert mark(empty, "readiness", 84).ticks["readiness"].who == "t1"
    assert mark(empty, "readiness", 10, "acute_strain").ticks
    with pytest.raises(PlanError, match="reason"):
        open_anyway(empty, who="t1", at_us=1, reason="  ")
    opened = open_anyway(empty, who="t1", at_us=1, reason="played before")
    assert mark(opened, "readiness", 10).ticks


def test_only_people_tick_and_it_never_says_fit() -> None:
    one = ReturnList()
    for item in ITEMS:
        assert "of 10 items" in one.words()
        one = mark(one, item)
    assert one.words() == "all 10 items ticked; the decision is your clinician's"
    assert mark(one, "readiness", done=False).open_items() == ["readiness"]
    with pytest.raises(PlanError, match="no item"):
        mark(one, "fit")


def test_steps_of_the_return_are_taken_by_a_human() -> None:
    given: Any = {"who": "t1", "at_us": 1, "today": day(90), "profile": "tendinopathy", "started": START}
    with pytest.raises(PlanError, match="open items"):
        take_step(ReturnList(), "participation", **given)
    one = ReturnList()
    for item in ITEMS:
        one = mark(one, item)
    one = take_step(take_step(one, "sport", **given), "participation", **given)
    assert [step.to for step in one.steps] == ["sport", "participation"]


def test_the_return_is_asked_for_and_not_judged() -> None:
    one = look(followed(), "return")
    assert (one.outcome, one.findings) == ("look", ())


def test_reviews_are_functions_of_their_input() -> None:
    done = twice_a_week(12)
    due = Due(name="week-5", kind="week", due=day(35), day=35)
    assert review(followed(sessions=done), due) == review(followed(sessions=tuple(reversed(done))), due)
