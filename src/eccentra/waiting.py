"""How long the luckiest packet may have waited: what the host cannot see of a sensor's clock.

A packet waits on the sensor for the next connection event, up to one connection interval. The lower envelope
of :mod:`eccentra.clock` holds for packets that waited for nothing. Whether there were such packets shows in
the waits themselves: they are known up to the unknown shortest one, and lie on a circle of one connection
interval. Where packets come at all phases of it, the circle is full and the shortest wait is close to zero.
Where their period and the interval are commensurate, few phases are ever seen, and the shortest wait may be
as long as the widest gap between them.

The connection interval is a multiple of 1.25 ms (Bluetooth Core, vol. 6 part B 4.5.1), so it is found by
trying: arrivals lie on a grid of it. The longest one that fits is taken, never less than the truth.
"""

from __future__ import annotations

import numpy as np

from eccentra.samples import Floats

__all__ = ["Waits"]

_UNIT_NS = 1_250_000
# 7.5 ms is the shortest that is allowed, 50 ms the longest that hosts choose by themselves for a stream.
_INTERVALS_NS: Floats = _UNIT_NS * np.arange(6, 41, dtype=np.float64)
# Mean resultant length (Mardia and Jupp, Directional Statistics, 2.3): of arrivals on a grid, blurred by
# exponential delays with a mean of a tenth of it, 0.85; of 100 arrivals anywhere, 0.22 in one of 100 cases.
_ON_GRID = 0.7
# A grid this many times as wide as the deviation of normal delays would be found: exp(-2 pi² / w²) = 0.7.
_BLURRED = 7.4
# Share of packets that may come before the edge of the grid: it moves by 20 ppm against the host.
_EDGE = 0.02
# So many waits are remembered, newest last: 3 s of a sensor with a packet a sample, 12 s of one with eight.
_MOST = 256
_LEAST = 24


class Waits:
    """State: the last arrivals, and how late each was on the sensor's own clock; ns."""

    __slots__ = ("_arrivals", "_late")

    def __init__(self) -> None:
        self._arrivals: list[int] = []
        self._late: list[int] = []

    def add(self, arrival_ns: int, late_ns: int) -> None:
        """Take a packet; ``late_ns`` up to a constant."""
        self._arrivals.append(arrival_ns)
        self._late.append(late_ns)
        if len(self._arrivals) >= 2 * _MOST:
            del self._arrivals[:_MOST], self._late[:_MOST]

    def unseen_ns(self, slope: float) -> int | None:
        """Longest wait that the packets with the shortest one may have had; ``None`` while there are too few.

        Parameters
        ----------
        slope
            By how much lateness grows with time, by drift of the sensor's clock.
        """
        if len(self._arrivals) < _LEAST:
            return None
        at = np.array(self._arrivals[-_MOST:], dtype=np.int64)
        since = (at - at[-1]).astype(np.float64)
        late = np.array(self._late[-_MOST:], dtype=np.float64) - slope * since
        interval, event = _events(since, late)
        # what came after the event is the host's delay, which is no wait
        waits = late - (since - event)
        phases = np.sort((waits - waits.min()) % interval) if interval else waits - waits.min()
        gap = float(np.diff(np.append(phases, interval)).max())
        return int(gap + max(0.0, float(late.min() - waits.min())))


def _events(since: Floats, late: Floats) -> tuple[float, Floats]:
    """The longest connection interval on whose grid the arrivals lie, and the event of each of them.

    Where they lie on no grid, the host's delays blur it: then it is not longer than their deviation allows,
    which is at most that of the lateness; and each is taken to have come at an event.
    """
    turns = 2j * np.pi * since[None, :] / _INTERVALS_NS[:, None]
    means = np.exp(turns).mean(axis=1)
    fits = np.flatnonzero(np.abs(means) >= _ON_GRID)
    if not len(fits):
        return min(float(_INTERVALS_NS[-1]), _BLURRED * float(late.std())), since
    interval = float(_INTERVALS_NS[fits[-1]])
    middle = float(np.angle(means[fits[-1]])) / (2 * np.pi) * interval
    off = (since - middle + interval / 2) % interval
    delay = off - np.quantile(off, _EDGE)
    return interval, since - np.maximum(delay, 0.0)
