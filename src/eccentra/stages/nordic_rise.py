"""When a descent began, from the force that rose with it: a model of the whole rise, fitted.

The body is one link over the knees, held by the straps. Its force is (``full`` is that at lean 90 degrees,
``k²`` the angular acceleration of a free fall from there)::

    force / full = sin(lean) + offset - lean'' / k²,  never below 0: a strap cannot push

The lean follows a stroke of one of two families: minimum jerk (Flash & Hogan 1985), or constant speed after a
short speeding up. ``offset`` is the lean that one kneels with. On top comes what the legs pulled before the
descent, which fades as the body takes over. Free are the start, the length, ``full`` within what is known of
it, and the offset. Force starts to rise *after* the start: a descent that speeds up needs less holding.

Each family is fitted to the rise alone (least squares, Gauss-Newton with damping). Which one it was shows in
the stretch before it: a constant speed steps in, a soft start does not. Starts are averaged by likelihood.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.strokes import smooth

__all__ = ["Rise", "RiseRule", "fit_rise"]

_STEP = 2  # every second row of 100 Hz is enough for a body
_DELTAS = (0.01, 0.01, 0.01, 0.003)
_MOST = (0.6, 0.4, 0.4, 0.03)


class RiseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the rise of force is fitted.

    Attributes
    ----------
    error_n, error_share
        Standard error of the model: this force, and this share of the force at the time.
    to_share
        Fitted is the rise up to this share of the force of a full lowering.
    foot_share
        Below this share of it, or where force still falls to the rise, the fit does not look.
    before_s
        So much before the rise tells the families apart.
    coherence_s
        Errors of the model last so long: so many rows tell as much as one.
    fade_s, fade_share
        Pull from before the descent fades in ``fade_s``; it is at most this share of a full lowering.
    stage_share, dip_share
        Who stops on the way down is held by at least this share of a full lowering, and force goes back by
        at least ``dip_share`` of it when he goes on.
    speeding_up_s
        Lengths of the speeding up to a constant speed that are tried.
    usual_s, usual_spread
        Usual length of a descent, and its spread (natural logarithm).
    offset_spread
        Spread of the lean one kneels with, rad.
    """

    error_n: float
    error_share: float
    to_share: float
    foot_share: float
    before_s: float
    before_most: float
    coherence_s: float
    fade_s: float
    fade_error: float
    fade_share: float
    stage_share: float
    dip_share: float
    speeding_up_s: tuple[float, ...]
    usual_s: float
    usual_spread: float
    offset_spread: float


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted rise.

    Attributes
    ----------
    start
        Of the descent, s.
    spread
        How far the families that fit disagree about it, s.
    misfit
        Root of the mean square of the residuals over their standard errors, best family.
    full
        Force of a full lowering that fits best, N.
    length
        Time that the whole descent would have taken, s.
    """

    start: float
    spread: float
    misfit: float
    full: float
    length: float


class _Window:
    """What is fitted: rows ``a..b`` of the rise, and rows from ``before`` on to tell the families apart.

    ``part``: share of the whole descent to which the rise belongs.
    """

    def __init__(
        self, t: Floats, y: Floats, before: int, a: int, b: int, rule: RiseRule, part: float
    ) -> None:
        self.rule, self.part = rule, part
        self.t, self.y = t, y
        self.before, self.a, self.b = before, a, b
        self.error = rule.error_n + rule.error_share * np.maximum(y, 0.0)


def fit_rise(
    t: Floats,
    net: Floats,
    begin: int,
    top: int,
    *,
    scale: float,
    full: tuple[float, float],
    depth: float,
    k2: float,
    rule: RiseRule,
) -> Rise | None:
    """Fit the rise of a burst.

    Parameters
    ----------
    t, net
        float64, shape (n,): evenly spaced s; N above the level before the burst.
    begin, top
        Index at which the burst was noticed, and index up to which the body was in control.
    scale
        Force whose share ``to_share`` bounds the rise, N.
    full
        Natural logarithm of the force of a full lowering, N, and its standard error.
    depth
        Lean that the descent went to or would have gone to, rad.
    k2
        Angular acceleration of the free fall, rad/s².

    Returns
    -------
    rise
        ``None`` when there are too few rows.
    """
    window = _window(
        t[::_STEP], net[::_STEP], begin // _STEP, top // _STEP, scale, math.exp(full[0]), k2, rule
    )
    if window is None:
        return None
    zero = float(window.t[window.a])
    depth = depth * window.part
    found: list[tuple[float, list[float]]] = []
    # the length is found from two sides: a descent that is too long looks even
    for ramp in (0.0, *rule.speeding_up_s):
        best: tuple[float, list[float]] | None = None
        starts = [found[-1][1]] if len(found) > 1 else _starts(zero, ramp, full[0], window)
        for start in starts:
            fit = _descend(window, start, ramp, full, depth, k2)
            if best is None or fit[0] < best[0]:
                best = fit
        if best is not None:
            found.append((_evidence(window, best[1], ramp, depth, k2), best[1]))
    least, best_p = min(found)
    coherent = max(rule.coherence_s / float(window.t[1] - window.t[0]), 1.0)
    shares = [math.exp(-0.5 * (cost - least) / coherent) for cost, _ in found]
    whole = math.fsum(shares)
    at = math.fsum(w * p[0] for w, (_, p) in zip(shares, found, strict=True)) / whole
    spread = math.sqrt(
        math.fsum(w * (p[0] - at) ** 2 for w, (_, p) in zip(shares, found, strict=True)) / whole
    )
    return Rise(
        start=at,
        spread=spread,
        misfit=math.sqrt(least / (window.b - window.before + 1)),
        full=math.exp(best_p[2]),
        length=math.exp(best_p[1]),
    )


def _starts(zero: float, ramp: float, log_full: float, w: _Window) -> list[list[float]]:
    """Parameters to start from: a quick and a slow descent that load the straps at the time ``zero``."""
    usual = w.part * w.rule.usual_s
    lengths = (0.6 * usual, 1.5 * usual)
    return [
        [zero - (0.18 * length if ramp == 0.0 else ramp), math.log(length), log_full, 0.0]
        for length in lengths
    ]


def _window(
    t: Floats, y: Floats, begin: int, top: int, scale: float, full: float, k2: float, rule: RiseRule
) -> _Window | None:
    """The first rise to ``to_share``, down to its foot; of a descent in stages, that of the first."""
    enough = min(rule.to_share * scale, 0.95 * float(y[begin : top + 1].max(initial=0.0)))
    b = min(top, begin + int(np.argmax(y[begin : top + 1] >= enough))) if top > begin else top
    a, part = _foot(y, b, scale, rule), 1.0
    for dip in (a if a > begin else None, _dip(y, begin, b, rule.dip_share * scale)):
        if dip is None or float(y[dip]) <= rule.foot_share * scale:
            continue
        # who stops on the way brakes before and lets go after; what held him there is free of both
        held = float(smooth(y, 1.0 / float(t[1] - t[0]), math.sqrt(2.0 / k2))[dip])
        stop = begin + int(np.argmax(y[begin : dip + 1] >= 0.85 * held))
        # smoothing takes from what comes after: legs that pull before the descent are no first stage of it
        least = rule.stage_share * max(full, scale)
        if min(held, float(y[begin : dip + 1].max())) > least and stop < dip:
            a, b, part = _foot(y, stop, scale, rule), stop, min(held / scale, 1.0)
            break
    a = min(a, b - 8)
    if a < 0:
        return None
    before = max(a - round(rule.before_s / float(t[1] - t[0])), 0)
    return _Window(t, y, before, a, b, rule, part)


def _dip(y: Floats, begin: int, b: int, least: float) -> int | None:
    """The lowest row after the force of a rise to ``b`` has gone back by more than ``least``."""
    rise = y[begin : b + 1]
    back = np.maximum.accumulate(rise) - rise
    dip = int(np.argmax(back)) if len(rise) else 0
    return begin + dip if len(rise) and float(back[dip]) > least else None


def _foot(y: Floats, b: int, scale: float, rule: RiseRule) -> int:
    """Where the rise to ``b`` began."""
    peak, a = float(y[b]), b
    while a > 8 and float(y[a]) > 0.5 * rule.to_share * scale:
        a -= 1
    while a > 8 and float(y[a]) > rule.foot_share * scale and float(y[a - 8]) < float(y[a]) - 0.004 * peak:
        a -= 1
    return a


def _force(p: list[float], t: Floats, ramp: float, depth: float, k2: float) -> Floats:
    """Force that holds the descent ``p`` = start, log of length, log of full force, offset."""
    x = np.maximum(t - p[0], 0.0)
    length = math.exp(p[1])
    if ramp == 0.0:
        s = np.minimum(x / length, 1.0)
        lean = depth * (s * s * s * (10.0 + s * (6.0 * s - 15.0)))
        bend = depth / (length * length) * (s * (60.0 + s * (120.0 * s - 180.0)))
    else:
        speed = depth / max(length - ramp, 0.2)
        lean = np.minimum(np.where(x < ramp, 0.5 * speed / ramp * x * x, speed * (x - 0.5 * ramp)), 1.6)
        bend = np.where((x < ramp) & (x > 0.0), speed / ramp, 0.0)
    held: Floats = math.exp(p[2]) * np.maximum(np.sin(lean) + p[3] - bend / k2, 0.0)
    return held


def _before(w: _Window, p: list[float]) -> float:
    """Pull at the start of the descent, N."""
    i = min(max((p[0] - float(w.t[0])) / float(w.t[1] - w.t[0]), 0.0), len(w.t) - 1.001)
    k = int(i)
    pull = float(w.y[k]) + (i - k) * float(w.y[k + 1] - w.y[k])
    return min(max(pull, 0.0), w.rule.fade_share * math.exp(p[2]))


def _residuals(w: _Window, p: list[float], a: int, ramp: float, depth: float, k2: float) -> Floats:
    t = w.t[a : w.b + 1]
    u = np.minimum(np.maximum((t - p[0]) / w.rule.fade_s, 0.0), 1.0)
    pull = _before(w, p) * (1.0 - u * u * u * (10.0 + u * (6.0 * u - 15.0)))
    error = w.error[a : w.b + 1] + w.rule.fade_error * pull
    out: Floats = (w.y[a : w.b + 1] - _force(p, t, ramp, depth, k2) - pull) / error
    return out


def _descend(
    w: _Window, p: list[float], ramp: float, full: tuple[float, float], depth: float, k2: float
) -> tuple[float, list[float]]:
    """Least squares from ``p`` on; gives the cost and the best parameters."""
    rule = w.rule
    usual = math.log(w.part * rule.usual_s)

    def measure(q: list[float]) -> tuple[Floats, list[float], float]:
        r = _residuals(w, q, w.a, ramp, depth, k2)
        prior = [
            (q[1] - usual) / rule.usual_spread,
            (q[2] - full[0]) / full[1],
            q[3] / rule.offset_spread,
        ]
        return r, prior, float(np.add.reduce(r * r)) + math.fsum(x * x for x in prior)

    r, prior, cost = measure(p)
    damping = 1e-2
    for _ in range(12):
        columns = []
        for k in range(4):
            q = list(p)
            q[k] += _DELTAS[k]
            columns.append((_residuals(w, q, w.a, ramp, depth, k2) - r) / _DELTAS[k])
        hessian = [[float(np.add.reduce(a * b)) for b in columns] for a in columns]
        slope = [float(np.add.reduce(a * r)) for a in columns]
        for k, width in ((1, rule.usual_spread), (2, full[1]), (3, rule.offset_spread)):
            hessian[k][k] += 1.0 / (width * width)
            slope[k] += prior[k - 1] / width
        better = False
        for _ in range(4):
            step = _solve(hessian, slope, damping)
            q = [x - min(max(d, -m), m) for x, d, m in zip(p, step, _MOST, strict=True)]
            q[0] = min(q[0], float(w.t[w.a]) + 0.1)
            q[1] = min(max(q[1], math.log(w.part)), math.log(14.0))
            new = measure(q)
            if new[2] < cost:
                better = True
                break
            damping *= 8.0
        if not better:
            break
        done = cost - new[2] < 1e-3 * cost
        p, (r, prior, cost), damping = q, new, max(damping / 5.0, 1e-4)
        if done:
            break
    return cost, p


def _solve(matrix: list[list[float]], right: list[float], damping: float) -> list[float]:
    """Solution of a small positive definite system, its diagonal raised by ``damping`` (Gauss)."""
    n = len(right)
    a = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(n):
        a[k][k] += damping * (a[k][k] + 1e-6)
    for k in range(n):
        for i in range(k + 1, n):
            share = a[i][k] / a[k][k]
            for j in range(k, n + 1):
                a[i][j] -= share * a[k][j]
    out = [0.0] * n
    for k in reversed(range(n)):
        out[k] = (a[k][n] - math.fsum(a[k][j] * out[j] for j in range(k + 1, n))) / a[k][k]
    return out


def _evidence(w: _Window, p: list[float], ramp: float, depth: float, k2: float) -> float:
    """Cost over the stretch before the rise, too; what came before the start is as far off as any."""
    r = _residuals(w, p, w.before, ramp, depth, k2)
    squares = r * r
    foot = w.a - w.before
    squares[:foot] = np.minimum(squares[:foot], w.rule.before_most)
    squares = np.where(w.t[w.before : w.b + 1] < p[0], 1.0, squares)
    return float(np.add.reduce(squares))
