"""A hub to be killed, and whoever stands around it: a publisher of sessions, a therapist."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from mqtt_parts import Subscriber, wait_for

from eccentra.mqtt import contract
from needs import ROOT


class HubProcess:
    """``eccentra hub`` as a process of its own."""

    def __init__(self, port: int, store: str, log: Path, *more: str) -> None:
        self._command = [
            sys.executable,
            "-m",
            "eccentra",
            "hub",
            "--mqtt",
            f"mqtt://127.0.0.1:{port}",
            "--store",
            store,
            "--site",
            "home",
            "--therapist",
            "t1",
            *more,
        ]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> HubProcess:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "ECCENTRA_HOME": str(self._log.parent),
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        return self

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)

    def stop(self) -> int:
        """Ask it to end; gives its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(10)
        finally:
            self._process.kill()


class Sender:
    """Publishes and waits for the broker's word, as a station's outbox does."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=f"sender-{uuid.uuid4().hex[:8]}"
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(500)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        self._sent: list[paho.MQTTMessageInfo] = []
        wait_for(self._client.is_connected, "the sender is connected")

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._sent.append(self._client.publish(topic, payload, 1, retain))

    def all_taken(self) -> bool:
        return all(one.is_published() for one in self._sent)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def ask(sender: Sender, subscriber: Subscriber, verb: str, **arguments: Any) -> dict[str, Any]:
    """The answer to a command."""
    request = str(uuid.uuid4())
    command = {"request_id": request, "time": contract.utc(time.time_ns()), **arguments}
    topic = contract.topic("hub_command", site="home", node="hub", verb=verb)
    sender.send(topic, contract.encode(command))

    def answers() -> list[dict[str, Any]]:
        there = [one.json for one in subscriber.got if "/reply/" in one.topic]
        return [one for one in there if one["request_id"] == request]

    wait_for(lambda: bool(answers()), f"an answer to {verb}", 30)
    return answers()[0]
