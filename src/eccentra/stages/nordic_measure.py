"""One excursion from the tall kneel, measured: phases, angles, break-point, forces.

All of it is computed at once from the buffered rows when something has ended, so smoothing has no delay.
Times are in s from the first row, angles in degrees.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.events import Force
from eccentra.samples import NS_PER_S, Floats, Side, Times
from eccentra.stages.force import summary
from eccentra.stages.inclination import Vector, axis_of, lean, lean_of, rate_about
from eccentra.stages.nordic import SlopeRule
from eccentra.stages.nordic_break import BreakRule, find_break
from eccentra.stages.nordic_climb import climb
from eccentra.stages.nordic_course import Course, MeasureRule, Span, pulled
from eccentra.stages.nordic_grid import Columns, Grid, bridged, even_grid, missing
from eccentra.stages.nordic_load import Load
from eccentra.stages.nordic_posture import Kneeling, Posture, Shank, posture_of, shank_of
from eccentra.stages.strokes import Stroke, smooth

# The first degrees of a descent take their time.
_LEAVING_DEG = 5.0
# A thigh that still turns at 10 deg/s goes up or down by a few cm a second.
_RESTING_DEG_S = 10.0
# Early on the way a lowering is still slow.
_EARLY_DEG = (10.0, 30.0)

__all__ = ["MeasureRule", "Measured", "Seen", "Span", "measure"]


class Seen(msgspec.Struct):
    """Rows behind the numbers.

    ``forces`` are the straps as they came, ``zeros`` their levels without load; ``until`` is the row after
    the end of the descent.
    """

    course: Course
    load: Load
    forces: dict[Side, Floats]
    zeros: dict[Side, float]
    shank: Shank | None
    posture: Posture
    until: int


class Kneel(msgspec.Struct, frozen=True):
    """The start pose in the room: shank's slope, thigh's lean, and whether the slope was measured (deg)."""

    slope: float
    lean: float
    measured: bool

    @property
    def knee(self) -> float:
        """Knee flexion in the start pose."""
        return 90.0 - self.slope - self.lean


class Measured(msgspec.Struct, kw_only=True):
    """What was found.

    ``t0`` is the session time of the first row in ns. ``spans`` tile the repetition, except lying on the
    floor. Leans are from the start pose. ``gap_start``, ``gap_end``, ``gap_inside`` say whether rows were
    missing at the begin of the descent, at its end, or elsewhere between first and last phase;
    ``back_unknown`` that no strap told who brought the body up again: hands if it was ``on_floor``, else the
    legs. ``rom`` is the range of the descent, ``own_rom`` and ``knee_rom`` those of thigh and knee over all
    that the legs did, with a way back of theirs. ``reach`` is the range beyond the usual start pose: sitting
    further back is no part of a lowering.
    ``pace`` is the mean speed of what was controlled of the loaded way, beyond upright, in deg/s. ``thrown``
    is the greatest share of the energy of a free fall from upright that it had early on: more than all of it
    takes a hip that bends. ``behind_s`` is how long it took to the start pose, when it began far behind it:
    where in this time the descent began is not known. ``climbed`` is how much higher in m it ended, when it
    came back to rest.
    ``shank_change`` is the largest turn of the shank on the way down, ``shank_after`` how much otherwise it
    lies after the way back (deg), ``None`` where it was not measured.
    ``seen`` may be dropped when nobody will ask for further numbers.
    """

    t0: int
    axis: Vector
    spans: list[Span]
    kneel: Kneel
    start: float
    down_end: float
    back_start: float | None
    back_end: float | None
    start_lean: float
    deepest: float
    rom: float
    reach: float
    pace: float | None
    thrown: float
    behind_s: float
    climbed: float | None
    own_rom: float
    knee_rom: float | None
    peak_speed: float
    controlled_s: float
    eccentric_s: float
    break_s: float | None
    shank_change: float | None
    shank_after: float | None
    shank_home: Vector | None
    forces: dict[Side, Force | None]
    peak_row: int | None
    loaded_n: float | None
    gap_start: bool
    gap_end: bool
    gap_inside: bool
    interpolated: bool
    on_floor: bool
    back_unknown: bool
    noise: float
    seen: Seen | None

    @property
    def end(self) -> float:
        """End of the last phase."""
        return self.spans[-1].end

    @property
    def back_s(self) -> float:
        """How long the way back took, with its stops; 0 without one."""
        return 0.0 if self.back_start is None or self.back_end is None else self.back_end - self.back_start

    def lean_at(self, s: float) -> float:
        """Lean of the thigh from the vertical at a time, deg; only while the rows are there."""
        assert self.seen is not None
        return self.seen.course.at(s) + self.kneel.lean

    def knee_at(self, s: float) -> float:
        """Knee flexion at a time, deg; the shank is taken to lie still where it is not tracked."""
        assert self.seen is not None
        course, shank = self.seen.course, self.seen.shank
        turned = (
            0.0 if shank is None or shank.knee is None else float(np.interp(s, course.grid.t, shank.knee))
        )
        return self.kneel.knee - course.at(s) + turned

    @property
    def tracks_knee(self) -> bool:
        """Whether the knee's angle comes from two sensors."""
        return self.knee_rom is not None

    def us(self, s: float) -> int:
        """Session time in µs of a time in s."""
        return (self.t0 + round(s * NS_PER_S)) // 1000


