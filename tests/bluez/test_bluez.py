"""The Bluetooth link on a real Linux Bluetooth stack: kernel, BlueZ, D-Bus and Bleak as users have them.

A Progressor and a Movesense are emulated in a virtual machine. One hangs up, the other vanishes; both come
back. What they sent is compared with what the link received and with what a session says about it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eccentra.decode import Frame
from eccentra.events import SensorGap, SensorMalformed
from eccentra.exercises import load_exercise
from eccentra.inputs import Connected, Input, Lost, Packet, Tick, Written
from eccentra.link.virtual.tape import setup_of
from eccentra.profiles import SensorSetup
from eccentra.session import Header, Session
from eccentra.simulate import KITS
from needs import ROOT, need_rig

SENSORS = ("thigh", "left")
WITH_KVM_S, EMULATED_S = 60, 20
# Imports, boot and reconnection on an emulated processor, beside the time of the test itself.
SPARE_S = 150
# What the rig's image needs beside Bleak and Bumble: our own dependencies but the broker.
NOT_NEEDED = ("amqtt", "bleak")

KINDS = {"Packet": Packet, "Connected": Connected, "Lost": Lost, "Written": Written}


def has_kvm() -> bool:
    """The test of the rig: a processor that offers virtualization, and a device that may be used."""
    flags = Path("/proc/cpuinfo").read_text().split()
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and ("vmx" in flags or "svm" in flags)


def requirements() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return " ".join(one for one in project["dependencies"] if not one.startswith(NOT_NEEDED))


def run_in_machine(run: Path, folder: Path, seconds: int) -> str:
    command = [run, "--air-args", "--interval-ms 30", "--timeout", seconds + SPARE_S]
    command += ["--proj", ROOT, "--out", folder, "--", "env", "PYTHONPATH=/proj/src"]
    command += ["python3", "/proj/tests/bluez/guest.py", "--seconds", seconds, "--out", "/out"]
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "RIG_PIP_EXTRA": requirements()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds + SPARE_S + 300,
    )
    assert done.returncode == 0, f"the rig ended with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def inputs_of(path: Path) -> list[Input]:
    out: list[Input] = []
    for row in rows(path):
        if row["kind"] not in KINDS:
            continue
        fields = {name: value for name, value in row.items() if name not in ("kind", "at_ns")}
        if "data" in fields:
            fields["data"] = bytes.fromhex(fields["data"])
        out.append(KINDS[row["kind"]](row["at_ns"], **fields))
    return out


def setups() -> dict[str, SensorSetup]:
    worn = {spec.id: spec for kit in KITS.values() for spec in kit}
    return {name: setup_of(worn[name]) for name in SENSORS}


class Received:
    """One sensor's packets as the link got them: arrival (s) and first device tick, by connection."""

    def __init__(self, setup: SensorSetup, inputs: list[Input]) -> None:
        self.connections: list[list[tuple[float, int]]] = []
        decoder = None
        for item in inputs:
            if getattr(item, "sensor", None) != setup.sensor:
                continue
            if isinstance(item, Connected):
                decoder = setup.start_decoder()
                self.connections.append([])
            elif isinstance(item, Lost):
                decoder = None
            else:
                assert decoder is not None, f"{item} outside of a connection"
                if isinstance(item, Written):
                    decoder.expect(item.data)
                    continue
                for part in decoder.feed(item.channel, item.data):
                    if isinstance(part, Frame):
                        self.connections[-1].append((item.arrival_ns / 1e9, int(part.ticks[0])))


