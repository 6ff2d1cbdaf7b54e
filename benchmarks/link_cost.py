"""What eight sensors cost: processor time of link, session and recording, beside what gets lost.

``python benchmarks/link_cost.py`` emulates two athletes, each with two motion sensors (104 Hz) and two straps
(80 Hz), on an in-memory radio. Emulation and Bluetooth stack run in the same process as Eccentra, so the
same run is made twice: once with Bleak alone and callbacks that do nothing, once with Eccentra's link,
sessions and session files. The difference is Eccentra's share. Lost is a sample that a sensor sent and the
file does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import numpy as np
from bleak import BleakClient, BleakScanner

from eccentra.decode import Frame
from eccentra.events import Numbered, StationNoted
from eccentra.exercises import load_exercise
from eccentra.inputs import Connected, Input, Lost, Packet, Tick, Written
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.mailbox import Mailbox
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.athlete import VirtualAthlete
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.link.virtual.peripheral import Sent
from eccentra.recording import Recorder, Recording
from eccentra.samples import NS_PER_S
from eccentra.session import Header, Session
from eccentra.simulate import Simulation, nordic_session, simulate
from eccentra.station.journal import Journal

ATHLETES = 2
KIT = "thigh+shank+force"
START_LIMIT_S = 20.0
# Imports on first use, tables that are built once: not what an hour of sensors costs.
WARM_UP_S = 2.0
# The run without Eccentra is the same at every moment.
BASE_S = 60.0
COMMIT_S = 0.2
LONGEST_WAIT_S = 0.1
# Packets handed to the radio just before the end may still be under way.
UNDER_WAY_S = 0.25


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; shares are of one core, 1.0 = 100 %."""

    seconds: float
    with_eccentra: float
    without: float | None
    packets: int
    sent: int
    lost: int
    twice: int
    disconnections: int
    notes: tuple[str, ...]
    latency_ms: tuple[float, float]

    @property
    def share(self) -> float | None:
        """Eccentra's share of a core."""
        return None if self.without is None else self.with_eccentra - self.without


def athletes() -> list[Simulation]:
    """Nordic curls, each athlete's own; sensors have different ids."""
    made = []
    for number in range(1, ATHLETES + 1):
        scenario = nordic_session(number, kit=KIT)
        worn = tuple(msgspec.structs.replace(spec, id=f"{spec.id}-{number}") for spec in scenario.worn)
        made.append(simulate(msgspec.structs.replace(scenario, sensors=worn), number))
    return made


class Stage:
    """Emulated sensors on the air and what they sent."""

    def __init__(self, simulations: list[Simulation]) -> None:
        self.air = Air()
        self.sent: dict[str, list[Sent]] = {}
        self.athletes = [
            VirtualAthlete(simulation, self.air, number=number, sent=self._sent)
            for number, simulation in enumerate(simulations, 1)
        ]
        self.sensors = {name: sensor for one in self.athletes for name, sensor in one.sensors.items()}

    def _sent(self, name: str, packet: Sent) -> None:
        self.sent.setdefault(name, []).append(packet)

    async def __aenter__(self) -> Stage:
        for athlete in self.athletes:
            await athlete.start()
        self.backend = make_backend(await Central.switched_on(self.air))
        return self

    async def __aexit__(self, *_: object) -> None:
        for athlete in self.athletes:
            await athlete.stop()


async def processor(seconds: float, warm_up_s: float, wait: Callable[[float], Awaitable[None]]) -> float:
    """Share of a core that the process takes while ``wait`` waits, after a warm-up."""
    await wait(warm_up_s)
    gc.collect()
    before, began = time.process_time(), time.perf_counter()
    await wait(seconds)
    return (time.process_time() - before) / (time.perf_counter() - began)


