"""Further numbers of a measured Nordic curl: speeds, break-points by method, tempo, straps, quality.

Times and angles come from :mod:`eccentra.stages.nordic_measure`; everything here is computed once, when the
repetition is decided. Uncertainties: an angle has the orientation's error and that of its moment
(``speed * dt``); a range and a duration have two such ends; quotients propagate relative errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.events import Flag, Metric
from eccentra.samples import Floats, Side
from eccentra.stages.kinematics import first_above, sparc, tempo_adherence, variation
from eccentra.stages.metric import metric_of
from eccentra.stages.nordic import MetricRule, Stage
from eccentra.stages.nordic_measure import Measured, Seen
from eccentra.stages.quality_score import quality_metrics
from eccentra.stages.strap_numbers import strap_metrics

__all__ = ["BreakAt", "break_points", "chosen_break", "further_metrics", "tempo_metrics"]


class BreakAt(msgspec.Struct, frozen=True):
    """A break-point by one method: time in s from the first row, angles in degrees."""

    method: str
    t_s: float
    lean: float
    knee: float


def break_points(m: Measured, stage: Stage) -> dict[str, BreakAt | Flag]:
    """Break-point by every method that can be tried, or why there is none.

    ``bpa_acc1``: the angle at which the fall begins to speed up (:mod:`eccentra.stages.nordic_break`).
    ``bta``: the angle at the greatest force from shortly before that on; an earlier, greater one was needed
    to stop on the way. ``bpa_rel``: the first angle at which the speed exceeds twice its median under
    control. ``bpa_abs10``: the first angle at which the speed exceeds 10 deg/s, which only means something
    when control was slower than that (nine tenths of the first 80 % of its time).
    """
    out: dict[str, BreakAt | Flag] = {}
    seen, rule = m.seen, stage.metrics
    if m.gap_inside:
        why: Flag | None = Flag.GAP_INSIDE
    else:
        why = Flag.NOT_BROKEN if m.break_s is None else None
    out["bpa_acc1"] = why or _at(m, "bpa_acc1", m.break_s or 0.0)
    if seen is None or rule is None:
        return out
    if seen.forces:
        out["bta"] = why or _torque(m, seen, rule)
    out["bpa_rel"] = why or _relative(m, seen, rule)
    out["bpa_abs10"] = why or _absolute(m, seen, rule)
    return out


def _torque(m: Measured, seen: Seen, rule: MetricRule) -> BreakAt | Flag:
    row = seen.load.peak_row(max(m.start, (m.break_s or m.start) - rule.torque_before_s), m.down_end)
    if m.peak_row is None or row is None:
        return Flag.FORCE_MISSING
    return _at(m, "bta", float(seen.course.grid.t[row]))


def _absolute(m: Measured, seen: Seen, rule: MetricRule) -> BreakAt | Flag:
    t = seen.course.grid.t
    a, b = int(t.searchsorted(m.start)), int(t.searchsorted(m.down_end))
    n = max(int(t.searchsorted(m.break_s or m.down_end)) - a, 1)
    control = np.sort(seen.course.fast[a : a + max(int(0.8 * n), 1)])
    if control[int(0.9 * (len(control) - 1))] >= rule.abs_limit_deg_s:
        return Flag.METHOD_UNFIT
    k = first_above(seen.course.fast[a:b], rule.abs_limit_deg_s)
    return Flag.METHOD_UNFIT if k is None else _at(m, "bpa_abs10", float(t[a + k]))


def _relative(m: Measured, seen: Seen, rule: MetricRule) -> BreakAt | Flag:
    """First moment of a speed above a multiple of the own one that lasts, with enough lean to follow.

    Smooth strokes double their speed under control as well: a moment before the fall is no loss of control.
    """
    course, limit = seen.course, rule.relative
    t, lost = course.grid.t, m.break_s or m.start
    a, b = int(t.searchsorted(m.start)), int(t.searchsorted(m.down_end)) + 1
    n = int(t.searchsorted(lost)) - a
    middle = np.sort(course.fast[a + round(limit.share[0] * n) : a + round(limit.share[1] * n)])
    if not len(middle):
        return Flag.METHOD_UNFIT
    usual = 0.5 * float(middle[(len(middle) - 1) // 2] + middle[len(middle) // 2])
    rows = np.flatnonzero(course.fast[a:b] > limit.ratio * usual)
    # the first row of each run, and of those that last
    first = rows[np.diff(rows, prepend=-2) > 1]
    length = np.diff(np.append(rows.searchsorted(first), len(rows)))
    for k in (a + first[length * float(t[1] - t[0]) >= limit.for_s]).tolist():
        if m.deepest - course.lean.item(k) >= limit.more_lean_deg:
            at = float(t[k])
            return _at(m, "bpa_rel", at) if at >= lost else Flag.METHOD_UNFIT
    return Flag.METHOD_UNFIT


def _at(m: Measured, method: str, t_s: float) -> BreakAt:
    return BreakAt(method, t_s, m.lean_at(t_s), m.knee_at(t_s))


def chosen_break(found: dict[str, BreakAt | Flag]) -> BreakAt | None:
    """The break-point that is published: by torque where straps measured it, else by the fall's begin."""
    for method in ("bta", "bpa_acc1"):
        one = found.get(method)
        if isinstance(one, BreakAt):
            return one
    return None


