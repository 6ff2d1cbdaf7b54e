"""``eccentra plan simulate``: other rules on the same histories."""

from __future__ import annotations

import re
from pathlib import Path

from cli_parts import eccentra

from eccentra.hub.rehearse import rehearse
from eccentra.simulate.patients import patient
from eccentra.store.database import open_store
from needs import ROOT

THRESHOLDS = (ROOT / "pipelines" / "shared" / "progression.toml").read_text()
PROGRAMME = ROOT / "pipelines" / "programmes" / "mjolsnes-2004.toml"


def tried(tmp_path: Path, old: str, new: str) -> Path:
    assert old in THRESHOLDS
    path = tmp_path / "tried.toml"
    path.write_text(THRESHOLDS.replace(old, new))
    return path


def test_the_same_rules_say_the_same() -> None:
    done = eccentra("plan", "simulate", "--people", "2", "--weeks", "3")
    assert done.exit_code == 0
    assert "\n0 answers differ" in done.stdout


def test_other_thresholds_on_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weeks.sqlite'}"
    store = open_store(url)
    kept = list(rehearse(store, patient("flare", 2, "assisted"), 12))
    store.close()
    path = tried(tmp_path, "next_morning_worse = 2.0", "next_morning_worse = 1.0")
    done = eccentra("plan", "simulate", "--store", url, "--thresholds", path)
    assert f"{len(kept)} decisions" in done.stdout
    counts = re.search(r"  3  REGRESS +(\d+) +(\d+)", done.stdout)
    assert counts is not None
    assert int(counts[2]) > int(counts[1]) > 0
    assert "-> row 3 REGRESS" in done.stdout


def test_another_version_of_a_programme(tmp_path: Path) -> None:
    path = tmp_path / "slower.toml"
    path.write_text(
        PROGRAMME.read_text().replace("week = 2, sessions = 2, sets = 2", "week = 2, sessions = 2, sets = 1")
    )
    url = f"sqlite:///{tmp_path / 'weeks.sqlite'}"
    store = open_store(url)
    list(rehearse(store, patient("responder", 2, "mjolsnes"), 2))
    store.close()
    done = eccentra("plan", "simulate", "--store", url, "--programme", path)
    assert "another prescription" in done.stdout


def test_a_file_that_is_wrong(tmp_path: Path) -> None:
    path = tried(tmp_path, "hold = 4.0", "hold = -4.0")
    done = eccentra("plan", "simulate", "--thresholds", path)
    assert (done.exit_code, "soreness.hold" in done.stderr) == (2, True)
