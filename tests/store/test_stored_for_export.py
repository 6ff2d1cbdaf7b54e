"""What is exported of a person is what the database holds, in whatever order it came."""

from __future__ import annotations

import datetime as dt

from eccentra.export.stored import stored_of
from eccentra.store.database import Store
from eccentra.store.people import Person, Said, put_person, take_report
from eccentra.store.taking import read_event, take_events
from results import payloads


def test_a_person_and_nobody_else(store: Store) -> None:
    events = [read_event(one) for one in payloads("s1")]
    with store.write() as connection:
        for who in ("p1", "p2"):
            since = dt.date(2026, 3, 1)
            put_person(
                connection, Person(id=who, mode="clinic", profile="acute_strain", stage=3, since=since)
            )
            take_report(connection, f"b-{who}", who, Said(pain=2.0), kind="before", at_us=1)
        for one in reversed(events):
            take_events(connection, [one])
        take_report(connection, "m1", "p1", Said(pain=1.0), kind="next_morning", at_us=2, session="s1")
    with store.read() as connection:
        found, other = stored_of(connection, "p1"), stored_of(connection, "p2")
        assert stored_of(connection, "p3") is None
    assert found is not None
    assert other is not None
    assert other.sessions == ()
    assert [one.id for one in other.reports] == ["b-p2"]
    (session,) = found.sessions
    assert (session.id, session.person, session.why_ended) == ("s1", "p1", "stop")
    # what was said in the session comes once, though it is an event and a report
    assert [(one.kind, one.said) for one in session.reports] == [
        ("session", {"pain": 2.0}),
        ("next_morning", {"pain": 1.0}),
    ]
    assert [one.id for one in found.reports] == ["b-p1"]
    (one,) = session.sets
    assert (one.exercise, one.result["reps_counted"]) == ("nordic-curl", 2)
