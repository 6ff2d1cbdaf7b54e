"""Holds that count, with their poses: what is like them, and taking back what was none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from eccentra.events import Event, Reason, Repetition
from eccentra.stages.hold import Stage
from eccentra.stages.hold_pose import Lively
from eccentra.stages.inclination import Vector, angle_between
from eccentra.stages.sets import SetBook

__all__ = ["Between", "Known", "alike"]

# So many holds beyond doubt are remembered.
_PROOFS = 8
# Times of the same hold, found in two ways, overlap by so much.
_SAME = 0.7
_EVER = -(1 << 62)  # times may be negative


class Between(msgspec.Struct, frozen=True):
    """A pose with its neighbours: what may be a hold.

    Attributes
    ----------
    before, pose, after
        "Up" in the sensor's frame.
    start, settled, left, end
        When the way up began, the pose was reached and left, and the next one was reached, in ns.
    """

    before: Vector
    pose: Vector
    after: Vector
    start: int
    settled: int
    left: int
    end: int


def alike(one: Between, home: Vector, pose: Vector, share: float) -> bool:
    """Whether rest and raised poses are the same within a share of the rise, not exchanged or others."""
    near = share * angle_between(home, pose)
    back = min(angle_between(one.before, home), angle_between(one.after, home))
    return angle_between(one.pose, pose) < near and back < near


class _Counted(msgspec.Struct, frozen=True):
    """A hold that counts: its place in the sets, its poses, whether from far away, and its times in ns."""

    set_index: int
    index: int
    home: Vector
    pose: Vector
    far: bool
    start: int
    end: int


class Known:
    """State: the holds that count, and those of them that are holds beyond doubt.

    Attributes
    ----------
    counted
        How many count.
    free_from
        What began before this time, in ns, is in a hold that counts.
    usual
        Rest pose and raised pose of the last hold; ``None`` before one, or when that may be wrong.
    """

    def __init__(self, stage: Stage, book: SetBook) -> None:
        self._stage, self._book = stage, book
        self.counted = 0
        self.free_from = _EVER
        self.usual: tuple[Vector, Vector] | None = None
        self._holds: list[_Counted] = []
        self._proven: list[tuple[Vector, Vector]] = []
        self._efforts: deque[float] = deque(maxlen=_PROOFS)

    @property
    def proven(self) -> bool:
        """Whether there was a hold beyond doubt."""
        return bool(self._proven)

    def enter(self, rep: Repetition, home: Vector, pose: Vector, *, far: bool) -> None:
        """A hold counts."""
        start, end = rep.start_us * 1000, rep.end_us * 1000
        self.counted += 1
        self.free_from = end
        self._holds.append(_Counted(rep.set_index, rep.index, home, pose, far, start, end))
        if not far:
            self.usual = (home, pose)

    def raised(self, home: Vector, pose: Vector) -> bool:
        """Whether ``pose`` is the raised pose of the last hold, and ``home`` its rest pose."""
        if self.usual is None:
            return False
        rest, up = self.usual
        near = self._stage.second.like_share * angle_between(rest, up)
        return angle_between(rest, home) < near and angle_between(up, pose) < near

    def raised_before(self, home: Vector, pose: Vector) -> bool:
        """Whether these are the rest pose and the raised pose of one of the last holds."""
        share = self._stage.second.like_share
        return any(
            max(angle_between(one.home, home), angle_between(one.pose, pose))
            < share * angle_between(one.home, one.pose)
            for one in self._holds[-_PROOFS:]
        )

    def like(self, what: Between) -> bool:
        """Whether its poses are those of a hold that counts."""
        known = [(one.home, one.pose) for one in self._holds[-_PROOFS:]]
        return any(alike(what, *poses, self._stage.second.like_share) for poses in (*known, *self._proven))

    def fits(self, home: Vector, pose: Vector, far: bool) -> bool:
        """Whether poses are like those of holds beyond doubt; true before there was one.

        Standing, sitting and kneeling are far from the raised poses of all holds, and where all begin lying,
        from their rest poses.
        """
        most = self._stage.rise.like_deg
        many = self._stage.far is not None or far
        return not self._proven or any(
            angle_between(pose, up) <= most and (many or angle_between(home, rest) <= most)
            for rest, up in self._proven
        )

    def prove(self, home: Vector, pose: Vector, now: int, out: list[Event]) -> None:
        """A hold beyond doubt: take back what was counted before and is nothing like it."""
        known = self.proven and self.fits(home, pose, False)
        self._proven = [*self._proven, (home, pose)][-_PROOFS:]
        if not known:
            self.take_back(self.fits, now, out)

    def trembled(self, held: Lively, rest: Lively) -> None:
        """A hold trembled beyond doubt."""
        self._efforts.append(held.tremor - rest.tremor)

    def effortless(self, home: Vector, pose: Vector, held: Lively | None, rest: Lively | None) -> bool:
        """Whether a pose like no hold before trembles too little for one, by what is usual for the person.

        Where one may leave a hold to anywhere, stops on the way to standing look like holds.
        """
        if self._stage.end.leave == "back" or not self._efforts or held is None or rest is None:
            return False
        if self.raised_before(home, pose):
            return False
        usual = sorted(self._efforts)[len(self._efforts) // 2]
        return held.tremor - rest.tremor < self._stage.second.effort_share * usual

    def take_back(self, may: Callable[[Vector, Vector, bool], bool], now: int, out: list[Event]) -> None:
        """Take back what was counted and may not have been a hold."""
        for one in list(self._holds):
            if not may(one.home, one.pose, one.far):
                self._forget(one, now, out)

    def was_rest(self, what: Between, now: int, out: list[Event]) -> bool:
        """It was the rest pose: take it back if it was counted; whether it was."""
        for one in self._holds:
            middle = (one.start + one.end) // 2
            nearer = angle_between(one.pose, what.pose) < angle_between(one.home, what.pose)
            if what.settled < middle < what.left and nearer:
                self._forget(one, now, out)
                self.free_from = max((other.end for other in self._holds), default=_EVER)
                return True
        return False

    def was_other(self, what: Between, now: int, out: list[Event]) -> None:
        """It was held in this pose: take back what was counted over parts of it and others."""
        for one in list(self._holds):
            shared = min(one.end, what.end) - max(one.start, what.start)
            if 0 < shared < _SAME * max(one.end - one.start, what.end - what.start):
                self._forget(one, now, out)
        self.free_from = max((one.end for one in self._holds), default=_EVER)

    def _forget(self, one: _Counted, now: int, out: list[Event]) -> None:
        """Take one back."""
        self._holds.remove(one)
        self.counted -= 1
        out += self._book.amend(one.set_index, one.index, now // 1000, Reason.SETUP)
        self.usual = None
