"""How far the person goes: the usual length of the stroke, and how fast it may be for that."""

from __future__ import annotations

import msgspec

from eccentra.catalogue import Tempo
from eccentra.stages.cue_rules import FastRule

__all__ = ["Range", "Usual"]

_LEAST_DEG = 10.0


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What the exercise's record says of its range, and of too fast; ``None`` where it says nothing.

    Attributes
    ----------
    rom_deg
        Usual range of the angle.
    most_deg_s, least_s
        Its rule ``fast_eccentric``: largest mean speed, or shortest time.
    """

    rom_deg: float | None = None
    most_deg_s: float | None = None
    least_s: float | None = None


class Range:
    """Range of the movement now, and of the last repetitions.

    Parameters
    ----------
    usual
        What the exercise's record says.
    rule
        When it is too fast.
    tempo
        What is prescribed.

    Attributes
    ----------
    scale
        Measured range of motion by the range of the live angle, of the last repetition.
    """

    def __init__(self, usual: Usual, rule: FastRule, tempo: Tempo) -> None:
        self.scale = 1.0
        self._usual = usual
        self._rule = rule
        self._tempo = tempo
        self._farthest: list[float] = []
        self._low = self._peak = 0.0

    def begin(self, angle_deg: float) -> None:
        """A movement begins at this angle."""
        self._low = self._peak = angle_deg

    def see(self, angle_deg: float) -> None:
        """It comes by this angle."""
        self._peak, self._low = max(self._peak, angle_deg), min(self._low, angle_deg)

    def completed(self, rom_deg: float | None) -> None:
        """The movement was a repetition with this range of motion."""
        own = self._peak - self._low
        if own > _LEAST_DEG and rom_deg is not None:
            self._farthest = [*self._farthest, own][-5:]
            self.scale = rom_deg / own if 0.7 < rom_deg / own < 2.5 else 1.0

    def full_deg(self) -> float | None:
        """Usual length of the stroke: the person's own, else the exercise's."""
        own = sorted(self._farthest)
        return own[len(own) // 2] if own else self._usual.rom_deg

    def fastest(self, full_deg: float | None) -> float | None:
        """Largest mean speed of an eccentric of this length, deg/s."""
        rule, wanted = self._rule, self._tempo.eccentric
        if wanted is not None:
            return None if full_deg is None else full_deg / (rule.tempo_share * wanted)
        if rule.most_deg_s is not None:
            return rule.most_deg_s
        if self._usual.most_deg_s is not None:
            return self._usual.most_deg_s
        least = self._usual.least_s
        return full_deg / least if full_deg is not None and least else None
