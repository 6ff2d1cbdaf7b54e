"""The error sheet: how well exercises are counted, timed and measured, by exercise and sensor kit.

Run ``python benchmarks/accuracy.py [--exercise ID ...] [--sessions N] [--write]``. Three parts:

- simulated athletes (synthetic: exact truth, no people), through packets, radio, clocks and session as live,
  every tenth with a sensor that drops out; beside them everyday movement in which nothing may be counted;
- public recordings of people, with the counts that were published with them;
- inclination against optical motion capture.

Other ways of counting and other orientation filters run on the same data (see :mod:`peers`). ``--write`` puts
the sheet into ``docs/accuracy.md``. The worst case comes first everywhere.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from athletes import Athletes, all_athletes, with_faults
from matching import Found, Sheet, events_of, repetitions
from peers import COUNTERS
from recordings import motion_capture_section, recordings_section
from sheet import simulated_section

from eccentra import __version__
from eccentra.simulate import Simulation, simulate

ROOT = Path(__file__).resolve().parent.parent


def run(simulation: Simulation, exercise: str) -> Found:
    """What a session finds, from the packets that the simulated sensors sent."""
    return repetitions(events_of(simulation, exercise))


def count_by_peers(simulation: Simulation, sheet: Sheet) -> None:
    """Errors of the other ways of counting, each set from the first motion sensor, exactly cut out."""
    signal = next((s for s in simulation.signals.values() if s.sensor.kind == "imu"), None)
    if signal is None:
        return
    for true in simulation.truth.sets:
        part = (signal.t_s >= true.start_s - 0.5) & (signal.t_s <= true.end_s + 0.5)
        if part.sum() > 20:
            for name, count in COUNTERS.items():
                sheet.peers[name].append(count(signal.t_s[part], signal.x[part]) - len(true.reps))


def measure(name: str, kit: str, sessions: int, seed: int, minutes: float, verbose: bool) -> Sheet:
    """The sheet of one exercise and kit."""
    athletes = all_athletes()[name]
    sheet = Sheet(exercise=name, kit=kit)
    for number in range(seed, seed + sessions):
        simulation = _athlete(athletes, number, kit)
        found = run(simulation, name)
        for true, inside in sheet.add_session(simulation, found):
            if verbose:
                print(sheet.miscounted[-1])
                print("  true ", [(round(r.start_s, 1), round(r.end_s, 1)) for r in true.reps])
                print("  found", [(r.start_us / 1e6, r.end_us / 1e6) for r in inside], flush=True)
        count_by_peers(simulation, sheet)
    # an hour at once would be an hour in memory
    pieces = max(round(minutes / 10.0), 1) if minutes > 0.0 and athletes.idle is not None else 0
    for number in range(seed, seed + pieces):
        assert athletes.idle is not None
        simulation = simulate(athletes.idle(number, kit, minutes / pieces), number)
        sheet.add_idle(simulation, run(simulation, name))
    return sheet


def _athlete(athletes: Athletes, seed: int, kit: str) -> Simulation:
    scenario = athletes.session(seed, kit)
    simulation = simulate(scenario, seed)
    disturbed = with_faults(scenario, seed, simulation.truth.duration_s)
    return simulation if disturbed is scenario else simulate(disturbed, seed)


def _sheets(args: argparse.Namespace) -> list[Sheet]:
    chosen = [one for name, one in all_athletes().items() if not args.exercise or name in args.exercise]
    jobs = [(one.exercise, kit) for one in chosen for kit in one.kits if not args.kit or kit in args.kit]
    if args.verbose or args.jobs == 1:
        return [measure(n, k, args.sessions, args.seed, args.minutes, args.verbose) for n, k in jobs]
    with ProcessPoolExecutor(args.jobs) as pool:
        waiting = [
            pool.submit(measure, name, kit, args.sessions, args.seed, args.minutes, False)
            for name, kit in jobs
        ]
        return [one.result() for one in waiting]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--exercise", action="append", choices=list(all_athletes()), help="default: all")
    parser.add_argument("--kit", action="append", help="default: all of the exercise")
    parser.add_argument("--sessions", type=int, default=20, help="sessions of each exercise and kit")
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--minutes", type=float, default=20.0, help="everyday movement of each kit")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-real", action="store_true", help="simulated athletes alone")
    parser.add_argument("--verbose", action="store_true", help="explain every wrong count")
    parser.add_argument("--write", action="store_true", help="put the sheet into docs/accuracy.md")
    args = parser.parse_args(argv)
    begin = time.perf_counter()
    sheets = _sheets(args)
    parts = [_head(args, sheets), simulated_section(sheets)]
    if not args.no_real:
        parts += [recordings_section(), motion_capture_section()]
    text = "\n\n".join(parts) + "\n"
    print(text)
    print(f"{time.perf_counter() - begin:.0f} s")
    if args.write:
        path = ROOT / "docs" / "accuracy.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _head(args: argparse.Namespace, sheets: list[Sheet]) -> str:
    athletes = sum(sheet.sessions for sheet in sheets)
    return "\n".join(
        [
            "# Accuracy",
            "",
            f"Made by `python benchmarks/accuracy.py --sessions {args.sessions} --seed {args.seed} --minutes "
            f"{args.minutes:g} --write`, version {__version__}, Python {platform.python_version()}, "
            f"NumPy {np.__version__}, {platform.machine()}.",
            "",
            f"The simulated part is synthetic: {athletes} sessions. Their truth is exact, the athletes "
            "are no people: it shows that the software does what it should, not how people differ.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