def further_metrics(
    m: Measured, stage: Stage, known: dict[str, Metric], *, gyroscope: bool, sides: Sequence[Side]
) -> dict[str, Metric]:
    """All of them; nothing for an exercise file without the table ``[stage.metrics]``.

    Parameters
    ----------
    known
        The repetition's metrics so far.
    """
    rule, seen = stage.metrics, m.seen
    if rule is None or seen is None:
        return {}
    flag = Flag.GAP_INSIDE if m.gap_inside else Flag.GAP_INTERPOLATED if m.interpolated else None
    found = break_points(m, stage)
    out = _speeds(m, seen, rule, flag, gyroscope)
    out |= _breaks(m, seen, rule, found, flag)
    out |= _posture(m, seen, stage, rule, flag)
    out |= tempo_metrics(stage, known)
    out["rom_share"] = metric_of(
        None if m.gap_start or m.gap_end else m.rom / stage.count.nominal_rom_deg,
        "1",
        "thigh_lean_by_nominal",
        flag,
        math.sqrt(2.0) * rule.inclination_error_deg / stage.count.nominal_rom_deg,
    )
    if sides:
        out |= _straps(m, seen, stage, rule, flag, sides)
    return out | quality_metrics(rule.quality, known | out, rule.quality_least)


# -- speeds -------------------------------------------------------------------------------------------------


def _pieces(m: Measured, seen: Seen) -> list[tuple[int, int]]:
    """Rows of the eccentric phases up to the break."""
    t = seen.course.grid.t
    until = m.down_end if m.break_s is None else m.break_s
    spans = [(s.start, min(s.end, until)) for s in m.spans if s.kind == "eccentric" and s.start < until]
    return [(int(t.searchsorted(a)), int(t.searchsorted(b))) for a, b in spans]


