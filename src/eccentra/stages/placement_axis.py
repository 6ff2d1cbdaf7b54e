"""Is a sensor calibrated? How well start pose and axis are known, and what to do when they are not.

The pose is as good as the sensor was still in the second before it was taken. The axis is as good as the axes
of the person's own repetitions agree: their spread must stay below ten degrees over at least three bends. The
axis is that of "up", so a segment that hardly turns has none, and needs none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from eccentra.events import (
    CalibrationDone,
    CalibrationFailed,
    CalibrationNeeded,
    Event,
    Flag,
    Mounting,
)
from eccentra.samples import NS_PER_S, Floats
from eccentra.stages.history import History
from eccentra.stages.inclination import Vector, angle_between, unit
from eccentra.stages.placement import AxisRule
from eccentra.stages.placement_frames import Frame, mean_frame

__all__ = ["AxisWatch", "CalibrationWatch", "mounting_of", "pose_spread"]

# So many movements back make the spread.
_MOST = 6


def pose_spread(up: Floats) -> float | None:
    """RMS angle in degrees of "up", shape (n, 3), to its middle; ``None`` without rows."""
    known = up[~np.isnan(up[:, 0])]
    if not len(known):
        return None
    middle = np.add.reduce(known, axis=0)
    size = math.sqrt(math.fsum(v * v for v in middle.tolist()))
    off = known - middle / max(size, 1e-9)
    return math.degrees(math.sqrt(float(np.add.reduce(off * off, axis=None)) / len(known)))


def mounting_of(sensor: str, direction: Vector, *, is_up: bool) -> Mounting:
    """How a sensor sits that sees "up", or the axis it turned about, in this direction (a unit vector)."""
    k = max(range(3), key=lambda i: abs(direction[i]))
    sign = "-" if direction[k] < 0.0 else "+"
    off = math.degrees(math.acos(min(abs(direction[k]), 1.0)))
    return Mounting(
        sensor=sensor,
        axis=sign + "xyz"[k],
        off_deg=round(off, 1),
        upside_down=sign == "-" if is_up else None,
    )


class AxisWatch:
    """State of one sensor: the last counted movements that turned it far enough."""

    def __init__(self, rule: AxisRule) -> None:
        self._rule = rule
        self._frames: list[Frame] = []
        self.spread_deg: float | None = None

    def add(self, frame: Frame) -> None:
        """Take a counted movement."""
        if frame.axis is None or frame.turn < self._rule.least_turn_deg:
            return
        self._frames = [*self._frames[1 - _MOST :], frame]
        self.spread_deg = self._spread() if len(self._frames) >= self._rule.least_bends else None

    def renew(self) -> None:
        """The next movement is the first."""
        self._frames, self.spread_deg = [], None

    @property
    def axis(self) -> Vector | None:
        """The middle of the axes."""
        return mean_frame(self._frames).axis if self._frames else None

    @property
    def is_good(self) -> bool:
        """Whether the axis is known."""
        return self.spread_deg is not None and self.spread_deg < self._rule.spread_deg

    @property
    def is_bad(self) -> bool:
        """Whether there were movements enough, and they did not agree."""
        return self.spread_deg is not None and self.spread_deg >= self._rule.spread_deg

    def _spread(self) -> float:
        middle = mean_frame(self._frames).axis
        if middle is None:
            return 90.0
        offs = [angle_between(middle, frame.axis) for frame in self._frames if frame.axis is not None]
        return math.sqrt(math.fsum(off * off for off in offs) / len(offs))


class CalibrationWatch:
    """State of all sensors: what was told of their calibration.

    Parameters
    ----------
    columns
        First of the three columns of "up" of each segment's sensor.
    sensors
        Their ids.
    """

    def __init__(self, rule: AxisRule, columns: Mapping[str, int], sensors: Mapping[str, str]) -> None:
        self._rule, self._columns, self._sensors = rule, columns, sensors
        self._axes = {name: AxisWatch(rule) for name in columns}
        # sensors whose axis was told: good, or not
        self._told: dict[str, bool] = {}
        self.posed, self.since = False, 0

    def renew(self, name: str) -> None:
        """A sensor was moved: its axis is to be found anew."""
        self._axes[name].renew()
        self._told.pop(name, None)

    def add(self, frames: Mapping[str, Frame], t_us: int) -> list[Event]:
        """Take a counted movement of some sensors; gives those whose axis is known now."""
        out: list[Event] = []
        for name, frame in frames.items():
            watch = self._axes[name]
            watch.add(frame)
            if watch.is_good and not self._told.get(name, False) and watch.spread_deg is not None:
                self._told[name] = True
                residual = round(watch.spread_deg, 2)
                axis = watch.axis
                sits = () if axis is None else (mounting_of(self._sensor(name), axis, is_up=False),)
                out.append(
                    CalibrationDone(t_us=t_us, what=f"{name} axis", residual_deg=residual, mounting=sits)
                )
        return out

    def _sensor(self, name: str) -> str:
        return self._sensors.get(name, name)

    def is_bad(self, names: Iterable[str]) -> bool:
        """Whether the axis of one of these sensors is not to be relied on."""
        return any(self._axes[name].is_bad for name in names)

    def after_set(self, t_us: int) -> list[Event]:
        """A set is over: sensors whose repetitions had no common axis, each told once."""
        out: list[Event] = []
        for name, watch in self._axes.items():
            if not watch.is_bad or name in self._told:
                continue
            self._told[name] = False
            instruction = (
                f"The {name} sensor turned another way in each repetition. Tighten its strap, "
                "stay still in the start pose, then do three slow full repetitions."
            )
            out.append(
                CalibrationFailed(
                    t_us=t_us,
                    what=f"{name} axis",
                    reason=Flag.CALIBRATION_PROVISIONAL,
                    instruction=instruction,
                    sensor=self._sensors.get(name),
                )
            )
        return out

    def done(self, event: CalibrationDone, history: History) -> CalibrationDone:
        """A pose or axis was found; a pose gets how the sensors sat, and how still, in the second before."""
        self.posed = True
        if event.mounting:
            # the counting stage knows segments, not their sensors
            sits = (msgspec.structs.replace(one, sensor=self._sensor(one.sensor)) for one in event.mounting)
            return msgspec.structs.replace(event, mounting=tuple(sits))
        if event.residual_deg is not None or not event.what.endswith("pose"):
            return event
        _, x = history.rows(event.t_us * 1000 - NS_PER_S, event.t_us * 1000)
        known = self._spreads(x) if len(x) else []
        if not known:
            return event
        return msgspec.structs.replace(event, residual_deg=round(max(known), 2), mounting=self._mounting(x))

    def _mounting(self, x: Floats) -> tuple[Mounting, ...]:
        """How the sensors sit in a pose, from its rows, shape (n, channels)."""
        out: list[Mounting] = []
        for name, at in self._columns.items():
            ups = x[:, at : at + 3]
            a, b, c = np.add.reduce(ups[~np.isnan(ups[:, 0])], axis=0).tolist()
            up = unit((a, b, c))
            if up is not None:
                out.append(mounting_of(self._sensor(name), up, is_up=True))
        return tuple(out)

    def ask(self, t: int, x: Floats) -> list[Event]:
        """No still pose was seen: ask for one, once, when the last rows, shape (n, channels), move."""
        if t - self.since < self._rule.wait_s * NS_PER_S:
            return []
        # a way there and back has an RMS of about a third of itself
        if not any(3.0 * spread > self._rule.moved_deg for spread in self._spreads(x)):
            return []
        self.posed = True
        instruction = "Stay still in the start pose for two seconds, then go on."
        return [CalibrationNeeded(t_us=t // 1000, what="start pose", instruction=instruction)]

    def _spreads(self, x: Floats) -> list[float]:
        spreads = [pose_spread(x[:, at : at + 3]) for at in self._columns.values()]
        return [spread for spread in spreads if spread is not None]
