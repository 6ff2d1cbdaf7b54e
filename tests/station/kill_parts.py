"""A station as a process of its own, to be killed; a broker and a subscriber that miss nothing meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho

from eccentra.events import Numbered
from eccentra.inputs import Packet
from eccentra.mqtt import contract
from eccentra.recording import Recording
from eccentra.session import Session
from needs import need_program

SITE, NODE, STATION = "lab", "bench", "rack"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Broker:
    """Mosquitto that keeps what its subscribers have not taken, over stops and starts."""

    def __init__(self, folder: Path) -> None:
        self._program = need_program("mosquitto", "apt install mosquitto")
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"user root\npersistence true\npersistence_location {folder}/\nset_tcp_nodelay true\n"
            f"allow_anonymous true\nmax_queued_messages 100000\nlistener {self.port} 127.0.0.1\n"
        )
        self._log = (folder / "mosquitto.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.state = "down"

    def be(self, state: str) -> None:
        """Be up, down or frozen."""
        if state == self.state:
            return
        if self.state == "frozen":
            assert self._process is not None
            self._process.send_signal(signal.SIGCONT)
        if state == "down":
            assert self._process is not None
            self._process.terminate()
            self._process.wait(10)
            self._process = None
        elif self._process is None:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=self._log, stderr=self._log
            )
            self._wait()
        if state == "frozen":
            assert self._process is not None
            self._process.send_signal(signal.SIGSTOP)
        self.state = state

    def _wait(self) -> None:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("mosquitto did not start")

    def close(self) -> None:
        if self._process is not None:
            self.be("up")
            self.be("down")
        self._log.close()


class Taker:
    """A subscriber with a session of its own at the broker: payloads of session events by id, in order."""

    def __init__(self, port: int) -> None:
        self.payloads: dict[str, list[bytes]] = defaultdict(list)
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="taker", clean_session=False, protocol=paho.MQTTv311
        )
        self._client.reconnect_delay_set(1, 1)
        self._ready = False
        self._client.on_connect = lambda client, *rest: client.subscribe(
            f"eccentra/v1/{SITE}/{NODE}/station/{STATION}/event/+", 1
        )
        self._client.on_subscribe = lambda *rest: setattr(self, "_ready", True)
        self._client.on_message = self._take
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        if not message.topic.endswith("/station"):
            self.payloads[msgspec.json.decode(message.payload)["id"]].append(message.payload)

    def wait(self, what: Any, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not what(self):
            assert time.monotonic() < deadline, f"not in {timeout_s} s; {len(self.payloads)} events came"
            time.sleep(0.05)

    def wait_ready(self) -> None:
        self.wait(lambda taker: taker._ready, 10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Victim:
    """The station's process."""

    def __init__(self, home: Path, port: int, *, kit: str = "thigh+force", seed: int = 5) -> None:
        self.home = home
        self._env = {**os.environ, "ECCENTRA_HOME": str(home)}
        self._command = [
            str(Path(sys.executable).parent / "eccentra"),
            *("station", "--exercise", "nordic-curl", "--simulated", kit, "--seed", str(seed)),
            *("--mqtt", f"mqtt://127.0.0.1:{port}", "--site", SITE, "--node", NODE, "--station", STATION),
        ]
        self._log = (home.parent / "station.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.started_ns = 0

    def start(self) -> None:
        self.started_ns = time.monotonic_ns()
        self.process = subprocess.Popen(
            self._command, env=self._env, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )

    def kill(self) -> int:
        """Kill it; gives the moment (host's monotonic ns)."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        at = time.monotonic_ns()
        self.process.kill()
        self.process.wait()
        return at

    def end(self, timeout_s: float = 30.0) -> int:
        """Ctrl-C."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout_s)

    def log(self) -> str:
        return (self.home.parent / "station.log").read_text()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def file(self) -> Path | None:
        return next(iter(sorted((self.home / "sessions").glob("*.eccentra"))), None)

    def resumed(self) -> int:
        """How often recording went on, with a packet after it."""
        path = self.file()
        if path is None:
            return 0
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            last = db.execute("SELECT coalesce(max(seq), 0) FROM input WHERE kind = 'packet'").fetchone()[0]
            count = db.execute("SELECT count(*) FROM input WHERE kind = 'resumed' AND seq < ?", (last,))
            return int(count.fetchone()[0]) + 1
        except sqlite3.OperationalError:
            return 0
        finally:
            db.close()


def replayed(path: Path) -> list[Numbered]:
    with Recording(path) as recording:
        session = Session(recording.header)
        return session.feed_many(recording.inputs())


def published(events: list[Numbered]) -> dict[str, bytes]:
    """What must have been published of them."""
    source = contract.event_id_source(SITE, NODE, STATION)
    return {one.id: contract.event_message(one, source)[1] for one in events}


def packet_times(path: Path) -> list[int]:
    """Host time of every recorded packet."""
    with Recording(path) as recording:
        zero = int(recording.note("zero_ns") or 0)
        return [item.arrival_ns + zero for item in recording.inputs() if isinstance(item, Packet)]
