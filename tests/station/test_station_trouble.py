"""A station in bad moments: a disk that fails when it hurts most, files that are not as they should be."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from station_parts import Bench, FakeClock, IdleLink, from_sensors, recovered, replay, short_session

from eccentra.errors import RecordingError
from eccentra.events import (
    Marked,
    Numbered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    StationReason,
    Tared,
)
from eccentra.inputs import Lost
from eccentra.recording import Recorder, Recording
from eccentra.session import Session
from eccentra.simulate import Simulation
from eccentra.station import Station
from eccentra.station.recovery import stored_events

SIMULATION = short_session()
_S = 1_000_000_000


@pytest.fixture
def simulation() -> Simulation:
    return SIMULATION


def begun(folder: Path, simulation: Simulation, until_s: float) -> Bench:
    bench = Bench(folder, simulation)
    recovered(bench)
    bench.play(from_sensors(simulation), bench.clock.now_ns, until_s)
    return bench


def killed(folder: Path, simulation: Simulation, until_s: float = 8.0) -> Bench:
    bench = begun(folder, simulation, until_s)
    bench.station._running.current()._recorder._db.close()
    return bench


@contextmanager
def full(*methods: str) -> Iterator[None]:
    """A disk that takes nothing in these methods of a recorder."""

    def fail(self: Recorder, *rest: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.MonkeyPatch.context() as patch:
        for method in methods:
            patch.setattr(Recorder, method, fail)
        yield


def seconds(bench: Bench, count: int) -> None:
    for _ in range(count):
        bench.clock.now_ns += _S
        bench.station.turn()


@pytest.mark.parametrize("method", ["note", "commit"])
def test_a_disk_that_fails_at_the_end_of_a_session_costs_nothing(
    tmp_path: Path, simulation: Simulation, method: str
) -> None:
    bench = begun(tmp_path, simulation, 9.0)
    with full(method):
        assert bench.ask("mark here", "m-1").status == "done"
        assert bench.ask("stop", "x-1").status == "done"
        seconds(bench, 2)
        assert bench.ask("mark", "m-2").reason == "no_session"
    seconds(bench, 2)
    assert [n.reason for n in bench.told.notes] == [StationReason.DISK_FAILED, StationReason.DISK_BACK]
    assert len(bench.told.of(Marked)) == len(bench.told.of(SessionEnded)) == 1
    (path,) = bench.files()
    assert replay(path) == bench.told.events
    with Recording(path) as recording:
        assert recording.note("ended") == "yes"


def test_what_the_disk_never_took_is_said_when_the_program_ends(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = begun(tmp_path, simulation, 9.0)
    with full("commit"):
        bench.ask("stop")
        bench.station._running.close(end=True)
    assert "could not be written until the program ended" in bench.told.notes[-1].detail
    again = Bench(tmp_path, simulation, clock=bench.clock)
    recovered(again)
    assert again.told.of(SessionResumed)


def test_a_disk_that_takes_no_new_file_refuses_a_start_and_no_more(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = Bench(tmp_path, simulation)
    recovered(bench)
    with full("commit"):
        bench.play(from_sensors(simulation), bench.clock.now_ns, 3.0)
        assert [n.reason for n in bench.told.notes] == [StationReason.START_FAILED]
        answer = bench.ask("start", "s-1")
        assert answer.status == "failed"
        assert "disk is full" in answer.message
    assert not list(tmp_path.iterdir())
    assert bench.ask("start", "s-2").status == "done"


def test_a_session_may_end_while_somebody_reads_its_file(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, 12.0)
    (path,) = bench.files()
    with Recording(path) as recording:
        reading = recording.inputs()
        next(reading)
        assert bench.ask("stop").status == "done"
        reading.close()  # type: ignore[attr-defined]
    assert stored_events(path, 1) == bench.told.events
    again = Bench(tmp_path, simulation, clock=bench.clock)
    recovered(again)
    assert not again.told.events
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert stored_events(path, 1) == bench.told.events


def unwritable(path: Path) -> Recorder:
    raise RecordingError(path, "cannot be continued: attempt to write a readonly database")


def test_an_old_session_that_cannot_be_closed_stops_no_station(
    tmp_path: Path, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = killed(tmp_path, simulation)
    first.clock.now_ns += 3600 * _S
    second = Bench(tmp_path, simulation, clock=first.clock)
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "reopen", unwritable)
        recovered(second)
    assert [n.reason for n in second.told.notes] == [StationReason.RECOVERY_FAILED]
    third = Bench(tmp_path, simulation, clock=first.clock)
    with full("commit"):
        recovered(third)
    assert [n.reason for n in third.told.notes] == [StationReason.RECOVERY_FAILED]
    fourth = Bench(tmp_path, simulation, clock=first.clock)
    recovered(fourth)
    assert [event.why for event in fourth.told.of(SessionEnded)] == ["interrupted"]


def test_strange_things_among_the_sessions_are_said(tmp_path: Path, simulation: Simulation) -> None:
    first = killed(tmp_path, simulation)
    db = sqlite3.connect(first.files()[0])
    db.execute("UPDATE meta SET value = 'soon' WHERE key = 'zero_ns'")
    db.commit()
    db.close()
    (tmp_path / "empty.eccentra").touch()
    (tmp_path / "folder.eccentra").mkdir()
    (tmp_path / "gone.eccentra").symlink_to(tmp_path / "nowhere")
    second = Bench(tmp_path, simulation, clock=first.clock)
    recovered(second)
    assert [n.level for n in second.told.notes].count("warning") == 3
    assert second.told.of(SessionResumed)


def test_ended_sessions_are_not_opened_at_the_start(
    tmp_path: Path, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be ten thousand of them, and the set is to go on within seconds."""
    bench = begun(tmp_path, simulation, 6.0)
    bench.ask("stop")
    (path,) = bench.files()
    opened: list[Path] = []
    init = Recording.__init__

    def watched(self: Recording, path: Path) -> None:
        opened.append(path)
        init(self, path)

    monkeypatch.setattr(Recording, "__init__", watched)
    recovered(Bench(tmp_path, simulation, clock=bench.clock))
    assert not opened
    path.with_name("b.eccentra").write_bytes(b"no session file")
    recovered(Bench(tmp_path, simulation, clock=bench.clock))
    assert opened == [path.with_name("b.eccentra")]


