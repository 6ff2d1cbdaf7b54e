"""Cues as sound, and the prescription behind them: what ``demo``, ``station`` and ``replay`` share."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.events import CueGiven, Numbered

__all__ = ["Cues", "Reps", "Sound", "SoundFile", "Tempo", "prescription", "sounding"]

Sound = Annotated[bool, typer.Option("--sound", help="Play the cues: a tone and spoken words.")]
SoundFile = Annotated[
    Path | None, typer.Option("--sound-file", metavar="OUT.wav", help="Write the cues to a sound file.")
]
Tempo = Annotated[
    str | None,
    typer.Option(metavar="ECC[-HOLD[-CON]]", help="Seconds of each phase, such as 4 or 3-0-2: the pacer."),
]
Reps = Annotated[int | None, typer.Option(min=1, max=200, help="Repetitions of a set: the target.")]


def prescription(tempo: str | None, reps: int | None) -> dict[str, Any] | None:
    """A prescription as a session takes it; ``None`` when nothing is prescribed.

    Raises
    ------
    InputError
        When the tempo cannot be understood.
    """
    import msgspec

    from eccentra import catalogue

    out: dict[str, Any] = {} if reps is None else {"reps": reps}
    if tempo is not None:
        names = ("eccentric", "isometric", "concentric")
        parts = tempo.split("-")
        try:
            seconds = [float(part) for part in parts]
            if len(parts) > len(names):
                raise ValueError("more than three numbers")
            times = {name: s for name, s in zip(names, seconds, strict=False) if s > 0}
            out["tempo_s"] = msgspec.to_builtins(catalogue.Tempo(**times))
        except ValueError as error:
            raise InputError("--tempo", f"{error}; write seconds such as 4 or 3-0-2") from None
    return out or None


@contextlib.contextmanager
def sounding(on: bool, note: Callable[[str], None]) -> Iterator[Callable[[Sequence[Numbered]], None]]:
    """Gives what takes events and plays their cues; does nothing when sound is off.

    Parameters
    ----------
    note
        Takes what is wrong, from any thread.
    """
    if not on:
        yield lambda events: None
        return
    from eccentra.sound.player import SoundPlayer

    with _ended_in_order(), SoundPlayer.of_this_computer(note) as player:
        yield player.handle


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let the signal TERM unwind the program, where nobody else takes it: players are ended on the way."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Cues:
    """The cues of a session, for a sound file.

    Parameters
    ----------
    path
        The file; ``None`` for none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._cues: list[CueGiven] = []
        self._start_us: int | None = None
        self._end_us = 0

    def take(self, events: Sequence[Numbered]) -> None:
        """Take events."""
        from eccentra.events import CueGiven

        if self._path is None:
            return
        for one in events:
            event = one.event
            if self._start_us is None:
                self._start_us = event.t_us
            if isinstance(event, CueGiven):
                self._cues.append(event)
            self._end_us = max(self._end_us, event.t_us)

    def write(self) -> None:
        """Write the file; says what is in it."""
        if self._path is None:
            return
        from eccentra.sound.render import write_wav
        from eccentra.sound.speech import advice, find_speaker

        speaker = find_speaker()
        start_s = (self._start_us or 0) / 1e6
        heard = write_wav(self._path, self._cues, speaker, start_s, self._end_us / 1e6)
        words = "" if speaker is not None else f"; tones only, {advice()}"
        typer.echo(f"{len(heard)} of {len(self._cues)} cues in {self._path}{words}")
