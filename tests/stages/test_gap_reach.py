"""What holes keep from being known beyond themselves is told, and only where something moved uncounted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from cuts import cut, cut_places
from eccentra.events import Reason, Repetition, RepRejected, SensorGap
from eccentra.samples import Block, StreamInfo
from eccentra.stages.gap_check import GapCheck
from eccentra.stages.gap_reach import GapReach
from eccentra.stages.history import History

INFO = StreamInfo(
    stream="aligned",
    kind="aligned",
    channels=("thigh.up_x", "thigh.up_y", "thigh.up_z", "thigh.gap", "left.force", "left.gap"),
    units=("1", "1", "1", "1", "N", "1"),
    rate_hz=100.0,
)
N = 6000
T = np.arange(N) * 10_000_000
SENSORS = {"thigh": "imu-thigh", "left": "strap"}


def rep(start: float, end: float, index: int) -> Repetition:
    return Repetition(
        set_index=1,
        index=index,
        start_us=round(start * 1e6),
        end_us=round(end * 1e6),
        decided_us=round(end * 1e6),
        valid=True,
        reasons=(),
        phases=(),
        metrics={},
    )


def moving(*spans: tuple[float, float]) -> np.ndarray:
    """Turns by 40 degrees and back in each span; straps are slack."""
    x = np.zeros((N, 6))
    angle = np.zeros(N)
    s = T / 1e9
    for a, b in spans:
        inside = (s >= a) & (s <= b)
        angle[inside] = 20.0 * (1.0 - np.cos(2.0 * np.pi * (s[inside] - a) / (b - a)))
    x[:, 0], x[:, 1] = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return x


def told(
    x: np.ndarray, hole: tuple[float, float], *, at: list[int] | None = None, until: float | None = None
) -> list[SensorGap]:
    """Repetitions from 10 to 14 and from 20 to 24 s count, those from 5 and 15 s on do not."""
    rows = (hole[0] >= T / 1e9) | (hole[1] <= T / 1e9)
    check, history = GapCheck(INFO), History()
    reach = GapReach(INFO, check, SENSORS)
    for piece in cut(Block("aligned", T[rows], x[rows]), at or []):
        check.see(piece)
        history.push(piece)
    reach.counted(rep(10.0, 14.0, 1))
    reach.counted(rep(20.0, 24.0, 2))
    return reach.look(50_000_000, None if until is None else round(until * 1e6), history)


LOST = moving((10, 14), (15, 19), (20, 24))


@pytest.mark.parametrize(
    ("hole", "reach"),
    [
        # before the movement that did not count, in it, and after it
        ((14.3, 14.8), (14.3, 20.0)),
        ((16.0, 17.0), (14.0, 20.0)),
        ((19.2, 19.7), (14.0, 19.7)),
        # in one that counted: what comes next did not
        ((12.0, 12.5), (12.0, 20.0)),
    ],
)
def test_an_uncounted_movement_beside_a_hole(hole: tuple[float, float], reach: tuple[float, float]) -> None:
    found = told(LOST, hole)
    assert {one.sensor for one in found} == {"imu-thigh", "strap"}
    for one in found:
        assert not one.missing
        assert one.start_us / 1e6 == pytest.approx(reach[0], abs=0.011)
        assert one.end_us / 1e6 == pytest.approx(reach[1], abs=0.011)


@pytest.mark.parametrize(
    ("x", "hole"),
    [
        (moving((10, 14), (20, 24)), (16.0, 17.0)),  # rest between repetitions
        (moving((10, 14), (20, 24)), (21.0, 22.0)),  # all that moved was counted
        (moving((10, 14), (20, 24), (50, 54)), (48.0, 49.0)),  # long after the set
    ],
)
def test_nothing_is_told_where_nothing_was_lost(x: np.ndarray, hole: tuple[float, float]) -> None:
    assert told(x, hole) == []


def test_only_the_sensor_with_the_hole() -> None:
    x = LOST.copy()
    x[1600:1700, 4:] = np.nan
    assert [one.sensor for one in told(x, (0.0, 0.0))] == ["strap"]


def test_a_hole_is_looked_at_once_and_not_before_it_is_over() -> None:
    rows = (T / 1e9 <= 16.0) | (T / 1e9 >= 17.0)
    check, history = GapCheck(INFO), History()
    reach = GapReach(INFO, check, SENSORS)
    check.see(Block("aligned", T[rows], LOST[rows]))
    history.push(Block("aligned", T[rows], LOST[rows]))
    reach.counted(rep(10.0, 14.0, 1))
    assert reach.look(16_500_000, 16_500_000, history) == []
    assert len(reach.look(30_000_000, 30_000_000, history)) == 2
    assert reach.look(60_000_000, None, history) == []


def test_a_repetition_that_was_taken_back_is_uncounted() -> None:
    check, history = GapCheck(INFO), History()
    reach = GapReach(INFO, check, SENSORS)
    rows = (T / 1e9 <= 14.3) | (T / 1e9 >= 14.6)
    x = moving((10, 14), (20, 24))
    check.see(Block("aligned", T[rows], x[rows]))
    history.push(Block("aligned", T[rows], x[rows]))
    reach.counted(rep(10.0, 14.0, 1))
    reach.counted(rep(20.0, 24.0, 2))
    reach.taken_back((1, 1), 14_200_000)
    found = reach.look(50_000_000, None, history)
    assert [round(one.start_us / 1e6, 1) for one in found] == [8.3, 8.3]


@pytest.mark.parametrize(("decided", "start"), [(17.5, 5.0), (15.5, None)])
def test_a_movement_refused_once_the_hole_had_come(decided: float, start: float | None) -> None:
    """What came before the hole hung on what came after it."""
    check, history = GapCheck(INFO), History()
    reach = GapReach(INFO, check, SENSORS)
    rows = (T / 1e9 <= 16.0) | (T / 1e9 >= 17.0)
    check.see(Block("aligned", T[rows], moving((5, 9), (10, 14))[rows]))
    history.push(Block("aligned", T[rows], moving((5, 9), (10, 14))[rows]))
    reach.counted(rep(10.0, 14.0, 1))
    refused = RepRejected(
        t_us=round(decided * 1e6),
        start_us=5_000_000,
        end_us=9_000_000,
        decided_us=round(decided * 1e6),
        reason=Reason.SINGLE_CYCLE,
    )
    reach.refused(refused)
    found = reach.look(50_000_000, None, history)
    assert {one.start_us / 1e6 for one in found} == ({start} if start is not None else set())


@given(cut_places())
@settings(max_examples=20, deadline=None)
def test_cuts_change_nothing(at: list[int]) -> None:
    x = LOST.copy()
    x[1550:1650, 4:] = np.nan
    places = [place for place in at if place < N - 100]
    assert told(x, (16.0, 17.0), at=places, until=30.0) == told(x, (16.0, 17.0), until=30.0)
