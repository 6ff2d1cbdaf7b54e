"""Repetitions of the joint exercises, and getting in and out of their start pose."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np

from eccentra.events import PhaseKind
from eccentra.samples import Floats
from eccentra.simulate.body import DT, Pen, RawRep
from eccentra.simulate.joint_table import JOINT_EXERCISES, JointExercise, Pose
from eccentra.simulate.nordic import Stop
from eccentra.simulate.strokes import Shape, stroke

__all__ = ["HOLD_MIN_S", "JointRep", "JointSet", "LeavePosition", "SitDown", "TakePosition"]

HOLD_MIN_S = 0.5
_SEGMENTS = ("thigh", "shank", "trunk", "roll", "abduct")
rad = np.radians


class JointRep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One repetition.

    Attributes
    ----------
    first_s, second_s
        Times of the two strokes, stops not counted.
    hold_s, pause_s
        Stop at the far end, and in the start pose after it; 0 turns around at once.
    shape, ramp_s
        Shape of the strokes; ``ramp_s`` of ramped ones.
    size
        Share of the usual way.
    partial
        It goes only this share of its own way.
    stops, back_stops
        Stops on the way, and on the way back.
    tremor_deg, tremor_hz
        Shaking during the strokes.
    rest_off_deg
        It ends so far from the start pose (of the segment that moves most), towards the far pose.
    """

    first_s: float = 2.5
    second_s: float = 2.0
    hold_s: float = 0.0
    pause_s: float = 0.5
    shape: Shape = "min_jerk"
    ramp_s: float = 0.2
    size: float = 1.0
    partial: float | None = None
    stops: tuple[Stop, ...] = ()
    back_stops: tuple[Stop, ...] = ()
    tremor_deg: float = 0.0
    tremor_hz: float = 8.0
    rest_off_deg: float = 0.0

    def __post_init__(self) -> None:
        if min(self.first_s, self.second_s) < 0.2:
            raise ValueError(f"first_s, second_s are {self.first_s}, {self.second_s}, expected at least 0.2")

    def play(self, pen: Pen, exercise: JointExercise, set_index: int) -> None:
        """Write it."""
        raw = RawRep(set_index, exercise.channel)
        way = self.size * (1.0 if self.partial is None else self.partial)
        raw.partial = self.partial is not None
        most = max(abs(getattr(exercise.far, s) - getattr(exercise.start, s)) for s in _SEGMENTS)
        raw.small = self.partial is not None and (self.partial < 0.3 or way * most < 15.0)
        self._go(pen, exercise, raw, exercise.first, way, self.first_s, self.stops)
        begin = pen.n - 1
        pen.hold(self.hold_s)
        _add_stop(raw, begin, pen.n - 1)
        rest = self.rest_off_deg / most
        self._go(pen, exercise, raw, exercise.second, rest, self.second_s, self.back_stops)
        pen.reps.append(raw)
        pen.hold(self.pause_s)

    def _go(
        self,
        pen: Pen,
        exercise: JointExercise,
        raw: RawRep,
        kind: PhaseKind,
        goal: float,
        seconds: float,
        stops: tuple[Stop, ...],
    ) -> None:
        """One way, in pieces between its stops."""
        at = _share(pen, exercise)
        edges = [0.0, *(stop.at for stop in stops), 1.0]
        for k, (low, high) in enumerate(itertools.pairwise(edges)):
            begin, n = pen.n - 1, pen.steps(seconds * (high - low))
            course = stroke(self.shape, at + low * (goal - at), at + high * (goal - at), n, DT, self.ramp_s)
            _write_share(pen, exercise, course)
            if self.tremor_deg > 0.0:
                u = np.arange(n) / n
                shake = np.sin(2 * np.pi * self.tremor_hz * np.arange(n) * DT) * np.sin(np.pi * u) ** 2
                pen.overlay(exercise.channel, begin + 1, rad(self.tremor_deg) * shake)
            if raw.phases and raw.phases[-1][0] == kind:
                raw.phases[-1] = (kind, raw.phases[-1][1], pen.n - 1)
            else:
                raw.phases.append((kind, begin, pen.n - 1))
            if k < len(stops):
                begin = pen.n - 1
                pen.hold(stops[k].seconds)
                _add_stop(raw, begin, pen.n - 1)


def _add_stop(raw: RawRep, begin: int, end: int) -> None:
    """A stop of half a second is a phase; a shorter one belongs to the phase before it."""
    if (end - begin) * DT >= HOLD_MIN_S:
        raw.phases.append(("isometric", begin, end))
    elif end > begin:
        kind, start, _ = raw.phases[-1]
        raw.phases[-1] = (kind, start, end)


