"""Time from ``publish`` to the subscriber, for the embedded broker and for Mosquitto.

Every 100 ms a burst of 8 live values and one event, as eight sensors would cause, and the event alone for
comparison. ``python benchmarks/mqtt_latency.py [--seconds S]`` prints a table; it takes about twice S for
each broker. The publisher, the embedded broker and the subscriber share this process.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from eccentra.events import Numbered, RepCounted
from eccentra.mqtt.broker import EmbeddedBroker
from eccentra.mqtt.publisher import Publisher
from eccentra.stages.live import LiveState

PERIOD_S = 0.1
STATIONS = 8


@contextmanager
def embedded() -> Iterator[int]:
    with EmbeddedBroker(0) as broker:
        yield broker.port


@contextmanager
def mosquitto(program: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"set_tcp_nodelay true\nallow_anonymous true\nlistener {port} 127.0.0.1\n")
        process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            yield port
        finally:
            process.terminate()
            process.wait(5)


@contextmanager
def subscriber(port: int, arrived: dict[int, float]) -> Iterator[None]:
    """Note when each event arrives, by its number."""

    def note(client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        now = time.perf_counter()
        arrived[msgspec.json.decode(message.payload)["data"]["seq"]] = now

    def no_delay(client: paho.Client, data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="latency")
    client.on_message, client.on_socket_open = note, no_delay
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("eccentra/v1/+/+/station/+/event/#", 1)
    time.sleep(0.3)
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


def measure(port: int, seconds: float, *, burst: bool) -> list[float]:
    """Latencies of the events in ms."""
    arrived: dict[int, float] = {}
    sent: dict[int, float] = {}
    url = f"mqtt://127.0.0.1:{port}"
    with subscriber(port, arrived), Publisher(url, site="bench", node="n1") as publisher:
        stations = [publisher.station(f"s{index}") for index in range(STATIONS)]
        publisher.require_connected(5.0)
        publisher.flush(5.0)
        for seq in range(1, int(seconds / PERIOD_S) + 1):
            if burst:
                for station in stations:
                    station.live(LiveState(t_us=seq * 100_000, phase="eccentric", angle_deg=12.3))
            event = RepCounted(t_us=seq, set_index=1, index=seq)
            sent[seq] = time.perf_counter()
            stations[0].handle([Numbered(session="bench", seq=seq, time=None, event=event)])
            time.sleep(PERIOD_S)
        publisher.flush(5.0)
        time.sleep(0.2)
    if len(arrived) != len(sent):
        print(f"lost: {len(sent) - len(arrived)} of {len(sent)}")
    return [1e3 * (arrived[seq] - sent[seq]) for seq in arrived]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="duration of each of the four runs")
    seconds = parser.parse_args().seconds
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")
    print(f"{'broker':<12}{'pattern':<22}{'n':>5}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name in ("embedded", "mosquitto"):
        if name == "mosquitto" and program is None:
            print("mosquitto   not found: apt install mosquitto")
            continue
        with embedded() if name == "embedded" else mosquitto(str(program)) as port:
            for pattern, burst in (("event alone", False), ("8 live + event", True)):
                took = measure(port, seconds, burst=burst)
                p50, p99 = np.percentile(took, [50, 99])
                print(f"{name:<12}{pattern:<22}{len(took):>5}{p50:>9.2f}{p99:>9.2f}{max(took):>9.2f}")


if __name__ == "__main__":
    main()
