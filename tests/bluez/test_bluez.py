"""The Bluetooth link on a real Linux Bluetooth stack: kernel, BlueZ, D-Bus and Bleak as users have them.

A Progressor and a Movesense are emulated in a virtual machine. One hangs up, the other vanishes; both come
back. What they sent is compared with what the link received and with what a session says about it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from judging import judge, read_inputs, read_sent, reported_gaps

from eccentra.simulate import KITS
from eccentra.simulate.delivery import setup_of
from needs import need_rig
from rig import has_kvm, in_machine

SENSORS = ("thigh", "left")
WITH_KVM_S, EMULATED_S = 60, 20
# Imports, boot and reconnection on an emulated processor, beside the time of the test itself.
SPARE_S = 200


@pytest.mark.long
def test_both_sensors_at_once_through_bluez_with_a_drop_and_a_vanish(tmp_path: Path) -> None:
    need_rig()
    seconds = WITH_KVM_S if has_kvm() else EMULATED_S
    if seconds == EMULATED_S:
        warnings.warn(f"no KVM here: {EMULATED_S} s on an emulated processor", stacklevel=1)
    guest = ["python3", "/proj/tests/bluez/guest.py", "--seconds", seconds, "--out", "/out"]
    print(in_machine(guest, tmp_path, seconds + SPARE_S, options=["--air-args", "--interval-ms 30"]))
    worn = {spec.id: spec for kit in KITS.values() for spec in kit}
    setups = [setup_of(worn[name]) for name in SENSORS]
    inputs, sent = read_inputs(tmp_path / "inputs.jsonl"), read_sent(tmp_path / "sent.jsonl")
    gaps, restarted = reported_gaps(setups, inputs)
    for setup in setups:
        own = [one for one in sent if one.sensor == setup.sensor]
        if setup.sensor in restarted:
            warnings.warn(f"{setup.sensor}: the machine held packets up for seconds", stacklevel=1)
        comparable = None if setup.sensor in restarted else gaps[setup.sensor]
        print(judge(setup, own, inputs, comparable, seconds))
