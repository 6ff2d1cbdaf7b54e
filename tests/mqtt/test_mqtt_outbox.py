"""The outbox by itself: nothing is lost, nothing is taken twice, and no disk or file stops it."""

from __future__ import annotations

import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.errors import SinkError
from eccentra.events import StationReason
from eccentra.mqtt.outbox import Outbox
from eccentra.mqtt.outboxfile import OutboxFile
from eccentra.mqtt.store import Entry, NewEvent

Open = Callable[..., Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path) -> Iterator[Open]:
    made: list[Outbox] = []

    def make(**settings: Any) -> Outbox:
        made.append(Outbox(tmp_path / "outbox.db", **settings))
        return made[-1]

    yield make
    for outbox in made:
        outbox.close()


def events(first: int, n: int, session: str = "s-1", text: str = "x") -> list[NewEvent]:
    return [
        NewEvent(
            station="rack1", topic=f"t/{session}", payload=f"{text}{seq}".encode(), session=session, seq=seq
        )
        for seq in range(first, first + n)
    ]


def note(text: str = "note") -> NewEvent:
    return NewEvent(station="rack1", topic="t/station", payload=text.encode())


def drain(outbox: Outbox) -> list[bytes]:
    """Take everything as a publisher would."""
    out: list[Entry] = []
    while entries := outbox.read(out[-1].id if out else 0, 7):
        out += entries
    outbox.done(out)
    return [entry.payload for entry in out]


def reasons(outbox: Outbox) -> list[tuple[str, str]]:
    return [(noted.reason.value, noted.level) for noted in outbox.notes()]


def numbers(first: int, last: int) -> list[bytes]:
    return [f"x{seq}".encode() for seq in range(first, last + 1)]


def test_what_was_put_comes_out_in_order_also_after_a_restart(open_outbox: Open) -> None:
    outbox = open_outbox()
    outbox.put([*events(1, 3), note(), *events(1, 2, "s-2")])
    assert outbox.depth == 6
    outbox.close()
    again = open_outbox()
    assert again.depth == 6
    entries = again.read(0, 100)
    assert [entry.payload for entry in entries] == [b"x1", b"x2", b"x3", b"note", b"x1", b"x2"]
    again.done(entries[:4])
    again.close()
    third = open_outbox()
    assert drain(third) == [b"x1", b"x2"]
    assert third.depth == 0
    assert third.oldest_ns() is None
    assert [third.taken(name) for name in ("s-1", "s-2", "s-3")] == [3, 2, 0]


def test_the_file_is_private_and_one_process_uses_it(open_outbox: Open, tmp_path: Path) -> None:
    open_outbox().put(events(1, 1))
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with pytest.raises(SinkError, match="another process"):
        Outbox(tmp_path / "outbox.db")


def test_it_is_on_disk_before_put_returns(open_outbox: Open, tmp_path: Path) -> None:
    open_outbox().put(events(1, 5))
    with sqlite3.connect(tmp_path / "outbox.db") as other:
        assert other.execute("SELECT count(*) FROM message").fetchone() == (5,)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_events_that_come_again_are_compared_and_not_sent_again(open_outbox: Open) -> None:
    outbox = open_outbox()
    outbox.put(events(1, 10))
    assert len(drain(outbox)) == 10
    outbox.close()
    after = open_outbox()
    after.put(events(1, 12))
    assert drain(after) == [b"x11", b"x12"]
    assert reasons(after) == []
    after.put([*events(1, 4), *events(5, 2, text="other"), *events(7, 7)])
    assert drain(after) == [b"x13"]
    (noted,) = after.notes()
    assert (noted.reason, noted.session, noted.count) == (StationReason.RECOVERY_MISMATCH, "s-1", 2)
    assert "number 5, 6" in noted.detail


def test_a_difference_to_what_still_waits_is_found_too(open_outbox: Open) -> None:
    outbox = open_outbox()
    outbox.put(events(1, 3))
    outbox.put(events(1, 3, text="other"))
    assert reasons(outbox) == [("recovery_mismatch", "warning")]
    assert drain(outbox) == numbers(1, 3)


def test_a_session_without_its_first_events_is_taken_as_it_comes(open_outbox: Open) -> None:
    """The outbox may be newer than the session: what it has never seen it sends."""
    outbox = open_outbox()
    outbox.put(events(5, 3))
    outbox.put(events(1, 8))
    assert drain(outbox) == numbers(5, 8)
    assert outbox.taken("s-1") == 8


def test_resending_ignores_what_was_taken_and_leaves_the_books_alone(open_outbox: Open) -> None:
    outbox = open_outbox()
    outbox.put(events(1, 4))
    drain(outbox)
    assert outbox.put_again(events(2, 2)) == 2
    assert drain(outbox) == numbers(2, 3)
    assert outbox.taken("s-1") == 4
    outbox.put(events(4, 2))
    assert drain(outbox) == [b"x5"]


