"""What can come into a session: one ordered log of these is the whole recording.

Every input carries ``arrival_ns``, the session time at which it came (host's monotonic clock, ns since
session start). Time-outs fire on these times only.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "ClockPair",
    "Command",
    "Connected",
    "Input",
    "Lost",
    "Packet",
    "Prescribed",
    "Resumed",
    "Tick",
    "Written",
]


class _Input(msgspec.Struct, frozen=True, gc=False):
    arrival_ns: int


class Packet(_Input, frozen=True, tag="packet", gc=False):
    """Bytes from a sensor, as they came."""

    sensor: str
    channel: str
    data: bytes


class Connected(_Input, frozen=True, tag="connected", gc=False):
    """A connection to a sensor was made: decoder and clock start anew."""

    sensor: str


class Lost(_Input, frozen=True, tag="lost", gc=False):
    """A connection was lost."""

    sensor: str
    why: str = "lost"


class Written(_Input, frozen=True, tag="written", gc=False):
    """Bytes that were written to a sensor: some answers can only be understood by what was asked."""

    sensor: str
    channel: str
    data: bytes


class Command(_Input, frozen=True, tag="command"):
    """A command by a person or over MQTT: ``tare``, ``stop``, ``exercise`` ...

    ``request`` is the id under which it was asked for, if any: the same request is never carried out twice.
    """

    verb: str
    args: dict[str, Any] = {}
    request: str | None = None


class Prescribed(_Input, frozen=True, tag="prescription"):
    """The prescription that holds for what follows."""

    prescription: dict[str, Any]


class ClockPair(_Input, frozen=True, tag="clock", gc=False):
    """Wall clock (ns since 1970, UTC) at ``arrival_ns``."""

    wall_ns: int


class Resumed(_Input, frozen=True, tag="resumed", gc=False):
    """Recording went on after an interruption: every connection was lost with the process.

    ``by_wall`` is true when the computer had been restarted, so that the length of the interruption is known
    from the wall clock only.
    """

    by_wall: bool = False


class Tick(_Input, frozen=True, tag="tick", gc=False):
    """Time passes: once a second, so that time-outs fire without packets."""


Input = Packet | Connected | Lost | Written | Command | Prescribed | ClockPair | Resumed | Tick
