"""Commands over MQTT: what is taken, what is refused and why, and that each is answered once."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_parts import SCHEMAS, Amqtt, Mosquitto, Subscriber, check_message

from eccentra.commands import VERBS, Answer, Request
from eccentra.mqtt.commands import MOST_BYTES, REASONS, Refusal, parse_command
from eccentra.mqtt.contract import utc
from eccentra.mqtt.desk import CommandDesks
from eccentra.mqtt.publisher import Publisher

NOW_NS = 1_795_000_000_000_000_000
AnyBroker = Amqtt | Mosquitto
Subscribe = Callable[[int], Subscriber]
Publish = Callable[..., Publisher]


def command(**fields: Any) -> bytes:
    return json.dumps({"request_id": "r-1", "time": utc(NOW_NS), **fields}).encode()


def parse(payload: bytes, verb: str = "stop", *, retained: bool = False) -> Request | Refusal:
    return parse_command(verb, payload, retained=retained, now_ns=NOW_NS, site="home")


def test_a_command_becomes_a_request_with_its_arguments() -> None:
    request = parse(
        command(athlete="p-7", exercise="nordic-curl", reply_to="eccentra/v1/home/tablet/reply/t1"), "start"
    )
    assert isinstance(request, Request)
    assert (request.id, request.verb, request.reply_to) == (
        "r-1",
        "start",
        "eccentra/v1/home/tablet/reply/t1",
    )
    assert (request.do.athlete, request.do.exercise) == ("p-7", "nordic-curl")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-18T14:26:40Z",
        "2026-11-18T14:26:40.123Z",
        "2026-11-18t14:26:40.123456789z",
        "2026-11-18T15:26:41+01:00",
        "2026-11-18 14:26:35.5-00:00",
    ],
)
def test_all_ways_to_write_a_moment_are_understood(time: str) -> None:
    moment = parse_command(
        "stop", command(time=time), retained=False, now_ns=1_795_012_000_000_000_000, site="home"
    )
    assert isinstance(moment, Request), moment


REFUSED: dict[str, tuple[str, bytes]] = {
    "not utf-8": ("bad_payload", b'{"request_id": "\xff"}'),
    "empty": ("bad_payload", b""),
    "no json": ("bad_payload", b"stop"),
    "no object": ("bad_payload", b"[1]"),
    "truncated": ("bad_payload", command()[:-3]),
    "two values": ("bad_payload", command() + command()),
    "key twice": ("bad_payload", b'{"request_id":"a","request_id":"b"}'),
    "deep": ("bad_payload", b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "deep, open": ("bad_payload", b"[" * 16_000),
    "NaN": ("bad_payload", b'{"request_id":"r","x":NaN}'),
    "infinite": ("bad_payload", b'{"request_id":"r","x":1e999}'),
    "huge number": ("bad_payload", b'{"request_id":"r","x":' + b"9" * 6000 + b"}"),
    "half a character": ("bad_payload", b'{"request_id":"r","x":"\\ud800"}'),
    "control character": ("bad_payload", command(text="\x1b[2J")),
    "BOM": ("bad_payload", b"\xef\xbb\xbf" + command()),
    "too large": ("too_large", command(note="x" * MOST_BYTES)),
    "no id": ("no_request_id", b'{"time":"2026-11-18T14:13:20Z"}'),
    "id a number": ("no_request_id", command(request_id=5)),
    "id empty": ("no_request_id", command(request_id="")),
    "id too long": ("no_request_id", command(request_id="x" * 65)),
    "id of other characters": ("no_request_id", command(request_id="a b")),
    "id with a line end": ("no_request_id", command(request_id="a\n")),
    "no time": ("bad_payload", b'{"request_id":"r-1"}'),
    "time a number": ("bad_payload", command(time=NOW_NS)),
    "time without zone": ("bad_payload", command(time="2026-11-18T14:13:20")),
    "no such day": ("bad_payload", command(time="2026-02-31T14:13:20Z")),
    "too old": ("late", command(time=utc(NOW_NS - 11_000_000_000))),
    "from the future": ("late", command(time=utc(NOW_NS + 11_000_000_000))),
    "year 1": ("late", command(time="0001-01-01T00:00:00Z")),
    "reply elsewhere": ("bad_reply_to", command(reply_to="eccentra/v1/other/n1/reply/x")),
    "reply no topic": ("bad_reply_to", command(reply_to=7)),
    "reply to a wildcard": ("bad_reply_to", command(reply_to="eccentra/v1/home/+/reply/#")),
    "reply to a command": ("bad_reply_to", command(reply_to="eccentra/v1/home/n1/station/rack1/cmd/stop")),
    "reply to nobody": ("bad_reply_to", command(reply_to="eccentra/v1/home/n1/reply")),
    "reply up and away": ("bad_reply_to", command(reply_to="eccentra/v1/home/n1/reply/../status")),
    "unknown argument": ("bad_arguments", command(force=3)),
    "argument called verb": ("bad_arguments", command(verb="start")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_mistake_has_its_reason(name: str) -> None:
    reason, payload = REFUSED[name]
    refusal = parse(payload)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.reason == reason, refusal.message
    assert refusal.message.isprintable()
    assert len(refusal.message) <= 500


def test_refusals_name_both_clocks_and_the_known_commands() -> None:
    late = parse(command(time=utc(NOW_NS - 60_000_000_000)))
    assert isinstance(late, Refusal)
    assert utc(NOW_NS - 60_000_000_000) in late.message
    assert utc(NOW_NS) in late.message
    unknown = parse(command(), "explode")
    assert isinstance(unknown, Refusal)
    assert unknown.reason == "unknown_verb"
    assert all(verb in unknown.message for verb in VERBS)
    wrong = parse(command(pain=11), "report")
    assert isinstance(wrong, Refusal)
    assert (wrong.reason, wrong.request_id) == ("bad_arguments", "r-1")
    assert "pain" in wrong.message


def test_a_retained_command_is_refused_whatever_it_says() -> None:
    for payload in (command(), b"garbage", command(time="never")):
        refusal = parse(payload, retained=True)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "retained"
    known = parse(command(reply_to="eccentra/v1/home/x/reply/y"), retained=True)
    assert isinstance(known, Refusal)
    assert (known.request_id, known.reply_to) == ("r-1", "eccentra/v1/home/x/reply/y")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
KEYS = st.sampled_from(
    ["request_id", "time", "reply_to", "athlete", "pain", "note", "sensor", "from_seq", "verb"]
)
MOMENT = st.sampled_from([utc(NOW_NS), utc(NOW_NS - 3_600_000_000_000), "now"])


@given(
    payload=st.binary(max_size=200)
    | st.dictionaries(KEYS, JSON, max_size=6).map(lambda value: json.dumps(value).encode())
    | st.builds(
        lambda fields, moment: json.dumps({"request_id": "r", "time": moment, **fields}).encode(),
        st.dictionaries(KEYS, JSON, max_size=4),
        MOMENT,
    ),
    verb=st.sampled_from([*VERBS, "other"]) | st.text(max_size=10),
    retained=st.booleans(),
)
def test_whatever_comes_is_a_request_or_one_refusal(payload: bytes, verb: str, retained: bool) -> None:
    """And each refusal can be answered: its reply is valid by the contract."""
    calls: list[Request] = []
    desks = CommandDesks("home", "n1", monotonic_ns=lambda: 0, wall_ns=lambda: NOW_NS)
    desks.open("rack1", calls.append)
    replies = desks.arrived(f"eccentra/v1/home/n1/station/rack1/cmd/{verb}", payload, retained)
    assert len(calls) + len(replies) == 1
    if calls:
        assert not retained
        assert desks.accepted == 1
    for topic, reply in replies:
        assert topic.startswith("eccentra/v1/home/")
        sent = msgspec.json.decode(reply)
        SCHEMAS["reply"].validate(sent)
        assert sent["reason"] in REASONS
        assert sum(desks.refused.values()) == 1


# --- the desk --------------------------------------------------------------------------------------------


class Desk:
    """A desk with a clock, and what became of each message."""

    def __init__(self) -> None:
        self.now = 0
        self.calls: list[Request] = []
        self.desks = CommandDesks("home", "n1", monotonic_ns=lambda: self.now, wall_ns=lambda: NOW_NS)
        self.topic = self.desks.open("rack1", self.calls.append).removesuffix("+")

    def send(self, verb: str = "mark", **fields: Any) -> list[tuple[str, str | None, str, str]]:
        return self.read(self.desks.arrived(self.topic + verb, command(**fields), False))

    def answer(self, request: Request, message: str = "") -> list[tuple[str, str | None, str, str]]:
        made = Answer(
            request=request.id, status="done", reason="done", message=message, events=(f"s-1-{len(message)}",)
        )
        return self.read(self.desks.answer("rack1", request, made))

    def read(self, replies: list[tuple[str, bytes]]) -> list[tuple[str, str | None, str, str]]:
        out = []
        for topic, payload in replies:
            reply = msgspec.json.decode(payload)
            SCHEMAS["reply"].validate(reply)
            out.append((topic.rpartition("/")[2], reply["request_id"], reply["status"], reply["reason"]))
        return out


def test_a_command_is_handed_on_once_and_answered_when_it_was_carried_out() -> None:
    desk = Desk()
    assert desk.send(request_id="a") == []
    assert desk.send(request_id="b", reply_to="eccentra/v1/home/t/reply/t9") == []
    first, second = desk.calls
    assert desk.answer(second) == [("t9", "b", "done", "done")]
    assert desk.answer(first) == [("rack1", "a", "done", "done")]
    assert desk.answer(first) == []


def test_the_same_request_is_not_carried_out_again_and_gets_its_answer_again() -> None:
    desk = Desk()
    desk.send(request_id="a")
    assert desk.send(request_id="a", reply_to="eccentra/v1/home/t/reply/t9") == []
    assert desk.answer(desk.calls[0], "three") == [
        ("rack1", "a", "done", "done"),
        ("t9", "a", "done", "again"),
    ]
    (again,) = desk.desks.arrived(desk.topic + "mark", command(request_id="a"), False)
    said = msgspec.json.decode(again[1])
    assert (said["reason"], said["message"], said["events"]) == ("again", "three", ["s-1-5"])
    assert (len(desk.calls), desk.desks.accepted, desk.desks.repeated) == (1, 1, 2)


def test_a_refused_request_may_be_corrected_under_the_same_id() -> None:
    desk = Desk()
    assert desk.send("report", request_id="a", pain=11) == [("rack1", "a", "refused", "bad_arguments")]
    assert desk.send("report", request_id="a", pain=1) == []
    assert len(desk.calls) == 1


def test_what_is_not_answered_in_time_is_said_and_a_late_answer_is_told_who_asks_again() -> None:
    desk = Desk()
    desk.send(request_id="a")
    desk.now = 4_900_000_000
    assert desk.desks.expired() == []
    desk.now = 5_100_000_000
    assert desk.read(desk.desks.expired()) == [("rack1", "a", "failed", "no_answer")]
    assert desk.desks.expired() == []
    assert desk.send(request_id="a") == [("rack1", "a", "failed", "again")]
    assert desk.answer(desk.calls[0]) == []
    assert desk.send(request_id="a") == [("rack1", "a", "done", "again")]
    assert len(desk.calls) == 1


def test_only_so_many_wait_and_only_so_many_are_remembered() -> None:
    desk = Desk()
    for index in range(40):
        desk.send(request_id=f"r{index}")
    assert len(desk.calls) == 32
    assert desk.desks.refused == Counter(busy=8)
    for request in desk.calls:
        desk.answer(request)
    for index in range(17_000):
        desk.send(request_id=f"s{index}")
        desk.answer(desk.calls[-1])
        if index == 4000:  # far more than can come while a command is valid would have to come
            assert desk.send(request_id="r0") == [("rack1", "r0", "done", "again")]
    assert desk.send(request_id="s16999") == [("rack1", "s16999", "done", "again")]
    assert desk.send(request_id="r0") == []


def test_a_mistake_in_a_handler_is_an_answer() -> None:
    desks = CommandDesks("home", "n1", monotonic_ns=lambda: 0, wall_ns=lambda: NOW_NS)

    def handler(request: Request) -> None:
        raise KeyError("oops")

    topic = desks.open("rack1", handler).removesuffix("+")
    ((_, payload),) = desks.arrived(f"{topic}stop", command(), False)
    reply = msgspec.json.decode(payload)
    assert (reply["status"], reply["reason"]) == ("failed", "internal")
    ((_, payload),) = desks.arrived(f"{topic}stop", command(), False)
    assert msgspec.json.decode(payload)["reason"] == "again"


def test_a_message_for_no_station_of_this_node_is_refused() -> None:
    desks = CommandDesks("home", "n1", monotonic_ns=lambda: 0, wall_ns=lambda: NOW_NS)
    for topic in (
        "eccentra/v1/home/n1/station/rack9/cmd/stop",
        "",
        "x",
        "eccentra/v1/away/n1/station/a/cmd/b",
    ):
        ((to, payload),) = desks.arrived(topic, command(), False)
        assert to == "eccentra/v1/home/n1/reply/n1"
        assert msgspec.json.decode(payload)["reason"] == "wrong_topic"


# --- over a broker ---------------------------------------------------------------------------------------


class Sender:
    """Sends commands and keeps the replies."""

    def __init__(self, port: int) -> None:
        self.replies: list[tuple[str, Any]] = []
        self._ready = False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="sender")
        self.client.max_queued_messages_set(0)
        self.client.max_inflight_messages_set(100)
        self.client.on_message = self._take
        self.client.on_subscribe = lambda *rest: setattr(self, "_ready", True)
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("eccentra/v1/home/+/reply/#", 1)
        self.client.loop_start()
        self.until(lambda: self._ready, "subscribed")

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        assert not message.retain
        self.replies.append(
            (message.topic.removeprefix("eccentra/v1/home/"), msgspec.json.decode(message.payload))
        )

    def send(self, verb: str, payload: bytes, *, retain: bool = False, station: str = "rack1") -> None:
        self.client.publish(f"eccentra/v1/home/n1/station/{station}/cmd/{verb}", payload, 1, retain)

    def until(self, true: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, (
                f"not within {timeout_s} s: {what}, {len(self.replies)} replies"
            )
            time.sleep(0.005)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def sender(broker: AnyBroker) -> Iterator[Sender]:
    made = Sender(broker.port)
    yield made
    made.close()


def fresh(**fields: Any) -> bytes:
    return json.dumps({"request_id": "r-1", "time": utc(time.time_ns()), **fields}).encode()


def done(request: Request) -> Answer:
    return Answer(request=request.id, status="done", reason="done", message="done", events=("s-1-1",))


def test_a_command_over_mqtt_is_carried_out_and_answered(
    broker: AnyBroker, publish: Publish, sender: Sender
) -> None:
    publisher = publish(broker.port)
    calls: list[Request] = []

    def handler(request: Request) -> None:
        calls.append(request)
        publisher.answer("rack1", request, done(request))

    publisher.on_commands("rack1", handler)
    assert publisher.flush(5)
    sender.send("tare", fresh(request_id="q-1", sensor="force1"))
    sender.until(lambda: len(sender.replies) == 1, "answered")
    sender.send("mark", fresh(request_id="q-2", reply_to="eccentra/v1/home/tablet/reply/t1"))
    sender.send("mark", fresh(request_id="q-2"))
    sender.until(lambda: len(sender.replies) == 3, "answered")
    topics = [topic for topic, _ in sender.replies]
    assert topics == ["n1/reply/rack1", "tablet/reply/t1", "n1/reply/rack1"]
    for _, reply in sender.replies:
        SCHEMAS["reply"].validate(reply)
    assert [(r["request_id"], r["status"], r["reason"]) for _, r in sender.replies] == [
        ("q-1", "done", "done"),
        ("q-2", "done", "done"),
        ("q-2", "done", "again"),
    ]
    assert [request.verb for request in calls] == ["tare", "mark"]
    health = publisher.health()
    assert (health.commands_accepted, health.commands_repeated, health.commands_refused) == (2, 1, {})


@pytest.mark.usefixtures("quick")
def test_commands_are_taken_again_after_the_broker_was_away_and_late_or_retained_ones_refused(
    stopped_broker: AnyBroker, publish: Publish
) -> None:
    broker = stopped_broker
    broker.start()
    publisher = publish(broker.port)
    calls: list[Request] = []
    publisher.on_commands("rack1", calls.append)
    assert publisher.wait_connected(5)
    broker.stop()
    broker.start()
    sender = Sender(broker.port)
    try:
        sender.send("stop", fresh(request_id="left-over"), retain=True)
        sender.until(lambda: publisher.health().connected, "connected again")
        sender.until(lambda: len(sender.replies) == 1, "the retained one is refused")
        sender.send("stop", command(request_id="old"))
        sender.send("stop", b"", retain=True)
        sender.until(lambda: len(sender.replies) == 3, "answered")
    finally:
        sender.close()
    assert [(r["request_id"], r["reason"]) for _, r in sender.replies] == [
        ("left-over", "retained"),
        ("old", "late"),
        (None, "bad_payload"),
    ]
    assert calls == []


def malformed(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Verb and payload of commands none of which may be carried out."""
    rng = random.Random(seed)
    fixed = [payload for name, (_, payload) in REFUSED.items() if name not in ("too large",)]
    for index in range(count):
        good = {"request_id": f"m-{index}", "time": utc(time.time_ns())}
        match rng.randrange(9):
            case 0:
                yield "stop", rng.randbytes(rng.randrange(100))
            case 1:
                yield "stop", json.dumps({**good, "note": "x"}).encode()[: rng.randrange(1, 60)]
            case 2:
                yield "stop", rng.choice(fixed)
            case 3:
                yield rng.choice(["", "STOP", "stopp", "0", "cmd"]), json.dumps(good).encode()
            case 4:
                yield (
                    "report",
                    json.dumps({**good, "pain": rng.choice(["1", -1, 11, [], {}, True, 1e300])}).encode(),
                )
            case 5:
                yield (
                    "tare",
                    json.dumps({**good, "sensor": rng.choice(["A", "", "x" * 65, 7, "a/b"])}).encode(),
                )
            case 6:
                yield (
                    "stop",
                    json.dumps(
                        {**good, "time": utc(time.time_ns() - rng.randrange(20, 10**6) * 10**9)}
                    ).encode(),
                )
            case 7:
                yield (
                    "stop",
                    json.dumps(
                        {**good, "reply_to": rng.choice(["#", "x", "eccentra/v1/away/n/reply/x", 1])}
                    ).encode(),
                )
            case _:
                payload = bytearray(json.dumps(good).encode())
                payload[rng.randrange(len(payload))] = rng.randrange(0x80, 0x100)
                yield "stop", bytes(payload)


