"""How often a badly placed sensor is found, and how often a well placed one is blamed: simulated athletes.

    python benchmarks/placement.py [--seeds 20] [--first 0] [--only squat] [--verbose]

For each exercise and kit: sessions without a fault (any mounting, also upside down: that is calibrated away),
and sessions with one fault drawn from the seed. A fault counts as found when its flag is among the session's
``quality.noted``; any of these flags in a session without that fault is a false alarm. What gravity cannot
tell is not drawn, see :data:`CONFUSED`. Simulated mechanics, not evidence about people.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from multiprocessing import Pool

import msgspec
import numpy as np
from matching import events_of

from eccentra.events import Flag, QualityNoted
from eccentra.exercises import load_exercise
from eccentra.samples import Placement
from eccentra.simulate import (
    JOINT_EXERCISES,
    Fault,
    LoadedTare,
    Misplaced,
    Scenario,
    Simulation,
    Slip,
    hold_session,
    joint_session,
    nordic_session,
    simulate,
)

__all__ = ["CONFUSED", "FAULTS", "Found", "flags_of", "look", "with_fault"]

PLACEMENT_FLAGS = (
    Flag.UPSIDE_DOWN,
    Flag.WRONG_SEGMENT,
    Flag.STRAP_SLIPPED,
    Flag.TARE_UNDER_LOAD,
    Flag.WRONG_SIDE,
)
# Segments that turn alike in an exercise, so that no sensor can tell which of them it sits on; a sensor alone
# that does not move is silent about where it sits.
CONFUSED: dict[str, tuple[frozenset[str], ...]] = {
    "nordic-curl": (frozenset({"thigh", "pelvis", "trunk"}),),
    "single-leg-rdl": (frozenset({"pelvis", "trunk"}), frozenset({"thigh", "shank"})),
    "askling-diver": (frozenset({"pelvis", "trunk"}), frozenset({"thigh", "shank"})),
    "askling-glider": (frozenset({"pelvis", "trunk"}), frozenset({"thigh", "shank"})),
    "hip-thrust": (frozenset({"thigh", "pelvis", "trunk"}),),
    "glute-bridge": (frozenset({"thigh", "pelvis", "trunk"}),),
    "side-lying-abduction": (frozenset({"thigh", "shank"}), frozenset({"pelvis", "trunk"})),
    "slider-leg-curl": (frozenset({"pelvis", "trunk"}), frozenset({"thigh", "pelvis", "trunk"})),
    "leg-curl": (frozenset({"thigh", "pelvis", "trunk"}),),
    "askling-extender": (frozenset({"thigh", "pelvis", "trunk"}),),
    "squat": (frozenset({"thigh", "pelvis", "trunk"}), frozenset({"shank", "pelvis", "trunk"})),
}
_MOVES_DEG = 15.0
# Segments that hardly turn, and hang or lie: a turn about the vertical changes nothing, also no number.
_STILL = {
    ("nordic-curl", "shank"),
    ("razor-curl", "shank"),
    ("single-leg-rdl", "thigh"),
    ("askling-diver", "thigh"),
    ("long-lever-bridge-hold", "thigh"),
    ("leg-curl", "thigh"),
    ("askling-extender", "thigh"),
    ("side-lying-abduction", "pelvis"),
    ("slider-leg-curl", "pelvis"),
    ("razor-curl", "pelvis"),
}
HOLDS = ("bridge-hold", "long-lever-bridge-hold", "plank")
_KITS = {"nordic-curl": ("thigh", "thigh+shank", "thigh+force", "thigh+shank+force", "force")}
_SEGMENTS: tuple[Placement, ...] = ("thigh", "shank", "pelvis", "trunk")

Make = Callable[[Simulation, np.random.Generator], tuple[Fault, ...]]


class Found(msgspec.Struct, frozen=True):
    """One session: what was done, and the flags that came."""

    exercise: str
    kit: str
    fault: str
    seed: int
    flags: tuple[str, ...]


def _imus(simulation: Simulation) -> list[tuple[str, Placement]]:
    """Motion sensors, and where they are said to be."""
    return [(s.id, s.placement) for s in simulation.scenario.worn if s.kind == "imu" and s.placement]


def _moment(simulation: Simulation, rng: np.random.Generator) -> float | None:
    """A moment in a set, with at least two repetitions before it and two after it."""
    sets = [one for one in simulation.truth.sets if len([r for r in one.reps if not r.partial]) >= 5]
    if not sets:
        return None
    reps = [rep for rep in sets[int(rng.integers(len(sets)))].reps if not rep.partial]
    return float(rng.uniform(reps[1].end_s, reps[-2].start_s))


def _slip(exercise: str, simulation: Simulation, rng: np.random.Generator) -> tuple[Fault, ...]:
    """By 30 to 80 degrees about the limb, or by 25 to 50 about any axis."""
    at, worn = _moment(simulation, rng), _turning(simulation, exercise)
    if at is None or not worn:
        return ()
    if rng.random() < 0.6:
        turn = np.array([0.0, 0.0, rng.uniform(30, 80) * rng.choice([-1, 1])]) + rng.uniform(-8, 8, 3)
    else:
        axis = rng.standard_normal(3)
        turn = axis / np.linalg.norm(axis) * rng.uniform(25, 50)
    sensor = worn[int(rng.integers(len(worn)))][0]
    a, b, c = turn.tolist()
    return (Slip(sensor=sensor, at_s=at, turn_deg=(a, b, c), over_s=float(rng.uniform(0.1, 1.0))),)


def _between(simulation: Simulation) -> float | None:
    """A moment between two sets of at least three repetitions."""
    sets = simulation.truth.sets
    for a, b in pairwise(sets):
        if min(len(a.reps), len(b.reps)) >= 3:
            return (a.end_s + b.start_s) / 2.0
    return None


def _moved(exercise: str, simulation: Simulation, rng: np.random.Generator) -> tuple[Fault, ...]:
    """Put on again between two sets, turned by 50 to 110 degrees about the limb and tipped by up to 15."""
    at, worn = _between(simulation), _turning(simulation, exercise)
    if at is None or not worn:
        return ()
    a, b = rng.uniform(-15, 15, 2).tolist()
    c = float(rng.uniform(50, 110) * rng.choice([-1, 1]))
    sensor = worn[int(rng.integers(len(worn)))][0]
    return (Slip(sensor=sensor, at_s=at, turn_deg=(a, b, c), over_s=3.0),)


def _over(exercise: str, simulation: Simulation, rng: np.random.Generator) -> tuple[Fault, ...]:
    """Turned upside down or inside out, in a set or between sets."""
    at, worn = _moment(simulation, rng), _turning(simulation, exercise)
    if rng.random() < 0.5:
        at = _between(simulation) or at
    if at is None or not worn:
        return ()
    axis = np.zeros(3)
    axis[int(rng.integers(3))] = 180.0
    a, b, c = (axis + rng.uniform(-8, 8, 3)).tolist()
    sensor = worn[int(rng.integers(len(worn)))][0]
    return (Slip(sensor=sensor, at_s=at, turn_deg=(a, b, c), over_s=1.5),)


def _turning(simulation: Simulation, exercise: str) -> list[tuple[str, Placement]]:
    return [one for one in _imus(simulation) if (exercise, one[1]) not in _STILL]


def _alike(exercise: str, a: str, b: str) -> bool:
    return any({a, b} <= group for group in CONFUSED.get(exercise, ()))


def _segment(exercise: str) -> Make:
    """Two sensors swapped, or one on another segment; at least one must sit where something moves."""
    check = load_exercise(exercise).placement
    spans = {} if check is None else check.turn_deg

    def seen(places: list[Placement]) -> bool:
        return any(spans[place][0] >= _MOVES_DEG for place in places if place in spans)

    def make(simulation: Simulation, rng: np.random.Generator) -> tuple[Fault, ...]:
        worn = _imus(simulation)
        options: list[tuple[Fault, ...]] = []
        for k, (sensor, place) in enumerate(worn):
            for other, there in worn[k + 1 :]:
                if not _alike(exercise, place, there):
                    options.append(
                        (Misplaced(sensor=sensor, placement=there), Misplaced(sensor=other, placement=place))
                    )
            rest = [there for other, there in worn if other != sensor]
            options += [
                (Misplaced(sensor=sensor, placement=to),)
                for to in _SEGMENTS
                if rest and to != place and not _alike(exercise, place, to) and seen([*rest, to])
            ]
        return options[int(rng.integers(len(options)))] if options and spans else ()

    return make


def _tare(simulation: Simulation, rng: np.random.Generator) -> tuple[Fault, ...]:
    """With 30 to 250 N on the strap, at the start or in the middle."""
    straps = [s.id for s in simulation.scenario.worn if s.kind == "force"]
    if not straps:
        return ()
    at = 0.0 if rng.random() < 0.6 else float(rng.uniform(0.1, 0.5)) * simulation.truth.duration_s
    sensor = straps[int(rng.integers(len(straps)))]
    return (LoadedTare(sensor=sensor, load_n=float(rng.uniform(30, 250)), at_s=at),)


FAULTS: dict[str, Flag] = {
    "slip": Flag.STRAP_SLIPPED,
    "moved": Flag.STRAP_SLIPPED,
    "over": Flag.UPSIDE_DOWN,
    "segment": Flag.WRONG_SEGMENT,
    "tare": Flag.TARE_UNDER_LOAD,
}


def _make(fault: str, exercise: str) -> Make:
    makers: dict[str, Make] = {
        "slip": partial(_slip, exercise),
        "moved": partial(_moved, exercise),
        "over": partial(_over, exercise),
        "segment": _segment(exercise),
        "tare": _tare,
    }
    return makers[fault]


def _scenario(exercise: str, kit: str, seed: int) -> Scenario:
    if exercise == "nordic-curl":
        return nordic_session(seed, kit=kit)
    if exercise in JOINT_EXERCISES:
        return joint_session(seed, exercise=exercise, kit=kit)
    return hold_session(seed, exercise, kit=kit)  # type: ignore[arg-type]


def with_fault(simulation: Simulation, exercise: str, fault: str) -> Simulation | None:
    """The same session with a fault; ``None`` when it cannot have that one."""
    rng = np.random.default_rng([simulation.seed, 77, *fault.encode()])
    faults = _make(fault, exercise)(simulation, rng)
    if not faults:
        return None
    return simulate(msgspec.structs.replace(simulation.scenario, faults=faults), simulation.seed)


def flags_of(simulation: Simulation, exercise: str) -> tuple[str, ...]:
    """What is said of the sensors' places."""
    said = (event.flag for event in events_of(simulation, exercise) if isinstance(event, QualityNoted))
    return tuple(dict.fromkeys(flag.value for flag in said if flag in PLACEMENT_FLAGS))


