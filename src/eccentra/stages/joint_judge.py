"""What counts, when, and what is taken back.

All movements of the open stretch are read together (:mod:`eccentra.stages.joint_reading`). The first full
one is counted at once, provisionally. What the best reading leaves out afterwards is taken back: a movement
that stays alone (sitting down, picking up a weight), or repetitions seen from their far end. Partial
repetitions count once a full one has shown what the movement is.
"""

from __future__ import annotations

import math

import msgspec

from eccentra.events import CalibrationDone, Event, Reason
from eccentra.stages.joint import Stage
from eccentra.stages.joint_hinge import HingeWatch
from eccentra.stages.joint_like import is_deliberate, odds_of, set_odds, without_strangers
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_pieces import pieces_of
from eccentra.stages.joint_reading import (
    JOINED_US,
    Item,
    Known,
    Reading,
    alike,
    best_reading,
    is_clean,
    overlap,
    reading_of,
    same_way,
    size_of,
)
from eccentra.stages.joint_rep import Circumstances, write_repetition
from eccentra.stages.joint_set import set_totals
from eccentra.stages.joint_trial import Seen, Trial
from eccentra.stages.sets import SetBook

__all__ = ["Judge"]

# So many movements are read together; a set has less.
_MOST_ITEMS = 80
# A reading is settled when it is ahead of all others by so much: one and a half repetitions.
_AHEAD = 1.5
# How long a movement waits that ended further from its pose than another trial, in us.
_CONTEST_US = 1_000_000


