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

__all__ = ["Looks", "OddRules", "looks", "oddness"]

# A repetition has no more shape than that.
_POINTS = 17


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
    """

    time: float
    size: float
    pause_s: float
    course: float
    most_pause: float
    most: float


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of a repetition: time in s, size along the axis, and course, shape (17,)."""

    lasts_s: float
    size: float
    course: Floats


def looks(t: Floats, x: Floats, start_s: float, end_s: float) -> Looks:
    """What is to be compared, from time in s and number along the axis around the repetition, shape (n,)."""
    course = np.interp(np.linspace(start_s, end_s, _POINTS), t, x)
    low, high = float(course.min()), float(course.max())
    size = max(high - low, 1e-9)
    return Looks(lasts_s=end_s - start_s, size=size, course=(course - low) / size)


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
