"""How well isometric holds are counted and timed: simulated sessions by exercise, kit and way of doing it.

Run ``python benchmarks/accuracy_holds.py [--sessions N] [--seed S] [--verbose]``. Samples go through the same
stages as live packets; the radio is left out. All results are on simulated people.

Columns: sessions with all sets counted exactly; ghosts (holds found outside true ones, also in sessions that
have none); hold time, way up and way down (mean absolute error and bias in s); range of motion in degrees;
longest time from the end of the way down to the decision in s.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict

import numpy as np
from accuracy import repetitions, run

from eccentra.events import PhaseKind, Repetition, RepRejected
from eccentra.exercises import load_exercise
from eccentra.simulate import Simulation, hold_session, simulate
from eccentra.simulate.hold_sessions import HoldExercise
from eccentra.simulate.truth import TrueRep

EXERCISES: tuple[HoldExercise, ...] = ("bridge-hold", "long-lever-bridge-hold", "plank")
KITS = ("thigh+pelvis", "pelvis", "trunk", "thigh")
KINDS: tuple[PhaseKind, ...] = ("isometric", "concentric", "eccentric")


class Score:
    """Errors over the sessions of one group."""

    def __init__(self) -> None:
        self.sessions = self.exact = self.ghosts = self.holds = self.missed = 0
        self.errors: dict[str, list[float]] = defaultdict(list)

    def add(self, simulation: Simulation, reps: list[Repetition], *, thigh: bool = False) -> bool:
        """Compare a session with its truth; whether all is well."""
        pairs: list[tuple[TrueRep, Repetition]] = []
        left = list(reps)
        for true in simulation.truth.reps:
            best = max(left, key=lambda rep: _overlap(true, rep), default=None)
            if best is not None and _overlap(true, best) > 0.5 * (true.end_s - true.start_s):
                pairs.append((true, best))
                left.remove(best)
        self.sessions += 1
        self.holds += len(simulation.truth.reps)
        self.missed += len(simulation.truth.reps) - len(pairs)
        self.ghosts += len(left)
        well = not left and len(pairs) == len(simulation.truth.reps)
        self.exact += well
        for true, rep in pairs:
            for kind in KINDS:
                got = sum(p.end_us - p.start_us for p in rep.phases if p.kind == kind) / 1e6
                self.errors[kind].append(got - true.total_s(kind))
            rom = true.rom_lean_deg if thigh else true.rom_deg
            self.errors["rom"].append((rep.value("rom_deg") or np.nan) - (rom or np.nan))
            self.errors["late"].append((rep.decided_us - rep.end_us) / 1e6)
        return well

    def row(self) -> str:
        """One line of the table."""

        def both(name: str) -> str:
            v = np.asarray(self.errors[name])
            return f"{np.nanmean(np.abs(v)):5.2f} {np.nanmean(v):+5.2f}" if len(v) else "    -     -"

        late = max(self.errors["late"], default=np.nan)
        worst = max(map(abs, self.errors["isometric"]), default=np.nan)
        return (
            f"{self.sessions:5d} {100.0 * self.exact / max(self.sessions, 1):6.1f} {self.holds:6d} "
            f"{self.missed:5d} {self.ghosts:5d} | {both('isometric')} {worst:6.2f} | {both('concentric')} | "
            f"{both('eccentric')} | {both('rom')} | {late:5.2f}"
        )


HEAD = (
    f"{'case':38s} {'sess.':>5s} exact%  holds  miss ghost | hold MAE bias worst| up MAE bias | downMAE bias"
    " | ROM MAE bias | late"
)


def _overlap(true: TrueRep, rep: Repetition) -> float:
    return min(true.end_s, rep.end_us / 1e6) - max(true.start_s, rep.start_us / 1e6)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=10, help="sessions of each exercise and kit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--exercise", choices=EXERCISES, action="append")
    parser.add_argument("--kit", choices=KITS, action="append")
    parser.add_argument("--verbose", action="store_true", help="explain every session that is not exact")
    args = parser.parse_args(argv)
    scores: dict[str, Score] = defaultdict(Score)
    for name in args.exercise or EXERCISES:
        exercise = load_exercise(name)
        for kit in args.kit or KITS:
            for seed in range(args.seed, args.seed + args.sessions):
                # every fourth session has no hold at all: nothing must be found
                scenario = hold_session(seed, name, kit=kit, holds=0 if seed % 4 == 0 else None)
                simulation = simulate(scenario, seed)
                events = run(simulation, exercise)
                style = scenario.name.split()[1]
                group = "no hold" if seed % 4 == 0 else style
                reps = repetitions(events)
                thigh = kit == "thigh" and style != "side_plank"
                well = scores[f"{name} {kit}"].add(simulation, reps, thigh=thigh)
                scores[f"{name} {kit}: {group}"].add(simulation, reps, thigh=thigh)
                if args.verbose and not well:
                    print(kit, scenario.name)
                    for true in simulation.truth.reps:
                        print("  true ", [(p.kind[:3], round(p.start_s, 1)) for p in true.phases], true.end_s)
                    for rep in reps:
                        print(
                            "  found", [(p.kind[:3], p.start_us / 1e6) for p in rep.phases], rep.end_us / 1e6
                        )
                    for event in events:
                        if isinstance(event, RepRejected):
                            print("  refused", event.start_us / 1e6, event.end_us / 1e6, event.reason.value)
                    for move in simulation.truth.movements:
                        print("  move", round(move.start_s, 1), round(move.end_s, 1), move.what)
    print(HEAD)
    for name, score in scores.items():
        print(f"{name:38s} {score.row()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
