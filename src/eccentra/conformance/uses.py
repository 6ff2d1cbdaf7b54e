"""For which uses a sensor is good enough: what was measured against rules that are data."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Literal

import msgspec

from eccentra.conformance.measure import Measured
from eccentra.plan.thresholds import ThresholdTable, read_thresholds

__all__ = ["Report", "Rule", "Rules", "Use", "Verdict", "conformance_rules", "report"]

Use = Literal["counting", "time_under_tension", "angles", "peak_force", "force_development"]
Mark = Literal["good", "limited", "no"]

_HOLDS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}
_WORSE: dict[Mark, int] = {"good": 0, "limited": 1, "no": 2}
_MEASURES = {"angles": "imu", "peak_force": "force", "force_development": "force"}
_NAMES: dict[str, str] = {"imu": "motion", "force": "force"}


class Rule(ThresholdTable, frozen=True):
    """``metric`` has to be ``op value``, else the use is ``otherwise``; ``kind`` limits it to such sensors.

    ``metric`` names a number of :class:`~eccentra.conformance.measure.Measured`, or of its ``rest``, or
    ``noise_n``. ``why`` is shown with the number.
    """

    use: Use
    metric: str
    op: Literal[">=", "<="]
    value: float
    otherwise: Literal["limited", "no"]
    why: str
    kind: Literal["imu", "force"] | None = None


class Rules(ThresholdTable, frozen=True):
    """All of them; a report cites ``version``."""

    version: str
    rule: tuple[Rule, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``good``, ``limited`` or ``no`` for one use, and why."""

    use: Use
    mark: Mark
    reasons: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A check of one sensor."""

    schema: Literal["eccentra.sensor-check/1"] = "eccentra.sensor-check/1"
    measured: Measured
    verdicts: tuple[Verdict, ...]
    rules_version: str


@functools.cache
def conformance_rules() -> Rules:
    """Those of ``pipelines/shared/conformance.toml``, the user's own first.

    Raises
    ------
    PlanError
        When the file is missing or not valid; names the key.
    """
    return read_thresholds("conformance", Rules)


def report(measured: Measured, rules: Rules | None = None) -> Report:
    """The verdict for every use.

    A rule about a number that was not measured makes its use ``limited`` at best, and says so.
    """
    rules = rules or conformance_rules()
    uses: dict[Use, list[Rule]] = {}
    for rule in rules.rule:
        uses.setdefault(rule.use, []).append(rule)
    verdicts = tuple(_verdict(use, own, measured) for use, own in uses.items())
    return Report(measured=measured, verdicts=verdicts, rules_version=rules.version)


def _verdict(use: Use, rules: list[Rule], measured: Measured) -> Verdict:
    kind = measured.sensor.kind
    if _MEASURES.get(use, kind) != kind:
        return Verdict(use=use, mark="no", reasons=(f"it measures {_NAMES[kind]} only",))
    mark: Mark = "good"
    reasons: list[str] = []
    for rule in rules:
        if rule.kind not in (None, kind):
            continue
        value = _value(measured, rule.metric)
        if value is None:
            found: Mark = "limited"
            reasons.append(f"{rule.metric} was not measured: {_missing(measured, rule.metric)}")
        elif _HOLDS[rule.op](value, rule.value):
            continue
        else:
            found = rule.otherwise
            reasons.append(f"{rule.metric} is {value:g}, needed {rule.op} {rule.value:g}: {rule.why}")
        mark = max(mark, found, key=_WORSE.__getitem__)
    if not measured.sensor.loss_observable:
        reasons.append("lost samples cannot be seen: it sends neither time nor number")
        mark = max(mark, "limited", key=_WORSE.__getitem__)
    return Verdict(use=use, mark=mark, reasons=tuple(reasons))


def _value(measured: Measured, metric: str) -> float | None:
    if metric == "noise_n":
        return None if measured.rest is None else measured.rest.noise.get("force")
    if metric == "drift_abs_n":
        drift = None if measured.rest is None else measured.rest.drift_n
        return None if drift is None else abs(drift)
    holder = measured if metric in measured.__struct_fields__ else measured.rest
    if holder is None:
        return None
    value: float | None = getattr(holder, metric)
    return value


def _missing(measured: Measured, metric: str) -> str:
    if metric in measured.__struct_fields__:
        return "too few samples came"
    return "it was not still for 5 s" if measured.rest is None else "it has no such channel"
