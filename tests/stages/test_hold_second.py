"""The second look at holds: poses one after the other, and which of two is the raised one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eccentra.stages.hold_dwell import Dwells
from eccentra.stages.hold_known import Between, alike
from eccentra.stages.hold_pose import TICK_NS, Lively, Recent
from eccentra.stages.inclination import Vector, angle_between


def up_at(degrees: float) -> Vector:
    a = math.radians(degrees)
    return (0.0, math.sin(a), math.cos(a))


def poses(
    course: Sequence[tuple[float, float, float]], way_s: float = 1.0, tremors: Sequence[float] = ()
) -> Dwells:
    """Poses (degrees, seconds, sway in degrees) with straight ways between; ``tremors`` in deg/s"""
    rng = np.random.default_rng(1)
    angles: list[float] = []
    fast: list[float] = []
    for (degrees, seconds, sway), tremor in zip(course, tremors or [0.3] * len(course), strict=True):
        if angles:
            angles += np.linspace(angles[-1], degrees, round(way_s * 20)).tolist()
        angles += (degrees + sway * rng.standard_normal(round(seconds * 20))).tolist()
        fast += [tremor] * (len(angles) - len(fast))
    dwells, recent = Dwells(0.7, 2.5, ratio=1.3, least_deg=1.7, keep=20), Recent(0.7, 1.5, 0.8)
    for k, (angle, tremor) in enumerate(zip(angles, fast, strict=True)):
        u = up_at(angle)
        dwells.push(k * TICK_NS, u, Lively(recent.push(k * TICK_NS, u), tremor), recent)
    return dwells


def test_dwells_are_the_poses_with_their_times_and_liveliness() -> None:
    dwells = poses([(0.0, 5.0, 0.02), (12.0, 10.0, 0.2), (0.0, 6.0, 0.02)])
    assert dwells.now is not None
    rest, held, back = (*dwells.past, dwells.now)
    assert abs(angle_between(rest.pose, held.pose) - 12.0) < 0.5
    assert angle_between(rest.pose, back.pose) < 0.5
    assert abs(held.seconds - 10.0) < 0.7
    assert rest.lively is not None
    assert held.lively is not None
    assert back.lively is not None
    assert held.lively.sway > 4.0 * max(rest.lively.sway, back.lively.sway)


def test_a_sag_stays_in_the_same_dwell() -> None:
    course = [(0.0, 4.0, 0.02)] + [(12.0 - 0.1 * k, 0.5, 0.1) for k in range(30)]
    dwells = poses(course, way_s=0.5)
    assert dwells.now is not None
    assert len(dwells.past) == 1
    assert dwells.now.seconds > 25.0


def test_tremor_tells_a_small_rise_from_the_rest_before_and_after() -> None:
    course = [(0.0, 6.0, 0.02), (2.3, 12.0, 0.1), (0.0, 8.0, 0.02)]
    dwells = poses(course, tremors=[0.3, 0.55, 0.28])
    assert dwells.now is not None
    rest, held = dwells.past
    assert abs(held.seconds - 12.0) < 2.5
    assert 1.5 < angle_between(rest.pose, held.pose) < 2.5
    assert rest.lively is not None
    assert held.lively is not None
    assert held.lively.tremor > 1.7 * rest.lively.tremor
    assert dwells.now.start > held.end


def test_neither_tremor_nor_pose_alone_takes_a_dwell_apart() -> None:
    course = [(0.0, 6.0, 0.02), (2.3, 12.0, 0.1), (0.0, 8.0, 0.02)]
    still = [(0.0, seconds, sway) for _, seconds, sway in course]
    assert not poses(course).past
    assert not poses(still, tremors=[0.3, 0.55, 0.28]).past


def test_after_lost_rows_no_pose_is_a_neighbour() -> None:
    dwells = poses([(0.0, 4.0, 0.02), (12.0, 5.0, 0.2), (0.0, 4.0, 0.02)])
    dwells.clear()
    assert dwells.now is None
    assert not dwells.past


def test_exchanged_poses_are_not_alike() -> None:
    low, high = up_at(0.0), up_at(12.0)
    hold = Between(low, high, low, 0, 1, 2, 3)
    rest = Between(high, low, high, 0, 1, 2, 3)
    assert alike(hold, up_at(1.0), up_at(11.0), 0.4)
    assert not alike(rest, up_at(1.0), up_at(11.0), 0.4)


def test_a_slow_way_is_no_pose() -> None:
    dwells = poses([(0.0, 5.0, 0.02), (22.0, 12.0, 0.2), (0.0, 6.0, 0.02)], way_s=7.0)
    assert dwells.now is not None
    rest, held = dwells.past
    assert angle_between(rest.pose, held.pose) > 20.0
    assert angle_between(rest.pose, dwells.now.pose) < 0.5


def test_a_short_rest_is_a_pose() -> None:
    dwells = poses([(0.0, 5.0, 0.02), (12.0, 12.0, 0.2), (0.0, 1.6, 0.02), (12.0, 5.0, 0.2)])
    assert [round(dwell.pose[1], 1) for dwell in dwells.past] == [0.0, 0.2, 0.0]
