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
from eccentra.stages.nordic_grid import Columns, Grid, bridged, even_grid, missing
from eccentra.stages.nordic_load import Load
from eccentra.stages.strokes import Ends, Stroke, find_strokes, join_strokes, refine, smooth

__all__ = ["MeasureRule", "Measured", "Span", "measure"]


class MeasureRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an excursion is taken apart.

    Attributes
    ----------
    smooth_s, tremor_smooth_s
        Smoothing of angle and rate; the second when the limb trembles.
    stroke_speed_deg_s, stroke_least_deg
        A stroke is faster than this and turns the thigh by at least so much.
    least_noise_deg_s
        Speeds below this are never used for boundaries.
    active_share
        Straps that carry this share of the descent's load on the way back mean an active return.
    held_share
        Straps that carry this share of the peak between descent and way back mean a loaded hold.
    stop_s
        A stop at least so long is a phase of its own.
    floor_lean_deg
        Where a descent ends further down than this, hands and floor carry, not the hamstrings.
    home_share
        The return is over within this share of the way from the start pose.
    """

    smooth_s: float
    tremor_smooth_s: float
    stroke_speed_deg_s: float
    stroke_least_deg: float
    least_noise_deg_s: float
    active_share: float
    held_share: float
    stop_s: float
    floor_lean_deg: float
    home_share: float


class Span(msgspec.Struct, frozen=True):
    """A phase in s from the first row."""

    kind: str
    start: float
    end: float


class Measured(msgspec.Struct, kw_only=True):
    """What was found.

    ``t0`` is the session time of the first row in ns. ``spans`` tile the repetition, except lying on the
    floor. Leans are from the start pose. ``gap_start``, ``gap_end``, ``gap_inside`` say whether rows were
    missing at the begin of the descent, at its end, or elsewhere between first and last phase.
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
    loaded_n: float | None
    gap_start: bool
    gap_end: bool
    gap_inside: bool
    interpolated: bool
    noise: float

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
    work = _Work(grid, raw, spin, rule, step_ns)
    found = work.phases(since_ns)
    if found is None:
        return None
    spans, down, back = found
    return _numbers(work, spans, down, back, axis, home, columns, breaks, zeros, shank_axis)


