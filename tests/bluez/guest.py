"""What runs inside the virtual machine: emulated sensors, and the Bluetooth link on BlueZ that hears them.

The sensors run in a process of their own, on radios of the rig's air. Both processes write what they know to
a folder, on one clock (that of the machine): ``sent.jsonl`` every packet that a sensor handed to its radio,
``inputs.jsonl`` everything that the link put into its mailbox. The judging is done outside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Mapping
from multiprocessing.synchronize import Event
from pathlib import Path

import msgspec

from eccentra.inputs import Connected, Input, Lost, Packet, Written
from eccentra.link.machine import Patience
from eccentra.link.virtual.athlete import VirtualAthlete
from eccentra.link.virtual.faults import Fault, Kind, play
from eccentra.link.virtual.peripheral import Sent
from eccentra.link.virtual.radios import HciTransport
from eccentra.profiles import DeviceProfile, load_profile
from eccentra.simulate import KITS, Fidget, Hold, Scenario, SensorSpec, Simulation, simulate

AIR = "tcp-client:127.0.0.1:9100"
# An emulated processor bears some 100 packets a second, fewer when others use the machine.
STRAP = "tindeq-progressor"
RECORDS = 4
# Where each is worn, its model and rate, Hz: six that send their own time, some 100 packets a second.
SENSORS = {
    "thigh": ("movesense", 104.0),
    "left": (STRAP, 80.0),
    "shank": ("movella-dot", 15.0),
    "right": ("frez-dyno", 250.0),
    "pelvis": ("open-sensor", 100.0),
    "trunk": ("polar-verity-sense", 52.0),
}
# On a busy machine it took 85 s to connect anew and start, ten times as long as on an idle one.
START_LIMIT_S = 180.0
BACK_LIMIT_S = 180.0
# An emulated processor that has other things to do takes several times as long for each step.
PATIENCE = Patience(connect_s=40.0, start_s=40.0, first_data_s=10.0)


def strap() -> DeviceProfile:
    """Several records in a packet, as the original sends them."""
    profile = load_profile(STRAP)
    return msgspec.structs.replace(profile, decoder={**profile.decoder, "records_per_packet": RECORDS})


def worn(sensors: Mapping[str, tuple[str, float]] = SENSORS) -> tuple[SensorSpec, ...]:
    """Sensors where they are worn: model and rate of each."""
    known = {spec.id: spec for kit in KITS.values() for spec in kit}
    out = []
    for name, (device, rate_hz) in sensors.items():
        changes: dict[str, object] = {"id": name, "device": device, "samples_per_packet": 1}
        like = known[name]
        out.append(msgspec.structs.replace(like, rate_hz=rate_hz, **changes))
    return tuple(out)


def athlete(sensors: Mapping[str, tuple[str, float]] = SENSORS) -> Simulation:
    timeline = (Hold(seconds=1.0), Fidget(seconds=18.0), Hold(seconds=1.0))
    return simulate(Scenario(timeline=timeline, sensors=worn(sensors)), 1)


def faults_of(seconds: float) -> list[Fault]:
    """Every sensor goes away once: half of them hang up, the others vanish."""
    kinds: tuple[Kind, ...] = ("drop", "vanish")
    return [
        Fault(sensor=name, kind=kinds[k % 2], at_s=(0.12 + 0.13 * k) * seconds, for_s=1.5 + 0.5 * (k % 2))
        for k, name in enumerate(SENSORS)
    ]


def sensors_process(simulation: Simulation, folder: Path, go: Event, seconds: float) -> None:
    asyncio.run(run_sensors(simulation, folder, go, seconds))


async def run_sensors(simulation: Simulation, folder: Path, go: Event, seconds: float) -> None:
    with (folder / "sent.jsonl").open("w") as log:

        def sent(name: str, one: Sent) -> None:
            row = {"sensor": name, "connection": one.connection, "stream": one.stream, "at_s": one.at_s}
            row |= {"first": one.first, "device_ns": one.device_ns.tolist()}
            log.write(json.dumps(row) + "\n")

        def say(name: str, text: str) -> None:
            print(f"{time.monotonic():9.3f}  sensor {name}: {text}", flush=True)

        straps = {name: strap() for name, one in simulation.signals.items() if one.sensor.device == STRAP}
        sensors = VirtualAthlete(simulation, HciTransport(AIR), profiles=straps, sent=sent, say=say)
        await sensors.start()
        ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        await asyncio.to_thread(go.wait)
        playing = asyncio.create_task(play(faults_of(seconds), sensors.sensors))
        await ending.wait()
        playing.cancel()
        await sensors.stop()


def row_of(item: Input) -> dict[str, object]:
    row: dict[str, object] = {"kind": type(item).__name__, "at_ns": item.arrival_ns}
    if isinstance(item, Packet | Written):
        row |= {"sensor": item.sensor, "channel": item.channel, "data": item.data.hex()}
    elif isinstance(item, Connected):
        row |= {"sensor": item.sensor}
    elif isinstance(item, Lost):
        row |= {"sensor": item.sensor, "why": item.why}
    return row


async def run_link(simulation: Simulation, folder: Path, go: Event, seconds: float) -> bool:
    from eccentra.link.bluetooth import BluetoothLink
    from eccentra.link.mailbox import Mailbox
    from eccentra.link.virtual.air import Air

    # only for the addresses: nothing is on this air
    wanted = VirtualAthlete(simulation, Air()).wanted
    mailbox = Mailbox()
    link = BluetoothLink(wanted, mailbox, patience=PATIENCE)
    running = asyncio.create_task(link.run())
    lost: dict[str, int] = {}
    rows = (folder / "inputs.jsonl").open("w")

    def take() -> None:
        for item in mailbox.drain():
            if isinstance(item, Input):
                rows.write(json.dumps(row_of(item)) + "\n")
            else:
                rows.write(json.dumps({"kind": "note", **msgspec.to_builtins(item)}) + "\n")
            if not isinstance(item, Packet | Written):
                print(f"{time.monotonic():9.3f}  link: {item}", flush=True)
            if isinstance(item, Lost):
                lost[item.sensor] = lost.get(item.sensor, 0) + 1

    async def streaming_within(limit_s: float) -> bool:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            take()
            if all(status.state == "streaming" for status in link.status()):
                return True
            await mailbox.wait(0.05)
        print(f"not streaming: {link.status()}", flush=True)
        return False

    good = await streaming_within(START_LIMIT_S)
    if good:
        go.set()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await mailbox.wait(0.05)
            take()
        good = await streaming_within(BACK_LIMIT_S)
        await asyncio.sleep(1.0)
        take()
    running.cancel()
    await asyncio.wait([running])
    take()
    rows.close()
    return good and all(lost.get(name, 0) >= 1 for name in SENSORS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    began = time.monotonic()
    simulation = athlete()
    fork = multiprocessing.get_context("fork")
    go = fork.Event()
    sensors = fork.Process(target=sensors_process, args=(simulation, args.out, go, args.seconds), daemon=True)
    sensors.start()
    print(f"imports and simulation took {time.process_time():.1f} s of CPU", flush=True)
    good = asyncio.run(run_link(simulation, args.out, go, args.seconds))
    go.set()
    sensors.terminate()
    sensors.join(10)
    (args.out / "done.json").write_text(json.dumps({"good": good, "wall_s": time.monotonic() - began}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
