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
# A text takes a tenth of a second; the first one on Windows takes two.
_PATIENCE_S = 4.0
_MOST_CHARACTERS = 200
# Texts that are kept as sound, about 50 kB each.
_MOST_KEPT = 300
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

    def close(self) -> None:
        """Stop at once what is being made; nothing more is spoken."""
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
        self._running: subprocess.Popen[bytes] | None = None
        self._silent = False

    def speak(self, text: str) -> Pcm | None:
        """Speech; the same text is made once. A program that hung once is not asked again."""
        text = text[:_MOST_CHARACTERS]
        if text not in self._made:
            if self._silent:
                return None
            if len(self._made) >= _MOST_KEPT:
                del self._made[next(iter(self._made))]
            self._made[text] = self._make(text)
        return self._made[text]

    def close(self) -> None:
        """End the program if it runs; nothing more is spoken. May be called from another thread."""
        self._silent = True
        run = self._running
        if run is not None:
            run.kill()

    def _make(self, text: str) -> Pcm | None:
        try:
            with tempfile.TemporaryDirectory(prefix="eccentra-speech-") as folder:
                return self._run(text, Path(folder))
        except (OSError, wave.Error, EOFError, ValueError):
            # tones alone are heard then; the next text is tried again
            return None

    def _run(self, text: str, folder: Path) -> Pcm | None:
        """Files and no pipes: whatever hangs, nothing waits for longer than the time limit."""
        file, said, heard = folder / "speech.wav", folder / "text", folder / "output"
        said.write_bytes(text.encode())
        argv = [part.replace("{file}", str(file)) for part in self._argv]
        with said.open("rb") as words, heard.open("wb") as out:
            run = subprocess.Popen(
                argv,
                stdin=words,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "ECCENTRA_WAV": str(file)},
            )
        self._running = run
        try:
            # closed before it was known: then it is ended here
            status = run.wait(0.0 if self._silent else _PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._silent = True
            run.kill()
            run.wait()
            return None
        finally:
            self._running = None
        return read_wav((file if file.exists() else heard).read_bytes()) if status == 0 else None


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
