"""A way up or down against known shapes as a whole: for ways so slow or small that sway breaks them up.

Extrapolating speed to zero next to an end (:mod:`eccentra.stages.strokes`) is best while a way is much faster
than sway. A way of 10 degrees in 4 s is not: sway then stops it and turns it around. The way as a whole still
tells where it begins and ends. How the person sways is seen in the hold beside it: the lean is whitened with
the autocovariance of that sway (generalised least squares), so that what is usual for it counts little and
what is not counts much. Without a long enough hold, and where the way is calmer than the hold, sway is taken
to wander: its *steps* from one moment to the next are independent of each other. Begin, end and shape are
weighted by their likelihood on a grid.
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["Way", "fit_way", "quarters_of", "sway_of"]

# Sway above 4 Hz is averaged by steps of this length.
_STEP_S = 0.08
_GRID = 200
# Length of the way over the time between its quarters: 2 for constant speed, 2.8 for minimum-jerk.
_LENGTHS = np.geomspace(1.6, 4.2, 11)
_PLACES = np.linspace(-0.6, 0.6, 9)
_FINER = np.linspace(-0.75, 0.75, 5)
# The likelihood is summed over a grid that shrinks around the best until so many of its points count.
_SPREAD = np.linspace(-1.0, 1.0, 9)
# It begins this far to each side, as a share of the length; a shape less likely than this is left out.
_WIDE = 0.6
_POINTS = 9.0
_SHRINKS = 5
_NEVER = 1e-4
# Weight of the levels' difference against the steps: the levels sway themselves.
_LEVEL_WEIGHT = 0.01
# Sway that wanders below 2 Hz goes on for some steps; sway that was whitened hardly does.
_WANDERING = 0.3
_WHITENED = 0.25
# Steps are not measured better than this, deg.
_LEAST_STEP = 0.01
# Nor does a way sway less than this share of the variance in the hold, where it is found to sway as that.
_LEAST_SHARE = 0.4
# Sway is known from so many seconds; what is further apart is hardly alike.
_LEAST_SWAY_S = 4.0
_ALIKE_S = 3.0
# A way whose steps have less than this share of the variance they have in the hold is without that sway.
_CALM_SHARE = 0.12
# Share of the sway's variance, and size in deg, that is new at every step: nobody's sway can be foretold.
_NEW_SHARE = 0.002
_NEW_DEG = 0.03


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted way.

    Attributes
    ----------
    start_s, end_s
        Begin and end, weighted over the shapes by likelihood.
    start_error_s, end_error_s, length_error_s
        Standard errors of both and of the time between them: within shapes, and between shapes.
    residual
        Root mean square of what the best shape leaves of the speed, deg/s.
    """

    start_s: float
    end_s: float
    start_error_s: float
    end_error_s: float
    length_error_s: float
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
    """Where a shape fits best: residual sum of squares, place, length and size of the way."""

    rss: float
    middle: float
    length: float
    way: float


class _Ends(msgspec.Struct, frozen=True):
    """What one shape says: its weight; begin, end and length, and their variances."""

    weight: float
    means: tuple[float, ...]
    variances: tuple[float, ...]


