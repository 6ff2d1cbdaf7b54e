"""What a link has received and nobody has taken yet: bounded, and honest about what did not fit.

All calls are made in the thread of the event loop. Packets beyond the bound are dropped and counted; what is
no packet (connected, lost, notes) is always kept, so that an overflow is seen as a gap, never as silence.
"""

from __future__ import annotations

import asyncio
from collections import deque

from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Input, Packet

__all__ = ["Mailbox"]

# Eight sensors at 80 packets a second: six seconds during which nobody took anything.
_MOST_PACKETS = 4096


class Mailbox:
    """The queue between links and the station.

    Parameters
    ----------
    most_packets
        Bound on packets that wait.
    """

    def __init__(self, most_packets: int = _MOST_PACKETS) -> None:
        self._most = most_packets
        self._items: deque[Input | StationNoted] = deque()
        self._packets = 0
        self._dropped = 0
        self._dropped_from: set[str] = set()
        self._filled = asyncio.Event()

    def put(self, item: Input | StationNoted) -> None:
        """Take what came; returns at once."""
        if isinstance(item, Packet):
            if self._packets >= self._most:
                self._dropped += 1
                self._dropped_from.add(item.sensor)
                return
            self._packets += 1
        self._items.append(item)
        self._filled.set()

    def drain(self) -> list[Input | StationNoted]:
        """Everything that came since the last time, in order; at its end what was dropped, if anything."""
        out = list(self._items)
        self._items.clear()
        self._packets = 0
        self._filled.clear()
        if self._dropped:
            sensors = ", ".join(sorted(self._dropped_from))
            out.append(
                StationNoted(
                    reason=StationReason.QUEUE_OVERFLOW,
                    level="error",
                    detail=f"{self._dropped} packets of {sensors} came faster than they could be recorded",
                    advice="close other programs, or use fewer sensors or a lower rate",
                    count=self._dropped,
                )
            )
            self._dropped = 0
            self._dropped_from.clear()
        return out

    async def wait(self, timeout_s: float) -> None:
        """Wait until something is there, at most so long."""
        try:
            await asyncio.wait_for(self._filled.wait(), timeout_s)
        except TimeoutError:
            return
