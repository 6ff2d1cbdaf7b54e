"""Straps: a zero that was taken under load, and which strap answers when one leg pulls.

A strap cannot push. So a level that is quiet, is the lowest of the session, and lies clearly below zero is
what the strap reads without load: its zero was taken while something pulled.
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.samples import Floats
from eccentra.stages.placement import StrapRule

__all__ = ["SidesWatch", "ZeroWatch"]

# Rows a second of what is looked at.
_RATE_HZ = 10


class ZeroWatch:
    """State of one strap: quiet seconds at the lowest level since the zero was set."""

    def __init__(self, rule: StrapRule) -> None:
        self._rule = rule
        self.renew()

    def renew(self) -> None:
        """The zero was set anew."""
        self._levels: list[float] = []
        self._lowest = math.inf
        self.done = False

    def add(self, force: Floats) -> float | None:
        """Take some seconds of force, ten rows a second; gives the level below zero once it is sure."""
        known = force[~np.isnan(force)]
        whole = len(known) // _RATE_HZ
        if self.done or not whole:
            return None
        seconds = known[: whole * _RATE_HZ].reshape(whole, _RATE_HZ)
        low, high = seconds.min(axis=1), seconds.max(axis=1)
        self._lowest = min(self._lowest, float(known.min()))
        quiet = seconds[high - low < self._rule.quiet_n]
        self._levels += [math.fsum(row) / _RATE_HZ for row in quiet.tolist()]
        self._levels = sorted(self._levels)[: 4 * self._rule.least_s]
        return self._judge()

    def is_loaded(self, level_n: float) -> bool:
        """Whether a level is clearly above the lowest at which the strap rested since its zero was set."""
        return bool(self._levels) and level_n > self._levels[0] + self._rule.below_n

    def _judge(self) -> float | None:
        rule, levels = self._rule, self._levels
        if not levels or levels[0] > -rule.below_n:
            return None
        same = [level for level in levels if level - levels[0] < rule.quiet_n]
        middle = same[len(same) // 2]
        if len(same) < rule.least_s or middle > -rule.below_n or self._lowest < middle - rule.under_n:
            return None
        self.done = True
        return middle


class SidesWatch:
    """State of the question which strap answers a pull of the left leg.

    Parameters
    ----------
    start
        Force of both sides when it was asked.
    """

    def __init__(self, rule: StrapRule, start: dict[str, float]) -> None:
        self._rule, self._start = rule, start
        self._most = dict.fromkeys(start, 0.0)
        self.seconds = 0

    def add(self, force: dict[str, Floats]) -> str | None:
        """Take one second, ten rows; gives the side that pulled, or ``none`` when nobody did in time."""
        self.seconds += 1
        for side, x in force.items():
            known = sorted((x[~np.isnan(x)] - self._start[side]).tolist())
            if known:
                # held for most of a second: the third highest of ten rows
                self._most[side] = max(self._most[side], known[max(len(known) - 3, 0)])
        strong, weak = sorted(self._most, key=lambda side: -self._most[side])
        if self._most[strong] >= self._rule.pull_n:
            if max(self._most[weak], 0.0) < self._rule.pull_share * self._most[strong]:
                return strong
            return "both"
        return "none" if self.seconds >= self._rule.wait_s else None
