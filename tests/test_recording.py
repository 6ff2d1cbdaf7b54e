"""The session file: what went in comes out, and a damaged one says so in one line."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.errors import RecordingError
from eccentra.exercises import load_exercise
from eccentra.inputs import (
    ClockPair,
    Command,
    Connected,
    Input,
    Lost,
    Packet,
    Prescribed,
    Resumed,
    Tick,
)
from eccentra.profiles import SensorSetup, load_profile
from eccentra.recording import Recorder, Recording
from eccentra.session import Header

ALL_KINDS: list[Input] = [
    ClockPair(0, 1_700_000_000_000_000_000),
    Connected(1, "s1"),
    Packet(2, "s1", "data", b"\x00\xff"),
    Tick(3),
    Command(4, "tare", {"sensor": "s1"}),
    Prescribed(5, {"sets": 3}),
    Lost(6, "s1", "vanished"),
    Resumed(7),
]


def header() -> Header:
    setup = SensorSetup(
        sensor="s1",
        profile=load_profile("movesense"),
        placement="thigh",
        side="right",
        rate_hz=None,
        channels=None,
    )
    return Header(session="t-1", exercise=load_exercise("nordic-curl"), sensors=(setup,), software="test")


def write(path: Path, items: list[Input]) -> Path:
    with Recorder(path, header()) as recorder:
        for item in items:
            recorder.append(item)
    return path


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.eccn", ALL_KINDS)
    with Recording(path) as recording:
        assert list(recording.inputs()) == ALL_KINDS
        assert recording.header == header()


@given(
    data=st.lists(st.tuples(st.integers(0, 10**15), st.binary(max_size=64), st.text(max_size=5)), max_size=20)
)
def test_any_packet_comes_out_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: list[tuple[int, bytes, str]]
) -> None:
    items: list[Input] = [Packet(t, "s1", channel, payload) for t, payload, channel in data]
    path = write(tmp_path_factory.mktemp("r") / "a.eccn", items)
    with Recording(path) as recording:
        assert list(recording.inputs()) == items


def test_one_portable_private_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.eccn", ALL_KINDS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.eccn"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name == "nt"
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA application_id").fetchone()[0] == int.from_bytes(b"ECCN")
    assert db.execute("PRAGMA user_version").fetchone()[0] == 1
    db.close()


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "a.eccn", ALL_KINDS)
    with pytest.raises(RecordingError, match="exists already"):
        Recorder(path, header())
    with pytest.raises(RecordingError, match="cannot be made"):
        Recorder(tmp_path / "no" / "folder.eccn", header())


def damaged(path: Path, how: str) -> None:
    """Do to the file what the world does to files."""
    data = path.read_bytes()
    match how:
        case "cut off":
            path.write_bytes(data[: len(data) // 2])
        case "cut to its head":
            path.write_bytes(data[:100])
        case "empty":
            path.write_bytes(b"")
        case "schema":
            path.write_bytes(data.replace(b"CREATE TABLE input", b"CREATE T\xbeBLE input", 1))
        case "foreign":
            path.write_bytes(b"%PDF-1.7 something else")
        case _:
            db = sqlite3.connect(path)
            db.execute(how)
            db.commit()
            db.close()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("cut off", "is damaged"),
        ("cut to its head", "damaged|header"),
        ("empty", "not a session file"),
        ("schema", "is damaged"),
        ("foreign", "not a session file"),
        ("PRAGMA application_id = 1", "another program"),
        ("PRAGMA user_version = 9", "has version 9, this program reads 1"),
        ("DELETE FROM meta", "no header"),
        ("UPDATE meta SET value = '{}'", "header is not valid"),
        ("UPDATE meta SET value = 'x'", "header is not valid"),
        ("DELETE FROM input WHERE seq = 3", "input 3 is missing"),
        ("UPDATE input SET data = x'00' WHERE seq = 3", "input 3 is damaged"),
        ("UPDATE input SET arrival_ns = 'x' WHERE seq = 3", "wrong type"),
        ("UPDATE input SET sensor = NULL WHERE seq = 3", "not a packet"),
        ("UPDATE input SET arrival_ns = 9 WHERE seq = 4", "two arrival times"),
        ("DROP TABLE input", "damaged"),
    ],
)
def test_damage_is_said_in_one_line(tmp_path: Path, how: str, says: str) -> None:
    path = write(tmp_path / "a.eccn", ALL_KINDS * 200)
    damaged(path, how)
    with pytest.raises(RecordingError, match=says) as caught, Recording(path) as recording:
        list(recording.inputs())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording(tmp_path / "absent.eccn")


WRITER = """
import sys, time
sys.path.insert(0, {tests!r})
from test_recording import header
from eccentra.inputs import Packet
from eccentra.recording import Recorder
recorder = Recorder({path!r}, header())
for i in range(10_000_000):
    recorder.append(Packet(i * 10_000_000, "s1", "data", i.to_bytes(8)))
    if i % 20 == 0:
        print(i, flush=True)
        time.sleep(0.001)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_writer_loses_at_most_200_ms(tmp_path: Path) -> None:
    path = tmp_path / "killed.eccn"
    code = WRITER.format(tests=str(Path(__file__).parent), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = 0
        until = time.monotonic() + 20
        while said < 400 and time.monotonic() < until:
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        said = int(rest[-1]) if rest else said
    with Recording(path) as recording:
        items = list(recording.inputs())
    numbers = [int.from_bytes(item.data) for item in items if isinstance(item, Packet)]
    assert numbers == list(range(len(numbers)))
    # commits every 200 ms of arrival time = 20 packets; what was said was appended before
    assert len(numbers) >= said - 20


def test_the_header_survives_as_json() -> None:
    data = msgspec.json.encode(header())
    assert msgspec.json.decode(data, type=Header) == header()
