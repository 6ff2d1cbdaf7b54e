"""Recordings made elsewhere to results: the same session loop as live, its events as one JSON document.

:func:`analyze` runs recordings through a :class:`~eccentra.session.Session`; :func:`summarise` turns events
into the document ``eccentra.analysis/1`` and serves any session, also a replayed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eccentra.csvfile import read_force, read_imu
from eccentra.csvinputs import Worn, session_header, session_inputs
from eccentra.errors import InputError
from eccentra.events import (
    CalibrationDone,
    CalibrationFailed,
    Event,
    Flag,
    Force,
    Metric,
    Numbered,
    Phase,
    QualityNoted,
    Reason,
    RepAmended,
    RepCompleted,
    Repetition,
    RepRejected,
    SensorGap,
    SetCompleted,
)
from eccentra.exercises import load_exercise
from eccentra.inputs import Input
from eccentra.session import Header, Session

__all__ = ["SCHEMA", "Analysis", "analyze", "read_worn", "summarise"]

SCHEMA = "eccentra.analysis/1"

# A flag in the results of a set whose numbers a correction changed after it was completed.
_UNSURE = Flag.COUNT_UNSURE.value


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of recordings made elsewhere.

    Attributes
    ----------
    document
        The JSON document (``eccentra.analysis/1``) as plain Python data.
    header, inputs
        The session they became: enough to replay it or to keep it as a session file.
    events
        The session's events.
    notes
        What was noticed in the files, in words.
    """

    document: dict[str, Any]
    header: Header
    inputs: list[Input]
    events: list[Numbered]
    notes: tuple[str, ...]


def read_worn(imu: Sequence[tuple[str, str | Path]], force: Sequence[tuple[str, str | Path]]) -> list[Worn]:
    """Read recordings, each with where it was taken.

    Parameters
    ----------
    imu
        Pairs of placement (``thigh``, ``shank`` ...) and file.
    force
        Pairs of side (``left``, ``right``, ``both``) and file.

    Raises
    ------
    InputError
        A file cannot be used, a place is unknown or given twice, or nothing was given.
    """
    worn = [Worn.motion(place, read_imu(path)) for place, path in imu]
    worn += [Worn.pull(side, read_force(path)) for side, path in force]
    if not worn:
        raise InputError("analyze", "needs a recording: --imu PLACEMENT=FILE.csv or --force SIDE=FILE.csv")
    for index, one in enumerate(worn):
        if any(one.sensor == other.sensor for other in worn[:index]):
            raise InputError(one.signal.source, f"{one.sensor} was given twice; give each place one file")
    return worn


def analyze(
    imu: Sequence[tuple[str, str | Path]] = (),
    force: Sequence[tuple[str, str | Path]] = (),
    *,
    exercise: str | Path,
    body_mass_kg: float | None = None,
    lever_arm_m: float | None = None,
) -> Analysis:
    """Count and measure the repetitions in recordings made elsewhere.

    Parameters
    ----------
    imu, force
        Pairs of placement or side and CSV file, see :mod:`eccentra.csvfile`.
    exercise
        Id of an exercise, or a TOML file.
    body_mass_kg
        Body mass, when known.
    lever_arm_m
        From the knee's axis to the centre of the ankle strap, when measured.

    Returns
    -------
    Analysis
        The same for the same files, on one machine.

    Raises
    ------
    InputError
        Names file, line and what was expected.
    """
    chosen = load_exercise(exercise)
    worn = read_worn(imu, force)
    inputs = session_inputs(worn)
    header = session_header(worn, inputs, chosen, body_mass_kg, lever_arm_m)
    session = Session(header)
    events = session.feed_many(inputs) + session.finish()
    notes = tuple(f"{one.sensor}: {note}" for one in worn for note in one.signal.notes)
    document = summarise(chosen.id, (numbered.event for numbered in events), notes)
    return Analysis(document=document, header=header, inputs=inputs, events=events, notes=notes)


