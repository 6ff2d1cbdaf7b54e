"""When a body went down and when it arrived, from the force of the ankle straps alone.

The body is one link over the knees. Held by the straps it obeys (``references``: torque of gravity minus
inertia)::

    force / full = sin(lean) - lean'' / k²

with ``full`` the force at lean 90 degrees and ``k²`` the angular acceleration of a free fall from there. So

- force starts to rise *after* the descent: as long as the body speeds up it needs less holding, and a strap
  cannot push. A descent at constant speed shows a step when it has reached its speed, a soft one a bent foot.
- control is lost where force falls while it was still rising; the rest of the way is integrated.
- at the floor force goes within some tenths of a second; when it goes as slowly as it came, the person pulls
  back up, and the lowest point is in the middle of the high part.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.strokes import smooth

__all__ = ["Reading", "read_burst"]

_FLOOR_RAD = math.radians(85.0)
_USUAL_BREAK = 0.7  # sine of the lean where most lose control, before any full lowering has been seen


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A burst of force read as a lowering; times in s.

    Attributes
    ----------
    start, end
        Of the lowering.
    peak
        Greatest force above the level before, N.
    held_s
        From the start until the force falls.
    rise_s
        From a tenth to four fifths of the peak.
    steady
        Force went as slowly as it came: the person pulled back up.
    broken
        Control was lost on the way.
    """

    start: float
    end: float
    peak: float
    held_s: float
    rise_s: float
    steady: bool
    broken: bool


def read_burst(
    t: Floats, net: Floats, begin: int, *, full: float | None, k2: float, release: float, break_rate: float
) -> Reading | None:
    """Read a burst.

    Parameters
    ----------
    t, net
        float124, shape (n,): evenly spaced s; N above the level before the burst.
    begin
        Index at which the burst was noticed.
    full
        Force of a full lowering of this person, N; ``None`` before any.
    k2
        Angular acceleration of the free fall, rad/s².
    release
        Hands take over faster than this share of the force per s.
    break_rate
        Force that rises by more than this share per s up to its fall was not at the floor.
    """
    hz = 1.0 / float(t[1] - t[0])
    peak_at = begin + int(np.argmax(net[begin:]))
    peak = float(net[peak_at])
    if peak <= 0.0 or peak_at <= begin:
        return None
    last = begin + int(np.flatnonzero(net[begin:] > 0.25 * peak)[-1])
    high = begin + int(np.flatnonzero(net[begin:] > 0.9 * peak)[-1])
    top = begin + int(np.flatnonzero(net[begin:] > 0.95 * peak)[-1])
    # at the turn upward force is flat, or steps up to stop; where control is lost it rises, then drops
    sharp = _rises_to_the_end(net, top, begin, hz, break_rate)
    sharp = sharp and float(net[min(top + round(0.25 * hz), len(net) - 1)]) < 0.85 * peak
    steady = last - high > 0.4 * hz and not sharp and _release(net, high, last, hz) < release
    broken = False
    if steady:
        held_s = end_s = float(t[_lowest(net, begin, last, peak, hz)])
    else:
        corner = _drop(net, begin, last, hz)
        level, held_s = float(net[corner]), float(t[corner])
        near_full = full is not None and level > 0.95 * full
        late = last - corner > 0.4 * hz
        broken = not near_full and (late or _rises_to_the_end(net, corner, begin, hz, break_rate))
        rate = _rate(net, corner, begin, hz)
        end_s = _fallen(t, net, corner, rate, full, k2) if broken else held_s
    whole = max(peak, full or 0.0, peak / _USUAL_BREAK if broken else 0.0)
    start = _start(t, net, begin, peak, whole, k2)
    return Reading(
        start=start,
        held_s=held_s - start,
        end=end_s,
        peak=peak,
        rise_s=_rise(t, net[begin:], peak),
        steady=steady,
        broken=broken,
    )


def _rise(t: Floats, net: Floats, peak: float) -> float:
    """Time that the force took from a tenth to four fifths of its peak, s."""
    top = int(np.argmax(net >= 0.8 * peak))
    below = np.flatnonzero(net[: top + 1] < 0.1 * peak)
    return float(t[top] - t[below[-1] if len(below) else 0])


