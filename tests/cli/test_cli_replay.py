"""``eccentra replay``: the same events again, published with ids and times kept; damaged files."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cli_parts import curls, eccentra, files

from eccentra.mqtt.broker import EmbeddedBroker
from eccentra.recording import Recording


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    path = folder / "session.eccentra"
    options = files(curls("thigh"), folder)
    assert eccentra("analyze", "--exercise", "nordic-curl", *options, "--save", path).exit_code == 0
    return path


@pytest.fixture
def copy(recorded: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.eccentra"
    path.write_bytes(recorded.read_bytes())
    return path


class Reader:
    """Subscribes and remembers."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes]] = []
        ready = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = lambda c, u, m: self.messages.append((m.topic, m.payload))
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("eccentra/#", qos=1)
        self.client.loop_start()
        assert ready.wait(10)

    def events(self) -> list[dict]:
        return [json.loads(payload) for topic, payload in self.messages if "/event/" in topic]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(0) as broker:
        yield broker


def test_all_events_again(recorded: Path) -> None:
    done = eccentra("replay", recorded)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert sum("repetition" in line and "complete" not in line for line in lines) == 3
    assert "set 1 complete: 3 repetitions" in done.stdout
    assert lines[-1].endswith("events, all equal to the stored ones")


def test_published_with_kept_ids_and_times(recorded: Path, broker: EmbeddedBroker) -> None:
    reader = Reader(broker.port)
    for _ in range(2):
        done = eccentra("replay", recorded, "--publish", "--mqtt", broker.url, "--speed", "max")
        assert done.exit_code == 0, done.output
    with Recording(recorded) as recording:
        stored = [json.loads(data) for _, data in sorted(recording.events().items())]
        session = recording.header.session
    expected = [(f"{session}-{one['seq']}", one["event"]["t_us"]) for one in stored]
    got = [(one["id"], one["data"]["t_us"]) for one in reader.events()]
    assert got == expected * 2
    assert all(one["source"].endswith("/station/replay") for one in reader.events())
    reader.client.disconnect()
    reader.client.loop_stop()


def test_no_broker(recorded: Path) -> None:
    with EmbeddedBroker(0) as broker:
        url = broker.url
    done = eccentra("replay", recorded, "--mqtt", f"{url}?x=1")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_an_event_that_differs_is_said(copy: Path) -> None:
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE event SET json = replace(json, '\"index\":2', '\"index\":7') WHERE seq > 3")
    done = eccentra("replay", copy)
    assert done.exit_code == 1
    assert "is not what was stored" in done.stderr


def test_an_event_that_does_not_come_again_is_said(copy: Path) -> None:
    with sqlite3.connect(copy) as db:
        db.execute("INSERT INTO event VALUES (9999, '{}')")
    done = eccentra("replay", copy)
    assert done.exit_code == 1
    assert "event 9999" in done.stderr


def test_a_recording_that_was_not_closed(copy: Path) -> None:
    with sqlite3.connect(copy) as db:
        db.execute("DELETE FROM event WHERE seq > 5")
    done = eccentra("replay", copy)
    assert done.exit_code == 0
    assert "the 5 stored ones are equal" in done.stdout


class TestRefused:
    def refused(self, path: Path, *words: str) -> None:
        done = eccentra("replay", path)
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"eccentra: {path}: ")
        for word in words:
            assert word in done.stderr

    def test_no_file(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none", "cannot be read")
        self.refused(tmp_path, "cannot be read")

    @pytest.mark.parametrize("content", [b"", b"t_s,acc_x\n", bytes(range(256)), b"SQLite format 3\x00"])
    def test_foreign(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "foreign"
        path.write_bytes(content)
        self.refused(path)

    def test_other_database(self, tmp_path: Path) -> None:
        path = tmp_path / "other.db"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE t (x)")
        self.refused(path, "another program")

    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
    def test_cut_off(self, copy: Path, share: float) -> None:
        data = copy.read_bytes()
        copy.write_bytes(data[: int(share * len(data))])
        self.refused(copy)

    def test_flipped_bits(self, copy: Path) -> None:
        with sqlite3.connect(copy) as db:
            (data,) = db.execute("SELECT data FROM input WHERE seq = 20").fetchone()
            db.execute("UPDATE input SET data = ? WHERE seq = 20", (bytes([data[0] ^ 1, *data[1:]]),))
        self.refused(copy, "input 20 is damaged")

    def test_missing_input(self, copy: Path) -> None:
        with sqlite3.connect(copy) as db:
            db.execute("DELETE FROM input WHERE seq = 20")
        self.refused(copy, "input 20 is missing")

    def test_header(self, copy: Path) -> None:
        with sqlite3.connect(copy) as db:
            db.execute("UPDATE meta SET value = replace(value, 'settings', 'sittings')")
        self.refused(copy, "header")

    def test_settings_of_another_version(self, copy: Path) -> None:
        with sqlite3.connect(copy) as db:
            db.execute("UPDATE meta SET value = replace(value, 'set_gap_s', 'gap_between_sets_s')")
        self.refused(copy, "version 0.1.0", "gap_between_sets_s")

    def test_speed(self, copy: Path) -> None:
        done = eccentra("replay", copy, "--speed", "fast")
        assert done.exit_code == 2
        assert "or max" in done.stderr
