"""``--sound``, ``--sound-file``, ``--tempo`` and ``--reps``: what is heard of a session, and why not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import wave
from pathlib import Path

import pytest
from cli_parts import eccentra

from eccentra.cli.sounding import prescription
from eccentra.errors import InputError

PROGRAM = Path(sys.executable).with_name("eccentra")


def run(home: Path, *arguments: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ECCENTRA_HOME": str(home)}
    if path is not None:
        env["PATH"] = path
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_demonstration_is_heard_and_heard_again_from_its_recording(tmp_path: Path) -> None:
    save, sound, again = (tmp_path / name for name in ("s.eccentra", "o.wav", "again.wav"))
    demo = ("demo", "--mqtt", "embedded://:0", "--speed", "max", "--save", save)
    # no PATH: neither a player nor a voice is found, and the session is the same
    done = run(tmp_path, *demo, "--sound", "--sound-file", sound, path="")
    assert done.returncode == 0, done.stderr
    assert "set 2 complete: 4 repetitions" in done.stdout
    assert "cue: Stop the set. Control was lost twice in a row." in done.stdout
    assert "tones only" in done.stderr + done.stdout
    with wave.open(str(sound)) as file:
        assert file.getnframes() / file.getframerate() > 100.0
    done = run(tmp_path, "replay", save, "--sound-file", again, path="")
    assert done.returncode == 0, done.stderr
    assert again.read_bytes() == sound.read_bytes()
    # a sound file that cannot be written costs nothing else
    done = run(
        tmp_path, "replay", save, "--sound-file", tmp_path / "no" / "o.wav", "--json", tmp_path / "o.json"
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert (tmp_path / "o.json").exists()


def test_what_is_prescribed() -> None:
    assert prescription(None, None) is None
    assert prescription("4", 5) == {
        "reps": 5,
        "tempo_s": {"eccentric": 4.0, "isometric": None, "concentric": None},
    }
    found = prescription("3-0-2.5", None)
    assert found == {"tempo_s": {"eccentric": 3.0, "isometric": None, "concentric": 2.5}}
    for wrong in ("slow", "1-2-3-4", "900", "4--1"):
        with pytest.raises(InputError, match="--tempo"):
            prescription(wrong, None)


def test_a_wrong_tempo_is_one_line() -> None:
    done = eccentra("demo", "--tempo", "slow")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_a_station_without_loudspeaker_says_so_and_goes_on(tmp_path: Path) -> None:
    options = "--simulated thigh --exercise nordic-curl --mqtt embedded://:0 --sound --tempo 4 --reps 3"
    station = subprocess.Popen(
        [str(PROGRAM), "station", *options.split()],
        env={**os.environ, "ECCENTRA_HOME": str(tmp_path), "PATH": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(60.0, station.kill)
    watchdog.start()
    try:
        assert station.stdout is not None
        seen = ""
        for line in station.stdout:
            seen += line
            if "no sound" in seen and "started" in seen:
                break
        assert station.poll() is None, seen
        assert "warning: no sound: nothing can play sound here" in seen
        assert "started: nordic-curl" in seen
        station.terminate()
        assert station.wait(30) == 0
    finally:
        watchdog.cancel()
        station.kill()
        station.wait()
