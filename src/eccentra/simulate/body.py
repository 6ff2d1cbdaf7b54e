"""The body as a planar chain, and the pen that moves write their courses with.

Channels (all on one grid, every ``DT`` s):

=========  ======  =============================================================================
thigh      rad     lean of the thigh: 0 upright, + when the hip is ahead of the knee
shank      rad     lean of the shank: 0 standing, pi/2 kneeling (knee ahead of the ankle)
trunk      rad     lean of the trunk
roll, yaw  rad     lean of the whole body to the right; heading, + to the left
abduct     rad     the same of the leg against the body, about the hip
speed      m/s     forward speed of the body
ankle_x/z  m       the ankle's place against the body's path and the floor
limb       rad     angle of the free limb about its own axis (see :class:`~eccentra.simulate.scenario.Limb`)
travel     m       path of the free limb along its own line
sway       rad     size of postural sway
shock      m/s²    soft tissue shaking after an impact
torque     N·m     knee flexor torque of both legs
strap      N       force of each strap that does not come from the torque
=========  ======  =============================================================================

Knee flexion is ``shank - thigh``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eccentra.events import PhaseKind
from eccentra.samples import Floats
from eccentra.simulate.athlete import Athlete
from eccentra.simulate.strokes import Shape, stroke

__all__ = ["CHANNELS", "DT", "Course", "Pen", "RawRep"]

DT = 0.002
_LONGEST_S = 14_400
CHANNELS = (
    "thigh",
    "shank",
    "trunk",
    "roll",
    "yaw",
    "abduct",
    "speed",
    "ankle_x",
    "ankle_z",
    "limb",
    "travel",
    "sway",
    "shock",
    "torque",
    "strap",
)
Course = dict[str, Floats]


class RawRep:
    """A repetition while it is written; positions are sample indices of the grid."""

    def __init__(self, set_index: int, channel: str) -> None:
        self.set_index = set_index
        self.channel = channel
        self.phases: list[tuple[PhaseKind, int, int]] = []
        self.broken_at: int | None = None
        self.partial = False
        self.small = False


class Pen:
    """Writes the courses of all channels, one piece after the other, and remembers what they were.

    Parameters
    ----------
    athlete
        Body measures.
    rng
        Source of all chance.
    """

    def __init__(self, athlete: Athlete, rng: np.random.Generator) -> None:
        self.athlete = athlete
        self.rng = rng
        self.n = 1
        self.now: dict[str, float] = dict.fromkeys(CHANNELS, 0.0)
        self.now["sway"] = float(np.radians(athlete.sway_deg))
        self.reps: list[RawRep] = []
        self.movements: list[tuple[str, int, int]] = []
        self.sets = 0
        self._pieces: dict[str, list[Floats]] = {c: [np.array([v])] for c, v in self.now.items()}
        self._overlays: list[tuple[str, int, Floats]] = []

    def steps(self, seconds: float) -> int:
        """Number of grid steps in ``seconds``, at least one.

        Raises
        ------
        ValueError
            When it is no time, or takes the session beyond four hours (a bound on memory).
        """
        if not 0 <= seconds + self.n * DT <= _LONGEST_S or seconds < 0:
            raise ValueError(
                f"a move of {seconds} s at {self.n * DT:.0f} s: expected times from 0 on and "
                f"at most {_LONGEST_S} s in all"
            )
        return max(1, round(seconds / DT))

    def write(self, n: int, **courses: Floats) -> None:
        """Append ``n`` samples; channels not named keep their value."""
        for channel in CHANNELS:
            course = courses.get(channel)
            if course is None:
                course = np.full(n, self.now[channel])
            self._pieces[channel].append(course)
            self.now[channel] = float(course[-1])
        self.n += n

    def glide(self, seconds: float, shape: Shape = "min_jerk", **targets: float) -> None:
        """Take the named channels to their targets in one stroke."""
        n = self.steps(seconds)
        self.write(n, **{c: stroke(shape, self.now[c], v, n, DT) for c, v in targets.items()})

    def hold(self, seconds: float) -> None:
        """Stay as it is; nothing happens when ``seconds`` is zero."""
        if seconds != 0:
            self.write(self.steps(seconds))

    def overlay(self, channel: str, start: int, course: Floats) -> None:
        """Add ``course`` to a channel from sample ``start`` on, cut to what will have been written."""
        self._overlays.append((channel, start, course))

    def shake(self, start: int, size: float, frequency_hz: float = 16.0, decay_s: float = 0.06) -> None:
        """Let soft tissue ring after an impact, up to ``size`` m/s², from sample ``start`` on.

        The derivative of a speed that comes and goes, so that no speed is left.
        """
        t = np.arange(self.steps(8 * decay_s)) * DT
        speed = t * np.exp(-t / decay_s) * np.sin(2 * np.pi * frequency_hz * t)
        ringing = np.gradient(speed, DT)
        self.overlay("shock", start, size * ringing / np.abs(ringing).max())

    def finish(self) -> Course:
        """Join all pieces, add overlays and sway."""
        out = {c: np.concatenate(p) for c, p in self._pieces.items()}
        for channel, start, course in self._overlays:
            begin, end = max(start, 0), min(start + len(course), self.n)
            if end > begin:
                out[channel][begin:end] += course[begin - start : end - start]
        size = _smooth(out["sway"], 0.5)
        for channel, share in (("thigh", 1.0), ("trunk", 1.2), ("roll", 0.5), ("shank", 0.05), ("limb", 1.0)):
            out[channel] += share * size * self._sway()
        out["torque"] = _smooth(out["torque"], 0.02)
        return out

    def _sway(self) -> Floats:
        """Slow random motion of unit SD: tones of 0.05 to 0.45 Hz, the low ones larger."""
        out = np.zeros(self.n)
        t = np.arange(self.n) * DT
        tones = self.rng.uniform(0.05, 0.45, 5)
        weights = 1.0 / tones
        weights /= np.sqrt(0.5 * np.dot(weights, weights))
        for tone, weight in zip(tones, weights, strict=True):
            out += weight * np.sin(2 * np.pi * tone * t + self.rng.uniform(0, 2 * np.pi))
        return out


def _smooth(x: Floats, width_s: float) -> Floats:
    """Three box averages of ``width_s``: a bell of the same area; ends keep their value."""
    half = max(1, round(width_s / DT / 2))
    width = 2 * half + 1
    for _ in range(3):
        padded = np.concatenate([np.full(half + 1, x[0]), x, np.full(half, x[-1])])
        total: Any = np.cumsum(padded)
        x = (total[width:] - total[:-width]) / width
    return np.asarray(x)