class _Rows:
    """Whitened lean of a window, and how well a shape explains it.

    Without known sway one more row says that the way is about the levels' difference.
    """

    def __init__(self, t: Floats, x: Floats, change: float, sway: Floats | None) -> None:
        self.t, self._change = t, change
        self._whiten = None if sway is None else _whitener(len(t), sway)
        self._pull = _LEVEL_WEIGHT if sway is None else 0.0
        self._least = _LEAST_STEP**2 if sway is None else _LEAST_SHARE
        self._level: Floats | None = None
        if self._whiten is not None:
            level = self._whiten @ np.ones(len(t))
            self._level = level / math.sqrt(float(np.add.reduce(level * level)))
        self._y = self._white((x - x[0])[None])[0]

    def _white(self, x: Floats) -> Floats:
        """Whitened rows, without what a constant explains; ``x`` has shape (points, n)."""
        if self._whiten is None or self._level is None:
            return x[:, 1:] - x[:, :-1]
        y: Floats = x @ self._whiten.T
        return y - np.outer(y @ self._level, self._level)

    def _shares(self, shape: Floats, m: Floats, length: Floats) -> Floats:
        u = np.clip((self.t - m[:, None]) / length[:, None] + 0.5, 0.0, 1.0) * _GRID
        low = np.minimum(u.astype(np.int64), _GRID - 1)
        return np.asarray(shape[low] + (u - low) * (shape[low + 1] - shape[low]))

    def points(
        self, shape: Floats, middles: Floats, lengths: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Residual sum of squares, size of the way, middle and length of every pair of middle and length."""
        m, length = (v.ravel() for v in np.meshgrid(middles, lengths, indexing="ij"))
        s, y, change = self._white(self._shares(shape, m, length)), self._y, self._change
        c, q = np.add.reduce(s * s, 1), s @ y
        way = (q + self._pull * change) / (c + self._pull + 1e-12)
        off = way - change
        rss = float(np.add.reduce(y * y)) - 2.0 * way * q + way * way * c + self._pull * off * off
        return rss, way, m, length

    def best(self, shape: Floats, middles: Floats, lengths: Floats) -> _Best:
        """Best of all middles and lengths on a grid."""
        rss, way, m, length = self.points(shape, middles, lengths)
        k = int(np.argmin(rss))
        return _Best(float(rss[k]), float(m[k]), float(length[k]), float(way[k]))

    def noise(self, shape: Floats, best: _Best) -> float:
        """Variance of what is left of a row on the way itself; beside it sways otherwise."""
        s = self._white(self._shares(shape, np.array([best.middle]), np.array([best.length])))[0]
        left = self._y - best.way * s
        t = 0.5 * (self.t[1:] + self.t[:-1]) if len(left) < len(self.t) else self.t
        part = left[np.abs(t - best.middle) <= 0.5 * best.length + _STEP_S]
        return max(float(np.add.reduce(part * part)) / max(len(part) - 3, 1), self._least)


def sway_of(x: Floats, hz: float) -> Floats | None:
    """Autocovariance of sway at lags of a step, from rows of a hold; ``None`` when they are few.

    Parameters
    ----------
    x
        Lean in deg, float64, shape (n,).
    hz
        Rows per second.
    """
    x = x[:: max(round(_STEP_S * hz), 1)]
    n = len(x)
    if n * _STEP_S < _LEAST_SWAY_S:
        return None
    u = np.arange(n) - 0.5 * (n - 1)
    x = x - float(np.add.reduce(x)) / n
    x = x - u * (float(np.add.reduce(u * x)) / float(np.add.reduce(u * u)))
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(x, size)) ** 2
    return np.asarray(np.fft.irfft(power, size)[:n] / n)


def _whitener(n: int, sway: Floats) -> Floats:
    """Matrix that makes ``n`` steps of sway independent, from its autocovariance."""
    lags = np.arange(n)
    c = np.zeros(n)
    m = min(n, len(sway))
    c[:m] = sway[:m] * np.exp(-0.5 * (lags[:m] * _STEP_S / _ALIKE_S) ** 2)
    c[0] += _NEW_SHARE * c[0] + _NEW_DEG**2
    return np.asarray(np.linalg.inv(np.linalg.cholesky(c[np.abs(lags[:, None] - lags)])))


def fit_way(
    t: Floats, x: Floats, quarters: tuple[float, float], change: float, sway: Floats | None = None
) -> Way | None:
    """Fit one way in a window with rest on both sides; ``None`` when the window is too short.

    Parameters
    ----------
    t, x
        Time (s, even) and lean (deg), float64, shape (n,).
    quarters
        When about a quarter and three quarters of the way were covered, s.
    change
        Difference of the levels after and before, deg.
    sway
        Autocovariance of the sway beside it (:func:`sway_of`).
    """
    skip = max(round(_STEP_S / float(t[1] - t[0])), 1) if len(t) > 1 else 1
    t, x = t[::skip], x[::skip]
    if len(t) < 8:
        return None
    spread = max(quarters[1] - quarters[0], 0.05)
    middles = 0.5 * (quarters[0] + quarters[1]) + spread * _PLACES
    shapes = _shapes()
    for known in (None, sway):
        rows = _Rows(t, x, change, known)
        bests = [_one(shape, rows, middles, spread * _LENGTHS) for shape in shapes]
        k = min(range(len(shapes)), key=lambda k: bests[k].rss)
        noise = rows.noise(shapes[k], bests[k]) / (_WANDERING if known is None else _WHITENED)
        if sway is None or noise * _WANDERING < _CALM_SHARE * 2.0 * float(sway[0] - sway[1]):
            break
    ends = [
        _likely(shape, rows, one, bests[k].rss, noise, prior)
        for shape, one, prior in zip(shapes, bests, _PRIORS, strict=True)
    ]
    whole = math.fsum(one.weight for one in ends)
    means = [math.fsum(one.weight * one.means[k] for one in ends) / whole for k in range(3)]
    errors = [
        math.sqrt(
            math.fsum(one.weight * (one.variances[k] + (one.means[k] - means[k]) ** 2) for one in ends)
            / whole
        )
        for k in range(3)
    ]
    return Way(
        start_s=means[0],
        end_s=means[1],
        start_error_s=errors[0],
        end_error_s=errors[1],
        length_error_s=errors[2],
        residual=_residual(shapes[k], bests[k], t, x),
    )


def _one(shape: Floats, rows: _Rows, middles: Floats, lengths: Floats) -> _Best:
    """The best begin and end for one shape."""
    best = rows.best(shape, middles, lengths)
    dm, dl = float(middles[1] - middles[0]), float(lengths[1] / lengths[0])
    for _ in range(3):
        best = rows.best(shape, best.middle + dm * _FINER, best.length * dl**_FINER)
        dm, dl = 0.375 * dm, dl**0.375
    return best


def _likely(shape: Floats, rows: _Rows, best: _Best, least: float, noise: float, prior: float) -> _Ends:
    """Begin and end of one shape, weighted by likelihood over a grid that is shrunk until it fits."""
    place, span = best.middle, best.length
    dm, dl = _WIDE * best.length, _WIDE
    if prior * math.exp(-0.5 * min((best.rss - least) / noise, 200.0)) < _NEVER:
        return _Ends(0.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    for _ in range(_SHRINKS):
        rss, _way, m, length = rows.points(shape, place + dm * _SPREAD, span * np.exp(dl * _SPREAD))
        w = np.exp(-0.5 * np.minimum((rss - float(rss.min())) / noise, 200.0))
        whole = float(np.add.reduce(w))
        if whole * whole >= _POINTS * float(np.add.reduce(w * w)):
            break
        place, span = float(np.add.reduce(w * m)) / whole, float(np.add.reduce(w * length)) / whole
        dm, dl = 0.5 * dm, 0.5 * dl
    numbers = (m - 0.5 * length, m + 0.5 * length, length)
    means = tuple(float(np.add.reduce(w * v)) / whole for v in numbers)
    variances = tuple(
        float(np.add.reduce(w * (v - mean) ** 2)) / whole for v, mean in zip(numbers, means, strict=True)
    )
    # by how well it fits at its best: a shape that fits in many ways is no likelier for that
    return _Ends(prior * math.exp(-0.5 * min((best.rss - least) / noise, 200.0)), means, variances)


def _residual(shape: Floats, best: _Best, t: Floats, x: Floats) -> float:
    """Root mean square of what a shape leaves of the speed, deg/s."""
    u = np.clip((t - best.middle) / best.length + 0.5, 0.0, 1.0) * _GRID
    s = np.interp(u, np.arange(_GRID + 1), shape)
    left = np.diff(x - best.way * s)
    step = float(t[1] - t[0])
    return math.sqrt(float(np.add.reduce(left * left)) / len(left)) / step
