"""What a station is set up with, and what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from eccentra.events import StationNoted
from eccentra.link import LinkStatus, WantedSensor
from eccentra.session import LinkHealth
from eccentra.stages import LiveState

__all__ = ["Room", "RoomState"]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a station is set up with.

    Attributes
    ----------
    station
        Its id.
    folder
        Where session files lie.
    wanted
        The sensors that belong to it.
    exercise
        Begin with it as soon as the sensors stream; ``None`` waits for the command.
    prescription
        What holds in every session: tempo, repetitions, range, pain limits.
    takes_plans
        Plans come from a hub: a session that begins by itself waits a moment for the person's, and the last
        one is kept in ``plans`` beside the session files.
    """

    station: str
    folder: Path
    wanted: tuple[WantedSensor, ...]
    exercise: str | None = None
    athlete: str | None = None
    load: str | None = None
    body_mass_kg: float | None = None
    lever_arm_m: float | None = None
    prescription: dict[str, Any] | None = None
    takes_plans: bool = False


class RoomState(msgspec.Struct, frozen=True, kw_only=True):
    """What a screen shows of a station.

    ``doing``: ``recovering`` an interrupted session, ``waiting`` for sensors or for the command to start, or
    ``running`` a session. ``target`` is what is prescribed, in words: of the running session, else of the
    next one; ``planned`` its exercise, and what the plan says where there is nothing to train.
    """

    doing: Literal["recovering", "waiting", "running"]
    session: str | None
    exercise: str | None
    athlete: str | None
    live: LiveState
    links: tuple[LinkStatus, ...]
    health: dict[str, LinkHealth]
    notes: tuple[StationNoted, ...]
    target: str = ""
    planned: str | None = None
