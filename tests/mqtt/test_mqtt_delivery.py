"""No event is lost, whatever happens to broker, connection or process; on amqtt and on Mosquitto."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from broker_processes import BrokerProcess, Consumer
from fake_broker import FakeBroker
from mqtt_parts import Amqtt, Mosquitto, Subscriber, check_message, wait_for

from eccentra.commands import Answer, Request, Resend
from eccentra.events import Numbered, RepCounted, StationNoted, StationReason
from eccentra.mqtt.address import parse_url
from eccentra.mqtt.connection import Connection
from eccentra.mqtt.outbox import Outbox
from eccentra.mqtt.publisher import Publisher

KINDS = ("amqtt", "mosquitto")
Subscribe = Callable[[int], Subscriber]
Publish = Callable[..., Publisher]


def counted(first: int, n: int, session: str = "s-1") -> list[Numbered]:
    return [
        Numbered(session=session, seq=seq, time=None, event=RepCounted(t_us=seq, set_index=1, index=seq))
        for seq in range(first, first + n)
    ]


@pytest.fixture(params=KINDS)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    broker = BrokerProcess(request.param, tmp_path).start()
    yield broker
    broker.stop()


class Plan:
    """What happens to the broker, in this order: killed for a second, or frozen for some."""

    def __init__(self, kills: int, freezes: Sequence[float], pause_s: float) -> None:
        steps: list[float | None] = [None] * kills + list(freezes)
        random.Random(7).shuffle(steps)
        self.steps, self.pause_s = steps, pause_s

    def carry_out(self, broker: BrokerProcess) -> None:
        for frozen_s in self.steps:
            time.sleep(self.pause_s)
            if frozen_s is None:
                broker.kill()
                time.sleep(0.5)
                broker.start()
            else:
                broker.freeze()
                time.sleep(frozen_s)
                broker.thaw()
        time.sleep(self.pause_s)


def survive(kind: str, folder: Path, plan: Plan, rate_hz: float) -> str:
    """Publish while the plan is carried out; everything must come, once, in order, as it was."""
    folder.mkdir()
    broker = BrokerProcess(kind, folder).start()
    consumer = Consumer(broker.port, session="s-1")
    publisher = Publisher(
        f"mqtt://127.0.0.1:{broker.port}", site="home", node="n1", outbox=Outbox(folder / "outbox.db")
    )
    done: list[Numbered] = []

    def resend(request: Request) -> None:
        assert isinstance(request.do, Resend)
        publisher.resend("rack1", done[request.do.from_seq - 1 :])
        publisher.answer(
            "rack1", request, Answer(request=request.id, status="done", reason="done", message="")
        )

    try:
        station = publisher.station("rack1")
        publisher.on_commands("rack1", resend)
        publisher.start()
        chaos = threading.Thread(target=plan.carry_out, args=(broker,))
        chaos.start()
        while chaos.is_alive():
            done += counted(len(done) + 1, 1)
            began = time.monotonic()
            station.handle(done[-1:])
            assert time.monotonic() - began < 0.5, "the set was held up"
            time.sleep(1 / rate_hz)
        assert publisher.flush(30), publisher.health()
        time.sleep(0.5)
        for _ in range(5):
            consumer.ask(len(done))
            time.sleep(0.2)
            assert publisher.flush(30)
            time.sleep(0.2)
        assert consumer.holes(len(done)) == []
        ids = consumer.ids()
        asked = {f"s-1-{seq}" for seq in consumer.asked}
        in_order = [int(one.rpartition("-")[2]) for one in ids if one not in asked]
        assert in_order == sorted(in_order)
        assert consumer.different == []
        health = publisher.health()
        assert (health.errors, health.dropped) == (0, 0)
        away = [noted for noted in consumer.notes if noted["reason"] == "broker_away"]
        return (
            f"{kind}: {len(done)} events, {consumer.duplicates} duplicates, {len(asked)} asked for again, "
            f"{len(away)} times away, {health.restarts} silent connections"
        )
    finally:
        publisher.close(1)
        consumer.close()
        broker.stop()


def survive_on_both(folder: Path, plan: Plan, rate_hz: float) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(survive, kind, folder / kind, plan, rate_hz) for kind in KINDS]
        for run in runs:
            print(run.result())


@pytest.mark.long
def test_a_broker_killed_and_frozen_costs_no_event(tmp_path: Path) -> None:
    survive_on_both(tmp_path, Plan(kills=1, freezes=[1.5], pause_s=0.6), rate_hz=50)


@pytest.mark.long
def test_a_broker_killed_ten_times_and_frozen_three_times_costs_no_event(tmp_path: Path) -> None:
    """Freezes below, at and beyond what the keepalive notices."""
    survive_on_both(tmp_path, Plan(kills=10, freezes=[3.0, 12.0, 15.0], pause_s=7.0), rate_hz=40)


# --- the publishing process is killed ------------------------------------------------------------------

_PUBLISH = """
import sys, time
from eccentra.events import Numbered, RepCounted
from eccentra.mqtt.outbox import Outbox
from eccentra.mqtt.publisher import Publisher
port, path = sys.argv[1:]
outbox = Outbox(path)
publisher = Publisher(f"mqtt://127.0.0.1:{port}", site="home", node="n1", outbox=outbox).start()
station = publisher.station("rack1")
# Recovery is replay: every event from the first one on is handed over again.
for seq in range(1, 100_000):
    known = outbox.taken("s-1")
    event = RepCounted(t_us=seq, set_index=1, index=seq)
    station.handle([Numbered(session="s-1", seq=seq, time=None, event=event)])
    if seq > known:
        print(seq, flush=True)
        time.sleep(0.004)
