"""The Bluetooth link on a real Linux Bluetooth stack: kernel, BlueZ, D-Bus and Bleak as users have them.

Six sensors of six models are emulated in a virtual machine and stream at once. Each hangs up or vanishes once
and comes back. What they sent is compared with what the link received and with what a session says about it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from guest import worn
from judging import judge, read_inputs, read_sent, reported_gaps

from eccentra.simulate.delivery import setup_of
from needs import need_rig
from rig import has_kvm, in_machine

SECONDS = 120
# Imports, boot and reconnection on an emulated processor, beside the time of the test itself.
SPARE_S = 480


@pytest.mark.long
@pytest.mark.machine
def test_six_models_at_once_through_bluez_with_drops_and_vanishes(tmp_path: Path) -> None:
    need_rig()
    if not has_kvm():
        warnings.warn("no KVM here: on an emulated processor", stacklevel=1)
    guest = ["python3", "/proj/tests/bluez/guest.py", "--seconds", SECONDS, "--out", "/out"]
    print(in_machine(guest, tmp_path, SECONDS + SPARE_S, options=["--air-args", "--interval-ms 30"]))
    setups = [setup_of(spec) for spec in worn()]
    inputs, sent = read_inputs(tmp_path / "inputs.jsonl"), read_sent(tmp_path / "sent.jsonl")
    gaps, restarted = reported_gaps(setups, inputs)
    for setup in setups:
        own = [one for one in sent if one.sensor == setup.sensor]
        if setup.sensor in restarted:
            warnings.warn(f"{setup.sensor}: the machine held packets up for seconds", stacklevel=1)
        comparable = None if setup.sensor in restarted else gaps[setup.sensor]
        print(judge(setup, own, inputs, comparable, SECONDS))
