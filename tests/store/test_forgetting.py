from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import String, insert, select

from eccentra.errors import StoreError
from eccentra.events import SessionStarted
from eccentra.plan.prescription import Prescription
from eccentra.plan.starting import programme_prescription
from eccentra.store import tables
from eccentra.store.announcing import plan_changed
from eccentra.store.database import Store, open_store
from eccentra.store.decisions import answer, audit, keep_decision, prescribe
from eccentra.store.forgetting import forget_person, sessions_of
from eccentra.store.people import Person, ProgrammeRun, Said, put_person, put_programme, take_report
from eccentra.store.questions import ask_due, schedule
from eccentra.store.taking import read_event, take_events
from results import EVENTS, payloads

WHO, OTHER = "q7f3a9c2e5d8b1k4", "z1m8n2c6v4x0l9p3"
NEXT_MORNING_US = round(dt.datetime(2026, 3, 21, 12, tzinfo=dt.UTC).timestamp() * 1e6)
ZONE = {"time_zone": "UTC"}
OUTPUT = {"row": 9, "action": "HOLD", "provisional": False, "locked": False, "needs_approval": True}


def curl() -> Prescription:
    return programme_prescription(
        "mjolsnes-2004", "nordic-curl", 2, {"added_pct_bm": 0.0}, author="plan", approved_by="t1", stage=3
    )


def fill(store: Store, who: str, session: str) -> None:
    """A person with something in every table."""
    with store.write() as connection:
        since = dt.date(2026, 3, 1)
        put_person(
            connection,
            Person(id=who, mode="prevention", profile="prevention", stage=4, since=since, details=ZONE),
        )
        put_programme(connection, ProgrammeRun(id=f"r-{session}", person=who, started=since, weeks=12))
        prescribe(connection, who, curl(), at_us=1, who=who)
        events = [
            SessionStarted(t_us=0, exercise="nordic-curl", sensors={}, software="0.1.0", athlete=who),
            *EVENTS[1:],
        ]
        take_events(connection, [read_event(one) for one in payloads(session, events)])
        take_report(connection, f"m-{session}", who, Said(pain=1.0), kind="next_morning", at_us=5)
        kept = keep_decision(
            connection, who, "nordic-curl", f'{{"of":"{who}"}}', OUTPUT, at_us=6, session=session, version="1"
        )
        assert kept is not None
        plan_changed(connection, who)
        answer(connection, f"a-{session}", kept.id, "accept", who=who, role="athlete", at_us=7)
        connection.execute(
            insert(tables.review).values(id=f"v-{session}", person=who, kind="day_14", due=since)
        )
        connection.execute(
            insert(tables.annotation).values(
                id=f"n-{session}", session=session, at_us=8, who="t1", kind="remark", text=f"{who} was tired"
            )
        )
        schedule(connection, NEXT_MORNING_US)
        ask_due(connection, NEXT_MORNING_US)
        audit(connection, 9, "t1", "edit", f"plan of {who}", who)


def filled(store: Store) -> None:
    fill(store, WHO, "s1")
    fill(store, OTHER, "s2")


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
        }


def _theirs(row: tuple[object, ...]) -> bool:
    return WHO in repr(row) or "'s1'" in repr(row)


def test_nothing_of_the_person_is_left_and_all_of_the_other(store: Store) -> None:
    filled(store)
    with store.write() as connection:
        connection.execute(insert(tables.setting).values(key="suggestions", value="on", who=WHO, at_us=1))
    before = everything(store)
    # a table that is added later is to be filled here, so that it is seen to be emptied
    assert [name for name, rows in before.items() if not any(_theirs(row) for row in rows)] == []
    assert sessions_of(store, WHO) == ["s1"]
    done = forget_person(store, WHO, at_us=99, who="t1")
    after = everything(store)
    assert [name for name, rows in after.items() if any(_theirs(row) for row in rows)] == []
    for name, rows in before.items():
        if name not in ("audit", "setting"):
            assert after[name] == [row for row in rows if OTHER in repr(row) or "s2" in repr(row)], name
    assert done.rows["event"] == len(EVENTS)
    assert done.rows["person"] == done.rows["session"] == done.rows["approval"] == 1
    assert after["setting"][0][2] == "forgotten"


