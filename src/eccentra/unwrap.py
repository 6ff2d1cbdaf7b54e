"""Counters that wrap, as ones that do not."""

from __future__ import annotations

__all__ = ["Unwrapper"]


class Unwrapper:
    """A counter of ``bits`` bits that wraps, as one that does not.

    ``ticks`` counts from the first value seen. A counter that seems to have gone forward by almost its
    whole period may have been started again instead; only arrival times can tell, so that is for the
    caller to judge, with :attr:`period`.
    """

    __slots__ = ("_last", "mask", "period", "ticks")

    def __init__(self, bits: int) -> None:
        self.period = 1 << bits
        self.mask = self.period - 1
        self.ticks = 0
        self._last = 0

    def restart(self, raw: int) -> None:
        """``raw`` is the new zero."""
        self._last = raw
        self.ticks = 0

    def step(self, raw: int) -> int:
        """Ticks from the last value to ``raw``, 0 to ``period`` - 1, without moving."""
        return (raw - self._last) & self.mask

    def advance(self, raw: int, wraps: int = 0) -> int:
        """Move to ``raw``, with ``wraps`` whole periods unseen in between; gives ``ticks``."""
        self.ticks += ((raw - self._last) & self.mask) + wraps * self.period
        self._last = raw
        return self.ticks
