"""Keeps a screen and the sensors' health messages up to date while a session is played."""

from __future__ import annotations

from collections import deque

import msgspec

from eccentra.events import Numbered, SetCompleted
from eccentra.mqtt.contract import SensorHealth
from eccentra.mqtt.publisher import Publisher
from eccentra.samples import NS_PER_S
from eccentra.session import LinkHealth, Session
from eccentra.view import Screen, SensorRow, plain_line, sensor_state, set_row

__all__ = ["Watch"]

# Rates are over the last two seconds of data: short enough to see a loss, long enough for whole packets.
_RATE_NS = 2 * NS_PER_S
_HEALTH_US = 1_000_000


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
        self._footer = footer
        self._publisher = publisher
        self._seen: dict[str, deque[tuple[int, int]]] = {name: deque() for name in self._setups}
        self._published_us: int | None = None

    def update(self, events: list[Numbered]) -> None:
        """Take what just happened; makes a new screen."""
        lines = [line for line in (plain_line(one.event) for one in events) if line is not None]
        sets = tuple(set_row(one.event) for one in events if isinstance(one.event, SetCompleted))
        health = self._session.health()
        live = self._session.live()
        rates = {name: self._rate(name, one) for name, one in health.items()}
        self.screen = msgspec.structs.replace(
            self.screen,
            live=live,
            sensors=tuple(self._row(name, one, rates[name]) for name, one in health.items()),
            sets=self.screen.sets + sets,
            footer=self._footer + self._trouble(),
            last=lines[-1].strip() if lines else self.screen.last,
        )
        if self._published_us is None or live.t_us - self._published_us >= _HEALTH_US:
            self._published_us = live.t_us
            for name, one in health.items():
                self._publisher.sensor_health(name, self._message(name, one, rates[name]))

    def _trouble(self) -> tuple[str, ...]:
        """The broker is away: said, and nothing else happens."""
        health = self._publisher.health()
        if health.connected:
            return ()
        return (f"broker away, {health.unacknowledged} messages wait: {health.last_error or 'no answer'}",)

    def _rate(self, name: str, health: LinkHealth) -> float | None:
        """Samples a second between the first and the last packet of the last seconds."""
        if health.last_arrival_ns is None:
            return None
        seen = self._seen[name]
        if not seen or seen[-1][0] != health.last_arrival_ns:
            seen.append((health.last_arrival_ns, health.samples))
        while len(seen) > 2 and seen[1][0] <= seen[-1][0] - _RATE_NS:
            seen.popleft()
        span_s = (seen[-1][0] - seen[0][0]) / NS_PER_S
        return (seen[-1][1] - seen[0][1]) / span_s if span_s > 0 else None

    def _row(self, name: str, health: LinkHealth, rate_hz: float | None) -> SensorRow:
        setup = self._setups[name]
        return SensorRow(
            sensor=name,
            what=setup.profile.id,
            rate_hz=rate_hz,
            nominal_hz=setup.info().rate_hz,
            missing_s=health.missing_s,
            residual_ms=health.residual_ms,
            state=sensor_state(health),
        )

    def _message(self, name: str, health: LinkHealth, rate_hz: float | None) -> SensorHealth:
        state = sensor_state(health)
        nominal = self._setups[name].info().rate_hz
        return SensorHealth(
            rate_hz=rate_hz,
            loss_pct=None if rate_hz is None else round(max(0.0, 100 * (1 - rate_hz / nominal)), 1),
            clock_residual_ms=health.residual_ms,
            quality="ok" if state == "ok" else "flagged",
            flags=() if state == "ok" else (state.replace(" ", "_"),),
        )
