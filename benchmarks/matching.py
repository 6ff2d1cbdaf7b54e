"""What was found beside what was done: repetitions matched by overlap, errors collected by exercise and kit.

A repetition is matched with the true one it overlaps by more than half of either. A set is exact when as many
repetitions were counted within it as were done, and in one set. What is counted outside every true set is a
ghost. Limits are the largest mean errors that the project allows itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra import __version__
from eccentra.events import Event, Flag, Metric, RepAmended, RepCompleted, Repetition, SensorGap, SetCompleted
from eccentra.exercises import load_exercise
from eccentra.session import Header, Session
from eccentra.simulate import Simulation
from eccentra.simulate.truth import TrueRep, TrueSet

__all__ = ["TEMPO_BINS", "Errors", "Found", "Sheet", "events_of", "repetitions", "tempo_bin"]

TEMPO_BINS = ("<= 2 s", "2 to 5 s", "> 5 s")
_ROM_OF_LEAN = {"thigh_lean": "thigh_inclination"}
_GAPS = (Flag.GAP_INSIDE, Flag.GAP_INTERPOLATED, Flag.FORCE_MISSING)
_LONG_GAP_US = 200_000


class Found(msgspec.Struct, frozen=True):
    """What came out of a session: repetitions that count in the end, totals of sets, long gaps of sensors."""

    reps: tuple[Repetition, ...]
    sets: tuple[SetCompleted, ...]
    gaps: tuple[SensorGap, ...] = ()

    def disturbed(self, true: TrueSet) -> bool:
        """Whether a sensor was away for more than 0.2 s during the set."""
        return any(g.end_us / 1e6 > true.start_s and g.start_us / 1e6 < true.end_s for g in self.gaps)


class Errors(msgspec.Struct):
    """Errors of one number: found less true, the limit of each, and which case it was.

    ``stated`` are the standard uncertainties that came with it, NaN without one; ``biases`` are the limits of
    the mean error, for numbers that have one.
    """

    values: list[float] = []
    limits: list[float] = []
    cases: list[str] = []
    stated: list[float] = []
    biases: list[float] = []

    def add(
        self,
        error: float,
        limit: float,
        case: str,
        stated: float | None = None,
        bias_limit: float | None = None,
    ) -> None:
        """Take one error."""
        self.values.append(error)
        self.limits.append(limit)
        self.cases.append(case)
        self.stated.append(float("nan") if stated is None else stated)
        if bias_limit is not None:
            self.biases.append(bias_limit)

    def take(self, other: Errors) -> None:
        """Take all errors of another one."""
        self.values += other.values
        self.limits += other.limits
        self.cases += other.cases
        self.stated += other.stated
        self.biases += other.biases

    @property
    def bias_share(self) -> float:
        """Mean error as a share of its mean limit; 0 without one."""
        return abs(self.bias) / float(np.mean(self.biases)) if self.biases else 0.0

    @property
    def held(self) -> tuple[int, float]:
        """How many came with an uncertainty, and the share of those within twice of it: 95 % were right."""
        told = [(abs(e), u) for e, u in zip(self.values, self.stated, strict=True) if u == u]
        return len(told), sum(e <= 2.0 * u for e, u in told) / max(len(told), 1)

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return float(np.mean(np.abs(self.values)))

    @property
    def bias(self) -> float:
        """Mean error."""
        return float(np.mean(self.values))

    @property
    def limits_of_agreement(self) -> tuple[float, float]:
        """Bias -/+ 1.96 standard deviations: 95 % of errors, were they normally distributed."""
        spread = 1.96 * float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0
        return self.bias - spread, self.bias + spread

    @property
    def share(self) -> float:
        """Mean absolute error as a share of the mean limit."""
        return self.mae / float(np.mean(self.limits))

    @property
    def worst(self) -> tuple[float, str]:
        """Largest error, and its case."""
        at = int(np.argmax(np.abs(self.values)))
        return self.values[at], self.cases[at]


class Sheet(msgspec.Struct):
    """Everything collected of one exercise and kit.

    ``breaks`` are found, wrongly found, missed; ``matched`` counts repetitions found and done. Sets during
    which a sensor was away are counted apart (``disturbed``), and numbers flagged for a gap are not compared
    (``withheld``): they say themselves that they may be wrong.
    """

    exercise: str
    kit: str
    sessions: int = 0
    sets: int = 0
    exact: int = 0
    done: int = 0
    counted: int = 0
    matched: int = 0
    ghosts: int = 0
    walks: int = 0
    idle_minutes: float = 0.0
    idle_ghosts: int = 0
    disturbed: int = 0
    disturbed_exact: int = 0
    withheld: int = 0
    partial_right: int = 0
    breaks: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0])
    late_s: list[float] = msgspec.field(default_factory=list)
    errors: dict[str, Errors] = msgspec.field(default_factory=lambda: defaultdict(Errors))
    miscounted: list[str] = msgspec.field(default_factory=list)
    peers: dict[str, list[int]] = msgspec.field(default_factory=lambda: defaultdict(list))

    @property
    def exact_share(self) -> float:
        """Share of sets counted exactly."""
        return self.exact / self.sets if self.sets else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall of repetitions."""
        both = self.done + self.counted
        return 2 * self.matched / both if both else float("nan")

    def add_session(self, simulation: Simulation, found: Found) -> list[tuple[TrueSet, list[Repetition]]]:
        """Compare one session with its truth; gives the sets that were not counted exactly."""
        self.sessions += 1
        left = list(found.reps)
        wrong = []
        for true in simulation.truth.sets:
            inside = [rep for rep in left if _middle_within(rep, true)]
            left = [rep for rep in left if rep not in inside]
            if found.disturbed(true):
                self.disturbed += 1
                self.disturbed_exact += len(inside) == len(true.reps)
                continue
            case = f"{simulation.scenario.name} ({self.kit}), set {true.index}"
            if not self._add_set(true, inside, found, case):
                wrong.append((true, inside))
        ghosts = self._ghosts(left)
        self.ghosts += ghosts
        self.counted += ghosts
        return wrong

    def _ghosts(self, left: Sequence[Repetition]) -> int:
        """How many of those that are no repetition are ghosts: steady walking may be a set of `generic`."""
        if self.exercise != "generic":
            return len(left)
        walks = sum(Flag.UNIDENTIFIED_CYCLIC in rep.flags for rep in left)
        self.walks += walks
        return len(left) - walks

    def add_idle(self, simulation: Simulation, found: Found) -> None:
        """Count what was found in a session in which nothing of the exercise was done."""
        self.idle_minutes += simulation.truth.duration_s / 60.0
        self.idle_ghosts += self._ghosts(found.reps)

    def _add_set(self, true: TrueSet, inside: list[Repetition], found: Found, case: str) -> bool:
        self.sets += 1
        self.done += len(true.reps)
        self.counted += len(inside)
        well = len(inside) == len(true.reps) and len({rep.set_index for rep in inside}) == 1
        self.exact += well
        if not well:
            self.miscounted.append(f"{case}: {len(inside)} of {len(true.reps)}")
        left = list(inside)
        for want in true.reps:
            span = want.start_s, self._end_s(want)
            best = max(left, key=lambda rep: _overlap(span, rep), default=None)
            if best is None or not _same(span, best):
                continue
            left.remove(best)
            self.matched += 1
            self._add_rep(want, best, f"{case}, repetition {want.index}")
        if well:
            self._add_totals(true, next(s for s in found.sets if s.set_index == inside[0].set_index), case)
        return well

    def _add_rep(self, true: TrueRep, rep: Repetition, case: str) -> None:
        for kind, name in (("eccentric", "ecc"), ("concentric", "con")):
            want = true.total_s(kind)  # type: ignore[arg-type]
            if self._seen(kind, true) and want > 0.0:
                limit = max(0.10, 0.05 * want)
                metric = rep.metrics.get(f"{kind}_s")
                bias = max(0.03, 0.03 * want)
                self._add(name, metric, want, limit, case, bias)
                self._add(f"{name} {tempo_bin(want)}", metric, want, limit, case, bias)
        self._add("hold", rep.metrics.get("hold_s"), true.total_s("isometric"), 0.2, case)
        tension = self._tension(true)
        self._add("tut", rep.metrics.get("tut_s"), tension, max(0.12, 0.05 * tension), case)
        side_on = "side_plank" in case
        self._add("rom", rep.metrics.get("rom_deg"), _true_rom(true, rep, self.kit, side_on), 2.0, case)
        self._add_break(true, rep, case)
        for side in ("left", "right"):
            if side in true.force and true.force[side].peak_n > 0.0:
                want = true.force[side].peak_n
                metric = rep.metrics.get(f"force_{side}_peak_n")
                self._add("peak", metric, want, max(0.01 * want, 2.0), case)
        self.partial_right += ("partial_rom" in {reason.value for reason in rep.reasons}) == true.partial
        self.late_s.append((rep.decided_us - rep.end_us) / 1e6)

    def _add(
        self,
        name: str,
        got: Metric | None,
        want: float | None,
        limit: float,
        case: str,
        bias_limit: float | None = None,
    ) -> None:
        if got is None or got.value is None or want is None:
            return
        if got.reason in _GAPS:
            self.withheld += 1
            return
        self.errors[name].add(got.value - want, limit, case, got.uncertainty, bias_limit)

    def _add_break(self, true: TrueRep, rep: Repetition, case: str) -> None:
        if not true.force or self.kit == "force":
            return
        hit, real = rep.break_point is not None, true.break_point is not None
        self.breaks[0] += hit and real
        self.breaks[1] += hit and not real
        self.breaks[2] += real and not hit
        if rep.break_point is not None and true.break_point is not None:
            lean = rep.break_point.lean_deg
            stated = (m.uncertainty for name, m in rep.metrics.items() if _is_lean(name) and m.value == lean)
            self.errors["lean"].add(lean - true.break_point.lean_deg, 2.5, case, next(stated, None))

    def _add_totals(self, true: TrueSet, done: SetCompleted, case: str) -> None:
        want = sum(self._tension(rep) for rep in true.reps)
        metric = done.metrics.get("tut_s")
        if metric is not None and metric.value is not None and metric.reason not in _GAPS and want > 0.0:
            longest = max(phase.duration_s for rep in true.reps for phase in rep.phases)
            limit = 4.0 if longest > 5.0 else 2.0
            stated = None if metric.uncertainty is None else 100.0 * metric.uncertainty / want
            self.errors["set tut"].add(100.0 * (metric.value - want) / want, limit, case, stated)
        if all("left" in rep.force and "right" in rep.force for rep in true.reps):
            means = (
                float(np.mean([rep.force[side].peak_n for rep in true.reps])) for side in ("left", "right")
            )
            low, high = sorted(means)
            if high > 0.0:
                self._add(
                    "asymmetry", done.metrics.get("asymmetry_pct"), 100 * (high - low) / high, 1.5, case
                )

    def _seen(self, kind: str, true: TrueRep) -> bool:
        """Who brings the body up from the floor, only straps beside a motion sensor can tell."""
        if kind == "eccentric" or not self._curl:
            return True
        return self.kit != "force" and (true.partial or "force" in self.kit)

    @property
    def _curl(self) -> bool:
        return self.exercise.startswith("nordic")

    def _end_s(self, true: TrueRep) -> float:
        """Where the repetition ends for these sensors: a Nordic curl from straps alone is its lowering."""
        if self.kit != "force":
            return true.end_s
        after = {"return", "concentric"} if self._curl else {"return"}
        return max(phase.end_s for phase in true.phases if phase.kind not in after)

    def _tension(self, true: TrueRep) -> float:
        if not self._seen("concentric", true):
            return true.total_s("eccentric") + true.total_s("isometric")
        return true.tut_s