def match(setup: SensorSetup, sent: list[dict[str, Any]], got: Received) -> list[list[int]]:
    """For each connection of the link the numbers of the sent packets that arrived, in order of arrival.

    Ticks of a counter that starts anew come again in the next connection: the packet nearest in time is it.
    """
    tick_ns = round(setup.profile.clock.tick_s * 1e9)
    by_tick: dict[int, list[int]] = {}
    for number, one in enumerate(sent):
        by_tick.setdefault((one["device_ns"][0] + tick_ns // 2) // tick_ns, []).append(number)
    return [
        [min(by_tick[tick], key=lambda n: abs(sent[n]["at_s"] - at)) for at, tick in connection]
        for connection in got.connections
    ]


def judge(name: str, sent: list[dict[str, Any]], inputs: list[Input], seconds: int) -> str:
    """Check one sensor; says what was found."""
    setup = setups()[name]
    got = Received(setup, inputs)
    arrived = [connection for connection in match(setup, sent, got) if connection]
    every = [number for connection in arrived for number in connection]
    assert len(set(every)) == len(every), f"{name}: {len(every) - len(set(every))} packets came twice"
    assert every == sorted(every), f"{name}: out of order"
    assert len(arrived) >= 2, f"{name}: samples in {len(arrived)} connections, it should have come back"
    for connection in arrived:
        lost = set(range(connection[0], connection[-1])) - set(connection)
        assert not lost, f"{name}: {len(lost)} packets lost while connected: {sorted(lost)[:5]}"
    taken = [number for n in every for number in samples_of(sent[n])]
    # a loaded machine may hold the sensor itself up; that nothing was sent must not pass for nothing lost
    assert len(taken) > 0.3 * setup.rate * seconds, f"{name}: only {len(taken)} samples"
    gaps = reported_gaps(inputs, name)
    missing = sorted(set(range(taken[0], taken[-1])) - set(taken))
    began = min(one["at_s"] - samples_of(one)[-1] / setup.rate for one in sent)
    for number in missing:
        at = began + number / setup.rate
        covered = any(start <= at <= end for start, end in gaps)
        assert covered, f"{name}: sample {number}, at {at:.3f} s, is in no reported gap: {gaps}"
    arrival = [at for connection in got.connections for at, _ in connection]
    latency_ms = [1000 * (at - sent[n]["at_s"]) for at, n in zip(arrival, every, strict=True)]
    middle, late = np.quantile(latency_ms, (0.5, 0.99))
    return (
        f"{name}: {len(taken)} samples in {len(arrived)} connections, none twice, {len(missing)} missing, "
        f"all in gaps; latency median {middle:.0f} ms, p99 {late:.0f} ms"
    )


def samples_of(packet: dict[str, Any]) -> range:
    return range(packet["first"], packet["first"] + len(packet["device_ns"]))


def reported_gaps(inputs: list[Input], name: str) -> list[tuple[float, float]]:
    """Gaps that a session reports of the sensor, machine's clock, s, widened by the radio's latency."""
    zero = inputs[0].arrival_ns
    session = Session(
        Header(
            session="bluez",
            exercise=load_exercise("nordic-curl"),
            sensors=tuple(setups().values()),
            software="test",
        )
    )
    items = [*inputs, *(Tick(at) for at in range(zero, inputs[-1].arrival_ns, 1_000_000_000))]
    items.sort(key=lambda item: item.arrival_ns)
    moved = [type(item)(item.arrival_ns - zero, *_rest(item)) for item in items]
    events = [one.event for one in [*session.feed_many(moved), *session.finish()]]
    assert not [event for event in events if isinstance(event, SensorMalformed)]
    return [
        (zero / 1e9 + event.start_us / 1e6 - 0.1, zero / 1e9 + event.end_us / 1e6 + 0.1)
        for event in events
        if isinstance(event, SensorGap) and event.sensor == name
    ]


def _rest(item: Input) -> list[Any]:
    return [getattr(item, field) for field in item.__struct_fields__ if field != "arrival_ns"]


@pytest.mark.long
def test_both_sensors_at_once_through_bluez_with_a_drop_and_a_vanish(tmp_path: Path) -> None:
    run = need_rig()
    seconds = WITH_KVM_S if has_kvm() else EMULATED_S
    if seconds == EMULATED_S:
        warnings.warn(f"no KVM here: {EMULATED_S} s on an emulated processor", stacklevel=1)
    print(run_in_machine(run, tmp_path, seconds))
    inputs = inputs_of(tmp_path / "inputs.jsonl")
    sent = rows(tmp_path / "sent.jsonl")
    for name in SENSORS:
        print(judge(name, [one for one in sent if one["sensor"] == name], inputs, seconds))
