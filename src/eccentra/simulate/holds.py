"""Isometric holds: up from lying or kneeling, stay with sway, sag and dips, down again."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.simulate.body import DT, Pen, RawRep
from eccentra.simulate.strokes import Shape, stroke

__all__ = ["STYLES", "Dip", "HoldRep", "HoldSet"]

rad = np.radians
Style = Literal["bridge", "long_lever", "plank", "plank_from_kneel", "plank_from_fours", "side_plank"]
# Change of thigh, shank, trunk and roll in degrees from the rest pose to the raised one. Bridge: knee 0.43 m
# up, shoulders on the floor 0.93 m from it, so the line between them falls by 24 degrees. Long lever: the
# knee is only 0.2 m up. Plank: shoulders 0.33 m up on the elbows, toes on the floor, 1.4 m apart, less
# what prone lying leans already. Side plank: elbow and foot 1.3 m apart.
STYLES: dict[str, tuple[float, float, float, float]] = {
    "bridge": (26.0, 10.0, -24.0, 0.0),
    "long_lever": (7.5, 6.0, -10.0, 0.0),
    "plank": (-10.0, -9.0, -10.0, 0.0),
    "plank_from_kneel": (80.0, -10.0, 80.0, 0.0),
    "plank_from_fours": (78.0, -10.0, -6.0, 0.0),
    "side_plank": (0.0, 0.0, 0.0, -16.0),
}
_CHANNELS = ("thigh", "shank", "trunk", "roll")


class Dip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sink within a hold and come up again.

    ``at`` is the share of the hold's time at which it starts, ``depth`` the share of the rise that is lost,
    ``stay_s`` the time spent down, ``seconds`` that of each stroke.
    """

    at: float
    depth: float = 0.5
    seconds: float = 0.4
    stay_s: float = 0.0