def _median(x: Floats) -> float:
    """Median; 0 of nothing. NumPy's own takes longer than the sorting."""
    n = len(x)
    if not n:
        return 0.0
    x = np.sort(x)
    return 0.5 * (x.item((n - 1) // 2) + x.item(n // 2))


class _Work:
    """Smoothed lean and rate of one excursion, and its phases."""

    def __init__(self, grid: Grid, raw: Floats, spin: Floats, rule: MeasureRule, step_ns: int) -> None:
        self.grid, self.rule = grid, rule
        self._dt = step_ns / NS_PER_S
        hz = NS_PER_S / step_ns
        self.lean = smooth(raw, hz, rule.smooth_s)
        self.fast = smooth(spin, hz, rule.smooth_s)
        calm = smooth(spin, hz, rule.tremor_smooth_s)
        most = int(0.8 * len(calm))
        shake = np.partition(np.abs(self.fast - calm), most)[most]
        size = np.abs(calm)
        moving = size > 2.0 * rule.stroke_speed_deg_s
        typical = _median(size[moving])
        # shaking that could stop or turn a stroke at its threshold asks for more smoothing
        self.smear = rule.smooth_s if shake < 0.15 * typical else rule.tremor_smooth_s
        self.speed = self.fast if self.smear == rule.smooth_s else calm
        if self.smear != rule.smooth_s:
            self.lean = smooth(raw, hz, self.smear)
        self.noise = rule.least_noise_deg_s

    def phases(self, since_ns: int) -> tuple[list[Span], list[Stroke], tuple[float, float] | None] | None:
        """Phases, the strokes of the descent, begin and end of the return."""
        rule, grid = self.rule, self.grid
        since = (since_ns - grid.t0) / NS_PER_S
        self._find_noise(int(grid.t.searchsorted(since)))
        strokes = find_strokes(
            self.lean, self.speed, threshold=rule.stroke_speed_deg_s, least=rule.stroke_least_deg
        )
        if not strokes:
            return None
        how = Ends(noise=self.noise, smear_s=self.smear, error=0.1, most_residual=0.3)
        refine(strokes, grid.t, self.lean, self.speed, how)
        down = self._down(strokes)
        if not down:
            return None
        back = self._back(strokes, down)
        down = join_strokes(down, stop_s=rule.stop_s)
        spans: list[Span] = []
        for stroke in down:
            if spans:
                spans.append(Span("isometric", spans[-1].end, stroke.start_s))
            spans.append(Span("eccentric", stroke.start_s, stroke.end_s))
        return spans, down, back

    def _find_noise(self, until: int) -> None:
        """Sway and tremor in the quietest 0.7 s before the departure (a soft start is no noise)."""
        n = round(0.7 / float(self.grid.t[1]))
        starts = np.arange(0, until + 1 - n, n // 4)
        if len(starts):
            rest = self.speed[starts[:, None] + np.arange(n)]
            rest -= np.add.reduce(rest, 1)[:, None] / n
            best = math.sqrt(float(np.add.reduce(rest * rest, 1).min()) / n)
            self.noise = min(max(self.noise, 3.0 * best), self.rule.stroke_speed_deg_s)

    def _at(self, s: float) -> float:
        """Lean at a time."""
        place = s / self._dt
        last = len(self.lean) - 1
        k = min(max(int(place), 0), last)
        here: float = self.lean.item(k)
        if place <= k or k == last:
            return here
        return here + (place - k) * (self.lean.item(k + 1) - here)

    def _down(self, strokes: list[Stroke]) -> list[Stroke]:
        """Forward strokes that make the descent."""
        peak = float(self.lean.max())
        least = max(2.0 * self.rule.stroke_least_deg, 0.12 * peak)
        out: list[Stroke] = []
        for k, stroke in enumerate(strokes):
            if stroke.sign > 0:
                low, high = self._at(stroke.start_s), self._at(stroke.end_s)
                if out and low > 0.93 * peak and stroke.start_s - out[-1].end_s > 0.15:
                    break  # settling on the floor
                before = self._at(out[-1].end_s) if out else -math.inf
                if high > before + 0.5 * self.rule.stroke_least_deg:
                    out.append(stroke)
            elif out and abs(self._at(stroke.end_s) - self._at(stroke.start_s)) > least:
                if self._at(out[-1].end_s) > 0.6 * peak or not any(s.sign > 0 for s in strokes[k:]):
                    break
                out = []  # rocking before the descent
        # swaying forward a little, then a rest, is not yet the descent
        while len(out) > 1 and (
            out[1].start_s - out[0].end_s >= self.rule.stop_s
            and self._at(out[0].end_s) < max(0.12 * peak, 6.0)
        ):
            out.pop(0)
        return out

    def _back(self, strokes: list[Stroke], down: list[Stroke]) -> tuple[float, float] | None:
        """Begin and end of the return: backward strokes until the start pose is reached."""
        base = self._at(down[0].start_s)
        top = self._at(down[-1].end_s)
        goal = base + self.rule.home_share * (top - base)
        ups = [s for s in strokes if s.sign < 0 and s.first >= down[-1].last]
        least = max(self.rule.stroke_least_deg, 0.06 * (top - base))
        ups = [s for s in ups if abs(self._at(s.end_s) - self._at(s.start_s)) > least]
        end: float | None = None
        for stroke in ups:
            if end is not None and (stroke.start_s - end > self.rule.stop_s or self._at(end) < base + 4.0):
                break
            if self._at(stroke.end_s) <= goal:
                end = stroke.end_s
        return None if end is None else (ups[0].start_s, end)


def _numbers(
    work: _Work,
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
    base = work._at(start)
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
    if back is not None:
        stop = back[0] - down_end
        loaded = load.held(down_end, back[0], rule.held_share * peak_n)
        if loaded if loaded is not None else not on_floor:
            if stop >= rule.stop_s:
                spans.append(Span("isometric", down_end, back[0]))
            elif spans[-1].kind == "eccentric":
                spans[-1] = Span("eccentric", spans[-1].start, back[0])
        # nobody pulls back up what could not be held on the way down
        own = broken is None and load.carried_back(start, down_end, back, rule.active_share)
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
        break_lean=None if broken is None else work._at(broken),
        break_knee=None
        if broken is None or shank is None or shank.knee is None
        else float(np.interp(broken, t, shank.knee)) - work._at(broken) + base,
        shank_change=None if shank is None else shank.change,
        shank_home=None if shank is None else shank.home,
        forces=forces,
        peak_angle=None if peak_row is None else float(work.lean[peak_row]),
        loaded_n=load.most(start, down_end),
        gap_start=missing(grid, start - near, start + near),
        gap_end=missing(grid, down_end - near, down_end + near),
        gap_inside=missing(grid, start - near, last + near),
        interpolated=bridged(grid, columns, start - near, last + near),
        noise=work.noise,
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


def _knee_rom(work: _Work, shank: Floats, a: int, b: int) -> float:
    """Range of knee flexion, ``shank - thigh``, over the descent."""
    knee = smooth(shank, 1.0 / float(work.grid.t[1]), work.rule.smooth_s)[a:b] - work.lean[a:b]
    return float(knee.max() - knee.min())
