"""What counts: direction, size, load, order.

Which way is forward is not known from the mounting. It is learned from the excursions themselves
(:class:`~eccentra.stages.nordic.DirectionRule`): lowering is slow and goes far, sitting back on the heels and
kneeling down are short, stop early and take as long back. The first repetitions are therefore provisional;
when what follows speaks for the other direction they are taken back.
"""

from __future__ import annotations

import math

import msgspec

from eccentra.events import CalibrationDone, Event, Reason
from eccentra.samples import Side
from eccentra.stages.inclination import Vector, dot
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_direction import Direction, Proof, evidence_of, repeated
from eccentra.stages.nordic_measure import Measured
from eccentra.stages.nordic_rep import Circumstances, write_repetition
from eccentra.stages.nordic_set import set_totals
from eccentra.stages.nordic_usual import Usual
from eccentra.stages.nordic_waiting import Waiting, accompanied, alongside, one_set, same_pose
from eccentra.stages.sets import SetBook

__all__ = ["Judge", "Open"]

# Once the direction turns, so many repetitions that were refused for it are counted.
_COUNTED_LATE = 8
# Of what speaks against a direction so many excursions are kept.
_REMEMBERED = 24


class Open(msgspec.Struct, kw_only=True):
    """A counted repetition whose numbers are not final."""

    index: int
    set_index: int
    provisional: bool
    measured: Measured


