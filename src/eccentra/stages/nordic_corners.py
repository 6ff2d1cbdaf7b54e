"""Where things happen within a burst of strap force: corners, drops, the lowest point, how it came and went.

Plain measurements of a curve, each with one idea; what they mean is weighed in
:mod:`~eccentra.stages.nordic_burst`. Indices are rows of the burst, ``begin`` and ``last`` bound it.
"""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np

from eccentra.samples import Floats
from eccentra.stages.strokes import smooth

__all__ = [
    "corners",
    "last_drop",
    "lifted",
    "lowest",
    "pushes_off",
    "rate",
    "releases",
    "rise_s",
    "rises_to_the_end",
    "stay",
    "steepest",
    "suddenness",
]

# A hump that throws the body up comes so late, and so soon after the lowest force before it.
_HUMP_S, _BEFORE_HUMP_S = 0.8, 1.0
# Braking, a stop of half a second and starting anew; a body that starts down again is held by less for that.
_STOP_S, _HELD = 1.0, 0.96


def rise_s(t: Floats, net: Floats, peak: float, level: float) -> float:
    """Time that the force took from a tenth to four fifths of its peak, s.

    Who starts or hesitates with a jerk makes it jump by inertia on the way: then it falls by half and comes
    again, up to ``level``, the greatest force without inertia. It has risen when it comes for the last time.
    """
    top = int(np.argmax(net >= 0.8 * peak))
    below = np.flatnonzero(net[: top + 1] < 0.1 * peak)
    rose = float(t[top] - t[below[-1] if len(below) else 0])
    high, gone = net >= 0.8 * level, np.flatnonzero(net < 0.4 * level)
    first = int(np.argmax(high))
    begin = int(below[-1]) if len(below) else 0
    # the last time that it was gone before it was high for the last time
    last = int(np.flatnonzero(high)[-1]) if high.any() else first
    dips = gone[(gone > first) & (gone < last)]
    if not len(dips):
        return rose
    again = int(dips[-1]) + int(np.argmax(high[dips[-1] :]))
    start = np.flatnonzero(net[: first + 1] < 0.1 * level)
    return max(rose, float(t[again] - t[start[-1] if len(start) else begin]))


def lowest(net: Floats, begin: int, last: int, hz: float, k2: float, near: float) -> tuple[int, int, int]:
    """Lowest point of a lowering that is pulled back up, and the rows about it with nearly that lean.

    A body held by the straps all the way obeys ``lean'' = k² (lean - force / full)``, with rest at both ends:
    its lean is the force through the two-sided exponential of ``1 / k``, whatever ``full`` is. Who holds
    there, and for how long, is not seen: it is the middle of the rows within the share ``near`` of the
    greatest lean.
    """
    keep = math.exp(-math.sqrt(k2) / hz)
    force = np.maximum(net, 0.0)
    values = force.tolist()
    before = np.array(list(accumulate(values, lambda held, new: keep * held + new)))
    after = np.array(list(accumulate(reversed(values), lambda held, new: keep * held + new)))[::-1]
    lean: Floats = (before + after - force)[begin : last + 1]
    top = int(np.argmax(lean))
    away = np.flatnonzero(lean < near * float(lean[top]))
    k_top = int(away.searchsorted(top))
    first = int(away[k_top - 1]) + 1 if k_top else 0
    end = int(away[k_top]) if k_top < len(away) else len(lean)
    return begin + first, begin + (first + end - 1) // 2, begin + end - 1


def last_drop(net: Floats, begin: int, last: int, hz: float) -> int:
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


def corners(net: Floats, begin: int, last: int, peak_at: int, hz: float) -> list[int]:
    """Where control may have been lost: force falls from there, and need not be at its greatest.

    Who stops before takes force back first; who still pulls while falling takes it up again. Braking before a
    stop may take twice of what is lost later, from where force rises once more.
    """
    peak = float(net[peak_at])
    ahead = round(0.3 * hz)
    late = begin + int(np.flatnonzero(net[begin:] > 0.5 * peak)[-1])
    out = [_climb(net, begin, late, hz), peak_at]
    i = max(begin, last - round(1.6 * hz))
    while i <= last:
        here = float(net[i])
        if here > 0.25 * peak and float(net[i : i + ahead + 1].min()) < 0.85 * here:
            out.append(i + int(np.argmax(net[i : min(i + ahead, last) + 1])))
            i = out[-1] + ahead
        i += 1
    found: list[int] = []
    for i in out:
        while i < last and float(net[i + 1]) >= 0.97 * float(net[max(i - ahead, begin) : i + 1].max()):
            i += 1
        # what comes after a fall began is less, or it was no fall
        after = float(net[min(i + ahead, last) : last + 1].max())
        rises = rate(net, i, begin, hz)
        if rises < -0.1 or float(net[i]) < (0.5 if rises > 0.1 else 0.7) * peak:  # on the way back up
            continue
        if after < 0.9 * float(net[i]) and all(abs(i - j) * 20 > hz for j in found):
            found.append(i)
    return found or [peak_at]


def _climb(net: Floats, begin: int, i: int, hz: float) -> int:
    """Back from ``i`` to where force began to fall to there."""
    back = round(0.3 * hz)
    even = smooth(net[begin : i + 1], hz, 0.05)
    i -= begin
    while i > 0:
        first = max(i - back, 0)
        top = first + int(np.argmax(even[first : i + 1]))
        if float(even[top]) < 1.02 * float(even[i]):
            break
        i = top
    return begin + i


