"""Force of one side: its zero, and what it did over a phase.

A strap only pulls, so the lowest quiet level seen lately is the sensor's zero (an untared offset, or the
leg hanging in the strap when it was never slack). Peak is of the force smoothed to about 20 Hz without
delay; mean and impulse are of the force as it came.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from eccentra.events import Force
from eccentra.samples import NS_PER_S, Floats
from eccentra.stages.strokes import smooth

__all__ = ["PEAK_SIGMA_S", "Zero", "noise_left", "summary"]

# -3 dB at 20 Hz
PEAK_SIGMA_S = 0.1325 / 20.0
# The zero of a load cell moves by some hundredths of a percent of its range with a degree: 0.5 N in a minute
# of warming up. Legs that rest in their straps weigh more.
_DRIFT_N_S = 0.5 / 60.0
# A sensor that reads nothing was tared, by its own button if not by us.
_TARED_N = 0.5


def noise_left(rate_hz: float) -> float:
    """Share of white noise that is left in the force of which the peak is taken."""
    weights = smooth(np.eye(1, 41, 20)[0], rate_hz, PEAK_SIGMA_S).tolist()
    return math.sqrt(math.fsum(w * w for w in weights))


class Zero:
    """Follows the zero of one force sensor; fed on a fixed grid of time.

    The lowest quiet level is the zero, and stays it until a lower one comes or one that the sensor's own
    drift explains: a strap that is never slack between repetitions does not become a zero by waiting. When
    it was not seen for long, a level of nothing is one also when it is higher: then the sensor was tared by
    its own button.

    Parameters
    ----------
    window
        Number of values that make a quiet stretch.
    spread_n
        Greatest difference inside a quiet stretch.
    memory_ns
        A zero that was not seen for so long is not sure any more: sensors drift.
    """

    def __init__(self, window: int, spread_n: float, memory_ns: int) -> None:
        self.value: float | None = None
        self.noise = 0.0
        self.last: float | None = None
        self.at_ns = 0
        self._recent: deque[float] = deque(maxlen=window)
        self._spread = spread_n
        self._memory = memory_ns
        self._count = 0

    def push(self, t_ns: int, force_n: float, *, loaded: bool = False) -> None:
        """Take one value; NaN breaks a quiet stretch, and a hold under load is none."""
        recent = self._recent
        if loaded:
            recent.clear()
            self.last = None if force_n != force_n else force_n
            return
        if force_n != force_n:
            recent.clear()
            self.last = None
            return
        self.last = force_n
        recent.append(force_n)
        self._count += 1
        # every fourth value is enough, and cheaper
        if self._count & 3 or len(recent) < recent.maxlen:  # type: ignore[operator]
            return
        low, high = min(recent), max(recent)
        if high - low > self._spread:
            return
        level = math.fsum(recent) / len(recent)
        if self.value is not None:
            drifted = self.value + _DRIFT_N_S * (t_ns - self.at_ns) / NS_PER_S
            if level > drifted and (self.sure(t_ns) or abs(level) > _TARED_N):
                return
        self.value, self.at_ns = level, t_ns
        self.noise = math.sqrt(math.fsum((f - level) ** 2 for f in recent) / len(recent))

    def sure(self, t_ns: int) -> bool:
        """Whether it is known, and was seen lately."""
        return self.value is not None and t_ns - self.at_ns <= self._memory

    def shift(self, by_n: float) -> None:
        """The sensor was tared: from now on it reads ``by_n`` less, also without load."""
        self._recent.clear()
        if self.value is not None:
            self.value -= by_n


def summary(t: Floats, force: Floats, spans: list[tuple[float, float]], zero: float) -> Force | None:
    """Peak, mean and impulse over the stretches ``spans`` (s); ``None`` when part of it was not measured.

    Parameters
    ----------
    t, force
        float64, shape (n,): evenly spaced times in s; N, NaN where not measured.
    zero
        Level without load, N.
    """
    if len(t) < 2:
        return None
    dt = float(t[1] - t[0])
    net = force - zero
    smoothed = _smoothed(net, 1.0 / dt)
    peaks: list[float] = []
    values: list[float] = []
    for start, end in spans:
        a, b = int(np.searchsorted(t, start)), int(np.searchsorted(t, end, side="right"))
        if b > a:
            # between two samples force may rise a lot: where somebody turns around at once
            edges = [v for v in np.interp((start, end), t, smoothed).tolist() if v == v]
            peaks.append(max([float(smoothed[a:b].max()), *edges]))
            values += net[a:b].tolist()
    if not values or any(v != v for v in values):
        return None
    return Force(peak_n=max(peaks), mean_n=math.fsum(values) / len(values), impulse_ns=math.fsum(values) * dt)


def _smoothed(net: Floats, hz: float) -> Floats:
    """Force below 20 Hz; beside a hole only what was measured is averaged."""
    there = np.isfinite(net)
    if there.all():
        return smooth(net, hz, PEAK_SIGMA_S)
    weight = smooth(there.astype(np.float64), hz, PEAK_SIGMA_S)
    held = smooth(np.where(there, net, 0.0), hz, PEAK_SIGMA_S)
    return np.where(there, held / np.maximum(weight, 1e-9), np.nan)
