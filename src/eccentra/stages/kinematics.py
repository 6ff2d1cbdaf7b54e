"""Pure numbers of one movement: tempo, variation of speed, smoothness.

They are given finished stretches of samples, evenly spaced, and know nothing about exercises.
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.samples import Floats

__all__ = ["dips", "first_above", "sparc", "tempo_adherence", "variation"]


def tempo_adherence(seconds: float, wanted_s: float) -> float:
    """``1 - |t - t*| / t*``, not below 0: 1 is as wanted, 0 twice as long or no time at all."""
    return max(0.0, 1.0 - abs(seconds - wanted_s) / wanted_s)


def variation(speed: Floats) -> float | None:
    """Standard deviation by mean; ``None`` for fewer than five samples or without movement.

    A minimum-jerk stroke has 0.65 as a whole and 0.2 between 20 and 80 % of its time; a constant speed has 0.
    """
    n = len(speed)
    if n < 5:
        return None
    mean = float(np.add.reduce(speed)) / n
    if mean <= 0.0:
        return None
    off = speed - mean
    return math.sqrt(float(np.add.reduce(off * off)) / n) / mean


def first_above(speed: Floats, limit: float) -> int | None:
    """Index of the first sample above ``limit``."""
    above = speed > limit
    k = int(above.argmax()) if len(speed) else 0
    return k if len(speed) and above[k] else None


def dips(speed: Floats, share: float) -> int:
    """How often a movement all but stopped on its way: below ``share`` of its mean speed and on again.

    It is on again above half the mean speed, so that trembling about the limit is one stop.
    """
    if not len(speed):
        return 0
    mean = float(np.add.reduce(speed)) / len(speed)
    moving, stopped, found = False, False, 0
    for v in speed.tolist():
        if v > 0.5 * mean:
            found += moving and stopped
            moving, stopped = True, False
        elif v < share * mean:
            stopped = True
    return found


def sparc(speed: Floats, rate_hz: float, *, cutoff_hz: float, least: float) -> float | None:
    """Smoothness of a movement as the length of its speed's spectrum (SPARC); nearer to 0 is smoother.

    Balasubramanian et al., J NeuroEng Rehabil 12:112, 2015. The magnitude spectrum of the speed is divided by
    its value at 0 Hz and cut where it stays below ``least``, at most at ``cutoff_hz``; the number is minus
    the length of what is left, with frequency scaled to 1. A minimum-jerk movement has -1.40 at any size and
    duration; stops and shaking make it more negative.

    Parameters
    ----------
    speed
        float64, shape (n,): speed of one movement from rest to rest, no smoothing below ``cutoff_hz``.
    """
    n = len(speed)
    if n < 10:
        return None
    size = 1 << (math.ceil(math.log2(n)) + 4)  # zeros behind it: a finely sampled spectrum
    most = min(int(cutoff_hz * size / rate_hz), size // 2)
    spectrum = np.abs(np.fft.rfft(np.abs(speed), size)[: most + 1])
    if spectrum[0] <= 0.0:
        return None
    spectrum /= spectrum[0]
    last = int(np.flatnonzero(spectrum >= least)[-1])
    if last < 1:
        return None
    steps = np.diff(spectrum[: last + 1])
    return -float(np.add.reduce(np.sqrt(steps * steps + 1.0 / (last * last))))
