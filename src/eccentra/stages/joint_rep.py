"""From a measured joint repetition to what is published: numbers, validity, faults, flags, confidence."""

from __future__ import annotations

import math

import msgspec

from eccentra.events import Flag, Metric, Phase, PhaseKind, Reason, Repetition
from eccentra.stages.joint import Stage
from eccentra.stages.joint_hinge import JointTurn
from eccentra.stages.joint_measure import Measured
from eccentra.stages.metric import metric_of
from eccentra.stages.quality_score import quality_metrics
from eccentra.stages.rules import broken, fault_of

__all__ = ["Circumstances", "write_repetition"]

# A second segment that turns less than this does not show in which sense it turned.
_SENSE_DEG = 5.0


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a repetition beside its own rows.

    ``calibrated_rom`` is the usual range in this set, ``None`` before it is known; ``turn`` is the range
    about the joint's axis, ``None`` where that is not known.
    """

    partial: bool
    provisional: bool
    returned: bool
    unsure: bool
    calibrated_rom: float | None
    usual_start_off: float
    turn: JointTurn | None = None

    def turned(self, plain: float) -> float:
        """A sum of inclinations, or its rate, as a turn about the joint's axis."""
        return plain if self.turn is None else plain * self.turn.share


def write_repetition(
    m: Measured, stage: Stage, rule_at: int, known: Circumstances, *, decided_ns: int
) -> Repetition:
    """The repetition as it is published; set and index are given when it is counted."""
    numbers = _numbers(m, known)
    reasons = _reasons(m, stage, known, numbers)
    return Repetition(
        set_index=0,
        index=0,
        start_us=m.us(m.start),
        end_us=m.us(m.end),
        decided_us=decided_ns // 1000,
        valid=not reasons,
        reasons=reasons,
        phases=tuple(Phase(kind=s.kind, start_us=m.us(s.start), end_us=m.us(s.end)) for s in m.spans),
        metrics=_metrics(m, stage, rule_at, known),
        confidence=_confidence(m, known),
        flags=_flags(m, known),
        faults=tuple(fault_of(item) for item in broken(stage.faults, numbers, m.courses, m.step_s)),
    )


def _numbers(m: Measured, known: Circumstances) -> dict[str, float | None]:
    """Numbers that rules are about; ``None`` when a gap touches them."""
    edge = m.gap_start or m.gap_end
    usual = known.calibrated_rom
    speed = None if m.gap_inside else m.eccentric
    return {
        "eccentric_s": None if edge else m.total("eccentric"),
        "concentric_s": None if edge else m.total("concentric"),
        "hold_s": None if m.gap_inside else m.hold_s,
        "tut_s": None if edge else _tension(m),
        "rom_deg": None if m.gap_inside or not m.whole else known.turned(m.rom),
        "rom_share": None if usual is None or m.gap_inside or not m.whole else m.rom / usual,
        "omega_mean_ecc_deg_s": None if speed is None else known.turned(speed.mean),
        "omega_peak_ecc_deg_s": None if speed is None else known.turned(speed.peak),
        "last_third_ratio": None if speed is None else speed.last_third,
        "stops": None if m.gap_inside else float(m.stops),
        "start_off_deg": None if m.gap_start else abs(m.start_off - known.usual_start_off),
        "end_off_deg": None if m.gap_end else m.end_off,
    }


def _tension(m: Measured) -> float:
    return math.fsum(s.end - s.start for s in m.spans if s.kind != "return")


def _reasons(
    m: Measured, stage: Stage, known: Circumstances, numbers: dict[str, float | None]
) -> tuple[Reason, ...]:
    out: list[Reason] = []
    if known.partial:
        out.append(Reason.PARTIAL_ROM)
    if not known.returned:
        out.append(Reason.NO_RETURN)
    out += [Reason(item.rule.id) for item in broken(stage.validity, numbers, m.courses, m.step_s)]
    if m.gap_start or m.gap_end:
        out.append(Reason.GAP)
    return tuple(dict.fromkeys(out))


def _sense_unsure(m: Measured) -> bool:
    return m.whole and m.second_range is not None and m.second_range < _SENSE_DEG


def _flags(m: Measured, known: Circumstances) -> tuple[Flag, ...]:
    checks = (
        (m.interpolated, Flag.GAP_INTERPOLATED),
        (m.gap_inside, Flag.GAP_INSIDE),
        (m.gap_start, Flag.START_NOT_SEEN),
        (not known.returned or m.gap_end, Flag.RETURN_NOT_SEEN),
        (known.provisional, Flag.CALIBRATION_PROVISIONAL),
        (m.no_gyroscope, Flag.NO_GYROSCOPE),
        (_sense_unsure(m), Flag.DIRECTION_ASSUMED),
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
        (not known.returned, 0.8),
        (m.no_gyroscope, 0.8),
        (m.interpolated, 0.95),
        (m.stops > 0, 0.95),
    ):
        if holds:
            value *= factor
    return round(value, 3)


