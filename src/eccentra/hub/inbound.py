"""Messages that came and wait until they are in the database; acknowledged then, not when they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from eccentra.mqtt.connection import Delivery

__all__ = ["Inbox"]


class Inbox:
    """Messages that came and were not worked on; safe for threads. The broker's window bounds it."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._waiting: deque[Delivery] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, one: Delivery) -> None:
        """Take a message."""
        with self._changed:
            self._waiting.append(one)
            self._changed.notify_all()

    def take(self, most: int) -> list[Delivery]:
        """Give the oldest messages out."""
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def give_back(self, batch: Sequence[Delivery]) -> None:
        """They could not be worked on: they are the next again."""
        with self._changed:
            self._waiting.extendleft(reversed(batch))
