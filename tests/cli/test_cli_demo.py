"""``eccentra demo``: what somebody without hardware sees."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cli_parts import eccentra

from eccentra.cli.demo_scene import EXERCISES, scene
from eccentra.errors import InputError
from eccentra.simulate import KITS, simulate

PROGRAM = Path(sys.executable).with_name("eccentra")


def start(*args: str, home: Path, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "ECCENTRA_HOME": str(home), "COLUMNS": "100", "LINES": "45"}
    command = [str(PROGRAM), "demo", "--mqtt", "embedded://:0", *args]
    return subprocess.Popen(command, text=True, env=environment, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("exercise", list(EXERCISES))
def test_the_first_repetition_comes_soon(exercise: str) -> None:
    truth = simulate(scene(exercise, None, 1), 1).truth
    assert truth.reps[0].start_s < 15
    assert len(truth.sets) == 2
    assert truth.duration_s < 150


@pytest.mark.parametrize("kit", list(KITS))
def test_every_kit_can_be_simulated(kit: str) -> None:
    assert {sensor.id for sensor in scene("nordic-curl", kit, 1).worn} == {one.id for one in KITS[kit]}


def test_what_cannot_be_simulated() -> None:
    with pytest.raises(InputError, match="the demo simulates nordic-curl, "):
        scene("juggling", None, 1)
    done = eccentra("demo", "--kit", "socks")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_without_a_terminal(tmp_path: Path) -> None:
    with start("--speed", "max", home=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    truth = simulate(scene("nordic-curl", None, 1), 1).truth
    for number, one in enumerate(truth.sets, 1):
        assert f"set {number} complete: {len(one.reps)} repetitions" in text
    assert len(re.findall(r"repetition \d+, eccentric", text)) == len(truth.reps)
    assert "mosquitto_sub" in text
    (session,) = (tmp_path / "sessions").iterdir()
    assert str(session) in text
    assert "all equal to the stored ones" in eccentra("replay", session).stdout


def test_ctrl_c_leaves_a_whole_session_file(tmp_path: Path) -> None:
    with start("--speed", "15", home=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "repetition 1," in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    (session,) = (tmp_path / "sessions").iterdir()
    assert "all equal to the stored ones" in eccentra("replay", session).stdout


def test_in_a_terminal(tmp_path: Path) -> None:
    """The picture is drawn, and Ctrl-C leaves it in order."""
    main, inner = pty.openpty()
    process = start("--speed", "20", home=tmp_path, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                seen.extend(os.read(main, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    deadline = time.monotonic() + 30
    while b"repetition 2" not in seen and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    reader.join(5)
    os.close(main)
    text = seen.decode()
    for part in ("Nordic", "angle", "left", "movesense", "session file", "mosquitto_sub", "█", "stopped"):
        assert part in text
    assert "Traceback" not in text
    assert text.rstrip().endswith("stopped")


def test_weeks_of_a_programme(tmp_path: Path) -> None:
    """Approvals, a flare, a regression and recovery, each decision with its reason; it ends by itself."""
    with start(
        "--weeks", "12", "--speed", "max", home=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = text.splitlines()
    flare = next(k for k, line in enumerate(lines) if "REGRESS: Not settled by next morning" in line)
    before, after = "\n".join(lines[:flare]), "\n".join(lines[flare:])
    for part in (before, after):
        assert "PROGRESS: Two good sessions: next step" in part or "PROGRESS: Too easy" in part
        assert "the therapist: accept, now " in part
    assert text.count("    if ") > 20
    assert "12 weeks: " in lines[-2]
    assert Path(lines[-1].removeprefix("results database: ")).exists()
