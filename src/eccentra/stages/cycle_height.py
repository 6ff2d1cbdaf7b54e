"""Height of a sensor that moves up and down, from its vertical acceleration and from when it stood still.

A sum of sums runs away, and one that forgets rings: before and after the strokes of a short set it shows
others that never were, and of a slow lift it shows nothing. But between its strokes a load stands still, and
then its speed is known (zero velocity update). Standing still and moving steadily look alike, so what looks
so is only a candidate. The error of the summed up acceleration, a bent line in time, is what fits best that

- the speed is zero at the candidates, but for those far off the line (weights of Geman and McClure 1987,
  found by iteratively reweighted least squares from a wide scale to a narrow one),
- the load stays near one height, so that a chain of steady strokes is not taken for standing still,
- the line bends little: what a sensor shows at rest hardly changes.

The speed without that error, summed up, is the height. It tells how far the load went from one moment to
another nearby; minutes apart it means nothing.

Where the sensor is tilted otherwise than in its lift, gravity is not known well enough: it stays as it was.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from eccentra.samples import Floats

__all__ = ["STEP_NS", "HeightFollower", "heights"]

# Rows are every 50 ms.
STEP_NS = 50_000_000
_STEP_S = 0.05
# How long a follower waits for the load to stand still, over the time constant of its cutoff.
_REACH = 3.0 * math.sqrt(2.0)
# More rows than this missing in a row: what happened is not known.
_MISSING = 5
# Who stands still does so for 0.4 s, and is looked at every 0.1 s.
_STILL = 8
_EVERY = 2
_EVERY_S = _EVERY * _STEP_S
# m/s: tremor and sway of a held load, and noise summed up over that time.
_MOST = 0.05
# m/s: of the line; of candidates beside it, from a first guess to what sway and noise make.
_SLOW = 0.01
_SCALES = (0.3, 0.15, 0.08, 0.05, 0.05)
# m/s: candidates so near the line are taken for standing still; the ends of strokes are slow, too.
_HELD = 0.03
# m: a load goes so far up and down, standard deviation over a second.
_FAR = 0.4
# Rows between two knots of the line, 2.5 s: shorter than most pairs of strokes.
_KNOT = 50
_KNOT_S = _KNOT * _STEP_S
# m/s²: offset of an accelerometer, and by how much it changes in a second when the sensor tilts by some
# degrees; while the scale is wide, less, or the line follows slow strokes.
_OFFSET = 0.1
_BENDS = (0.002, 0.002, 0.004, 0.01, 0.01)
# A follower looks back for 20 s, anew each second.
_BACK = 400
_RENEW = 20

Flags = NDArray[np.bool_]


def speeds(push: Floats) -> Floats:
    """Speed in m/s, shape (n,), from vertical acceleration in m/s² every 50 ms, shape (n,)."""
    n = len(push)
    if n <= 2 * _STILL:
        return np.zeros(n)
    total: Floats = np.cumsum(push - np.median(push)) * _STEP_S
    view = np.lib.stride_tricks.sliding_window_view(total, _STILL)[::_EVERY]
    candidates = np.flatnonzero(view.max(axis=1) - view.min(axis=1) <= _MOST)
    seen: Floats = view[candidates].sum(axis=1) / _STILL
    begins = candidates * _EVERY
    middles: Floats = np.asarray(begins + 0.5 * (_STILL - 1), dtype=np.float64)
    line = _line(total, middles, seen)
    knots = np.arange(len(line)) * float(_KNOT)
    speed: Floats = total - np.interp(np.arange(n), knots, line)
    off = seen - np.interp(middles, knots, line)
    still = np.abs(off) <= _HELD
    if still.any():
        speed[(begins[still][:, None] + np.arange(_STILL)).ravel()] = 0.0
    return speed


def _line(total: Floats, middles: Floats, seen: Floats) -> Floats:
    """Error of the summed up acceleration at its knots, in m/s.

    Parameters
    ----------
    total
        Sum of the acceleration in m/s every 50 ms, shape (n,).
    middles, seen
        Rows in the middle of the candidates and the mean sum there, shape (candidates,).
    """
    sums, firm, bends = _frame(len(total))
    way = (np.cumsum(total) * _STEP_S)[::_EVERY]
    right = (sums * way[:, None]).sum(axis=0) * (_EVERY_S / (_FAR * _FAR))
    found = np.linalg.solve(firm + bends / (_BENDS[0] * _BENDS[0]), right)
    m = len(firm) - 1
    knot = (middles / _KNOT).astype(np.int64)
    after = middles / _KNOT - knot
    before = 1.0 - after
    at = np.arange(m - 1)
    for scale, bend in zip(_SCALES, _BENDS, strict=True):
        normal = firm + bends / (bend * bend)
        off = (seen - before * found[knot] - after * found[knot + 1]) / scale
        weights = (_EVERY_S / (_SLOW * _SLOW)) / (1.0 + off * off) ** 2
        sides = ((0, 0, before * before), (1, 1, after * after), (0, 1, before * after))
        now, pulled = normal.copy(), right.copy()
        for j, k, share in sides:
            part = np.bincount(knot, weights * share, m - 1)
            now[at + j, at + k] += part
            if j != k:
                now[at + k, at + j] += part
        pulled[:-2] += np.bincount(knot, weights * before * seen, m - 1)
        pulled[1:-1] += np.bincount(knot, weights * after * seen, m - 1)
        found = np.linalg.solve(now, pulled)
    return found[:m]


@lru_cache(maxsize=64)
def _frame(n: int) -> tuple[Floats, Floats, Floats]:
    """Ways in m per unknown, every 0.1 s, and the normal matrix of what is known without candidates.

    Unknown are the line at its knots in m/s, and the height at the begin in m.
    """
    m = math.ceil((n - 1) / _KNOT) + 1
    places = np.maximum(1.0 - np.abs(np.arange(n)[:, None] / _KNOT - np.arange(m)), 0.0)
    sums = np.concatenate([np.cumsum(places, axis=0) * _STEP_S, np.ones((n, 1))], axis=1)[::_EVERY]
    firm = np.einsum("ki,kj->ij", sums, sums) * (_EVERY_S / (_FAR * _FAR))
    slopes = np.diff(np.eye(m), 1, axis=0) / (_KNOT_S * _OFFSET * math.sqrt(m))
    firm[:m, :m] += np.einsum("ki,kj->ij", slopes, slopes)
    second = np.diff(np.eye(m), 2, axis=0) / (_KNOT_S * math.sqrt(_KNOT_S))
    bends = np.zeros((m + 1, m + 1))
    bends[:m, :m] = np.einsum("ki,kj->ij", second, second)
    return sums, firm, bends


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
        As of :class:`HeightFollower`; all rows are known here.
    """
    at = np.rint((t - t[0]) / _STEP_S).astype(np.int64)
    out = np.zeros(len(t))
    breaks = np.flatnonzero((upright[1:] != upright[:-1]) | (np.diff(at) > _MISSING + 1)) + 1
    value = 0.0
    for rows in np.split(np.arange(len(t)), breaks):
        if upright[rows[0]]:
            grid = np.interp(np.arange(at[rows[0]], at[rows[-1]] + 1), at[rows], push[rows])
            out[rows] = value + np.cumsum(speeds(grid) * _STEP_S)[at[rows] - at[rows[0]]]
        else:
            out[rows] = value
        value = float(out[rows[-1]])
    return out