def test_a_full_outbox_remembers_from_where_and_is_filled_again_in_order(open_outbox: Open) -> None:
    outbox = open_outbox(most_rows=10)
    outbox.put(events(1, 8))
    outbox.put(events(9, 7))
    outbox.put(events(16, 1))
    assert outbox.depth == 10
    assert reasons(outbox) == [("outbox_full", "warning")]
    assert outbox.missing(5) == []
    outbox.close()
    after = open_outbox(most_rows=10)
    assert drain(after) == numbers(1, 10)
    (missing,) = after.missing(5)
    assert (missing.session, missing.station, missing.from_seq) == ("s-1", "rack1", 11)
    # New ones must not overtake those that are missing.
    after.put(events(17, 1))
    assert after.depth == 0
    assert after.fill("s-1", events(11, 3)) == 3
    assert after.fill("s-1", events(13, 30)[:5]) == 4
    assert after.missing(1) == []
    after.put(events(18, 2))
    assert drain(after) == numbers(11, 19)


def test_filling_stops_at_a_hole_and_when_it_is_full(open_outbox: Open) -> None:
    outbox = open_outbox(most_rows=4)
    outbox.put(events(1, 20))
    drain(outbox)
    assert outbox.fill("s-1", events(6, 3)) == 0
    assert outbox.fill("s-1", events(5, 16)) == 4
    assert outbox.depth == 4
    assert drain(outbox) == numbers(5, 8)
    assert outbox.missing(1)[0].from_seq == 9
    assert outbox.fill("unknown", events(1, 3, "unknown")) == 0


def test_each_full_time_is_said_once(open_outbox: Open) -> None:
    outbox = open_outbox(most_rows=4)
    for _ in range(2):
        first = outbox.taken("s-1") + 1
        outbox.put(events(first, 6))
        assert reasons(outbox) == [("outbox_full", "warning")]
        drain(outbox)
        assert outbox.fill("s-1", events(first + 4, 2)) == 2
        drain(outbox)


def test_bytes_are_bounded_too_and_notes_have_room_beyond(open_outbox: Open) -> None:
    outbox = open_outbox(most_bytes=50)
    outbox.put(events(1, 30, text="x" * 9))
    assert 4 <= outbox.depth <= 6
    outbox.put([note()])
    assert drain(outbox)[-1] == b"note"


def test_station_events_beyond_the_reserve_are_counted(open_outbox: Open) -> None:
    outbox = open_outbox(most_rows=1)
    outbox.put([note() for _ in range(1005)])
    assert (outbox.depth, outbox.dropped) == (1001, 4)


def test_a_finished_and_delivered_session_keeps_its_number_only(open_outbox: Open, tmp_path: Path) -> None:
    outbox = open_outbox()
    last = NewEvent(station="rack1", topic="t", payload=b"end", session="s-1", seq=3, last=True)
    outbox.put([*events(1, 2), last, *events(1, 2, "s-2")])

    def digests() -> list[tuple[str, int]]:
        with sqlite3.connect(tmp_path / "outbox.db") as other:
            return other.execute("SELECT session, seq FROM taken ORDER BY 1, 2").fetchall()

    assert len(digests()) == 5
    drain(outbox)
    assert digests() == [("s-2", 1), ("s-2", 2)]
    outbox.put([*events(1, 2), last])
    assert (outbox.depth, outbox.taken("s-1")) == (0, 3)
    outbox.forget("s-1")
    assert outbox.taken("s-1") == 0
    outbox.close()
    assert open_outbox().taken("s-1") == 0


