"""The Nordic curl: from the tall kneel slowly down, back up with the hands.

Sensor kits: a thigh IMU; thigh and shank; each with ankle straps; straps alone. This file holds the
parameters (the ``[stage]`` table of the exercise) and picks the run:

- :mod:`eccentra.stages.nordic_motion` finds excursions of the thigh from the tall kneel,
- :mod:`eccentra.stages.nordic_measure` takes one apart, :mod:`eccentra.stages.nordic_break` finds its break,
- :mod:`eccentra.stages.nordic_judge` decides what counts, :mod:`eccentra.stages.nordic_rep` writes it down,
- :mod:`eccentra.stages.nordic_numbers` adds what is measured beside times and angles,
- :mod:`eccentra.stages.nordic_force` works from straps alone.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from eccentra.catalogue import Person, Tempo
from eccentra.events import FaultId, Reason
from eccentra.samples import StreamInfo
from eccentra.stages import EventRun
from eccentra.stages.nordic_break import BreakRule
from eccentra.stages.nordic_burst import BurstRule
from eccentra.stages.nordic_course import MeasureRule
from eccentra.stages.nordic_rise import RiseRule
from eccentra.stages.nordic_specs import METRICS
from eccentra.stages.nordic_whole import WholeRule
from eccentra.stages.quality_score import QualityPart
from eccentra.stages.rules import Rule, check_rules
from eccentra.stages.strap_numbers import StrapRule

__all__ = [
    "CountRule",
    "DirectionRule",
    "ForceRule",
    "MetricRule",
    "PoseRule",
    "RelativeRule",
    "SlopeRule",
    "Stage",
]


class PoseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The start pose.

    Attributes
    ----------
    quiet_s, quiet_deg
        A pose is held when "up" moves by less than ``quiet_deg`` in ``quiet_s``.
    near_deg
        Within this of the start pose one is in it.
    touch_deg_s
        A movement can only start from a moment in the start pose slower than this.
    rest_deg_s, settle_s
        The way back is over when slower than this, or so long after it came near.
    touch_memory_s
        The departure must follow such a moment within this time (slow, soft starts take long).
    new_pose_s
        A pose held so long elsewhere, without a repetition going on, is a new start pose.
    tilt_deg
        A start pose that tilts by more about another axis than that of the lean is not among the usual ones.
    shift_deg
        A pose held within this of the start pose, without a repetition going on, is the start pose, shifted.
    most_deg
        No movement of the exercise goes this far from the start pose.
    lean_back_deg
        The start pose may lean back so far from the thigh upright: on a slope, with the knees at a right
        angle. Then a pose is not taken for sitting on the heels before that.
    stand_deg, stand_thigh_deg
        From standing to kneeling the shank turns by so much, the thigh by at most so much.
    """

    quiet_s: float
    quiet_deg: float
    near_deg: float
    touch_deg_s: float
    rest_deg_s: float
    settle_s: float
    touch_memory_s: float
    new_pose_s: float
    tilt_deg: float
    shift_deg: float
    most_deg: float
    lean_back_deg: float
    stand_deg: tuple[float, float]
    stand_thigh_deg: float


class CountRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is counted.

    Attributes
    ----------
    nominal_rom_deg
        ROM before any full repetition has been seen.
    partial_share, partial_least_deg
        A partial repetition is at least this share of the calibrated ROM and this angle.
    full_share
        From this share of the calibrated ROM on it is a full one.
    first_full_share
        The same against the nominal ROM, before calibration.
    least_down_s
        Nobody falls from upright to the floor faster than this: quicker movements are not lowerings.
    most_mean_deg_s
        A partial movement faster than this on average is not a lowering.
    most_down_s
        Longer than this is not one descent.
    hurried_ratio, most_hurried
        Quicker than the last ones by more than this, in what was controlled of it, it is none unless it comes
        back to rest in the start pose or a repetition follows; by more than ``most_hurried``, unless it comes
        back to rest.
    most_thrown, thrown_ratio
        With more than this share of the energy of a free fall from upright in its first part, and quicker
        than the last ones by more than this, it is thrown by a hip that bends.
    most_climb_m
        The knees stay where they are: a thigh that ended higher or lower has stood up or knelt down.
    return_s
        Time to wait for the return.
    return_turn_share
        Coming up by this share of the way and going down again begins a new repetition.
    shank_reject_deg
        The shank lies still while kneeling; turning by more than this is another movement.
    shank_after_deg
        Who kneels again lies on the same shank: when it lies otherwise by more than this, somebody got up.
    """

    nominal_rom_deg: float
    partial_share: float
    partial_least_deg: float
    full_share: float
    first_full_share: float
    least_down_s: float
    partial_down_s: float
    most_mean_deg_s: float
    most_down_s: float
    hurried_ratio: float
    most_hurried: float
    most_thrown: float
    thrown_ratio: float
    most_climb_m: float
    return_s: float
    return_turn_share: float
    shank_reject_deg: float
    shank_after_deg: float


class SlopeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How steep the shank lies, knee end up.

    Attributes
    ----------
    usual_deg
        Taken when it is not measured, and flagged unless the floor is flat.
    range_deg
        A measured slope outside of this is not believed.
    error_deg
        Standard error of a measured one: nobody stands with the shank quite upright.
    upright_deg
        A start pose further than this from the thigh's pose when standing is none with the thigh upright.
    """

    usual_deg: float
    range_deg: tuple[float, float]
    error_deg: float
    upright_deg: float


class DirectionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which way is forward: learned from excursions, as mounting says nothing.

    Evidence of an excursion is the sum of a part for a long descent (0 at ``slow_from_s``, 1 after
    ``slow_span_s`` more), for a far lean (0 at ``far_from_deg``, 1 after ``far_span_deg`` more: the heels
    stop sitting back before that), for coming back quicker than going, and for load.

    Attributes
    ----------
    at_once_s, at_once_deg
        Without a known direction, a descent longer and further than this is counted at its end; others wait
        for their return.
    enough
        Evidence that fixes the direction when another excursion the same way is near.
    alone
        Evidence that fixes it by itself: half-kneeling takes up to 2 s and goes to 80 degrees.
    doubtful
        Evidence below this says nothing.
    axis_deg
        Movements about an axis further off than this are about another one.
    load_evidence
        Evidence of a loaded strap (minus that of a slack one).
    stay_from_s, stay_span_s, stay_evidence
        Staying down for longer than the first speaks against it, fully after the second more.
    held_deg, held_evidence
        Evidence of a shank that turned by no more than the first while the thigh went ``at_once_deg`` and
        came back, none from the second on: heels do not let one sit back so far, and who sits down or kneels
        down moves the shank.
    """

    slow_from_s: float
    slow_span_s: float
    far_from_deg: float
    far_span_deg: float
    at_once_s: float
    at_once_deg: float
    enough: float
    alone: float
    doubtful: float
    axis_deg: float
    load_evidence: float
    stay_from_s: float
    stay_span_s: float
    stay_evidence: float
    held_deg: tuple[float, float]
    held_evidence: float


class ForceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Straps.

    Attributes
    ----------
    quiet_spread_n, quiet_s
        A level is quiet when force stays within ``quiet_spread_n`` for ``quiet_s``.
    zero_memory_s
        A zero that was not seen for so long is not sure any more.
    loaded_n
        Both straps together, above zero: more is a loaded movement.
    slack_share
        A movement with less than this share of the usual load is not a lowering.
    onset_n, onset_sd, onset_s, offset_share
        Onset of a burst: above baseline by the greater of ``onset_n`` and ``onset_sd`` times its noise, for
        ``onset_s``; it ends below ``offset_share`` of that.
    burst_share, burst_first_n
        Less than this share of the force of a full lowering, or before that is known than this force of all
        straps, is no lowering.
    rise_s
        A lowering takes at least so long from a tenth to four fifths of its peak.
    side_share
        Both legs carry: the weaker side has at least this share of the stronger one.
    dip_s
        A dip shorter than this does not end a burst.
    """

    quiet_spread_n: float
    quiet_s: float
    zero_memory_s: float
    loaded_n: float
    slack_share: float
    onset_n: float
    onset_sd: float
    onset_s: float
    offset_share: float
    burst_share: float
    burst_first_n: float
    rise_s: float
    side_share: float
    dip_s: float


class RelativeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The method ``bpa_rel``: ``ratio`` times the own speed for ``for_s``, and ``more_lean_deg`` to follow.

    The own speed is the median between these ``share`` of the time under control.
    """

    ratio: float
    share: tuple[float, float]
    for_s: float
    more_lean_deg: float


class MetricRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Further numbers.

    Attributes
    ----------
    inclination_error_deg, boundary_error_s
        Standard errors of a segment's inclination in movement and of a phase's boundary.
    soft_share
        Standard error of soft ends, as a share of the phase: what hides there goes with its length.
    torque_before_s
        The greatest torque of a break (``bta``) is at most so long before control was lost.
    abs_limit_deg_s
        Speed of the method ``bpa_abs10``.
    relative
        The method ``bpa_rel``.
    core_share
        Part of the controlled time without its start and its end, for the variation of speed.
    smooth_cutoff_hz, smooth_least
        Limits of the spectrum for smoothness.
    least_quiet_s
        Quiet start pose before a repetition that onset and force time need; the full ``quiet_s`` of straps is
        not flagged.
    rfd_s, rfd_least_hz
        Rate of force development over so long, for straps sampled at least so often.
    sampled_hz, step_n
        How often the straps of this run are sampled, and the resolution of the coarsest one.
    lever_error_m, scale_error, zero_error_n
        Standard errors of a measured lever arm, and of a strap's scale (relative) and zero.
    trend_least_reps, loss_least_reps
        Repetitions that a variation or slope within a set needs, and that a loss from first to last needs.
    quality_least
        Share of the score's weights that must have been measured.
    quality
        Parts of the quality score.
    """

    inclination_error_deg: float
    boundary_error_s: float
    soft_share: float
    torque_before_s: float
    abs_limit_deg_s: float
    relative: RelativeRule
    core_share: tuple[float, float]
    smooth_cutoff_hz: float
    smooth_least: float
    least_quiet_s: float
    rfd_s: float
    rfd_least_hz: float
    lever_error_m: float
    scale_error: float
    zero_error_n: float
    trend_least_reps: int
    loss_least_reps: int
    quality_least: float
    quality: tuple[QualityPart, ...] = ()
    sampled_hz: float | None = None
    step_n: float = 0.0

    def seconds_error(self, seconds: float) -> float:
        """Standard error of a phase's length, s: two ends, independent, and what soft ones hide."""
        return math.hypot(math.sqrt(2.0) * self.boundary_error_s, self.soft_share * seconds)

    def strap(self, force: ForceRule) -> StrapRule:
        """How straps are read."""
        return StrapRule(
            onset_n=force.onset_n,
            onset_sd=force.onset_sd,
            onset_s=force.onset_s,
            offset_share=force.offset_share,
            quiet_s=force.quiet_s,
            quiet_spread_n=force.quiet_spread_n,
            least_quiet_s=self.least_quiet_s,
            rfd_s=self.rfd_s,
            rfd_least_hz=self.rfd_least_hz,
            lever_error_m=self.lever_error_m,
            scale_error=self.scale_error,
            zero_error_n=self.zero_error_n,
            sampled_hz=self.sampled_hz,
            step_n=self.step_n,
        )


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters of the exercise's stage.

    Attributes
    ----------
    set_gap_s
        A set ends so long after its last repetition.
    asymmetry_least_reps
        Valid repetitions with both sides that a side difference needs.
    back_by
        Who brings the body up again: usually the ``hands``, always the ``legs``, or ``either``. Then nobody
        but straps can tell, and without them hands are assumed, with a flag.
    falls
        Whether losing control has the course that :class:`~eccentra.stages.nordic_break.BreakRule` knows.
    slope
        How steep the shank lies; without this table the floor is flat.
    validity, faults
        Rules that make a repetition invalid, and that name its faults, on the numbers of
        :mod:`eccentra.stages.nordic_specs`.
    metrics
        Further numbers; without this table there are none.
    tempo_s, person
        Wanted times of the phases, body mass and lever arm; from the exercise's record and the session.
    """

    set_gap_s: float
    asymmetry_least_reps: int
    back_by: Literal["hands", "legs", "either"] = "hands"
    falls: bool = True
    slope: SlopeRule | None = None
    pose: PoseRule
    count: CountRule
    validity: tuple[Rule, ...] = ()
    faults: tuple[Rule, ...] = ()
    direction: DirectionRule
    phases: MeasureRule
    fall: BreakRule
    force: ForceRule
    burst: BurstRule
    rise: RiseRule
    whole: WholeRule
    metrics: MetricRule | None = None
    tempo_s: Tempo = Tempo()
    person: Person = Person()

    def __post_init__(self) -> None:
        check_rules(self.validity, Reason, METRICS)
        check_rules(self.faults, FaultId, METRICS)

    def start(self, info: StreamInfo, first_set: int = 1) -> EventRun:
        """Begin a run on aligned rows: by motion when a thigh sensor is worn, else by force."""
        from eccentra.stages.nordic_force import ForceRun
        from eccentra.stages.nordic_motion import MotionRun

        stage = self
        if self.metrics is not None and info.sampled_hz is not None:
            metrics = msgspec.structs.replace(
                self.metrics, sampled_hz=info.sampled_hz, step_n=info.force_step_n
            )
            stage = msgspec.structs.replace(self, metrics=metrics)
        if info.column("thigh.up_x") is not None:
            return MotionRun(stage, info, first_set)
        return ForceRun(stage, info, first_set)
