"""Exercises in which a joint goes from a start pose to a far pose and back: squat, hinge, bridge, curl, lift.

The exercise's file says which segments' inclinations make the tracked angle, which phase comes first, what
range is usual, and which rules hold. This file holds the parameters (the ``[stage]`` table):

- :mod:`eccentra.stages.joint_trial` follows "up" from every pose in which the person rests,
- :mod:`eccentra.stages.joint_motion` runs these trials: who comes back to the pose it left has done one,
- :mod:`eccentra.stages.joint_measure` takes one apart into strokes and phases,
- :mod:`eccentra.stages.joint_judge` decides what counts, :mod:`eccentra.stages.joint_rep` writes it down.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from eccentra.catalogue import AngleRange, Tempo
from eccentra.events import FaultId, Reason
from eccentra.samples import Placement, StreamInfo
from eccentra.stages import EventRun
from eccentra.stages.hinge import HingeRule
from eccentra.stages.joint_numbers import METRICS
from eccentra.stages.quality_score import QualityPart
from eccentra.stages.rules import Rule, check_rules

__all__ = ["AngleRule", "CountRule", "LikeRule", "MetricRule", "PhaseRule", "PoseRule", "Stage"]

Method = Literal[
    "thigh_inclination",
    "shank_inclination",
    "trunk_inclination",
    "pelvis_inclination",
    "wrist_inclination",
    "load_inclination",
    "knee_flexion",
    "hip_flexion",
    "hip_abduction",
]


class AngleRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to track the angle.

    Attributes
    ----------
    segments
        Segments whose leans away from the start pose are added; the first is the one that moves most, which
        is followed live. With two, both turn so that the joint's angle changes by the sum (thigh back and
        shank forward in a squat).
    method
        Id of the angle; values of different methods are never compared.
    rom
        Smallest full, usual and largest range of this angle.
    rises
        Whether the first segment's sensor goes up on the way away from the start pose, or down; left out
        where that depends on how it is worn.
    partial_least_deg
        Smallest partial repetition of this angle, where it is but a part of the joint's; left out, it is that
        of the rules of counting.
    """

    segments: tuple[Placement, ...]
    method: Method
    rom: AngleRange
    rises: bool | None = None
    partial_least_deg: float | None = None

    def __post_init__(self) -> None:
        if not self.segments or len(set(self.segments)) != len(self.segments):
            raise ValueError(f"segments are {self.segments}, expected one or more different ones")


class PoseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resting in a pose.

    Attributes
    ----------
    quiet_s, quiet_deg
        A pose is held when "up" moves by less than ``quiet_deg`` in ``quiet_s``.
    near_deg
        Within this of a pose one is in it.
    touch_deg_s
        A movement can only start from a moment in the pose slower than this.
    touch_memory_s
        It must follow such a moment within this time (slow, soft starts take long).
    most_poses
        So many resting poses are remembered.
    """

    quiet_s: float
    quiet_deg: float
    near_deg: float
    touch_deg_s: float
    touch_memory_s: float
    most_poses: int


class LikeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a person's own repetitions vary among each other, and how everyday movements do.

    Standard deviations; of ranges and times those of their logarithm, of stays mean deviations.

    Attributes
    ----------
    own_size, own_time, own_stay_s, own_share
        Range, times of the strokes, stay at the far end and first segment's share of the angle, about
        the median of the person's other repetitions.
    other_size, other_time, other_stay_s, other_share
        The same of movements done for another purpose; their times are about ``other_s``.
    other_s
        Usual time of an everyday stroke.
    slow_s
        Strokes that take longer, in the geometric mean of both, are not those of everyday movements.
    most
        No single measure says more than this (natural logarithm of a ratio of probabilities).
    least
        Nor do all of one movement together speak more than this against a set.
    stopped
        So much less likely a stop on the way is one's own than that of an everyday movement.
    alone
        A movement far from the others must be so much surer to be one of them, one close to them less sure.
    first_partial, last_partial
        So much less likely the first movement of a set is a partial repetition, and the last.
    set_odds, lone_odds
        So sure a set must be to be more than everyday movements; and a single repetition after a set.
    """

    own_size: float
    own_time: float
    own_stay_s: float
    own_share: float
    other_size: float
    other_time: float
    other_stay_s: float
    other_share: float
    other_s: float
    slow_s: float
    most: float
    least: float
    stopped: float
    alone: float
    first_partial: float
    last_partial: float
    set_odds: float
    lone_odds: float


class CountRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is counted.

    Attributes
    ----------
    partial_share, partial_least_deg
        A partial repetition is at least this share of the calibrated ROM and this angle.
    full_share
        From this share of the calibrated ROM on it is a full one.
    over_share
        No repetition goes further than this share of the largest range.
    home_share, turn_share
        Back within ``home_share`` of the way; or turning away again after having come back to ``turn_share``.
    same_deg
        A turn so near the pose is one in it, where nothing is known yet.
    first_odds, again_odds
        What speaks for the pose that was left first, and for movements just like those of the set before, in
        standard errors.
    odd_ratio, odd_end
        A stroke at an end of the set that differs so much from the usual one, and what it speaks against it.
    rise_sure, rise_wrong
        Standard errors of the sensor's rise from which on it confirms a movement, or speaks against it.
    arrived_share
        Who stops further than this from the start pose, but within ``home_share``, is waited for.
    arrived_s
        How long.
    settle_s, settle_deg, settle_share, still_deg, still_share, still_least_deg
        A stop: "up" moved by less than ``settle_deg`` in this time, and by less than ``settle_share`` of the
        mean speed of the way back (slow strokes fade out). It is the end when the same holds for
        ``still_deg`` and ``still_share``, or when it lasts 1.5 times as long again. Nobody keeps stiller than
        ``still_least_deg``.
    least_stroke_s, most_stroke_s, most_hold_s
        Shortest and longest stroke, longest hold at the far end.
    founder_hold_s
        Longest hold of the repetitions that show what the movement is.
    least_chain_s
        Quicker movements count only between two rests, or when they are larger than a stride.
    stride_deg
        Strides turn by less.
    most_turns
        More changes of direction than this are no repetition.
    axis_deg, pose_deg, rom_ratio, tempo_ratio, share_differs
        Repetitions of a set turn about one axis, from one pose, by similar angles in similar times, and the
        first segment does a similar share of it.
    first_share
        The first segment does at least this share of the whole angle.
    least_reps, partial_reps
        Fewest full repetitions of a set; fewest of a set that has less full ones.
    most_pause_s
        No pause longer than this is usual.
    pause_extra_s, unlike_ratio, unlike_hold_s
        After a pause longer than one and a half usual ones and this, a movement has to be like those before
        it. Two are just alike whose times and size differ by less than this ratio, and whose holds by less
        than this time.
    apart_s
        A movement at an end of a set, this pause or more away from the rest, is one of it when it is like
        the person's own repetitions.
    alone_s
        So much longer than the person's longest pause it may be away; by twice that it is asked for more.
    like
        What speaks for own repetitions, and against everyday movements.
    """

    partial_share: float
    partial_least_deg: float
    full_share: float
    over_share: float
    home_share: float
    turn_share: float
    same_deg: float
    first_odds: float
    again_odds: float
    odd_ratio: float
    odd_end: float
    rise_sure: float
    rise_wrong: float
    arrived_share: float
    arrived_s: float
    settle_s: float
    settle_deg: float
    settle_share: float
    still_deg: float
    still_share: float
    still_least_deg: float
    least_stroke_s: float
    most_stroke_s: float
    most_hold_s: float
    founder_hold_s: float
    least_chain_s: float
    stride_deg: float
    most_turns: int
    axis_deg: float
    pose_deg: float
    rom_ratio: float
    tempo_ratio: float
    share_differs: float
    first_share: float
    least_reps: int
    partial_reps: int
    most_pause_s: float
    pause_extra_s: float
    unlike_ratio: float
    unlike_hold_s: float
    apart_s: float
    alone_s: float
    like: LikeRule


class PhaseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a repetition is taken apart.

    Attributes
    ----------
    smooth_s, tremor_smooth_s
        Smoothing of angle and rate; the second when the limb trembles.
    stroke_speed_deg_s, stroke_share
        A stroke is faster than this and turns by at least this share of the whole way.
    least_noise_deg_s
        Speeds below this are never used for boundaries.
    stop_s
        A stop at least so long is a phase of its own.
    stop_share
        At the far end also at least this share of the repetition: where slow, soft strokes end is not surer.
    smooth_share
        What shakes slowly is smoothed over at most this share of a stroke's time.
    """

    smooth_s: float
    tremor_smooth_s: float
    smooth_share: float
    stroke_speed_deg_s: float
    stroke_share: float
    least_noise_deg_s: float
    stop_s: float
    stop_share: float


class MetricRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Further numbers.

    Attributes
    ----------
    core_share
        Part of a way's time without its start and its end, for the variation of speed.
    smooth_cutoff_hz, smooth_least
        Limits of the spectrum for smoothness.
    trend_least_reps, loss_least_reps
        Repetitions that a variation or slope within a set needs, and that a loss from first to last needs.
    quality_least
        Share of the score's weights that must have been measured.
    quality
        Parts of the quality score.
    """

    core_share: tuple[float, float]
    smooth_cutoff_hz: float
    smooth_least: float
    trend_least_reps: int
    loss_least_reps: int
    quality_least: float
    quality: tuple[QualityPart, ...] = ()


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters of the exercise's stage.

    Attributes
    ----------
    set_gap_s
        A set ends so long after its last repetition.
    first, second
        Phase of the movement away from the start pose, and back.
    angles
        Ways to track the angle, best first; the first whose sensors are worn is used.
    inclination_error_deg
        Standard error of one segment's inclination in movement.
    acceleration_error_m_s2
        Standard error of an accelerometer's offset, all axes together.
    hinge
        When two sensors know the axis of the joint between them; ``None`` takes it as level.
    validity, faults
        Rules that make a repetition invalid, and that name its faults.
    tempo_s
        Wanted times of the phases; from the exercise's record.
    metrics
        Further numbers; ``None`` leaves them out.
    """

    set_gap_s: float
    first: Literal["eccentric", "concentric"]
    second: Literal["eccentric", "concentric", "return"]
    angles: tuple[AngleRule, ...]
    inclination_error_deg: float
    acceleration_error_m_s2: float
    pose: PoseRule
    count: CountRule
    phases: PhaseRule
    hinge: HingeRule | None = None
    validity: tuple[Rule, ...] = ()
    faults: tuple[Rule, ...] = ()
    tempo_s: Tempo = Tempo()
    metrics: MetricRule | None = None

    def __post_init__(self) -> None:
        if not self.angles:
            raise ValueError("angles is empty, expected at least one way to track the angle")
        if self.first == self.second:
            raise ValueError(f"first and second are both {self.first!r}")
        check_rules(self.validity, Reason, METRICS)
        check_rules(self.faults, FaultId, METRICS)

    def by(self, rule_at: int) -> Stage:
        """The same for one of the ways to track the angle: limits that are its own take their places."""
        least = self.angles[rule_at].partial_least_deg
        if least is None:
            return self
        count = msgspec.structs.replace(self.count, partial_least_deg=least)
        return msgspec.structs.replace(self, count=count)

    def followed(self, rule_at: int) -> CountRule:
        """Limits for the first segment of one of the ways: alone it sees but a part of the joint's angle."""
        first = self.angles[rule_at].segments[:1]
        alone = (k for k, angle in enumerate(self.angles) if angle.segments == first)
        return self.by(next(alone, rule_at)).count

    def start(self, info: StreamInfo, first_set: int = 1) -> EventRun:
        """Begin a run on aligned rows.

        Raises
        ------
        ValueError
            When no way to track the angle has its sensors.
        """
        from eccentra.stages.joint_motion import MotionRun

        return MotionRun(self, info, first_set)
