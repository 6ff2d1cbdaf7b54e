from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from eccentra.errors import InputError
from eccentra.exercises import load_exercise
from eccentra.profiles import SensorSetup, load_profile
from eccentra.recording import Recorder
from eccentra.session import Header, Settings
from eccentra.station.forgetting import erase_mentions, erase_sessions, recorded_sessions, still_named

WHO, OTHER = "q7f3a9c2e5d8b1k4", "z1m8n2c6v4x0l9p3"


def record(folder: Path, session: str, athlete: str | None) -> Path:
    path = folder / f"{session}.eccentra"
    sensor = SensorSetup(sensor="thigh", profile=load_profile("recorded-csv"), placement="thigh")
    header = Header(
        session=session,
        exercise=load_exercise("nordic-curl"),
        sensors=(sensor,),
        software="0.1.0",
        settings=Settings(athlete=athlete),
    )
    Recorder(path, header).close()
    return path


def test_session_files_of_the_person_go(tmp_path: Path) -> None:
    theirs = record(tmp_path, "s-1", WHO)
    theirs.with_name("s-1.eccentra-wal").write_bytes(WHO.encode())
    noted = record(tmp_path, "s-2", None)
    others = record(tmp_path, "s-3", OTHER)
    for damaged in (record(tmp_path, "s-4", WHO), record(tmp_path, "s-5", OTHER)):
        damaged.write_bytes(b"overwritten here" + damaged.read_bytes()[16:])
    sessions = recorded_sessions(tmp_path, WHO)
    assert sessions == {"s-1"}
    # the database knew of another one
    assert erase_sessions(tmp_path, WHO, sessions | {"s-2"}) == 3
    assert not noted.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, "s-5.eccentra"]
    assert erase_sessions(tmp_path, WHO, recorded_sessions(tmp_path, WHO)) == 0


def test_other_files_are_told_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "note.txt").write_text(f"about {WHO}.")
    (tmp_path / "longer.txt").write_text(f"about {WHO}x and x{WHO}")
    (tmp_path / "empty").write_text("")
    assert still_named(tmp_path, WHO) == ("a/note.txt",)


TOML = f"""\
# people of this clinic
schema = 1

[people]
{WHO} = "Ann"   # {WHO}
"{OTHER}" = "Bea"

[people_more.{WHO}]
phone = "1"

[[card]]
id = "{WHO}"
since = 2026

[[card]]
id = "{OTHER}"

[station]
athlete = "{WHO}"
exercise = "nordic-curl"
"""


def test_mentions_in_settings_go_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "people.toml"
    path.write_text(TOML)
    assert erase_mentions(path, WHO) == 9
    assert WHO not in path.read_text()
    assert tomllib.loads(path.read_text()) == {
        "schema": 1,
        "people": {OTHER: "Bea"},
        "card": [{"id": OTHER}],
        "station": {"exercise": "nordic-curl"},
    }
    assert path.stat().st_mode & 0o077 == 0
    assert erase_mentions(path, WHO) == 0
    assert erase_mentions(tmp_path / "none.toml", WHO) == 0


@pytest.mark.parametrize("text", [f'all = [\n"{WHO}",\n"{OTHER}"]\n', f'x = {{ id = "{WHO}" }}\n'])
def test_what_is_written_in_another_way_is_left_to_a_human(tmp_path: Path, text: str) -> None:
    path = tmp_path / "people.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="by hand"):
        erase_mentions(path, WHO)
    assert path.read_text() == text
