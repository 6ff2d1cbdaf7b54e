"""Away from the start pose and back again: one repetition after the other, sample by sample.

A state machine with hysteresis on one number (:mod:`eccentra.stages.movement_axis`). It leaves the start
pose when the number has grown by a share of the usual stroke, turns when it has come back by the same
share, and the repetition is over when it is back near the start pose and stands still, or goes away again.
A dip during a hold does not come back to the start pose and so does not end a repetition. The usual stroke,
time and start pose follow what was counted, slowly.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from eccentra.events import Reason

__all__ = ["Cycle", "CycleCounter", "CycleRules"]

CyclePhase = Literal["rest", "concentric", "isometric", "eccentric"]


class CycleRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a repetition is; shares are of the usual stroke.

    Attributes
    ----------
    partial_share
        A stroke shorter than this is no repetition.
    return_share
        Back in the start pose means: this near, as a share of the repetition's own stroke.
    turn_share
        A turn-around that has come back so far starts the next repetition even if it is not near.
    large_ratio
        A stroke, away or back, longer than this many usual strokes is something else.
    short_ratio
        A repetition shorter than this share of the usual time is something else.
    longest_s, longest_ratio
        A repetition that takes longer, or so many times the usual time, is given up: who left the exercise
        does not come back to its start pose.
    settle_share, settle_s
        It is over when it stands still, or comes no nearer, for this share of the time since its far end,
        within these limits in s: the end of a slow stroke is slow.
    still_share
        Standing still means moving less than this.
    likeness
        Least cosine between the way of a stroke and the usual way.
    memory
        How many repetitions the usual stroke, time and start pose are taken from.
    rest_follow_s
        Time constant with which the start pose follows slow sinking or drift at rest.
    """

    partial_share: float
    return_share: float
    turn_share: float
    large_ratio: float
    short_ratio: float
    longest_s: float
    longest_ratio: float
    settle_share: float
    settle_s: tuple[float, float]
    still_share: float
    likeness: float
    memory: int
    rest_follow_s: float


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """A movement away and back, counted (``reason`` is ``None``) or refused.

    ``start``, ``top``, ``end`` are the steps of its turning points and ``start_s``, ``top_s``, ``end_s``
    their times; ``size`` is its stroke away, ``back`` the stroke back, ``rest`` the number at its end;
    ``last`` when rows ended before it did.
    """

    start: int
    top: int
    end: int
    size: float
    back: float
    start_s: float
    top_s: float
    end_s: float
    rest: float
    reason: Reason | None = None
    last: bool = False


