"""One sensor's way into a session: its connection's decoder and clock, its zero, how well it arrives."""

from __future__ import annotations

import math
from collections import deque

import msgspec

from eccentra.decode import BATTERY_LEVEL, Frame, Notice
from eccentra.decode.sig import battery_level
from eccentra.errors import DecodeError
from eccentra.events import (
    Event,
    Flag,
    QualityNoted,
    SensorBattery,
    SensorMalformed,
    SensorRestarted,
    SensorTimed,
)
from eccentra.inputs import Packet
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["Intake", "LinkHealth", "Samples", "malformed"]

_TARE_NS = NS_PER_S
# A link that is well delivers several times in that time.
_PAUSE_NS = NS_PER_S // 2
_BATTERY_UNITS = {"battery_v": "V", "battery_pct": "%"}

Samples = tuple[Times, Floats]


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


def malformed(item: Packet, reason: str, detail: str, count: int) -> SensorMalformed:
    """The event of a packet that cannot be used."""
    return SensorMalformed(
        t_us=item.arrival_ns // 1000, sensor=item.sensor, reason=reason, detail=detail, count=count
    )


class Intake:
    """State of one sensor's connection."""

    def __init__(self, setup: SensorSetup) -> None:
        self.setup = setup
        self.info = setup.info()
        self.health = LinkHealth()
        self.tare: float = 0.0
        # false while its values count from nobody knows where: then no level says whether it is loaded
        self.zero_known = True
        self._sums = setup.profile.packets == "differences"
        self.last_ns: int | None = None
        self.recent: deque[Samples] = deque()
        self.connect()

    def connect(self) -> None:
        """Decoder and clock are made anew for every connection."""
        self._battery: tuple[str, float] | None = None
        self.decoder = self.setup.start_decoder()
        self.clock = self.setup.start_clock()
        self._since_ns: int | None = None

    def end_timing(self, t_us: int) -> SensorTimed | None:
        """How well its time was known until now; ``None`` when nothing came, or times are those of a file."""
        spec = self.setup.clock
        since_ns, self._since_ns = self._since_ns, None
        if since_ns is None or spec.kind == "identity":
            return None
        return SensorTimed(
            t_us=t_us,
            sensor=self.setup.sensor,
            since_us=since_ns // 1000,
            uncertainty_ms=round(self.clock.residual_ns / 1e6, 3),
            drift_ppm=round(self.clock.drift_ppm, 1),
            loss_observable=spec.loss_observable,
        )

    def take(self, item: Packet) -> list[Samples | Event]:
        """Samples in session time and SI units, and events, in the order in which the packet says them."""
        health = self.health
        health.packets += 1
        out: list[Samples | Event] = []
        if self._sums:
            self._doubt_sum(item, out)
        health.last_arrival_ns = item.arrival_ns
        try:
            if item.channel == BATTERY_LEVEL:
                self._notice(item, battery_level(item.data), out)
                return out
            decoded = self.decoder.feed(item.channel, item.data)
        except DecodeError as error:
            health.malformed += 1
            return [*out, malformed(item, error.reason, str(error), health.malformed)]
        for part in decoded:
            if isinstance(part, Frame):
                self._frame(item, part, out)
            else:
                self._notice(item, part, out)
        return out

    def _doubt_sum(self, item: Packet, out: list[Samples | Event]) -> None:
        """Samples that are differences: what was lost in a pause shifts all that follow, unseen."""
        last = self.health.last_arrival_ns
        if last is None or item.arrival_ns - last <= _PAUSE_NS or not self.health.samples:
            return
        self.zero_known = False
        pause_s = (item.arrival_ns - last) / NS_PER_S
        detail = f"nothing came for {pause_s:.1f} s; what was lost shifts the force: tare unloaded"
        out.append(
            QualityNoted(t_us=item.arrival_ns // 1000, flag=Flag.ZERO_LOST, sensor=item.sensor, detail=detail)
        )

    def _frame(self, item: Packet, frame: Frame, out: list[Samples | Event]) -> None:
        epoch = self.clock.epoch
        t, x = self.clock.map(item.arrival_ns, frame), frame.x
        if self.clock.epoch != epoch:
            self._since_ns = None
            out.append(SensorRestarted(t_us=item.arrival_ns // 1000, sensor=item.sensor))
        late = len(x) if not len(t) else self._overlap(t)
        if late:
            self.health.malformed += 1
            detail = f"{late} of {len(x)} samples repeat or go back in time; they are left out"
            out.append(malformed(item, "no_place_in_time", detail, self.health.malformed))
            if late == len(x):
                return
            t, x = t[late:], x[late:]
        if self._since_ns is None:
            self._since_ns = t.item(0)
        self.last_ns = t.item(-1)
        if self.info.kind == "force":
            self._remember(t, x)
            if self.tare:
                x = x - self.tare
        self.health.samples += len(t)
        out.append((t, x))

    def _notice(self, item: Packet, notice: Notice, out: list[Samples | Event]) -> None:
        t_us, sensor = item.arrival_ns // 1000, item.sensor
        if notice.kind == "battery_low":
            self.health.battery_low = True
            out.append(SensorBattery(t_us=t_us, sensor=sensor, low=True))
        elif notice.kind in _BATTERY_UNITS and isinstance(notice.value, int | float):
            said = (_BATTERY_UNITS[notice.kind], float(notice.value))
            if said != self._battery:  # some say it in every packet
                self._battery = said
                out.append(SensorBattery(t_us=t_us, sensor=sensor, low=False, value=said[1], unit=said[0]))
        elif notice.kind == "zero_lost":
            self.tare, self.zero_known = 0.0, False
            detail = str(notice.value)
            out.append(QualityNoted(t_us=t_us, flag=Flag.ZERO_LOST, sensor=sensor, detail=detail))
        elif notice.kind.startswith("lost"):
            detail = f"{notice.kind}: {notice.value}"
            out.append(QualityNoted(t_us=t_us, flag=Flag.GAP_INSIDE, sensor=sensor, detail=detail))

    def _overlap(self, t: Times) -> int:
        """How many of these samples lie before ones taken on an earlier connection."""
        if self.last_ns is None or t.item(0) > self.last_ns:
            return 0
        return int(t.searchsorted(self.last_ns, side="right"))

    def _remember(self, t: Times, x: Floats) -> None:
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

    def spread(self) -> float:
        """Difference of the highest and the lowest force in the last second."""
        since = int(self.recent[-1][0][-1]) - _TARE_NS
        values = [v for t, x in self.recent for v in x[t > since, 0].tolist()]
        return float(max(values) - min(values))
