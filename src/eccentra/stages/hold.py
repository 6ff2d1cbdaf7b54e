"""Isometric holds: bridges and planks, with one or two motion sensors worn in any way.

A hold leaves a rest pose (lying, kneeling) in one stroke, stays in the raised pose within sway, and leaves
it again. One repetition per hold: up (concentric), hold (isometric), down (eccentric). Mounting is unknown,
so all comes from how far "up" turns in the sensor's frame. This file holds the parameters (the ``[stage]``
table):

- :mod:`eccentra.stages.hold_run` follows poses while they happen,
- :mod:`eccentra.stages.hold_second` looks again, with the poses before and after,
- :mod:`eccentra.stages.hold_judge` says what counts, :mod:`eccentra.stages.hold_known` knows what did,
- :mod:`eccentra.stages.hold_measure` takes one apart, :mod:`eccentra.stages.hold_rep` writes it down,
- :mod:`eccentra.stages.rules` applies the exercise's rules.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from eccentra.events import FaultId, Reason
from eccentra.samples import Placement, StreamInfo
from eccentra.stages import EventRun
from eccentra.stages.rules import Rule, Spec, check_rules

__all__ = [
    "METRICS",
    "EndRule",
    "FarRule",
    "MeasureRule",
    "PoseRule",
    "RiseRule",
    "SecondRule",
    "Stage",
    "WalkRule",
]

# What rules of an exercise may name; courses start at the begin of the hold.
METRICS = {
    "hold_s": Spec("s"),
    "concentric_s": Spec("s"),
    "eccentric_s": Spec("s"),
    "tut_s": Spec("s"),
    "sway_sd_deg": Spec("deg"),
    "sway_speed_deg_s": Spec("deg/s"),
    "sway_growth": Spec("1"),
    "sag_deg": Spec("deg"),
    "hike_deg": Spec("deg"),
    "rom_deg": Spec("deg"),
    "dips": Spec("1"),
    "drop_deg": Spec("deg", course=True),
    "turn_deg": Spec("deg", course=True),
}


class PoseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rest poses.

    Attributes
    ----------
    quiet_s, quiet_deg
        A pose is held when "up" moves by less than ``quiet_deg`` in ``quiet_s``.
    near_deg
        Within this of the rest pose one is in it.
    rest_s
        A pose got into by another movement is a rest pose after so long.
    """

    quiet_s: float
    quiet_deg: float
    near_deg: float
    rest_s: float


class RiseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What leads to a hold.

    Attributes
    ----------
    least_deg, most_deg
        The raised pose is so far from the rest pose; what goes further is getting into position.
    longest_s
        The way up takes no longer.
    settle_s, settle_deg, settle_share
        The raised pose is reached when the lean stays within ``settle_deg``, or this share of the rise if
        that is less, for ``settle_s``.
    back_share
        Falling back by this share of the way before the pose is reached is rocking, not rising.
    lying_deg
        The rest pose is so far from upright, if that is known.
    fours_deg
        A rest pose nearer to upright than this is on hands and knees: the way from there to the raised pose
        may go either way. 0: nobody rests like that.
    sure_deg
        A smaller rise needs a second witness: the raised pose is unsteadier than the rest pose.
    tremor_ratio, lively_ratio
        Unsteadier means: it trembles more by the first factor, or, where tremor does not tell, "up" moves
        faster by the second one.
    lively_deg_s
        By placement: where "up" moves slower, the floor carries it.
    lifts
        Placements that every rise lifts: what goes down there for certain is no rise. The first one is lifted
        by nothing else (bending the knees lifts the thigh).
    proof_deg
        A hold that was lifted into and lowered from for certain, by not more than this, is one beyond doubt;
    like_deg
        and the raised poses of all others are so near to it.
    """

    least_deg: float
    most_deg: float
    longest_s: float
    settle_s: float
    settle_deg: float
    settle_share: float
    back_share: float
    lying_deg: float
    sure_deg: float
    tremor_ratio: float
    lively_ratio: float
    lively_deg_s: dict[Placement, float]
    lifts: tuple[Placement, ...]
    proof_deg: float
    like_deg: float
    fours_deg: float = 0.0


class EndRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ends a hold.

    Attributes
    ----------
    least_s
        A shorter stay is no hold.
    sure_s
        Nor is one shorter than this of which nothing else says that it is a hold: no lift, no more sway than
        in the rest pose, never seen before.
    drop_deg, drop_share, drop_s
        It ends when the lean is off by more than ``drop_deg`` (or this share of the rise, if that is less)
        for longer than ``drop_s``; a shorter dip does not end it.
    follow_s
        Dropping is measured from the level of about so long: slow sag is a fault, it does not end the hold.
    dip_s
        A dip shorter than this is sway.
    leave
        ``back``: it is a hold only if one comes back towards the rest pose; ``any``: one may leave anywhere,
        and going further away ends it like dropping.
    turn_deg
        Turned away by more than this about any other axis is off as well.
    home_share
        Down means within this share of the rise from the rest pose.
    stop_deg_s, stop_share, stop_s, stall_share, stall_s
        The way down has ended when the lean has been slower than ``stop_deg_s``, or this share of its fastest
        if that is more, for ``stop_s``; or when it has not got on by ``stall_share`` of the rise for
        ``stall_s``.
    longest_s
        The way down takes no longer.
    sway_ratio, sway_deg, sway_window_s, sway_base_s
        It also ends when the SD of the lean over ``sway_window_s`` is more than ``sway_ratio`` times that of
        its first ``sway_base_s``, and more than ``sway_deg``, for ``drop_s``.
    """

    least_s: float
    sure_s: float
    drop_deg: float
    drop_share: float
    drop_s: float
    follow_s: float
    dip_s: float
    leave: Literal["back", "any"]
    turn_deg: float
    home_share: float
    stop_deg_s: float
    stop_share: float
    stop_s: float
    stall_share: float
    stall_s: float
    longest_s: float
    sway_ratio: float
    sway_deg: float
    sway_window_s: float
    sway_base_s: float


class WalkRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Walking shakes every place of the body.

    Attributes
    ----------
    shake
        SD of the specific force's size in m/s², and
    speed_deg_s
        mean speed of "up", above both of which somebody walks.
    """

    shake: float
    speed_deg_s: float


class MeasureRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a hold is taken apart.

    Attributes
    ----------
    smooth_s
        Smoothing (SD of a Gaussian) of lean and rate.
    stroke_deg_s, stroke_share
        A stroke is faster than this and makes at least this share of the rise.
    least_noise_deg_s
        Speeds below this are never used for boundaries.
    edge_s
        Sway is taken so far away from the ends of the hold.
    """

    smooth_s: float
    stroke_deg_s: float
    stroke_share: float
    least_noise_deg_s: float
    edge_s: float


class FarRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Holds entered from a pose far away (kneeling), which lying down to rest looks like as well.

    Attributes
    ----------
    least_deg
        By placement: what is nearer is no such pose but, for instance, sitting after standing. At places that
        are not listed sitting is as far; there a hold is livelier than the pose before.
    most_deg
        The furthest rest pose. Where "up" moves slower than ``rise.lively_deg_s``, the floor carries it.
    """

    least_deg: dict[Placement, float]
    most_deg: float


class SecondRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The second look: poses with those before and after them.

    Attributes
    ----------
    looks_s
        A pose is looked at when the one after it has lasted so long, and again.
    pose_share
        A pose lasts while "up" is within this share of the smallest rise.
    back_share
        Poses before and after are one when they differ by less than this share of the rise.
    tremor_share
        What trembles more than the poses before and after it needs only this share of the smallest rise.
    least_share
        The shorter of the two ways makes at least this share of the smallest rise.
    effort_share
        Once a hold has trembled beyond doubt, what is held in another pose trembles by at least this share of
        it more than the rest.
    like_share
        Poses of two holds are the same when they differ by less than this share of the rise.
    wait_s
        What cannot be told waits so long for a hold like it.
    """

    looks_s: tuple[float, ...]
    pose_share: float
    back_share: float
    tremor_share: float
    least_share: float
    effort_share: float
    like_share: float
    wait_s: float


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters of the exercise's stage.

    Attributes
    ----------
    sensors
        Placements that can see a hold, best first; the first one worn is used.
    upright
        By placement, +1 or -1: whether the sensor turns away from upright or towards it on the way up; not
        given where it may do both. What is upright is seen when somebody walks; before that nothing follows.
    hip
        +1 or -1: sign with which rise of the thigh adds to that of the pelvis in the hip angle; 0: not known.
    set_gap_s
        A set ends so long after its last hold.
    validity
        Rules that make a counted hold invalid; their ids are reasons.
    faults
        Rules whose breaking is a fault of technique.
    """

    sensors: tuple[Placement, ...]
    upright: dict[Placement, Literal[-1, 1]] = {}
    hip: int
    set_gap_s: float
    pose: PoseRule
    rise: RiseRule
    end: EndRule
    walk: WalkRule
    phases: MeasureRule
    second: SecondRule
    far: FarRule | None = None
    validity: tuple[Rule, ...] = ()
    faults: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not self.sensors:
            raise ValueError("sensors is empty, expected at least one placement")
        if self.hip not in (-1, 0, 1):
            raise ValueError(f"hip is {self.hip}, expected -1, 0 or 1")
        if not 0.0 < self.pose.near_deg < self.rise.least_deg < self.rise.most_deg:
            raise ValueError("expected 0 < pose.near_deg < rise.least_deg < rise.most_deg")
        check_rules(self.validity, Reason, METRICS)
        check_rules(self.faults, FaultId, METRICS)

    def start(self, info: StreamInfo, first_set: int = 1) -> EventRun:
        """Begin a run on aligned rows, with the best of the sensors that are worn."""
        from eccentra.stages.hold_run import HoldRun

        return HoldRun(self, info, first_set)
