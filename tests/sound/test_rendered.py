"""Cues as rendered audio: the right tones at the right time, loud enough and not too loud, with words."""

from __future__ import annotations

import itertools
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eccentra.cli.demo_scene import prescribed, scene
from eccentra.errors import InputError
from eccentra.events import CueGiven, CueId, CueSeverity
from eccentra.exercises import load_exercise
from eccentra.inputs import Input, Prescribed
from eccentra.session import Header, Session
from eccentra.simulate import simulate
from eccentra.sound.render import Heard, clip, schedule, write_wav
from eccentra.sound.speech import Command, find_speaker, read_wav
from eccentra.sound.tones import RATE, TONES, Pcm, tone
from needs import need_program

LATENCY_S = 0.02
_SEVERITIES: dict[str, CueSeverity] = {"pace": "pace", "stop": "stop"}


def cue(name: CueId, at_s: float, text: str = "One.") -> CueGiven:
    known = name.value.split("_")[0]
    info = ("rep_counted", "target_reps", "target_range", "target_hold")
    severity = _SEVERITIES.get(known, "info" if name.value in info else "warning")
    us = round(at_s * 1e6)
    return CueGiven(t_us=us, decided_us=us, cue=name, severity=severity, text=text)


def written(path: Path) -> Pcm:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def strength(sound: Pcm, at_s: float, hz: float, seconds: float) -> float:
    """Share of the power in a stretch that lies within 25 Hz (or the stretch's resolution) of ``hz``."""
    x = sound[round(at_s * RATE) :][: round(seconds * RATE)].astype(np.float64)
    if not len(x) or not x.any():
        return 0.0
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    f = np.fft.rfftfreq(len(x), 1 / RATE)
    return float(power[np.abs(f - hz) <= max(25.0, 2.0 / seconds)].sum() / power.sum())


def begins(sound: Pcm, near_s: float) -> float:
    """When the first sound after silence begins, looked for within 100 ms around ``near_s``."""
    first = max(round((near_s - 0.1) * RATE), 0)
    piece = np.abs(sound[first : round((near_s + 0.1) * RATE)].astype(np.int64))
    return (first + int(np.argmax(piece > 300))) / RATE


