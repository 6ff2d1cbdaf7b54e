"""What takes the results of a session: all that a session runner knows of MQTT, files or screens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eccentra.events import Numbered
from eccentra.stages.live import LiveState

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes numbered events in order and, between them, what a screen would show.

    No method blocks on a network, and none raises because the other side is away: the set goes on.
    """

    def handle(self, events: Sequence[Numbered]) -> None:
        """Take events, in order. Their inputs are committed already."""
        ...

    def live(self, state: LiveState) -> None:
        """Take a snapshot; may be called at any rate, most are dropped."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...
