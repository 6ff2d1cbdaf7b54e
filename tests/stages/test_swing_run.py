"""Straps alone where the start pose is loaded: forces of two links, whose truth is known exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings

from cuts import cut, cut_places
from eccentra.events import Event, Flag, Reason, RepAmended, RepCompleted, Repetition, RepRejected
from eccentra.exercises import load_exercise
from eccentra.samples import Block, StreamInfo

RATE = 100.0
Span = tuple[float, float]


def info(*sides: str) -> StreamInfo:
    return StreamInfo(
        stream="aligned",
        kind="aligned",
        channels=tuple(f"{side}.{name}" for side in sides for name in ("force", "gap")),
        units=("N", "1") * len(sides),
        rate_hz=RATE,
    )


class Razor:
    """Writes the force of both straps: thigh and trunk over the knees, the ankles 0.4 m away.

    ``far`` is the thigh's lean in rad; the trunk lies level in the start pose and far as well.
    """

    def __init__(self, mass_kg: float = 70.0, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.weight = 9.81 * mass_kg
        self.inertia = 0.23 * mass_kg
        self.lean: list[np.ndarray] = []
        self.loaded: list[np.ndarray] = []
        self.extra: list[np.ndarray] = []
        self.reps: list[Span] = []

    @property
    def now(self) -> float:
        return sum(map(len, self.lean)) / RATE

    def still(self, seconds: float, *, loaded: bool = False, lean: float = 0.0) -> None:
        n = round(seconds * RATE)
        self.lean.append(np.full(n, lean))
        self.loaded.append(np.full(n, float(loaded)))
        self.extra.append(np.zeros(n))

    def straps(self, seconds: float, size: float = 40.0) -> None:
        """Somebody pulls at them."""
        self.still(seconds)
        t = np.arange(len(self.extra[-1])) / RATE
        self.extra[-1] = size * np.abs(np.sin(5.0 * t)) * np.sin(np.pi * t / t[-1]) ** 2

    def rep(self, down: float, up: float, *, hold: float = 0.0, far: float = 1.2) -> None:
        start = self.now
        for seconds, ways in ((down, (0.0, far)), (hold, (far, far)), (up, (far, 0.0))):
            s = np.linspace(0.0, 1.0, round(seconds * RATE))
            course = ways[0] + (ways[1] - ways[0]) * s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
            self.lean.append(course)
            self.loaded.append(np.ones(len(s)))
            self.extra.append(np.zeros(len(s)))
        self.reps.append((start, self.now))

    def block(self, *, shares: Sequence[float] = (0.55, 0.45), offset: float = 4.0) -> Block:
        lean, loaded = np.concatenate(self.lean), np.concatenate(self.loaded)
        moment = 0.69 * self.weight * (0.41 * np.sin(lean) + 0.22) + 0.04 * self.weight * np.sin(lean)
        bend = np.gradient(np.gradient(lean, 1.0 / RATE), 1.0 / RATE)
        kernel = np.hanning(31)
        taken = np.convolve(loaded, kernel / kernel.sum(), "same")
        total = np.maximum(moment - self.inertia * 0.6 * bend, 0.0) * taken / 0.4
        x = np.zeros((len(total), 2 * len(shares)))
        for k, share in enumerate(shares):
            noise = 0.5 * self.rng.standard_normal(len(total))
            x[:, 2 * k] = total * share + np.concatenate(self.extra) + noise + offset
        return Block("aligned", np.arange(len(x)) * round(1e9 / RATE), x)


def run(block: Block, *sides: str, pieces: Sequence[Block] = ()) -> list[Event]:
    process = (
        load_exercise("razor-curl").event_stage(force_only=True).start(info(*(sides or ("left", "right"))))
    )
    out = [event for piece in pieces or [block] for event in process.push(piece)]
    return [*out, *process.finish()]


def reps_in(events: Sequence[Event]) -> list[Repetition]:
    back = {(e.set_index, e.index) for e in events if isinstance(e, RepAmended) and not e.counted}
    reps = [e.rep for e in events if isinstance(e, RepCompleted)]
    return [rep for rep in reps if (rep.set_index, rep.index) not in back]


def said(events: Sequence[Event]) -> list[Span]:
    """Everything that was counted or refused, s."""
    out = [(e.rep.start_us / 1e6, e.rep.end_us / 1e6) for e in events if isinstance(e, RepCompleted)]
    return out + [(e.start_us / 1e6, e.end_us / 1e6) for e in events if isinstance(e, RepRejected)]


def athlete(seed: int, *, pause: float, tempo: float) -> Razor:
    rng = np.random.default_rng(seed)
    one = Razor(float(rng.uniform(50, 95)), seed)
    one.still(3)
    one.straps(4)
    one.still(2)
    for _ in range(2):
        one.still(float(rng.uniform(0.6, 3)), loaded=True)
        for _ in range(int(rng.integers(2, 6))):
            down, up = tempo * rng.uniform(0.85, 1.15), min(tempo, 4.0) * rng.uniform(0.8, 1.2)
            one.rep(down, up, hold=float(rng.choice([0.0, 0.2, 1.0])), far=float(rng.uniform(1.1, 1.25)))
            one.still(pause, loaded=True)
        one.still(0.5, loaded=True)
        one.still(26)
    return one


@pytest.mark.parametrize("pause", [0.0, 0.8, 6.0])
@pytest.mark.parametrize("tempo", [1.5, 3.0, 8.0])
def test_every_repetition_is_counted_and_timed(tempo: float, pause: float) -> None:
    one = athlete(round(10 * tempo + pause), pause=pause, tempo=tempo)
    events = run(one.block())
    reps = reps_in(events)
    assert len(reps) == len(one.reps)
    for rep, (start, end) in zip(reps, one.reps, strict=True):
        assert Flag.PHASE_FROM_FORCE in rep.flags
        length = end - start
        assert rep.start_us / 1e6 == pytest.approx(start, abs=0.5 + 0.08 * length)
        assert rep.end_us / 1e6 == pytest.approx(end, abs=0.5 + 0.08 * length)
        assert rep.metrics["tut_s"].quality == "flagged"
    refused = [e.reason for e in events if isinstance(e, RepRejected)]
    assert set(refused) <= {Reason.NO_LOAD}


def test_half_a_way_is_partial_and_a_shift_of_weight_is_refused() -> None:
    one = Razor()
    one.still(3)
    one.still(1, loaded=True)
    for far in (1.2, 1.2, 1.2, 0.55, 0.12, 1.2):
        one.rep(2.5, 2.5, far=far)
        one.still(1.5, loaded=True)
    one.still(4)
    events = run(one.block())
    assert [rep.reasons for rep in reps_in(events)] == [(), (), (), (Reason.PARTIAL_ROM,), ()]


def test_taking_the_start_pose_alone_is_no_repetition() -> None:
    one = Razor()
    one.still(3)
    one.still(5, loaded=True)
    one.still(5)
    one.still(1, loaded=True)
    for _ in range(3):
        one.rep(2.5, 2.5)
        one.still(1.5, loaded=True)
    one.still(5)
    one.still(4, loaded=True)
    one.still(4)
    events = run(one.block())
    assert len(reps_in(events)) == 3
    told = [e.reason for e in events if isinstance(e, RepRejected | RepAmended)]
    assert told.count(Reason.TOO_SMALL) == 2


def test_a_recording_that_begins_under_load_has_no_zero() -> None:
    one = Razor()
    one.still(2, loaded=True)
    for _ in range(2):
        one.rep(2.5, 2.5)
        one.still(1, loaded=True)
    reps = reps_in(run(one.block()))
    assert len(reps) == 2
    assert all(Flag.BASELINE_UNSETTLED in rep.flags for rep in reps)


@pytest.mark.parametrize(("seconds", "refused"), [(0.3, False), (1.5, True)])
def test_missing_rows_are_said(seconds: float, refused: bool) -> None:
    one = Razor()
    one.still(3)
    one.still(1, loaded=True)
    for _ in range(3):
        one.rep(2.5, 2.5)
        one.still(1.5, loaded=True)
    one.still(3)
    block = one.block()
    at = round((one.reps[1][0] + 1.5) * RATE)
    keep = np.ones(len(block.t), dtype=bool)
    keep[at : at + round(seconds * RATE)] = False
    events = run(Block("aligned", block.t[keep], block.x[keep]))
    reps = reps_in(events)
    assert any(e.reason is Reason.GAP for e in events if isinstance(e, RepRejected)) == refused
    assert any(Reason.GAP in rep.reasons for rep in reps) == (not refused)
    for start, end in one.reps:
        assert any(min(end, b) > max(start, a) for a, b in said(events))


WHOLE = athlete(5, pause=0.8, tempo=1.5).block(shares=(1.0,))
EVENTS = run(WHOLE, "both")


@given(cut_places())
@settings(max_examples=20, deadline=None)
def test_cuts_change_nothing(at: list[int]) -> None:
    assert run(WHOLE, "both", pieces=cut(WHOLE, at)) == EVENTS