def look(job: tuple[str, str, int, tuple[str, ...]]) -> list[Found]:
    """Exercise, kit, seed and faults: what is said in each of these sessions."""
    exercise, kit, seed, faults = job
    simulation = simulate(_scenario(exercise, kit, seed), seed)
    out: list[Found] = []
    for fault in faults:
        done = simulation if fault == "none" else with_fault(simulation, exercise, fault)
        if done is not None:
            out.append(Found(exercise, kit, fault, seed, flags_of(done, exercise)))
    return out


def jobs(
    seeds: range, only: str | None, kit: str | None, faults: tuple[str, ...]
) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    """Everything that is run."""
    kits = {**_KITS, **{name: table.kits for name, table in JOINT_EXERCISES.items()}}
    kits |= {name: ("pelvis", "thigh+pelvis") for name in HOLDS}
    for seed in seeds:
        for exercise, names in kits.items():
            if only in (None, exercise):
                yield from ((exercise, name, seed, faults) for name in names if kit in (None, name))


def is_right(one: Found) -> bool:
    """Found, or silent where there is nothing; how far a sensor turned may be named wrongly."""
    if one.fault == "none":
        return not one.flags
    turned = {Flag.STRAP_SLIPPED, Flag.UPSIDE_DOWN}
    wanted = FAULTS[one.fault]
    return bool((turned if wanted in turned else {wanted}) & set(one.flags))


