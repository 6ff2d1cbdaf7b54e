"""Forces of straps worn beside motion sensors: over the phases that the motion sensors found.

For exercises whose own stage does not read straps. Peak, mean and impulse are of the eccentric phase, for
holds of the isometric one, above the force without load, as everywhere (:mod:`eccentra.stages.force`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.catalogue import Person
from eccentra.events import Flag, Force, Metric, PhaseKind, Repetition, SetCompleted
from eccentra.samples import NS_PER_S, Block, Floats, Side, StreamInfo
from eccentra.stages.contraction import Stage as ContractionStage
from eccentra.stages.contraction_rep import force_totals
from eccentra.stages.force import Zero, summary
from eccentra.stages.history import History
from eccentra.stages.strap_numbers import strap_metrics

__all__ = ["ForceBeside"]

_TICK_NS = 50_000_000
_BEFORE_NS = 4 * NS_PER_S
# Zeros are asked for when a repetition is decided; older ones are dropped, many at a time.
_KEEP_NS = 400 * NS_PER_S
_MOST_OLD = 1000
_SIDES: tuple[Side, ...] = ("left", "right", "both")
_DOUBT = (Flag.GAP_INSIDE, Flag.GAP_INTERPOLATED, Flag.START_NOT_SEEN)


class ForceBeside:
    """Companion that adds what straps measured.

    Parameters
    ----------
    rule
        How straps are read.
    info
        Aligned rows with ``left.force``, ``right.force`` or ``both.force``.
    phase
        The phase that counts.
    person
        Body mass and lever arm.
    """

    def __init__(self, rule: ContractionStage, info: StreamInfo, phase: PhaseKind, person: Person) -> None:
        columns = {side: info.column(f"{side}.force") for side in _SIDES}
        self._columns: dict[Side, int] = {s: c for s, c in columns.items() if c is not None}
        self._rule = rule
        self._strap = rule.strap.worn(info)
        self._phase = phase
        self._person = person
        self._step_ns = round(NS_PER_S / info.rate_hz)
        self._t = 0
        window = round(rule.level.quiet_s * NS_PER_S / _TICK_NS)
        self._memory = memory = round(rule.count.zero_memory_s * NS_PER_S)
        self._zeros = {s: Zero(window, rule.strap.quiet_spread_n, memory) for s in self._columns}
        # when each zero changed: a repetition is measured with the one known when it was decided
        self._known: dict[Side, tuple[list[int], list[float]]] = {s: ([], []) for s in self._columns}

    def see(self, rows: Block) -> None:
        """Follow the force without load."""
        self._t = rows.t.item(-1)
        for k in np.flatnonzero(rows.t % _TICK_NS == 0).tolist():
            t = rows.t.item(k)
            for side, c in self._columns.items():
                zero, (times, values) = self._zeros[side], self._known[side]
                zero.push(t, rows.x.item(k, c))
                if zero.value is not None and (not times or times[-1] < zero.at_ns):
                    times.append(zero.at_ns)
                    values.append(zero.value)
        first = rows.t.item(0) - _KEEP_NS
        for times, values in self._known.values():
            # the one that held at the oldest moment that may be asked for stays
            old = bisect_right(times, first) - 1
            if old > _MOST_OLD:
                del times[:old], values[:old]

    def tared(self, side: Side, by_n: float) -> None:
        """A strap reads ``by_n`` less from now on."""
        if side not in self._zeros:
            return
        zero, (times, values) = self._zeros[side], self._known[side]
        zero.shift(by_n)
        if zero.value is not None:
            times.append(self._t)
            values.append(zero.value)

    def look(self, rep: Repetition, earlier: Sequence[Repetition], history: History) -> Repetition:
        """Add forces of the phase; missing when the straps were silent."""
        first = rep.start_us * 1000
        t, rows = history.rows(
            first - _BEFORE_NS, min(rep.end_us * 1000 + NS_PER_S // 2, rep.decided_us * 1000)
        )
        spans = [phase for phase in rep.phases if phase.kind == self._phase]
        if len(t) < 2 or not spans:
            return rep
        n = int((t[-1] - t[0]) // self._step_ns) + 1
        at = (t - t[0]) // self._step_ns
        grid: Floats = np.arange(n, dtype=np.float64) * (self._step_ns / NS_PER_S)
        begin = int(t[0])
        places = [
            ((phase.start_us * 1000 - begin) / NS_PER_S, (phase.end_us * 1000 - begin) / NS_PER_S)
            for phase in spans
        ]
        sides: dict[Side, Floats] = {}
        forces: dict[Side, Force | None] = {}
        settled = True
        for side, c in self._columns.items():
            sides[side] = np.full(n, np.nan)
            sides[side][at] = rows[:, c]
            zero, sure = self._zero(side, rep.decided_us * 1000)
            settled = settled and sure
            forces[side] = summary(grid, sides[side], places, zero or 0.0)
        flag = next((flag for flag in _DOUBT if flag in rep.flags), None)
        flag = flag or (None if settled else Flag.BASELINE_UNSETTLED)
        metrics: dict[str, Metric] = strap_metrics(
            grid,
            sides,
            forces,
            places,
            places[-1][1],
            rule=self._strap,
            person=self._person,
            flag=flag,
            phase=self._phase,
        )
        missing = (Flag.FORCE_MISSING,) if any(force is None for force in forces.values()) else ()
        flags = (*rep.flags, *missing, *(() if settled else (Flag.BASELINE_UNSETTLED,)))
        return msgspec.structs.replace(
            rep,
            metrics=rep.metrics | metrics,
            force_left=forces.get("left"),
            force_right=forces.get("right"),
            flags=tuple(dict.fromkeys(flags)),
        )

    def close(self, done: SetCompleted, reps: Sequence[Repetition]) -> SetCompleted:
        """Add means and the side difference."""
        rule = self._rule
        added = force_totals(
            reps,
            tuple(self._columns),
            rule.asymmetry_least_reps,
            rule.trend_least_reps,
            rule.loss_least_reps,
            rule.level.onset_n,
        )
        return msgspec.structs.replace(done, metrics=done.metrics | added)

    def _zero(self, side: Side, t_ns: int) -> tuple[float | None, bool]:
        """The zero known at a time, and whether it had been seen lately."""
        times, values = self._known[side]
        k = bisect_right(times, t_ns)
        return (values[k - 1], t_ns - times[k - 1] <= self._memory) if k else (None, False)