# -- the end --------------------------------------------------------------------------------------------


def _release(net: Floats, high: int, last: int, hz: float) -> float:
    """Quickest fall of force, as a share per s of what it was 0.2 s before."""
    rate = smooth(np.gradient(net, 1.0 / hz), hz, 0.05)[high : last + 1]
    back = np.maximum(np.arange(high, last + 1) - round(0.2 * hz), 0)
    return -float((rate / np.maximum(net[back], 0.1 * float(net[high]))).min())


def _lowest(net: Floats, begin: int, last: int, peak: float, hz: float) -> int:
    """Lowest point of a lowering that is pulled back up: where a short unloading begins, or the middle."""
    above = np.flatnonzero(net[begin : last + 1] > 0.75 * peak) + begin
    holes = np.flatnonzero(np.diff(above) > 0.1 * hz)
    for hole in holes.tolist():
        a, b = int(above[hole]), int(above[hole + 1])
        if float(net[a:b].min()) < 0.5 * peak:
            return a
    # inertia, undone: variance of the two-sided exponential of 0.3 s that turns force into lean
    lean = smooth(net, hz, 0.45)
    return begin + int(np.argmax(lean[begin : last + 1]))


def _drop(net: Floats, begin: int, last: int, hz: float) -> int:
    """Index where force begins to fall for good, within the last 1.5 s of a burst."""
    ahead = round(0.3 * hz)
    first = max(begin, last - round(1.5 * hz))
    at = last
    for i in range(first, last + 1):
        if float(net[i : i + ahead + 1].min()) < 0.7 * float(net[i]) and net[i] > 0.25 * net[begin:].max():
            at = i
            break
    part = net[at : min(at + ahead, len(net) - 1) + 1]
    top = int(np.argmax(part))
    return at + int(np.flatnonzero(part >= 0.95 * float(part[top]))[-1])


def _rate(net: Floats, corner: int, begin: int, hz: float) -> float:
    """Relative rise of force just before it falls, 1/s."""
    a, b = max(begin, corner - round(0.3 * hz)), corner - round(0.1 * hz)
    if b - a < 3:
        return 0.0
    return float(net[b] - net[a]) / ((b - a) / hz) / max(float(net[b]), 1e-9)


def _rises_to_the_end(net: Floats, corner: int, begin: int, hz: float, least: float) -> bool:
    """Force was still rising when it fell.

    Stopping above the floor takes more force than going on, so a step up just before does not say so.
    """
    rate, before = _rate(net, corner, begin, hz), _rate(net, corner - round(0.5 * hz), begin, hz)
    return rate > least and rate <= 3.0 * max(before, least)


def _fallen(t: Floats, net: Floats, corner: int, rate: float, full: float | None, k2: float) -> float:
    """Time at which a body that lost control at ``corner`` reaches the floor."""
    level = float(net[corner])
    whole = max(full or 0.0, level / 0.97) if full else level / _USUAL_BREAK
    lean = math.asin(min(level / whole, 0.97))
    speed = min(max(rate, 0.0) * math.tan(lean), 1.5)
    dt = float(t[1] - t[0])
    i = corner
    while lean < _FLOOR_RAD and (i - corner) * dt < 1.2:
        held = max(float(net[i]) if i < len(net) else 0.0, 0.0) / whole
        speed = max(speed + dt * k2 * (math.sin(lean) - held), 0.0)
        lean += dt * speed
        i += 1
    return float(t[corner]) + (i - corner) * dt


# -- the start ------------------------------------------------------------------------------------------