def summarise(exercise: str, events: Iterable[Event], notes: Sequence[str] = ()) -> dict[str, Any]:
    """Document of a session: sets with their repetitions, corrections applied, and what touches quality.

    Parameters
    ----------
    exercise
        Id of the exercise.
    events
        The session's events in order.
    notes
        What is to be said of the recording beside its events.
    """
    book = _Book()
    for event in events:
        book.take(event)
    return {
        "schema": SCHEMA,
        "exercise": exercise,
        "sets": book.sets(),
        "rejected": [_rejected(*entry) for entry in sorted(book.outside)],
        "quality": {
            "flags": list(dict.fromkeys(book.flags)),
            "gaps": book.gaps,
            "notes": [*notes, *book.notes],
            "mounting": book.mounting,
        },
    }


class _Book:
    """Events in, what stands at their end out."""

    def __init__(self) -> None:
        self.flags: list[str] = []
        self.notes: list[str] = []
        self.mounting: dict[str, dict[str, Any]] = {}
        self.gaps: list[dict[str, Any]] = []
        self.outside: list[tuple[int, int, str]] = []
        self._inside: dict[int, list[tuple[int, int, str]]] = {}
        self._reps: dict[tuple[int, int], Repetition] = {}
        self._taken_back: dict[tuple[int, int], Reason | None] = {}
        self._done: dict[int, SetCompleted] = {}
        self._late: set[int] = set()
        self._doubts: dict[tuple[int, int], dict[Flag, None]] = {}

    def take(self, event: Event) -> None:
        match event:
            case RepCompleted(rep=rep):
                self._reps[rep.set_index, rep.index] = rep
            case RepAmended():
                self._amend(event)
            case RepRejected():
                self._reject(event.set_index, event.start_us, event.end_us, event.reason)
            case SetCompleted():
                self._done[event.set_index] = event
            case SensorGap():
                self.gaps.append(
                    {
                        "sensor": event.sensor,
                        "start_s": _s(event.start_us),
                        "end_s": _s(event.end_us),
                        "missing": event.missing,
                    }
                )
            case QualityNoted():
                self.flags.append(event.flag.value)
                if event.detail:
                    self.notes.append(": ".join(filter(None, [event.sensor, event.detail])))
            case CalibrationDone():
                axis = not event.what.endswith("pose")
                for one in event.mounting:
                    sits = self.mounting.setdefault(one.sensor, {})
                    sits["turns_about" if axis else "up"] = one.axis
                    if one.upside_down is not None:
                        sits |= {"off_deg": one.off_deg, "upside_down": one.upside_down}
            case CalibrationFailed():
                self.notes.append(": ".join(filter(None, [event.sensor, event.instruction])))
            case _:
                pass

    def _amend(self, event: RepAmended) -> None:
        key = (event.set_index, event.index)
        if event.flags:
            self._doubts.setdefault(key, {}).update(dict.fromkeys(event.flags))
            return
        if event.counted:
            self._taken_back.pop(key, None)
        else:
            self._taken_back[key] = event.reason
        if event.set_index in self._done:
            self._late.add(event.set_index)

    def _reject(self, set_index: int | None, start_us: int, end_us: int, reason: Reason | None) -> None:
        entry = (start_us, end_us, reason.value if reason is not None else Reason.IRREGULAR.value)
        (self.outside if set_index is None else self._inside.setdefault(set_index, [])).append(entry)

    def sets(self) -> list[dict[str, Any]]:
        """Sets with at least one counted repetition; of the others, what was refused stands outside."""
        for key, reason in self._taken_back.items():
            rep = self._reps.pop(key, None)
            if rep is not None:
                self._reject(key[0], rep.start_us, rep.end_us, reason)
        out = []
        for index in sorted({*self._done, *(at for at, _ in self._reps), *self._inside}):
            reps = [self._doubted(rep) for (at, _), rep in sorted(self._reps.items()) if at == index]
            if reps:
                out.append(self._set(index, reps))
            else:
                self.outside += self._inside.get(index, [])
        return out

    def _doubted(self, rep: Repetition) -> Repetition:
        """The repetition with what was found later."""
        found = self._doubts.get((rep.set_index, rep.index), {})
        return msgspec.structs.replace(rep, flags=tuple(dict.fromkeys([*rep.flags, *found])))

    def _set(self, index: int, reps: list[Repetition]) -> dict[str, Any]:
        done = self._done.get(index)
        late = index in self._late
        # A total over repetitions of which one was taken back later no longer holds: it is unknown.
        metrics = {} if done is None or late else done.metrics
        tuts = [rep.value("tut_s") for rep in reps]
        known = [tut for tut in tuts if tut is not None]
        asymmetry = metrics.get("asymmetry_pct")
        return {
            "index": index,
            "start_s": _s(min(rep.start_us for rep in reps)),
            "end_s": _s(max(rep.end_us for rep in reps)),
            "reps": [_rep(number, rep) for number, rep in enumerate(reps, 1)],
            "rejected": [_rejected(*entry) for entry in sorted(self._inside.get(index, []))],
            "reps_counted": len(reps),
            "reps_valid": sum(rep.valid for rep in reps),
            "tut_s": round(sum(known), 6) if len(known) == len(tuts) else None,
            "asymmetry_pct": None if asymmetry is None else asymmetry.value,
            "metrics": _metrics(metrics),
            "reliability": [] if done is None or late else msgspec.to_builtins(done.reliability),
            "flags": list(dict.fromkeys([*self._flags(index, reps), *([_UNSURE] if late else [])])),
        }

    def _flags(self, index: int, reps: Sequence[Repetition]) -> list[str]:
        """Flags of the set, and what was found of its repetitions later."""
        done = self._done.get(index)
        found = (flag for rep in reps for flag in self._doubts.get((index, rep.index), {}))
        return [flag.value for flag in (*(done.flags if done else ()), *found)]


