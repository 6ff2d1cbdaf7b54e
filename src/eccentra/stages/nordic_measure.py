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
from eccentra.stages.inclination import Vector, axis_of, lean_of, rate_about
from eccentra.stages.nordic_break import BreakRule, find_break
from eccentra.stages.nordic_course import Course, MeasureRule, Span
from eccentra.stages.nordic_grid import Columns, Grid, bridged, even_grid, missing
from eccentra.stages.nordic_load import Load
from eccentra.stages.strokes import Stroke, smooth

__all__ = ["MeasureRule", "Measured", "Seen", "Span", "measure"]


class Seen(msgspec.Struct):
    """Rows behind the numbers: course, all straps, each as it came, its level without load, shank's lean."""

    course: Course
    load: Load
    forces: dict[Side, Floats]
    zeros: dict[Side, float]
    shank: Floats | None


class Measured(msgspec.Struct, kw_only=True):
    """What was found.

    ``t0`` is the session time of the first row in ns. ``spans`` tile the repetition, except lying on the
    floor. Leans are from the start pose. ``gap_start``, ``gap_end``, ``gap_inside`` say whether rows were
    missing at the begin of the descent, at its end, or elsewhere between first and last phase;
    ``back_unknown`` that straps are worn but did not tell who brought the body up again. ``seen`` may
    be dropped when nobody will ask for further numbers.
    """

    t0: int
    axis: Vector
    spans: list[Span]
    start: float
    down_end: float
    back_start: float | None
    back_end: float | None
    start_lean: float
    deepest: float
    rom: float
    knee_rom: float | None
    peak_speed: float
    controlled_s: float
    eccentric_s: float
    break_s: float | None
    break_lean: float | None
    break_knee: float | None
    shank_change: float | None
    shank_home: Vector | None
    forces: dict[Side, Force | None]
    peak_angle: float | None
    peak_row: int | None
    loaded_n: float | None
    gap_start: bool
    gap_end: bool
    gap_inside: bool
    interpolated: bool
    back_unknown: bool
    noise: float
    seen: Seen | None

    @property
    def end(self) -> float:
        """End of the last phase."""
        return self.spans[-1].end

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
    shank_axis: Vector | None,
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
    shank_axis
        Axis of the shank's forward lean in its sensor's frame, when known.
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
    spans, down, back = found
    return _numbers(work, spans, down, back, axis, home, columns, breaks, zeros, shank_axis)


