"""A way up or down against known shapes as a whole: for ways so slow or small that sway breaks them up.

Extrapolating speed to zero next to an end (:mod:`eccentra.stages.strokes`) is best while a way is much faster
than sway. A way of 10 degrees in 4 s is not: sway then stops it and turns it around. The way as a whole still
tells where it begins and ends. Sway wanders: its power falls with about the square of frequency, so that its
*steps* from one moment to the next are nearly independent of each other. Hence least squares on steps: a
shape of speed from begin to end, rest before and after. Begin, end and shape are searched on a grid.
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["Way", "fit_way", "quarters_of"]

# Sway above 4 Hz is averaged by steps of this length, and they are independent.
_STEP_S = 0.08
_GRID = 200
# Length of the way over the time between its quarters: 2 for constant speed, 2.8 for minimum-jerk.
_LENGTHS = np.geomspace(1.6, 4.2, 11)
_PLACES = np.linspace(-0.6, 0.6, 9)
_FINER = np.linspace(-0.75, 0.75, 5)
# Weight of the levels' difference against the steps: the levels sway themselves.
_LEVEL_WEIGHT = 0.01
# Sway below 2 Hz goes on for some steps.
_INDEPENDENT = 0.3
# Steps are not measured better than this, deg.
_LEAST_STEP = 0.01


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted way.

    Attributes
    ----------
    start_s, end_s
        Begin and end, weighted over the shapes by likelihood.
    spread_s
        How far the shapes disagree about the ends (standard deviation).
    error_s
        Standard error of an end from the steps that are not explained.
    residual
        Root mean square of what the best shape leaves of the speed, deg/s.
    """

    start_s: float
    end_s: float
    spread_s: float
    error_s: float
    residual: float


# Minimum-jerk and ramped strokes are what is usually found and taught (eccentra.stages.shapes), as often as
# each other; a half-cosine is neither, for what is between them: under sway it would pass for minimum-jerk.
_PRIORS = (0.15, 0.15, 0.15, 0.1, 0.45)


@lru_cache(maxsize=1)
def _shapes() -> tuple[Floats, ...]:
    """Share covered over ``u`` = 0..1: constant speed with ramps of three lengths, half-cosine, min-jerk."""
    u = np.linspace(0.0, 1.0, _GRID + 1)
    edge = np.minimum(u, 1.0 - u)
    speeds = (
        np.minimum(1.0, edge / 0.02),
        np.minimum(1.0, edge / 0.08),
        np.minimum(1.0, edge / 0.2),
        np.sin(np.pi * u),
        (u * (1.0 - u)) ** 2,
    )
    ways = [np.concatenate([[0.0], np.cumsum(0.5 * (v[1:] + v[:-1]))]) for v in speeds]
    return tuple(way / way[-1] for way in ways)


def quarters_of(t: Floats, x: Floats, before: float, after: float) -> tuple[float, float] | None:
    """When a quarter and three quarters of the way were covered, around the last passing of its middle."""
    share = (x - before) / (after - before) if after != before else np.zeros(0)
    low = (share < 0.5).nonzero()[0]
    if not len(low) or low[-1] + 1 >= len(share):
        return None
    middle = int(low[-1])
    first = (share[: middle + 1] < 0.25).nonzero()[0]
    last = (share[middle:] > 0.75).nonzero()[0]
    if not len(first) or not len(last):
        return None
    return float(t[int(first[-1])]), float(t[middle + int(last[0])])


class _Best(msgspec.Struct, frozen=True):
    rss: float
    middle: float
    length: float
    left: Floats


def _noise(t: Floats, best: _Best) -> float:
    """Variance of unexplained steps on the way itself; beside it sways otherwise."""
    beside = 0.5 * best.length + _STEP_S
    part = best.left[np.abs(0.5 * (t[1:] + t[:-1]) - best.middle) <= beside]
    return max(float(np.add.reduce(part * part)) / max(len(part) - 3, 1), _LEAST_STEP**2)


def fit_way(t: Floats, x: Floats, quarters: tuple[float, float], change: float) -> Way | None:
    """Fit one way in a window with rest on both sides; ``None`` when the window is too short.

    Parameters
    ----------
    t, x
        Time (s, even) and lean (deg), float64, shape (n,).
    quarters
        When about a quarter and three quarters of the way were covered, s.
    change
        Difference of the levels after and before, deg.
    """
    skip = max(round(_STEP_S / float(t[1] - t[0])), 1) if len(t) > 1 else 1
    t, x = t[::skip], x[::skip]
    if len(t) < 8:
        return None
    spread = max(quarters[1] - quarters[0], 0.05)
    middles = 0.5 * (quarters[0] + quarters[1]) + spread * _PLACES
    found = [_one(shape, t, x, change, middles, spread * _LENGTHS) for shape in _shapes()]
    best = min(found, key=lambda one: one.rss)
    n = len(t) - 1
    noise = _noise(t, best)
    weights = [
        prior * math.exp(-0.5 * _INDEPENDENT * min((one.rss - best.rss) / noise, 200.0))
        for prior, one in zip(_PRIORS, found, strict=True)
    ]
    whole = math.fsum(weights)
    ends = [(one.middle - 0.5 * one.length, one.middle + 0.5 * one.length) for one in found]
    start, end = (
        math.fsum(w * pair[k] for w, pair in zip(weights, ends, strict=True)) / whole for k in (0, 1)
    )
    off = math.fsum(
        w * ((pair[0] - start) ** 2 + (pair[1] - end) ** 2) for w, pair in zip(weights, ends, strict=True)
    )
    step = float(t[1] - t[0])
    residual = math.sqrt(best.rss / n) / step
    speed = abs(change) / max(end - start, step)
    # an end moves the mean speed by one part in n: its error is that of a step over the speed
    error = residual / speed * math.sqrt(step * max(end - start, step) / 4.0) if speed > 0.0 else math.inf
    return Way(
        start_s=start, end_s=end, spread_s=math.sqrt(0.5 * off / whole), error_s=error, residual=residual
    )


def _one(shape: Floats, t: Floats, x: Floats, change: float, middles: Floats, lengths: Floats) -> _Best:
    """The best begin and end for one shape."""
    best = _search(shape, t, x, change, middles, lengths)
    dm, dl = float(middles[1] - middles[0]), float(lengths[1] / lengths[0])
    for _ in range(3):
        best = _search(shape, t, x, change, best.middle + dm * _FINER, best.length * dl**_FINER)
        dm, dl = 0.375 * dm, dl**0.375
    return best


def _search(shape: Floats, t: Floats, x: Floats, change: float, middles: Floats, lengths: Floats) -> _Best:
    """Best of all middles and lengths on a grid."""
    m, length = (v.ravel() for v in np.meshgrid(middles, lengths, indexing="ij"))
    u = np.clip((t - m[:, None]) / length[:, None] + 0.5, 0.0, 1.0) * _GRID
    low = np.minimum(u.astype(np.int64), _GRID - 1)
    s = shape[low] + (u - low) * (shape[low + 1] - shape[low])
    ds, dx = s[:, 1:] - s[:, :-1], x[1:] - x[:-1]
    c, q = np.add.reduce(ds * ds, 1), np.add.reduce(ds * dx, 1)
    way = (q + _LEVEL_WEIGHT * change) / (c + _LEVEL_WEIGHT)
    off = way - change
    rss = float(np.add.reduce(dx * dx)) - 2.0 * way * q + way * way * c + _LEVEL_WEIGHT * off * off
    k = int(np.argmin(rss))
    return _Best(float(rss[k]), float(m[k]), float(length[k]), dx - way[k] * ds[k])
