"""``plan check``, ``outcome``, ``return`` and ``end``."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.plan.return_list import ITEMS
from eccentra.plan.starting import programme_prescription
from eccentra.store.database import open_store
from eccentra.store.people import Person, ProgrammeRun, current_programme, put_person, put_programme

RUN = CliRunner()
FIRST = programme_prescription(
    "hsr-12-weeks", "leg-curl", 1, {"load_kg": 20.0}, author="t1", approved_by="t1", stage=3
)


def out(*words: str, status: int = 0) -> str:
    found = RUN.invoke(app, ["plan", *words])
    assert found.exit_code == status, found.output
    return found.output


def written(folder: Path, leave_out: str = "") -> str:
    raw = msgspec.to_builtins(FIRST)
    lines = [f"{key} = {toml(raw[key])}" for key in raw if raw[key] is not None and key != leave_out]
    path = folder / "plan.toml"
    path.write_text("\n".join(["[[prescription]]", *lines]))
    return str(path)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(one)}' for key, one in value.items() if one is not None)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    return msgspec.json.encode(value).decode()


def test_check_tells_what_advice_says(tmp_path: Path) -> None:
    text = out("check", written(tmp_path), "--profile", "tendinopathy", "--warm-up")
    assert "warning: no hip exercise" in text
    assert "warning: no trunk exercise" in text
    assert "1 prescriptions, each whole; 3 to look at" in text
    assert "0 to look at" in out("check", written(tmp_path))


def test_check_refuses_what_is_incomplete(tmp_path: Path) -> None:
    text = out("check", written(tmp_path, "rest_sets_s"), status=2)
    assert "incomplete" in text
    assert "rest_sets_s" in text
    assert "expected one of" in out("check", written(tmp_path), "--profile", "x", status=2)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Two weeks and a half into a programme for a tendon."""
    url = f"sqlite:///{tmp_path / 'results.sqlite'}"
    begun = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=18)
    store = open_store(url)
    with store.write() as connection:
        put_person(connection, Person(id="p1", mode="clinic", profile="tendinopathy", stage=3, since=begun))
        put_programme(connection, ProgrammeRun(id="run", person="p1", started=begun, weeks=12))
    store.close()
    return url


def test_a_therapist_says_what_came_out(url: str) -> None:
    given = ("--athlete", "p1", "--store", url)
    assert "day-14" in out("show", *given)
    text = out("outcome", *given, "--check", "day-14", "--outcome", "improved", "--who", "t1")
    assert text == "day-14: improved noted; the data say unknown\n"
    assert "day-14" not in out("show", *given)
    assert "an author" in out("outcome", *given, "--check", "day-14", "--outcome", "improved", status=2)
    wrong = out("outcome", *given, "--check", "day-28", "--outcome", "met", "--who", "t1", status=2)
    assert "no check 'day-28' is due" in wrong


def test_the_list_of_the_return(url: str) -> None:
    given = ("--athlete", "p1", "--store", url)
    assert "locked until" in out("return", *given)
    assert "is locked until" in out("return", *given, "--tick", "readiness", "--who", "t1", status=2)
    assert "opened early by t1: was 24 weeks in care" in out(
        "return", *given, "--open-early", "was 24 weeks in care", "--who", "t1"
    )
    for item in ITEMS:
        text = out("return", *given, "--tick", item, "--who", "t1")
    assert "all 10 items ticked; the decision is your clinician's" in text
    assert not re.search(r"\bfit\b|cleared|safe to return", text)
    assert "step to sport by t1" in out("return", *given, "--step", "sport", "--who", "t1")
    assert "9 of 10" in out("return", *given, "--untick", "readiness", "--who", "t1")
    assert "expected participation" in out("return", *given, "--step", "war", "--who", "t1", status=2)


def test_an_end_before_its_time_needs_a_reason(url: str) -> None:
    given = ("--athlete", "p1", "--store", url, "--who", "t1")
    assert "say why" in out("end", *given, status=2)
    assert "ended early: it ends after 2.6 of 12 weeks" in out("end", *given, "--reason", "moved away")
    store = open_store(url)
    with store.read() as connection:
        assert current_programme(connection, "p1") is None
    store.close()
