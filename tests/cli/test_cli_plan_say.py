"""``plan say`` and ``plan questions``: what people say, and what they are asked."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cli_parts import eccentra

from eccentra.events import SessionStarted
from eccentra.store.database import open_store
from eccentra.store.people import Person, put_person, reports_of
from eccentra.store.questions import ask_due, schedule
from eccentra.store.taking import read_event, take_events
from results import EVENTS, payloads

SINCE = dt.date(2026, 3, 1)
NOON = round(dt.datetime(2026, 3, 21, 12, tzinfo=dt.UTC).timestamp() * 1e6)


@pytest.fixture
def url(tmp_path: Path) -> str:
    where = f"sqlite:///{tmp_path / 'r.sqlite'}"
    store = open_store(where)
    begun = SessionStarted(t_us=0, exercise="nordic-curl", sensors={}, software="0.1.0", athlete="p1")
    with store.write() as connection:
        one = Person(id="p1", mode="prevention", profile="prevention", stage=4, since=SINCE)
        put_person(connection, one)
        take_events(connection, [read_event(each) for each in payloads("s1", [begun, *EVENTS[1:]])])
    store.close()
    return where


def test_everything_can_be_said(url: str) -> None:
    words = ["--when", "next_morning", "--pain", "2", "--soreness", "3", "--rir", "2", "--confidence", "8"]
    words += ["--analgesic", "--warm-up"]
    more = ["--note", "stiff", "--prom", "slk", "--prom-version", "1", "--score", "total=55"]
    done = eccentra("plan", "say", "--athlete", "p1", *words, *more, "--store", url)
    assert (done.exit_code, done.output.strip()) == (0, "noted")
    done = eccentra("plan", "say", "--athlete", "p1", "--red-flag", "pop", "--store", url)
    assert done.output.strip() == "noted: stop and contact your clinician"
    store = open_store(url)
    with store.read() as connection:
        said = [one["body"] for one in reports_of(connection, "p1") if one["kind"] == "next_morning"]
    store.close()
    (body,) = said
    assert (body["pain"], body["rir"], body["analgesic"], body["warm_up"]) == (2.0, 2.0, True, True)
    assert (body["prom"], body["scores"]) == ("slk", {"total": 55.0})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--pain 11", "report: pain: Expected `float` <= 10"),
        ("--pain -1", "report: pain: Expected `float` >= 0"),
        ("--when tomorrow --pain 1", "report: kind: is 'tomorrow', expected one of"),
        ("", "nothing was said"),
        ("--prom slk", "prom and scores go together"),
        ("--prom slk --score total", "expected NAME=VALUE"),
        ("--pain 1 --session none-of-his/", "report: session"),
    ],
)
def test_what_is_impossible_is_refused(url: str, words: str, says: str) -> None:
    done = eccentra("plan", "say", "--athlete", "p1", *words.split(), "--store", url)
    assert done.exit_code == 2
    assert says in done.output


def test_who_is_asked(url: str) -> None:
    assert "nobody is asked" in eccentra("plan", "questions", "--store", url).output
    store = open_store(url)
    with store.write() as connection:
        assert schedule(connection, NOON) == 1
    assert "p1: scheduled; from" in eccentra("plan", "questions", "--store", url).output
    with store.write() as connection:
        assert ask_due(connection, NOON) == 1
    store.close()
    assert (
        "p1: asked, asked 1 times" in eccentra("plan", "questions", "--athlete", "p1", "--store", url).output
    )
    assert "nobody" in eccentra("plan", "questions", "--athlete", "p2", "--store", url).output
