"""What the straps carried during one excursion: both legs together, above their level without load."""

from __future__ import annotations

import numpy as np

from eccentra.samples import Floats, Side
from eccentra.stages.force import PEAK_SIGMA_S
from eccentra.stages.nordic_grid import Columns, Grid
from eccentra.stages.strokes import smooth

__all__ = ["Load"]

# A step of force takes so long, is at least this share of the force before it, and makes this share of the
# rise in three times its length; of an even rise it would be a third.
_STEP_S = 0.04
_STEP_SHARE = 0.05
_STEP_SHARP = 0.75


class Load:
    """Force of one excursion.

    Parameters
    ----------
    grid, columns
        Its rows.
    zeros
        Level of each side without load, N.
    """

    def __init__(self, grid: Grid, columns: Columns, zeros: dict[Side, float]) -> None:
        self._t = grid.t
        self._sides = [grid.x[:, c] - zeros[side] for side, c in columns.forces.items() if side in zeros]

    def most(self, start: float, end: float) -> float | None:
        """Upper decile of the force between two times in s; ``None`` when it is not known."""
        net = self._net(*self._rows(start, end))
        return None if net is None else float(np.sort(net)[int(0.9 * (len(net) - 1))])

    def peak_row(self, start: float, end: float) -> int | None:
        """Row of the greatest force."""
        a, b = self._rows(start, end)
        net = self._net(a, b)
        if net is None or len(net) < 5:
            return None
        return a + int(np.argmax(smooth(net, 1.0 / float(self._t[1]), 0.02)))

    def carried_back(
        self, start: float, down_end: float, back: tuple[float, float], share: float
    ) -> bool | None:
        """Whether the hamstrings brought the body up again, and not the hands; ``None`` when not known.

        The middle half of the way back is compared with the descent.
        """
        quarter = 0.25 * (back[1] - back[0])
        down = self._net(*self._rows(start, down_end))
        up = self._net(*self._rows(back[0] + quarter, back[1] - quarter))
        if down is None or up is None:
            return None
        usual = float(np.sort(down)[len(down) // 2])
        return usual > 0.0 and float(np.sort(up)[len(up) // 2]) > share * usual

    def step_up(self, near: float) -> float | None:
        """Time at which the force steps up, close to a time in s; ``None`` when it does not.

        Turning around at once takes a step of force at zero velocity (``F L = M - I a``), which is seen more
        sharply than the smoothed course of the angle.
        """
        a, b = self._rows(near - 3.5 * _STEP_S, near + 3.5 * _STEP_S)
        net = self._net(a, b)
        if net is None or len(net) < 10:
            return None
        dt = float(self._t[1])
        calm = smooth(net, 1.0 / dt, PEAK_SIGMA_S)
        half, wide = round(0.5 * _STEP_S / dt), round(1.5 * _STEP_S / dt)
        if len(calm) <= 2 * wide + 2:
            return None
        rise = calm[2 * half :] - calm[: -2 * half]
        k = wide - half + int(rise[wide - half : len(rise) - wide + half].argmax())
        first, last = k + half - wide, k + half + wide
        if rise[k] < _STEP_SHARE * calm[k]:
            return None
        if rise[k] < _STEP_SHARP * float(calm[last] - calm[first]):
            return None
        low, top, high = float(rise[k - 1]), float(rise[k]), float(rise[k + 1])
        curve = low - 2.0 * top + high
        return float(self._t[a + k + half]) + (0.5 * dt * (low - high) / curve if curve < 0.0 else 0.0)

    def held(self, down_end: float, back_start: float, least_n: float) -> bool | None:
        """Whether they carried between descent and way back; ``None`` when not known."""
        a, b = self._rows(down_end, back_start)
        net = self._net(a, min(max(b, a + 5), len(self._t)))
        if net is None or least_n <= 0.0 or len(net) < 3:
            return None
        return float(np.sort(net)[len(net) // 2]) > least_n

    def _rows(self, start: float, end: float) -> tuple[int, int]:
        return int(self._t.searchsorted(start)), int(self._t.searchsorted(end))

    def _net(self, a: int, b: int) -> Floats | None:
        """Sum of the sides; ``None`` without force or where one is missing."""
        if not self._sides or b - a < 2:
            return None
        total = self._sides[0][a:b].copy()
        for one in self._sides[1:]:
            total += one[a:b]
        return None if bool(np.any(np.isnan(total))) else total
