"""What is added to decided repetitions: likeness to those before, and forces of straps worn beside."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from cuts import cut, cut_places
from eccentra.catalogue import Person
from eccentra.events import Event, Flag, Phase, RepAmended, RepCompleted, Repetition, SetCompleted
from eccentra.exercises import load_exercise
from eccentra.samples import Block, StreamInfo
from eccentra.stages import Beat, LiveState
from eccentra.stages.accompanied import Accompanied
from eccentra.stages.contraction import Stage
from eccentra.stages.force_beside import ForceBeside
from eccentra.stages.gap_check import GapCheck
from eccentra.stages.gap_reach import GapReach
from eccentra.stages.likeness import LikenessCheck, cosine_to_usual

RATE, STEP_NS = 100.0, 10_000_000
INFO = StreamInfo(
    stream="aligned",
    kind="aligned",
    channels=(
        *(f"thigh.{name}" for name in ("up_x", "up_y", "up_z", "rate_x", "rate_y", "rate_z")),
        *("left.force", "right.force"),
    ),
    units=("1", "1", "1", "rad/s", "rad/s", "rad/s", "N", "N"),
    rate_hz=RATE,
)


def stroke(seconds: float) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, round(seconds * RATE)))


def rows(axes: Sequence[int], peak: float = 300.0) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Repetitions (2 s away with force, 1 s back) that tilt about x (0) or y (1), and their places."""
    parts, places, at = [np.zeros((200, 8))], [], 200
    for axis in axes:
        angle = np.concatenate([stroke(2.0), stroke(1.0)[::-1], np.zeros(150)])
        one = np.zeros((len(angle), 8))
        one[:, 1 if axis == 0 else 0] = np.sin(angle)
        one[:, 3 + axis] = np.gradient(angle) * RATE
        one[:200, 6] = peak * np.sin(np.linspace(0.0, np.pi, 200))
        one[:, 7] = 0.9 * one[:, 6]
        parts.append(one)
        places.append((at, at + 200, at + 300))
        at += len(angle)
    x = np.concatenate(parts)
    x[:, 2] = np.sqrt(1.0 - x[:, 0] ** 2 - x[:, 1] ** 2)
    x[:, 6:8] += np.random.default_rng(1).normal(size=(len(x), 2)) * 0.3 + 7.0
    return x, places


