"""The link as users run it, on emulated sensors: real GATT servers, unmodified Bleak, one process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from functools import cache

import numpy as np
import pytest

pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")

from eccentra.decode import Frame
from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Connected, Input, Lost, Packet, Written
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.machine import Patience
from eccentra.link.mailbox import Mailbox
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.athlete import VirtualAthlete
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.link.virtual.peripheral import Sent
from eccentra.simulate import KITS, Fidget, Hold, Scenario, Simulation, simulate

R = StationReason
SENSORS = ("thigh", "left")


@cache
def moving() -> Simulation:
    specs = {spec.id: spec for kit in KITS.values() for spec in kit}
    timeline = (Hold(seconds=1.0), Fidget(seconds=6.0), Hold(seconds=1.0))
    return simulate(Scenario(timeline=timeline, sensors=tuple(specs[name] for name in SENSORS)), 1)


class Room:
    def __init__(
        self, athlete: VirtualAthlete, central: Central, mailbox: Mailbox, link: BluetoothLink
    ) -> None:
        self.sensors = athlete.sensors
        self.setups = {one.setup.sensor: one.setup for one in athlete.wanted}
        self.central = central
        self.link = link
        self.sent: dict[str, list[Sent]] = {name: [] for name in SENSORS}
        self.items: list[Input | StationNoted] = []
        self._mailbox = mailbox

    def of(self, kind: type, sensor: str | None = None) -> list:
        self.items += self._mailbox.drain()
        return [i for i in self.items if isinstance(i, kind) and (sensor is None or i.sensor == sensor)]

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.link.status()]

    async def until(self, true: Callable[[], bool], within_s: float = 8.0) -> None:
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0.01)

    async def streaming(self) -> None:
        await self.until(lambda: set(self.states) == {"streaming"})

    def ticks(self, sensor: str) -> list[list[int]]:
        """Device time of every sample, ns, one list a connection, decoded as a session would."""
        out: list[list[int]] = []
        decoder = self.setups[sensor].start_decoder()
        for item in self.of(Input, sensor):
            if isinstance(item, Connected):
                decoder = self.setups[sensor].start_decoder()
                out.append([])
            elif isinstance(item, Written):
                decoder.expect(item.data)
            elif isinstance(item, Packet):
                for part in decoder.feed(item.channel, item.data):
                    if isinstance(part, Frame) and part.ticks is not None:
                        tick_ns = round(self.setups[sensor].profile.clock.tick_s * 1e9)
                        after = 0 if part.offset_ns is None else part.offset_ns
                        out[-1] += (part.ticks * tick_ns + after).tolist()
        return out


@contextlib.asynccontextmanager
async def room(patience: Patience | None = None) -> AsyncIterator[Room]:
    air = Air()
    mailbox = Mailbox()
    sent: dict[str, list[Sent]] = {name: [] for name in SENSORS}
    athlete = VirtualAthlete(moving(), air, advertise_every_s=0.03, sent=lambda n, one: sent[n].append(one))
    central = await Central.switched_on(air, request_s=3.0)
    await athlete.start()
    link = BluetoothLink(athlete.wanted, mailbox, backend=make_backend(central), patience=patience)
    task = asyncio.create_task(link.run())
    inside = Room(athlete, central, mailbox, link)
    inside.sent = sent
    try:
        yield inside
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        inside.of(Input)
        await athlete.stop()
    connected, lost = inside.of(Connected), inside.of(Lost)
    assert [one.sensor for one in sorted(connected, key=lambda i: i.sensor)] == sorted(i.sensor for i in lost)
    assert R.INTERNAL not in {note.reason for note in inside.of(StationNoted)}


def evenly(ticks: list[int]) -> bool:
    """Every sample once and in order: no time twice, no step longer than the longest packet's period."""
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    return min(steps) > 0 and max(steps) < 3 * sorted(steps)[len(steps) // 2]


def test_both_sensors_stream_and_nothing_is_lost() -> None:
    async def story() -> None:
        async with room() as inside:
            await inside.streaming()
            await asyncio.sleep(2.5)
            for name in SENSORS:
                (ticks,) = inside.ticks(name)
                assert evenly(ticks), name
                # nothing sent before the last moment is missing: ticks are whole milliseconds at most
                due = np.concatenate([one.device_ns for one in inside.sent[name][:-5]])
                nearest = np.abs(np.array(ticks)[:, None] - due).min(axis=0)
                assert len(due) > 100
                assert nearest.max() < 2_000_000, f"{name}: {(nearest > 2_000_000).sum()} samples were lost"
            battery = {s.sensor: s.battery_pct for s in inside.link.status()}
            assert battery["thigh"] is not None, "by the profile's command"
            assert not inside.of(StationNoted)
        assert not any(sensor.connected for sensor in inside.sensors.values()), "disconnected on the way out"
        assert inside.of(Written)[-1].data in (b"\x66", bytes.fromhex("0207")), "and stopped before"

    asyncio.run(story())


def test_drop_and_vanish_cost_a_gap_and_never_double_a_sample() -> None:
    async def story() -> None:
        async with room(Patience(silence_s=1.0, steady_s=0.5)) as inside:
            await inside.streaming()
            await asyncio.sleep(0.5)
            await inside.sensors["thigh"].drop()
            await inside.until(lambda: len(inside.of(Connected, "thigh")) == 2)
            await inside.streaming()
            await asyncio.sleep(0.7)
            await inside.sensors["left"].vanish(0.5, noticed_s=None)
            await inside.until(lambda: inside.states[1] != "streaming")
            await inside.streaming()
            await asyncio.sleep(0.5)
            for name in SENSORS:
                assert all(evenly(ticks) for ticks in inside.ticks(name) if len(ticks) > 10), name
            whys = {(lost.sensor, lost.why) for lost in inside.of(Lost)}
            assert ("thigh", "lost") in whys
            assert ("left", "silent") in whys
            assert R.SENSOR_BACK in {n.reason for n in inside.of(StationNoted)}

    asyncio.run(story())


def test_adapter_off_and_on() -> None:
    async def story() -> None:
        async with room() as inside:
            await inside.streaming()
            inside.central.switch_off()
            await inside.until(lambda: R.BLUETOOTH_OFF in {n.reason for n in inside.of(StationNoted)})
            assert all(status.problem for status in inside.link.status())
            inside.central.switch_on()
            await inside.streaming()
            levels = [n.level for n in inside.of(StationNoted) if n.reason is R.BLUETOOTH_OFF]
            assert levels == ["error", "info"]

    asyncio.run(story())


def test_tare_restarts_the_stream_of_a_progressor() -> None:
    async def story() -> None:
        async with room() as inside:
            await inside.streaming()
            await asyncio.sleep(0.5)
            await inside.link.command("left", "tare")
            await asyncio.sleep(0.7)
            written = [w.data for w in inside.of(Written, "left")]
            assert written == [b"\x6f", b"\x65", b"\x66", b"\x64", b"\x65"]
            (ticks,) = inside.ticks("left")
            restarts = sum(after < before for before, after in itertools.pairwise(ticks))
            assert restarts == 1, "device time starts anew with the start command"
            assert inside.states == ["streaming", "streaming"]

    asyncio.run(story())
