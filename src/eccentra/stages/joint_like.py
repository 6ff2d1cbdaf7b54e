"""Whether movements are a person's repetitions of one exercise, or of everyday life.

Before the first repetition people pick up a weight, after the last one they sit down: alone such a movement
may look like a repetition of the exercise, beside the person's own repetitions it does not. These vary little
in time and range, so what stands apart from them by a pause and differs from them by far more than they
differ among each other is something else.

Bending down, sitting down and lifting a leg look like quick repetitions, and a few of them follow each other
now and then. But each is done for another purpose: few quick movements are a set when they are uniform.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from eccentra.stages.joint import CountRule
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_reading import Item, Reading

__all__ = ["are_a_set", "strangeness", "without_strangers"]


# One in so many movements may be unlike the others: it was interrupted.
_ODD_ONE_IN = 4


def are_a_set(fulls: Sequence[Item], partials: Sequence[Item], rule: CountRule) -> bool:
    """Whether repetitions are more than everyday movements by chance: slow, or uniform.

    The stay at the far end says nothing: people rest there now and then.
    """
    moving = sorted(item.measured.moving_s for item in fulls)
    if not moving or moving[(len(moving) - 1) // 2] > 2.0 * rule.everyday_stroke_s:
        return bool(moving)
    fitting = [item for item in partials if strangeness(item, fulls, rule, full=False) <= 1.0]
    if len(fulls) + len(fitting) < rule.quick_reps:
        return False
    own = [item.measured for item in fulls]
    parts = (
        _variation([math.log(item.size) for item in fulls]) / rule.uniform_size,
        _variation([math.log(_times(m)[0]) for m in own]) / rule.uniform_time,
        _variation([math.log(_times(m)[1]) for m in own]) / rule.uniform_time,
        _variation([m.first_rom / m.rom for m in own]) / rule.uniform_share,
    )
    return math.fsum(part * part for part in parts) < 1.0


def _variation(values: Sequence[float]) -> float:
    """Standard deviation about the median, without those furthest from it where there are many."""
    order = sorted(values)
    middle = order[len(order) // 2] if len(order) % 2 else 0.5 * math.fsum(order[len(order) // 2 - 1 :][:2])
    off = sorted((one - middle) ** 2 for one in order)
    if len(off) > _ODD_ONE_IN:
        off = off[: len(off) - len(off) // _ODD_ONE_IN]
    return math.sqrt(math.fsum(off) / max(len(off) - 1, 1))


def without_strangers(reading: Reading, members: list[Item], rule: CountRule) -> list[Item]:
    """Members without those at the ends that stand apart and are unlike all others."""
    out = members
    while True:
        first = _block(out, rule.apart_s)
        last = _block(out[::-1], rule.apart_s)
        if _are_strange(reading, out[:first], out[first:], rule):
            out = out[first:]
        elif _are_strange(reading, out[len(out) - last :], out[: len(out) - last], rule):
            out = out[: len(out) - last]
        else:
            return out


def _block(members: Sequence[Item], apart_s: float) -> int:
    """How many movements at the beginning follow each other without a pause."""
    for k in range(1, len(members)):
        a, b = members[k - 1], members[k]
        pause_us = max(a.start_us, b.start_us) - min(a.end_us, b.end_us)
        if pause_us >= apart_s * 1e6:
            return k
    return len(members)


def _are_strange(reading: Reading, some: list[Item], others: list[Item], rule: CountRule) -> bool:
    fulls = [item for item in others if reading.is_full(item)]
    if not some or len(fulls) < max(2, len(some) + 1):
        return False
    # a pause alone makes nothing strange: people rest within a set; quick movements are asked for more
    slow = all(item.measured.moving_s > 2.0 * rule.everyday_stroke_s for item in some)
    most = 1.0 if slow else 1.0 / (1.0 + min(_alone(some, others, rule), 1.0))
    return all(strangeness(item, fulls, rule, full=reading.is_full(item)) > most for item in some)


def _alone(some: Sequence[Item], others: Sequence[Item], rule: CountRule) -> float:
    """How far the pause between two parts of a set is beyond the person's longest one."""
    gap_us = max(others[0].start_us - some[-1].end_us, some[0].start_us - others[-1].end_us)
    own_us = max((b.start_us - a.end_us for a, b in pairwise(others)), default=0)
    return max((gap_us - max(own_us, 0)) / 1e6 - rule.alone_s, 0.0) / rule.alone_s


def strangeness(item: Item, usual: Sequence[Item], rule: CountRule, *, full: bool) -> float:
    """How far a movement is from the person's own repetitions; beyond 1 it is none of them.

    The root of the sum of squared differences of time away, time back, stay at the far end and, for a full
    one, range and the first segment's share of it, each by what may differ. A partial repetition takes
    between its share of the usual time and the whole of it, and comes back to the pose.
    """
    m, own = item.measured, [one.measured for one in usual]
    share = 0.0
    parts: list[float] = []
    off, spread = _off(item.size, [one.size for one in usual])
    if full:
        parts.append(off / max(rule.like_size, spread))
    else:
        share = min(off, 0.0)
        parts.append(max(abs(item.seen.low) / rule.same_deg - 1.0, 0.0))
    for time, times in zip(_times(m), zip(*map(_times, own), strict=True), strict=True):
        off, spread = _off(time, times)
        beyond = max(off, share - off, 0.0) if share < 0.0 else abs(off)
        parts.append(beyond / max(rule.like_time, spread))
    stays = sorted(one.linger_s for one in own)
    moving = sorted(one.moving_s for one in own)
    stay, middle = stays[len(stays) // 2], moving[len(moving) // 2]
    within = max(0.5 * (stays[-1] - stays[0]), rule.like_stay_s, 0.3 * rule.like_time * middle)
    parts.append(abs(m.linger_s - stay) / within)
    shares = sorted(one.first_rom / one.rom for one in own if one.whole)
    if shares and m.whole and full:
        parts.append(abs(m.first_rom / m.rom - shares[len(shares) // 2]) / rule.like_share)
    return math.sqrt(math.fsum(part * part for part in parts))


def _times(m: Measured) -> tuple[float, float]:
    """Time of the strokes away and back, without stops, in s."""
    return max(m.total(m.spans[0].kind), 1e-3), max(m.total(m.spans[-1].kind), 1e-3)


def _off(value: float, others: Sequence[float]) -> tuple[float, float]:
    """Logarithm of a value by the median of others, and the spread of these about it (3 robust sd)."""
    order = sorted(others)
    middle = max(order[len(order) // 2], 1e-3)
    apart = sorted(abs(math.log(max(one, 1e-3) / middle)) for one in order)
    return math.log(max(value, 1e-3) / middle), 4.4 * apart[len(apart) // 2]
