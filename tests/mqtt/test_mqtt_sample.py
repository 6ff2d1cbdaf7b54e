"""The sample configuration of Mosquitto is accepted, serves us, and keeps others in their place."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from mqtt_parts import Mosquitto, Subscriber, wait_for
from test_mqtt_tls import certificates

from eccentra.mqtt.publisher import Publisher
from eccentra.stages.live import LiveState
from needs import ROOT, need_program

SAMPLE = (ROOT / "examples" / "mosquitto.conf").read_text()
ACL = ROOT / "examples" / "mosquitto.acl"
PASSWORD = "only-here"


class Sample(Mosquitto):
    """Mosquitto with the shipped configuration; only port, user and paths are the test's."""

    def __init__(self, folder: Path, text: str) -> None:
        super().__init__(folder)
        ported = re.sub(r"^listener \d+( 127.0.0.1)?", f"listener {self.port} 127.0.0.1", text, flags=re.M)
        assert ported != text
        self._config.write_text(f"{ported}\nuser root\npersistence_location {folder}/\n")


@pytest.fixture
def serve() -> Iterator[Callable[[Sample], Sample]]:
    made: list[Sample] = []

    def start(broker: Sample) -> Sample:
        made.append(broker)
        broker.start()
        return broker

    yield start
    for broker in made:
        broker.stop()


def test_it_serves_this_computer_as_it_is(
    tmp_path: Path, serve: Callable[[Sample], Sample], publish: Callable[..., Publisher]
) -> None:
    assert re.search(r"^listener 1883 127\.0\.0\.1$", SAMPLE, re.M)
    assert "set_tcp_nodelay true" in SAMPLE
    broker = serve(Sample(tmp_path, SAMPLE))
    listener = Subscriber(broker.port).wait_ready()
    publisher = publish(broker.port)
    publisher.station("rack1").live(LiveState())
    assert publisher.flush(5)
    listener.until(lambda: bool(listener.on("/state")), "the state")
    listener.close()


def test_for_other_computers_it_wants_tls_and_a_user_with_few_rights(
    tmp_path: Path, serve: Callable[[Sample], Sample]
) -> None:
    made = need_program("mosquitto_passwd", "apt install mosquitto")
    passwords = tmp_path / "passwords"
    for number, user in enumerate(("gym", "dashboard", "tablet")):
        create = ["-c"] if number == 0 else []
        subprocess.run([made, *create, "-b", str(passwords), user, PASSWORD], check=True, timeout=20)
    folder = certificates(tmp_path / "certificates")
    wide = SAMPLE.replace("\nlistener 1883 127.0.0.1\nallow_anonymous true\n", "\n").replace("#+ ", "")
    wide = wide.replace("/etc/mosquitto/certs/", f"{folder}/")
    wide = wide.replace("/etc/mosquitto/eccentra.passwords", str(passwords))
    wide = wide.replace("/etc/mosquitto/eccentra.acl", str(ACL))
    assert "/etc/" not in re.sub(r"^#.*", "", wide, flags=re.M)
    broker = serve(Sample(tmp_path, wide))
    heard: list[tuple[str, str]] = []
    clients = {user: client(user, broker.port, folder / "ca.pem", heard) for user in ("dashboard", "tablet")}
    url = f"mqtts://gym:{PASSWORD}@127.0.0.1:{broker.port}?ca={folder}/ca.pem"
    called: list[str] = []
    with Publisher(url, site="home", node="gym") as publisher:
        publisher.on_commands("mat", lambda request: called.append(request.id))
        publisher.station("mat")
        assert publisher.flush(5), publisher.health()
        command = "eccentra/v1/home/gym/station/mat/cmd/stop"
        clients["dashboard"].publish(command, b"from the dashboard", 1).wait_for_publish(5)
        clients["tablet"].publish(command, b"from the tablet", 1).wait_for_publish(5)
        wait_for(lambda: sum(publisher.health().commands_refused.values()) == 1, "the tablet's command")
        wait_for(lambda: ("tablet", "eccentra/v1/home/gym/reply/mat") in heard, "its answer")
    assert called == []
    assert ("dashboard", "eccentra/v1/home/gym/status") in heard
    for one in clients.values():
        one.disconnect()
        one.loop_stop()


def client(user: str, port: int, ca: Path, heard: list[tuple[str, str]]) -> paho.Client:
    """A connected client that reads everything."""
    ready: list[bool] = []
    made = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=user)
    made.username_pw_set(user, PASSWORD)
    made.tls_set(str(ca))
    made.on_message = lambda client, data, message: heard.append((user, message.topic))
    made.on_subscribe = lambda *rest: ready.append(True)
    made.connect("127.0.0.1", port)
    made.subscribe("eccentra/v1/home/#", 1)
    made.loop_start()
    wait_for(lambda: bool(ready), f"{user} is subscribed")
    return made
