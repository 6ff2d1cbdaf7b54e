"""Numbers of a set of joint repetitions: times, means, trends, losses, quality."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eccentra.events import Metric, Repetition
from eccentra.stages.joint import MetricRule
from eccentra.stages.quality_score import scored
from eccentra.stages.set_numbers import (
    eccentric_share,
    loss_of,
    mean_of,
    rest_mean,
    series,
    slope_of,
    span,
    variation_of,
)
from eccentra.stages.sets import total

__all__ = ["set_totals"]

_MEANS = {
    "omega_mean_ecc_deg_s": "deg/s",
    "omega_mean_con_deg_s": "deg/s",
    "smoothness_ecc": "1",
    "tempo_adherence": "1",
}


def set_totals(rule: MetricRule | None) -> Callable[[Sequence[Repetition]], dict[str, Metric]]:
    """Makes the function that sums up a set; ``None`` leaves out everything but times."""

    def totals(reps: Sequence[Repetition]) -> dict[str, Metric]:
        out = {name: total(reps, name, "s", "tut_sum") for name in ("tut_s", "eccentric_s", "concentric_s")}
        return out if rule is None else out | _further(reps, rule)

    return totals


def _further(reps: Sequence[Repetition], rule: MetricRule) -> dict[str, Metric]:
    valid, least = [rep for rep in reps if rep.valid], rule.trend_least_reps
    out = {
        "tut_span_s": span(reps),
        "eccentric_share": eccentric_share(reps),
        "rest_mean_s": rest_mean(reps),
        # with a prescribed tempo, fatigue shows as faster lowering
        "omega_slope_deg_s": slope_of(valid, "omega_mean_ecc_deg_s", "deg/s", least),
        "eccentric_cv": variation_of(valid, "eccentric_s", least),
        "concentric_cv": variation_of(valid, "concentric_s", least),
        "rom_cv": variation_of(valid, "rom_deg", least),
    }
    for name, unit in _MEANS.items():
        if any(name in rep.metrics for rep in reps):
            out[name] = mean_of(valid, name, unit)
    values, _, method, doubt = series(valid, "rom_deg")
    out["rom_loss"] = loss_of(values if method else [], method or "rom_deg", rule.loss_least_reps, doubt)
    shares = {part.id: mean_of(reps, f"quality_{part.id}", "1") for part in rule.quality}
    known = {name: share for name, share in shares.items() if share.value is not None}
    return out | scored(rule.quality, known, rule.quality_least)
