"""Brokers as processes of their own, to be killed and frozen, and a consumer that follows the contract."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from mqtt_parts import free_port

from eccentra.mqtt.contract import utc
from needs import need_program

_AMQTT = (
    "import sys, threading; from eccentra.mqtt.broker import EmbeddedBroker; "
    "EmbeddedBroker(int(sys.argv[1])).start(); threading.Event().wait()"
)


class BrokerProcess:
    """A broker that can be killed, frozen and thawed."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.port = free_port()
        self._log = folder / f"{kind}.log"
        self._process: subprocess.Popen[bytes] | None = None
        if kind == "amqtt":
            self._command = [sys.executable, "-c", _AMQTT, str(self.port)]
            return
        config = folder / "mosquitto.conf"
        # Everything is on disk at once, as far as Mosquitto can: what it took survives its own death.
        config.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            "autosave_on_changes true\nmax_queued_messages 100000\n"
        )
        self._command = [need_program("mosquitto", "apt install mosquitto"), "-c", str(config)]

    def start(self) -> BrokerProcess:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"{self.kind} did not start: {self._log.read_text()}")

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)

    def end(self) -> None:
        """Ask it to end: what it has is on disk then."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.kill()


class Consumer:
    """Keeps each event once, by its id, and asks for what is missing, as the contract has it.

    ``first`` are the payloads in the order of their first delivery; ``asked`` the session's numbers that had
    to be asked for: what a broker had acknowledged to the publisher and then lost with its memory.
    """

    def __init__(self, port: int, *, session: str, station: str = "rack1") -> None:
        self.first: dict[str, bytes] = {}
        self.different: list[str] = []
        self.notes: list[Any] = []
        self.duplicates = 0
        self.asked: set[int] = set()
        self._session, self._station = session, station
        self._seqs: set[int] = set()
        self._subscribed = 0
        self._client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=f"consumer-{port}", clean_session=False
        )
        client.on_socket_open = lambda client, data, sock: sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        # Back before the publisher is, which waits a second: these brokers forget who was there.
        client.reconnect_delay_set(0.05, 0.05)
        client.on_connect = lambda client, *rest: client.subscribe("eccentra/v1/home/n1/station/+/event/+", 1)
        client.on_subscribe = lambda *rest: setattr(self, "_subscribed", self._subscribed + 1)
        client.on_message = self._take
        client.connect_async("127.0.0.1", port, keepalive=60)
        client.loop_start()

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        event = msgspec.json.decode(message.payload)
        if message.topic.endswith("/station"):
            self.notes.append(event["data"])
            return
        known = self.first.setdefault(event["id"], message.payload)
        self.duplicates += known is not message.payload
        if known != message.payload:
            self.different.append(event["id"])
        self._seqs.add(event["data"]["seq"])

    def wait_subscribed(self, times: int) -> None:
        """Wait until it has subscribed so often: brokers that were killed know nothing of it."""
        deadline = time.monotonic() + 10
        while self._subscribed < times:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def ids(self) -> list[str]:
        return list(self.first)

    def holes(self, last: int) -> list[int]:
        """Numbers up to ``last`` that did not come."""
        return sorted(set(range(1, last + 1)) - self._seqs)

    def ask(self, last: int) -> None:
        """Ask the station to send again from the first number that is missing."""
        missing = self.holes(last)
        if not missing:
            return
        self.asked.update(missing)
        command = {
            "request_id": str(uuid.uuid4()),
            "time": utc(time.time_ns()),
            "session": self._session,
            "from_seq": missing[0],
        }
        topic = f"eccentra/v1/home/n1/station/{self._station}/cmd/resend"
        self._client.publish(topic, msgspec.json.encode(command), 1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
