"""What a publisher says about itself in words: the broker is away, and back. Pure."""

from __future__ import annotations

from eccentra.events import StationNoted, StationReason

__all__ = ["BrokerTrouble"]


class BrokerTrouble:
    """Says each change once, however often it is reported.

    Parameters
    ----------
    durable
        What waits survives the process.
    """

    def __init__(self, *, durable: bool) -> None:
        self._durable = durable
        self._away_ns: int | None = None

    def away(self, problem: str, now_ns: int) -> StationNoted | None:
        """There is no broker; ``None`` when that was said."""
        if self._away_ns is not None:
            return None
        self._away_ns = now_ns
        kept = "on disk" if self._durable else "in memory"
        return StationNoted(
            reason=StationReason.BROKER_AWAY,
            level="warning",
            detail=f"no broker: {problem}",
            advice=f"the session goes on and results wait {kept}; see whether the broker runs and is reached",
        )

    def back(self, waiting: int, now_ns: int) -> StationNoted | None:
        """The broker is there; ``None`` when it was not away."""
        since, self._away_ns = self._away_ns, None
        if since is None:
            return None
        away_s = (now_ns - since) / 1e9
        return StationNoted(
            reason=StationReason.BROKER_BACK,
            level="info",
            detail=f"the broker is back after {away_s:.1f} s; {waiting} events waited and are being sent",
        )
