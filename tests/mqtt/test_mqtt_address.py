"""Broker URLs: what is accepted, and one clear error for each kind of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from eccentra.errors import InputError, SinkError
from eccentra.mqtt.address import is_loopback, parse_url, redacted
from eccentra.mqtt.broker import EmbeddedBroker
from eccentra.mqtt.publisher import Publisher


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"),
        ("mqtt://localhost:1884", "mqtt://localhost:1884"),
        ("mqtt://[::1]:1884", "mqtt://[::1]:1884"),
        ("mqtt://127.0.0.1/", "mqtt://127.0.0.1:1883"),
        ("mqtts://broker.example.org", "mqtts://broker.example.org:8883"),
        ("mqtt://broker.example.org?plaintext=yes", "mqtt://broker.example.org:1883"),
        ("embedded://", "embedded://127.0.0.1:1883"),
        ("embedded://:0", "embedded://127.0.0.1:0"),
    ],
)
def test_good_urls(url: str, said: str) -> None:
    assert str(parse_url(url)) == said


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "use embedded://"),
        ("broker.local:1883", "use embedded://"),
        ("http://127.0.0.1", "use embedded://"),
        ("mqtt://", "host is missing"),
        ("mqtt://:1883", "host is missing"),
        ("mqtt://127.0.0.1:99999", "port is a number"),
        ("mqtt://127.0.0.1:abc", "port is a number"),
        ("mqtt://127.0.0.1:0", "port 0"),
        ("mqtt://[::1", "not a URL"),
        ("mqtt://127.0.0.1/topic", "nothing may follow"),
        ("mqtt://127.0.0.1#x", "nothing may follow"),
        ("mqtt://127.0.0.1?qos=1", "unknown option 'qos'"),
        ("mqtts://h.example?plaintext=yes", "unknown option 'plaintext'"),
        ("mqtt://h.example?plaintext=1", "yes or no"),
        ("mqtt://h.example", "unencrypted"),
        ("mqtt://192.168.1.5", "unencrypted"),
        ("mqtt://h.example?plaintext=no", "unencrypted"),
        ("mqtt://:secret@127.0.0.1", "without a user"),
        ("mqtts://a..b", "cannot be a host name"),
        ("mqtts://h.example?ca=/no/such/file.pem", "does not exist"),
        ("embedded://192.168.1.5", "this computer only"),
        ("embedded://0.0.0.0", "this computer only"),
        ("embedded://u:secret@127.0.0.1", "no users"),
    ],
)
def test_each_mistake_has_its_message(url: str, problem: str) -> None:
    with pytest.raises(SinkError, match=problem) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_user_and_password_are_decoded_and_never_shown() -> None:
    address = parse_url("mqtt://ann:p%40ss%2Fw@127.0.0.1")
    assert (address.user, address.password) == ("ann", "p@ss/w")
    publisher = Publisher("mqtt://ann:p%40ss%2Fw@127.0.0.1", site="home", node="n1")
    for text in (repr(address), str(address), repr(publisher), str(publisher.health())):
        assert "p@ss" not in text
        assert "p%40" not in text


@pytest.mark.parametrize(
    "url",
    ["mqtt://a:secret@h", "mqtt://a:sec@ret@h:1", "a:secret@h", "mqtt://a:secret#@h", "mqtt:/a:secret@h"],
)
def test_redaction_hides_everything_before_the_host(url: str) -> None:
    assert "sec" not in redacted(url)
    assert redacted(url).endswith(("@h", "@h:1"))


def test_loopback_is_told_without_a_name_server() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.8.9.1", "::1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "192.168.0.1", "localhost.example.org", "::"))


def test_a_ca_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    with pytest.raises(SinkError, match="give a PEM file"):
        Publisher(f"mqtts://127.0.0.1?ca={wrong}", site="home", node="n1").start()


def test_the_embedded_broker_refuses_the_network_and_says_when_its_port_is_taken() -> None:
    with pytest.raises(SinkError, match="this computer only"):
        EmbeddedBroker(0, host="0.0.0.0")
    with EmbeddedBroker(0) as broker, pytest.raises(SinkError, match=f"use mqtt://127.0.0.1:{broker.port}"):
        EmbeddedBroker(broker.port).start()


def test_wrong_ids_are_refused_at_once() -> None:
    with pytest.raises(InputError, match="node id"):
        Publisher("mqtt://127.0.0.1", site="home", node="Node 1")
    with pytest.raises(InputError, match="station id"):
        Publisher("mqtt://127.0.0.1", site="home", node="n1").station("a/b")
