"""What goes wrong with emulated sensors, as data: which one, what, when.

As text, one fault is ``SENSOR:KIND@AT[+FOR][xCOUNT]``, times in seconds: ``left:drop@20+3`` hangs up at 20 s
and is back 3 s later, ``thigh:lose@12x4`` loses four packets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, get_args

import msgspec

from eccentra.errors import InputError
from eccentra.link.virtual.peripheral import VirtualSensor

__all__ = ["KINDS", "Fault", "check_faults", "parse_fault", "play"]

Kind = Literal[
    "drop",
    "vanish",
    "unnoticed",
    "sleep",
    "silent",
    "low_battery",
    "restart",
    "refuse",
    "swallow",
    "lose",
    "repeat",
]
KINDS: tuple[str, ...] = get_args(Kind)

_TEXT = re.compile(
    r"(?P<sensor>[a-z0-9_-]{1,64}):(?P<kind>[a-z_]+)@(?P<at>[0-9]+(?:\.[0-9]+)?)"
    r"(?:\+(?P<for>[0-9]+(?:\.[0-9]+)?))?(?:x(?P<count>[0-9]{1,6}))?"
)


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    Attributes
    ----------
    sensor
        Id of the sensor.
    kind
        ``drop`` it hangs up; ``vanish`` its radio is gone, which the other side notices; ``unnoticed`` the
        same, not noticed; ``sleep`` it switches itself off; ``silent`` it stays connected and sends nothing;
        ``low_battery``; ``restart`` its counter starts anew; ``refuse`` and ``swallow`` commands; ``lose``
        and ``repeat`` packets.
    at_s
        When, seconds after the start.
    for_s
        For how long (the first five kinds).
    count
        How many (the last four kinds).
    """

    sensor: str
    kind: Kind
    at_s: float
    for_s: float = 3.0
    count: int = 1


def parse_fault(text: str) -> Fault:
    """A fault from text.

    Raises
    ------
    InputError
        When it does not follow the form.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise InputError(f"fault {text!r}", "expected SENSOR:KIND@AT[+FOR][xCOUNT], such as left:drop@20+3")
    if match["kind"] not in KINDS:
        raise InputError(f"fault {text!r}", f"kind is {match['kind']!r}, expected one of {', '.join(KINDS)}")
    given = {
        "sensor": match["sensor"],
        "kind": match["kind"],
        "at_s": float(match["at"]),
        "for_s": float(match["for"] or 3.0),
        "count": int(match["count"] or 1),
    }
    return msgspec.convert(given, Fault)


def check_faults(faults: Iterable[Fault], sensors: Collection[str]) -> None:
    """Make sure that every fault is of one of these sensors.

    Raises
    ------
    InputError
        When one names a sensor that is not there.
    """
    for fault in faults:
        if fault.sensor not in sensors:
            known = ", ".join(sensors)
            raise InputError(f"fault of {fault.sensor}", f"no such sensor; there are {known}")


async def play(faults: Sequence[Fault], sensors: Mapping[str, VirtualSensor]) -> None:
    """Let the faults happen, from now on; ends after the last one."""
    check_faults(faults, sensors)
    async with asyncio.TaskGroup() as group:
        for fault in faults:
            group.create_task(_happen(fault, sensors[fault.sensor]))


async def _happen(fault: Fault, sensor: VirtualSensor) -> None:
    await asyncio.sleep(fault.at_s)
    match fault.kind:
        case "drop":
            await sensor.drop(fault.for_s)
        case "vanish":
            await sensor.vanish(fault.for_s)
        case "unnoticed":
            await sensor.vanish(fault.for_s, noticed_s=None)
        case "sleep":
            await sensor.sleep()
            await asyncio.sleep(fault.for_s)
            await sensor.wake()
        case "silent":
            sensor.silent = True
            await asyncio.sleep(fault.for_s)
            sensor.silent = False
        case "low_battery":
            await sensor.low_battery()
        case "restart":
            sensor.restart_counter()
        case "refuse" | "swallow" | "lose" | "repeat":
            setattr(sensor, fault.kind, fault.count)
