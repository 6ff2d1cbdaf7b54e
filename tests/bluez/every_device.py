"""What runs inside the virtual machine: the commands `scan` and `station`, on every model that is emulated.

For each set of sensors `scan` says what is heard and binds it, then `station` records a session. The program
runs as users run it, in a process of its own, made by forking: importing takes long here. The judging is done
outside, from what the commands wrote and from ``sent.jsonl``, what the sensors handed to their radios.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec

from eccentra.cli import main as program
from eccentra.link import bluetooth, nearby
from eccentra.link.bindings import read_bindings, write_bindings
from eccentra.link.machine import Patience
from eccentra.link.virtual.peripheral import Sent, VirtualSensor
from eccentra.link.virtual.radios import HciTransport
from eccentra.profiles import SensorSetup
from eccentra.station import running
from waves import tape_of
from worn import groups, packets_a_second

AIR = "tcp-client:127.0.0.1:9100"
NOBODY = "mqtt://127.0.0.1:9"
FORK = multiprocessing.get_context("fork")
OUT = Path("/out")
# So many packets an emulated processor bears while it connects others.
MOST_A_SECOND = 110.0
SCANS = 6
SCAN_S = 6
STREAMS_S = 8.0
# A busy machine may hold a sensor up for longer: until this share of its packets came, or the limit.
ENOUGH = 0.1
STREAMS_LIMIT_S = 90.0
START_LIMIT_S = 150.0
END_LIMIT_S = 60.0
POLL_S = 0.2
# What the commands import when they are called.
LATE = ("eccentra.cli.open_room", "eccentra.mqtt.publisher", "bleak", "scipy.signal", "rich.table")
# An emulated processor that has other things to do takes several times as long for each step.
PATIENCE = Patience(connect_s=60.0, start_s=60.0, first_data_s=20.0, silence_s=10.0)
WAIT_ALL_S = 120


def address(group: int, order: int) -> str:
    """Of its own in each set: BlueZ remembers names."""
    return f"F0:EC:CE:47:{group:02X}:{order:02X}"


def place(setup: SensorSetup) -> str:
    return setup.placement or f"force:{setup.side}"


def sensors_process(group: int, setups: Sequence[SensorSetup], folder: Path) -> None:
    asyncio.run(run_sensors(group, setups, folder))


async def run_sensors(group: int, setups: Sequence[SensorSetup], folder: Path) -> None:
    with (folder / "sent.jsonl").open("w") as log:

        def sent(name: str, one: Sent) -> None:
            row = {"sensor": name, "stream": one.stream, "first": one.first, "n": len(one.device_ns)}
            log.write(json.dumps(row) + "\n")

        sensors = [
            VirtualSensor(
                setup,
                tape_of(setup),
                HciTransport(AIR),
                address=address(group, order),
                sent=lambda one, name=setup.sensor: sent(name, one),  # type: ignore[misc]
                advertise_every_s=0.2,
            )
            for order, setup in enumerate(setups, 1)
        ]
        for sensor in sensors:
            await sensor.start()
        ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        await ending.wait()
        for sensor in sensors:
            await sensor.stop()


def _command(args: Sequence[str], said: Path) -> None:
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(os.open(f"{said}.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.argv = ["eccentra", *args]
    program()


def begin(args: Sequence[str], said: Path) -> multiprocessing.process.BaseProcess:
    said.unlink(missing_ok=True)
    process = FORK.Process(target=_command, args=(args, said))
    process.start()
    return process


def run(args: Sequence[str], said: Path) -> None:
    process = begin(args, said)
    process.join(START_LIMIT_S)
    assert process.exitcode == 0, f"{args}: status {process.exitcode}: {Path(f'{said}.err').read_text()}"


def scan(group: int, setups: Sequence[SensorSetup], folder: Path) -> None:
    """Until all were heard: how long that takes depends on the machine."""
    wanted = {address(group, order) for order in range(1, len(setups) + 1)}
    for _ in range(SCANS):
        run(["scan", "--json", "--timeout", str(SCAN_S)], folder / "scan.json")
        document = json.loads((folder / "scan.json").read_text())
        if wanted <= {one["address"].upper() for one in document["devices"]}:
            return
    raise AssertionError(f"not all were heard: {document}")


def bind(group: int, setups: Sequence[SensorSetup], folder: Path) -> None:
    """What is clear by itself at once, as it is recognised; the others by name."""
    devices = json.loads((folder / "scan.json").read_text())["devices"]
    found = {one["address"].upper(): one for one in devices}
    clear = []
    for order, setup in enumerate(setups, 1):
        one = found[address(group, order)]
        wish = ["--bind", f"{address(group, order)}={place(setup)}"]
        if setup.settings or one["ambiguous"] or one["confidence"] < 0.6:
            typed = [f"--set={name}={value}" for name, value in setup.settings.items()]
            run(["scan", *wish, "--device", setup.sensor, *typed], folder / "bind.txt")
        else:
            clear += wish
    run(["scan", *clear, "--timeout", "60"], folder / "bind.txt")
    rates = {setup.sensor: setup.rate_hz for setup in setups}
    bound = [msgspec.structs.replace(one, rate_hz=rates[one.device]) for one in read_bindings()]
    write_bindings(bound)


def missing(setups: Sequence[SensorSetup]) -> dict[str, int]:
    """How many packets the running session has of sensors of which it has not enough."""
    (path,) = (Path(os.environ["ECCENTRA_HOME"]) / "sessions").glob("*.eccentra")
    session = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = session.execute("SELECT sensor, count(*) FROM input WHERE kind = 'packet' GROUP BY sensor")
        came = dict(rows.fetchall())
    finally:
        session.close()
    names = {one.device: one.sensor for one in read_bindings()}
    counts = {setup.sensor: came.get(names[setup.sensor], 0) for setup in setups}
    wanted = {setup.sensor: 3 + ENOUGH * STREAMS_S * packets_a_second(setup) for setup in setups}
    return {name: count for name, count in counts.items() if count < wanted[name]}


def station(setups: Sequence[SensorSetup], folder: Path) -> None:
    """A session of all of them, ended by Ctrl-C."""
    said = folder / "station.txt"
    process = begin(["station", "--exercise", "generic", "--mqtt", NOBODY], said)
    start = time.monotonic()
    while not (said.exists() and " started: generic" in said.read_text()):
        assert process.is_alive(), Path(f"{said}.err").read_text()
        assert time.monotonic() - start < START_LIMIT_S, Path(f"{said}.err").read_text()
        time.sleep(POLL_S)
    began = time.monotonic()
    time.sleep(STREAMS_S)
    while (few := missing(setups)) and time.monotonic() - began < STREAMS_LIMIT_S:
        time.sleep(1.0)
    if few:
        print(f"few packets came in {STREAMS_LIMIT_S:g} s: {few}")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(END_LIMIT_S)
    assert process.exitcode == 130, f"ended with {process.exitcode}: {Path(f'{said}.err').read_text()}"


def main() -> None:
    for module in LATE:
        importlib.import_module(module)
    bluetooth.Patience = lambda: PATIENCE  # type: ignore[assignment, misc]
    running._WAIT_ALL_NS = WAIT_ALL_S * 1_000_000_000
    assert nearby.bluetooth_profiles(), "read before forking"
    chosen = [int(number) for number in sys.argv[1:]]
    for number, setups in enumerate(groups(MOST_A_SECOND)):
        if chosen and number not in chosen:
            continue
        began = time.monotonic()
        folder = OUT / str(number)
        folder.mkdir()
        # databases cannot be kept in a folder of the machine outside
        home = Path(tempfile.mkdtemp())
        os.environ["ECCENTRA_HOME"] = str(home)
        sensors = FORK.Process(target=sensors_process, args=(number, setups, folder), daemon=True)
        sensors.start()
        scan(number, setups, folder)
        scanned = time.monotonic()
        bind(number, setups, folder)
        bound = time.monotonic()
        station(setups, folder)
        for path in (home / "bindings.toml", *(home / "sessions").glob("*")):
            shutil.copy(path, folder)
        sensors.terminate()
        sensors.join(10)
        took = f"scan {scanned - began:.1f} s, bind {bound - scanned:.1f} s"
        print(f"{number}: {took}, station {time.monotonic() - bound:.1f} s", flush=True)


if __name__ == "__main__":
    main()
