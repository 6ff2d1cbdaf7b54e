"""The movements of a reading in pieces that hang together.

People rest within a set, some of them long; and between two sets they do other things. A movement that soon
follows is of the set; one that follows later, or after something else was done, when it is like those before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from eccentra.stages.joint import CountRule
from eccentra.stages.joint_like import odds_of
from eccentra.stages.joint_reading import JOINED_US, Item, Reading, alike

__all__ = ["pieces_of"]


def pieces_of(
    reading: Reading, rule: CountRule, noise: Sequence[tuple[int, int]], most_s: float
) -> list[list[Item]]:
    """The members in pieces; no pause within one is longer than ``most_s``.

    ``noise`` are the times of movements that are none of the exercise.
    """
    members = reading.members
    if not members:
        return []
    usual_s = _usual_pause(reading, rule)
    out = [[members[0]]]
    for a, b in pairwise(members):
        pause_s = (b.start_us - a.end_us) / 1e6
        low, high = a.end_us - JOINED_US, b.start_us + JOINED_US
        other = any(low <= start and end <= high for start, end in noise)
        joined = pause_s <= usual_s and not other
        if joined and not reading.is_full(b) and b is members[-1]:
            # a partial one at the end that stays longer at the far end is something else
            joined = abs(a.measured.linger_s - b.measured.linger_s) <= rule.unlike_hold_s
        if not joined and pause_s <= most_s:
            # the longer nothing came, the less likely another one of the set comes
            need = rule.like.alone + math.log1p(max(pause_s - usual_s, 0.0) / rule.alone_s)
            joined = _is_like(reading, out[-1], b, rule, need)
        if joined:
            out[-1].append(b)
        else:
            out.append([b])
    return out


def _usual_pause(reading: Reading, rule: CountRule) -> float:
    """Pauses up to this length, in s, are nothing unusual for this person."""
    pairs = list(pairwise(reading.members))
    pauses = sorted((b.start_us - a.end_us) / 1e6 for a, b in pairs)
    usual = max(pauses[(len(pauses) - 1) // 2], 0.0) if len(pauses) > 1 else 0.0
    # and one between two that are just alike is one that this person makes
    made = [
        (b.start_us - a.end_us) / 1e6
        for a, b in pairs
        if reading.is_full(a) and reading.is_full(b) and alike(a, b, rule)
    ]
    return min(max(1.5 * usual + rule.pause_extra_s, *made, 0.0), rule.most_pause_s)


def _is_like(reading: Reading, piece: Sequence[Item], item: Item, rule: CountRule, need: float) -> bool:
    """Whether a movement after a long pause, or after something else, is like those before it."""
    fulls = [one for one in piece if reading.is_full(one)]
    return bool(fulls) and odds_of(item, fulls, rule, full=reading.is_full(item)) >= need
