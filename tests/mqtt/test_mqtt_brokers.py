"""The contract on real connections: the same tests on the embedded broker and on Mosquitto."""

from __future__ import annotations

import logging
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from mqtt_parts import Amqtt, Mosquitto, Subscriber, check_message, story

from eccentra.events import Numbered, RepCounted
from eccentra.mqtt.contract import CHANNELS, channel_of
from eccentra.mqtt.payloads import SensorHealth
from eccentra.mqtt.publisher import Publisher
from eccentra.stages.live import LiveState

AnyBroker = Amqtt | Mosquitto
Subscribe = Callable[[int], Subscriber]
Publish = Callable[..., Publisher]


def counted(first: int, n: int, session: str = "s-1") -> list[Numbered]:
    return [
        Numbered(session=session, seq=seq, time=None, event=RepCounted(t_us=seq, set_index=1, index=seq))
        for seq in range(first, first + n)
    ]


def cut(publisher: Publisher) -> None:
    """Break the connection without a goodbye."""
    connection = publisher._pump._connection
    assert connection is not None
    sock: Any = connection.client.socket()
    sock.shutdown(socket.SHUT_RDWR)


def seqs(subscriber: Subscriber) -> list[int]:
    return [message.json["data"]["seq"] for message in subscriber.events()]


