"""Playing at a speed, on a clock that only moves when somebody sleeps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from cli_parts import curls

from eccentra.cli.play import Player, paced
from eccentra.events import Numbered, RepCounted, SessionEnded
from eccentra.exercises import load_exercise
from eccentra.inputs import Input, Packet, Tick
from eccentra.recording import Recorder, Recording
from eccentra.session import Header, Session


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += max(seconds, 1e-6)


def at(second: float) -> Packet:
    return Packet(round(second * 1e9), "s", "data", b"")


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
def test_each_input_comes_when_it_is_due(speed: float) -> None:
    clock = Clock()
    inputs: list[Input] = [at(7.0), at(7.02), at(7.02), at(9.5), Tick(10_000_000_000)]
    got = []
    for group in paced(inputs, speed, monotonic=clock.monotonic, sleep=clock.sleep):
        got += [(clock.now - 50.0, item) for item in group]
    assert [item for _, item in got] == inputs
    for when, item in got:
        due = (item.arrival_ns / 1e9 - 7.0) / speed
        assert due - 1e-9 <= when < due + 0.06


def test_waiting_is_cut_into_short_pieces() -> None:
    clock = Clock()
    groups = list(paced([at(0), at(10)], 1.0, monotonic=clock.monotonic, sleep=clock.sleep))
    assert len(groups) > 100
    assert sum(len(group) for group in groups) == 2


def test_a_late_player_catches_up_at_once() -> None:
    clock = Clock()
    play = paced([at(i / 10) for i in range(100)], 1.0, monotonic=clock.monotonic, sleep=clock.sleep)
    assert len(next(play)) == 1
    clock.now += 5.0
    assert len(next(play)) == 50


def test_as_fast_as_possible_goes_second_by_second() -> None:
    inputs: list[Input] = [at(0.5), Tick(10**9), at(1.5), Tick(2 * 10**9), at(2.5)]
    assert list(paced(inputs, math.inf)) == [inputs[:2], inputs[2:4], inputs[4:]]


@pytest.mark.parametrize("recorded", [True, False])
def test_stopping_ends_what_is_recorded_and_makes_nothing_up_else(recorded: bool, tmp_path: Path) -> None:
    simulation = curls("thigh")
    header = Header(
        session="s", exercise=load_exercise("nordic-curl"), sensors=simulation.setups, software="test"
    )
    told: list[Numbered] = []

    def seen(events: list[Numbered]) -> None:
        told.extend(events)
        if any(isinstance(one.event, RepCounted) for one in events):
            player.stopping = True

    player = Player(Session(header), seen=seen)
    if recorded:
        with Recorder(tmp_path / "s", header) as player.recorder:
            player.run(simulation.inputs(), math.inf)
        with Recording(tmp_path / "s") as recording:
            again = Session(header)
            assert again.feed_many(recording.inputs()) + again.finish() == told
    else:
        player.run(simulation.inputs(), math.inf)
        whole = Session(header)
        assert whole.feed_many(simulation.inputs())[: len(told)] == told
    ends = [one.event for one in told if isinstance(one.event, SessionEnded)]
    assert [end.why for end in ends] == (["stop"] if recorded else [])


def test_nothing() -> None:
    assert list(paced([], 1.0)) == []
    assert list(paced([], math.inf)) == []
