"""Bytes of commands by mode, rate and setting; what a profile may not say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eccentra.profile_ble import Ble, Broadcast, KeepAlive, Reply, Table, Write
from eccentra.profiles import load_profile

TABLES = {
    "code": Table(by="rate", values={"50": "27", "12.5": "25"}),
    "kind": Table(by="mode", values={"acc": "a0", "gyr": "a1b2"}),
    "range": Table(by="g", values={"4": "05"}),
}


@pytest.mark.parametrize(
    ("template", "rate_hz", "expected"),
    [
        ("03{code}", 50.0, "0327"),
        ("{code}03", 12.5, "2503"),
        ("{kind}{range}ff", 50.0, "a1b205ff"),
        ("{rate:u16le}{rate:u16be}", 50.0, "32000032"),
        ("{period_us:u32le}", 100.0, "10270000"),
        ("{period_ms:u8}", 50.0, "14"),
        ("{rate:i8}", 50.0, "32"),
    ],
)
def test_fields_are_filled_in(template: str, rate_hz: float, expected: str) -> None:
    write = Write(to="control", hex=template)
    assert write.data("gyr", rate_hz, TABLES, {"g": 4.0}).hex() == expected


def test_a_rate_that_the_table_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match=r"table 'code' has nothing for rate 51; it has \['12.5', '50'\]"):
        Write(to="control", hex="{code}").data("acc", 51.0, TABLES)


def test_text_follows_bytes() -> None:
    assert Write(to="control", text="S{rate}").data("m", 30.0) == b"S30"
    assert Write(to="control", hex="01", text="/{mode}", tail="00").data("m", 30.0) == b"\x01/m\x00"


def ble(**changes: Any) -> Ble:
    usual: dict[str, Any] = {"name_prefixes": ["X"], "service": "ffe0", "characteristics": {"data": "ffe1"}}
    return msgspec.convert({**usual, **changes}, Ble)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"service": ""}, "service is missing"),
        ({"characteristics": {"dat": "ffe1"}}, "one must be named 'data'"),
        ({"notify": ["date"]}, "'date' is no characteristic"),
        ({"services": {"date": "180f"}}, "'date' is no characteristic"),
        ({"commands": {"start": [{"to": "data", "hex": "{speed}"}]}}, "{speed} is no table"),
        ({"commands": {"start": [{"to": "data", "hex": "{rate:u17}"}]}}, "{rate:u17} is no field"),
        ({"commands": {"start": [{"to": "data", "hex": "{speed:u16}"}]}}, "{speed:u16} is no field"),
        ({"commands": {"start": [{"to": "data", "hex": "01", "read": True}]}}, "either reads or writes"),
        ({"commands": {"start": [{"to": "data", "hex": "0", "read": True}]}}, "regex"),
        ({"commands": {"a": [{"to": "data", "hex": "00", "reply": {"on": "date"}}]}}, "'date' is no char"),
        (
            {"commands": {"a": [{"to": "data", "hex": "00", "reply": {"ok_at": 1}}]}},
            "ok_at and ok come together",
        ),
        ({"keep_alive": {"command": "ping", "every_s": 1.0}}, "'ping', which is no command"),
        ({"broadcast": {"company": 1}}, "a sensor that broadcasts has no service"),
    ],
)
def test_what_a_profile_may_not_say(changes: dict[str, Any], says: str) -> None:
    ble()
    with pytest.raises((msgspec.ValidationError, ValueError)) as caught:
        ble(**changes)
    assert says in str(caught.value)


def test_services_in_order_and_steps_of_a_mode() -> None:
    one = ble(
        characteristics={"data": "ffe1", "mode": "ffe2"},
        services={"mode": "180f"},
        commands={"start": [{"to": "mode", "hex": "01", "modes": ["a"]}, {"to": "mode", "hex": "02"}]},
    )
    assert one.all_services == ("ffe0", "180f")
    assert (one.service_of("data"), one.service_of("mode")) == ("ffe0", "180f")
    assert [step.data for step in one.steps("start", "a", 1.0)] == [b"\x01", b"\x02"]
    assert [step.data for step in one.steps("start", "b", 1.0)] == [b"\x02"]
    assert one.command("start", "b", 1.0) == (("ffe2", b"\x02"),)


def test_a_reply_is_compared_within_what_there_is() -> None:
    reply = Reply(same=((5, 2),))
    assert not reply.matches("data", b"12345", b"abc")
    assert not reply.matches("data", b"123456", b"ab")
    assert not reply.matches("other", b"12345c", b"abc")
    assert reply.matches("data", b"12345c", b"abc")


def test_manufacturer_data_of_another_size_or_kind_do_not_fit() -> None:
    one = Broadcast(company=1, min_bytes=4, usual_at=2, usual="0102")
    assert one.fits(bytes.fromhex("aabb0102"))
    assert not one.fits(bytes.fromhex("aabb01"))
    assert not one.fits(bytes.fromhex("aabb0103"))


def test_a_sensor_that_has_to_be_told_to_go_on() -> None:
    profile = load_profile("vald-dynamo")
    assert profile.ble is not None
    assert profile.ble.keep_alive == KeepAlive(command="keep_alive", every_s=1.0)