def test_a_session_arrives_in_order_and_every_message_meets_the_contract(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    listener = subscribe(broker.port).wait_ready()
    publisher = publish(broker.port)
    station = publisher.station("rack1")
    assert publisher.wait_connected(5)
    events = story()
    for index, numbered in enumerate(events):
        station.handle([numbered])
        station.live(LiveState(t_us=index * 100_000, phase="eccentric", angle_deg=10.0 + index))
    publisher.sensor_health("imu1", SensorHealth(rate_hz=99.7, loss_pct=0.2))
    assert publisher.flush(5)
    publisher.close()
    listener.until(lambda: listener.on("/n1/status")[-1:] == [b"offline"], "offline at the end")
    listener.until(lambda: len(listener.events()) >= len(events), "all events")

    assert seqs(listener) == list(range(1, len(events) + 1))
    assert [m.json["id"] for m in listener.events()] == [f"s-1-{seq}" for seq in range(1, len(events) + 1)]
    assert {m.json["source"] for m in listener.events()} == {"/eccentra/home/n1/station/rack1"}
    used = set()
    for message in listener.got:
        check_message(message.topic, message.payload)
        channel = channel_of(message.topic)
        assert channel is not None
        used.add(channel.name)
        # amqtt delivers with the subscriber's QoS, which is 1 here; the standard says the lower of the two.
        assert message.qos == channel.qos or isinstance(broker, Amqtt)
        assert not message.retain or channel.retain
    of_hubs = {name for name in CHANNELS if name.startswith("hub_")} | {"plan", "questions"}
    sent = {name for name, channel in CHANNELS.items() if channel.action == "send"}
    assert used == sent - of_hubs - {"reply"}
    # States are the latest value: what changed twice at once may be said once.
    assert listener.on("/sensor/imu1/status")[-1] == b"offline"
    health = publisher.health()
    assert (health.unacknowledged, health.dropped, health.errors) == (0, 0, 0)


def test_states_are_retained_and_events_are_not(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    publisher = publish(broker.port)
    publisher.station("rack1").handle(story()[:18])
    assert publisher.flush(5)
    late = subscribe(broker.port).wait_ready()
    late.until(lambda: bool(late.on("/last_set")) and bool(late.on("/state")), "retained messages")
    late.until(lambda: bool(late.on("/n1/status")) and bool(late.on("/info")), "status and info")
    assert late.events() == []
    assert late.on("/live") == []
    assert late.on("/n1/status")[-1] == b"online"
    assert msgspec.json.decode(late.on("/info")[-1])["stations"] == ["rack1"]
    assert msgspec.json.decode(late.on("/state")[-1])["session_reps"] == 2
    assert msgspec.json.decode(late.on("/last_set")[-1])["reps_counted"] == 2
    assert all(message.retain for message in late.got if message.topic.endswith("/last_set"))


@pytest.mark.usefixtures("quick")
def test_a_killed_connection_leaves_the_last_will_and_the_node_comes_back(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    listener = subscribe(broker.port).wait_ready()
    publisher = publish(broker.port)
    station = publisher.station("rack1")
    assert publisher.wait_connected(5)
    listener.until(lambda: listener.on("/n1/status") == [b"online"], "online")
    cut(publisher)
    listener.until(lambda: listener.on("/n1/status")[:2] == [b"online", b"offline"], "last will")
    station.handle(counted(1, 5))
    listener.until(lambda: listener.on("/n1/status")[-1] == b"online", "online again")
    listener.until(lambda: len(seqs(listener)) >= 5, "events of the time away")
    assert seqs(listener) == [1, 2, 3, 4, 5]
    assert "connection lost" in str(publisher.health().last_error)


@pytest.mark.usefixtures("quick")
def test_a_broker_that_comes_late_gets_everything(
    stopped_broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    publisher = publish(stopped_broker.port, max_events=300)
    station = publisher.station("rack1")
    station.handle(counted(1, 250))
    assert not publisher.wait_connected(0.3)
    health = publisher.health()
    assert "cannot connect" in str(health.last_error)
    assert health.unacknowledged >= 250
    station.handle(counted(251, 100))
    assert publisher.health().dropped == 50
    listener = subscribe(stopped_broker.port)
    stopped_broker.start()
    listener.wait_ready()
    # The listener may be later than the publisher, and these events are not retained: ask for what came.
    assert publisher.flush(10)
    station.handle(counted(301, 3))
    listener.until(lambda: seqs(listener)[-3:] == [301, 302, 303], "events after the start")
    heard = seqs(listener)
    assert heard == sorted(heard)
    assert publisher.flush(5)
    assert publisher.health().oldest_unacked_age_s is None


def test_events_of_an_outage_keep_their_order(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    """What is new while the connection comes back must not overtake what waited."""
    publisher = publish(broker.port)
    station = publisher.station("rack1")
    assert publisher.wait_connected(5)
    station.handle(counted(1, 10))
    assert publisher.flush(5)
    broker.stop()
    station.handle(counted(11, 150))
    broker.start()
    # The publisher waits a second before it tries again, so the listener hears everything.
    listener = subscribe(broker.port).wait_ready()
    next_seq = 161
    deadline = time.monotonic() + 10
    while not publisher.health().connected:
        assert time.monotonic() < deadline, publisher.health()
        station.handle(counted(next_seq, 1))
        next_seq += 1
        time.sleep(0.001)
    station.handle(counted(next_seq, 20))
    assert publisher.flush(5)
    listener.until(lambda: seqs(listener)[-1:] == [next_seq + 19], "the last event")
    assert seqs(listener) == list(range(11, next_seq + 20))


def test_what_was_not_acknowledged_comes_first_on_the_next_connection(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    """Events handed to a client whose broker is gone are not acknowledged, and must not be overtaken."""
    publisher = publish(broker.port)
    station = publisher.station("rack1")
    assert publisher.flush(5)
    pump = publisher._pump
    broker.stop()
    listener = subscribe(broker.port)
    listener.until(lambda: not publisher.health().connected, "connection lost")
    # As if these had been handed over just before the loss was noticed.
    station.handle(counted(1, 50))
    with pump.changed:
        pump._book.load(publisher._store.read(0, 50))
        for mid in range(1, 31):
            pump._book.take()
            pump._book.handed(mid, 0)
        pump._book.connection_lost()
    station.handle(counted(51, 50))
    broker.start()
    listener = subscribe(broker.port).wait_ready()
    listener.until(lambda: seqs(listener)[-1:] == [100], "the last event")
    assert seqs(listener) == list(range(1, 101))


@pytest.mark.usefixtures("quick")
def test_a_state_after_an_outage_is_the_latest(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    """The broker keeps nothing in memory over its restart: everything retained must come again."""
    publisher = publish(broker.port)
    publisher.station("rack1").handle(story()[:18])
    assert publisher.flush(5)
    broker.stop()
    publisher.station("rack1").handle(story()[18:])
    broker.start()
    assert publisher.flush(10)
    late = subscribe(broker.port).wait_ready()
    late.until(lambda: {"state", "last_set", "info", "status"} <= {m.last_level for m in late.got}, "states")
    assert late.on("/n1/status")[-1] == b"online"
    assert late.on("/imu1/status")[-1] == b"offline"
    assert msgspec.json.decode(late.on("/state")[-1])["active"] is False
    assert msgspec.json.decode(late.on("/last_set")[-1])["reps_counted"] == 2


def test_an_event_behind_a_burst_of_live_values_is_not_held_up(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    """Without TCP_NODELAY on both ends the event waits 40 ms for a delayed ACK."""
    listener = subscribe(broker.port).wait_ready()
    publisher = publish(broker.port)
    stations = [publisher.station(f"s{index}") for index in range(8)]
    assert publisher.flush(5)
    delays = []
    for burst in range(1, 31):
        for station in stations:
            station.live(LiveState(t_us=burst * 100_000, phase="eccentric", angle_deg=12.5))
        sent = time.perf_counter()
        stations[0].handle(counted(burst, 1))
        listener.until(lambda n=burst: len(listener.events()) >= n, "the event", 5)
        delays.append(listener.events()[-1].at - sent)
        time.sleep(0.03)
    assert len(listener.on("/live")) == 30 * 8
    assert statistics.median(delays) < 0.02, [f"{1e3 * delay:.1f}" for delay in delays]


def test_live_values_are_thinned_by_sample_time(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    listener = subscribe(broker.port).wait_ready()
    publisher = publish(broker.port, live_rate_hz=20.0)
    station = publisher.station("rack1")
    assert publisher.wait_connected(5)
    for index in range(40):
        station.live(LiveState(t_us=index * 10_000))
    station.live(LiveState(t_us=0))
    listener.until(lambda: len(listener.on("/live")) >= 9, "live values")
    times = [msgspec.json.decode(payload)["t_us"] for payload in listener.on("/live")]
    assert times == [0, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 350_000, 0]


def test_an_event_queued_as_a_new_connection_is_announced_is_not_lost(
    broker: AnyBroker, subscribe: Subscribe, publish: Publish
) -> None:
    """The greeting and the event are then due in the same turn of the pump."""
    listener = subscribe(broker.port).wait_ready()
    publisher = publish(broker.port)
    station = publisher.station("rack1")
    assert publisher.flush(5)
    pump = publisher._pump
    for seq in range(1, 11):
        with pump.changed:
            pump._announced = pump._number
        station.handle(counted(seq, 1))
    listener.until(lambda: len(seqs(listener)) >= 10, "all events")
    assert seqs(listener) == list(range(1, 11))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("callback", ["_on_publish", "_on_connect", "_on_disconnect", "_turn"])
def test_a_mistake_in_a_callback_is_logged_and_publishing_goes_on(
    broker: AnyBroker,
    subscribe: Subscribe,
    publish: Publish,
    callback: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = subscribe(broker.port).wait_ready()
    publisher = publish(broker.port)
    assert publisher.wait_connected(5)
    inner = {
        "_on_publish": "acknowledged",
        "_on_connect": "connected",
        "_on_disconnect": "lost",
        "_turn": "_settle",
    }
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(publisher._pump, inner[callback], None)
        if callback in ("_on_connect", "_on_disconnect"):
            cut(publisher)
        else:
            publisher.station("rack1").handle(counted(1, 1))
        listener.until(lambda: publisher.health().errors > 0, "the mistake is counted")
    assert f"mistake in {callback}" in caplog.text
    if callback == "_on_connect":
        # This connection was never announced to the pump; the next one is.
        cut(publisher)
    publisher.station("rack1").handle(counted(2, 1))
    listener.until(lambda: 2 in seqs(listener), "an event after the mistake")
    assert callback in str(publisher.health().last_error) or callback in ("_on_connect", "_on_disconnect")
