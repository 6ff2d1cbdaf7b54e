"""What runs inside the virtual machine: link, adapter and Bluetooth service are killed in turn.

After a kill BlueZ keeps the connections, so the sensors do not advertise: the new process has to find them
all the same. Prints what was measured, as JSON, in the last line.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "bluez"))

from guest import START_LIMIT_S, athlete, sensors_process

from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Packet
from eccentra.link import WantedSensor
from eccentra.link.bluetooth import BluetoothLink
from eccentra.link.machine import Patience
from eccentra.link.mailbox import Mailbox

FORK = multiprocessing.get_context("fork")
ON_AIR_S = 1000.0
# Here connections count, not samples: six models that send some 55 packets a second together. With twice as
# many an emulated processor, shared with other programs, had no time left to connect.
SENSORS = {
    "thigh": ("movesense", 13.0),
    "left": ("vernier-godirect", 10.0),
    "shank": ("movella-dot", 12.0),
    "right": ("pitchsix-forceboard", 40.0),
    "pelvis": ("open-sensor", 50.0),
    "trunk": ("polar-verity-sense", 52.0),
}
# There a step takes several times as long. Giving up and beginning again makes it no faster.
PATIENCE = Patience(connect_s=60.0, start_s=60.0, first_data_s=15.0, silence_s=5.0)


class Watched:
    """A running link and what came out of it."""

    def __init__(self, wanted: tuple[WantedSensor, ...]) -> None:
        self.mailbox = Mailbox()
        self.link = BluetoothLink(wanted, self.mailbox, patience=PATIENCE)
        self.notes: list[StationNoted] = []
        self.packets = 0

    async def until(self, true: Callable[[], bool]) -> float:
        start = time.monotonic()
        while not true():
            await self.mailbox.wait(0.02)
            for item in self.mailbox.drain():
                self.packets += isinstance(item, Packet)
                if isinstance(item, StationNoted):
                    self.notes.append(item)
                if not isinstance(item, Packet):
                    print(f"{time.monotonic():9.3f}  {item}", flush=True)
            waited = time.monotonic() - start
            assert waited < START_LIMIT_S, f"{waited:.0f} s and still not: {self.link.status()}"
        return time.monotonic() - start

    async def streaming(self) -> float:
        return await self.until(lambda: all(one.state == "streaming" for one in self.link.status()))

    def said(self, reason: StationReason, level: str) -> bool:
        return (reason, level) in [(note.reason, note.level) for note in self.notes]


async def until_killed(wanted: tuple[WantedSensor, ...], streams: Event) -> None:
    watched = Watched(wanted)
    running = asyncio.create_task(watched.link.run())
    await watched.streaming()
    streams.set()
    await running


async def after_the_kill(wanted: tuple[WantedSensor, ...]) -> dict[str, float]:
    watched = Watched(wanted)
    running = asyncio.create_task(watched.link.run())
    taken_over_s = await watched.streaming()
    before = watched.packets
    await watched.until(lambda: watched.packets > before + 20)
    await asyncio.to_thread(power, "off")
    off_said_s = await watched.until(lambda: watched.said(StationReason.BLUETOOTH_OFF, "error"))
    await asyncio.to_thread(power, "on")
    back_s = (
        await watched.until(lambda: watched.said(StationReason.BLUETOOTH_OFF, "info"))
        + await watched.streaming()
    )
    service = kill_service()
    gone_said_s = await watched.until(lambda: watched.said(StationReason.BLUETOOTH_MISSING, "error"))
    await asyncio.to_thread(subprocess.Popen, service)
    service_back_s = await watched.until(lambda: watched.said(StationReason.BLUETOOTH_MISSING, "info"))
    service_back_s += await watched.streaming()
    once = [(note.reason, note.level) for note in watched.notes if note.sensor is None]
    assert len(once) == len(set(once)), f"something was said twice: {once}"
    start = time.monotonic()
    running.cancel()
    await asyncio.wait([running])
    assert held() == 0, "nothing stays connected after a clean end"
    return {
        "taken_over_s": taken_over_s,
        "off_said_s": off_said_s,
        "back_s": back_s,
        "gone_said_s": gone_said_s,
        "service_back_s": service_back_s,
        "ended_s": time.monotonic() - start,
    }


def power(state: str) -> None:
    subprocess.run(["bluetoothctl", "power", state], check=True, timeout=30, capture_output=True)


def kill_service() -> list[bytes]:
    """Kill bluetoothd; the command that starts it again."""
    pid = subprocess.run(["pidof", "bluetoothd"], check=True, capture_output=True, text=True).stdout.strip()
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    os.kill(int(pid), signal.SIGKILL)
    return command


def held() -> int:
    """Devices that BlueZ holds connections to."""
    command = ["bluetoothctl", "devices", "Connected"]
    done = subprocess.run(command, check=True, timeout=30, capture_output=True, text=True)
    return done.stdout.count("Device ")


def main() -> None:
    from eccentra.link.virtual.air import Air
    from eccentra.link.virtual.athlete import VirtualAthlete

    simulation = athlete(SENSORS)
    # only for the addresses: nothing is on this air
    wanted = VirtualAthlete(simulation, Air()).wanted
    ending = FORK.Event()
    sensors = FORK.Process(
        target=sensors_process, args=(simulation, Path("/out"), ending, ON_AIR_S), daemon=True
    )
    sensors.start()
    streams = FORK.Event()
    first = FORK.Process(target=lambda: asyncio.run(until_killed(wanted, streams)), daemon=True)
    first.start()
    assert streams.wait(START_LIMIT_S), "the sensors did not stream"
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    held_after_kill = held()
    measured = asyncio.run(after_the_kill(wanted))
    ending.set()
    sensors.terminate()
    sensors.join(10)
    counts = {"sensors": len(wanted), "held_after_kill": held_after_kill}
    print(json.dumps({**counts, **measured}), flush=True)


if __name__ == "__main__":
    main()
