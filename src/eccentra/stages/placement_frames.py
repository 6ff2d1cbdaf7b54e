"""Pose and axis of one movement, as one sensor sees them.

"Up" at the start (``home``), "up" where the segment had turned furthest (``far``), and the axis between them
are three directions in the sensor's frame. They depend on how the segment moved in the room and on how the
sensor sits on it, and on nothing else: heading and time are not in them. So two alike movements that differ
in them by one rotation say that the sensor was turned.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.inclination import Vector, angle_between, cross, dot, unit

__all__ = ["Change", "Frame", "backwards", "change", "frame_of", "mean_frame", "rotation"]

# Rows at each end that make a pose; speed is zero there.
_POSE_ROWS = 10
_HALF_DEG = 120.0
# Below this turn a direction of turning is noise.
_AXIS_FROM_DEG = 8.0


class Frame(msgspec.Struct, frozen=True):
    """One movement of one sensor; ``axis`` is ``None`` when it hardly turned, ``turn`` in degrees."""

    home: Vector
    far: Vector
    axis: Vector | None
    turn: float


class Change(msgspec.Struct, frozen=True):
    """From one frame to another, in degrees.

    ``axis`` how far the axis turned, ``home`` and ``far`` by how much the poses turned about it (signed),
    ``pose`` how far the start pose turned in all.
    """

    axis: float | None
    home: float
    far: float
    pose: float

    @property
    def about(self) -> float:
        """The turn about the axis that both poses have in common."""
        both = min(abs(self.home), abs(self.far))
        # near half a turn the sign says nothing
        return both if self.home * self.far > 0.0 or both > _HALF_DEG else 0.0

    @property
    def whole(self) -> float:
        """The largest of all."""
        return max(self.axis or 0.0, self.about, self.pose if self.axis is None else 0.0)


def _mean(up: Floats) -> Vector | None:
    x, y, z = (float(np.add.reduce(up[:, k])) for k in range(3))
    return unit((x, y, z))


def frame_of(up: Floats) -> Frame | None:
    """Frame of a movement from "up", shape (n, 3), start to end; ``None`` when rows are missing."""
    if len(up) < 4 * _POSE_ROWS or bool(np.isnan(up).any()):
        return None
    home = _mean(up[:_POSE_ROWS])
    if home is None:
        return None
    along = up[:, 0] * home[0] + up[:, 1] * home[1] + up[:, 2] * home[2]
    at = int(np.argmin(along))
    a = min(max(at - _POSE_ROWS // 2, 0), len(up) - _POSE_ROWS)
    far = _mean(up[a : a + _POSE_ROWS])
    if far is None:
        return None
    turn = angle_between(home, far)
    return Frame(home, far, _axis(home, up, turn), turn)


def _axis(home: Vector, up: Floats, turn: float) -> Vector | None:
    """Mean of the axes on the far half of the way; a turn of more than 90 degrees is folded back."""
    if turn < _AXIS_FROM_DEG:
        return None
    x, y, z = up[:, 0], up[:, 1], up[:, 2]
    c = (home[1] * z - home[2] * y, home[2] * x - home[0] * z, home[0] * y - home[1] * x)
    size = np.sqrt(c[0] * c[0] + c[1] * c[1] + c[2] * c[2])
    half = math.sin(math.radians(min(0.6 * turn, 60.0)))
    use = size > half
    return unit(tuple(float(np.add.reduce(part[use])) for part in c))  # type: ignore[arg-type]


def _about(axis: Vector, a: Vector, b: Vector) -> float:
    """Signed turn from ``a`` to ``b`` about ``axis`` in degrees."""
    da, db = dot(a, axis), dot(b, axis)
    a = (a[0] - da * axis[0], a[1] - da * axis[1], a[2] - da * axis[2])
    b = (b[0] - db * axis[0], b[1] - db * axis[1], b[2] - db * axis[2])
    return math.degrees(math.atan2(dot(cross(a, b), axis), dot(a, b)))


def change(old: Frame, new: Frame, least_turn: float) -> Change:
    """How a movement differs from another one; axes count from ``least_turn`` degrees on."""
    pose = angle_between(old.home, new.home)
    if old.axis is None or new.axis is None or min(old.turn, new.turn) < least_turn:
        return Change(None, 0.0, 0.0, pose)
    off = angle_between(old.axis, new.axis)
    mid = unit(tuple(p + q for p, q in zip(old.axis, new.axis, strict=True)))  # type: ignore[arg-type]
    if mid is None or off > 90.0:
        return Change(off, 0.0, 0.0, pose)
    return Change(off, _about(mid, old.home, new.home), _about(mid, old.far, new.far), pose)


def rotation(old: Frame, new: Frame) -> float | None:
    """The one turn that takes start pose and axis of a movement to those of another, deg.

    ``None`` when one of them hardly turned, and so has no axis.
    """
    triads = []
    for frame in (old, new):
        side = None if frame.axis is None else unit(cross(frame.home, frame.axis))
        if side is None:
            return None
        triads.append((frame.home, side, cross(side, frame.home)))
    trace = math.fsum(dot(a, b) for a, b in zip(*triads, strict=True))
    return math.degrees(math.acos(min(max(0.5 * (trace - 1.0), -1.0), 1.0)))


def backwards(frame: Frame) -> Frame:
    """The same movement, seen from where it went."""
    axis: Vector | None = None
    if frame.axis is not None:
        axis = (-frame.axis[0], -frame.axis[1], -frame.axis[2])
    return Frame(frame.far, frame.home, axis, frame.turn)


def mean_frame(frames: list[Frame]) -> Frame:
    """The middle of frames that agree."""

    def middle(vectors: list[Vector]) -> Vector | None:
        return unit(
            (
                math.fsum(v[0] for v in vectors),
                math.fsum(v[1] for v in vectors),
                math.fsum(v[2] for v in vectors),
            )
        )

    axes = [frame.axis for frame in frames if frame.axis is not None]
    last = frames[-1]
    turns = sorted(frame.turn for frame in frames)
    return Frame(
        middle([frame.home for frame in frames]) or last.home,
        middle([frame.far for frame in frames]) or last.far,
        middle(axes) if len(axes) == len(frames) else None,
        turns[len(turns) // 2],
    )
