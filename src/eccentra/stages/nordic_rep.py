"""From a measured excursion to a repetition with its numbers, validity, flags and confidence."""

from __future__ import annotations

import math

import msgspec

from eccentra.events import BreakPoint, Flag, Force, Metric, Phase, PhaseKind, Reason, Repetition
from eccentra.samples import Side
from eccentra.stages.metric import metric_of
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_measure import Measured
from eccentra.stages.nordic_numbers import break_points, chosen_break, further_metrics
from eccentra.stages.nordic_rules import courses_of, numbers_of
from eccentra.stages.nordic_set import set_totals
from eccentra.stages.rules import broken, fault_of

__all__ = ["Circumstances", "both_metrics", "set_totals", "write_repetition"]

_KINDS: dict[str, PhaseKind] = {
    "eccentric": "eccentric",
    "isometric": "isometric",
    "concentric": "concentric",
    "return": "return",
}


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a repetition beside its own rows.

    ``shank``: such a sensor is worn. ``earlier``: repetitions of the same set.
    """

    partial: bool
    provisional: bool
    returned: bool
    gyroscope: bool
    shank: bool
    sides: tuple[Side, ...]
    zeros: bool
    unsure: bool
    earlier: tuple[Repetition, ...] = ()


def write_repetition(
    m: Measured, stage: Stage, known: Circumstances, *, set_index: int, index: int, decided_ns: int
) -> Repetition:
    """The repetition as it is published."""
    first = _reasons(m, known)
    numbers = numbers_of(m, stage, known.earlier, not first)
    courses, step_s = courses_of(m)
    found = [Reason(item.rule.id) for item in broken(stage.validity, numbers, courses, step_s)]
    reasons = tuple(dict.fromkeys((*first, *found)))
    faults = broken(stage.faults, numbers, courses, step_s)
    flags = _flags(m, stage, known)
    phases = tuple(Phase(kind=_KINDS[s.kind], start_us=m.us(s.start), end_us=m.us(s.end)) for s in m.spans)
    forces = {side: m.forces.get(side) for side in known.sides}
    metrics = _metrics(m, stage, known)
    metrics |= further_metrics(m, stage, metrics, gyroscope=known.gyroscope, sides=known.sides)
    return Repetition(
        set_index=set_index,
        index=index,
        start_us=phases[0].start_us,
        end_us=phases[-1].end_us,
        decided_us=decided_ns // 1000,
        valid=not reasons,
        reasons=reasons,
        phases=phases,
        metrics=metrics,
        break_point=_break_point(m, stage),
        force_left=forces.get("left"),
        force_right=forces.get("right"),
        confidence=_confidence(m, known),
        flags=flags,
        faults=tuple(fault_of(item) for item in faults),
    )


def _reasons(m: Measured, known: Circumstances) -> tuple[Reason, ...]:
    """What does not depend on a rule of the exercise's file."""
    checks = (
        (known.partial, Reason.PARTIAL_ROM),
        (not known.returned, Reason.NO_RETURN),
        (m.gap_start or m.gap_end, Reason.GAP),
    )
    return tuple(reason for holds, reason in checks if holds)


def _back_doubt(m: Measured, stage: Stage, known: Circumstances) -> Flag | None:
    """Why it is not sure who brought the body up again; from the floor it is usually the hands."""
    if not m.back_unknown or stage.back_by == "legs":
        return None
    if known.sides:
        return Flag.FORCE_MISSING
    return None if stage.back_by == "hands" and m.on_floor else Flag.RETURN_ASSUMED


def _flags(m: Measured, stage: Stage, known: Circumstances) -> tuple[Flag, ...]:
    checks = (
        (m.interpolated, Flag.GAP_INTERPOLATED),
        (m.gap_inside, Flag.GAP_INSIDE),
        (m.gap_start, Flag.START_NOT_SEEN),
        (not known.returned, Flag.RETURN_NOT_SEEN),
        (known.provisional, Flag.CALIBRATION_PROVISIONAL),
        (not known.gyroscope, Flag.NO_GYROSCOPE),
        (not known.shank, Flag.SHANK_ASSUMED_FIXED),
        (not m.kneel.measured, Flag.SHANK_SLOPE_ASSUMED),
        (_back_doubt(m, stage, known) is Flag.RETURN_ASSUMED, Flag.RETURN_ASSUMED),
        (bool(known.sides) and not known.zeros, Flag.BASELINE_UNSETTLED),
        (
            _back_doubt(m, stage, known) is Flag.FORCE_MISSING
            or any(m.forces.get(side) is None for side in known.sides),
            Flag.FORCE_MISSING,
        ),
        (known.unsure or ((m.gap_start or m.gap_end) and m.gap_inside), Flag.COUNT_UNSURE),
    )
    return tuple(flag for holds, flag in checks if holds)


