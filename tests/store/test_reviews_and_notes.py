"""Checks of the calendar in the database; what a therapist notes beside what was measured."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from sqlalchemy import select

from eccentra.errors import InputError, PlanError
from eccentra.plan.return_list import ReturnList, Tick
from eccentra.plan.starting import programme_prescription
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.decisions import in_force, prescribe
from eccentra.store.forgetting import FORGOTTEN, forget_person
from eccentra.store.notes import Amendment, Note, amendments_of, annotate, notes_of, set_supervised
from eccentra.store.people import (
    Person,
    ProgrammeRun,
    Said,
    current_programme,
    put_person,
    put_programme,
    take_report,
)
from eccentra.store.reading import sessions_for_plan
from eccentra.store.reviews import (
    answer_review,
    end_programme,
    followed_of,
    keep_reviews,
    return_list,
    reviews_of,
    save_return_list,
    spans_of,
)
from eccentra.store.taking import read_event, take_events
from results import payloads

# the small session of results.py is of 2026-03-20
START = dt.date(2026, 3, 16)
DAY = 86_400_000_000


def at(day: float) -> int:
    return round(dt.datetime(2026, 3, 16, tzinfo=dt.UTC).timestamp() * 1e6 + day * DAY)


def begin(store: Store, **details: object) -> None:
    first = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    with store.write() as connection:
        who = Person(id="p1", mode="clinic", profile="tendinopathy", stage=3, since=START, details=details)
        put_person(connection, who)
        put_programme(connection, ProgrammeRun(id="run", person="p1", started=START, weeks=12))
        prescribe(connection, "p1", first, at_us=at(0), who="t1")
        take_events(connection, [read_event(one) for one in payloads()])


def test_due_checks_come_with_what_the_data_say(store: Store) -> None:
    begin(store)
    with store.read() as connection:
        assert reviews_of(connection, "p1", at(6.9)) == []
        found = reviews_of(connection, "p1", at(28.5))
        assert [one.due.name for one in found] == [
            "week-1", "day-14", "week-2", "day-21", "week-3", "day-28", "week-4"
        ]  # fmt: skip
        assert all(one.done_us is None for one in found)
        assert found[0].found.values["adherence"][0]["done"]["reps"] == 2.0
        assert reviews_of(connection, "nobody", at(28)) == []


def test_a_check_is_kept_once_and_answered_by_a_person(store: Store) -> None:
    begin(store)
    with store.write() as connection:
        assert [one.due.name for one in keep_reviews(connection, "p1", at(14.5))] == [
            "week-1",
            "day-14",
            "week-2",
        ]
        assert keep_reviews(connection, "p1", at(14.6)) == []
        rows = connection.execute(select(tables.review)).all()
        assert {(row.kind, row.outcome, row.done_us) for row in rows if row.kind == "improvement"} == {
            ("improvement", "unknown", None)
        }
        done = answer_review(
            connection, "p1", "day-14", outcome="not_improved", who="t1", at_us=at(15), note="seen today"
        )
        assert (done.outcome, done.who) == ("not_improved", "t1")
        # what a person said stays
        keep_reviews(connection, "p1", at(16))
        kept = {one.due.name: one for one in reviews_of(connection, "p1", at(16))}
        one = kept["day-14"]
        assert (one.outcome, one.note, one.done_us) == ("not_improved", "seen today", at(15))
        assert one.found.outcome == "unknown"
        audited = connection.execute(select(tables.audit.c.what, tables.audit.c.who)).all()
        assert ("review", "t1") in [tuple(row) for row in audited]


@pytest.mark.parametrize(
    ("check", "outcome", "words"),
    [("day-21", "improved", "no check"), ("day-14", "met", "cannot come to")],
)
def test_a_wrong_answer_is_refused(store: Store, check: str, outcome: str, words: str) -> None:
    begin(store)
    with store.write() as connection, pytest.raises(PlanError, match=words):
        answer_review(connection, "p1", check, outcome=outcome, who="t1", at_us=at(15))


def test_scores_of_questionnaires_and_pain_are_read(store: Store) -> None:
    begin(store, prom_changes={"hagos.pain": 10.0})
    with store.write() as connection:
        for n, score in ((0.5, 40.0), (13.0, 60.0)):
            said = Said(prom="hagos", version="1", scores={"pain": score})
            take_report(connection, f"prom{n}", "p1", said, kind="prom", at_us=at(n))
    with store.read() as connection:
        found = {one.due.name: one.found.outcome for one in reviews_of(connection, "p1", at(14.5))}
        followed = followed_of(connection, "p1")
    assert found["day-14"] == "improved"
    assert followed is not None
    assert [one.pain for one in followed.reports if one.pain is not None] == [2.0]


def test_the_list_of_the_return_is_kept_beside_its_check(store: Store) -> None:
    begin(store)
    one = ReturnList(ticks={"readiness": Tick(who="t1", at_us=at(85))})
    with store.write() as connection:
        assert return_list(connection, "p1") == ReturnList()
        save_return_list(connection, "p1", one, who="t1", at_us=at(85))
        keep_reviews(connection, "p1", at(86))
        assert return_list(connection, "p1") == one
        answer_review(connection, "p1", "return", outcome="look", who="t1", at_us=at(86))
        assert return_list(connection, "p1") == one


def test_an_early_ending_needs_a_reason(store: Store) -> None:
    begin(store)
    with store.write() as connection:
        with pytest.raises(PlanError, match="say why"):
            end_programme(connection, "p1", START + dt.timedelta(days=30), who="t1", at_us=at(30), reason=" ")
        with pytest.raises(PlanError, match="began on"):
            end_programme(connection, "p1", START - dt.timedelta(days=1), who="t1", at_us=at(30), reason="x")
        said = end_programme(
            connection, "p1", START + dt.timedelta(days=30), who="t1", at_us=at(30), reason="moved away"
        )
        assert said == "ends after 4.3 of 12 weeks"
        assert current_programme(connection, "p1") is None
        assert in_force(connection, "p1", "nordic-curl") is None
        row = connection.execute(select(tables.programme)).one()
        assert (row.ended, row.end_reason) == (START + dt.timedelta(days=30), "moved away")
        with pytest.raises(PlanError, match="no programme"):
            end_programme(connection, "p1", START, who="t1", at_us=at(31), reason="x")
        assert [one.until_us for one in spans_of(connection, "p1")] == [at(30)]


# -- notes --------------------------------------------------------------------------------------------------


def note(kind: str, text: str, set_index: int | None = 1, rep_index: int | None = None, n: float = 5) -> Note:
    return Note(
        session="s1",
        set_index=set_index,
        rep_index=rep_index,
        at_us=at(n),
        who="t1",
        kind=kind,  # type: ignore[arg-type]
        text=text,
    )


def amend(rep: int, n: float = 5, **what: bool) -> Note:
    return note("amend", msgspec.json.encode(Amendment(**what, why="seen")).decode(), 1, rep, n)


def test_notes_are_kept_once_with_author_and_time(store: Store) -> None:
    begin(store)
    with store.write() as connection:
        assert annotate(connection, note("accept", "good set"))
        assert not annotate(connection, note("accept", "good set"))
        assert annotate(connection, note("note", "hips back", 1, 3, 5.1))
        found = notes_of(connection, "s1")
        assert [(one.kind, one.who, one.text) for one in found] == [
            ("accept", "t1", "good set"),
            ("note", "t1", "hips back"),
        ]
        ids = connection.execute(select(tables.annotation.c.id)).scalars().all()
        books = connection.execute(select(tables.audit).where(tables.audit.c.what == "accept")).all()
        assert [(book.who, book.subject in ids, book.detail) for book in books] == [("t1", True, None)]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (("s1", 4, None), "no set 4; it has 1"),
        (("s1", 1, 9), "no repetition 9"),
        (("s9", 1, 1), "no such session"),
    ],
)
def test_a_note_needs_its_place(store: Store, where: tuple[str, int, int | None], words: str) -> None:
    begin(store)
    one = msgspec.structs.replace(note("note", "x"), session=where[0], set_index=where[1], rep_index=where[2])
    with store.write() as connection, pytest.raises(InputError, match=words):
        annotate(connection, one)


def test_an_amendment_holds_where_the_plan_reads(store: Store) -> None:
    begin(store)
    with store.write() as connection:
        before = sessions_for_plan(connection, "p1", "nordic-curl")[0]
        assert [rep.index for rep in before.reps] == [1, 3]
        assert before.sets[0]
        annotate(connection, amend(1, valid=False))
        annotate(connection, amend(3, counted=False))
        # taken back by the stage, counted by the therapist
        annotate(connection, amend(2, counted=True))
        after = sessions_for_plan(connection, "p1", "nordic-curl")[0]
        assert [(rep.index, rep.valid) for rep in after.reps] == [(1, False), (2, True)]
        # the set's own numbers were of other repetitions
        assert after.sets == ({},)
        annotate(connection, amend(3, n=6, counted=True))
        assert amendments_of(connection, "p1")["s1"][1, 3].counted
        assert len(sessions_for_plan(connection, "p1", "nordic-curl")[0].reps) == 3
        # events stay as they came
        bodies = connection.execute(select(tables.repetition.c.counted).order_by("rep_index")).scalars().all()
        assert bodies == [True, False, True]


def test_supervised_is_said_by_a_person(store: Store) -> None:
    begin(store)
    with store.write() as connection:
        set_supervised(connection, "s1", "in_person", who="t1", at_us=at(5))
        followed = followed_of(connection, "p1")
        assert followed is not None
        assert followed.supervised == {"s1": "in_person"}
        with pytest.raises(InputError, match="no such session"):
            set_supervised(connection, "s9", "none", who="t1", at_us=at(5))


def test_forgotten_with_the_person(store: Store) -> None:
    begin(store)
    with store.write() as connection:
        annotate(connection, note("note", "hips back"))
        answer_review(connection, "p1", "day-14", outcome="improved", who="t1", at_us=at(15))
    forget_person(store, "p1", who="t1", at_us=at(20))
    with store.read() as connection:
        assert connection.execute(select(tables.annotation)).all() == []
        assert connection.execute(select(tables.review)).all() == []
        subjects = connection.execute(select(tables.audit.c.subject)).scalars().all()
    assert subjects
    assert set(subjects) == {FORGOTTEN}
