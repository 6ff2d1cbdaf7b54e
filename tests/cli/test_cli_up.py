"""``eccentra up``: one settings file, parts that fail and come back, kill -9 in the middle."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_parts import eccentra
from sqlalchemy import func, select

from eccentra.cli import beside
from eccentra.cli.beside import BesideBroker, BesideHub, Keeper
from eccentra.cli.up_settings import HubSettings, UpSettings, read_settings
from eccentra.errors import InputError
from eccentra.events import StationNoted
from eccentra.recording import Recording
from eccentra.session import Session
from eccentra.store import tables
from eccentra.store.database import open_store
from needs import ROOT


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sites = 'a'", "sites: no such key; allowed are hub, mqtt, site, station"),
        ("[station]\nbody_mass_kg = 4", "station.body_mass_kg: Expected `float` >= 20"),
        ("[hub]\ntherapists = ['Ann Smith']", "hub.therapists[0]"),
        ("[station", "is not TOML"),
        ("[station]\nexercise = 'dance'", "no such exercise"),
        ("[station]\nspeed = 2.0", "real sensors take their own time"),
        ("mqtt = 'http://x'", "mqtt"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    path = tmp_path / "mine.toml"
    simulated = "" if "[station" in text else "\n[station]\nsimulated = 'thigh'"
    path.write_text(text + simulated)
    done = eccentra("up", "--settings", str(path))
    assert done.exit_code == 2
    assert says in done.output


def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")
    assert read_settings(ROOT / "examples" / "settings.toml").hub.therapists == ("therapist-1",)
    (tmp_path / "empty.toml").write_text("")
    assert read_settings(tmp_path / "empty.toml") == UpSettings()


# -- parts that fail ----------------------------------------------------------------------------------------


def kept(
    monkeypatch: pytest.MonkeyPatch, *parts: BesideBroker | BesideHub
) -> tuple[Keeper, list[StationNoted]]:
    monkeypatch.setattr(beside, "_LOOK_S", 0.05)
    monkeypatch.setattr(beside, "_AGAIN_S", 0.2)
    notes: list[StationNoted] = []
    keeper = Keeper(*parts)
    keeper.start()
    keeper.tell(notes.append)
    return keeper, notes


def until(what: object, notes: list[StationNoted], timeout_s: float = 15.0) -> None:
    end = time.monotonic() + timeout_s
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, notes
        time.sleep(0.02)


def test_a_database_that_cannot_be_used_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results"
    path.mkdir()
    broker = BesideBroker("embedded://:0")
    wanted = HubSettings(store=f"sqlite:///{path}")
    hub = BesideHub(broker.url, "home", wanted, tmp_path, ("gateway", "mat"))
    keeper, notes = kept(monkeypatch, broker, hub)
    try:
        time.sleep(0.6)
        assert [(one.reason.value, one.level) for one in notes] == [("hub_failed", "warning")]
        path.rmdir()
        until(lambda: len(notes) == 2, notes)
        assert (notes[1].level, notes[1].detail) == ("info", "the hub works again")
        until(lambda: hub.hub is not None and hub.hub.ready, notes)
    finally:
        keeper.close()
    assert hub.hub is None
    assert not any(one.level == "error" for one in notes)


def test_a_broker_that_ends_is_started_again_and_the_hub_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = BesideBroker(f"embedded://:{free_port()}")
    hub = BesideHub(broker.url, "home", HubSettings(), tmp_path, ("gateway", "mat"))
    hub._wanted = HubSettings(store=f"sqlite:///{tmp_path / 'r.sqlite'}")
    keeper, notes = kept(monkeypatch, broker, hub)
    try:
        until(lambda: hub.hub is not None and hub.hub.ready, notes)
        assert broker._broker is not None
        broker._broker.stop()
        until(lambda: len(notes) >= 1 or broker.trouble() is None, notes)
        until(lambda: broker.trouble() is None, notes)
        until(lambda: hub.hub is not None and hub.hub.ready, notes)
    finally:
        keeper.close()


def test_a_port_that_is_taken_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = BesideBroker(f"embedded://:{taken.getsockname()[1]}")
        keeper, notes = kept(monkeypatch, broker)
        time.sleep(0.3)
        assert [one.reason.value for one in notes] == ["broker_away"]
        assert "cannot listen there" in notes[0].detail
        taken.close()
        until(lambda: broker.trouble() is None, notes)
        keeper.close()


# -- kill -9 ------------------------------------------------------------------------------------------------


class Up:
    """``eccentra up`` with simulated sensors as a process of its own."""

    def __init__(self, home: Path, speed: float) -> None:
        self.home = home
        home.mkdir()
        (home / "settings.toml").write_text(
            f'mqtt = "embedded://:{free_port()}"\nsite = "home"\n'
            f'[station]\nexercise = "nordic-curl"\nathlete = "p1"\n'
            f'simulated = "thigh+force"\nspeed = {speed}\n'
        )
        self._log = home.parent / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "ECCENTRA_HOME": str(self.home)}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "eccentra", "up"],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def wait_for(self, text: str, times: int, timeout_s: float = 40.0) -> None:
        end = time.monotonic() + timeout_s
        while self.log().count(text) < times:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def kill_and_compare(tmp_path: Path, kills: int, seed: int, speed: float) -> None:
    """What the hub has in the end is what the session's file says when it is replayed."""
    rng = random.Random(seed)
    up = Up(tmp_path / "home", speed)
    try:
        for number in range(kills):
            up.start()
            up.wait_for(
                "started: nordic-curl" if number == 0 else "goes on after an interruption", max(1, number)
            )
            time.sleep(rng.uniform(0.3, 2.0))
            up.kill()
        up.start()
        up.wait_for("goes on after an interruption", kills)
        time.sleep(1.0)
        assert up.end() == 130, up.log()
        (path,) = (up.home / "sessions").glob("*.eccentra")
        with Recording(path) as recording:
            events = Session(recording.header).feed_many(recording.inputs())
        if stored(up.home, path.stem) != len(events):
            # killed with events on their way: the next start asks for them
            up.start()
            end = time.monotonic() + 40
            while stored(up.home, path.stem) != len(events):
                assert time.monotonic() < end, up.log()
                time.sleep(0.1)
            up.end()
        assert stored(up.home, path.stem) == len(events)
    finally:
        up.close()


def stored(home: Path, session: str) -> int:
    results = open_store(f"sqlite:///{home / 'results.sqlite'}")
    try:
        with results.read() as connection:
            return int(
                connection.execute(select(func.count()).where(tables.event.c.session == session)).scalar()
                or 0
            )
    finally:
        results.close()


@pytest.mark.long
def test_nothing_is_lost_by_a_kill(tmp_path: Path) -> None:
    kill_and_compare(tmp_path, kills=1, seed=3, speed=4.0)


@pytest.mark.long
def test_nothing_is_lost_by_many_kills(tmp_path: Path) -> None:
    kill_and_compare(tmp_path, kills=8, seed=4, speed=2.0)
