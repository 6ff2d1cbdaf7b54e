"""Keeps a screen and the sensors' health messages up to date while a session is played."""

from __future__ import annotations

from collections import deque

import msgspec

from eccentra.events import Numbered, SetCompleted
from eccentra.mqtt.payloads import SensorHealth
from eccentra.mqtt.publisher import Publisher
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S
from eccentra.session import LinkHealth, Session
from eccentra.view import Screen, SensorRow, advice_after, plain_line, sensor_state, set_row

__all__ = ["Rates", "Watch", "health_message", "sensor_row"]

# Rates are over the last two seconds of data: short enough to see a loss, long enough for whole packets.
_RATE_NS = 2 * NS_PER_S
_HEALTH_US = 1_000_000


class Rates:
    """Samples a second of each sensor over the last seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[int, int]]] = {}

    def update(self, name: str, health: LinkHealth) -> float | None:
        """Samples a second between the first and the last packet of the last seconds."""
        if health.last_arrival_ns is None:
            return None
        seen = self._seen.setdefault(name, deque())
        if seen and seen[-1][0] > health.last_arrival_ns:
            seen.clear()  # another session
        if not seen or seen[-1][0] != health.last_arrival_ns:
            seen.append((health.last_arrival_ns, health.samples))
        while len(seen) > 2 and seen[1][0] <= seen[-1][0] - _RATE_NS:
            seen.popleft()
        span_s = (seen[-1][0] - seen[0][0]) / NS_PER_S
        return (seen[-1][1] - seen[0][1]) / span_s if span_s > 0 else None


def _loss_pct(rate_hz: float | None, nominal_hz: float) -> float | None:
    return None if rate_hz is None else round(max(0.0, 100 * (1 - rate_hz / nominal_hz)), 1)


def sensor_row(setup: SensorSetup, health: LinkHealth, rate_hz: float | None) -> SensorRow:
    """A sensor's line on the screen."""
    return SensorRow(
        sensor=setup.sensor,
        what=setup.profile.id,
        rate_hz=rate_hz,
        nominal_hz=setup.rate,
        missing_s=health.missing_s,
        residual_ms=health.residual_ms,
        state=sensor_state(health),
        loss_pct=_loss_pct(rate_hz, setup.rate),
    )


def health_message(
    setup: SensorSetup,
    health: LinkHealth,
    rate_hz: float | None,
    rssi_dbm: int | None = None,
    battery_pct: float | None = None,
) -> SensorHealth:
    """A sensor's health as it is published."""
    state = sensor_state(health)
    return SensorHealth(
        rate_hz=rate_hz,
        loss_pct=_loss_pct(rate_hz, setup.rate),
        rssi_dbm=rssi_dbm,
        battery_pct=battery_pct,
        clock_residual_ms=health.residual_ms,
        quality="ok" if state == "ok" else "flagged",
        flags=() if state == "ok" else (state.replace(" ", "_"),),
    )


class Watch:
    """What is shown of one session.

    Parameters
    ----------
    session
        The running session.
    title, footer
        Constant texts of the screen.
    publisher
        Gets each sensor's health once a second of session time.
    """

    def __init__(self, session: Session, title: str, footer: tuple[str, ...], publisher: Publisher) -> None:
        self.screen = Screen(title=title, footer=footer)
        self._session = session
        self._setups = {setup.sensor: setup for setup in session.header.sensors}
        self._publisher = publisher
        self._rates = Rates()
        self._published_us: int | None = None

    def update(self, events: list[Numbered]) -> None:
        """Take what just happened; makes a new screen."""
        lines = [line for line in (plain_line(one.event) for one in events) if line is not None]
        sets = tuple(set_row(one.event) for one in events if isinstance(one.event, SetCompleted))
        advice = self.screen.next_step
        for numbered in events:
            advice = advice_after(numbered.event, advice)
        health = self._session.health()
        live = self._session.live()
        rates = {name: self._rates.update(name, one) for name, one in health.items()}
        self.screen = msgspec.structs.replace(
            self.screen,
            live=live,
            sensors=tuple(sensor_row(self._setups[n], one, rates[n]) for n, one in health.items()),
            sets=self.screen.sets + sets,
            next_step=advice,
            trouble=self._trouble(),
            last=lines[-1].strip() if lines else self.screen.last,
        )
        if self._published_us is None or live.t_us - self._published_us >= _HEALTH_US:
            self._published_us = live.t_us
            for name, one in health.items():
                self._publisher.sensor_health(name, health_message(self._setups[name], one, rates[name]))

    def _trouble(self) -> tuple[str, ...]:
        """The broker is away: said, and nothing else happens."""
        health = self._publisher.health()
        if health.connected:
            return ()
        return (f"broker away, {health.unacknowledged} messages wait: {health.last_error or 'no answer'}",)