def _numbers(
    work: Course,
    spans: list[Span],
    down: list[Stroke],
    back: tuple[float, float] | None,
    axis: Vector,
    home: Vector,
    columns: Columns,
    breaks: BreakRule,
    zeros: dict[Side, float],
    shank_axis: Vector | None,
) -> Measured:
    grid, rule = work.grid, work.rule
    t = grid.t
    start, down_end = spans[0].start, spans[-1].end
    a, b = int(t.searchsorted(start)), min(int(t.searchsorted(down_end)) + 1, len(t))
    base = work.at(start)
    # smoothing has rounded a stop on the floor
    deepest = float(work.lean[a : b + round(3.0 * work.smear / float(t[1]))].max())
    broken = None
    for stroke in down:
        i, j = int(t.searchsorted(stroke.start_s)), int(t.searchsorted(stroke.end_s)) + 1
        broken = find_break(t[i:j], work.lean[i:j], work.fast[i:j], breaks, rule.smooth_s)
        if broken is not None:
            break
    forces = {
        side: summary(
            t, grid.x[:, c], [(s.start, s.end) for s in spans if s.kind == "eccentric"], zeros[side]
        )
        for side, c in columns.forces.items()
        if side in zeros
    }
    spans = list(spans)
    on_floor = broken is not None or deepest >= rule.floor_lean_deg
    load = Load(grid, columns, zeros)
    peak_n = math.fsum(f.peak_n for f in forces.values() if f is not None)
    unknown = False
    if back is not None:
        stop = back[0] - down_end
        loaded = load.held(down_end, back[0], rule.held_share * peak_n)
        if loaded if loaded is not None else not on_floor:
            if stop >= rule.stop_s:
                spans.append(Span("isometric", down_end, back[0]))
            elif spans[-1].kind == "eccentric":
                spans[-1] = Span("eccentric", spans[-1].start, back[0])
        # nobody pulls back up what could not be held on the way down
        own = False if broken is not None else load.carried_back(start, down_end, back, rule.active_share)
        unknown = own is None and bool(columns.forces)
        spans.append(Span("concentric" if own else "return", *back))
    shank = _shank(grid, columns, start, down_end, shank_axis)
    peak_row = load.peak_row(start, down_end)
    eccentric = math.fsum(s.end - s.start for s in spans if s.kind == "eccentric")
    held = math.fsum(s.end - s.start for s in spans if s.kind in ("eccentric", "isometric"))
    controlled = held
    if broken is not None:
        controlled = math.fsum(
            min(s.end, broken) - s.start for s in spans if s.kind != "return" and s.start < broken
        )
    speeds = np.sort(np.abs(work.fast[a:b]))
    last = spans[-1].end
    near = 0.15
    return Measured(
        t0=grid.t0,
        axis=axis,
        spans=spans,
        start=start,
        down_end=down_end,
        back_start=None if back is None else back[0],
        back_end=None if back is None else back[1],
        start_lean=base,
        deepest=deepest,
        rom=deepest - base,
        knee_rom=None if shank is None or shank.knee is None else _knee_rom(work, shank.knee, a, b),
        peak_speed=float(speeds[int(0.95 * (len(speeds) - 1))]) if len(speeds) else 0.0,
        controlled_s=controlled,
        eccentric_s=eccentric,
        break_s=broken,
        break_lean=None if broken is None else work.at(broken),
        break_knee=None
        if broken is None or shank is None or shank.knee is None
        else float(np.interp(broken, t, shank.knee)) - work.at(broken) + base,
        shank_change=None if shank is None else shank.change,
        shank_home=None if shank is None else shank.home,
        forces=forces,
        peak_row=peak_row,
        peak_angle=None if peak_row is None else float(work.lean[peak_row]),
        loaded_n=load.most(start, down_end),
        gap_start=missing(grid, start - near, start + near),
        gap_end=missing(grid, down_end - near, down_end + near),
        gap_inside=missing(grid, start - near, last + near),
        back_unknown=unknown,
        interpolated=bridged(grid, columns, start - near, last + near),
        noise=work.noise,
        seen=Seen(
            work,
            load,
            {side: grid.x[:, c] for side, c in columns.forces.items()},
            zeros,
            None if shank is None else shank.knee,
        ),
    )


class _Shank(msgspec.Struct):
    change: float
    home: Vector
    knee: Floats | None


def _shank(grid: Grid, columns: Columns, start: float, end: float, axis: Vector | None) -> _Shank | None:
    """Largest turn of the shank from start to end, and its forward lean from the start (deg) if known."""
    if columns.shank is None:
        return None
    up = grid.x[:, columns.shank : columns.shank + 3]
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end)) + 1
    if np.isnan(up[0, 0]) or b - a < 10:
        return None
    first = up[max(0, a - 30) : a + 5]
    mean = np.array([math.fsum(first[:, k].tolist()) for k in range(3)])
    mean /= math.sqrt(float(mean[0] ** 2 + mean[1] ** 2 + mean[2] ** 2))
    home: Vector = (float(mean[0]), float(mean[1]), float(mean[2]))
    along = up[a:b, 0] * home[0] + up[a:b, 1] * home[1] + up[a:b, 2] * home[2]
    change = float(np.degrees(np.arccos(np.clip(np.sort(along)[int(0.05 * (b - a))], -1.0, 1.0))))
    return _Shank(change, home, None if axis is None else lean_of(home, axis, up))


def _knee_rom(work: Course, shank: Floats, a: int, b: int) -> float:
    """Range of knee flexion, ``shank - thigh``, over the descent."""
    knee = smooth(shank, 1.0 / float(work.grid.t[1]), work.rule.smooth_s)[a:b] - work.lean[a:b]
    return float(knee.max() - knee.min())
