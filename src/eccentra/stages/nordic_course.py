"""One excursion from the tall kneel as a course of lean and rate, and its phases.

Times are in s from the first row, angles in degrees.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import NS_PER_S, Floats
from eccentra.stages.nordic_grid import Grid
from eccentra.stages.strokes import Ends, Stroke, find_strokes, join_strokes, refine, smooth

__all__ = ["BEHIND_DEG", "Course", "MeasureRule", "Span", "pulled"]

# Descents start within 10 degrees of the start pose: what begins further back is coming up from the heels.
BEHIND_DEG = 10.0
# The last tenth of a soft way back of 9 s has a hundredth of the way: it ends so much later than it seems.
_BEYOND_S = 1.0


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
    usual_end_share
        Instead, once the person's own usual way is known: less of it has turned around in the air.
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
    usual_end_share: float
    home_share: float


class Span(msgspec.Struct, frozen=True):
    """A phase in s from the first row."""

    kind: str
    start: float
    end: float


def _median(x: Floats) -> float:
    """Median; 0 of nothing. NumPy's own takes longer than the sorting."""
    n = len(x)
    if not n:
        return 0.0
    x = np.sort(x)
    return 0.5 * (x.item((n - 1) // 2) + x.item(n // 2))


class Course:
    """Smoothed lean and rate of one excursion, and its phases.

    Attributes
    ----------
    grid
        The rows.
    spin
        Rate as it was measured, deg/s.
    lean, speed
        Smoothed for boundaries, more when the limb trembles: deg, deg/s.
    fast
        Rate with the smaller smoothing, deg/s.
    """

    def __init__(self, grid: Grid, raw: Floats, spin: Floats, rule: MeasureRule, step_ns: int) -> None:
        self.grid, self.rule, self.spin = grid, rule, spin
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

    def phases(self, since_ns: int) -> tuple[list[Span], list[Stroke], list[Stroke]] | None:
        """Phases and strokes of the descent, strokes of the way back; stops part them (none: no way back)."""
        rule, grid = self.rule, self.grid
        since = (since_ns - grid.t0) / NS_PER_S
        self._find_noise(int(grid.t.searchsorted(since)))
        strokes = find_strokes(
            self.lean, self.speed, threshold=rule.stroke_speed_deg_s, least=rule.stroke_least_deg
        )
        if not strokes:
            return None
        how = Ends(
            noise=self.noise,
            smear_s=self.smear,
            error=0.1,
            most_residual=0.3,
            heads=True,
            usual_sway=1.0,
            beyond_s=_BEYOND_S,
        )
        refine(strokes, grid.t, self.lean, self.speed, how)
        down = self._down(strokes)
        if not down:
            return None
        back = join_strokes(self._back(strokes, down), stop_s=rule.stop_s)
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

    def at(self, s: float) -> float:
        """Lean at a time."""
        place = s / self._dt
        last = len(self.lean) - 1
        k = min(max(int(place), 0), last)
        here: float = self.lean.item(k)
        if place <= k or k == last:
            return here
        return here + (place - k) * (self.lean.item(k + 1) - here)

    def behind_s(self, start: float, end: float) -> float:
        """How long after ``start`` the thigh reached the start pose, if it began far behind it, else 0.

        Where in this time the descent began, no stop tells.
        """
        if self.at(start) > -BEHIND_DEG:
            return 0.0
        a, b = int(self.grid.t.searchsorted(start)), int(self.grid.t.searchsorted(end))
        ahead = np.flatnonzero(self.lean[a:b] >= 0.0)
        return float(self.grid.t[a + int(ahead[0])]) - start if len(ahead) else end - start

    def _down(self, strokes: list[Stroke]) -> list[Stroke]:
        """Forward strokes that make the descent."""
        peak = float(self.lean.max())
        least = max(2.0 * self.rule.stroke_least_deg, 0.12 * peak)
        out: list[Stroke] = []
        for k, stroke in enumerate(strokes):
            if stroke.sign > 0:
                low, high = self.at(stroke.start_s), self.at(stroke.end_s)
                if out and low > 0.93 * peak and stroke.start_s - out[-1].end_s > 0.15:
                    break  # settling on the floor
                before = self.at(out[-1].end_s) if out else -math.inf
                if high > before + 0.5 * self.rule.stroke_least_deg:
                    out.append(stroke)
            elif out and abs(self.at(stroke.end_s) - self.at(stroke.start_s)) > least:
                if self.at(out[-1].end_s) > 0.6 * peak or not any(s.sign > 0 for s in strokes[k:]):
                    break
                out = []  # rocking before the descent
        # swaying forward a little, then a rest, is not yet the descent; coming up from behind never is
        while len(out) > 1 and self.at(out[1].start_s) < max(0.12 * peak, 6.0):
            rested = out[1].start_s - out[0].end_s >= self.rule.stop_s
            if not rested and self.at(out[0].start_s) > -BEHIND_DEG:
                break
            out.pop(0)
        return out

    def _back(self, strokes: list[Stroke], down: list[Stroke]) -> list[Stroke]:
        """Backward strokes until the start pose is reached; none when it is not."""
        base = self.at(down[0].start_s)
        top = self.at(down[-1].end_s)
        goal = base + self.rule.home_share * (top - base)
        ups = [s for s in strokes if s.sign < 0 and s.first >= down[-1].last]
        least = max(self.rule.stroke_least_deg, 0.06 * (top - base))
        ups = [s for s in ups if abs(self.at(s.end_s) - self.at(s.start_s)) > least]
        used = 0
        for k, stroke in enumerate(ups):
            end = ups[used - 1].end_s if used else None
            if end is not None and (stroke.start_s - end > self.rule.stop_s or self.at(end) < base + 4.0):
                break
            if self.at(stroke.end_s) <= goal:
                used = k + 1
        return ups[:used]


def pulled(ups: list[Stroke], begin: float) -> list[Span]:
    """The way back by the legs, from ``begin`` on: its strokes, and the stops between them."""
    spans: list[Span] = []
    for stroke in (stroke for stroke in ups if stroke.end_s > begin):
        if spans:
            spans.append(Span("isometric", spans[-1].end, stroke.start_s))
        spans.append(Span("concentric", stroke.start_s if spans else begin, stroke.end_s))
    return spans
