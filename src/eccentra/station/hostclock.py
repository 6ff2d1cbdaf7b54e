"""The host's two clocks, and which start of the computer they belong to."""

from __future__ import annotations

import time
from pathlib import Path

from eccentra.samples import NS_PER_S

__all__ = ["HostClock"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Without a boot id: two processes whose clocks differ by the same amount run since the same start.
_SAME_BOOT_NS = 2 * NS_PER_S


class HostClock:
    """Monotonic and wall clock.

    Parameters
    ----------
    speed
        Rehearsals with simulated sensors may let monotonic time run faster than it does.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def monotonic_ns(self) -> int:
        """Host's monotonic time; goes on across processes until the computer is restarted."""
        now = time.monotonic_ns()
        return now if self._speed == 1.0 else round(now * self._speed)

    def wall_ns(self) -> int:
        """UTC, ns since 1970."""
        return time.time_ns()

    def seconds(self, session_s: float) -> float:
        """How long to really wait for so much monotonic time."""
        return session_s / self._speed

    @property
    def steady(self) -> bool:
        """True when both clocks should run alike."""
        return self._speed == 1.0

    def boot(self) -> str:
        """What tells this start of the computer from another."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return str(time.time_ns() - time.monotonic_ns())

    def same_boot(self, boot: str | None) -> bool:
        """Whether ``boot``, noted by an earlier process, is this start of the computer."""
        mine = self.boot()
        if boot is None or boot == mine:
            return boot == mine
        if not (boot.lstrip("-").isdigit() and mine.lstrip("-").isdigit()):
            return False
        return abs(int(boot) - int(mine)) < _SAME_BOOT_NS
