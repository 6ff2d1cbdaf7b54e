"""A session as it was measured: the part of a decision's input that nobody said."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from eccentra.ids import Flag
from eccentra.plan.done import SessionDone, day_of
from eccentra.plan.history import total_reps
from eccentra.plan.prescription import Prescription
from eccentra.repetition import Metric, Repetition

__all__ = ["Measured", "measured", "session_dose", "side_difference"]

# More lost packets than this and the numbers say nothing (limit H11).
_LOST_SHARE = 0.05
# With these, numbers of a session are no ground for more load.
_UNSOUND = {Flag.UNCALIBRATED, Flag.WRONG_SEGMENT, Flag.STRAP_SLIPPED, Flag.UPSIDE_DOWN, Flag.TARE_UNDER_LOAD}


class Measured(msgspec.Struct, frozen=True):
    """Its part of the document; ``tut_s`` is the time under tension of valid repetitions."""

    row: dict[str, Any]
    tut_s: float


def measured(one: SessionDone) -> Measured:
    """What was measured in a session, with what was prescribed beside it."""
    valid = [rep for rep in one.reps if rep.valid]
    prescribed = None if one.prescription is None else session_dose(one.prescription)
    severe = sum(any(fault.severity == "severe" for fault in rep.faults) for rep in one.reps)
    side, share = side_difference(one.sets)
    row = {
        "date": day_of(one.ended_us).isoformat(),
        "level": one.level,
        "ecc_reps": len(one.reps),
        "reps_ratio": None if prescribed is None else min(len(valid) / prescribed[0], 5.0),
        "dose_ratio": None if prescribed is None else _dose_ratio(valid, prescribed[1]),
        "quality": _mean([rep.value("quality_score") for rep in valid]),
        "rom_ratio": _rom_ratio(one, valid),
        "asymmetry_pct": share,
        "asymmetry_side": side,
        "force_loss": _clamped(_worst_of_sets(one.sets, "force_loss"), -1.0, 1.0),
        "early_break_drift": _drift(one.reps),
        "tempo_adherence": _clamped(_mean([rep.value("tempo_adherence") for rep in valid]), 0.0, 1.0),
        "confidence": _confidence(one),
        "valid_reps": len(valid),
        "severe_fault_share": severe / len(one.reps) if one.reps else None,
    }
    times = (rep.value("tut_s") or 0.0 for rep in valid)
    return Measured(row, math.fsum(times))


@functools.lru_cache(maxsize=1024)
def session_dose(one: Prescription) -> tuple[int, float]:
    """Repetitions and time under tension of a session."""
    reps = total_reps(one.sets, one.reps) or 1
    return reps, reps * math.fsum(one.tempo_s[:3])


def _dose_ratio(valid: Sequence[Repetition], prescribed_s: float) -> float | None:
    """Time under tension done by prescribed; ``None`` when one of the times is not known."""
    times = [rep.value("tut_s") for rep in valid]
    if prescribed_s <= 0.0 or any(time is None for time in times):
        return None
    return min(math.fsum(time for time in times if time is not None) / prescribed_s, 5.0)


def _rom_ratio(one: SessionDone, valid: Sequence[Repetition]) -> float | None:
    """Median range of motion by its target."""
    reached = [value for rep in valid if (value := rep.value("rom_deg")) is not None]
    if one.prescription is None or not reached:
        return None
    target = max(abs(joint.end_deg - joint.start_deg) for joint in one.prescription.rom)
    return min(median(reached) / target, 2.0) if target > 0.0 else None


def side_difference(sets: Sequence[dict[str, Metric]]) -> tuple[str | None, float | None]:
    """Weaker side and difference in %, the mean of the sets that know it; positive is right above left."""
    values = [m.value for one in sets if (m := one.get("asymmetry_signed_pct")) and m.value is not None]
    if not values:
        return None, None
    mean = math.fsum(values) / len(values)
    return ("left" if mean > 0.0 else "right"), min(abs(mean), 100.0)


def _drift(reps: Sequence[Repetition]) -> bool:
    """Control lost at a lean 8 degrees smaller in the last two repetitions than in the first three.

    Methods find leans that are some degrees apart: only those of one and the same are compared.
    """
    known: dict[str, list[float]] = {}
    for rep in reps:
        if rep.break_point is not None and rep.break_point.lean_deg is not None:
            known.setdefault(rep.break_point.method, []).append(rep.break_point.lean_deg)
    return any(_earlier(leans) for leans in known.values() if len(leans) >= 5)


def _earlier(leans: Sequence[float]) -> bool:
    first = math.fsum(leans[:3]) / 3.0
    return all(first - lean >= _EARLIER_DEG for lean in leans[-2:])


_EARLIER_DEG = 8.0  # smallest real change of a break-point (Lee 2018, IJSPP)


def _confidence(one: SessionDone) -> str:
    return "low" if one.lost_share > _LOST_SHARE or _UNSOUND & set(one.flags) else "ok"


def _worst_of_sets(sets: Sequence[dict[str, Metric]], name: str) -> float | None:
    values = [metric.value for one in sets if (metric := one.get(name)) and metric.value is not None]
    return max(values) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _clamped(value: float | None, low: float, high: float) -> float | None:
    return None if value is None else min(max(value, low), high)
