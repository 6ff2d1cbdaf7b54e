"""How the segments move in each joint exercise, as data.

Leans are those of :mod:`eccentra.simulate.body` (0 upright, + forward; lying on the back is -90 with the head
behind). ``start`` is the pose in which a repetition begins, ``far`` the pose in which it turns around; what
lies between is in proportion. ``fixed`` is the joint that stays where it is.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from eccentra.events import PhaseKind

__all__ = ["JOINT_EXERCISES", "JointExercise", "Pose"]

Span = tuple[float, float]


class Pose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leans of the segments in degrees; ``roll`` of the whole body, ``abduct`` of the leg against it."""

    thigh: float = 0.0
    shank: float = 0.0
    trunk: float = 0.0
    roll: float = 0.0
    abduct: float = 0.0


class JointExercise(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise.

    Attributes
    ----------
    channel
        The segment that moves most.
    start, far
        Poses.
    way
        Poses between standing and the start pose.
    first, second
        Phase of the movement away from the start pose and back.
    fixed
        Joint that does not move; ``slide``: the ankle stays on the floor, the hip moves up and down only.
    first_s, second_s, hold_s
        Ranges of usual times.
    size
        Range of the way, as a share of that from ``start`` to ``far``.
    partial
        Range of the share of a partial repetition.
    kits
        Sets of sensors that can measure it.
    """

    channel: Literal["thigh", "shank", "trunk", "abduct"]
    start: Pose
    far: Pose
    first: PhaseKind
    second: PhaseKind
    kits: tuple[str, ...]
    way: tuple[Pose, ...] = ()
    fixed: Literal["ankle", "knee", "hip", "slide"] = "ankle"
    first_s: Span = (1.5, 4.0)
    second_s: Span = (1.0, 3.0)
    hold_s: Span = (0.0, 0.0)
    size: Span = (0.85, 1.05)
    partial: Span = (0.42, 0.6)


# sitting on the floor, on the way to lying on the back
_SIT = Pose(thigh=-95.0, shank=-30.0, trunk=-20.0)

JOINT_EXERCISES: dict[str, JointExercise] = {
    "squat": JointExercise(
        channel="thigh",
        start=Pose(),
        far=Pose(thigh=-82.0, shank=26.0, trunk=35.0),
        first="eccentric",
        second="concentric",
        kits=("thigh", "thigh+shank", "thigh+shank+pelvis"),
    ),
    "single-leg-rdl": JointExercise(
        channel="trunk",
        start=Pose(thigh=-8.0, shank=6.0, trunk=2.0),
        far=Pose(thigh=-17.0, shank=4.0, trunk=76.0),
        first="eccentric",
        second="concentric",
        kits=("trunk", "trunk+thigh", "trunk+thigh+pelvis"),
        first_s=(2.0, 4.5),
    ),
    "hip-thrust": JointExercise(
        channel="thigh",
        start=Pose(thigh=-121.0, shank=8.0, trunk=-58.0),
        far=Pose(thigh=-89.0, shank=0.0, trunk=-88.0),
        way=(Pose(thigh=-80.0, shank=20.0, trunk=10.0),),
        first="concentric",
        second="eccentric",
        kits=("thigh", "pelvis", "thigh+pelvis"),
        first_s=(1.0, 2.5),
        second_s=(1.5, 4.0),
        hold_s=(0.0, 2.5),
        partial=(0.62, 0.65),
    ),
    "glute-bridge": JointExercise(
        channel="thigh",
        start=Pose(thigh=-142.0, shank=-18.0, trunk=-90.0),
        far=Pose(thigh=-112.0, shank=-8.0, trunk=-114.0),
        way=(_SIT,),
        first="concentric",
        second="eccentric",
        kits=("thigh", "thigh+pelvis"),
        first_s=(1.0, 2.5),
        second_s=(1.5, 4.0),
        hold_s=(0.0, 2.5),
        size=(0.9, 1.1),
        partial=(0.64, 0.67),
    ),
    "slider-leg-curl": JointExercise(
        channel="shank",
        start=Pose(thigh=-114.0, shank=-18.0, trunk=-106.0),
        far=Pose(thigh=-93.0, shank=-78.0, trunk=-97.0),
        way=(_SIT, Pose(thigh=-140.0, shank=-20.0, trunk=-90.0)),
        first="eccentric",
        second="concentric",
        fixed="slide",
        kits=("shank", "thigh+shank", "thigh+shank+pelvis"),
        first_s=(2.5, 5.0),
    ),
    "leg-curl": JointExercise(
        channel="shank",
        start=Pose(thigh=90.0, shank=96.0, trunk=88.0),
        far=Pose(thigh=90.0, shank=192.0, trunk=88.0),
        way=(Pose(thigh=-40.0, shank=25.0, trunk=60.0), Pose(thigh=60.0, shank=80.0, trunk=80.0)),
        first="concentric",
        second="eccentric",
        fixed="knee",
        kits=("shank", "thigh+shank"),
        first_s=(1.5, 3.5),
        second_s=(2.0, 4.0),
    ),
    "razor-curl": JointExercise(
        channel="thigh",
        start=Pose(thigh=-6.0, shank=90.0, trunk=84.0),
        far=Pose(thigh=72.0, shank=90.0, trunk=76.0),
        way=(Pose(thigh=-55.0, shank=60.0, trunk=30.0), Pose(shank=90.0)),
        first="eccentric",
        second="concentric",
        kits=("thigh", "thigh+shank", "thigh+shank+pelvis"),
        first_s=(2.0, 4.0),
        second_s=(1.5, 4.0),
    ),
    "side-lying-abduction": JointExercise(
        channel="abduct",
        start=Pose(roll=90.0),
        far=Pose(roll=90.0, abduct=36.0),
        way=(Pose(thigh=-95.0, shank=-30.0, trunk=-10.0), Pose(thigh=-40.0, shank=-20.0, roll=80.0)),
        first="concentric",
        second="eccentric",
        kits=("thigh", "shank", "thigh+pelvis"),
        first_s=(1.0, 2.5),
        second_s=(1.5, 3.5),
        hold_s=(0.0, 2.0),
        partial=(0.52, 0.62),
    ),
    "askling-extender": JointExercise(
        channel="shank",
        start=Pose(thigh=-178.0, shank=-88.0, trunk=-90.0),
        far=Pose(thigh=-176.0, shank=-158.0, trunk=-90.0),
        way=(_SIT, Pose(thigh=-140.0, shank=-20.0, trunk=-90.0)),
        first="eccentric",
        second="concentric",
        fixed="hip",
        kits=("shank", "thigh+shank"),
        first_s=(1.5, 4.0),
        second_s=(1.5, 3.5),
    ),
    "askling-diver": JointExercise(
        channel="trunk",
        start=Pose(thigh=-9.0, shank=7.0, trunk=0.0),
        far=Pose(thigh=-18.0, shank=6.0, trunk=84.0),
        first="eccentric",
        second="concentric",
        kits=("trunk", "trunk+thigh"),
        first_s=(2.0, 5.0),
        second_s=(1.5, 4.0),
    ),
    "askling-glider": JointExercise(
        channel="trunk",
        start=Pose(thigh=-7.0, shank=7.0, trunk=4.0),
        far=Pose(thigh=-30.0, shank=14.0, trunk=48.0),
        first="eccentric",
        second="return",
        kits=("pelvis", "thigh+pelvis"),
        first_s=(2.0, 5.0),
        second_s=(1.0, 3.0),
        partial=(0.5, 0.62),
    ),
}
