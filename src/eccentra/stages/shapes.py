"""Whole strokes against known shapes: begin and end of a slow, soft stroke from all of its samples.

Near the end of a soft stroke there is hardly any movement, so that little sway hides it; the whole stroke
still says where its ends are if its shape is known. The shapes are those of the literature on human
movement: minimum-jerk (speed goes with ``(u (1 - u))²``, Flash & Hogan 1985), also with its peak earlier or
later; constant speed with ramps whose acceleration sets in at once or softly (half a cosine); and ends of
other softness, which may differ (speed goes with ``u^a (1 - u)^b``). For each shape, the times at which the
angle passes fixed shares of its way are a straight line in the shape's own time; the line's ends are the
stroke's ends. Shares next to the ends are used as far as they are clear of sway. Shapes are weighted by
likelihood: what the data cannot tell apart is averaged, so that neither hard nor soft ends are preferred. Of
a stroke that fits none (a fall after a controlled begin, a stop on the way) the begin alone is fitted, by the
same shapes cut off on their way. What does not fit either is left to
:func:`eccentra.stages.stroke_ends.zero_velocity`.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["ShapeFit", "fit_shape"]

# Shares of the way: next to an end, and between.
_TAIL = (0.004, 0.008, 0.015, 0.03, 0.05, 0.08, 0.12)
_SHARES = (*_TAIL, *(k / 20 for k in range(3, 18)), *(1.0 - k for k in reversed(_TAIL)))
# So many of those at each end may be left out, while they are nearer to it than so many standard errors.
_HIDDEN = 3
_CLEAR = 4.0
_POWERS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0)
# Softer ends than these are seldom: sway makes ordinary ends look like them more often than people do, so
# that they get a small weight, and count where sway leaves no other choice.
_SOFTER = (2.5, 3.0, 3.5)
_SOFTER_PRIOR = 0.002
_EVEN = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
_UNEVEN = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
_SKEWS = (-0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45)
_SHARP_RAMP = 0.15
# Where a stroke may be cut off, in shares of its time: on its way, not in its soft end.
_CUTS = (0.3, 0.4, 0.5, 0.6, 0.7)
_GRID = 2000


class ShapeFit(msgspec.Struct, frozen=True, kw_only=True):
    """Begin and end of a stroke in s, and the residual of the best shape as a share of the stroke.

    ``sharp_start`` and ``sharp_end`` are the probabilities that an end is a short ramp, which is better seen
    close by than from the whole stroke.
    """

    start_s: float
    end_s: float
    residual: float
    sharp_start: float
    sharp_end: float


class _Shape(msgspec.Struct, frozen=True):
    """Prior weight, speed over ``u`` = 0..1, and whether it starts and ends sharply."""

    prior: float
    speed: Floats
    sharp_start: bool = False
    sharp_end: bool = False


def _speeds(*, begins: bool = False) -> list[_Shape]:
    """Minimum-jerk, also skewed, ramps hard and soft, and ends of any power: each family with its weight.

    The first is what is usually found, the others are how people differ from it: slow to start and quick to
    stop, or the other way round, or at an even speed as they are taught. A skew bends time, ``w(u)``. For
    ``begins`` those that differ in how they end are left out.
    """
    u = np.linspace(0.0, 1.0, _GRID + 1)

    def ramps(a: float, b: float, prior: float, soft: bool) -> _Shape:
        speed = np.minimum(np.minimum(u / a, 1.0), (1.0 - u) / b)
        if soft:
            speed = 0.5 - 0.5 * np.cos(np.pi * speed)
        return _Shape(prior, speed, a <= _SHARP_RAMP, b <= _SHARP_RAMP)

    def skewed(k: float, prior: float) -> _Shape:
        w = u + k * u * (1.0 - u)
        return _Shape(prior, (w * (1.0 - w)) ** 2 * (1.0 + k * (1.0 - 2.0 * u)))

    even = [(a, a) for a in _EVEN]
    uneven = [(a, b) for a in _UNEVEN for b in _UNEVEN if a + b <= 1.0 and not (begins and a != b)]
    powers = [(a, b) for a in _POWERS for b in ((1.0, 2.0) if begins else _POWERS)]
    out = [skewed(0.0, 0.15)]
    out += [skewed(k, 0.19 / len(_SKEWS)) for k in _SKEWS]
    for soft in (False, True):
        out += [ramps(a, b, 0.08 / len(even), soft) for a, b in even]
        out += [ramps(a, b, 0.12 / len(uneven), soft) for a, b in uneven]
    softer = [] if begins else [(a, b) for a in _SOFTER for b in _SOFTER if max(a, b) > _POWERS[-1]]
    out += [_Shape(_SOFTER_PRIOR / len(softer), u**a * (1.0 - u) ** b) for a, b in softer]
    return out + [_Shape((0.26 - _SOFTER_PRIOR) / len(powers), u**a * (1.0 - u) ** b) for a, b in powers]


def _cut_speeds() -> list[_Shape]:
    """The shapes cut off on their way: time is that until the cut."""
    u = np.linspace(0.0, 1.0, _GRID + 1)
    out: list[_Shape] = []
    for shape in _speeds(begins=True):
        for cut in _CUTS:
            speed = np.interp(u * cut, u, shape.speed)
            # a short ramp is a longer one of what is left
            sharp = shape.sharp_start and float(speed[round(_SHARP_RAMP * _GRID)]) >= float(speed[-1])
            out.append(_Shape(shape.prior / len(_CUTS), speed, sharp, True))
    return out


class _Table(msgspec.Struct, frozen=True):
    """What is known of each shape.

    ``prior`` (shapes); ``sharp`` (2, shapes), whether start and end are short ramps; at shares of the way
    ``tau``, its time, and ``rate``, its relative speed (shapes, shares); for the line through times passed
    their weights ``w``, the weighted mean time ``middle`` (shapes, 1) and ``slope``, which times passed are
    multiplied by and summed to give the line's slope.
    """

    prior: Floats
    sharp: Floats
    tau: Floats
    rate: Floats
    w: Floats
    middle: Floats
    slope: Floats


@lru_cache(maxsize=8)
def _table(hidden: int, begins: bool) -> _Table:
    """The table without the first and last ``hidden`` shares, of whole strokes or of their begins."""
    priors, times, rates, sharp = [], [], [], []
    u = np.linspace(0.0, 1.0, _GRID + 1)
    for shape in _cut_speeds() if begins else _speeds():
        v = shape.speed
        way = np.concatenate([[0.0], np.cumsum(0.5 * (v[1:] + v[:-1]))])
        v, way = v * _GRID / way[-1], way / way[-1]
        tau = np.interp(_SHARES[hidden : len(_SHARES) - hidden], way, u)
        priors.append(shape.prior)
        sharp.append((shape.sharp_start, shape.sharp_end))
        times.append(tau)
        rates.append(np.interp(tau, u, v))
    tau, rate = np.stack(times), np.stack(rates)
    w = rate * rate
    w /= w.sum(axis=1)[:, None]
    middle = (w * tau).sum(axis=1)[:, None]
    dx = tau - middle
    # the slope needs no mean of what it is multiplied by, as w * dx sums to zero
    slope = w * dx / (w * dx * dx).sum(axis=1)[:, None]
    return _Table(np.array(priors), np.array(sharp, float).T, tau, rate, w, middle, slope)


def fit_shape(
    t: Floats,
    angle: Floats,
    start_level: float,
    end_level: float,
    *,
    coherence_s: float,
    error: float,
    begin: bool = False,
) -> ShapeFit | None:
    """Fit one stroke from ``start_level`` to ``end_level``, or the ``begin`` of one, up to that level.

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
    hidden = sum(share < _CLEAR * error / abs(way) for share in _TAIL[:_HIDDEN])
    passed = _pass_times(t, (angle - start_level) / way, _SHARES[hidden : len(_SHARES) - hidden])
    if passed is None:
        return None
    table = _table(hidden, begin)
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
        sharp_start=float((weights * table.sharp[0]).sum()),
        sharp_end=float((weights * table.sharp[1]).sum()),
    )


def _pass_times(t: Floats, share: Floats, shares: tuple[float, ...]) -> Floats | None:
    """Times at which the way covered passes these shares; ``None`` when it does not reach them.

    Sway goes to and fro on the way: the way is what was reached at last, and what was not left again, halved.
    """
    covered = 0.5 * (np.maximum.accumulate(share) + np.minimum.accumulate(share[::-1])[::-1])
    if covered[0] >= shares[0] or covered[-1] < shares[-1]:
        return None
    after = np.searchsorted(covered, shares, side="left")
    a, b = covered[after - 1], covered[after]
    inside = (np.asarray(shares) - a) / (b - a)
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
    off = y - start
    off -= length * table.tau
    off *= table.rate
    off /= length
    off *= off
    rms: Floats = np.sqrt(np.add.reduce(off, 1) / off.shape[1])
    begin: Floats = start[:, 0] + passed[0]
    return rms, begin, begin + length[:, 0]
