"""How well the joint exercises are counted, timed and measured: simulated sessions, worst exercise first.

Run by ``python benchmarks/accuracy.py --exercise ID|all``. All results are on simulated people.

Columns: sets with the exact count in %, ghosts, repetitions; mean absolute error and bias of eccentric and
concentric duration in s with its share of the limit max(0.10 s, 5 %), of time under tension with its share of
max(0.12 s, 5 %), of range of motion in degrees; worst delay between the end of a repetition and its decision.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from eccentra.events import Event, Reason, Repetition, RepRejected
from eccentra.exercises import Exercise, load_exercise
from eccentra.simulate import JOINT_EXERCISES, Simulation, everyday_session, joint_session, simulate
from eccentra.simulate.truth import TrueRep, TrueSet

__all__ = ["HEAD", "JointScore", "joint_sheet"]

Run = Callable[[Simulation, Exercise], list[Event]]
Reps = Callable[[list[Event]], list[Repetition]]

HEAD = (
    f"{'exercise, kit':44s} {'sets':>5s} {'exact%':>6s} {'ghosts':>6s} {'reps':>5s} | ecc MAE  bias /lim | "
    "con MAE  bias /lim | TUT MAE /lim set% | ROM MAE  bias | part ok | late s"
)


class JointScore:
    """Errors collected over sets of one exercise and kit."""

    def __init__(self) -> None:
        self.sets = self.exact = self.ghosts = self.reps = 0
        self.late = 0.0
        self.partial = [0, 0]
        self.errors: dict[str, list[float]] = defaultdict(list)
        self.tempo: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def add_rep(self, true: TrueRep, rep: Repetition) -> None:
        """Compare one repetition with its truth."""
        for kind, name in (("eccentric", "ecc"), ("concentric", "con")):
            want, got = true.total_s(kind), rep.value(f"{kind}_s")  # type: ignore[arg-type]
            if want > 0.0 and got is not None:
                self._add(name, got - want, max(0.10, 0.05 * want))
                group = "<= 2 s" if want <= 2 else "2 to 5 s" if want <= 5 else "> 5 s"
                self.tempo[f"{name} {group}"].append((abs(got - want), max(0.10, 0.05 * want)))
        tut = rep.value("tut_s")
        if tut is not None:
            self._add("tut", tut - true.tut_s, max(0.12, 0.05 * true.tut_s))
        rom = rep.metrics["rom_deg"]
        if rom.value is not None:
            self._add("rom", rom.value - true.roms[rom.method], 2.0)
        self.partial[0] += (Reason.PARTIAL_ROM in rep.reasons) == true.partial
        self.partial[1] += 1
        self.late = max(self.late, (rep.decided_us - rep.end_us) / 1e6)

    def _add(self, name: str, error: float, limit: float) -> None:
        self.errors[name].append(error)
        self.errors[f"{name}_limit"].append(limit)

    def add_set(self, true: TrueSet, found: list[Repetition]) -> None:
        """Compare the count and the summed time under tension of one set."""
        self.sets += 1
        self.exact += len(found) == len(true.reps)
        self.reps += len(true.reps)
        if len(found) == len(true.reps):
            want = sum(rep.tut_s for rep in true.reps)
            got = sum(rep.value("tut_s") or 0.0 for rep in found)
            self.errors["set_tut"].append(100.0 * (got - want) / want)

    def mae(self, name: str) -> float:
        """Mean absolute error; NaN without data."""
        values = self.errors.get(name)
        return float(np.mean(np.abs(values))) if values else float("nan")

    def share(self, name: str) -> float:
        """Mean absolute error as a share of its limit."""
        return self.mae(name) / self.mae(f"{name}_limit")

    @property
    def exact_share(self) -> float:
        """Share of sets with the exact count."""
        return self.exact / max(self.sets, 1)

    def row(self) -> str:
        """One line of the table."""

        def bias(name: str) -> float:
            values = self.errors.get(name)
            return float(np.mean(values)) if values else float("nan")

        return (
            f"{self.sets:5d} {100 * self.exact_share:6.1f} {self.ghosts:6d} {self.reps:5d} | "
            f"{self.mae('ecc'):7.3f} {bias('ecc'):+6.3f} {self.share('ecc'):4.2f} | "
            f"{self.mae('con'):7.3f} {bias('con'):+6.3f} {self.share('con'):4.2f} | "
            f"{self.mae('tut'):7.3f} {self.share('tut'):4.2f} {self.mae('set_tut'):4.1f} | "
            f"{self.mae('rom'):7.2f} {bias('rom'):+6.2f} | "
            f"{100 * self.partial[0] / max(self.partial[1], 1):6.1f}% | {self.late:5.2f}"
        )


def score(
    simulation: Simulation, events: list[Event], reps: list[Repetition], into: JointScore, say: bool
) -> None:
    """Compare one session with its truth."""
    used: set[int] = set()
    for true in simulation.truth.sets:
        found = []
        for k, rep in enumerate(reps):
            middle = 0.5 * (rep.start_us + rep.end_us) / 1e6
            if true.start_s - 0.5 <= middle <= true.end_s + 0.5:
                found.append(rep)
                used.add(k)
        into.add_set(true, found)
        if say and len(found) != len(true.reps):
            _explain(simulation, true, found, events)
        for want in true.reps:
            best = max(found, key=lambda rep: _overlap(want, rep), default=None)
            if best is not None and _overlap(want, best) > 0.5 * (want.end_s - want.start_s):
                into.add_rep(want, best)
    for k, rep in enumerate(reps):
        if k not in used:
            into.ghosts += 1
            if say:
                span = f"{rep.start_us / 1e6:.1f}..{rep.end_us / 1e6:.1f}"
                print(f"ghost {simulation.scenario.name} {span} {rep.value('rom_deg')}")


def _overlap(true: TrueRep, rep: Repetition) -> float:
    return min(true.end_s, rep.end_us / 1e6) - max(true.start_s, rep.start_us / 1e6)


def _explain(sim: Simulation, true: TrueSet, found: list[Repetition], events: list[Event]) -> None:
    print(f"{sim.scenario.name} set {true.index}: {len(found)} of {len(true.reps)}")
    print("  true ", [(round(r.start_s, 1), round(r.end_s, 1), "p" if r.partial else "") for r in true.reps])
    print("  found", [(round(r.start_us / 1e6, 1), round(r.end_us / 1e6, 1)) for r in found])
    near = [
        e
        for e in events
        if isinstance(e, RepRejected) and true.start_s - 3 < e.start_us / 1e6 < true.end_s + 3
    ]
    print("  refused", [(round(e.start_us / 1e6, 1), round(e.end_us / 1e6, 1), e.reason.value) for e in near])


def joint_sheet(
    names: list[str], sets: int, seed: int, minutes: float, say: bool, run: Run, reps_of: Reps
) -> None:
    """Print the error sheet by exercise and kit, worst first."""
    scores: dict[str, JointScore] = {}
    for name in names:
        exercise = load_exercise(name)
        for kit in JOINT_EXERCISES[name].kits:
            into = scores[f"{name}, {kit}"] = JointScore()
            number = seed
            while into.sets < sets:
                simulation = simulate(joint_session(number, exercise=name, kit=kit), number)
                events = run(simulation, exercise)
                score(simulation, events, reps_of(events), into, say)
                number += 1
            if minutes > 0.0:
                simulation = simulate(everyday_session(seed, kit=kit, minutes=minutes), seed)
                score(simulation, [], reps_of(run(simulation, exercise)), into, say)
    print(HEAD)

    def worst(item: tuple[str, JointScore]) -> tuple[float, float]:
        one = item[1]
        return one.exact_share, -max(one.share("ecc"), one.share("con"), one.share("rom"))

    for title, one in sorted(scores.items(), key=worst):
        print(f"{title:44s} {one.row()}")
    tempo: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in scores.values():
        for group, pairs in one.tempo.items():
            tempo[group] += pairs
    for group, pairs in sorted(tempo.items()):
        error, limit = np.array(pairs).mean(axis=0)
        print(f"{group:12s} MAE {error:.3f} s, {error / limit:.2f} of the limit")
    sys.stdout.flush()
