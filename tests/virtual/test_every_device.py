"""Every profile, emulated, through unmodified Bleak: found, connected, started, its samples come through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")

from eccentra.events import StationNoted
from eccentra.inputs import Input, Lost
from eccentra.link import WantedSensor
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.mailbox import Mailbox
from eccentra.link.virtual.air import Air
from eccentra.link.virtual.backend import Central, make_backend
from eccentra.link.virtual.peripheral import Sent, VirtualSensor
from eccentra.link.virtual.tape import Tape
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import Floats
from needs import ROOT
from waves import decoded, resolution, tape_of

TOGETHER = 7
STREAMS_S = 2.5
EIGHT_S = 180.0
UNDER_WAY_S = 0.25
# Two of them at 200 Hz.
EIGHT = {
    "movesense": 208.0,
    "open-sensor": 200.0,
    "movella-dot": 60.0,
    "polar-verity-sense": 52.0,
    "witmotion": 100.0,
    "tindeq-progressor": 80.0,
    "griptonite-motherboard": 60.0,
    "pitchsix-forceboard": 80.0,
}
WITHIN_S = 60.0


def setups() -> list[SensorSetup]:
    """Every mode of every profile that can be started, in the order of names."""
    out = []
    for path in sorted((ROOT / "devices").glob("*.toml")):
        profile = load_profile(path)
        for mode in profile.mode:
            # outputs of a MetaMotion's sensor fusion are decoded, not started
            if (
                profile.ble is None
                or not mode.step
                or (path.stem.startswith("meta") and mode.kind == "other")
            ):
                continue
            name = f"{profile.id}-{mode.id.lower()}"
            settings = profile.examples()
            out.append(SensorSetup(sensor=name, profile=profile, channels=mode.channels, settings=settings))
    return out


SETUPS = setups()


class Room:
    """Devices on one air, and one link to all of them."""

    def __init__(self, air: Air, central: Central, setups: Sequence[SensorSetup]) -> None:
        self.sent: dict[str, list[Sent]] = {}
        self.sensors: dict[str, VirtualSensor] = {}
        self.tapes: dict[str, Tape] = {}
        self.sure_s = 0.0
        for order, setup in enumerate(setups, 1):
            name = setup.sensor
            sent = self.sent[name] = []
            tape = self.tapes[name] = tape_of(setup)
            self.sensors[name] = VirtualSensor(
                setup,
                tape,
                air,
                address=f"F0:EC:CE:47:0A:{order:02X}",
                sent=sent.append,
                advertise_every_s=0.03,
            )
        self.mailbox = Mailbox(1 << 20)
        wanted = [WantedSensor(setup=one.setup, address=one.address) for one in self.sensors.values()]
        self.link = BluetoothLink(wanted, self.mailbox, backend=make_backend(central))

    def states(self) -> dict[str, str]:
        return {one.sensor: f"{one.state} {one.problem}".strip() for one in self.link.status()}

    async def run(self, seconds: float) -> list[Input | StationNoted]:
        for sensor in self.sensors.values():
            await sensor.start()
        running = asyncio.create_task(self.link.run())
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WITHIN_S):
                    while set(self.states().values()) != {"streaming"}:  # noqa: ASYNC110  no event says it
                        await asyncio.sleep(0.1)
            assert set(self.states().values()) == {"streaming"}, self.states()
            await asyncio.sleep(seconds)
            self.sure_s = asyncio.get_running_loop().time() - UNDER_WAY_S
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            for sensor in self.sensors.values():
                await sensor.stop()
        return self.mailbox.drain()


def trouble(setup: SensorSetup, got: Floats, sent: Floats, packet: int) -> str:
    """What is wrong with what came, compared with what was sent; empty when it is the same.

    The first samples may be missing where two characteristics are subscribed to one after the other, and the
    last packet may still be under way when the link ends.
    """
    profile, half = setup.profile, resolution(setup)
    if profile.ble is not None and profile.ble.broadcast is not None:
        # heard again and again until the next one
        nearest = np.abs(got - sent[:, 0]).min(axis=1)
        return "" if len(np.unique(got)) > 3 and (nearest <= half).all() else "not what was sent"
    if len(got) < 0.9 * len(sent) - 2 * packet:
        return f"{len(got)} of {len(sent)} samples"
    for shift in range(4):
        same = min(len(got), len(sent) - shift)
        one, other = got[:same], sent[shift : shift + same]
        if profile.packets == "differences":  # from the load at its start on
            one, other, half = one - one[0], other - other[0], 2 * half
        if len(got) - same <= 2 and (np.abs(one - other) <= half).all():
            return ""
    return f"not what was sent: off by up to {np.abs(got[: len(sent)] - sent[: len(got)]).max():g}"


def streamed(setups: Sequence[SensorSetup], seconds: float) -> tuple[Room, list[Input | StationNoted]]:
    async def session() -> tuple[Room, list[Input | StationNoted]]:
        air = Air()
        central = await Central.switched_on(air, request_s=30.0)
        room = Room(air, central, setups)
        return room, await room.run(seconds)

    return asyncio.run(session())


def came(room: Room, name: str, items: list[Input | StationNoted]) -> tuple[Floats, Floats, int]:
    """Samples that came and were sent on the last connection, and how many a packet holds."""
    sensor = room.sensors[name]
    tape = room.tapes[name].at_rate(sensor.setup.rate)
    last = [sent for sent in room.sent[name] if sent.connection == sensor.connections]
    # some stream at a rate of their own until they are told another
    packets = [sent for sent in last if sent.stream == last[-1].stream]
    before = sum(len(one.device_ns) for one in last[: len(last) - len(packets)])
    sent = np.concatenate([tape.read(one.first, len(one.device_ns))[1] for one in packets])
    return decoded(sensor.setup, items)[before:], sent, len(packets[0].device_ns)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, len(SETUPS), TOGETHER))
def test_every_device_streams_through_unmodified_bleak(first: int) -> None:
    room, items = streamed(SETUPS[first : first + TOGETHER], STREAMS_S)
    found = {name: trouble(one.setup, *came(room, name, items)) for name, one in room.sensors.items()}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.long
def test_eight_models_for_three_minutes_and_nothing_is_lost() -> None:
    setups = [
        SensorSetup(sensor=name, profile=profile, rate_hz=rate, settings=profile.examples())
        for name, profile, rate in ((name, load_profile(name), rate) for name, rate in EIGHT.items())
    ]
    room, items = streamed(setups, EIGHT_S)
    assert not [item for item in items if isinstance(item, Lost) and item.why != "stopped"]
    for setup in setups:
        name = setup.sensor
        got, sent, packet = came(room, name, items)
        assert room.sensors[name].connections == 1, name
        # in order, each once: a lost or doubled sample would shift all that follow
        assert trouble(setup, got, sent, packet) == "", name
        # what was sent in the last moment may still be under way
        due = sum(len(one.device_ns) for one in room.sent[name] if one.at_s < room.sure_s)
        assert len(got) >= due - 3, name
        assert len(got) > 0.9 * setup.rate * EIGHT_S, name
