"""Time from ``publish`` to the subscriber, for the embedded broker and for Mosquitto.

Every 100 ms a burst of 8 live values and one event, as eight sensors would cause, and the event alone for
comparison; then the whole way from the arrival of the packet that decides a repetition to the subscriber of
``rep.completed`` (floor: 20 ms). ``python benchmarks/mqtt_latency.py [--seconds S]`` prints a table; it takes
about twice S and 20 s for each broker. Publisher, embedded broker and subscriber share this process.
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

from eccentra.events import Numbered, RepCompleted, RepCounted
from eccentra.exercises import load_exercise
from eccentra.inputs import Input
from eccentra.mqtt.broker import EmbeddedBroker
from eccentra.mqtt.publisher import Publisher
from eccentra.recording import Recorder
from eccentra.session import Header, Session
from eccentra.simulate import nordic_session, simulate
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


def deciding(port: int, sessions: int) -> list[float]:
    """From the arrival of the packet that decides a repetition to the subscriber, in ms.

    The whole way: record, decode, clock, stages, commit, publish. Only the deciding packets are timed; what
    lies between them is fed at once.
    """
    arrived: dict[int, float] = {}
    sent: dict[int, float] = {}
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder, subscriber(port, arrived):
        for seed in range(sessions):
            header, items = simulated(seed)
            with (
                Publisher(f"mqtt://127.0.0.1:{port}", site="bench", node="n1") as publisher,
                Recorder(Path(folder) / f"{seed}.eccn", header) as recorder,
            ):
                publisher.require_connected(5.0)
                station = publisher.station("s1")
                session, before = Session(header), 0
                for index in [*deciders(header, items), len(items)]:
                    between = items[before:index]
                    for item in between:
                        recorder.append(item)
                    station.handle(session.feed_many(between))
                    publisher.flush(5.0)
                    if index == len(items):
                        break
                    start = time.perf_counter()
                    recorder.append(items[index])
                    events = session.feed(items[index])
                    recorder.commit()
                    station.handle(events)
                    sent |= {e.seq: start for e in events if isinstance(e.event, RepCompleted)}
                    before = index + 1
                    time.sleep(0.02)
                publisher.flush(5.0)
            time.sleep(0.2)
            took += [1e3 * (arrived[seq] - start) for seq, start in sent.items()]
            sent.clear()
            arrived.clear()
    return took


def simulated(seed: int) -> tuple[Header, list[Input]]:
    """A session with two motion and two force sensors."""
    made = simulate(nordic_session(seed, kit="thigh+shank+force"), seed=seed)
    exercise = load_exercise("nordic-curl")
    return Header(
        session="bench", exercise=exercise, sensors=made.setups, software="benchmark"
    ), made.inputs()


def deciders(header: Header, items: list[Input]) -> list[int]:
    """Places of the inputs that decide a repetition."""
    session = Session(header)
    return [
        index
        for index, item in enumerate(items)
        if any(isinstance(e.event, RepCompleted) for e in session.feed(item))
    ]


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
            for pattern, took in (
                ("event alone", measure(port, seconds, burst=False)),
                ("8 live + event", measure(port, seconds, burst=True)),
                ("deciding packet", deciding(port, sessions=8)),
            ):
                p50, p99 = np.percentile(took, [50, 99])
                print(f"{name:<12}{pattern:<22}{len(took):>5}{p50:>9.2f}{p99:>9.2f}{max(took):>9.2f}")


if __name__ == "__main__":
    main()
