"""Strokes: stretches of movement in one direction, and where they really begin and end.

A threshold on speed cuts a slow, soft stroke by 0.1 to over 1 s at each end. So strokes are found with a
threshold, and each end is then *extrapolated to zero velocity* from the moving part next to it. Two families
of ends are tried, and the data choose (weights from the residuals):

- speed is a polynomial of time: ramps, half-cosines, impacts;
- the square root of speed is one: minimum-jerk and other soft ends, whose speed goes with the square of time.

Everything here works on a finished stretch of samples; smoothing is therefore without delay.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.shapes import fit_shape

__all__ = ["Ends", "Stroke", "find_strokes", "join_strokes", "refine", "smooth", "zero_velocity"]


# Sway is slower than the second in which its size is seen before a stroke: it is larger in all.
_SWAY = 1.5
# Its values closer together than this are not independent: it goes up to 1 Hz.
_COHERENCE_S = 0.4


class Stroke(msgspec.Struct, kw_only=True):
    """Movement in one direction.

    Attributes
    ----------
    first, last
        Indices of its first and last sample above the threshold.
    sign
        +1 or -1.
    start_s, end_s
        Zero-velocity times, in the time of the samples.
    """

    first: int
    last: int
    sign: int
    start_s: float = math.nan
    end_s: float = math.nan


def smooth(x: Floats, rate_hz: float, sigma_s: float) -> Floats:
    """Gaussian smoothing without delay; ends are continued with their own value.

    A sum of shifted copies, so that the same samples always give the same bits.

    Parameters
    ----------
    x
        float64, shape (n,).
    rate_hz
        Sample rate.
    sigma_s
        Standard deviation of the kernel in s; the -3 dB frequency is ``0.1325 / sigma_s``.
    """
    sigma = sigma_s * rate_hz
    n = len(x)
    if sigma < 0.1 or n == 0:
        return x.copy()
    weights = _kernel(sigma)
    half = len(weights) - 1
    padded = np.empty(n + 2 * half)
    padded[:half], padded[half : half + n], padded[half + n :] = x[0], x, x[-1]
    # row k of each: the samples shifted by k, forward and backward, without copying them
    later: Floats = np.ndarray((half + 1, n), np.float64, padded, 8 * half, (8, 8))
    earlier: Floats = np.ndarray((half + 1, n), np.float64, padded, 8 * half, (-8, 8))
    pairs = later + earlier
    pairs *= weights
    out: Floats = np.add.reduce(pairs, 0)
    return out


@lru_cache(maxsize=32)
def _kernel(sigma: float) -> Floats:
    """Weights of the pairs of samples 0, 1, 2... away, shape (half + 1, 1); the pair 0 is a sample twice."""
    half = math.ceil(3.0 * sigma)
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(half + 1)]
    out = np.array(weights) / (weights[0] + 2.0 * math.fsum(weights[1:]))
    out[0] *= 0.5
    return out[:, None]


def find_strokes(angle: Floats, speed: Floats, *, threshold: float, least: float) -> list[Stroke]:
    """Runs of ``abs(speed) > threshold`` that turn the angle by ``least`` or more, in order.

    Parameters
    ----------
    angle, speed
        float64, shape (n,); the same unit of angle.
    """
    state = (speed > threshold).astype(np.int8) - (speed < -threshold)
    edges = [0, *((state[1:] != state[:-1]).nonzero()[0] + 1).tolist(), len(state)]
    out: list[Stroke] = []
    for a, b in pairwise(edges):
        sign = int(state[a]) if b > a else 0
        if sign:
            previous = out[-1] if out else None
            if previous is not None and previous.sign == sign and _steady(angle, previous.last, a, least):
                previous.last = b - 1
            else:
                out.append(Stroke(first=a, last=b - 1, sign=sign))
    return [s for s in out if abs(float(angle[s.last] - angle[s.first])) >= least]


def _steady(angle: Floats, a: int, b: int, least: float) -> bool:
    """A dip of less than 50 ms between two samples is noise of the threshold, not a stop."""
    return b - a <= 5 and abs(float(angle[b] - angle[a])) < least


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """How ends are found.

    Attributes
    ----------
    noise
        Speeds below this are not used: tremor and sway.
    smear_s
        Standard deviation of the smoothing that speed and angle went through.
    error
        Standard error of the angle, for :func:`~eccentra.stages.shapes.fit_shape`.
    most_residual
        A whole stroke whose best shape is further off than this (angle) has no known shape, unless
    most_share
        it is not further off than this share of its way: more is a stop or a fall, less is sway.
    near_s, whole_s
        Up to ``near_s`` of length only the neighbourhood of an end is looked at, from ``whole_s`` on only
        the whole of a soft stroke, in between both: long soft ends drown in sway, short ones do not.
    rounds
        How often the whole stroke is looked at: where it rests before is seen better once its begin is.
    beyond_s
        How far after the last sample a slow stroke may be said to end: its soft end has hardly any way.
    """

    noise: float
    smear_s: float
    error: float
    most_residual: float
    most_share: float = 0.02
    near_s: float = 2.0
    whole_s: float = 4.0
    rounds: int = 1
    beyond_s: float = 0.0


def refine(strokes: list[Stroke], t: Floats, angle: Floats, speed: Floats, how: Ends) -> None:
    """Set ``start_s`` and ``end_s`` of each stroke to its zero-velocity times.

    An end never passes the neighbour in the other direction; neighbours in the same direction that would
    overlap meet in the middle.
    """
    n = len(t) - 1
    mirrored, backward = -t[::-1], speed[::-1]
    for k, stroke in enumerate(strokes):
        low = strokes[k - 1].last if k else 0
        high = strokes[k + 1].first if k + 1 < len(strokes) else n
        sign, a, b = stroke.sign, stroke.first, stroke.last
        stroke.start_s = zero_velocity(t, speed * sign, a, b, low, how)
        stroke.end_s = -zero_velocity(mirrored, backward * sign, n - b, n - a, n - high, how)
        for _ in range(how.rounds):
            _refine_whole(stroke, t, angle, low, high, how)
    for one, two in pairwise(strokes):
        if one.end_s > two.start_s:
            one.end_s = two.start_s = 0.5 * (one.end_s + two.start_s)


def _refine_whole(stroke: Stroke, t: Floats, angle: Floats, low: int, high: int, how: Ends) -> None:
    """Improve the ends of a long soft stroke by its whole course."""
    length = stroke.end_s - stroke.start_s
    share = (length - how.near_s) / (how.whole_s - how.near_s)
    if share <= 0.0:
        return
    pad = 0.25 * length
    a = max(low, int(t.searchsorted(stroke.start_s - pad)))
    b = min(high, int(t.searchsorted(stroke.end_s + pad)))
    before, sway_before = _level(t, angle, a, stroke.start_s - 0.05 * length, stroke.first)
    after, sway_after = _level(
        -t[::-1], angle[::-1], len(t) - 1 - b, -stroke.end_s - 0.05 * length, len(t) - 1 - stroke.last
    )
    error = max(how.error, _SWAY * _sway(sway_before, sway_after))
    if abs(after - before) < 4.0 * how.most_residual:
        return
    fit = fit_shape(t[a : b + 1], angle[a : b + 1], before, after, coherence_s=_COHERENCE_S, error=error)
    if fit is None or fit.residual > max(how.most_residual / abs(after - before), how.most_share):
        return
    share = min(share, 1.0)
    start = stroke.start_s + share * (1.0 - fit.sharp_start) * (fit.start_s - stroke.start_s)
    end = stroke.end_s + share * (1.0 - fit.sharp_end) * (fit.end_s - stroke.end_s)
    latest = float(t[high]) + (how.beyond_s if high == len(t) - 1 else 0.0)
    stroke.start_s, stroke.end_s = max(start, float(t[low])), min(end, latest)


def _sway(before: float, after: float) -> float:
    """Sway around a stroke: of both sides, unless another movement lies close by on one; 0 where unknown."""
    low, high = sorted((before, after))
    if low == 0.0:
        return high
    return math.sqrt(0.5 * (low * low + high * high)) if high < 3.0 * low else low


def _level(t: Floats, angle: Floats, a: int, until_s: float, first: int) -> tuple[float, float]:
    """Mean and sway of the angle in the rest before a stroke (from index ``a`` to the time ``until_s``).

    At most 1.2 s of it. Without a rest it is the angle at which the stroke turned around, with no sway known.
    """
    b = int(t.searchsorted(until_s))
    a = max(a, int(t.searchsorted(until_s - 1.2)))
    if b - a < 5:
        a0 = min(a, first)
        part = angle[a0 : first + 1]
        far = float(angle[min(first + 5, len(angle) - 1)])
        return float(part[int(np.argmax(np.abs(part - far)))]), 0.0
    mean = float(np.add.reduce(angle[a:b])) / (b - a)
    off = angle[a:b] - mean
    return mean, math.sqrt(float(np.add.reduce(off * off)) / (b - a))


def zero_velocity(t: Floats, speed: Floats, first: int, last: int, limit: int, how: Ends) -> float:
    """Time at which the stroke that is above threshold in ``first..last`` (speed positive) began.

    Parameters
    ----------
    t, speed
        s and unit/s, shape (n,).
    limit
        Index before which the stroke cannot have begun.
    """
    typical = float(np.sort(speed[first : last + 1])[(last + 1 - first) // 2])
    floor = max(how.noise, 0.04 * typical)
    begin = first
    while begin > limit and speed[begin - 1] > floor:
        begin -= 1
    while begin < last and speed[begin] <= floor:
        begin += 1
    crossing = _crossing(t, speed, begin, limit, floor)
    edge = _edge(t, speed, begin, last, typical, how.smear_s)
    if edge is not None:
        return max(edge if crossing is None else max(edge, crossing), float(t[max(limit, 0)]))
    top = _top(speed, begin, last, typical)
    guess = _extrapolate_corner(t, speed, begin, top, how.smear_s)
    at = float(t[begin]) if guess is None else min(guess, float(t[begin]) + 0.5 * how.smear_s)
    if crossing is not None:
        at = max(at, crossing)
    return max(at, float(t[max(limit, 0)]))


def _edge(t: Floats, speed: Floats, begin: int, last: int, typical: float, smear_s: float) -> float | None:
    """Begin of a stroke that reaches its speed at once (or ends on the floor): smoothing hides its ramp.

    A step smoothed by a Gaussian passes half of its height where it was, with a slope of
    ``height / (2.5 smear_s)``; a ramp of length ``r`` seems as long as the root of the sum of squares.
    """
    dt = float(t[1] - t[0])
    end = min(begin + round(0.12 / dt), last)
    part = speed[begin : end + 1]
    height = float(part.max()) if len(part) > 2 else 0.0
    if height < 0.9 * typical:
        return None
    half = begin
    while speed[half] < 0.5 * height:
        half += 1
    if half == 0:
        return None
    low, high = float(speed[half - 1]), float(speed[half])
    middle = float(t[half]) - dt * (high - 0.5 * height) / max(high - low, 1e-9)
    slope = max((high - low) / dt, 1e-9)
    length = math.sqrt(max((height / slope) ** 2 - (2.5 * smear_s) ** 2, 0.0))
    return middle - 0.5 * length


def _extrapolate_corner(t: Floats, speed: Floats, begin: int, top: int, smear_s: float) -> float | None:
    """Extrapolated begin; the foot of a sharp ramp, which smoothing has rounded, is left out."""
    if top - begin < 3:
        return None
    slope = (max(float(speed[top]), 1e-9) - max(float(speed[begin]), 1e-9)) / float(t[top] - t[begin])
    while begin < top - 3 and speed[begin] < 1.5 * slope * smear_s:
        begin += 1
    at = float(t[begin])
    return at + _extrapolate(t[begin : top + 1] - at, np.maximum(speed[begin : top + 1], 1e-9))


def _crossing(t: Floats, speed: Floats, begin: int, limit: int, floor: float) -> float | None:
    """Zero crossing of the speed just before ``begin`` when it goes on to the other side (a turn-around)."""
    found: float | None = None
    for i in range(begin, max(limit, begin - 12, 1) - 1, -1):
        if found is None and speed[i - 1] <= 0.0 < speed[i]:
            share = -float(speed[i - 1]) / float(speed[i] - speed[i - 1])
            found = float(t[i - 1]) + share * float(t[i] - t[i - 1])
        if found is not None and speed[i - 1] < -2.0 * floor:
            return found
    return None


def _top(speed: Floats, begin: int, last: int, typical: float) -> int:
    """Last index of the rising part next to ``begin`` that is used: up to 0.6 of the speed it leads to."""
    local = min(begin + 25, last)
    # a fall's impact stops within 0.1 s from far above the stroke's typical speed
    peak = float(speed[begin : local + 1].max())
    goal = 0.6 * (typical if peak < 1.5 * typical else peak)
    reached = speed[begin:last] >= goal
    return begin + int(reached.argmax()) if reached.any() else max(begin, last)


def _extrapolate(times: Floats, values: Floats) -> float:
    """Weighted mean of the roots of the two families (see the module), relative to ``times[0]``."""
    n = len(times)
    powers = np.empty((5, n))
    powers[0], powers[1] = 1.0, times
    squares = np.multiply(times, times, out=powers[2])
    np.multiply(squares, times, out=powers[3])
    np.multiply(squares, squares, out=powers[4])
    weights = np.empty((3, 1, n))
    weights[0], weights[1] = 1.0, values
    np.multiply(values, np.sqrt(values), out=weights[2, 0])
    plain, by_value, by_both = np.add.reduce(powers * weights, 2).tolist()
    options: list[tuple[float, float]] = []
    # the square root's fit is weighted by the speed
    for sums, moments, rooted in ((plain, by_value, False), (by_value, by_both, True)):
        fit = _parabola(sums, moments)
        if fit is None:
            continue
        root = _root_before(fit, float(times[-1]))
        if root is None:
            continue
        course = np.maximum(fit[0] + times * (fit[1] + times * fit[2]), 0.0)
        off = (course * course if rooted else course) - values
        options.append((float(np.add.reduce(off * off)) / n + 1e-12, root))
    if not options:
        return 0.0
    best = min(rss for rss, _ in options)
    # likelihood of independent errors; samples are smoothed over about 6, so only n / 6 count
    shares = [(best / rss) ** (n / 12.0) for rss, _ in options]
    return math.fsum(w * root for w, (_, root) in zip(shares, options, strict=True)) / math.fsum(shares)


def _parabola(s: list[float], b: list[float]) -> tuple[float, float, float] | None:
    """Least-squares ``y = c0 + c1 x + c2 x²``; ``None`` when it is not determined.

    Parameters
    ----------
    s, b
        Weighted sums of ``x`` to the power 0 to 4, and of ``y`` times ``x`` to the power 0 to 2.
    """
    d = (
        s[0] * (s[2] * s[4] - s[3] * s[3])
        - s[1] * (s[1] * s[4] - s[3] * s[2])
        + s[2] * (s[1] * s[3] - s[2] * s[2])
    )
    if abs(d) < 1e-18:
        return None
    c0 = (
        b[0] * (s[2] * s[4] - s[3] * s[3])
        - s[1] * (b[1] * s[4] - s[3] * b[2])
        + s[2] * (b[1] * s[3] - s[2] * b[2])
    ) / d
    c1 = (
        s[0] * (b[1] * s[4] - s[3] * b[2])
        - b[0] * (s[1] * s[4] - s[3] * s[2])
        + s[2] * (s[1] * b[2] - b[1] * s[2])
    ) / d
    c2 = (
        s[0] * (s[2] * b[2] - b[1] * s[3])
        - s[1] * (s[1] * b[2] - b[1] * s[2])
        + b[0] * (s[1] * s[3] - s[2] * s[2])
    ) / d
    return c0, c1, c2


def _root_before(fit: tuple[float, float, float], end: float) -> float | None:
    """Where the parabola comes up from zero, the last such place before ``end``, or else its vertex."""
    c0, c1, c2 = fit
    if abs(c2) * end < 1e-6 * abs(c1):
        return -c0 / c1 if c1 > 0.0 else None
    square = c1 * c1 - 4.0 * c2 * c0
    if square < 0.0:
        return -c1 / (2.0 * c2) if c2 > 0.0 else None
    root = (-c1 + math.sqrt(square)) / (2.0 * c2)
    return root if root <= end else None


def join_strokes(strokes: list[Stroke], *, stop_s: float) -> list[Stroke]:
    """Neighbours in the same direction whose zero velocities are less than ``stop_s`` apart, as one."""
    out: list[Stroke] = []
    for stroke in strokes:
        if out and out[-1].sign == stroke.sign and stroke.start_s - out[-1].end_s < stop_s:
            out[-1] = Stroke(
                first=out[-1].first,
                last=stroke.last,
                sign=stroke.sign,
                start_s=out[-1].start_s,
                end_s=stroke.end_s,
            )
        else:
            out.append(stroke)
    return out
