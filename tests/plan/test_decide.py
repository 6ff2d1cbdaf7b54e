"""The decision table: every row; a to r are the published vectors. Words, and what is asked beyond it."""

from __future__ import annotations

from typing import Any

import pytest
from nominal import both, decided, session

Case = tuple[str, list[dict[str, Any]], dict[str, Any], tuple[int, str]]

VECTORS: list[Case] = [
    ("a first good session", [session()], {}, (17, "HOLD")),
    ("b second good session", both(), {}, (16, "PROGRESS")),
    ("c worse the next morning", [session(5), session(1, pain_24h_change=3)], {}, (3, "REGRESS")),
    ("d side difference twice", both(asymmetry_pct=22), {}, (10, "HOLD")),
    ("e pain above stop", [session(5), session(1, pain_during=6)], {"profile": "tendinopathy"}, (2, "STOP")),
    ("f acceptable pain", both(pain_during=4), {"profile": "tendinopathy"}, (7, "HOLD")),
    ("g lost packets", [session(5), session(1, confidence="low")], {}, (6, "HOLD")),
    ("h pop", [session(5), session(1, pain_during=2, red_flags=["pop"])], {}, (1, "REFER")),
    ("i eighteen days away", [session(22), session(18)], {"days_since_last": 18}, (5, "REGRESS")),
    (
        "j programme's first week",
        [session(1, rpe=6, valid_reps=10)],
        {
            "exercise": "nordic-curl",
            "template": "mjolsnes-2004",
            "template_week": 1,
            "programme_week": 1,
            "target": {"rpe": 6},
            "prescription": {"sets": 2, "reps": 5, "rpe": 6, "frequency_per_week": 1},
        },
        (16, "PROGRESS"),
    ),
    ("k wish for 40 %", both(), {"requested": {"axis": "reps", "change_pct": 40}}, (16, "PROGRESS")),
    ("l side difference once", [session(5), session(1, asymmetry_pct=16)], {}, (16, "PROGRESS")),
    ("m tempo", [session(5), session(1, tempo_adherence=0.6)], {}, (13, "HOLD")),
    ("n too much", [session(5), session(1, dose_ratio=1.35)], {}, (14, "HOLD")),
    ("o too little twice", both(reps_ratio=0.6), {}, (8, "REGRESS")),
    ("p too easy", both(rpe=4), {}, (15, "PROGRESS")),
    ("q side difference 16 twice", both(asymmetry_pct=16), {}, (16, "PROGRESS")),
    ("r painkiller", [session(5), session(1, analgesic_24h=True)], {}, (16, "HOLD")),
    # rows that the published vectors leave out
    ("4 sore", [session(5), session(1, soreness=4)], {}, (4, "HOLD")),
    ("4 very sore", [session(5), session(1, soreness=6)], {}, (4, "REGRESS")),
    ("5 ten days", [session(14), session(10)], {"days_since_last": 10}, (5, "HOLD")),
    ("5 a month", [session(34), session(30)], {"days_since_last": 30}, (5, "REGRESS")),
    ("8 effort", [session(5), session(1, rpe=9)], {}, (8, "REGRESS")),
    ("9 range", [session(5), session(1, rom_ratio=0.79)], {}, (9, "HOLD")),
    ("9 quality twice", both(quality=59), {}, (9, "REGRESS")),
    ("9 severe fault", [session(5), session(1, severe_fault_share=0.31)], {}, (9, "HOLD")),
    ("11 force", [session(5), session(1, force_loss=0.21)], {}, (11, "HOLD")),
    ("11 drift", [session(5), session(1, early_break_drift=True)], {}, (11, "HOLD")),
    ("12 adherence", both(), {"adherence_2w": 0.4}, (12, "HOLD")),
    ("no session", [], {}, (17, "HOLD")),
    ("1 pain above 7 earlier", [session(5, pain_during=7.5), session(1)], {}, (1, "REFER")),
    ("1 morning after", [session(5, pain_24h_change=8), session(1)], {}, (1, "REFER")),
    ("1 weeks", both(), {"weekly_pain_medians": [1, 2, 3]}, (1, "REFER")),
    ("weeks steady", both(), {"weekly_pain_medians": [1, 2, 2.5]}, (16, "PROGRESS")),
    # edges belong to the better side
    ("edge reps", both(reps_ratio=0.7, dose_ratio=0.7), {}, (17, "HOLD")),
    ("edge dose", both(dose_ratio=0.92), {}, (16, "PROGRESS")),
    ("edge dose sum", both(dose_ratio=0.1 + 0.2 + 0.62), {}, (16, "PROGRESS")),
    ("edge rpe", both(rpe=7.5), {}, (16, "PROGRESS")),
    ("edge low", both(pain_during=2), {}, (16, "PROGRESS")),
    ("edge over low", both(pain_during=2.01), {}, (7, "HOLD")),
    ("edge stop", both(pain_during=4), {}, (7, "HOLD")),
    # what is not known is not good
    ("no pain score", [session(5), session(1, pain_during=None)], {}, (17, "HOLD")),
    ("no effort", [session(5), session(1, rpe=None)], {}, (17, "HOLD")),
    ("no quality", [session(5), session(1, quality=None)], {}, (17, "HOLD")),
    ("no dose", [session(5), session(1, dose_ratio=None)], {}, (6, "HOLD")),
    ("older morning", [session(5, pain_24h_change=None), session(1)], {}, (17, "HOLD")),
    ("other level", [session(5, level=1), session(1, level=2)], {}, (17, "HOLD")),
    ("too far apart", [session(9), session(1)], {}, (17, "HOLD")),
    ("a week apart", [session(8), session(1)], {}, (16, "PROGRESS")),
    ("two a day are one", [session(1), session(1)], {}, (17, "HOLD")),
    ("one of two a day bad", [session(5), session(1), session(1, quality=70)], {}, (17, "HOLD")),
    ("low confidence between", [session(5), session(3, confidence="low"), session(1)], {}, (17, "HOLD")),
]


