"""A short simulated athlete on an in-memory radio, and a Bleak host that decodes what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from eccentra.decode import Frame, Notice
from eccentra.errors import DecodeError
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.athlete import VirtualAthlete
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.link.virtual.peripheral import Sent, VirtualSensor
from eccentra.simulate import KITS, Fidget, Hold, Scenario, SensorSpec, Simulation, simulate

LIMIT_S = 20.0


@cache
def moving(sensors: tuple[str, ...] = ("thigh", "left"), seconds: float = 8.0) -> Simulation:
    specs = {spec.id: spec for kit in KITS.values() for spec in kit}
    worn = tuple(specs[name] for name in sensors)
    timeline = (Hold(seconds=1.0), Fidget(seconds=seconds - 2.0), Hold(seconds=1.0))
    return simulate(Scenario(timeline=timeline, sensors=worn), 1)


def worn(spec_id: str, **changes: object) -> SensorSpec:
    import msgspec

    spec = next(spec for kit in KITS.values() for spec in kit if spec.id == spec_id)
    return msgspec.structs.replace(spec, **changes)


class Room:
    """Air, athlete and adapter; ``sent`` has what each sensor has sent."""

    def __init__(self, air: Air, athlete: VirtualAthlete, central: Central, sent: dict[str, list[Sent]]):
        self.air = air
        self.athlete = athlete
        self.central = central
        self.sent = sent
        self.scanner, self.client = make_backend(central)

    def __getitem__(self, name: str) -> VirtualSensor:
        return self.athlete.sensors[name]

    async def find(self, name: str, within_s: float = 2.0) -> BLEDevice:
        found = await BleakScanner.find_device_by_address(
            self[name].address, timeout=within_s, backend=self.scanner
        )
        assert found is not None, f"{name} was not found"
        return found

    async def connect(self, name: str, **options: object) -> BleakClient:
        client = BleakClient(await self.find(name), backend=self.client, **options)
        await client.connect()
        return client


class Host:
    """What a program makes of one sensor's notifications."""

    def __init__(self, sensor: VirtualSensor) -> None:
        self.ble = sensor.setup.profile.ble
        self.setup = sensor.setup
        self.decoder = sensor.setup.start_decoder()
        self.packets: list[bytes] = []
        self.frames: list[Frame] = []
        self.notices: list[Notice] = []
        self.errors = 0

    def heard(self, _: object, data: bytearray) -> None:
        self.packets.append(bytes(data))
        try:
            decoded = self.decoder.feed("data", bytes(data))
        except DecodeError:
            self.errors += 1
            return
        for one in decoded:
            (self.frames if isinstance(one, Frame) else self.notices).append(one)

    async def subscribe(self, client: BleakClient) -> None:
        await client.start_notify(self.ble.characteristics["data"], self.heard)

    async def tell(self, client: BleakClient, command: str) -> None:
        for uuid, data in self.ble.command(command, self.setup.mode.id, self.setup.rate):
            self.decoder.expect(data)
            await client.write_gatt_char(uuid, data, response=True)

    async def start(self, client: BleakClient) -> None:
        await self.subscribe(client)
        await self.tell(client, "start")

    @property
    def samples(self) -> int:
        return sum(len(frame.x) for frame in self.frames)


def in_room(
    scene: Callable[[Room], Awaitable[None]],
    sensors: tuple[str, ...] = ("thigh", "left"),
    *,
    request_s: float = 30.0,
    **options: object,
) -> None:
    """Run ``scene`` with emulated sensors on the air."""

    async def run() -> None:
        air = Air()
        sent: dict[str, list[Sent]] = {name: [] for name in sensors}
        options.setdefault("advertise_every_s", 0.03)
        athlete = VirtualAthlete(
            moving(sensors), air, sent=lambda name, one: sent[name].append(one), **options
        )
        central = await Central.switched_on(air, request_s=request_s)
        await athlete.start()
        try:
            async with asyncio.timeout(LIMIT_S):
                await scene(Room(air, athlete, central, sent))
        finally:
            await athlete.stop()

    asyncio.run(run())


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> float:
    """Seconds until the condition holds."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not condition():
        assert loop.time() - start < within_s, "it never came true"
        await asyncio.sleep(0.005)
    return loop.time() - start
