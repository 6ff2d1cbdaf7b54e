"""The simulated athletes of ``eccentra demo``: short sessions in which something happens soon."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Literal

import msgspec

from eccentra.errors import InputError
from eccentra.exercises import load_exercise
from eccentra.simulate import (
    JOINT_EXERCISES,
    KITS,
    Athlete,
    CyclicSet,
    Fidget,
    GetUp,
    Hold,
    HoldRep,
    HoldSet,
    JointRep,
    JointSet,
    KneelDown,
    LeavePosition,
    LieStill,
    Move,
    NordicRep,
    NordicSet,
    Scenario,
    StrapWork,
    TakePose,
    TakePosition,
)
from eccentra.simulate.poses import PoseName

__all__ = ["EXERCISES", "prescribed", "scene"]

_SETS = 2
_REPS = 4
# Longer than the 20 s without a movement that end a set.
_REST_S = 24.0


def scene(exercise: str, kit: str | None, seed: int) -> Scenario:
    """A session of about two minutes, the first repetition some 15 s after its start.

    Parameters
    ----------
    exercise
        Key of :data:`EXERCISES`.
    kit
        Name of a ready-made set of sensors; ``None`` takes the one that shows most.
    seed
        Draws tempo and break-points.

    Raises
    ------
    InputError
        No simulated athlete does this exercise, or there is no such kit.
    """
    if exercise not in EXERCISES:
        raise InputError(exercise, f"the demo simulates {', '.join(EXERCISES)}; choose one of them")
    if kit is not None and kit not in KITS:
        raise InputError(f"--kit {kit}", f"no such set of sensors; known are {', '.join(KITS)}")
    return EXERCISES[exercise](kit, Random(seed))


def _nordic(kit: str | None, draw: Random, assist_share: float = 0.0, incline_deg: float = 0.0) -> Scenario:
    timeline: list[Move] = [Hold(seconds=1.0)]
    for number in range(_SETS):
        timeline += [KneelDown(seconds=2.5), Hold(seconds=1.0), StrapWork(seconds=3.0), Hold(seconds=2.0)]
        reps = tuple(_nordic_rep(draw, number, i, 88.0 - incline_deg) for i in range(_REPS))
        timeline.append(NordicSet(reps=reps))
        timeline += [GetUp(seconds=2.5), Hold(seconds=_REST_S)]
    # A side difference that can be seen: left 46 %, right 54 % of the force.
    athlete = Athlete(left_share=0.46, assist_share=assist_share, incline_deg=incline_deg)
    return Scenario(name="demo", athlete=athlete, timeline=tuple(timeline), kit=kit or "thigh+shank+force")


def _nordic_rep(draw: Random, set_number: int, number: int, end_deg: float) -> NordicRep:
    # The second set shows fatigue: control is lost, and the last repetition stops half-way.
    tired = set_number == 1
    last = tired and number == _REPS - 1
    return NordicRep(
        descent_s=draw.uniform(2.8, 4.5) * (0.6 if last else 1.0),
        end_lean_deg=end_deg,
        partial=0.5 if last else None,
        break_lean_deg=draw.uniform(30, 40) if tired and not last else None,
        catch_lean_deg=min(70.0, end_deg - 8.0),
        back="active" if last else "hands",
        turn_s=0.1 if last else draw.uniform(0.3, 1.0),
        return_s=draw.uniform(1.0, 1.6),
        pause_s=draw.uniform(0.8, 1.8),
        pretension_n=draw.uniform(10, 30),
    )


def _generic(kit: str | None, draw: Random) -> Scenario:
    timeline: list[Move] = [Hold(seconds=2.0)]
    for _ in range(_SETS):
        timeline += [
            CyclicSet(reps=8),
            Hold(seconds=_REST_S / 2),
            Fidget(seconds=2.0),
            Hold(seconds=_REST_S / 2),
        ]
    return Scenario(name="demo", exercise="generic", timeline=tuple(timeline), kit=kit or "wrist")


def _bridge(kit: str | None, draw: Random, style: Literal["bridge", "long_lever"] = "bridge") -> Scenario:
    lying: PoseName = "supine_bent" if style == "bridge" else "supine_long"
    timeline: list[Move] = [Hold(seconds=1.0), TakePose(to=lying, via=("sit",)), LieStill(seconds=4.0)]
    for number in range(_SETS):
        timeline += [_holds(draw, style, number), LieStill(seconds=_REST_S)]
    return Scenario(name="demo", exercise="hold", timeline=tuple(timeline), kit=kit or "thigh+pelvis")


def _long_lever(kit: str | None, draw: Random) -> Scenario:
    return _bridge(kit, draw, "long_lever")


def _plank(kit: str | None, draw: Random) -> Scenario:
    timeline: list[Move] = [
        Hold(seconds=1.0),
        TakePose(to="prone", via=("all_fours",)),
        LieStill(seconds=4.0),
    ]
    for number in range(_SETS):
        timeline += [_holds(draw, "plank", number), LieStill(seconds=_REST_S)]
    return Scenario(name="demo", exercise="hold", timeline=tuple(timeline), kit=kit or "pelvis")


def _holds(draw: Random, style: Literal["bridge", "long_lever", "plank"], number: int) -> HoldSet:
    # the second set shows fatigue: sway grows, hips sag
    tired = number == 1
    holds = tuple(
        HoldRep(
            hold_s=draw.uniform(8, 12),
            sag_deg=draw.uniform(2, 3) if tired else 0.5,
            fatigue=2.0 if tired else 0.5,
            pause_s=draw.uniform(4, 6),
        )
        for _ in range(2)
    )
    return HoldSet(holds=holds, style=style, rise=1.2)


def _joint(exercise: str, kit: str | None, draw: Random) -> Scenario:
    table = JOINT_EXERCISES[exercise]
    timeline: list[Move] = [Hold(seconds=2.0)]
    for number in range(_SETS):
        reps = tuple(_joint_rep(exercise, draw, number, i) for i in range(_REPS + 2))
        timeline += [
            TakePosition(exercise=exercise, seconds=3.5),
            Hold(seconds=2.0),
            JointSet(exercise=exercise, reps=reps),
            Hold(seconds=1.5),
            LeavePosition(exercise=exercise, seconds=3.0),
            Hold(seconds=_REST_S),
        ]
    most = max(table.kits, key=lambda name: len(KITS[name]))
    return Scenario(name="demo", exercise="joint", timeline=tuple(timeline), kit=kit or most)


def _joint_rep(exercise: str, draw: Random, set_number: int, number: int) -> JointRep:
    table = JOINT_EXERCISES[exercise]
    # The second set shows fatigue: faster, and the last repetition stops half-way.
    tired = set_number == 1
    last = tired and number == _REPS + 1
    share = 0.5 * sum(table.partial) if last else 1.0
    return JointRep(
        first_s=draw.uniform(*table.first_s) * (0.8 if tired else 1.0) * share,
        second_s=draw.uniform(*table.second_s) * (0.8 if tired else 1.0) * share,
        hold_s=1.0 if table.hold_s[1] > 0.0 else 0.0,
        pause_s=draw.uniform(0.4, 1.2),
        partial=share if last else None,
    )


EXERCISES: dict[str, Callable[[str | None, Random], Scenario]] = {
    "nordic-curl": _nordic,
    "nordic-curl-assisted": partial(_nordic, assist_share=0.15),
    "nordic-curl-inclined": partial(_nordic, incline_deg=25.0),
    "generic": _generic,
    "bridge-hold": _bridge,
    "long-lever-bridge-hold": _long_lever,
    "plank": _plank,
    **{name: partial(_joint, name) for name in JOINT_EXERCISES},
}


def prescribed(exercise: str) -> dict[str, Any]:
    """What the simulated athlete is to do in a set."""
    if exercise == "nordic-curl":
        return {"tempo_s": {"eccentric": 4.0}, "reps": _REPS}
    if exercise in JOINT_EXERCISES:
        tempo = load_exercise(exercise).default_tempo_s
        return {"tempo_s": msgspec.to_builtins(tempo), "reps": _REPS + 2}
    return {"reps": 8} if exercise == "generic" else {"tempo_s": {"isometric": 10.0}, "reps": 2}