def releases(net: Floats, corner: int, end: int, peak: float, hz: float) -> list[tuple[int, float]]:
    """Where the straps may come loose after a corner, and the share of force lost there in 0.08 s.

    Control may be lost as suddenly as the hands catch, and the hands may push at once.
    """
    back = round(0.08 * hz)
    first = min(corner + round(0.12 * hz), end)
    last = min(end + back, len(net) - 1)
    before = np.maximum(net[np.maximum(np.arange(first, last + 1) - back, corner)], 0.12 * peak)
    losses = ((before - net[first : last + 1]) / before).tolist()
    out: list[tuple[int, float]] = []
    for i, loss in enumerate(losses):
        near = losses[max(i - back, 0) : i + back + 1]
        if loss == max(near) and (loss > 0.2 or loss == max(losses)):
            at = i
            while at > 0 and losses[at] > 0.5 * loss:
                at -= 1
            out.append((first + at, loss))
    return out


def rate(net: Floats, corner: int, begin: int, hz: float) -> float:
    """Relative rise of force just before it falls, 1/s."""
    a, b = max(begin, corner - round(0.3 * hz)), corner - round(0.1 * hz)
    if b - a < 3:
        return 0.0
    return float(net[b] - net[a]) / ((b - a) / hz) / max(float(net[b]), 1e-9)


def stay(net: Floats, corner: int, begin: int, peak: float) -> tuple[int, float]:
    """How many rows force was near its peak up to ``corner``, and as a share of the rise to there."""
    high = begin + int(np.argmax(net[begin:] >= 0.8 * peak))
    low = high
    while low > 0 and float(net[low]) > 0.25 * peak:
        low -= 1
    return corner - high, (corner - high) / max(high - low, 1)


def steepest(net: Floats, corner: int, end: int, hz: float) -> float:
    """Most force that goes within 0.08 s after a corner, N."""
    ahead = round(0.08 * hz)
    after = np.minimum(np.arange(corner, end + 1) + ahead, len(net) - 1)
    return float((net[corner : end + 1] - net[after]).max())


def suddenness(net: Floats, begin: int, last: int, peak: float) -> float:
    """How many times more quickly force went, from four fifths to a quarter of its peak, than it came."""
    high = np.flatnonzero(net[begin : last + 1] >= 0.8 * peak) + begin
    low = int(high[0])
    while low > 0 and float(net[low]) > 0.25 * peak:
        low -= 1
    return (int(high[0]) - low) / max(last - int(high[-1]), 1)


def lifted(net: Floats, begin: int, arrived: int, hz: float, k2: float) -> float:
    """Speed that a last hump of force gives the body, as a multiple of the mean speed of a way to the floor.

    Force above what holds the body, before the hump, slows it down: braking a stroke takes up to twice its
    mean speed. More than that can only throw the body up again. 0 without a dip before the hump.
    """
    late = max(arrived - round(_HUMP_S * hz), begin)
    top = late + int(np.argmax(net[late : arrived + 1]))
    first = max(top - round(_BEFORE_HUMP_S * hz), begin)
    dip = first + int(np.argmin(net[first : top + 1]))
    if dip <= first + 2:
        return 0.0
    level = max(float(net[dip]), 1e-9)
    over = np.maximum(net[dip : arrived + 1] - level, 0.0)
    mean = 0.5 * math.pi * hz / max(arrived - begin, 1)
    return float(np.add.reduce(over)) / level / hz * k2 / mean


def pushes_off(
    net: Floats, begin: int, last: int, hz: float, dip: tuple[float, float], more: tuple[float, float]
) -> bool:
    """Who comes back up after a stop brakes, holds and pushes off: two humps, what holds the body between.

    Who stops and goes on lowers himself by holding less than that before the second hump, and comes lower,
    where more is held.

    Parameters
    ----------
    dip
        Force between the humps, as shares of the lesser one.
    more
        Second hump, as shares of the first.
    """
    force = net[begin : last + 1]
    before = np.maximum.accumulate(force)
    after = np.maximum.accumulate(force[::-1])[::-1]
    share = force / np.maximum(np.minimum(before, after), 1e-9)
    at = int(np.argmin(np.where(force > 0.25 * float(before[-1]), share, 1.0)))
    again = float(after[at]) / float(before[at])
    if not (dip[0] < float(share[at]) < dip[1] and more[0] < again < more[1]):
        return False
    first, second = int(np.argmax(force[: at + 1])), at + int(np.argmax(force[at:]))
    return not _lets_go(force[first : second + 1], hz)


def _lets_go(between: Floats, hz: float) -> bool:
    """Whether somebody who holds still between two humps of force holds less before the second one."""
    if len(between) < _STOP_S * hz:
        return False
    even = smooth(between, hz, 0.05)
    late = even[len(even) // 2 :]
    return float(late.min()) < _HELD * float(np.median(even))


def rises_to_the_end(net: Floats, corner: int, begin: int, hz: float, least: float) -> bool:
    """Force was still rising when it fell.

    Stopping above the floor takes more force than going on, so a step up just before does not say so.
    """
    earlier = max(corner - round(0.5 * hz), 0)
    now, before = rate(net, corner, begin, hz), rate(net, earlier, begin, hz)
    # who is quick has come all the way in that time: no step up of somebody who was held already
    return now > least and (now <= 3.0 * max(before, least) or float(net[earlier]) < 0.5 * float(net[corner]))
