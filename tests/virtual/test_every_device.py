"""Every profile, emulated, through unmodified Bleak: found, connected, started, its samples come through."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")

from eccentra.decode import Decoder, Frame
from eccentra.errors import DecodeError
from eccentra.events import StationNoted
from eccentra.inputs import Connected, Input, Packet, Written
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

TOGETHER = 7
STREAMS_S = 2.5
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


def tape_of(setup: SensorSetup) -> Tape:
    """Slow waves, another one in each channel, inside what the wire can carry."""
    mode, rate = setup.mode, setup.rate
    n = round(120 * rate)
    t = np.arange(n) / rate
    low = np.broadcast_to(np.array(mode.low), (len(mode.channels),))
    high = np.broadcast_to(np.array(mode.high), (len(mode.channels),))
    middle = np.clip(0.0, low + 0.2 * (high - low), high - 0.2 * (high - low))
    size = np.minimum(0.2 * (high - low), 150.0)
    turns = 2 * np.pi * 0.3 * (1 + 0.2 * np.arange(len(mode.channels)))
    return Tape(t, middle + size * np.sin(turns * t[:, None]), mode.channels)


def decoded(setup: SensorSetup, items: list[Input | StationNoted]) -> Floats:
    """What a session makes of what was recorded of one sensor's last connection."""
    rows: list[Floats] = []
    decoder: Decoder = setup.start_decoder()
    for item in items:
        if isinstance(item, StationNoted) or getattr(item, "sensor", None) != setup.sensor:
            continue
        if isinstance(item, Connected):
            decoder, rows = setup.start_decoder(), []
        elif isinstance(item, Written):
            decoder.expect(item.data)
        elif isinstance(item, Packet):
            with contextlib.suppress(DecodeError):
                rows += [p.x for p in decoder.feed(item.channel, item.data) if isinstance(p, Frame)]
    return np.concatenate(rows) if rows else np.empty((0, len(setup.mode.channels)))


class Room:
    """Some devices on one air, and one link to all of them."""

    def __init__(self, air: Air, central: Central, setups: list[SensorSetup]) -> None:
        self.sent: dict[str, list[Sent]] = {}
        self.sensors: dict[str, VirtualSensor] = {}
        self.tapes: dict[str, Tape] = {}
        for order, setup in enumerate(setups, 1):
            sent = self.sent[setup.sensor] = []
            tape = self.tapes[setup.sensor] = tape_of(setup)
            self.sensors[setup.sensor] = VirtualSensor(
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

    async def run(self) -> list[Input | StationNoted]:
        for sensor in self.sensors.values():
            await sensor.start()
        running = asyncio.create_task(self.link.run())
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WITHIN_S):
                    while set(self.states().values()) != {"streaming"}:  # noqa: ASYNC110  no event says it
                        await asyncio.sleep(0.1)
            assert set(self.states().values()) == {"streaming"}, self.states()
            await asyncio.sleep(STREAMS_S)
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
    profile, mode = setup.profile, setup.mode
    half = np.broadcast_to(np.array(mode.step), (len(mode.channels),)) / 2 * (1 + 1e-6) + 1e-9
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


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, len(SETUPS), TOGETHER))
def test_every_device_streams_through_unmodified_bleak(first: int) -> None:
    async def session() -> tuple[Room, list[Input | StationNoted]]:
        air = Air()
        central = await Central.switched_on(air, request_s=30.0)
        room = Room(air, central, SETUPS[first : first + TOGETHER])
        return room, await room.run()

    room, items = asyncio.run(session())
    found = {}
    for name, sensor in room.sensors.items():
        setup, tape = sensor.setup, room.tapes[name].at_rate(sensor.setup.rate)
        last = [sent for sent in room.sent[name] if sent.connection == sensor.connections]
        # some stream at a rate of their own until they are told another
        packets = [sent for sent in last if sent.stream == last[-1].stream]
        before = sum(len(one.device_ns) for one in last[: len(last) - len(packets)])
        sent = np.concatenate([tape.read(one.first, len(one.device_ns))[1] for one in packets])
        got = decoded(setup, items)[before:]
        found[name] = trouble(setup, got, sent, len(packets[0].device_ns))
    assert {name: what for name, what in found.items() if what} == {}
