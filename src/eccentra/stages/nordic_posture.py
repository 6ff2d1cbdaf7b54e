"""How the rest of the body is held during a descent: shank, hips, lower back; and how steep the shank lies.

The mounting of every sensor is unknown, so a segment's lean is counted from its own start pose. Thigh, pelvis
and trunk lean forward together in a straight body: the hip's flexion since the start is the lean of the
pelvis (or trunk) less that of the thigh. The shank's slope is what is missing to a right angle in its turn
from standing to kneeling, so it takes having stood before.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.inclination import Vector, angle_between, axis_of, dot, lean_of
from eccentra.stages.nordic_grid import Columns, Grid, lost
from eccentra.stages.strokes import smooth

__all__ = ["Kneeling", "Posture", "Shank", "posture_of", "shank_of"]

# A segment that turned by less than this does not show about which axis it turns.
_LEAST_TURN_DEG = 20.0
# Tremor and ringing of soft tissue are no bending.
_SMOOTH_S = 0.08


class Kneeling(msgspec.Struct, frozen=True):
    """What standing before tells about kneeling.

    Attributes
    ----------
    axis
        Axis of the shank's forward lean in its sensor's frame.
    slope_deg
        Shank against the floor, knee end up; ``None`` when it may not have been standing.
    upright
        "Up" in the thigh sensor's frame when standing; ``None`` likewise.
    """

    axis: Vector
    slope_deg: float | None = None
    upright: Vector | None = None


class Shank(msgspec.Struct):
    """Shank during one excursion.

    Attributes
    ----------
    change
        Largest turn from start to end of the descent, deg (19 of 20 samples are below).
    after
        Turn from the start to the end of the way back, deg.
    home
        "Up" in its sensor's frame at the start.
    knee
        Forward lean since the start, deg, on the whole grid; ``None`` when its axis is not known.
    turn
        Turn since the start over the descent, deg.
    """

    change: float
    after: float
    home: Vector
    knee: Floats | None
    turn: Floats


class Posture(msgspec.Struct):
    """Courses over the descent, deg; ``None`` without the sensors or with a hole in them.

    Attributes
    ----------
    hip, hip_method
        Flexion of the hip since the start, and the segments that it is the difference of.
    lumbar
        Trunk against pelvis.
    """

    hip: Floats | None = None
    hip_method: str = "pelvis_minus_thigh"
    lumbar: Floats | None = None


def shank_of(
    grid: Grid, columns: Columns, start: float, end: float, whole_end: float, kneeling: Kneeling | None
) -> Shank | None:
    """The shank from start to end of the descent; ``None`` when it was not measured there."""
    c = columns.segments.get("shank")
    if c is None or lost(grid, c, start, whole_end):
        return None
    up = grid.x[:, c : c + 3]
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end)) + 1
    if b - a < 10:
        return None
    home = _start(up, a)
    along = up[a:b, 0] * home[0] + up[a:b, 1] * home[1] + up[a:b, 2] * home[2]
    change = float(np.degrees(np.arccos(np.clip(np.sort(along)[int(0.05 * (b - a))], -1.0, 1.0))))
    turn: Floats = np.degrees(np.arccos(np.clip(along, -1.0, 1.0)))
    knee = None if kneeling is None else lean_of(home, kneeling.axis, up)
    after = angle_between(home, _start(up, int(grid.t.searchsorted(whole_end)) - 5))
    return Shank(change, after, home, knee, _calm(turn, grid))


def posture_of(grid: Grid, columns: Columns, thigh: Floats, start: float, end: float) -> Posture:
    """Hips and lower back between two times in s.

    Parameters
    ----------
    thigh
        Lean of the thigh, deg, shape (n,) like the grid.
    """
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end)) + 1
    leans: dict[str, Floats] = {}
    for name in ("pelvis", "trunk"):
        c = columns.segments.get(name)
        if c is None or b - a < 10 or lost(grid, c, start, end):
            continue
        up = grid.x[:, c : c + 3]
        home = _start(up, a)
        axis = axis_of(home, up[a:b])
        if axis is None:
            continue
        lean = lean_of(home, axis, up[a:b])
        if float(lean.max()) >= _LEAST_TURN_DEG:
            leans[name] = lean
    low = leans.get("pelvis", leans.get("trunk"))
    if low is None:
        return Posture()
    own = thigh[a:b] - thigh[a]
    return Posture(
        hip=_calm(low - own, grid),
        hip_method="pelvis_minus_thigh" if "pelvis" in leans else "trunk_minus_thigh",
        lumbar=_calm(leans["trunk"] - leans["pelvis"], grid) if len(leans) == 2 else None,
    )


def _start(up: Floats, a: int) -> Vector:
    """Mean "up" about the row ``a`` at which the descent starts."""
    first = up[max(0, a - 30) : a + 5]
    x, y, z = (math.fsum(first[:, k].tolist()) for k in range(3))
    size = math.sqrt(dot((x, y, z), (x, y, z)))
    return (x / size, y / size, z / size)


def _calm(x: Floats, grid: Grid) -> Floats:
    return smooth(x, 1.0 / float(grid.t[1]), _SMOOTH_S)
