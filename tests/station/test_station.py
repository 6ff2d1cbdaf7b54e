"""A station's own duties: beginning, recording, commands, trouble, the end."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest
from station_parts import Bench, FakeClock, from_sensors, recovered, replay, short_session

from eccentra.commands import CommandError, Request, parse_line
from eccentra.events import (
    CalibrationNeeded,
    CueGiven,
    Marked,
    RepAmended,
    RepCompleted,
    RepCounted,
    Reported,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    SetCompleted,
    StationReason,
    Tared,
)
from eccentra.inputs import Connected, Packet
from eccentra.recording import Recorder, Recording
from eccentra.simulate import Simulation

SIMULATION = short_session()


@pytest.fixture
def simulation() -> Simulation:
    return SIMULATION


def begun(tmp_path: Path, simulation: Simulation, until_s: float = 1e9) -> Bench:
    bench = Bench(tmp_path, simulation)
    recovered(bench)
    bench.play(from_sensors(simulation), bench.clock.now_ns, until_s)
    return bench


def test_a_session_begins_when_all_sensors_stream_and_its_file_replays(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = begun(tmp_path, simulation)
    started = bench.told.of(SessionStarted)
    assert len(started) == 1
    assert started[0].athlete == "a-1"
    assert len(bench.told.of(RepCompleted)) == 3
    assert bench.ask("stop").status == "done"
    (path,) = bench.files()
    assert replay(path) == bench.told.events
    with Recording(path) as recording:
        assert recording.note("ended") == "yes"
    assert not path.with_name(path.name + "-wal").exists()


def test_it_waits_for_sensors_that_do_not_come_and_then_begins_without(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = Bench(tmp_path, simulation)
    recovered(bench)
    inputs = [i for i in from_sensors(simulation) if i.sensor.startswith("thigh")]  # type: ignore[union-attr]
    bench.play(inputs, bench.clock.now_ns, 10.0)
    assert not bench.told.events
    bench.clock.now_ns += 15_000_000_000
    bench.station.turn()
    (started,) = bench.told.of(SessionStarted)
    assert all(name.startswith("thigh") for name in started.sensors)
    late = next(i for i in from_sensors(simulation) if not i.sensor.startswith("thigh"))  # type: ignore[union-attr]
    bench.mailbox.put(Connected(bench.clock.now_ns, late.sensor))  # type: ignore[union-attr]
    bench.mailbox.put(Packet(bench.clock.now_ns, late.sensor, "data", b"x"))  # type: ignore[union-attr]
    bench.station.turn()
    assert [n.reason for n in bench.told.notes] == [StationReason.SENSOR_LATE]


def test_everything_a_person_can_say(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, until_s=6.0)
    lines = (
        "report when=before pain=1 soreness=2 analgesic=no warm_up=yes",
        "report when=during pain=4 rir=2 set_index=1",
        "report when=after pain=2 confidence=7.5 note='better than last week'",
        "report when=next_morning pain=9",
        "report when=prom prom=slk version=1 scores=total:55,sport:20.5",
        "report red_flag=pop",
    )
    for number, line in enumerate(lines):
        assert bench.ask(line, f"r-{number}").status == "done", line
    said = [msgspec.to_builtins(one) for one in bench.told.of(Reported)]
    assert [one["when"] for one in said] == ["before", "during", "after", "next_morning", "prom", "session"]
    assert (said[0]["analgesic"], said[0]["warm_up"], said[1]["rir"]) == (False, True, 2.0)
    assert (said[2]["confidence"], said[4]["scores"]) == (7.5, {"total": 55.0, "sport": 20.5})
    # how the last morning was does not stop this set; a red flag does
    assert [one.cue.value for one in bench.told.of(CueGiven)][-1] == "stop_red_flag"  # type: ignore[attr-defined]
    assert not [one for one in bench.told.of(CueGiven) if one.cue.value == "stop_pain"]  # type: ignore[attr-defined]
    bench.ask("stop", "x")
    assert replay(bench.files()[0]) == bench.told.events
    assert "plan say" in bench.ask("report pain=1", "late").message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("report pain=11", "pain"),
        ("report pain=-1", "pain"),
        ("report pain=nan", "pain"),
        ("report rir=eleven", "rir"),
        ("report analgesic=maybe", "analgesic"),
        ("report when=tomorrow pain=1", "when"),
        ("report when=before", "report takes"),
        ("report prom=slk", "prom and scores go together"),
        ("report prom=slk scores=total:many", "scores"),
        ("report prom=slk scores=do-you-feel-pain-when-you-run-fast-and-far-?:3", "scores"),
        ("report red_flag=itches", "red_flag"),
    ],
)
def test_what_nobody_can_say_is_refused_once(
    tmp_path: Path, simulation: Simulation, line: str, says: str
) -> None:
    bench = begun(tmp_path, simulation, until_s=6.0)
    with pytest.raises(CommandError, match=says):
        bench.ask(line)
    assert bench.told.of(Reported) == []


def test_commands_are_carried_out_once_and_recorded(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, until_s=18.0)
    assert bench.ask("mark left knee", "m-1").status == "done"
    assert bench.ask("mark left knee", "m-1").reason == "again"
    assert [event.text for event in bench.told.of(Marked)] == ["left knee"]
    assert bench.ask("report pain=3 rpe=7", "p-1").status == "done"
    (report,) = bench.told.of(Reported)
    assert (report.request, report.pain, report.rpe) == ("p-1", 3.0, 7.0)
    # in the middle of a repetition
    refused = bench.ask("tare", "t-1")
    assert (refused.status, refused.reason) == ("refused", "tare_under_load")
    assert "take the load off" in refused.message.lower()
    assert bench.ask("tare nobody", "t-2").reason == "unknown_sensor"
    assert bench.ask("start", "s-1").reason == "running"
    assert bench.ask("set exercise=plank-of-nowhere", "e-1").reason == "unknown_exercise"
    assert bench.ask("calibrate", "c-1").status == "done"
    assert len(bench.told.of(CalibrationNeeded)) == 1
    bench.ask("stop", "x-1")
    assert replay(bench.files()[0]) == bench.told.events
    assert bench.ask("mark", "m-2").reason == "no_session"
    assert "eccentra plan say" in bench.ask("report pain=3", "p-2").message


def test_a_strap_that_hangs_free_is_tared(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, until_s=2.0)
    answer = bench.ask("tare", "t-1")
    assert (answer.status, len(answer.events)) == ("done", 2)
    assert {event.sensor for event in bench.told.of(Tared)} == {"left", "right"}
    bench.ask("stop", "x-1")
    assert replay(bench.files()[0]) == bench.told.events


def test_a_flood_of_commands_does_not_make_an_earlier_one_forgotten(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = begun(tmp_path, simulation, until_s=6.0)
    bench.ask("mark first", "m-0")
    desk = bench.station._desk

    async def flood() -> None:
        for number in range(4000):
            await desk.answer(Request(id=f"f-{number}", do=parse_line("start")))

    asyncio.run(flood())
    assert bench.ask("mark first", "m-0").reason == "again"
    assert len(bench.told.of(Marked)) == 1


def test_undo_takes_the_last_repetition_out_of_the_set(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation)
    assert bench.ask("undo").status == "done"
    (amended,) = bench.told.of(RepAmended)
    assert (amended.index, amended.counted) == (3, False)
    bench.ask("stop", "x-1")
    (done,) = bench.told.of(SetCompleted)
    assert done.reps_counted == 2
    assert bench.ask("undo", "u-2").reason == "no_session"


def test_a_repetition_may_be_taken_back_before_its_numbers_are_there(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = begun(tmp_path, simulation, until_s=8.2)
    assert bench.told.of(RepCounted)
    assert not bench.told.of(RepCompleted)
    assert bench.ask("undo").status == "done"
    assert bench.station.state().live.session_reps == 0
    bench.ask("stop", "x-1")
    (ended,) = bench.told.of(SessionEnded)
    assert ended.reps == 0


def test_undo_without_a_repetition_is_refused(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, until_s=3.0)
    assert bench.ask("undo").reason == "nothing_to_undo"


def test_another_athlete_is_another_session(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, until_s=6.0)
    assert bench.ask("set athlete=b-2").status == "done"
    assert [event.athlete for event in bench.told.of(SessionStarted)] == ["a-1", "b-2"]
    assert len(bench.files()) == 2


def test_start_without_sensors_or_exercise_says_what_is_missing(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = Bench(tmp_path, simulation, exercise=None)
    recovered(bench)
    assert bench.ask("start", "s-1").reason == "no_exercise"
    assert bench.ask("start nordic-curl", "s-2").reason == "no_sensors"
    bench.play(from_sensors(simulation), bench.clock.now_ns, 2.0)
    assert not bench.told.events
    answer = bench.ask("start nordic-curl load='5 kg'", "s-3")
    assert answer.status == "done"
    assert answer.events
    (started,) = bench.told.of(SessionStarted)
    assert started.load == "5 kg"


def test_resend_gives_the_same_events_again(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation)
    session = bench.told.events[0].session
    answer = bench.ask(f"resend {session} from_seq=4", "r-1")
    assert answer.status == "done"
    assert bench.resent == bench.told.events[3:]
    bench.ask("stop", "x-1")
    bench.resent.clear()
    bench.ask(f"resend {session}", "r-2")
    assert bench.resent == bench.told.events
    assert bench.ask("resend nothing-here", "r-3").reason == "unknown_session"


def killed(tmp_path: Path, simulation: Simulation, at_s: float) -> Bench:
    """A station that was killed: everything after the last commit is gone."""
    bench = begun(tmp_path, simulation, until_s=at_s)
    bench.station._running.current()._recorder.roll_back()
    bench.station._running.current()._recorder._db.close()
    return bench


@pytest.mark.parametrize("at_s", [2.0, 7.3, 9.1, 12.6])
def test_after_a_kill_the_set_goes_on(tmp_path: Path, simulation: Simulation, at_s: float) -> None:
    first = killed(tmp_path, simulation, at_s)
    second = Bench(tmp_path, simulation, clock=first.clock)
    begin = first.clock.now_ns - round(at_s * 1e9)
    first.clock.now_ns += 700_000_000
    recovered(second)
    again = {one.id: one for one in second.told.events}
    assert all(again[one.id] == one for one in first.told.events)
    (resumed,) = second.told.of(SessionResumed)
    assert 0.6 < resumed.gap_s < 1.0
    later = [i for i in from_sensors(simulation) if i.arrival_ns / 1e9 > at_s + 0.8]
    for setup in simulation.setups:
        second.mailbox.put(Connected(second.clock.now_ns, setup.sensor))
    second.play(later, begin)
    second.ask("stop")
    assert len(second.files()) == 1
    assert replay(second.files()[0]) == second.told.events
    assert len(second.told.of(SetCompleted)) == 1
    assert len(second.told.of(RepCompleted)) == 3
    assert second.ask("stop").reason == "again"


def test_a_command_of_before_the_kill_is_not_repeated(tmp_path: Path, simulation: Simulation) -> None:
    first = begun(tmp_path, simulation, until_s=6.0)
    first.ask("mark here", "m-7")
    first.station._running.current()._recorder._db.close()
    second = Bench(tmp_path, simulation, clock=first.clock)
    recovered(second)
    assert second.ask("mark here", "m-7").reason == "again"


def test_an_old_session_is_closed_as_interrupted(tmp_path: Path, simulation: Simulation) -> None:
    first = killed(tmp_path, simulation, 12.0)
    second = Bench(tmp_path, simulation, clock=first.clock)
    first.clock.now_ns += 31 * 60 * 1_000_000_000
    recovered(second)
    (ended,) = second.told.of(SessionEnded)
    assert ended.why == "interrupted"
    assert replay(second.files()[0]) == second.told.events
    third = Bench(tmp_path, simulation, clock=first.clock)
    recovered(third)
    assert not third.told.events


def test_after_a_restart_of_the_computer_the_wall_clock_tells_the_time(
    tmp_path: Path, simulation: Simulation
) -> None:
    first = killed(tmp_path, simulation, 12.0)
    clock = FakeClock(start_ns=1_000_000_000)
    clock.boot_id = "boot-2"
    clock.wall = first.clock.wall_ns() + 60_000_000_000 - clock.now_ns
    second = Bench(tmp_path, simulation, clock=clock)
    recovered(second)
    (resumed,) = second.told.of(SessionResumed)
    assert resumed.by_wall
    assert resumed.gap_s == pytest.approx(60.0, abs=0.3)


def test_a_damaged_session_file_is_said_and_left_alone(tmp_path: Path, simulation: Simulation) -> None:
    first = killed(tmp_path, simulation, 8.0)
    (path,) = first.files()
    db = sqlite3.connect(path)
    db.execute("UPDATE input SET data = x'00' WHERE seq = 40")
    db.commit()
    db.close()
    second = Bench(tmp_path, simulation, clock=first.clock)
    recovered(second)
    assert [n.reason for n in second.told.notes] == [StationReason.RECOVERY_FAILED]
    assert not second.told.of(SessionEnded)
    assert path.exists()


def test_a_full_disk_stops_no_counting_and_what_waited_is_written_later(
    tmp_path: Path, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = begun(tmp_path, simulation, until_s=5.0)
    told = len(bench.told.events)
    commit = Recorder.commit

    def full(self: Recorder) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Recorder, "commit", full)
    inputs = [i for i in from_sensors(simulation) if i.arrival_ns / 1e9 > 5.0]
    begin = bench.clock.now_ns - 5_000_000_000
    bench.play(inputs, begin, until_s=14.0)
    assert len(bench.told.events) == told  # nothing leaves that is not recorded
    assert bench.station.state().live.reps > 0
    assert [n.reason for n in bench.told.notes] == [StationReason.DISK_FAILED]
    monkeypatch.setattr(Recorder, "commit", commit)
    bench.play([i for i in inputs if i.arrival_ns / 1e9 > 14.0], begin)
    assert bench.told.notes[-1].reason is StationReason.DISK_BACK
    bench.ask("stop")
    assert replay(bench.files()[0]) == bench.told.events
    assert len(bench.told.of(RepCompleted)) == 3
