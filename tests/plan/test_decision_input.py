"""Impossible input is refused with its key path, and a red flag is never lost behind a typing mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest
from nominal import raw, session
from typer.testing import CliRunner

from eccentra.cli import app
from eccentra.errors import PlanError
from eccentra.plan.decide import decide
from eccentra.plan.decision_input import RED_FLAG_FIRST, parse_decision_input, read_decision_input

IN_SESSION: list[tuple[str, Any]] = [
    ("pain_during", 11),
    ("pain_during", -1),
    ("pain_during", float("nan")),
    ("pain_during", True),
    ("pain_during", "3"),
    ("pain_24h_change", 10.5),
    ("soreness", float("inf")),
    ("reps_ratio", 5.1),
    ("dose_ratio", -0.1),
    ("rom_ratio", 2.1),
    ("tempo_adherence", 1.1),
    ("severe_fault_share", -0.1),
    ("force_loss", 1.5),
    ("asymmetry_pct", 101),
    ("asymmetry_side", "both"),
    ("quality", 100.5),
    ("rpe", 10.5),
    ("hours_since", -1),
    ("valid_reps", -1),
    ("valid_reps", 2.5),
    ("confidence", "good"),
    ("red_flags", [""]),
    ("date", "2026-02-30"),
    ("date", "2027-01-01T10:00:00"),
]
AT_TOP: list[tuple[str, Any]] = [
    ("schema", "eccentra.decision-input/2"),
    ("mode", "home"),
    ("profile", "shoulder"),
    ("stage", 5),
    ("exercise", "bench-press"),
    ("template", "mjolsnes-1904"),
    ("days_since_last", -1),
    ("adherence_2w", 2.1),
    ("target", {}),
    ("requested", {"axis": "weight"}),
    ("requested", {"axis": "load", "change_pct": -101}),
    ("requested", {"axis": "load", "change_pct": 1001}),
    ("sessions", None),
    ("sessions", [session(i) for i in range(1001, 0, -1)]),
    ("prescription", {"pain_limits": {"low": 2, "stop": 6}}),
    ("prescription", {"pain_limits": {"low": 5, "stop": 4}}),
    ("prescription", {"load_kg": -1}),
    ("prescription", {"sets": 10**400}),
    ("days_since_last", 4),
    ("plate_step_kg", 0),
    ("load_steps_7d", -1),
]


def refused(document: Any) -> str:
    with pytest.raises(PlanError) as caught:
        decide(parse_decision_input(document, "IN.json"))
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 900
    return text


@pytest.mark.parametrize(("key", "value"), IN_SESSION)
def test_an_impossible_value_of_a_session(key: str, value: object) -> None:
    text = refused(raw([session(5), session(1, **{key: value})]))
    assert f"sessions[1].{key}" in text
    assert not text.startswith(RED_FLAG_FIRST)


@pytest.mark.parametrize(("key", "value"), AT_TOP, ids=[f"{k}-{n}" for n, (k, _) in enumerate(AT_TOP)])
def test_an_impossible_value_at_the_top(key: str, value: object) -> None:
    document = raw()
    document[key] = value
    if key == "template":
        document["template_week"] = 1
    text = refused(document)
    assert key in text or "template" in text


@pytest.mark.parametrize(
    "key", ["mode", "profile", "stage", "exercise", "days_since_last", "prescription", "target"]
)
def test_a_missing_key(key: str) -> None:
    document = raw()
    del document[key]
    assert key in refused(document)


def test_dates_that_go_back() -> None:
    assert "sessions[1].date" in refused(raw([session(1), session(5)]))


@pytest.mark.parametrize("flag", ["pop", "something new"])
def test_a_red_flag_comes_first_in_a_refusal(flag: str) -> None:
    assert refused(raw([session(1, pain_during=99, red_flags=[flag])])).startswith(RED_FLAG_FIRST)
    assert refused(raw([session(1, quality=101, pain_during=8)])).startswith(RED_FLAG_FIRST)
    text = json.dumps(raw([session(1, red_flags=[flag])]))[:-3]
    with pytest.raises(PlanError) as caught:
        read_decision_input(text.encode(), "IN.json")
    assert str(caught.value).startswith(RED_FLAG_FIRST)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'{"schema": 3}'])
def test_no_document(data: bytes) -> None:
    with pytest.raises(PlanError):
        read_decision_input(data, "IN.json")


def test_unknown_keys_are_noted_and_ignored() -> None:
    document = raw([session(1, mood=3)], weather="fine")
    notes = decide(parse_decision_input(document, "IN.json")).notes
    assert any("weather" in note for note in notes)
    assert any("mood" in note for note in notes)


def test_the_command_writes_the_decision_or_one_line(tmp_path: Any) -> None:
    runner = CliRunner()
    good, bad, out = tmp_path / "in.json", tmp_path / "bad.json", tmp_path / "out.json"
    good.write_text(json.dumps(raw()))
    done = runner.invoke(app, ["plan", "decide", "--input", str(good), "--json", str(out)])
    assert done.exit_code == 0, done.output
    document = json.loads(out.read_text())
    assert document["schema"] == "eccentra.decision/1"
    assert (document["row"], document["action"]) == (16, "PROGRESS")
    assert set(document["would_change"][0]) == {"if", "then"}
    out.unlink()
    bad.write_text(json.dumps(raw([session(1, rpe=11, red_flags=["pop"])])))
    failed = runner.invoke(app, ["plan", "decide", "--input", str(bad), "--json", str(out)])
    assert failed.exit_code == 2
    assert failed.output.startswith("red flag present: stop and contact your clinician")
    assert "sessions[0].rpe" in failed.output
    assert not out.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"exercise": "cartwheel"},
        {"template": "mine", "template_week": 1},
        {"template": "mjolsnes-2004", "template_week": 1},
        {"template": "hsr-12-weeks"},
    ],
)
def test_a_red_flag_comes_first_whatever_else_is_unknown(wrong: dict[str, Any]) -> None:
    document = raw([session(1, red_flags=["pop"])], **wrong)
    with pytest.raises(PlanError, match=r"^red flag present: stop and contact your clinician; "):
        decide(parse_decision_input(document, "IN.json"))
    with pytest.raises(PlanError) as caught:
        decide(parse_decision_input(raw(**wrong), "IN.json"))
    assert "red flag" not in str(caught.value)


def test_a_number_without_decimals_is_whole_however_it_is_written() -> None:
    whole, written = (raw([session(5), session(1, valid_reps=reps)]) for reps in (24, 24.0))
    assert decide(parse_decision_input(written, "IN.json")) == decide(parse_decision_input(whole, "IN.json"))
    with pytest.raises(PlanError, match=r"sessions\[1\].valid_reps"):
        parse_decision_input(raw([session(5), session(1, valid_reps=24.5)]), "IN.json")
