"""The course of the tracked angle over one movement: smoothed as it needs, and the strokes in it.

Sway and tremor hide a slow stroke's ends and cut it in pieces where they stop it for a moment. How much is
smoothed away follows from what is there: shaking beside the movement, as far as the movement is slow enough
to bear it. Pieces between which the movement went on are one stroke.
"""

from __future__ import annotations

import math

import numpy as np

from eccentra.samples import Floats
from eccentra.stages.joint import PhaseRule, Stage
from eccentra.stages.joint_grid import Angle, Grid
from eccentra.stages.strokes import Ends, Stroke, find_strokes, refine, smooth

__all__ = ["Course"]

# Sway of less than a second's stay: pieces so near each other are one stroke.
_NEAR_S = 0.35
# Between two pieces of one stroke the movement goes on with this share of its speed; in a stop it does not.
_GOING_SHARE = 0.25
# A way back that seems at rest may end as much later: so long repetitions may wait to be decided.
_BEYOND_S = 0.5
# The shape of the whole stroke halves the time in which a soft end is hidden. Both ends of a stroke are
# alike: their errors add, which the root of two makes of what adds in squares.
_UNSEEN = 0.5 * math.sqrt(2.0)
# A piece is at least this share of the range; less is sway.
_PIECE_SHARE = 0.015


class Course:
    """Smoothed angle and speed, and the strokes in them.

    Parameters
    ----------
    grid, angle
        Rows, and the tracked angle in them.
    since
        Index of the last moment known to be in the start pose.
    """

    def __init__(self, grid: Grid, angle: Angle, stage: Stage, since: int) -> None:
        rule, hz = stage.phases, 1.0 / grid.step_s
        self.grid = grid
        self.spin = angle.spin
        self.fast = smooth(angle.spin, hz, rule.smooth_s)
        self.rom = float(np.max(angle.raw[since:])) if since < len(angle.raw) else 0.0
        self.smear, self.speed = _calm_enough(self.fast, angle.spin, hz, rule, self.rom)
        self.angle = smooth(angle.raw, hz, self.smear)
        self.rom = float(np.max(self.angle[since:])) if since < len(self.angle) else 0.0
        self.least = max(rule.stroke_share * self.rom, 1.5)
        self.noise = self._noise(rule.least_noise_deg_s, rule.stroke_speed_deg_s, since)
        self.strokes = self._find(rule.stroke_speed_deg_s)
        if self.strokes:
            error = 0.1 * math.sqrt(len(angle.leans))
            how = Ends(
                noise=self.noise,
                smear_s=self.smear,
                error=error,
                most_residual=max(3.0 * error, 0.01 * self.rom),
                rounds=2,
                beyond_s=_BEYOND_S,
            )
            refine(self.strokes, grid.t, self.angle, self.speed, how)

    def _find(self, threshold: float) -> list[Stroke]:
        """Strokes above the threshold; pieces between which the movement went on are one."""
        small = max(_PIECE_SHARE * self.rom, 0.5)
        pieces = find_strokes(self.angle, self.speed, threshold=threshold, least=small)
        out: list[Stroke] = []
        for piece in pieces:
            if out and out[-1].sign == piece.sign and self._goes_on(out[-1], piece):
                out[-1].last = piece.last
            else:
                out.append(piece)
        return [s for s in out if abs(self._way(s.first, s.last)) >= self.least]

    def _goes_on(self, one: Stroke, two: Stroke) -> bool:
        gap_s = (two.first - one.last) * self.grid.step_s
        if gap_s < _NEAR_S:
            return True
        moved = abs(self._way(one.first, one.last)) + abs(self._way(two.first, two.last))
        seconds = (one.last - one.first + two.last - two.first) * self.grid.step_s
        between = self._way(one.last, two.first) * one.sign
        return between / gap_s > _GOING_SHARE * moved / seconds

    def _way(self, a: int, b: int) -> float:
        return float(self.angle[b] - self.angle[a])

    def _noise(self, least: float, most: float, until: int) -> float:
        """Sway and tremor in the quietest 0.7 s before the departure."""
        n = round(0.7 / self.grid.step_s)
        starts = np.arange(0, until + 1 - n, n // 4)
        if not len(starts):
            return least
        rest = self.speed[starts[:, None] + np.arange(n)]
        rest -= np.add.reduce(rest, 1)[:, None] / n
        best = math.sqrt(float(np.add.reduce(rest * rest, 1).min()) / n)
        return min(max(least, 3.0 * best), most)

    def end_error(self, strokes: list[Stroke], sensors: int) -> float:
        """Standard error in s of one end of a way.

        A soft stroke's angle grows with a power of the time, ``10 way (t / T)³`` (minimum-jerk) or, of a
        speed that grows as ``sin³``, ``18 way (t / T)⁴``: until it exceeds the error of the angle nobody
        sees it. Which power it is can hardly be seen either, so the softer one counts. The error of the
        angle is sway of about 0.6 Hz, or that of the inclinations.
        """
        seconds = math.fsum(s.end_s - s.start_s for s in strokes)
        way = math.fsum(abs(self.at(s.end_s) - self.at(s.start_s)) for s in strokes)
        error = max(0.1 * math.sqrt(sensors), self.noise / 3.0 / (2.0 * math.pi * 0.6))
        return 0.02 + _UNSEEN * seconds * math.sqrt(math.sqrt(error / (18.0 * max(way, 1.0))))

    def at(self, s: float) -> float:
        """Angle at a time."""
        return float(np.interp(s, self.grid.t, self.angle))


def _calm_enough(fast: Floats, spin: Floats, hz: float, rule: PhaseRule, rom: float) -> tuple[float, Floats]:
    """The least smoothing (s) that shaking asks for and slowness allows, and the speed with it."""
    smear, speed = rule.smooth_s, fast
    for more in (rule.tremor_smooth_s, 2.0 * rule.tremor_smooth_s, 4.0 * rule.tremor_smooth_s):
        calm = smooth(spin, hz, more)
        size = np.sort(np.abs(calm)[np.abs(calm) > 2.0 * rule.stroke_speed_deg_s])
        typical = float(size[len(size) // 2]) if len(size) else 0.0
        if more > rule.tremor_smooth_s and (typical <= 0.0 or more > rule.smooth_share * rom / typical):
            break
        most = int(0.8 * len(calm))
        shake = float(np.partition(np.abs(speed - calm), most)[most])
        # shaking that could stop or turn a stroke at its threshold asks for more smoothing
        if shake < 0.15 * typical:
            break
        smear, speed = more, calm
    return smear, speed