def _start(t: Floats, net: Floats, begin: int, peak: float, whole: float, k2: float) -> float:
    """Time at which the descent began: of a descent at constant speed, or a soft one, by which fits."""
    scale = min(whole, peak / 0.45)
    net = net - _foot(t, net, begin, peak, scale)
    times = _crossings(t, net, begin, [q * scale for q in (0.4, 0.3, 0.2, 0.12, 0.06, 0.015)])
    if times is None:
        return float(t[begin])
    t40, t30, t20, t12, t6, t_on = times
    lean40, lean30, lean20, lean12 = (math.asin(q * scale / whole) for q in (0.4, 0.3, 0.2, 0.12))
    early, late = (t20 - t12) / (lean20 - lean12), (t40 - t20) / (lean40 - lean20)
    upper = (t40 - t30) / (lean40 - lean30) / max((t30 - t20) / (lean30 - lean20), 1e-6)
    # 1 at constant speed, 0.65 and 0.88 for a soft start; what goes on before the start spoils the first one
    soft = min((0.95 - late / max(early, 1e-6)) / 0.08, (0.99 - upper) / 0.05)
    soft = min(max(soft, 0.0), 1.0)
    # at constant speed: the line back to the level before; the step shows how long the speeding up took
    knee, level = _knee(t, net, t20, 0.2 * scale / max(t20 - t_on, t40 - t20))
    line = t20 - (lean20 - math.asin(min(max(level / whole, 0.0), 0.19))) * late
    on_line = knee - line <= 0.06
    even = line if on_line else knee - min(2.0 * (knee - line), 1.4 / math.sqrt(k2))
    at = (1.0 - soft) * even
    if soft:
        at += soft * _soft_start(t6, t30, 0.06 * scale / whole, 0.3 * scale / whole, k2)
    return at


def _foot(t: Floats, net: Floats, begin: int, peak: float, scale: float) -> float:
    """Level from which force rises to a lowering: not quite what it was before, when the pose has changed."""
    hz = 1.0 / float(t[1] - t[0])
    even = smooth(net, hz, 0.06)
    i = begin + int(np.argmax(net[begin:] >= 0.2 * scale))
    step = round(0.25 * hz)
    while i > step and float(even[i - step]) < float(even[i]) - 0.004 * peak:
        i -= 1
    return min(max(float(even[i]), -0.1 * peak), 0.12 * peak)


def _knee(t: Floats, net: Floats, before: float, slope: float) -> tuple[float, float]:
    """Where the rise that is on at the time ``before`` begins to be steep, and the force there."""
    dt = float(t[1] - t[0])
    step = round(0.15 / dt)
    i = int(np.searchsorted(t, before))
    while i > step and float(net[i] - net[i - step]) > 0.3 * slope * step * dt:
        i -= 1
    return float(t[i]), float(net[i])


def _crossings(t: Floats, net: Floats, begin: int, levels: list[float]) -> list[float] | None:
    """Times of the last crossings on the way up, from the highest level down."""
    over = np.flatnonzero(net[begin:] >= levels[0])
    if not len(over):
        return None
    i = begin + int(over[0])
    out: list[float] = []
    for level in levels:
        while i > 0 and net[i - 1] >= level:
            i -= 1
        if i == 0:
            return None
        low, top = float(net[i - 1]), float(net[i])
        share = (level - low) / max(top - low, 1e-9)
        out.append(float(t[i - 1]) + share * float(t[i] - t[i - 1]))
    return out


_S: Floats = np.arange(0.0, 401.0) / 400.0
_SIN_LEAN: Floats = np.sin(1.5 * _S * _S * _S * (10.0 - 15.0 * _S + 6.0 * _S * _S))
_BEND: Floats = 1.5 * _S * (60.0 - 180.0 * _S + 120.0 * _S * _S)


def _soft_start(t_low: float, t_high: float, low: float, high: float, k2: float) -> float:
    """Start of the minimum-jerk descent to the floor that passes two shares of full force at two times."""
    shortest, longest = 0.5, 30.0
    begin = t_low
    for _ in range(24):
        length = 0.5 * (shortest + longest)
        held = _SIN_LEAN - _BEND / (k2 * length * length)
        a, b = _passes(held, low), _passes(held, high)
        begin = t_low - a * length
        if (b - a) * length < t_high - t_low:
            shortest = length
        else:
            longest = length
    return begin


def _passes(held: Floats, share: float) -> float:
    """Share of its time at which a soft descent first needs ``share`` of the full force."""
    i = int(np.argmax(held >= share))
    if i == 0:
        return 1.0
    low, high = float(held[i - 1]), float(held[i])
    return float(_S[i - 1]) + (share - low) / (high - low) * float(_S[i] - _S[i - 1])
