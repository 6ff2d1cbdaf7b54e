"""The line below all points that come one by one: how a device's clock runs against the host's.

Packets are late by waiting, never early, so the edge of the lower convex hull of (device time, lateness) is
where nothing waited; its slope is the drift between the clocks.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from eccentra.samples import NS_PER_S

__all__ = ["BIN_NS", "CRYSTAL_PPM", "LowerEnvelope"]

CRYSTAL_PPM = 200.0
BIN_NS = 4 * NS_PER_S
_BINS = 15
# Over a span of this length the noise of an envelope (a few ms) and the drift of an ordinary crystal weigh
# the same; a shorter span says little about the slope, so that it is drawn towards zero.
_TRUST_NS = 30.0 * NS_PER_S
# So many points say how far they lie above a line.
_MIN_BINS = 3


class LowerEnvelope:
    """The lower envelope of points (device time, lateness) that come one by one, both in ns.

    Of each bin of 4 s the lowest point is kept. Through the window of kept points goes the line that lies
    below all of them and as high as possible at their middle: the edge of their lower convex hull there. Its
    slope is drawn towards zero as long as the window is short.
    """

    __slots__ = ("_at", "_bins", "_max_slope", "_trust", "ends", "least", "level", "slope", "spread")

    def __init__(self, drift_ppm: float, arrival_ns: int) -> None:
        self.level = 0.0
        self.slope = 0.0
        self.spread: float | None = None
        self._max_slope = drift_ppm * 1e-6
        self._trust = _TRUST_NS * CRYSTAL_PPM / drift_ppm
        self._bins: deque[tuple[int, int]] = deque(maxlen=_BINS)
        self.least = 0
        self._at = 0
        self.ends = arrival_ns + BIN_NS

    def add(self, arrival_ns: int, device: int, lag: int) -> float:
        """Take a point; when it closes a bin, give by how much that bin's lowest point lay above the line.

        A point that is above the line, above ``least`` and before ``ends`` changes nothing and may be
        left out.
        """
        above = 0.0
        if arrival_ns >= self.ends:
            above = self.least - (self.level + self.slope * self._at)
            self._bins.append((self._at, self.least))
            self._fit(device)
            self._at, self.least = device, lag
            self.ends = arrival_ns + BIN_NS
        elif lag < self.least:
            self._at, self.least = device, lag
        under = lag - (self.level + self.slope * device)
        if under < 0.0:
            self.level += under
        return above

    def _fit(self, device: int) -> None:
        bins = self._bins
        while bins[0][0] < device - _BINS * BIN_NS and len(bins) > 1:
            bins.popleft()
        span = bins[-1][0] - bins[0][0]
        if span > 0:
            slope = _hull_slope(bins) * (span * span / (span * span + self._trust * self._trust))
            # steeper than any drift is not drift but a link that has become slower or quicker
            if abs(slope) <= self._max_slope:
                self.slope = slope
        heights = sorted(y - self.slope * x for x, y in bins)
        self.level = heights[0]
        if len(bins) >= _MIN_BINS:
            # the upper quartile: one bin full of held-up packets says nothing about the alignment
            self.spread = heights[3 * len(heights) // 4] - heights[0]


def _hull_slope(points: deque[tuple[int, int]]) -> float:
    """Slope of the edge of the lower convex hull above which the middle of the points lies."""
    hull: list[tuple[int, int]] = []
    for x, y in points:
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    middle = sum(x for x, _ in points) // len(points)
    for (x0, y0), (x1, y1) in pairwise(hull):
        if x1 >= middle:
            return (y1 - y0) / (x1 - x0)
    return 0.0