def events_of(simulation: Simulation, exercise: str) -> list[Event]:
    """Events of a session, from the packets that the simulated sensors sent."""
    header = Header(
        session="benchmark", exercise=load_exercise(exercise), sensors=simulation.setups, software=__version__
    )
    session = Session(header)
    return [one.event for one in session.feed_many(simulation.inputs()) + session.finish()]


def repetitions(events: Sequence[Event]) -> Found:
    """Repetitions that count in the end, by time, and the sets as they were completed."""
    reps: dict[tuple[int, int], Repetition] = {}
    for event in events:
        if isinstance(event, RepCompleted):
            reps[event.rep.set_index, event.rep.index] = event.rep
        elif isinstance(event, RepAmended) and not event.counted:
            reps.pop((event.set_index, event.index), None)
    sets = tuple(event for event in events if isinstance(event, SetCompleted))
    gaps = tuple(e for e in events if isinstance(e, SensorGap) and e.end_us - e.start_us > _LONG_GAP_US)
    return Found(tuple(sorted(reps.values(), key=lambda rep: rep.start_us)), sets, gaps)


def tempo_bin(seconds: float) -> str:
    """Name of the tempo group of a stroke."""
    return TEMPO_BINS[0] if seconds <= 2 else TEMPO_BINS[1] if seconds <= 5 else TEMPO_BINS[2]


def _true_rom(true: TrueRep, rep: Repetition, kit: str, side_on: bool) -> float | None:
    """Range of the angle that the repetition's own method names."""
    method = rep.metrics["rom_deg"].method
    if method == "rom_smoothed_range":
        return true.rom_lean_deg if kit == "thigh" and not side_on else true.rom_deg
    if method == "rom_p2_p98":
        return None  # an unknown angle about an unknown axis: percentiles of it, not its range
    return true.roms.get(_ROM_OF_LEAN.get(method, method))


def _is_lean(name: str) -> bool:
    return name.startswith("break_lean_")


def _overlap(span: tuple[float, float], rep: Repetition) -> float:
    return min(span[1], rep.end_us / 1e6) - max(span[0], rep.start_us / 1e6)


def _same(span: tuple[float, float], rep: Repetition) -> bool:
    longest = max(span[1] - span[0], (rep.end_us - rep.start_us) / 1e6)
    return _overlap(span, rep) > 0.5 * longest


def _middle_within(rep: Repetition, true: TrueSet) -> bool:
    return true.start_s - 0.5 <= 0.5 * (rep.start_us + rep.end_us) / 1e6 <= true.end_s + 0.5
