"""What counts: size, likeness, order.

Repetitions of one set leave the same pose, turn about the same axis in the same sense, and are of similar
size. The first full one is counted at once, provisionally; a movement that stays alone in its set (sitting
down, picking up a weight) is taken back when another movement proves to be the exercise, or when the set
ends. Partial repetitions count once a full one has shown what the movement is.
"""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec

from eccentra.events import CalibrationDone, Event, Reason
from eccentra.samples import NS_PER_S
from eccentra.stages.inclination import angle_between
from eccentra.stages.joint import Stage
from eccentra.stages.joint_group import JOINED_US, Doubt, Group, Item, median, overlap, ratio, size_of
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_rep import Circumstances, set_totals, write_repetition
from eccentra.stages.joint_trial import Seen, Trial
from eccentra.stages.sets import SetBook

__all__ = ["Judge"]


class Judge:
    """State: the open set, and the groups of movements in it."""

    def __init__(self, stage: Stage, rule_at: int, first_set: int) -> None:
        self._stage, self._rule_at = stage, rule_at
        self.book = SetBook(first_set, round(stage.set_gap_s * 1e6), set_totals)
        self._groups: list[Group] = []
        self._before: Group | None = None
        self._doubts: list[Doubt] = []
        self._last_us = -(1 << 62)
        self._told = False

    # -- questions ----------------------------------------------------------------------------------

    @property
    def proven(self) -> Group | None:
        """The movement of the open set once it is sure."""
        found = [g for g in self._groups if g.counts and g.fulls >= self._stage.count.least_reps]
        return found[-1] if found else None

    def partial_from(self, group: Group | None = None) -> float:
        """Smallest ROM that counts."""
        count = self._stage.count
        rom = self._stage.angles[self._rule_at].rom.typ if group is None or group.rom is None else group.rom
        return max(count.partial_least_deg, count.partial_share * rom)

    def _full_from(self, group: Group | None) -> float:
        count, rom = self._stage.count, self._stage.angles[self._rule_at].rom
        known = group.rom if group is not None else None
        return rom.min if known is None else count.full_share * known

    def _fits(self, group: Group, m: Measured) -> bool:
        count = self._stage.count
        if angle_between(group.axis, m.axis) > count.axis_deg:
            return False
        home = m.homes[self._stage.angles[self._rule_at].segments[0]]
        if angle_between(group.home, home) > count.pose_deg:
            return False
        if m.whole and abs(m.first_rom / m.rom - group.share) > count.share_differs:
            return False
        return group.rom is None or size_of(m) <= count.rom_ratio * group.rom

    # -- decisions ----------------------------------------------------------------------------------

    def done(self, m: Measured, t_ns: int, seen: Seen, source: Trial) -> tuple[Trial | None, list[Event]]:
        """A movement has come back to its pose. Gives from which pose one was counted, if any, and events."""
        start_us, end_us, now_us = m.us(m.start), m.us(m.end), t_ns // 1000
        group = next((g for g in reversed(self._groups) if self._fits(g, m)), None)
        reason = self._refused(m, seen, group)
        if reason is None and start_us < self._last_us - 300_000:
            reason = Reason.IRREGULAR  # seen from another pose as well
        if reason is None and group is not None and self._stands_apart(group, m):
            reason = Reason.IRREGULAR
        if reason is not None:
            return None, self.book.reject(start_us, end_us, now_us, reason)
        doubt = Doubt(measured=m, seen=seen, source=source, score=self._score(m, seen))
        other = self._rival(doubt)
        if other is None and self._doubtful(m, seen):
            self._doubts.append(doubt)
            return None, []
        if self._waits(start_us, end_us, seen, group):
            return None, []
        if other is not None and other.score + self._stage.count.first_odds > doubt.score:
            m, seen, source = other.measured, other.seen, other.source
            group = next((g for g in reversed(self._groups) if self._fits(g, m)), None)
        if group is None:
            group = self._new_group(m)
        for old in self._doubts:
            # one that could not be decided alone is decided by those that follow it
            pause_us = m.us(m.start) - old.measured.us(old.measured.end)
            if -JOINED_US <= pause_us < self._stage.set_gap_s * 1e6 and self._joins(group, old):
                self._put(group, old.measured, old.seen)
        self._doubts.clear()
        item = self._put(group, m, seen)
        events = self._settle(group, now_us)
        return (None if item.counted is None else source), events

    def _joins(self, group: Group, old: Doubt) -> bool:
        """Whether a movement that was in doubt is one of the group, and not yet in it."""
        start_us, end_us = old.measured.us(old.measured.start), old.measured.us(old.measured.end)
        if any(overlap(i.start_us, i.end_us, start_us, end_us) for g in self._groups for i in g.items):
            return False
        return self._fits(group, old.measured) and self._refused(old.measured, old.seen, group) is None

    def _put(self, group: Group, m: Measured, seen: Seen) -> Item:
        """Put a movement into its group, which learns its usual range."""
        known = group if group.items else self._earlier(m)
        item = Item(measured=m, seen=seen, full=size_of(m) >= self._full_from(known))
        group.items.append(item)
        if item.full and m.whole:
            roms = sorted([size_of(i.measured) for i in group.items if i.full][-9:])
            group.rom = roms[len(roms) // 2]
        return item

    def _refused(self, m: Measured, seen: Seen, group: Group | None) -> Reason | None:
        count, size = self._stage.count, size_of(m)
        if size < self.partial_from(group):
            return Reason.TOO_SMALL
        if size > count.over_share * self._stage.angles[self._rule_at].rom.max:
            return Reason.SETUP
        if m.whole and m.first_rom < count.first_share * m.rom:
            return Reason.SETUP
        if min(m.away_s, m.back_s) < count.least_stroke_s:
            return Reason.TOO_FAST
        if max(m.away_s, m.back_s) > count.most_stroke_s or m.hold_s > count.most_hold_s:
            return Reason.TOO_LONG
        if m.turns > count.most_turns:
            return Reason.IRREGULAR
        if m.away_s + m.back_s < count.least_chain_s and not (seen.began and seen.rested):
            return Reason.WALKING
        known = group is not None and group.counts and group.fulls >= count.least_reps
        if not known and self._rise(m) < -count.rise_wrong:
            return Reason.WRONG_DIRECTION
        if m.back_share > count.turn_share:
            return Reason.NO_RETURN
        return None

    def _rise(self, m: Measured) -> float:
        """Standard errors by which the sensor's rise or fall speaks for the exercise."""
        rises = self._stage.angles[self._rule_at].rises
        return 0.0 if rises is None else m.rise if rises else -m.rise

    def _doubtful(self, m: Measured, seen: Seen) -> bool:
        """Seen from a pose that may be the far one."""
        return not seen.exact and self._rise(m) < self._stage.count.rise_sure

    def _score(self, m: Measured, seen: Seen) -> float:
        """What speaks for this pose as the start pose: the sensor's rise, and coming back to it closely."""
        return self._rise(m) - 0.5 * (seen.low / self._stage.count.same_deg) ** 2

    def _rival(self, new: Doubt) -> Doubt | None:
        """The same movement seen from another pose, about which nothing was decided yet."""
        start_us, end_us = new.measured.us(new.measured.start), new.measured.us(new.measured.end)
        found = [
            old
            for old in self._doubts
            if old.source is not new.source
            and overlap(
                old.measured.us(old.measured.start), old.measured.us(old.measured.end), start_us, end_us
            )
        ]
        return max(found, key=lambda old: old.score) if found else None

    def _waits(self, start_us: int, end_us: int, seen: Seen, group: Group | None) -> bool:
        """Whether the same movement, seen from another pose, is waiting already.

        One that did not come near its pose gives way to one that did, and all to one like those that count.
        """
        counts = group is not None and group.counts
        kept = False
        for other in self._groups:
            for item in list(other.items):
                if item.counted is None and overlap(item.start_us, item.end_us, start_us, end_us):
                    if (counts and other is not group) or (seen.near and not item.seen.near):
                        other.items.remove(item)
                    else:
                        kept = True
        self._groups = [other for other in self._groups if other.items]
        return kept

    def _new_group(self, m: Measured) -> Group:
        home = m.homes[self._stage.angles[self._rule_at].segments[0]]
        group = Group(home=home, axis=m.axis, share=m.first_rom / m.rom, items=[])
        self._groups.append(group)
        return group

    def _earlier(self, m: Measured) -> Group | None:
        """The movement of the set before, when this one is like it."""
        return self._before if self._before is not None and self._fits(self._before, m) else None

    def _stands_apart(self, group: Group, m: Measured) -> bool:
        """After an unusual pause, and not like the others: something else."""
        done = [item for item in group.items if item.counted is not None]
        if len(done) < 2 or group.fulls < self._stage.count.least_reps:
            return False
        pauses = [(b.start_us - a.end_us) / 1e6 for a, b in pairwise(done)]
        return self._odd((m.us(m.start) - done[-1].end_us) / 1e6, max(pauses), m, done)

    def _odd(self, pause_s: float, usual_s: float, m: Measured, others: list[Item]) -> bool:
        rule = self._stage.count
        if pause_s <= 2.0 * usual_s + rule.pause_extra_s:
            return False
        time = min(ratio(m.moving_s, item.measured.moving_s) for item in others)
        size = min(ratio(size_of(m), size_of(item.measured)) for item in others)
        longest = max(item.measured.hold_s for item in others)
        return m.hold_s > longest + rule.unlike_hold_s or time > rule.unlike_ratio or size > rule.unlike_ratio

    def _settle(self, group: Group, now_us: int) -> list[Event]:
        """Count what is sure enough, take back what proved to be something else."""
        rule = self._stage.count
        events: list[Event] = []
        others = [g for g in self._groups if g is not group and g.counts]
        if not group.counts:
            enough = group.fulls >= (1 if not others else rule.least_reps)
            group.counts = enough or sum(item.seen.rested for item in group.items) >= rule.partial_reps
        if not group.counts:
            return events
        for item in self._ripe(group):
            events += self._count(group, item, now_us)
        if len(group.items) >= rule.least_reps:
            for other in others:
                if len(other.items) < rule.least_reps:
                    events += self._take_back(other, other.items, now_us)
        if len(group.items) == 3:
            first, second, third = group.items
            pause, usual = (second.start_us - first.end_us) / 1e6, (third.start_us - second.end_us) / 1e6
            if self._odd(pause, max(usual, 0.0), first.measured, [second, third]):
                events += self._take_back(group, [first], now_us)
        return events

    def _ripe(self, group: Group) -> list[Item]:
        """What may be counted of a group: a movement that did not end in the start pose needs a neighbour.

        Walking is a chain of partial movements, each turning around where the last one ended.
        """
        out: list[Item] = []
        end_us, rule = self._last_us, self._stage.count
        done = [item for item in group.items if item.counted is not None]
        pauses = [(b.start_us - a.end_us) / 1e6 for a, b in pairwise(done)]
        usual_s = 2.0 * max(pauses) + rule.pause_extra_s if pauses else math.inf
        long_s = max(usual_s, rule.most_pause_s)
        waiting = [item for item in group.items if item.counted is None]
        for k, item in enumerate(waiting):
            follows = item.start_us - end_us < JOINED_US
            after = waiting[k + 1] if k + 1 < len(waiting) else None
            leads = after is not None and after.full and after.start_us - item.end_us < JOINED_US
            if item.full:
                firm = item.seen.rested or item.seen.near or leads
            else:
                firm = (item.seen.rested or leads) and (item.seen.began or follows)
            # after a long pause it may be anything, until another one follows
            alone = after is None or not after.full or (after.start_us - item.end_us) / 1e6 > usual_s
            most_s = long_s if item.full else usual_s
            if firm and not (alone and (item.start_us - end_us) / 1e6 > most_s):
                out.append(item)
                end_us = item.end_us
        return out

    def _count(self, group: Group, item: Item, now_us: int) -> list[Event]:
        m = item.measured
        events: list[Event] = []
        if not self._told:
            self._told = True
            events.append(CalibrationDone(t_us=now_us, what="movement axis"))
        known = Circumstances(
            partial=not item.full,
            provisional=group.fulls < self._stage.count.least_reps,
            returned=item.seen.what == "back",
            unsure=item.seen.unsure,
            calibrated_rom=group.rom if len(group.items) > 1 else None,
            usual_start_off=median([i.measured.start_off for i in group.items]),
        )
        made = write_repetition(m, self._stage, self._rule_at, known, decided_ns=now_us * 1000)
        index, counted = self.book.count(made.start_us, now_us)
        item.counted = (self.book.set_index, index)
        events += counted
        events += self.book.complete(
            msgspec.structs.replace(made, set_index=self.book.set_index, index=index)
        )
        self._last_us = max(self._last_us, made.end_us)
        self._drop_overlapping(item)
        return events

    def _drop_overlapping(self, item: Item) -> None:
        """What was waiting, seen from another pose, and is the same movement."""
        for group in self._groups:
            group.items = [
                one
                for one in group.items
                if one.counted is not None
                or not overlap(one.start_us, one.end_us, item.start_us, item.end_us)
            ]
        self._groups = [group for group in self._groups if group.items]

    def _take_back(self, group: Group, items: list[Item], now_us: int) -> list[Event]:
        events: list[Event] = []
        for item in items:
            if item.counted is not None:
                events += self.book.amend(*item.counted, now_us, Reason.SINGLE_CYCLE)
        group.items = [item for item in group.items if item not in items]
        if not group.items:
            self._groups = [g for g in self._groups if g is not group]
        return events

    def _is_set(self, group: Group) -> bool:
        """Whether there is enough of it, not far apart."""
        count, items = self._stage.count, group.items
        if group.fulls < count.least_reps:
            return sum(item.seen.rested for item in items) >= count.partial_reps
        if len(items) >= count.partial_reps:
            return True
        times = [item.measured.moving_s for item in items]
        holds = [item.measured.hold_s for item in items]
        if max(times) > count.rom_ratio * min(times) or max(holds) - min(holds) > 2.0 * count.unlike_hold_s:
            return False
        pauses = [(b.start_us - a.end_us) / 1e6 for a, b in pairwise(items)]
        return min(pauses, default=0.0) <= count.most_pause_s

    # -- time ---------------------------------------------------------------------------------------

    def tick(self, t_ns: int, busy: bool) -> list[Event]:
        """Time passes: close the set when its gap has passed."""
        gap_s = self._stage.set_gap_s
        if busy or t_ns - self._last_us * 1000 <= gap_s * NS_PER_S:
            return []
        return self._end_set(t_ns // 1000)

    def finish(self, t_ns: int) -> list[Event]:
        """Nothing more will come."""
        events = self._end_set(t_ns // 1000)
        return events + self.book.finish(t_ns // 1000)

    def _end_set(self, now_us: int) -> list[Event]:
        """Take lone movements back, tell what was waiting for company, close the set."""
        events: list[Event] = []
        keep: list[Group] = []
        for group in list(self._groups):
            if any(item.counted is not None for item in group.items):
                if not self._is_set(group):
                    events += self._take_back(group, list(group.items), now_us)
                elif group.fulls:
                    self._before = group
                continue
            recent = [i for i in group.items if now_us - i.end_us <= self._stage.set_gap_s * 1e6]
            for item in group.items:
                if item not in recent:
                    events += self.book.reject(item.start_us, item.end_us, now_us, Reason.SINGLE_CYCLE)
            group.items = recent
            if recent:
                keep.append(group)
        self._groups = keep
        return events + self.book.tick(now_us)
