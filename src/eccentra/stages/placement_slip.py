"""Has a sensor turned on its segment? Movement after movement, against those before.

A person starts a little differently every time, so one movement says nothing: two new ones must agree with
each other and differ from the old ones, by the same turn of start pose, far pose and axis, while the movement
stays as large as it was. One is enough when the gyroscope saw the sensor turn just so. Counted from where it
goes to, a movement looks like one of a sensor that was turned over; so it is taken the way in which it is
more like those before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from eccentra.samples import Floats
from eccentra.stages.inclination import Vector, angle_between
from eccentra.stages.placement import SlipRule
from eccentra.stages.placement_frames import Frame, backwards, change, mean_frame, rotation
from eccentra.stages.placement_gyro import seen_after

__all__ = ["Moved", "SlipWatch", "Turned", "either_way", "share_of", "turned_by"]

Key = tuple[int, int]
Turn = Callable[[int, int], Floats | None]
# So many movements back make the middle that a new one is compared with.
_MOST = 6
# Uncounted movements: at most so much larger or smaller, and about an axis less far off.
_AS_LARGE = 1.2
_OTHER_SIDE_DEG = 140.0
# From this share of the limits on, two movements after a rest are enough, and one before.
_SURE = 2.0
# Seen from the other end, a movement must be turned less by this factor to be taken so: a strap that slipped
# turns by less than 60 degrees, and what it sees is then more than 120 degrees off from the wrong end.
_OTHER_WAY = 2.0
# Two movements that share more of their time than this are one, told twice.
_ONE_SHARE = 0.7
# Repetitions that are turned so far agree when they differ by less than this share of it.
_LOOSE = 0.6
# So many movements of a set say how a sensor sat when it began; so many, how it sits now.
_FIRST, _LAST = 3, 2
# The middle of three to six deviations is the standard deviation over this: half of all are below it.
_MEDIAN_SD = 0.83
# A movement that is larger or smaller by this factor is another movement, not a turned sensor.
_SAME_SIZE = 1.4


class Turned(msgspec.Struct, frozen=True):
    """A sensor turned by about ``by_deg``; ``over``: it was turned over. ``between``: since the last set.

    ``since_us`` is the start of the first movement that it may have touched.
    """

    by_deg: float
    over: bool
    between: bool
    since_us: int | None = None


class Moved(NamedTuple):
    """A movement of one sensor: its set and index, start and end in us, frame, and whether it counts."""

    key: Key
    start_us: int
    end_us: int
    frame: Frame
    sure: bool = True

    def is_again(self, other: Moved) -> bool:
        """Whether it is the same movement as another one."""
        shared = min(self.end_us, other.end_us) - max(self.start_us, other.start_us)
        return shared > _ONE_SHARE * min(self.end_us - self.start_us, other.end_us - other.start_us)


def share_of(rule: SlipRule, a: Frame, b: Frame, *, between: bool) -> float:
    """The change from one movement to another, as a share of what is allowed."""
    found = change(a, b, rule.least_turn_deg)
    turn = min(a.turn, b.turn)
    factor = rule.between if between else 1.0
    if found.axis is None:
        return found.pose / (rule.still_deg * factor)
    span = rule.strong_turn_deg - rule.least_turn_deg
    weak = min(max((rule.strong_turn_deg - turn) / span, 0.0), 1.0)
    factor *= 1.0 + (rule.weak - 1.0) * weak
    return math.hypot(found.axis / rule.axis_deg, found.about / rule.about_deg) / factor


def turned_by(rule: SlipRule, a: Frame, b: Frame, *, between: bool) -> Turned:
    """How far a sensor turned from one movement to another."""
    found = change(a, b, rule.least_turn_deg)
    return Turned(found.whole, max(found.whole, found.pose) > rule.over_deg, between)


def either_way(rule: SlipRule, reference: Frame, frame: Frame) -> Frame:
    """The movement from its start or from its far end, whichever takes much the smaller turn to explain.

    Half a turn of the sensor leaves the start pose where it was, or puts it on its head: that is no other
    way.
    """
    back = backwards(frame)
    pose = change(reference, frame, rule.least_turn_deg).pose
    near = min(rule.still_deg, 0.5 * reference.turn)
    if min(pose, 180.0 - pose) < near:
        return frame
    ahead, behind = (rotation(reference, way) for way in (frame, back))
    return back if ahead is not None and behind is not None and _OTHER_WAY * behind < ahead else frame


def _is_as_large(a: Frame, b: Frame, factor: float, least: float) -> bool:
    """Whether two movements are of one size; what hardly turns is."""
    return max(a.turn, b.turn) < factor * max(min(a.turn, b.turn), least)


class SlipWatch:
    """State of one sensor: movements that agree, and newer ones that do not agree with them.

    ``turn`` gives how the sensor turned from one moment to another one in us, where that is known.
    """

    def __init__(self, rule: SlipRule, turn: Turn | None = None) -> None:
        self._rule, self._turn = rule, turn
        self._old: list[Moved] = []
        self._new: list[Moved] = []
        # how the first of the new ones came: after a longer rest, or not
        self._between = False
        # the first ones of this set, and of the last movements the middle
        self._first: list[Moved] = []
        self._bout = 0
        self.odd = False

    @property
    def waiting(self) -> bool:
        """Whether the last movements did not agree with those before."""
        return bool(self._new)

    def is_like(self, frame: Frame) -> bool:
        """Whether a movement is one of those known, in pose, axis and size."""
        if len(self._old) < 2 or frame.turn < self._rule.least_turn_deg:
            return False
        reference = self._reference()
        large, small = max(reference.turn, frame.turn), min(reference.turn, frame.turn)
        return large < _AS_LARGE * small and self._share(reference, frame, False) < 1.0

    def add(self, one: Moved, *, bout: int = 0, sure: bool = True, beside: bool = False) -> Turned | None:
        """Take a movement; ``odd`` then says whether it alone differs much.

        ``bout`` changes with every longer rest. Not ``sure``: it was not counted, and may be something else.
        ``beside``: another sensor saw it as those before.
        """
        self.odd = False
        self._old = [old for old in self._old if not old.is_again(one)]
        self._new = [new for new in self._new if not new.is_again(one)]
        if not self._old:
            if sure:
                self._take(one, bout)
            return None
        between = bout != self._bout
        if between and not self._rule.across_sets:
            self.renew()
            self._take(one, bout)
            return None
        reference = self._reference()
        least = self._rule.least_turn_deg
        if reference.turn >= least > one.frame.turn and not _is_as_large(
            reference, one.frame, _SAME_SIZE, 0.0
        ):
            return None  # a partial movement: it says little
        one = one._replace(frame=self._way(reference, one.frame), sure=sure)
        goes_on = self._goes_on(reference, one.frame)
        if goes_on:
            between = self._between
        seen = self._is_seen(reference, one, beside=beside)
        own = 1.0 if between and not seen else self._own(reference)
        if seen:
            own *= self._rule.seen_share
        share = self._share(reference, one.frame, between and not seen) / own
        if not sure and not seen and not self._may_be_one(reference, one.frame, share):
            return None
        if share < 1.0 and not goes_on:
            self._new.clear()
            self._take(one, bout)
            return self._crept()
        if not _is_as_large(reference, one.frame, _SAME_SIZE, least):
            return None  # something else: getting up, picking up
        self.odd = share > self._rule.odd_share and not between
        if self._new and not self._agree(reference, one, own):
            self._new.clear()
        if not self._new:
            self._between = between
        self._new.append(one)
        found = self._decide(reference, self._between and not seen, own, seen)
        if not self._new:
            self._bout = bout
        return found

    def _take(self, one: Moved, bout: int) -> None:
        """A movement as those before."""
        if bout != self._bout:
            self._first = []
        self._old = [*self._old[-_MOST:], one]
        self._first = [*self._first, one][:_FIRST]
        self._bout = bout

    def _reference(self) -> Frame:
        return mean_frame([old.frame for old in self._old[-_MOST:]])

    def _way(self, reference: Frame, frame: Frame) -> Frame:
        """From its start or its far end: as like those before as can be, but as the last odd one was seen."""
        way = either_way(self._rule, reference, frame)
        if not self._new:
            return way
        last, other = self._new[-1].frame, backwards(way)
        like, unlike = (self._share(last, seen, False) for seen in (other, way))
        return other if like < self._rule.agree_share and like < unlike else way

    def _goes_on(self, reference: Frame, frame: Frame) -> bool:
        """Whether a movement is like the last one that did not agree, rather than like those before it."""
        if not self._new:
            return False
        last = self._share(self._new[-1].frame, frame, False)
        return last < self._rule.agree_share and 2.0 * last < self._share(reference, frame, False)

    def _agree(self, reference: Frame, one: Moved, own: float) -> bool:
        """Whether a movement is turned like the last one, or about as far: loose straps turn on."""
        last = self._new[-1]
        apart = self._share(last.frame, one.frame, False)
        off = min(self._share(reference, other.frame, False) for other in (last, one))
        loose = _LOOSE * off if off > _SURE and last.sure and one.sure else 0.0
        return apart <= max(self._rule.agree_share * own, loose)

    def _crept(self) -> Turned | None:
        """A sensor that turned little by little, against the first movements of the set."""
        if len(self._first) < _FIRST or len(self._old) < _FIRST + _LAST:
            return None
        first = mean_frame([one.frame for one in self._first])
        last = self._old[-_LAST:]
        now = mean_frame([one.frame for one in last])
        if any(self._share(first, one.frame, False) < 1.0 for one in last):
            return None
        found = turned_by(self._rule, first, now, between=False)
        since = self._old[min(_FIRST, len(self._old) - _LAST)].start_us
        self._old, self._new, self._first = list(last), [], list(last)
        return msgspec.structs.replace(found, since_us=since)

    def _may_be_one(self, reference: Frame, frame: Frame, share: float) -> bool:
        """Whether a movement that was not counted may be a repetition, seen by a sensor that turned.

        It is as large as repetitions were, and not one to the other side: that is getting up or sitting back.
        """
        found = change(reference, frame, self._rule.least_turn_deg)
        large, small = max(reference.turn, frame.turn), min(reference.turn, frame.turn)
        return (
            share >= 1.0
            and found.axis is not None
            and found.axis < _OTHER_SIDE_DEG
            and large < _AS_LARGE * small
        )

    def _own(self, reference: Frame) -> float:
        """Share of the limits that holds for this person: who moves alike every time is held to less.

        By the median deviation: one movement in which the sensor turned makes nobody unsteady.
        """
        old = self._old[-_MOST:]
        if len(old) < 3:
            return 1.0
        shares = sorted(self._share(reference, one.frame, False) for one in old)
        middle = 0.5 * (shares[(len(shares) - 1) // 2] + shares[len(shares) // 2])
        return min(max(self._rule.own_sd * middle / _MEDIAN_SD, self._rule.own_least), 1.0)

    def _is_seen(self, reference: Frame, one: Moved, *, beside: bool) -> bool:
        """Whether one movement is enough: the gyroscope saw the sensor turn as the movement's axis did.

        Where both ends turned and the axis did not, it is enough that another sensor saw nothing new.
        """
        share = self._share(reference, one.frame, False) / self._own(reference)
        axis, now = reference.axis, one.frame.axis
        if share < self._rule.seen_share or axis is None or now is None:
            return False
        # the gyroscope is asked of what may be a repetition only: adding up a minute takes a millisecond
        if not _is_as_large(reference, one.frame, _SAME_SIZE, self._rule.least_turn_deg):
            return False
        off = self._off_by(axis, one)
        near = min(self._rule.seen_deg, 0.5 * angle_between(axis, now))
        alike = beside and one.sure and share > _SURE
        return off is not None and (off < near or (alike and off < self._rule.seen_deg))

    def _off_by(self, axis: Vector, one: Moved) -> float | None:
        """From where an axis would be, had the sensor alone turned, to where it is, deg."""
        now = one.frame.axis
        # it may have turned in the last movement that still agreed
        soon = [old.end_us for old in self._old[-2:] if one.start_us - old.end_us < self._rule.seen_s * 1e6]
        if self._turn is None or now is None:
            return None
        turns = [turn for end_us in soon if (turn := self._turn(end_us, one.start_us)) is not None]
        return min((angle_between(seen_after(turn, axis), now) for turn in turns), default=None)

    def _decide(self, reference: Frame, between: bool, own: float, seen: bool) -> Turned | None:
        if len(self._new) < 2 and not seen:
            return None
        fresh = mean_frame([one.frame for one in self._new])
        known = len(self._old)
        share = self._share(reference, fresh, between) / own
        # few movements say it only of a large turn, and after a rest only if they were counted
        if between and len(self._new) < 3 and not any(one.sure for one in self._new):
            return None
        if not seen and share < _SURE and len(self._new) < 3 and (between or known < 3):
            return None
        # in a set, it may have turned in the last movement that still agreed
        since = self._new[0].start_us if between else self._old[-1].start_us
        self._old, self._new, self._first = self._new, [], self._new[:_FIRST]
        alike = _is_as_large(reference, fresh, _SAME_SIZE, self._rule.least_turn_deg)
        if share < 1.0 or not alike or (known < 2 and share < _SURE):
            return None
        found = turned_by(self._rule, reference, fresh, between=between)
        return msgspec.structs.replace(found, since_us=since)

    def drop(self, key: Key) -> None:
        """A movement was taken back."""
        self._old = [one for one in self._old if one.key != key]
        self._new = [one for one in self._new if one.key != key]
        self._first = [one for one in self._first if one.key != key]

    def renew(self) -> None:
        """The next movement is the first."""
        self._old, self._new, self._first = [], [], []

    def _share(self, a: Frame, b: Frame, between: bool) -> float:
        return share_of(self._rule, a, b, between=between)
