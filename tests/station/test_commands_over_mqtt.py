"""The station's process takes commands from a broker: carried out, answered, refused, and never twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

ROOT = "eccentra/v1/local/gateway"


class Desk:
    """Sends commands and collects answers and events."""

    def __init__(self, port: int) -> None:
        self.answers: dict[str | None, list[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *rest: client.subscribe("eccentra/#", 1)
        self._client.on_subscribe = lambda *rest: self._ready.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        if "/reply/" in message.topic:
            answer = json.loads(message.payload)
            self.answers.setdefault(answer["request_id"], []).append(answer)
        elif "/event/" in message.topic:
            self.events.append(json.loads(message.payload))

    def send(self, verb: str, request: str, *, age_s: float = 0.0, retain: bool = False, **more: Any) -> None:
        time_of = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(timespec="milliseconds")
        payload = {"request_id": request, "time": time_of.replace("+00:00", "Z"), **more}
        topic = f"{ROOT}/station/station-1/cmd/{verb}"
        self._client.publish(topic, json.dumps(payload), 1, retain).wait_for_publish(5)

    def ask(self, verb: str, request: str, **more: Any) -> dict[str, Any]:
        before = len(self.answers.get(request, []))
        self.send(verb, request, **more)
        self.until(lambda: len(self.answers.get(request, [])) > before, f"answer to {verb}")
        return self.answers[request][-1]

    def until(self, true: Any, what: str, timeout_s: float = 15.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, f"{what}: {self.answers}"
            time.sleep(0.02)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["data"]["event_type"] == kind]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    env = {**os.environ, "ECCENTRA_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "eccentra"),
            *("station", "--simulated", "thigh+force", "--mqtt", "embedded://:0"),
        ],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found is not None, line + process.stdout.read()
        desk = Desk(int(found[1]))
        yield desk
        desk.close()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()


def started(desk: Desk) -> dict[str, Any]:
    """Start as soon as commands are taken and the simulated sensors stream."""
    for number in range(60):
        desk.send("start", f"start-{number}", exercise="nordic-curl", athlete="a-7")
        time.sleep(0.25)
        done = [a for answers in desk.answers.values() for a in answers if a["reason"] != "no_sensors"]
        if done:
            return done[0]
    raise AssertionError(f"never started: {desk.answers}")


def test_a_session_by_command(desk: Desk) -> None:
    answer = started(desk)
    assert (answer["status"], answer["schema"]) == ("done", "eccentra.reply/1")
    desk.until(lambda: desk.of("session.started"), "session.started")
    begun = desk.of("session.started")[0]
    assert begun["data"]["athlete"] == "a-7"
    assert begun["id"] in answer["events"]

    assert desk.ask("mark", "m-1", text="here")["status"] == "done"
    again = desk.ask("mark", "m-1", text="here")
    assert again["reason"] == "again"
    assert desk.ask("report", "p-1", pain=2, rpe=6)["status"] == "done"
    assert desk.ask("undo", "u-1")["reason"] == "nothing_to_undo"
    assert desk.ask("report", "p-2", pain=12)["reason"] == "bad_arguments"
    assert desk.ask("dance", "d-1")["reason"] == "unknown_verb"
    assert desk.ask("mark", "late-1", age_s=60.0)["reason"] == "late"
    elsewhere = desk.ask("mark", "m-2", reply_to="eccentra/v1/other/x/reply/y")
    assert elsewhere["reason"] == "bad_reply_to"
    desk.until(lambda: len(desk.of("reported.value")) == 1, "reported")
    assert len(desk.of("session.marked")) == 1

    session = begun["data"]["session"]
    before = len(desk.events)
    resent = desk.ask("resend", "r-1", session=session, from_seq=1)
    assert resent["status"] == "done"
    desk.until(lambda: len(desk.events) > before, "resent events")
    assert desk.ask("stop", "x-1")["status"] == "done"
    desk.until(lambda: desk.of("session.ended"), "session.ended")
    assert desk.ask("mark", "m-3")["reason"] == "no_session"
    by_id: dict[str, set[str]] = {}
    for event in desk.events:
        by_id.setdefault(event["id"], set()).add(json.dumps(event, sort_keys=True))
    assert all(len(payloads) == 1 for payloads in by_id.values())
