"""The sink of one station: events, retained state and live values of what happens there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from eccentra.events import Numbered, SensorConnected, SensorLost
from eccentra.mqtt import contract
from eccentra.mqtt.view import StationView
from eccentra.stages.live import LiveState

__all__ = ["StationSink"]


class _Outlet(Protocol):
    """What a publisher offers to its stations."""

    site: str
    node: str
    live_rate_hz: float

    def put_events(self, channel: str, messages: Sequence[tuple[dict[str, str], bytes]]) -> None: ...

    def put_state(self, channel: str, payload: bytes, **ids: str) -> None: ...

    def put_live(self, channel: str, payload: bytes, **ids: str) -> None: ...


class StationSink:
    """Takes a session's events and snapshots (a :class:`~eccentra.mqtt.sink.Sink`).

    Parameters
    ----------
    outlet
        The publisher.
    station
        Id of the station.
    """

    def __init__(self, outlet: _Outlet, station: str) -> None:
        self.station = station
        self._outlet = outlet
        self._source = contract.event_id_source(outlet.site, outlet.node, station)
        self._view = StationView()
        self._last_set: dict[str, Any] | None = None
        self._sensors: dict[str, bool] = {}
        self._interval_us = round(1e6 / outlet.live_rate_hz)
        self._live_us: int | None = None
        self._closed = False
        self._put_state()

    def handle(self, events: Sequence[Numbered]) -> None:
        """Publish events in order, then what they changed."""
        if not events:
            return
        messages = []
        for numbered in events:
            kind, payload = contract.event_message(numbered, self._source)
            messages.append(({"station": self.station, "kind": kind}, payload))
            self._view.apply(numbered)
            self._sensor(numbered)
        self._outlet.put_events("event", messages)
        self._put_state()
        if self._view.last_set is not None and self._view.last_set is not self._last_set:
            self._last_set = self._view.last_set
            self._outlet.put_state("last_set", contract.encode(self._last_set), station=self.station)

    def live(self, state: LiveState) -> None:
        """Publish a snapshot, unless the last one is too recent by its sample time."""
        last = self._live_us
        # An earlier time than before is another session.
        if last is not None and 0 <= state.t_us - last < self._interval_us:
            return
        self._live_us = state.t_us
        view = self._view
        time = contract.time_at(view.time, view.t_us, state.t_us)
        message = contract.live_message(state, session=view.session, time=time)
        self._outlet.put_live("live", contract.encode(message), station=self.station)

    def close(self) -> None:
        """Say that the sensors are no longer heard; the last state and set stay retained."""
        if self._closed:
            return
        self._closed = True
        for sensor, there in self._sensors.items():
            if there:
                self._outlet.put_state("sensor_status", contract.OFFLINE, sensor=sensor)

    def _put_state(self) -> None:
        self._outlet.put_state("state", contract.encode(self._view.state()), station=self.station)

    def _sensor(self, numbered: Numbered) -> None:
        event = numbered.event
        if isinstance(event, SensorConnected | SensorLost):
            there = isinstance(event, SensorConnected)
            self._sensors[event.sensor] = there
            status = contract.ONLINE if there else contract.OFFLINE
            self._outlet.put_state("sensor_status", status, sensor=event.sensor)
