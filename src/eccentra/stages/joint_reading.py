"""Which of the movements seen so far are repetitions of one exercise.

A movement that leads from a pose away and back is seen from every pose in which the person has rested: a
squat with a hold at the bottom is also a way up and down again, seen from the bottom. What is known of the
exercise (start pose, axis, range, direction, return) holds for all repetitions of a set alike, so the
movements are read together: those like one of them, one after the other without overlap, are a *reading*;
the reading for which most speaks is the set. A repetition more counts most, then the sensor's rise and
fall, then how closely the person came back to the pose.
"""

from __future__ import annotations

import math

import msgspec

from eccentra.stages.inclination import angle_between
from eccentra.stages.joint import CountRule
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_trial import Seen, Trial

__all__ = [
    "JOINED_US",
    "Item",
    "Known",
    "Reading",
    "alike",
    "best_reading",
    "is_clean",
    "overlap",
    "size_of",
]

# Two movements without a rest between them.
JOINED_US = 400_000
# The seeds of readings are the newest movements, and those counted: older ones had their turn.
_SEEDS = 6


class Item(msgspec.Struct, kw_only=True, eq=False):
    """A measured movement; ``rise`` speaks for its direction; ``counted`` is its set and index, if it was."""

    measured: Measured
    seen: Seen
    source: Trial
    rise: float
    start_us: int
    end_us: int
    size: float
    counted: tuple[int, int] | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before a set: ``least`` is the smallest full range in degrees of any person."""

    rule: CountRule
    segment: str
    least: float


class Reading(msgspec.Struct, kw_only=True, eq=False):
    """Movements as repetitions of one exercise, in order of time.

    ``rom`` is their usual range in degrees, ``None`` while none was a full one.
    """

    seed: Item
    members: list[Item]
    rom: float | None
    score: float
    share: float

    def is_full(self, item: Item) -> bool:
        """Whether it is a full repetition in this reading."""
        return self.rom is not None and item.size >= self.share * self.rom

    @property
    def fulls(self) -> int:
        """Number of full repetitions."""
        return sum(self.is_full(item) for item in self.members)


def size_of(m: Measured) -> float:
    """The tracked angle's range; that of the first segment when another one was missing."""
    return m.rom if m.whole else m.first_rom


def overlap(a: Item, b: Item) -> bool:
    """Whether two movements are the same one; neighbours without a rest may touch."""
    return min(a.end_us, b.end_us) - max(a.start_us, b.start_us) > JOINED_US


def ratio(a: float, b: float) -> float:
    """The larger by the smaller."""
    return max(a, b) / max(min(a, b), 1e-6)


def alike(a: Item, b: Item, rule: CountRule) -> bool:
    """Whether two movements are alike in time, size and hold."""
    m, n = a.measured, b.measured
    return (
        abs(m.hold_s - n.hold_s) <= rule.unlike_hold_s
        and ratio(m.moving_s, n.moving_s) <= rule.unlike_ratio
        and ratio(a.size, b.size) <= rule.unlike_ratio
    )


def in_tempo(a: Item, b: Item, rule: CountRule) -> bool:
    """Whether two movements may be of one set by their time; a smaller one may go less far in less time."""
    small, big = (a, b) if a.size < b.size else (b, a)
    quick, slow = small.measured.moving_s, big.measured.moving_s
    if quick > slow:
        return quick <= rule.tempo_ratio * slow
    return slow <= rule.tempo_ratio * quick * max(big.size / max(small.size, 1e-6), 1.0)


def is_clean(item: Item, rule: CountRule) -> bool:
    """Whether it goes away, stays no longer than is prescribed, and comes back, without to and fro."""
    return item.measured.turns <= 1 and item.measured.linger_s <= rule.founder_hold_s


def same_way(a: Item, b: Item, known: Known) -> bool:
    """Whether two movements leave the same pose, about the same axis, with the segments taking part alike."""
    rule, m, n = known.rule, a.measured, b.measured
    if angle_between(m.axis, n.axis) > rule.axis_deg:
        return False
    if angle_between(m.homes[known.segment], n.homes[known.segment]) > rule.pose_deg:
        return False
    return not (m.whole and n.whole) or abs(m.first_rom / m.rom - n.first_rom / n.rom) <= rule.share_differs


def best_reading(items: list[Item], known: Known, before: Item | None) -> Reading | None:
    """The reading for which most speaks; ``before`` is a repetition of the set before."""
    if not items:
        return None
    seeds = [item for k, item in enumerate(items) if len(items) - k <= _SEEDS or item.counted is not None]
    if len(seeds) > 2 * _SEEDS:
        seeds = seeds[-2 * _SEEDS :]
    best: Reading | None = None
    for seed in seeds:
        found = reading_of(seed, items, known, before)
        # with equals the earlier seed keeps
        if best is None or found.score > best.score + 1e-9:
            best = found
    return best


