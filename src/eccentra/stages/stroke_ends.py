"""Ends of strokes from the moving part next to them: speed extrapolated to zero.

Two families of ends are tried, and the data choose (weights from the residuals):

- speed is a polynomial of time: ramps, half-cosines, impacts;
- the square root of speed is one: minimum-jerk and other soft ends, whose speed goes with the square of time.
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.samples import Floats

__all__ = ["zero_velocity"]


def zero_velocity(
    t: Floats, speed: Floats, first: int, last: int, limit: int, *, noise: float, smear_s: float
) -> float:
    """Time at which the stroke that is above threshold in ``first..last`` (speed positive) began.

    Parameters
    ----------
    t, speed
        s and unit/s, shape (n,).
    limit
        Index before which the stroke cannot have begun.
    noise, smear_s
        As in :class:`eccentra.stages.strokes.Ends`.
    """
    typical = float(np.sort(speed[first : last + 1])[(last + 1 - first) // 2])
    floor = max(noise, 0.04 * typical)
    begin = first
    while begin > limit and speed[begin - 1] > floor:
        begin -= 1
    while begin < last and speed[begin] <= floor:
        begin += 1
    crossing = _crossing(t, speed, begin, limit, floor)
    edge = _edge(t, speed, begin, last, typical, smear_s)
    if edge is not None:
        return max(edge if crossing is None else max(edge, crossing), float(t[max(limit, 0)]))
    top = _top(speed, begin, last, typical)
    guess = _extrapolate_corner(t, speed, begin, top, smear_s)
    at = float(t[begin]) if guess is None else min(guess, float(t[begin]) + 0.5 * smear_s)
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
