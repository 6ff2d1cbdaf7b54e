"""How long decisions take, alone and for many simulated people.

Run ``python benchmarks/plan.py [--people N] [--weeks W] [--processes P]``. Two tables:

- one decision on checked input, without and with what would change it (median of many, ms; limits 0.1 and 1);
- people of all kinds for weeks of two sessions, each decided about after the session and the next morning:
  from sessions and answers to input, checked, decided, answered, prescribed anew. Only what decisions look at
  is kept (four weeks). Wall-clock and processor time, with the machine (limit: 10,000 people in 90 s on two
  processors). On a machine that does other things too, half of the processor time says what it would take.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import time
from statistics import median

from eccentra.plan.decide import decide
from eccentra.plan.decision_input import DecisionInput, parse_decision_input
from eccentra.simulate.following import follow, turns
from eccentra.simulate.patients import KINDS, patient

_KEEP_DAYS = 28
_CHUNK = 50


def inputs() -> list[DecisionInput]:
    """Checked inputs of some people's sixteen weeks."""
    found = [turn for kind in KINDS for turn in follow(patient(kind, 1, "assisted"))]
    return [parse_decision_input(turn.document, "benchmark") for turn in found[::5]]


def decisions(given: list[DecisionInput], what_if: bool) -> float:
    """Median time of a decision, ms."""
    times = []
    for one in given:
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            decide(one, what_if=what_if)
            best = min(best, time.perf_counter() - start)
        times.append(best)
    return 1e3 * median(times)


def some(job: tuple[int, int, int]) -> tuple[int, float]:
    """Follow people ``first`` to ``last``: decisions, and processor time in s."""
    first, last, weeks = job
    start, count = time.process_time(), 0
    for number in range(first, last):
        one = patient(KINDS[number % len(KINDS)], number, "assisted")
        count += sum(1 for _ in turns(one, weeks=weeks, keep_days=_KEEP_DAYS))
    return count, time.process_time() - start


def many(people: int, weeks: int, processes: int) -> tuple[int, float, float]:
    """Decisions, wall-clock s, processor s of all."""
    jobs = [(k, min(k + _CHUNK, people), weeks) for k in range(0, people, _CHUNK)]
    start = time.perf_counter()
    with multiprocessing.Pool(processes) as pool:
        done = pool.map(some, jobs, chunksize=1)
    return sum(n for n, _ in done), time.perf_counter() - start, sum(cpu for _, cpu in done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--weeks", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    given = inputs()
    for what_if, limit in ((False, 0.1), (True, 1.0)):
        name = "with what would change" if what_if else "decide"
        print(f"{name:24s} {decisions(given, what_if):8.4f} ms   limit {limit:g}")
    count, wall, cpu = many(wanted.people, wanted.weeks, wanted.processes)
    print(
        f"{wanted.people} people, {wanted.weeks} weeks, {wanted.processes} processes: {count} decisions in "
        f"{wall:.1f} s (processor {cpu:.1f} s, {1e6 * cpu / count:.0f} us each; "
        f"10,000 people on two processors: {cpu / wanted.people * 5_000:.0f} s)"
    )


if __name__ == "__main__":
    main()