def _s(t_us: int) -> float:
    return t_us / 1e6


def _rejected(start_us: int, end_us: int, reason: str) -> dict[str, Any]:
    return {"start_s": _s(start_us), "end_s": _s(end_us), "reason": reason}


def _phase(phase: Phase) -> dict[str, Any]:
    return {"kind": phase.kind, "start_s": _s(phase.start_us), "end_s": _s(phase.end_us)}


def _rep(number: int, rep: Repetition) -> dict[str, Any]:
    point = rep.break_point
    forces = {"left": _force(rep, "left", rep.force_left), "right": _force(rep, "right", rep.force_right)}
    both = {key: rep.value(f"force_both_{key}") for key in ("peak_n", "mean_n", "impulse_ns")}
    if None not in both.values():
        forces["both"] = both
    return {
        "index": number,
        "start_s": _s(rep.start_us),
        "end_s": _s(rep.end_us),
        "valid": rep.valid,
        "reasons": [reason.value for reason in rep.reasons],
        "phases": [_phase(phase) for phase in rep.phases],
        "tut_s": rep.value("tut_s"),
        "tut_controlled_s": rep.value("tut_controlled_s"),
        "rom_deg": rep.value("rom_deg"),
        "break_point": None
        if point is None
        else {
            "lean_deg": point.lean_deg,
            "knee_flexion_deg": point.knee_flexion_deg,
            "method": point.method,
            "t_s": _s(point.t_us),
        },
        "force": forces if any(forces.values()) else None,
        "confidence": rep.confidence,
        "flags": [flag.value for flag in rep.flags],
        "faults": msgspec.to_builtins(rep.faults),
        "metrics": _metrics(rep.metrics),
    }


def _force(rep: Repetition, side: str, force: Force | None) -> dict[str, float | None] | None:
    """Numbers of one side; none where its peak depends on how the repetition is read."""
    peak = rep.metrics.get(f"force_{side}_peak_n")
    if force is None or (peak is not None and peak.value is None):
        return None
    return {"peak_n": force.peak_n, "mean_n": force.mean_n, "impulse_ns": force.impulse_ns}


def _metrics(metrics: dict[str, Metric]) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(metrics)
    return built
