"""What counts as a hold: measured, checked, entered into the sets; and what is refused, with the reason."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from eccentra.events import Event, Reason
from eccentra.samples import NS_PER_S, Placement, StreamInfo
from eccentra.stages.history import History
from eccentra.stages.hold import Stage
from eccentra.stages.hold_lift import lift_of
from eccentra.stages.hold_measure import Measured, measure
from eccentra.stages.hold_rep import Circumstances, set_totals, write_repetition
from eccentra.stages.hold_track import Held, Rise
from eccentra.stages.inclination import Vector, angle_between
from eccentra.stages.nordic_grid import Columns
from eccentra.stages.sets import SetBook

__all__ = ["BEFORE_NS", "Judge"]

# Rows from before the way up that measuring needs: a soft start takes some seconds to leave the rest pose.
BEFORE_NS = 5 * NS_PER_S
_STILL_NS = 3 * NS_PER_S // 10
# A way down is half done when it is seen to be one.
_LEAVING_NS = 5 * NS_PER_S // 4
# Small movements that follow each other so closely are told as one.
_TOGETHER_NS = 3 * NS_PER_S
# Swings of walking come one to two a second.
# Holds beyond doubt that are remembered.
_PROOFS = 8
_SWINGS = 4
_SWING_NS = 2 * NS_PER_S


class Judge:
    """State: the sets, and movements that are still to be told as one."""

    def __init__(
        self,
        stage: Stage,
        info: StreamInfo,
        place: Placement,
        columns: Columns,
        step_ns: int,
        history: History,
        first_set: int,
    ) -> None:
        self._stage, self._info, self._columns = stage, info, columns
        self._step_ns, self._history = step_ns, history
        self.book = SetBook(first_set, round(stage.set_gap_s * 1e6), set_totals)
        self._lively = stage.rise.lively_deg_s.get(place, 0.0)
        self._lifts = place in stage.rise.lifts
        self._hips = place in stage.rise.lifts[:1]
        self.counted = 0
        self._homes: list[tuple[int, int, Vector, Vector, bool]] = []
        self.gyroscope = True
        self._free_from = -(1 << 62)  # since ever: times may be negative
        self._noise: tuple[int, int, int, Reason] | None = None
        self.usual: tuple[Vector, Vector] | None = None
        self._proven: list[Vector] = []

    def decide(
        self,
        held: Held,
        now: int,
        out: list[Event],
        *,
        ended: bool,
        lost: bool = False,
        steady: bool = True,
        far: bool = False,
        back: bool = True,
    ) -> bool:
        """A hold is over: count it or refuse it; whether it counts.

        Parameters
        ----------
        ended, lost, steady, far
            As in :class:`~eccentra.stages.hold_rep.Circumstances`.
        back
            Whether one came back near the rest pose.
        """
        if held.unsure:
            # what is taken for usual may be wrong: once is enough
            self.usual = None
            self.refuse(held.since, now, now, Reason.GAP, out)
            return False
        if not ended and not lost and steady and not self._familiar(held):
            # a pose that was not left again may be anything, unless it was held before
            self.refuse(held.since, now, now, Reason.UNFINISHED, out)
            return False
        m = self._measure(held, now)
        if m is None:
            self.refuse(held.since, now, now, Reason.IRREGULAR, out)
            return False
        up, down = self._ways(m)
        if not back:
            down = 0
        if self._lifts and (down < 0 or up + down < 0) and not self._livelier(held):
            held.reversed = True
            self.refuse(held.since, held.drop or now, now, Reason.SETUP, out)
            return False
        lifted = up + down > 0
        livelier = self._livelier(held)
        sure = up + down > 0 or (self._stage.far is not None and up + down < 0)
        proven = sure and livelier and back and held.rise <= self._stage.rise.proof_deg
        hasty = held.hasty and not (proven or (back and up * down > 0) or (self._proven and back))
        if hasty or not (proven or self.fits(held.pose)):
            self.refuse(held.since, held.drop or now, now, Reason.SETUP, out)
            return False
        witness = lifted or held.rise >= self._stage.rise.sure_deg or self._familiar(held)
        if not (back or far or lifted or self._familiar(held)):
            # gone somewhere else: the pose before may have been on the way there
            witness = False
            livelier = held.lively > self._lively
        if not witness and not livelier:
            self.refuse(held.since, now, now, Reason.TOO_SMALL, out)
            return False
        stay = (m.last if m.leave is None else m.leave) - m.top
        doubtful = not (livelier or lifted or far or self._familiar(held))
        if stay < (self._stage.end.sure_s if doubtful else self._stage.end.least_s):
            last = m.last if m.end is None else m.end
            self.refuse(m.t0 + round(m.start * 1e9), m.t0 + round(last * 1e9), now, Reason.TOO_SHORT, out)
            return False
        self.tell(now, out)
        known = Circumstances(
            ended=ended and not lost,
            steady=steady,
            lost=lost,
            far=far,
            witness=witness,
            dips=len(held.dips),
            gyroscope=self.gyroscope,
        )
        rep = write_repetition(m, self._stage, known, self._info, now_ns=now)
        index, events = self.book.count(rep.start_us, rep.end_us)
        out += events
        out += self.book.complete(msgspec.structs.replace(rep, set_index=self.book.set_index, index=index))
        self._free_from = rep.end_us * 1000
        self.counted += 1
        self._homes.append((self.book.set_index, index, held.home, held.pose, far))
        if not far:
            self.usual = (held.home, held.pose)
        if proven:
            self._prove(held.pose, now, out)
        return True

    def fits(self, pose: Vector) -> bool:
        """Whether a pose is like those of holds that were lifted into and lowered from; true before one was.

        Standing, sitting and kneeling are far from the raised poses of all holds.
        """
        most = self._stage.rise.like_deg
        return not self._proven or any(angle_between(pose, one) <= most for one in self._proven)

    def _prove(self, pose: Vector, now: int, out: list[Event]) -> None:
        """A hold beyond doubt: take back what was counted before and is nothing like it."""
        known = bool(self._proven) and self.fits(pose)
        self._proven = [*self._proven, pose][-_PROOFS:]
        if not known:
            self._take_back(lambda _home, other, _far: self.fits(other), now, out)

    def _take_back(self, may: Callable[[Vector, Vector, bool], bool], now: int, out: list[Event]) -> None:
        """Take back what was counted and may not have been a hold."""
        for one in list(self._homes):
            set_index, index, home, pose, far = one
            if not may(home, pose, far):
                self._homes.remove(one)
                self.counted -= 1
                out += self.book.amend(set_index, index, now // 1000, Reason.SETUP)
                self.usual = None

    def _livelier(self, held: Held) -> bool:
        """Whether it moves more in the raised pose than in the rest pose: muscles hold it, not the floor."""
        resting = held.rest_lively
        return resting is not None and held.lively > max(
            self._stage.rise.lively_ratio * resting, self._lively
        )

    def rises(self, since: int, now: int) -> bool:
        """Whether a way that is just over went up for certain, where nothing but a hold goes up."""
        return self._hips and self.lift(since - (now - since) // 2, now - _STILL_NS) > 0

    def sinks(self, held: Held, now: int) -> bool:
        """Whether the way to what looks like a raised pose went down for certain."""
        before = (held.settled - held.since) // 2
        return (
            self._lifts
            and not self._livelier(held)
            and not self._familiar(held)
            and self.lift(held.since - before, now - _STILL_NS) < 0
        )

    def lowered(self, held: Held) -> int:
        """Whether it went up to the raised pose, or down to where it stopped, for certain (1).

        -1 when it went up to where it stopped, 0 when nobody can say.
        """
        if not self._lifts or held.drop is None or held.parked is None:
            return 0
        down = -self.lift(held.drop - _LEAVING_NS, held.parked)
        if down:
            return down
        return max(self.lift(held.since - (held.settled - held.since) // 2, held.settled + _STILL_NS), 0)

    def _familiar(self, held: Held) -> bool:
        """Whether rest pose and raised pose are those of the last hold."""
        return self.raised(held.home, held.pose)

    def raised(self, home: Vector, pose: Vector) -> bool:
        """Whether ``pose`` is the raised pose of the last hold, and ``home`` its rest pose."""
        if self.usual is None:
            return False
        rest, up = self.usual
        near = 0.4 * angle_between(rest, up)
        return angle_between(rest, home) < near and angle_between(up, pose) < near

    def decide_far(
        self, held: Held, left: int | None, now: int, out: list[Event], *, near: bool = False
    ) -> bool:
        """A pose far from the one before was left at ``left`` (``None``: not yet): held, or rested in.

        ``near``: it was left for a pose nearby, which is down from a hold and up from lying.
        """
        until = now if left is None else left
        short = until - held.settled < self._stage.end.least_s * NS_PER_S
        if short or held.lively < self._lively or not self._lowers(held, left, now, near):
            self.refuse(held.since, until, now, Reason.SETUP, out)
            return False
        held.drop = left
        return self.decide(held, now, out, ended=left is not None, far=True)

    def _lowers(self, held: Held, left: int | None, now: int, near: bool) -> bool:
        """Whether one may have come down to a pose from far away and gone up from it, unlike getting up."""
        if self.lift(held.since - (held.settled - held.since) // 2, held.settled - _STILL_NS) > 0:
            return False
        if left is None:
            return True
        lift = self.lift(left, now - _STILL_NS)
        return lift < 0 if near else lift >= 0

    def lift(self, since: int, until: int) -> int:
        """Whether a movement went up (1) or down (-1) for certain, else 0.

        ``since`` and ``until`` are its ends in ns; there should be rest for 0.3 s on both sides.
        """
        t, x = self._history.rows(since - _STILL_NS, until + _STILL_NS)
        found = lift_of(t, x, self._columns) if len(t) else None
        return 0 if found is None else found.sign

    def _ways(self, m: Measured) -> tuple[int, int]:
        """Whether the way up went up, and the way down down: 1 yes, -1 it was the other way, 0 not known."""
        ends = [None if s is None else m.t0 + round(s * NS_PER_S) for s in (m.start, m.top, m.leave, m.end)]
        start, top, leave, end = ends
        up = 0 if start is None or top is None else self.lift(start, top)
        return up, 0 if leave is None or end is None else -self.lift(leave, end)

    def _measure(self, held: Held, now: int) -> Measured | None:
        begin = max(held.since - BEFORE_NS, self._free_from)
        t, x = self._history.rows(begin, now)
        return measure(
            t,
            x,
            held.moments,
            self._columns,
            hip=self._stage.hip,
            step_ns=self._step_ns,
            rule=self._stage.phases,
        )

    def refuse(self, start: int, end: int, now: int, reason: Reason, out: list[Event]) -> None:
        """A movement that is no hold, in ns."""
        self.tell(now, out)
        out += self.book.reject(start // 1000, end // 1000, now // 1000, reason)

    def learned(self, may_be: Callable[[Vector, Vector, bool], bool], now: int, out: list[Event]) -> None:
        """It is known what is upright: take back what was counted before and cannot have been a hold."""
        self._take_back(may_be, now, out)

    def noise(self, way: Rise, end: int, out: list[Event]) -> None:
        """A movement away from the rest pose and back; several in a row are told as one."""
        rule = self._stage.rise
        if way.gap:
            reason = Reason.GAP
        elif way.peak > rule.most_deg:
            reason = Reason.SETUP
        else:
            reason = Reason.TOO_SHORT if way.turns <= 1 else Reason.IRREGULAR
        if way.shake > self._stage.walk.shake:
            reason = Reason.WALKING
        old = self._noise
        if old is not None and way.since - old[1] > _TOGETHER_NS:
            self.tell(end, out)
            old = None
        if old is None:
            self._noise = (way.since, end, max(way.turns, 1), reason)
            return
        same = reason if reason is old[3] else Reason.WALKING
        if Reason.WALKING not in (reason, old[3]):
            same = reason if reason is old[3] else Reason.IRREGULAR
        self._noise = (old[0], end, old[2] + max(way.turns, 1), same)

    def tell(self, now: int, out: list[Event]) -> None:
        """Tell the movements that wait."""
        noise, self._noise = self._noise, None
        if noise is None:
            return
        start, end, swings, reason = noise
        if reason is Reason.TOO_SHORT and swings > 1:
            reason = Reason.IRREGULAR
        if reason is not Reason.GAP and swings >= _SWINGS and (end - start) / swings < _SWING_NS:
            reason = Reason.WALKING
        out += self.book.reject(start // 1000, end // 1000, now // 1000, reason)