def test_ten_thousand_malformed_commands_are_refused_once_each() -> None:
    desk = Desk()
    desk.desks = CommandDesks("home", "n1", monotonic_ns=lambda: 0, wall_ns=time.time_ns)
    topic = desk.desks.open("rack1", desk.calls.append).removesuffix("+")
    rng = random.Random(5)
    answers = 0
    began = time.monotonic()
    for index, (verb, payload) in enumerate(malformed(3, 10_000)):
        match index % 20:
            case 0:
                replies = desk.desks.arrived(topic + "stop", fresh(request_id=f"m-{index}"), True)
            case 1:
                wrong = rng.choice(
                    ["", "x/y", topic.replace("home", "away"), topic.replace("rack1", "rack2")]
                )
                replies = desk.desks.arrived(wrong + "stop", fresh(request_id=f"m-{index}"), False)
            case _:
                replies = desk.desks.arrived(topic + verb, payload, False)
        answers += len(replies)
    assert time.monotonic() - began < 20
    assert (answers, desk.calls) == (10_000, [])
    assert sum(desk.desks.refused.values()) == 10_000
    assert set(desk.desks.refused) == set(REASONS) - {"busy", "too_large"}


def flood(broker: AnyBroker, publish: Publish, sender: Sender, count: int) -> None:
    """Send malformed commands over a broker: nothing happens but one counted refusal each."""
    publisher = publish(broker.port)
    calls: list[Request] = []
    publisher.on_commands("rack1", calls.append)
    assert publisher.flush(5)
    for index, (verb, payload) in enumerate(malformed(11, count)):
        sender.send(verb, payload)
        if index % 500 == 499:
            sender.until(lambda done=index: len(sender.replies) >= done - 1000, "replies come along")
    sender.until(lambda: len(sender.replies) >= count, "every one is answered")
    assert publisher.flush(10)
    time.sleep(0.2)
    assert calls == []
    assert len(sender.replies) == count
    assert {topic for topic, _ in sender.replies} == {"n1/reply/rack1"}
    assert {reply["status"] for _, reply in sender.replies} == {"refused"}
    health = publisher.health()
    assert (health.errors, health.commands_accepted) == (0, 0)
    assert sum(health.commands_refused.values()) == count
    assert Counter(reply["reason"] for _, reply in sender.replies) == Counter(health.commands_refused)