def reading_of(seed: Item, items: list[Item], known: Known, before: Item | None) -> Reading:
    """All movements like one of them, without overlap."""
    rule = known.rule
    usual = seed.size
    if before is not None and same_way(before, seed, known) and ratio(before.size, usual) <= rule.rom_ratio:
        usual = max(before.size, usual)
    again = before is not None and same_way(before, seed, known) and alike(before, seed, rule)
    least = max(rule.partial_share * usual, rule.partial_least_deg)
    like = [
        item
        for item in items
        if item is seed
        or (
            least <= item.size <= rule.rom_ratio * usual
            and in_tempo(seed, item, rule)
            and same_way(seed, item, known)
        )
    ]
    members = _most(like, usual, known)
    score = math.fsum(_worth(item, usual, known, _pose_of(item.source, members, known)) for item in members)
    sizes = sorted(item.size for item in members if item.size >= known.least)
    if before is not None and usual != seed.size:
        sizes = sorted([*sizes, before.size])
    rom = sizes[len(sizes) // 2] if sizes else None
    first = members[0]
    # a partial one says nothing of what a full one is like
    second = next((item for item in members[1:] if _is_full(item, usual, known)), first)
    odd = _is_full(first, usual, known) and not alike(first, second, rule)
    if first.seen.began and not odd and not _led_into(first, items):
        # people rest in the start pose before the first one
        score += rule.first_odds
    score -= 0.3 * odd + rule.odd_end * _odd_ends(members, usual, known)
    # and between them, rather than at the far end
    score += 0.5 * sum(item.seen.rested for item in members) / len(members)
    # an accelerometer's error is the same in all of them: more of them do not make it surer
    rises = sorted(item.rise for item in members)
    score += 0.5 * min(max(rises[len(rises) // 2], -4.0), 4.0)
    if any(item.counted is not None for item in members):
        score += 0.3
    if before is not None and same_way(before, seed, known):
        # the set before began in the same pose
        score += rule.first_odds
    if again:
        score += rule.again_odds
    return Reading(seed=seed, members=members, rom=rom, score=score, share=rule.full_share)


def _led_into(first: Item, items: list[Item]) -> bool:
    """Whether a movement that began earlier ends within this one."""
    return any(
        item.start_us < first.start_us and item.end_us < first.end_us - JOINED_US and overlap(item, first)
        for item in items
    )


def _odd_ends(members: list[Item], usual: float, known: Known) -> int:
    """How many of the first way away and the last way back are unlike the others, or wait unlike them.

    Seen from its far end, a set begins with getting into the start pose, and ends with getting out of it.
    """
    full = [item for item in members if _is_full(item, usual, known)]
    if len(full) < 3:
        return 0
    rule = known.rule
    # times without stops on the way
    away = [item.measured.total(item.measured.spans[0].kind) for item in full]
    back = [item.measured.total(item.measured.spans[-1].kind) for item in full]
    hold = _middle([item.measured.hold_s for item in full])
    size = _middle([item.size for item in full])
    ends = ((full[0], away[0], _middle(away)), (full[-1], back[-1], _middle(back)))
    return sum(
        _off_pace(one, usual_s, size / item.size) > rule.odd_ratio
        or abs(item.measured.hold_s - hold) > 2.0 * rule.unlike_hold_s
        for item, one, usual_s in ends
    )


def _off_pace(time: float, usual: float, larger: float) -> float:
    """Ratio of a stroke's time to the usual one, ``larger`` times as far; less far takes less time."""
    if time >= usual:
        return ratio(time, usual)
    return ratio(min(time * max(larger, 1.0), usual), usual)


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _is_full(item: Item, usual: float, known: Known) -> bool:
    return item.size >= max(known.rule.full_share * usual, known.least * known.rule.full_share)


def _worth(item: Item, usual: float, known: Known, pose: tuple[float, float] | None = None) -> float:
    """What a movement adds to a reading of this usual range; a full repetition adds 1.

    ``pose``: where the person's repetitions come back to, and how much that varies, in degrees.
    """
    seen, same = item.seen, known.rule.same_deg
    value = 1.0 if _is_full(item, usual, known) else 0.4
    # not quite back, or not quite from there
    middle, spread = pose or (0.0, same)
    off = abs(seen.low - middle) / spread
    value -= 0.1 * min(off * off, 5.0)
    if not seen.exact and off >= 1.0:
        value -= 0.2
    return max(value, 0.05)


def _pose_of(source: Trial, members: list[Item], known: Known) -> tuple[float, float] | None:
    """Where repetitions seen from one rest come back to, and how much that varies: that rest may differ.

    ``None`` for so few that they do not show it, and where that is another pose.
    """
    lows = [item.seen.low for item in members if item.source is source]
    middle = _middle(lows)
    if len(lows) < 3 or abs(middle) > 2.0 * known.rule.same_deg:
        return None
    # 1.48: from the median of the deviations to a standard deviation
    return middle, max(1.48 * _middle([abs(low - middle) for low in lows]), known.rule.same_deg)


def _most(like: list[Item], usual: float, known: Known) -> list[Item]:
    """Movements without overlap with the largest sum of worths (weighted interval scheduling)."""
    order = sorted(like, key=lambda item: (item.end_us, item.start_us))
    best: list[float] = [0.0]
    take: list[int | None] = []
    for k, item in enumerate(order):
        at = k
        while at and order[at - 1].end_us - item.start_us > JOINED_US:
            at -= 1
        value = best[at] + _worth(item, usual, known)
        taken = value > best[k]
        best.append(value if taken else best[k])
        take.append(at if taken else None)
    members: list[Item] = []
    k = len(order)
    while k:
        at_or_none = take[k - 1]
        if at_or_none is None:
            k -= 1
        else:
            members.append(order[k - 1])
            k = at_or_none
    return members[::-1]
