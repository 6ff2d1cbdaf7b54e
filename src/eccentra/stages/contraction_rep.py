"""Numbers of a contraction seen by load cells, and of a set of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from eccentra.catalogue import Person
from eccentra.events import Flag, Force, Metric, Phase, Reason, Repetition
from eccentra.samples import NS_PER_S, Floats, Side, Times
from eccentra.stages.contraction_level import LevelRule, Strap
from eccentra.stages.force import summary
from eccentra.stages.metric import metric_of
from eccentra.stages.set_numbers import loss_of, mean_of, rest_mean, series, span, variation_of
from eccentra.stages.sets import asymmetry, total
from eccentra.stages.strap_numbers import StrapRule, onset, strap_metrics

__all__ = ["Contraction", "contraction_rep", "crossing", "set_totals"]

_TUT = "tut_force"
# Time from the first sign of force to the threshold, in a slow rise.
_RISE_S = 0.1


class Contraction(msgspec.Struct, frozen=True, kw_only=True):
    """A contraction; times in ns.

    Attributes
    ----------
    working
        Sides whose force was on.
    zeros
        Force of each side without load, N; ``None`` when it is not known.
    peak, impulse
        Greatest force (N) of all sides above rest, and its impulse (N·s).
    settled
        Whether all rest levels come from a whole quiet time.
    gap
        Whether rows were missing in it.
    open_start, open_end
        Recorded neither from rest, nor back to it.
    """

    start: int
    end: int
    working: tuple[Side, ...]
    zeros: dict[Side, float | None]
    peak: float
    impulse: float
    settled: bool
    gap: bool = False
    open_start: bool = False
    open_end: bool = False


def crossing(t: Times, force: Floats, at: int, level: float, *, rising: bool) -> int:
    """Time in ns, between rows, at which ``force`` last passed ``level`` at or before ``at``.

    Parameters
    ----------
    t, force
        Times in ns and force in N, shape (n,).
    rising
        Whether it rose above the level, or fell to it.

    Returns
    -------
    int
        The first time when it had passed before that, ``at`` when it never was on the other side.
    """
    above = force > level
    k = int(t.searchsorted(at, side="right"))
    other = np.flatnonzero(~above[:k] if rising else above[:k])
    if not len(other):
        return int(t[0]) if rising else at
    i = int(other[-1])
    if i + 1 >= len(t):
        return int(t[i])
    share = (level - float(force[i])) / (float(force[i + 1]) - float(force[i]))
    # beside a missing row the share is no number
    return int(t[i]) + (round(share * int(t[i + 1] - t[i])) if 0.0 <= share <= 1.0 else 0)


def first_sign(t: Times, force: Floats, strap: Strap, rule: LevelRule) -> int:
    """Time in ns at which force of a strap that is on first stood out from its quiet level.

    That is finer than the threshold that tells a contraction from handling: the noise of the level alone
    decides. Without a quiet time before it, the first row.
    """
    on = strap.on_since
    assert on is not None
    if strap.open_start:
        return on
    hz = NS_PER_S / float(np.median(np.diff(t))) if len(t) > 1 else 1.0
    # the rise may have begun before the threshold was passed
    until = int(t.searchsorted(on - round(_RISE_S * NS_PER_S)))
    begin = int(t.searchsorted(int(t[until]) - round(rule.quiet_s * NS_PER_S))) if until < len(t) else 0
    quiet = force[begin:until]
    quiet = quiet[np.isfinite(quiet)]
    level, noise = strap.level or 0.0, strap.noise
    if len(quiet) >= rule.early_s * hz:
        half = len(quiet) // 2
        if 2.0 * abs(float(quiet[-half:].mean() - quiet[:half].mean())) <= rule.drift_n:
            level, noise = float(quiet.mean()), float(quiet.std(ddof=1))
    threshold = max(rule.least_n, rule.onset_sd * noise)
    place = onset(force - level, until if len(quiet) else 0, hz, threshold, rule.onset_s)
    if place is None:
        return on
    i = int(place)
    return min(int(t[i]) + round((place - i) * NS_PER_S / hz), on)


def contraction_rep(
    one: Contraction,
    t: Times,
    sides: Mapping[Side, Floats],
    step_ns: int,
    *,
    place: tuple[int, int],
    decided: int,
    rule: StrapRule,
    person: Person,
) -> Repetition:
    """A repetition of one phase.

    Parameters
    ----------
    t, sides
        Times in ns and force of every side in N, from before the contraction to after it.
    step_ns
        Time between rows.
    place
        Index of the set and of the repetition.
    decided
        Time in ns of the last row.
    """
    grid, forces, columns = _on_grid(one, t, sides, step_ns)
    start, end = (float((when - int(t[0])) / NS_PER_S) for when in (one.start, one.end))
    flag = Flag.GAP_INSIDE if one.gap else Flag.PHASE_FROM_FORCE
    edge = one.open_start or one.open_end
    length = (one.end - one.start) / NS_PER_S
    metrics: dict[str, Metric] = {
        "tut_s": metric_of(length, "s", _TUT, flag),
        "isometric_s": metric_of(length, "s", "force_onset_to_release", flag),
        "rom_deg": metric_of(None, "deg", "force", Flag.PHASE_FROM_FORCE),
    }
    if len(grid) > 1:
        metrics |= strap_metrics(
            grid,
            columns,
            forces,
            [(start, end)],
            end,
            rule=rule,
            person=person,
            flag=Flag.START_NOT_SEEN if one.open_start else flag if one.gap else None,
            phase="isometric",
        )
    flags = [Flag.PHASE_FROM_FORCE]
    flags += [Flag.GAP_INSIDE] if one.gap else []
    flags += [Flag.FORCE_MISSING] if any(forces.get(side) is None for side in one.working) else []
    flags += [] if one.settled else [Flag.BASELINE_UNSETTLED]
    flags += [Flag.START_NOT_SEEN] if one.open_start else []
    flags += [Flag.RETURN_NOT_SEEN] if one.open_end else []
    reasons = ((Reason.NOT_FROM_START_POSE,) if one.open_start else ()) + (
        (Reason.UNFINISHED,) if one.open_end else ()
    )
    reasons += (Reason.GAP,) if one.gap else ()
    return Repetition(
        set_index=place[0],
        index=place[1],
        start_us=one.start // 1000,
        end_us=one.end // 1000,
        decided_us=decided // 1000,
        valid=not reasons,
        reasons=reasons,
        phases=(Phase(kind="isometric", start_us=one.start // 1000, end_us=one.end // 1000),),
        metrics=metrics,
        force_left=forces.get("left"),
        force_right=forces.get("right"),
        confidence=0.4 if one.gap or edge else (0.9 if one.settled else 0.6),
        flags=tuple(flags),
    )


def _on_grid(
    one: Contraction, t: Times, sides: Mapping[Side, Floats], step_ns: int
) -> tuple[Floats, dict[Side, Force | None], dict[Side, Floats]]:
    """Even times in s, peak, mean and impulse of the working sides, and force of each on those times."""
    n = int((t[-1] - t[0]) // step_ns) + 1 if len(t) else 0
    at = (t - t[0]) // step_ns if n else t
    grid: Floats = np.arange(n, dtype=np.float64) * (step_ns / NS_PER_S)
    columns: dict[Side, Floats] = {}
    forces: dict[Side, Force | None] = {}
    for side, force in sides.items():
        if side not in one.working:
            continue
        columns[side] = np.full(n, np.nan)
        columns[side][at] = force
        when = [((one.start - int(t[0])) / NS_PER_S, (one.end - int(t[0])) / NS_PER_S)]
        forces[side] = summary(grid, columns[side], when, one.zeros[side] or 0.0)
    return grid, forces, columns


def set_totals(
    sides: tuple[Side, ...], asymmetry_least_reps: int, trend_least_reps: int, loss_least_reps: int
) -> Callable[[Sequence[Repetition]], dict[str, Metric]]:
    """Makes the function that sums up a set of contractions."""

    def totals(reps: Sequence[Repetition]) -> dict[str, Metric]:
        return {
            "tut_s": total(reps, "tut_s", "s", _TUT),
            "tut_span_s": span(reps),
            "rest_mean_s": rest_mean(reps),
            **force_totals(reps, sides, asymmetry_least_reps, trend_least_reps, loss_least_reps, 0.0),
        }

    return totals


def force_totals(
    reps: Sequence[Repetition],
    sides: tuple[Side, ...],
    asymmetry_least_reps: int,
    trend_least_reps: int,
    loss_least_reps: int,
    least_n: float,
) -> dict[str, Metric]:
    """Peaks, impulses and side difference of a set, from what straps measured in its repetitions.

    Repetitions in which neither side reaches ``least_n`` say nothing about a difference: straps were slack.
    """
    out: dict[str, Metric] = {}
    valid = [rep for rep in reps if rep.valid]
    for side in sides:
        name = f"force_{side}_peak_n"
        if any(name in rep.metrics for rep in reps):
            values, _, method, doubt = series(valid, name)
            out[f"force_{side}_peak_mean_n"] = mean_of(valid, name, "N")
            out[f"force_{side}_peak_cv"] = variation_of(valid, name, trend_least_reps)
            out[f"force_{side}_loss"] = loss_of(values, method or name, loss_least_reps, doubt)
            out[f"force_{side}_impulse_ns"] = total(
                reps, f"force_{side}_impulse_ns", "N.s", "impulse_sum", alike=True
            )
    if "left" in sides and "right" in sides:
        # a contraction of one side says nothing about the other
        paired = [
            rep
            for rep in reps
            if rep.force_left is not None
            and rep.force_right is not None
            and max(rep.force_left.peak_n, rep.force_right.peak_n) >= least_n
        ]
        out["asymmetry_pct"] = asymmetry(paired, asymmetry_least_reps)
    return out