def test_malformed_commands_over_a_broker_change_nothing(
    broker: AnyBroker, publish: Publish, sender: Sender
) -> None:
    flood(broker, publish, sender, 1000)


@pytest.mark.long
def test_ten_thousand_malformed_commands_over_a_broker_change_nothing(
    broker: AnyBroker, publish: Publish, sender: Sender
) -> None:
    flood(broker, publish, sender, 10_000)


def test_what_was_refused_can_be_read_in_info(broker: AnyBroker, publish: Publish, sender: Sender) -> None:
    publisher = publish(broker.port, monotonic_ns=lambda: time.monotonic_ns() * 30)
    publisher.on_commands("rack1", lambda request: None)
    assert publisher.flush(5)
    sender.send("stop", b"")
    sender.send("explode", fresh())
    sender.until(lambda: len(sender.replies) == 2, "answered")
    listener = Subscriber(broker.port).wait_ready()
    listener.until(lambda: b'"commands_refused":2' in b"".join(listener.on("/info")), "said in info")
    check_message("eccentra/v1/home/n1/info", listener.on("/info")[-1])
    assert msgspec.json.decode(listener.on("/info")[-1])["commands_refused_by_reason"] == {
        "bad_payload": 1,
        "unknown_verb": 1,
    }
    listener.close()
