"""Sets: which repetitions belong together, their numbers, and their totals.

Every event stage keeps one :class:`SetBook`. It numbers repetitions, opens a set with its first counted
repetition, closes it ``set_gap_ns`` after the end of the last one, and adds up what its counted repetitions
say. It knows nothing about how repetitions are found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from eccentra.events import (
    Event,
    Flag,
    Metric,
    Reason,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    RepRejected,
    SetCompleted,
    SetStarted,
)
from eccentra.stages.set_numbers import signed_asymmetry

__all__ = ["SetBook", "asymmetry", "total"]

Totals = Callable[[Sequence[Repetition]], dict[str, Metric]]


def total(reps: Sequence[Repetition], name: str, unit: str, method: str, *, alike: bool = False) -> Metric:
    """Sum of one metric over repetitions; flagged when one of them is flagged or missing.

    The sum is over the repetitions that have the number; it is ``None`` when none has. Its uncertainty, when
    each of them has one, is that of independent errors, or with ``alike`` of one error in all of them.
    """
    found = [rep.metrics[name] for rep in reps if name in rep.metrics]
    values = [metric.value for metric in found if metric.value is not None]
    reason = next((metric.reason for metric in found if metric.reason is not None), None)
    if not values:
        reason = reason or Flag.FEW_REPETITIONS
        return Metric(value=None, unit=unit, method=method, quality="missing", reason=reason)
    touched = len(values) < len(reps) or any(metric.quality != "ok" for metric in found)
    return Metric(
        value=math.fsum(values),
        unit=unit,
        method=method,
        quality="flagged" if touched else "ok",
        reason=(reason or Flag.GAP_INSIDE) if touched else None,
        uncertainty=_of_sum([metric.uncertainty for metric in found if metric.value is not None], alike),
    )


def _of_sum(errors: Sequence[float | None], alike: bool) -> float | None:
    known = [error for error in errors if error is not None]
    if len(known) < len(errors):
        return None
    return math.fsum(known) if alike else math.hypot(*known)


def asymmetry(reps: Sequence[Repetition], least: int) -> Metric:
    """Difference of the sides' mean peak force, in percent of the stronger side (``asym_max``).

    Never negative; which side is weaker is seen from the repetitions. It is computed from valid repetitions
    with both sides and needs ``least`` of them: single repetitions of a symmetric person read 9 % on average.
    The uncertainty comes from the spread of the repetitions and from the sensors (:func:`signed_asymmetry`).
    """
    found = signed_asymmetry(reps, least)
    if found is None:
        both = any(r.force_left is not None and r.force_right is not None for r in reps if r.valid)
        reason = Flag.FEW_REPETITIONS if both else Flag.FORCE_MISSING
        return Metric(value=None, unit="%", method="asym_max", quality="missing", reason=reason)
    touched = any(r.force_left is None or r.force_right is None or Reason.GAP in r.reasons for r in reps)
    return Metric(
        value=abs(found[0]),
        unit="%",
        method="asym_max",
        quality="flagged" if touched else "ok",
        reason=Flag.FORCE_MISSING if touched else None,
        uncertainty=found[1],
    )


class SetBook:
    """The sets of one run of an exercise.

    Parameters
    ----------
    first_set
        Index of the first set.
    set_gap_us
        A set ends so long after its last repetition's end.
    totals
        Makes the metrics of a set from its completed, counted repetitions.
    """

    def __init__(self, first_set: int, set_gap_us: int, totals: Totals) -> None:
        self.set_index = first_set - 1
        self.open = False
        self.live_reps = 0
        self._gap_us = set_gap_us
        self._totals = totals
        self._next = 1
        self._counted: dict[int, int] = {}
        self._reps: dict[int, Repetition] = {}
        self._last_us = -(1 << 62)  # never yet: times may be negative
        self._start_us = 0

    @property
    def reps(self) -> list[Repetition]:
        """Completed repetitions of the open set that still count."""
        return [self._reps[index] for index in sorted(self._reps)]

    def count(self, start_us: int, t_us: int) -> tuple[int, list[Event]]:
        """A repetition that started at ``start_us`` is counted; the live count goes up at ``t_us``.

        Returns
        -------
        index
            Its index, to be used when it completes or is taken back.
        events
            ``set.started`` before the first one, and ``rep.counted``. When the open set's gap had passed
            before this repetition started, the set is completed first.
        """
        events: list[Event] = []
        if self.open and start_us - self._last_us > self._gap_us and not self._pending():
            events += self._close(t_us)
        if not self.open:
            self.open, self.set_index, self._next, self.live_reps = True, self.set_index + 1, 1, 0
            self._counted, self._reps = {}, {}
            self._start_us = start_us
            events.append(SetStarted(t_us=start_us, set_index=self.set_index))
        index, self._next = self._next, self._next + 1
        self._counted[index] = start_us
        self.live_reps += 1
        self._last_us = max(self._last_us, t_us)
        events.append(RepCounted(t_us=t_us, set_index=self.set_index, index=index))
        return index, events

    def complete(self, rep: Repetition) -> list[Event]:
        """The numbers of a counted repetition are final; nothing, when it was taken back before."""
        if rep.index not in self._counted:
            return []
        self._reps[rep.index] = rep
        self._last_us = max(self._last_us, rep.end_us)
        return [RepCompleted(t_us=rep.end_us, rep=rep)]

    def amend(self, set_index: int, index: int, t_us: int, reason: Reason) -> list[Event]:
        """Take a repetition back, also one of a set that is already over."""
        if self.open and set_index == self.set_index:
            if index not in self._counted:
                return []
            del self._counted[index]
            self._reps.pop(index, None)
            self.live_reps -= 1
            # what never was does not hold the set open
            self._last_us = max(
                [self._start_us, *self._counted.values(), *(rep.end_us for rep in self._reps.values())]
            )
        return [RepAmended(t_us=t_us, set_index=set_index, index=index, counted=False, reason=reason)]

    def undo(self, t_us: int) -> list[Event]:
        """Take the last counted repetition of the open or last set back; nothing when there is none."""
        if not self._counted:
            return []
        index = max(self._counted)
        if not self.open:
            del self._counted[index]
        return self.amend(self.set_index, index, t_us, Reason.UNDONE)

    def reject(self, start_us: int, end_us: int, decided_us: int, reason: Reason) -> list[Event]:
        """A movement was looked at and not counted."""
        return [
            RepRejected(
                t_us=end_us,
                start_us=start_us,
                end_us=end_us,
                decided_us=decided_us,
                reason=reason,
                set_index=self.set_index if self.open else None,
            )
        ]

    def extend(self, t_us: int) -> None:
        """The exercise goes on at ``t_us`` without a new repetition: the set's gap starts there."""
        self._last_us = max(self._last_us, t_us)

    def tick(self, now_us: int) -> list[Event]:
        """Close the open set when its gap has passed. Do not call it while a repetition may be going on."""
        if self.open and not self._pending() and now_us - self._last_us > self._gap_us:
            return self._close(now_us)
        return []

    def finish(self, now_us: int) -> list[Event]:
        """Nothing more will come."""
        return self._close(now_us) if self.open else []

    def _pending(self) -> bool:
        return len(self._reps) < len(self._counted)

    def _close(self, now_us: int) -> list[Event]:
        reps = self.reps
        self.open = False
        flags = tuple(dict.fromkeys(flag for rep in reps for flag in rep.flags))
        return [
            SetCompleted(
                t_us=reps[-1].end_us if reps else self._last_us,
                set_index=self.set_index,
                start_us=min((rep.start_us for rep in reps), default=self._start_us),
                end_us=max((rep.end_us for rep in reps), default=self._last_us),
                decided_us=now_us,
                reps_counted=len(reps),
                reps_valid=sum(rep.valid for rep in reps),
                metrics=self._totals(reps),
                flags=flags,
            )
        ]
