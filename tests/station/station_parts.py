"""A station without a radio, a broker or a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from eccentra.commands import Answer, Request, parse_line
from eccentra.events import Event, Numbered, StationNoted
from eccentra.inputs import Input
from eccentra.link import LinkStatus, WantedSensor
from eccentra.link.mailbox import Mailbox
from eccentra.recording import Recording
from eccentra.session import Session
from eccentra.simulate import Hold, NordicRep, NordicSet, Scenario, Simulation, simulate
from eccentra.stages import LiveState
from eccentra.station import HostClock, Room, Station

_TURN_NS = 50_000_000


class FakeClock(HostClock):
    """Time that passes only when it is told to."""

    def __init__(self, start_ns: int = 5_000_000_000) -> None:
        super().__init__()
        self.now_ns = start_ns
        self.wall = 1_790_000_000_000_000_000
        self.boot_id = "boot-1"

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.wall + self.now_ns

    def boot(self) -> str:
        return self.boot_id


class Told:
    """An outlet that remembers."""

    def __init__(self) -> None:
        self.events: list[Numbered] = []
        self.notes: list[StationNoted] = []

    def handle(self, events: Sequence[Numbered]) -> None:
        self.events += events

    def live(self, state: LiveState) -> None:
        pass

    def note(self, note: StationNoted) -> None:
        self.notes.append(note)

    def of(self, kind: type[Event]) -> list[Event]:  # type: ignore[valid-type]
        return [one.event for one in self.events if isinstance(one.event, kind)]

    def ids(self) -> list[str]:
        return [one.id for one in self.events]


class IdleLink:
    """A link whose packets the test puts into the mailbox itself."""

    def __init__(self, sensors: Sequence[str]) -> None:
        self.sensors = sensors

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def command(self, sensor: str, name: str) -> None:
        raise AssertionError

    def status(self) -> Sequence[LinkStatus]:
        return [LinkStatus(sensor=sensor, state="streaming") for sensor in self.sensors]


def short_session(kit: str = "thigh+force", reps: int = 3, after_s: float = 3.0) -> Simulation:
    rep = NordicRep(descent_s=3.0, back="hands", return_s=1.2, pause_s=1.0)
    scene = Scenario(
        name="short",
        timeline=(Hold(seconds=4.0), NordicSet(reps=(rep,) * reps), Hold(seconds=after_s)),
        kit=kit,
    )
    return simulate(scene, 3)


class Bench:
    """A station on a bench: fake time, packets by hand."""

    def __init__(
        self,
        folder: Path,
        simulation: Simulation,
        *,
        exercise: str | None = "nordic-curl",
        clock: FakeClock | None = None,
        takes_plans: bool = False,
    ) -> None:
        self.clock = clock or FakeClock()
        self.told = Told()
        self.mailbox = Mailbox(100_000)
        self.resent: list[Numbered] = []
        wanted = tuple(WantedSensor(setup=setup, address="x") for setup in simulation.setups)
        self.room = Room(
            station="bench",
            folder=folder,
            wanted=wanted,
            exercise=exercise,
            athlete="a-1",
            takes_plans=takes_plans,
        )
        self.station = Station(
            self.room,
            IdleLink([setup.sensor for setup in simulation.setups]),
            self.mailbox,
            (self.told,),
            clock=self.clock,
            resend=self._resend,
        )

    def _resend(self, events: Sequence[Numbered]) -> int:
        self.resent += events
        return len(events)

    def play(self, inputs: Sequence[Input], begin_ns: int, until_s: float = 1e9) -> int:
        """Let the inputs come, a turn every 50 ms; gives how many came."""
        taken, turned = 0, self.clock.now_ns
        for item in inputs:
            at = begin_ns + item.arrival_ns
            if item.arrival_ns > until_s * 1e9:
                break
            while turned + _TURN_NS < at:
                turned = self.clock.now_ns = max(self.clock.now_ns, turned + _TURN_NS)
                self.station.turn()
            taken += 1
            self.mailbox.put(msgspec.structs.replace(item, arrival_ns=at))
        self.clock.now_ns = max(self.clock.now_ns, begin_ns + inputs[taken - 1].arrival_ns)
        self.station.turn()
        return taken

    def ask(self, line: str, request: str = "r-1") -> Answer:
        return asyncio.run(self.station.request(Request(id=request, do=parse_line(line))))

    def files(self) -> list[Path]:
        return sorted(self.room.folder.glob("*.eccentra"))


def from_sensors(simulation: Simulation) -> list[Input]:
    """What a link would bring."""
    return [item for item in simulation.inputs() if type(item).__name__ in ("Packet", "Connected", "Lost")]


def replay(path: Path) -> list[Numbered]:
    """What the session file says now."""
    with Recording(path) as recording:
        session = Session(recording.header)
        return session.feed_many(recording.inputs())


def recovered(bench: Bench) -> None:
    """Run only the recovery of a station."""

    async def start() -> None:
        await bench.station._recover(bench.clock.now_ns)

    asyncio.run(start())
