"""Which movements of a cyclic exercise count: told together once there are enough for a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from eccentra.events import CalibrationDone, Event, Reason, Repetition
from eccentra.stages.cycle_found import Found
from eccentra.stages.generic_rep import set_totals
from eccentra.stages.generic_tracking import Tracking
from eccentra.stages.sets import SetBook

if TYPE_CHECKING:
    from eccentra.stages.generic import Stage

__all__ = ["Counting"]


class Counting:
    """The sets that were counted, and those movements that wait for being one.

    Parameters
    ----------
    stage
        Parameters.
    first_set
        Index of the first set.

    Attributes
    ----------
    book
        The sets.
    t_us
        Time now, of what is told.
    session_reps
        Repetitions counted so far.
    """

    def __init__(self, stage: Stage, first_set: int) -> None:
        self._stage = stage
        self.book = SetBook(first_set, round(stage.set_gap_s * 1e6), set_totals(stage.trend_least_reps))
        self.t_us = 0
        self.session_reps = 0
        self._before: Found | None = None

    def settle(self, tracking: Tracking, out: list[Event], *, ended: bool = False) -> None:
        """Count what is waiting, but for what is no repetition at the ends of a set.

        Picking up a weight looks like one repetition, and comes after or before a pause, or is odd beside the
        others. The last one that is waiting may have a neighbour yet, and an odd one one that is not.
        """
        while not tracking.goes_on and tracking.odd_first(self._stage.odd):
            if len(tracking.waiting) <= self._stage.prove_reps:
                if not ended:
                    return
                break
            first = tracking.waiting.pop(0)
            out += self.book.reject(first.start_us, first.end_us, self.t_us, Reason.IRREGULAR)
        groups = tracking.grouped()
        for k, group in enumerate(groups):
            joins = k == 0 and tracking.goes_on
            later = any(len(other) >= self._stage.least_reps for other in groups[k + 1 :])
            if tracking.goes_on and not joins and not tracking.fits(group, self._stage.search.time_ratio):
                if not later and k == len(groups) - 1:
                    # something else has begun: learn it when it is enough to be a movement
                    if len(group) >= self._stage.prove_reps:
                        tracking.unlike = self._stage.relearn_after
                    break
                reason: Reason | None = Reason.IRREGULAR
            elif len(group) < self._stage.least_reps and not joins:
                # if single ones go on, their pauses become the usual ones
                if not later:
                    break
                reason = Reason.SINGLE_CYCLE
            else:
                reason = None
                self._open(tracking, out)
            for rep in group:
                refused = reason
                if refused is None and tracking.odd(self._stage.odd, self._stage.half):
                    if len(tracking.waiting) < self._stage.prove_reps:
                        return
                    if not tracking.alike(self._stage.odd):
                        refused = Reason.IRREGULAR
                if refused is None:
                    self._count(tracking, rep, out)
                else:
                    out += self.book.reject(rep.start_us, rep.end_us, self.t_us, refused)
                del tracking.waiting[0]

    def close(self, tracking: Tracking, out: list[Event]) -> None:
        """No more repetition of the set will come."""
        if len(tracking.waiting) >= self._stage.least_reps or self.book.open:
            self.settle(tracking, out, ended=True)
        for rep in tracking.waiting:
            out += self.book.reject(rep.start_us, rep.end_us, self.t_us, Reason.SINGLE_CYCLE)
        tracking.waiting.clear()
        self.publish_refused(tracking, out)
        out += self.book.finish(self.t_us)

    def publish_refused(self, tracking: Tracking, out: list[Event]) -> None:
        """Tell the movements that were refused since."""
        for cycle in tracking.refused:
            out += self._reject(cycle.start_s, cycle.end_s, cycle.reason or Reason.IRREGULAR)
        tracking.refused.clear()

    def _open(self, tracking: Tracking, out: list[Event]) -> None:
        """Tell once that a movement is known; another movement is another set."""
        if tracking.booked:
            return
        tracking.booked = True
        search, before = self._stage.search, self._before
        again = before and before.same(tracking.found, search.size_ratio, search.time_ratio)
        if self.book.open and not again:
            out += self.book.finish(self.t_us)
        self._before = tracking.found
        out.append(CalibrationDone(t_us=self.t_us, what=f"axis:{tracking.found.axis.kind}"))

    def _count(self, tracking: Tracking, made: Repetition, out: list[Event]) -> None:
        tracking.counted(made)
        index, events = self.book.count(made.start_us, made.end_us)
        rep = msgspec.structs.replace(made, set_index=self.book.set_index, index=index, decided_us=self.t_us)
        out += events
        out += self.book.complete(rep)
        self.session_reps += 1

    def _reject(self, start_s: float, end_s: float, reason: Reason) -> list[Event]:
        return self.book.reject(round(start_s * 1e6), round(end_s * 1e6), self.t_us, reason)
