"""The hub at a broker: events in, decisions and plans out, nothing lost with process, broker or database."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from broker_processes import BrokerProcess
from hub_parts import DAY, at, begin, end_state, enrolment, payloads, prescribed, session
from mqtt_parts import Amqtt, Mosquitto, Subscriber, check_message, wait_for
from node_parts import HubProcess, Sender, ask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from eccentra.commands import Answer, Request, Resend
from eccentra.errors import SinkError
from eccentra.hub.node import Hub
from eccentra.hub.take import sweep, take
from eccentra.mqtt import contract
from eccentra.mqtt.publisher import Publisher
from eccentra.store import tables
from eccentra.store.database import Store, open_store
from eccentra.store.reading import reports_for_plan


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Amqtt]:
    running = Amqtt(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def sender() -> Iterator[Callable[[int], Sender]]:
    made: list[Sender] = []

    def make(port: int) -> Sender:
        made.append(Sender(port))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def subscriber(broker: Amqtt) -> Iterator[Subscriber]:
    one = Subscriber(broker.port).wait_ready()
    yield one
    one.close()


def hub_at(port: int, store: Store, **settings: object) -> Hub:
    hub = Hub(f"mqtt://127.0.0.1:{port}", store, site="home", therapists=("t1",), **settings)  # type: ignore[arg-type]
    hub.start()
    assert hub.wait_connected(10)
    return hub


def events_in(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.event)).scalar() or 0)


def sent(subscriber: Subscriber, tail: str) -> list[bytes]:
    return [one.payload for one in subscriber.got if one.topic.endswith(tail)]


def test_from_a_session_to_an_accepted_plan(
    broker: Amqtt, results: Store, subscriber: Subscriber, sender: Callable[[int], Sender]
) -> None:
    """Everything that is published follows the contract."""
    hub, out = hub_at(broker.port, results), sender(broker.port)
    try:
        assert ask(out, subscriber, "enrol", **enrolment(mode="clinic"))["status"] == "done"
        assert ask(out, subscriber, "prescribe", **prescribed())["status"] == "done"
        assert ask(out, subscriber, "suggestions", on=True, who="t1")["status"] == "done"
        today = (time.time() * 1e6 - at(0)) / DAY
        for topic, payload in session("s1", day=today):
            out.send(topic, payload)
        out.send(f"{session('s1')[0][0].rsplit('/', 1)[0]}/rep", b"no event")
        subscriber.until(lambda: bool(sent(subscriber, "/hub/event/plan")), "a proposal", 30)
        proposal = msgspec.json.decode(sent(subscriber, "/hub/event/plan")[0])
        assert (proposal["subject"], proposal["data"]["session"]) == ("p1", "s1")
        late = {"decision": proposal["id"], "who": "t1"}
        assert ask(out, subscriber, "accept", **late)["reason"] == "done"
        assert ask(out, subscriber, "accept", **late)["reason"] == "not_open"
        subscriber.until(
            lambda: b'"level":1' in (sent(subscriber, "/athlete/p1/plan") or [b""])[-1], "the plan", 30
        )
        wait_for(lambda: hub.counts["refused"] == 1, "the malformed one is counted")
        newcomer = Subscriber(broker.port).wait_ready()
        newcomer.until(lambda: bool(sent(newcomer, "/athlete/p1/plan")), "the retained plan")
        assert {one.topic for one in newcomer.got if one.retain and "/plan" in one.topic} == {
            "eccentra/v1/home/hub/athlete/p1/plan"
        }
        newcomer.close()
    finally:
        hub.close()
    subscriber.until(lambda: sent(subscriber, "/hub/status")[-1] == b"offline", "its last word")
    for one in subscriber.got:
        if one.payload != b"no event":
            check_message(one.topic, one.payload)


def test_the_next_morning_is_said_with_no_station_there(
    broker: Amqtt, results: Store, subscriber: Subscriber, sender: Callable[[int], Sender]
) -> None:
    hub, out = hub_at(broker.port, results), sender(broker.port)
    try:
        said = {"athlete": "p1", "kind": "next_morning", "pain": 2}
        assert ask(out, subscriber, "report", **said)["status"] == "done"
        impossible = ask(out, subscriber, "report", **{**said, "pain": 11})
        assert (impossible["status"], impossible["reason"]) == ("refused", "bad_arguments")
        assert "pain" in impossible["message"]
    finally:
        hub.close()
    with results.read() as connection:
        (one,) = reports_for_plan(connection, "p1")
    assert (one.kind, one.pain) == ("next_morning", 2.0)


def test_a_command_is_never_taken_retained_or_late(
    broker: Amqtt, results: Store, subscriber: Subscriber, sender: Callable[[int], Sender]
) -> None:
    topic = contract.topic("hub_command", site="home", node="hub", verb="enrol")
    out = sender(broker.port)
    kept = {"request_id": "r-kept", "time": contract.utc(time.time_ns()), **enrolment()}
    out.send(topic, contract.encode(kept), retain=True)
    wait_for(out.all_taken, "retained")
    hub = hub_at(broker.port, results)
    try:
        late = {"request_id": "r-late", "time": "2026-03-01T10:00:00.000Z", **enrolment()}
        replies = lambda: [msgspec.json.decode(one) for one in sent(subscriber, "/reply/hub")]  # noqa: E731
        # connected is not yet subscribed: what the broker takes before that reaches nobody
        subscriber.until(lambda: bool(replies()), "the first answer")
        out.send(topic, contract.encode(late))
        # a retained message may come again when subscribed again
        subscriber.until(lambda: len({one["request_id"] for one in replies()}) >= 2, "two answers")
        assert {(one["request_id"], one["status"], one["reason"]) for one in replies()} == {
            ("r-kept", "refused", "retained"),
            ("r-late", "refused", "late"),
        }
        with results.read() as connection:
            assert connection.execute(select(tables.person)).all() == []
    finally:
        hub.close()


def test_the_broker_restarts_and_nothing_is_lost(
    broker: Amqtt, results: Store, sender: Callable[[int], Sender]
) -> None:
    begin(results)
    events = session("s1")
    hub = hub_at(broker.port, results)
    try:
        out = sender(broker.port)
        for topic, payload in events[:6]:
            out.send(topic, payload)
        wait_for(lambda: events_in(results) == 6, "the first half")
        broker.stop()
        wait_for(lambda: not hub.ready, "the hub knows")
        broker.start()
        assert hub.wait_connected(20)
        second = Subscriber(broker.port).wait_ready()
        for topic, payload in events[6:]:
            out.send(topic, payload)
        second.until(lambda: bool(sent(second, "/hub/event/plan")), "the proposal", 30)
        assert events_in(results) == len(events)
        second.close()
    finally:
        hub.close()


def test_what_was_missed_is_asked_for_from_the_stations_file(
    broker: Amqtt, results: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that keeps nothing for who is away: the retained state names the session."""
    monkeypatch.setattr("eccentra.hub.catching_up._FIRST_NS", 200_000_000)
    begin(results)
    events = session("s1")
    with Publisher(f"mqtt://127.0.0.1:{broker.port}", site="home", node="gateway") as station:
        asked: list[Resend] = []

        def handle(request: Request) -> None:
            assert isinstance(request.do, Resend)
            asked.append(request.do)
            station.answer(
                "mat", request, Answer(request=request.id, status="done", reason="done", message="")
            )
            for topic, payload in events[request.do.from_seq - 1 :]:
                out.send(topic, payload)

        station.on_commands("mat", handle)
        assert station.wait_connected(10)
        out = Sender(broker.port)
        state = station.station("mat")._view.state()
        payload = contract.encode(msgspec.structs.replace(state, session="s1"))
        station.put_state("state", payload, station="mat")
        assert station.flush(10)
        hub = hub_at(broker.port, results)
        try:
            wait_for(lambda: events_in(results) == len(events), "all events", 30)
            assert asked[0].session == "s1"
            wait_for(lambda: hub.counts["decisions"] == 1, "a decision")
        finally:
            hub.close()
            out.close()


