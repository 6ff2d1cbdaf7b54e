"""A scenario: who does what, wearing what, and what goes wrong. Plain data, from TOML, JSON or Python."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from eccentra.errors import InputError
from eccentra.simulate.athlete import Athlete
from eccentra.simulate.contraction import ContractionSet
from eccentra.simulate.cyclic import CyclicSet, PickUp
from eccentra.simulate.everyday import Fidget, GetUp, Hold, KneelDown, LieDown, SitBack, StrapWork, Walk
from eccentra.simulate.faults import Fault
from eccentra.simulate.holds import HoldSet
from eccentra.simulate.joint import JointSet, LeavePosition, SitDown, TakePosition
from eccentra.simulate.kits import KITS
from eccentra.simulate.nordic import NordicSet
from eccentra.simulate.poses import LieStill, Shift, TakePose
from eccentra.simulate.sensors import Limb, SensorSpec

__all__ = ["Move", "Scenario", "load_scenario", "scenario_from"]

Move = (
    Hold
    | Walk
    | KneelDown
    | GetUp
    | Fidget
    | StrapWork
    | SitBack
    | LieDown
    | NordicSet
    | CyclicSet
    | ContractionSet
    | PickUp
    | TakePose
    | LieStill
    | Shift
    | HoldSet
    | JointSet
    | TakePosition
    | LeavePosition
    | SitDown
)


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session.

    Attributes
    ----------
    name
        For people.
    exercise
        What the repetitions are: decides the truth's phases.
    athlete, limb
        The body, and the free limb of generic exercises.
    timeline
        Moves, one after the other, from standing.
    kit
        Name of a ready-made set of sensors, used when ``sensors`` is empty.
    sensors
        Worn sensors.
    faults
        What goes wrong.
    """

    name: str = ""
    exercise: Literal["nordic", "generic", "hold", "joint"] = "nordic"
    athlete: Athlete = Athlete()
    limb: Limb = Limb()
    timeline: tuple[Move, ...]
    kit: str = "thigh+shank"
    sensors: tuple[SensorSpec, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if not self.timeline:
            raise ValueError("timeline is empty, expected at least one move")
        if not self.sensors and self.kit not in KITS:
            raise ValueError(f"kit is {self.kit!r}, expected one of {', '.join(sorted(KITS))}")
        ids = [sensor.id for sensor in self.worn]
        if len(set(ids)) != len(ids):
            raise ValueError(f"sensors: ids {ids} are not different")
        for fault in self.faults:
            if fault.sensor not in ids:
                raise ValueError(f"faults: no sensor {fault.sensor!r}, expected one of {', '.join(ids)}")

    @property
    def worn(self) -> tuple[SensorSpec, ...]:
        """The sensors, from the list or the kit."""
        return self.sensors or KITS[self.kit]


def scenario_from(data: Mapping[str, Any], source: str | Path = "scenario") -> Scenario:
    """Scenario from plain data (a TOML or JSON table).

    Raises
    ------
    InputError
        When a key is unknown or a value does not fit; names the key path.
    """
    try:
        return msgspec.convert(data, Scenario)
    except msgspec.ValidationError as error:
        raise InputError(source, str(error)) from error


def load_scenario(path: Path) -> Scenario:
    """Scenario from a ``.toml`` or ``.json`` file.

    Raises
    ------
    InputError
        When the file cannot be read or is no scenario.
    """
    try:
        raw = path.read_bytes()
        data = msgspec.json.decode(raw) if path.suffix == ".json" else tomllib.loads(raw.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError) as error:
        raise InputError(path, f"{error}; expected a readable TOML or JSON file") from error
    if not isinstance(data, dict):
        raise InputError(path, "expected a table with a timeline")
    return scenario_from(data, path)
