"""The loop's own duties: numbering, wall time, silence, taring, commands, the end."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from eccentra.decode import BATTERY_LEVEL
from eccentra.errors import InputError
from eccentra.events import Event, SensorBattery, SensorMalformed
from eccentra.exercises import load_exercise
from eccentra.inputs import ClockPair, Command, Connected, Input, Lost, Packet, Tick
from eccentra.profiles import SensorSetup, load_profile
from eccentra.session import Header, Session, Settings
from eccentra.walltime import rfc3339

SECOND = 1_000_000_000


def force_setup(sensor: str = "f1", side: str = "left") -> SensorSetup:
    return SensorSetup(
        sensor=sensor,
        profile=load_profile("recorded-csv"),
        placement=None,
        side=side,  # type: ignore[arg-type]
        rate_hz=80.0,
        channels=("force",),
    )


def header(*setups: SensorSetup, **settings: float | None) -> Header:
    return Header(
        session="s-1",
        exercise=load_exercise("nordic-curl"),
        sensors=setups or (force_setup(),),
        software="test",
        settings=Settings(**settings),  # type: ignore[arg-type]
    )


def packets(setup: SensorSetup, start_s: float, end_s: float, force_n: float = 20.0) -> list[Input]:
    """A steady force, ten rows a packet."""
    t = np.arange(round(start_s * 80), round(end_s * 80)) * (SECOND // 80)
    encoder, out = setup.start_encoder(), []
    for i in range(0, len(t), 10):
        ns = t[i : i + 10].astype(np.int64)
        out += [
            Packet(int(ns[-1]), setup.sensor, channel, data)
            for channel, data in encoder.encode(ns, np.full((len(ns), 1), force_n))
        ]
    return out


def names(events: list[Event]) -> list[str]:
    return [type(event).__struct_config__.tag for event in events]


def fed(session: Session, items: list[Input]) -> list[Event]:
    return [numbered.event for item in items for numbered in session.feed(item)]


def test_a_session_starts_with_its_first_input_and_ends_once() -> None:
    session = Session(header())
    assert names(fed(session, [Connected(0, "f1")])) == ["session.started", "sensor.connected"]
    assert names([n.event for n in session.finish()]) == ["session.ended"]
    assert session.finish() == []
    assert session.feed(Tick(SECOND)) == []


def test_stop_ends_the_session_and_nothing_follows() -> None:
    session = Session(header())
    events = fed(session, [*packets(force_setup(), 0, 2), Command(2 * SECOND, "stop"), Tick(3 * SECOND)])
    assert names(events)[-1] == "session.ended"
    assert events[-1].why == "stop"  # type: ignore[union-attr]


def test_the_battery_service_is_understood_of_every_sensor() -> None:
    read = [Packet(k, "f1", BATTERY_LEVEL, bytes([level])) for k, level in enumerate((80, 80, 12, 101))]
    session = Session(header())
    found = fed(session, [Connected(0, "f1"), *read, *packets(force_setup(), 0, 2)])
    said = [event for event in found if isinstance(event, SensorBattery)]
    assert [(one.value, one.unit, one.low) for one in said] == [(80.0, "%", False), (12.0, "%", False)]
    (refused,) = [event for event in found if isinstance(event, SensorMalformed)]
    assert refused.reason == "out_of_range"
    assert session.health()["f1"].malformed == 1


def test_idle_ends_the_session_and_can_be_switched_off() -> None:
    ticks: list[Input] = [Tick(i * SECOND) for i in range(0, 1400, 100)]
    assert fed(Session(header()), ticks)[-1].why == "idle"  # type: ignore[union-attr]
    assert "session.ended" not in names(fed(Session(header(idle_end_s=None)), ticks))


def test_a_silent_sensor_is_told_once_and_waited_for_again() -> None:
    setup, session = force_setup(), Session(header())
    items = [*packets(setup, 0, 2), Tick(3 * SECOND), Tick(4 * SECOND), *packets(setup, 5, 6)]
    events = names(fed(session, items))
    assert events.count("sensor.lost") == 1
    assert events.count("sensor.gap") == 1
    assert not session.health()["f1"].silent


def test_a_sensor_that_never_speaks_does_not_hold_up_the_others() -> None:
    left, right = force_setup("f1", "left"), force_setup("f2", "right")
    session = Session(header(left, right))
    fed(session, packets(left, 0, 5))
    assert session.live().t_us > 4_500_000
    assert session.health()["f2"].silent


def test_tare_subtracts_the_last_second() -> None:
    setup, session = force_setup(), Session(header())
    items: list[Input] = [*packets(setup, 0, 3, 20.0), Command(3 * SECOND, "tare", {"sensor": "f1"})]
    tared = fed(session, items)[-1]
    assert names([tared]) == ["tare.done"]
    assert tared.offset_n == pytest.approx(20.0)  # type: ignore[union-attr]
    fed(session, [*packets(setup, 3, 5, 20.0), *packets(setup, 5, 6, 120.0)])
    assert session.live().force_left_n == pytest.approx(100.0, abs=1.0)


def test_malformed_and_unknown_packets_are_events_and_counted() -> None:
    session = Session(header())
    good = packets(force_setup(), 0, 1)
    events = fed(
        session, [good[0], Packet(1, "f1", "rows", b"\x01\x02"), Packet(2, "nobody", "rows", b""), *good[1:]]
    )
    assert names(events).count("sensor.malformed") == 2
    assert session.health()["f1"].malformed == 1
    assert session.health()["f1"].samples == 80


def test_wall_time_comes_from_the_recorded_pair_only() -> None:
    session = Session(header())
    (first,) = session.feed(Tick(0))
    assert first.time is None
    session.feed(ClockPair(SECOND, 1_700_000_000 * SECOND))
    (lost,) = session.feed(Lost(SECOND + 250_000_000, "f1"))[-1:]
    assert lost.time == "2023-11-14T22:13:20.250Z"


def test_wall_time_text() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(-1_000_000) == "1969-12-31T23:59:59.999Z"
    assert rfc3339(1 << 70) is None


def test_an_exercise_change_closes_what_is_open() -> None:
    session = Session(header())
    other = msgspec.to_builtins(load_exercise("nordic-curl"))
    events = fed(
        session, [*packets(force_setup(), 0, 2), Command(2 * SECOND, "exercise", {"exercise": other})]
    )
    assert names(events)[-1] == "session.exercise_changed"


@pytest.mark.parametrize(
    "command",
    [Command(0, "explode"), Command(0, "exercise"), Command(0, "exercise", {"exercise": {"id": 1}})],
)
def test_a_command_that_makes_no_sense_is_one_clear_error(command: Command) -> None:
    with pytest.raises(InputError, match=f"command {command.verb}"):
        Session(header()).feed(command)


def test_samples_before_ones_already_taken_are_told_and_left_out() -> None:
    setup, session = force_setup(), Session(header())
    items = packets(setup, 0, 2)
    events = fed(session, [*items, Connected(2 * SECOND, "f1"), *items[-2:], *packets(setup, 2, 3)])
    refused = [e for e in events if names([e]) == ["sensor.malformed"]]
    assert [e.reason for e in refused] == ["no_place_in_time"] * 2  # type: ignore[union-attr]
    assert session.health()["f1"].samples == 240


def test_setups_that_cannot_work_are_refused() -> None:
    with pytest.raises(InputError, match="same id"):
        Session(header(force_setup(), force_setup()))
    with pytest.raises(InputError, match="same place"):
        Session(header(force_setup("a"), force_setup("b")))
    wrist = SensorSetup(
        sensor="w",
        profile=load_profile("movesense"),
        placement="wrist",
        side=None,
        rate_hz=None,
        channels=None,
    )
    with pytest.raises(InputError, match=r"needs .*thigh.*; got"):
        Session(header(wrist))


def test_a_swapped_sensor_has_no_zero_and_no_pose_any_more() -> None:
    setup = force_setup()
    session = Session(header(setup))
    items: list[Input] = [
        Connected(0, "f1"),
        *packets(setup, 0.0, 3.0, 25.0),
        Command(3 * SECOND, "tare", {}),
    ]
    events = fed(session, [*items, Lost(4 * SECOND, "f1", "swapped"), Connected(5 * SECOND, "f1")])
    assert "tare.done" in names(events)
    lost = next(k for k, one in enumerate(events) if getattr(one, "why", "") == "swapped")
    assert names(events)[lost + 1] == "calibration.needed"
    later = fed(session, [*packets(setup, 6.0, 9.0, 25.0), Command(9 * SECOND, "tare", {})])
    assert [one.offset_n for one in later if names([one]) == ["tare.done"]] == [pytest.approx(25.0)]
