"""The numbers and courses of one Nordic curl that validity and fault rules are about.

What a gap touches is left out, so it breaks no rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eccentra.events import Force, Repetition
from eccentra.samples import Floats, Side
from eccentra.stages.kinematics import dips
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_break import BreakRule
from eccentra.stages.nordic_measure import Measured, Seen
from eccentra.stages.set_numbers import imbalance

__all__ = ["courses_of", "numbers_of"]

# Below this share of the mean speed it all but stops.
_STOP_SHARE = 0.2


def numbers_of(
    m: Measured, stage: Stage, earlier: Sequence[Repetition], valid: bool
) -> dict[str, float | None]:
    """Numbers of one repetition.

    Parameters
    ----------
    earlier
        Repetitions of its set before it.
    valid
        Whether it counts for the side difference.
    """
    edge = m.gap_start or m.gap_end
    wanted = stage.tempo_s.eccentric
    out: dict[str, float | None] = {
        "start_lean_deg": None if m.gap_start else abs(m.start_lean),
        "lean_rom_deg": None if edge else m.rom,
        "eccentric_s": None if edge else m.eccentric_s,
        "eccentric_share": None if edge or not wanted else m.eccentric_s / wanted,
        "omega_mean_ecc_deg_s": None if edge or m.eccentric_s <= 0.0 else m.rom / m.eccentric_s,
        "shank_change_deg": m.shank_change,
        "asymmetry_pct": _imbalance(m.forces, earlier, stage.asymmetry_least_reps) if valid else None,
    }
    if m.seen is not None and not m.gap_inside:
        out |= _course_numbers(m, m.seen, stage.fall)
    return out


def _course_numbers(m: Measured, seen: Seen, rule: BreakRule) -> dict[str, float | None]:
    """What the course of the descent tells."""
    course = seen.course
    t, a, b = course.grid.t, int(course.grid.t.searchsorted(m.start)), seen.until
    lean, speed = course.lean[a:b], course.speed[a:b]
    broken = m.break_s
    end = None
    if broken is None:
        end = m.knee_at(float(t[a + int(lean.argmax())]))
    control = b if broken is None else int(t.searchsorted(broken))
    typical = float(np.median(course.fast[a:control])) if control > a else 0.0
    fast = course.fast[a:b] > max(rule.free_ratio * typical, rule.free_deg_s)
    fallen = m.knee_at(float(t[a + int(fast.argmax())])) if fast.any() else None
    held = course.lean[a:control]
    reversal = float((np.maximum.accumulate(held) - held).max()) if control > a else 0.0
    return {
        "end_knee_flexion_deg": end,
        "fall_knee_flexion_deg": fallen,
        "stops": float(dips(speed[: control - a], _STOP_SHARE)),
        "reversal_deg": reversal,
    }


def courses_of(m: Measured) -> tuple[dict[str, Floats], float]:
    """Courses over the descent, and their time step in s."""
    seen = m.seen
    if seen is None:
        return {}, 1.0
    courses = {
        "shank_turn_deg": None if seen.shank is None else seen.shank.turn,
        "hip_flexion_deg": seen.posture.hip,
        "lumbar_extension_deg": seen.posture.lumbar,
    }
    return {k: v for k, v in courses.items() if v is not None}, float(seen.course.grid.t[1])


def _imbalance(forces: dict[Side, Force | None], earlier: Sequence[Repetition], least: int) -> float | None:
    """Side difference of mean peak force over the valid repetitions of the set up to this one, %."""
    pairs = [(rep.force_left, rep.force_right) for rep in earlier if rep.valid]
    pairs.append((forces.get("left"), forces.get("right")))
    signed = imbalance([(a.peak_n, b.peak_n) for a, b in pairs if a is not None and b is not None], least)
    return None if signed is None else abs(signed[0])