class HoldRep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One hold.

    Attributes
    ----------
    up_s, hold_s, down_s
        Times of its phases.
    up_shape, down_shape
        Shapes of the strokes.
    sag_deg
        How far the rise is lost evenly over the hold.
    sway_deg, fatigue
        SD of the sway at first, and by how much of it the sway has grown at the end.
    sway_hz
        Highest frequency of the sway.
    hike_deg, hike_at
        One side sinks by so much, from this share of the hold on.
    dips
        Dips.
    cramp
        A cramp stops it: down in 0.35 s whatever ``down_s`` says.
    pause_s
        Rest afterwards.
    """

    up_s: float = 1.5
    hold_s: float = 10.0
    down_s: float = 2.0
    up_shape: Shape = "min_jerk"
    down_shape: Shape = "min_jerk"
    sag_deg: float = 0.0
    sway_deg: float = 0.4
    fatigue: float = 1.0
    sway_hz: float = 2.0
    hike_deg: float = 0.0
    hike_at: float = 0.5
    dips: tuple[Dip, ...] = ()
    cramp: bool = False
    pause_s: float = 4.0

    def __post_init__(self) -> None:
        if min(self.up_s, self.down_s, self.hold_s) < 0.1:
            raise ValueError(f"up_s, hold_s, down_s are {self.up_s}, {self.hold_s}, {self.down_s}: too short")
        if not 0.2 <= self.sway_hz <= 20.0:
            raise ValueError(f"sway_hz is {self.sway_hz}, expected 0.2 to 20")


class HoldSet(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="hold_set"
):
    """Holds one after the other, from the pose there is; ``rise`` scales how high the style goes.

    Holds shorter than ``counts_from_s`` are movements that do not count.
    """

    holds: tuple[HoldRep, ...]
    style: Style = "bridge"
    rise: float = 1.0
    breath_deg: float = 0.3
    counts_from_s: float = 3.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        pen.sets += 1
        home = {name: pen.now[name] for name in _CHANNELS}
        way = dict(zip(_CHANNELS, (self.rise * float(rad(v)) for v in STYLES[self.style]), strict=True))
        for hold in self.holds:
            self._one(pen, hold, home, way)

    def _one(self, pen: Pen, rep: HoldRep, home: dict[str, float], way: dict[str, float]) -> None:
        main = "roll" if self.style == "side_plank" else "trunk" if abs(way["trunk"]) > 0.1 else "thigh"
        raw = RawRep(pen.sets, main)
        rest_sway = pen.now["sway"]
        begin = pen.n - 1
        n = pen.steps(rep.up_s)
        self._write(pen, home, way, stroke(rep.up_shape, 0.0, 1.0, n, DT), np.zeros(n), rad(0.04))
        top = pen.n - 1
        raw.phases.append(("concentric", begin, top))
        n = pen.steps(rep.hold_s)
        course = 1.0 - np.linspace(0.0, rep.sag_deg / abs(np.degrees(way[main])), n)
        for dip in rep.dips:
            _dip(course, dip, rep.hold_s)
        hike = _hike(rep, n)
        start = pen.n
        self._write(pen, home, way, course, hike, rad(0.04))
        self._sway(pen, rep, start, n)
        leave = pen.n - 1
        raw.phases.append(("isometric", top, leave))
        n = pen.steps(0.35 if rep.cramp else rep.down_s)
        down = stroke(rep.down_shape, float(course[-1]), 0.0, n, DT)
        back = stroke(rep.down_shape, float(hike[-1]), 0.0, n, DT)
        self._write(pen, home, way, down, back, rest_sway)
        raw.phases.append(("eccentric", leave, pen.n - 1))
        if rep.cramp:
            pen.shake(pen.n, 4.0)
        raw.small = rep.hold_s < self.counts_from_s
        pen.reps.append(raw)
        self._pause(pen, rep.pause_s)

    def _write(
        self,
        pen: Pen,
        home: dict[str, float],
        way: dict[str, float],
        course: Floats,
        hike: Floats,
        sway: float,
    ) -> None:
        n = len(course)
        courses = {name: home[name] + way[name] * course for name in _CHANNELS}
        courses["roll"] = courses["roll"] + hike
        pen.write(n, sway=np.full(n, float(sway)), **courses)

    def _sway(self, pen: Pen, rep: HoldRep, start: int, n: int) -> None:
        t = np.arange(n) * DT
        ease = np.clip(np.minimum(t, t[-1] - t) / 0.5, 0.0, 1.0)
        size = rad(rep.sway_deg) * ease * (1.0 + rep.fatigue * t / t[-1])
        for channel, share in (("trunk", 1.0), ("thigh", 0.8), ("roll", 0.5)):
            pen.overlay(channel, start, share * size * _band(n, rep.sway_hz, pen.rng))
        pen.overlay("trunk", start, rad(self.breath_deg) * ease * np.sin(2 * np.pi * 0.35 * t))

    def _pause(self, pen: Pen, seconds: float) -> None:
        if seconds <= 0.0:
            return
        n = pen.steps(seconds)
        t = np.arange(n) * DT
        ease = np.clip(np.minimum(t, t[-1] - t) / 1.0, 0.0, 1.0)
        pen.overlay("trunk", pen.n, rad(self.breath_deg) * ease * np.sin(2 * np.pi * 0.27 * t))
        pen.write(n)


def _dip(course: Floats, dip: Dip, hold_s: float) -> None:
    """Take a dip off the course of the hold, in place."""
    a = int(dip.at * hold_s / DT)
    n, stay = max(1, round(dip.seconds / DT)), round(dip.stay_s / DT)
    fall = stroke("min_jerk", 0.0, dip.depth, n, DT)
    whole = np.concatenate([fall, np.full(stay, dip.depth), fall[::-1]])
    b = min(a + len(whole), len(course))
    course[a:b] -= whole[: b - a]


def _hike(rep: HoldRep, n: int) -> Floats:
    out = np.zeros(n)
    if rep.hike_deg:
        a = int(rep.hike_at * n)
        m = min(round(1.0 / DT), n - a)
        out[a : a + m] = stroke("min_jerk", 0.0, float(rad(rep.hike_deg)), m, DT)
        out[a + m :] = rad(rep.hike_deg)
    return out


def _band(n: int, highest_hz: float, rng: np.random.Generator) -> Floats:
    """Noise of unit SD between 0.15 Hz and ``highest_hz``, falling with frequency as sway does."""
    m = max(n, round(20.0 / DT))
    frequency = np.fft.rfftfreq(m, DT)
    shape = np.where((frequency >= 0.15) & (frequency <= highest_hz), 1.0 / np.maximum(frequency, 0.15), 0.0)
    spectrum = shape * (rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency)))
    out = np.fft.irfft(spectrum, m)
    return np.asarray(out[:n] / out.std())
