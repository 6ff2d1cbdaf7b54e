"""Numbers of one repetition of a movement whose axis was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from eccentra.events import Flag, Metric, Phase, Quality, Reason, Repetition
from eccentra.samples import Floats, StreamInfo
from eccentra.stages.cycle_counter import Cycle
from eccentra.stages.cycle_found import Found
from eccentra.stages.cycle_phases import CyclePhases, PhaseRules, cycle_phases
from eccentra.stages.cycle_turn import turned_deg
from eccentra.stages.metric import doubted, metric_of
from eccentra.stages.movement_axis import GRAVITY
from eccentra.stages.set_numbers import eccentric_share, mean_of, span, variation_of
from eccentra.stages.sets import total

__all__ = ["GaitRules", "RepMaker", "set_totals"]

_TUT = "tut_kinematic"
_PHASE = "zero_velocity"
_ROM = "rom_p2_p98"
# Where the confidence of a number that had to be guessed ends up.
_GUESSED = 0.5

# What makes every number doubtful: an accelerometer does not tell the pushes of a moving body part from its
# turning, and a position is known only as far as repetitions end where they began.
_DOUBTS = (Flag.NO_GYROSCOPE, Flag.POSITION_FROM_ACCELERATION)


class GaitRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What steady walking looks like.

    Attributes
    ----------
    period_s
        Time of a stride.
    swing_deg
        No arm and no leg swings further.
    shake
        R.m.s. of vertical acceleration in m/s², of what is carried along.
    """

    period_s: tuple[float, float]
    swing_deg: float
    shake: float


def set_totals(trend_least_reps: int | None) -> Callable[[Sequence[Repetition]], dict[str, Metric]]:
    """Makes the function that sums up a set; ``None`` leaves out means and variations."""

    def totals(reps: Sequence[Repetition]) -> dict[str, Metric]:
        out = {
            "tut_s": total(reps, "tut_s", "s", _TUT),
            "eccentric_s": total(reps, "eccentric_s", "s", _PHASE),
            "concentric_s": total(reps, "concentric_s", "s", _PHASE),
        }
        if trend_least_reps is not None:
            valid = [rep for rep in reps if rep.valid]
            out["tut_span_s"] = span(reps)
            out["eccentric_share"] = eccentric_share(reps)
            for name in ("omega_mean_ecc_deg_s", "omega_mean_con_deg_s"):
                if any(name in rep.metrics for rep in reps):
                    out[name] = mean_of(valid, name, "deg/s")
            out["eccentric_cv"] = variation_of(valid, "eccentric_s", trend_least_reps)
            out["concentric_cv"] = variation_of(valid, "concentric_s", trend_least_reps)
            out["rom_cv"] = variation_of(valid, "rom_deg", trend_least_reps)
        for doubt in _DOUBTS:
            if any(doubt in rep.flags for rep in reps):
                out = {name: doubted(metric, doubt) for name, metric in out.items()}
        return out

    return totals


def looks_like_gait(found: Found, t: Floats, rows: Floats, rules: GaitRules) -> bool:
    """Whether a movement may be walking: the time of a stride, and its swing, or the shake of two steps.

    Two steps shake the trunk alike. An arm or a leg swings once in a stride, and one of the steps is nearer
    to it, so that nothing in it is sure to come twice.

    Parameters
    ----------
    t, rows
        Time in s and rows (n, 9) of the movement, evenly spaced.
    """
    if not rules.period_s[0] <= found.period_s <= rules.period_s[1] or len(t) < 20:
        return False
    if np.isnan(rows[0, 3]):
        # the accelerometer alone cannot tell bobbing from swinging, so any movement at a stride's time may be
        return True
    if found.axis.kind in ("tilt", "turn") and found.size <= rules.swing_deg:
        return True
    force = ((rows[:, 6:9] - GRAVITY * rows[:, 0:3]) * rows[:, 0:3]).sum(axis=1)
    force = force - force.mean()
    if float(np.sqrt((force * force).mean())) < rules.shake:
        return False
    once, twice = (
        abs(complex((force * np.exp(-2j * np.pi * k * t / found.period_s)).sum())) for k in (1.0, 2.0)
    )
    return twice > 2.0 * once


