"""Commands: who may ask for what, and that a request counts once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hub_parts import NOW_US, ask, at, begin, enrolment, payloads, prescribed
from sqlalchemy import func, select

from eccentra.commands import CommandError
from eccentra.hub.announce import LOCKED, due, plan_of, published
from eccentra.hub.take import take
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.decisions import in_force, open_decisions
from eccentra.store.people import Said, take_report

MINUTE = 60_000_000


def waiting(store: Store, person: str = "p1") -> tuple[str, dict[str, Any]]:
    with store.read() as connection:
        (kept,) = open_decisions(connection, person)
    return kept.id, msgspec.json.decode(kept.output)


def trained(store: Store, mode: str = "prevention") -> tuple[str, dict[str, Any]]:
    begin(store, mode=mode)
    take(store, payloads("s1"), now_us=NOW_US)
    return waiting(store)


def test_a_proposal_is_accepted_once(store: Store) -> None:
    name, out = trained(store, "clinic")
    assert out["action"] == "PROGRESS"
    asked = {"decision": name, "who": "t1"}
    assert ask(store, "accept", "r1", NOW_US, **asked) == ("done", "done")
    assert ask(store, "accept", "r1", NOW_US, **asked) == ("done", "again")
    assert ask(store, "accept", "r2", NOW_US, **asked) == ("refused", "not_open")
    with store.read() as connection:
        held = in_force(connection, "p1", "nordic-curl")
        plan = plan_of(connection, "p1")
    assert held is not None
    assert held.level == 1
    assert plan.items[0].decision == name
    assert plan.items[0].reason == out["reason"]


def test_who_may_answer(store: Store) -> None:
    name, _ = trained(store, "clinic")
    for who, role in (("t9", "therapist"), ("p1", "athlete"), ("p2", "athlete")):
        asked = {"decision": name, "who": who, "role": role}
        assert ask(store, "accept", f"r-{who}", NOW_US, **asked) == ("refused", "not_allowed")
    assert ask(store, "accept", "r", NOW_US, decision="none", who="t1") == ("refused", "unknown_decision")
    assert ask(store, "refuse", "r5", NOW_US, decision=name, who="t1", reason="tired") == ("done", "done")


def test_an_athlete_answers_alone_for_prevention_and_for_nobody_else(store: Store) -> None:
    trained(store)
    said = (("before", at(-0.02), Said(pain=0.0, soreness=0.0)), ("next_morning", at(0.9), Said(pain=0.0)))
    with store.write() as connection:
        for kind, when, what in said:
            take_report(connection, kind, "p1", what, kind=kind, at_us=when, session="s1")  # type: ignore[arg-type]
    ask(store, "report", "r0", at(0.9), athlete="p1", note="slept well", kind="note")
    name, out = waiting(store)
    assert not out["needs_approval"]
    asked = {"decision": name, "role": "athlete"}
    assert ask(store, "accept", "r1", NOW_US, who="p2", **asked) == ("refused", "not_allowed")
    assert ask(store, "accept", "r2", NOW_US, who="p1", **asked) == ("done", "done")


def test_an_edit_with_a_missing_field_is_refused_and_changes_nothing(store: Store) -> None:
    name, _ = trained(store, "clinic")
    whole = prescribed()["prescription"]
    short = {key: value for key, value in whole.items() if key != "rest_sets_s"}
    asked = {"decision": name, "who": "t1"}
    assert ask(store, "edit", "r1", NOW_US, prescription=short, **asked) == ("refused", "bad_prescription")
    assert waiting(store)[0] == name
    whole |= {"reps": 4, "tut_s": 12.0}
    assert ask(store, "edit", "r2", NOW_US, prescription=whole, **asked) == ("done", "done")
    with store.read() as connection:
        held = in_force(connection, "p1", "nordic-curl")
    assert held is not None
    assert held.prescription.reps == 4


def test_a_red_flag_locks_the_plan_until_a_therapist_unlocks(store: Store) -> None:
    """Also before the first session, and whatever the athlete answers."""
    begin(store)
    assert ask(store, "report", "r1", NOW_US, athlete="p1", red_flag="pop") == ("done", "done")
    name, out = waiting(store)
    assert (out["row"], out["locked"]) == (1, True)
    with store.read() as connection:
        plan = plan_of(connection, "p1")
    assert (plan.locked, plan.message) == (True, LOCKED)
    asked = {"decision": name, "who": "p1", "role": "athlete"}
    for verb in ("accept", "refuse"):
        assert ask(store, verb, f"r-{verb}", NOW_US, **asked) == ("refused", "locked")
    assert ask(store, "unlock", "r2", NOW_US, **asked) == ("refused", "not_allowed")
    assert ask(store, "unlock", "r3", NOW_US + MINUTE, decision=name, who="t1") == ("done", "done")
    with store.read() as connection:
        assert not plan_of(connection, "p1").locked
    again = ask(store, "report", "r4", NOW_US + 2 * MINUTE, athlete="p1", red_flag="pop")
    assert again == ("done", "done")
    with store.read() as connection:
        assert plan_of(connection, "p1").locked


def test_reports_carry_everything_and_count_once(store: Store) -> None:
    begin(store)
    take(store, payloads("s1"), now_us=NOW_US)
    first, _ = waiting(store)
    said = {
        "athlete": "p1",
        "kind": "next_morning",
        "session": "s1",
        "pain": 3.0,
        "soreness": 2.0,
        "rir": 2.0,
        "confidence": 7.0,
        "analgesic": True,
        "prom": "slk",
        "version": "1",
        "scores": {"total": 55.0},
        "note": "stiff",
    }
    assert ask(store, "report", "r1", NOW_US, **said) == ("done", "done")
    second, _ = waiting(store)
    assert second != first
    assert ask(store, "report", "r1", NOW_US + MINUTE, **said) == ("done", "done")
    assert waiting(store)[0] == second
    with store.read() as connection:
        bodies = connection.execute(
            select(tables.reported.c.body).where(tables.reported.c.id == "r1")
        ).scalars()
        (body,) = [msgspec.json.decode(one) for one in bodies]
    assert {key: body[key] for key in said if key not in ("athlete", "kind", "session")} == {
        key: value for key, value in said.items() if key not in ("athlete", "kind", "session")
    }


@pytest.mark.parametrize("done", [True, False])
def test_a_warm_up_is_recorded_as_done_or_not(store: Store, done: bool) -> None:
    begin(store)
    assert ask(store, "report", "r1", NOW_US, athlete="p1", kind="before", warm_up=done) == ("done", "done")
    with store.read() as connection:
        body = connection.execute(select(tables.reported.c.body)).scalar_one()
    assert msgspec.json.decode(body)["warm_up"] is done


def test_a_report_of_somebody_unknown_is_kept(store: Store) -> None:
    assert ask(store, "report", "r1", NOW_US, athlete="new", pain=1.0) == ("done", "done")
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.reported)).scalar() == 1


def test_a_report_about_somebody_elses_session_is_refused(store: Store) -> None:
    take(store, payloads("s1", "p2"), now_us=NOW_US)
    asked = {"athlete": "p1", "session": "s1", "pain": 1.0}
    assert ask(store, "report", "r1", NOW_US, **asked) == ("refused", "wrong_session")


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("report", {"athlete": "p1", "pain": 11}),
        ("report", {"athlete": "p1", "pain": -0.1}),
        ("report", {"athlete": "p1", "pain": "3"}),
        ("report", {"athlete": "p1"}),
        ("report", {"athlete": "Anna B", "pain": 1}),
        ("report", {"athlete": "p1", "prom": "slk"}),
        ("enrol", {**enrolment(), "stage": 5}),
        ("accept", {"decision": "d"}),
        ("suggestions", {"who": "t1"}),
        ("dance", {}),
    ],
)
def test_impossible_values_are_refused(store: Store, verb: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        ask(store, verb, "r", NOW_US, **arguments)


def test_only_therapists_enrol_prescribe_and_switch_suggestions(store: Store) -> None:
    stranger = {"who": "x"}
    for verb, arguments in (
        ("enrol", enrolment() | stranger),
        ("prescribe", prescribed() | stranger),
        ("suggestions", {"on": True, "who": "x"}),
    ):
        assert ask(store, verb, f"r-{verb}", NOW_US, **arguments) == ("refused", "not_allowed")
    assert ask(store, "prescribe", "r", NOW_US, **prescribed()) == ("refused", "unknown_athlete")
    bad = enrolment() | {"programme": enrolment()["programme"] | {"template": "no-such"}}
    assert ask(store, "enrol", "r9", NOW_US, **bad)[0] == "refused"


# -- what is published ---------------------------------------------------------------------------------------


def kinds(store: Store) -> list[str]:
    return [one.topic.removeprefix("eccentra/v1/home/hub/") for one in due(store, "home", "hub", 100)]


def test_in_a_clinic_proposals_are_published_only_when_a_therapist_wants_them(store: Store) -> None:
    name, _ = trained(store, "clinic")
    assert kinds(store) == ["athlete/p1/plan"]
    ask(store, "suggestions", "r1", NOW_US, on=True, who="t1")
    assert kinds(store) == ["athlete/p1/plan", "hub/event/plan"]
    messages = due(store, "home", "hub", 100)
    assert msgspec.json.decode(messages[1].payload)["id"] == name
    published(store, messages, now_us=NOW_US)
    assert kinds(store) == []
    ask(store, "accept", "r2", NOW_US, decision=name, who="t1")
    assert kinds(store) == ["athlete/p1/plan", "hub/event/answer"]


def test_a_plan_that_changed_on_its_way_is_due_again(store: Store) -> None:
    begin(store)
    on_its_way = due(store, "home", "hub", 100)
    ask(store, "report", "r1", NOW_US, athlete="p1", red_flag="pop")
    published(store, on_its_way, now_us=NOW_US)
    plan, _ = due(store, "home", "hub", 100)
    assert msgspec.json.decode(plan.payload)["locked"] is True