def measure(
    t: Times,
    x: Floats,
    *,
    home: Vector,
    since_ns: int,
    columns: Columns,
    step_ns: int,
    rule: MeasureRule,
    breaks: BreakRule,
    zeros: dict[Side, float],
    kneeling: Kneeling | None,
    slope: SlopeRule | None = None,
    first: Vector | None = None,
    by_legs: bool = False,
    falls: bool = True,
    usual_deg: float | None = None,
) -> Measured | None:
    """Take apart the excursion in these rows; ``None`` when there is no stroke away from ``home``.

    Parameters
    ----------
    t, x
        Aligned rows from about a second before the departure on.
    home
        "Up" in the thigh sensor's frame in the start pose.
    since_ns
        Last moment known to be in the start pose: the descent starts after about then.
    zeros
        Force of each side without load.
    kneeling
        What standing before told about the shank.
    slope
        How steep it may lie; ``None`` on a flat floor.
    first
        "Up" in the thigh sensor's frame in the first pose of all.
    by_legs, falls
        Whether the legs always bring the body up again; whether to look for a break.
    usual_deg
        Where this person's descents usually end, from the start pose: on the floor, or with straight knees.
    """
    if len(t) < 50:
        return None
    grid = even_grid(t, x, columns, step_ns)
    if grid is None:
        return None
    up = grid.x[:, columns.up : columns.up + 3]
    axis = axis_of(home, up[int(grid.t.searchsorted((since_ns - grid.t0) / NS_PER_S)) :])
    if axis is None:
        return None
    raw = lean_of(home, axis, up)
    rate = grid.x[:, columns.rate : columns.rate + 3]
    spin = rate_about(axis, rate) if not np.isnan(rate[0, 0]) else np.gradient(raw, step_ns / NS_PER_S)
    work = Course(grid, raw, spin, rule, step_ns)
    found = work.phases(since_ns)
    if found is None:
        return None
    spans, down, ups = found
    kneel = _kneel(home, axis, kneeling, slope, first)
    return _numbers(
        work, spans, down, ups, axis, kneel, columns, breaks, zeros, kneeling, by_legs, falls, usual_deg
    )


def _kneel(
    home: Vector, axis: Vector, kneeling: Kneeling | None, rule: SlopeRule | None, first: Vector | None
) -> Kneel:
    """The start pose in the room: upright on a flat floor, else as measured against standing, or as usual."""
    if rule is None:
        return Kneel(0.0, 0.0, True)
    low, high = rule.range_deg
    slope = None if kneeling is None else kneeling.slope_deg
    measured = kneeling is not None and slope is not None and low <= slope <= high
    # people stand or kneel upright first; leaning back comes after
    upright = kneeling.upright if measured and kneeling is not None else first
    off = 0.0 if upright is None else lean(upright, axis, home)
    back = off if -high < off < -rule.upright_deg else 0.0
    return Kneel(slope if measured and slope is not None else rule.usual_deg, back, measured)


