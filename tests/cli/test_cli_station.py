"""``eccentra station``: what it refuses, what it shows, what can be typed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eccentra.cli.alone import alone
from eccentra.cli.keyboard import Keyboard
from eccentra.cli.room_watch import RoomWatch, next_step
from eccentra.commands import CommandError, Mark, Report, Start, Tare, parse_line
from eccentra.errors import InputError
from eccentra.events import StationNoted, StationReason
from eccentra.link import LinkStatus, WantedSensor
from eccentra.mqtt.health import Health
from eccentra.profiles import SensorSetup, load_profile
from eccentra.session import LinkHealth
from eccentra.stages import LiveState
from eccentra.station import RoomState
from eccentra.view import render

ECCENTRA = str(Path(sys.executable).parent / "eccentra")


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ECCENTRA_HOME": str(home)}
    return subprocess.run(
        [ECCENTRA, "station", *arguments], env=env, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--exercise", "ballet"), "no such exercise"),
        (("--athlete", "Jane Doe"), "a-z, 0-9"),
        (("--speed", "4"), "real sensors take their own time"),
        (("--simulated", "socks"), "no such set of sensors"),
        (("--mqtt", "http://x", "--simulated", "thigh"), "use embedded://, mqtt://host or mqtts://host"),
        ((), "run `eccentra scan`"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_used_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "sessions").touch()
    done = run(tmp_path, "--simulated", "thigh")
    assert done.returncode == 2
    assert "set ECCENTRA_HOME" in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_station_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path, "s1"):
        with pytest.raises(InputError, match="runs already"), alone(tmp_path, "s1"):
            pass
        with alone(tmp_path, "s2"):
            pass
    with alone(tmp_path, "s1"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_term_lets_the_session_rest_and_the_next_start_goes_on(tmp_path: Path) -> None:
    env = {**os.environ, "ECCENTRA_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [ECCENTRA, "station", "--exercise", "nordic-curl", "--simulated", "thigh"]
    said = []
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            [*command, "--mqtt", "embedded://:0"], env=env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "started" in line or "goes on" in line:
                break
        time.sleep(0.5)
        process.send_signal(number)
        lines += process.stdout.readlines()
        said.append("".join(lines))
        assert process.wait(20) == (0 if number == signal.SIGTERM else 130)
    assert "started" in said[0]
    assert "ended" not in said[0]
    assert "goes on after" in said[1]
    assert "ended (stop)" in said[1]
    assert len(list((tmp_path / "sessions").glob("*.eccentra"))) == 1


def test_typed_commands() -> None:
    assert parse_line("mark left knee") == Mark(text="left knee")
    assert parse_line("tare strap-left") == Tare(sensor="strap-left")
    assert parse_line('report pain=2.5 rpe=7 note="stiff at first"') == Report(
        pain=2.5, rpe=7, note="stiff at first"
    )
    assert parse_line("start nordic-curl load='5 kg'") == Start(exercise="nordic-curl", load="5 kg")


@pytest.mark.parametrize(
    ("line", "reason", "says"),
    [
        ("dance", "unknown_verb", "known are start, stop"),
        ("report pain=11", "bad_arguments", "pain"),
        ("report pain=much", "bad_arguments", "pain"),
        ("report", "bad_arguments", "report takes pain"),
        ("set", "bad_arguments", "athlete"),
        ("undo it", "bad_line", "name=value"),
        ('mark "open', "bad_line", "type a command"),
        ("start colour=red", "bad_arguments", "colour"),
        ("start athlete='a-1\n'", "bad_arguments", "athlete"),
    ],
)
def test_wrong_lines_are_refused_in_words(line: str, reason: str, says: str) -> None:
    with pytest.raises(CommandError, match=says) as caught:
        parse_line(line)
    assert caught.value.reason == reason


def test_keys_make_lines() -> None:
    lines: list[str] = []
    keyboard = Keyboard(lines.append)
    for key in "stoop\x7f\x7fp\r\r x \n":
        keyboard.key(key)
    assert lines == ["stop", "x"]
    for key in "tar\x01":
        keyboard.key(key)
    assert keyboard.typed == "tar"


def setup(name: str) -> SensorSetup:
    return SensorSetup(sensor=name, profile=load_profile("movesense"), placement="thigh")


def state(
    doing: str = "waiting", *links: LinkStatus, exercise: str | None = None, **more: object
) -> RoomState:
    fields: dict[str, object] = {
        "session": None,
        "athlete": None,
        "live": LiveState(),
        "health": {},
        "notes": (),
        **more,
    }
    return RoomState(doing=doing, exercise=exercise, links=links, **fields)  # type: ignore[arg-type]


def test_the_next_step_is_always_said() -> None:
    off, on = LinkStatus(sensor="t", state="searching"), LinkStatus(sensor="t", state="streaming")
    assert "eccentra scan" in next_step(state(), ())
    assert "recovered" in next_step(state("recovering"), ("t",))
    assert "switch the sensors on" in next_step(state("waiting", off), ("t",))
    assert next_step(state("waiting", on), ("t",)).startswith("type: start nordic-curl")
    assert next_step(state("waiting", on, exercise="generic"), ("t",)) == "type: start"
    lost = state("running", off, exercise="generic", health={"t": LinkHealth()})
    assert "t is away" in next_step(lost, ("t",))
    new = state("running", on, exercise="generic", live=LiveState(flags=("uncalibrated",)))
    assert "stay still" in next_step(new, ("t",))
    assert not next_step(state("running", on, exercise="generic"), ("t",))


def test_trouble_and_what_is_typed_are_on_the_screen() -> None:
    from rich.console import Console

    watch = RoomWatch("room", ("foot",), [WantedSensor(setup=setup("t"), address="x")], plain=False)
    note = StationNoted(
        reason=StationReason.BLUETOOTH_OFF, level="error", detail="Bluetooth is off", advice="switch it on"
    )
    waiting = LinkStatus(sensor="t", state="waiting", next_try_s=7.0, rssi_dbm=-70)
    broker = Health(
        connected=False,
        unacknowledged=12,
        dropped=0,
        oldest_unacked_age_s=3.0,
        errors=0,
        last_error="connection refused",
    )
    published: list[str] = []
    watch.update(
        state("waiting", waiting, notes=(note,)),
        broker,
        0,
        lambda name, health: published.append(name),
        "tar",
    )
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(render(watch.screen))
    text = console.export_text()
    for words in (
        "Bluetooth is off; switch it on",
        "12 messages wait",
        "next try in 7 s",
        "-70 dBm",
        "> tar_",
    ):
        assert words in text
    assert not published


AWAY = Health(
    connected=False, unacknowledged=0, dropped=0, oldest_unacked_age_s=None, errors=0, last_error=None
)


def test_a_session_taken_up_again_may_have_sensors_that_are_no_longer_bound() -> None:
    watch = RoomWatch("room", (), [WantedSensor(setup=setup("t"), address="x")], plain=False)
    published: list[str] = []
    running = state("running", exercise="generic", health={"t": LinkHealth(), "gone": LinkHealth()})
    watch.update(running, AWAY, 0, lambda name, health: published.append(name), None)
    assert published == ["t"]


class Broken(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_who_reads_the_lines_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = RoomWatch("room", (), (), plain=True)
    monkeypatch.setattr(sys, "stdout", Broken())
    monkeypatch.setattr(sys, "stderr", Broken())
    watch.say("set 1 complete")
    watch.note(StationNoted(reason=StationReason.DISK_BACK, level="info", detail="well"))


def test_a_terminal_may_not_know_all_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    RoomWatch("room", (), (), plain=True).say("caf\xe9")
    sys.stdout.flush()
    assert raw.getvalue() == b"caf?\n"
