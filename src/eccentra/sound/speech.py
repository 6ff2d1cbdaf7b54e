"""Speech by a program that is there: espeak-ng, macOS ``say``, or Windows' own voice through PowerShell.

The text goes in by standard input, so that no text can be taken for an option.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import Protocol

import numpy as np

from eccentra.sound.tones import RATE, Pcm

__all__ = ["Command", "Speaker", "advice", "find_speaker"]

_LONGEST_S = 10.0
_MOST_CHARACTERS = 200
_PEAK = 0.8 * 32767.0

_POWERSHELL = (
    "Add-Type -AssemblyName System.Speech;"
    "$f=New-Object System.Speech.AudioFormat.SpeechAudioFormatInfo({rate},'Sixteen','Mono');"
    "$s=New-Object System.Speech.Synthesis.SpeechSynthesizer;"
    "$s.SetOutputToWaveFile($env:ECCENTRA_WAV,$f);$s.Speak([Console]::In.ReadToEnd());$s.Dispose()"
)


class Speaker(Protocol):
    """Turns text into sound."""

    name: str

    def speak(self, text: str) -> Pcm | None:
        """Speech, mono, int16, :data:`~eccentra.sound.tones.RATE`; ``None`` when it could not be made."""
        ...


class Command:
    """A speech program.

    Parameters
    ----------
    name
        What it is called.
    argv
        How it is run. ``{file}`` stands for a WAV file that it writes; without, it writes to its output.
    """

    def __init__(self, name: str, argv: tuple[str, ...]) -> None:
        self.name = name
        self._argv = argv
        self._made: dict[str, Pcm | None] = {}

    def speak(self, text: str) -> Pcm | None:
        """Speech; the same text is made once."""
        text = text[:_MOST_CHARACTERS]
        if text not in self._made:
            self._made[text] = self._make(text)
        return self._made[text]

    def _make(self, text: str) -> Pcm | None:
        with tempfile.TemporaryDirectory(prefix="eccentra-speech-") as folder:
            file = Path(folder) / "speech.wav"
            argv = [part.replace("{file}", str(file)) for part in self._argv]
            try:
                done = subprocess.run(
                    argv,
                    input=text.encode(),
                    capture_output=True,
                    timeout=_LONGEST_S,
                    check=True,
                    env={**os.environ, "ECCENTRA_WAV": str(file)},
                )
                return read_wav(file.read_bytes() if file.exists() else done.stdout)
            except (OSError, subprocess.SubprocessError, wave.Error, EOFError, ValueError):
                # tones alone are heard then; the next text is tried again
                return None


def find_speaker() -> Speaker | None:
    """A speech program of this computer, or ``None``."""
    if (path := shutil.which("espeak-ng") or shutil.which("espeak")) is not None:
        return Command("espeak-ng", (path, "-v", "en", "-s", "180", "--stdin", "--stdout"))
    if sys.platform == "darwin" and (path := shutil.which("say")) is not None:
        return Command("say", (path, "-f", "-", "-o", "{file}", f"--data-format=LEI16@{RATE}"))
    if sys.platform == "win32" and (path := shutil.which("powershell")) is not None:
        script = _POWERSHELL.replace("{rate}", str(RATE))
        return Command("Windows speech", (path, "-NoProfile", "-NonInteractive", "-Command", script))
    return None


def advice() -> str:
    """What to do to hear words."""
    return "install espeak-ng (Debian: apt install espeak-ng) to hear words as well"


def read_wav(data: bytes) -> Pcm:
    """Mono 16-bit samples at :data:`~eccentra.sound.tones.RATE` of a WAV file, without silence at its ends.

    Raises
    ------
    wave.Error, ValueError, EOFError
        When it is something else.
    """
    with wave.open(io.BytesIO(data)) as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise ValueError(f"{file.getnchannels()} channels of {file.getsampwidth()} bytes")
        rate = file.getframerate()
        frames = file.readframes(round(_LONGEST_S * rate))
    x = np.frombuffer(frames[: len(frames) // 2 * 2], dtype="<i2").astype(np.float64)
    if rate != RATE:
        n = int(len(x) * RATE / rate)
        x = np.interp(np.arange(n) * rate / RATE, np.arange(len(x)), x)
    loud = np.flatnonzero(np.abs(x) > 200.0)
    if not len(loud):
        raise ValueError("nothing but silence")
    x = x[loud[0] : loud[-1] + 1]
    loudest = float(np.abs(x).max())
    out: Pcm = np.round(x * (_PEAK / loudest)).astype(np.int16)
    return out
