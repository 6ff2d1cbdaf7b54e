"""Says when somebody set the computer's clock while a session was running."""

from __future__ import annotations

from collections.abc import Callable

from eccentra.events import StationNoted, StationReason
from eccentra.samples import NS_PER_S

__all__ = ["WallWatch"]

_STEP_NS = 2 * NS_PER_S


class WallWatch:
    """Compares the wall clock with the monotonic one, from look to look.

    Parameters
    ----------
    note
        Takes what is wrong.
    """

    def __init__(self, note: Callable[[StationNoted], None]) -> None:
        self._note = note
        self._offset_ns: int | None = None

    def begin(self, offset_ns: int) -> None:
        """A session begins with the wall clock so far ahead of the monotonic one."""
        self._offset_ns = offset_ns

    def see(self, offset_ns: int, *, steady: bool) -> None:
        """Now it is so far ahead; ``steady`` when both should run alike."""
        before, self._offset_ns = self._offset_ns, offset_ns
        if before is None or abs(offset_ns - before) <= _STEP_NS or not steady:
            return
        self._note(
            StationNoted(
                reason=StationReason.CLOCK_STEPPED,
                level="warning",
                detail=f"the computer's clock was set by {(offset_ns - before) / NS_PER_S:+.1f} s",
                advice="times of day before and after do not fit; durations are not touched",
            )
        )