def test_while_the_database_is_away_messages_wait(
    broker: Amqtt,
    results: Store,
    sender: Callable[[int], Sender],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin(results)
    away = [True]

    def sometimes(*args: object, **settings: object) -> object:
        if away[0]:
            raise OperationalError("INSERT", {}, OSError("the disk is full"))
        return take(*args, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr("eccentra.hub.node.take", sometimes)
    hub = hub_at(broker.port, results)
    try:
        out = sender(broker.port)
        for topic, payload in session("s1"):
            out.send(topic, payload)
        wait_for(lambda: "disk is full" in (hub.last_error or ""), "said")
        away[0] = False
        wait_for(lambda: hub.counts["decisions"] == 1, "taken when it is back", 20)
    finally:
        hub.close()


def test_several_workers_need_a_database_that_can(results: Store) -> None:
    with pytest.raises(SinkError, match="PostgreSQL"):
        Hub("mqtt://127.0.0.1:1", results, site="home", share="a")
    with pytest.raises(SinkError, match="shared"):
        Hub("embedded://", results, site="home", share="a")


# -- processes: kill -9, brokers that keep sessions, several workers ---------------------------------------


def people_and_sessions() -> tuple[list[str], list[tuple[str, bytes]]]:
    """Four people, two sessions each, the stations' streams interleaved."""
    people = [f"p{k}" for k in range(4)]
    streams = [
        session(f"{person}-{k}", person, 2.0 * k, reps=12, pain=float(k))
        for person in people
        for k in range(2)
    ]
    mixed = [one for row in zip(*streams, strict=True) for one in row]
    return people, mixed


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[BrokerProcess]:
    running = BrokerProcess("mosquitto", tmp_path).start()
    yield running
    running.stop()


def expected_states(folder: Path, now_us: int) -> list[dict[str, list[object]]]:
    """What a hub without trouble has: before and after it looked at the time that has passed since."""
    people, mixed = people_and_sessions()
    (folder / "alone.sqlite").unlink(missing_ok=True)
    alone = open_store(f"sqlite:///{folder / 'alone.sqlite'}")
    for person in people:
        begin(alone, person)
    take(alone, [payload for _, payload in mixed], now_us=now_us)
    states = [end_state(alone)]
    while sweep(alone, now_us=now_us).decisions:
        states.append(end_state(alone))
    alone.close()
    return states


def test_kill_9_in_the_middle_loses_nothing(
    mosquitto: BrokerProcess, tmp_path: Path, results: Store, sender: Callable[[int], Sender]
) -> None:
    people, mixed = people_and_sessions()
    for person in people:
        begin(results, person)
    hub = HubProcess(mosquitto.port, f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path / "hub.log").start()
    subscriber = Subscriber(mosquitto.port).wait_ready()
    out = sender(mosquitto.port)
    try:
        subscriber.until(lambda: b"online" in sent(subscriber, "/hub/status"), "the hub", 30)
        time.sleep(0.2)
        for k, (topic, payload) in enumerate(mixed):
            out.send(topic, payload)
            time.sleep(0.001)
            if k == len(mixed) // 3:
                wait_for(lambda: events_in(results) > 3, "some were taken")
                hub.kill()
        wait_for(out.all_taken, "the broker has them")
        assert events_in(results) < len(mixed)
        hub.start()
        subscriber.until(lambda: len(proposals(subscriber)) >= len(people), "proposals", 40)
        assert hub.stop() == 0
        assert end_state(results) in expected_states(tmp_path, time.time_ns() // 1000)
        assert {one["subject"] for one in proposals(subscriber)} == set(people)
    finally:
        hub.stop()
        subscriber.close()


@pytest.mark.long
@pytest.mark.parametrize("what", ["hub", "broker", "both"])
def test_many_kills_and_outages_lose_nothing(
    what: str,
    mosquitto: BrokerProcess,
    tmp_path: Path,
    results: Store,
    sender: Callable[[int], Sender],
) -> None:
    """The hub is killed, the broker ends, again and again, while events come and in between."""
    rng = random.Random(what)
    people, mixed = people_and_sessions()
    for person in people:
        begin(results, person)
    hub = HubProcess(mosquitto.port, f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path / "hub.log").start()
    subscriber = Subscriber(mosquitto.port).wait_ready()
    out = sender(mosquitto.port)
    try:
        subscriber.until(lambda: b"online" in sent(subscriber, "/hub/status"), "the hub", 30)
        trouble = set(rng.sample(range(len(mixed)), 6))
        for k, (topic, payload) in enumerate(mixed):
            out.send(topic, payload)
            time.sleep(0.002)
            if k in trouble:
                if what != "broker":
                    hub.kill()
                if what != "hub":
                    mosquitto.end()
                    time.sleep(rng.uniform(0.0, 1.5))
                    mosquitto.start()
                if what != "broker":
                    hub.start()
                time.sleep(rng.uniform(0.0, 3.0))
        wait_for(out.all_taken, "the broker has them", 30)
        wait_for(lambda: events_in(results) == len(mixed), "all events", 40)
        wanted = expected_states(tmp_path, time.time_ns() // 1000)[-1]
        # the hub looks at the time that has passed every half minute
        wait_for(lambda: end_state(results) == wanted, "decided", 75)
        assert hub.stop() == 0
    finally:
        hub.stop()
        subscriber.close()


def proposals(subscriber: Subscriber) -> list[dict[str, str]]:
    return [msgspec.json.decode(one) for one in sent(subscriber, "/hub/event/plan")]


def test_two_workers_end_as_one(
    request: pytest.FixtureRequest, tmp_path: Path, sender: Callable[[int], Sender]
) -> None:
    broker = Mosquitto(tmp_path)
    running = request.getfixturevalue("server")
    url = running.url(f"workers{os.getpid()}")
    store = open_store(url)
    people, mixed = people_and_sessions()
    for person in people:
        begin(store, person)
    broker.start()
    hubs = [hub_at(broker.port, store, share=name) for name in ("a", "b")]
    subscriber = Subscriber(broker.port).wait_ready()
    out = sender(broker.port)
    try:
        time.sleep(0.5)
        for topic, payload in mixed:
            out.send(topic, payload)
        wait_for(lambda: events_in(store) == len(mixed), "all events", 40)
        wait_for(lambda: all(hub.idle for hub in hubs), "at rest")
        subscriber.until(lambda: len(proposals(subscriber)) >= len(people), "proposals", 20)
        assert min(hub.counts["new"] for hub in hubs) > 0
        assert sum(hub.counts["published"] > 0 for hub in hubs) == 1
        state, expected = end_state(store), expected_states(tmp_path, time.time_ns() // 1000)[0]
        for name, rows in expected.items():
            assert state[name] == rows, name
        # the worker that publishes ends: the other one does it
        leader = max(hubs, key=lambda hub: hub.counts["published"])
        rest = hubs[1 - hubs.index(leader)]
        leader.close()
        before = rest.counts["published"]
        take(store, payloads("late", "p0", 9.0), now_us=time.time_ns() // 1000)
        wait_for(lambda: rest.counts["published"] > before, "the other one publishes", 20)
    finally:
        for hub in hubs:
            hub.close()
        subscriber.close()
        broker.stop()
        store.close()
