"""The next morning is asked about: once scheduled, chased, answered or missing, over restarts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hub_parts import DAY, ask, at, begin, enrolment, payloads
from mqtt_parts import check_message
from trained import SOURCE

from eccentra.commands import CommandError
from eccentra.events import Numbered, Reported, SessionStarted
from eccentra.hub.announce import due, published
from eccentra.hub.asking import ask as look_after
from eccentra.hub.take import sweep, take
from eccentra.mqtt import contract
from eccentra.store.database import Store
from eccentra.store.decisions import open_decisions
from eccentra.store.questions import question_states_forgotten, questions_of
from eccentra.store.reading import reports_for_plan

HOUR = DAY // 24


@pytest.fixture
def trained(store: Store) -> Store:
    begin(store)
    zone = enrolment() | {"time_zone": "UTC"}
    assert ask(store, "enrol", "e-zone", at(-1), **zone)[0] == "done"
    assert said(store, "r-before", at(-0.01), kind="before", pain=0.0, soreness=0.0)[0] == "done"
    take(store, payloads("s1"), now_us=at(0.01))
    return store


def morning_us(store: Store, day: float = 0.02) -> int:
    look_after(store, now_us=at(day))
    with store.read() as connection:
        (one,) = questions_of(connection, "p1")
    return one.due_us


def counts(store: Store, now_us: int) -> tuple[int, int, int]:
    done = look_after(store, now_us=now_us).counts
    return done["asked"], done["answered"], done["missing"]


def said(store: Store, request: str, now_us: int, **what: Any) -> tuple[str, str]:
    return ask(store, "report", request, now_us, **{"athlete": "p1", "kind": "next_morning", **what})


def decision(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        (kept,) = open_decisions(connection, "p1")
    out: dict[str, Any] = msgspec.json.decode(kept.output)
    return out


def messages(store: Store, now_us: int) -> list[tuple[str, dict[str, Any]]]:
    """What is published about questions; taken by the broker at once."""
    out = [one for one in due(store, "home", "hub", 100) if "question" in one.topic]
    published(store, out, now_us=now_us)
    for one in out:
        check_message(one.topic, one.payload)
        assert one.retain == one.topic.endswith("/questions")
    return [(one.topic.rsplit("/", 1)[1], msgspec.json.decode(one.payload)) for one in out]


def test_asked_chased_and_answered(trained: Store) -> None:
    due_us = morning_us(trained)
    assert decision(trained)["provisional"]
    assert (counts(trained, due_us - 1), messages(trained, due_us)) == ((0, 0, 0), [])
    assert counts(trained, due_us) == (1, 0, 0)
    assert counts(trained, due_us + HOUR) == (0, 0, 0)
    kinds = dict(messages(trained, due_us))
    assert (kinds["questions"]["waiting"], kinds["question"]["data"]["number"]) == (1, 1)
    assert kinds["question"]["data"]["answer_to"] == "eccentra/v1/home/hub/hub/cmd/report"
    assert messages(trained, due_us) == []
    assert counts(trained, due_us + 3 * HOUR) == (1, 0, 0)
    assert dict(messages(trained, due_us))["question"]["id"].endswith(":2")
    assert said(trained, "r1", due_us + 4 * HOUR, pain=1.0) == ("done", "done")
    assert not decision(trained)["provisional"]
    (state,) = messages(trained, due_us)
    assert (state[0], state[1]["waiting"]) == ("questions", 0)
    for hours in (7, 10, 13, 40):
        assert counts(trained, due_us + hours * HOUR) == (0, 0, 0)
    with trained.read() as connection:
        assert [one.outcome for one in questions_of(connection)] == ["answered"]


def test_what_is_said_at_the_station_answers_about_the_session_before(trained: Store) -> None:
    """Told at the beginning of the next session: it is the morning after the one before it."""
    due_us = morning_us(trained)
    assert counts(trained, due_us) == (1, 0, 0)
    day = (due_us + HOUR - at(0)) / DAY
    begun = SessionStarted(t_us=0, exercise="nordic-curl", sensors={}, software="0.1.0", athlete="p1")
    told = Reported(t_us=1, request="r-1", when="next_morning", pain=1.0, rir=2.0)
    time = contract.utc(at(day) * 1000)
    batch = [
        contract.event_message(Numbered(session="s2", seq=k, time=time, event=event), SOURCE)[1]
        for k, event in enumerate((begun, told), 1)
    ]
    take(trained, batch, now_us=due_us + HOUR)
    assert counts(trained, due_us + 4 * HOUR) == (0, 1, 0)
    with trained.read() as connection:
        (said_there,) = [one for one in reports_for_plan(connection, "p1") if one.kind == "next_morning"]
    assert (said_there.session, said_there.pain, said_there.rpe) == (None, 1.0, 8.0)
    assert not decision(trained)["provisional"]


def test_unanswered_is_said_and_holds(trained: Store) -> None:
    due_us = morning_us(trained)
    times = [due_us + hours * HOUR for hours in (0, 3, 6, 9, 12)]
    assert [counts(trained, one)[0] for one in times] == [1, 1, 1, 1, 0]
    messages(trained, due_us)
    assert decision(trained)["action"] == "PROGRESS"
    assert counts(trained, at(1.6)) == (0, 0, 1)
    assert counts(trained, at(1.7)) == (0, 0, 0)
    (state,) = messages(trained, at(1.7))
    assert state[1]["waiting"] == 0
    sweep(trained, now_us=at(1.7))
    assert decision(trained)["action"] == "HOLD"
    # too late to be the next morning: noted, and nobody is asked again
    assert said(trained, "r1", at(3), pain=0.0) == ("done", "done")
    assert counts(trained, at(3)) == (0, 0, 0)
    with trained.read() as connection:
        assert [one.outcome for one in questions_of(connection, "p1")] == ["missing"]


def test_two_sessions_before_a_morning_are_one_question(trained: Store) -> None:
    morning_us(trained)
    take(trained, payloads("s2", day=0.1), now_us=at(0.2))
    due_us = morning_us(trained, 0.2)
    with trained.read() as connection:
        (one,) = questions_of(connection)
    assert one.session == "s2"
    assert counts(trained, due_us) == (1, 0, 0)


def test_what_is_no_answer_leaves_it_open(trained: Store) -> None:
    due_us = morning_us(trained)
    assert said(trained, "r1", due_us, note="asleep") == ("done", "done")
    assert said(trained, "r2", due_us, kind="note", pain=2.0) == ("done", "done")
    assert counts(trained, due_us) == (1, 0, 0)
    assert said(trained, "r3", due_us, red_flag="pop") == ("done", "done")
    with trained.read() as connection:
        assert [one.outcome for one in questions_of(connection)] == ["answered"]


def test_sessions_long_gone_unknown_people_and_halves_ask_nobody(store: Store) -> None:
    begin(store)
    take(store, payloads("s1"), now_us=at(30))
    assert counts(store, at(30)) == (0, 0, 0)
    take(store, payloads("s2", "stranger", day=30.0), now_us=at(31))
    take(store, payloads("s3", day=30.0)[:5], now_us=at(31))
    assert counts(store, at(31)) == (0, 0, 0)
    with store.read() as connection:
        assert questions_of(connection) == []


def test_a_broker_that_forgot_gets_the_open_questions_again(trained: Store) -> None:
    due_us = morning_us(trained)
    counts(trained, due_us)
    assert len(messages(trained, due_us)) == 2
    with trained.write() as connection:
        question_states_forgotten(connection)
    ((kind, state),) = messages(trained, due_us)
    assert (kind, state["waiting"]) == ("questions", 1)


def test_where_a_person_is_must_be_somewhere(store: Store) -> None:
    for wrong in ({"time_zone": "Europe/Atlantis"}, {"morning": "25:00"}, {"morning": "7"}):
        with pytest.raises(CommandError):
            ask(store, "enrol", "e", at(0), **enrolment(), **wrong)