class Judge:
    """State: sets, direction, calibrated ROM, usual load, and what waits for a decision."""

    def __init__(
        self, stage: Stage, first_set: int, sides: tuple[Side, ...], shank: bool, gyro: bool
    ) -> None:
        self._stage = stage
        self._sides = sides
        self._shank = shank
        self._gyro = gyro
        totals = set_totals(stage.asymmetry_least_reps, sides, stage.metrics)
        self._gap_us = round(stage.set_gap_s * 1e6)
        self.book = SetBook(first_set, self._gap_us, totals)
        self._direction = Direction()
        self._same_axis = math.cos(math.radians(stage.direction.axis_deg))
        self.usual = Usual(stage)
        self._anybody = Usual(stage)
        self._waiting: list[Waiting] = []
        self._unsettled: Waiting | None = None
        self._opposite: list[Waiting] = []
        self._aside: list[Waiting] = []
        self._unproven: list[tuple[int, int]] = []
        self._kneel: Vector | None = None
        self.zeros = False
        self.counted = 0

    # -- questions ----------------------------------------------------------------------------------

    @property
    def forward(self) -> Vector | None:
        """Axis of the forward lean in the thigh sensor's frame, once there is a repetition."""
        return self._direction.forward

    @property
    def established(self) -> bool:
        """Whether the direction is sure."""
        return self._direction.established

    def side_of(self, axis: Vector) -> int | None:
        """+1 forward, -1 backward, 0 not known yet, ``None`` about another axis."""
        if self.forward is None:
            return 0
        along = dot(self.forward, axis)
        if abs(along) < self._same_axis:
            return None
        return 1 if along > 0.0 else -1

    def without_gyroscope(self) -> None:
        """Numbers come from inclination alone."""
        self._gyro = False

    # -- decisions ----------------------------------------------------------------------------------

    def down(self, m: Measured, t_ns: int) -> tuple[Open | None, list[Event]]:
        """A descent has ended: count it now if that is sure enough."""
        rule = self._stage.direction
        side = self.side_of(m.axis)
        if (
            not self.usual.full(m)
            or self.usual.doubtful(m)
            or self.usual.refused(m) is not None
            or side in (-1, None)
            or self._not_kneeling(m)
        ):
            return None, []
        if not (self.established or self.book.open):
            loaded = m.loaded_n is not None and m.loaded_n >= self._stage.force.loaded_n
            slow_and_far = m.eccentric_s >= rule.at_once_s and m.rom >= rule.at_once_deg
            if not (loaded or slow_and_far):
                return None, []
        return self._count(m, t_ns, provisional=not self.established)

    def done(
        self,
        m: Measured,
        opened: Open | None,
        t_ns: int,
        *,
        returned: bool,
        rested: bool,
        swung: bool = False,
        unsure: bool = False,
    ) -> list[Event]:
        """An excursion is over: complete what was counted, or decide now.

        ``rested``: it ended in the start pose, ``swung``: without a stop there. What was hurried, or small
        and swung, counts once somebody rests in the start pose or a repetition follows: getting up over the
        hands comes as near to it and goes on.
        """
        usual = self._usual_for(m)
        full = usual.full(m)
        item = Waiting(
            measured=m,
            returned=returned,
            full=full,
            evidence=evidence_of(m, full, self._stage),
            unsure=unsure,
        )
        if opened is not None:
            events = self._complete(item, opened, t_ns)
            if item.full:
                self._learn(item)
            return events
        reason = usual.refused(m, self._waiting_paces(item))
        if reason is None and not full and not rested:
            reason = Reason.SETUP  # a partial repetition ends in the start pose
        if reason is None and not rested and usual.flown(m):
            reason = Reason.TOO_FAST
        if reason is None and (m.shank_after or 0.0) > self._stage.count.shank_after_deg:
            reason = Reason.SHANK_MOVED
        if reason is not None:
            return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, reason)
        side = self.side_of(m.axis)
        if side is None:
            if self.book.open:
                return self._aside_of_set(item, t_ns, rested=rested)
            if not full or item.evidence < self._stage.direction.enough:
                return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.SETUP)
            # between sets the sensor was put on again, differently: learn anew
            self._direction.start(None)
            self._unproven, self._opposite, side = [], [], 0
        if side == -1 or self._not_kneeling(m):
            return self._opposed(item, t_ns)
        if self._sure(item, side):
            if not (self.usual.doubtful(m) or (swung and not full)):
                return self._accept(item, t_ns)
            self._unsettled = item if rested else None
        self._waiting.append(item)
        return []

    def departed(self) -> None:
        """The start pose was left again."""
        self._unsettled = None

    def settled(self, t_ns: int) -> list[Event]:
        """Somebody rests in the start pose: what ended there, and nothing since, counts."""
        item, self._unsettled = self._unsettled, None
        waits = item is not None and any(one is item for one in self._waiting)
        return self._accept(item, t_ns) if item is not None and waits else []

    def tick(self, t_ns: int, busy: bool) -> list[Event]:
        """Time passes: close sets, drop what has waited too long."""
        events: list[Event] = []
        if not busy:
            if self._waiting and t_ns // 1000 - self._end_us(self._waiting[-1]) > self._gap_us:
                events += self._company(t_ns)
            if self._waiting and t_ns // 1000 - self._end_us(self._waiting[0]) > 2 * self._gap_us:
                events += self._drop(self._waiting.pop(0), t_ns)
            events += self.book.tick(t_ns // 1000)
        return events

    def finish(self, t_ns: int) -> list[Event]:
        """Nothing more will come: the better direction of what waits is taken, if there is one."""
        events = self.settled(t_ns) + self._company(t_ns)
        if self.forward is None:
            best = self._best_waiting()
            if best is not None:
                events += self._accept(best, t_ns)
        for item in self._waiting:
            events += self._drop(item, t_ns)
        self._waiting = []
        return events + self.book.finish(t_ns // 1000)

    def _company(self, t_ns: int) -> list[Event]:
        """No more comes in the set of what waits: a full one among partial ones counts, and they with it."""
        if self.forward is not None:
            return []
        best = accompanied(self._waiting, self._stage, self.usual.partial_from(), self._gap_us)
        if best is None:
            return []
        at = next(k for k, item in enumerate(self._waiting) if item is best)
        later, self._waiting = self._waiting[at + 1 :], self._waiting[: at + 1]
        events = self._accept(best, t_ns)
        for item in later:
            mine = alongside(item, best, self._stage) and self.usual.refused(item.measured) is None
            events += self._accept(item, t_ns) if mine else self._drop(item, t_ns)
        return events

    # -- inside -------------------------------------------------------------------------------------

    def _sure(self, item: Waiting, side: int) -> bool:
        """Whether this counts now, not only if more like it follows."""
        if side == 1 and (self.established or self.book.open):
            return item.full or self.book.open
        if not item.full:
            return False
        rule = self._stage.direction
        if item.evidence >= rule.alone:
            return True
        before = self._same_way_before(item, -math.inf)
        if repeated([item.proof, *(one.proof for one in before)], rule.enough):
            return True
        # what is not clear by itself does not bridge the time between two that are
        before = self._same_way_before(item, rule.doubtful)
        like = [i for i in before if i.proof.like(item.proof)]
        if item.evidence < rule.doubtful or not like:
            return False
        return len(before) > 1 or min(like[0].evidence, item.evidence) >= rule.enough

    def _same_way_before(self, item: Waiting, least: float) -> list[Waiting]:
        """Full excursions of such evidence that wait and may be of the same set, the last first."""
        same = [
            i for i in self._waiting if i.full and i.evidence >= least and alongside(i, item, self._stage)
        ]
        return one_set([*same, item], self._gap_us)[1:]

    def _waiting_paces(self, item: Waiting) -> list[float]:
        """Paces of what waits of the same set, the last first."""
        paces = [i.measured.pace for i in self._same_way_before(item, -math.inf)]
        return [pace for pace in paces if pace is not None]

    def _usual_for(self, m: Measured) -> Usual:
        """What to measure it by.

        What speaks against a direction that is not proved is not measured by its range and pace: sitting down
        on a chair goes further than a lowering on a slope.
        """
        against = self.side_of(m.axis) == -1 or self._not_kneeling(m)
        return self._anybody if against and not self._direction.certain else self.usual

    def _not_kneeling(self, m: Measured) -> bool:
        """Whether the shank lies otherwise than in the repetitions counted so far.

        Those may have been none (a half-kneel on the way down): this speaks against an excursion as the
        other direction does, and enough of the like turn it round.
        """
        return not same_pose(self._kneel, m.shank_home, self._stage)

    def _count(self, m: Measured, t_ns: int, *, provisional: bool) -> tuple[Open, list[Event]]:
        if self.forward is None:
            self._direction.start(m.axis)
        events = self._flush_waiting(m, t_ns)
        index, more = self.book.count(m.us(m.start), m.us(m.down_end))
        if not self._direction.certain:
            self._unproven.append((self.book.set_index, index))
        opened = Open(index=index, set_index=self.book.set_index, provisional=provisional, measured=m)
        return opened, events + more

    def _accept(self, item: Waiting, t_ns: int) -> list[Event]:
        """Count and complete at once."""
        if item in self._waiting:
            self._waiting.remove(item)
        opened, events = self._count(item.measured, t_ns, provisional=not self.established)
        events += self._complete(item, opened, t_ns)
        if item.full:
            self._learn(item)
        return events

    def _complete(self, item: Waiting, opened: Open, t_ns: int) -> list[Event]:
        m = item.measured
        self.counted += 1
        known = Circumstances(
            partial=not item.full,
            provisional=opened.provisional,
            returned=item.returned,
            gyroscope=self._gyro,
            shank=self._shank,
            sides=self._sides,
            zeros=self.zeros,
            unsure=item.unsure,
            earlier=tuple(self.book.reps),
        )
        rep = write_repetition(
            m,
            self._stage,
            known,
            set_index=opened.set_index,
            index=opened.index,
            decided_ns=t_ns,
        )
        if item.full and not m.gap_inside:
            self.usual.roms.append(m.rom)
            if m.loaded_n is not None:
                self.usual.loads.append(m.loaded_n)
            if m.pace is not None:
                self.usual.paces.append(m.pace)
            if m.shank_home is not None:
                self._kneel = m.shank_home
        events = self.book.complete(rep)
        if self.book.live_reps == 1 and len(self.usual.roms) == 1:
            events.append(CalibrationDone(t_us=rep.end_us, what="forward direction"))
        return events

    def _learn(self, item: Waiting) -> None:
        """A full repetition was counted in the forward direction."""
        m = item.measured
        self._direction.count(item.proof)
        if self._direction.settled:
            self._opposite = []
        if item.evidence < self._stage.direction.doubtful:
            return
        self._direction.learn(item.proof, m.axis)
        if self._direction.certain:
            self._unproven = []
        self.usual.times.append(m.eccentric_s)

    def _opposed(self, item: Waiting, t_ns: int) -> list[Event]:
        """An excursion the other way: refused, unless the evidence turns."""
        m = item.measured
        self._speaks_against(item)
        if item.full and self._turned():
            return self._turn_around(item, t_ns)
        return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.WRONG_DIRECTION)

    def _aside_of_set(self, item: Waiting, t_ns: int, *, rested: bool) -> list[Event]:
        """About another axis in the middle of a set: refused, until one clear by itself shows a slip.

        It counts then, and what was refused for the same before it.
        """
        m = item.measured
        clear = item.full and item.evidence >= self._stage.direction.alone
        if not (clear and rested and item.returned):
            self._aside = [*self._aside[-_COUNTED_LATE:], item]
            return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.SETUP)
        before, self._aside = one_set([*self._aside, item], self._gap_us)[:0:-1], []
        self._direction.start(m.axis)
        self._unproven, self._opposite = [], []
        own = [one for one in before if alongside(one, item, self._stage)]
        return [event for one in (*own, item) for event in self._accept(one, t_ns)]

    def _speaks_against(self, item: Waiting) -> None:
        """Keep it in case the evidence turns, also what counts only beside others."""
        self._opposite.append(item)
        if len(self._opposite) > _COUNTED_LATE:  # others are not counted any more: forget their rows
            self._opposite[-_COUNTED_LATE - 1].measured.seen = None
        del self._opposite[:-_REMEMBERED]

    def _turned(self) -> bool:
        """Whether the other direction is the better one by now.

        Once repetitions have proved a direction, several others like them in a row are enough: then the
        sensor was turned.
        """
        rule = self._stage.direction
        last = self._opposite[-1]
        against = [i for i in self._opposite if i.full and alongside(i, last, self._stage)]
        if self._direction.outnumbered([i.proof for i in one_set(against, self._gap_us)], rule.enough):
            return True
        if last.evidence < rule.doubtful:
            return False
        against = [i for i in against if i.evidence >= rule.doubtful]
        if self._direction.turned([one.proof for one in against], rule.enough):
            return True
        if not self.established:
            return False
        usual, rom = sorted(self.usual.times[-9:]), self.usual.rom or 0.0
        alike = [
            i.measured.eccentric_s > 0.7 * usual[len(usual) // 2] and i.measured.rom > 0.85 * rom
            for i in against[-3:]
        ]
        return len(alike) == 3 and all(alike)

    def _turn_around(self, item: Waiting, t_ns: int) -> list[Event]:
        """Forward is the way of ``item``: take back what was not proved, count what was refused."""
        events: list[Event] = []
        for set_index, index in self._unproven:
            events += self.book.amend(set_index, index, t_ns // 1000, Reason.WRONG_DIRECTION)
        self._unproven = []
        self.usual = Usual(self._stage)
        self._kneel = None
        self._direction.start(item.measured.axis)
        late, self._opposite = self._opposite[-_COUNTED_LATE:], []
        for one in late:
            if alongside(one, item, self._stage) and t_ns // 1000 - self._end_us(one) < 120_000_000:
                events += self._accept(one, t_ns)
        return events

    def _flush_waiting(self, m: Measured, t_ns: int) -> list[Event]:
        """Before ``m`` counts: what waited and belongs to its direction and set is counted first."""
        waiting, self._waiting = self._waiting, []
        events: list[Event] = []
        after = m.us(m.start)
        keep: list[Waiting] = []
        for item in reversed(waiting):
            near = after - self._end_us(item) <= self._gap_us
            if (
                self.side_of(item.measured.axis) == 1
                and near
                and same_pose(item.measured.shank_home, m.shank_home, self._stage)
                and item.measured.reach >= self.usual.partial_from()
            ):
                keep.insert(0, item)
                after = item.measured.us(item.measured.start)
            else:
                events = self._drop(item, t_ns) + events
        if not self._direction.certain:
            for item in waiting:
                if self.side_of(item.measured.axis) == -1:
                    self._speaks_against(item)
        for item in keep:
            index, more = self.book.count(
                item.measured.us(item.measured.start), item.measured.us(item.measured.down_end)
            )
            events += more
            opened = Open(
                index=index,
                set_index=self.book.set_index,
                provisional=not self.established,
                measured=item.measured,
            )
            if not self._direction.certain:
                self._unproven.append((opened.set_index, index))
            events += self._complete(item, opened, t_ns)
            if item.full and item.proof.like(Proof(0.0, m.rom, m.eccentric_s)):
                self._learn(item)
        return events

    def _drop(self, item: Waiting, t_ns: int) -> list[Event]:
        m = item.measured
        return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.SETUP)

    def _best_waiting(self) -> Waiting | None:
        """The last of several full waiting excursions the same way, none of which was clear by itself."""
        full = [i for i in self._waiting if i.full and i.evidence >= self._stage.direction.doubtful]
        if not full:
            return None
        best = max(full, key=lambda item: item.evidence)
        same = [i for i in full if dot(i.measured.axis, best.measured.axis) > 0.0]
        return same[-1] if len(same) >= 3 else None

    def _end_us(self, item: Waiting) -> int:
        return item.end_us
