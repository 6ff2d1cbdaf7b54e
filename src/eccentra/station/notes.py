"""What is wrong with the station now: kept until it is over."""

from __future__ import annotations

from eccentra.events import StationNoted, StationReason

__all__ = ["NoteBoard"]

_LINK_TROUBLE = tuple(
    StationReason[name]
    for name in (
        "BLUETOOTH_OFF",
        "BLUETOOTH_MISSING",
        "BLUETOOTH_DENIED",
        "BLUETOOTH_FAILED",
        "SENSOR_NOT_SEEN",
        "CONNECT_FAILED",
        "CONNECT_TIMEOUT",
        "WRONG_DEVICE",
        "MTU_TOO_SMALL",
        "NO_DATA",
        "CONNECTION_LOST",
    )
)
_OVER: dict[StationReason, tuple[StationReason, ...]] = {
    StationReason.SENSOR_BACK: _LINK_TROUBLE,
    StationReason.BROKER_BACK: (StationReason.BROKER_AWAY,),
    StationReason.DISK_BACK: (StationReason.DISK_FAILED,),
}


class NoteBoard:
    """Open troubles by reason and sensor."""

    def __init__(self) -> None:
        self._open: dict[tuple[StationReason, str | None], StationNoted] = {}

    def put(self, note: StationNoted) -> None:
        """Take a note: trouble is added, good news strikes off what is over."""
        if note.level != "info":
            self._open[note.reason, note.sensor] = note
            return
        over = (note.reason, *_OVER.get(note.reason, ()))
        for key in [key for key in self._open if key[0] in over and key[1] in (None, note.sensor)]:
            del self._open[key]

    def clear(self, reason: StationReason) -> None:
        """Forget what is no longer of interest."""
        for key in [key for key in self._open if key[0] is reason]:
            del self._open[key]

    @property
    def open(self) -> tuple[StationNoted, ...]:
        """Troubles now, oldest first."""
        return tuple(self._open.values())
