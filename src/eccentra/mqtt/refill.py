"""Events that found the outbox full, fetched from the session file when there is room again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from eccentra.events import Numbered, StationNoted, StationReason
from eccentra.mqtt.station import StationSink
from eccentra.mqtt.store import EventStore, Missing

__all__ = ["PORTION", "Refill"]

PORTION = 500
_AGAIN_NS = 30_000_000_000

log = logging.getLogger("eccentra.mqtt")


class Refill:
    """Fetches what is missing, a portion at a time.

    Parameters
    ----------
    store
        Where events wait, and who knows which are missing.
    station
        Gives the sink of a station.
    """

    def __init__(self, store: EventStore, station: Callable[[str], StationSink]) -> None:
        self.source: Callable[[str, int], Iterable[Numbered]] | None = None
        self._store = store
        self._station = station
        self._again_ns: dict[str, int] = {}

    def portion(self, now_ns: int) -> StationNoted | None:
        """Fetch one portion if there is room; gives what should be said when that fails."""
        source = self.source
        if source is None:
            return None
        for missing in self._store.missing(PORTION):
            if now_ns >= self._again_ns.get(missing.session, 0):
                return self._fetch(source, missing, now_ns)
        return None

    def _fetch(
        self, source: Callable[[str, int], Iterable[Numbered]], missing: Missing, now_ns: int
    ) -> StationNoted | None:
        try:
            events = list(islice(source(missing.session, missing.from_seq), PORTION))
            taken = self._store.fill(missing.session, self._station(missing.station).messages(events))
            problem = "" if taken else "it has none of them"
        except Exception as error:
            # The callback reads files: whatever is wrong with them must not stop the publishing of the rest.
            log.exception("cannot fetch events of session %s", missing.session)
            taken, problem = 0, str(error) or repr(error)
        if taken:
            self._again_ns.pop(missing.session, None)
            return None
        first = missing.session not in self._again_ns
        self._again_ns[missing.session] = now_ns + _AGAIN_NS
        return _failed(missing, problem) if first else None


def _failed(missing: Missing, problem: str) -> StationNoted:
    return StationNoted(
        reason=StationReason.OUTBOX_FULL,
        level="error",
        detail=f"events from number {missing.from_seq} on found no room in the outbox and cannot be fetched "
        f"from the session file: {problem}",
        advice="put the session file back; it is tried again every 30 s",
        session=missing.session,
    )
