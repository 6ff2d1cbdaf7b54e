"""The joint between two sensors: its axis from the first repetitions, and a repetition's range about it.

The sum of two inclinations is the joint's angle where its axis is level and the segments turn as the exercise
expects. A knee that falls outward, or a pelvis that tilts to one side, makes the axis lean; a shank that goes
back in a squat turns the same way as the thigh. Both show once the axis is known in both sensors
(:mod:`eccentra.stages.hinge`). It is looked for at the first repetition, again at the third, when it must
pass the quality gate, and at the sixth and the twelfth where the sense is open. Where three do not pass, the
next one takes the place of the oldest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np

from eccentra.events import CalibrationDone, CalibrationFailed, Event, Flag, RepAmended
from eccentra.stages.hinge import Bend, Hinge, HingeRule, fit_hinge, halves_apart, turn_about
from eccentra.stages.joint import AngleRule
from eccentra.stages.joint_measure import Measured
from eccentra.stages.placement_axis import mounting_of

__all__ = ["HingeWatch", "JointTurn"]


class JointTurn(msgspec.Struct, frozen=True):
    """A repetition's range about the joint's axis.

    ``share``: by how much it is more or less than the sum of the inclinations; ``axis_lean_deg``: how far the
    axis leant from level; ``error_deg``: standard error of the range that this brings.
    """

    share: float
    axis_lean_deg: float
    error_deg: float


class HingeWatch:
    """State: the first repetitions, and the axis that they gave."""

    def __init__(self, rule: HingeRule, angle: AngleRule) -> None:
        self._rule, self._angle = rule, angle
        self._joint = angle.method.split("_")[0]
        self._bends: list[Bend] = []
        self._odd: list[Bend] = []
        self._hinge: Hinge | None = None
        self._passed = self._finished = self._told = self._failed = False
        self._apart = True
        self._refused = 0

    def add(self, m: Measured, told: Iterable[tuple[int, int]], now_us: int) -> list[Event]:
        """Take a repetition that counts; tells once when the axis is known, or cannot be found.

        ``told`` are sets and indices of those before: where the segments turn out to turn the same way, their
        ranges are marked.
        """
        apart = self._apart
        events = self._learn(m, now_us)
        if self._apart == apart:
            return events
        flags = (Flag.DIRECTION_ASSUMED,)
        return events + [
            RepAmended(t_us=now_us, set_index=at, index=index, counted=True, flags=flags)
            for at, index in told
        ]

    def _learn(self, m: Measured, now_us: int) -> list[Event]:
        bend = m.bend
        if bend is None or m.rom < self._rule.bend_deg:
            return []
        if self._moved(bend):
            if len(self._odd) < 2:
                return []
            self._begin_again(self._odd)
        elif self._finished:
            return []
        else:
            self._bends.append(bend)
        least = self._rule.least_bends
        if len(self._bends) not in (1, least, 2 * least, 4 * least):
            return []
        found = fit_hinge(self._bends, self._rule)
        if len(self._bends) >= least and found is not None:
            return self._judge(found, now_us)
        self._hinge = found
        return []

    def _moved(self, bend: Bend) -> bool:
        """Whether a sensor sits otherwise than when the axis was found: two repetitions in a row say so."""
        if self._passed and self._hinge is not None and self._hinge.off_in(bend) > self._rule.lean_deg:
            self._odd.append(bend)
            return True
        self._odd = []
        return False

    def _begin_again(self, bends: list[Bend]) -> None:
        self._bends, self._odd, self._hinge = list(bends), [], None
        # that a sensor moved says nothing about the sense in which the segments turn
        self._passed = self._finished = self._told = False
        self._refused = 0

    def _judge(self, hinge: Hinge, now_us: int) -> list[Event]:
        """The quality gate."""
        rule = self._rule
        spread = halves_apart(self._bends, hinge, rule)
        why = _fault_of(hinge, spread, rule)
        if why is not None:
            return self._refuse(why, now_us)
        self._hinge, self._passed, self._failed = hinge, True, False
        sure = hinge.sense >= rule.sense_sure
        self._finished = sure or len(self._bends) >= 4 * rule.least_bends
        if sure:
            self._apart = hinge.apart
        return [] if self._told else self._tell(hinge, spread, now_us)

    def _tell(self, hinge: Hinge, spread: float, now_us: int) -> list[Event]:
        self._told = True
        lean = math.fsum(hinge.lean_of(bend) for bend in self._bends) / len(self._bends)
        names = zip(self._angle.segments, hinge.axes, strict=True)
        return [
            CalibrationDone(
                t_us=now_us,
                what=f"{self._joint} hinge axis",
                residual_deg=round(spread, 2),
                mounting=tuple(mounting_of(name, axis, is_up=False) for name, axis in names),
                lean_deg=round(abs(math.degrees(lean)), 1),
                residual_deg_s=round(hinge.residual_deg_s, 2),
            )
        ]

    def _refuse(self, why: str, now_us: int) -> list[Event]:
        if self._passed:
            self._finished = True  # some of these were others: what the first showed stays
            return []
        # the oldest may have been another movement: the next ones may agree without it
        self._bends, self._hinge = self._bends[1:], None
        self._refused += 1
        if self._failed or self._refused < 2 * self._rule.least_bends:
            return []
        self._failed = True
        instruction = (
            f"The axis of the {self._joint} was not found: {why}. Tighten the straps of both sensors, "
            "stay still in the start pose, then do three slow full repetitions."
        )
        return [
            CalibrationFailed(
                t_us=now_us,
                what=f"{self._joint} hinge axis",
                reason=Flag.CALIBRATION_PROVISIONAL,
                instruction=instruction,
            )
        ]

    def read(self, m: Measured) -> tuple[JointTurn | None, bool]:
        """A repetition's range about the axis (else inclinations have to do), and whether it is in doubt."""
        hinge, bend, rule = self._hinge, m.bend, self._rule
        if hinge is None or bend is None:
            return None, self._failed
        if not self._passed and _fault_of(hinge, 0.0, rule) is not None:
            return None, self._failed
        if hinge.off_in(bend) > rule.lean_deg:
            return None, True
        lean = abs(hinge.lean_of(bend))
        if math.degrees(lean) > rule.most_lean_deg:
            return None, True
        # what the axis is off by makes a level one lean: its square is more by the square of the error
        error = math.sin(math.radians(rule.lean_error_deg))
        lean = math.asin(math.sqrt(max(math.sin(lean) ** 2 - error**2, 0.0)))
        return self._turn(m, lean)

    def _turn(self, m: Measured, lean: float) -> tuple[JointTurn | None, bool]:
        one, two = (turn_about(course, lean) for course in m.leans)
        if one is None or two is None:
            return None, True
        way = float(np.ptp(one + two if self._apart else one - two))
        plain = float(np.ptp(m.leans[0] + m.leans[1]))
        steep = math.fsum(math.tan(math.radians(float(np.ptp(course))) * 0.5) for course in (one, two))
        error = 2.0 * steep * math.tan(lean) * self._rule.lean_error_deg
        return JointTurn(way / max(plain, 1.0), math.degrees(lean), error), False


def _fault_of(hinge: Hinge, spread: float, rule: HingeRule) -> str | None:
    """What the quality gate has against an axis, in words; ``None`` when it passes."""
    if hinge.residual_deg_s >= rule.residual_deg_s:
        return (
            f"across it the two sensors turned differently by {hinge.residual_deg_s:.0f} °/s "
            f"({rule.residual_deg_s:.0f} are allowed)"
        )
    if hinge.principal_off_deg >= rule.agree_deg:
        return (
            f"a sensor turned most about an axis that is {hinge.principal_off_deg:.0f}° away "
            f"({rule.agree_deg:.0f} are allowed)"
        )
    if hinge.lean_off_deg >= rule.lean_deg:
        return (
            f"the two sensors saw it lean differently by {hinge.lean_off_deg:.0f}° "
            f"({rule.lean_deg:.0f} are allowed)"
        )
    if spread >= rule.spread_deg:
        return (
            f"the first and the last repetitions differ by {spread:.0f}° ({rule.spread_deg:.0f} are allowed)"
        )
    return None
