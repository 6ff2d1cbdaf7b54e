"""How well exercises are counted, timed and measured: simulated sessions by kit and hard case.

Run ``python benchmarks/accuracy.py [--exercise ID|all] [--sets N] [--kit KIT] [--seed S] [--verbose]``;
without ``--exercise`` Nordic curls, see :mod:`accuracy_joint` for the others. Samples go through the
same stages as live packets (resampling, orientation, alignment, event stage); the radio is left out. All
results are on simulated people: they show that the software does what it should, not how people
differ.

Columns: eccentric duration (mean absolute error and bias in s; share of the limit max(0.10 s, 5 %)), start
and return in s, time under tension in %, ROM in degrees, precision and recall of breaks, lean at the break in
degrees, peak force in %.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from accuracy_joint import joint_sheet

from eccentra.events import Event, RepAmended, RepCompleted, Repetition, RepRejected, SetCompleted
from eccentra.exercises import Exercise, exercise_ids, load_exercise
from eccentra.pipeline import Pipeline
from eccentra.samples import Block, StreamInfo
from eccentra.simulate import JOINT_EXERCISES, Simulation, simulate
from eccentra.simulate.nordic import NordicSet
from eccentra.simulate.sessions import nordic_session
from eccentra.simulate.truth import TrueRep, TrueSet

KITS = ("thigh", "thigh+shank", "thigh+force", "thigh+shank+force", "force")
CHUNK_NS = 1_000_000_000


def run(simulation: Simulation, exercise: Exercise) -> list[Event]:
    """Events of the exercise's stages on the simulated samples."""
    infos, data = [], {}
    for name, signal in simulation.signals.items():
        sensor = signal.sensor
        imu = sensor.kind == "imu"
        infos.append(
            StreamInfo(
                stream=name,
                kind=sensor.kind,
                channels=sensor.channels if imu else ("force",),
                units=("m/s2",) * 3 + ("rad/s",) * 3 if imu else ("N",),
                rate_hz=sensor.rate_hz,
                placement=sensor.placement,
                side=sensor.side,
            )
        )
        data[name] = (np.round(signal.t_s * 1e9).astype(np.int64), signal.x)
    pipeline = Pipeline(exercise, infos)
    events: list[Event] = []
    end = max(int(t[-1]) for t, _ in data.values())
    for begin in range(0, end + 1, CHUNK_NS):
        for name, (t, x) in data.items():
            a, b = np.searchsorted(t, (begin, begin + CHUNK_NS)).tolist()
            if b > a:
                events += pipeline.push(Block(name, t[a:b], np.ascontiguousarray(x[a:b])))
    return events + pipeline.finish()


def repetitions(events: Iterable[Event]) -> list[Repetition]:
    """Repetitions that count in the end."""
    reps: dict[tuple[int, int], Repetition] = {}
    for event in events:
        if isinstance(event, RepCompleted):
            reps[event.rep.set_index, event.rep.index] = event.rep
        elif isinstance(event, RepAmended) and not event.counted:
            reps.pop((event.set_index, event.index), None)
    return sorted(reps.values(), key=lambda rep: rep.start_us)