def _metrics(m: Measured, stage: Stage, rule_at: int, known: Circumstances) -> dict[str, Metric]:
    inside = Flag.GAP_INSIDE if m.gap_inside else Flag.GAP_INTERPOLATED if m.interpolated else None
    edge = m.gap_start or m.gap_end
    rule = stage.angles[rule_at]

    def seconds(kind: PhaseKind) -> Metric:
        # both ends of a way; of a hold, one of each
        away, back = m.errors_s
        ends = (away, away) if kind == stage.first else (back, back) if kind == stage.second else (away, back)
        # what is not there is known to be not there, or shorter than a stop
        off = math.hypot(*ends) if m.total(kind) > 0.0 else None
        return metric_of(None if edge else m.total(kind), "s", "zero_velocity", inside, off)

    error = stage.inclination_error_deg * math.sqrt(len(rule.segments))
    sense = Flag.DIRECTION_ASSUMED if _sense_unsure(m) else None
    if sense is not None and m.second_range is not None:
        error = math.hypot(error, m.second_range)
    if known.turn is not None:
        error = math.hypot(error, known.turn.error_deg)
    whole = m.whole and not edge
    missing = inside or (None if m.whole else Flag.GAP_INSIDE)
    out = {
        "tut_s": metric_of(
            None if edge else _tension(m), "s", "tut_kinematic", inside, math.hypot(*m.errors_s)
        ),
        "eccentric_s": seconds("eccentric"),
        "isometric_s": seconds("isometric"),
        "concentric_s": seconds("concentric"),
        "rom_deg": metric_of(
            known.turned(m.rom) if whole else None, "deg", rule.method, missing or sense, error
        ),
    } | _speeds(m, stage, known, missing)
    if stage.second == "return":
        out["return_s"] = seconds("return")
    if len(rule.segments) > 1:
        one = stage.inclination_error_deg
        for name, value in m.roms.items():
            out[f"{name}_rom_deg"] = metric_of(
                None if edge else value, "deg", f"{name}_inclination", inside, one
            )
    out |= _tempo(m, stage, edge, inside)
    rules = stage.metrics
    if rules is None:
        return out
    usual = known.calibrated_rom
    share = m.rom / usual if usual is not None and whole else None
    unknown = Flag.FEW_REPETITIONS if usual is None else None
    out["rom_share"] = metric_of(share, "1", f"{rule.method}_by_usual", missing or sense or unknown)
    return out | quality_metrics(rules.quality, out, rules.quality_least)


def _speeds(m: Measured, stage: Stage, known: Circumstances, missing: Flag | None) -> dict[str, Metric]:
    """Speeds of both ways, and how even and smooth the eccentric one was."""
    ecc = None if m.gap_inside else m.eccentric
    out = {
        "omega_mean_ecc_deg_s": metric_of(
            None if ecc is None else known.turned(ecc.mean), "deg/s", "rom_over_time", missing
        ),
        "omega_peak_ecc_deg_s": metric_of(
            None if ecc is None else known.turned(ecc.peak), "deg/s", "percentile_95", missing
        ),
    }
    if stage.metrics is None:
        return out
    if "concentric" in (stage.first, stage.second):
        con = None if m.gap_inside or m.concentric is None else known.turned(m.concentric.mean)
        out["omega_mean_con_deg_s"] = metric_of(con, "deg/s", "rom_over_time", missing)
    even = None if ecc is None else ecc.core_variation
    out["omega_cv_core"] = metric_of(even, "1", "sd_by_mean_core", missing)
    rough = missing or (Flag.NO_GYROSCOPE if m.no_gyroscope else None)
    out["smoothness_ecc"] = metric_of(None if ecc is None else ecc.smoothness, "1", "sparc", rough)
    return out


def _tempo(m: Measured, stage: Stage, edge: bool, flag: Flag | None) -> dict[str, Metric]:
    """How near each phase comes to its wanted time: ``1 - abs(t - wanted) / wanted``, not below 0."""
    out: dict[str, Metric] = {}
    shares: list[float] = []
    wanted = {"eccentric": stage.tempo_s.eccentric, "concentric": stage.tempo_s.concentric}
    kinds: tuple[PhaseKind, ...] = ("eccentric", "concentric")
    for kind in kinds:
        goal = wanted[kind]
        if goal is not None:
            share = max(1.0 - abs(m.total(kind) - goal) / goal, 0.0)
            shares.append(share)
            out[f"{kind}_adherence"] = metric_of(None if edge else share, "1", "tempo_phase", flag)
    if stage.tempo_s.isometric:
        share = max(1.0 - abs(m.hold_s - stage.tempo_s.isometric) / stage.tempo_s.isometric, 0.0)
        shares.append(share)
        out["isometric_adherence"] = metric_of(None if edge else share, "1", "tempo_phase", flag)
    if shares:
        mean = math.fsum(shares) / len(shares)
        out["tempo_adherence"] = metric_of(None if edge else mean, "1", "tempo_mean", flag)
    return out
