"""``review``: a therapist goes through the sets of a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.cli import review as command
from eccentra.store import tables
from eccentra.store.database import open_store
from eccentra.store.notes import notes_of
from eccentra.store.reading import sessions_for_plan
from eccentra.store.taking import read_event, take_events
from results import payloads

RUN = CliRunner()


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'results.sqlite'}"
    store = open_store(url)
    with store.write() as connection:
        take_events(connection, [read_event(one) for one in payloads()])
    store.close()
    return url


def out(url: str, *words: str, status: int = 0) -> str:
    found = RUN.invoke(app, ["review", "s1", *words, "--store", url])
    assert found.exit_code == status, found.output
    return found.output


def kinds(url: str) -> list[tuple[str, int | None, int | None, str]]:
    store = open_store(url)
    with store.read() as connection:
        found = [(one.kind, one.set_index, one.rep_index, one.who) for one in notes_of(connection, "s1")]
        books = connection.execute(select(tables.audit.c.what, tables.audit.c.who)).all()
    store.close()
    # every note stands in the book of who did what
    assert all((kind, who) in [tuple(row) for row in books] for kind, _, _, who in found)
    return found


def reps(url: str) -> list[tuple[int, bool]]:
    store = open_store(url)
    with store.read() as connection:
        one = sessions_for_plan(connection, "p1", "nordic-curl")[0]
    store.close()
    return [(rep.index, rep.valid) for rep in one.reps]


def test_a_session_is_shown_with_what_was_taken_back(url: str) -> None:
    text = out(url)
    assert "Session s1: p1, nordic-curl, 2026-03-20 10:00 UTC, supervised: not stated" in text
    assert "Set 1: 2 repetitions, 2 valid, 8.0 s under tension" in text
    assert "  2  tension 4.0 s, lowering 3.0 s, taken back" in text
    assert kinds(url) == []


def test_options_accept_annotate_and_amend(url: str) -> None:
    assert "accept by t1" in out(url, "--who", "t1", "--set", "1", "--accept")
    assert ": hips back" in out(url, "--who", "t1", "--set", "1", "--rep", "3", "--note", "hips back")
    text = out(url, "--who", "t2", "--set", "1", "--rep", "3", "--does-not-count", "--note", "a step")
    assert "AMENDED: does not count (a step)" in text
    assert kinds(url) == [("accept", 1, None, "t1"), ("note", 1, 3, "t1"), ("amend", 1, 3, "t2")]
    assert reps(url) == [(1, True)]
    out(url, "--who", "t2", "--set", "1", "--rep", "1", "--not-valid")
    assert reps(url) == [(1, False)]


def test_who_was_there(url: str) -> None:
    assert "supervised: in person" in out(url, "--who", "t1", "--supervised", "in_person")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "1", "--accept"), "every note has an author"),
        (("--who", "Anna B", "--accept"), "no name"),
        (("--who", "t1", "--not-valid"), "needs --set and --rep"),
        (("--who", "t1", "--rep", "1", "--note", "x"), "needs --set"),
        (("--who", "t1", "--set", "7", "--note", "x"), "has no set 7"),
        (("--who", "t1", "--supervised", "maybe"), "expected in_person"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_noted(url: str, words: tuple[str, ...], said: str) -> None:
    assert said in out(url, *words, status=2)
    assert kinds(url) == []


def test_an_unknown_session(url: str) -> None:
    found = RUN.invoke(app, ["review", "s9", "--store", url])
    assert found.exit_code == 2
    assert "no such session" in found.output


def test_on_a_terminal_set_by_set(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["n slower next time", "x 3 a step", "x 9", "what", "a", ""])
    monkeypatch.setattr(command, "_typed", lambda _: next(typed))
    terminal = type("Terminal", (), {"isatty": lambda self: True})()
    monkeypatch.setattr(sys, "stdin", terminal)
    said: list[str] = []
    monkeypatch.setattr(command.typer, "echo", lambda line="", **_: said.append(line))
    command.review("s1", who="t1", set_index=None, rep=None, accept=False, note=None, counted=None,
                   valid=None, supervised=None, store=url)  # fmt: skip
    assert [kind for kind, *_ in kinds(url)] == ["note", "amend", "accept"]
    assert any("has no repetition 9" in line for line in said)
    assert any("is not understood" in line for line in said)
    assert next(typed, None) is None
