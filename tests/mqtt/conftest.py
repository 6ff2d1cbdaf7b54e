"""Each broker test runs on the embedded broker and on Mosquitto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mqtt_parts import Amqtt, Mosquitto, Subscriber

from eccentra.mqtt import pump
from eccentra.mqtt.publisher import Publisher

KINDS = {"amqtt": Amqtt, "mosquitto": Mosquitto}


@pytest.fixture(params=sorted(KINDS))
def stopped_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Amqtt | Mosquitto]:
    """A broker that does not run yet."""
    broker = KINDS[request.param](tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def broker(stopped_broker: Amqtt | Mosquitto) -> Amqtt | Mosquitto:
    """A running broker."""
    stopped_broker.start()
    return stopped_broker


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between connections that a test need not wait for."""
    monkeypatch.setattr(pump, "_PAUSE_S", (0.2, 0.4))


@pytest.fixture
def subscribe() -> Iterator[Callable[[int], Subscriber]]:
    """Make subscribers; closed at the end."""
    made: list[Subscriber] = []

    def make(port: int) -> Subscriber:
        made.append(Subscriber(port))
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.close()


@pytest.fixture
def publish() -> Iterator[Callable[..., Publisher]]:
    """Make started publishers; closed at the end."""
    made: list[Publisher] = []

    def make(url: str | int, **settings: object) -> Publisher:
        where = f"mqtt://127.0.0.1:{url}" if isinstance(url, int) else url
        made.append(Publisher(where, **{"site": "home", "node": "n1", **settings}))
        return made[-1].start()

    yield make
    for publisher in made:
        publisher.close(0.5)
