"""People, what they said, prescriptions, decisions and answers: each once, late ones told apart."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from eccentra.plan.starting import programme_prescription
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.decisions import (
    Kept,
    answer,
    decision,
    in_force,
    keep_decision,
    open_decisions,
    prescribe,
)
from eccentra.store.people import (
    Person,
    ProgrammeRun,
    Said,
    current_programme,
    person,
    put_person,
    put_programme,
    reports_of,
    take_report,
)

P1 = Person(id="p1", mode="clinic", profile="prevention", stage=3, since=dt.date(2026, 1, 1))
OUTPUT: dict[str, Any] = {
    "row": 16,
    "action": "PROGRESS",
    "provisional": False,
    "locked": False,
    "needs_approval": True,
}


@pytest.fixture
def people(store: Store) -> Store:
    with store.write() as connection:
        put_person(connection, P1)
    return store


def curl(week: int = 2) -> Any:
    return programme_prescription(
        "mjolsnes-2004", "nordic-curl", week, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )


def test_a_person_is_kept_and_changed(people: Store) -> None:
    with people.write() as connection:
        assert person(connection, "p1") == P1
        assert person(connection, "nobody") is None
        put_person(connection, Person(**{**_fields(P1), "stage": 4, "details": {"goal": "sprint"}}))
        assert person(connection, "p1") == Person(
            **{**_fields(P1), "stage": 4, "details": {"goal": "sprint"}}
        )


def _fields(one: Person) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def test_one_programme_at_a_time(people: Store) -> None:
    first = ProgrammeRun(id="a", person="p1", started=dt.date(2026, 1, 1), weeks=10, template="mjolsnes-2004")
    second = ProgrammeRun(id="b", person="p1", started=dt.date(2026, 3, 1), weeks=52)
    with people.write() as connection:
        put_programme(connection, first)
        put_programme(connection, second)
        assert current_programme(connection, "p1") == second
        ended = connection.execute(select(tables.programme).where(tables.programme.c.id == "a")).one()
    assert (ended.ended, ended.end_reason) == (dt.date(2026, 3, 1), "another programme began")


def test_a_report_is_kept_once(people: Store) -> None:
    said = Said(pain=2.0, analgesic=False)
    with people.write() as connection:
        assert take_report(connection, "r1", "p1", said, kind="next_morning", at_us=7, exercise="squat")
        assert not take_report(connection, "r1", "p1", Said(pain=9.0), kind="after", at_us=9)
        (row,) = reports_of(connection, "p1")
    assert (row["kind"], row["body"]["pain"], row["exercise"]) == ("next_morning", 2.0, "squat")
    with pytest.raises(ValueError, match="nothing was said"):
        Said()


def test_prescriptions_follow_each_other(people: Store) -> None:
    with people.write() as connection:
        prescribe(connection, "p1", curl(1), at_us=100, who="t1")
        prescribe(connection, "p1", curl(2), at_us=200, who="t1", step=1)
        now = in_force(connection, "p1", "nordic-curl")
        then = in_force(connection, "p1", "nordic-curl", at_us=150)
    assert now is not None
    assert then is not None
    assert (now.level, now.prescription.reps, then.level, then.prescription.reps) == (1, 6, 0, 5)


def keep(connection: Any, at: int = 5, given: str = "{}") -> Kept | None:
    return keep_decision(
        connection, "p1", "nordic-curl", given, OUTPUT, at_us=at, session="s1", version="2026.11"
    )


def test_the_same_decision_is_kept_once_and_a_new_one_supersedes(people: Store) -> None:
    with people.write() as connection:
        first = keep(connection)
        assert first is not None
        assert keep(connection, at=6) is None
        second = keep(connection, at=7, given='{"x": 1}')
        assert second is not None
        assert second.supersedes == first.id
        assert [one.id for one in open_decisions(connection, "p1")] == [second.id]
        old = decision(connection, first.id)
    assert old is not None
    assert old.status == "superseded"


def test_an_answer_counts_once_and_late_ones_change_nothing(people: Store) -> None:
    with people.write() as connection:
        one = keep(connection)
        assert one is not None
        done = answer(connection, "r1", one.id, "accept", who="t1", role="therapist", at_us=9)
        assert (done.result, done.decision and done.decision.status) == ("done", "accepted")
        assert (
            answer(connection, "r1", one.id, "refuse", who="t1", role="therapist", at_us=9).result == "again"
        )
        assert (
            answer(connection, "r2", one.id, "refuse", who="t2", role="therapist", at_us=9).result == "late"
        )
        assert (
            answer(connection, "r3", "none", "accept", who="t1", role="therapist", at_us=9).result
            == "unknown"
        )
        book = connection.execute(select(tables.audit.c.what, tables.audit.c.subject)).all()
    assert book == [("accept", one.id)]
