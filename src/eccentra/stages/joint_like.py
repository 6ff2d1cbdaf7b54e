"""Whether movements are a person's repetitions of one exercise, or of everyday life.

Before the first repetition people pick up a weight, after the last one they sit down: alone such a movement
may look like a repetition of the exercise, beside the person's own repetitions it does not. These vary little
in time and range; what is done for another purpose has a range of its own, and is quick. So each measure of
a movement has two probabilities, and the logarithm of their ratio says which of the two it is. The sum over
the movements of a set says whether they are more than everyday movements by chance: a few slow ones are soon,
quick ones must be uniform.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from eccentra.stages.joint import CountRule
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_reading import Item, Reading

__all__ = ["is_deliberate", "odds_of", "set_odds", "without_strangers"]


# Own ranges vary by less.
_CUT_SHORT = 0.85
# Of two, one alone would be left.
_LEAVE_OUT = 3


def set_odds(
    fulls: Sequence[Item], partials: Sequence[Item], known: Sequence[Item], rule: CountRule
) -> float:
    """By how much repetitions are more likely one person's set than everyday movements (logarithm).

    Each is compared with the others, and with those ``known`` from the set before, if any: else the first of
    them has nothing to be compared with. A set may be another one than that before, with a load of its own.
    Who rests for long after each of them does other things as likely: every long pause counts against it.
    One that is like none of the others does not make these less alike; but one can be left out in as many
    ways as there are movements. The last one is no choice: what was a set before it came remains one.
    """
    less = [_set_odds([*fulls[:k], *fulls[k + 1 :]], partials, known, rule) for k in range(len(fulls))]
    whole = _set_odds(fulls, partials, known, rule)
    return whole if len(fulls) < _LEAVE_OUT else max(whole, max(less) - math.log(len(fulls)), less[-1])


def _set_odds(
    fulls: Sequence[Item], partials: Sequence[Item], known: Sequence[Item], rule: CountRule
) -> float:
    order = sorted(fulls, key=lambda item: item.start_us)
    pauses = [(b.start_us - a.end_us) / 1e6 for a, b in pairwise(order)]
    rests = rule.like.most * sum(pause_s > rule.most_pause_s for pause_s in pauses)
    more = -rests + math.fsum(max(odds_of(item, fulls, rule, full=False), 0.0) for item in partials)
    alone = _sum(fulls, (), rule) * (len(fulls) - 1) / len(fulls)
    return more + (max(alone, _sum(fulls, known, rule)) if known else alone)


def _sum(fulls: Sequence[Item], known: Sequence[Item], rule: CountRule) -> float:
    least = -rule.like.least
    others = [([*fulls[:k], *fulls[k + 1 :], *known], item) for k, item in enumerate(fulls)]
    return math.fsum(max(odds_of(item, usual, rule, full=True), least) for usual, item in others if usual)


def without_strangers(reading: Reading, members: list[Item], rule: CountRule) -> list[Item]:
    """Members without those at the ends that are more likely something else."""
    out = members
    while True:
        first = _strangers(reading, out, rule)
        if first:
            out = out[first:]
            continue
        last = _strangers(reading, out[::-1], rule)
        if not last:
            return out
        out = out[: len(out) - last]


def _strangers(reading: Reading, members: Sequence[Item], rule: CountRule) -> int:
    """How many movements at this end are strange: those that stand apart, or one that is like no other."""
    count = _block(members, rule.apart_s)
    if _are_strange(reading, members[:count], members[count:], rule):
        return count
    fulls = [item for item in members[1:] if reading.is_full(item)]
    if len(fulls) < 2:
        return 0
    least = -rule.like.least
    return int(not _is_like(members[0], fulls, reading, rule, full=least, partial=least))


def _block(members: Sequence[Item], apart_s: float) -> int:
    """How many movements at this end follow each other without a pause."""
    for k in range(1, len(members)):
        a, b = members[k - 1], members[k]
        pause_us = max(a.start_us, b.start_us) - min(a.end_us, b.end_us)
        if pause_us >= apart_s * 1e6:
            return k
    return len(members)


def _are_strange(reading: Reading, some: Sequence[Item], others: Sequence[Item], rule: CountRule) -> bool:
    fulls = [item for item in others if reading.is_full(item)]
    if not some or len(fulls) < max(2, len(some) + 1):
        return False
    # a pause alone makes nothing strange: people rest within a set
    alone = 2.0 * rule.like.alone * min(_alone(some, others, rule), 1.0)
    early = some[0].start_us < others[0].start_us
    partial = rule.like.first_partial if early else rule.like.last_partial
    full, partial = alone - rule.like.alone, alone + partial
    return not any(_is_like(item, fulls, reading, rule, full=full, partial=partial) for item in some)


def _is_like(
    item: Item, fulls: Sequence[Item], reading: Reading, rule: CountRule, *, full: float, partial: float
) -> bool:
    """Whether a movement is likely enough one of the person's: as a full repetition, or as one cut short.

    One that just counts as full is cut short all the same, and takes less time.
    """
    if reading.is_full(item) and odds_of(item, fulls, rule, full=True) >= full:
        return True
    sizes = sorted(one.size for one in fulls)
    short = item.size < _CUT_SHORT * sizes[len(sizes) // 2] or not reading.is_full(item)
    return short and odds_of(item, fulls, rule, full=False) >= partial


def _alone(some: Sequence[Item], others: Sequence[Item], rule: CountRule) -> float:
    """How far the pause between two parts of a set is beyond the person's longest one."""
    some = sorted(some, key=lambda item: item.start_us)
    others = sorted(others, key=lambda item: item.start_us)
    gap_us = max(others[0].start_us - some[-1].end_us, some[0].start_us - others[-1].end_us)
    own_us = max((b.start_us - a.end_us for a, b in pairwise(others)), default=0)
    return max((gap_us - max(own_us, 0)) / 1e6 - rule.alone_s, 0.0) / rule.alone_s


