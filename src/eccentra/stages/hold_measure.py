"""One hold, measured: its ends at zero velocity, sway, sag, hip hike.

All of it is computed at once from the buffered rows when the hold has ended, so smoothing has no delay. Times
are in s from the first row, angles in degrees. The lean is 0 in the rest pose and grows on the way up.
"""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np

from eccentra.samples import NS_PER_S, Floats, Times
from eccentra.stages.hold import MeasureRule
from eccentra.stages.hold_fit import Way, fit_way, quarters_of, sway_of
from eccentra.stages.inclination import Vector, axis_of, lean_of, rate_about
from eccentra.stages.nordic_grid import Columns, Grid, bridged, even_grid, missing
from eccentra.stages.strokes import Ends, Stroke, find_strokes, refine, smooth

__all__ = ["SOFT_NS", "Course", "Measured", "Moments", "measure"]

# Longest soft end of a way down that is waited for: the last fifth of one of 5 s has a twentieth of the way.
SOFT_NS = NS_PER_S
# No way takes so long.
_NO_WAY_S = 1e3
# Sway is a matter of below 4 Hz (exercises: postural control); 0.1325 / 4 Hz.
_SWAY_SMOOTH_S = 0.033
# A second of lean says where it was, whatever the sway.
_LEVEL_S = 1.0
_PIECE_S = 3.0
# Stops on the way that are shorter than this belong to it (rule of the result format).
_PIECES_S = 0.5
# The levels beside a way are those of so long.
_BESIDE_S = 2.5
# Of a hold so much says how it sways; it is off for good when a way down of up to 5 s is about half done.
_SWAY_S = 20.0
_LEAVING_S = 2.5
# What a shape may leave of the speed: times the sway, or share of the way (a stop half-way leaves all of it).
_SWAY_TIMES = 1.5
_WAY_SHARE = 0.12


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a hold while it happens, session time in ns.

    ``since`` last moment in the rest pose; ``settled`` when the raised pose was reached; ``left`` when the
    last dip before the end was over (or ``settled``); ``drop`` when it was off for good (``None``: not yet).
    """

    since: int
    settled: int
    left: int
    drop: int | None
    rise: float
    home: Vector
    dips: tuple[tuple[int, int], ...]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Courses over the hold, every ``step_s``: what is lost of the rise, turn about the other axis (deg)."""

    drop: Floats
    turn: Floats
    step_s: float


class Measured(msgspec.Struct, kw_only=True):
    """What was found; ``t0`` is the session time of the first row in ns.

    ``start``, ``top``, ``leave``, ``end`` are the ends of the phases; ``leave`` and ``end`` are ``None`` when
    the way down was not seen. ``sway_*`` are ``None`` for holds too short to say. ``*_way`` are the ways as
    they were fitted, ``None`` when one fits no shape.
    """

    t0: int
    start: float
    top: float
    leave: float | None
    end: float | None
    until: float | None
    last: float
    rom: float
    level: float
    sway_sd: float | None
    sway_speed: float | None
    sway_growth: float | None
    sag: float | None
    hike: float | None
    hip: float | None
    course: Course
    gap_up: bool
    gap_hold: bool
    gap_down: bool
    interpolated: bool
    up_way: Way | None
    down_way: Way | None

    @property
    def stay_s(self) -> float:
        """How long it was held."""
        return (self.last if self.leave is None else self.leave) - self.top

    @property
    def until_ns(self) -> int:
        """When the way down seems to end, session time: a soft end goes on when hardly any way is left."""
        return self.t0 + round((self.last if self.until is None else self.until) * NS_PER_S)

    def us(self, s: float) -> int:
        """Session time in µs of a time in s."""
        return (self.t0 + round(s * NS_PER_S)) // 1000


