"""The Nordic curl: one repetition in all its ways, and a set of them.

The controlled descent follows a stroke; the knee torque is what inverse dynamics asks for. After a break the
torque decays and the body falls as a pendulum until the hands catch it.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.simulate.body import DT, Pen, RawRep
from eccentra.simulate.strokes import Shape, min_jerk, quintic, stroke

__all__ = ["HOLD_MIN_S", "NordicRep", "NordicSet", "Stop"]

rad = np.radians

# A stop shorter than this belongs to the phase before it; a partial repetition below these limits is none
# (the rules of the result).
HOLD_MIN_S = 0.5
PARTIAL_MIN_SHARE = 0.30
PARTIAL_MIN_DEG = 15.0


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stop on the way down, at the share ``at`` of the way."""

    at: float
    seconds: float


class NordicRep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One repetition.

    Attributes
    ----------
    shape, descent_s
        Stroke and planned time from the start to ``end_lean_deg`` (a break makes it shorter).
    end_lean_deg
        Thigh lean at the end of the descent.
    partial
        Share of the way that is done; ``None`` is all of it.
    stops
        Stops on the way down.
    break_lean_deg
        Lean at which control is lost; ``None`` is never. ``residual`` is the share of the torque that
        remains, ``decay_s`` the time constant, ``catch_lean_deg`` where the hands catch.
    back
        ``hands`` (push from the floor, hamstrings idle) or ``active`` (hamstrings pull back).
    turn_s
        Lying on the floor, or the turn-around when coming back actively.
    return_s, return_shape
        Time and stroke of the way back.
    push_lean_deg, push_pause_s
        Push up in two stages, with a pause at that lean.
    end_rest_lean_deg
        Lean in which the return ends; ``None`` is the lean of the start.
    pause_s
        Rest in the start pose afterwards.
    hip_flexion_deg, shank_shift_deg
        Faults on the way down: trunk against thigh, shank slope.
    tremor_deg, tremor_hz
        Shaking of the thigh's soft tissue while loaded.
    pretension_n
        Force in each strap before the descent starts.
    """

    shape: Shape = "min_jerk"
    descent_s: float = 4.0
    end_lean_deg: float = 88.0
    partial: float | None = None
    stops: tuple[Stop, ...] = ()
    break_lean_deg: float | None = None
    residual: float = 0.4
    decay_s: float = 0.2
    catch_lean_deg: float = 70.0
    back: Literal["hands", "active"] = "hands"
    turn_s: float = 1.0
    return_s: float = 1.2
    return_shape: Shape = "min_jerk"
    push_lean_deg: float | None = None
    push_pause_s: float = 0.2
    end_rest_lean_deg: float | None = None
    pause_s: float = 1.5
    hip_flexion_deg: float = 5.0
    shank_shift_deg: float = 0.0
    tremor_deg: float = 0.0
    tremor_hz: float = 8.0
    pretension_n: float = 25.0

    def __post_init__(self) -> None:
        if not 0.2 <= self.descent_s <= 60:
            raise ValueError(f"descent_s is {self.descent_s}, expected 0.2 to 60")
        if not 0.1 <= self.return_s <= 60:
            raise ValueError(f"return_s is {self.return_s}, expected 0.1 to 60")
        if self.partial is not None and not 0.02 <= self.partial <= 1:
            raise ValueError(f"partial is {self.partial}, expected 0.02 to 1")
        ats = [stop.at for stop in self.stops]
        if ats != sorted(set(ats)) or any(not 0 < at < 1 for at in ats):
            raise ValueError(f"stops.at is {ats}, expected rising shares between 0 and 1")

    def play(self, pen: Pen, set_index: int) -> None:
        """Write it."""
        raw = RawRep(set_index, "thigh")
        home = pen.now["thigh"]
        begin = pen.n - 1
        lean, torque, holds, broken = self._descent(pen, home)
        self._write_down(pen, lean, torque)
        end = pen.n - 1
        raw.phases = _down_phases(begin, holds, end)
        raw.broken_at = None if broken is None else begin + broken
        if self.back == "hands":
            self._back_by_hands(pen, raw, home)
        else:
            self._back_actively(pen, raw, home)
        if self.partial is not None:
            way = self.partial * (self.end_lean_deg - np.degrees(home))
            raw.small = self.partial < PARTIAL_MIN_SHARE or way < PARTIAL_MIN_DEG
            raw.partial = not raw.small
        pen.reps.append(raw)
        if abs(pen.now["thigh"] - home) > rad(12.0):  # sat back on the heels: come up again during the pause
            pen.hold(0.6)
            pen.glide(0.9, thigh=home, trunk=home)
        pen.hold(self.pause_s)

    def _descent(self, pen: Pen, home: float) -> tuple[Floats, Floats, list[tuple[int, int]], int | None]:
        """Lean and torque of the way down, loaded holds (steps from the start), step of the break."""
        goal = home + (self.partial or 1.0) * (rad(self.end_lean_deg) - home)
        lean, holds = self._controlled(pen, home, goal)
        padded = np.concatenate([np.full(3, home), lean, np.full(3, lean[-1])])
        torque = pen.athlete.torque(padded, DT)[3:-3]
        limit = np.inf if self.break_lean_deg is None else float(rad(self.break_lean_deg))
        over = np.flatnonzero(lean >= limit)
        if len(over) == 0 or lean[over[0]] > goal - rad(3.0):
            return lean, torque, holds, None
        k = int(over[0])
        catch = min(max(rad(self.catch_lean_deg), lean[k] + rad(4.0)), goal - rad(6.0))
        rate = float(lean[k] - lean[k - 1]) / DT
        fall, weak, rate = pen.athlete.fall(
            float(lean[k]),
            max(rate, 0.05),
            float(torque[k]),
            until=float(catch),
            residual=self.residual,
            decay_s=self.decay_s,
            dt=DT,
        )
        top = float(fall[-1]) if len(fall) else float(lean[k])
        caught = _catch(top, rate, float(goal), pen)
        pen.shake(pen.n + k + len(fall), 3.0 + 6.0 * rate)
        left = weak[-1] if len(weak) else torque[k]
        off = left * np.exp(-np.arange(1, len(caught) + 1) * DT / 0.08)
        return (
            np.concatenate([lean[: k + 1], fall, caught]),
            np.concatenate([torque[: k + 1], weak, off]),
            [h for h in holds if h[1] <= k],
            k + 1,
        )

    def _controlled(self, pen: Pen, home: float, goal: float) -> tuple[Floats, list[tuple[int, int]]]:
        """Lean of the whole planned descent and its holds."""
        parts: list[Floats] = []
        holds: list[tuple[int, int]] = []
        at, done = home, 0
        marks = [(s.at, s.seconds) for s in self.stops] + [(1.0, 0.0)]
        last = 0.0
        for share, seconds in marks:
            to = home + share * (goal - home)
            n = pen.steps((share - last) * self.descent_s)
            parts.append(stroke(self.shape, at, to, n, DT))
            done += n
            if seconds > 0:
                m = pen.steps(seconds)
                parts.append(np.full(m, to))
                holds.append((done, done + m))
                done += m
            at, last = to, share
        return np.concatenate(parts), holds

    def _write_down(self, pen: Pen, lean: Floats, torque: Floats) -> None:
        n, start = len(lean), pen.n
        u = np.arange(1, n + 1) / n
        trunk = lean + rad(self.hip_flexion_deg) * np.sin(np.pi * u) ** 2
        shank = pen.now["shank"] - rad(self.shank_shift_deg) * min_jerk(n)
        sway = np.full(n, 0.3 * pen.now["sway"])
        before = pen.now["sway"]
        pen.write(n, thigh=lean, trunk=trunk, shank=shank, torque=torque, sway=sway)
        pen.now["sway"] = before
        # Pretension rises before the movement and gives way to the load.
        rise, fade = pen.steps(0.5), min(pen.steps(1.0), n)
        pull = 2 * pen.athlete.lever_m * self.pretension_n
        bell = np.concatenate([min_jerk(rise), 1.0 - min_jerk(fade)])
        pen.overlay("torque", start - rise, pull * bell)
        if self.tremor_deg > 0:
            t = np.arange(n) * DT
            shake = np.sin(2 * np.pi * self.tremor_hz * t) * np.sin(np.pi * u) ** 2
            pen.overlay("thigh", start, rad(self.tremor_deg) * shake)
            pen.overlay("torque", start, 0.02 * torque * shake)

    def _back_by_hands(self, pen: Pen, raw: RawRep, home: float) -> None:
        """Let go, lie, push up; the hamstrings do next to nothing."""
        let_go = pen.steps(0.3)
        fading = pen.now["torque"] * (1.0 - min_jerk(let_go))
        pen.now["torque"] = 0.0
        pen.overlay("torque", pen.n, fading)
        before = pen.now["sway"]
        pen.now["sway"] = 0.15 * before
        pen.hold(self.turn_s)
        pen.now["sway"] = before
        begin = pen.n - 1
        goal = home if self.end_rest_lean_deg is None else float(rad(self.end_rest_lean_deg))
        top, n = pen.now["thigh"], pen.steps(self.return_s)
        if self.push_lean_deg is None or rad(self.push_lean_deg) > top - rad(10.0):
            lean = stroke(self.return_shape, top, goal, n, DT)
        else:
            middle = float(rad(self.push_lean_deg))
            first = pen.steps(self.return_s * (top - middle) / (top - goal))
            second = max(n - first, pen.steps(0.2))
            lean = np.concatenate(
                [
                    stroke(self.return_shape, top, middle, first, DT),
                    np.full(pen.steps(self.push_pause_s), middle),
                    stroke(self.return_shape, middle, goal, second, DT),
                ]
            )
        self._write_back(pen, lean, 0.06 * pen.athlete.moment(np.maximum(lean, 0.0)))
        raw.phases.append(("return", begin, pen.n - 1))

    def _back_actively(self, pen: Pen, raw: RawRep, home: float) -> None:
        """Turn around under load and pull up."""
        begin = pen.n - 1
        pen.hold(self.turn_s)
        if self.turn_s >= HOLD_MIN_S:
            raw.phases.append(("isometric", begin, pen.n - 1))
        elif self.turn_s > 0:
            kind, start, _ = raw.phases[-1]
            raw.phases[-1] = (kind, start, pen.n - 1)
        begin = pen.n - 1
        lean = stroke(self.return_shape, pen.now["thigh"], home, pen.steps(self.return_s), DT)
        padded = np.concatenate([np.full(3, pen.now["thigh"]), lean, np.full(3, home)])
        self._write_back(pen, lean, pen.athlete.torque(padded, DT)[3:-3])
        pen.now["torque"] = 0.0
        raw.phases.append(("concentric", begin, pen.n - 1))

    def _write_back(self, pen: Pen, lean: Floats, torque: Floats) -> None:
        n, before = len(lean), pen.now["sway"]
        u = np.arange(1, n + 1) / n
        bend = rad(25.0 if self.back == "hands" else self.hip_flexion_deg) * np.sin(np.pi * u) ** 2
        shank = pen.now["shank"] + rad(self.shank_shift_deg) * min_jerk(n)
        sway = np.full(n, 0.3 * before)
        roll = rad(pen.rng.uniform(-2, 2)) * np.sin(np.pi * u) ** 2
        pen.write(n, thigh=lean, trunk=lean + bend, shank=shank, torque=torque, sway=sway, roll=roll)
        pen.now["sway"] = before


def _catch(lean: float, rate: float, goal: float, pen: Pen) -> Floats:
    """The hands stop the fall at ``goal``: even braking, without going back."""
    way = max(goal - lean, rad(1.0))
    out = quintic(lean, rate, 0.0, lean + way, pen.steps(max(1.7 * way / rate, 0.1)), DT)
    return np.maximum.accumulate(np.minimum(out, lean + way))


def _down_phases(
    begin: int, holds: list[tuple[int, int]], end: int
) -> list[tuple[Literal["eccentric", "isometric", "concentric", "return"], int, int]]:
    """Tile the way down with eccentric phases and loaded holds."""
    out: list[tuple[Literal["eccentric", "isometric", "concentric", "return"], int, int]] = []
    at = begin
    for first, last in holds:
        if (last - first) * DT < HOLD_MIN_S:
            continue
        out.append(("eccentric", at, begin + first))
        out.append(("isometric", begin + first, begin + last))
        at = begin + last
    out.append(("eccentric", at, end))
    return out


class NordicSet(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="nordic_set"
):
    """Repetitions one after the other, from the tall kneel.

    ``start_lean_deg`` is the thigh's lean in the start pose: on a slope some begin leaning back, with the
    knees at a right angle.
    """

    reps: tuple[NordicRep, ...]
    start_lean_deg: float = 0.0

    def play(self, pen: Pen) -> None:
        """Write it."""
        pen.sets += 1
        if self.start_lean_deg != 0.0:
            start = float(rad(self.start_lean_deg))
            pen.glide(1.5, thigh=start, trunk=start)
            pen.hold(1.5)
        for rep in self.reps:
            rep.play(pen, pen.sets)
        if self.start_lean_deg != 0.0:
            pen.glide(1.5, thigh=0.0, trunk=0.0)
