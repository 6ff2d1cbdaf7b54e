"""The settings of ``eccentra up``: one file in TOML for everything that runs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from eccentra.commands import Id
from eccentra.datafolder import explain_invalid
from eccentra.errors import InputError

__all__ = ["HubSettings", "RoomSettings", "UpSettings", "read_settings"]

_MOST_BYTES = 1_000_000


class RoomSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One room, as the options of ``eccentra station`` say it.

    Attributes
    ----------
    tempo
        Seconds of each phase, such as ``4`` or ``3-0-2``.
    simulated, seed, speed
        Rehearse with simulated sensors: which, of which athlete, how fast.
    """

    name: Id = "station-1"
    node: Id = "gateway"
    exercise: Id | None = None
    athlete: Id | None = None
    load: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    body_mass_kg: Annotated[float, msgspec.Meta(ge=20, le=300)] | None = None
    lever_arm_m: Annotated[float, msgspec.Meta(ge=0.1, le=1)] | None = None
    tempo: str | None = None
    reps: Annotated[int, msgspec.Meta(ge=1, le=200)] | None = None
    sound: bool = False
    simulated: str | None = None
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    speed: Annotated[float, msgspec.Meta(ge=0.1, le=100)] = 1.0


class HubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hub.

    Attributes
    ----------
    store
        Database; ``None`` is the user's own.
    therapists
        Who may act as therapist in commands.
    """

    node: Id = "hub"
    store: str | None = None
    therapists: tuple[Id, ...] = ()


class UpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that runs.

    Attributes
    ----------
    site
        Id in topics.
    mqtt
        Broker; ``None`` takes the one on this computer, or an embedded one when there is none.
    """

    site: Id = "local"
    mqtt: str | None = None
    station: RoomSettings = RoomSettings()
    hub: HubSettings = HubSettings()


def read_settings(path: Path) -> UpSettings:
    """Settings from a file.

    Raises
    ------
    InputError
        It cannot be read, or is not valid: names the key, what was found and what is allowed.
    """
    try:
        raw = tomllib.loads(path.read_bytes()[:_MOST_BYTES].decode())
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(path, f"is not TOML: {error}") from None
    try:
        return msgspec.convert(raw, UpSettings)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, raw, UpSettings)
        raise InputError(path, f"{where}: {problem}" if where else problem) from None
