"""What is known of a movement while it is followed, and which of its repetitions belong together."""

from __future__ import annotations

import math
from bisect import bisect
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from eccentra.events import Flag, Reason, Repetition
from eccentra.samples import Floats
from eccentra.stages.cycle_closed import closed_position
from eccentra.stages.cycle_counter import Cycle, CycleCounter
from eccentra.stages.cycle_found import Found
from eccentra.stages.cycle_half import HalfRules, away_like
from eccentra.stages.cycle_height import STEP_NS, HeightFollower
from eccentra.stages.cycle_lever import LeverRules, swung_deg, undelayed
from eccentra.stages.cycle_odd import Looks, OddRules, creeps, elsewhere, looks, oddness
from eccentra.stages.cycle_rise import rise
from eccentra.stages.stroke_shape import Likeness

__all__ = ["PauseRules", "Tracking"]

# Fewer repetitions do not say what is usual.
_FEWEST = 2
# Earlier ways of doing it are remembered, so many times as many repetitions as the counter remembers.
_STYLES = 4


class PauseRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pauses part repetitions: longer than usual by so much and this share of a repetition's time."""

    extra_s: float
    extra_share: float


class Tracking:
    """What is known while a movement is followed.

    ``rows`` are its rows every 50 ms, ``values`` the number along its axis, growing away from the start pose.
    That number is early by ``lead_s``, so a movement it decided is ``pending`` until its true end was seen.
    """

    def __init__(
        self,
        found: Found,
        sensor: int,
        first_s: float,
        *,
        counter: CycleCounter,
        pause: PauseRules,
        lead_s: float,
    ) -> None:
        self.found = found
        self.lead_s = lead_s
        self.sensor = sensor
        self._follower = found.axis.follow()
        self._height = HeightFollower(found.axis.cutoff) if found.axis.kind == "lift" else None
        self._late: deque[tuple[int, list[float]]] = deque()
        self._arrived: int | None = None
        self.counter = counter
        self.likeness = Likeness(found.axis.kind, found.away, found.back)
        self.values: list[float] = []
        self.rows: list[list[float]] = []
        self.times: list[float] = []
        self.waiting: list[Repetition] = []
        self.refused: list[Cycle] = []
        self.pending: deque[Cycle] = deque()
        self.unlike = 0
        self.first_s = self.last_s = first_s
        self.booked = False
        self._pause = pause
        self._pauses: list[int] = []
        self._lasting: list[int] = []
        self._last_end_us = 0
        self._looks: dict[int, Looks] = {}
        self._usual: list[Looks] = []

    @property
    def reach(self) -> int:
        """How many rows of 50 ms before and after are needed to know where it is."""
        return self._height.reach if self._height is not None else 0

    def arrive(self, now: int, row: list[float]) -> list[tuple[int, list[float], float]]:
        """Take the row at ``now`` ns; give those whose number along the axis is known with it, and this."""
        if self._height is None:
            return [(now, row, self.found.sign * self._follower.next(now, row, self.sensor))]
        self._late.append((now, row))
        steps = 1 if self._arrived is None else (now - self._arrived) // STEP_NS
        # after so many missing rows nothing of what was before is left
        lost = min(steps - 1, 2 * self._height.reach)
        self._arrived = now - (lost + 1) * STEP_NS
        return self._advance(self._height, [None] * lost + [self.found.axis.lifted(row, self.sensor)])

    def flush(self) -> list[tuple[int, list[float], float]]:
        """The same for those that wait for rows which will not come."""
        if self._height is None or self._arrived is None:
            return []
        return self._advance(self._height, [math.nan] * self._height.reach)

    def _advance(
        self, height: HeightFollower, pushes: Sequence[float | None]
    ) -> list[tuple[int, list[float], float]]:
        known: list[tuple[int, list[float], float]] = []
        for push in pushes:
            assert self._arrived is not None
            self._arrived += STEP_NS
            x = self.found.sign * height.next(push)
            middle = self._arrived - height.reach * STEP_NS
            while self._late and self._late[0][0] < middle:
                self._late.popleft()
            if self._late and self._late[0][0] == middle:
                known.append((*self._late.popleft(), x))
        return known

    @property
    def late_s(self) -> float:
        """How long after a movement was decided its true end was seen."""
        return 2.0 * self.lead_s

    def along(self, t: Floats, rows: Floats, cycle: Cycle, rules: LeverRules) -> Floats:
        """The number along the axis, shape (n,), over a movement and what is around it; ``rows`` (n, 9)."""
        found, lead_s = self.found, self.lead_s
        if found.axis.kind == "lift":
            first = max(bisect(self.times, float(t[0])) - 1, 0)
            height: Floats = np.interp(t, self.times[first:], self.values[first:])
            return height
        if found.axis.kind == "tilt" and np.isnan(rows[0, 3]) and len(t) > 1:
            # what counts live is late by the low-pass that it went through
            rows = undelayed(rows, (len(t) - 1) / float(t[-1] - t[0]), rules.else_smooth_s)
        if not lead_s:
            return found.sign * found.axis.values(t, rows)
        ends_s = cycle.start_s + lead_s, cycle.end_s + lead_s
        return closed_position(found.axis, found.sign, t, rows, ends_s, lead_s)

    def swung(self, t: Floats, rows: Floats, rules: LeverRules) -> Floats | None:
        """The number along the axis where it is an angle and there is no gyroscope, if it was a swing."""
        found = self.found
        if found.axis.kind != "tilt" or not np.isnan(rows[0, 3]) or len(t) < 2:
            return None
        angle = swung_deg(found.axis, t, rows, rules)
        return None if angle is None else found.sign * angle

    def half(self, cycle: Cycle, rules: HalfRules) -> float | None:
        """When a lift that was not seen to come back was at its far end, if it went there like the others."""
        if self.found.axis.kind != "lift" or cycle.reason not in (Reason.NO_RETURN, Reason.UNFINISHED):
            return None
        then = [self._looks[one.start_us] for one in self.waiting if one.start_us in self._looks]
        last_us = self.waiting[-1].end_us if self.waiting else self._last_end_us
        pauses = sorted([*self._pauses, *(b.start_us - a.end_us for a, b in pairwise(self.waiting))])
        if (
            not pauses
            or cycle.start_s - last_us * 1e-6 > pauses[len(pauses) // 2] * 1e-6 + self._pause.extra_s
        ):
            return None
        return self._away(cycle.start_s, [*self._usual[-self.counter.memory :], *then], rules)

    def _away(self, start_s: float, others: Sequence[Looks], rules: HalfRules) -> float | None:
        first = max(bisect(self.times, start_s) - 1, 0)
        t, x = np.array(self.times[first:]), np.array(self.values[first:])
        return away_like(t, x, start_s, others, rules)

    def wait(self, rep: Repetition) -> None:
        """``rep`` may be part of the set."""
        self.waiting.append(rep)
        # what a gap took away, or the end of the recording, is not odd
        if not {Flag.GAP_INSIDE, Flag.RETURN_NOT_SEEN}.intersection(rep.flags):
            begin, end = rep.start_us * 1e-6, rep.end_us * 1e-6
            first = max(bisect(self.times, begin) - 1, 0)
            t, x = np.array(self.times[first:]), np.array(self.values[first:])
            strokes = [
                (p.start_us * 1e-6, p.end_us * 1e-6)
                for p in rep.phases
                if p.kind in ("concentric", "eccentric")
            ]
            seen = looks(t, x, begin, end, strokes)
            high = rise(t, x, np.array(self.rows[first:]), begin, end)
            self._looks[rep.start_us] = msgspec.structs.replace(seen, rise=high)

    def counted(self, rep: Repetition) -> None:
        """``rep`` is part of the set: the pause before it is a usual one."""
        if self._last_end_us:
            self._pauses = [*self._pauses, rep.start_us - self._last_end_us][-2 * self.counter.memory :]
        self._last_end_us = rep.end_us
        self._lasting = [*self._lasting, rep.end_us - rep.start_us][-self.counter.memory :]
        seen = self._looks.pop(rep.start_us, None)
        if seen is not None:
            self._usual = [*self._usual, seen][-_STYLES * self.counter.memory :]

    def begin_set(self) -> None:
        """Another set of the same movement: its pauses and paces may be others."""
        self._pauses, self._lasting, self._usual, self._last_end_us = [], [], [], 0

    def odd_first(self, rules: OddRules) -> bool:
        """Whether the first of those that wait, with which a set would begin, is not like those after it.

        Who goes on from it without a pause, as from a slow or cut off first repetition, was in the set, but
        not who came up from where the weight was.
        """
        rep, then = self.waiting[0], self.waiting[1 : 1 + self.counter.memory]
        others = [self._looks[one.start_us] for one in then if one.start_us in self._looks]
        if rep.start_us not in self._looks or len(others) < _FEWEST:
            return False
        pauses = sorted(b.start_us - a.end_us for a, b in pairwise(then))
        extra_s = (then[0].start_us - rep.end_us - pauses[len(pauses) // 2]) * 1e-6
        first = self._looks[rep.start_us]
        return elsewhere(first, others, rules) or (
            extra_s > rules.pause_s and oddness(first, others, extra_s, rules) > rules.most
        )

    def odd(self, rules: OddRules, half: HalfRules) -> bool:
        """Whether none of those that wait is like any that count: who changed the pace may change it back.

        The height of a load that comes back slowly is hardly known: its way away tells.
        """
        if len(self._usual) <= _FEWEST:
            return False
        styles = self._styles(rules)
        pauses = sorted(self._pauses)
        usual_us = pauses[len(pauses) // 2]
        end_us = self._last_end_us
        for rep in self.waiting:
            seen = self._looks.get(rep.start_us)
            extra_s = (rep.start_us - end_us - usual_us) * 1e-6
            if seen is None or any(
                (oddness(seen, one, extra_s, rules) <= rules.most and not elsewhere(seen, one, rules))
                or creeps(seen, one, extra_s, rules)
                or (
                    self.found.axis.kind == "lift"
                    and extra_s <= rules.pause_s
                    and self._away(rep.start_us * 1e-6, one, half) is not None
                )
                for one in styles
            ):
                return False
            end_us = rep.end_us
        return True

    def _styles(self, rules: OddRules) -> list[list[Looks]]:
        """The last repetitions, and earlier ones in a row that were of quite another pace."""
        now, width = self._usual[-self.counter.memory :], _FEWEST + 1
        pace = sorted(one.lasts_s for one in now)[len(now) // 2]
        rows = (self._usual[k : k + width] for k in range(len(self._usual) - width + 1))
        return [
            now,
            *(
                row
                for row in rows
                if all(abs(math.log(one.lasts_s / pace)) > 2.0 * rules.time for one in row)
            ),
        ]

    def alike(self, rules: OddRules) -> bool:
        """Whether those that wait are like each other: the person does it in another way now."""
        seen = [self._looks[rep.start_us] for rep in self.waiting if rep.start_us in self._looks]
        return all(
            oddness(one, [other for other in seen if other is not one], 0.0, rules) <= rules.most
            for one in seen
        )

    def fits(self, group: list[Repetition], ratio: float) -> bool:
        """Whether repetitions after a long pause last about as long as those of the set."""
        usual = sorted(self._lasting)[len(self._lasting) // 2]
        return all(usual <= ratio * (rep.end_us - rep.start_us) <= ratio * ratio * usual for rep in group)

    def grouped(self) -> list[list[Repetition]]:
        """Waiting repetitions, parted where the pause is unusual; empty when none waits.

        The first group is empty when the first repetition stands apart from those counted before.
        """
        waiting = self.waiting
        pauses = [b.start_us - a.end_us for a, b in pairwise(waiting)]
        known = sorted([*self._pauses, *pauses])
        usual = known[(len(known) - 1) // 2] if known else 0
        most = usual + 1e6 * (self._pause.extra_s + self._pause.extra_share * self.counter.period_s)
        groups: list[list[Repetition]] = [[]] if waiting else []
        end_us = self._last_end_us
        for rep in waiting:
            if end_us and rep.start_us - end_us > most:
                groups.append([])
            groups[-1].append(rep)
            end_us = rep.end_us
        return groups

    @property
    def counted_s(self) -> float:
        """End of the last counted repetition."""
        return self._last_end_us * 1e-6

    @property
    def goes_on(self) -> bool:
        """Whether repetitions were counted before those that wait."""
        return self._last_end_us > 0