class Judge:
    """State: the open set, and the movements of the open stretch."""

    def __init__(self, stage: Stage, rule_at: int, first_set: int) -> None:
        self._stage, self._rule_at = stage, rule_at
        rule = stage.angles[rule_at]
        self._known = Known(rule=stage.count, segment=rule.segments[0], least=rule.rom.min)
        self.book = SetBook(first_set, round(stage.set_gap_s * 1e6), set_totals(stage.metrics))
        self._items: list[Item] = []
        self._noise: list[tuple[int, int]] = []
        self._reading: Reading | None = None
        self._before: Item | None = None
        self._usual: list[Item] = []
        self._last_us = self._closed_us = -(1 << 62)
        self._told = False
        self._hinge = None if stage.hinge is None else HingeWatch(stage.hinge, rule)

    # -- questions ----------------------------------------------------------------------------------

    @property
    def leader(self) -> Trial | None:
        """The pose from which the open set's repetitions start, once one is counted."""
        if self._reading is None:
            return None
        counted = [item for item in self._reading.members if item.counted is not None]
        return counted[-1].source if counted else None

    @property
    def sure(self) -> bool:
        """Whether no other pose can become the start pose of the open set."""
        reading = self._reading
        if reading is None or reading.fulls < 3:
            return False
        rivals = [i for i in self._items if i not in reading.members and i.source is not self.leader]
        if not rivals:
            return True
        other = max((reading_of(i, self._items, self._known, None).score for i in rivals[-2:]), default=0.0)
        return reading.score > other + _AHEAD

    def partial_from(self) -> float:
        """Smallest ROM that counts."""
        count = self._stage.count
        reading = self._reading
        rom = self._known.least if reading is None or reading.rom is None else reading.rom
        return max(count.partial_least_deg, count.partial_share * rom)

    # -- decisions ----------------------------------------------------------------------------------

    def done(self, m: Measured, t_ns: int, seen: Seen, source: Trial) -> list[Event]:
        """A movement has come back to its pose."""
        now_us = t_ns // 1000
        item = Item(
            measured=m,
            seen=seen,
            source=source,
            rise=self._rise(m),
            start_us=m.us(m.start),
            end_us=m.us(m.end),
            size=size_of(m),
        )
        if item.start_us < self._closed_us:
            return []  # seen from another pose too, and later: what was done during a set is none of the next
        reason = self._refused(item)
        if reason is not None:
            if item.size >= self._stage.count.partial_least_deg:
                self.other(item.start_us, item.end_us)
            return self.book.reject(item.start_us, item.end_us, now_us, reason)
        self._items.append(item)
        del self._items[:-_MOST_ITEMS]
        return self.read(now_us)

    def other(self, start_us: int, end_us: int) -> None:
        """Something was done that is no movement of the exercise."""
        self._noise.append((start_us, end_us))
        del self._noise[:-40]

    def _refused(self, item: Item) -> Reason | None:
        count, m = self._stage.count, item.measured
        if item.size < max(count.partial_least_deg, count.partial_share * self._known.least):
            return Reason.TOO_SMALL
        if item.size > count.over_share * self._stage.angles[self._rule_at].rom.max:
            return Reason.SETUP
        if m.whole and m.first_rom < count.first_share * m.rom:
            return Reason.SETUP
        if min(m.away_s, m.back_s) < count.least_stroke_s:
            return Reason.TOO_FAST
        if max(m.away_s, m.back_s) > count.most_stroke_s or max(m.hold_s, m.linger_s) > count.most_hold_s:
            return Reason.TOO_LONG
        if m.turns > count.most_turns:
            return Reason.IRREGULAR
        if self._is_stride(item) and not self._follows_full(item):
            return Reason.WALKING
        if item.rise < -count.rise_wrong and not self._is_like_those_that_count(item):
            return Reason.WRONG_DIRECTION
        if m.back_share > count.turn_share:
            return Reason.NO_RETURN
        if m.back_share < -count.turn_share:
            return Reason.SETUP  # it did not begin in the pose that it ended in
        return None

    def _is_stride(self, item: Item) -> bool:
        """Whether it is as quick and as small as a stride, and hangs together with other movements."""
        count, m, seen = self._stage.count, item.measured, item.seen
        # who stands still between two walks stops in the middle of a stride
        quick = m.moving_s < count.least_chain_s and item.size < count.stride_deg
        return quick and not (seen.began and seen.rested)

    def _follows_full(self, item: Item) -> bool:
        """Whether it begins where a full repetition of the set going on ends: strides follow strides."""
        reading = self._reading
        if reading is None or not self._is_like_those_that_count(item):
            return False
        fulls = [member for member in reading.members if reading.is_full(member)]
        return any(abs(item.start_us - full.end_us) < JOINED_US for full in fulls)

    def _is_like_those_that_count(self, item: Item) -> bool:
        reading = self._reading
        if reading is None or reading.fulls < self._stage.count.least_reps:
            return False
        return same_way(reading.seed, item, self._known)

    def _rise(self, m: Measured) -> float:
        """Standard errors by which the sensor's rise or fall speaks for the exercise."""
        rises = self._stage.angles[self._rule_at].rises
        return 0.0 if rises is None else m.rise if rises else -m.rise

    def read(self, now_us: int) -> list[Event]:
        """Read all movements together; count and take back what follows from it."""
        reading = best_reading(self._items, self._known, self._before)
        if reading is None:
            self._reading = None
            return []
        kept = self._kept(reading)
        counted = [item for item in self._items if item.counted is not None]
        for item in reversed(counted if not kept else []):
            # movements that make no set do not outweigh a set that is going on
            own = reading_of(item, self._items, self._known, self._before)
            if again := self._kept(own):
                reading, kept = own, again
                break
        self._reading = reading
        events: list[Event] = []
        accepted = bool(kept)
        if accepted:
            for item in self._items:
                if item.counted is not None and item not in kept and self._is_out(item, reading):
                    events += self._take_back(item, now_us)
        taken = [item for item in self._items if item.counted is not None]
        ready = kept if accepted else self._first(reading, taken)
        if not ready and not taken:
            # what was done before a set says nothing about its first repetition
            reading = reading_of(self._items[-1], self._items, self._known, self._before)
            ready = self._first(reading, taken)
        for k, item in enumerate(ready):
            after = ready[k + 1] if k + 1 < len(ready) else None
            if item.counted is None and self._is_firm(reading, item, after, now_us, accepted):
                if any(overlap(item, other) for other in taken):
                    continue
                if self.book.open and item.start_us - self._last_us > self._stage.set_gap_s * 1e6:
                    # told together, and two sets all the same
                    events += self._end_set(now_us, item.start_us) + self.book.finish(now_us)
                    return events + self.read(now_us)
                events += self._count(reading, item, now_us)
                taken.append(item)
        return events

    def _kept(self, reading: Reading) -> list[Item]:
        """Members that belong to a set: in pieces that are enough for one, and what is between these."""
        pieces = [self._own(reading, piece) for piece in self._pieces(reading)]
        enough = [k for k, piece in enumerate(pieces) if self._is_enough(reading, piece)]
        if not enough:
            return []
        first, last = enough[0], enough[-1]
        if first and self._belongs(reading, pieces[first - 1], pieces[first], pieces[first - 1]):
            first -= 1
        if last + 1 < len(pieces) and self._belongs(
            reading, pieces[last], pieces[last + 1], pieces[last + 1]
        ):
            last += 1
        return self._own(reading, [item for piece in pieces[first : last + 1] for item in piece])

    def _pieces(self, reading: Reading) -> list[list[Item]]:
        return pieces_of(reading, self._stage.count, self._noise, self._stage.set_gap_s)

    def _own(self, reading: Reading, piece: list[Item]) -> list[Item]:
        """Members without strangers, as far as the others are enough to tell what is strange."""
        own = without_strangers(reading, piece, self._stage.count)
        return own if len(own) == len(piece) or self._is_enough(reading, own) else piece

    def _belongs(self, reading: Reading, one: list[Item], two: list[Item], what: list[Item]) -> bool:
        """Whether a piece at an end is of the set: a full one in it is just like those of the set."""
        rule, other = self._stage.count, two if what is one else one
        if (two[0].start_us - one[-1].end_us) / 1e6 > rule.most_pause_s:
            return False
        low, high = one[-1].end_us - JOINED_US, two[0].start_us + JOINED_US
        if any(low <= start and end <= high for start, end in self._noise):
            return False
        fulls = [item for item in other if reading.is_full(item)]
        if not fulls:
            return False  # partial ones alone say nothing of what is like them
        near = fulls[0] if other is two else fulls[-1]
        return any(reading.is_full(item) and alike(item, near, rule) for item in what)

    def _is_enough(self, reading: Reading, piece: list[Item]) -> bool:
        """Whether a piece alone shows what the movement is."""
        rule = self._stage.count
        clean = [item for item in piece if is_clean(item, rule)]
        fulls = [item for item in clean if reading.is_full(item)]
        if len(piece) < rule.least_reps:
            return self._is_known(piece[0])
        if len(fulls) < min(rule.least_reps, 2):
            return sum(item.seen.rested for item in clean) >= rule.partial_reps
        partials = [item for item in clean if not reading.is_full(item)]
        before = self._before
        known = self._usual if before is not None and same_way(before, fulls[0], self._known) else []
        return set_odds(fulls, partials, known, rule) >= rule.like.set_odds

    def _is_known(self, item: Item) -> bool:
        """Whether a movement alone is beyond doubt: slow, or just like those of the set before.

        Once it is known how the person moves, a slow one also has to be likelier theirs than not.
        """
        rule, before, usual = self._stage.count, self._before, self._usual
        if not is_clean(item, rule):
            return False
        if item.size >= self._known.least and is_deliberate(item, rule):
            known = len(usual) >= rule.least_reps
            return not known or odds_of(item, usual, rule, full=True) > 0.0
        again = before is not None and same_way(before, item, self._known)
        return again and odds_of(item, usual, rule, full=True) >= rule.like.lone_odds

    def _first(self, reading: Reading, taken: list[Item]) -> list[Item]:
        """The newest movement and those it hangs together with, when nothing else counts."""
        newest = reading.members[-1]
        if not reading.is_full(newest) or any(item not in reading.members for item in taken):
            return []
        rule, seen = self._stage.count, newest.seen
        if not seen.exact and newest.rise < rule.rise_sure:
            return []
        return [item for item in self._pieces(reading)[-1] if reading.is_full(item)]

    def _is_out(self, item: Item, reading: Reading) -> bool:
        """Whether a counted movement that the best reading leaves out is to be taken back."""
        if any(overlap(item, member) for member in reading.members):
            return True
        own = reading_of(item, [i for i in self._items if i.counted is not None], self._known, None)
        return item not in self._kept(own)

    def _is_firm(self, reading: Reading, item: Item, after: Item | None, now_us: int, accepted: bool) -> bool:
        """Whether it may be counted now.

        One that did not end in the start pose needs a neighbour: walking is a chain of partial movements,
        each turning around where the last one ended.
        """
        seen = item.seen
        if seen.contested and now_us - item.end_us < _CONTEST_US:
            return False
        leads = after is not None and after.start_us - item.end_us < JOINED_US
        if reading.is_full(item):
            # who stopped short of the pose and went on later with the set had ended it there
            return seen.rested or seen.near or leads or (accepted and after is not None)
        if seen.inside:
            return False  # from one stop on the way to another
        if self._is_stride(item) and not (leads and after is not None and reading.is_full(after)):
            return False  # walking away begins like one
        at = reading.members.index(item)
        follows = at > 0 and item.start_us - reading.members[at - 1].end_us < JOINED_US
        # once it is known where repetitions end, being there is the end
        there = accepted and seen.near and reading.fulls > self._stage.count.least_reps
        return (seen.rested or leads or there) and (seen.began or follows)

    def _count(self, reading: Reading, item: Item, now_us: int) -> list[Event]:
        m = item.measured
        events: list[Event] = []
        if not self._told:
            self._told = True
            events.append(CalibrationDone(t_us=now_us, what="movement axis"))
        turn, doubtful = None, False
        if self._hinge is not None:
            told = [one.counted for one in self._items if one.counted is not None]
            events += self._hinge.add(m, told, now_us)
            turn, doubtful = self._hinge.read(m)
        offs = sorted(i.measured.start_off for i in reading.members if not math.isnan(i.measured.start_off))
        known = Circumstances(
            partial=not reading.is_full(item),
            provisional=doubtful or reading.fulls < self._stage.count.least_reps,
            returned=item.seen.what == "back",
            unsure=item.seen.unsure,
            calibrated_rom=reading.rom if len(reading.members) > 1 else None,
            usual_start_off=offs[len(offs) // 2] if offs else 0.0,
            turn=turn,
        )
        made = write_repetition(m, self._stage, self._rule_at, known, decided_ns=now_us * 1000)
        index, counted = self.book.count(made.start_us, now_us)
        item.counted = (self.book.set_index, index)
        events += counted
        events += self.book.complete(
            msgspec.structs.replace(made, set_index=self.book.set_index, index=index)
        )
        self._last_us = max(self._last_us, made.end_us)
        return events

    def _take_back(self, item: Item, now_us: int) -> list[Event]:
        counted, item.counted = item.counted, None
        assert counted is not None
        return self.book.amend(*counted, now_us, Reason.SINGLE_CYCLE)

    # -- time ---------------------------------------------------------------------------------------

    def tick(self, t_ns: int, going: int | None) -> list[Event]:
        """A second has passed: what waited may count now; close the set when its gap has passed.

        ``going`` is when the movement under way began, in ns: the set waits for one that began in time.
        """
        now_us = t_ns // 1000
        events: list[Event] = []
        if any(item.counted is None and now_us - item.end_us < 3_000_000 for item in self._items):
            events += self.read(now_us)
        until_us = now_us if going is None else going // 1000
        if until_us - self._held_until() <= self._stage.set_gap_s * 1e6:
            return events
        return events + self._end_set(now_us, until_us)

    def _held_until(self) -> int:
        """End of the last repetition, or of the movements like it that follow it and are not decided yet."""
        last_us, reading, rule = self._last_us, self._reading, self._stage.count
        own = [item for item in self._items if item.counted is not None]
        if reading is None or not own:
            return last_us
        for item in reading.members:
            near = item.start_us - last_us <= self._stage.set_gap_s * 1e6
            if item.counted is None and near and odds_of(item, own, rule, full=reading.is_full(item)) > 0.0:
                last_us = max(last_us, item.end_us)
        return last_us

    def finish(self, t_ns: int) -> list[Event]:
        """Nothing more will come."""
        events = self._end_set(t_ns // 1000, t_ns // 1000)
        return events + self.book.finish(t_ns // 1000)

    def _end_set(self, now_us: int, until_us: int) -> list[Event]:
        """Take lone movements back, tell what was waiting for company, close the set.

        What ended not long before ``until_us`` may still be of a set to come.
        """
        events: list[Event] = []
        counted = [item for item in self._items if item.counted is not None]
        reading = best_reading(counted, self._known, self._before)
        kept = self._kept(reading) if reading is not None else []
        # what was done during a set is none of the next
        self._closed_us = max((item.end_us - JOINED_US for item in kept), default=self._closed_us)
        since_us = self._waiting_since(until_us)
        recent: list[Item] = []
        for item in self._items:
            if item.counted is not None:
                # one seen from several poses counts from one of them: its company may be counted from another
                if item not in kept and item not in self._kept(
                    reading_of(item, self._items, self._known, None)
                ):
                    events += self._take_back(item, now_us)
            elif item.end_us >= since_us and item.start_us >= self._closed_us:
                recent.append(item)
            elif not any(overlap(item, other) for other in kept):
                events += self.book.reject(item.start_us, item.end_us, now_us, Reason.SINGLE_CYCLE)
        if reading is not None and kept:
            full = [item for item in kept if reading.is_full(item)]
            if full:
                self._before = sorted(full, key=lambda item: item.size)[len(full) // 2]
                self._usual = full
        self._items, self._reading = recent, None
        self._noise = [one for one in self._noise if one[1] >= since_us]
        return events + self.book.tick(now_us)

    def _waiting_since(self, now_us: int) -> int:
        """Movements that ended after this may still be of a set to come: not further apart than its gap."""
        gap_us, since_us = round(self._stage.set_gap_s * 1e6), now_us
        for item in sorted(self._items, key=lambda item: item.end_us, reverse=True):
            if item.counted is not None or since_us - item.end_us > gap_us:
                break
            since_us = min(since_us, item.start_us)
        return since_us - gap_us