async def without_eccentra(simulations: list[Simulation], seconds: float) -> float:
    """The emulation, Bleak, and callbacks that do nothing."""
    async with Stage(simulations) as stage:
        scanner, client_class = stage.backend
        found = await BleakScanner.discover(1.0, return_adv=True, backend=scanner)
        clients = []
        for sensor in stage.sensors.values():
            client = BleakClient(found[sensor.address][0], backend=client_class)
            await client.connect()
            ble, setup = sensor.setup.profile.ble, sensor.setup
            assert ble is not None
            await client.start_notify(ble.characteristics["data"], lambda _, data: None)
            for uuid, data in ble.command("start", setup.mode.id, setup.rate):
                await client.write_gatt_char(uuid, data, response=True)
            clients.append(client)
        share = await processor(seconds, WARM_UP_S, asyncio.sleep)
        for client in clients:
            await client.disconnect()
    return share


class Room:
    """What a station does with what comes: sessions with their files, fed as it arrives."""

    def __init__(self, simulations: list[Simulation], folder: Path) -> None:
        self.mailbox = Mailbox()
        self.notes: list[str] = []
        self.zero_ns = time.monotonic_ns()
        self.paths: list[Path] = []
        self._journals: dict[str, Journal] = {}
        for number, simulation in enumerate(simulations, 1):
            self._begin(folder / f"{number}.eccentra", simulation)
        self._all = list({id(journal): journal for journal in self._journals.values()}.values())
        self._ticks = 0
        self._committed = 0.0

    def _begin(self, path: Path, simulation: Simulation) -> None:
        header = Header(
            session=f"cost-{path.stem}",
            exercise=load_exercise("nordic-curl"),
            sensors=simulation.setups,
            software="benchmark",
        )
        recorder, session = Recorder(path, header), Session(header)
        journal = Journal(session, recorder, self.zero_ns, tell=_nobody, note=self._note)
        self.paths.append(path)
        for setup in simulation.setups:
            self._journals[setup.sensor] = journal

    def _note(self, note: StationNoted) -> None:
        self.notes.append(f"{note.reason}: {note.detail}")

    async def run(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.mailbox.wait(LONGEST_WAIT_S)
            self.turn()

    def turn(self) -> None:
        """Take what came."""
        groups: dict[int, list[Input]] = {}
        for item in self.mailbox.drain():
            if isinstance(item, StationNoted):
                self._note(item)
            elif isinstance(item, Packet | Connected | Lost | Written):
                journal = self._journals[item.sensor]
                at = item.arrival_ns - self.zero_ns
                groups.setdefault(id(journal), []).append(msgspec.structs.replace(item, arrival_ns=at))
        now = time.monotonic_ns() - self.zero_ns
        tick = now // NS_PER_S > self._ticks
        self._ticks = now // NS_PER_S
        for journal in self._all:
            group = groups.get(id(journal), [])
            journal.take([*group, Tick(now)] if tick else group)
        if now / NS_PER_S - self._committed >= COMMIT_S:
            self._committed = now / NS_PER_S
            for journal in self._all:
                journal.commit()

    def close(self) -> None:
        """Sessions rest; files are closed."""
        for journal in self._all:
            journal.commit()
            journal.close()


def _nobody(_: list[Numbered]) -> None:
    return


async def with_eccentra(
    simulations: list[Simulation], seconds: float, folder: Path, warm_up_s: float
) -> tuple[float, Room, Stage, float]:
    """The same, with link, sessions and files; also when the sensors were still sending for certain."""
    async with Stage(simulations) as stage:
        room = Room(simulations, folder)
        wanted = [one for athlete in stage.athletes for one in athlete.wanted]
        link = BluetoothLink(wanted, room.mailbox, backend=stage.backend)
        running = asyncio.create_task(link.run())
        try:
            limit = time.monotonic() + START_LIMIT_S
            while any(status.state != "streaming" for status in link.status()):
                assert time.monotonic() < limit, f"not streaming: {link.status()}"
                await room.run(0.1)
            share = await processor(seconds, warm_up_s, room.run)
            sure_s = asyncio.get_running_loop().time() - UNDER_WAY_S
        finally:
            running.cancel()
            await asyncio.wait([running])
            room.turn()
            room.close()
    return share, room, stage, sure_s


class Received(msgspec.Struct, kw_only=True):
    """What the files hold of one sensor: device ticks of first samples and arrivals."""

    ticks: list[int] = []
    arrival_s: list[float] = []
    lost: int = 0


def read_back(room: Room) -> dict[str, Received]:
    """Every sensor's packets, from the session files."""
    out: dict[str, Received] = {}
    for path in room.paths:
        with Recording(path) as recording:
            decoders = {setup.sensor: setup.start_decoder() for setup in recording.header.sensors}
            for item in recording.inputs():
                if isinstance(item, Written):
                    decoders[item.sensor].expect(item.data)
                elif isinstance(item, Lost):
                    out[item.sensor].lost += item.why != "stopped"
                elif isinstance(item, Packet):
                    one = out.setdefault(item.sensor, Received())
                    for part in decoders[item.sensor].feed(item.channel, item.data):
                        if isinstance(part, Frame) and part.ticks is not None:
                            one.ticks.append(int(part.ticks[0]))
                            one.arrival_s.append((room.zero_ns + item.arrival_ns) / NS_PER_S)
    return out


def measure(seconds: float, *, compare: bool = True, warm_up_s: float = WARM_UP_S) -> Cost:
    """Both runs, and the comparison of what was sent with what the files hold.

    With ``compare`` false the run without Eccentra is left out, and its share is not known.
    """
    simulations = athletes()
    base_s = min(seconds, BASE_S)
    without = asyncio.run(without_eccentra(simulations, base_s)) if compare else None
    with tempfile.TemporaryDirectory() as folder:
        share, room, stage, sure_s = asyncio.run(with_eccentra(simulations, seconds, Path(folder), warm_up_s))
        received = read_back(room)
    sent = lost = twice = packets = 0
    latency: list[float] = []
    for name, sensor in stage.sensors.items():
        tick_s, got = sensor.setup.profile.clock.tick_s, received[name]
        assert tick_s is not None
        tick_ns = round(tick_s * NS_PER_S)
        arrived = dict(zip(got.ticks, got.arrival_s, strict=True))
        packets += len(got.ticks)
        twice += len(got.ticks) - len(arrived)
        for packet in stage.sent[name]:
            at = arrived.get((int(packet.device_ns[0]) + tick_ns // 2) // tick_ns)
            if at is not None:
                latency.append(1000 * (at - packet.at_s))
            elif packet.at_s < sure_s:
                lost += len(packet.device_ns)
            sent += len(packet.device_ns)
    return Cost(
        seconds=seconds,
        with_eccentra=share,
        without=without,
        packets=packets,
        sent=sent,
        lost=lost,
        twice=twice,
        disconnections=sum(one.lost for one in received.values()),
        notes=tuple(room.notes),
        latency_ms=(float(np.median(latency)), float(np.quantile(latency, 0.99))),
    )


def percent(share: float | None) -> str:
    """A share of a core, for people."""
    return "not measured" if share is None else f"{100 * share:.1f} % of a core"


def table(cost: Cost) -> str:
    """For people."""
    rows = [
        ("emulation, Bleak, empty callbacks", percent(cost.without)),
        ("the same with link, sessions, files", percent(cost.with_eccentra)),
        ("Eccentra's share (floor: below 15 %)", percent(cost.share)),
        ("samples sent", f"{cost.sent}"),
        ("samples lost (floor: 0), twice", f"{cost.lost}, {cost.twice}"),
        ("disconnections", f"{cost.disconnections}"),
        ("radio to mailbox, median and p99", f"{cost.latency_ms[0]:.1f} ms, {cost.latency_ms[1]:.1f} ms"),
    ]
    lines = [f"Eight sensors for {cost.seconds:g} s", *(f"  {what:<40}{value}" for what, value in rows)]
    return "\n".join([*lines, *(f"  note: {note}" for note in cost.notes)])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    print(table(measure(parser.parse_args().seconds)))


if __name__ == "__main__":
    main()
