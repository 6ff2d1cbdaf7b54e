"""What is usual for this person: range, time and load of the repetitions counted so far."""

from __future__ import annotations

from eccentra.events import Reason
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_measure import Measured

__all__ = ["Usual"]


class Usual:
    """State: full repetitions in order.

    Attributes
    ----------
    roms, times, loads
        Range in degrees, eccentric time in s, load of both straps in N.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.roms: list[float] = []
        self.times: list[float] = []
        self.loads: list[float] = []

    @property
    def rom(self) -> float | None:
        """Calibrated ROM: the upper median of the last full ones."""
        recent = sorted(self.roms[-9:])
        return recent[len(recent) // 2] if recent else None

    def full_from(self) -> float:
        """Smallest ROM of a full repetition."""
        rule, rom = self._stage.count, self.rom
        return rule.first_full_share * rule.nominal_rom_deg if rom is None else rule.full_share * rom

    def partial_from(self) -> float:
        """Smallest ROM that counts."""
        rule = self._stage.count
        return max(rule.partial_least_deg, rule.partial_share * (self.rom or rule.nominal_rom_deg))

    def refused(self, m: Measured) -> Reason | None:
        """Why this is no lowering at all, whatever its direction."""
        rule, force = self._stage.count, self._stage.force
        if m.rom < self.partial_from():
            return Reason.TOO_SMALL
        if m.eccentric_s < rule.least_down_s:
            return Reason.TOO_FAST
        partial = m.rom < self.full_from()
        if partial and (m.eccentric_s < rule.partial_down_s or m.rom / m.eccentric_s > rule.most_mean_deg_s):
            return Reason.TOO_FAST
        if m.eccentric_s > rule.most_down_s:
            return Reason.TOO_LONG
        if m.shank_change is not None and m.shank_change > rule.shank_reject_deg:
            return Reason.SHANK_MOVED
        if m.kneel.lean < 0.0 and m.deepest + m.kneel.lean < rule.partial_least_deg:
            return Reason.NO_LOAD  # from a start pose that leans back it only came upright
        if m.loaded_n is not None:
            usual = sorted(self.loads[-9:])
            least = force.slack_share * usual[len(usual) // 2] if usual else force.loaded_n
            if m.loaded_n < min(least, force.loaded_n):
                return Reason.NO_LOAD
        return None
