from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from cli_parts import eccentra

from eccentra.events import SessionStarted
from eccentra.exercises import load_exercise
from eccentra.mqtt.outbox import Outbox
from eccentra.mqtt.store import NewEvent
from eccentra.profiles import SensorSetup, load_profile
from eccentra.recording import Recorder
from eccentra.session import Header, Settings
from eccentra.store.database import open_store
from eccentra.store.people import Person, put_person
from eccentra.store.taking import read_event, take_events
from results import EVENTS, payloads

WHO, OTHER = "q7f3a9c2e5d8b1k4", "z1m8n2c6v4x0l9p3"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with two people in everything that there is."""
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    (tmp_path / "sessions").mkdir()
    sensor = SensorSetup(sensor="thigh", profile=load_profile("recorded-csv"), placement="thigh")
    store = open_store()
    outbox = Outbox(tmp_path / "outbox-local-gateway.db")
    for who, session in ((WHO, "s-1"), (OTHER, "s-2")):
        start = SessionStarted(t_us=0, exercise="nordic-curl", sensors={}, software="0.1.0", athlete=who)
        sent = payloads(session, [start, *EVENTS[1:]])
        with store.write() as connection:
            since = dt.date(2026, 3, 1)
            put_person(
                connection, Person(id=who, mode="clinic", profile="acute_strain", stage=2, since=since)
            )
            take_events(connection, [read_event(one) for one in sent])
        header = Header(
            session=session,
            exercise=load_exercise("nordic-curl"),
            sensors=(sensor,),
            software="0.1.0",
            settings=Settings(athlete=who),
        )
        Recorder(tmp_path / "sessions" / f"{session}.eccentra", header).close()
        outbox.put([NewEvent(station="s", topic="t", payload=sent[0], session=session, seq=1)])
    outbox.close()
    store.close()
    plans = tmp_path / "sessions" / "plans"
    plans.mkdir()
    for who in (WHO, OTHER):
        (plans / f"{who}.json").write_text(f'{{"node":"hub","plan":{{"athlete":"{who}"}}}}')
    (tmp_path / "people.toml").write_text(f'[people]\n{WHO} = "Ann"\n{OTHER} = "Bea"\n')
    return tmp_path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_not_a_byte_is_left_anywhere(home: Path) -> None:
    holding = {name for name, content in bytes_of(home).items() if WHO.encode() in content}
    assert {name.partition("-wal")[0] for name in holding} == {
        "results.sqlite",
        "outbox-local-gateway.db",
        "people.toml",
        "sessions/s-1.eccentra",
        f"sessions/plans/{WHO}.json",
    }
    done = eccentra("forget", WHO, "--yes")
    assert done.exit_code == 0, done.output
    after = bytes_of(home)
    assert [name for name, content in after.items() if WHO.encode() in content or WHO in name] == []
    assert f"sessions/plans/{OTHER}.json" in after
    for name in ("results.sqlite", "outbox-local-gateway.db", "people.toml", "sessions/s-2.eccentra"):
        assert OTHER.encode() in after[name]


def test_the_receipt_counts_and_names_nobody(home: Path) -> None:
    done = eccentra("forget", WHO, "--yes", "--receipt", home / "r.json")
    assert done.exit_code == 0, done.output
    written = (home / "r.json").read_bytes()
    assert WHO.encode() not in written
    assert b"s-1" not in written
    receipt = msgspec.json.decode(written)
    assert receipt["schema"] == "eccentra.deletion-receipt/1"
    assert receipt["database_rows"]["event"] == len(EVENTS)
    assert (receipt["session_files"], receipt["waiting_messages"], receipt["settings_lines"]) == (1, 1, 1)
    assert receipt["plan_files"] == 1
    assert receipt["retained_topics"] is None
    assert "no broker was given" in receipt["not_reached"][0]


def test_a_second_time_finds_nothing(home: Path) -> None:
    eccentra("forget", WHO, "--yes")
    done = eccentra("forget", WHO, "--yes", "--receipt", home / "r.json")
    assert done.exit_code == 0, done.output
    receipt = msgspec.json.decode((home / "r.json").read_bytes())
    assert receipt["database_rows"] == {}
    assert receipt["session_files"] == receipt["waiting_messages"] == receipt["settings_lines"] == 0


def test_nobody_is_forgotten_by_accident(home: Path) -> None:
    before = bytes_of(home)
    for options, says in (
        ([WHO], "add --yes"),
        (["Ann Smith", "--yes"], "names of people do not belong"),
        ([WHO, "--yes", "--mqtt", "embedded://"], "ends with its program"),
    ):
        done = eccentra("forget", *options)
        assert done.exit_code == 2
        assert says in done.output
    assert bytes_of(home) == before


@pytest.mark.parametrize("what", ["station", "hub"])
def test_what_runs_is_not_undermined(home: Path, what: Literal["station", "hub"]) -> None:
    from eccentra.cli.alone import alone

    with alone(home, "local-1", what):
        done = eccentra("forget", WHO, "--yes")
    assert done.exit_code == 2
    assert f"{what} local-1: runs on this computer" in done.output
    assert "stop it, then run this again" in done.output
    assert WHO.encode() in (home / "sessions" / "s-1.eccentra").read_bytes()


def test_a_file_that_is_not_ours_is_told(home: Path) -> None:
    (home / "note.txt").write_text(f"{WHO} called")
    done = eccentra("forget", WHO, "--yes")
    assert done.exit_code == 0
    assert "note.txt still names this person" in done.output
    assert (home / "note.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("said", "status"), [(b"\n", 2), (b"y\n", 0)])
def test_on_a_terminal_it_asks(home: Path, said: bytes, status: int) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "eccentra", "forget", WHO]
    os.write(ours, said)
    done = subprocess.run(command, stdin=theirs, capture_output=True, timeout=60)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == status, done.stderr
    assert b"cannot be undone" in done.stderr
    held = [name for name, content in bytes_of(home).items() if WHO.encode() in content]
    assert bool(held) is (status != 0)
