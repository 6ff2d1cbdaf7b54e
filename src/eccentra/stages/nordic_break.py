"""The break-point of a Nordic curl: where control is lost on the way down.

The body above the knees is a pendulum upside down. Without any holding torque its lean speeds up by
``k sin(lean)``, ``k = m g d / I`` (about 9 to 12 rad/s² for people; 20.5 / height in m for a rod-like body).
A lowering under control changes its speed far less than that, a fall gets a large part of it. So the search
is for a stretch before the greatest speed near the end where the acceleration is a good share of the free
fall's and still grows, and where enough of the energy of a free fall is found. How much faster than before
it gets says little: who lowers quickly has not much of a fall left. Then the onset, the moment at which the
holding torque starts to decay, is fitted: speed before it goes on as a straight line, and what a decaying
torque gives is added.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.strokes import smooth

__all__ = ["BreakRule", "find_break"]


class BreakRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a fall.

    Attributes
    ----------
    free_fall_rad_s2
        ``k`` above.
    least_share, most_share
        Share of the free fall's acceleration that is not control any more; more than the second is no fall
        either: legs or hips drive the body down.
    least_energy
        Share of the free fall's energy that must have become speed.
    shaking_deg_s, calm_s
        Trembling faster than this is smoothed away with this standard deviation first.
    late_share
        A fall speeds up ever more until something catches it, a stroke under control most in its first half:
        the greatest acceleration comes after this share of the speeding up.
    least_speed_deg_s
        Speed below which nothing is a fall.
    more_lean_deg
        Lean that must follow the break.
    reach_deg
        A fall is fastest at most so far above its end: there hands, floor or straight knees catch it. What
        slows down earlier is in control again.
    least_control_s, least_lean_deg
        Control before the break: without it, it is a fall from the start and has no break-point.
    free_ratio, free_deg_s
        Faster than the own controlled speed by this ratio, and than this: the fault of falling freely.
    """

    free_fall_rad_s2: float
    least_share: float
    most_share: float
    least_energy: float
    late_share: float
    shaking_deg_s: float
    calm_s: float
    least_speed_deg_s: float
    more_lean_deg: float
    reach_deg: float
    least_control_s: float
    least_lean_deg: float
    free_ratio: float
    free_deg_s: float


def find_break(t: Floats, lean: Floats, speed: Floats, rule: BreakRule, smear_s: float) -> float | None:
    """Time of the break in s within one descent, or ``None`` when it was controlled to its end.

    Parameters
    ----------
    t, lean, speed
        float64, shape (n,), from the start of the descent to its end: s, deg, deg/s.
    smear_s
        Standard deviation of the smoothing that the speed went through.
    """
    n = len(t)
    if n < 30:
        return None
    dt = float(t[1] - t[0])
    rate = 1.0 / dt
    calm = smooth(speed, rate, rule.calm_s)
    shake = np.abs(speed - calm)
    # most of the rows: a fall itself is smoothed away as well
    shaking = np.partition(shake, int(0.6 * n))[int(0.6 * n)] > rule.shaking_deg_s
    if shaking:
        speed, smear_s = calm, math.hypot(smear_s, rule.calm_s)
    peak = _fastest(lean, speed, rule.reach_deg)
    if speed[peak] < rule.least_speed_deg_s:
        return None
    acceleration = np.gradient(speed, dt)
    if not shaking:
        acceleration = smooth(acceleration, rate, 0.05)
    free = np.degrees(rule.free_fall_rad_s2) * np.sin(np.radians(np.clip(lean, 5.0, 90.0)))
    share = acceleration / free
    onset = _rough_onset(acceleration, share, speed, peak, rate, rule)
    if onset is None:
        return None
    if t[onset] - t[0] < rule.least_control_s or lean[onset] < rule.least_lean_deg:
        return None
    if lean[-1] - lean[onset] < rule.more_lean_deg or not _is_fall(lean, speed, onset, peak, rule):
        return None
    if int(acceleration[onset : peak + 1].argmax()) < rule.late_share * (peak - onset):
        return None
    return _fine_onset(t, speed, onset, peak, smear_s)


def _fastest(lean: Floats, speed: Floats, reach_deg: float) -> int:
    """Row of the greatest speed within reach of the end, after what slows down into it from above."""
    low, rows = float(lean[-1]) - reach_deg, speed.tolist()
    k = int(np.flatnonzero(lean < low)[-1]) + 1 if float(lean.min()) < low else 0
    while k + 1 < len(rows) and rows[k + 1] <= rows[k]:
        k += 1
    return k + int(speed[k:].argmax())