def _numbers(
    work: Course,
    spans: list[Span],
    down: list[Stroke],
    ups: list[Stroke],
    axis: Vector,
    kneel: Kneel,
    columns: Columns,
    breaks: BreakRule,
    zeros: dict[Side, float],
    kneeling: Kneeling | None,
    by_legs: bool,
    falls: bool,
    usual_deg: float | None,
) -> Measured:
    grid, rule = work.grid, work.rule
    t = grid.t
    start, down_end = spans[0].start, spans[-1].end
    a, b = int(t.searchsorted(start)), min(int(t.searchsorted(down_end)) + 1, len(t))
    base = work.at(start)
    # smoothing has rounded a stop on the floor
    deepest = float(work.lean[a : b + round(3.0 * work.smear / float(t[1]))].max())
    broken = None
    for stroke in down if falls else ():
        # from the very start: who stops on the way has been in control before
        i, j = int(t.searchsorted(start)), int(t.searchsorted(stroke.end_s)) + 1
        broken = find_break(t[i:j], work.lean[i:j] + kneel.lean, work.fast[i:j], breaks, rule.smooth_s)
        if broken is not None:
            break
    spans = list(spans)
    floor_deg = rule.floor_lean_deg - kneel.lean if usual_deg is None else rule.usual_end_share * usual_deg
    on_floor = not by_legs and (broken is not None or deepest >= floor_deg)
    load = Load(grid, columns, zeros)
    peak_n = math.fsum(f.peak_n for f in _forces(grid, columns, spans, zeros).values() if f is not None)
    unknown = False
    back = (ups[0].start_s, ups[-1].end_s) if ups else None
    if back is not None:
        turned = None if broken is not None else load.step_up(back[0])
        if turned is not None and down_end < turned < back[1]:
            back = (turned, back[1])
        stop = back[0] - down_end
        loaded = load.held(down_end, back[0], rule.held_share * peak_n)
        if loaded if loaded is not None else not on_floor:
            if stop >= rule.stop_s:
                spans.append(Span("isometric", down_end, back[0]))
            elif spans[-1].kind == "eccentric":
                spans[-1] = Span("eccentric", spans[-1].start, back[0])
        # nobody pulls back up what could not be held on the way down
        own = False if broken is not None else load.carried_back(start, down_end, back, rule.active_share)
        own = True if by_legs else own
        unknown = own is None
        # no hand pushes where nothing is in reach
        legs = not on_floor if own is None else own
        # hands that push may rest, legs that pull hold
        spans += pulled(ups, back[0]) if legs else [Span("return", *back)]
    last = spans[-1].end
    c = b if spans[-1].kind == "return" else min(int(t.searchsorted(last)) + 1, len(t))
    shank = shank_of(grid, columns, start, down_end, last, kneeling)
    peak_row = load.peak_row(start, down_end)
    eccentric = math.fsum(s.end - s.start for s in spans if s.kind == "eccentric")
    turn = math.inf if back is None else back[0]
    controlled = math.fsum(
        s.end - s.start for s in spans if s.kind in ("eccentric", "isometric") and s.start < turn
    )
    if broken is not None:
        controlled = math.fsum(
            min(s.end, broken) - s.start for s in spans if s.kind != "return" and s.start < broken
        )
    speeds = np.sort(np.abs(work.fast[a:b]))
    near = 0.15
    return Measured(
        t0=grid.t0,
        axis=axis,
        spans=spans,
        kneel=kneel,
        start=start,
        down_end=down_end,
        back_start=None if back is None else back[0],
        back_end=None if back is None else back[1],
        start_lean=base,
        deepest=deepest,
        rom=deepest - base,
        reach=deepest - max(base, 0.0),
        pace=_pace(work, start, down_end if broken is None else broken, base, kneel),
        thrown=_thrown(work, start, down_end, kneel, breaks.free_fall_rad_s2),
        behind_s=work.behind_s(start, down_end),
        climbed=None
        if back is None
        else _climbed(work, columns, start - near, back[1] + near, deepest - base),
        own_rom=deepest - float(work.lean[a:c].min(initial=base)),
        knee_rom=None if shank is None or shank.knee is None else _knee_rom(work, shank.knee, a, c),
        peak_speed=float(speeds[int(0.95 * (len(speeds) - 1))]) if len(speeds) else 0.0,
        controlled_s=controlled,
        eccentric_s=eccentric,
        break_s=broken,
        shank_change=None if shank is None else shank.change,
        shank_after=None if shank is None or back is None else shank.after,
        shank_home=None if shank is None else shank.home,
        # with the turn-around, which may carry most
        forces=_forces(grid, columns, spans, zeros),
        peak_row=peak_row,
        loaded_n=load.most(start, down_end),
        gap_start=missing(grid, start - near, start + near),
        gap_end=missing(grid, down_end - near, down_end + near),
        gap_inside=missing(grid, start - near, last + near),
        on_floor=on_floor,
        back_unknown=unknown,
        interpolated=bridged(grid, columns, start - near, last + near),
        noise=work.noise,
        seen=Seen(
            work,
            load,
            {side: grid.x[:, c] for side, c in columns.forces.items()},
            zeros,
            shank,
            posture_of(grid, columns, work.lean, start, down_end),
            b,
        ),
    )