def _speeds(
    m: Measured, seen: Seen, rule: MetricRule, flag: Flag | None, gyroscope: bool
) -> dict[str, Metric]:
    course, out = seen.course, {}
    edge, hole = m.gap_start or m.gap_end, m.gap_inside
    rows = _pieces(m, seen)
    until = m.down_end if m.break_s is None else m.break_s
    seconds = math.fsum(
        min(s.end, until) - s.start for s in m.spans if s.kind == "eccentric" and s.start < until
    )
    way = course.at(until) - m.start_lean
    mean = error = None
    if seconds > 0.1 and way > 0.0 and not edge and not (hole and m.break_s is None):
        mean = way / seconds
        angle = math.sqrt(2.0) * rule.inclination_error_deg
        error = mean * math.hypot(angle / way, rule.seconds_error(seconds) / seconds)
    out["omega_mean_controlled_deg_s"] = metric_of(mean, "deg/s", "rom_over_time_controlled", flag, error)
    speed = np.concatenate([course.fast[a:b] for a, b in rows]) if rows else np.empty(0)
    a, b = (round(share * len(speed)) for share in rule.core_share)
    out["omega_cv"] = metric_of(None if hole else variation(speed), "1", "sd_by_mean_controlled", flag)
    out["omega_cv_core"] = metric_of(None if hole else variation(speed[a:b]), "1", "sd_by_mean_core", flag)
    t = course.grid.t
    first, last = int(t.searchsorted(m.start)), int(t.searchsorted(m.down_end)) + 1
    smooth = None
    if not hole:
        smooth = sparc(
            course.spin[first:last],
            1.0 / float(t[1]),
            cutoff_hz=rule.smooth_cutoff_hz,
            least=rule.smooth_least,
        )
    rough = flag or (None if gyroscope else Flag.NO_GYROSCOPE)
    out["smoothness_ecc"] = metric_of(smooth, "1", "sparc", rough)
    return out


# -- break-points -------------------------------------------------------------------------------------------


def _lean_doubt(m: Measured) -> Flag | None:
    """On a slope the start pose may lean back, which only standing before tells."""
    return None if m.kneel.measured else Flag.SHANK_SLOPE_ASSUMED


def _knee_doubt(m: Measured) -> Flag | None:
    """What the knee's angle takes for granted."""
    if not m.tracks_knee:
        return Flag.SHANK_ASSUMED_FIXED
    return None if m.kneel.measured else Flag.SHANK_SLOPE_ASSUMED


def _breaks(
    m: Measured, seen: Seen, rule: MetricRule, found: dict[str, BreakAt | Flag], flag: Flag | None
) -> dict[str, Metric]:
    out: dict[str, Metric] = {}
    chosen = chosen_break(found)
    why = found["bpa_acc1"]
    out |= _angles("", chosen or why, "none" if chosen is None else chosen.method, m, seen, rule, flag)
    for method, one in found.items():
        out |= _angles(f"{method}_", one, method, m, seen, rule, flag)
    return out


def _angles(
    infix: str,
    one: BreakAt | Flag,
    method: str,
    m: Measured,
    seen: Seen,
    rule: MetricRule,
    flag: Flag | None,
) -> dict[str, Metric]:
    """Lean and knee flexion of one break-point."""
    lean = knee = error = None
    if isinstance(one, BreakAt):
        lean, knee = one.lean, one.knee
        rate = float(np.interp(one.t_s, seen.course.grid.t, seen.course.fast))
        error = math.hypot(rule.inclination_error_deg, rate * rule.boundary_error_s)
        fixed = flag or _knee_doubt(m)
    else:
        flag = fixed = one
    # the knee has the errors of two segments, or of an assumption
    more = None if error is None or not m.tracks_knee else math.hypot(error, rule.inclination_error_deg)
    return {
        f"break_lean_{infix}deg": metric_of(lean, "deg", method, flag or _lean_doubt(m), error),
        f"break_knee_flexion_{infix}deg": metric_of(knee, "deg", method, fixed, more),
    }


# -- posture ------------------------------------------------------------------------------------------------


def _posture(m: Measured, seen: Seen, stage: Stage, rule: MetricRule, flag: Flag | None) -> dict[str, Metric]:
    """Hip flexion since the start, with a sensor above it; slope of the shank on an inclined support."""
    out: dict[str, Metric] = {}
    hip = seen.posture.hip
    if hip is not None:
        value = None if m.gap_inside else max(float(hip.max()), 0.0)
        error = math.sqrt(2.0) * rule.inclination_error_deg
        out["hip_flexion_change_deg"] = metric_of(value, "deg", seen.posture.hip_method, flag, error)
    if stage.slope is not None:
        known = m.kneel.measured
        out["shank_slope_deg"] = metric_of(
            m.kneel.slope,
            "deg",
            "standing_to_kneeling" if known else "assumed",
            None if known else Flag.SHANK_SLOPE_ASSUMED,
            stage.slope.error_deg if known else None,
        )
    return out