class Teller:
    """Stands for a stage: tells of repetitions at known rows, 0.2 s after their end."""

    def __init__(self, places: Sequence[tuple[int, int, int]]) -> None:
        self.beats: list[Beat] = []
        self._places = list(places)
        self._told = 0

    def push(self, block: Block) -> Sequence[Event]:
        out: list[Event] = []
        for start, far, end in self._places:
            decided = (end + 20) * STEP_NS
            if block.t[0] <= decided <= block.t[-1]:
                self._told += 1
                out.append(RepCompleted(t_us=end * 10_000, rep=self._rep(start, far, end, decided // 1000)))
        return out

    def _rep(self, start: int, far: int, end: int, decided_us: int) -> Repetition:
        return Repetition(
            set_index=1,
            index=self._told,
            start_us=start * 10_000,
            end_us=end * 10_000,
            decided_us=decided_us,
            valid=True,
            reasons=(),
            phases=(
                Phase(kind="eccentric", start_us=start * 10_000, end_us=far * 10_000),
                Phase(kind="concentric", start_us=far * 10_000, end_us=end * 10_000),
            ),
            metrics={},
        )

    def finish(self) -> Sequence[Event]:
        done = SetCompleted(
            t_us=0,
            set_index=1,
            start_us=0,
            end_us=1,
            decided_us=1,
            reps_counted=self._told,
            reps_valid=self._told,
            metrics={},
        )
        return [done]

    def undo(self, t_us: int) -> Sequence[Event]:
        return [RepAmended(t_us=t_us, set_index=1, index=self._told, counted=False, reason=None)]

    def live(self) -> LiveState:
        return LiveState()


def companions() -> list[LikenessCheck | ForceBeside]:
    stage = load_exercise("squat").event_stage(force_only=True)
    assert isinstance(stage, Stage)
    person = Person(body_mass_kg=75.0, lever_arm_m=0.4)
    return [LikenessCheck(INFO), ForceBeside(stage, INFO, "eccentric", person)]


def run(x: np.ndarray, places: Sequence[tuple[int, int, int]], at: Sequence[int] = ()) -> list[Event]:
    gaps = GapCheck(INFO)
    process = Accompanied(Teller(places), companions(), gaps, GapReach(INFO, gaps, {}))
    block = Block("aligned", np.arange(len(x)) * STEP_NS, x)
    return [*(e for piece in cut(block, at) for e in process.push(piece)), *process.finish()]


def reps_in(events: Sequence[Event]) -> list[Repetition]:
    return [event.rep for event in events if isinstance(event, RepCompleted)]


def test_another_movement_lowers_confidence() -> None:
    reps = reps_in(run(*rows([0, 0, 0, 1, 0])))
    assert [rep.confidence for rep in reps if rep.index != 4] == [1.0] * 4
    assert reps[3].confidence < 0.5
    assert [Flag.COUNT_UNSURE in rep.flags for rep in reps] == [False, False, False, True, False]


def test_size_and_tempo_do_not_matter() -> None:
    path = np.sin(np.linspace(0.0, 3.0, 40))
    assert cosine_to_usual(0.4 * path, [path, 1.1 * path, 0.9 * path]) == pytest.approx(1.0)
    assert cosine_to_usual(-path, [path, path]) == pytest.approx(-1.0)


def test_forces_over_the_eccentric_phase() -> None:
    events = run(*rows([0, 0, 0]))
    for rep in reps_in(events):
        assert rep.force_left is not None
        assert rep.force_left.peak_n == pytest.approx(300.0, abs=1.5)
        assert rep.force_left.mean_n == pytest.approx(300.0 * 2.0 / np.pi, rel=0.02)
        assert rep.force_left.impulse_ns == pytest.approx(600.0 * 2.0 / np.pi, rel=0.02)
        assert rep.value("torque_right_peak_nm") == pytest.approx(0.4 * 270.0, abs=1.0)
        assert rep.metrics["force_left_mean_n"].method == "mean_eccentric"
    done = next(event for event in events if isinstance(event, SetCompleted))
    assert done.metrics["asymmetry_pct"].value == pytest.approx(10.0, abs=0.3)


def test_slack_straps_have_no_side_difference() -> None:
    events = run(*rows([0, 0, 0], peak=0.0))
    done = next(event for event in events if isinstance(event, SetCompleted))
    assert done.metrics["asymmetry_pct"].value is None


def test_silent_strap_is_said() -> None:
    x, places = rows([0, 0, 0])
    x[places[1][0] + 50 : places[1][0] + 60, 6] = np.nan
    reps = reps_in(run(x, places))
    assert [rep.force_left is None for rep in reps] == [False, True, False]
    assert [Flag.FORCE_MISSING in rep.flags for rep in reps] == [False, True, False]
    assert reps[1].force_right is not None


def test_what_was_taken_back_is_not_in_the_set() -> None:
    x, places = rows([0, 0, 0, 0])
    gaps = GapCheck(INFO)
    process = Accompanied(Teller(places), companions(), gaps, GapReach(INFO, gaps, {}))
    process.push(Block("aligned", np.arange(len(x)) * STEP_NS, x))
    process.undo(0)
    done = process.finish()[0]
    assert isinstance(done, SetCompleted)
    total = done.metrics["force_left_impulse_ns"].value
    assert total == pytest.approx(3 * 600.0 * 2.0 / np.pi, rel=0.02)


X, PLACES = rows([0, 0, 1, 0])
EVENTS = run(X, PLACES)


@given(cut_places())
@settings(max_examples=25, deadline=None)
def test_cuts_change_nothing(at: list[int]) -> None:
    assert msgspec.json.encode(run(X, PLACES, at)) == msgspec.json.encode(EVENTS)