class Score:
    """Errors collected over sets of one group."""

    def __init__(self) -> None:
        self.sets = self.exact = self.ghosts = self.reps = 0
        self.errors: dict[str, list[float]] = defaultdict(list)
        self.breaks = [0, 0, 0]

    def add_set(self, true: TrueSet, found: list[Repetition]) -> None:
        """Compare the number of repetitions of one set."""
        self.sets += 1
        self.exact += len(found) == len(true.reps)
        self.reps += len(true.reps)

    def add_rep(self, true: TrueRep, rep: Repetition, kit: str) -> None:
        """Compare one repetition with its truth."""
        e = self.errors
        want = true.total_s("eccentric")
        got = sum(p.end_us - p.start_us for p in rep.phases if p.kind == "eccentric") / 1e6
        e["ecc"].append(got - want)
        e["ecc_limit"].append(max(0.10, 0.05 * want))
        e["ecc_want"].append(want)
        # who brings the body up again, hamstrings or hands, only straps can tell
        tension = want + true.total_s("isometric")
        if kit.startswith("thigh") and "force" in kit:
            tension += true.total_s("concentric")
        e["tut"].append(((rep.value("tut_s") or math.nan) - tension) / tension * 100)
        e["start"].append(rep.start_us / 1e6 - true.start_s)
        if kit != "force":
            rom, wanted = rep.value("rom_deg"), true.rom_lean_deg
            if rep.metrics["rom_deg"].method == "knee_flexion":
                wanted = true.rom_knee_deg
            if rom is not None and wanted is not None:
                e["rom"].append(rom - wanted)
            back = true.total_s("return") + true.total_s("concentric")
            value = rep.value("return_s")
            if value is not None:
                e["return"].append(value - back)
            hit = rep.break_point is not None
            self.breaks[0] += hit and true.break_point is not None
            self.breaks[1] += hit and true.break_point is None
            self.breaks[2] += not hit and true.break_point is not None
            if rep.break_point is not None and true.break_point is not None:
                e["lean"].append(rep.break_point.lean_deg - true.break_point.lean_deg)
        for side, force in (("left", rep.force_left), ("right", rep.force_right)):
            if force is not None and side in true.force:
                want_n = true.force[side].peak_n
                e["peak"].append((force.peak_n - want_n) / want_n * 100)

    def row(self) -> str:
        """One line of the table."""
        e = {k: np.asarray(v) for k, v in self.errors.items()}

        def mae(name: str) -> str:
            v = e.get(name)
            return "    -" if v is None or not len(v) else f"{np.nanmean(np.abs(v)):5.2f}"

        def bias(name: str) -> str:
            v = e.get(name)
            return "    -" if v is None or not len(v) else f"{np.nanmean(v):+5.2f}"

        relative = "   -"
        if "ecc" in e:
            relative = f"{np.mean(np.abs(e['ecc'])) / np.mean(e['ecc_limit']):4.2f}"
        hit, false, missed = self.breaks
        precision = f"{hit / (hit + false):4.2f}" if hit + false else "   -"
        recall = f"{hit / (hit + missed):4.2f}" if hit + missed else "   -"
        share = 100.0 * self.exact / max(self.sets, 1)
        return (
            f"{self.sets:5d} {share:6.1f} {self.ghosts:6d} | {mae('ecc')} {bias('ecc')} {relative} | "
            f"{bias('start')} {mae('return')} {mae('tut')} | {mae('rom')} {bias('rom')} | "
            f"{precision} {recall} {mae('lean')} {bias('lean')} | {mae('peak')} {bias('peak')}"
        )


HEAD = (
    f"{'case':28s} {'sets':>5s} {'exact%':>6s} {'ghosts':>6s} | eccMAE  bias /lim | start  retMAE TUT% | "
    "ROM MAE bias | brkP brkR  lean  bias | peak% bias"
)


def cases(simulation: Simulation, true: TrueSet) -> list[str]:
    """Names of the groups that a set belongs to."""
    moves = simulation.scenario.timeline
    sets = [move for move in moves if isinstance(move, NordicSet)]
    reps = sets[true.index - 1].reps if len(sets) == len(simulation.truth.sets) else ()
    out = {f"shape {rep.shape}" for rep in reps}
    for name, holds in (
        ("with partial", any(rep.partial is not None for rep in reps)),
        ("with break", any(r.break_point is not None for r in true.reps)),
        ("with stop", any(rep.stops for rep in reps)),
        ("two-stage push", any(rep.push_lean_deg is not None for rep in reps)),
        ("active return", any(rep.back == "active" for rep in reps)),
        ("sat back after", any((rep.end_rest_lean_deg or 0) < -12 for rep in reps)),
        ("slow (> 6 s)", any(rep.descent_s > 6 for rep in reps)),
        ("fast (< 3 s)", any(rep.descent_s < 3 for rep in reps)),
    ):
        if holds:
            out.add(name)
    return sorted(out)


