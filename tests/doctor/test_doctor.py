"""Every cause that the doctor names, made to happen."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakDBusError
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.doctor import bluetooth, clock, disk, files
from eccentra.doctor.finding import Finding
from eccentra.link.bindings import Binding, write_bindings

Why = BleakBluetoothNotAvailableReason


def by_check(findings: Iterator[Finding]) -> dict[str, Finding]:
    out = {finding.check: finding for finding in findings}
    for finding in out.values():
        assert (finding.state == "ok") == (finding.advice == ""), "advice when, and only when, it is not well"
    return out


def states(findings: Iterator[Finding]) -> dict[str, str]:
    return {check: finding.state for check, finding in by_check(findings).items()}


# -- disk


def test_a_good_disk(tmp_path: Path) -> None:
    found = by_check(disk.check_disk(tmp_path / "new", free=lambda _: 10**11))
    assert {check: f.state for check, f in found.items()} == {"disk.write": "ok", "disk.space": "ok"}
    assert list((tmp_path / "new").iterdir()) == [], "nothing is left behind"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (finding,) = disk.check_disk(tmp_path / "file")
    assert finding.state == "failed"
    assert "cannot be written" in finding.found


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that even root cannot write")
def test_a_folder_without_permission() -> None:
    (finding,) = disk.check_disk(Path("/sys/kernel/eccentra"))
    assert finding.state == "failed"
    assert "permi" in finding.found
    assert "ECCENTRA_HOME" in finding.advice


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk I/O error")]
)
def test_a_disk_that_fails_while_writing(tmp_path: Path, error: Exception) -> None:
    def write(_: Path) -> list[float]:
        raise error

    (finding,) = disk.check_disk(tmp_path, write=write)
    assert finding.state == "failed"
    assert str(error.args[-1]).lower() in finding.found


@pytest.mark.parametrize(("free", "state"), [(10**8, "failed"), (10**9, "warning"), (3 * 10**9, "ok")])
def test_free_space(tmp_path: Path, free: int, state: str) -> None:
    assert states(disk.check_disk(tmp_path, free=lambda _: free))["disk.space"] == state


@pytest.mark.parametrize(("ms", "state"), [(5.0, "ok"), (80.0, "warning"), (400.0, "failed")])
def test_slow_disks(tmp_path: Path, ms: float, state: str) -> None:
    assert states(disk.check_disk(tmp_path, write=lambda _: [ms] * 5))["disk.write"] == state


# -- clock


class Clocks:
    def __init__(self, wall_s: float = 1_800_000_000.0, step_s: float = 0.0) -> None:
        self.now = 0.0
        self.wall_s = wall_s
        self.step_s = step_s

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.wall_s += self.step_s

    def check(self, synchronised: str | None = "yes") -> dict[str, str]:
        return states(
            clock.check_clock(
                wall=lambda: self.wall_s + self.now,
                monotonic=lambda: self.now,
                sleep=self.sleep,
                synchronised=lambda: synchronised,
            )
        )


def test_clocks() -> None:
    assert Clocks().check() == {"clock.date": "ok", "clock.steady": "ok", "clock.sync": "ok"}
    assert Clocks().check(None) == {"clock.date": "ok", "clock.steady": "ok"}
    assert Clocks().check("no")["clock.sync"] == "warning"
    assert Clocks(step_s=-0.5).check()["clock.steady"] == "warning"
    assert Clocks(wall_s=0.0).check()["clock.date"] == "failed"
    assert Clocks(wall_s=9e9).check()["clock.date"] == "failed"


@pytest.mark.parametrize(("answer", "state"), [("yes", "ok"), ("no", "warning"), ("", None)])
def test_the_system_is_asked(
    answer: str, state: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\necho {answer}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert states(clock.check_clock(sleep=lambda _: None)).get("clock.sync") == state


# -- files


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    found = by_check(files.check_files(tmp_path))
    assert {check: f.state for check, f in found.items()} == {
        "files.bindings": "warning",
        "files.devices": "ok",
        "files.pipelines": "ok",
    }
    assert "eccentra scan" in found["files.bindings"].advice
    bound = Binding(sensor="thigh-1", address="A4:C1:38:00:00:01", device="movesense", placement="thigh")
    write_bindings((bound,), tmp_path / "bindings.toml")
    (tmp_path / "settings.toml").write_text("a = 1\n")
    found = by_check(files.check_files(tmp_path))
    assert {f.state for f in found.values()} == {"ok"}
    assert "thigh-1 (movesense, thigh)" in found["files.bindings"].found
    assert "A4:C1" not in str(found)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("bindings.toml", "files.bindings"),
        ("settings.toml", "files.settings"),
        ("devices/mine.toml", "files.devices"),
        ("pipelines/mine.toml", "files.pipelines"),
    ],
)
def test_a_broken_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, check: str
) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("schema = [\n")
    finding = by_check(files.check_files(tmp_path))[check]
    assert finding.state == "failed"
    assert str(tmp_path / name) in finding.found


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = files.check_versions()
    assert finding.state == "ok"
    assert "bleak 3." in finding.found
    monkeypatch.setattr(files, "_LIBRARIES", ("bleak", "no-such-library"))
    (finding,) = files.check_versions()
    assert finding.state == "failed"
    assert "not installed: no-such-library" in finding.found


# -- Bluetooth


class Scanner(BaseBleakScanner):
    error: BaseException | None = None

    def __init__(self, callback: Any, uuids: Any, mode: Any, **_: Any) -> None:
        super().__init__(callback, uuids)

    async def start(self) -> None:
        if self.error is not None:
            raise self.error

    async def stop(self) -> None:
        pass


def failing(error: BaseException) -> type[Scanner]:
    return type("Failing", (Scanner,), {"error": error})


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield f"unix:path={path}"


def look(
    bus: str, backend: type[BaseBleakScanner] = Scanner, version: str | None = "5.82"
) -> dict[str, Finding]:
    return by_check(
        bluetooth.check_bluetooth(
            platform="linux", bus=bus, backend=backend, bluez_version=lambda: version, listen_s=0.01
        )
    )


def test_bluetooth_that_works(bus: str) -> None:
    assert {f.state for f in look(bus).values()} == {"ok"}


def test_no_message_bus(tmp_path: Path) -> None:
    (finding,) = look(f"unix:path={tmp_path}/nowhere").values()
    assert (finding.check, finding.state) == ("bluetooth.bus", "failed")
    assert "systemctl start bluetooth" in finding.advice


@pytest.mark.parametrize(("version", "state"), [("5.50", "failed"), ("5.58", "warning"), ("5.82", "ok")])
def test_old_versions_of_bluez(bus: str, version: str, state: str) -> None:
    assert look(bus, version=version)["bluetooth.bluez"].state == state


def test_an_unknown_version_of_bluez_is_no_finding(bus: str) -> None:
    assert "bluetooth.bluez" not in look(bus, version=None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BleakBluetoothNotAvailableError("", Why.POWERED_OFF), "bluetoothctl power on"),
        (BleakBluetoothNotAvailableError("", Why.NO_BLUETOOTH), "plug in a Bluetooth adapter"),
        (BleakBluetoothNotAvailableError("", Why.DENIED_BY_SYSTEM), "usermod -aG bluetooth"),
        (BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", [""]), "systemctl start bluetooth"),
        (BleakDBusError("org.freedesktop.DBus.Error.NoReply", [""]), "systemctl restart bluetooth"),
        (ImportError("dbus_fast"), "plug in"),
    ],
)
def test_what_is_wrong_with_bluetooth_is_named(bus: str, error: BaseException, words: str) -> None:
    finding = look(bus, failing(error))["bluetooth.adapter"]
    assert finding.state == "failed"
    assert words in finding.advice


def test_other_platforms_have_no_message_bus() -> None:
    backend = failing(BleakBluetoothNotAvailableError("", Why.DENIED_BY_USER))
    (finding,) = bluetooth.check_bluetooth(platform="darwin", backend=backend)
    assert "Privacy & Security" in finding.advice


# -- the command


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nowhere")
    return lambda *arguments: CliRunner().invoke(app, ["doctor", *arguments])


def test_the_command_names_each_cause_and_fails(doctor: Callable[..., Any]) -> None:
    result = doctor("--mqtt", "mqtt://127.0.0.1:1")
    assert result.exit_code == 1
    assert "nobody listens at mqtt://127.0.0.1:1" in result.stdout
    assert "start the broker" in result.stdout
    if sys.platform == "linux":
        assert "D-Bus" in result.stdout


def test_json(doctor: Callable[..., Any]) -> None:
    result = doctor("--mqtt", "gopher://x", "--json")
    document = json.loads(result.stdout)
    assert document["schema"] == "eccentra.doctor/1"
    assert document["failed"] == sum(f["state"] == "failed" for f in document["findings"]) >= 1
    assert result.exit_code == 1


def test_warnings_alone_do_not_fail(doctor: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(_: str | None) -> Iterator[Finding]:
        yield Finding(check="a", state="warning", found="[b]x[/b]", advice="y")

    monkeypatch.setattr("eccentra.doctor.examine", examine)
    result = doctor()
    assert result.exit_code == 0
    assert "[b]x[/b]" in result.stdout