class HeightFollower:
    """State: the last rows, to give the height some time ago, row by row.

    Attributes
    ----------
    reach
        By so many steps of 50 ms is a height late.
    """

    def __init__(self, cutoff: float) -> None:
        self.reach = round(_REACH / cutoff / _STEP_S)
        self._push: list[float] = [math.nan] * self.reach
        self._speeds: list[float] = []
        self._value = 0.0
        self._lost = 0

    def next(self, push: float | None) -> float:
        """Height ``reach`` steps ago, in m.

        ``push`` in m/s² is ``None`` where there is no row, and NaN where the sensor is not upright.
        """
        self._lost = self._lost + 1 if push is None else 0
        if push is None:
            # a few missing rows are bridged
            push = self._push[-1] if self._lost <= _MISSING else math.nan
        self._push.append(push)
        if not self._speeds:
            del self._push[:-_BACK]
            self._speeds = self._next_speeds()
        self._value += self._speeds.pop(0) * _STEP_S
        return self._value

    def _next_speeds(self) -> list[float]:
        """Speeds of the row ``reach`` steps ago and of those after it."""
        push = np.array(self._push)
        at = len(push) - 1 - self.reach
        unknown = np.isnan(push)
        out = np.zeros(len(push))
        edges = np.flatnonzero(unknown[1:] != unknown[:-1]) + 1
        for rows in np.split(np.arange(len(push)), edges):
            if not unknown[rows[0]] and rows[-1] >= at:
                out[rows] = speeds(push[rows])
        return [float(v) for v in out[at : at + _RENEW]]
