"""The pacer: which second of which phase it is, by the prescribed tempo.

It follows the person: seconds are counted from where a phase really began. When a phase's time is over, it
says what comes next, and goes on counting when that is done.
"""

from __future__ import annotations

import math

from eccentra.catalogue import Tempo
from eccentra.ids import CueId
from eccentra.samples import NS_PER_S
from eccentra.stages.cue_rules import PaceRule

__all__ = ["Pacer", "word"]

# fmt: off
_WORDS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
]
# fmt: on


def word(number: int) -> str:
    """A number as it is spoken."""
    return _WORDS[number] if 0 <= number < len(_WORDS) else str(number)


class Pacer:
    """State of the pacer.

    Parameters
    ----------
    tempo
        Prescribed times; phases without one are not paced.
    rule
        Parameters.
    """

    def __init__(self, tempo: Tempo, rule: PaceRule) -> None:
        self._times = {name: getattr(tempo, name) for name in ("eccentric", "isometric", "concentric")}
        self._rule = rule
        self._order: list[str] = []
        self._phase = "rest"
        self._start_ns = 0
        self._told, self._over = 0, False
        self._prompted: str | None = None
        self.word = ""

    @property
    def wanted_s(self) -> float | None:
        """Prescribed time of the phase under way."""
        return self._times.get(self._phase)

    def elapsed_s(self, t: int) -> float | None:
        """Time spent in a paced phase."""
        return None if self.wanted_s is None else (t - self._start_ns) / NS_PER_S

    def begin(self, phase: str, start_ns: int) -> None:
        """Another phase began at ``start_ns``."""
        if phase in ("rest", "return"):
            self._order, self._prompted = [], None
        elif phase not in self._order:
            self._order.append(phase)
        self._phase, self._start_ns = phase, start_ns
        self._told, self._over = 0, False
        if phase == "rest":
            self.word = ""

    def step(self, t: int) -> tuple[CueId, str, int] | None:
        """What to say at ``t``, if anything, and the moment that it is about."""
        wanted = self.wanted_s
        if not wanted or self._over:
            return None
        elapsed = (t - self._start_ns) / NS_PER_S
        if elapsed >= wanted - 1e-6:
            return self._next(elapsed - wanted, self._start_ns + round(wanted * NS_PER_S))
        second = math.floor(elapsed) + 1
        if second <= self._told:
            return None
        self._told = second
        text = self._count(second, wanted)
        if text is None or elapsed - (second - 1) > self._rule.late_s:
            return None
        at = self._start_ns + (second - 1) * NS_PER_S
        if second == 1 and len(self._order) > 1:
            return None if self._prompted == self._phase else self._say(*_prompt(self._phase), at)
        return self._say(CueId.PACE_COUNT, text, at)

    def _count(self, second: int, wanted: float) -> str | None:
        """The second; in long phases only some: how many are over, and how many are left."""
        rule = self._rule
        if wanted <= rule.every_second_s or second == 1:
            return word(second)
        left = math.ceil(wanted) - second + 1
        if left <= rule.last:
            return word(left)
        return word(second - 1) if (second - 1) % rule.else_every == 0 else None

    def _next(self, late_s: float, at: int) -> tuple[CueId, str, int] | None:
        """The phase's time is over: what comes next."""
        self._over = True
        following = self._following()
        if following is None or late_s > self._rule.late_s:
            return None
        self._prompted = following
        return self._say(*_prompt(following), at)

    def _following(self) -> str | None:
        """The phase after this one, by what is prescribed."""
        if self._phase == "isometric":
            return "concentric" if "eccentric" in self._order else "eccentric"
        if len([one for one in self._order if one != "isometric"]) > 1:
            return None
        if self._times["isometric"]:
            return "isometric"
        other = "concentric" if self._phase == "eccentric" else "eccentric"
        return other if self._times[other] is not None else None

    def _say(self, cue: CueId, text: str, at: int) -> tuple[CueId, str, int]:
        self.word = text
        return cue, text, at


def _prompt(phase: str) -> tuple[CueId, str]:
    if phase == "isometric":
        return CueId.PACE_HOLD, "hold"
    return (CueId.PACE_UP, "up") if phase == "concentric" else (CueId.PACE_DOWN, "down")
