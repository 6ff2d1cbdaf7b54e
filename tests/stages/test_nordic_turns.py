"""Between two descents: the start pose may be passed in a moment."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.events import PhaseChanged
from eccentra.samples import NS_PER_S, Block, Floats, StreamInfo
from stages.nordic_kit import Rows, events_of, reps_in

RATE_HZ = 100.0


def glide(start: float, end: float, seconds: float) -> Floats:
    u = np.arange(1, round(seconds * RATE_HZ) + 1) / (seconds * RATE_HZ)
    return start + (end - start) * 0.5 * (1.0 - np.cos(np.pi * u))


def rows_of_lean(lean_deg: Floats) -> Rows:
    """Aligned rows of a thigh sensor, its y axis being that of the lean; level ground, no noise."""
    names = ("thigh.up_x", "thigh.up_y", "thigh.up_z", "thigh.rate_x", "thigh.rate_y", "thigh.rate_z")
    info = StreamInfo(
        stream="aligned", kind="imu", channels=(*names, "thigh.gap"), units=("1",) * 7, rate_hz=RATE_HZ
    )
    phi = np.radians(lean_deg)
    nil = np.zeros(len(phi))
    x = np.column_stack([-np.sin(phi), nil, np.cos(phi), nil, np.gradient(phi) * RATE_HZ, nil, nil])
    t = (np.arange(len(phi)) * NS_PER_S / RATE_HZ).astype(np.int64)
    return Rows(info, Block("aligned", t, x))


@pytest.mark.parametrize("overshoot_deg", [-1.0, 0.0, 2.0])
def test_from_the_heels_straight_into_the_next_descent(overshoot_deg: float) -> None:
    """Back over the start pose towards the heels, up again and down at once: every descent counts."""
    rest = np.zeros(300)
    down_s, pieces, starts, at = 2.3, [rest], [], 0.0
    for _ in range(4):
        starts.append(sum(map(len, pieces)) / RATE_HZ)
        pieces += [glide(at, 84.0, down_s), glide(84.0, -36.0, 1.8), np.full(80, -36.0)]
        pieces.append(glide(-36.0, overshoot_deg, 0.8))
        at = overshoot_deg
    found = reps_in(events_of(rows_of_lean(np.concatenate([*pieces, np.full(300, at)]))))
    assert [rep.start_us / 1e6 for rep in found] == pytest.approx(starts, abs=0.15)
    assert [rep.value("eccentric_s") for rep in found] == pytest.approx([down_s] * 4, abs=0.15)


@pytest.mark.parametrize("stop_s", [0.3, 0.8])
def test_coming_up_from_behind_is_no_part_of_the_descent(stop_s: float) -> None:
    """A rest behind the start pose, up to it, a short stop, then down: the descent begins at the stop."""
    up = [np.full(120, -20.0), glide(-20.0, -2.0, 0.8), np.full(round(stop_s * RATE_HZ), -2.0)]
    first = [np.zeros(300), glide(0.0, 84.0, 3.0), glide(84.0, -20.0, 1.2)]
    start = sum(map(len, [*first, *up])) / RATE_HZ
    rows = rows_of_lean(
        np.concatenate([*first, *up, glide(-2.0, 84.0, 3.0), glide(84.0, 0.0, 1.0), np.zeros(300)])
    )
    last = reps_in(events_of(rows))[-1]
    assert last.start_us / 1e6 == pytest.approx(start, abs=0.15)
    assert last.value("eccentric_s") == pytest.approx(3.0, abs=0.15)


def test_without_a_stop_in_the_start_pose_the_begin_is_not_known() -> None:
    """From behind the start pose through it in one go: the uncertainty holds the time until it."""
    home = [np.zeros(300), glide(0.0, 84.0, 3.0), glide(84.0, 0.0, 1.2), np.zeros(200)]
    back = [glide(0.0, -20.0, 1.0), np.full(500, -20.0)]
    rows = rows_of_lean(
        np.concatenate([*home, *back, glide(-20.0, 84.0, 5.0), glide(84.0, 0.0, 1.0), np.zeros(300)])
    )
    first, last = reps_in(events_of(rows))
    assert last.value("eccentric_s") == pytest.approx(5.0, abs=0.2)
    known, unsure = (rep.metrics["eccentric_s"].uncertainty for rep in (first, last))
    assert known is not None
    assert unsure is not None
    assert known < 0.2
    assert unsure > 1.0


def test_sitting_back_has_no_live_eccentric() -> None:
    """Onto the heels, a stop, further back: nobody is to be told to go slower there."""
    reps = [np.zeros(300), *[p for _ in range(3) for p in (glide(0, 84, 4), glide(84, 0, 1), np.zeros(150))]]
    end = sum(map(len, reps)) / RATE_HZ
    back = [glide(0.0, -50.0, 1.0), np.full(100, -50.0), glide(-50.0, -80.0, 0.8), np.full(100, -80.0)]
    events = events_of(rows_of_lean(np.concatenate([*reps, *back])))
    told = [
        event.phase for event in events if isinstance(event, PhaseChanged) and event.t_us / 1e6 > end + 0.1
    ]
    assert "eccentric" not in told
    assert len(reps_in(events)) == 3
