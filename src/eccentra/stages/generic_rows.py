"""The last minutes of aligned rows, by row number.

Row numbers count every row of the run from 0, so they mean the same however rows came in.
"""

from __future__ import annotations

import numpy as np

from eccentra.samples import NS_PER_S, Floats, StreamInfo, Times
from eccentra.stages.movement_axis import GRAVITY

__all__ = ["THIN_NS", "Rows"]

# up, rate and specific force
_COLUMNS = 9
# The search looks at every 50 ms: cycles of half a second still have ten points.
THIN_NS = 50_000_000
# m/s², peak to peak: more than the noise of any of the sensors, less than moving a weight.
_SHAKE = 0.5


class Rows:
    """State: rows that may still be needed.

    Parameters
    ----------
    info
        Aligned stream; every group of columns that begins with ``.up_x`` is a motion sensor.
    keep_s
        Rows older than this may be forgotten.
    """

    def __init__(self, info: StreamInfo, keep_s: float) -> None:
        self.sensors = [k for k, name in enumerate(info.channels) if name.endswith(".up_x")]
        self._gap_column = {
            at: info.column(info.channels[at].removesuffix("up_x") + "gap") for at in self.sensors
        }
        self._keep = round(keep_s * info.rate_hz)
        self._t: Times = np.empty(3 * self._keep, dtype=np.int64)
        self._x: Floats = np.empty((3 * self._keep, len(info.channels)))
        self._base = 0
        self._n = 0
        self.since = 0

    @property
    def end(self) -> int:
        """Number of the next row."""
        return self._base + self._n

    def add(self, t: Times, x: Floats) -> None:
        """Append rows; the oldest may go."""
        if self._n + len(t) > len(self._t):
            drop = max(min(self._n - self._keep, self._n), 0)
            self._t[: self._n - drop] = self._t[drop : self._n].copy()
            self._x[: self._n - drop] = self._x[drop : self._n].copy()
            self._base, self._n = self._base + drop, self._n - drop
            if self._n + len(t) > len(self._t):
                more = self._n + len(t)
                self._t = np.concatenate([self._t[: self._n], np.empty(more, dtype=np.int64)])
                self._x = np.concatenate([self._x[: self._n], np.empty((more, self._x.shape[1]))])
        self._t[self._n : self._n + len(t)] = t
        self._x[self._n : self._n + len(t)] = x
        self._n += len(t)

    def cut(self, end: int) -> None:
        """Forget rows from ``end`` on; they will be added again."""
        self._n = end - self._base

    def forget_until(self, t_ns: int) -> None:
        """From now on, search only rows later than ``t_ns``."""
        self.since = self._base + int(self._t[: self._n].searchsorted(t_ns, side="right"))

    def stretch(self, begin: int, end: int) -> tuple[Times, Floats]:
        """Times and rows from number ``begin`` to before ``end``."""
        a, b = begin - self._base, end - self._base
        return self._t[a:b], self._x[a:b]

    def between(self, sensor: int, begin_s: float, end_s: float) -> tuple[Floats, Floats, bool]:
        """Time in s (n,), the sensor's nine columns (n, 9), and whether a row was interpolated over a gap."""
        times = self._t[: self._n]
        a = int(times.searchsorted(round(begin_s * NS_PER_S)))
        b = int(times.searchsorted(round(end_s * NS_PER_S), side="right"))
        x = self._x[a:b, sensor : sensor + _COLUMNS]
        good = ~np.isnan(x[:, 0])
        column = self._gap_column[sensor]
        marked = column is not None and bool((self._x[a:b, column] > 0.0).any())
        seconds = (times[a:b][good] * 1e-9).astype(np.float64)
        return seconds, x[good], marked

    def liveliest(self, window_s: float) -> int | None:
        """First column of the sensor that moved most in the last ``window_s``; ``None`` without rows."""
        best: tuple[float, int] | None = None
        for sensor in self.sensors:
            if len(self.sensors) == 1:
                return sensor
            _, x, _ = self.thinned(sensor, window_s)
            if len(x) < 2:
                continue
            moved = float(
                np.abs(np.diff(x[:, 0:3], axis=0)).sum() + 0.05 * np.nan_to_num(np.abs(x[:, 3:6])).sum()
            )
            if best is None or moved > best[0]:
                best = (moved, sensor)
        return None if best is None else best[1]

    def quiet(self, sensor: int, last_s: float, least_deg: float) -> bool:
        """Whether the sensor turned by less than ``least_deg`` and was not shaken in the last ``last_s``."""
        n = self._n
        if not n:
            return True
        a = int(self._t[:n].searchsorted(int(self._t[n - 1]) - round(last_s * NS_PER_S)))
        x = self._x[a:n, sensor : sensor + _COLUMNS]
        rate = x[:, 3:6]
        turned = float(np.abs(np.nan_to_num(rate).sum(axis=0)).max()) * last_s / len(x)
        tilted = float((x[:, 0:3].max(axis=0) - x[:, 0:3].min(axis=0)).max())
        shaken = float((x[:, 6:9].max(axis=0) - x[:, 6:9].min(axis=0)).max())
        least = least_deg * np.pi / 180.0
        return turned < least and tilted < least and shaken < GRAVITY * least + _SHAKE

    def thinned(self, sensor: int, window_s: float) -> tuple[Floats, Floats, Times]:
        """Every 50 ms: time in s, the sensor's nine columns, row number; rows not measured are left out."""
        n = self._n
        if not n:
            return np.empty(0), np.empty((0, _COLUMNS)), np.empty(0, dtype=np.int64)
        oldest = int(self._t[n - 1]) - round(window_s * NS_PER_S)
        a = max(int(self._t[:n].searchsorted(oldest, side="right")), self.since - self._base)
        index = np.flatnonzero(self._t[a:n] % THIN_NS == 0) + a
        x = self._x[index, sensor : sensor + _COLUMNS]
        good = ~np.isnan(x[:, 0])
        index = index[good]
        seconds = (self._t[index] * 1e-9).astype(np.float64)
        numbers: Times = (index + self._base).astype(np.int64)
        return seconds, np.ascontiguousarray(x[good]), numbers
