from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest
from cli_parts import curls, eccentra, files

from eccentra.events import Metric, RepCompleted
from eccentra.export.csvtables import csv_files
from eccentra.export.record import record_of
from eccentra.export.stored import stored_of
from eccentra.store.database import open_store
from eccentra.store.decisions import answer, keep_decision
from eccentra.store.people import Person, Said, put_person, take_report
from eccentra.store.taking import read_event, take_events
from results import EVENTS, payloads

OUTPUT = {
    "row": 9,
    "action": "HOLD",
    "steps": 0,
    "axis": None,
    "provisional": False,
    "locked": False,
    "needs_approval": True,
    "modifiers": ["M1"],
    "limits": ["H5", "H6"],
    "evidence": "judgement",
    "reason": "too little, yet",
    "next_prescription": None,
}


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def filled(path: Path) -> str:
    """A database with a session, a report of the next morning and a decision; gives its URL."""
    import datetime as dt

    url = f"sqlite:///{path}"
    store = open_store(url)
    with store.write() as connection:
        put_person(
            connection,
            Person(id="p1", mode="clinic", profile="acute_strain", stage=3, since=dt.date(2026, 3, 1)),
        )
        take_events(connection, [read_event(one) for one in payloads()])
        take_report(
            connection,
            "q1",
            "p1",
            Said(pain=1.0, soreness=3.0, note="=1+1"),
            kind="next_morning",
            at_us=1_774_080_000_000_000,
            session="s1",
        )
        kept = keep_decision(
            connection,
            "p1",
            "nordic-curl",
            "{}",
            OUTPUT,
            at_us=1_774_080_000_000_001,
            session="s1",
            version="1",
        )
        assert kept is not None
        answer(connection, "a1", kept.id, "refuse", who="t1", role="therapist", at_us=1_774_080_100_000_000)
    store.close()
    return url


def test_all_tables_of_a_person(tmp_path: Path) -> None:
    url = filled(tmp_path / "results.sqlite")
    out = tmp_path / "out"
    done = eccentra("export", "--athlete", "p1", "--to", "csv", "--out", out, "--store", url)
    assert done.exit_code == 0, done.output
    tables = {path.stem: table(path.read_bytes()) for path in out.iterdir()}
    assert set(tables) == {"sessions", "sets", "repetitions", "reported", "decisions", "dictionary"}
    (session,) = tables["sessions"]
    assert (session["athlete"], session["reps_counted"], session["why_ended"]) == ("p1", "2", "stop")
    assert session["began"] == "2026-03-20T10:00:01.000Z"
    # the second of three was taken back
    assert [(one["rep_index"], one["start_s"], one["tut_s"]) for one in tables["repetitions"]] == [
        ("1", "10.0", "4.0"),
        ("2", "30.0", "4.0"),
    ]
    (one,) = tables["sets"]
    assert (one["exercise"], one["reps_counted"], one["tut_s"]) == ("nordic-curl", "2", "8.0")
    inside, morning = tables["reported"]
    assert (inside["kind"], inside["pain"], inside["session"]) == ("session", "2.0", "s1")
    assert (morning["kind"], morning["soreness"], morning["pain"]) == ("next_morning", "3.0", "1.0")
    assert morning["note"] == "'=1+1", "a table program would compute it"
    (decision,) = tables["decisions"]
    assert (decision["row"], decision["limits"], decision["answer"]) == ("9", "H5;H6", "refuse")
    assert all((path.stat().st_mode & 0o077) == 0 for path in out.iterdir())


def test_dictionary_knows_every_column(tmp_path: Path) -> None:
    store = open_store(filled(tmp_path / "results.sqlite"))
    with store.read() as connection:
        found = stored_of(connection, "p1")
    store.close()
    assert found is not None
    made = csv_files(found.sessions, [], [("p1", one) for one in found.decisions])
    known = {(row["table"], row["column"]): row for row in table(made["dictionary.csv"])}
    for name, content in made.items():
        if name != "dictionary.csv":
            for column in next(csv.reader(io.StringIO(content.decode()))):
                assert known[name.removesuffix(".csv"), column]["meaning"], (name, column)
    assert known["repetitions", "tut_s"]["unit"] == "s"


def test_a_number_that_is_missing_is_an_empty_cell_with_its_reason() -> None:
    missing = Metric(value=None, unit="N", method="peak_20hz", quality="missing")
    events = [
        msgspec.structs.replace(
            one, rep=msgspec.structs.replace(one.rep, metrics={**one.rep.metrics, "peak_n": missing})
        )
        if isinstance(one, RepCompleted)
        else one
        for one in EVENTS
    ]
    from eccentra.export.record import Moment

    moments = [Moment(seq, None, one) for seq, one in enumerate(events, 1)]
    made = csv_files([record_of("s1", moments)])
    row = table(made["repetitions.csv"])[0]
    assert (row["peak_n"], row["doubtful"], row["began"]) == ("", "peak_n=missing", "")


def test_a_session_file_gives_what_analyze_gives(tmp_path: Path) -> None:
    saved, result = tmp_path / "s.eccentra", tmp_path / "s.json"
    options = files(curls("thigh", 2), tmp_path)
    done = eccentra("analyze", "--exercise", "nordic-curl", *options, "--save", saved, "--json", result)
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    assert eccentra("export", saved, "--out", out).exit_code == 0
    document = msgspec.json.decode(result.read_bytes())
    reps = [rep for one in document["sets"] for rep in one["reps"]]
    rows = table((out / "repetitions.csv").read_bytes())
    assert len(rows) == len(reps) == 2
    for row, rep in zip(rows, reps, strict=True):
        assert float(row["start_s"]) == rep["start_s"]
        for name, metric in rep["metrics"].items():
            assert (float(row[name]) if row[name] else None) == metric["value"], name


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give a session file"),
        (["--athlete", "nobody"], "nothing is known"),
        (["--athlete", "p1", "--to", "parquet"], "cannot be written by this version"),
        (["--athlete", "p1", "--to", "xls"], "is no format"),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path: Path, options: list[str], says: str) -> None:
    done = eccentra("export", *options, "--store", f"sqlite:///{tmp_path / 'r.sqlite'}")
    assert done.exit_code == 2
    assert says in done.output
    assert done.output.count("\n") == 1


def test_a_health_record_and_an_activity_for_each_session(tmp_path: Path) -> None:
    url = filled(tmp_path / "results.sqlite")
    for to, names in (("fhir", ["s1.fhir.json"]), ("fit", ["s1.fit"])):
        out = tmp_path / to
        done = eccentra("export", "--athlete", "p1", "--to", to, "--out", out, "--store", url)
        assert done.exit_code == 0, done.output
        assert [path.name for path in out.iterdir()] == names
    made = msgspec.json.decode((tmp_path / "fhir" / "s1.fhir.json").read_bytes())
    said = [one["resource"].get("code", {}).get("text") for one in made["entry"]]
    assert "Pain 0 to 10, the next morning" in said