# -- tempo --------------------------------------------------------------------------------------------------


def tempo_metrics(stage: Stage, known: dict[str, Metric]) -> dict[str, Metric]:
    """Adherence to the wanted times, for the phases that have one."""
    out: dict[str, Metric] = {}
    for kind, name in (
        ("eccentric", "tempo_adherence"),
        ("isometric", "tempo_adherence_isometric"),
        ("concentric", "tempo_adherence_concentric"),
    ):
        wanted: float | None = getattr(stage.tempo_s, kind)
        metric = known.get(f"{kind}_s")
        if not wanted or metric is None:
            continue
        value = None if metric.value is None else tempo_adherence(metric.value, wanted)
        flag = metric.reason if metric.quality != "ok" else None
        error = None if metric.uncertainty is None else metric.uncertainty / wanted
        out[name] = metric_of(value, "1", "tempo_phase", flag, error)
    return out


# -- straps -------------------------------------------------------------------------------------------------


def _straps(
    m: Measured, seen: Seen, stage: Stage, rule: MetricRule, flag: Flag | None, sides: Sequence[Side]
) -> dict[str, Metric]:
    course = seen.course
    t: Floats = course.grid.t
    missing = Flag.FORCE_MISSING if m.peak_row is None else flag
    speed = knee = error = None
    if m.peak_row is not None and not m.gap_inside:
        speed = float(course.fast[m.peak_row])
        at = float(t[m.peak_row])
        knee = m.knee_at(at)
        if m.tracks_knee:
            two = math.sqrt(2.0) * rule.inclination_error_deg
            error = math.hypot(two, speed * rule.boundary_error_s)
    out = {
        "omega_at_peak_force_deg_s": metric_of(speed, "deg/s", "at_peak_force", missing),
        "knee_flexion_at_peak_force_deg": metric_of(
            knee,
            "deg",
            "at_peak_force",
            missing or _knee_doubt(m),
            error,
        ),
    }
    out |= strap_metrics(
        t,
        {side: seen.forces[side] for side in sides if side in seen.forces},
        m.forces,
        [(s.start, s.end) for s in m.spans if s.kind == "eccentric"],
        max(s.end for s in m.spans if s.kind != "return"),
        rule=rule.strap(stage.force),
        person=stage.person,
        flag=flag,
        edge_error_s=rule.seconds_error(m.eccentric_s),
        turn_error_s=rule.boundary_error_s,
    )
    if m.back_unknown:
        tension = out["tut_force_s"]
        out["tut_force_s"] = metric_of(tension.value, "s", tension.method, Flag.FORCE_MISSING)
    lever = stage.person.lever_arm_m
    if lever is not None:
        out["work_ecc_j"] = _work(m, seen, lever, rule, flag)
    return out


def _work(m: Measured, seen: Seen, lever: float, rule: MetricRule, flag: Flag | None) -> Metric:
    """Work of the knee flexors in the eccentric phases: torque over the lean, J."""
    t, lean = seen.course.grid.t, np.radians(seen.course.lean)
    if m.gap_inside or any(side not in seen.zeros for side in seen.forces):
        return metric_of(None, "J", "torque_over_lean", flag or Flag.FORCE_MISSING)
    total = np.zeros(len(t))
    for side, force in seen.forces.items():
        total += force - seen.zeros[side]
    work = 0.0
    for span in m.spans:
        if span.kind == "eccentric":
            a, b = int(t.searchsorted(span.start)), int(t.searchsorted(span.end)) + 1
            f, phi = total[a:b], lean[a:b]
            work += lever * math.fsum((0.5 * (f[1:] + f[:-1]) * np.diff(phi)).tolist())
    error = abs(work) * rule.lever_error_m / lever
    return metric_of(work, "J", "torque_over_lean", flag if work == work else Flag.FORCE_MISSING, error)