class CycleCounter:
    """State of the count.

    Parameters
    ----------
    rules
        What a repetition is.
    size, period_s
        Usual stroke and time, to begin with.
    sway
        Movement in a pose, in the unit of ``size``.
    step_s
        Time between rows.
    drifts
        Whether the number is off after a slow stroke, as heights are: who comes back by ``partial_share`` and
        then stands still is back.
    """

    def __init__(
        self,
        rules: CycleRules,
        size: float,
        period_s: float,
        *,
        sway: float,
        step_s: float,
        drifts: bool = False,
    ) -> None:
        self._sway = sway
        self._drifts = drifts
        self._rules = rules
        self.size = size
        self.period_s = period_s
        self.memory = rules.memory
        self.phase: CyclePhase = "rest"
        self._sizes: deque[float] = deque(maxlen=rules.memory)
        self._times: deque[float] = deque(maxlen=rules.memory)
        self._rests: deque[float] = deque(maxlen=rules.memory)
        self._recent: deque[float] = deque(maxlen=round(rules.settle_s[1] / step_s) + 1)
        self._step_s = step_s
        self._low = self._high = self._turn = 0.0
        self._low_at = self._high_at = self._turn_at = 0
        self._low_s = self._high_s = self._turn_s = 0.0
        self._begun = False

    @property
    def moving(self) -> bool:
        """Whether a repetition is under way."""
        return self.phase != "rest"

    @property
    def start_s(self) -> float:
        """When the repetition under way left the start pose."""
        return self._low_s

    @property
    def longest_s(self) -> float:
        """A repetition that takes longer is none."""
        return min(self._rules.longest_s, self._rules.longest_ratio * self.period_s)

    def step(self, at: int, t: float, x: float) -> Cycle | None:
        """Take row ``at`` at ``t`` s with the number ``x``; give the movement that it decides."""
        if not self._begun:
            self._begun = True
            self._rest_at(at, t, x)
        self._recent.append(x)
        if self.phase == "rest":
            self._resting(at, t, x)
            return None
        if self.phase == "eccentric":
            return self._returning(at, t, x)
        return self._leaving(at, t, x)

    def give_up(self, at: int, t: float, x: float, reason: Reason) -> Cycle:
        """The movement under way is none; wait for the next one from here."""
        cycle = self._cycle(at, t, reason)
        self.phase = "rest"
        self._rest_at(at, t, x)
        return cycle

    def finish(self) -> Cycle | None:
        """Nothing more will come: what is under way counts when most of it was seen both ways."""
        if self.phase == "rest":
            return None
        if self.phase == "eccentric" and self._high - self._turn >= self._rules.partial_share * self.size:
            return msgspec.structs.replace(self._judge(), last=True)
        return self._cycle(self._turn_at, max(self._turn_s, self._high_s), Reason.UNFINISHED)

    def _still(self, for_s: float) -> bool:
        """Whether nothing moved for so long."""
        recent = self._recent
        begin = len(recent) - 1 - round(for_s / self._step_s)
        if begin < 0:
            return False
        last = list(recent)[begin:]
        return max(last) - min(last) <= max(self._rules.still_share * self.size, self._sway)

    def _rest_at(self, at: int, t: float, x: float) -> None:
        self._low, self._low_at, self._low_s = x, at, t

    def _resting(self, at: int, t: float, x: float) -> None:
        away = x - self._low
        if away <= 0.05 * self.size:
            self._low_at, self._low_s = at, t
        if away < 0.0:
            self._low = x
        elif away < 0.1 * self.size:
            self._low += away * self._step_s / self._rules.rest_follow_s
        elif away >= self._rules.partial_share * self.size:
            self._leave(at, t, x)

    def _leave(self, at: int, t: float, x: float) -> None:
        self.phase = "concentric"
        self._high, self._high_at, self._high_s = x, at, t
        self._turn, self._turn_at, self._turn_s = x, at, t

    def _leaving(self, at: int, t: float, x: float) -> Cycle | None:
        if x >= self._high:
            self._high, self._high_at, self._high_s = x, at, t
        near = abs(x - self._usual_rest()) < self._rules.return_share * self.size
        if near and self._rests and self._still(self._rules.settle_s[1]):
            # it came from the other side of the start pose, and that is where it stays
            return self.give_up(at, t, x, Reason.WRONG_DIRECTION)
        if x >= self._high:
            return None
        if self._high - x >= self._rules.partial_share * min(self.size, self._high - self._low):
            self.phase = "eccentric"
            self._turn, self._turn_at, self._turn_s = x, at, t
        return None

    def _usual_rest(self) -> float:
        return sorted(self._rests)[len(self._rests) // 2] if self._rests else self._low

    def _returning(self, at: int, t: float, x: float) -> Cycle | None:
        rules = self._rules
        if x < self._turn:
            self._turn, self._turn_at, self._turn_s = x, at, t
        back, out = self._high - self._turn, self._high - self._low
        home = back >= (1.0 - rules.return_share) * out
        least, most = rules.settle_s
        if self._drifts and back >= rules.partial_share * out and self._still(most):
            home = True
        wait = min(max(rules.settle_share * (t - self._high_s), least), most)
        if home and (t - self._turn_s >= wait or self._still(wait)):
            cycle = self._judge()
            self.phase = "rest"
            self._low, self._low_at, self._low_s = self._turn, self._turn_at, self._turn_s
            return cycle
        if x - self._turn >= rules.partial_share * self.size:
            if home or back >= rules.turn_share * max(out, self.size):
                cycle = self._judge()
                self._low, self._low_at, self._low_s = self._turn, self._turn_at, self._turn_s
                self._leave(at, t, x)
                return cycle
            self.phase = "concentric"
            if x > self._high:
                self._high, self._high_at, self._high_s = x, at, t
        return None

    def _judge(self) -> Cycle:
        """The movement that ended at the last turn: counted, or why not."""
        rules = self._rules
        size, lasts = self._high - self._low, self._turn_s - self._low_s
        reason: Reason | None = None
        small = size < rules.turn_share * self.size
        if small and self._high - self._usual_rest() < rules.partial_share * self.size:
            reason = Reason.WRONG_DIRECTION
        elif max(size, self._high - self._turn) > rules.large_ratio * self.size:
            reason = Reason.IRREGULAR
        elif lasts < rules.short_ratio * self.period_s:
            reason = Reason.TOO_SHORT
        elif lasts > self.longest_s:
            reason = Reason.TOO_LONG
        return self._cycle(self._turn_at, self._turn_s, reason)

    def learn(self, cycle: Cycle) -> None:
        """``cycle`` was counted: the usual stroke, time and start pose follow it."""
        self._sizes.append(cycle.size)
        self._times.append(cycle.end_s - cycle.start_s)
        self._rests.append(cycle.rest)
        if len(self._sizes) >= 3:
            self.size = sorted(self._sizes)[len(self._sizes) // 2]
            self.period_s = sorted(self._times)[len(self._times) // 2]

    def _cycle(self, end: int, end_s: float, reason: Reason | None) -> Cycle:
        return Cycle(
            start=self._low_at,
            top=self._high_at,
            end=end,
            size=self._high - self._low,
            back=self._high - self._turn if self.phase == "eccentric" else 0.0,
            start_s=self._low_s,
            top_s=self._high_s,
            end_s=end_s,
            rest=self._turn,
            reason=reason,
        )