def test_the_book_keeps_that_something_was_forgotten(store: Store) -> None:
    filled(store)
    before = len(everything(store)["audit"])
    forget_person(store, WHO, at_us=99, who="t1")
    book = everything(store)["audit"]
    assert len(book) == before + 1
    (line,) = [row for row in book if row[3] == "forget"]
    assert line[1:] == (99, "t1", "forget", "forgotten", None)
    # lines about the other one are as they were
    assert [row for row in book if row[4] == f"plan of {OTHER}"]


def test_a_second_time_finds_nothing(store: Store) -> None:
    filled(store)
    forget_person(store, WHO, at_us=99, who="t1")
    before = everything(store)
    again = forget_person(store, WHO, at_us=100, who="t1")
    assert (again.rows, again.mentions) == ({}, 0)
    assert everything(store) == before


def test_a_short_pseudonym_takes_nobody_with_it(store: Store) -> None:
    for who, session in (("p1", "s1"), ("p10", "s10")):
        fill(store, who, session)
    with store.write() as connection:
        connection.execute(
            insert(tables.setting).values(key="suggestions", value='["p1"]', who="p1", at_us=1)
        )
    forget_person(store, "p1", at_us=99, who="t1")
    after = everything(store)
    assert after["setting"] == [("suggestions", '["forgotten"]', "forgotten", 1)]
    assert [row[0] for row in after["person"]] == ["p10"]
    assert len(after["event"]) == len(EVENTS)
    assert [row for row in after["audit"] if row[4] == "plan of p10"]


def test_every_text_column_is_looked_at(store: Store) -> None:
    """Also those that are added later: a mention in any of them is found."""
    filled(store)
    texts = [
        column
        for table in tables.metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, String) and (column.type.length or 99) > len(WHO) + 2
    ]
    assert len(texts) > 20
    forget_person(store, WHO, at_us=99, who=WHO)
    with store.read() as connection:
        for column in texts:
            assert connection.execute(select(column).where(column.contains(WHO))).first() is None, column


def test_no_byte_is_left_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    store = open_store(f"sqlite:///{path}")
    filled(store)
    with sqlite3.connect(path) as careless:
        # deleted long ago by somebody who left the bytes
        careless.execute("PRAGMA secure_delete=OFF")
        values = "VALUES ('x', 'note', 1, ?)"
        careless.execute(f"INSERT INTO reported (id, kind, at_us, body) {values}", (WHO * 2000,))
        careless.execute("DELETE FROM reported WHERE id = 'x'")
    careless.close()
    copy = tmp_path / "results.sqlite.before-0000"
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    assert any(WHO.encode() in one.read_bytes() for one in tmp_path.iterdir())
    done = forget_person(store, WHO, at_us=99, who="t1")
    # the store is still open: its log and shared memory are there too
    left = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert {"results.sqlite", "results.sqlite-wal", "results.sqlite.before-0000"} <= set(left)
    assert [name for name, content in left.items() if WHO.encode() in content] == []
    assert OTHER.encode() in left["results.sqlite"]
    assert OTHER.encode() in left["results.sqlite.before-0000"]
    assert done.copies == 1
    store.close()


def test_a_reader_that_keeps_old_bytes_alive_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eccentra.store.database._BUSY_S", 0.2)
    path = tmp_path / "results.sqlite"
    store = open_store(f"sqlite:///{path}")
    filled(store)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM person").fetchall()
    with pytest.raises(StoreError, match="stop the hub"):
        forget_person(store, WHO, at_us=99, who="t1")
    reader.close()
    forget_person(store, WHO, at_us=100, who="t1")
    assert not any(WHO.encode() in one.read_bytes() for one in tmp_path.iterdir())
    store.close()


def test_a_copy_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    store = open_store(f"sqlite:///{path}")
    filled(store)
    broken = tmp_path / "results.sqlite.before-0000"
    shutil.copy(__file__, broken)
    with pytest.raises(StoreError, match="delete it by hand"):
        forget_person(store, WHO, at_us=99, who="t1")
    store.close()