def table(found: list[Found], verbose: bool) -> None:
    """Share found and false alarms by exercise, kit and fault, the worst first."""
    groups: dict[tuple[str, str, str], list[Found]] = {}
    for one in found:
        groups.setdefault((one.fault, one.exercise, one.kit), []).append(one)
    rows = []
    for (fault, exercise, kit), ones in groups.items():
        good = [is_right(one) for one in ones]
        rows.append((sum(good) / len(good), fault, exercise, kit, len(good), ones, good))
    rows.sort(key=lambda row: row[0])
    print("| fault | exercise | kit | sessions | right |\n|---|---|---|--:|--:|")
    for share, fault, exercise, kit, n, ones, good in rows:
        print(f"| {fault} | {exercise} | {kit} | {n} | {100 * share:.0f} % |")
        if verbose:
            wrong = [f"{one.seed}{list(one.flags)}" for one, ok in zip(ones, good, strict=True) if not ok]
            if wrong:
                print("   ", " ".join(wrong[:12]))
    print("\n| fault | sessions | found | \n|---|--:|--:|")
    for name in ("none", *FAULTS):
        part = [row for row in rows if row[1] == name]
        n = sum(row[4] for row in part)
        if n:
            right = sum(sum(row[6]) for row in part)
            print(f"| {name} | {n} | {100 * right / n:.1f} % {'without alarm' if name == 'none' else ''} |")
    others = [one for one in found if one.fault != "none" and set(one.flags) - {FAULTS[one.fault].value}]
    print(f"\nother flags beside the fault: {len(others)} of {sum(one.fault != 'none' for one in found)}")


def main(arguments: list[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", help="one exercise")
    parser.add_argument("--kit")
    parser.add_argument("--fault", choices=["none", *FAULTS])
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args(arguments)
    faults = ("none", *FAULTS) if args.fault is None else (args.fault,)
    todo = list(jobs(range(args.first, args.first + args.seeds), args.only, args.kit, faults))
    with Pool(args.workers) as pool:
        found = [one for some in pool.imap_unordered(look, todo) for one in some]
    table(sorted(found, key=lambda one: (one.fault, one.exercise, one.kit, one.seed)), args.verbose)
    return 0


if __name__ == "__main__":
    sys.exit(main())
