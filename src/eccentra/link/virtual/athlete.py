"""All sensors of one simulated athlete, as emulated sensors that share a time line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from eccentra.link import WantedSensor
from eccentra.link.virtual.peripheral import Sent, VirtualSensor
from eccentra.link.virtual.radios import RadioSource
from eccentra.link.virtual.tape import tapes
from eccentra.profiles import DeviceProfile
from eccentra.simulate import Simulation

__all__ = ["VirtualAthlete"]


class VirtualAthlete:
    """Emulated sensors by id, made from a simulation.

    Parameters
    ----------
    simulation
        A session simulated without losses: what goes wrong on the way is emulated here.
    source
        Where the sensors get their radios from; or one for each sensor, by id.
    number
        Number of the athlete, 1 to 255: another one has other addresses and serial numbers.
    loop
        Repeat the session without end.
    profiles
        Other profiles than those of the simulation, by sensor: a variant of its model.
    sent, say
        Told the sensor's id, and of its packets or in words what happens to it.
    options
        Further arguments of :class:`VirtualSensor`.
    """

    def __init__(
        self,
        simulation: Simulation,
        source: RadioSource | Mapping[str, RadioSource],
        *,
        number: int = 1,
        loop: bool = True,
        profiles: Mapping[str, DeviceProfile] | None = None,
        sent: Callable[[str, Sent], None] | None = None,
        say: Callable[[str, str], None] | None = None,
        **options: Any,
    ) -> None:
        self.sensors: dict[str, VirtualSensor] = {}
        for order, (name, (setup, tape)) in enumerate(tapes(simulation, loop=loop).items(), 1):
            profile = (profiles or {}).get(name, setup.profile)
            self.sensors[name] = VirtualSensor(
                msgspec.structs.replace(setup, profile=profile),
                tape,
                source[name] if isinstance(source, Mapping) else source,
                address=f"F0:EC:CE:47:{number:02X}:{order:02X}",
                serial=_serial(setup.mode.kind, 100 * number + order),
                sent=None if sent is None else _about(sent, name),
                say=None if say is None else _about(say, name),
                **options,
            )

    @property
    def wanted(self) -> tuple[WantedSensor, ...]:
        """What a link has to be told to connect to all of them."""
        return tuple(WantedSensor(setup=one.setup, address=one.address) for one in self.sensors.values())

    async def start(self) -> None:
        """All radios on; the session begins now."""
        zero = asyncio.get_running_loop().time()
        for sensor in self.sensors.values():
            await sensor.start(zero)

    async def stop(self) -> None:
        """All radios off."""
        for sensor in self.sensors.values():
            await sensor.stop()


def _serial(kind: str, number: int) -> str:
    """Serial numbers as long as the real ones."""
    return str((174_530_000_000 if kind == "imu" else 4_000) + number)


def _about(told: Callable[[str, Any], None], name: str) -> Callable[[Any], None]:
    def tell(what: Any) -> None:
        told(name, what)

    return tell
