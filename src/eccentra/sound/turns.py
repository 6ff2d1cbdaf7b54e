"""Who speaks when two cues want to: pure, used for files and live alike.

Whatever ends a set is heard at once and cuts everything else off. The pacer is never late: a count that
cannot be given now is left out, and anything else cuts it off. The rest waits its turn, warnings first, not
for long.
"""

from __future__ import annotations

from typing import NamedTuple

from eccentra.events import CueGiven
from eccentra.sound.tones import RATE, Pcm

__all__ = ["MOST_WAITING", "STALE_S", "Turns", "Utterance"]

STALE_S = 2.5
"""A cue that has waited longer is left out."""

MOST_WAITING = 4
"""More waiting cues than this: the least important, oldest one is left out."""

_RANK = {"stop": 0, "warning": 1, "info": 2, "pace": 3}


class Utterance(NamedTuple):
    """A cue to be heard, its sound, and when it was wanted in s."""

    cue: CueGiven
    sound: Pcm
    wanted_s: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.sound) / RATE

    @property
    def rank(self) -> int:
        """0 comes first."""
        return _RANK[self.cue.severity]


class Turns:
    """State: what is heard now, and what waits.

    Attributes
    ----------
    left_out
        How many cues were never heard.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._waiting: list[Utterance] = []
        self._now: Utterance | None = None
        self._ends_s = 0.0

    def put(self, one: Utterance, now_s: float) -> None:
        """A cue wants to be heard."""
        busy = self.busy(now_s)
        if one.cue.severity == "stop":
            keep = [other for other in self._waiting if other.rank == 0]
            self.left_out += len(self._waiting) - len(keep)
            self._waiting = keep
        elif one.cue.severity == "pace" and (busy or self._waiting):
            self.left_out += 1
            return
        self._waiting.append(one)
        self._waiting.sort(key=lambda other: (other.rank, other.wanted_s))
        if len(self._waiting) > MOST_WAITING:
            worst = max(other.rank for other in self._waiting)
            self._waiting.remove(next(other for other in self._waiting if other.rank == worst))
            self.left_out += 1

    def next(self, now_s: float) -> Utterance | None:
        """What begins now, if anything; it cuts off what is heard."""
        fresh = [one for one in self._waiting if one.rank == 0 or now_s - one.wanted_s <= STALE_S]
        self.left_out += len(self._waiting) - len(fresh)
        self._waiting = fresh
        if not fresh:
            return None
        first = fresh[0]
        if self.busy(now_s) and not self._cuts(first):
            return None
        self._waiting = fresh[1:]
        self._now, self._ends_s = first, now_s + first.seconds
        return first

    def busy(self, now_s: float) -> bool:
        """Whether something is heard."""
        return self._now is not None and now_s < self._ends_s

    @property
    def due_s(self) -> float | None:
        """When what waits may begin; ``None`` when nothing waits."""
        return self._ends_s if self._waiting else None

    def _cuts(self, one: Utterance) -> bool:
        assert self._now is not None
        return (one.rank == 0 and self._now.rank > 0) or (one.rank < 3 and self._now.rank == 3)
