"""Publishes what the database says is due, and strikes it off there when the broker has it.

Of several workers one does it for all; another takes over when its connection to the database ends.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection as Database

from eccentra.hub.announce import Announcement, due, published
from eccentra.hub.locks import lead
from eccentra.mqtt.connection import Connection
from eccentra.store.database import Store

__all__ = ["Courier"]

_WINDOW = 100


class Courier:
    """What is on its way to the broker.

    Parameters
    ----------
    store
        Results.
    site, node
        Of the hub.
    """

    def __init__(self, store: Store, site: str, node: str) -> None:
        self._store = store
        self._site, self._node = site, node
        self._in_flight: dict[int, Announcement] = {}
        self._leader: Database | None = None

    @property
    def idle(self) -> bool:
        """Nothing that was published is unacknowledged."""
        return not self._in_flight

    def forget(self) -> None:
        """The connection is over: what was on its way is published again by the next one."""
        self._in_flight.clear()

    def settle(self, mids: Iterable[int], now_us: int) -> int:
        """Strike off what the broker acknowledged; gives how many messages.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            The database cannot be used: what was not struck off is published again.
        """
        mids = list(mids)
        done = [self._in_flight[mid] for mid in mids if mid in self._in_flight]
        try:
            if done:
                published(self._store, done, now_us=now_us)
        finally:
            # an acknowledgement comes once: kept here, a message would count as on its way for ever
            for mid in mids:
                self._in_flight.pop(mid, None)
        return len(done)

    def announce(self, connection: Connection) -> None:
        """Publish what is due and not on its way."""
        if len(self._in_flight) >= _WINDOW:
            return
        under_way = {one.key for one in self._in_flight.values()}
        for one in due(self._store, self._site, self._node, _WINDOW):
            if one.key in under_way or len(self._in_flight) >= _WINDOW:
                continue
            mid = connection.publish(one.topic, one.payload, 1, one.retain)
            if mid is None:
                return
            self._in_flight[mid] = one

    def leads(self) -> bool:
        """Whether this worker publishes for all."""
        if self._store.dialect != "postgresql":
            return True
        if self._leader is None:
            self._leader = self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # Asked each time: it counts, and it fails when the connection has ended.
        return lead(self._leader, f"{self._site}/{self._node}")

    def resign(self) -> None:
        """Let another worker publish."""
        leader, self._leader = self._leader, None
        if leader is not None:
            # With the connection ends the lock; it must not go back into the pool.
            leader.invalidate()
            leader.close()
