"""Whole strokes against known shapes: begin and end of a slow, soft stroke from all of its samples.

Near the end of a soft stroke there is hardly any movement, so that little sway hides it; the whole stroke
still says where its ends are if its shape is known. The shapes are those of the literature on human
movement: minimum-jerk (speed goes with ``(u (1 - u))²``, Flash & Hogan 1985), constant speed with ramps,
half-cosine, raised cosine and other powers of ``u (1 - u)``. For each shape, the times at which the angle
passes fixed shares of its way are a straight line in the shape's own time; the line's ends are the stroke's
ends. Shapes are weighted by likelihood; a stroke that fits none (a fall, a jerky descent) has no answer
here and is left to :func:`eccentra.stages.strokes.zero_velocity`.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["ShapeFit", "fit_shape"]

_SHARES = (0.03, 0.05, 0.08, 0.12, *(k / 20 for k in range(3, 18)), 0.88, 0.92, 0.95, 0.97)
_POWERS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.25, 2.5, 3.0)
_RAMPS = tuple(0.01 * 1.2**k for k in range(22))
_SHARP = slice(1, 1 + sum(a <= 0.15 for a in _RAMPS))
_GRID = 2000


class ShapeFit(msgspec.Struct, frozen=True, kw_only=True):
    """Begin and end of a stroke in s, and the residual of the best shape as a share of the stroke.

    ``sharp`` is the probability that it is a ramped stroke with short ramps, whose ends are better seen
    close by than from the whole stroke.
    """

    start_s: float
    end_s: float
    residual: float
    sharp: float


def _speeds() -> list[tuple[float, Floats]]:
    """Prior weight and speed over ``u`` = 0..1 of each shape: minimum-jerk, ramps from short to long, others.

    Minimum-jerk and ramped strokes are what is usually found and taught, hence nine tenths of the weight.
    """
    u = np.linspace(0.0, 1.0, _GRID + 1)
    bell = u * (1.0 - u)
    out = [(0.45, bell**2)]
    edge = np.minimum(u, 1.0 - u)
    out += [(0.45 / len(_RAMPS), np.minimum(1.0, edge / a)) for a in _RAMPS]
    others = [bell**p for p in _POWERS] + [np.sin(np.pi * u), np.sin(np.pi * u) ** 2]
    return out + [(0.1 / len(others), v) for v in others]


class _Table(msgspec.Struct, frozen=True):
    """What is known of each shape.

    ``prior`` (shapes); at the shares of its way ``tau``, its time, and ``rate``, its relative speed (shapes,
    shares); and for the line through times passed their weights ``w``, the weighted mean time ``middle``
    (shapes, 1) and ``slope``, which times passed are multiplied by and summed to give the line's slope.
    """

    prior: Floats
    tau: Floats
    rate: Floats
    w: Floats
    middle: Floats
    slope: Floats


@lru_cache(maxsize=1)
def _table() -> _Table:
    priors, times, rates = [], [], []
    u = np.linspace(0.0, 1.0, _GRID + 1)
    for prior, v in _speeds():
        way = np.concatenate([[0.0], np.cumsum(0.5 * (v[1:] + v[:-1]))])
        v, way = v * _GRID / way[-1], way / way[-1]
        tau = np.interp(_SHARES, way, u)
        priors.append(prior)
        times.append(tau)
        rates.append(np.interp(tau, u, v))
    tau, rate = np.stack(times), np.stack(rates)
    w = rate * rate
    w /= w.sum(axis=1)[:, None]
    middle = (w * tau).sum(axis=1)[:, None]
    dx = tau - middle
    # the slope needs no mean of what it is multiplied by, as w * dx sums to zero
    slope = w * dx / (w * dx * dx).sum(axis=1)[:, None]
    return _Table(np.array(priors), tau, rate, w, middle, slope)


def fit_shape(
    t: Floats, angle: Floats, start_level: float, end_level: float, *, coherence_s: float, error: float
) -> ShapeFit | None:
    """Fit one stroke from ``start_level`` to ``end_level``.

    Parameters
    ----------
    t, angle
        float64, shape (n,): the stroke with some rest around it, in s and any unit of angle.
    coherence_s
        Errors of the angle (sway) closer together than this are not independent.
    error
        Smallest standard error of the angle to believe in.
    """
    way = end_level - start_level
    passed = _pass_times(t, (angle - start_level) / way)
    if passed is None:
        return None
    table = _table()
    rms, starts, ends = _lines(table, passed)
    best = float(rms.min())
    scale = max(best, error / abs(way))
    # independent pieces of evidence in the stroke
    pieces = max(float(passed[-1] - passed[0]) / coherence_s, 4.0)
    weights = table.prior * np.exp(-0.5 * pieces * (rms * rms - best * best) / (scale * scale))
    weights = weights / weights.sum()
    return ShapeFit(
        start_s=float((weights * starts).sum()),
        end_s=float((weights * ends).sum()),
        residual=best,
        sharp=float(weights[_SHARP].sum()),
    )


def _pass_times(t: Floats, share: Floats) -> Floats | None:
    """Times at which the way covered passes the fixed shares; ``None`` when it does not reach them."""
    covered = np.maximum.accumulate(share)
    if covered[0] >= _SHARES[0] or covered[-1] < _SHARES[-1]:
        return None
    after = np.searchsorted(covered, _SHARES, side="left")
    a, b = covered[after - 1], covered[after]
    inside = (np.asarray(_SHARES) - a) / (b - a)
    times: Floats = t[after - 1] + inside * (t[after] - t[after - 1])
    return times


def _lines(table: _Table, passed: Floats) -> tuple[Floats, Floats, Floats]:
    """For each shape the line of pass times over its time: residual as share of the way, begin, end.

    A time is as sure as the angle is fast there, hence weights of speed squared.
    """
    # times counted from the first: sums lose no digits on the session's age
    y = passed - passed[0]
    mean = np.add.reduce(table.w * y, 1)[:, None]
    length = np.add.reduce(table.slope * y, 1)[:, None]
    start = mean - length * table.middle
    off = (y - start - length * table.tau) * table.rate
    off /= length
    off *= off
    rms: Floats = np.sqrt(np.add.reduce(off, 1) / off.shape[1])
    begin: Floats = start[:, 0] + passed[0]
    return rms, begin, begin + length[:, 0]
