"""Force that swings between a low and a high level, as bodies make it that move to and fro under load.

Where the start pose is loaded already (bent hips in front of the knees), force does not come from slack and
go back to it: it swings up from the load of the start pose and down to it again. A swing is found by its
turning points, and by rest:

- inertia is undone first. A link over a joint needs ``force = full sin(lean) - inertia lean''``; for small
  changes that is turned back into lean by the two-sided exponential with the time constant of its free fall.
  Force that jumps because the body starts or brakes does not turn there, since the body does not;
- a turning point is one from which the course goes back by a share of what it has come to;
- a swing ends where it turns up again, is slack, or rests near its start.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

import msgspec

from eccentra.samples import NS_PER_S
from eccentra.stages.limits import NotNegative, Positive, Share

__all__ = ["Swing", "SwingRule", "Swings"]

TICK_NS = 50_000_000
"""The course is looked at so often."""
# The exponential is cut where e to the minus 2 is left.
_REACH = 2.0


class SwingRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a swing is.

    Attributes
    ----------
    inertia_s
        Time constant of the free fall of what moves.
    turn_share
        The course turns when it goes back by this share of the highest it has been.
    rest_s, rest_share
        It rests when it changes by no more than this share of the highest for so long.
    long_s
        Rest for so long ends a swing on its way down at any level.
    home_share
        Rest below this share of the way up is back at the start.
    start_share
        The load of the start pose is at most this share of the highest.
    full_share
        Less of the usual height is a partial repetition.
    slack_share
        Less than this share of the highest is slack.
    stroke_per_s, noise_per_s
        Speed of a stroke at its threshold and below which it is none, in ways up a second.
    least_n
        Swings up to less than this, all straps together, are handling.
    """

    inertia_s: Positive
    turn_share: Share
    rest_s: Positive
    rest_share: Share
    long_s: Positive
    home_share: Share
    start_share: Share
    full_share: Share
    slack_share: Share
    stroke_per_s: Positive
    noise_per_s: Positive
    least_n: NotNegative


class Swing(msgspec.Struct, frozen=True, kw_only=True):
    """Up and down again; times in ns, levels in N of all straps above slack, inertia undone.

    Attributes
    ----------
    before, after
        Levels from which it rose and to which it fell.
    begin, end
        When they were last, and first, there.
    top, top_at
        The highest level.
    open_start, open_end
        Recorded neither from its start, nor to its end.
    """

    before: float
    begin: int
    top: float
    top_at: int
    after: float
    end: int
    open_start: bool = False
    open_end: bool = False


class Swings:
    """Finds swings; fed every 50 ms.

    Parameters
    ----------
    rule
        What a swing is.
    noise_n
        Changes up to this are none.
    """

    def __init__(self, rule: SwingRule, noise_n: float) -> None:
        self._rule = rule
        self._noise = noise_n
        reach = math.ceil(_REACH * rule.inertia_s * NS_PER_S / TICK_NS)
        weights = [math.exp(-abs(k) * TICK_NS / NS_PER_S / rule.inertia_s) for k in range(-reach, reach + 1)]
        whole = math.fsum(weights)
        self._weights = [w / whole for w in weights]
        self._reach = reach
        self._forces: deque[float] = deque(maxlen=2 * reach + 1)
        self._recent: deque[float] = deque(maxlen=max(2, round(rule.rest_s * NS_PER_S / TICK_NS)))
        self.home: float | None = None
        self.reset()

    def reset(self) -> None:
        """Nothing is known of what went before: time was missing, or the zero moved."""
        self._forces.clear()
        self._recent.clear()
        self._state: Literal["unknown", "rest", "up", "down"] = "unknown"
        self._low = self._top = 0.0
        self._low_at = self._top_at = 0
        self._before = (0.0, 0)
        self._open = False
        self._calm = 0

    @property
    def resting(self) -> bool:
        """Whether no swing is under way, or it has stood still for long."""
        return self._state in ("unknown", "rest") or self._long

    @property
    def since(self) -> int | None:
        """Begin of the swing under way, ns."""
        return self._before[1] if self._state in ("up", "down") else None

    @property
    def top(self) -> float:
        """The highest level of the swing under way, N."""
        return self._top if self._state in ("up", "down") else 0.0

    def push(self, t: int, force: float) -> Swing | None:
        """Take the force of all straps above slack; give the swing that is over by that."""
        self._forces.append(force)
        if len(self._forces) < len(self._weights):
            return None
        x = math.fsum(w * f for w, f in zip(self._weights, self._forces, strict=True))
        self._recent.append(x)
        self._calm = self._calm + 1 if self._quiet(max(self._noise, self._rule.rest_share * x)) else 0
        return self._step(t - self._reach * TICK_NS, x)

    def finish(self) -> Swing | None:
        """Nothing more will come: the swing under way, if there is one."""
        if self._state not in ("up", "down"):
            return None
        down = self._state == "down"
        return self._swing(
            self._low if down else self._top, self._low_at if down else self._top_at, open_end=True
        )

    def _step(self, t: int, x: float) -> Swing | None:
        if self._state == "unknown":
            self._state, self._open = ("up", True) if x > self._noise else ("rest", False)
            self._before = (x, t)
            self._low, self._low_at, self._top, self._top_at = x, t, x, t
        if self._state == "rest":
            self._resting(t, x)
        elif self._state == "up":
            if x >= self._top:
                self._top, self._top_at = x, t
            elif self._top - x > self._turn:
                self._state, self._low, self._low_at = "down", x, t
        if self._state == "down":
            return self._falling(t, x)
        return None

    @property
    def _turn(self) -> float:
        return max(self._noise, self._rule.turn_share * self._top)

    def _resting(self, t: int, x: float) -> None:
        """The level from which the next swing rises: where it rests, or the lowest since."""
        if x <= self._low or self._calm:
            self._low, self._low_at = x, t
        elif x - self._low > max(self._noise, self._rule.turn_share * x):
            self._state, self._before, self._open = "up", (self._low, self._low_at), False
            self._top, self._top_at = x, t

    def _falling(self, t: int, x: float) -> Swing | None:
        if x < self._low:
            self._low, self._low_at = x, t
        if x - self._low > self._turn:
            found = self._swing(self._low, self._low_at)
            self._state, self._before, self._open = "up", (self._low, self._low_at), False
            self._top, self._top_at = x, t
            return found
        slack = x < self._noise
        if slack or self._long or (self._calm and self._at_home(x)):
            found = self._swing(self._low, self._low_at)
            self._state, self._low, self._low_at = "rest", x, t
            return found
        return None

    def _quiet(self, spread: float) -> bool:
        recent = self._recent
        return len(recent) == recent.maxlen and max(recent) - min(recent) < spread

    @property
    def _long(self) -> bool:
        return self._calm * TICK_NS > self._rule.long_s * NS_PER_S

    def _at_home(self, x: float) -> bool:
        """Whether it rests where it began, or where this body's start pose is."""
        start = self._before[0]
        if self.home is not None and start < self._noise:
            start = self.home
        if start < self._noise:
            return x < self._rule.start_share * self._top
        return x - start < self._rule.home_share * (self._top - start)

    def _swing(self, after: float, end: int, *, open_end: bool = False) -> Swing:
        return Swing(
            before=self._before[0],
            begin=self._before[1],
            top=self._top,
            top_at=self._top_at,
            after=after,
            end=end,
            open_start=self._open,
            open_end=open_end,
        )