def test_killed_again_after_a_restart_of_the_computer(tmp_path: Path, simulation: Simulation) -> None:
    """The wall clock is needed for the restart only; it may be set right after that."""
    first = killed(tmp_path, simulation)
    clock = FakeClock(start_ns=_S)
    clock.boot_id = "boot-2"
    clock.wall = first.clock.wall_ns() + 60 * _S - clock.now_ns
    second = Bench(tmp_path, simulation, clock=clock)
    recovered(second)
    seconds(second, 10)
    second.station._running.current()._recorder._db.close()
    clock.wall += 3600 * _S
    clock.now_ns += 2 * _S
    third = Bench(tmp_path, simulation, clock=clock)
    recovered(third)
    by_wall, after = third.told.of(SessionResumed)
    assert (by_wall.by_wall, after.by_wall) == (True, False)
    assert after.gap_s == pytest.approx(2.0, abs=0.3)


def test_a_monotonic_clock_that_went_back_is_not_believed(tmp_path: Path, simulation: Simulation) -> None:
    """A virtual machine was restored, or a rehearsal goes on at another speed."""
    first = killed(tmp_path, simulation)
    wall = first.clock.wall_ns() + 5 * _S
    first.clock.now_ns -= 6 * _S
    first.clock.wall = wall - first.clock.now_ns
    second = Bench(tmp_path, simulation, clock=first.clock)
    recovered(second)
    (resumed,) = second.told.of(SessionResumed)
    assert resumed.by_wall
    assert resumed.gap_s == pytest.approx(5.0, abs=0.3)


def test_another_athlete_who_cannot_start_ends_nothing(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, 6.0)
    for setup in simulation.setups:
        if setup.mode.kind == "force":
            bench.mailbox.put(Lost(bench.clock.now_ns, setup.sensor))
    bench.station.turn()
    assert bench.ask("set athlete=b-2 exercise=leg-curl", "e-1").reason == "wrong_sensors"
    with full("commit"):
        assert bench.ask("set athlete=b-2", "e-2").status == "failed"
    assert not bench.told.of(SessionEnded)
    assert len(bench.files()) == 1
    state = bench.station.state()
    assert (state.athlete, state.exercise) == ("a-1", "nordic-curl")
    assert bench.station._running.athlete == "a-1"


def test_mass_and_load_of_one_person_are_not_those_of_another(tmp_path: Path, simulation: Simulation) -> None:
    bench = Bench(tmp_path, simulation)
    bench.station._running._room = msgspec.structs.replace(bench.room, load="10 kg", body_mass_kg=80.0)
    recovered(bench)
    bench.play(from_sensors(simulation), bench.clock.now_ns, 3.0)
    bench.ask("set athlete=b-2", "e-1")
    bench.ask("set athlete=a-1", "e-2")
    assert [event.load for event in bench.told.of(SessionStarted)] == ["10 kg", None, "10 kg"]
    headers = {}
    for path in bench.files():
        with Recording(path) as recording:
            headers[recording.header.settings.athlete] = recording.header.settings.body_mass_kg
    assert headers == {"a-1": 80.0, "b-2": None}


def test_a_silent_sensor_is_not_tared_with_what_it_said_long_ago(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = begun(tmp_path, simulation, 8.0)
    seconds(bench, 60)
    assert bench.ask("tare").reason == "no_data"
    assert not bench.told.of(Tared)


class BrokenLink(IdleLink):
    """A link with a mistake in it."""

    async def run(self) -> None:
        await asyncio.sleep(0.05)
        raise ZeroDivisionError


def test_a_link_that_breaks_down_costs_nothing_that_came(tmp_path: Path, simulation: Simulation) -> None:
    bench = begun(tmp_path, simulation, 6.0)
    bench.station._running.close(end=False)
    link = BrokenLink([])
    station = Station(bench.room, link, bench.mailbox, (bench.told,), clock=bench.clock)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(station.run())
    assert station._running.journal is None
    assert [one.suffix for one in tmp_path.iterdir()] == [".eccentra"]


def test_a_mistake_in_counting_does_not_keep_the_station_from_starting(
    tmp_path: Path, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended the program while counting would come again at every recovery."""
    first = killed(tmp_path, simulation)
    (path,) = first.files()
    before = path.read_bytes()

    def mistaken(self: Session, items: object) -> list[Numbered]:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Session, "feed_many", mistaken)
        second = Bench(tmp_path, simulation, clock=first.clock)
        recovered(second)
    (note,) = second.told.notes
    assert note.reason is StationReason.RECOVERY_FAILED
    assert "ZeroDivisionError" in note.detail
    assert path.read_bytes() == before
    second.play(from_sensors(simulation), second.clock.now_ns, 3.0)
    assert len(second.told.of(SessionStarted)) == 1
