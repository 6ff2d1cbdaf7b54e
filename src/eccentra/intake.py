"""One sensor's way into a session: its connection's decoder and clock, its zero, how well it arrives."""

from __future__ import annotations

import math
from collections import deque

import msgspec

from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["Intake", "LinkHealth"]

_TARE_NS = NS_PER_S


class LinkHealth(msgspec.Struct, kw_only=True):
    """How one sensor's data arrive; for screens, never recorded."""

    packets: int = 0
    samples: int = 0
    malformed: int = 0
    missing_s: float = 0.0
    connected: bool = False
    silent: bool = False
    residual_ms: float = 0.0
    battery_low: bool = False
    last_arrival_ns: int | None = None


class Intake:
    """State of one sensor's connection."""

    def __init__(self, setup: SensorSetup) -> None:
        self.setup = setup
        self.info = setup.info()
        self.health = LinkHealth()
        self.tare: float = 0.0
        self.last_ns: int | None = None
        self.recent: deque[tuple[Times, Floats]] = deque()
        self.connect()

    def connect(self) -> None:
        """Decoder and clock are made anew for every connection."""
        self.decoder = self.setup.start_decoder()
        self.clock = self.setup.start_clock()

    def overlap(self, t: Times) -> int:
        """How many of these samples lie before ones taken on an earlier connection."""
        if self.last_ns is None or t.item(0) > self.last_ns:
            return 0
        return int(t.searchsorted(self.last_ns, side="right"))

    def remember(self, t: Times, x: Floats) -> None:
        """Keep the last second as it came, for taring."""
        self.recent.append((t, x))
        while len(self.recent) > 1 and self.recent[1][0][0] <= t[-1] - _TARE_NS:
            self.recent.popleft()

    def level(self) -> float | None:
        """Mean of the last second; the same for any cut (exact summation)."""
        if not self.recent:
            return None
        since = int(self.recent[-1][0][-1]) - _TARE_NS
        values = [v for t, x in self.recent for v in x[t > since, 0].tolist()]
        return math.fsum(values) / len(values)
