"""Strokes: stretches of movement in one direction, and where they really begin and end.

A threshold on speed cuts a slow, soft stroke by 0.1 to over 1 s at each end. So strokes are found with a
threshold, and each end is then *extrapolated to zero velocity* from the moving part next to it
(:mod:`eccentra.stages.stroke_ends`), in long soft strokes from the whole (:mod:`eccentra.stages.shapes`).

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
from eccentra.stages.stroke_ends import zero_velocity

__all__ = ["Ends", "Stroke", "find_strokes", "join_strokes", "refine", "smooth"]


# Sway is slower than the second in which its size is seen before a stroke: it is larger in all.
_SWAY = 1.5
# How much of its way is looked at where a stroke fits no shape as a whole, most first.
_HEADS = (0.5, 0.3)
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
    heads
        Whether a stroke that fits no shape as a whole is looked at by its first and last part: for strokes
        that are controlled for a part of their way only.
    usual_sway
        Sway (angle) up to which the side that sways more is no other movement: who kneels upright sways, who
        lies on the floor afterwards does not.
    turn_s
        What goes the other way so soon beside an end, looked at close by, turns around without a rest: its
        speed crosses zero there, which says more than the shape of the whole.
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
    heads: bool = False
    usual_sway: float = 0.0
    turn_s: float = 0.0


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
        near = {"noise": how.noise, "smear_s": how.smear_s}
        stroke.start_s = zero_velocity(t, speed * sign, a, b, low, **near)
        stroke.end_s = -zero_velocity(mirrored, backward * sign, n - b, n - a, n - high, **near)
        close = stroke.start_s, stroke.end_s
        for _ in range(how.rounds):
            _refine_whole(stroke, t, angle, low, high, how)
        if how.turn_s > 0.0:
            before, after = np.interp((close[0] - how.turn_s, close[1] + how.turn_s), t, speed).tolist()
            if sign * before < -how.noise:
                stroke.start_s = close[0]
            if sign * after < -how.noise:
                stroke.end_s = close[1]
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
    error = max(how.error, _SWAY * _sway(sway_before, sway_after, how.usual_sway))
    if abs(after - before) < 4.0 * how.most_residual:
        return
    fit = fit_shape(t[a : b + 1], angle[a : b + 1], before, after, coherence_s=_COHERENCE_S, error=error)
    if fit is None or fit.residual > max(how.most_residual / abs(after - before), how.most_share):
        if not how.heads:
            return
        stroke.start_s = _head(stroke.start_s, t[a : b + 1], angle[a : b + 1], before, after, error, how)
        back = (-t[a : b + 1][::-1], angle[a : b + 1][::-1])
        stroke.end_s = -_head(-stroke.end_s, *back, after, before, error, how)
        return
    share = min(share, 1.0)
    start = stroke.start_s + share * (1.0 - fit.sharp_start) * (fit.start_s - stroke.start_s)
    end = stroke.end_s + share * (1.0 - fit.sharp_end) * (fit.end_s - stroke.end_s)
    latest = float(t[high]) + (how.beyond_s if high == len(t) - 1 else 0.0)
    stroke.start_s, stroke.end_s = max(start, float(t[low])), min(end, latest)


def _head(
    start_s: float, t: Floats, angle: Floats, before: float, after: float, error: float, how: Ends
) -> float:
    """Begin of a stroke without a known shape as a whole, by its first part; as given if this has none."""
    way = after - before
    covered = (angle - before) / way
    for head in _HEADS:
        upto = int((covered >= head).argmax())
        seconds = float(t[upto]) - start_s
        share = (seconds / head - how.near_s) / (how.whole_s - how.near_s)
        if share <= 0.0 or abs(head * way) < 4.0 * how.most_residual:
            return start_s
        part = t[: upto + 1], angle[: upto + 1]
        to = float(angle[upto])
        fit = fit_shape(*part, before, to, coherence_s=_COHERENCE_S, error=error, begin=True)
        if fit is not None and fit.residual <= how.most_residual / abs(head * way):
            begin = start_s + min(share, 1.0) * (1.0 - fit.sharp_start) * (fit.start_s - start_s)
            return max(begin, float(t[0]))
    return start_s


def _sway(before: float, after: float, usual: float) -> float:
    """Sway around a stroke: of both sides, unless another movement lies close by on one; 0 where unknown."""
    low, high = sorted((before, after))
    if low == 0.0:
        return high
    return math.sqrt(0.5 * (low * low + high * high)) if high < max(3.0 * low, usual) else low


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
