"""Has a sensor turned on its segment? Movement after movement, against those before.

A person starts a little differently every time, so one movement says nothing: two new ones must agree with
each other and differ from the old ones, by the same turn of start pose, far pose and axis, while the movement
stays as large as it was. Counted from where it goes to, a movement looks like one of a sensor that was turned
over; so it is taken the way in which it is more like those before.
"""

from __future__ import annotations

import math

import msgspec

from eccentra.stages.placement import SlipRule
from eccentra.stages.placement_frames import Frame, backwards, change, mean_frame

__all__ = ["SlipWatch", "Turned", "share_of", "turned_by"]

Key = tuple[int, int]
# So many movements back make the middle that a new one is compared with.
_MOST = 6
# Uncounted movements: at most so much larger or smaller, and about an axis less far off.
_AS_LARGE = 1.2
_OTHER_SIDE_DEG = 140.0
# From this share of the limits on, two movements after a rest are enough, and one before.
_SURE = 2.0
# Seen from the other end, a movement must be more alike by this factor to be taken so.
_OTHER_WAY = 3.0
# A movement that is larger or smaller by this factor is another movement, not a turned sensor.
_SAME_SIZE = 1.4


class Turned(msgspec.Struct, frozen=True):
    """A sensor turned by about ``by_deg``; ``over``: it was turned over. ``between``: since the last set."""

    by_deg: float
    over: bool
    between: bool


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


class SlipWatch:
    """State of one sensor: movements that agree, and newer ones that do not agree with them."""

    def __init__(self, rule: SlipRule) -> None:
        self._rule = rule
        self._old: list[tuple[Key, Frame]] = []
        self._new: list[tuple[Key, Frame]] = []
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
        reference = mean_frame([one for _, one in self._old[-_MOST:]])
        large, small = max(reference.turn, frame.turn), min(reference.turn, frame.turn)
        return large < _AS_LARGE * small and self._share(reference, frame, False) < 1.0

    def add(self, key: Key, frame: Frame, *, bout: int = 0, sure: bool = True) -> Turned | None:
        """Take a movement; ``odd`` then says whether it alone differs much.

        ``key`` is its set and index; ``bout`` changes with every longer rest. Not ``sure``: it was
        not counted, and may be something else.
        """
        self.odd = False
        if not self._old:
            self._old.append((key, frame))
            self._bout = bout
            return None
        between = bout != self._bout
        if between and not self._rule.across_sets:
            self._old, self._new, self._bout = [(key, frame)], [], bout
            return None
        reference = mean_frame([one for _, one in self._old[-_MOST:]])
        least = self._rule.least_turn_deg
        if reference.turn >= least > frame.turn:
            return None  # a partial movement: it says little
        frame = self._way(reference, frame)
        own = 1.0 if between else self._own(reference)
        share = self._share(reference, frame, between) / own
        if not sure and not self._may_be_one(reference, frame, share):
            return None
        if share < 1.0:
            self._old = [*self._old[-_MOST:], (key, frame)]
            self._bout = bout
            self._new.clear()
            return None
        self.odd = share > self._rule.odd_share and not between
        if self._new and self._share(self._new[-1][1], frame, False) > self._rule.agree_share * own:
            self._new.clear()
        self._new.append((key, frame))
        found = self._decide(reference, between, own)
        if not self._new:
            self._bout = bout
        return found

    def _way(self, reference: Frame, frame: Frame) -> Frame:
        """The movement from its start or from its far end, whichever is more like those before.

        A sensor that was turned over about its limb keeps the start pose: that is no other way.
        """
        back = backwards(frame)
        least = self._rule.least_turn_deg
        if change(reference, back, least).pose >= change(reference, frame, least).pose:
            return frame
        ahead, behind = (self._share(reference, way, False) for way in (frame, back))
        return back if _OTHER_WAY * behind < ahead else frame

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
        """Share of the limits that holds for this person: who moves alike every time is held to less."""
        old = [frame for _, frame in self._old[-_MOST:]]
        if len(old) < 3:
            return 1.0
        squares = math.fsum(self._share(reference, frame, False) ** 2 for frame in old)
        spread = math.sqrt(squares / (len(old) - 1))
        return min(max(self._rule.own_sd * spread, self._rule.own_least), 1.0)

    def _decide(self, reference: Frame, between: bool, own: float) -> Turned | None:
        if len(self._new) < 2:
            return None
        fresh = mean_frame([one for _, one in self._new])
        known = len(self._old)
        share = self._share(reference, fresh, between) / own
        # few movements say it only of a large turn
        if share < _SURE and len(self._new) < 3 and (between or known < 3):
            return None
        self._old, self._new = self._new, []
        alike = max(reference.turn, fresh.turn) < _SAME_SIZE * max(
            min(reference.turn, fresh.turn), self._rule.least_turn_deg
        )
        if share < 1.0 or not alike or (known < 2 and share < _SURE):
            return None
        return turned_by(self._rule, reference, fresh, between=between)

    def drop(self, key: Key) -> None:
        """A movement was taken back."""
        self._old = [one for one in self._old if one[0] != key]
        self._new = [one for one in self._new if one[0] != key]

    def renew(self) -> None:
        """The next movement is the first."""
        self._old, self._new = [], []

    def _share(self, a: Frame, b: Frame, between: bool) -> float:
        return share_of(self._rule, a, b, between=between)
