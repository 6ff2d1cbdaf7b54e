"""The sink of one station: events, retained state and live values of what happens there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from eccentra.events import Numbered, SensorConnected, SensorLost, SessionEnded, StationNoted
from eccentra.mqtt import contract
from eccentra.mqtt.payloads import live_message
from eccentra.mqtt.store import NewEvent
from eccentra.mqtt.view import StationView
from eccentra.stages.live import LiveState

__all__ = ["StationSink"]


class _Outlet(Protocol):
    """What a publisher offers to its stations."""

    site: str
    node: str
    live_rate_hz: float

    def put_events(self, events: Sequence[NewEvent]) -> None: ...

    def put_state(self, channel: str, payload: bytes, **ids: str) -> None: ...

    def put_live(self, channel: str, payload: bytes, **ids: str) -> None: ...

    def wall_time(self) -> str: ...


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
        """Publish events in order, then what they changed.

        After recovery, hand over the replayed events from the first one on: with an outbox, those sent
        before are compared and not sent again, and ``state`` and ``last_set`` are what they were.
        """
        if not events:
            return
        for numbered in events:
            self._view.apply(numbered)
        self._outlet.put_events(self.messages(events))
        for numbered in events:
            self._sensor(numbered)
        self._put_state()
        if self._view.last_set is not None and self._view.last_set is not self._last_set:
            self._last_set = self._view.last_set
            self._outlet.put_state("last_set", contract.encode(self._last_set), station=self.station)

    def messages(self, events: Sequence[Numbered]) -> list[NewEvent]:
        """The messages of events, always the same for the same events."""
        out = []
        for numbered in events:
            kind, payload = contract.event_message(numbered, self._source)
            out.append(
                NewEvent(
                    station=self.station,
                    topic=self._topic(kind),
                    payload=payload,
                    session=numbered.session,
                    seq=numbered.seq,
                    last=isinstance(numbered.event, SessionEnded),
                )
            )
        return out

    def note(self, noted: StationNoted) -> None:
        """Publish what the station says about itself: an event of its own, outside any session's numbers."""
        payload = contract.station_message(
            noted,
            site=self._outlet.site,
            node=self._outlet.node,
            station=self.station,
            number=str(uuid.uuid4()),
            time=self._outlet.wall_time(),
        )
        topic = self._topic(contract.STATION_KIND)
        self._outlet.put_events([NewEvent(station=self.station, topic=topic, payload=payload)])

    def live(self, state: LiveState) -> None:
        """Publish a snapshot, unless the last one is too recent by its sample time."""
        last = self._live_us
        # An earlier time than before is another session.
        if last is not None and 0 <= state.t_us - last < self._interval_us:
            return
        self._live_us = state.t_us
        view = self._view
        time = contract.time_at(view.time, view.t_us, state.t_us)
        message = live_message(state, session=view.session, time=time)
        self._outlet.put_live("live", contract.encode(message), station=self.station)

    def close(self) -> None:
        """Say that the sensors are no longer heard; the last state and set stay retained."""
        if self._closed:
            return
        self._closed = True
        for sensor, there in self._sensors.items():
            if there:
                self._outlet.put_state("sensor_status", contract.OFFLINE, sensor=sensor)

    def _topic(self, kind: str) -> str:
        outlet = self._outlet
        return contract.topic("event", site=outlet.site, node=outlet.node, station=self.station, kind=kind)

    def _put_state(self) -> None:
        self._outlet.put_state("state", contract.encode(self._view.state()), station=self.station)

    def _sensor(self, numbered: Numbered) -> None:
        event = numbered.event
        if isinstance(event, SensorConnected | SensorLost):
            there = isinstance(event, SensorConnected)
            self._sensors[event.sensor] = there
            status = contract.ONLINE if there else contract.OFFLINE
            self._outlet.put_state("sensor_status", status, sensor=event.sensor)