@pytest.mark.parametrize(
    ("sessions", "more", "expected"), [c[1:] for c in VECTORS], ids=[c[0] for c in VECTORS]
)
def test_row_and_action(
    sessions: list[dict[str, Any]], more: dict[str, Any], expected: tuple[int, str]
) -> None:
    out = decided(sessions, **more)
    assert (out.row, out.action) == expected, out.reason
    assert out.locked == (out.row == 1)
    assert out.steps == 0 if out.action in ("HOLD", "REFER") else out.steps >= 1


def test_holds_need_no_range_and_no_quality() -> None:
    out = decided(both(rom_ratio=None, quality=None), exercise="plank", prescription={"sets": 3, "reps": 1})
    assert out.row == 16


def test_few_prescribed_repetitions_are_enough_when_all_are_valid() -> None:
    table = {"sets": 1, "reps": 2, "load_kg": 20.0}
    assert decided(both(valid_reps=2), prescription=table).row == 16
    assert decided(both(valid_reps=2)).row == 6


def test_the_most_cautious_of_the_matching_rows_acts() -> None:
    out = decided([session(5), session(1, pain_during=3, rpe=9.5)])
    assert (out.row, out.action, out.steps) == (7, "REGRESS", 1)
    assert any("row 8" in note for note in out.notes)
    assert out.next_prescription is not None
    assert out.next_prescription["load_kg"] < 40.0


def test_low_confidence_silences_what_was_measured_but_not_the_effort() -> None:
    quiet = decided([session(5, rom_ratio=0.5), session(1, rom_ratio=0.5, confidence="low")])
    assert (quiet.row, quiet.action) == (6, "HOLD")
    hard = decided([session(5), session(1, rpe=9.5, confidence="low")])
    assert (hard.row, hard.action) == (6, "REGRESS")


# -- what is not known, wishes, words -----------------------------------------------------------------------


def test_nothing_is_guessed() -> None:
    out = decided(prescription={})
    assert (out.row, out.action, out.axis, out.next_prescription) == (16, "PROGRESS", None, None)
    two = decided(prescription={"sets": 3, "reps": 5, "load_kg": 10.0, "added_pct_bm": 5.0})
    assert (two.axis, two.next_prescription) == (None, None)


def test_a_negative_wish_is_taken_as_it_is() -> None:
    out = decided(requested={"axis": "load", "change_pct": -25})
    assert out.next_prescription["load_kg"] == 30.0  # type: ignore[index]


def test_a_wish_waits_when_no_step_up_is_due() -> None:
    out = decided([session()], requested={"axis": "load", "change_pct": 5})
    assert out.row == 17
    assert any("wish" in note for note in out.notes)


def test_hold_keeps_the_prescription_and_refer_has_none() -> None:
    assert decided([session()]).next_prescription["load_kg"] == 40.0  # type: ignore[index]
    locked = decided([session(red_flags=["numbness_tingling"])])
    assert locked.next_prescription is None
    assert locked.needs_approval


def test_every_decision_says_what_would_change_it() -> None:
    for name, sessions, more, _ in VECTORS:
        out = decided(sessions, **more)
        assert out.would_change, name
        assert out.reason, name
        assert out.thresholds_version


