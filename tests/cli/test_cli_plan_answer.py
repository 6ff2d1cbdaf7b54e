"""``plan enrol``, ``prescribe``, ``accept``, ``edit``, ``refuse``, ``unlock``, ``suggestions``, typed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from test_cli_plan_calendar import toml
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.hub.take import decide_about
from eccentra.plan.starting import programme_prescription
from eccentra.store.announcing import suggestions_on
from eccentra.store.database import Store, open_store
from eccentra.store.decisions import in_force, open_decisions
from eccentra.store.people import current_programme, person
from eccentra.store.taking import read_event, take_events
from results import payloads

RUN = CliRunner()
BEGIN = ("--athlete", "p1", "--who", "t1")


class Plan:
    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'results.sqlite'}"
        self.store: Store = open_store(self.url)

    def said(self, *words: str, status: int = 0) -> str:
        found = RUN.invoke(app, ["plan", *words, "--store", self.url])
        assert found.exit_code == status, found.output
        return found.output

    def begin(self) -> None:
        self.said("enrol", *BEGIN, "--since", "2026-03-01", "--programme", "mjolsnes-2004")
        week = ("--programme", "mjolsnes-2004", "--exercise", "nordic-curl", "--load", "added_pct_bm=0")
        assert "is prescribed" in self.said("prescribe", *BEGIN, *week)

    def decided(self) -> str:
        """A session was done; the id of the decision about it."""
        with self.store.write() as connection:
            take_events(connection, [read_event(one) for one in payloads()])
            decide_about(connection, "p1", until_us=1 << 60)
            (kept,) = open_decisions(connection, "p1")
        return kept.id


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path)


def test_goals_are_shown_in_the_persons_words(plan: Plan) -> None:
    goals = ("--goal", "play the cup final", "--goal", "sit through a film")
    plan.said("enrol", *BEGIN, "--programme", "mjolsnes-2004", *goals)
    plan.said("enrol", *BEGIN, "--stage", "3")  # what is not said again stays
    shown = plan.said("show", "--athlete", "p1")
    assert "goal: play the cup final\ngoal: sit through a film\nmjolsnes-2004, week 1 of 10" in shown
    assert "goals" in plan.said("enrol", *BEGIN, "--goal", "x" * 301, status=2)


def test_a_database_of_a_newer_version_is_bad_input(plan: Plan) -> None:
    with plan.store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    said = plan.said("show", "--athlete", "p1", status=2)
    assert "newer version of Eccentra" in said
    assert "update Eccentra" in said


def test_a_person_begins_a_programme(plan: Plan) -> None:
    plan.begin()
    with plan.store.read() as connection:
        one, run = person(connection, "p1"), current_programme(connection, "p1")
        assert one is not None
        assert run is not None
        assert (one.mode, one.stage, run.template) == ("clinic", 4, "mjolsnes-2004")
        found = in_force(connection, "p1", "nordic-curl")
        assert found is not None
        assert found.prescription.author == "t1"


def test_a_decision_is_accepted_once(plan: Plan) -> None:
    plan.begin()
    name = plan.decided()
    assert plan.said("accept", name, "--who", "t1", "--reason", "fits")
    assert "plan accept" in plan.said("accept", "nobody", "--who", "t1", status=2)
    with plan.store.read() as connection:
        assert open_decisions(connection, "p1") == []


def test_a_decision_is_refused_or_edited(plan: Plan, tmp_path: Path) -> None:
    plan.begin()
    name = plan.decided()
    changed = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 2, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=4
    )
    raw = msgspec.to_builtins(changed)
    path = tmp_path / "other.toml"
    lines = [f"{key} = {toml(raw[key])}" for key in raw if raw[key] is not None]
    path.write_text("\n".join(["[[prescription]]", *lines]))
    plan.said("edit", name, "--file", str(path), "--who", "t1")
    with plan.store.read() as connection:
        found = in_force(connection, "p1", "nordic-curl")
        assert found is not None
        assert found.prescription.sets == changed.sets
    assert "plan refuse" in plan.said("refuse", name, "--who", "t1", status=2)


def test_a_red_flag_is_unlocked_by_a_therapist(plan: Plan) -> None:
    plan.begin()
    plan.said("say", "--athlete", "p1", "--red-flag", "pop")
    with plan.store.read() as connection:
        (kept,) = open_decisions(connection, "p1")
    assert "unlock" in plan.said("unlock", kept.id, "--who", "p1", "--as", "athlete", status=2)
    plan.said("unlock", kept.id, "--who", "t1", "--reason", "looked at")
    with plan.store.read() as connection:
        assert open_decisions(connection, "p1") == []


def test_suggestions_are_switched(plan: Plan) -> None:
    plan.said("suggestions", "on", "--who", "t1")
    with plan.store.read() as connection:
        assert suggestions_on(connection)
    plan.said("suggestions", "off", "--who", "t1")
    with plan.store.read() as connection:
        assert not suggestions_on(connection)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("enrol", "--athlete", "p1"), "--who"),
        (("enrol", *BEGIN, "--mode", "x"), "mode"),
        (("enrol", *BEGIN, "--programme", "x"), "no such programme"),
        (("enrol", *BEGIN, "--since", "yesterday"), "since"),
        (("prescribe", *BEGIN), "give --file, or --programme"),
        (("prescribe", *BEGIN, "--programme", "mjolsnes-2004"), "--exercise"),
        (
            ("prescribe", *BEGIN, "--programme", "mjolsnes-2004", "--exercise", "nordic-curl"),
            "expected NAME=VALUE",
        ),
        (("suggestions", "maybe", "--who", "t1"), "expected on or off"),
        (("accept", "x", "--who", "Anna B"), "expected an id"),
    ],
)
def test_what_cannot_be_is_one_line(plan: Plan, words: tuple[str, ...], says: str) -> None:
    text = plan.said(*words, status=2)
    assert says in text
    assert "Traceback" not in text
