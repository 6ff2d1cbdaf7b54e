"""Which of two poses is the start: slow strokes, getting in and out, seated machines; remembered poses."""

from __future__ import annotations

from math import cos, radians, sin

import msgspec
import pytest
from joint_kit import Rows, reps_in, shank_rows, staged

from eccentra.events import Event
from eccentra.exercises import load_exercise
from eccentra.samples import NS_PER_S
from eccentra.stages.inclination import Vector, angle_between
from eccentra.stages.joint import Stage
from eccentra.stages.joint_judge import Judge
from eccentra.stages.joint_measure import Measured
from eccentra.stages.joint_reading import Item, Known, reading_of
from eccentra.stages.joint_trial import Seen, Trial
from eccentra.stages.stillness import TICK_NS, Stillness


def stage() -> Stage:
    found = load_exercise("glute-bridge").event_stage()
    assert isinstance(found, Stage)
    return found


def up(angle_deg: float) -> Vector:
    return (sin(radians(angle_deg)), 0.0, cos(radians(angle_deg)))


def seated_curls(seconds: float, reps: int, entry_s: float) -> Rows:
    """A shank that hangs, is lifted onto the roll, and curls down and up; last it hangs again."""
    curl = ((90.0, seconds, 0.0), (0.0, seconds, 1.5))
    return shank_rows(90.0, (0.0, entry_s, 1.5), *curl * reps, (0.0, 0.01, 1.0), (90.0, entry_s, 25.0))


@pytest.mark.parametrize(("seconds", "reps"), [(3.0, 4), (6.0, 3), (9.0, 4)])
def test_seated_curls_are_not_seen_from_the_hanging_leg(seconds: float, reps: int) -> None:
    rows = seated_curls(seconds, reps, entry_s=1.2)
    found = reps_in(staged("leg-curl", rows, []))
    begins = [5.7 + k * (2 * seconds + 1.5) for k in range(reps)]
    assert [rep.start_us / 1e6 for rep in found] == pytest.approx(begins, abs=0.4)
    assert [rep.phases[0].kind for rep in found] == ["concentric"] * reps


def test_the_last_bit_of_the_way_into_the_start_pose_is_none_of_the_first_repetition() -> None:
    into = ((-30.0, 1.0, 2.0), (0.0, 1.8, 0.3))
    curl = ((60.0, 2.5, 0.0), (0.0, 2.5, 1.0))
    found = reps_in(staged("leg-curl", shank_rows(-60.0, *into, *curl * 4, (0.0, 0.01, 25.0)), []))
    begins = [3.0 + 1.0 + 2.0 + 1.8 + 0.3 + k * 6.0 for k in range(4)]
    assert [rep.start_us / 1e6 for rep in found] == pytest.approx(begins, abs=0.4)


def test_to_and_fro_between_two_stops_on_the_way_is_none_of_the_set() -> None:
    curl = ((60.0, 2.5, 0.0), (0.0, 2.5, 1.0))
    stopped = ((20.0, 1.5, 1.5), (60.0, 2.5, 0.0), (20.0, 2.5, 3.0), (0.0, 1.5, 1.0))
    rows = shank_rows(0.0, *curl * 3, *stopped, *curl, (0.0, 0.01, 25.0))
    found = reps_in(staged("leg-curl", rows, []))
    begins = [3.0, 9.0, 15.0, 21.0, 34.5]
    assert [rep.start_us / 1e6 for rep in found] == pytest.approx(begins, abs=0.4)


def measured(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Measured, int, Seen, Trial]]:
    """What the judge is told of the movements from the start pose, and when."""
    calls: list[tuple[Measured, int, Seen, Trial]] = []
    done = Judge.done

    def listen(judge: Judge, m: Measured, t_ns: int, seen: Seen, source: Trial) -> list[Event]:
        calls.append((m, t_ns, seen, source))
        return done(judge, m, t_ns, seen, source)

    with monkeypatch.context() as patch:
        patch.setattr(Judge, "done", listen)
        staged("leg-curl", rows, [])
    return [call for call in calls if call[3] is calls[0][3]]


@pytest.mark.parametrize(
    ("lows", "worse"),
    [([5.0] * 6, False), ([4.0, 6.0, 5.0, 5.0, 4.0, 6.0], False), ([0.0] * 5 + [7.0], True)],
)
def test_a_set_has_a_pose_of_its_own_near_that_of_the_first_rest(
    lows: list[float], worse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = measured(
        shank_rows(0.0, *((60.0, 2.5, 0.0), (0.0, 2.5, 1.0)) * 6, (0.0, 0.01, 25.0)), monkeypatch
    )
    found = load_exercise("leg-curl").event_stage()
    assert isinstance(found, Stage)
    known = Known(rule=found.count, segment="shank", least=40.0)

    def score(lows: list[float]) -> float:
        items = [
            Item(
                measured=m,
                seen=msgspec.structs.replace(seen, low=low, exact=low == 0.0),
                source=source,
                rise=0.0,
                start_us=m.us(m.start),
                end_us=m.us(m.end),
                size=m.rom,
            )
            for (m, _, seen, source), low in zip(calls, lows, strict=True)
        ]
        return reading_of(items[0], items, known, None).score

    assert (score(lows) < score([0.0] * 6) - 0.3) == worse


@pytest.mark.parametrize("how", ["seen again from another pose", "all of the first set seen late"])
def test_a_repetition_counts_in_its_own_set_whenever_it_is_seen(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    curl = ((60.0, 2.5, 0.0), (0.0, 2.5, 1.0))
    calls = measured(shank_rows(0.0, *curl * 4, (0.0, 0.01, 25.0), *curl * 4), monkeypatch)
    assert len(calls) == 8
    found = load_exercise("leg-curl").event_stage()
    assert isinstance(found, Stage)
    judge, out = Judge(found, len(found.angles) - 1, 1), list[Event]()
    late = calls[4][1] - 5 * NS_PER_S
    for k, (m, t_ns, seen, source) in enumerate(calls):
        if k == 4 and how.startswith("seen again"):
            out += judge.tick(late, None) + judge.done(calls[3][0], late, calls[3][2], source)
        out += judge.done(m, late if k < 4 and how.startswith("all") else t_ns, seen, source)
    assert [rep.set_index for rep in reps_in([*out, *judge.finish(calls[-1][1])])] == [1] * 4 + [2] * 4


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
