"""Run a scenario: exact truth, each sensor's samples, and the inputs a session would have got."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eccentra.inputs import Input
from eccentra.profiles import SensorSetup
from eccentra.samples import Floats
from eccentra.simulate.body import DT, Course, Pen, RawRep
from eccentra.simulate.delivery import deliver, setup_of
from eccentra.simulate.measure import Signal, measure
from eccentra.simulate.scenario import Scenario
from eccentra.simulate.sensors import ideal_force
from eccentra.simulate.truth import TrueBreak, TrueForce, TrueMovement, TruePhase, TrueRep, TrueSet, Truth

__all__ = ["Simulation", "simulate"]


class Simulation:
    """A simulated session.

    Attributes
    ----------
    scenario, seed
        Where it comes from: the same two give the same bits.
    truth
        What really happened.
    course
        Channels of the body every 2 ms, see :mod:`eccentra.simulate.body`.
    signals
        What reached the host, by sensor id.
    """

    def __init__(
        self, scenario: Scenario, seed: int, truth: Truth, course: Course, signals: dict[str, Signal]
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.truth = truth
        self.course = course
        self.signals = signals

    @property
    def setups(self) -> tuple[SensorSetup, ...]:
        """What a session has to be told about the sensors."""
        return tuple(setup_of(sensor) for sensor in self.scenario.worn)

    def inputs(self) -> list[Input]:
        """What a session would have got, in order of arrival; session time starts with the simulation.

        Every packet arrives after its last sample was taken.
        """
        return deliver(list(self.signals.values()), self.scenario.faults, self.truth.duration_s, self.seed)

    def write_csv(self, folder: Path) -> dict[str, Path]:
        """One file a sensor, as ``analyze`` reads them; gives the path by sensor id."""
        folder.mkdir(parents=True, exist_ok=True)
        out: dict[str, Path] = {}
        for name, signal in self.signals.items():
            path = folder / f"{name}.csv"
            lines = [",".join(("t_s", *signal.sensor.channels))]
            for t, row in zip(signal.t_s.tolist(), signal.x.tolist(), strict=True):
                lines.append(f"{t:.6f}," + ",".join(f"{v:.6g}" for v in row))
            path.write_text("\n".join(lines) + "\n")
            out[name] = path
        return out


def simulate(scenario: Scenario, seed: int = 0) -> Simulation:
    """Run a scenario.

    Each sensor and the body draw from their own random streams, so that another kit does not change what
    the body does.
    """
    pen = Pen(scenario.athlete, np.random.default_rng([seed, 0]))
    for move in scenario.timeline:
        move.play(pen)
    course = pen.finish()
    truth = _truth(pen, course, scenario)
    signals = {
        sensor.id: measure(
            course,
            scenario.athlete,
            scenario.limb,
            sensor,
            scenario.faults,
            np.random.default_rng([seed, 1, *sensor.id.encode()]),
        )
        for sensor in scenario.worn
    }
    return Simulation(scenario, seed, truth, course, signals)


def _truth(pen: Pen, course: Course, scenario: Scenario) -> Truth:
    sets: dict[int, list[TrueRep]] = {}
    movements = [TrueMovement(what=w, start_s=a * DT, end_s=b * DT) for w, a, b in pen.movements]
    forces = {side: ideal_force(course, scenario.athlete, side) for side in ("left", "right", "both")}
    for raw in pen.reps:
        if raw.small:
            first, last = raw.phases[0][1], raw.phases[-1][2]
            movements.append(TrueMovement(what="small", start_s=first * DT, end_s=last * DT))
            continue
        reps = sets.setdefault(raw.set_index, [])
        # a set in which nothing counts is none: sets are numbered as they are found
        place = (len(sets), len(reps) + 1)
        reps.append(_rep(raw, place, course, forces))
    return Truth(
        duration_s=(pen.n - 1) * DT,
        exercise=scenario.exercise,
        sets=tuple(
            TrueSet(index=k, start_s=reps[0].start_s, end_s=reps[-1].end_s, reps=tuple(reps))
            for k, reps in enumerate(sets.values(), 1)
        ),
        movements=tuple(sorted(movements, key=lambda m: m.start_s)),
    )


def _rep(raw: RawRep, place: tuple[int, int], course: Course, forces: dict[str, Floats]) -> TrueRep:
    first, last = raw.phases[0][1], raw.phases[-1][2]
    loaded = [p for p in raw.phases if p[0] != "return"]
    rows = slice(first, loaded[-1][2] + 1)
    tut = sum(b - a for _, a, b in loaded) * DT
    controlled, broken = tut, None
    if raw.broken_at is not None:
        controlled = sum(min(b, raw.broken_at) - a for _, a, b in loaded if a < raw.broken_at) * DT
        lean = np.degrees(course["thigh"][raw.broken_at])
        knee = np.degrees(course["shank"][raw.broken_at]) - lean
        broken = TrueBreak(t_s=raw.broken_at * DT, lean_deg=float(lean), knee_flexion_deg=float(knee))
    knees = course["shank"] - course["thigh"]
    return TrueRep(
        set_index=place[0],
        index=place[1],
        start_s=first * DT,
        end_s=last * DT,
        partial=raw.partial,
        phases=tuple(TruePhase(kind=k, start_s=a * DT, end_s=b * DT) for k, a, b in raw.phases),
        tut_s=tut,
        tut_controlled_s=controlled,
        rom_deg=0.0 if raw.channel == "torque" else float(np.degrees(np.ptp(course[raw.channel][rows]))),
        rom_lean_deg=float(np.degrees(np.ptp(course["thigh"][rows]))),
        rom_knee_deg=float(np.degrees(np.ptp(knees[rows]))),
        roms=_roms(course, rows),
        break_point=broken,
        force=_forces(raw, forces) if raw.channel in ("thigh", "torque") else {},
    )


def _roms(course: Course, rows: slice) -> dict[str, float]:
    """Range of each angle in degrees by method id."""
    thigh, shank, trunk = (course[name][rows] for name in ("thigh", "shank", "trunk"))
    angles = {
        "thigh_inclination": thigh,
        "thigh_lean": thigh,
        "shank_inclination": shank,
        "trunk_inclination": trunk,
        "pelvis_inclination": trunk,
        "knee_flexion": shank - thigh,
        "hip_flexion": trunk - thigh,
        "hip_abduction": course["abduct"][rows] + course["roll"][rows],
    }
    return {name: float(np.degrees(np.ptp(angle))) for name, angle in angles.items()}


def _forces(raw: RawRep, forces: dict[str, Floats]) -> dict[str, TrueForce]:
    out: dict[str, TrueForce] = {}
    meant = "isometric" if raw.channel == "torque" else "eccentric"
    for side, force in forces.items():
        parts = [force[a:b] for kind, a, b in raw.phases if kind == meant]
        if parts:
            x = np.concatenate(parts)
            out[side] = TrueForce(
                peak_n=float(x.max()), mean_n=float(x.mean()), impulse_ns=float(x.sum() * DT)
            )
    return out