"""


def killed_after(seconds: float, port: int, path: Path) -> int:
    """Publish in a process of its own, kill it, and give the last event that it had put into the outbox."""
    with subprocess.Popen(
        [sys.executable, "-c", _PUBLISH, str(port), str(path)], stdout=subprocess.PIPE
    ) as one:
        assert one.stdout is not None
        one.stdout.readline()
        time.sleep(seconds)
        one.send_signal(signal.SIGKILL)
        rest = one.stdout.read()
    return int(rest.split()[-1])


def test_kill_9_of_the_publishing_process_loses_nothing(process: BrokerProcess, tmp_path: Path) -> None:
    """With the broker up, frozen and gone; then one that runs sends what is left."""
    path = tmp_path / "outbox.db"
    consumer = Consumer(process.port, session="s-1")
    try:
        consumer.wait_subscribed(1)
        killed_after(0.3, process.port, path)
        process.freeze()
        killed_after(0.3, process.port, path)
        process.thaw()
        # What the broker has acknowledged it still has to hand on: that is not what is tested here.
        time.sleep(0.3)
        process.kill()
        last = killed_after(0.2, process.port, path)
        process.start()
        consumer.wait_subscribed(2)
        with Publisher(
            f"mqtt://127.0.0.1:{process.port}", site="home", node="n1", outbox=Outbox(path)
        ) as publisher:
            # The process may have put in one more than it could say.
            publisher.station("rack1").handle(counted(1, last + 1))
            assert publisher.flush(20)
        wait_for(lambda: consumer.holes(last + 1) == [], "all events")
        assert consumer.different == []
        numbers = [int(one.rpartition("-")[2]) for one in consumer.ids()]
        assert numbers == sorted(numbers)
        assert "recovery_mismatch" not in {noted["reason"] for noted in consumer.notes}
    finally:
        consumer.close()


# --- connections that say nothing ----------------------------------------------------------------------


def fast_clock() -> int:
    """Thirty times as fast: ten seconds pass in a third of one."""
    return time.monotonic_ns() * 30


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeBroker]]:
    made: list[FakeBroker] = []

    def make(*arguments: object, **settings: object) -> FakeBroker:
        made.append(FakeBroker(*arguments, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.usefixtures("quick")
def test_a_broker_that_stops_acknowledging_is_connected_to_anew(
    fake: Callable[..., FakeBroker], publish: Publish
) -> None:
    broker = fake((5, 1000))
    publisher = publish(broker.port, monotonic_ns=fast_clock)
    publisher.station("rack1").handle(counted(1, 20))
    assert publisher.flush(10)
    assert publisher.health().restarts == 1
    assert "nothing was acknowledged" in str(publisher.health().last_error)
    events = [
        payload for number, payload in broker.published if number == 2 and payload.startswith(b'{"spec')
    ]
    first = msgspec.json.decode(events[0])["data"]["seq"]
    assert [msgspec.json.decode(one)["data"]["seq"] for one in events] == list(range(first, 21))


@pytest.mark.usefixtures("quick")
def test_a_broker_that_does_not_answer_the_connect_is_tried_again(
    fake: Callable[..., FakeBroker], publish: Publish
) -> None:
    broker = fake((0,), greet=False)
    publisher = publish(broker.port, monotonic_ns=fast_clock)
    wait_for(lambda: broker.connections >= 2, "another connection")
    assert "no answer within" in str(publisher.health().last_error)


@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_network_thread_that_ended_is_noticed_and_replaced(
    fake: Callable[..., FakeBroker], publish: Publish
) -> None:
    """A mistake inside the client ends its thread, and it still says that it is connected."""
    broker = fake((1000,))
    publisher = publish(broker.port)
    station = publisher.station("rack1")
    assert publisher.flush(5)
    connection = publisher._pump._connection
    assert connection is not None

    def mistake(*arguments: object) -> None:
        raise ValueError("inside the network thread")

    connection.client.on_publish = mistake
    station.handle(counted(1, 20))
    wait_for(lambda: connection.silent() is not None, "the thread ended")
    assert connection.client.is_connected()
    station.handle(counted(21, 20))
    assert publisher.flush(10)
    assert publisher.health().restarts == 1
    assert "network thread has ended" in str(publisher.health().last_error)


class _Deaf:
    """Counts the connections that came to nothing."""

    def __init__(self) -> None:
        self.ended = 0

    def lost(self, number: int, problem: str) -> None:
        self.ended += 1


def test_connections_that_came_to_nothing_leave_no_sockets() -> None:
    """A broker may be away for days, and nothing need run the garbage collector in that time."""
    open_files = Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("no /proc/self/fd here: open files are counted on Linux only")
    deaf = _Deaf()

    def come_to_nothing() -> None:
        ended = deaf.ended
        connection = Connection(
            1,
            parse_url("mqtt://127.0.0.1:1"),
            client_id="t",
            status_topic="t",
            subscriptions=list,
            listener=deaf,  # type: ignore[arg-type]
        )
        connection.open()
        wait_for(lambda: deaf.ended > ended, "no connection")
        connection.drop()

    gc.collect()
    gc.disable()
    try:
        come_to_nothing()
        before = len(list(open_files.iterdir()))
        for _ in range(30):
            come_to_nothing()
        wait_for(lambda: len(list(open_files.iterdir())) < before + 10, "the sockets are closed")
    finally:
        gc.enable()


@pytest.mark.long
@pytest.mark.parametrize("busy", [True, False])
def test_a_frozen_broker_is_noticed_within_ten_seconds(
    process: BrokerProcess, publish: Publish, busy: bool
) -> None:
    publisher = publish(process.port)
    station = publisher.station("rack1")
    assert publisher.flush(5)
    process.freeze()
    began = time.monotonic()
    seq = 0
    while publisher.health().connected:
        assert time.monotonic() - began < 10
        if busy:
            seq += 1
            station.handle(counted(seq, 1))
        time.sleep(0.05)
    process.thaw()
    assert publisher.wait_connected(10)
    assert publisher.flush(5)


# --- what is said about it -----------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("screen", [True, False])
def test_broker_trouble_is_said_once_each(tmp_path: Path, publish: Publish, screen: bool) -> None:
    """Whoever is told publishes it; when nobody is, the publisher does."""
    broker = Mosquitto(tmp_path)
    said: list[StationNoted] = []
    try:
        broker.start()
        publisher = publish(broker.port, outbox=Outbox(tmp_path / "outbox.db"))
        station = publisher.station("rack1")
        if screen:
            publisher.on_note(lambda noted: (said.append(noted), station.note(noted)))
        station.handle(counted(1, 1))
        assert publisher.flush(5)
        broker.stop()
        wait_for(lambda: not publisher.health().connected, "away")
        station.handle(counted(2, 3))
        time.sleep(0.6)
        broker.start()
        listener = Subscriber(broker.port).wait_ready()
        assert publisher.flush(10)
        listener.until(lambda: len(listener.on("/event/station")) >= 2, "both notes")
        time.sleep(0.2)
        expected = [StationReason.BROKER_AWAY, StationReason.BROKER_BACK]
        assert [noted.reason for noted in said] == (expected if screen else [])
        listener.close()
    finally:
        broker.stop()
    for message in listener.got:
        check_message(message.topic, message.payload)
    away, back = (msgspec.json.decode(payload) for payload in listener.on("/event/station"))
    assert (away["source"], away["subject"]) == ("/eccentra/home/n1", "rack1")
    assert away["id"] != back["id"]
    assert away["data"]["reason"] == "broker_away"
    assert "4 events waited" in back["data"]["detail"]


def test_without_an_outbox_broker_trouble_is_for_the_screen_only() -> None:
    said: list[StationNoted] = []
    publisher = Publisher("mqtt://127.0.0.1:1", site="home", node="n1")
    publisher.on_note(said.append)
    publisher.station("rack1")
    publisher.start()
    wait_for(lambda: bool(said), "away is said")
    assert said[0].reason is StationReason.BROKER_AWAY
    assert publisher.health().outbox_depth is None
    assert publisher._store.depth == 0
    publisher.close(0.1)


def test_a_full_outbox_is_filled_from_the_session_file(tmp_path: Path) -> None:
    """More happened than the outbox holds while the broker was away; nothing is missing and in order."""
    broker = Mosquitto(tmp_path)
    events = counted(1, 3000)
    said: list[StationNoted] = []
    asked: list[int] = []

    def refill(session: str, from_seq: int) -> list[Numbered]:
        asked.append(from_seq)
        if len(asked) == 1:
            raise OSError("no such file")
        return events[from_seq - 1 :]

    broker.start()
    publisher = Publisher(
        f"mqtt://127.0.0.1:{broker.port}",
        site="home",
        node="n1",
        outbox=Outbox(tmp_path / "outbox.db", most_rows=1000),
    )
    publisher.on_note(said.append)
    publisher.set_refill(refill)
    station = publisher.station("rack1")
    for at in range(0, 2900, 100):
        station.handle(events[at : at + 100])
    health = publisher.health()
    assert (health.outbox_depth, health.outbox_missing, health.dropped) == (1000, 1, 0)
    try:
        listener = Subscriber(broker.port).wait_ready()
        publisher.start()
        wait_for(lambda: bool(publisher._refill._again_ns), "asked in vain")
        publisher._refill._again_ns = {}
        station.handle(events[2900:])
        wait_for(lambda: publisher.health().outbox_missing == 0, "nothing is missing")
        assert publisher.flush(10)
        listener.until(lambda: len(listener.on("/event/rep")) >= 3000, "all")
        listener.close()
    finally:
        publisher.close(0.5)
        broker.stop()
    got = [message.json["data"] for message in listener.events()]
    assert [data["seq"] for data in got if "seq" in data] == list(range(1, 3001))
    reasons = [noted.reason.value for noted in said]
    assert reasons.count("outbox_full") == 2
    assert "no such file" in next(n.detail for n in said if n.level == "error")


def test_the_outbox_is_closed_with_the_publisher_and_sent_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    away = Publisher("mqtt://127.0.0.1:1", site="home", node="n1", outbox=Outbox(path)).start()
    away.station("rack1").handle(counted(1, 10))
    away.close(0.1)
    broker = Amqtt(tmp_path)
    broker.start()
    try:
        listener = Subscriber(broker.port).wait_ready()
        with Publisher(
            f"mqtt://127.0.0.1:{broker.port}", site="home", node="n1", outbox=Outbox(path)
        ) as publisher:
            publisher.station("rack1")
            assert publisher.flush(5)
            listener.until(lambda: len(listener.events()) >= 10, "what the first one left")
            assert publisher.resend("rack1", counted(3, 2)) == 2
            listener.until(lambda: len(listener.events()) >= 12, "resent")
        listener.close()
    finally:
        broker.stop()
    rep = [message.json["data"]["seq"] for message in listener.events() if "/event/rep" in message.topic]
    assert rep == [*range(1, 11), 3, 4]
