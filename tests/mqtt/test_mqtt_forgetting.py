from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from mqtt_parts import Subscriber, free_port
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.errors import SinkError
from eccentra.mqtt.forgetting import Cleared, clear_retained, erase_outboxes
from eccentra.mqtt.outbox import Outbox
from eccentra.mqtt.store import NewEvent

WHO, OTHER = "q7f3a9c2e5d8b1k4", "z1m8n2c6v4x0l9p3"
ROOT = "eccentra/v1/home"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eccentra.mqtt.forgetting._QUIET_S", 0.3)


def put(port: int, messages: dict[str, bytes]) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"put-{free_port()}")
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload in messages.items():
        client.publish(topic, payload, 1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_what_the_broker_keeps_of_a_person_is_cleared(
    broker: Any, subscribe: Callable[[int], Subscriber]
) -> None:
    theirs = {
        f"{ROOT}/hub/athlete/{WHO}/plan": b'{"reps":6}',
        f"eccentra/v1/away/hub/athlete/{WHO}/plan": b'{"reps":4}',
        f"{ROOT}/n1/station/s1/state": b'{"session":"a-1"}',
        f"{ROOT}/n1/station/s1/last_set": b'{"session":"a-1","tut_s":9}',
        f"{ROOT}/n1/station/s3/state": f'{{"session":null,"athlete":"{WHO}"}}'.encode(),
    }
    others = {
        f"{ROOT}/hub/athlete/{OTHER}/plan": b'{"reps":6}',
        f"{ROOT}/n1/station/s2/state": b'{"session":"a-10"}',
        f"{ROOT}/n1/status": b"online",
    }
    put(broker.port, theirs | others)
    url = f"mqtt://127.0.0.1:{broker.port}"
    assert clear_retained(url, WHO, ["a-1"]) == Cleared(topics=5, plans=2)
    late = subscribe(broker.port).wait_ready()
    late.until(lambda: len(late.got) >= len(others), "what is kept")
    assert {message.topic: message.payload for message in late.got} == others
    assert clear_retained(url, WHO, ["a-1"]) == Cleared(topics=0, plans=0)


def test_no_broker_is_said() -> None:
    with pytest.raises(SinkError, match="cannot be reached"):
        clear_retained(f"mqtt://127.0.0.1:{free_port()}", WHO, [])


def event(session: str, seq: int, payload: bytes, topic: str = "t") -> NewEvent:
    return NewEvent(station="s", topic=topic, payload=payload, session=session, seq=seq)


def filled(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put([event("a-1", 1, f'{{"athlete":"{WHO}"}}'.encode()), event("a-1", 2, b'{"reps":1}')])
    outbox.put([event("a-10", 1, f'{{"athlete":"{OTHER}"}}'.encode())])
    outbox.put([NewEvent(station="h", topic=f"{ROOT}/hub/athlete/{WHO}/plan", payload=b"{}")])
    outbox.close()


def test_what_waits_is_erased_to_the_last_byte(tmp_path: Path) -> None:
    filled(tmp_path / "outbox-home-n1.db")
    (tmp_path / "outbox-home-n1.db.damaged-1").write_bytes(b"..." + WHO.encode())
    (tmp_path / "outbox-home-n1.db.damaged-2").write_bytes(b"..." + OTHER.encode())
    assert erase_outboxes(tmp_path, WHO, ["a-1"]) == 4
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert not [name for name, content in left.items() if WHO.encode() in content]
    assert "outbox-home-n1.db.damaged-2" in left
    db = sqlite3.connect(tmp_path / "outbox-home-n1.db")
    assert db.execute("SELECT session FROM message").fetchall() == [("a-10",)]
    assert db.execute("SELECT session FROM taken UNION SELECT session FROM session").fetchall() == [("a-10",)]
    db.close()
    assert erase_outboxes(tmp_path, WHO, ["a-1"]) == 0
    reopened = Outbox(tmp_path / "outbox-home-n1.db")
    assert (reopened.depth, reopened.taken("a-10"), reopened.taken("a-1")) == (1, 1, 0)
    reopened.close()


def test_an_outbox_in_use_is_not_touched(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox-home-n1.db")
    with pytest.raises(SinkError, match="another process uses this outbox"):
        erase_outboxes(tmp_path, WHO, ["a-1"])
    outbox.close()


def test_the_command_clears_the_broker_too(
    broker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    put(broker.port, {f"{ROOT}/hub/athlete/{WHO}/plan": b"{}", f"{ROOT}/hub/athlete/{OTHER}/plan": b"{}"})
    receipt = tmp_path / "r.json"
    command = ["forget", WHO, "--yes", "--mqtt", f"mqtt://127.0.0.1:{broker.port}", "--receipt", str(receipt)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "retained topics: 1" in done.output
    assert msgspec.json.decode(receipt.read_bytes())["retained_topics"] == 1