def _confidence(m: Measured, known: Circumstances) -> float:
    """Start from sure and take off for each doubt."""
    value = 1.0
    for holds, factor in (
        (known.provisional, 0.8),
        (m.gap_inside, 0.6),
        (m.gap_start or m.gap_end, 0.5),
        (known.unsure, 0.5),
        (known.partial, 0.9),
        (not known.returned, 0.9),
        (not known.gyroscope, 0.8),
        (m.interpolated, 0.95),
    ):
        if holds:
            value *= factor
    return round(value, 3)


def _metrics(m: Measured, stage: Stage, known: Circumstances) -> dict[str, Metric]:
    inside = Flag.GAP_INSIDE if m.gap_inside else Flag.GAP_INTERPOLATED if m.interpolated else None
    # straps tell whether the way back is a loaded phase
    loaded = inside or _back_doubt(m, stage, known)
    edge = m.gap_start or m.gap_end
    kinematic = "zero_velocity"
    rule = stage.metrics
    # a range has two ends with independent errors
    angle = None if rule is None else math.sqrt(2.0) * rule.inclination_error_deg
    shank = m.knee_rom is not None

    def seconds(kind: str) -> float:
        return math.fsum(s.end - s.start for s in m.spans if s.kind == kind)

    def error_of(length_s: float | None, behind: float = 0.0) -> float | None:
        return None if rule is None or not length_s else math.hypot(rule.seconds_error(length_s), behind)

    eccentric = None if edge else m.eccentric_s
    isometric = seconds("isometric")
    concentric = seconds("concentric")
    back = m.back_s if known.returned else None
    rom = m.knee_rom if m.knee_rom is not None else m.own_rom
    what = "knee_flexion" if shank else "thigh_lean"
    tension = None if eccentric is None else eccentric + isometric + concentric
    controlled = None if edge else m.controlled_s
    assumed = inside or (Flag.SHANK_ASSUMED_FIXED if known.shank and not shank else None)
    out = {
        "tut_s": metric_of(tension, "s", "tut_kinematic", loaded, error_of(tension, m.behind_s)),
        "tut_controlled_s": metric_of(
            controlled, "s", "tut_ecc_controlled", inside, error_of(controlled, m.behind_s)
        ),
        "eccentric_s": metric_of(eccentric, "s", kinematic, inside, error_of(eccentric, m.behind_s)),
        "isometric_s": metric_of(isometric, "s", kinematic, loaded, error_of(isometric)),
        "concentric_s": metric_of(concentric, "s", kinematic, loaded, error_of(concentric)),
        "return_s": metric_of(
            back, "s", kinematic, inside or (None if known.returned else Flag.RETURN_NOT_SEEN), error_of(back)
        ),
        "rom_deg": metric_of(
            None if edge else rom,
            "deg",
            what,
            assumed,
            # the knee has the errors of two segments
            math.sqrt(2.0) * angle if shank and angle is not None else angle,
        ),
        "lean_rom_deg": metric_of(None if edge else m.own_rom, "deg", "thigh_lean", inside, angle),
        "omega_mean_ecc_deg_s": metric_of(
            None if eccentric is None or eccentric <= 0 else m.rom / eccentric,
            "deg/s",
            "rom_over_time",
            inside,
            None
            if not eccentric or eccentric < 0 or angle is None or rule is None or m.rom <= 0.0
            else m.rom
            / eccentric
            * math.hypot(angle / m.rom, (error_of(eccentric, m.behind_s) or 0.0) / eccentric),
        ),
        "omega_peak_ecc_deg_s": metric_of(
            None if m.gap_inside else m.peak_speed, "deg/s", "percentile_95", inside
        ),
    }
    if known.sides:
        missing = Flag.FORCE_MISSING if m.peak_row is None else inside
        at = error = None
        if m.seen is not None and m.peak_row is not None:
            at = m.lean_at(float(m.seen.course.grid.t[m.peak_row]))
            if rule is not None:
                moving = float(m.seen.course.fast[m.peak_row]) * rule.boundary_error_s
                error = math.hypot(rule.inclination_error_deg, moving)
        out["lean_at_peak_force_deg"] = metric_of(at, "deg", "thigh_lean", missing, error)
    if "both" in known.sides:
        out |= both_metrics(m.forces.get("both"))
    return out


def both_metrics(force: Force | None) -> dict[str, Metric]:
    """One sensor that carries both legs has no side of its own."""
    flag = Flag.FORCE_MISSING if force is None else None
    return {
        "force_both_peak_n": metric_of(None if force is None else force.peak_n, "N", "peak_20hz", flag),
        "force_both_mean_n": metric_of(None if force is None else force.mean_n, "N", "mean_eccentric", flag),
        "force_both_impulse_ns": metric_of(
            None if force is None else force.impulse_ns, "N.s", "impulse_eccentric", flag
        ),
    }


def _break_point(m: Measured, stage: Stage) -> BreakPoint | None:
    one = chosen_break(break_points(m, stage))
    if one is None:
        return None
    return BreakPoint(lean_deg=one.lean, knee_flexion_deg=one.knee, method=one.method, t_us=m.us(one.t_s))
