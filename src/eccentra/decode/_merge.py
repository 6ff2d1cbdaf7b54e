"""Acceleration and rotation of one sensor that come apart, each with times of the same clock: one stream.

A sample of acceleration is kept and gets the rotation at its own time, on the straight line between the
samples of rotation before and after it. It waits until the later one has come. Where rotation is missing
for more than two and a half periods, there is no partner: the acceleration is given up, and counted.
"""

from __future__ import annotations

from collections import deque

from eccentra.samples import NS_PER_S

__all__ = ["Merge", "Row"]

Row = tuple[float, ...]
# Longer than any pause between two packets of such sensors; bounds memory.
_LONGEST_WAIT_S = 3.0
_WIDEST_PERIODS = 2.5


class Merge:
    """State: samples that wait for their partners, at most three seconds of them.

    Parameters
    ----------
    rate_hz
        Nominal rate of both.
    """

    def __init__(self, rate_hz: float) -> None:
        self._acc: deque[tuple[int, Row]] = deque()
        self._gyr: deque[tuple[int, Row]] = deque()
        self._half_ns = int(NS_PER_S / rate_hz / 2)
        self._widest_ns = int(NS_PER_S / rate_hz * _WIDEST_PERIODS)
        self._most = max(8, int(rate_hz * _LONGEST_WAIT_S))

    def add(
        self, times: list[int], rows: list[Row], *, rotation: bool
    ) -> tuple[list[int], list[tuple[float, ...]], int]:
        """Samples of one kind, times in ns on the sensor's clock.

        Returns
        -------
        times, rows
            Whole samples that are complete now: acceleration, then rotation.
        lost
            How many samples of acceleration were given up.
        """
        mine = self._gyr if rotation else self._acc
        lost = 0
        if mine and times[0] <= mine[-1][0]:
            # the sensor's clock was set back: what waits belongs to another time
            lost += len(self._acc)
            self._acc.clear()
            self._gyr.clear()
        mine.extend(zip(times, rows, strict=True))
        t_out: list[int] = []
        x_out: list[tuple[float, ...]] = []
        while self._acc:
            t, acc = self._acc[0]
            gyr = self._rotation(t)
            if gyr is None:
                break
            self._acc.popleft()
            if gyr:
                t_out.append(t)
                x_out.append((*acc, *gyr))
            else:
                lost += 1
        while len(self._acc) > self._most:
            self._acc.popleft()
            lost += 1
        while len(self._gyr) > self._most:
            self._gyr.popleft()
        return t_out, x_out, lost

    def _rotation(self, t: int) -> Row | None:
        """Rotation at ``t``; empty when there is none, ``None`` when it may still come."""
        gyr = self._gyr
        while len(gyr) > 1 and gyr[1][0] <= t:
            gyr.popleft()
        if not gyr:
            return None
        before, x = gyr[0]
        if before >= t:
            return x if before - t <= self._half_ns else ()
        if len(gyr) < 2:
            return None
        after, y = gyr[1]
        if after - before > self._widest_ns:
            return ()
        share = (t - before) / (after - before)
        return tuple(a + share * (b - a) for a, b in zip(x, y, strict=True))
