"""How odd a repetition is beside the others of its set.

Picking up a weight, putting it down and fidgeting often look like one more repetition before the first or
after the last: about as far, along about the same way. They take another time, another pause and another
course, mostly several of these at once, while a tired or careful repetition differs in one. So the squares
of the differences, each in units of how much it varies between repetitions of people, and of this person
in this set, are summed up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.cycle_rise import RiseRules, otherwise

__all__ = ["Looks", "OddRules", "creeps", "elsewhere", "looks", "oddness"]

# A repetition has no more shape than that.
_POINTS = 17
# Of fewer others it is not known how high they go.
_FEWEST = 2


class OddRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much repetitions of one set differ, as standard deviations.

    Attributes
    ----------
    time, size
        Of the logarithms of their times and sizes.
    pause_s
        Of the pauses between them; shorter ones than usual are not odd.
    course
        Of the number along the axis over the time, r.m.s. of shares of the stroke.
    most_pause
        A pause says at most that many standard deviations: after any rest people go on.
    most
        Sum of squares from which a repetition is odd.
    creep
        The last lift before failure takes up to so many times as long as usual.
    rise
        How much the heights of the sensor differ.
    """

    time: float
    size: float
    pause_s: float
    course: float
    most_pause: float
    most: float
    creep: float
    rise: RiseRules


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of a repetition: time in s, size along the axis, and course, shape (17,).

    ``strokes`` are the same of the stroke away and of that back: time and course, from 0 to 1. ``rise`` is
    how high the sensor was, see :func:`eccentra.stages.cycle_rise.rise`; ``None`` when that is not known.
    """

    lasts_s: float
    size: float
    course: Floats
    strokes: tuple[tuple[float, Floats], ...] = ()
    rise: Floats | None = None


def looks(
    t: Floats, x: Floats, start_s: float, end_s: float, strokes_s: Sequence[tuple[float, float]] = ()
) -> Looks:
    """What is to be compared, from time in s and number along the axis around the repetition, shape (n,).

    ``strokes_s`` are begin and end of its strokes.
    """
    course = np.interp(np.linspace(start_s, end_s, _POINTS), t, x)
    low, high = float(course.min()), float(course.max())
    size = max(high - low, 1e-9)
    strokes: list[tuple[float, Floats]] = []
    for begin_s, finish_s in strokes_s:
        way = np.interp(np.linspace(begin_s, finish_s, _POINTS), t, x)
        strokes.append((finish_s - begin_s, (way - low) / size))
    return Looks(lasts_s=end_s - start_s, size=size, course=(course - low) / size, strokes=tuple(strokes))


def creeps(one: Looks, others: Sequence[Looks], pause_s: float, rules: OddRules) -> bool:
    """Whether ``one`` is like ``others`` but for one stroke that is slower, as the last lift before failure.

    Who is tired lifts slower and slower, up to two or three times the usual time, while the way, the pause
    before it and the lowering stay as they were. Putting a weight down differs in more than that.

    Parameters
    ----------
    pause_s
        As of :func:`oddness`.
    """
    usual_size = _middle([math.log(other.size) for other in others])
    off = _rise_off(one, others, rules)
    # who went as high as always at each place of the way may be given more room in the rest
    room = 1.0 if off is None or off > 0.5 * rules.rise.most else 2.0
    too_far = off is not None and off > rules.rise.most
    if too_far or pause_s > room * rules.pause_s or abs(math.log(one.size) - usual_size) > room * rules.size:
        return False
    slower = 0
    for k, (lasts_s, course) in enumerate(one.strokes):
        same = [other.strokes[k] for other in others if len(other.strokes) > k]
        if not same or lasts_s <= 0.0:
            return False
        ratio = lasts_s / _middle([then_s for then_s, _ in same])
        creeping = math.log(ratio) > 2.0 * rules.time
        slower += creeping
        if abs(math.log(ratio)) > (math.log(rules.creep) if creeping else 2.0 * rules.time):
            return False
        middle = np.median(np.stack([way for _, way in same]), axis=0)
        if _rms(course - middle) > rules.course * (2.0 if creeping else room):
            return False
    return slower == 1


def elsewhere(one: Looks, others: Sequence[Looks], rules: OddRules) -> bool:
    """Whether the sensor went up and down otherwise in ``one``: the weight was picked up or put down."""
    off = _rise_off(one, others, rules)
    return off is not None and off > rules.rise.most


def _rise_off(one: Looks, others: Sequence[Looks], rules: OddRules) -> float | None:
    """By how many standard deviations the heights differ; ``None`` when they are not known."""
    rises = [other.rise for other in others if other.rise is not None]
    if one.rise is None or len(rises) < _FEWEST:
        return None
    return otherwise(one.rise, rises, one.lasts_s, rules.rise)


def oddness(one: Looks, others: Sequence[Looks], pause_s: float, rules: OddRules) -> float:
    """Sum of squares of how ``one`` differs from the middle of ``others``.

    Parameters
    ----------
    pause_s
        By how much the pause that parts it from them is longer than usual.
    """
    lasts = [math.log(other.lasts_s) for other in others]
    sizes = [math.log(other.size) for other in others]
    middle = np.median(np.stack([other.course for other in others]), axis=0)
    spread = _middle([_rms(other.course - middle) for other in others])
    parts = (
        _off(math.log(one.lasts_s), lasts, rules.time),
        _off(math.log(one.size), sizes, rules.size),
        min(max(pause_s / rules.pause_s, 0.0), rules.most_pause),
        _rms(one.course - middle) / math.hypot(rules.course, _SD * spread),
    )
    return sum(part * part for part in parts)


# Standard deviation of a normal distribution in units of its median absolute deviation.
_SD = 1.4826


def _off(value: float, others: Sequence[float], usual_sd: float) -> float:
    middle = _middle(others)
    return (value - middle) / math.hypot(usual_sd, _SD * _middle([abs(other - middle) for other in others]))


def _rms(x: Floats) -> float:
    return math.sqrt(float((x * x).mean()))


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