@pytest.mark.parametrize("damage", ["garbage", "cut", "page", "schema"])
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(
    open_outbox: Open, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "outbox.db"
    outbox = open_outbox()
    outbox.put(events(1, 500))
    outbox.close()
    content = bytearray(path.read_bytes())
    if damage == "garbage":
        content[:100] = b"\xff" * 100
    elif damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "schema":
        content = content.replace(b"CREATE TABLE message", b"CREATE T\xbeBLE message", 1)
    else:
        content[4096:20000] = b"\x5a" * (20000 - 4096)
    path.write_bytes(content)
    after = open_outbox()
    ((reason, level),) = reasons(after)
    assert (reason, level, after.depth) == ("disk_failed", "warning", 0)
    assert list(tmp_path.glob("outbox.db.damaged-*"))
    after.put(events(1, 3))
    assert drain(after) == numbers(1, 3)


def test_a_file_of_something_else_or_newer_is_refused(open_outbox: Open, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    with pytest.raises(SinkError, match="is no outbox"):
        Outbox(path)
    path.unlink()
    open_outbox().close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=9")
    with pytest.raises(SinkError, match="version 9"):
        Outbox(path)


def test_a_file_whose_making_was_interrupted_is_made(open_outbox: Open, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "outbox.db") as other:
        other.execute("PRAGMA journal_mode=WAL")
    outbox = open_outbox()
    outbox.put(events(1, 1))
    assert drain(outbox) == [b"x1"]
    assert reasons(outbox) == []


class _Disk:
    """A disk that fails on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        save = OutboxFile.save

        def failing(file: OutboxFile, *arguments: Any) -> None:
            if self.full:
                raise sqlite3.OperationalError("database or disk is full")
            save(file, *arguments)

        monkeypatch.setattr(OutboxFile, "save", failing)


def test_a_full_disk_stops_nothing_and_is_said_once(
    open_outbox: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _Disk(monkeypatch)
    now = [0]
    outbox = open_outbox(monotonic_ns=lambda: now[0])
    outbox.put(events(1, 5))
    disk.full = True
    for seq in range(6, 11):
        now[0] += 2_000_000_000
        outbox.put(events(seq, 1))
    assert reasons(outbox) == [("disk_failed", "error")]
    assert not outbox.on_disk
    entries = outbox.read(0, 8)
    assert [entry.payload for entry in entries] == numbers(1, 8)
    outbox.done(entries)
    outbox.put(events(9, 1, text="other"))
    assert ("recovery_mismatch", "warning") in reasons(outbox)
    disk.full = False
    now[0] += 2_000_000_000
    outbox.tend()
    assert reasons(outbox) == [("disk_failed", "info")]
    outbox.close()
    after = open_outbox()
    assert after.taken("s-1") == 10
    assert drain(after) == numbers(9, 10)


def test_a_folder_that_cannot_be_written_leaves_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    outbox = Outbox(tmp_path / "file" / "outbox.db")
    assert reasons(outbox) == [("disk_failed", "error")]
    outbox.put(events(1, 5))
    outbox.put(events(1, 7))
    assert drain(outbox) == numbers(1, 7)
    assert outbox.taken("s-1") == 7
    outbox.tend()
    outbox.close()


def test_damage_while_it_runs_costs_nothing_that_a_session_file_has(
    open_outbox: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox()
    outbox.put([*events(1, 300), *events(1, 4, "s-2")])
    first = outbox.read(0, 30)
    outbox.done(first[:20])

    def damaged(*arguments: object) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(OutboxFile, "read", damaged)
        assert outbox.read(30, 1000) == []
    assert [reason for reason, _ in reasons(outbox)] == ["disk_failed", "disk_failed"]
    assert list(tmp_path.glob("outbox.db.damaged-*"))
    # What the broker still acknowledges from before belongs to no entry of the new file.
    outbox.done(first[20:])
    assert outbox.depth == 0
    outbox.put(events(301, 5))
    from_seqs = {missing.session: missing.from_seq for missing in outbox.missing(1)}
    assert from_seqs == {"s-1": 21, "s-2": 1}
    assert outbox.fill("s-1", events(21, 285)) == 285
    assert outbox.fill("s-2", events(1, 4, "s-2")) == 4
    sent = [entry.payload for entry in first[:20]] + drain(outbox)
    assert sent == [*numbers(1, 305), *numbers(1, 4)]
    assert outbox.depth == 0


def test_the_log_is_worked_into_the_file_when_it_is_quiet(open_outbox: Open, tmp_path: Path) -> None:
    now = [10_000_000_000]
    outbox = open_outbox(monotonic_ns=lambda: now[0])
    for seq in range(1, 600):
        outbox.put(events(seq, 1))
    before = (tmp_path / "outbox.db").stat().st_size
    outbox.tend()
    assert not outbox._tidying.is_alive()
    assert (tmp_path / "outbox.db").stat().st_size == before
    now[0] += 3_000_000_000
    outbox.tend()
    outbox._tidying.join()
    assert (tmp_path / "outbox.db").stat().st_size > before
    outbox.put(events(600, 1))
    assert drain(outbox) == numbers(1, 600)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "send", "send", "kill", "fill", "recover"]), st.integers(1, 12)
        ),
        max_size=40,
    ),
    most_rows=st.integers(3, 40),
)
def test_whatever_happens_every_event_comes_in_order(steps: list[tuple[str, int]], most_rows: int) -> None:
    """The process may be killed at any time, and what was not acknowledged comes again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.db"
        outbox = Outbox(path, most_rows=most_rows)
        happened, cursor = 0, 0
        window: list[Entry] = []
        sent: list[bytes] = []
        for step, n in [*steps, ("put", 1), *[("send", 50), ("fill", 60)] * 40, ("send", 50)]:
            if step == "put":
                outbox.put(events(happened + 1, n))
                happened += n
            elif step == "send":
                # Half of what was handed to the broker is acknowledged.
                new = outbox.read(cursor, n)
                cursor = new[-1].id if new else cursor
                sent += [entry.payload for entry in new]
                window += new
                outbox.done(window[: -(-len(window) // 2)])
                window = window[-(-len(window) // 2) :]
            elif step == "fill" and outbox.missing(1):
                first = outbox.missing(1)[0].from_seq
                outbox.fill("s-1", events(first, min(n, happened - first + 1)))
            elif step == "kill":
                outbox._file.close()
                outbox, window, cursor = Outbox(path, most_rows=most_rows), [], 0
            elif step == "recover":
                outbox.put(events(1, happened))
        assert list(dict.fromkeys(sent)) == numbers(1, happened)
        assert outbox.taken("s-1") == happened
        assert "recovery_mismatch" not in dict(reasons(outbox))
        outbox.done(window)
        assert outbox.depth == 0
        outbox.close()
