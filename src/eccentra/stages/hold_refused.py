"""Movements that are no holds, each with its reason; small ones that follow each other are told as one."""

from __future__ import annotations

from eccentra.events import Event, Reason
from eccentra.samples import NS_PER_S
from eccentra.stages.hold import Stage
from eccentra.stages.hold_track import Rise
from eccentra.stages.sets import SetBook

__all__ = ["Refused"]

# Small movements that follow each other so closely are told as one.
_TOGETHER_NS = 3 * NS_PER_S
# Swings of walking come one to two a second.
_SWINGS = 4
_SWING_NS = 2 * NS_PER_S


class Refused:
    """State: small movements that are still to be told as one."""

    def __init__(self, stage: Stage, book: SetBook) -> None:
        self._stage, self._book = stage, book
        self._noise: tuple[int, int, int, Reason] | None = None

    def refuse(self, start: int, end: int, now: int, reason: Reason, out: list[Event]) -> None:
        """A movement that is no hold, in ns."""
        self.tell(now, out)
        out += self._book.reject(start // 1000, end // 1000, now // 1000, reason)

    def noise(self, way: Rise, end: int, out: list[Event]) -> None:
        """A movement away from the rest pose and back; several in a row are told as one."""
        rule = self._stage.rise
        if way.gap:
            reason = Reason.GAP
        elif way.peak > rule.most_deg:
            reason = Reason.SETUP
        else:
            reason = Reason.TOO_SHORT if way.turns <= 1 else Reason.IRREGULAR
        if way.shake > self._stage.walk.shake:
            reason = Reason.WALKING
        old = self._noise
        if old is not None and way.since - old[1] > _TOGETHER_NS:
            self.tell(end, out)
            old = None
        if old is None:
            self._noise = (way.since, end, max(way.turns, 1), reason)
            return
        same = reason if reason is old[3] else Reason.WALKING
        if Reason.WALKING not in (reason, old[3]):
            same = reason if reason is old[3] else Reason.IRREGULAR
        self._noise = (old[0], end, old[2] + max(way.turns, 1), same)

    def tell(self, now: int, out: list[Event]) -> None:
        """Tell the movements that wait."""
        noise, self._noise = self._noise, None
        if noise is None:
            return
        start, end, swings, reason = noise
        if reason is Reason.TOO_SHORT and swings > 1:
            reason = Reason.IRREGULAR
        if reason is not Reason.GAP and swings >= _SWINGS and (end - start) / swings < _SWING_NS:
            reason = Reason.WALKING
        out += self._book.reject(start // 1000, end // 1000, now // 1000, reason)
