"""Events in any order, any number of times: the same tables."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from eccentra.errors import InputError
from eccentra.events import RepAmended
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.taking import Taken, read_event, take_events
from results import EVENTS, payloads, rep


def take(store: Store, batch: list[bytes]) -> Taken:
    with store.write() as connection:
        return take_events(connection, [read_event(one) for one in batch])


def content(store: Store) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    with store.read() as connection:
        for table in (tables.event, tables.session, tables.set_result, tables.repetition, tables.reported):
            rows = connection.execute(select(table).order_by(*table.primary_key.columns)).all()
            out[table.name] = [tuple(row) for row in rows]
    return out


def test_a_session_becomes_rows(store: Store) -> None:
    taken = take(store, payloads())
    assert (taken.new, taken.known, taken.different, taken.sessions) == (8, 0, (), ("s1",))
    with store.read() as connection:
        session = connection.execute(select(tables.session)).one()
        reps = connection.execute(select(tables.repetition).order_by("rep_index")).all()
        one_set = connection.execute(select(tables.set_result)).one()
    assert (session.person, session.exercise, session.why_ended, session.last_seq) == (
        "p1",
        "nordic-curl",
        "stop",
        8,
    )
    assert session.began_us == 1774000801000000
    assert [(row.rep_index, row.counted, row.tut_s) for row in reps] == [
        (1, True, 4.0),
        (2, False, 4.0),
        (3, True, 4.0),
    ]
    assert (one_set.reps_counted, one_set.tut_s) == (2, 8.0)


@pytest.mark.parametrize("seed", range(6))
def test_order_repetition_and_cuts_do_not_matter(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    two = payloads() + payloads("s2")
    straight = Store(store.engine)
    take(straight, two)
    expected = content(straight)
    with store.write() as connection:
        for table in (tables.event, tables.session, tables.set_result, tables.repetition, tables.reported):
            connection.execute(table.delete())
    mixed = two + draw.choices(two, k=12)
    draw.shuffle(mixed)
    while mixed:
        k = draw.randint(1, 6)
        take(store, mixed[:k])
        mixed = mixed[k:]
    assert content(store) == expected


def test_a_repetition_may_be_amended_to_count_again(store: Store) -> None:
    back = [*EVENTS[:4], RepAmended(t_us=26_000_000, set_index=1, index=2, counted=True)]
    take(store, list(reversed(payloads("s1", back))))
    with store.read() as connection:
        row = connection.execute(select(tables.repetition).where(tables.repetition.c.rep_index == 2)).one()
    assert (row.counted, row.seq, row.amended_seq) == (True, 3, 5)


def test_the_first_of_two_different_events_of_one_number_stays(store: Store) -> None:
    take(store, payloads())
    other = payloads("s1", [EVENTS[0], rep(1, tut=9.0)])[1]
    taken = take(store, [other])
    assert (taken.new, taken.different) == (0, ("s1-2",))
    with store.read() as connection:
        assert connection.execute(select(tables.repetition.c.tut_s)).first() == (4.0,)


def test_an_event_of_another_version_is_kept(store: Store) -> None:
    envelope = msgspec.json.decode(payloads()[1])
    envelope["type"] = "org.eccentra.rep.completed.v9"
    envelope["data"]["rep"] = {"completely": "different"}
    taken = take(store, [msgspec.json.encode(envelope)])
    assert (taken.new, taken.not_understood) == (1, ("s1-2",))
    with store.read() as connection:
        assert connection.execute(select(tables.event.c.type)).one() == ("rep.completed",)
        assert connection.execute(select(tables.repetition)).all() == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": "s1-9"},
        {"id": None},
        {"type": "com.example.rep"},
        {"data": []},
        {"data": {"session": "s1"}},
        {"data": {"session": "s1", "seq": 0}},
        {"data": {"session": "", "seq": 2}},
        {"data": {"session": "s" * 65, "seq": 2}},
        {"time": "yesterday"},
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, Any]) -> None:
    envelope = msgspec.json.decode(payloads()[1]) | change
    if change.get("data") and isinstance(change["data"], dict) and "seq" in change["data"]:
        envelope["id"] = f"{change['data']['session']}-{change['data']['seq']}"
    with pytest.raises(InputError, match="event"):
        read_event(msgspec.json.encode(envelope))


@pytest.mark.parametrize("data", [b"", b"null", b"\xff", b"[" * 5000, b"x" * 1_000_001])
def test_bytes_that_are_no_event(data: bytes) -> None:
    with pytest.raises(InputError):
        read_event(data)
