"""The break-point of a Nordic curl: where control is lost on the way down.

The body above the knees is a pendulum upside down. Without any holding torque its lean speeds up by
``k sin(lean)``, ``k = m g d / I`` (about 9 to 12 rad/s² for people; 20.5 / height in m for a rod-like body).
A lowering under control changes its speed far less than that, a fall gets a large part of it. So the search
is for a stretch before the greatest speed where the acceleration is a good share of the free fall's, and
where enough of the energy of a free fall is found; then its onset, the moment at which the holding torque
starts to decay, is fitted: speed before it goes on as a straight line, after it a power of time is added.
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
    least_share
        Share of the free fall's acceleration that is not control any more.
    least_energy
        Share of the free fall's energy that must have become speed.
    speed_ratio
        Times the median speed of the controlled part (20 to 60 % of its time) that must be passed, for
        ``hold_s`` (the rule ``bpa_rel``).
    least_speed_deg_s
        Speed below which nothing is a fall.
    more_lean_deg
        Lean that must follow the break.
    least_control_s, least_lean_deg
        Control before the break: without it, it is a fall from the start and has no break-point.
    free_ratio, free_deg_s
        Faster than the own controlled speed by this ratio, and than this: the fault of falling freely.
    """

    free_fall_rad_s2: float
    least_share: float
    least_energy: float
    speed_ratio: float
    hold_s: float
    least_speed_deg_s: float
    more_lean_deg: float
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
    peak = int(speed.argmax())
    if speed[peak] < rule.least_speed_deg_s:
        return None
    acceleration = smooth(np.gradient(speed, dt), rate, 0.05)
    free = np.degrees(rule.free_fall_rad_s2) * np.sin(np.radians(np.clip(lean, 5.0, 90.0)))
    share = acceleration / free
    onset = _rough_onset(acceleration, share, peak, rate, rule.least_share)
    if onset is None:
        return None
    if t[onset] - t[0] < rule.least_control_s or lean[onset] < rule.least_lean_deg:
        return None
    if lean[-1] - lean[onset] < rule.more_lean_deg or not _is_fall(lean, speed, onset, peak, rate, rule):
        return None
    return _fine_onset(t, speed, onset, peak, smear_s)


def _rough_onset(acceleration: Floats, share: Floats, peak: int, rate: float, least: float) -> int | None:
    """Where the acceleration was least before the fall: the strokes of control have their own before that.

    ``None`` when it only grew from the start on: a quick stroke, not a lost one.
    """
    first = max(0, peak - int(0.9 * rate))
    top = first + int(np.argmax(acceleration[first : peak + 1]))
    if share[top] < least:
        return None
    values = share[: top + 1].tolist()
    lowest = top
    for i in range(top, -1, -1):
        if values[i] < values[lowest]:
            lowest = i
        if values[lowest] < 0.35 * least or values[i] > values[lowest] + 0.15:
            break
    else:
        return None
    return lowest if values[lowest] < 0.6 * values[top] else None


def _is_fall(lean: Floats, speed: Floats, onset: int, peak: int, rate: float, rule: BreakRule) -> bool:
    a, b = int(0.2 * onset), max(int(0.6 * onset), int(0.2 * onset) + 1)
    typical = sorted(speed[a:b].tolist())[(b - a) // 2]
    limit = max(rule.speed_ratio * typical, 0.0)
    fast = int(np.count_nonzero(speed[onset:] > limit))
    if fast < rule.hold_s * rate:
        return False
    won = math.radians(float(speed[peak])) ** 2 - math.radians(max(float(speed[onset]), 0.0)) ** 2
    height = math.cos(math.radians(float(lean[onset]))) - math.cos(math.radians(float(lean[peak])))
    return won >= rule.least_energy * 2.0 * rule.free_fall_rad_s2 * height


def _fine_onset(t: Floats, speed: Floats, onset: int, peak: int, smear_s: float) -> float:
    """Onset from the fit of line plus power, over the last of control and the first of the fall.

    The powers are smoothed like the speed was, or the onset would be found too early. For every onset on
    the grid the best line is taken out of speed and power, which leaves one coefficient to find.
    """
    dt = float(t[1] - t[0])
    base = float(speed[onset])
    b = onset + 6
    while b < peak and speed[b] < base + 0.12 * (float(speed[peak]) - base):
        b += 1
    a = max(0, min(onset - round(0.3 / dt), b - round(0.6 / dt)))
    y = speed[a : b + 1]
    n = len(y)
    first, last = round(0.12 / dt), n - 1 - round(0.06 / dt)
    if last <= first:
        return float(t[onset])
    x = np.arange(n) - 0.5 * (n - 1)
    spread = math.fsum((x * x).tolist())
    y = y - math.fsum(y.tolist()) / n
    y = y - x * (math.fsum((x * y).tolist()) / spread)
    best: tuple[float, int] | None = None
    late = np.maximum(np.arange(-n - 20, n + 20) * dt, 0.0)
    for power in (1.0, 2.0, 3.0):
        ramp = smooth(late**power, 1.0 / dt, smear_s)
        # row k: the power that starts at sample first + k
        rows = np.stack([ramp[n + 20 - k : 2 * n + 20 - k] for k in range(first, last + 1)])
        rows = rows - (rows.sum(axis=1) / n)[:, None]
        rows = rows - x * ((rows * x).sum(axis=1) / spread)[:, None]
        along = (rows * y).sum(axis=1)
        gain = np.where(along > 0.0, along * along / (rows * rows).sum(axis=1), 0.0)
        k = int(np.argmax(gain))
        if best is None or gain[k] > best[0]:
            best = (float(gain[k]), first + k)
    return float(t[onset]) if best is None or best[0] <= 0.0 else float(t[a + best[1]])
