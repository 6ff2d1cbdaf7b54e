"""Where packets come from: real sensors, emulated ones, simulated ones.

A link runs by itself in the event loop and puts what comes into a :class:`~eccentra.link.mailbox.Mailbox`, as
inputs whose ``arrival_ns`` is the host's monotonic clock, and as :class:`~eccentra.events.StationNoted` when
something is wrong or well again. Whoever owns the mailbox turns host time into session time. A link never
ends by itself and never raises because a sensor or the radio is away: it says so, with advice, and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from eccentra.profiles import SensorSetup

__all__ = ["Link", "LinkStatus", "SensorLink", "WantedSensor"]

SensorLink = Literal["waiting", "searching", "connecting", "starting", "streaming", "lost"]


class WantedSensor(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor that a link should keep connected: what it is for the session, and its Bluetooth address."""

    setup: SensorSetup
    address: str


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one sensor's connection is, for screens.

    Attributes
    ----------
    state
        ``waiting``: pausing before the next try.
    rssi_dbm
        Signal of the last advertisement heard.
    tries
        Connects since it was last streaming.
    next_try_s
        Until the next try, when ``waiting``.
    problem, advice
        What is wrong now, and what to do; empty when it is streaming.
    battery_low
        The sensor said so.
    battery_pct
        What the sensor said when it was connected, if it did.
    """

    sensor: str
    state: SensorLink
    rssi_dbm: int | None = None
    tries: int = 0
    next_try_s: float | None = None
    problem: str = ""
    advice: str = ""
    battery_low: bool = False
    battery_pct: float | None = None


class Link(Protocol):
    """A source of packets."""

    async def run(self) -> None:
        """Keep all sensors connected and streaming until cancelled; then disconnect all of them."""
        ...

    async def command(self, sensor: str, name: str) -> None:
        """Write the profile's command ``name`` (``tare``, ``battery`` ...) to a sensor.

        Raises
        ------
        LinkError
            When it is not connected, knows no such command, or the write failed.
        """
        ...

    def status(self) -> Sequence[LinkStatus]:
        """How each sensor is connected now."""
        ...