def _share(pen: Pen, exercise: JointExercise) -> float:
    """Where the pen is between start (0) and far pose (1)."""
    a, b = getattr(exercise.start, exercise.channel), getattr(exercise.far, exercise.channel)
    return float((np.degrees(pen.now[exercise.channel]) - a) / (b - a))


def _write_share(pen: Pen, exercise: JointExercise, course: Floats) -> None:
    """Write the pose that belongs to each share; the fixed joint stays."""
    courses: dict[str, Floats] = {}
    for name in _SEGMENTS:
        a, b = getattr(exercise.start, name), getattr(exercise.far, name)
        courses[name] = rad(a + (b - a) * course)
    if exercise.fixed != "ankle":
        _keep_joint(pen, exercise.fixed, courses)
    pen.write(len(course), **courses, sway=np.full(len(course), pen.now["sway"]))


def _keep_joint(pen: Pen, joint: str, courses: dict[str, Floats]) -> None:
    """Move the ankle so that knee or hip stays where it is; on a slide, along the floor only."""
    segments = [("shank", pen.athlete.shank_m)] + (
        [("thigh", pen.athlete.thigh_m)] if joint != "knee" else []
    )
    for axis, turn in (("ankle_x", np.sin), ("ankle_z", np.cos)):
        moved = sum(length * (turn(pen.now[name]) - turn(courses[name])) for name, length in segments)
        if joint == "slide" and axis == "ankle_z":
            continue
        courses[axis] = np.asarray(pen.now[axis] + moved)


def _known(name: str) -> None:
    if name not in JOINT_EXERCISES:
        raise ValueError(f"exercise is {name!r}, expected one of {', '.join(JOINT_EXERCISES)}")


class JointSet(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="joint_set"
):
    """Repetitions of one exercise, from its start pose."""

    exercise: str
    reps: tuple[JointRep, ...]

    def __post_init__(self) -> None:
        _known(self.exercise)

    def play(self, pen: Pen) -> None:
        """Write it."""
        pen.sets += 1
        for rep in self.reps:
            rep.play(pen, JOINT_EXERCISES[self.exercise], pen.sets)


def _glide(pen: Pen, seconds: float, pose: Pose, wobble_deg: float) -> None:
    """Go to a pose, turning a little on the way as people do."""
    targets = {name: float(rad(getattr(pose, name))) for name in _SEGMENTS}
    targets["yaw"] = pen.now["yaw"] + rad(pen.rng.uniform(-wobble_deg, wobble_deg))
    pen.glide(seconds, "min_jerk", **targets)


class TakePosition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="take_position"
):
    """From standing into the start pose of an exercise."""

    exercise: str
    seconds: float = 4.0

    def __post_init__(self) -> None:
        _known(self.exercise)

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, exercise = pen.n, JOINT_EXERCISES[self.exercise]
        poses = (*exercise.way, exercise.start)
        for pose in poses:
            _glide(pen, self.seconds / len(poses), pose, 20.0)
            if len(poses) > 1:
                pen.shake(pen.n, 2.0)
                pen.hold(pen.rng.uniform(0.1, 0.8))
        pen.movements.append(("take_position", start, pen.n))


class LeavePosition(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="do",
    tag="leave_position",
):
    """From the start pose of an exercise back to standing."""

    exercise: str
    seconds: float = 4.0

    def __post_init__(self) -> None:
        _known(self.exercise)

    def play(self, pen: Pen) -> None:
        """Write it."""
        start, exercise = pen.n, JOINT_EXERCISES[self.exercise]
        poses = (*reversed(exercise.way), Pose())
        for pose in poses:
            _glide(pen, self.seconds / len(poses), pose, 20.0)
        pen.glide(0.3, ankle_x=0.0, ankle_z=0.0)
        pen.movements.append(("leave_position", start, pen.n))


class SitDown(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="sit_down"
):
    """Sit down on a bench for a while, and stand up again."""

    seconds: float = 15.0
    down_s: float = 1.4
    up_s: float = 1.3

    def play(self, pen: Pen) -> None:
        """Write it."""
        start = pen.n
        _glide(pen, self.down_s, Pose(thigh=-88.0, shank=5.0, trunk=12.0), 5.0)
        pen.shake(pen.n, 3.0)
        pen.hold(self.seconds)
        _glide(pen, self.up_s, Pose(), 5.0)
        pen.movements.append(("sit_down", start, pen.n))
