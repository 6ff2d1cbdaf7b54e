"""Time from ``publish`` to the subscriber, for the embedded broker and for Mosquitto.

Every 100 ms a burst of 8 live values and one event, as eight sensors would cause (floor: 10 ms p99 on
Mosquitto with ``examples/mosquitto.conf``, 20 ms on the embedded broker), and the event alone for comparison;
then the whole way from the arrival of the packet that decides a repetition to the subscriber of
``rep.completed`` (floor: 20 ms). Each in memory and with an outbox on disk; last, what handing an event over
costs the caller.
``python benchmarks/mqtt_latency.py [--bursts N]`` prints a table. Publisher, embedded broker and subscriber
share this process.
"""

from __future__ import annotations

import argparse
import getpass
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
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
from eccentra.mqtt.outbox import Outbox
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
        sample = (Path(__file__).parent.parent / "examples" / "mosquitto.conf").read_text()
        config = Path(folder) / "mosquitto.conf"
        config.write_text(
            sample.replace("listener 1883", f"listener {port}")
            + f"persistence_location {folder}/\nuser {getpass.getuser()}\n"
        )
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


@contextmanager
def publishing(port: int, folder: Path | None) -> Iterator[Publisher]:
    """A connected publisher; with an outbox in ``folder``, if given."""
    outbox = None if folder is None else Outbox(folder / f"{uuid.uuid4()}.db")
    with Publisher(f"mqtt://127.0.0.1:{port}", site="bench", node="n1", outbox=outbox) as publisher:
        publisher.require_connected(5.0)
        yield publisher


def measure(port: int, bursts: int, folder: Path | None, *, burst: bool) -> tuple[list[float], list[float]]:
    """Latencies of the events, and what handing them over took, in ms."""
    arrived: dict[int, float] = {}
    sent: dict[int, float] = {}
    handed: list[float] = []
    with subscriber(port, arrived), publishing(port, folder) as publisher:
        stations = [publisher.station(f"s{index}") for index in range(STATIONS)]
        publisher.flush(5.0)
        for seq in range(1, bursts + 1):
            if burst:
                for station in stations:
                    station.live(LiveState(t_us=seq * 100_000, phase="eccentric", angle_deg=12.3))
            event = RepCounted(t_us=seq, set_index=1, index=seq)
            sent[seq] = time.perf_counter()
            stations[0].handle([Numbered(session="bench", seq=seq, time=None, event=event)])
            handed.append(1e3 * (time.perf_counter() - sent[seq]))
            time.sleep(PERIOD_S)
        publisher.flush(5.0)
        time.sleep(0.2)
    if len(arrived) != len(sent):
        print(f"lost: {len(sent) - len(arrived)} of {len(sent)}")
    return [1e3 * (arrived[seq] - sent[seq]) for seq in arrived], handed


def deciding(port: int, sessions: int, outbox_folder: Path | None) -> list[float]:
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
                publishing(port, outbox_folder) as publisher,
                Recorder(Path(folder) / f"{seed}.eccn", header) as recorder,
            ):
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
    parser.add_argument("--bursts", type=int, default=300, help="events of each run (default 300)")
    bursts = parser.parse_args().bursts
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")
    print(f"{'broker':<11}{'pattern':<17}{'outbox':<8}{'floor':>6}{'n':>6}", end="")
    print(f"{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name in ("embedded", "mosquitto"):
        if name == "mosquitto" and program is None:
            print("mosquitto   not found: apt install mosquitto")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for outbox in (None, Path(folder)):
                with embedded() if name == "embedded" else mosquitto(str(program)) as port:
                    alone, _ = measure(port, bursts, outbox, burst=False)
                    behind, handed = measure(port, bursts, outbox, burst=True)
                    floor = 10 if name == "mosquitto" else 20
                    for pattern, most, took in (
                        ("event alone", "", alone),
                        ("8 live + event", str(floor), behind),
                        ("deciding packet", "20", deciding(port, 8, outbox)),
                        ("handing over", "", handed),
                    ):
                        p50, p99 = np.percentile(took, [50, 99])
                        print(
                            f"{name:<11}{pattern:<17}{'disk' if outbox else 'no':<8}{most:>6}{len(took):>6}"
                            f"{p50:>9.2f}{p99:>9.2f}{max(took):>9.2f}",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
