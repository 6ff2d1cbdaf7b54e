"""What can play sound on this computer: the package ``sounddevice``, or a program of the system."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from eccentra.sound.tones import RATE, Pcm

__all__ = ["Output", "OutputError", "ProgramOutput", "find_output"]

_START_S = 2.0
_MOST_WORDS = 4096


class OutputError(Exception):
    """Sound cannot be played; says why and what to do."""


class Output(Protocol):
    """Plays one sound at a time."""

    name: str

    def play(self, sound: Pcm) -> None:
        """Begin to play, instead of what is heard; returns at once.

        Raises
        ------
        OutputError
            When it cannot.
        """
        ...

    def close(self) -> None:
        """Be silent, and let go."""
        ...


class ProgramOutput:
    """A program that plays raw samples from its standard input.

    Parameters
    ----------
    argv
        How it is run.
    """

    def __init__(self, argv: tuple[str, ...]) -> None:
        self.name = Path(argv[0]).name
        self._argv = argv
        self._running: subprocess.Popen[bytes] | None = None
        self._files: list[IO[bytes]] = []

    def play(self, sound: Pcm) -> None:
        """Begin to play."""
        failed = self._failed()
        self.close()
        if failed:
            raise OutputError(f"{self.name} could not play: {failed}")
        try:
            # unnamed files and no pipes: a pipe waits for who is at its other end
            samples, words = self._file(), self._file()
            samples.write(sound.astype("<i2").tobytes())
            samples.seek(0)
            self._running = subprocess.Popen(
                self._argv, stdin=samples, stdout=subprocess.DEVNULL, stderr=words
            )
        except OSError as error:
            self.close()
            raise OutputError(f"{self.name} cannot be started: {error.strerror or error}") from None

    def _file(self) -> IO[bytes]:
        """An unnamed file, closed by :meth:`close`."""
        self._files.append(tempfile.TemporaryFile())  # noqa: SIM115
        return self._files[-1]

    def _failed(self) -> str:
        """What the last run said when it ended with an error."""
        run = self._running
        if run is None or run.poll() in (None, 0):
            return ""
        words = self._files[-1]
        words.seek(0)
        lines = words.read(_MOST_WORDS).decode(errors="replace").strip().splitlines()
        return lines[0][:200] if lines else f"exit status {run.returncode}"

    def close(self) -> None:
        """Be silent."""
        run, self._running = self._running, None
        if run is not None:
            if run.poll() is None:
                run.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(_START_S)
        files, self._files = self._files, []
        for file in files:
            with contextlib.suppress(OSError):  # a full disk, told already
                file.close()


class _FileOutput:
    """A player that wants a WAV file: macOS ``afplay``, or Windows' own."""

    def __init__(self, name: str, start: Callable[[Path], None], stop: Callable[[], None]) -> None:
        self.name = name
        self._start, self._stop = start, stop
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="eccentra-sound-")
        except OSError as error:
            raise OutputError(f"{name} needs a folder for its sounds: {error.strerror or error}") from None
        self._turn = 0

    def play(self, sound: Pcm) -> None:
        """Begin to play."""
        self._stop()
        # the last file may still be open
        self._turn = (self._turn + 1) % 2
        path = Path(self._folder.name) / f"{self._turn}.wav"
        try:
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(sound.astype("<i2").tobytes())
            self._start(path)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self.name} cannot play: {error}") from None

    def close(self) -> None:
        """Be silent."""
        self._stop()
        with contextlib.suppress(OSError):
            self._folder.cleanup()


class _DeviceOutput:
    """The package ``sounddevice``: starts and stops within a few milliseconds."""

    name = "sounddevice"

    def __init__(self, module: Any) -> None:
        self._module = module
        self._left: Pcm = np.zeros(0, np.int16)
        try:
            self._stream = module.OutputStream(
                samplerate=RATE, channels=1, dtype="int16", latency="low", callback=self._fill
            )
            self._stream.start()
        except module.PortAudioError as error:
            raise OutputError(f"no sound device can be opened: {error}") from None

    def _fill(self, out: Any, frames: int, when: Any, status: Any) -> None:
        sound = self._left
        n = min(frames, len(sound))
        out[:n, 0] = sound[:n]
        out[n:] = 0
        self._left = sound[n:]

    def play(self, sound: Pcm) -> None:
        """Begin to play."""
        if not self._stream.active:
            raise OutputError("the sound device is gone")
        self._left = sound

    def close(self) -> None:
        """Be silent."""
        with contextlib.suppress(self._module.PortAudioError):
            self._stream.abort()
            self._stream.close()


def find_output() -> Output:
    """Whatever can play on this computer.

    Raises
    ------
    OutputError
        When there is nothing; says what to install.
    """
    trouble = ""
    try:
        import sounddevice  # optional: pip install 'eccentra[sound]'
    except (ImportError, OSError) as error:
        # OSError: the package is there, the library PortAudio is not
        trouble = f" ({error})" if isinstance(error, OSError) else ""
    else:
        try:
            return _DeviceOutput(sounddevice)
        except OutputError as error:
            trouble = f" ({error})"
    if sys.platform == "win32":
        return _windows()
    programs: tuple[tuple[str, ...], ...] = (
        ("pw-cat", "--playback", "--rate", str(RATE), "--channels", "1", "--format", "s16", "-"),
        ("paplay", "--raw", f"--rate={RATE}", "--channels=1", "--format=s16le", "--latency-msec=30"),
        ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", "1"),
    )
    for argv in programs:
        path = shutil.which(argv[0])
        if path is not None:
            return ProgramOutput((path, *argv[1:]))
    path = shutil.which("afplay")
    if path is not None:
        return _afplay(path)
    raise OutputError(
        f"nothing can play sound here{trouble}; pip install 'eccentra[sound]', or install paplay or aplay"
    )


def _afplay(path: str) -> Output:
    running: list[subprocess.Popen[bytes]] = []

    def stop() -> None:
        for one in running:
            one.kill()
            one.wait()
        running.clear()

    def start(file: Path) -> None:
        running.append(subprocess.Popen([path, str(file)], stderr=subprocess.DEVNULL))

    return _FileOutput("afplay", start, stop)


def _windows() -> Output:
    import winsound as module

    # its names exist on Windows only
    sound: Any = module

    def start(file: Path) -> None:
        sound.PlaySound(str(file), sound.SND_FILENAME | sound.SND_ASYNC | sound.SND_NODEFAULT)

    def stop() -> None:
        sound.PlaySound(None, 0)

    return _FileOutput("winsound", start, stop)
