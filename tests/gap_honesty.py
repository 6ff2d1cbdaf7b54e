"""Rows taken out of recordings, and whether the numbers that remain are right or say what they are.

The undisturbed recording and the one with holes go through the same session, each row with its own time. A
number without a flag may differ by its stated uncertainty or by what the definition of the metric allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from eccentra.analysis import summarise
from eccentra.csvfile import Signal
from eccentra.csvinputs import Worn, session_header, session_inputs
from eccentra.events import RepCompleted
from eccentra.exercises import load_exercise
from eccentra.session import Session
from eccentra.simulate import (
    JOINT_EXERCISES,
    Athlete,
    ContractionSet,
    Hold,
    Scenario,
    Simulation,
    generic_session,
    hold_session,
    joint_session,
    nordic_session,
    simulate,
)

__all__ = ["KITS_OF", "Holes", "analysed", "draw_holes", "recorded", "violations"]

Holes = dict[str, list[tuple[float, float]]]
Document = dict[str, Any]

_STRAPS = "thigh+shank+force"
KITS_OF: dict[str, tuple[str, ...]] = {
    "nordic-curl": ("thigh", "thigh+shank", "thigh+force", _STRAPS, "force"),
    "nordic-curl-assisted": ("thigh", "thigh+shank", _STRAPS),
    "nordic-curl-inclined": ("thigh", "thigh+shank", _STRAPS),
    **{name: exercise.kits for name, exercise in JOINT_EXERCISES.items()},
    "bridge-hold": ("pelvis", "trunk", "thigh", "thigh+pelvis"),
    "long-lever-bridge-hold": ("pelvis", "trunk", "thigh"),
    "plank": ("pelvis", "trunk"),
    "generic": ("imu",),
    "contractions": ("force",),
}
# Interpolation over more than this is said.
_FLAGGED_S = 0.05
# A repetition that a hole only grazes is not touched by it.
_GRAZED_S = 0.02


def recorded(exercise: str, kit: str, seed: int) -> Simulation:
    """A random session of the exercise."""
    return simulate(_scenario(exercise, kit, seed), seed)


def _scenario(exercise: str, kit: str, seed: int) -> Scenario:
    if exercise == "contractions":
        sets = [ContractionSet(reps=4, hold_s=3.0), Hold(seconds=25.0), ContractionSet(reps=4, hold_s=2.0)]
        return Scenario(
            exercise="nordic-curl",
            athlete=Athlete(),
            timeline=(Hold(seconds=4.0), *sets, Hold(seconds=4.0)),
            sensors=nordic_session(seed, kit=kit).worn,
        )
    if exercise.startswith("nordic"):
        variant = exercise.removeprefix("nordic-curl").removeprefix("-") or "flat"
        return nordic_session(seed, kit=kit, sets=2, reps=5, variant=cast(Any, variant))
    if exercise in JOINT_EXERCISES:
        return joint_session(seed, exercise=exercise, kit=kit, sets=2, reps=5)
    if exercise == "generic":
        return generic_session(seed, reps=6)
    return hold_session(seed, cast(Any, exercise), kit=kit, holds=3)


def draw_holes(simulation: Simulation, document: Document, rng: np.random.Generator) -> Holes:
    """One to six holes of 5 ms to 2 s, in one sensor or in all of them.

    They come after calibration: after the first repetition, and where the movement is unknown beforehand not
    from before a set until its first repetition was decided.
    """
    first = min(rep["end_s"] for one in document["sets"] for rep in one["reps"])
    learning = document["learning"]
    latest = max(simulation.truth.duration_s - 2.2, first + 0.1)
    spans = []
    for start in rng.uniform(first, latest, int(rng.integers(1, 7))).tolist():
        end = start + float(np.exp(rng.uniform(np.log(0.005), np.log(2.0))))
        if not any(start < b and end > a for a, b in learning):
            spans.append((start, end))
    names = list(simulation.signals)
    hit = names if rng.random() < 0.4 else [names[int(rng.integers(len(names)))]]
    return {name: list(spans) for name in hit}


def analysed(exercise: str, simulation: Simulation, holes: Holes | None = None) -> tuple[Document, Holes]:
    """The document, and by sensor the holes of more than 50 ms that its samples have."""
    worn, found = [], {}
    for name, signal in simulation.signals.items():
        keep = np.ones(len(signal.t_s), dtype=bool)
        for a, b in (holes or {}).get(name, ()):
            keep &= ~((signal.t_s > a) & (signal.t_s < b))
        t, sensor = signal.t_s[keep], signal.sensor
        wide = np.flatnonzero(np.diff(t) > 1.0 / sensor.rate_hz + _FLAGGED_S)
        found[name] = [(float(t[k]), float(t[k + 1])) for k in wide]
        imu = sensor.kind == "imu"
        one = Signal(
            source=name,
            kind=sensor.kind,
            channels=sensor.channels if imu else ("force_n",),
            t_ns=np.round(t * 1e9).astype(np.int64),
            x=np.ascontiguousarray(signal.x[keep]),
            rate_hz=sensor.rate_hz,
        )
        worn.append(Worn.motion(str(sensor.placement), one) if imu else Worn.pull(str(sensor.side), one))
    chosen = load_exercise("leg-curl" if exercise == "contractions" else exercise)
    inputs = session_inputs(worn)
    session = Session(session_header(worn, inputs, chosen, simulation.scenario.athlete.mass_kg))
    events = session.feed_many(inputs) + session.finish()
    document = summarise(chosen.id, (numbered.event for numbered in events))
    firsts = [e.event.rep for e in events if isinstance(e.event, RepCompleted) and e.event.rep.index == 1]
    learns = exercise == "generic"
    document["learning"] = [(r.start_us / 1e6 - 10.0, r.decided_us / 1e6) for r in firsts if learns]
    return document, found


def violations(before: Document, after: Document, holes: Holes) -> Iterator[str]:
    """What is wrong with the document of a recording with holes, compared with the undisturbed one."""
    spans = [span for one in holes.values() for span in one]
    reported = [(gap["start_s"], gap["end_s"]) for gap in after["quality"]["gaps"]]
    old = [rep for one in before["sets"] for rep in one["reps"]]
    new = [rep for one in after["sets"] for rep in one["reps"]]
    pairs = [(a, b) for a in old for b in new if _same(a, b)]
    for rep in (
        *(r for r in old if all(r is not a for a, _ in pairs)),
        *(r for r in new if all(r is not b for _, b in pairs)),
    ):
        if not _touched(rep, reported):
            yield f"{_place(rep)} is in one of both only, without a gap that was reported"
    for a, b in pairs:
        yield from _of_rep(a, b, _touched(b, spans, _GRAZED_S))
    sets = [(a, b) for a in before["sets"] for b in after["sets"] if _same(a, b)]
    for one in after["sets"]:
        if _touched(one, spans, _GRAZED_S):
            for name, metric in one["metrics"].items():
                if not _doubtful(metric):
                    yield f"set {_place(one)}: {name} is not flagged over a gap"
            if not any("gap" in flag for flag in one["flags"]):
                yield f"set {_place(one)} is not flagged over a gap"
    for a, b in sets:
        if a["reps_counted"] == b["reps_counted"]:
            slow = any(p["end_s"] - p["start_s"] > 5.0 for rep in a["reps"] for p in rep["phases"])
            yield from _differing(a, b, f"set {_place(b)}", 0.04 if slow else 0.02)


def _of_rep(before: Document, after: Document, touched: bool) -> Iterator[str]:
    where = f"repetition {_place(after)}"
    yield from _differing(before, after, where, None)
    doubted = any(flag in ("gap_inside", "gap_interpolated", "force_missing") for flag in after["flags"])
    if touched:
        if not doubted:
            yield f"{where} is not flagged over a gap"
        for name, metric in after["metrics"].items():
            if metric["uncertainty"] is None and not _doubtful(metric):
                yield f"{where}: {name} has no uncertainty and is not flagged over a gap"
    if doubted:
        return
    a, b = before["break_point"], after["break_point"]
    if a is not None and b is not None and abs(a["lean_deg"] - b["lean_deg"]) > 2.5:
        yield f"{where}: break at {b['lean_deg']:.1f} deg, was {a['lean_deg']:.1f}"
    for side, force in (after["force"] or {}).items():
        was = (before["force"] or {}).get(side)
        if force and was and abs(force["peak_n"] - was["peak_n"]) > max(2.0, 0.01 * was["peak_n"]):
            yield f"{where}: peak force {side} {force['peak_n']:.1f} N, was {was['peak_n']:.1f}"


def _differing(before: Document, after: Document, where: str, of_set: float | None) -> Iterator[str]:
    """Numbers without a flag that differ too much."""
    for name, metric in after["metrics"].items():
        was = before["metrics"].get(name)
        if _doubtful(metric) or was is None or was["value"] is None:
            continue
        allowed = _floor(name, metric["unit"], was["value"], of_set)
        if allowed is None and metric["uncertainty"] is None:
            continue
        allowed = max(allowed or 0.0, metric["uncertainty"] or 0.0)
        if abs(metric["value"] - was["value"]) > allowed + 1e-9:
            yield f"{where}: {name} is {metric['value']:.3f}, was {was['value']:.3f}, allowed {allowed:.3f}"


def _floor(name: str, unit: str, value: float, of_set: float | None) -> float | None:
    size = abs(value)
    if unit == "s":
        if of_set is not None:
            return max(0.1, of_set * size)
        if name.startswith("tut"):
            return max(0.12, 0.05 * size)
        return 0.2 if name in ("hold_s", "isometric_s") else max(0.1, 0.05 * size)
    if unit == "deg":
        return 2.5 if "break" in name else 2.0
    return {"N": max(2.0, 0.01 * size), "%": 1.5}.get(unit)


def _doubtful(metric: Mapping[str, Any]) -> bool:
    return metric["value"] is None or metric["quality"] != "ok"


def _same(a: Document, b: Document) -> bool:
    """Overlap by more than half of the longer."""
    shared = min(a["end_s"], b["end_s"]) - max(a["start_s"], b["start_s"])
    return bool(shared > 0.5 * max(a["end_s"] - a["start_s"], b["end_s"] - b["start_s"]))


def _touched(one: Document, spans: Sequence[tuple[float, float]], grazed: float = 0.0) -> bool:
    return any(b - grazed > one["start_s"] and a + grazed < one["end_s"] for a, b in spans)


def _place(one: Document) -> str:
    return f"{one['start_s']:.2f} to {one['end_s']:.2f} s"
