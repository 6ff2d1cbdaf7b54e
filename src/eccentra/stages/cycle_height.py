"""Height of a sensor that moves up and down, from its vertical acceleration, neither early nor late.

A sum of sums that forgets shifts the turning points, and one that does not forget runs away. Here the height
is what fits the acceleration a best and stays near zero as well: it minimises the integral of
(h'' - a)² + c⁴ h² (Tikhonov). The solution is a convolution with the Green's function of D⁴ + c⁴,
differentiated twice,

    g(s) = exp(-k |s|) (sin k |s| - cos k |s|) / (2 sqrt(2) c),  k = c / sqrt(2),

a double sum with a high-pass of fourth order at c rad/s without any delay: it needs to know as much of what
comes after as of what was before, some seconds.

What was not a lift must not leak in: where the sensor is tilted otherwise than in its lift, gravity is not
known well enough. So only the rows up to there, on both sides, are used.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from eccentra.samples import Floats

__all__ = ["STEP_NS", "HeightFollower", "heights"]

# Rows are every 50 ms.
STEP_NS = 50_000_000
_STEP_S = 0.05
# The kernel ends where it has fallen to one part in twenty.
_REACH = 3.0
# More rows than this missing in a row: what happened is not known.
_MISSING = 5

Flags = NDArray[np.bool_]


def kernel(cutoff: float) -> Floats:
    """The function above every 50 ms, shape (2 n + 1,), without response to what is constant."""
    k = cutoff / math.sqrt(2.0)
    n = round(_REACH / k / _STEP_S)
    s = np.abs(np.arange(-n, n + 1) * (_STEP_S * k))
    out: Floats = np.exp(-s) * (np.sin(s) - np.cos(s)) * (_STEP_S / (2.0 * math.sqrt(2.0) * cutoff))
    constant = float(out.mean())
    out -= constant
    return out


def heights(t: Floats, push: Floats, upright: Flags, cutoff: float) -> Floats:
    """Height in m, shape (n,).

    Parameters
    ----------
    t
        Time in s (n,), multiples of 50 ms; rows may be missing.
    push
        Vertical acceleration in m/s² (n,).
    upright
        Whether the sensor is tilted as in the lift (n,); elsewhere the height stays as it was.
    cutoff
        Of the high-pass, in rad/s.
    """
    at = np.rint((t - t[0]) / _STEP_S).astype(np.int64)
    taps = kernel(cutoff)
    reach = len(taps) // 2
    out = np.zeros(len(t))
    breaks = np.flatnonzero(~(upright[1:] & upright[:-1]) | (np.diff(at) > _MISSING + 1)) + 1
    value = 0.0
    for rows in np.split(np.arange(len(t)), breaks):
        if upright[rows[0]]:
            first = at[rows[0]]
            grid = np.zeros(at[rows[-1]] - first + 1 + 2 * reach)
            grid[at[rows] - first + reach] = push[rows]
            out[rows] = np.convolve(grid, taps, "valid")[at[rows] - first]
        else:
            out[rows] = value
        value = float(out[rows[-1]])
    return out


class HeightFollower:
    """State: the last rows, to give the height in the middle of them, row by row.

    Attributes
    ----------
    reach
        By so many steps of 50 ms is a height late.
    """

    def __init__(self, cutoff: float) -> None:
        self._taps = kernel(cutoff)
        self.reach = len(self._taps) // 2
        self._push = np.zeros(len(self._taps))
        self._known: Flags = np.zeros(len(self._taps), dtype=bool)
        self._value = 0.0
        self._lost = 0

    def next(self, push: float | None) -> float:
        """Height ``reach`` steps ago, in m.

        ``push`` in m/s² is ``None`` where there is no row, and NaN where the sensor is not upright.
        """
        self._push[:-1] = self._push[1:]
        self._known[:-1] = self._known[1:]
        self._lost = self._lost + 1 if push is None else 0
        self._push[-1] = 0.0 if push is None or push != push else push
        # a few missing rows are bridged
        self._known[-1] = push == push if push is not None else True
        if self._lost > _MISSING:
            self._known[-self._lost :] = False
        at = self.reach
        if not self._known[at]:
            return self._value
        used = self._push * self._taps
        if not self._known.all():
            unknown = np.flatnonzero(~self._known)
            split = int(np.searchsorted(unknown, at))
            if split:
                used[: unknown[split - 1]] = 0.0
            if split < len(unknown):
                used[unknown[split] :] = 0.0
        self._value = float(used.sum())
        return self._value