def _pace(work: Course, start: float, end: float, base: float, kneel: Kneel) -> float | None:
    """Mean speed from just beyond upright to the end of control; ``None`` when there is too little of it."""
    t = work.grid.t
    a, b = int(t.searchsorted(start)), int(t.searchsorted(end))
    low = max(base, -kneel.lean) + _LEAVING_DEG
    beyond = np.flatnonzero(work.lean[a:b] > low)
    if not len(beyond):
        return None
    first = float(t[a + int(beyond[0])])
    way = work.at(end) - work.at(first)
    return way / (end - first) if way > _LEAVING_DEG and end > first else None


def _thrown(work: Course, start: float, end: float, kneel: Kneel, k: float) -> float:
    """Greatest share of a free fall's energy in the first part, ``rate² / (2 k (1 - cos lean))``."""
    a, b = (int(work.grid.t.searchsorted(s)) for s in (start, end))
    lean_rad = np.radians(work.lean[a:b] + kneel.lean)
    early = (lean_rad > math.radians(_EARLY_DEG[0])) & (lean_rad < math.radians(_EARLY_DEG[1]))
    if not early.any():
        return 0.0
    rate = np.radians(work.speed[a:b][early])
    return float((rate * rate / (2.0 * k * (1.0 - np.cos(lean_rad[early])))).max())


def _climbed(work: Course, columns: Columns, start: float, end: float, turn_deg: float) -> float | None:
    """Height gained by the thigh, m; ``None`` when it was not at rest at the end."""
    last = min(int(work.grid.t.searchsorted(end)), len(work.speed) - 1)
    resting = abs(work.speed.item(last)) < _RESTING_DEG_S
    if not resting:
        return None
    return climb(work.grid, columns, max(start, 0.0), float(work.grid.t[last]), turn_deg)


def _forces(
    grid: Grid, columns: Columns, spans: list[Span], zeros: dict[Side, float]
) -> dict[Side, Force | None]:
    """Each side over the eccentric phases."""
    eccentric = [(s.start, s.end) for s in spans if s.kind == "eccentric"]
    return {
        side: summary(grid.t, grid.x[:, c], eccentric, zeros[side])
        for side, c in columns.forces.items()
        if side in zeros
    }


def _knee_rom(work: Course, shank: Floats, a: int, b: int) -> float:
    """Range of knee flexion, ``shank - thigh``, over rows."""
    knee = smooth(shank, 1.0 / float(work.grid.t[1]), work.rule.smooth_s)[a:b] - work.lean[a:b]
    return float(knee.max() - knee.min())
