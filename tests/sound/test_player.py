"""Playing live: nobody waits for it, a stop comes first, and without a device the session goes on."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eccentra.events import CueGiven, CueId, CueSeverity, Numbered
from eccentra.sound.outputs import Output, OutputError, ProgramOutput, find_output
from eccentra.sound.player import SoundPlayer
from eccentra.sound.speech import Command
from eccentra.sound.tones import RATE, Pcm, tone


def numbered(name: CueId, severity: CueSeverity, at_s: float = 1.0) -> Numbered:
    us = round(at_s * 1e6)
    event = CueGiven(t_us=us, decided_us=us, cue=name, severity=severity, text="One.")
    return Numbered(session="s", seq=1, time=None, event=event)


class Played:
    """An output that remembers; it can be told to hang, or to fail."""

    name = "test"

    def __init__(self) -> None:
        self.sounds: list[Pcm] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails = False
        self.closed = False

    def play(self, sound: Pcm) -> None:
        self.go_on.wait(5.0)
        if self.fails:
            raise OutputError("the loudspeaker is gone")
        self.sounds.append(sound)

    def close(self) -> None:
        self.closed = True

    def tones(self) -> list[CueId]:
        return [next(c for c in CueId if np.array_equal(tone(c), sound)) for sound in self.sounds]


def until(done: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not (well := done()) and time.monotonic() < end:
        time.sleep(0.002)
    return well


def test_a_cue_is_played_at_once() -> None:
    out = Played()
    with SoundPlayer(pytest.fail, find=lambda: out) as player:
        player.handle([numbered(CueId.REP_COUNTED, "info")])
        assert until(lambda: bool(out.sounds))
        # the thread is woken, and does not poll
        assert min(player.latencies_s) < 0.25
    assert out.tones() == [CueId.REP_COUNTED]
    assert out.closed


def test_who_tells_a_cue_never_waits() -> None:
    out = Played()
    out.go_on.clear()
    with SoundPlayer(pytest.fail, find=lambda: out) as player:
        start = time.perf_counter()
        for k in range(500):
            player.handle([numbered(CueId.REP_COUNTED, "info", k)])
        player.handle([numbered(CueId.STOP_PAIN, "stop", 501.0)])
        assert time.perf_counter() - start < 0.5
        out.go_on.set()
        assert until(lambda: CueId.STOP_PAIN in out.tones())
    assert len(out.sounds) <= 3


def test_what_ends_the_set_comes_first_and_old_cues_are_not_said() -> None:
    out = Played()
    player = SoundPlayer(pytest.fail, find=lambda: out)
    player.handle([numbered(CueId.TOO_FAST, "warning", 1.0), numbered(CueId.REP_COUNTED, "info", 9.0)])
    player.handle([numbered(CueId.STOP_RED_FLAG, "stop", 9.1)])
    with player:
        assert until(lambda: bool(out.sounds))
    assert out.tones()[0] is CueId.STOP_RED_FLAG
    assert CueId.TOO_FAST not in out.tones()


def test_without_a_device_it_is_said_once_and_nothing_fails() -> None:
    notes: list[str] = []

    def none() -> Output:
        raise OutputError("no sound device")

    with SoundPlayer(notes.append, find=none) as player:
        for k in range(5):
            player.handle([numbered(CueId.REP_COUNTED, "info", 2.0 * k)])
            time.sleep(0.01)
        assert until(lambda: bool(notes))
    assert notes == ["no sound: no sound device"]


def test_a_device_that_fails_is_tried_again_later() -> None:
    notes: list[str] = []
    out, now = Played(), [0.0]
    out.fails = True
    with SoundPlayer(notes.append, find=lambda: out, monotonic=lambda: now[0]) as player:
        player.handle([numbered(CueId.REP_COUNTED, "info")])
        assert until(lambda: bool(notes))
        out.fails, now[0] = False, 20.0
        player.handle([numbered(CueId.REP_COUNTED, "info")])
        assert until(lambda: bool(out.sounds))
    assert notes == ["no sound: the loudspeaker is gone"]


def test_events_that_are_no_cues_are_nothing_to_it() -> None:
    player = SoundPlayer(pytest.fail)
    player.handle([])


# -- programs ----------------------------------------------------------------------------------------------


def program(code: str, *more: str) -> ProgramOutput:
    return ProgramOutput((sys.executable, "-c", code, *more))


def test_a_program_gets_the_samples(tmp_path: Path) -> None:
    file = tmp_path / "got"
    out = program("import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())", str(file))
    sound = tone(CueId.STOP_PAIN)
    out.play(sound)
    assert until(lambda: file.exists() and file.stat().st_size == 2 * len(sound))
    out.close()
    assert file.read_bytes() == sound.astype("<i2").tobytes()


def test_another_sound_ends_the_one_before(tmp_path: Path) -> None:
    code = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(60)"
    out = program(code, str(tmp_path / "n"))
    long = np.zeros(60 * RATE, np.int16)
    start = time.monotonic()
    out.play(long)
    assert until(lambda: (tmp_path / "n").exists())
    out.play(long)
    out.close()
    assert time.monotonic() - start < 10.0


def test_a_program_that_fails_says_why() -> None:
    out = program("import sys; sys.exit('no such card')")
    out.play(tone(CueId.TOO_FAST))

    def again() -> bool:
        # what went wrong is known when the next one is played
        time.sleep(0.3)
        try:
            out.play(tone(CueId.TOO_FAST))
        except OutputError as error:
            return "no such card" in str(error)
        return False

    assert until(again, 10.0)
    out.close()
    with pytest.raises(OutputError, match="cannot be started"):
        ProgramOutput(("/no/such/player",)).play(tone(CueId.TOO_FAST))


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    if sys.platform == "win32":
        pytest.skip("Windows can always play")
    with pytest.raises(OutputError, match="install"):
        find_output()


def test_without_a_place_for_files_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eccentra.sound.outputs.tempfile.TemporaryFile", full)
    noted: list[str] = []
    out = program("")
    with SoundPlayer(noted.append, find=lambda: out) as player:
        for _ in range(2):
            player.handle([numbered(CueId.STOP_PAIN, "stop")])
            assert until(lambda: bool(noted))
    assert noted == [f"no sound: {out.name} cannot be started: No space left on device"]


def test_a_failed_player_whose_child_keeps_its_output_open_is_not_waited_for() -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '8']); sys.exit('no such card')"
    out, start = program(code), time.monotonic()
    out.play(tone(CueId.TOO_FAST))
    assert out._running is not None
    out._running.wait()
    with pytest.raises(OutputError, match="no such card"):
        out.play(tone(CueId.TOO_FAST))
    out.close()
    assert time.monotonic() - start < 6.0


def test_a_speaker_that_hangs_is_ended_with_the_player(tmp_path: Path) -> None:
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    file = tmp_path / "pid"
    out, speaker = Played(), Command("hung", (sys.executable, "-c", code, str(file)))
    with SoundPlayer(pytest.fail, find=lambda: out, speaker=speaker):
        assert until(lambda: file.exists() and file.read_text() != "")
        start = time.monotonic()
    assert time.monotonic() - start < 2.0
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)
