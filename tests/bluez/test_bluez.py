"""The Bluetooth link on a real Linux Bluetooth stack: kernel, BlueZ, D-Bus and Bleak as users have them.

A Progressor and a Movesense are emulated in a virtual machine. One hangs up, the other vanishes; both come
back. What they sent is compared with what the link received and with what a session says about it.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
import warnings
from pathlib import Path

import pytest
from judging import judge, read_inputs, read_sent, reported_gaps

from eccentra.simulate import KITS
from eccentra.simulate.delivery import setup_of
from needs import ROOT, need_rig

SENSORS = ("thigh", "left")
WITH_KVM_S, EMULATED_S = 60, 20
# Imports, boot and reconnection on an emulated processor, beside the time of the test itself.
SPARE_S = 200
# The image that is built on first use.
BUILD_S = 200
# What the image needs beside Bleak and Bumble: our own dependencies but the broker.
NOT_NEEDED = ("amqtt", "bleak")


def has_kvm() -> bool:
    """As the rig decides: a processor that offers virtualization, and a device that may be used."""
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
        timeout=seconds + SPARE_S + BUILD_S,
    )
    assert done.returncode == 0, f"the rig ended with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout


@pytest.mark.long
def test_both_sensors_at_once_through_bluez_with_a_drop_and_a_vanish(tmp_path: Path) -> None:
    run = need_rig()
    seconds = WITH_KVM_S if has_kvm() else EMULATED_S
    if seconds == EMULATED_S:
        warnings.warn(f"no KVM here: {EMULATED_S} s on an emulated processor", stacklevel=1)
    print(run_in_machine(run, tmp_path, seconds))
    worn = {spec.id: spec for kit in KITS.values() for spec in kit}
    setups = [setup_of(worn[name]) for name in SENSORS]
    inputs, sent = read_inputs(tmp_path / "inputs.jsonl"), read_sent(tmp_path / "sent.jsonl")
    gaps = reported_gaps(setups, inputs)
    for setup in setups:
        own = [one for one in sent if one.sensor == setup.sensor]
        print(judge(setup, own, inputs, gaps[setup.sensor], seconds))
