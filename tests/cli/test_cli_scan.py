"""``eccentra scan``: shows what is heard, binds, and says at once when there is no Bluetooth."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bleak
import pytest
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason
from cli_parts import eccentra
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.link.bindings import read_bindings

THIGH, FORCE, TV, STRANGE = (f"A4:C1:38:00:00:{i:02X}" for i in range(4))
TINDEQ = "7e4e1701-1ea6-40c9-9dcc-13d34ffead57"

# name and service come in different packets
HEARD = [
    (TV, AdvertisementData("Living [bold]room", {0x75: b"x"}, {}, [], None, -80, ())),
    (FORCE, AdvertisementData("Progressor_4711", {}, {"180f": b"\x50"}, [], None, -60, ())),
    (FORCE, AdvertisementData(None, {}, {}, [TINDEQ], None, -61, ())),
    (THIGH, AdvertisementData("Movesense 174530000001", {}, {}, [], None, -50, ())),
    (THIGH, AdvertisementData(None, {0x9F: b"x"}, {}, ["fdf3"], None, -52, ())),
    (STRANGE, AdvertisementData(None, {0x9F: b"x"}, {}, [], None, -90, ())),
]


class Scanner(BaseBleakScanner):
    error: BaseException | None = None

    def __init__(self, callback: Any, uuids: Any, mode: Any, **_: Any) -> None:
        super().__init__(callback, uuids)

    async def start(self) -> None:
        if Scanner.error is not None:
            raise Scanner.error
        loop = asyncio.get_running_loop()
        for i, (address, data) in enumerate(HEARD):
            loop.call_later(0.02 * i, self._hear, address, data)

    def _hear(self, address: str, data: AdvertisementData) -> None:
        self.call_detection_callbacks(self.create_or_update_device(address, address, None, None, data), data)

    async def stop(self) -> None:
        pass


@pytest.fixture
def radio(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scanner]]:
    monkeypatch.setattr(bleak, "get_platform_scanner_backend_type", lambda: (Scanner, "made up"))
    yield Scanner
    Scanner.error = None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nowhere")
    return tmp_path / "home"


def test_without_bluetooth_one_clear_line_in_no_time() -> None:
    start = time.monotonic()
    result = eccentra("scan", "--timeout", "30")
    assert time.monotonic() - start < 3
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("eccentra: ")
    assert "Traceback" not in result.output
    assert len(line.partition(";")[2]) > 20, "and what to do"


def test_bluetooth_that_is_off_is_said(radio: type[Scanner]) -> None:
    radio.error = BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF)
    result = eccentra("scan")
    assert result.exit_code == 1
    assert "switched off; " in result.stderr


def test_a_mistake_of_ours_is_not_hidden(radio: type[Scanner]) -> None:
    radio.error = ZeroDivisionError("oops")
    result = eccentra("scan")
    assert isinstance(result.exception, ZeroDivisionError)


def test_json_says_all(radio: type[Scanner]) -> None:
    eccentra("scan", "--bind", f"{THIGH}=thigh:left", "--device", "movesense")
    eccentra("scan", "--bind", "A4:C1:38:00:00:77=shank", "--device", "movesense")
    result = eccentra("scan", "--json", "--timeout", "0.5")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == "eccentra.scan/1"
    thigh, force, strange = document["devices"]
    assert (thigh["address"], thigh["device"], thigh["confidence"]) == (THIGH, "movesense", 0.895)
    assert (thigh["bound_as"], thigh["place"], thigh["rssi_dbm"]) == ("thigh-1", "thigh left", -52)
    assert "rotation" in thigh["measures"]
    assert (force["device"], force["battery_pct"], force["bound_as"]) == ("tindeq-progressor", 80, None)
    assert strange["confidence"] == 0.3
    assert document["others_heard"] == 1
    assert document["bound_not_heard"] == ["shank-1"]


def test_the_table_shows_what_is_heard_and_asks_nothing_without_a_terminal(radio: type[Scanner]) -> None:
    result = CliRunner().invoke(app, ["scan", "--timeout", "0.5"], input="")
    assert result.exit_code == 0, result.output
    for text in ("Movesense", "Progressor_4711", THIGH, "-61 dBm", "80 %", "force, 80 Hz"):
        assert text in result.stdout
    assert "Living" not in result.stdout
    assert "--bind ADDRESS" in result.stderr


def test_a_sensor_that_can_be_both_is_what_its_place_needs(radio: type[Scanner], home: Path) -> None:
    for wish in (f"{THIGH}=thigh", f"{FORCE}=left"):
        result = eccentra("scan", "--bind", wish, "--device", "open-sensor")
        assert result.exit_code == 0, result.output
    assert [(b.placement, b.side, b.mode) for b in read_bindings()] == [
        ("thigh", None, None),
        (None, "left", "force"),
    ]


def test_bind_recognises_by_itself(radio: type[Scanner], home: Path) -> None:
    start = time.monotonic()
    result = eccentra(
        "scan", "--bind", f"{THIGH.lower()}=thigh:left", "--bind", f"{FORCE}=right", "--timeout", "20"
    )
    assert result.exit_code == 0, result.output
    assert time.monotonic() - start < 10, "ends as soon as both are known"
    found = [(b.sensor, b.address, b.device, b.placement, b.side) for b in read_bindings()]
    assert found == [
        ("thigh-1", THIGH, "movesense", "thigh", "left"),
        ("force-1", FORCE, "tindeq-progressor", None, "right"),
    ]
    assert (home / "bindings.toml").is_file()
    assert THIGH not in result.output, "addresses stay in the file"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--bind", "thigh"), 2, "ADDRESS=PLACEMENT[:SIDE]"),
        (("--bind", "nobody=thigh"), 2, "01:23:45:67:89:AB=thigh:left"),
        (("--bind", f"{THIGH}=nose"), 2, "expected one of thigh, shank"),
        (("--bind", f"{THIGH}=thigh:up"), 2, "expected one of left, right, both"),
        (("--bind", f"{THIGH}=thigh:"), 2, "side is ''"),
        (("--bind", f"{FORCE}=thigh"), 2, "measures force: use force[:SIDE]"),
        (("--bind", f"{THIGH}=force"), 2, "use a placement"),
        (("--bind", f"{THIGH}=thigh", "--device", "moonsense"), 2, "no such device"),
        (("--device", "movesense"), 2, "give both"),
        (("--bind", "A4:C1:38:00:00:99=thigh"), 1, "was not heard"),
        (("--bind", f"{STRANGE}=thigh"), 1, "name it with --device, one of "),
        (("--set", "gain=1"), 2, "--set: says what --bind"),
        (("--bind", f"{FORCE}=left", "--set", "gain"), 2, "expected NAME=NUMBER"),
        (
            ("--bind", f"{FORCE}=left", "--device", "frez-dyno"),
            2,
            "--set gain=NUMBER (the unit's coefficient",
        ),
        (("--bind", f"{FORCE}=left", "--device", "mysmartboard"), 2, "neither unit nor scale"),
        (
            ("--bind", f"{FORCE}=left", "--device", "frez-dyno", "--set", "gain=7"),
            2,
            "gain is 7, expected -1 to 1",
        ),
        (
            ("--bind", f"{FORCE}=left", "--device", "frez-dyno", "--set", "gain=0.1", "--set", "a=1"),
            2,
            "no setting 'a'",
        ),
    ],
)
def test_what_cannot_be_bound_is_said_and_nothing_is_bound(
    radio: type[Scanner], arguments: tuple[str, ...], status: int, words: str
) -> None:
    result = eccentra("scan", "--timeout", "0.6", *arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (status, 1), result.output
    assert words in result.stderr
    assert read_bindings() == ()


@pytest.mark.parametrize(("device", "mode"), [("frez-dyno", None), ("mysmartboard", "force")])
def test_what_only_a_person_knows_is_typed_in(radio: type[Scanner], device: str, mode: str | None) -> None:
    result = eccentra("scan", "--bind", f"{FORCE}=left", "--device", device, "--set", "gain=0.0125")
    assert result.exit_code == 0, result.output
    (binding,) = read_bindings()
    assert (binding.device, binding.mode, binding.settings) == (device, mode, {"gain": 0.0125})
    assert binding.setup().mode.units == ("N",)
    again = eccentra("scan", "--bind", f"{FORCE}=right", "--device", device, "--set", "gain=0.0125")
    assert again.exit_code == 0
    assert [(b.side, b.settings) for b in read_bindings()] == [("right", {"gain": 0.0125})]


def test_at_a_terminal_it_asks_until_an_empty_line(
    radio: type[Scanner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eccentra.cli.scan._at_terminal", lambda: True)
    typed = "9\n1\nnose\n\n1\nthigh\nleft\n2\nright\n\n"
    result = CliRunner().invoke(app, ["scan", "--timeout", "0.5"], input=typed)
    assert result.exit_code == 0, result.output
    assert "a number from 1 to 3" in result.output
    assert "placement is 'nose'" in result.output
    assert [(b.sensor, b.place) for b in read_bindings()] == [
        ("thigh-1", "thigh left"),
        ("force-1", "force right"),
    ]
