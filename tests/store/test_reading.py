"""From events and reports in the store to the input of a decision."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from eccentra.events import (
    Event,
    ExerciseChanged,
    Flag,
    RepAmended,
    RepCompleted,
    Reported,
    SensorGap,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.plan.assess import decision_document
from eccentra.plan.decide import decide
from eccentra.plan.decision_input import parse_decision_input
from eccentra.plan.done import US_PER_DAY, Known
from eccentra.plan.starting import programme_prescription
from eccentra.store.database import Store
from eccentra.store.decisions import prescribe
from eccentra.store.people import Person, Said, put_person, take_report
from eccentra.store.reading import exercises_of_session, reports_for_plan, sessions_for_plan
from eccentra.store.taking import read_event, take_events
from results import EVENTS, metric, payloads, rep

TEN = 1774000800_000000  # 2026-03-20 10:00 UTC, when the session of EVENTS begins
CURL = programme_prescription(
    "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
)


def fill(store: Store, events: list[Event], session: str = "s1") -> None:
    with store.write() as connection:
        put_person(
            connection,
            Person(id="p1", mode="clinic", profile="prevention", stage=3, since=dt.date(2026, 3, 16)),
        )
        prescribe(connection, "p1", CURL, at_us=TEN - US_PER_DAY, who="t1")
        take_events(connection, [read_event(one) for one in payloads(session, events)])


def document(store: Store, now: int) -> dict[str, Any]:
    known = Known(
        mode="clinic",
        profile="prevention",
        stage=3,
        exercise="nordic-curl",
        prescription=CURL,
        since=dt.date(2026, 3, 16),
    )
    with store.read() as connection:
        sessions = sessions_for_plan(connection, "p1", "nordic-curl")
        reports = reports_for_plan(connection, "p1")
    return decision_document(known, sessions, reports, now)


def test_what_was_done_and_said_is_in_the_input(store: Store) -> None:
    fill(store, EVENTS)
    with store.write() as connection:
        take_report(
            connection, "a", "p1", Said(pain=1.0, soreness=2.0), kind="before", at_us=TEN - 60_000_000
        )
        take_report(
            connection, "b", "p1", Said(rpe=7.0, analgesic=True), kind="after", at_us=TEN + 200_000_000
        )
        take_report(connection, "c", "p1", Said(pain=3.0), kind="next_morning", at_us=TEN + US_PER_DAY)
    out = document(store, TEN + 2 * US_PER_DAY)
    (one,) = out["sessions"]
    assert (one["valid_reps"], one["ecc_reps"], one["reps_ratio"]) == (2, 2, 0.2)
    # two repetitions of four seconds; ten of three are prescribed
    assert one["dose_ratio"] == pytest.approx(8.0 / 30.0)
    assert (one["pain_during"], one["pain_24h_change"], one["soreness"], one["rpe"]) == (2.0, 2.0, 2.0, 7.0)
    assert (one["analgesic_24h"], one["confidence"], one["level"]) == (True, "ok", 0)
    assert out["programme_week"] == 1
    assert decide(parse_decision_input(out, "t")).row == 3


def test_only_what_was_said_until_then_counts(store: Store) -> None:
    fill(store, EVENTS)
    with store.write() as connection:
        take_report(connection, "a", "p1", Said(pain=1.0), kind="before", at_us=TEN - 60_000_000)
        take_report(connection, "c", "p1", Said(pain=3.0), kind="next_morning", at_us=TEN + US_PER_DAY)
    early = document(store, TEN + 120_000_000)
    assert early["sessions"][0]["pain_24h_change"] is None
    assert document(store, TEN)["sessions"] == []


def test_a_sensor_that_was_away_or_slipped_makes_confidence_low(store: Store) -> None:
    gap = SensorGap(t_us=20_000_000, sensor="a", start_us=12_000_000, end_us=14_000_000)
    fill(store, [*EVENTS[:3], gap, *EVENTS[3:]])
    assert document(store, TEN + US_PER_DAY)["sessions"][0]["confidence"] == "low"
    slipped = [*EVENTS[:1], *(flagged(k) for k in (1, 2, 3)), *EVENTS[6:]]
    fill(store, slipped, "s2")
    assert document(store, TEN + US_PER_DAY)["sessions"][1]["confidence"] == "low"


def test_what_is_found_later_counts_for_repetitions_told_before(store: Store) -> None:
    late = RepAmended(t_us=50_000_000, set_index=1, index=1, counted=True, flags=(Flag.STRAP_SLIPPED,))
    fill(store, [*EVENTS[:3], late, *EVENTS[3:]])
    assert document(store, TEN + US_PER_DAY)["sessions"][0]["confidence"] == "low"


def flagged(index: int) -> RepCompleted:
    one = rep(index)
    return RepCompleted(t_us=one.t_us, rep=msgspec.structs.replace(one.rep, flags=(Flag.STRAP_SLIPPED,)))


def test_a_session_of_two_exercises_counts_for_each(store: Store) -> None:
    two: list[Event] = [
        SessionStarted(t_us=0, exercise="plank", sensors={}, software="0", athlete="p1"),
        done(1),
        ExerciseChanged(t_us=40_000_000, exercise="nordic-curl"),
        done(2),
        Reported(t_us=50_000_000, request="x", red_flag="pop"),  # type: ignore[arg-type]
        SessionEnded(t_us=60_000_000, why="stop", sets=2, reps=0),
    ]
    fill(store, two)
    with store.read() as connection:
        assert exercises_of_session(connection, "s1") == ["plank", "nordic-curl"]
        assert len(sessions_for_plan(connection, "p1", "plank")) == 1
    out = document(store, TEN + US_PER_DAY)
    assert out["sessions"][0]["red_flags"] == ["pop"]
    assert decide(parse_decision_input(out, "t")).action == "REFER"


def done(index: int) -> SetCompleted:
    return SetCompleted(
        t_us=30_000_000,
        set_index=index,
        start_us=10_000_000,
        end_us=20_000_000,
        decided_us=21_000_000,
        reps_counted=0,
        reps_valid=0,
        metrics={"tut_s": metric(0.0)},
    )


def on_day(session: str, days: int) -> list[bytes]:
    day = (dt.date(2026, 3, 20) + dt.timedelta(days=days)).isoformat().encode()
    return [one.replace(b"2026-03-20", day) for one in payloads(session)]


def test_the_number_of_statements_does_not_grow_with_the_sessions(store: Store) -> None:
    counts = []
    for number in (2, 12):
        with store.write() as connection:
            for k in range(number):
                take_events(connection, [read_event(one) for one in on_day(f"n{k}", k)])
        seen: list[str] = []

        def note(_c: object, _cursor: object, statement: str, *_: object, seen: list[str] = seen) -> None:
            seen.append(statement)

        event.listen(store.engine, "before_cursor_execute", note)
        try:
            with store.read() as connection:
                found = sessions_for_plan(connection, "p1", "nordic-curl")
        finally:
            event.remove(store.engine, "before_cursor_execute", note)
        assert len(found) == number
        counts.append(sum(one.lstrip().upper().startswith("SELECT") for one in seen))
    assert counts[0] == counts[1] <= 7


def test_only_the_last_weeks_are_read(store: Store) -> None:
    with store.write() as connection:
        for k in (0, 30, 40, 60):
            take_events(connection, [read_event(one) for one in on_day(f"n{k}", k)])
    with store.read() as connection:
        found = sessions_for_plan(connection, "p1", "nordic-curl", last_us=35 * US_PER_DAY)
        assert [one.id for one in found] == ["n30", "n40", "n60"]
        until = found[1].ended_us
        found = sessions_for_plan(connection, "p1", "nordic-curl", until_us=until, last_us=35 * US_PER_DAY)
        assert [one.id for one in found] == ["n30", "n40"]
        assert sessions_for_plan(connection, "p1", "plank", last_us=US_PER_DAY) == []
