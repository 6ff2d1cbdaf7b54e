"""Excursions about which nothing is decided yet, and which of them belong together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eccentra.stages.inclination import Vector, angle_between, dot
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_direction import Proof
from eccentra.stages.nordic_measure import Measured

__all__ = ["Waiting", "accompanied", "alongside", "one_set", "same_pose"]

# Turned by this many times what a lowering may turn it by, the shank is in another pose: standing.
_OTHER_POSE = 3.0
# So many others beside a full one show what it is.
_BESIDE = 2


class Waiting(msgspec.Struct, kw_only=True):
    """A finished excursion about which nothing is decided yet."""

    measured: Measured
    returned: bool
    full: bool
    evidence: float
    unsure: bool

    @property
    def start_us(self) -> int:
        """Session time."""
        return self.measured.us(self.measured.start)

    @property
    def end_us(self) -> int:
        """Session time."""
        return self.measured.us(self.measured.end)

    @property
    def proof(self) -> Proof:
        """What of it speaks for its direction."""
        return Proof(self.evidence, self.measured.rom, self.measured.eccentric_s)


def one_set(items: Sequence[Waiting], gap_us: int) -> list[Waiting]:
    """Which of these, in order of time, are of the same set as the last one: the last first."""
    found = list(items[-1:])
    for item in reversed(items[:-1]):
        if found[-1].start_us - item.end_us > gap_us:
            break
        found.append(item)
    return found


def accompanied(items: Sequence[Waiting], stage: Stage, least_deg: float, gap_us: int) -> Waiting | None:
    """The last full excursion that is clear by itself and has others of its set and way beside it.

    Partial repetitions do not look alike, and prove no way. But getting into position goes to and fro, and
    not from rest to rest in one pose, the same way every time, a full lowering among them.

    Parameters
    ----------
    least_deg
        Smallest range of the others.
    """
    for item in reversed(items):
        if not item.full or not item.returned or item.evidence < stage.direction.enough:
            continue
        group = [one for one in items if one.returned and alongside(one, item, stage)]
        its_set = one_set(group, gap_us)
        beside = [one for one in its_set if one is not item and one.measured.reach >= least_deg]
        if len(beside) >= _BESIDE and any(one is item for one in its_set):
            return item
    return None


def alongside(one: Waiting, other: Waiting, stage: Stage) -> bool:
    """Whether two excursions go the same way from the same pose.

    Who sits down on a chair and later sits back on the heels goes the same way, but the
    shank does not lie alike.
    """
    a, b = one.measured, other.measured
    return dot(a.axis, b.axis) > 0.0 and same_pose(a.shank_home, b.shank_home, stage)


def same_pose(shank: Vector | None, other: Vector | None, stage: Stage) -> bool:
    """Whether the shank, "up" in its sensor's frame, lies alike; where it was not seen, it does."""
    if shank is None or other is None:
        return True
    return angle_between(shank, other) <= _OTHER_POSE * stage.count.shank_reject_deg