@pytest.mark.parametrize(
    ("sessions", "more", "first"),
    [
        ([session(5, pain_during=7.5), session(1)], {}, "no session's pain_during had been above 7"),
        ([session(5), session(1, pain_24h_change=9)], {}, "pain_24h_change had been below 8"),
        ([session(5, red_flags=["pop"]), session(1)], {}, "there had been no red flag"),
        (both(), {"weekly_pain_medians": [1, 2, 3]}, "weekly pain had not risen by 1 twice in a row"),
        ([session(5), session(1, pain_during=5)], {}, "pain_during had been at most 4"),
        ([session(5), session(1, pain_24h_change=3)], {}, "pain_24h_change had been below 2"),
        ([session(5), session(1, soreness=5)], {}, "soreness had been"),
        ([session(22), session(18)], {"days_since_last": 18}, "days_since_last had been above 21"),
        ([session(30), session(26)], {"days_since_last": 26}, "days_since_last had been at most 21"),
        ([session(5), session(1, valid_reps=2)], {}, "valid_reps had been at least 3"),
        ([session(5), session(1, confidence="low")], {}, "the data had been sound"),
        (both(pain_during=3), {}, "pain_during had been"),
        (both(reps_ratio=0.6), {}, "reps_ratio had been at least 0.7"),
        (both(quality=59), {}, "quality had been at least 60"),
        (both(asymmetry_pct=22), {}, "asymmetry_pct had been below 20"),
        ([session(5), session(1, force_loss=0.3)], {}, "force_loss had been at most 0.2"),
        (both(), {"adherence_2w": 0.1}, "adherence_2w had been at least 0.5"),
        ([session(5), session(1, tempo_adherence=0.4)], {}, "tempo_adherence had been at least 0.8"),
        ([session(5), session(1, dose_ratio=2.0)], {}, "dose_ratio had been at most 1.2"),
        (both(analgesic_24h=True), {}, "no painkiller had been taken"),
        (both(), {"load_steps_7d": 2}, "load_steps_7d had been below 2"),
        (both(), {"programme_week": 1}, "programme_week had been above 2"),
    ],
)
def test_what_would_change_begins_with_the_rows_own_threshold(
    sessions: list[dict[str, Any]], more: dict[str, Any], first: str
) -> None:
    assert decided(sessions, **more).would_change[0].condition.startswith(first)


def test_reasons_begin_with_the_words_of_the_row() -> None:
    assert decided(both(asymmetry_pct=22)).reason.startswith("Left does less")
    assert "match the tempo" in decided([session(5), session(1, tempo_adherence=0.6)]).reason
    assert decided().reason.startswith("Two good sessions: next step")


# -- what is asked beyond the table -------------------------------------------------------------------------


def test_a_stop_says_what_comes_next_and_a_lock_who_decides() -> None:
    stop = decided([session(5), session(1, pain_during=5)])
    assert stop.action == "STOP"
    assert "for today" in stop.reason
    assert "next time one step easier in load" in stop.reason
    assert stop.next_prescription is not None
    assert stop.next_prescription["load_kg"] == 38.0
    lock = decided([session(red_flags=["pop"])])
    assert "until a therapist unlocks it" in lock.reason


@pytest.mark.parametrize(
    ("table", "axis", "changed"),
    [
        ({"load_kg": 40.0}, "load", {"load_kg": 38.0}),
        ({"load_kg": 0.0}, "reps", {"reps": 4}),
        ({"load_kg": 0.0, "sets": 1, "reps": 1, "rom_target_deg": 90.0}, "rom", {"rom_target_deg": 81.0}),
        ({"load_kg": 0.0, "sets": 1, "reps": 1}, "variant", {"variant": "glute-bridge"}),
    ],
)
def test_a_step_down_takes_load_then_repetitions_then_range_then_variant(
    table: dict[str, Any], axis: str, changed: dict[str, Any]
) -> None:
    out = decided([session(5), session(1, pain_24h_change=2)], prescription={"sets": 4, "reps": 6, **table})
    assert (out.action, out.axis) == ("REGRESS", axis)
    assert out.next_prescription is not None
    assert out.next_prescription.items() >= changed.items()


@pytest.mark.parametrize(
    "flag",
    [
        "pop", "cannot_bear_weight", "bruise_or_gap", "numbness_tingling", "radiating_pain", "weakness",
        "saddle_bladder_bowel", "calf_swelling", "chest_pain_fainting_breathless", "rhabdo_signs",
        "fever_unwell", "night_pain", "something else",
    ],
)  # fmt: skip
@pytest.mark.parametrize("which", [0, 1])
def test_every_known_red_flag_locks(flag: str, which: int) -> None:
    sessions = both()
    sessions[which]["red_flags"] = [flag]
    out = decided(sessions)
    assert (out.row, out.action, out.locked, out.next_prescription) == (1, "REFER", True, None)
    assert out.reason.startswith("Stop. Contact your clinician")


def test_no_decision_changes_the_stage() -> None:
    for name, sessions, more, _ in VECTORS:
        table = decided(sessions, **more, stage=2).next_prescription or {}
        assert "stage" not in table, name


@pytest.mark.parametrize("name", ["pain_during", "rpe", "reps_ratio", "dose_ratio", "quality", "rom_ratio"])
@pytest.mark.parametrize("which", [0, 1])
def test_what_nobody_said_is_not_good(name: str, which: int) -> None:
    sessions = both()
    sessions[which][name] = None
    out = decided(sessions)
    assert out.action == "HOLD"
    assert out.row in (6, 17)
