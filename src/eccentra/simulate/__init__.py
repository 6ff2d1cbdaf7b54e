"""Simulated athletes, sensors and faults with exact truth: for demo, tests and benchmarks.

>>> from eccentra.simulate import nordic_session, simulate
>>> simulation = simulate(nordic_session(seed=1), seed=1)
>>> len(simulation.truth.reps) > 0
True

A :class:`Scenario` is data: an athlete, a timeline of moves, worn sensors and faults. A new exercise is a
timeline of the moves there are; a new move is a struct with ``play(pen)``, named in ``scenario.Move``; a new
kit is an entry of :data:`KITS`. The results are simulated mechanics, not evidence about people.
"""

from __future__ import annotations

from eccentra.simulate.athlete import Athlete
from eccentra.simulate.contraction import ContractionSet
from eccentra.simulate.cyclic import CyclicSet, PickUp
from eccentra.simulate.everyday import Fidget, GetUp, Hold, KneelDown, LieDown, SitBack, StrapWork, Walk
from eccentra.simulate.faults import (
    ClockJump,
    Disconnect,
    Dropout,
    Fault,
    LoadedTare,
    Misplaced,
    Remount,
    Slip,
)
from eccentra.simulate.generic import PATTERNS, Pattern, generic_session
from eccentra.simulate.hold_sessions import hold_session
from eccentra.simulate.holds import Dip, HoldRep, HoldSet
from eccentra.simulate.joint import JointRep, JointSet, LeavePosition, SitDown, TakePosition
from eccentra.simulate.joint_sessions import everyday_session, joint_session
from eccentra.simulate.joint_table import JOINT_EXERCISES, JointExercise
from eccentra.simulate.kits import KITS
from eccentra.simulate.link import Clock, Link
from eccentra.simulate.measure import Signal
from eccentra.simulate.nordic import NordicRep, NordicSet, Stop
from eccentra.simulate.poses import LieStill, Shift, TakePose
from eccentra.simulate.scenario import Move, Scenario, load_scenario, scenario_from
from eccentra.simulate.sensors import ForceErrors, ImuErrors, Limb, Mounting, SensorSpec
from eccentra.simulate.sessions import nordic_session
from eccentra.simulate.simulation import Simulation, simulate
from eccentra.simulate.truth import TrueBreak, TrueForce, TrueMovement, TruePhase, TrueRep, TrueSet, Truth

__all__ = [
    "JOINT_EXERCISES",
    "KITS",
    "PATTERNS",
    "Athlete",
    "Clock",
    "ClockJump",
    "ContractionSet",
    "CyclicSet",
    "Dip",
    "Disconnect",
    "Dropout",
    "Fault",
    "Fidget",
    "ForceErrors",
    "GetUp",
    "Hold",
    "HoldRep",
    "HoldSet",
    "ImuErrors",
    "JointExercise",
    "JointRep",
    "JointSet",
    "KneelDown",
    "LeavePosition",
    "LieDown",
    "LieStill",
    "Limb",
    "Link",
    "LoadedTare",
    "Misplaced",
    "Mounting",
    "Move",
    "NordicRep",
    "NordicSet",
    "Pattern",
    "PickUp",
    "Remount",
    "Scenario",
    "SensorSpec",
    "Shift",
    "Signal",
    "Simulation",
    "SitBack",
    "SitDown",
    "Slip",
    "Stop",
    "StrapWork",
    "TakePose",
    "TakePosition",
    "TrueBreak",
    "TrueForce",
    "TrueMovement",
    "TruePhase",
    "TrueRep",
    "TrueSet",
    "Truth",
    "Walk",
    "everyday_session",
    "generic_session",
    "hold_session",
    "joint_session",
    "load_scenario",
    "nordic_session",
    "scenario_from",
    "simulate",
]
