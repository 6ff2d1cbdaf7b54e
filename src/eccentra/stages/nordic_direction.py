"""Which way is forward: how much each excursion speaks for its direction, and what follows from all of them.

Getting into position (sitting on a chair or on the heels, kneeling down) may look like a lowering once; it
seldom looks the same a second time, and hardly a third. So a direction is proved by two excursions that
speak for it and settled when two of them are alike: then it takes more to turn it. What was counted for it
may be taken back until there are three.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import msgspec

from eccentra.stages.inclination import Vector, dot
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_measure import Measured

__all__ = ["Direction", "Proof", "evidence_of", "most_alike", "repeated"]

# Repetitions of one person: ranges within a sixth, times within a factor.
_ALIKE_ROM = 0.15
_ALIKE_TIME = 1.6
# Down in 1.5 s and back in 2 s is not clear by itself; nobody gets into position three times alike.
_REPEATED = 3
# More than once in position there is nothing that looks like a lowering.
_CERTAIN = 3
# So much clearer is the other direction.
_CLEARER = 0.9


class Proof(msgspec.Struct, frozen=True):
    """An excursion that speaks for its direction by ``evidence``: range in deg, time of the descent in s."""

    evidence: float
    rom: float
    eccentric_s: float

    def like(self, other: Proof) -> bool:
        """Whether both may be repetitions of one person."""
        most, least = max(self.rom, other.rom), min(self.rom, other.rom)
        longer, shorter = max(self.eccentric_s, other.eccentric_s), min(self.eccentric_s, other.eccentric_s)
        return least > (1.0 - _ALIKE_ROM) * most and longer < _ALIKE_TIME * shorter


class Direction:
    """State: the forward axis, and what speaks for it.

    Attributes
    ----------
    forward
        Axis of the forward lean in the thigh sensor's frame; ``None`` before the first repetition.
    """

    def __init__(self) -> None:
        self.forward: Vector | None = None
        self._proofs: list[Proof] = []
        self._sum = 0.0
        self._best = 0.0
        self._repeated = False
        self._counted: deque[Proof] = deque(maxlen=6)

    @property
    def established(self) -> bool:
        """Whether the direction is sure: by two that speak for it, or by several alike."""
        return self.forward is not None and (len(self._proofs) > 1 or most_alike(self._counted) >= _REPEATED)

    @property
    def settled(self) -> bool:
        """Whether two that speak for it are alike: only several clear ones the other way turn it."""
        return self.established and self._repeated

    @property
    def certain(self) -> bool:
        """Whether it stays counted also when the sensor turns out to sit the other way round from then on.

        Kneeling down and sitting back may be alike, before the first repetition.
        """
        return self.settled and len(self._proofs) >= _CERTAIN

    def start(self, axis: Vector | None) -> None:
        """Forward is about ``axis``, for what is known now; forget what spoke for another one."""
        self.forward, self._proofs, self._sum, self._best, self._repeated = axis, [], 0.0, 0.0, False
        self._counted.clear()

    def count(self, proof: Proof) -> None:
        """A full repetition was counted in the forward direction, whether it speaks for it or not."""
        self._counted.append(proof)
        self._repeated = self._repeated or most_alike(self._counted) >= _REPEATED

    def outnumbered(self, opposite: Sequence[Proof], enough: float) -> bool:
        """Whether the first of these, the other way, was done several times alike, and no two of this one.

        However clear it was, sitting down or kneeling down is done once; repetitions repeat.
        """
        return not self.settled and most_alike(self._counted) < 2 and repeated(opposite, enough)

    def learn(self, proof: Proof, axis: Vector) -> None:
        """A full repetition was counted in the forward direction, and speaks for it."""
        self._sum += proof.evidence
        self._best = max(self._best, proof.evidence)
        self._repeated = self._repeated or any(proof.like(other) for other in self._proofs[-3:])
        self._proofs.append(proof)
        if self.forward is not None and dot(self.forward, axis) > 0.0:
            self.forward = axis

    def turned(self, opposite: Sequence[Proof], enough: float) -> bool:
        """Whether the other direction is the better one by now.

        One excursion that is clearer is enough before the direction is established, or two that are as
        clear. Several that are clear enough each outweigh few when they are clearer together: what speaks for
        a direction adds up.

        Parameters
        ----------
        opposite
            What spoke for the other direction since this one was settled, or since the last for this one.
        enough
            Evidence of an excursion that is clear.
        """
        clear = [one for one in opposite if one.evidence >= enough]
        together = math.fsum(one.evidence for one in clear) > self._sum + _CLEARER
        if self.settled:
            return len(clear) > 2 and together
        if together and any(one.like(other) for i, one in enumerate(clear) for other in clear[:i]):
            return True
        if self.established:
            return False
        strong = [one.evidence for one in opposite if one.evidence > 0.75 * self._best]
        clearer = bool(strong) and max(strong) > self._best + 0.3
        return clearer or (len(strong) > 1 and math.fsum(strong) > self._sum + _CLEARER)


def most_alike(proofs: Sequence[Proof]) -> int:
    """How many of these may be repetitions of one person: each of them is like each other one."""
    most = 0
    for far in proofs:
        near = [one for one in proofs if one.rom <= far.rom and one.like(far)]
        for slow in near:
            most = max(most, sum(one.eccentric_s <= slow.eccentric_s and one.like(slow) for one in near))
    return most


def repeated(proofs: Sequence[Proof], enough: float) -> bool:
    """Whether the first of these was done several times alike, and together they are clear."""
    like = [one for one in proofs if one.evidence > 0.0 and one.like(proofs[0])]
    return most_alike(like) >= _REPEATED and math.fsum(one.evidence for one in like) >= enough


def evidence_of(m: Measured, full: bool, stage: Stage) -> float:
    """How much this excursion speaks for being a lowering, and so for its direction being forward.

    Parameters
    ----------
    full
        Whether it went as far as a full repetition.
    """
    rule = stage.direction
    slow = _clip((m.eccentric_s - rule.slow_from_s) / rule.slow_span_s, -0.3, 1.0)
    far = _clip((m.rom - rule.far_from_deg) / rule.far_span_deg, -0.4, 0.6)
    value = slow + far
    own = stage.back_by == "legs"  # then the way back takes as long
    back = m.back_start is not None and m.back_end is not None and m.back_end > m.back_start
    if m.back_start is not None:  # who sits down stays
        value -= rule.stay_evidence * _clip(
            (m.back_start - m.down_end - rule.stay_from_s) / rule.stay_span_s, 0.0, 1.0
        )
    if not own and m.back_start is not None and m.back_end is not None and back:
        value += _clip(math.log2(m.eccentric_s / (m.back_end - m.back_start)), -0.7, 0.7)
    if m.break_s is not None:
        value += 0.5  # nobody falls onto the own heels out of a slow movement
    if m.loaded_n is not None:
        loaded = m.loaded_n >= stage.force.loaded_n
        value += rule.load_evidence if loaded else -rule.load_evidence
    if m.shank_change is not None and back and m.rom >= rule.at_once_deg:
        low, high = rule.held_deg
        value += rule.held_evidence * _clip((high - m.shank_change) / (high - low), 0.0, 1.0)
    # legs that let the body down bring it back
    return value if full and (back or not own) else min(value, 0.5 * rule.enough)


def _clip(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))
