"""Publishing what is due: nothing stays on its way for ever."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hub_parts import NOW_US, begin, payloads
from sqlalchemy.exc import OperationalError

from eccentra.hub import courier
from eccentra.hub.announce import Announcement
from eccentra.hub.courier import Courier
from eccentra.hub.take import take
from eccentra.store.database import Store


class Broker:
    """Takes everything and acknowledges when it is told to."""

    def __init__(self) -> None:
        self.mids: list[int] = []

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        self.mids.append(len(self.mids))
        return self.mids[-1]


def test_what_was_not_struck_off_is_published_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(store)
    take(store, payloads("s1"), now_us=NOW_US)
    one, broker = Courier(store, "home", "hub"), Broker()

    def crossed(store: Store, done: Sequence[Announcement], *, now_us: int) -> None:
        raise OperationalError("", {}, Exception("deadlock detected"))

    one.announce(broker)  # type: ignore[arg-type]
    first = list(broker.mids)
    assert first
    with monkeypatch.context() as patch:
        patch.setattr(courier, "published", crossed)
        with pytest.raises(OperationalError):
            one.settle(first, NOW_US)
    assert one.idle
    one.announce(broker)  # type: ignore[arg-type]
    again = broker.mids[len(first) :]
    assert len(again) == len(first)
    assert one.settle(again, NOW_US) == len(first)
    one.announce(broker)  # type: ignore[arg-type]
    assert one.idle
