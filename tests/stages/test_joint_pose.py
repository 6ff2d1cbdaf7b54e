"""Which of two poses is the start: slow strokes, getting in and out, seated machines; remembered poses."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
import pytest
from joint_kit import Rows, one_set, reps_in, rows_of, staged

from eccentra.exercises import load_exercise
from eccentra.samples import Block, Floats
from eccentra.simulate import JointRep
from eccentra.stages.inclination import Vector, angle_between
from eccentra.stages.joint import Stage
from eccentra.stages.joint_trial import Trial
from eccentra.stages.stillness import TICK_NS, Stillness


def stage() -> Stage:
    found = load_exercise("glute-bridge").event_stage()
    assert isinstance(found, Stage)
    return found


def up(angle_deg: float) -> Vector:
    return (sin(radians(angle_deg)), 0.0, cos(radians(angle_deg)))


def seated_curls(seconds: float, reps: int, entry_s: float) -> Rows:
    """A shank that hangs, is lifted onto the roll, and curls down and up; last it hangs again."""
    info = rows_of("leg-curl", one_set("leg-curl", JointRep(), kit="shank")).info
    hang, level = 90.0, 0.0
    pieces: list[Floats] = [np.full(300, hang)]

    def go(goal: float, s: float) -> None:
        u = np.arange(1, round(100 * s) + 1) / round(100 * s)
        pieces.append(pieces[-1][-1] + (goal - pieces[-1][-1]) * (10 * u**3 - 15 * u**4 + 6 * u**5))

    def rest(s: float) -> None:
        pieces.append(np.full(round(100 * s), pieces[-1][-1]))

    go(level, entry_s)
    rest(1.5)
    for _ in range(reps):
        go(hang, seconds)
        go(level, seconds)
        rest(1.5)
    rest(1.0)
    go(hang, entry_s)
    rest(25.0)
    angle = np.radians(np.concatenate(pieces))
    n = len(angle)
    x = np.zeros((n, len(info.channels)))
    first, rate, acc = (info.column(f"shank.{name}_x") for name in ("up", "rate", "acc"))
    assert first is not None
    assert rate is not None
    assert acc is not None
    x[:, first], x[:, first + 2] = np.sin(angle), np.cos(angle)
    x[:, rate + 1] = -np.gradient(angle, 0.01)
    # a quarter of a metre below the knee when it hangs
    height = np.gradient(np.gradient(-0.25 * np.sin(angle), 0.01), 0.01)
    x[:, acc : acc + 3] = x[:, first : first + 3] * (9.81 + height)[:, None]
    return Rows(info, Block("aligned", np.arange(n, dtype=np.int64) * 10_000_000, x))


@pytest.mark.parametrize(("seconds", "reps"), [(3.0, 4), (6.0, 3), (9.0, 4)])
def test_seated_curls_are_not_seen_from_the_hanging_leg(seconds: float, reps: int) -> None:
    rows = seated_curls(seconds, reps, entry_s=1.2)
    found = reps_in(staged("leg-curl", rows, []))
    begins = [5.7 + k * (2 * seconds + 1.5) for k in range(reps)]
    assert [rep.start_us / 1e6 for rep in found] == pytest.approx(begins, abs=0.4)
    assert [rep.phases[0].kind for rep in found] == ["concentric"] * reps


def test_a_pose_does_not_follow_a_slow_stroke() -> None:
    rule = stage()
    trial = Trial(up(0.0), (), 0, rule.pose, rule.count, 100.0)
    for k in range(1, 15):
        trial.settle(up(0.5 * k), (), k * TICK_NS, lasting=False)
    assert angle_between(trial.home, up(0.0)) <= rule.count.same_deg
    trial.settle(up(7.0), (), 20 * TICK_NS, lasting=True)
    assert angle_between(trial.home, up(7.0)) < 1e-6


def test_a_lasting_rest_is_told_from_a_slow_stroke() -> None:
    pose = stage().pose
    for speed_deg_s, lasting in ((0.3, True), (1.8, False)):
        still = Stillness(pose.quiet_s, pose.quiet_deg)
        quiet = [still.motion(k * TICK_NS, up(0.05 * k * speed_deg_s))[1] for k in range(40)]
        assert quiet[-1]
        assert still.lasting == lasting


def test_the_pose_that_a_movement_may_come_back_to_is_kept_longest() -> None:
    rule = stage()
    start = Trial(up(0.0), (), 0, rule.pose, rule.count, 100.0)
    other = Trial(up(40.0), (), 0, rule.pose, rule.count, 100.0)
    for k in range(60):  # swings past the other pose, rests in the start pose, goes away slowly
        t = k * TICK_NS
        for trial in (start, other):
            trial.step(t, up(0.0 if k < 40 else 1.0 * (k - 40)), 0.0 if k < 40 else 20.0)
    assert start.away
    assert start.eligible
    assert other.left_at(60 * TICK_NS) < start.left_at(60 * TICK_NS)
