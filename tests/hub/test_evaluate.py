"""From results to a decision, to an answer, to the next prescription."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eccentra.errors import PlanError
from eccentra.events import (
    Event,
    Numbered,
    RepCompleted,
    Repetition,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.hub.evaluate import changed_by_hand, decided, evaluate, moment_of
from eccentra.hub.respond import respond
from eccentra.mqtt.contract import event_message
from eccentra.plan.prescription import parse_prescription
from eccentra.plan.starting import programme_prescription
from eccentra.store.database import Store, open_store
from eccentra.store.decisions import Kept, in_force, open_decisions, prescribe
from eccentra.store.people import Person, ProgrammeRun, Said, put_person, put_programme, take_report
from eccentra.store.taking import read_event, take_events
from results import metric

DAY = 86_400_000_000
START = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)


def at(day: float) -> int:
    return round(START.timestamp() * 1e6 + day * DAY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'results.sqlite'}")
    yield opened
    opened.close()


def begin(store: Store, mode: str = "clinic", template: str | None = "mjolsnes-2004") -> None:
    first = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    with store.write() as connection:
        put_person(
            connection,
            Person(id="p1", mode=mode, profile="prevention", stage=3, since=START.date()),  # type: ignore[arg-type]
        )
        put_programme(
            connection,
            ProgrammeRun(id="run", person="p1", started=START.date(), weeks=10, template=template),
        )
        prescribe(connection, "p1", first, at_us=at(-1), who="t1")


def train(store: Store, day: float, *, reps: int = 10, pain: float = 0.0, rpe: float = 6.0) -> str:
    """A session of good repetitions with the scores around it."""
    name = f"s{round(day * 10)}"
    events: list[Event] = [
        SessionStarted(t_us=0, exercise="nordic-curl", sensors={"a": "thigh"}, software="x", athlete="p1")
    ]
    for k in range(1, reps + 1):
        one = Repetition(
            set_index=1,
            index=k,
            start_us=k * 1_000_000,
            end_us=k * 1_000_000,
            decided_us=k * 1_000_000,
            valid=True,
            reasons=(),
            phases=(),
            metrics={
                "tut_s": metric(3.0),
                "rom_deg": metric(90.0),
                "quality_score": metric(90.0),
                "eccentric_s": metric(3.0),
            },
        )
        events.append(RepCompleted(t_us=one.end_us, rep=one))
    events.append(
        SetCompleted(
            t_us=100,
            set_index=1,
            start_us=0,
            end_us=100_000_000,
            decided_us=1,
            reps_counted=reps,
            reps_valid=reps,
            metrics={},
        )
    )
    events.append(SessionEnded(t_us=200, why="stop", sets=1, reps=reps))
    base = START + dt.timedelta(days=day)
    batch = []
    for k, one_event in enumerate(events, 1):
        time = (base + dt.timedelta(seconds=k)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        numbered = Numbered(session=name, seq=k, time=time, event=one_event)
        batch.append(read_event(event_message(numbered, "/eccentra/a/b")[1]))
    with store.write() as connection:
        take_events(connection, batch)
        for kind, hours, said in (
            ("before", -0.5, Said(pain=0.0, soreness=0.0)),
            ("during", 0.1, Said(pain=pain)),
            ("after", 0.2, Said(rpe=rpe)),
        ):
            take_report(
                connection,
                f"{name}:{kind}",
                "p1",
                said,
                kind=kind,  # type: ignore[arg-type]
                at_us=at(day + hours / 24.0),
                session=name,
            )
    return name


def morning(store: Store, session: str, day: float, pain: float = 0.0) -> None:
    with store.write() as connection:
        take_report(
            connection,
            f"{session}:morning",
            "p1",
            Said(pain=pain),
            kind="next_morning",
            at_us=at(day + 0.9),
            session=session,
        )


def judge(store: Store, session: str) -> tuple[Kept, dict[str, Any]]:
    with store.write() as connection:
        now = moment_of(connection, "p1", "nordic-curl")
        assert now is not None
        evaluate(connection, "p1", "nordic-curl", now_us=now, session=session)
        kept = open_decisions(connection, "p1")[-1]
    return kept, msgspec.json.decode(kept.output)


def test_the_loop_closes(store: Store) -> None:
    begin(store)
    name = train(store, 0)
    kept, out = judge(store, name)
    assert (out["row"], out["action"], out["provisional"]) == (16, "PROGRESS", True)
    morning(store, name, 0)
    second, out = judge(store, name)
    assert (out["action"], out["provisional"], second.supersedes) == ("PROGRESS", False, kept.id)
    with store.write() as connection:
        refused = respond(connection, "r0", second.id, "accept", who="p1", role="athlete", at_us=at(1))
        assert (refused.status, refused.reason) == ("refused", "not_allowed")
        late = respond(connection, "r1", kept.id, "accept", who="t1", role="therapist", at_us=at(1))
        assert late.reason == "not_open"
        done = respond(connection, "r2", second.id, "accept", who="t1", role="therapist", at_us=at(1))
        assert done.prescription is not None
        again = respond(connection, "r2", second.id, "accept", who="t1", role="therapist", at_us=at(2))
        assert again.reason in ("again", "not_open")
        held = in_force(connection, "p1", "nordic-curl")
    assert held is not None
    assert (held.level, held.prescription.sets, held.prescription.reps) == (1, 2, 6)
    assert held.prescription.approved_by == "t1"


def test_a_bad_morning_takes_the_step_back(store: Store) -> None:
    begin(store)
    name = train(store, 0)
    judge(store, name)
    morning(store, name, 0, pain=3.0)
    _, out = judge(store, name)
    assert (out["row"], out["action"]) == (3, "REGRESS")


def test_the_same_state_gives_the_same_decision_once(store: Store) -> None:
    begin(store)
    name = train(store, 0)
    first, _ = judge(store, name)
    second, _ = judge(store, name)
    assert first.id == second.id


def test_a_red_flag_locks_until_a_therapist_unlocks(store: Store) -> None:
    begin(store)
    name = train(store, 0)
    with store.write() as connection:
        take_report(connection, "f", "p1", Said(red_flag="pop"), kind="note", at_us=at(0.5))
    kept, out = judge(store, name)
    assert (out["row"], out["locked"]) == (1, True)
    with store.write() as connection:
        assert (
            respond(connection, "a", kept.id, "accept", who="t1", role="therapist", at_us=at(1)).reason
            == "locked"
        )
        assert (
            respond(connection, "b", kept.id, "unlock", who="p1", role="athlete", at_us=at(1)).reason
            == "not_allowed"
        )
        assert (
            respond(connection, "c", kept.id, "unlock", who="t1", role="therapist", at_us=at(1)).status
            == "done"
        )
    name = train(store, 3)
    _, out = judge(store, name)
    assert out["row"] == 16


@pytest.mark.parametrize("wrong", [{"exercise": "gone"}, {"template": "gone", "template_week": 1}])
def test_a_red_flag_locks_whatever_else_cannot_be_used(wrong: dict[str, Any]) -> None:
    done = {"date": "2026-03-02", "hours_since": 1.0, "valid_reps": 9, "confidence": "ok", "red_flags": []}
    document: dict[str, Any] = {
        "schema": "eccentra.decision-input/1", "mode": "clinic", "profile": "prevention", "stage": 3,
        "exercise": "nordic-curl", "days_since_last": 0.0, "prescription": {}, "target": {"rpe": 6.0},
        **wrong,
    }  # fmt: skip
    out = decided({**document, "sessions": [{**done, "red_flags": ["pop"]}]})
    assert (out["row"], out["action"], out["locked"]) == (1, "REFER", True)
    assert any("cannot be used" in note for note in out["notes"])
    with pytest.raises(PlanError):
        decided({**document, "sessions": [done]})


def test_the_athlete_accepts_alone_for_prevention(store: Store) -> None:
    begin(store, mode="prevention")
    name = train(store, 0)
    morning(store, name, 0)
    kept, out = judge(store, name)
    assert not out["needs_approval"]
    with store.write() as connection:
        done = respond(connection, "r", kept.id, "accept", who="p1", role="athlete", at_us=at(1))
    assert done.prescription is not None
    assert done.prescription.level == 1


def test_a_step_down_of_one_exercise_leaves_the_others_alone(store: Store) -> None:
    begin(store)
    other = programme_prescription(
        "hsr-12-weeks", "plank", 1, {"load_kg": 0.0}, author="t1", approved_by="t1", stage=3
    )
    with store.write() as connection:
        prescribe(connection, "p1", other, at_us=at(-1), who="t1")
        before = in_force(connection, "p1", "plank")
    name = train(store, 0, pain=5.0)
    kept, out = judge(store, name)
    assert out["action"] == "STOP"
    with store.write() as connection:
        assert respond(
            connection, "r", kept.id, "accept", who="t1", role="therapist", at_us=at(1)
        ).prescription
        assert in_force(connection, "p1", "plank") == before
        assert evaluate(connection, "p1", "plank") is None


def test_an_edit_is_a_whole_prescription(store: Store) -> None:
    begin(store)
    name = train(store, 0)
    kept, _ = judge(store, name)
    with store.write() as connection:
        held = in_force(connection, "p1", "nordic-curl")
        assert held is not None
        whole = msgspec.json.decode(msgspec.json.encode(held.prescription))
        short = {key: value for key, value in whole.items() if key != "rest_sets_s"}
        bad = respond(connection, "x", kept.id, "edit", who="t1", role="therapist", at_us=at(1), edited=short)
        assert (bad.reason, "rest_sets_s" in bad.message) == ("bad_prescription", True)
        whole |= {"reps": 4, "tut_s": 12.0}
        done = respond(
            connection,
            "y",
            kept.id,
            "edit",
            who="t1",
            role="therapist",
            at_us=at(1),
            edited=whole,
            why="tired",
        )
        assert done.prescription is not None
        assert done.prescription.prescription.reps == 4


def test_what_a_therapist_changed_is_judged_by_sessions_with_it(store: Store) -> None:
    begin(store, template=None)
    for day in (15, 18):
        name = train(store, day)
        morning(store, name, day)
    kept, out = judge(store, name)
    assert out["action"] == "PROGRESS"
    with store.write() as connection:
        held = in_force(connection, "p1", "nordic-curl")
        assert held is not None
        whole = msgspec.json.decode(msgspec.json.encode(held.prescription)) | {"reps": 4, "tut_s": 12.0}
        asked: dict[str, Any] = {"who": "t1", "role": "therapist", "at_us": at(19)}
        refused = respond(connection, "x", kept.id, "refuse", **asked)
        assert refused.status == "done"
        assert changed_by_hand(connection, "p1", held.prescription) == 0
        changed = parse_prescription(whole, "t")
        assert changed_by_hand(connection, "p1", changed) == 1
        prescribe(connection, "p1", changed, at_us=at(19), who="t1", step=1)
        take_report(connection, "b", "p1", Said(pain=0.0), kind="before", at_us=at(20))
    _, out = judge(store, name)
    assert (out["row"], out["action"]) == (17, "HOLD")
    assert "no session at this level yet" in out["reason"]


def test_nothing_prescribed_nothing_decided(store: Store) -> None:
    with store.write() as connection:
        assert evaluate(connection, "nobody", "nordic-curl", now_us=1) is None
        assert moment_of(connection, "nobody", "nordic-curl") is None
