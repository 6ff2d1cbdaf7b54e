"""A station as users run it, on emulated sensors: the plug pulled anywhere costs at most a marked gap."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")

from station_parts import Told, replay, short_session

from eccentra.events import (
    RepCompleted,
    Repetition,
    SensorConnected,
    SensorGap,
    SensorLost,
    SessionStarted,
    StationReason,
)
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.mailbox import Mailbox
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.athlete import VirtualAthlete
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.simulate import Simulation
from eccentra.station import Room, Station

REPS = 2
# time to be found again on a busy machine
AFTER_S = 10.0


async def plug_pulled(folder: Path, simulation: Simulation, sensor: str, how: str, at_s: float) -> Told:
    """One station for a whole session; gives what it told."""
    air = Air()
    athlete = VirtualAthlete(simulation, air, advertise_every_s=0.03, loop=False)
    central = await Central.switched_on(air, request_s=3.0)
    mailbox, told = Mailbox(), Told()
    link = BluetoothLink(athlete.wanted, mailbox, backend=make_backend(central))
    room = Room(station="bench", folder=folder, wanted=athlete.wanted, exercise="nordic-curl")
    station = Station(room, link, mailbox, (told,))
    running = asyncio.create_task(station.run())
    await athlete.start()
    await asyncio.sleep(at_s)
    victim = athlete.sensors[sensor]
    if how == "drop":
        await victim.drop(away_s=0.5)
    elif how == "vanish":
        await victim.vanish(away_s=0.5)
    else:
        central.switch_off()
        await asyncio.sleep(1.0)
        central.switch_on()
    await asyncio.sleep(simulation.truth.duration_s - at_s + 0.5)
    station.stop()
    await running
    await athlete.stop()
    return told


def check(told: Told, simulation: Simulation, path: Path, sensor: str) -> None:
    assert replay(path) == told.events
    assert StationReason.INTERNAL not in {note.reason for note in told.notes}
    assert len(told.of(SessionStarted)) == 1
    # lost, and back by itself
    lost = [e.t_us for e in told.of(SensorLost) if e.sensor == sensor]
    back = [e.t_us for e in told.of(SensorConnected) if e.sensor == sensor]
    assert lost
    assert back[-1] > lost[0]
    gaps = [e for e in told.of(SensorGap) if e.sensor == sensor]
    assert gaps
    # counted, or a gap lies in it; and whatever a gap touches says so
    reps: list[Repetition] = [e.rep for e in told.of(RepCompleted)]
    assert len(reps) <= REPS
    if len(reps) < REPS:
        assert any(gap.end_us - gap.start_us > 200_000 for gap in gaps)
        assert len(reps) >= REPS - 1
    for rep in reps:
        for gap in gaps:
            inside = gap.start_us > rep.start_us and gap.end_us < rep.phases[0].end_us
            flagged = any("gap" in flag.value or "force" in flag.value for flag in rep.flags)
            assert not inside or flagged, f"{rep.flags}"


def pull(tmp_path: Path, cases: list[tuple[str, str, float]]) -> None:
    simulation = short_session("thigh+force", REPS, AFTER_S)

    async def all_at_once() -> list[Told]:
        stories = [
            plug_pulled(tmp_path / str(number), simulation, *case) for number, case in enumerate(cases)
        ]
        return list(await asyncio.gather(*stories))

    for number, told in enumerate(asyncio.run(all_at_once())):
        (path,) = (tmp_path / str(number)).glob("*.eccentra")
        check(told, simulation, path, cases[number][0])


@pytest.mark.long
def test_the_plug_pulled_costs_a_marked_gap(tmp_path: Path) -> None:
    pull(tmp_path, [("thigh", "drop", 6.0), ("right", "radio off", 9.0)])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_the_plug_pulled_anywhere_costs_a_marked_gap(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    hows = ["drop", "vanish", "radio off"]
    pull(
        tmp_path,
        [(rng.choice(["thigh", "left", "right"]), how, round(rng.uniform(4.0, 15.0), 2)) for how in hows],
    )