class Fixed:
    """A speaker whose words are a quiet noise of half a second."""

    name = "fixed"

    def speak(self, text: str) -> Pcm | None:
        noise = np.random.default_rng(len(text)).uniform(-3000.0, 3000.0, RATE // 2)
        return noise.astype(np.int16)

    def close(self) -> None:
        pass


# -- tones -------------------------------------------------------------------------------------------------


def test_every_cue_has_a_tone_of_its_own() -> None:
    assert set(TONES) == set(CueId)
    rows = [tuple(note.hz for note in notes) for notes in TONES.values()]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("name", CueId)
def test_a_tone_is_made_of_its_notes(name: CueId) -> None:
    sound, at = tone(name), 0.0
    for note in TONES[name]:
        assert strength(sound, at, note.hz, note.seconds) > 0.9
        at += note.seconds + 0.03
    assert len(sound) / RATE < 0.8
    assert 0.2 * 32767 < np.abs(sound.astype(np.int64)).max() < 0.9 * 32767
    # an edge that is not soft clicks
    assert max(abs(int(sound[0])), abs(int(sound[-1]))) < 1000


def test_stop_is_louder_than_warning_and_warning_than_pacer() -> None:
    loud = {name: np.abs(tone(name).astype(np.int64)).max() for name in CueId}
    assert loud[CueId.STOP_PAIN] > loud[CueId.TOO_FAST] > loud[CueId.REP_COUNTED] > loud[CueId.PACE_COUNT]


# -- a session ---------------------------------------------------------------------------------------------


def session_cues(exercise: str = "nordic-curl") -> tuple[list[CueGiven], float]:
    made = simulate(scene(exercise, None, 1), 1)
    session = Session(
        Header(session="heard", exercise=load_exercise(exercise), sensors=made.setups, software="test")
    )
    items: list[Input] = list(made.inputs())
    items.insert(1, Prescribed(items[0].arrival_ns, prescribed(exercise)))
    events = [one.event for one in (*session.feed_many(items), *session.finish())]
    return [event for event in events if isinstance(event, CueGiven)], events[-1].t_us / 1e6


@pytest.mark.parametrize("exercise", ["nordic-curl", "squat", "plank"])
def test_a_whole_session_is_heard_at_its_times(tmp_path: Path, exercise: str) -> None:
    cues, end_s = session_cues(exercise)
    heard = write_wav(tmp_path / "o.wav", cues, None, 0.0, end_s)
    sound = written(tmp_path / "o.wav")
    assert len(sound) >= round(end_s * RATE)
    assert len(heard) > 0.8 * len(cues)
    kinds = {"nordic-curl": {CueId.STOP_FREE_FALLS, CueId.CONTROL_LOST}, "plank": {CueId.TARGET_HOLD}}
    assert {one.cue.cue for one in heard} >= kinds.get(exercise, {CueId.PACE_UP}) | {CueId.REP_COUNTED}
    last_end = -1.0
    for one in heard:
        wanted, note = one.cue.decided_us / 1e6, TONES[one.cue.cue][0]
        assert one.start_s - wanted < 2.5
        if wanted >= last_end:
            assert one.start_s == pytest.approx(wanted, abs=1e-9)
        assert strength(sound, one.start_s, note.hz, note.seconds) > 0.9
        if one.start_s > last_end + 0.2:
            assert abs(begins(sound, one.start_s) - one.start_s) < LATENCY_S
        last_end = one.start_s + len(one.sound) / RATE
    peak = np.abs(sound.astype(np.int64)).max()
    assert 0.2 * 32767 < peak < 32767


def test_nothing_is_heard_where_nothing_is_said(tmp_path: Path) -> None:
    write_wav(tmp_path / "o.wav", [cue(CueId.TOO_FAST, 2.0)], None, 0.0, 4.0)
    sound = written(tmp_path / "o.wav")
    assert not sound[: round(1.99 * RATE)].any()
    assert not sound[round(2.5 * RATE) :].any()
    write_wav(tmp_path / "empty.wav", [], None, 10.0, 11.0)
    assert len(written(tmp_path / "empty.wav")) == RATE


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_wav(tmp_path / "no" / "o.wav", [], None, 0.0, 1.0)


# -- two things at once ------------------------------------------------------------------------------------


def at(heard: list[Heard], name: CueId) -> Heard:
    return next(one for one in heard if one.cue.cue is name)


def test_a_stop_cuts_off_what_is_being_said(tmp_path: Path) -> None:
    cues = [
        cue(CueId.TECHNIQUE, 1.0, "Push the hips up until they are in line."),
        cue(CueId.REP_COUNTED, 1.1),
        cue(CueId.STOP_FORCE_LOSS, 1.2),
    ]
    heard = write_wav(tmp_path / "o.wav", cues, Fixed(), 0.0, 3.0)
    sound = written(tmp_path / "o.wav")
    assert [one.cue.cue for one in heard] == [CueId.TECHNIQUE, CueId.STOP_FORCE_LOSS]
    assert heard[1].start_s == pytest.approx(1.2)
    for note, when in zip(TONES[CueId.STOP_FORCE_LOSS], itertools.count(1.2, 0.13), strict=False):
        assert strength(sound, when, note.hz, note.seconds) > 0.9
    jumps = np.abs(np.diff(sound[round(1.19 * RATE) : round(1.202 * RATE)].astype(np.int64)))
    assert jumps.max() < 12_000


def test_warnings_come_before_counts_and_counts_before_the_pacer() -> None:
    cues = [cue(CueId.PACE_COUNT, 1.0), cue(CueId.REP_COUNTED, 1.0), cue(CueId.TOO_FAST, 1.2)]
    cues += [cue(CueId.TARGET_REPS, 1.25), cue(CueId.PACE_COUNT, 1.3)]
    heard = schedule(cues, Fixed())
    order = [CueId.REP_COUNTED, CueId.TOO_FAST, CueId.TARGET_REPS]
    assert [one.cue.cue for one in heard] == order
    ends = [one.start_s + len(one.sound) / RATE for one in heard]
    assert all(one.start_s >= end - 1e-6 for one, end in zip(heard[1:], ends[:-1], strict=True))


def test_what_has_waited_too_long_is_left_out() -> None:
    many = [cue(CueId.TECHNIQUE, 1.0 + 0.01 * k, f"Fault {k}.") for k in range(12)]
    heard = schedule([*many, cue(CueId.STOP_PAIN, 1.5), cue(CueId.STOP_RED_FLAG, 1.6)], Fixed())
    stops = [one for one in heard if one.cue.severity == "stop"]
    assert [one.cue.cue for one in stops] == [CueId.STOP_PAIN, CueId.STOP_RED_FLAG]
    assert stops[0].start_s == pytest.approx(1.5)
    late = schedule(many, Fixed())
    assert 2 <= len(late) <= 5
    assert all(one.start_s - one.cue.decided_us / 1e6 <= 2.5 for one in late)


# -- words -------------------------------------------------------------------------------------------------


def test_words_are_spoken_after_the_tone() -> None:
    need_program("espeak-ng", "apt install espeak-ng")
    speaker = find_speaker()
    assert speaker is not None
    name = CueId.STOP_PAIN
    sound, plain = clip(cue(name, 0.0, "Stop the set. Pain is above your limit."), speaker), tone(name)
    assert np.array_equal(sound[: len(plain)], plain)
    words = sound[len(plain) :]
    assert 1.0 < len(words) / RATE < 5.0
    power = np.abs(np.fft.rfft(words.astype(np.float64))) ** 2
    f = np.fft.rfftfreq(len(words), 1 / RATE)
    assert power[(f > 80.0) & (f < 5000.0)].sum() > 0.9 * power.sum()
    assert 0.5 * 32767 < np.abs(words.astype(np.int64)).max() < 32767
    one, two = speaker.speak("one"), speaker.speak("two")
    assert one is not None
    assert two is not None
    assert 0.1 < len(one) / RATE < 0.8
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("text", ["--help", "-w /etc/x", "<speak>hips</speak>", "Hüfte höher", "a" * 5000])
def test_any_text_is_only_spoken(text: str) -> None:
    need_program("espeak-ng", "apt install espeak-ng")
    speaker = find_speaker()
    assert speaker is not None
    words = speaker.speak(text)
    assert words is not None
    assert len(words) / RATE <= 10.0


@pytest.mark.parametrize("argv", [("no-such-program",), ("false",), ("true",), ("echo", "no sound")])
def test_a_speaker_that_fails_leaves_the_tone(argv: tuple[str, ...]) -> None:
    one = cue(CueId.TOO_FAST, 0.0)
    assert np.array_equal(clip(one, Command("broken", argv)), tone(one.cue))


def test_speech_of_another_rate_is_brought_to_ours(tmp_path: Path) -> None:
    def file(rate: int, channels: int = 1, level: float = 9000.0) -> bytes:
        path = tmp_path / "s.wav"
        x: Any = level * np.sin(2.0 * np.pi * 500.0 * np.arange(rate) / rate)
        with wave.open(str(path), "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(x.astype("<i2").tobytes() * channels)
        return path.read_bytes()

    sound = read_wav(file(16000))
    assert len(sound) == pytest.approx(RATE, rel=0.01)
    assert strength(sound, 0.1, 500.0, 0.5) > 0.99
    with pytest.raises(ValueError, match="2 channels"):
        read_wav(file(16000, 2))
    with pytest.raises(ValueError, match="silence"):
        read_wav(file(16000, level=0.0))


def test_a_speaker_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("eccentra.sound.speech._PATIENCE_S", 0.3)
    asked = tmp_path / "asked"
    # what it starts holds its output open as well
    code = "import subprocess, sys; open(sys.argv[1], 'a').write('x'); subprocess.run(['sleep', '3'])"
    hung = Command("hung", (sys.executable, "-c", code, str(asked)))
    start = time.monotonic()
    assert [hung.speak(text) for text in ("one", "two", "three")] == [None] * 3
    assert time.monotonic() - start < 2.5
    assert not asked.exists() or asked.read_text() == "x"


def test_without_a_place_for_files_the_tone_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eccentra.sound.speech.tempfile.TemporaryDirectory", full)
    one = cue(CueId.TOO_FAST, 0.0)
    assert np.array_equal(clip(one, Command("any", ("true",))), tone(one.cue))
