"""What is usual for this person: range, time and load of the repetitions counted so far."""

from __future__ import annotations

from collections.abc import Sequence

from eccentra.events import Reason
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_measure import Measured

__all__ = ["Usual"]


class Usual:
    """State: full repetitions in order.

    Attributes
    ----------
    roms, times, loads, paces
        Range in degrees, eccentric time in s, load of both straps in N, speed under control in deg/s.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.roms: list[float] = []
        self.times: list[float] = []
        self.loads: list[float] = []
        self.paces: list[float] = []

    @property
    def rom(self) -> float | None:
        """Calibrated ROM: the upper median of the last full ones."""
        recent = sorted(self.roms[-9:])
        return recent[len(recent) // 2] if recent else None

    @property
    def end(self) -> float | None:
        """The same, when it is more than one repetition's."""
        return self.rom if len(self.roms) > 1 else None

    def full_from(self) -> float:
        """Smallest ROM of a full repetition."""
        rule, rom = self._stage.count, self.rom
        return rule.first_full_share * rule.nominal_rom_deg if rom is None else rule.full_share * rom

    def partial_from(self) -> float:
        """Smallest ROM that counts."""
        rule = self._stage.count
        return max(rule.partial_least_deg, rule.partial_share * (self.rom or rule.nominal_rom_deg))

    def full(self, m: Measured) -> bool:
        """Whether it went far enough beyond the usual start pose for a full repetition."""
        return m.reach >= self.full_from()

    def hurried(self, m: Measured, ratio: float) -> bool:
        """Whether it went down quicker than the last ones by this ratio, as far as it was controlled.

        Who gets onto the hands, lies down or gets up bends the hips: then nothing holds the thigh back. A
        movement that was loaded, or in which control was lost, is none of these.
        """
        last = sorted(self.paces[-3:])
        if len(last) < 2 or m.pace is None or m.break_s is not None:
            return False
        if m.loaded_n is not None and m.loaded_n >= self._stage.force.loaded_n:
            return False
        return m.pace > ratio * last[len(last) // 2]

    def doubtful(self, m: Measured) -> bool:
        """Whether it counts only once somebody rests in the start pose or a repetition follows."""
        return self.hurried(m, self._stage.count.hurried_ratio)

    def flown(self, m: Measured) -> bool:
        """Whether it is none unless it came back to rest in the start pose."""
        return self.hurried(m, self._stage.count.most_hurried)

    def _most_mean(self, paces: Sequence[float]) -> float:
        """Mean speed of partial movements that are no lowering, deg/s: faster than one's own."""
        known = sorted(paces[-3:])
        own = known[len(known) // 2] if len(known) > 1 else 0.0
        return max(self._stage.count.most_mean_deg_s, own)

    def refused(self, m: Measured, waiting: Sequence[float] = ()) -> Reason | None:
        """Why this is no lowering at all, whatever its direction.

        ``waiting``: paces of full repetitions that are not counted yet, where none are.
        """
        rule, force = self._stage.count, self._stage.force
        if m.reach < self.partial_from():
            return Reason.TOO_SMALL
        if m.eccentric_s < rule.least_down_s:
            return Reason.TOO_FAST
        # a leg that swings takes its shank along
        held = m.shank_change is not None and m.shank_change <= self._stage.direction.held_deg[0]
        if not (held or self.full(m)) and (
            m.eccentric_s < rule.partial_down_s
            or m.rom / m.eccentric_s > self._most_mean(self.paces or waiting)
        ):
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
        if m.thrown > rule.most_thrown and self.hurried(m, rule.thrown_ratio):
            return Reason.TOO_FAST
        if m.climbed is not None and abs(m.climbed) > rule.most_climb_m:
            return Reason.SETUP
        return None