def score_session(
    simulation: Simulation, events: list[Event], kit: str, scores: dict[str, Score], verbose: bool
) -> None:
    """Compare one session with its truth."""
    reps = repetitions(events)
    used: set[int] = set()
    for true in simulation.truth.sets:
        groups = [f"kit {kit}", *(f"  {case}" for case in cases(simulation, true))]
        found = []
        for k, rep in enumerate(reps):
            middle = 0.5 * (rep.start_us + rep.end_us) / 1e6
            if true.start_s - 1.0 <= middle <= true.end_s + 1.0:
                found.append(rep)
                used.add(k)
        for group in groups:
            scores[group].add_set(true, found)
        if verbose and len(found) != len(true.reps):
            _explain(simulation, true, found, events)
        for want in true.reps:
            best = max(found, key=lambda rep: _overlap(want, rep), default=None)
            if best is not None and _overlap(want, best) > 0.0:
                for group in groups:
                    scores[group].add_rep(want, best, kit)
    ghosts = [rep for k, rep in enumerate(reps) if k not in used]
    scores[f"kit {kit}"].ghosts += len(ghosts)
    if verbose:
        for rep in ghosts:
            print(f"ghost {simulation.scenario.name} {rep.start_us / 1e6:.1f}..{rep.end_us / 1e6:.1f}")


def _overlap(true: TrueRep, rep: Repetition) -> float:
    return min(true.end_s, rep.end_us / 1e6) - max(true.start_s, rep.start_us / 1e6)


def _explain(sim: Simulation, true: TrueSet, found: list[Repetition], events: list[Event]) -> None:
    print(f"{sim.scenario.name} set {true.index}: {len(found)} of {len(true.reps)}")
    print("  true ", [(round(r.start_s, 1), round(r.end_s, 1), "p" if r.partial else "") for r in true.reps])
    print("  found", [(round(r.start_us / 1e6, 1), round(r.end_us / 1e6, 1)) for r in found])
    refused = [e for e in events if isinstance(e, RepRejected)]
    near = [e for e in refused if true.start_s - 3 < e.start_us / 1e6 < true.end_s + 3]
    print("  refused", [(round(e.start_us / 1e6, 1), round(e.end_us / 1e6, 1), e.reason.value) for e in near])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    joint = [name for name in exercise_ids() if name in JOINT_EXERCISES]
    parser.add_argument("--exercise", choices=["nordic-curl", "all", *joint], default="nordic-curl")
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="joint exercises: everyday movement, per kit"
    )
    parser.add_argument(
        "--sets", type=int, default=100, help="sets in all, shared by the kits; joint exercises: per kit"
    )
    parser.add_argument("--kit", choices=KITS, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="explain every wrong count")
    args = parser.parse_args(argv)
    if args.exercise != "nordic-curl":
        names = joint if args.exercise == "all" else [args.exercise]
        joint_sheet(names, args.sets, args.seed, args.minutes, args.verbose, run, repetitions)
        if args.exercise != "all":
            return 0
    exercise = load_exercise("nordic-curl")
    kits = args.kit or list(KITS)
    scores: dict[str, Score] = defaultdict(Score)
    seconds = 0.0
    closed = 0
    seed = args.seed
    while sum(scores[f"kit {kit}"].sets for kit in kits) < args.sets:
        simulation = simulate(nordic_session(seed, kit=kits[seed % len(kits)]), seed)
        begin = time.perf_counter()
        events = run(simulation, exercise)
        seconds += time.perf_counter() - begin
        closed += sum(isinstance(event, SetCompleted) for event in events)
        score_session(simulation, events, kits[seed % len(kits)], scores, args.verbose)
        seed += 1
    print(HEAD)
    for name, score in sorted(scores.items(), key=lambda kv: (kv[1].exact / max(kv[1].sets, 1), kv[0])):
        print(f"{name:28s} {score.row()}")
    print(f"{seed - args.seed} sessions, {closed} sets closed, analysis took {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
