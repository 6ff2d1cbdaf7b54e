"""Checks of the calendar are kept and published by the hub; so are answers to decisions."""

from __future__ import annotations

from typing import Any

import msgspec
from hub_parts import ask, at, begin, payloads
from mqtt_parts import check_message

from eccentra.hub.announce import due, published
from eccentra.hub.checking import keep_checks
from eccentra.hub.take import take
from eccentra.store.database import Store
from eccentra.store.decisions import open_decisions
from eccentra.store.reviews import answer_review


def messages(store: Store, channel: str) -> list[dict[str, Any]]:
    """Those of a channel, taken by the broker at once."""
    out = [one for one in due(store, "home", "hub", 100) if one.topic.endswith(f"/hub/event/{channel}")]
    published(store, out, now_us=at(40))
    for one in out:
        check_message(one.topic, one.payload)
    return [msgspec.json.decode(one.payload)["data"] for one in out]


def kept(store: Store, day: float) -> int:
    return keep_checks(store, now_us=at(day))["checks"]


def test_checks_are_kept_and_published_once(store: Store) -> None:
    begin(store)
    take(store, payloads("s1"), now_us=at(1))
    assert (kept(store, 6.5), messages(store, "review")) == (0, [])
    assert (kept(store, 15), kept(store, 15)) == (2, 0)
    found = messages(store, "review")
    assert [(one["check"], one["due"]) for one in found] == [
        ("week-1", "2026-03-09"),
        ("week-2", "2026-03-16"),
    ]
    assert any("dose" in text or "session" in text for one in found for text in one["findings"])
    assert messages(store, "review") == []
    with store.write() as connection:
        answer_review(connection, "p1", "week-3", outcome="look", who="t1", at_us=at(22))
    # somebody looked before the hub did: nothing is due any more
    assert (kept(store, 22), messages(store, "review")) == (0, [])


def test_in_a_clinic_checks_are_published_when_a_therapist_wants_it(store: Store) -> None:
    begin(store, mode="clinic")
    assert (kept(store, 8), messages(store, "review")) == (1, [])
    ask(store, "suggestions", "s", at(8), on=True, who="t1")
    assert [one["check"] for one in messages(store, "review")] == ["week-1"]


def test_answers_are_published_once(store: Store) -> None:
    begin(store, mode="clinic")
    take(store, payloads("s1"), now_us=at(1))
    with store.read() as connection:
        (one,) = open_decisions(connection, "p1")
    assert messages(store, "answer") == []
    for _ in range(2):
        assert ask(store, "refuse", "r1", at(1), decision=one.id, who="t1", reason="tired")[0] == "done"
    (said,) = messages(store, "answer")
    assert said == {
        "event_type": "plan.answered",
        "decision": one.id,
        "athlete": "p1",
        "exercise": "nordic-curl",
        "verdict": "refuse",
        "who": "t1",
        "role": "therapist",
        "reason": "tired",
    }
    assert messages(store, "answer") == []
