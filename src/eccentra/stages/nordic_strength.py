"""How strong a burst of strap force is against what is usual for this person, and whether it is a lowering.

Nobody tells the body's weight: what counts is learned from the bursts (:mod:`~eccentra.stages.nordic_whole`)
and from how strong the counted ones were, which holds however the weight was estimated.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import msgspec

from eccentra.events import Force, Reason
from eccentra.samples import NS_PER_S, Side
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_burst import FLOOR_DEG, Burst, Reading
from eccentra.stages.nordic_whole import Whole

__all__ = ["Lowering", "StrapJudge"]

# So many bursts say what is usual, at most and at least.
_MEMORY, _ALIKE = 9, 2
# Who began leaning back is under way when the straps are loaded: they are so in less of the time.
_UNDER_WAY = 0.5


class Lowering(msgspec.Struct, frozen=True, kw_only=True):
    """A burst taken apart; session times in ns.

    ``even``: the weaker side's share of the stronger one's. ``unsure``: sides with another peak if read anew.
    ``stopped``: the body may have stopped on the way.
    ``unseen``: the straps were slack when it began; its start is the latest possible one.
    """

    start: int
    end: int
    burst: Burst
    load: Reading
    even: float
    forces: dict[Side, Force | None]
    unsure: frozenset[Side]
    stopped: bool
    unseen: bool
    gap: bool


class StrapJudge:
    """State: what is known of this person's strength in the straps.

    Attributes
    ----------
    whole
        Belief about the force of a full lowering.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.whole = Whole(stage.whole)
        self._levels: deque[float] = deque(maxlen=_MEMORY)
        self._turned: deque[float] = deque(maxlen=_MEMORY)

    @property
    def settled(self) -> bool:
        """Whether the force of a full lowering is known."""
        return self.whole.seen >= self._stage.whole.settled_bursts

    def learn(self, found: Lowering) -> None:
        """A burst was counted."""
        burst, kind = found.burst, found.load.kind
        sure = burst.sure(self.whole) >= self._stage.whole.sure_share
        # one person's falls and turns are alike: what fits one of them badly would fit all of them badly
        told = burst.weights[kind] if sure and kind == "turn" else burst.evidence()
        self.whole.learn(told, counted=True)
        if not sure:
            return
        if kind != "turn":
            self.whole.show(burst.level if kind == "arrival" else burst.lost, arrived=kind == "arrival")
        if not self._lost_early(found):
            self._levels.append(burst.level)
        if kind == "turn":
            self._turned.append(burst.level)
            if len(self._turned) >= _ALIKE:
                self.whole.bound(_middle(self._turned))

    @property
    def least(self) -> float:
        """Smallest peak of a lowering, N: some break early."""
        rule = self._stage.force
        if not self.settled:
            return rule.burst_first_n
        return max(rule.loaded_n, rule.burst_share * math.exp(self.whole.known[0]))

    def refused(self, found: Lowering) -> Reason | None:
        """Why it is no lowering."""
        rule, count = self._stage.force, self._stage.count
        length = (found.end - found.start) / NS_PER_S
        if found.even < rule.side_share:
            return Reason.SETUP
        if found.burst.peak < self.least:
            return Reason.NO_LOAD
        if self.small(found.burst):
            return Reason.TOO_SMALL
        # who loses control soon after the start has leaned little, and in less time
        share = 1.0
        if self.settled:
            share = found.burst.peak / (0.3 * math.exp(self.whole.known[0]))
        least_rise = rule.rise_s * min(max(share, 0.5), 1.0)
        if self._stage.pose.lean_back_deg > 0.0:
            least_rise *= _UNDER_WAY
        if self.usual_like(found.burst):
            # straps are slack for the first half of a quick way down, and braking loads them at once
            short = 2.0 * found.burst.held_s < count.least_down_s
        else:
            latest = max(length, found.load.latest - found.load.start)
            short = latest < count.least_down_s or found.burst.rise_s < least_rise
        if short:
            return Reason.TOO_SHORT
        if length > count.most_down_s:
            return Reason.TOO_LONG
        return None

    def small(self, burst: Burst) -> bool:
        """A movement too small to be a partial repetition."""
        rule = self._stage.count
        return self.turned(burst, max(rule.partial_least_deg, rule.partial_share * FLOOR_DEG))

    def turned(self, burst: Burst, least_deg: float) -> bool:
        """Whether it came back up before this lean, beyond doubt: else it counts, flagged as unsure.

        Nearly as strong as the usual one it came as far, however the body's weight was estimated.
        """
        if self.usual_like(burst, math.sin(math.radians(least_deg))):
            return False
        turn = burst.shares(self.whole)["turn"]
        return turn >= self._stage.whole.sure_share and math.degrees(burst.lean(self.whole)) < least_deg

    def _lost_early(self, found: Lowering) -> bool:
        """Whether control was lost beyond doubt while little held the body: its strength says nothing."""
        rule = self._stage.whole
        early = math.sin(found.load.lean) * rule.usual_share < 1.0
        return early and found.load.kind == "fall" and found.burst.sure(self.whole) >= rule.sure_share

    def usual_like(self, burst: Burst, sine: float = 0.5) -> bool:
        """Whether it is so strong, against the usual one, that the body leaned by this sine."""
        if not self._levels:
            return False
        return burst.level >= self._stage.whole.usual_share * sine * _middle(self._levels)


def _middle(levels: Sequence[float]) -> float:
    return sorted(levels)[len(levels) // 2]
