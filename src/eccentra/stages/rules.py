"""Rules as data: what makes a repetition invalid, and what is a fault of technique.

A rule names a metric that is computed in Python, a comparison and a limit; it is *broken* when the comparison
holds. Metrics are single numbers, or courses over the repetition: then it must hold for ``for_s`` without a
break. There are no expressions in data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from eccentra.events import Fault, FaultId, Reason, Severity
from eccentra.samples import Floats

__all__ = ["Broken", "Rule", "Spec", "broken", "check_rules", "fault_of"]


class Spec(msgspec.Struct, frozen=True):
    """A metric that rules may use: its unit, and whether it is a course over time."""

    unit: str
    course: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule.

    Attributes
    ----------
    id
        Stable name: a :class:`~eccentra.events.Reason` in a validity rule, a
        :class:`~eccentra.events.FaultId` in a fault rule.
    metric, op, value, unit
        Broken when the metric compares so with the value.
    for_s
        A course has to compare so for this long.
    severity, cue
        How bad it is, and what to say.
    """

    id: str
    metric: str
    op: Literal["<", "<=", ">", ">="]
    value: float
    unit: str
    for_s: float = 0.0
    severity: Severity = "warning"
    cue: str = ""


class Broken(msgspec.Struct, frozen=True):
    """A rule that was broken, and by which value (the worst one of a course)."""

    rule: Rule
    value: float


def check_rules(
    rules: tuple[Rule, ...], ids: type[Reason] | type[FaultId], metrics: Mapping[str, Spec]
) -> None:
    """Raise ``ValueError`` for a rule that could never work, with what was expected."""
    seen: set[str] = set()
    for rule in rules:
        if rule.id not in {one.value for one in ids}:
            raise ValueError(f"rule {rule.id!r}: no such id, see {ids.__name__} in eccentra.events")
        if rule.id in seen:
            raise ValueError(f"rule {rule.id!r} stands twice")
        seen.add(rule.id)
        spec = metrics.get(rule.metric)
        if spec is None:
            raise ValueError(f"rule {rule.id!r}: no metric {rule.metric!r}, known are {', '.join(metrics)}")
        if rule.unit != spec.unit:
            raise ValueError(f"rule {rule.id!r}: unit is {rule.unit!r}, {rule.metric} has {spec.unit!r}")
        if not math.isfinite(rule.value) or rule.for_s < 0.0 or (rule.for_s > 0.0 and not spec.course):
            raise ValueError(f"rule {rule.id!r}: value must be finite, for_s only with a course over time")
        if ids is FaultId and not rule.cue:
            raise ValueError(f"rule {rule.id!r}: cue is empty, say what to tell the person")


def broken(
    rules: tuple[Rule, ...], numbers: Mapping[str, float | None], courses: Mapping[str, Floats], step_s: float
) -> list[Broken]:
    """Rules that are broken, in their order. What was not measured breaks no rule.

    Parameters
    ----------
    numbers, courses
        Metrics of the repetition; courses float64, shape (n,), every ``step_s`` seconds.
    """
    out: list[Broken] = []
    for rule in rules:
        if rule.metric in courses:
            value = _worst(rule, courses[rule.metric].tolist(), step_s)
        else:
            number = numbers.get(rule.metric)
            value = None if number is None or math.isnan(number) or not _holds(rule, number) else number
        if value is not None:
            out.append(Broken(rule, value))
    return out


def fault_of(item: Broken) -> Fault:
    """What is published of a broken fault rule."""
    rule = item.rule
    return Fault(
        id=FaultId(rule.id),
        severity=rule.severity,
        metric=rule.metric,
        value=item.value,
        limit=rule.value,
        unit=rule.unit,
        cue=rule.cue,
    )


def _holds(rule: Rule, x: float) -> bool:
    match rule.op:
        case "<":
            return x < rule.value
        case "<=":
            return x <= rule.value
        case ">":
            return x > rule.value
        case _:
            return x >= rule.value


def _worst(rule: Rule, values: list[float], step_s: float) -> float | None:
    """Worst value in a run that is long enough; NaN ends a run."""
    need = max(round(rule.for_s / step_s), 1)
    up = rule.op in (">", ">=")
    worst: float | None = None
    run: list[float] = []
    for x in [*values, math.nan]:
        if _holds(rule, x):
            run.append(x)
            continue
        if len(run) >= need:
            top = max(run) if up else min(run)
            worst = top if worst is None else (max if up else min)(worst, top)
        run = []
    return worst