def odds_of(item: Item, usual: Sequence[Item], rule: CountRule, *, full: bool) -> float:
    """How much more likely a movement is one of the person's repetitions than an everyday one (logarithm).

    It is about the times away and back, the stay at the far end and, of a full one, the range and the first
    segment's share of it. A partial repetition takes between its share of the usual time and the whole of
    it, and comes back to the pose.
    """
    like, m, own = rule.like, item.measured, [one.measured for one in usual]
    off, spread = _off(item.size, [one.size for one in usual])
    share = 0.0 if full else min(off, 0.0)
    parts: list[float] = []
    if full:
        parts.append(_normal(off, max(like.own_size, spread)) - _normal(off, like.other_size))
    else:
        parts.append(-0.5 * max(abs(item.seen.low) / rule.same_deg - 1.0, 0.0) ** 2)
    smooth = [one for one in own if not any(_stopped(one))] or own
    usual_times = zip(*map(_times, smooth), strict=True)
    for time, stopped, times in zip(_times(m), _stopped(m), usual_times, strict=True):
        off, spread = _off(time, times)
        # who was stopped on the way gets going again as slowly as in a struggle
        longest = math.log(rule.tempo_ratio) if stopped else 0.0
        mine = _flat_normal(off, share, longest, max(like.own_time, spread))
        # everyday strokes are as quick as that, or quicker
        parts.append(mine - _normal(max(math.log(time / like.other_s), 0.0), like.other_time))
        if stopped:
            parts.append(-like.stopped)
    stays = sorted(one.linger_s for one in own)
    stay = stays[len(stays) // 2]
    within = max(like.own_stay_s, 0.25 * (stays[-1] - stays[0]), 0.1 * _moving(own))
    stayed = abs(m.linger_s - stay)
    parts.append(
        stayed / like.other_stay_s + math.log(like.other_stay_s) - stayed / within - math.log(within)
    )
    shares = sorted(one.first_rom / one.rom for one in own if one.whole)
    if full and shares and m.whole and m.second_range is not None:
        off = m.first_rom / m.rom - shares[len(shares) // 2]
        parts.append(_normal(off, like.own_share) - _normal(off, like.other_share))
    return math.fsum(min(max(part, -like.most), like.most) for part in parts)


def is_deliberate(item: Item, rule: CountRule) -> bool:
    """Whether a movement is done for its own sake: from rest to rest in one pose, slowly, in one go each way.

    Everyday movements are quicker or have stops, and lead to another pose or stay in the far one.
    """
    m, seen = item.measured, item.seen
    return (
        math.prod(_times(m)) >= rule.like.slow_s**2
        and m.stops == 0
        and m.linger_s <= 0.5 * rule.founder_hold_s
        and seen.began
        and seen.rested
        and seen.exact
        and abs(seen.low) <= rule.same_deg
    )


def _normal(off: float, spread: float) -> float:
    """Logarithm of a normal density, without the constant that all have."""
    return -0.5 * (off / spread) ** 2 - math.log(spread)


def _flat_normal(off: float, low: float, high: float, spread: float) -> float:
    """The same of one that is level between two values, and falls off beyond them."""
    beyond = max(off - high, low - off, 0.0)
    return -0.5 * (beyond / spread) ** 2 - math.log(spread + (high - low) / math.sqrt(2.0 * math.pi))


def _moving(own: Sequence[Measured]) -> float:
    """Usual time of the strokes in s."""
    return sorted(one.moving_s for one in own)[len(own) // 2]


def _times(m: Measured) -> tuple[float, float]:
    """Time of the strokes away and back, without stops, in s."""
    return max(m.total(m.spans[0].kind), 1e-3), max(m.total(m.spans[-1].kind), 1e-3)


def _stopped(m: Measured) -> tuple[bool, bool]:
    """Whether there was a stop on the way away, and on the way back."""
    kinds = [span.kind for span in m.spans]
    return kinds.count(kinds[0]) > 1, kinds.count(kinds[-1]) > 1


def _off(value: float, others: Sequence[float]) -> tuple[float, float]:
    """Logarithm of a value by the median of others, and the spread of these about it (robust)."""
    order = sorted(others)
    middle = max(order[len(order) // 2], 1e-3)
    apart = sorted(abs(math.log(max(one, 1e-3) / middle)) for one in order)
    return math.log(max(value, 1e-3) / middle), 1.48 * apart[len(apart) // 2]
