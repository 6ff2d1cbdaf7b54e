"""A tone for each cue: a short row of notes that no other cue has.

The pacer ticks softly and high, counts and targets rise, warnings are two low notes, whatever ends a set is
three loud pairs. Notes last long enough to be told apart in a room, and far less than a second of the pacer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eccentra.events import CueId

__all__ = ["RATE", "TONES", "Note", "Pcm", "tone"]

RATE = 22050
"""Samples a second of everything that is played; what the speech programs give."""

Pcm = NDArray[np.int16]

_FADE_S = 0.005
_GAP_S = 0.03


class Note(NamedTuple):
    """``hz`` for ``seconds``; ``loud`` is the share of full scale."""

    hz: float
    seconds: float
    loud: float = 0.4


def _row(*hz: float, seconds: float = 0.1, loud: float = 0.4) -> tuple[Note, ...]:
    return tuple(Note(one, seconds, loud) for one in hz)


TONES: dict[CueId, tuple[Note, ...]] = {
    CueId.PACE_COUNT: _row(1000.0, seconds=0.06, loud=0.25),
    CueId.PACE_HOLD: _row(800.0, 800.0, seconds=0.06, loud=0.25),
    CueId.PACE_UP: _row(800.0, 1200.0, seconds=0.06, loud=0.25),
    CueId.PACE_DOWN: _row(1200.0, 800.0, seconds=0.06, loud=0.25),
    CueId.REP_COUNTED: _row(660.0),
    CueId.TARGET_REPS: _row(523.0, 659.0, 784.0),
    CueId.TARGET_RANGE: _row(659.0, 784.0),
    CueId.TARGET_HOLD: _row(523.0, 784.0),
    CueId.TOO_FAST: _row(440.0, 330.0, seconds=0.12, loud=0.5),
    CueId.HIP_BENDING: _row(330.0, 440.0, seconds=0.12, loud=0.5),
    CueId.CONTROL_LOST: _row(392.0, 262.0, seconds=0.12, loud=0.5),
    CueId.TECHNIQUE: _row(392.0, 392.0, seconds=0.12, loud=0.5),
    CueId.STOP_PAIN: _row(880.0, 440.0, 880.0, 440.0, 880.0, 440.0, loud=0.7),
    CueId.STOP_RED_FLAG: _row(988.0, 494.0, 988.0, 494.0, 988.0, 494.0, loud=0.7),
    CueId.STOP_FREE_FALLS: _row(880.0, 587.0, 880.0, 587.0, 880.0, 587.0, loud=0.7),
    CueId.STOP_FORCE_LOSS: _row(880.0, 494.0, 880.0, 494.0, 880.0, 494.0, loud=0.7),
    CueId.STOP_FAULT_REPEATED: _row(988.0, 587.0, 988.0, 587.0, 988.0, 587.0, loud=0.7),
    CueId.STOP_SENSOR_LOST: _row(988.0, 440.0, 988.0, 440.0, 988.0, 440.0, loud=0.7),
}
"""Notes of every cue."""


def tone(cue: CueId) -> Pcm:
    """The tone of a cue: mono, int16, shape (n,), :data:`RATE` samples a second."""
    gap = np.zeros(round(_GAP_S * RATE))
    parts = [part for note in TONES[cue] for part in (_note(note), gap)]
    return np.round(np.concatenate(parts[:-1]) * 32767.0).astype(np.int16)


def _note(note: Note) -> NDArray[np.float64]:
    t = np.arange(round(note.seconds * RATE)) / RATE
    # soft edges: a tone that begins at once clicks, and a click has every frequency
    edge = np.minimum(np.minimum(t, note.seconds - t) / _FADE_S, 1.0)
    return note.loud * edge * np.sin(2.0 * np.pi * note.hz * t)
