"""What a publisher says about its broker and its outbox, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eccentra.events import StationNoted, StationReason

__all__ = [
    "BrokerTrouble",
    "outbox_damaged",
    "outbox_differs",
    "outbox_failed",
    "outbox_full",
    "outbox_well",
]


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


def outbox_failed(path: Path, problem: Exception) -> StationNoted:
    """The disk does not take events."""
    return StationNoted(
        reason=StationReason.DISK_FAILED,
        level="error",
        detail=f"cannot use the outbox {path}: {problem}; events wait in memory",
        advice="free space on the disk, or check it; the session goes on",
    )


def outbox_well() -> StationNoted:
    """The disk takes events again."""
    return StationNoted(reason=StationReason.DISK_FAILED, level="info", detail="the outbox is on disk again")


def outbox_damaged(moved: Path, *, advice: str) -> StationNoted:
    """The file could not be read."""
    return StationNoted(
        reason=StationReason.DISK_FAILED,
        level="warning",
        detail=f"the outbox was damaged; it was moved to {moved} and a new one begun",
        advice=advice,
    )


def outbox_full(rows: int, session: str, seq: int) -> StationNoted:
    """No further event has room."""
    return StationNoted(
        reason=StationReason.OUTBOX_FULL,
        level="warning",
        detail=f"{rows} events wait for the broker, which is the bound; events from number {seq} on are in "
        "the session file only and follow from there when there is room",
        advice="bring the broker back",
        session=session,
    )


def outbox_differs(session: str, seqs: Sequence[int]) -> StationNoted:
    """A replay gave other events than those that were sent."""
    first = ", ".join(str(seq) for seq in seqs[:5]) + (" ..." if len(seqs) > 5 else "")
    return StationNoted(
        reason=StationReason.RECOVERY_MISMATCH,
        level="warning",
        detail=f"after recovery {len(seqs)} events differ from those already sent: number {first}",
        advice="what was sent stands; keep the session file and report it with both software versions",
        session=session,
        count=len(seqs),
    )
