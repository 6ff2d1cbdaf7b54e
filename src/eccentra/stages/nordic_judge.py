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
from eccentra.stages.inclination import Vector, angle_between, dot
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_measure import Measured
from eccentra.stages.nordic_rep import Circumstances, write_repetition
from eccentra.stages.nordic_set import set_totals
from eccentra.stages.nordic_usual import Usual
from eccentra.stages.sets import SetBook

__all__ = ["Judge", "Open"]


class Open(msgspec.Struct, kw_only=True):
    """A counted repetition whose numbers are not final."""

    index: int
    set_index: int
    provisional: bool
    measured: Measured


class _Waiting(msgspec.Struct, kw_only=True):
    """A finished excursion about which nothing is decided yet."""

    measured: Measured
    returned: bool
    full: bool
    evidence: float
    unsure: bool


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
        self.book = SetBook(first_set, round(stage.set_gap_s * 1e6), totals)
        self.forward: Vector | None = None
        self._for = 0.0
        self._best = 0.0
        self._proofs = 0
        self.usual = Usual(stage)
        self._waiting: list[_Waiting] = []
        self._opposite: list[_Waiting] = []
        self._unproven: list[tuple[int, int]] = []
        self._kneel: Vector | None = None
        self.zeros = False
        self.counted = 0

    # -- questions ----------------------------------------------------------------------------------

    @property
    def established(self) -> bool:
        """Whether the direction is sure."""
        return self.forward is not None and self._proofs >= 2

    def side_of(self, axis: Vector) -> int | None:
        """+1 forward, -1 backward, 0 not known yet, ``None`` about another axis."""
        if self.forward is None:
            return 0
        along = dot(self.forward, axis)
        if abs(along) < math.cos(math.radians(self._stage.direction.axis_deg)):
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
        unsure: bool = False,
    ) -> list[Event]:
        """An excursion is over: complete what was counted, or decide now."""
        full = self.usual.full(m)
        item = _Waiting(
            measured=m, returned=returned, full=full, evidence=self._evidence(m, full), unsure=unsure
        )
        if opened is not None:
            events = self._complete(item, opened, t_ns)
            if item.full:
                self._learn(item)
            return events
        reason = self.usual.refused(m)
        if reason is None and not full and not rested:
            reason = Reason.SETUP  # a partial repetition ends in the start pose
        if reason is None and not rested and self.usual.doubtful(m):
            reason = Reason.TOO_FAST
        if reason is not None:
            return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, reason)
        side = self.side_of(m.axis)
        if side is None:
            if self.book.open or not full or item.evidence < self._stage.direction.enough:
                return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.SETUP)
            # between sets the sensor was put on again, differently: learn anew
            self.forward, self._for, self._best, self._proofs = None, 0.0, 0.0, 0
            self._unproven, self._opposite, side = [], [], 0
        if side == -1 or self._not_kneeling(m):
            return self._opposed(item, t_ns)
        if self._sure(item, side):
            return self._accept(item, t_ns)
        self._waiting.append(item)
        return []

    def tick(self, t_ns: int, busy: bool) -> list[Event]:
        """Time passes: close sets, drop what has waited too long."""
        events: list[Event] = []
        gap = round(self._stage.set_gap_s * 1e6)
        if not busy:
            if self._waiting and t_ns // 1000 - self._end_us(self._waiting[0]) > 2 * gap:
                events += self._drop(self._waiting.pop(0), t_ns)
            events += self.book.tick(t_ns // 1000)
        return events

    def finish(self, t_ns: int) -> list[Event]:
        """Nothing more will come: the better direction of what waits is taken, if there is one."""
        events: list[Event] = []
        if self.forward is None:
            best = self._best_waiting()
            if best is not None:
                events += self._accept(best, t_ns)
        for item in self._waiting:
            events += self._drop(item, t_ns)
        self._waiting = []
        return events + self.book.finish(t_ns // 1000)

    # -- inside -------------------------------------------------------------------------------------

    def _sure(self, item: _Waiting, side: int) -> bool:
        """Whether this counts now, not only if more like it follows."""
        if side == 1 and (self.established or self.book.open):
            return item.full or self.book.open
        if not item.full:
            return False
        rule = self._stage.direction
        if item.evidence >= rule.alone:
            return True
        alike, start = [item.evidence], item.measured.us(item.measured.start)
        for other in reversed(self._waiting):
            if start - self._end_us(other) > round(self._stage.set_gap_s * 1e6):
                break
            same = dot(other.measured.axis, item.measured.axis) > 0.0
            if other.full and other.evidence >= rule.doubtful and same:
                alike.append(other.evidence)
                start = other.measured.us(other.measured.start)
        return min(alike) >= rule.doubtful and (
            len(alike) > 2 or (min(alike) >= rule.enough and len(alike) > 1)
        )

    def _not_kneeling(self, m: Measured) -> bool:
        """Whether the shank lies otherwise than in the repetitions counted so far.

        Those may have been none (a half-kneel on the way down): this speaks against an excursion as the
        other direction does, and enough of the like turn it round.
        """
        kneel, shank = self._kneel, m.shank_home
        if kneel is None or shank is None:
            return False
        return angle_between(kneel, shank) > 3.0 * self._stage.count.shank_reject_deg

    def _evidence(self, m: Measured, full: bool) -> float:
        """How much this excursion speaks for being a lowering."""
        rule = self._stage.direction
        slow = _clip((m.eccentric_s - rule.slow_from_s) / rule.slow_span_s, -0.3, 1.0)
        far = _clip((m.rom - rule.far_from_deg) / rule.far_span_deg, -0.4, 0.6)
        value = slow + far
        own = self._stage.back_by == "legs"  # then the way back takes as long
        back = m.back_start is not None and m.back_end is not None and m.back_end > m.back_start
        if not own and m.back_start is not None and m.back_end is not None and back:
            value += _clip(math.log2(m.eccentric_s / (m.back_end - m.back_start)), -0.7, 0.7)
        if m.break_s is not None:
            value += 0.5  # nobody falls onto the own heels out of a slow movement
        if m.loaded_n is not None:
            loaded = m.loaded_n >= self._stage.force.loaded_n
            value += rule.load_evidence if loaded else -rule.load_evidence
        if m.shank_change is not None and back and m.rom >= rule.at_once_deg:
            low, high = rule.held_deg
            value += rule.held_evidence * _clip((high - m.shank_change) / (high - low), 0.0, 1.0)
        # legs that let the body down bring it back
        return value if full and (back or not own) else min(value, 0.5 * rule.enough)

    def _count(self, m: Measured, t_ns: int, *, provisional: bool) -> tuple[Open, list[Event]]:
        if self.forward is None:
            self.forward = m.axis
        events = self._flush_waiting(m, t_ns)
        index, more = self.book.count(m.us(m.start), m.us(m.down_end))
        if provisional:
            self._unproven.append((self.book.set_index, index))
        opened = Open(index=index, set_index=self.book.set_index, provisional=provisional, measured=m)
        return opened, events + more

    def _accept(self, item: _Waiting, t_ns: int) -> list[Event]:
        """Count and complete at once."""
        if item in self._waiting:
            self._waiting.remove(item)
        opened, events = self._count(item.measured, t_ns, provisional=not self.established)
        events += self._complete(item, opened, t_ns)
        if item.full:
            self._learn(item)
        return events

    def _complete(self, item: _Waiting, opened: Open, t_ns: int) -> list[Event]:
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

    def _learn(self, item: _Waiting) -> None:
        """A full repetition was counted in the forward direction."""
        rule, m = self._stage.direction, item.measured
        if self.established:
            self._opposite = []
        if item.evidence < rule.doubtful:
            return
        self._for += item.evidence
        self._best = max(self._best, item.evidence)
        self._proofs += 1
        if self.established:
            self._unproven = []
        self.usual.times.append(m.eccentric_s)
        if self.forward is not None and dot(self.forward, m.axis) > 0.0:
            self.forward = m.axis

    def _opposed(self, item: _Waiting, t_ns: int) -> list[Event]:
        """An excursion the other way: refused, unless the evidence turns."""
        m = item.measured
        if item.full and item.evidence >= self._stage.direction.doubtful:
            self._opposite.append(item)
            if len(self._opposite) > 3:  # only the last three may still be counted: forget the rows of others
                self._opposite[-4].measured.seen = None
            if self._turned():
                return self._turn_around(m, t_ns)
        return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.WRONG_DIRECTION)

    def _turned(self) -> bool:
        """Whether the other direction is the better one by now.

        Once repetitions have proved a direction, it takes several others like them in a row: then the
        sensor was turned. Before that, a clearer one is enough, or two that are as clear.
        """
        if not self.established:
            strong = [i.evidence for i in self._opposite if i.evidence > 0.75 * self._best]
            clearer = bool(strong) and max(strong) > self._best + 0.3
            return clearer or (len(strong) > 1 and math.fsum(strong) > self._for + 0.9)
        usual, rom = sorted(self.usual.times[-9:]), self.usual.rom or 0.0
        alike = [
            i.measured.eccentric_s > 0.7 * usual[len(usual) // 2] and i.measured.rom > 0.85 * rom
            for i in self._opposite[-3:]
        ]
        return len(alike) == 3 and all(alike)

    def _turn_around(self, m: Measured, t_ns: int) -> list[Event]:
        """Forward is the other way: take back what was not proved, count what was refused."""
        events: list[Event] = []
        for set_index, index in self._unproven:
            events += self.book.amend(set_index, index, t_ns // 1000, Reason.WRONG_DIRECTION)
        self._unproven = []
        self.usual = Usual(self._stage)
        self._for, self._best, self._proofs = 0.0, 0.0, 0
        self._kneel = None
        self.forward = m.axis
        late, self._opposite = self._opposite[-3:], []
        for one in late:
            if t_ns // 1000 - self._end_us(one) < 120_000_000:
                events += self._accept(one, t_ns)
        return events

    def _flush_waiting(self, m: Measured, t_ns: int) -> list[Event]:
        """Before ``m`` counts: what waited and belongs to its direction and set is counted first."""
        waiting, self._waiting = self._waiting, []
        events: list[Event] = []
        gap = round(self._stage.set_gap_s * 1e6)
        after = m.us(m.start)
        keep: list[_Waiting] = []
        for item in reversed(waiting):
            near = after - self._end_us(item) <= gap
            if (
                self.side_of(item.measured.axis) == 1
                and near
                and item.measured.reach >= self.usual.partial_from()
            ):
                keep.insert(0, item)
                after = item.measured.us(item.measured.start)
            else:
                events = self._drop(item, t_ns) + events
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
            if opened.provisional:
                self._unproven.append((opened.set_index, index))
            events += self._complete(item, opened, t_ns)
        return events

    def _drop(self, item: _Waiting, t_ns: int) -> list[Event]:
        m = item.measured
        return self.book.reject(m.us(m.start), m.us(m.end), t_ns // 1000, Reason.SETUP)

    def _best_waiting(self) -> _Waiting | None:
        """The last of several full waiting excursions the same way, none of which was clear by itself."""
        full = [i for i in self._waiting if i.full and i.evidence >= self._stage.direction.doubtful]
        if not full:
            return None
        best = max(full, key=lambda item: item.evidence)
        same = [i for i in full if dot(i.measured.axis, best.measured.axis) > 0.0]
        return same[-1] if len(same) >= 3 else None

    def _end_us(self, item: _Waiting) -> int:
        return item.measured.us(item.measured.end)


def _clip(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))
