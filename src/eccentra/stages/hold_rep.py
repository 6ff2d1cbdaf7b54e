"""From a measured hold to a repetition with its numbers, validity, faults, flags and confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from eccentra.events import Flag, Metric, Phase, Quality, Reason, Repetition
from eccentra.samples import StreamInfo
from eccentra.stages.hold import Stage
from eccentra.stages.hold_fit import Way
from eccentra.stages.hold_measure import Measured
from eccentra.stages.rules import broken, fault_of
from eccentra.stages.sets import total

__all__ = ["Circumstances", "set_totals", "write_repetition"]

_TUT = "tut_kinematic"
_PHASE = "zero_velocity"
# percentiles of time would cut a quick way up of a long hold
_ROM = "rom_smoothed_range"
# Share of an end's blind time (see _blind_s) that its error makes up: the fit sees more than half of it.
_BLIND_SHARE = 0.3
_LEAST_ERROR_S = 0.03
# On simulated holds the 95th percentile of the error over the standard error of the fit is 3.
_FIT_TIMES = 1.5
_TILT_ERROR_S = 0.3


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a hold beside its own rows.

    ``ended``: the way down was seen; ``steady``: it was not given up for its sway; ``lost``: where it ended
    is in a gap; ``far``: it came from a pose far away; ``witness``: its rise is beyond doubt; ``dips``: how
    many there were (``None``: not known, it was counted from the poses before and after).
    """

    ended: bool
    steady: bool
    lost: bool
    far: bool
    witness: bool
    dips: int | None
    gyroscope: bool


def set_totals(reps: Sequence[Repetition]) -> dict[str, Metric]:
    """Totals of a set."""
    return {
        "hold_s": total(reps, "hold_s", "s", _PHASE),
        "tut_s": total(reps, "tut_s", "s", _TUT),
        "eccentric_s": total(reps, "eccentric_s", "s", _PHASE),
        "concentric_s": total(reps, "concentric_s", "s", _PHASE),
    }


