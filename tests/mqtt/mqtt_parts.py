"""Brokers, a subscriber and a session's events for the MQTT tests. Loopback only."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import msgspec
import paho.mqtt.client as paho

from eccentra.events import (
    BreakPoint,
    CalibrationDone,
    CueGiven,
    CueId,
    Event,
    Flag,
    Force,
    Metric,
    Numbered,
    Phase,
    PhaseChanged,
    QualityNoted,
    Reason,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    Reported,
    RepRejected,
    SensorBattery,
    SensorConnected,
    SensorGap,
    SensorLost,
    SensorMalformed,
    SessionEnded,
    SessionStarted,
    SetCompleted,
    SetStarted,
    Tared,
)
from eccentra.mqtt.broker import EmbeddedBroker
from eccentra.mqtt.contract import channel_of
from eccentra.mqtt.schemas import schema_name, schemas
from needs import need_program

SCHEMAS = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas().items()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_for(true: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


class Amqtt:
    """The embedded broker, to be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._broker: EmbeddedBroker | None = None

    def start(self) -> None:
        self._broker = EmbeddedBroker(self.port)
        self._broker.start()

    def stop(self) -> None:
        if self._broker is not None:
            self._broker.stop()


class Mosquitto:
    """A real broker as a process of its own; ``extra`` goes into its configuration."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self._program = need_program("mosquitto", "apt install mosquitto")
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            "user root\npersistence false\nset_tcp_nodelay true\nallow_anonymous true\n"
            # as in the sample configuration: the default drops what a busy subscriber has not taken
            "max_queued_messages 100000\n"
            f"listener {self.port} 127.0.0.1\n{extra}"
        )
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"mosquitto did not start: {self._log.read_text()}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None


class Received(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: bool
    at: float

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.payload)

    @property
    def last_level(self) -> str:
        return self.topic.rsplit("/", 1)[1]


class Subscriber:
    """Subscribes to everything of the contract and keeps it, in order."""

    def __init__(self, port: int) -> None:
        self.got: list[Received] = []
        self._ready = False
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"test-{free_port()}")
        self._client.on_socket_open = lambda client, data, sock: sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        # Back before the publisher is: the brokers here keep nothing for who is away.
        self._client.reconnect_delay_set(0.05, 0.05)
        self._client.on_connect = lambda client, *rest: client.subscribe("eccentra/#", 1)
        self._client.on_subscribe = lambda *rest: setattr(self, "_ready", True)
        self._client.on_message = self._take
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        self.got.append(
            Received(message.topic, message.payload, message.qos, bool(message.retain), time.perf_counter())
        )

    def wait_ready(self) -> Subscriber:
        self.until(lambda: self._ready, "subscribed")
        return self

    def until(self, true: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > deadline:
                last = [message[:2] for message in self.got[-20:]]
                raise AssertionError(f"not within {timeout_s} s: {what}; got {len(self.got)}, last {last}")
            time.sleep(0.005)

    def events(self) -> list[Received]:
        return [message for message in self.got if "/event/" in message.topic]

    def on(self, tail: str) -> list[bytes]:
        return [message.payload for message in self.got if message.topic.endswith(tail)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def check_message(topic: str, payload: bytes) -> str:
    """Fail unless topic and payload are those of the contract; gives the schema's name."""
    channel = channel_of(topic)
    assert channel is not None, topic
    text = channel.messages == ("text",)
    value = payload.decode() if text else msgspec.json.decode(payload)
    name = schema_name(channel, value, topic)
    SCHEMAS[name].validate(value)
    return name


def ok(value: float | None, unit: str, method: str = "m1") -> Metric:
    if value is None:
        return Metric(value=None, unit=unit, method=method, quality="missing", reason=Flag.GAP_INSIDE)
    return Metric(value=value, unit=unit, method=method)


