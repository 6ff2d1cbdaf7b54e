"""``eccentra check-sensor`` on a session file, on an emulated sensor, and on what it cannot check."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
from cli_parts import eccentra

from eccentra.exercises import load_exercise
from eccentra.recording import Recorder
from eccentra.session import Header
from eccentra.simulate import KITS, Hold, Scenario, simulate


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    specs = {spec.id: spec for kit in KITS.values() for spec in kit}
    made = simulate(Scenario(timeline=(Hold(seconds=20.0),), sensors=(specs["thigh"], specs["left"])), 1)
    path = tmp_path_factory.mktemp("check") / "lying.eccentra"
    exercise = load_exercise("nordic-curl")
    with Recorder(path, Header(session="lying", exercise=exercise, sensors=made.setups, software="t")) as to:
        for item in made.inputs():
            to.append(item)
    return path


def test_a_recorded_sensor(recorded: Path) -> None:
    told = eccentra("check-sensor", recorded, "--sensor", "left", "--json")
    document = json.loads(told.stdout)
    assert document["measured"]["sensor"]["device"] == "tindeq-progressor"
    assert document["measured"]["rate_hz"] == pytest.approx(80.0, rel=0.01)
    table = eccentra("check-sensor", recorded, "--sensor", "thigh").stdout
    for word in ("104 Hz", "points up", "time under tension", "good"):
        assert word in table


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "expected one of thigh, left"),
        (("--sensor", "elbow"), "expected one of thigh, left"),
    ],
)
def test_which_sensor_is_asked(recorded: Path, arguments: tuple[str, ...], says: str) -> None:
    told = eccentra("check-sensor", recorded, *arguments)
    assert told.exit_code == 2
    assert says in told.stderr


def test_a_sensor_that_is_not_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    unknown, misplaced = eccentra("check-sensor", "thigh-1"), eccentra("check-sensor", "t", "--sensor", "x")
    assert unknown.exit_code == misplaced.exit_code == 2
    assert "is no bound sensor" in unknown.stderr
    assert "session files" in misplaced.stderr


def test_an_emulated_sensor_over_bluetooth() -> None:
    pytest.importorskip("bumble", reason="emulated sensors need the extra 'emulate'")
    from eccentra.cli.check_sensor import take
    from eccentra.conformance.measure import measure
    from eccentra.link.bluetooth import BluetoothLink
    from eccentra.link.mailbox import Mailbox
    from eccentra.link.virtual.air import Air
    from eccentra.link.virtual.athlete import VirtualAthlete
    from eccentra.link.virtual.backend import Central, make_backend

    specs = {spec.id: spec for kit in KITS.values() for spec in kit}
    lying = simulate(Scenario(timeline=(Hold(seconds=30.0),), sensors=(specs["thigh"],)), 1)

    async def story() -> None:
        air, mailbox = Air(), Mailbox()
        athlete = VirtualAthlete(lying, air, advertise_every_s=0.03)
        central = await Central.switched_on(air, request_s=3.0)
        await athlete.start()
        link = BluetoothLink(athlete.wanted, mailbox, backend=make_backend(central))
        task = asyncio.create_task(link.run())
        try:
            items = await take(link, mailbox, "thigh", 4.0)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await athlete.stop()
        found = measure(lying.setups[0], items)
        assert found is not None
        assert found.rate_hz == pytest.approx(104.0, rel=0.03)
        assert found.missing_pct == 0.0
        assert found.connections == 1

    asyncio.run(story())
