"""Sessions as the plan sees them, for tests of what becomes of them over weeks."""

from __future__ import annotations

from typing import Any

import msgspec

from eccentra.plan.done import US_PER_DAY, SessionDone
from eccentra.plan.ledger import Span
from eccentra.plan.prescription import Prescription, parse_prescription
from eccentra.plan.starting import programme_prescription
from eccentra.repetition import Force, Metric, Repetition

START_US = 1_772_445_600_000_000  # 2026-03-02 10:00 UTC, a Monday


def at(day: float) -> int:
    return START_US + round(day * US_PER_DAY)


def prescription(exercise: str = "nordic-curl", **changes: Any) -> Prescription:
    """Two sets of six Nordic curls, twice a week, three seconds down."""
    one = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 2, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    return parse_prescription({**msgspec.to_builtins(one), "exercise": exercise, **changes}, "test")


def span(from_day: float = 0.0, until_day: float | None = None, **changes: Any) -> Span:
    one = prescription(**changes)
    until = None if until_day is None else at(until_day)
    return Span(exercise=one.exercise, prescription=one, from_us=at(from_day), until_us=until)


def repetition(
    k: int, tut: float | None = 3.0, valid: bool = True, n: tuple[float, float] | None = None
) -> Any:
    def number(value: float | None) -> Metric:
        quality: Any = "ok" if value is not None else "missing"
        return Metric(value=value, unit="s", method="tut_phases", quality=quality)

    forces = {}
    if n is not None:
        sides = (Force(peak_n=value, mean_n=value / 2, impulse_ns=value) for value in n)
        forces = dict(zip(("force_left", "force_right"), sides, strict=True))
    return Repetition(
        set_index=1,
        index=k,
        start_us=k * 10_000_000,
        end_us=k * 10_000_000 + 3_000_000,
        decided_us=k * 10_000_000 + 3_000_000,
        valid=valid,
        reasons=(),
        phases=(),
        metrics={"tut_s": number(tut), "eccentric_s": number(tut)},
        **forces,
    )


def session(day: float, **given: Any) -> SessionDone:
    """Two sets of six repetitions; ``reps``, ``metrics`` (of both sets), ``exercise``, ``sets``."""
    exercise = given.get("exercise", "nordic-curl")
    reps = given.get("reps", [repetition(k) for k in range(1, 13)])
    return SessionDone(
        id=given.get("id", f"s{day:g}-{exercise}"),
        exercise=exercise,
        began_us=at(day),
        ended_us=at(day) + 600_000_000,
        reps=tuple(reps),
        sets=(given.get("metrics", {}),) * given.get("sets", 2),
    )


def newtons(value: float | None, method: str = "peak_mean", quality: Any = "ok") -> dict[str, Metric]:
    one = Metric(value=value, unit="N", method=method, quality=quality)
    return {"force_left_peak_mean_n": one}


def sides(pct: float) -> dict[str, Metric]:
    """Right above left is positive."""
    return {"asymmetry_signed_pct": Metric(value=pct, unit="%", method="asym_max_right_minus_left")}
