"""Totals and trends of a set of Nordic curls from its counted repetitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from eccentra.events import Flag, Metric, Repetition
from eccentra.samples import Side
from eccentra.stages.metric import doubted, metric_of
from eccentra.stages.nordic import MetricRule
from eccentra.stages.quality_score import QualityPart, quality_metrics, scored
from eccentra.stages.set_numbers import (
    eccentric_share,
    loss_of,
    mean_of,
    rest_mean,
    series,
    signed_asymmetry,
    slope_of,
    span,
    variation_of,
)
from eccentra.stages.sets import asymmetry, total

__all__ = ["Totals", "set_totals"]

_GAPS = (Flag.GAP_INSIDE, Flag.GAP_INTERPOLATED, Flag.START_NOT_SEEN)


def set_totals(least_reps: int, sides: tuple[Side, ...], rule: MetricRule | None = None) -> Totals:
    """Makes the function that sums up a set."""
    return Totals(least_reps, sides, rule)


class Totals:
    """Metrics of a set.

    Parameters
    ----------
    least_reps
        Valid repetitions with both sides that a side difference needs.
    sides
        Worn straps.
    rule
        Further numbers; ``None`` leaves them out.
    """

    def __init__(self, least_reps: int, sides: tuple[Side, ...], rule: MetricRule | None) -> None:
        self._least = least_reps
        self._sides = sides
        self._rule = rule

    def __call__(self, reps: Sequence[Repetition]) -> dict[str, Metric]:
        """Times, side difference, means, trends and quality."""
        out = {
            "tut_s": total(reps, "tut_s", "s", "tut_sum"),
            "tut_controlled_s": total(reps, "tut_controlled_s", "s", "tut_sum"),
            "eccentric_s": total(reps, "eccentric_s", "s", "tut_sum"),
        }
        if "left" in self._sides and "right" in self._sides:
            out["asymmetry_pct"] = asymmetry(reps, self._least)
        if self._rule is not None:
            out |= self._further(reps, self._rule)
            out |= self._quality(reps, out, self._rule.quality, self._rule.quality_least)
            for flag in _GAPS:
                if any(flag in rep.flags for rep in reps):
                    # what dropped out for it is missing in means and trends, too
                    return {name: doubted(metric, flag) for name, metric in out.items()}
        return out

    def _further(self, reps: Sequence[Repetition], rule: MetricRule) -> dict[str, Metric]:
        valid, least = [rep for rep in reps if rep.valid], rule.trend_least_reps
        out = {
            "tut_span_s": span(reps),
            "eccentric_share": eccentric_share(reps),
            "rest_mean_s": rest_mean(reps),
            "omega_mean_controlled_deg_s": mean_of(valid, "omega_mean_controlled_deg_s", "deg/s"),
            "omega_slope_deg_s": slope_of(valid, "omega_mean_controlled_deg_s", "deg/s", least),
            "break_lean_mean_deg": mean_of(valid, "break_lean_deg", "deg"),
            "break_slope_deg": slope_of(valid, "break_lean_deg", "deg", least),
            "eccentric_cv": variation_of(valid, "eccentric_s", least),
            "rom_cv": variation_of(valid, "rom_deg", least),
            "smoothness_ecc": mean_of(valid, "smoothness_ecc", "1"),
        }
        values, _, method, doubt = series(valid, "rom_deg")
        out["rom_loss"] = loss_of(values if method else [], method or "rom_deg", rule.loss_least_reps, doubt)
        if any("tempo_adherence" in rep.metrics for rep in reps):
            out["tempo_adherence"] = mean_of(reps, "tempo_adherence", "1")
        if self._sides:
            out |= self._strength(reps, valid, rule)
        return out

    def _quality(
        self,
        reps: Sequence[Repetition],
        of_set: dict[str, Metric],
        parts: Sequence[QualityPart],
        least: float,
    ) -> dict[str, Metric]:
        """Parts are means over the repetitions; what only a set has is scored from its own number."""
        lost = next(
            (m.reason for rep in reps if (m := rep.metrics.get("quality_coverage")) and m.reason), None
        )
        shares = {part.id: mean_of(reps, f"quality_{part.id}", "1") for part in parts}
        known = {name: share for name, share in shares.items() if share.value is not None}
        own = quality_metrics([part for part in parts if part.id not in known], of_set, 0.0)
        for part in parts:
            if part.id not in known and f"quality_{part.id}" in own:
                known[part.id] = own[f"quality_{part.id}"]
        return scored(parts, known, least, lost)

    def _strength(
        self, reps: Sequence[Repetition], valid: Sequence[Repetition], rule: MetricRule
    ) -> dict[str, Metric]:
        peaks = [_peak(rep, self._sides) for rep in valid]
        known = [peak for peak in peaks if peak is not None]
        doubt = Flag.FORCE_MISSING if len(known) < len(peaks) else None
        out = {
            "tut_force_s": total(reps, "tut_force_s", "s", "tut_force_sum"),
            "force_loss": loss_of(known, "peak_20hz", rule.loss_least_reps, doubt),
        }
        for side in self._sides:
            out[f"force_{side}_peak_mean_n"] = mean_of(valid, f"force_{side}_peak_n", "N")
            out[f"force_{side}_peak_cv"] = variation_of(valid, f"force_{side}_peak_n", rule.trend_least_reps)
            out[f"force_{side}_impulse_ns"] = total(
                reps, f"force_{side}_impulse_ns", "N.s", "impulse_sum", alike=True
            )
        if "left" in self._sides and "right" in self._sides:
            found = signed_asymmetry(reps, self._least)
            value, error = (None, None) if found is None else found
            reason = asymmetry(reps, self._least).reason
            out["asymmetry_signed_pct"] = metric_of(value, "%", "asym_max_right_minus_left", reason, error)
        return out


def _peak(rep: Repetition, sides: Sequence[Side]) -> float | None:
    """Peak forces of all straps of a repetition, added."""
    values = [rep.value(f"force_{side}_peak_n") for side in sides]
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None