def _rough_onset(
    acceleration: Floats, share: Floats, speed: Floats, peak: int, rate: float, rule: BreakRule
) -> int | None:
    """Where the acceleration was least before the fall: the strokes of control have their own before that.

    ``None`` when it only grew from the start on: a quick stroke, not a lost one.
    """
    least = rule.least_share
    values, rise = share[: peak + 1].tolist(), acceleration[: peak + 1].tolist()
    fastest, top = float(speed[peak]), peak
    for i in range(peak, max(0, peak - int(0.9 * rate)) - 1, -1):
        if rise[i] > rise[top]:
            top = i
        elif (values[top] >= least and values[i] < 0.35 * least) or float(speed[i]) > fastest:
            break
    if not least <= values[top] <= rule.most_share:
        return None
    lowest = top
    for i in range(top, -1, -1):
        if values[i] < values[lowest]:
            lowest = i
        if values[lowest] < 0.35 * least or values[i] > values[lowest] + 0.15:
            break
    else:
        return None
    return lowest if values[lowest] < 0.6 * values[top] else None


def _is_fall(lean: Floats, speed: Floats, onset: int, peak: int, rule: BreakRule) -> bool:
    won = math.radians(float(speed[peak])) ** 2 - math.radians(max(float(speed[onset]), 0.0)) ** 2
    height = math.cos(math.radians(float(lean[onset]))) - math.cos(math.radians(float(lean[peak])))
    return won >= rule.least_energy * 2.0 * rule.free_fall_rad_s2 * height


def _fine_onset(t: Floats, speed: Floats, onset: int, peak: int, smear_s: float) -> float:
    """Onset from the fit of a line plus a torque's decay, over the last of control and most of the fall.

    Every onset on the grid and every course of the decay is tried: the best line is taken out of speed and
    course, which leaves one coefficient to find. What is published is the mean of all onsets, each weighed
    by the likelihood of what its fit leaves over; smoothed rows count as the fewer that are independent.
    """
    dt = float(t[1] - t[0])
    base = float(speed[onset])
    b = onset + 6
    # hands and floor end the fall before the greatest speed, as far as smoothing reaches
    while b < peak and speed[b] < base + 0.8 * (float(speed[peak]) - base):
        b += 1
    a = max(0, min(onset - round(0.2 / dt), b - round(0.3 / dt)))
    y = speed[a : b + 1]
    n = len(y)
    first, last = round(0.12 / dt), n - 1 - round(0.06 / dt)
    if last <= first:
        return float(t[onset])
    x = np.arange(n) - 0.5 * (n - 1)
    spread = math.fsum((x * x).tolist())
    y = y - math.fsum(y.tolist()) / n
    y = y - x * (math.fsum((x * y).tolist()) / spread)
    fitted = []
    for course in _decays(n + 20, dt, smear_s):
        # row k: the course that starts at sample first + k
        rows = np.stack([course[n + 20 - k : 2 * n + 20 - k] for k in range(first, last + 1)])
        rows = rows - (rows.sum(axis=1) / n)[:, None]
        rows = rows - x * ((rows * x).sum(axis=1) / spread)[:, None]
        along = (rows * y).sum(axis=1)
        fitted.append(np.where(along > 0.0, along * along / (rows * rows).sum(axis=1), 0.0))
    gain = np.stack(fitted)
    best = float(gain.max())
    if best <= 0.0:
        return float(t[onset])
    left = max(math.fsum((y * y).tolist()) - best, 1e-9 * best) / n
    independent = min(dt / (2.0 * math.sqrt(math.pi) * smear_s), 1.0)
    weight = np.exp(0.5 * independent * (gain - best) / left).sum(axis=0)
    mean = float((weight * np.arange(first, last + 1)).sum()) / float(weight.sum())
    return float(t[a]) + mean * dt


def _decays(half: int, dt: float, smear_s: float) -> list[Floats]:
    """Speed that a torque gives which starts to decay at row ``half``, smoothed like the speed was.

    Muscles let go evenly, softly or at once and then ever more slowly, within 0.1 to 0.6 s.
    """
    late = np.maximum(np.arange(-half, half) * dt, 0.0)
    out = []
    for seconds in (0.12, 0.2, 0.3, 0.42, 0.55):
        q = np.minimum(late / seconds, 1.0)
        out += [q, q**3 * (10.0 - 15.0 * q + 6.0 * q * q)]
    out += [1.0 - np.exp(-late / seconds) for seconds in (0.1, 0.2, 0.35)]
    return [smooth(np.cumsum(lost) * dt, 1.0 / dt, smear_s) for lost in out]