def repetition(
    index: int, *, set_index: int = 1, eccentric_s: float | None = 3.0, force: bool = True
) -> Repetition:
    start = index * 5_000_000
    return Repetition(
        set_index=set_index,
        index=index,
        start_us=start,
        end_us=start + 4_000_000,
        decided_us=start + 4_200_000,
        valid=index != 2,
        reasons=(Reason.PARTIAL_ROM,) if index == 2 else (),
        phases=(Phase(kind="eccentric", start_us=start, end_us=start + 3_000_000),),
        metrics={
            "eccentric_s": ok(eccentric_s, "s"),
            "rom_deg": ok(60.0 + index, "deg"),
            "tut_s": ok(3.0, "s"),
        },
        break_point=BreakPoint(
            lean_deg=40.0 + index, knee_flexion_deg=None, method="bpa_acc1", t_us=start + 2_000_000
        ),
        force_left=Force(peak_n=200.0 + index, mean_n=150.0, impulse_ns=450.0) if force else None,
        confidence=0.9,
        flags=(Flag.RETURN_NOT_SEEN,),
    )


def story(session: str = "s-1", *, time_known: bool = True) -> list[Numbered]:
    """One short session with an event of nearly every type."""
    done = SetCompleted(
        t_us=20_000_000,
        set_index=1,
        start_us=5_000_000,
        end_us=19_000_000,
        decided_us=39_000_000,
        reps_counted=2,
        reps_valid=1,
        metrics={"tut_s": ok(6.0, "s", "tut_kinematic"), "dose_j": ok(120.5, "J")},
        flags=(Flag.FEW_REPETITIONS,),
    )
    events: list[Event] = [
        SessionStarted(t_us=0, exercise="nordic-curl", sensors={"imu1": "movesense"}, software="0.1.0"),
        SensorConnected(t_us=1000, sensor="imu1"),
        QualityNoted(t_us=1500, flag=Flag.UNCALIBRATED, detail="no still stretch yet"),
        CalibrationDone(t_us=2000, what="zero", residual_deg=0.4),
        Tared(t_us=2500, sensor="force1", offset_n=1.25),
        SetStarted(t_us=5_000_000, set_index=1),
        PhaseChanged(t_us=5_000_000, phase="eccentric", set_index=1),
        RepCounted(t_us=8_000_000, set_index=1, index=1),
        RepCompleted(t_us=9_000_000, rep=repetition(1)),
        RepCounted(t_us=13_000_000, set_index=1, index=2),
        RepCompleted(t_us=14_000_000, rep=repetition(2, eccentric_s=5.0)),
        RepRejected(
            t_us=16_000_000,
            start_us=15_000_000,
            end_us=16_000_000,
            decided_us=16_200_000,
            reason=Reason.TOO_SMALL,
            set_index=1,
        ),
        SensorGap(t_us=16_500_000, sensor="imu1", start_us=16_100_000, end_us=16_500_000),
        SensorMalformed(t_us=16_600_000, sensor="imu1", reason="truncated", detail="7 of 20 bytes", count=1),
        SensorBattery(t_us=17_000_000, sensor="imu1", low=True, value=12.0, unit="%"),
        RepCounted(t_us=18_000_000, set_index=1, index=3),
        RepAmended(t_us=18_900_000, set_index=1, index=3, counted=False, reason=Reason.SETUP),
        done,
        Reported(t_us=40_000_000, request="r-1", pain=2.0, rpe=6.5, note="fine", set_index=1),
        CueGiven(
            t_us=40_000_000, decided_us=40_000_000, cue=CueId.STOP_PAIN, severity="stop", text="Stop the set."
        ),
        SensorLost(t_us=41_000_000, sensor="imu1", why="silent"),
        SessionEnded(t_us=42_000_000, why="stop", sets=1, reps=2),
    ]
    return [
        Numbered(
            session=session,
            seq=seq,
            time=f"2026-11-21T10:{15 + event.t_us // 60_000_000:02d}:{event.t_us // 1_000_000 % 60:02d}.125Z"
            if time_known
            else None,
            event=event,
        )
        for seq, event in enumerate(events, start=1)
    ]
