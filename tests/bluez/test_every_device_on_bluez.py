"""The commands `scan` and `station` on every emulated model, through BlueZ and Bleak as users have them.

In a virtual machine each model is recognised, bound, connected and recorded by the program itself. What the
session files hold is compared with what the sensors sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from eccentra.inputs import Lost
from eccentra.link.bindings import Binding, read_bindings
from eccentra.profiles import SensorSetup
from eccentra.recording import Recording
from eccentra.samples import Floats
from needs import need_rig
from rig import in_machine
from waves import decoded, longest, not_a_piece, resolution, tape_of
from worn import groups

# On an emulated processor that has nothing else to do it takes 4 minutes.
LIMIT_S = 1200
MOST_A_SECOND = 110.0
STREAMS_S = 8.0
# A machine that is busy holds the sensors up as well; what they did send must be there.
SHARE = 0.05
# A sensor is told its rate within this time, on a busy machine too.
BY_ITSELF_S = 2.0
# Models that advertise alike: a person is asked which it is.
ALIKE = ({"metamotion", "metamotion-s"}, {"entralpi", "weight-scale-service"})


def recognised(group: int, setups: Sequence[SensorSetup], folder: Path) -> dict[str, str]:
    """What `scan` took for something else."""
    document = json.loads((folder / "scan.json").read_text())
    found = {one["address"].upper(): one for one in document["devices"]}
    wrong = {}
    for order, setup in enumerate(setups, 1):
        one = found[f"F0:EC:CE:47:{group:02X}:{order:02X}"]
        likely = {each["device"] for each in one["candidates"] if each["confidence"] == one["confidence"]}
        if one["ambiguous"]:
            good = setup.sensor in likely and likely in ALIKE
        else:
            good = one["device"] == setup.sensor
        if not good:
            wrong[setup.sensor] = f"taken for {one['device']} {one['candidates']}"
    return wrong


def received(setup: SensorSetup, binding: Binding, recording: Recording, folder: Path) -> str:
    """What is wrong with what the session file holds of a sensor."""
    inputs = list(recording.inputs())
    if any(isinstance(one, Lost) and one.sensor == binding.sensor and one.why != "stopped" for one in inputs):
        print(f"{setup.sensor}: was lost and came back")
    got = decoded(msgspec.structs.replace(setup, sensor=binding.sensor), inputs)
    rows = [json.loads(line) for line in (folder / "sent.jsonl").read_text().splitlines()]
    own = [row for row in rows if row["sensor"] == setup.sensor]
    if not own:
        return "sent nothing"
    stream = longest([row["stream"] for row in own])
    tape = tape_of(setup)
    sent = np.concatenate([tape.read(row["first"], row["n"])[1] for row in own if row["stream"] == stream])
    print(f"{setup.sensor}: as {binding.sensor}, {len(got)} of {len(sent)} samples in the session")
    if len(got) < max(2.0, SHARE * setup.rate * STREAMS_S):
        return f"only {len(got)} samples"
    began = next(row["first"] for row in own if row["stream"] == stream)
    return not_a_piece(setup, got[by_itself(setup, got, tape.read(0, began)[1]) :], sent)


def by_itself(setup: SensorSetup, got: Floats, earlier: Floats) -> int:
    """How many samples came first that a sensor streamed by itself, until its rate was set.

    Each must be one that it measured before that, in order: ``earlier`` is the tape until then.
    """
    ble = setup.profile.ble
    if setup.profile.packets == "differences" or (ble is not None and ble.broadcast is not None):
        return 0
    half, at = resolution(setup), 0
    for k, row in enumerate(got[: round(BY_ITSELF_S * setup.rate)]):
        (same,) = np.nonzero((np.abs(earlier[at:] - row) <= half).all(axis=1))
        if not len(same):
            return k
        at += int(same[0]) + 1
    return 0


@pytest.mark.long
@pytest.mark.machine
def test_scan_and_station_drive_every_model(tmp_path: Path) -> None:
    need_rig()
    print(in_machine(["python3", "/proj/tests/bluez/every_device.py"], tmp_path, LIMIT_S))
    wrong: dict[str, str] = {}
    for number, setups in enumerate(groups(MOST_A_SECOND)):
        folder = tmp_path / str(number)
        wrong |= recognised(number, setups, folder)
        bindings = {one.device: one for one in read_bindings(folder / "bindings.toml")}
        assert set(bindings) == {setup.sensor for setup in setups}
        (path,) = folder.glob("*.eccentra")
        recording = Recording(path)
        in_session = {one.sensor for one in recording.header.sensors}
        assert in_session == {one.sensor for one in bindings.values()}
        for setup in setups:
            what = received(setup, bindings[setup.sensor], recording, folder)
            wrong |= {setup.sensor: what} if what else {}
    assert wrong == {}
