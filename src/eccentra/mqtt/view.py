"""From a session's events to what ``state`` and ``last_set`` say. Pure: the same events, the same words.

A :class:`StationView` takes each event once and remembers only what the retained messages need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from eccentra.events import (
    BreakPoint,
    CalibrationDone,
    ExerciseChanged,
    Flag,
    Force,
    Metric,
    Numbered,
    PhaseChanged,
    QualityNoted,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    SensorConnected,
    SensorLost,
    SessionEnded,
    SessionStarted,
    SetCompleted,
    SetStarted,
)
from eccentra.mqtt.contract import VERSION
from eccentra.mqtt.payloads import StationState

__all__ = ["LAST_SET_METRICS", "StationView", "last_set_message"]

# Every last_set has these, null when they could not be measured: templates need no "is defined".
LAST_SET_METRICS = {
    "tut_s": "s",
    "tut_controlled_s": "s",
    "eccentric_mean_s": "s",
    "rom_mean_deg": "deg",
    "break_lean_mean_deg": "deg",
    "break_knee_flexion_mean_deg": "deg",
    "peak_force_left_n": "N",
    "peak_force_right_n": "N",
    "asymmetry_pct": "%",
}

# What a finished calibration makes untrue.
_UNTIL_CALIBRATED = {Flag.UNCALIBRATED.value, Flag.CALIBRATION_PROVISIONAL.value}


class StationView:
    """What a station's retained messages say, kept up to date event by event."""

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, session: str | None) -> None:
        self.session = session
        self.time: str | None = None
        self.t_us = 0
        self.last_set: dict[str, Any] | None = None
        self.sensors: dict[str, bool] = {}
        self._exercise: str | None = None
        self._active = session is not None
        self._set_index = 0
        self._set_open = False
        self._phase: str | None = "rest" if session is not None else None
        self._flags: dict[str, None] = {}
        self._counted: set[tuple[int, int]] = set()
        self._reps: dict[tuple[int, int], Repetition] = {}
        self._done: dict[int, tuple[Numbered, SetCompleted]] = {}
        self._taken_back: list[tuple[int, int]] = []

    def apply(self, numbered: Numbered) -> None:
        """Take the next event."""
        if numbered.session != self.session:
            self._begin(numbered.session)
        self.time, self.t_us = numbered.time, numbered.event.t_us
        event = numbered.event
        match event:
            case SessionStarted() | ExerciseChanged():
                self._exercise = event.exercise
            case SessionEnded():
                self._active, self._set_open, self._phase = False, False, None
            case SetStarted():
                self._set_index, self._set_open = event.set_index, True
            case SetCompleted():
                self._set_open, self._phase = False, "rest"
                self._done[event.set_index] = (numbered, event)
                self._summarise(event.set_index)
            case PhaseChanged():
                self._phase = event.phase
            case RepCounted() | RepCompleted() | RepAmended():
                self._repetition(event)
            case SensorConnected() | SensorLost():
                self.sensors[event.sensor] = isinstance(event, SensorConnected)
            case QualityNoted():
                self._flags[event.flag.value] = None
            case CalibrationDone():
                self._flags = {flag: None for flag in self._flags if flag not in _UNTIL_CALIBRATED}
            case _:
                pass

    def _repetition(self, event: RepCounted | RepCompleted | RepAmended) -> None:
        if isinstance(event, RepCompleted):
            key = (event.rep.set_index, event.rep.index)
            self._reps[key] = event.rep
            self._counted.add(key)
            return
        key = (event.set_index, event.index)
        if isinstance(event, RepAmended) and event.flags and key in self._reps:
            rep = self._reps[key]
            flags = tuple(dict.fromkeys((*rep.flags, *event.flags)))
            self._reps[key] = msgspec.structs.replace(rep, flags=flags)
        if isinstance(event, RepCounted) or event.counted:
            self._counted.add(key)
            return
        self._counted.discard(key)
        known = self._reps.pop(key, None) is not None
        if known and event.set_index in self._done:
            self._taken_back.append(key)
            self._summarise(event.set_index)

    def _summarise(self, set_index: int) -> None:
        if set_index != max(self._done):
            return
        numbered, done = self._done[set_index]
        reps = [rep for (at, _), rep in sorted(self._reps.items()) if at == set_index]
        taken_back = [index for at, index in self._taken_back if at == set_index]
        self.last_set = last_set_message(numbered, done, reps, self._exercise, taken_back)

    def state(self) -> StationState:
        """Payload of ``state``."""
        lost = tuple(sensor for sensor, there in self.sensors.items() if not there) if self._active else ()
        return StationState(
            time=self.time,
            session=self.session,
            exercise=self._exercise,
            active=self._active,
            set_index=self._set_index,
            set_open=self._set_open,
            set_reps=sum(1 for at, _ in self._counted if at == self._set_index),
            session_sets=len(self._done),
            session_reps=len(self._reps),
            phase=self._phase,
            quality="flagged" if self._flags or lost else "ok",
            flags=tuple(self._flags),
            sensors_lost=lost,
        )


