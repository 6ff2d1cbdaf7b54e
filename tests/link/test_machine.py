"""The state machine alone: rules that hold whatever happens in whatever order, and how long it waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.events import StationNoted, StationReason
from eccentra.link.advice import RADIO, Trouble
from eccentra.link.machine import Action, Connect, Patience, Release, SensorMachine

R = StationReason
S = 1_000_000_000

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "heard",
                "connected",
                "started",
                "samples",
                "packet",
                "dropped",
                "failed",
                "released",
                "off",
                "on",
                "late",
            ]
        ),
        st.floats(0, 40, allow_nan=False),
        st.sampled_from(
            sorted({R.CONNECT_FAILED, R.WRONG_DEVICE, R.COMMAND_FAILED, R.BLUETOOTH_OFF, R.INTERNAL})
        ),
    ),
    max_size=120,
)


class Watched:
    """A machine, and an owner of the radio who obeys it and checks the rules."""

    def __init__(self) -> None:
        self.now = 1_000 * S
        self.machine = SensorMachine("thigh-1", self.now)
        self.clients = 0
        self.releasing = False
        self.connects = 0
        self.notes: list[StationNoted] = []

    def obey(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Connect):
                assert self.clients == 0, "the lost client is released before the next connect"
                self.clients += 1
                self.connects += 1
            elif isinstance(action, Release):
                assert self.clients == 1, "there is something to release"
                assert not self.releasing, "released once"
                self.releasing = True
            else:
                self.notes.append(action)

    def pass_time(self, seconds: float) -> None:
        end = self.now + round(seconds * S)
        while True:
            due = self.machine.next_ns()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            before = (self.machine.state, self.machine.next_ns())
            self.obey(self.machine.tick(self.now))
            assert (self.machine.state, self.machine.next_ns()) != before, "a due tick changes something"
        self.now = end

    def happen(self, what: str, reason: StationReason = R.CONNECT_FAILED) -> None:
        machine, now = self.machine, self.now
        match what:
            case "heard":
                self.obey(machine.heard(now, -50, free=True))
            case "connected":
                machine.connected(now)
            case "started":
                machine.started(now)
            case "samples":
                self.obey(machine.samples(now))
            case "packet":
                machine.packet(now)
            case "dropped":
                self.obey(machine.dropped(now))
            case "failed":
                self.obey(machine.failed(now, Trouble(reason, "it failed", "do something")))
            case "released":
                if self.releasing:
                    self.releasing, self.clients = False, 0
                    machine.released(now)
            case "off" | "on":
                machine.radio(now, usable=what == "on")
            case "late":
                machine.excuse(S)

    def stream(self) -> None:
        for what in ("heard", "connected", "started", "samples"):
            self.happen(what)
        assert self.machine.state == "streaming"

    def stream_for(self, seconds: int) -> None:
        for _ in range(seconds):
            self.pass_time(1)
            self.happen("packet")


@given(STEPS)
def test_one_client_at_a_time_and_it_always_tries_again(
    steps: list[tuple[str, float, StationReason]],
) -> None:
    watched = Watched()
    for what, seconds, reason in steps:
        watched.pass_time(seconds)
        watched.happen(what, reason)
    # whatever happened: with the radio there and clients released, it connects again within a minute
    watched.happen("on")
    before = watched.connects
    streaming_at = watched.machine.state
    for _ in range(90):
        watched.happen("released")
        watched.happen("heard")
        watched.pass_time(1)
    assert watched.connects > before or streaming_at == "connecting"


@given(STEPS)
def test_the_same_is_not_said_twice_within_a_minute_unless_it_was_well(
    steps: list[tuple[str, float, StationReason]],
) -> None:
    watched = Watched()
    told: dict[tuple[str, str], int] = {}
    for what, seconds, reason in steps:
        watched.pass_time(seconds)
        already = len(watched.notes)
        at = watched.now
        watched.happen(what, reason)
        for note in watched.notes[already:]:
            if note.reason is R.SENSOR_BACK:
                told.clear()
                continue
            last = told.get((note.reason, note.detail))
            others = [t for (r, d), t in told.items() if r == note.reason and d != note.detail]
            assert last is None or at - last >= 60 * S or any(t >= last for t in others)
            told[note.reason, note.detail] = at


def test_waits_double_up_to_the_bound() -> None:
    watched = Watched()
    waits = []
    for _ in range(10):
        watched.happen("heard")
        watched.happen("failed")
        watched.happen("released")
        waits.append(watched.machine.status(watched.now).next_try_s)
        watched.pass_time(31)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_a_drop_after_steady_streaming_is_tried_again_at_once_a_flapping_one_is_not() -> None:
    watched = Watched()
    watched.stream()
    watched.stream_for(12)
    waits = []
    for _ in range(4):
        watched.happen("dropped")
        watched.happen("released")
        waits.append(watched.machine.status(watched.now).next_try_s)
        watched.pass_time(30)
        watched.stream()
        watched.stream_for(1)
    assert waits == [None, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("reason", [R.WRONG_DEVICE, R.MTU_TOO_SMALL])
def test_what_needs_a_person_waits_long_and_is_an_error(reason: StationReason) -> None:
    watched = Watched()
    watched.happen("heard")
    watched.happen("failed", reason)
    watched.happen("released")
    assert watched.machine.status(watched.now).next_try_s == 30.0
    assert [(n.reason, n.level) for n in watched.notes] == [(reason, "error")]


@pytest.mark.parametrize("reason", sorted(RADIO))
def test_a_radio_that_is_away_is_not_said_by_each_sensor_and_costs_no_wait_when_it_is_back(
    reason: StationReason,
) -> None:
    watched = Watched()
    watched.happen("heard")
    watched.happen("failed", reason)
    watched.happen("off")
    watched.happen("released")
    watched.pass_time(500)
    assert watched.notes == []
    watched.happen("on")
    watched.happen("heard")
    assert watched.machine.state == "connecting"


def test_a_radio_that_is_back_ends_a_long_wait() -> None:
    watched = Watched()
    watched.happen("heard")
    watched.happen("failed", R.WRONG_DEVICE)
    watched.happen("released")
    watched.happen("off")
    assert watched.machine.state == "waiting"
    watched.happen("on")
    assert watched.machine.state == "searching"


def test_every_step_has_a_limit() -> None:
    patience = Patience()
    story = [
        (["heard"], patience.connect_s, R.CONNECT_TIMEOUT),
        (["heard", "connected"], patience.start_s, R.COMMAND_FAILED),
        (["heard", "connected", "started"], patience.first_data_s, R.NO_DATA),
        (["heard", "connected", "started", "samples"], patience.silence_s, R.NO_DATA),
        ([], patience.not_seen_s, R.SENSOR_NOT_SEEN),
    ]
    for before, limit_s, reason in story:
        watched = Watched()
        for what in before:
            watched.happen(what)
        watched.pass_time(limit_s - 0.01)
        assert watched.notes == []
        watched.pass_time(0.02)
        assert [note.reason for note in watched.notes] == [reason]
        assert watched.notes[0].advice


def test_the_time_in_which_the_program_itself_stood_still_is_not_held_against_a_sensor() -> None:
    watched = Watched()
    watched.stream()
    watched.now += 10 * S
    watched.machine.excuse(10 * S)
    watched.pass_time(2)
    assert watched.machine.state == "streaming"
    watched.pass_time(2)
    assert watched.machine.state == "lost"


def test_late_news_of_an_old_connection_changes_nothing() -> None:
    watched = Watched()
    for what in ("dropped", "failed", "connected", "started", "samples"):
        watched.happen(what)
        assert watched.machine.state == "searching"
    assert watched.notes == []
