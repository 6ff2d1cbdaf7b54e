"""What counts as a hold: measured, checked, entered into the sets; or refused, with the reason."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from eccentra.events import Event, Reason
from eccentra.samples import NS_PER_S, Placement, StreamInfo
from eccentra.stages.history import History
from eccentra.stages.hold import Stage
from eccentra.stages.hold_known import Between, Known
from eccentra.stages.hold_lift import lift_of
from eccentra.stages.hold_measure import SOFT_NS, Measured, Moments, measure
from eccentra.stages.hold_pose import livelier
from eccentra.stages.hold_refused import Refused
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


def _nothing(_home: Vector, _pose: Vector, _begin: int, _now: int, _out: list[Event]) -> None:
    """Nothing waits."""


class Judge:
    """State: the sets, what counts in them, and what is refused.

    Parameters
    ----------
    stage, info, place, columns
        Parameters; the rows, which sensor is looked at and where it is in them.
    step_ns
        Between two rows.
    history
        The rows that may still be needed.
    first_set
        Index of the first set.
    may
        Whether rest pose and raised pose may be those of a hold (the last argument: from far away).
    """

    def __init__(
        self,
        stage: Stage,
        info: StreamInfo,
        place: Placement,
        columns: Columns,
        step_ns: int,
        history: History,
        first_set: int,
        may: Callable[[Vector, Vector, bool], bool],
    ) -> None:
        self._stage, self._info, self._columns = stage, info, columns
        self._step_ns, self._history = step_ns, history
        self.book = SetBook(first_set, round(stage.set_gap_s * 1e6), set_totals)
        self._lively = stage.rise.lively_deg_s.get(place, 0.0)
        self._lifts = place in stage.rise.lifts
        self._hips = place in stage.rise.lifts[:1]
        self._may = may
        self.known = Known(stage, self.book)
        self.refused = Refused(stage, self.book)
        self._sits = stage.far is not None and place not in stage.far.least_deg
        self.recall: Callable[[Vector, Vector, int, int, list[Event]], None] = _nothing
        self.gyroscope = True

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
            self.known.usual = None
            self.refused.refuse(held.since, now, now, Reason.GAP, out)
            return False
        if not ended and not lost and steady and not self.familiar(held):
            # a pose that was not left again may be anything, unless it was held before
            self.refused.refuse(held.since, now, now, Reason.UNFINISHED, out)
            return False
        m = self.measured(held.moments, now)
        if m is None:
            self.refused.refuse(held.since, now, now, Reason.IRREGULAR, out)
            self._goes_on(held.home, held.pose, now)
            return False
        up, down = self._ways(m)
        if not back:
            down = 0
        if self._lifts and (down < 0 or up + down < 0) and not self._livelier(held):
            held.reversed = True
            self.refused.refuse(held.since, held.drop or now, now, Reason.SETUP, out)
            return False
        lifted = up + down > 0
        loaded = self._livelier(held)
        sure = up + down > 0 or (self._stage.far is not None and up + down < 0)
        proven = sure and loaded and back and held.rise <= self._stage.rise.proof_deg
        hasty = held.hasty and not (proven or (back and up * down > 0) or (self.known.proven and back))
        effortless = self.known.effortless(held.home, held.pose, held.lively, held.rest_lively)
        if hasty or effortless or not (proven or self.known.fits(held.home, held.pose, far)):
            self.refused.refuse(held.since, held.drop or now, now, Reason.SETUP, out)
            return False
        witness = lifted or held.rise >= self._stage.rise.sure_deg or self.familiar(held)
        if not (back or far or lifted or self.familiar(held)):
            # gone somewhere else: the pose before may have been on the way there
            witness = False
            loaded = self._carried(held)
        if not steady and not (lifted or self.familiar(held)):
            # nobody has come down from it: lying still and then shifting about gets unsteadier as well
            witness = False
        if not witness and not loaded:
            self.refused.refuse(held.since, now, now, Reason.TOO_SMALL, out)
            return False
        doubtful = not (loaded or lifted or far or self.familiar(held))
        if m.stay_s < (self._stage.end.sure_s if doubtful else self._stage.end.least_s):
            last = m.last if m.end is None else m.end
            end = m.t0 + round(last * 1e9)
            self.refused.refuse(m.t0 + round(m.start * 1e9), end, now, Reason.TOO_SHORT, out)
            if not doubtful:
                # tried and let go: the set goes on
                self.book.extend(end // 1000)
            return False
        self.refused.tell(now, out)
        known = Circumstances(
            ended=ended and not lost,
            steady=steady,
            lost=lost,
            far=far,
            witness=witness,
            dips=len(held.dips),
            gyroscope=self.gyroscope,
        )
        self._enter(m, known, held.home, held.pose, now, out)
        if proven:
            self.known.prove(held.home, held.pose, now, out)
        return True

    def _enter(
        self, m: Measured, known: Circumstances, home: Vector, pose: Vector, now: int, out: list[Event]
    ) -> None:
        """Enter a hold into the sets, and before it those like it that waited."""
        self.recall(home, pose, m.t0 + round(m.start * NS_PER_S), now, out)
        rep = write_repetition(m, self._stage, known, self._info, now_ns=now)
        index, events = self.book.count(rep.start_us, rep.end_us)
        out += events
        rep = msgspec.structs.replace(rep, set_index=self.book.set_index, index=index)
        out += self.book.complete(rep)
        self.known.enter(rep, home, pose, far=known.far)

    # -- the second look ------------------------------------------------------------------------------

    def may_be(self, what: Between, *, sure: bool = False) -> bool:
        """Whether nothing that is known speaks against it: upright poses, heights, holds beyond doubt.

        ``sure``: it is one itself, and need not be like others (on the other side, for instance).
        """
        far = angle_between(what.before, what.pose) > self._stage.rise.most_deg
        if not (sure or self.known.fits(what.before, what.pose, far)):
            return False
        if not self._may(what.before, what.pose, far):
            return False
        up, down = self._heights(what)
        return not (self._lifts and (up < 0 or down < 0))

    def _heights(self, what: Between) -> tuple[int, int]:
        """Whether the way up went up, and the way down down, for certain."""
        return self.lift(what.start, what.settled), -self.lift(what.left, what.end)

    def count_late(self, what: Between, m: Measured, now: int, out: list[Event]) -> None:
        """Count what was missed."""
        known = Circumstances(
            ended=True,
            steady=True,
            lost=False,
            far=angle_between(what.before, what.pose) > self._stage.rise.most_deg,
            witness=False,  # nothing but the poses before and after says so
            dips=None,
            gyroscope=self.gyroscope,
        )
        self.refused.tell(now, out)
        self._enter(m, known, what.before, what.pose, now, out)

    def familiar(self, held: Held) -> bool:
        """Whether rest pose and raised pose are those of the last hold."""
        return self.known.raised(held.home, held.pose)

    def _livelier(self, held: Held) -> bool:
        """Whether it moves more in the raised pose than in the rest pose: muscles hold it, not the floor."""
        return livelier(held.lively, held.rest_lively, self._stage.rise) > 0

    def _surely_livelier(self, held: Held) -> bool:
        """Whether it moves more than in the rest pose, also when that was seen for a short while only."""
        rule, held_so, rest = self._stage.rise, held.lively, held.rest_lively
        if not self._livelier(held) or held_so is None or rest is None:
            return False
        return held_so.trembles(rest, rule.tremor_ratio) or held_so.sways(rest, rule.lively_ratio)

    def _carried(self, held: Held) -> bool:
        """Whether it moves more than what the floor carries, and less than somebody who walks."""
        lively = held.lively
        return lively is not None and self._lively <= lively.sway <= self._stage.walk.speed_deg_s

    def leads(self, way: Rise, u: Vector, d: float, now: int, *, rested: bool) -> tuple[bool, bool]:
        """Whether a way of ``d`` degrees to the pose ``u`` may lead to a hold, and whether it began hastily.

        From the usual rest pose to the usual raised pose a smaller way will do, as for what trembles.
        """
        rule = self._stage.rise
        known = self.known.raised(way.home, u)
        least = rule.least_deg * (self._stage.second.tremor_share if known else 1.0)
        if not least <= d <= rule.most_deg:
            return False, False
        hasty = way.clean and not rested and not known and not self._rises(way.since, now)
        anyway = known or way.gap
        lenient = self._stage.far is not None and d <= rule.proof_deg
        return anyway or (way.clean and (not hasty or lenient)), hasty

    def _rises(self, since: int, now: int) -> bool:
        """Whether a way that is just over went up for certain, where nothing but a hold goes up."""
        return self._hips and self.lift(since - (now - since) // 2, now - _STILL_NS) > 0

    def sinks(self, held: Held, now: int) -> bool:
        """Whether the way to what looks like a raised pose went down for certain."""
        before = (held.settled - held.since) // 2
        return (
            self._lifts
            and not self._livelier(held)
            and not self.familiar(held)
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

    def decide_far(
        self, held: Held, left: int | None, now: int, out: list[Event], *, near: bool = False
    ) -> bool:
        """A pose far from the one before was left at ``left`` (``None``: not yet): held, or rested in.

        ``near``: it was left for a pose nearby, which is down from a hold and up from lying.
        """
        until = now if left is None else left
        short = until - held.settled < self._stage.end.least_s * NS_PER_S
        # what sitting down looks like as well: it is calmer than standing, a hold is not
        sits = self._sits and not self._surely_livelier(held)
        if short and self.known.raised_before(held.home, held.pose):
            self.refused.refuse(held.since, now, now, Reason.TOO_SHORT, out)
            self._goes_on(held.home, held.pose, now)
            return False
        if short or sits or not self._carried(held) or not self._lowers(held, left, now, near):
            self.refused.refuse(held.since, until, now, Reason.SETUP, out)
            return False
        held.drop = left
        return self.decide(held, now, out, ended=left is not None, far=True)

    def let_go(self, way: Rise, now: int, out: list[Event]) -> None:
        """Away from the rest pose and back at once."""
        self.refused.noise(way, now, out)
        self._goes_on(way.home, way.top, now)

    def _goes_on(self, home: Vector, pose: Vector, now: int) -> None:
        """Let the open set go on when the poses are those of its holds: one was tried and let go."""
        if self.book.open and self.known.raised_before(home, pose):
            self.book.extend(now // 1000)

    def goes_on(self, held: Held, now: int, left: int | None = None) -> bool:
        """Whether the soft end of the way down is still to come; it is asked again when it should be over.

        ``left``: when the hold was left, in ns, where ``held`` does not know it yet.
        """
        if held.waits is None:
            held.waits = held.ends = now
        if now < held.ends:
            return True
        moments = held.moments if left is None else msgspec.structs.replace(held.moments, drop=left)
        m = self.measured(moments, now)
        held.ends = now if m is None else min(m.until_ns, held.waits + SOFT_NS)
        return held.ends > now

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

    def measured(self, moments: Moments, now: int) -> Measured | None:
        """Take a hold apart."""
        t, x = self._history.rows(max(moments.since - BEFORE_NS, self.known.free_from), now)
        return measure(
            t,
            x,
            moments,
            self._columns,
            hip=self._stage.hip,
            step_ns=self._step_ns,
            rule=self._stage.phases,
        )
