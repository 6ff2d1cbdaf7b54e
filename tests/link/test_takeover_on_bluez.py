"""The link on a real Linux Bluetooth stack, killed and started again; adapter and service go away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from needs import need_rig
from rig import in_machine

# For the command alone; on an emulated processor beside other programs importing takes most of it.
LIMIT_S = 400
# Connects take turns. Each takes 1 to 2 s on an emulated processor that has nothing else to do, in which the
# link waits for nothing but answers; beside a dozen other programs it took 7 s.
CONNECT_S = 15.0


@pytest.mark.long
@pytest.mark.machine
def test_a_killed_link_takes_its_sensors_over_and_a_dead_adapter_or_service_is_survived(
    tmp_path: Path,
) -> None:
    need_rig()
    said = in_machine(["python3", "/proj/tests/link/bluez_takeover.py"], tmp_path, LIMIT_S)
    measured = json.loads(next(line for line in reversed(said.splitlines()) if line.startswith("{")))
    print(measured)
    assert measured["held_after_kill"] == measured["sensors"] > 1, "BlueZ keeps what a killed program held"
    connects_s = measured["sensors"] * CONNECT_S
    assert measured["taken_over_s"] < connects_s + 5
    assert measured["off_said_s"] < 15
    assert measured["back_s"] < connects_s + 10
    assert measured["gone_said_s"] < 20
    assert measured["service_back_s"] < connects_s + 15
    assert measured["ended_s"] < 12
