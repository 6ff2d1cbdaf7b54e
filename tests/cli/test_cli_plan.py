"""``plan show`` and ``plan explain`` on a database that was filled by the loop."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.hub.evaluate import evaluate, moment_of
from eccentra.hub.respond import respond
from eccentra.plan.starting import programme_prescription
from eccentra.store.database import open_store
from eccentra.store.decisions import open_decisions, prescribe
from eccentra.store.people import Person, ProgrammeRun, Said, put_person, put_programme, take_report
from eccentra.store.taking import read_event, take_events
from results import payloads

RUN = CliRunner()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A person with one session of two repetitions of the week's ten, and a first decision."""
    url = f"sqlite:///{tmp_path / 'results.sqlite'}"
    store = open_store(url)
    first = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    begun = dt.date(2026, 3, 16)
    with store.write() as connection:
        put_person(connection, Person(id="p1", mode="clinic", profile="tendinopathy", stage=3, since=begun))
        run = ProgrammeRun(id="run", person="p1", started=begun, weeks=10, template="mjolsnes-2004")
        put_programme(connection, run)
        prescribe(connection, "p1", first, at_us=1_773_619_200_000_000, who="t1")
        take_events(connection, [read_event(one) for one in payloads()])
        take_report(
            connection,
            "m",
            "p1",
            Said(pain=2.0),
            kind="next_morning",
            at_us=1_774_080_000_000_000,
            session="s1",
        )
        now = moment_of(connection, "p1", "nordic-curl")
        assert now is not None
        evaluate(connection, "p1", "nordic-curl", now_us=now, session="s1")
    store.close()
    return url


def out(*words: str, status: int = 0) -> str:
    found = RUN.invoke(app, ["plan", *words])
    assert found.exit_code == status, found.output
    return found.output


def test_show_tells_what_holds_what_waits_and_what_is_due(url: str) -> None:
    text = out("show", "--athlete", "p1", "--store", url, "--day", "2026-03-31")
    for words in (
        "mjolsnes-2004, week 3 of 10, since 2026-03-16",
        "suggestions are off",
        "no session for 278 h, longer than planned",
        "nordic-curl: level 0, since 2026-03-16, approved by t1",
        "2 x 5, tempo 3-0-0-0 s, 15 s under tension a set, 0 % of body mass added",
        "Not enough good data",
        "week-1, 2026-03-23: look",
        "day-14, 2026-03-30: unknown",
        "nordic-curl, 2 weeks: 1 of 2.0 sessions, 2 of 20 repetitions, eccentric 6 of 60 s",
        "warning: no hip exercise",
        "0 of 10 items ticked",
    ):
        assert words in text
    # wording: no claim about health or readiness
    assert not re.search(r"diagnos|risk|fit to return|cleared|abnormal|patient", text, re.IGNORECASE)


def test_show_counts_the_weeks_of_long_ago(url: str) -> None:
    late = ("show", "--athlete", "p1", "--store", url, "--day", "2026-05-27")
    text = out(*late)
    assert "6 earlier weeks, 6 of them with something to look at" in text
    assert "day-14, 2026-03-30: unknown" in text
    assert re.findall(r"week-\d+(?=, )", text) == ["week-7", "week-8", "week-9", "week-10"]
    checks = msgspec.json.decode(out(*late, "--json"))["checks"]
    assert len([one for one in checks if one["due"]["kind"] == "week"]) == 10


def test_show_as_one_document(url: str) -> None:
    document = msgspec.json.decode(
        out("show", "--athlete", "p1", "--store", url, "--day", "2026-03-31", "--json")
    )
    assert (document["schema"], document["week"], document["weeks"]) == ("eccentra.plan-show/1", 3, 10)
    assert document["in_force"][0]["prescription"]["reps"] == 5
    assert document["ledger"][0]["exercise"] == "nordic-curl"


def test_show_says_how_long_the_first_session_took_to_come(url: str) -> None:
    assert "first session 4 days after the start" in out("show", "--athlete", "p1", "--store", url)


def test_show_says_when_the_planned_weeks_are_over(url: str) -> None:
    assert "weeks are over" not in out("show", "--athlete", "p1", "--store", url, "--day", "2026-05-20")
    text = out("show", "--athlete", "p1", "--store", url, "--day", "2026-05-27")
    assert "the planned weeks are over; after them: once a week 12, 10 and 8 repetitions" in text


def test_explain_says_why_and_what_would_change_it(url: str) -> None:
    text = out("explain", "--athlete", "p1", "--store", url)
    for part in (
        "Why\n",
        "Looked at\n",
        "Nearest limits\n",
        "Would change it\n",
        "row 6, HOLD",
        "grounds: judgement",
    ):
        assert part in text
    assert "the limit is" in text
    assert "H11: numbers that are not sound" in text
    name = re.findall(r"Decision (\w+)", text)[0]
    assert out("explain", "--decision", name[:8], "--store", url) == text
    document = msgspec.json.decode(out("explain", "--decision", name, "--store", url, "--json"))
    one = document["decisions"][0]
    assert (one["output"]["row"], one["input"]["exercise"]) == (6, "nordic-curl")
    distances = [each["distance"] for each in one["near"]]
    assert distances
    assert distances == sorted(distances)


def test_explain_names_who_answered(url: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        kept = open_decisions(connection, "p1")[0]
        respond(
            connection,
            "r",
            kept.id,
            "refuse",
            who="t1",
            role="therapist",
            at_us=1_774_090_000_000_000,
            why="later",
        )
    store.close()
    text = out("explain", "--athlete", "p1", "--store", url)
    assert "refused\n" in text
    assert "refuse by t1, 2026-03-21 10:46 UTC: later" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "--athlete", "p9"), "is nobody"),
        (("show", "--athlete", "p1", "--day", "soon"), "expected a day"),
        (("explain", "--athlete", "p9"), "has no decision"),
        (("explain", "--decision", "zz%"), "no decision has this id"),
        (("explain",), "expected --athlete or --decision"),
    ],
)
def test_bad_input_is_one_line(url: str, words: tuple[str, ...], said: str) -> None:
    assert said in out(*words, "--store", url, status=2)
