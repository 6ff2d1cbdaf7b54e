"""Straps while a session runs: their zeros, tares in between, and whether each is on its leg.

Looked at every ten seconds, and every second while a pull of the left leg is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eccentra.events import (
    CalibrationDone,
    CalibrationFailed,
    CalibrationNeeded,
    Event,
    Flag,
    QualityNoted,
    Repetition,
)
from eccentra.samples import NS_PER_S, Side, StreamInfo
from eccentra.stages.history import History
from eccentra.stages.placement import StrapRule
from eccentra.stages.placement_cycles import coarse_rows
from eccentra.stages.placement_strap import SidesWatch, ZeroWatch

__all__ = ["StrapPlaces"]

# So many tares are remembered, and smaller ones matter to no number.
_MOST_TARES, _LEAST_TARE_N = 20, 3.0
_LEFT_PULL = "Take the load off both straps, then pull with your left leg only, for two seconds."


class StrapPlaces:
    """State of all straps.

    Parameters
    ----------
    info
        Aligned rows.
    sensors
        Ids of the straps by side.
    history
        The rows of the last while.
    """

    def __init__(
        self, rule: StrapRule, info: StreamInfo, sensors: Mapping[str, str], history: History
    ) -> None:
        self._rule, self._sensors, self._history = rule, sensors, history
        sides = ((name, info.column(f"{name}.force")) for name in ("left", "right", "both"))
        self.columns = {name: at for name, at in sides if at is not None}
        self._zeros = {name: ZeroWatch(rule) for name in self.columns}
        self._zeroed: dict[str, int] = {}
        self._tares: list[tuple[Side, int, float]] = []
        self._sides: SidesWatch | None = None

    @property
    def is_asked(self) -> bool:
        """Whether a pull is waited for."""
        return self._sides is not None

    def tared(self, side: Side, by_n: float, t: int) -> bool:
        """A zero was set anew at ``t`` ns; whether now no strap is known to have a bad one."""
        self._tares = [*self._tares[-_MOST_TARES:], (side, t // 1000, abs(by_n))]
        if side in self._zeros:
            self._zeros[side].renew()
            # rows that wait for another sensor still come as they were
            self._zeroed[side] = t + NS_PER_S
        return all(not watch.done for watch in self._zeros.values())

    def is_loaded(self, sensor: str, level_n: float) -> bool:
        """Whether a strap that reads ``level_n`` carries load."""
        sides = [side for side in self._zeros if self._sensors.get(side) == sensor]
        return any(self._zeros[side].is_loaded(level_n) for side in sides)

    def doubt(self, rep: Repetition) -> Repetition:
        """Forces from before a tare, above a zero from after it, are doubtful."""
        sides = {
            side
            for side, t_us, by_n in self._tares
            if rep.start_us <= t_us <= rep.decided_us and by_n > _LEAST_TARE_N
        }
        if not sides:
            return rep
        flag = Flag.BASELINE_UNSETTLED
        touched = tuple(f"{kind}_{side}_" for kind in ("force", "torque") for side in sides)
        metrics = {
            name: msgspec.structs.replace(metric, quality="flagged", reason=flag)
            if metric.quality == "ok" and name.startswith((*touched, "tut_force"))
            else metric
            for name, metric in rep.metrics.items()
        }
        return msgspec.structs.replace(rep, metrics=metrics, flags=tuple(dict.fromkeys([*rep.flags, flag])))

    def look_at_zeros(self, first: int, t: int) -> tuple[list[Event], int | None]:
        """Look at the rows from ``first`` to before ``t``; what was found, and since when it holds, in us."""
        out: list[Event] = []
        since: list[int] = []
        for side, watch in self._zeros.items():
            x = coarse_rows(self._history, max(first, self._zeroed.get(side, first)), t)
            level = watch.add(x[:, self.columns[side]]) if len(x) else None
            if level is None:
                continue
            since.append(max((at for one, at, _ in self._tares if one == side), default=0))
            sensor = self._sensors.get(side)
            detail = f"the {side} strap reads {level:.0f} N without load: its zero was set under load"
            out.append(QualityNoted(t_us=t // 1000, flag=Flag.TARE_UNDER_LOAD, sensor=sensor, detail=detail))
            out.append(
                CalibrationFailed(
                    t_us=t // 1000,
                    what=f"zero of the {side} strap",
                    reason=Flag.TARE_UNDER_LOAD,
                    instruction=f"Take the load off the {side} strap, wait two seconds, then tare again.",
                    sensor=sensor,
                )
            )
        return out, min(since, default=None)

    def ask(self, t_us: int, t: int) -> list[Event]:
        """Ask which strap answers when the left leg pulls; rows are known up to ``t`` ns."""
        known: dict[str, float] = {}
        for side in ("left", "right"):
            level = self._level(side, t) if side in self.columns else None
            if level is not None:
                known[side] = level
        if len(known) < 2:
            return [
                CalibrationFailed(
                    t_us=t_us,
                    what="sides",
                    reason=Flag.FORCE_MISSING,
                    instruction="Connect a strap for the left and one for the right leg, then ask again.",
                )
            ]
        self._sides = SidesWatch(self._rule, known)
        return [CalibrationNeeded(t_us=t_us, what="sides", instruction=_LEFT_PULL)]

    def _level(self, side: str, t: int) -> float | None:
        """Middle force of the last second."""
        _, x = self._history.rows(t - NS_PER_S, t)
        values = sorted(v for v in x[:, self.columns[side]].tolist() if v == v) if len(x) else []
        return values[len(values) // 2] if values else None

    def look_at_sides(self, t: int) -> tuple[list[Event], bool | None]:
        """Look at the second before ``t``; what is told, and whether the sides are known to be right."""
        x = coarse_rows(self._history, t - NS_PER_S, t)
        if self._sides is None or not len(x):
            return [], None
        side = self._sides.add({name: x[:, self.columns[name]] for name in ("left", "right")})
        if side is None:
            return [], None
        self._sides = None
        if side == "left":
            return [CalibrationDone(t_us=t // 1000, what="sides")], True
        reason = Flag.WRONG_SIDE if side == "right" else Flag.UNCALIBRATED
        instruction = {
            "right": "The straps are on the wrong legs: change them over, then ask again.",
            "both": "Both straps were pulled. " + _LEFT_PULL,
            "none": "No strap was pulled. " + _LEFT_PULL,
        }[side]
        out: list[Event] = []
        if side == "right":
            out.append(
                QualityNoted(t_us=t // 1000, flag=reason, detail="the left leg pulls the strap of the right")
            )
        out.append(CalibrationFailed(t_us=t // 1000, what="sides", reason=reason, instruction=instruction))
        return out, False if side == "right" else None
