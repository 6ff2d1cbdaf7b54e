"""A simulated athlete's sensors as a link: rehearsals, demonstrations and tests without a radio.

The athlete goes on whether anybody listens or not: simulated time is host time since a fixed moment, so that
a station which was killed and started again finds the session further on, as in a real room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from eccentra.errors import LinkError
from eccentra.events import StationReason
from eccentra.inputs import Connected, Input, Lost, Packet
from eccentra.link import LinkStatus
from eccentra.link.mailbox import Mailbox
from eccentra.samples import NS_PER_S

__all__ = ["SimulatedLink"]

_LONGEST_WAIT_S = 0.02


class SimulatedLink:
    """Plays the inputs of a simulation.

    Parameters
    ----------
    inputs
        What a session would have got, in order; only what comes from sensors is used.
    mailbox
        Where it goes.
    begin_ns
        Host time at which the simulation begins; what lies before now has passed unheard.
    now, seconds
        Host's monotonic clock, and how long really to wait for so many seconds of it.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        mailbox: Mailbox,
        *,
        begin_ns: int,
        now: Callable[[], int],
        seconds: Callable[[float], float],
    ) -> None:
        self._inputs = [item for item in inputs if isinstance(item, Packet | Connected | Lost)]
        self._mailbox = mailbox
        self._begin_ns = begin_ns
        self._now, self._seconds = now, seconds
        self._connected = dict.fromkeys((item.sensor for item in self._inputs), False)

    async def run(self) -> None:
        """Hand over what falls due, until cancelled."""
        at = self._catch_up()
        try:
            while True:
                now = self._now() - self._begin_ns
                while at < len(self._inputs) and self._inputs[at].arrival_ns <= now:
                    self._hand_over(self._inputs[at])
                    at += 1
                ahead = self._inputs[at].arrival_ns - now if at < len(self._inputs) else NS_PER_S
                await asyncio.sleep(self._seconds(min(max(ahead / NS_PER_S, 0.0), _LONGEST_WAIT_S)))
        finally:
            for sensor, there in self._connected.items():
                if there:
                    self._mailbox.put(Lost(self._now(), sensor, "closed"))

    async def command(self, sensor: str, name: str) -> None:
        """Refuse: a simulated sensor takes no commands."""
        raise LinkError(
            StationReason.COMMAND_FAILED, f"{sensor} is simulated", "use a real or emulated sensor"
        )

    def status(self) -> Sequence[LinkStatus]:
        """How each sensor is connected now."""
        return [
            LinkStatus(sensor=sensor, state="streaming" if there else "searching")
            for sensor, there in self._connected.items()
        ]

    def _catch_up(self) -> int:
        """Skip what has passed; sensors that are connected by now are connected to."""
        now = self._now()
        at = 0
        there: dict[str, bool] = {}
        while at < len(self._inputs) and self._inputs[at].arrival_ns < now - self._begin_ns:
            item = self._inputs[at]
            if isinstance(item, Connected | Lost):
                there[item.sensor] = isinstance(item, Connected)
            at += 1
        for sensor, connected in there.items():
            if connected:
                self._connected[sensor] = True
                self._mailbox.put(Connected(now, sensor))
        return at

    def _hand_over(self, item: Input) -> None:
        assert isinstance(item, Packet | Connected | Lost)
        if isinstance(item, Connected | Lost):
            self._connected[item.sensor] = isinstance(item, Connected)
        elif not self._connected[item.sensor]:
            return
        host = item.arrival_ns + self._begin_ns
        if isinstance(item, Packet):
            self._mailbox.put(Packet(host, item.sensor, item.channel, item.data))
        else:
            self._mailbox.put(msgspec.structs.replace(item, arrival_ns=host))