def last_set_message(
    numbered: Numbered,
    done: SetCompleted,
    reps: Sequence[Repetition],
    exercise: str | None,
    taken_back: Iterable[int] = (),
) -> dict[str, Any]:
    """Payload of ``last_set``: a finished set, flat.

    Parameters
    ----------
    numbered, done
        The ``set.completed`` event.
    reps
        Its counted repetitions.
    exercise
        Id of the exercise, ``None`` when unknown.
    taken_back
        Repetitions that a correction took back after the set was completed: its totals still contain them,
        and the message is flagged.

    Returns
    -------
    dict
        For each metric ``name`` also ``name_quality``, ``name_method``, ``name_reason`` and ``name_se``
        (standard uncertainty).
    """
    amended = sorted(taken_back)
    metrics = {name: _MISSING for name in LAST_SET_METRICS} | _over_reps(reps) | done.metrics
    quality = "flagged" if done.flags or amended else "ok"
    out: dict[str, Any] = {
        "schema": f"eccentra.last_set/{VERSION}",
        "time": numbered.time,
        "session": numbered.session,
        "seq": numbered.seq,
        "exercise": exercise,
        "set_index": done.set_index,
        "start_us": done.start_us,
        "end_us": done.end_us,
        "reps_counted": done.reps_counted,
        "reps_valid": done.reps_valid,
        "reps_taken_back": amended,
        "quality": quality,
        "flags": [flag.value for flag in done.flags],
    }
    for name, metric in metrics.items():
        out[name] = metric.value
        out[f"{name}_quality"] = metric.quality
        out[f"{name}_method"] = metric.method or None
        out[f"{name}_reason"] = None if metric.reason is None else metric.reason.value
        out[f"{name}_se"] = metric.uncertainty
    return out


_MISSING = Metric(value=None, unit="", method="", quality="missing")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _over_reps(reps: Sequence[Repetition]) -> dict[str, Metric]:
    """Numbers of the set that only its repetitions know: means of what they carry, maxima of force."""
    return {
        "eccentric_mean_s": _summary([rep.metrics.get("eccentric_s") for rep in reps], _mean, "mean", "s"),
        "rom_mean_deg": _summary([rep.metrics.get("rom_deg") for rep in reps], _mean, "mean", "deg"),
        "break_lean_mean_deg": _breaks(reps, lambda point: point.lean_deg),
        "break_knee_flexion_mean_deg": _breaks(reps, lambda point: point.knee_flexion_deg),
        "peak_force_left_n": _peak([rep.force_left for rep in reps]),
        "peak_force_right_n": _peak([rep.force_right for rep in reps]),
    }


def _summary(
    parts: Sequence[Metric | None], reduce: Callable[[Sequence[float]], float], how: str, unit: str
) -> Metric:
    """One metric from those of the repetitions; none when there is nothing or the methods differ."""
    there = [part for part in parts if part is not None and part.value is not None]
    methods = {part.method for part in there}
    if len(methods) != 1:
        return _MISSING
    doubtful = [part for part in parts if part is None or part.quality != "ok"]
    return Metric(
        value=reduce([part.value for part in there if part.value is not None]),
        unit=unit,
        method=f"{how}({methods.pop()})",
        quality="flagged" if doubtful else "ok",
        reason=next((part.reason for part in doubtful if part is not None), None),
    )


def _breaks(reps: Sequence[Repetition], angle: Callable[[BreakPoint], float | None]) -> Metric:
    """Mean over the repetitions that had a break-point; one without a break is no gap in the data."""
    points = [rep.break_point for rep in reps if rep.break_point is not None]
    parts = [Metric(value=angle(point), unit="deg", method=point.method) for point in points]
    return _summary([part for part in parts if part.value is not None], _mean, "mean", "deg")


def _peak(forces: Sequence[Force | None]) -> Metric:
    parts = [
        Metric(value=force.peak_n, unit="N", method="peak_n")
        if force is not None
        else Metric(value=None, unit="N", method="peak_n", quality="missing", reason=Flag.FORCE_MISSING)
        for force in forces
    ]
    return _summary(parts, max, "max", "N")
