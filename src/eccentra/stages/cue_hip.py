"""Hip bending live: how much further the trunk or pelvis leans than the thigh, against the start pose."""

from __future__ import annotations

from collections import deque

from eccentra.samples import NS_PER_S, Block, StreamInfo
from eccentra.stages.cue_rules import HipRule
from eccentra.stages.inclination import Vector, angle_between

__all__ = ["HipWatch"]

_STEP_NS = 50_000_000
# The start pose is looked up so far back: a slow start, and the time to notice it.
_MEMORY_S = 8


class HipWatch:
    """State; needs a thigh sensor and one above the hip.

    Parameters
    ----------
    rule
        Parameters.
    thigh, above
        Columns of "up" of both sensors.
    """

    def __init__(self, rule: HipRule, thigh: int, above: int) -> None:
        self._rule = rule
        self._columns = (thigh, above)
        self._recent: deque[tuple[int, Vector, Vector]] = deque(maxlen=_MEMORY_S * NS_PER_S // _STEP_NS)
        self._home: tuple[Vector, Vector] | None = None
        self._bent = 0
        self._since = 0
        self._told = False
        self.most_deg = 0.0

    @staticmethod
    def of(rule: HipRule | None, info: StreamInfo) -> HipWatch | None:
        """A watch, when its sensors are worn."""
        thigh = info.column("thigh.up_x")
        above = info.column("trunk.up_x")
        above = info.column("pelvis.up_x") if above is None else above
        return None if rule is None or thigh is None or above is None else HipWatch(rule, thigh, above)

    def begin(self, since_ns: int) -> None:
        """A stroke began; the pose at ``since_ns`` is where both leans are zero."""
        self._home, self._bent, self._told, self.most_deg = None, 0, False, 0.0
        for t, thigh, above in reversed(self._recent):
            self._home = (thigh, above)
            if t <= since_ns:
                break

    def end(self) -> None:
        """No stroke is under way."""
        self._home = None

    def step(self, t: int, rows: Block) -> int | None:
        """Since when the hip is bent too far, ns; told once a stroke."""
        k = int(rows.t.searchsorted(t))
        if k >= len(rows.t) or rows.t[k] != t:
            return None
        thigh, above = (_vector(rows, k, column) for column in self._columns)
        if thigh is None or above is None:
            return None
        self._recent.append((t, thigh, above))
        if self._home is None:
            return None
        bent = angle_between(self._home[1], above) - angle_between(self._home[0], thigh)
        if bent <= self._rule.warn_deg:
            self._bent = 0
            return None
        self.most_deg = max(self.most_deg, bent)
        if not self._bent:
            self._since = t
        self._bent += 1
        if self._told or self._bent * _STEP_NS < self._rule.for_s * NS_PER_S:
            return None
        self._told = True
        return self._since


def _vector(rows: Block, k: int, column: int) -> Vector | None:
    x, y, z = rows.x[k, column : column + 3].tolist()
    return None if x != x else (x, y, z)