def measure(
    t: Times, x: Floats, known: Moments, columns: Columns, *, hip: int, step_ns: int, rule: MeasureRule
) -> Measured | None:
    """Take apart the hold in these rows; ``None`` when no way up is found in them.

    Parameters
    ----------
    t, x
        Aligned rows from some seconds before the way up to now.
    columns
        ``shank`` is the second sensor's first column, if there is one.
    hip
        Sign with which the second sensor's lean adds to the hip angle; 0 for none.
    """
    if len(t) < 100:
        return None
    grid = even_grid(t, x, columns, step_ns)
    if grid is None:
        return None
    work = _Work(grid, known, columns, rule, step_ns)
    up = work.up()
    if up is None:
        return None
    down = work.down(up[1])
    start, top = up
    last = float(grid.t[-1])
    leave, until = down if down is not None else (None, None)
    end = None if until is None else min(until, last)
    stay = (top, last if leave is None else leave)
    if stay[1] - stay[0] <= 0.0:
        return None
    sway = work.sway(stay)
    rows = work.lean[work.row(start) : work.row(last if end is None else end) + 1]
    near = 0.1
    return Measured(
        t0=grid.t0,
        start=start,
        top=top,
        leave=leave,
        end=end,
        until=until,
        last=last,
        rom=float(rows.max() - rows.min()),
        level=work.level(*stay),
        sway_sd=sway[0],
        sway_speed=sway[1],
        sway_growth=sway[2],
        sag=work.sag(stay),
        hike=work.hike(stay),
        hip=work.hip_change(stay, columns, hip),
        course=work.course(stay),
        gap_up=missing(grid, start - near, top + near),
        gap_hold=missing(grid, *stay),
        gap_down=missing(grid, stay[1] - near, (last if end is None else end) + near),
        interpolated=bridged(grid, columns, start - near, (last if end is None else end) + near),
        up_way=work.ways[0],
        down_way=work.ways[1],
    )