class RepMaker:
    """Makes the repetitions of one movement.

    Parameters
    ----------
    info
        Aligned stream.
    found
        The movement.
    hold_s, full_share, return_share, phases, turned
        See :class:`eccentra.stages.generic.Stage`.
    flags
        What holds for every repetition.
    """

    def __init__(
        self,
        info: StreamInfo,
        found: Found,
        *,
        hold_s: float,
        full_share: float,
        return_share: float,
        phases: PhaseRules,
        turned: PhaseRules,
        flags: tuple[Flag, ...],
    ) -> None:
        self._rate_hz = info.rate_hz
        self._found = found
        self._hold_s = hold_s
        self._full_share = full_share
        self._return_share = return_share
        self._phases = phases
        self._turned = turned
        self._seen = found.axis.kind in ("tilt", "turn") and Flag.NO_GYROSCOPE not in flags
        lossy = () if info.loss_observable else (Flag.LOSS_UNOBSERVABLE,)
        self._flags = (Flag.DIRECTION_ASSUMED, *lossy, *flags)
        self._doubt = next((doubt for doubt in _DOUBTS if doubt in flags), None)
        self._last_end_us = -(1 << 62)  # never yet: times may be negative

    def make(
        self,
        cycle: Cycle,
        t: Floats,
        x: Floats,
        rows: Floats,
        *,
        usual: float,
        marked: bool,
        lost_s: float,
        known_us: int,
        swung: bool = False,
    ) -> Repetition:
        """Repetition from its rows; its place in the set is filled in later.

        Parameters
        ----------
        t, x, rows
            Time in s, number along the axis and rows (n, 9), with what is known before and after.
        usual
            Usual stroke.
        marked, lost_s
            Whether rows in it were interpolated over a gap, and the longest time without rows.
        known_us
            Time of the last row known when it was decided; it ends before.
        swung
            Whether ``x`` is an angle that the pushes of the movement do not bend, though no gyroscope saw it.
        """
        turns = (cycle.start_s, cycle.top_s, cycle.end_s)
        rules = self._turned if swung or self._seen else self._phases
        when = cycle_phases(t, x, turns, rules, self._rate_hz, usual=usual)
        phases = self._tile(when, known_us)
        start, end = phases[0].start_us, phases[-1].end_us
        self._last_end_us = end
        gap = (Flag.GAP_INSIDE,) if lost_s > 0.0 else (Flag.GAP_INTERPOLATED,) if marked else ()
        partial = cycle.size < self._full_share * usual
        open_end = cycle.back < (1.0 - self._return_share) * cycle.size
        reasons = ((Reason.PARTIAL_ROM,) if partial else ()) + ((Reason.UNFINISHED,) if cycle.last else ())
        span = slice(int(t.searchsorted(start * 1e-6)), int(t.searchsorted(end * 1e-6, side="right")))
        turned = turned_deg(t[span], rows[span], closed=not open_end)
        rom = when.rom if turned is None else turned
        flags = self._flags + gap + ((Flag.RETURN_NOT_SEEN,) if open_end and cycle.last else ())
        return Repetition(
            set_index=0,
            index=0,
            start_us=start,
            end_us=end,
            decided_us=known_us,
            valid=not reasons,
            reasons=reasons,
            phases=phases,
            metrics=self._metrics(phases, rom, gap[0] if gap else self._doubt),
            confidence=self._confidence(cycle, usual, bool(gap), open_end),
            flags=flags,
        )

    def make_cut_off(self, t: Floats, x: Floats) -> Repetition:
        """The end of a repetition that began before the recording: its stroke back.

        Parameters
        ----------
        t, x
            Time in s and number along the axis, from its far end to the start pose.
        """
        when = cycle_phases(t, x, (float(t[0]), float(t[0]), float(t[-1])), self._phases, self._rate_hz)
        start, end = round(float(t[0]) * 1e6), round(min(when.end_s, float(t[-1])) * 1e6)
        leave = min(max(round(when.far_end_s * 1e6), start), end - 1)
        held = leave - start >= self._hold_s * 1e6
        back = Phase(kind="eccentric", start_us=leave if held else start, end_us=end)
        phases = (Phase(kind="isometric", start_us=start, end_us=leave), back) if held else (back,)
        metrics = self._metrics(phases, when.rom, Flag.START_NOT_SEEN)
        flags = (Flag.START_NOT_SEEN,)
        return self._part(phases, metrics, Reason.NOT_FROM_START_POSE, flags, start_us=start, known_us=end)

    def make_half(
        self, start_s: float, far_s: float, *, marked: bool, lost: bool, known_us: int
    ) -> Repetition:
        """A repetition whose stroke away is like the others and whose stroke back was not seen.

        Parameters
        ----------
        start_s, far_s
            Begin and end of the stroke away.
        marked, lost
            Whether rows since its begin were interpolated over a gap, or are missing.
        known_us
            Time of the last row known when it was decided.
        """
        start = max(round(start_s * 1e6), self._last_end_us)
        end = max(round(far_s * 1e6), start + 1)
        phases = (Phase(kind="concentric", start_us=start, end_us=end),)
        why = Flag.RETURN_NOT_SEEN
        unknown = {
            name: Metric(value=None, unit=one.unit, method=one.method, quality="missing", reason=why)
            for name, one in self._metrics(phases, 0.0, why).items()
        }
        metrics = {**unknown, "concentric_s": self._metrics(phases, 0.0, why)["concentric_s"]}
        gap = (Flag.GAP_INSIDE,) if lost else (Flag.GAP_INTERPOLATED,) if marked else ()
        flags = (*gap, why, Flag.COUNT_UNSURE)
        return self._part(phases, metrics, Reason.UNFINISHED, flags, start_us=start, known_us=known_us)

    def _part(
        self,
        phases: tuple[Phase, ...],
        metrics: dict[str, Metric],
        reason: Reason,
        flags: tuple[Flag, ...],
        *,
        start_us: int,
        known_us: int,
    ) -> Repetition:
        """A repetition of which only a part was seen, up to the end of its last phase."""
        self._last_end_us = phases[-1].end_us
        return Repetition(
            set_index=0,
            index=0,
            start_us=start_us,
            end_us=phases[-1].end_us,
            decided_us=known_us,
            valid=False,
            reasons=(reason,),
            phases=phases,
            metrics=metrics,
            confidence=round(_GUESSED * self._found.likeness, 3),
            flags=(*self._flags, *flags),
        )

    def _tile(self, when: CyclePhases, known_us: int) -> tuple[Phase, ...]:
        start = max(round(when.start_s * 1e6), self._last_end_us)
        end = max(min(round(when.end_s * 1e6), known_us), start + 2)
        far, leave = (
            min(max(round(s * 1e6), start + 1), end - 1) for s in (when.far_start_s, when.far_end_s)
        )
        if leave - far < self._hold_s * 1e6:
            return (
                Phase(kind="concentric", start_us=start, end_us=leave),
                Phase(kind="eccentric", start_us=leave, end_us=end),
            )
        return (
            Phase(kind="concentric", start_us=start, end_us=far),
            Phase(kind="isometric", start_us=far, end_us=leave),
            Phase(kind="eccentric", start_us=leave, end_us=end),
        )

    def _metrics(self, phases: tuple[Phase, ...], rom: float, reason: Flag | None) -> dict[str, Metric]:
        quality: Quality = "ok" if reason is None else "flagged"

        def lasting(kind: str | None, method: str) -> Metric:
            us = sum(p.end_us - p.start_us for p in phases if kind in (None, p.kind))
            return Metric(value=us * 1e-6, unit="s", method=method, quality=quality, reason=reason)

        def speed(kind: str) -> Metric:
            us = sum(p.end_us - p.start_us for p in phases if p.kind == kind)
            return metric_of(rom / (us * 1e-6) if us else None, "deg/s", "rom_over_time", reason)

        angle = self._found.axis.kind in ("tilt", "turn")
        speeds = {f"omega_mean_{kind[:3]}_deg_s": speed(kind) for kind in ("eccentric", "concentric")}
        return {
            **(speeds if angle else {}),
            "tut_s": lasting(None, _TUT),
            "concentric_s": lasting("concentric", _PHASE),
            "isometric_s": lasting("isometric", _PHASE),
            "eccentric_s": lasting("eccentric", _PHASE),
            "rom_deg": Metric(value=rom, unit="deg", method=_ROM, quality=quality, reason=reason)
            if angle
            else Metric(value=None, unit="deg", method=_ROM, quality="missing", reason=Flag.UNCALIBRATED),
        }

    def _confidence(self, cycle: Cycle, usual: float, gap: bool, open_end: bool) -> float:
        likeness = self._found.likeness
        regular = min(cycle.size, usual) / max(cycle.size, usual)
        return round(likeness * (0.5 + 0.5 * regular) * (_GUESSED if gap or open_end else 1.0), 3)
