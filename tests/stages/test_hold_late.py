"""Holds counted late and taken back, by the whole stage, on rows whose poses and sway are given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings

from cuts import cut, cut_places
from eccentra.events import Event, Flag, Reason, RepAmended, RepCompleted, Repetition, SetCompleted
from eccentra.exercises import load_exercise
from eccentra.samples import Block, Floats, StreamInfo
from eccentra.stages.hold import Stage
from eccentra.stages.hold_known import Known
from eccentra.stages.hold_pose import Lively
from eccentra.stages.hold_rep import set_totals
from eccentra.stages.sets import SetBook

# a pose: degrees, seconds in it, speed of its sway in deg/s
Pose = tuple[float, float, float]
CALM, HELD = 0.1, 2.0
INFO = StreamInfo(
    stream="aligned",
    kind="aligned",
    channels=tuple(
        f"pelvis.{name}"
        for name in ("up_x", "up_y", "up_z", "rate_x", "rate_y", "rate_z", "acc_x", "acc_y", "acc_z", "gap")
    ),
    units=("SI",) * 10,
    rate_hz=100.0,
)


def sway(n: int, speed_deg_s: float) -> Floats:
    """Sway of 1 and 1.7 Hz."""
    t = np.arange(n) / 100.0
    size = speed_deg_s / (2.0 * math.pi)
    return np.asarray(size * (np.sin(2.0 * math.pi * t) + 0.5 * np.sin(3.4 * math.pi * t)))


def rows(poses: Sequence[Pose], way_s: float = 1.5) -> Block:
    """Aligned rows of poses with minimum-jerk ways between them; nothing tells heights."""
    u = np.linspace(0.0, 1.0, round(way_s * 100))
    way = u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
    parts: list[Floats] = []
    for k, (degrees, seconds, speed) in enumerate(poses):
        if k:
            parts.append(poses[k - 1][0] + (degrees - poses[k - 1][0]) * way)
        parts.append(degrees + sway(round(seconds * 100), speed))
    angle = np.radians(np.concatenate(parts))
    n = len(angle)
    x = np.zeros((n, 10))
    x[:, 1], x[:, 2] = np.sin(angle), np.cos(angle)
    x[:, 3] = -np.gradient(angle, 0.01)
    x[:, 6:9] = 9.81 * x[:, 0:3]
    return Block("aligned", np.arange(n, dtype=np.int64) * 10_000_000, x)


def events_of(*blocks: Block) -> list[Event]:
    process = load_exercise("long-lever-bridge-hold").event_stage().start(INFO)
    return [*itertools.chain.from_iterable(process.push(block) for block in blocks), *process.finish()]


def reps_in(events: Sequence[Event]) -> list[Repetition]:
    return [e.rep for e in events if isinstance(e, RepCompleted)]


# nobody knows yet how still the person rests when the first rise begins, and it is a small one
LATE = rows([(0.0, 0.9, CALM), (7.0, 10.0, HELD), (0.0, 8.0, CALM)])
# the recording begins in a hold: the rest after it is a pose held between two others
TURNED = rows([(12.0, 1.2, HELD), (0.0, 8.0, CALM), (12.0, 10.0, HELD), (0.0, 8.0, CALM)])


def test_a_first_hold_is_counted_late_with_its_true_times_and_says_so() -> None:
    (rep,) = reps_in(events_of(LATE))
    assert abs(rep.start_us / 1e6 - 0.9) < 0.2
    assert abs(rep.end_us / 1e6 - 13.9) < 0.2
    assert rep.decided_us - rep.end_us > 1_000_000
    assert rep.decided_us - rep.end_us < 3_000_000
    assert rep.flags == (Flag.COUNT_UNSURE,)
    assert rep.confidence < 1.0
    assert abs((rep.value("hold_s") or 0.0) - 10.0) < 0.3
    dips = rep.metrics["dips"]
    assert (dips.value, dips.quality, dips.reason) == (None, "missing", Flag.COUNT_UNSURE)


def test_a_rest_that_was_counted_is_taken_back() -> None:
    events = events_of(TURNED)
    first, hold = reps_in(events)
    (taken,) = [e for e in events if isinstance(e, RepAmended)]
    assert (taken.set_index, taken.index, taken.reason) == (first.set_index, first.index, Reason.SETUP)
    assert not taken.counted
    assert abs(hold.start_us / 1e6 - 10.7) < 0.3
    assert abs(hold.end_us / 1e6 - 23.7) < 0.3
    totals = [e.reps_counted for e in events if isinstance(e, SetCompleted)]
    assert sum(totals) == 1


def test_what_waited_is_counted_with_the_first_hold_like_it() -> None:
    """Nothing tells the first of them from a rest; a livelier one like it does."""
    restless, same = 0.6, 0.7
    course = rows(
        [(0.0, 0.9, restless), (7.0, 6.0, same), (0.0, 4.0, restless), (7.0, 10.0, 1.3), (0.0, 8.0, CALM)]
    )
    waited, told = reps_in(events_of(course))
    assert waited.decided_us > told.start_us
    assert waited.end_us <= told.start_us
    assert Flag.COUNT_UNSURE in waited.flags
    assert abs((waited.value("hold_s") or 0.0) - 6.0) < 0.5


def test_a_calm_pose_between_livelier_ones_is_not_counted_late() -> None:
    assert not reps_in(events_of(rows([(7.0, 0.9, HELD), (0.0, 10.0, CALM), (7.0, 8.0, HELD)])))


@settings(max_examples=15)
@given(at=cut_places())
def test_cutting_changes_nothing_of_what_is_late(at: list[int]) -> None:
    for whole in (LATE, TURNED):
        assert events_of(*cut(whole, at)) == events_of(whole)


def test_getting_up_without_a_rest_ends_a_hold_as_well() -> None:
    (rep,) = reps_in(
        events_of(rows([(0.0, 6.0, CALM), (12.0, 10.0, HELD), (0.0, 0.05, CALM), (-80.0, 6.0, CALM)]))
    )
    assert rep.valid
    assert abs(rep.start_us / 1e6 - 6.0) < 0.3
    assert abs((rep.value("hold_s") or 0.0) - 10.0) < 0.5


def test_a_stop_on_the_way_up_takes_no_effort() -> None:
    stage = load_exercise("plank").event_stage()
    assert isinstance(stage, Stage)
    known = Known(stage, SetBook(1, 20_000_000, set_totals))
    flat, stop, calm = (0.0, 0.0, 1.0), (0.0, 0.4, 0.9165), Lively(0.5, 0.3)
    assert not known.effortless(flat, stop, Lively(0.9, 0.33), calm)  # nobody has trembled yet
    known.trembled(Lively(0.6, 0.9), calm)
    assert known.effortless(flat, stop, Lively(0.9, 0.33), calm)
    assert not known.effortless(flat, stop, Lively(0.9, 0.7), calm)


def test_a_rest_much_shorter_than_the_hold_before_it_is_no_hold_for_trembling_more_than_the_next() -> None:
    """Tremor of a few seconds is measured badly: that of the long hold before it tells."""
    poses = [(0.0, 8.0, CALM), (12.0, 30.0, 2.0), (0.0, 6.0, 2.3), (12.0, 30.0, 1.5), (0.0, 8.0, CALM)]
    found = events_of(rows(poses))
    assert not [e for e in found if isinstance(e, RepAmended)]
    assert [round(rep.start_us / 1e6) for rep in reps_in(found)] == [8, 47]
