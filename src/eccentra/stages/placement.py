"""Is every sensor where it is said to be, and does it stay there? Never in the way of the stage that counts.

Mounting is free: any way round is calibrated away by the start pose and the way of the movement. What is not
free is said here, with what to do:

- a sensor that turned on its limb, or was turned over, since the repetitions before,
- a sensor on another segment than it is said to be, as far as the exercise's segments turn differently,
- a strap whose zero was taken under load: a strap cannot push, so its unloaded level is never below zero,
- straps that changed sides, when somebody asks (pull with one leg).

What cannot be seen with gravity alone: a strap that slides along its limb without turning, segments that turn
alike (trunk and pelvis, thigh and shank of a straight leg), sides of straps without a pull of one leg.

This file holds the parameters (``pipelines/shared/placement.toml`` and the exercise's ``[placement]`` table):

- :mod:`eccentra.stages.placement_run` follows rows and events and says what was found,
- :mod:`eccentra.stages.placement_frames` finds pose and axis of one movement of one sensor,
- :mod:`eccentra.stages.placement_slip`, :mod:`eccentra.stages.placement_again`,
  :mod:`eccentra.stages.placement_segment` and :mod:`eccentra.stages.placement_strap` judge,
- :mod:`eccentra.stages.placement_axis` says how well pose and axis are known.
"""

from __future__ import annotations

from typing import get_args

import msgspec

from eccentra.samples import Placement
from eccentra.stages.limits import Count, Factor, NotNegative, Positive, Share

__all__ = ["AgainRule", "AxisRule", "PlacementCheck", "SegmentRule", "SlipRule", "StrapRule"]


class SlipRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensor turned on its segment.

    Attributes
    ----------
    axis_deg
        The movement's axis, seen by the sensor, turned by more than this and stays there.
    about_deg
        Start and far pose both turned about that axis by more than this, the same way.
    still_deg
        The pose of a segment that hardly turns changed by more than this.
    weak
        All three grow by this factor for a movement of ``least_turn_deg``; from ``strong_turn_deg`` on they
        hold as they are.
    least_turn_deg, strong_turn_deg
        A segment that turns by less than the first is one that hardly turns.
    agree_share
        Two movements agree when they differ by less than this share of the limits.
    between
        Between sets the limits grow by this factor: people take another pose.
    across_sets
        Whether sets are compared at all.
    over_deg
        Turned by more than this is turned over.
    own_sd, own_least
        Within a set the limits shrink to so many standard deviations of the person's own movements, but not
        below this share.
    odd_share
        One repetition alone that exceeds the limits by this factor is marked as doubtful.
    seen_deg, seen_s
        The gyroscope saw the axis turn as it did when it agrees within this, from at most so long before.
    seen_share
        What it saw is held to this share of the limits.
    """

    axis_deg: Positive
    about_deg: Positive
    still_deg: Positive
    weak: Factor
    least_turn_deg: Positive
    strong_turn_deg: Positive
    agree_share: Positive
    between: Factor
    across_sets: bool
    over_deg: Positive
    own_sd: Positive
    own_least: Share
    odd_share: Positive
    seen_deg: Positive
    seen_s: Positive
    seen_share: Share

    def __post_init__(self) -> None:
        if self.strong_turn_deg <= self.least_turn_deg:
            raise ValueError(
                f"strong_turn_deg is {self.strong_turn_deg:g}, expected more than least_turn_deg "
                f"({self.least_turn_deg:g})"
            )


class AgainRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Movements as before, that nobody counted.

    Attributes
    ----------
    least_known, least
        So many movements before, and so many after.
    size
        They are at most so much larger or smaller,
    length
        take so many times the usual time, shortest and longest (without their ends),
    pause_s
        and follow each other within a usual time and this.
    """

    least_known: int
    least: int
    size: float
    length: tuple[float, float]
    pause_s: float


class AxisRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a calibration is good.

    Attributes
    ----------
    spread_deg
        The axes of a person's repetitions agree when their spread (RMS) stays below this.
    least_bends, least_turn_deg
        So many repetitions, in which the segment turned by at least so much.
    wait_s
        Without any still pose for so long, while the sensors move, the person is asked for one.
    moved_deg
        So much within ten seconds is a movement.
    """

    spread_deg: float
    least_bends: int
    least_turn_deg: float
    wait_s: int
    moved_deg: float


class SegmentRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensor sits on another segment.

    Attributes
    ----------
    low, high
        A segment that turns by less than ``low`` times its smallest, or more than ``high`` times its largest
        expected turn is not the one it is said to be; so much is added to the largest by ``spare_deg``.
    spare_deg
        Turn that any segment may have.
    order
        Of two segments, the one that should turn less turned more by this factor.
    apart
        Only segments whose expected turns differ by this factor have an order.
    least_reps
        Counted repetitions that are looked at.
    least_cycles, alone_cycles
        Movements alike that were not counted: with two sensors, and with one alone.
    alone_low
        One sensor alone: less than this times the smallest turn (a shallow movement is no fault).
    cycle_deg, cycle_s
        Smallest movement, and shortest and longest time.
    alike, axis_deg
        Sizes differ by at most this factor, axes by this angle.
    quiet_deg_s
        Slower than this is a rest.
    burst_n
        Force of one pull, where the sensors themselves do not move.
    """

    low: Positive
    high: Factor
    spare_deg: NotNegative
    order: Positive
    apart: Positive
    least_reps: Count
    least_cycles: Count
    alone_cycles: Count
    alone_low: Positive
    cycle_deg: Positive
    cycle_s: tuple[Positive, Positive]
    alike: Factor
    axis_deg: Positive
    quiet_deg_s: Positive
    burst_n: Positive

    def __post_init__(self) -> None:
        if self.cycle_s[0] >= self.cycle_s[1]:
            raise ValueError(f"cycle_s is {list(self.cycle_s)}, expected the shortest time, then the longest")


class StrapRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A zero taken under load, and the sides of two straps.

    Attributes
    ----------
    quiet_n
        A second is quiet when force stays within this.
    below_n
        An unloaded level below minus this is no zero.
    least_s
        Quiet seconds at that level.
    under_n
        Force that goes further below that level shows a strap that is worn the wrong way round, or noise.
    pull_n, pull_share
        The pull of one leg: at least so much, while the other strap has at most this share of it.
    wait_s
        So long a pull is waited for.
    """

    quiet_n: Positive
    below_n: Positive
    least_s: Count
    under_n: NotNegative
    pull_n: Positive
    pull_share: Share
    wait_s: Count


class PlacementCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters.

    Attributes
    ----------
    slip, again, axis, segment, strap
        Rules.
    confidence
        Factor on the confidence of a repetition that a finding touches.
    turn_deg
        Smallest and largest turn of each segment in a full repetition, in degrees; segments that are not
        named are not looked at.
    """

    slip: SlipRule
    again: AgainRule
    axis: AxisRule
    segment: SegmentRule
    strap: StrapRule
    confidence: Share
    turn_deg: dict[str, tuple[float, float]] = {}

    def __post_init__(self) -> None:
        for name, (low, high) in self.turn_deg.items():
            if name not in get_args(Placement):
                raise ValueError(f"turn_deg.{name}: expected one of {', '.join(get_args(Placement))}")
            if not 0.0 <= low < high <= 180.0:
                raise ValueError(f"turn_deg.{name} is [{low}, {high}], expected 0 <= low < high <= 180")
