"""Cues to sound: one at a time, and a whole session to a WAV file with every cue at its time."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eccentra.errors import InputError
from eccentra.events import CueGiven
from eccentra.sound.speech import Speaker
from eccentra.sound.tones import RATE, Pcm, tone
from eccentra.sound.turns import Turns, Utterance

__all__ = ["Heard", "clip", "render", "schedule", "write_wav"]

_PAUSE_S = 0.04
_FADE_S = 0.005


class Heard(NamedTuple):
    """A cue as it is heard: from ``start_s`` on, cut off after ``sound``; the cue's own time is decided."""

    cue: CueGiven
    start_s: float
    sound: Pcm


def clip(cue: CueGiven, speaker: Speaker | None) -> Pcm:
    """The tone of a cue and its words, if there is a speaker: mono, int16, ``RATE``."""
    words = None if speaker is None else speaker.speak(cue.text)
    if words is None:
        return tone(cue.cue)
    return np.concatenate([tone(cue.cue), np.zeros(round(_PAUSE_S * RATE), np.int16), words])


def schedule(cues: Iterable[CueGiven], speaker: Speaker | None) -> list[Heard]:
    """What is heard of cues, in order of their decision; times in s of the session."""
    turns, out = Turns(), list[Heard]()

    def take(until_s: float) -> None:
        while turns.due_s is not None and turns.due_s <= until_s and begin(turns.due_s):
            pass

    def begin(now_s: float) -> bool:
        one = turns.next(now_s)
        if one is None:
            return False
        if out:
            last = out[-1]
            out[-1] = last._replace(sound=_cut(last.sound, now_s - last.start_s))
        out.append(Heard(one.cue, now_s, one.sound))
        return True

    for cue in cues:
        now_s = cue.decided_us / 1e6
        take(now_s)
        turns.put(Utterance(cue, clip(cue, speaker), now_s), now_s)
        begin(now_s)
    take(float("inf"))
    return [one for one in out if len(one.sound)]


def render(heard: Iterable[Heard], start_s: float, end_s: float) -> Iterable[Pcm]:
    """Sound from ``start_s`` to at least ``end_s`` of a session, in pieces."""
    at = 0
    for one in heard:
        begin = max(round((one.start_s - start_s) * RATE), at)
        if begin > at:
            yield from _silence(begin - at)
        yield one.sound
        at = begin + len(one.sound)
    yield from _silence(round((end_s - start_s) * RATE) - at)


def write_wav(
    path: Path, cues: Iterable[CueGiven], speaker: Speaker | None, start_s: float, end_s: float
) -> list[Heard]:
    """Write what is heard in a session; gives it.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    heard = schedule(cues, speaker)
    try:
        with path.open("wb") as out, wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            for piece in render(heard, start_s, end_s):
                file.writeframes(piece.astype("<i2").tobytes())
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror or error}") from None
    return heard


def _silence(samples: int) -> Iterable[Pcm]:
    while samples > 0:
        n = min(samples, 1 << 16)
        yield np.zeros(n, np.int16)
        samples -= n


def _cut(sound: Pcm, seconds: float) -> Pcm:
    """The beginning, with a soft end."""
    n = round(seconds * RATE)
    if n >= len(sound):
        return sound
    fade = min(round(_FADE_S * RATE), n)
    out = sound[:n].copy()
    if fade:
        out[n - fade :] = np.round(out[n - fade :] * np.linspace(1.0, 0.0, fade)).astype(np.int16)
    return out
