"""A sensor whose samples are in its advertisements: heard or not heard, never connected.

Sans-IO: time is an argument. What it hears becomes inputs of the session: connected with the first
advertisement, a packet with each, lost when none came for a while in which somebody listened.
"""

from __future__ import annotations

from collections.abc import Callable

from eccentra.decode import CHANNEL
from eccentra.errors import DecodeError
from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Connected, Input, Lost, Packet
from eccentra.link import LinkStatus
from eccentra.link.advice import advice_for
from eccentra.link.machine import Patience, Said
from eccentra.profile_ble import Broadcast
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S

__all__ = ["BroadcastSensor", "Broadcasts"]


class BroadcastSensor:
    """One sensor that only advertises.

    Parameters
    ----------
    setup
        The sensor; its profile has a table ``[ble.broadcast]``.
    put
        Takes inputs, and what is said.
    now_ns
        Time now, ns, of the same clock as in every later call.
    patience, platform
        As of :class:`~eccentra.link.machine.SensorMachine`.
    """

    def __init__(
        self,
        setup: SensorSetup,
        put: Callable[[Input | StationNoted], None],
        now_ns: int,
        patience: Patience,
        platform: str,
    ) -> None:
        self.setup = setup
        self._broadcast = _broadcast(setup)
        self._put = put
        self._patience = patience
        self._platform = platform
        self._there = False
        self._since = now_ns
        self._rssi: int | None = None
        self._problem = ("", "")
        self._said = Said(round(patience.again_s * NS_PER_S))
        self._check = setup.start_decoder()

    def heard(self, now_ns: int, makers: dict[int, bytes], rssi_dbm: int | None) -> None:
        """An advertisement of it came, with all manufacturer data known of it."""
        data = makers.get(self._broadcast.company)
        if data is None or len(data) < self._broadcast.min_bytes:
            return
        self._rssi = self._rssi if rssi_dbm is None else rssi_dbm
        self._since = now_ns
        sensor = self.setup.sensor
        if not self._there:
            self._there = True
            self._put(Connected(now_ns, sensor))
            self._back()
        self._put(Packet(now_ns, sensor, CHANNEL, bytes(data)))
        self._understand(now_ns, bytes(data))

    def tick(self, now_ns: int, *, listening: bool) -> None:
        """Time passed; while nobody listens, nobody can be missed."""
        if not listening:
            self._since = max(self._since, now_ns)
            return
        if now_ns < self.next_ns():
            return
        if self._there:
            self.close(now_ns, "silent")
        detail = f"is not heard for {self._broadcast.gone_s:g} s"
        self._trouble(now_ns, StationReason.SENSOR_NOT_SEEN, detail)
        self._since = now_ns

    def next_ns(self) -> int:
        """When :meth:`tick` has something to do, if nothing happens before."""
        return self._since + round(self._broadcast.gone_s * NS_PER_S)

    def close(self, now_ns: int, why: str) -> None:
        """What comes later is another connection."""
        if self._there:
            self._there = False
            self._put(Lost(now_ns, self.setup.sensor, why))

    def status(self) -> LinkStatus:
        """The same for screens."""
        return LinkStatus(
            sensor=self.setup.sensor,
            state="streaming" if self._there else "searching",
            rssi_dbm=self._rssi,
            problem=self._problem[0],
            advice=self._problem[1],
        )

    def _understand(self, now_ns: int, data: bytes) -> None:
        """A scale that shows another unit is heard well, and useless."""
        try:
            self._check.feed(CHANNEL, data)
        except DecodeError as error:
            self._trouble(now_ns, StationReason.NO_DATA, f"cannot be used: {error.detail}")
        else:
            self._problem = ("", "")

    def _trouble(self, now_ns: int, reason: StationReason, detail: str) -> None:
        advice = advice_for(reason, self._platform)
        self._problem = (detail, advice)
        count = self._said.due(reason, detail, now_ns)
        if count:
            said = f"{self.setup.sensor}: {detail}"
            self._put(
                StationNoted(
                    reason=reason,
                    level="warning",
                    detail=said,
                    advice=advice,
                    sensor=self.setup.sensor,
                    count=count,
                )
            )

    def _back(self) -> None:
        if self._said:
            self._said.forget()
            detail = f"{self.setup.sensor} is heard again"
            self._put(
                StationNoted(
                    reason=StationReason.SENSOR_BACK, level="info", detail=detail, sensor=self.setup.sensor
                )
            )


class Broadcasts(dict[str, BroadcastSensor]):
    """All sensors that only advertise, by address."""

    def names(self, sensor: str) -> bool:
        """Whether ``sensor`` is one of them."""
        return any(one.setup.sensor == sensor for one in self.values())

    def tick(self, now_ns: int, *, listening: bool) -> None:
        """Time passed."""
        for one in self.values():
            one.tick(now_ns, listening=listening)

    def next_ns(self) -> list[int]:
        """When each has something to do, if nothing happens before."""
        return [one.next_ns() for one in self.values()]

    def close(self, now_ns: int, why: str) -> None:
        """What comes later are other connections."""
        for one in self.values():
            one.close(now_ns, why)


def _broadcast(setup: SensorSetup) -> Broadcast:
    ble = setup.profile.ble
    assert ble is not None, "checked when the link was made"
    assert ble.broadcast is not None, "checked when the link was made"
    return ble.broadcast
