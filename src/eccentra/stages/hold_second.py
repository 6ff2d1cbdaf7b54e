"""A second look at holds and rests, with the poses before and after: which of two poses is the raised one.

While it happens a first hold often looks like nothing: nobody knows yet how still the person rests. A moment
after it has ended one knows. A pose that is livelier than those before and after it, which are one pose, is
carried by muscles, and they by the floor; when it is calmer than both, it was the rest. What was missed is
counted late, with its true times; what was counted and was the rest is taken back. A movement that cannot be
told alone waits until a hold like it is beyond doubt.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import NamedTuple, Protocol

from eccentra.events import Event
from eccentra.samples import NS_PER_S
from eccentra.stages.hold import RiseRule, Stage
from eccentra.stages.hold_dwell import Dwell, Dwells
from eccentra.stages.hold_known import Between, Known, alike
from eccentra.stages.hold_measure import SOFT_NS, Measured, Moments
from eccentra.stages.hold_pose import Lively, Recent, livelier
from eccentra.stages.inclination import Vector, angle_between

__all__ = ["Court", "SecondLook", "Seen"]

# A rest shorter than this share of the hold before it: in few seconds tremor and sway are measured badly.
_SHORT_REST = 0.5
# So much may wait.
_WAITING = 6


class Court(Protocol):
    """Decides what counts (:class:`~eccentra.stages.hold_judge.Judge`)."""

    def measured(self, moments: Moments, now: int) -> Measured | None:
        """Take the hold apart."""
        ...

    def may_be(self, what: Between, *, sure: bool = False) -> bool:
        """Whether nothing that is known speaks against it; ``sure``: it need not be like others."""
        ...

    def count_late(self, what: Between, m: Measured, now: int, out: list[Event]) -> None:
        """Count what was missed."""
        ...


class Seen(NamedTuple):
    """The rest pose, and the raised pose after it when one is in that."""

    rest: Dwell
    raised: Dwell | None


class SecondLook:
    """State: poses, and what waits for a hold like it.

    Parameters
    ----------
    stage
        Parameters of the exercise.
    lively_deg_s
        What is slower than this is carried by the floor.
    court
        Who counts.
    known
        What counts already.
    """

    def __init__(self, stage: Stage, lively_deg_s: float, court: Court, known: Known) -> None:
        self._stage, self._lively, self._court, self._known = stage, lively_deg_s, court, known
        second, least = stage.second, stage.rise.least_deg
        self._dwells = Dwells(
            stage.pose.quiet_s,
            second.pose_share * least,
            ratio=stage.rise.tremor_ratio,
            least_deg=second.least_share * second.tremor_share * least,
        )
        self._looks = 0
        self._hurried = False
        self._later = 0
        self._waiting: deque[tuple[Between, Measured]] = deque(maxlen=_WAITING)

    @property
    def keeps_from(self) -> int | None:
        """Rows from here on may still be needed, ns."""
        past = self._dwells.past
        return past[-2].end if len(past) > 1 else past[-1].end if past else None

    @property
    def holding(self) -> bool:
        """Whether one is in what may be a hold, or it has just ended and was not judged yet."""
        poses = [*self._dwells.past] if self._dwells.now is None else [*self._dwells.past, self._dwells.now]
        judged = self._dwells.now is not None and self._looks >= len(self._stage.second.looks_s)
        pairs = list(itertools.pairwise(poses))[-1 if judged else -2 :]
        return any(
            b.trembles(a, self._stage.rise) or self._known.raised_before(a.pose, b.pose) for a, b in pairs
        )

    def clear(self) -> None:
        """Rows were missing."""
        self._dwells.clear()
        self._looks = 0

    def push(self, t: int, u: Vector, moves: Lively, recent: Recent, out: list[Event]) -> Seen | None:
        """Take one moment; what one is in when something was decided, else ``None``."""
        if self._dwells.push(t, u, moves, recent):
            self._looks, self._hurried, self._later = 0, False, t
        now, past, k = self._dwells.now, self._dwells.past, self._looks
        if now is None and k == 0 and not self._hurried and len(past) > 2 and past[-1].lively is not None:
            # left again before it was looked at: getting up soon after a hold
            self._hurried = True
            return self._look(past[-3], past[-2], past[-1], t, out)
        looks = self._stage.second.looks_s
        if now is None or k >= len(looks) or now.seconds < looks[k] or t < self._later or len(past) < 2:
            return None
        self._looks += 1
        return self._look(past[-2], past[-1], now, t, out)

    def _look(self, a: Dwell, b: Dwell, c: Dwell, t: int, out: list[Event]) -> Seen | None:
        """Judge the pose ``b`` between ``a`` and ``c``, perhaps again."""
        if self._waiting and self._waiting[-1][0].settled == b.start:
            self._waiting.pop()
        rule, second = self._stage.rise, self._stage.second
        up, down = angle_between(a.pose, b.pose), angle_between(b.pose, c.pose)
        ways = (b.start - a.end, c.start - b.end)
        # one may not have come to rest before yet, or not any more
        both = b.trembles(a, rule) and b.trembles(c, rule)
        told = both or b.trembles(a, rule) or b.trembles(c, rule)
        trembles = told and not a.trembles(b, rule) and not c.trembles(b, rule)
        if max(up, down) > rule.most_deg:
            # sitting down and standing up again looks like it
            trembles = both
        what = Between(
            before=a.pose, pose=b.pose, after=c.pose, start=a.end, settled=b.start, left=b.end, end=c.start
        )
        least, most = self._between(trembles or self._known.like(what))
        if (
            not least <= max(up, down) <= most
            or min(up, down) < second.least_share * least
            or max(ways) > rule.longest_s * NS_PER_S
            or angle_between(a.pose, c.pose) > second.back_share * max(up, down)
            or b.seconds < self._stage.end.least_s
        ):
            return None
        role = 2 if trembles else _role(a, b, c, rule)
        if role > 0 and not both and self._was_short_rest(a, b):
            return None
        if role < -1:
            return Seen(rest=b, raised=c) if self._known.was_rest(what, t, out) else None
        if role < 0 or not self._court.may_be(what, sure=trembles):
            return None
        rests = [dwell.lively for dwell in (a, c) if dwell.lively is not None]
        calmest = min(rests, key=lambda one: one.tremor, default=None)
        if not trembles and self._known.effortless(what.before, what.pose, b.lively, calmest):
            return None
        alone = role > 0 and bool(rests) and min(one.sway for one in rests) <= self._lively
        sure = (both or alone) and max(up, down) <= rule.proof_deg
        if trembles or role > 1:
            self._known.was_other(what, t, out)
        if both and b.lively is not None:
            self._known.trembled(b.lively, min(rests, key=lambda one: one.tremor))
        if self._is_counted(what):
            if sure:
                self._known.prove(what.before, what.pose, t, out)
            return None
        m = self._court.measured(moments_of(what), t)
        if m is None or m.stay_s < self._stage.end.least_s:
            return None
        if role > 0 or (role == 0 and self._known.like(what)):
            if self._ends_later(c, m, t):
                return None
            self._court.count_late(what, m, t, out)
            if sure:
                self._known.prove(what.before, what.pose, t, out)
            return Seen(rest=c, raised=None)
        self._waiting.append((what, m))
        return None

    def _was_short_rest(self, a: Dwell, b: Dwell) -> bool:
        """Whether ``b`` was the rest pose of a hold in ``a``, too short for one side to say otherwise."""
        return b.seconds < _SHORT_REST * a.seconds and self._known.raised_before(b.pose, a.pose)

    def _ends_later(self, c: Dwell, m: Measured, t: int) -> bool:
        """Whether the way down to ``c`` has a soft end that is still to come: it is looked at again then."""
        latest = c.start + round(self._stage.second.looks_s[0] * NS_PER_S) + SOFT_NS
        later = min(m.until_ns, latest)
        if c is not self._dwells.now or later <= t:
            return False
        self._looks, self._later = self._looks - 1, later
        return True

    def _between(self, sure: bool) -> tuple[float, float]:
        """How far a raised pose is from its rest pose: at least, and at most."""
        rule, far = self._stage.rise, self._stage.far
        if not sure:
            return rule.least_deg, rule.most_deg
        return (
            self._stage.second.tremor_share * rule.least_deg,
            rule.most_deg if far is None else far.most_deg,
        )

    def _is_counted(self, what: Between) -> bool:
        """Whether it was counted already, or something since then was."""
        return what.settled < self._known.free_from

    def recall(self, home: Vector, pose: Vector, begin: int, now: int, out: list[Event]) -> None:
        """A hold that began at ``begin`` is to be counted: count before it what waited and is like it."""
        waiting, self._waiting = self._waiting, deque(maxlen=_WAITING)
        second = self._stage.second
        wait_ns = round(second.wait_s * NS_PER_S)
        for what, m in waiting:
            if now - what.end > wait_ns or self._is_counted(what):
                continue
            if what.left <= begin and alike(what, home, pose, second.like_share) and self._court.may_be(what):
                self._court.count_late(what, m, now, out)


def moments_of(what: Between) -> Moments:
    """What measuring has to know."""
    return Moments(
        since=what.start,
        settled=what.settled,
        left=what.settled,
        drop=what.left,
        rise=angle_between(what.before, what.pose),
        home=what.before,
        dips=(),
    )


def _role(a: Dwell, b: Dwell, c: Dwell, rule: RiseRule) -> int:
    """Above 0 when ``b`` is held by muscles and its neighbours lie on the floor, below 0 the other way.

    So many of the neighbours say so, and none the opposite; 0: not known.
    """
    found = [livelier(b.lively, other.lively, rule) for other in (a, c)]
    return sum(found) if min(found) * max(found) >= 0 else 0