class _Work:
    """Smoothed lean and rate of one hold."""

    def __init__(self, grid: Grid, known: Moments, columns: Columns, rule: MeasureRule, step_ns: int) -> None:
        self.grid, self.known, self.rule = grid, known, rule
        self._hz = NS_PER_S / step_ns
        self._dt = step_ns / NS_PER_S
        up = grid.x[:, columns.up : columns.up + 3]
        a, b = self._since(known.settled), self._since(known.drop or int(grid.t0 + grid.t[-1] * NS_PER_S))
        axis = axis_of(known.home, up[self.row(a) : max(self.row(b), self.row(a) + 10)]) or (0.0, 0.0, 1.0)
        raw = lean_of(known.home, axis, up)
        rate = grid.x[:, columns.rate : columns.rate + 3]
        spin = rate_about(axis, rate) if not np.isnan(rate).any() else np.gradient(raw, self._dt)
        self.lean = smooth(raw, self._hz, rule.smooth_s)
        self.speed = smooth(spin, self._hz, rule.smooth_s)
        along = np.clip(up[:, 0] * axis[0] + up[:, 1] * axis[1] + up[:, 2] * axis[2], -1.0, 1.0)
        self.turn = np.degrees(np.arcsin(along))
        self.sway_speed = _typical(self.speed[self.row(a) : self.row(b)])
        self.noise = min(max(rule.least_noise_deg_s, self.sway_speed), rule.stroke_deg_s)
        self.ways: list[Way | None] = [None, None]
        self._still = sway_of(self._stay(a, b), self._hz)

    def row(self, s: float) -> int:
        """Row at a time in s, inside the grid."""
        return min(max(int(s / self._dt + 0.5), 0), len(self.grid.t) - 1)

    def _since(self, t_ns: int) -> float:
        return (t_ns - self.grid.t0) / NS_PER_S

    def _stay(self, a: float, b: float) -> Floats:
        """Lean of the longest part of the hold between two times without a dip or the ends of ways."""
        edges = [(-_NO_WAY_S, a), *((self._since(s) - 0.5, self._since(e)) for s, e in self.known.dips)]
        edges.append((b - _LEAVING_S, _NO_WAY_S))
        parts = [
            (self.row(end + self.rule.edge_s), self.row(start)) for (_, end), (start, _) in pairwise(edges)
        ]
        first, last = max(parts, key=lambda part: part[1] - part[0])
        return self.lean[first : min(last, first + round(_SWAY_S / self._dt))]

    def _strokes(self, a: int, b: int, sign: int) -> list[Stroke]:
        """Strokes in one direction between two rows, refined; ``first`` and ``last`` count from ``a``."""
        t, lean, speed = self.grid.t[a : b + 1], self.lean[a : b + 1], self.speed[a : b + 1]
        least = self.rule.stroke_share * self.known.rise
        found = find_strokes(lean, speed, threshold=self.rule.stroke_deg_s, least=least)
        # ways as a whole are hold_fit's: what lies close by, a sag or a dip, is no rest
        how = Ends(
            noise=self.noise,
            smear_s=self.rule.smooth_s,
            error=0.1,
            most_residual=0.3,
            near_s=_NO_WAY_S,
            whole_s=2.0 * _NO_WAY_S,
        )
        refine(found, t, lean, speed, how)
        return [stroke for stroke in found if stroke.sign == sign]

    def up(self) -> tuple[float, float] | None:
        """Begin and end of the way up."""
        return self._better(self._up_way(), self._up_strokes(), 0)

    def _better(
        self, way: Way | None, strokes: tuple[float, float] | None, which: int
    ) -> tuple[float, float] | None:
        """Ends from the whole way; where it has no known shape, the neighbourhoods of the ends decide."""
        if way is None:
            return strokes
        self.ways[which] = way
        return way.start_s, way.end_s

    def _up_way(self) -> Way | None:
        """The way up fitted as a whole."""
        known = self.known
        settled = self.row(self._since(known.settled))
        far = len(self.lean) if known.drop is None else self.row(self._since(known.drop))
        b = min(settled + round(_BESIDE_S / self._dt), max(far, settled))
        start = self.row(self._since(known.since))
        a = max(start - round(_BESIDE_S / self._dt), 0)
        high, low = _median(self.lean[settled : b + 1]), _median(self.lean[a : start + 1])
        return self._fit(a, b, self.lean, low, high)

    def _down_way(self, left: int, drop: int, b: int, sign: int) -> Way | None:
        """The way down (or up and away) fitted as a whole."""
        a = max(left, drop - round(_BESIDE_S / self._dt))
        high = _median(self.lean[a : max(drop - round(0.3 / self._dt), a + 20)])
        low = _median(self.lean[max(b - round(0.25 / self._dt), 0) : b + 1])
        return self._fit(left, b, self.lean, high, low) if sign * (low - high) > 0.0 else None

    def _fit(self, a: int, b: int, lean: Floats, before: float, after: float) -> Way | None:
        """One way between two rows; ``None`` when it stops on the way or is otherwise of no known shape."""
        t, x = self.grid.t[a : b + 1], lean[a : b + 1]
        quarters = quarters_of(t, x, before, after)
        if quarters is None:
            return None
        beside = 1.5 * (quarters[1] - quarters[0])
        i, j = t.searchsorted(quarters[0] - beside - 1.5), t.searchsorted(quarters[1] + beside + 0.5)
        way = fit_way(t[i:j], x[i:j], quarters, after - before, self._still)
        if way is None or not t[0] - 0.5 < way.start_s < way.end_s < t[-1] + SOFT_NS / NS_PER_S:
            return None
        speed = abs(after - before) / (way.end_s - way.start_s)
        return way if way.residual < max(_SWAY_TIMES * self.sway_speed, _WAY_SHARE * speed) else None

    def _up_strokes(self) -> tuple[float, float] | None:
        known = self.known
        a, b = 0, self.row(self._since(known.settled) + _LEVEL_S)
        if known.drop is not None:
            b = min(b, self.row(self._since(known.drop)))
        ups = self._strokes(a, b, 1)
        least = self._since(known.since) - 0.5
        ups = [s for s in ups if s.end_s > least and self.lean[a + s.first] < 0.85 * known.rise]
        # rocking before the way up is over once the rest pose was reached again
        for k in range(len(ups) - 1, 0, -1):
            between = self.lean[a + ups[k - 1].last : a + ups[k].first + 1]
            if float(between.min()) < 0.1 * known.rise:
                ups = ups[k:]
                break
        return (ups[0].start_s, ups[-1].end_s) if ups else None

    def down(self, top: float) -> tuple[float, float] | None:
        """Begin and end of the way down; ``None`` when there is none yet."""
        known = self.known
        if known.drop is None:
            return None
        left = max(self.row(self._since(known.left)), self.row(top))
        b = len(self.grid.t) - 1
        drop = self.row(self._since(known.drop))
        sign = -1 if self.lean[b] < self.lean[drop] or self.lean[drop] < known.rise else 1
        way = self._down_way(left, drop, b, sign)
        found = self._better(way, self._down_strokes(left, drop, b, sign, top), 1)
        return found and (max(found[0], top), found[1])

    def _down_strokes(self, left: int, drop: int, b: int, sign: int, top: float) -> tuple[float, float]:
        strokes = self._strokes(left, b, sign)
        k = next((k for k, s in enumerate(strokes) if left + s.last >= drop - 5), None)
        if k is None:
            at = float(self.grid.t[drop])
            return (at, max(at, float(self.grid.t[-1])))
        # sway may have broken a slow way down in pieces
        while k > 0 and strokes[k].start_s - strokes[k - 1].end_s < _PIECES_S:
            k -= 1
        end = min(max(s.end_s for s in strokes[k:]), float(self.grid.t[-1]))
        return max(strokes[k].start_s, top), end

    def level(self, a: float, b: float) -> float:
        """Mean lean between two times."""
        part = self.lean[self.row(a) : self.row(b) + 1]
        return float(np.add.reduce(part)) / len(part)

    def _steady(self, stay: tuple[float, float]) -> tuple[int, int]:
        """Rows of the hold without its edges."""
        return self.row(stay[0] + self.rule.edge_s), self.row(stay[1] - self.rule.edge_s)

    def _kept(self, a: int, b: int) -> Floats:
        """Which rows from ``a`` to before ``b`` are in no dip and measured: 1.0 or 0.0."""
        kept = np.where(self.grid.hole[a:b], 0.0, 1.0)
        for start, end in self.known.dips:
            i, j = self.row(self._since(start) - 1.0) - a, self.row(self._since(end) + 1.0) - a
            kept[max(i, 0) : max(j, 0)] = 0.0
        return kept

    def sway(self, stay: tuple[float, float]) -> tuple[float | None, float | None, float | None]:
        """SD about a straight line (deg), mean speed (deg/s), and SD of the last third over the first's."""
        a, b = self._steady(stay)
        if (b - a) * self._dt < 1.0:
            return None, None, None
        kept = self._kept(a, b)
        x = self.lean[a:b]
        sd = _spread(x, kept)
        v = np.abs(smooth(self.speed, self._hz, _SWAY_SMOOTH_S)[a:b]) * kept
        n = float(np.add.reduce(kept))
        speed = float(np.add.reduce(v)) / n if n > 0.0 else None
        third = (b - a) // 3
        if third * self._dt < _PIECE_S:
            return sd, speed, None
        first, last = _spread(x[:third], kept[:third]), _spread(x[-third:], kept[-third:])
        growth = last / first if first and last is not None else None
        return sd, speed, growth

    def sag(self, stay: tuple[float, float]) -> float | None:
        """How much of the rise was lost from the first to the last second of the steady hold."""
        a, b = self._steady(stay)
        n = round(_LEVEL_S / self._dt)
        if b - a < 2 * n:
            return None
        first, last = self.lean[a : a + n], self.lean[b - n : b]
        return float(np.add.reduce(first) - np.add.reduce(last)) / n

    def _off(self, x: Floats, stay: tuple[float, float]) -> Floats:
        """Change of a course since the first second of the hold, averaged over a second, every second."""
        a, b = self._steady(stay)
        n = round(_LEVEL_S / self._dt)
        count = (b - a) // n
        if count < 2:
            return np.zeros(0)
        means = np.add.reduce(x[a : a + count * n].reshape(count, n), 1) / n
        return np.asarray(means - means[0])

    def hike(self, stay: tuple[float, float]) -> float | None:
        """Furthest turn about the other horizontal axis in the hold: one side lower than the other."""
        off = self._off(self.turn, stay)
        return float(np.abs(off).max()) if len(off) else None

    def hip_change(self, stay: tuple[float, float], columns: Columns, sign: int) -> float | None:
        """Largest loss of hip extension in the hold, from the leans of both sensors."""
        if columns.shank is None or sign == 0:
            return None
        up = self.grid.x[:, columns.shank : columns.shank + 3]
        if np.isnan(up).any():
            return None
        before = up[: max(self.row(self._since(self.known.since)), 10)]
        mean = [float(np.add.reduce(before[:, k])) for k in range(3)]
        size = math.sqrt(sum(v * v for v in mean))
        home: Vector = (mean[0] / size, mean[1] / size, mean[2] / size)
        a, b = self._steady(stay)
        axis = axis_of(home, up[a:b]) if b > a else None
        if axis is None:
            return None
        off = self._off(
            self.lean + sign * smooth(lean_of(home, axis, up), self._hz, self.rule.smooth_s), stay
        )
        return max(float(-off.min()), 0.0) if len(off) else None

    def course(self, stay: tuple[float, float]) -> Course:
        """Courses for rules, every 50 ms, from the settled first second on."""
        a, b = self.row(stay[0]), self.row(stay[1]) + 1
        n = round(_LEVEL_S / self._dt)
        step = max(round(0.05 / self._dt), 1)
        # the strokes' soft ends are no drop
        a, b = min(a + n // 2, b - 1), max(b - n // 2, a + 1)
        lean, turn = self.lean[a:b], self.turn[a:b]
        if not len(lean):
            return Course(drop=np.zeros(0), turn=np.zeros(0), step_s=step * self._dt)
        m = min(n, len(lean))
        level, zero = float(np.add.reduce(lean[:m])) / m, float(np.add.reduce(turn[:m])) / m
        return Course(drop=level - lean[::step], turn=np.abs(turn[::step] - zero), step_s=step * self._dt)


def _typical(x: Floats) -> float:
    """Standard deviation about zero from the median size: dips and the ends of ways do not show."""
    return _median(np.abs(x)) / 0.6745 if len(x) else 0.0


def _median(x: Floats) -> float:
    """Middle value."""
    return float(np.sort(x)[len(x) // 2])


def _spread(x: Floats, kept: Floats) -> float | None:
    """SD of ``x`` about its best straight line, of the rows that are kept; ``None`` when they are few."""
    n = float(np.add.reduce(kept))
    if n < 50.0:
        return None
    u = np.arange(len(x), dtype=np.float64)
    mu, mx = float(np.add.reduce(u * kept)) / n, float(np.add.reduce(x * kept)) / n
    du, dx = (u - mu) * kept, (x - mx) * kept
    suu, sux = float(np.add.reduce(du * du)), float(np.add.reduce(du * dx))
    rest = float(np.add.reduce(dx * dx)) - (sux * sux / suu if suu > 0.0 else 0.0)
    return math.sqrt(max(rest, 0.0) / n)
