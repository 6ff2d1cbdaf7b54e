"""Planned against done over one, two and four weeks."""

from __future__ import annotations

import pytest
from done import at, repetition, session, span

from eccentra.plan.ledger import Line, Pause, ledger, share


def by_weeks(lines: tuple[Line, ...], exercise: str = "nordic-curl") -> dict[int, Line]:
    return {one.weeks: one for one in lines if one.exercise == exercise}


def test_as_planned_is_as_done() -> None:
    done = [session(day) for day in (0.1, 3.1, 7.1, 10.1, 14.1, 17.1, 21.1, 24.1)]
    lines = by_weeks(ledger([span()], done, at(28)))
    for weeks in (1, 2, 4):
        one = lines[weeks]
        assert one.days == 7 * weeks
        assert one.planned.sessions == one.done.sessions == 2 * weeks
        assert one.planned.sets == one.done.sets == 4 * weeks
        assert one.planned.reps == one.done.reps == one.done.valid_reps == 24 * weeks
        # three seconds down each, none up
        assert one.planned.eccentric_s == one.done.eccentric_s == one.done.tut_s == 72 * weeks
        assert one.done.impulse_ns is None


def test_before_the_first_prescription_nothing_was_planned() -> None:
    one = by_weeks(ledger([span(0)], [], at(3.5)))[4]
    assert one.days == 3.5
    assert (one.planned.sessions, one.done.sessions) == (1.0, 0.0)


def test_a_pause_is_not_planned() -> None:
    two = (Pause(from_us=at(5), until_us=at(9)), Pause(from_us=at(7), until_us=at(12)))
    assert by_weeks(ledger([span()], [], at(14), two))[2].days == 7.0
    assert by_weeks(ledger([span()], [], at(14), (Pause(from_us=at(-5), until_us=at(20)),))) == {}


def test_another_prescription_counts_from_its_day() -> None:
    spans = [span(0, 7), span(7, sets=3)]
    one = by_weeks(ledger(spans, [], at(14)))[2]
    assert (one.planned.sets, one.planned.reps) == (2 * 2 + 2 * 3, 24 + 36)


def test_invalid_repetitions_are_load_but_no_valid_dose() -> None:
    reps = [repetition(1), repetition(2, valid=False), repetition(3, tut=None)]
    one = by_weeks(ledger([span()], [session(1, reps=reps)], at(7)))[1].done
    assert (one.reps, one.valid_reps, one.tut_s, one.eccentric_s) == (3, 2, 3.0, 6.0)
    # what is not known is said
    assert one.unknown_reps == 1


def test_impulse_where_straps_measured_it() -> None:
    reps = [repetition(1, n=(100.0, 120.0)), repetition(2)]
    one = by_weeks(ledger([span()], [session(1, reps=reps)], at(7)))[1].done
    assert (one.impulse_ns, one.impulse_reps) == (220.0, 1)


def test_what_was_done_without_a_prescription_is_shown_too() -> None:
    lines = ledger([span()], [session(1, exercise="plank")], at(7))
    one = by_weeks(lines, "plank")[1]
    assert (one.planned.sessions, one.done.sessions, one.days) == (0.0, 1.0, 0.0)


def test_sessions_outside_the_window_do_not_count() -> None:
    lines = by_weeks(ledger([span()], [session(0.5), session(20)], at(14)))
    assert lines[1].done.sessions == 0
    assert lines[2].done.sessions == 1


@pytest.mark.parametrize(("done", "planned", "expected"), [(1.0, 2.0, 0.5), (1.0, 0.0, None)])
def test_share(done: float, planned: float, expected: float | None) -> None:
    assert share(done, planned) == expected
