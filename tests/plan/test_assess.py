"""What the input of a decision is made of, where simulated weeks showed it to be wrong."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from eccentra.plan.accept import accepted, level_change
from eccentra.plan.assess import decision_document
from eccentra.plan.decide import decide
from eccentra.plan.decision_input import parse_decision_input
from eccentra.plan.done import Known, Report, SessionDone
from eccentra.plan.prescription import Prescription
from eccentra.plan.starting import programme_prescription
from eccentra.repetition import BreakPoint, Metric, Repetition

DAY = 86_400_000_000
FIRST = dt.date(2026, 3, 2)
START = round(dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp() * 1e6)


def at(day: float) -> int:
    return START + round(day * DAY)


def prescribed(week: int, template: str = "mjolsnes-2004", exercise: str = "nordic-curl") -> Prescription:
    load: dict[str, Any] = {"load_rm": 15} if exercise == "leg-curl" else {"added_pct_bm": 0.0}
    return programme_prescription(template, exercise, week, load, author="t", approved_by="t", stage=3)


def done(day: float, of: Prescription, level: int = 0) -> SessionDone:
    tut = Metric(value=3.0, unit="s", method="tut_phases")
    reps = sum(of.reps) if isinstance(of.reps, tuple) else of.sets * of.reps
    one = Repetition(
        set_index=1, index=1, start_us=0, end_us=3, decided_us=3, valid=True, reasons=(), phases=(),
        metrics={"tut_s": tut, "rom_deg": Metric(value=90.0, unit="deg", method="x")},
    )  # fmt: skip
    return SessionDone(
        id=f"s{day}", exercise=of.exercise, began_us=at(day) - 1, ended_us=at(day), reps=(one,) * reps,
        prescription=of, level=level,
    )  # fmt: skip


def known(week: int, since_day: float, **changes: Any) -> Known:
    whole: dict[str, Any] = {
        "mode": "clinic", "profile": "prevention", "stage": 3, "exercise": "nordic-curl",
        "prescription": prescribed(min(week, 10)), "since": FIRST, "template": "mjolsnes-2004",
        "template_week": week, "week_from_us": at(since_day), "level": week - 1,
    }  # fmt: skip
    return Known(**whole | changes)


def document(one: Known, sessions: list[SessionDone], day: float, *said: Report) -> dict[str, Any]:
    return decision_document(one, sessions, said, at(day))


def test_planned_dose_is_that_of_its_time() -> None:
    """Who did all of weeks 1 and 2 is not told in week 3 that it was too little of week 3."""
    history = [
        done(0, prescribed(1)),
        done(7, prescribed(2)),
        done(10, prescribed(2)),
        done(14, prescribed(3)),
    ]
    share = document(known(3, 11.0), history, 14.1)["adherence_2w"]
    assert share > 0.6
    assert document(known(3, 11.0), history[:1], 14.1)["adherence_2w"] < 0.5


def test_a_week_is_not_done_by_training_every_day() -> None:
    three = [done(14 + k, prescribed(3)) for k in range(3)]
    assert document(known(3, 13.0), three, 17.0)["template_week_done"] is False
    spaced = [done(14 + 2 * k, prescribed(3)) for k in range(3)]
    assert document(known(3, 13.0), spaced, 19.0)["template_week_done"] is True


def test_break_points_of_several_methods_are_no_drift() -> None:
    """Straps that were off in the last repetitions change the method, not the athlete."""
    of = prescribed(3)
    one = done(14, of).reps[0]

    def drifts(*points: tuple[str, float]) -> bool:
        reps = [
            msgspec.structs.replace(
                one, break_point=BreakPoint(lean_deg=lean, knee_flexion_deg=None, method=method, t_us=0)
            )
            for method, lean in points
        ]
        last = msgspec.structs.replace(done(14, of), reps=tuple(reps))
        said = document(known(3, 13.0), [last], 14.1)["sessions"][-1]["early_break_drift"]
        assert isinstance(said, bool)
        return said

    held, lost = [("bta", 50.0)] * 3, [40.0, 39.0]
    assert drifts(*held, *(("bta", lean) for lean in lost))
    assert not drifts(*held, *(("bpa_acc1", lean) for lean in lost))


def test_nobody_is_ahead_of_the_programme() -> None:
    one = [done(0, prescribed(1)), done(2, prescribed(2)), done(4, prescribed(2))]
    assert document(known(2, 1.0), one, 5.0)["template_week_done"] is False
    assert document(known(2, 1.0), one, 7.0)["template_week_done"] is True


def test_less_than_the_programmes_week_is_said() -> None:
    for week in (1, 3, 8, 14):
        assert document(known(week, 0.0), [done(0, prescribed(1))], 1.0)["below_programme"] is False
    fewer = known(8, 0.0, prescription=prescribed(4))
    assert document(fewer, [done(0, prescribed(1))], 1.0)["below_programme"] is True
    free = known(8, 0.0, prescription=prescribed(4), template=None, template_week=None)
    assert document(free, [done(0, prescribed(1))], 1.0)["below_programme"] is False


def test_a_red_flag_needs_no_session() -> None:
    flag = Report(at_us=at(3), kind="note", red_flag="pop")
    sessions = [done(0, prescribed(1))]
    for have, changes in (([], {}), (sessions, {"unlocked_us": at(2)})):
        whole = document(known(1, -1.0, **changes), have, 3.0, flag)
        decision = decide(parse_decision_input(whole, "test"))
        assert (decision.row, decision.locked) == (1, True)
    quiet = document(known(1, -1.0, unlocked_us=at(4)), sessions, 4.1, flag)
    assert decide(parse_decision_input(quiet, "test")).row == 17


def test_after_the_last_week_a_step_down_takes_load_first() -> None:
    held = msgspec.structs.replace(prescribed(10), added_pct_bm=5.0)
    said = [
        Report(at_us=at(0) - 9, kind="before", session="s0", pain=0.0),
        Report(at_us=at(0.6), kind="next_morning", session="s0", pain=3.0),
    ]
    one = known(12, -1.0, prescription=held)
    decision = decide(parse_decision_input(document(one, [done(0, held)], 0.7, *said), "test"))
    assert (decision.row, decision.action, decision.axis) == (3, "REGRESS", "load")
    output = msgspec.to_builtins(decision)
    lighter = accepted(output, held, approved_by="t")
    assert lighter is not None
    assert (lighter.added_pct_bm, lighter.reps, level_change(output, 11)) == (2.5, held.reps, -1)


def test_the_first_weeks_say_the_effort_that_they_are_judged_by() -> None:
    """Heavy slow resistance aims at 8, in its first two weeks at 6: the prescription says so."""
    first = prescribed(1, "hsr-12-weeks", "leg-curl")
    assert (first.target_rpe, prescribed(3, "hsr-12-weeks", "leg-curl").target_rpe) == (6.0, 8.0)
    whole = document(
        known(2, -1.0, prescription=first, exercise="leg-curl", template="hsr-12-weeks"),
        [done(0, first)],
        0.1,
    )
    assert whole["target"]["rpe"] == 6.0
    assert not any("load_rm" in note for note in parse_decision_input(whole, "test").notes)