def write_repetition(
    m: Measured, stage: Stage, known: Circumstances, info: StreamInfo, *, now_ns: int
) -> Repetition:
    """The repetition as it is published; its place in the set is filled in by whoever counts it."""
    metrics = _metrics(m, known)
    numbers = {name: metric.value for name, metric in metrics.items()}
    courses = {"drop_deg": m.course.drop, "turn_deg": m.course.turn}
    invalid = broken(stage.validity, numbers, courses, m.course.step_s)
    faults = broken(stage.faults, numbers, courses, m.course.step_s)
    checks = (
        (not known.ended and not known.lost, Reason.UNFINISHED),
        (not known.steady, Reason.IRREGULAR),
        (known.lost or m.gap_up, Reason.GAP),
    )
    reasons = (
        *(reason for holds, reason in checks if holds),
        *(Reason(item.rule.id) for item in invalid),
    )
    phases = _phases(m, now_ns // 1000)
    return Repetition(
        set_index=0,
        index=0,
        start_us=phases[0].start_us,
        end_us=phases[-1].end_us,
        decided_us=now_ns // 1000,
        valid=not reasons,
        reasons=reasons,
        phases=phases,
        metrics=metrics,
        confidence=_confidence(m, known),
        flags=_flags(m, known, info),
        faults=tuple(fault_of(item) for item in faults),
    )


def _phases(m: Measured, now_us: int) -> tuple[Phase, ...]:
    start, top = m.us(m.start), m.us(m.top)
    top = max(top, start + 1)
    if m.leave is None or m.end is None:
        stay = max(min(m.us(m.last), now_us), top + 1)
        return (
            Phase(kind="concentric", start_us=start, end_us=top),
            Phase(kind="isometric", start_us=top, end_us=stay),
        )
    leave = max(m.us(m.leave), top + 1)
    end = max(min(m.us(m.end), now_us), leave + 1)
    return (
        Phase(kind="concentric", start_us=start, end_us=top),
        Phase(kind="isometric", start_us=top, end_us=leave),
        Phase(kind="eccentric", start_us=leave, end_us=end),
    )


def _blind_s(length_s: float, sway: float, rise: float) -> float:
    """Time at a soft end in which less than the sway is left to go.

    Minimum-jerk: ``10 u³`` of the way are left at the share ``u`` of the time before the end.
    """
    share = min(max(sway, 0.05) / (10.0 * max(rise, 1.0)), 0.01)
    return length_s * math.exp(math.log(share) / 3.0)


def _errors(way: Way | None, length_s: float, m: Measured) -> tuple[float, float, float]:
    """Errors of begin, end and length of a way in s: from its fit, else from what sway hides of its ends."""
    if way is None:
        one = _BLIND_SHARE * _blind_s(length_s, m.sway_sd or 0.0, m.level) + _LEAST_ERROR_S
        return one, one, math.sqrt(2.0) * one
    start, end, length = (
        math.hypot(_FIT_TIMES * error, _LEAST_ERROR_S)
        for error in (way.start_error_s, way.end_error_s, way.length_error_s)
    )
    return start, end, length


def _metrics(m: Measured, known: Circumstances) -> dict[str, Metric]:
    touched = m.gap_up or m.gap_hold or m.gap_down or known.lost
    general: Flag | None = Flag.GAP_INSIDE if touched else Flag.GAP_INTERPOLATED if m.interpolated else None
    open_end = None if known.ended else Flag.GAP_INSIDE if known.lost else Flag.RETURN_NOT_SEEN
    end = m.end is not None and m.leave is not None
    down_s = (m.end or 0.0) - (m.leave or 0.0) if end else None
    leave = m.last if m.leave is None else m.leave
    hold, up = leave - m.top, m.top - m.start
    # acceleration alone is smoothed much more, and taken for tilt
    more = 0.0 if known.gyroscope else _TILT_ERROR_S
    start_error, top_error, up_error = (one + more for one in _errors(m.up_way, up, m))
    leave_error, end_error, down_error = (one + more for one in _errors(m.down_way, down_s or 0.0, m))

    def one(
        value: float | None, unit: str, method: str, flag: Flag | None, error: float | None = None
    ) -> Metric:
        if value is None:
            reason = flag or Flag.UNCALIBRATED
            return Metric(value=None, unit=unit, method=method, quality="missing", reason=reason)
        quality: Quality = "ok" if flag is None else "flagged"
        return Metric(value=value, unit=unit, method=method, quality=quality, reason=flag, uncertainty=error)

    held_error = None if down_s is None else math.hypot(top_error, leave_error)
    tut_error = None if down_s is None else math.hypot(start_error, end_error)
    ended = open_end or general
    tut = up + hold + (down_s or 0.0)
    lost = known.lost
    out = {
        "hold_s": one(None if lost else hold, "s", _PHASE, ended, held_error),
        "isometric_s": one(None if lost else hold, "s", _PHASE, ended, held_error),
        "concentric_s": one(None if m.gap_up else up, "s", _PHASE, general, up_error),
        "eccentric_s": one(
            None if lost else down_s, "s", _PHASE, ended, None if down_s is None else down_error
        ),
        "tut_s": one(None if lost or m.gap_up else tut, "s", _TUT, ended, tut_error),
        "rom_deg": one(m.rom, "deg", _ROM, general),
        "sway_sd_deg": one(m.sway_sd, "deg", "sway_sd_detrended", general or _short(m.sway_sd)),
        "sway_speed_deg_s": one(m.sway_speed, "deg/s", "sway_mean_speed", general or _short(m.sway_speed)),
        "sway_growth": one(
            m.sway_growth, "1", "sway_sd_last_by_first_third", general or _short(m.sway_growth)
        ),
        "sag_deg": one(m.sag, "deg", "lean_first_less_last_second", general or _short(m.sag)),
        "hike_deg": one(m.hike, "deg", "turn_from_first_second", general or _short(m.hike)),
        "dips": _dips(m, known),
    }
    if m.hip is not None:
        out["hip_loss_deg"] = one(m.hip, "deg", "hip_extension_lost", general)
    return out


def _dips(m: Measured, known: Circumstances) -> Metric:
    flag = Flag.COUNT_UNSURE if known.dips is None else Flag.GAP_INSIDE if m.gap_hold else None
    quality: Quality = "missing" if known.dips is None else "ok" if flag is None else "flagged"
    value = None if known.dips is None else float(known.dips)
    return Metric(value=value, unit="1", method="dips_in_hold", quality=quality, reason=flag)


def _short(value: float | None) -> Flag | None:
    """Why there is no number: the hold was too short for it."""
    return Flag.TOO_SHORT_FOR_METRIC if value is None else None


def _flags(m: Measured, known: Circumstances, info: StreamInfo) -> tuple[Flag, ...]:
    checks = (
        (m.interpolated, Flag.GAP_INTERPOLATED),
        (m.gap_up or m.gap_hold or m.gap_down or known.lost, Flag.GAP_INSIDE),
        (not known.ended, Flag.RETURN_NOT_SEEN),
        (not known.gyroscope, Flag.NO_GYROSCOPE),
        (not info.loss_observable, Flag.LOSS_UNOBSERVABLE),
        (known.far or not known.witness, Flag.COUNT_UNSURE),
    )
    return tuple(flag for holds, flag in checks if holds)


def _confidence(m: Measured, known: Circumstances) -> float:
    """One for a hold that was seen whole; less for each thing that makes it doubtful."""
    factors = (
        (known.far, 0.8),
        (not known.witness, 0.9),
        (not known.ended, 0.7),
        (not known.steady, 0.8),
        (m.gap_up or m.gap_hold or m.gap_down, 0.6),
        ((known.dips or 0) > 0, 0.95),
    )
    return round(math.prod(factor for holds, factor in factors if holds), 3)
