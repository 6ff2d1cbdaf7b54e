"""What comes after the row: modifiers, hard limits, breaks, and programmes of weeks."""

from __future__ import annotations

from typing import Any

import pytest
from nominal import both, decided, session

# -- modifiers ----------------------------------------------------------------------------------------------


def test_m1_a_side_difference_twice_asks_for_approval_in_every_mode() -> None:
    out = decided(both(asymmetry_pct=16), mode="prevention")
    assert (out.row, out.action, out.modifiers, out.needs_approval) == (16, "PROGRESS", ("M1",), True)
    assert not decided(mode="prevention").needs_approval


@pytest.mark.parametrize("which", [0, 1])
def test_m2_a_painkiller_before_either_session_holds(which: int) -> None:
    sessions = both()
    sessions[which]["analgesic_24h"] = True
    out = decided(sessions)
    assert (out.row, out.action, out.steps, out.modifiers) == (16, "HOLD", 0, ("M2",))
    assert not out.needs_approval


def test_m3_is_provisional_until_the_next_morning_and_then_holds() -> None:
    waiting = decided([session(5), session(1, pain_24h_change=None)])
    assert (waiting.row, waiting.action, waiting.provisional) == (16, "PROGRESS", True)
    assert "M3" in waiting.modifiers
    late = decided([session(6), session(2, pain_24h_change=None)], days_since_last=2)
    assert (late.row, late.action, late.provisional, late.modifiers) == (16, "HOLD", False, ("M3",))


def test_m4_the_clinic_approves_and_the_athlete_alone_in_prevention() -> None:
    assert decided().modifiers == ("M4",)
    assert decided().needs_approval
    assert decided(mode="prevention").modifiers == ()
    assert decided(mode="prevention", profile="acute_strain").needs_approval


# -- limits -------------------------------------------------------------------------------------------------


def test_h3_an_external_load_grows_by_five_percent() -> None:
    out = decided()
    assert out.axis == "load"
    assert out.next_prescription == {
        "sets": 4,
        "reps": 6,
        "load_kg": 42.0,
        "rpe": 7,
        "frequency_per_week": 2,
    }
    wish = {"axis": "load", "change_pct": 30}
    assert decided(requested=wish).next_prescription["load_kg"] == 44.0  # type: ignore[index]
    alone = decided(requested=wish, mode="prevention")
    assert alone.next_prescription["load_kg"] == 42.0  # type: ignore[index]
    assert alone.limits == ("H3",)


def test_h3_the_smallest_plate_may_be_more_and_then_needs_approval() -> None:
    out = decided(mode="prevention", plate_step_kg=5.0)
    assert out.next_prescription["load_kg"] == 45.0  # type: ignore[index]
    assert out.needs_approval
    assert decided(plate_step_kg=1.0).next_prescription["load_kg"] == 42.0  # type: ignore[index]
    # two plates of 1.25 kg are 6.25 %; two of 2.5 kg would be more than the 10 % that are ever allowed
    assert decided(plate_step_kg=1.25).next_prescription["load_kg"] == 42.5  # type: ignore[index]
    wish = decided(plate_step_kg=2.5, requested={"axis": "load", "change_pct": 10})
    assert wish.next_prescription["load_kg"] == 42.5  # type: ignore[index]


@pytest.mark.parametrize(
    ("load", "after"),
    [
        ({"assistance_pct_bm": 20.0}, {"assistance_pct_bm": 15.0}),
        ({"added_pct_bm": 2.5}, {"added_pct_bm": 5.0}),
        ({"slope_deg": 20.0}, {"slope_deg": 10.0}),
    ],
)
def test_h4_steps_of_a_nordic_curl(load: dict[str, float], after: dict[str, float]) -> None:
    table = {"sets": 3, "reps": 6, **load}
    out = decided(exercise="nordic-curl", prescription=table)
    assert out.axis == "load"
    assert out.next_prescription == {**table, **after}
    wish = decided(exercise="nordic-curl", prescription=table, requested={"axis": "load", "change_pct": 50.0})
    assert wish.limits == ("H4",)
    assert wish.next_prescription == {**table, **after}


def test_h4_at_the_end_of_its_scale_the_variant_changes() -> None:
    out = decided(
        exercise="nordic-curl-assisted", prescription={"sets": 3, "reps": 6, "assistance_pct_bm": 0.0}
    )
    assert out.axis == "variant"
    assert out.next_prescription["variant"] == "nordic-curl-inclined"  # type: ignore[index]


def test_h5_weekly_repetitions_grow_by_a_fifth_or_a_set() -> None:
    out = decided(requested={"axis": "reps", "change_pct": 40})
    assert out.limits == ("H5",)
    assert out.next_prescription["sets"] * out.next_prescription["reps"] == 30  # type: ignore[index]
    small = decided(requested={"axis": "reps", "change_pct": 20})
    assert small.limits == ()
    assert small.next_prescription["reps"] == 7  # type: ignore[index]


def test_a_small_wish_for_repetitions_need_not_be_alike_in_all_sets() -> None:
    out = decided(requested={"axis": "reps", "change_pct": 10})
    assert (out.row, out.limits) == (16, ())
    assert out.next_prescription["reps"] == [7, 7, 6, 6]  # type: ignore[index]
    none = decided(requested={"axis": "reps", "change_pct": 2})
    assert (none.row, none.limits) == (17, ("H5",))


def test_without_a_load_to_raise_the_next_axis_of_the_exercise_is_taken() -> None:
    table = {"sets": 5, "reps": 1, "load_kg": 0.0, "tempo_s": [0, 30, 0, 0]}
    out = decided(both(rom_ratio=None, quality=None), exercise="bridge-hold", prescription=table)
    assert (out.row, out.axis) == (16, "reps")
    assert out.next_prescription == {**table, "sets": 6}


def test_in_a_programmes_first_weeks_the_ceiling_is_the_target() -> None:
    early = {**PROGRAMME, "template_week": 1, "target": {"rpe": 7}}
    assert decided(both(rpe=5), **early).row == 16
    assert decided(both(rpe=4), **early).row == 15
    assert decided(both(rpe=5), **{**early, "template_week": 3}).row == 15


def test_h6_warns_only() -> None:
    out = decided([session(2, hours_since=40.0), session(1, hours_since=20.0)])
    assert out.action == "PROGRESS"
    assert any(note.startswith("H6") for note in out.notes)


def test_h7_two_load_steps_a_week_are_enough() -> None:
    out = decided(load_steps_7d=2)
    assert (out.row, out.action, out.limits) == (17, "HOLD", ("H7",))
    unknown = decided(load_steps_7d=None, mode="prevention")
    assert unknown.action == "PROGRESS"
    assert unknown.needs_approval
    assert any(note.startswith("H7") for note in unknown.notes)


def test_h8_the_first_weeks_are_gentle() -> None:
    assert decided(programme_week=2).limits == ("H8",)
    assert decided(programme_week=2).row == 17
    assert decided(both(rpe=6), programme_week=2).row == 16
    assert decided(programme_week=3).row == 16
    faster = decided(both(rpe=6), programme_week=1, requested={"axis": "load", "change_pct": 10})
    assert faster.limits == ("H8",)
    assert faster.next_prescription["load_kg"] == 42.0  # type: ignore[index]


def test_h9_h10_h11_are_named_with_their_rows() -> None:
    assert decided([session(14), session(10)], days_since_last=10).limits == ("H9",)
    assert decided([session(5), session(1, soreness=5)]).limits == ("H10",)
    assert decided([session(5), session(1, confidence="low")]).limits == ("H11",)


def test_h13_hip_flexed_loading_waits_for_stage_three() -> None:
    early = decided(exercise="single-leg-rdl", profile="tendinopathy", stage=2)
    assert (early.row, early.limits) == (17, ("H13",))
    assert decided(exercise="single-leg-rdl", profile="tendinopathy", stage=3).row == 16
    assert decided(exercise="single-leg-rdl", profile="prevention", stage=2).row == 16
    assert decided(profile="tendinopathy", stage=1).row == 16


# -- breaks and programmes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "steps"), [(8, 0), (14, 0), (15, 1), (21, 1), (22, 2)])
def test_a_break_costs_steps(days: int, steps: int) -> None:
    out = decided([session(days + 4), session(days)], days_since_last=days)
    assert (out.row, out.steps) == (5, steps)
    if steps:
        assert out.next_prescription["load_kg"] == 40.0 * (1 - 0.05 * steps)  # type: ignore[index]


@pytest.mark.parametrize(
    ("days", "taken", "action", "steps"),
    [
        (18, 1, "HOLD", 0),
        (22, 1, "REGRESS", 1),
        (22, 2, "HOLD", 0),
        (18, 0, "REGRESS", 1),
        (10, 1, "HOLD", 0),
    ],
)
def test_a_break_is_answered_once(days: int, taken: int, action: str, steps: int) -> None:
    out = decided([session(days + 4), session(days)], days_since_last=days, steps_down_since_last=taken)
    assert (out.row, out.action, out.steps) == (5, action, steps)
    assert out.next_prescription is not None
    assert out.next_prescription["load_kg"] == 40.0 * (1 - 0.05 * steps)


def test_what_was_seen_in_a_session_is_answered_once() -> None:
    bad = [session(5), session(1, pain_24h_change=3, pain_during=5)]
    assert decided(bad).action == "STOP"
    again = decided(bad, steps_down_since_last=1)
    assert (again.row, again.action, again.steps) == (2, "HOLD", 0)
    assert any("already" in note for note in again.notes)


def test_right_after_a_step_nothing_is_known_of_the_new_level() -> None:
    out = decided(both(level=3), level=4)
    assert (out.row, out.action) == (17, "HOLD")
    assert "no session at this level yet" in out.reason
    one = decided([session(5, level=3), session(1, level=4)], level=4)
    assert "one good session at this level" in one.reason
    assert decided(both(level=4), level=4).row == 16


def test_once_a_week_is_no_break_after_ten_days() -> None:
    weekly = {"sets": 1, "reps": 5, "added_pct_bm": 0.0, "frequency_per_week": 1}
    sessions = [session(16), session(10)]
    assert decided(sessions, days_since_last=10, prescription=weekly).row == 16
    later = [session(17), session(11)]
    assert decided(later, days_since_last=11, prescription=weekly).row == 5


PROGRAMME: dict[str, Any] = {
    "exercise": "nordic-curl",
    "template": "mjolsnes-2004",
    "prescription": {"sets": 2, "reps": 6, "frequency_per_week": 2},
}


def test_a_programme_goes_week_by_week() -> None:
    out = decided(both(rpe=6), **PROGRAMME, template_week=1)
    assert (out.row, out.axis, out.limits) == (16, "reps", ())
    assert out.next_prescription == {"sets": 2, "reps": 6, "frequency_per_week": 2.0}
    ramp = decided(**PROGRAMME, template_week=4)
    assert ramp.next_prescription["reps"] == [12, 10, 8]  # type: ignore[index]
    assert decided(**PROGRAMME, template_week=4, template_week_done=False).row == 17
    same = decided(**PROGRAMME, template_week=7)
    assert any("week 8 of the programme asks for the same" in note for note in same.notes)


def test_a_programme_goes_back_a_week_or_to_its_beginning() -> None:
    back = decided([session(5), session(1, pain_24h_change=2)], **PROGRAMME, template_week=3)
    assert back.next_prescription["frequency_per_week"] == 2  # type: ignore[index]
    restart = decided([session(34), session(30)], **PROGRAMME, template_week=5, days_since_last=30)
    assert (restart.steps, restart.next_prescription["reps"]) == (2, 5)  # type: ignore[index]
    # a week back was taken on the way: the beginning is where it ends all the same
    later = decided(
        [session(34), session(30)], **PROGRAMME, template_week=4, days_since_last=30, steps_down_since_last=1
    )
    assert (later.steps, later.next_prescription["reps"]) == (2, 5)  # type: ignore[index]


def below(reps: Any, sets: int = 3, week: int = 8) -> dict[str, Any]:
    """Less than the programme's week asks, as steps down leave it."""
    table = {"sets": sets, "reps": reps, "frequency_per_week": 3}
    return {**PROGRAMME, "prescription": table, "template_week": week, "below_programme": True}


@pytest.mark.parametrize(
    ("reps", "then", "week", "limits"),
    [([5, 4, 3], [7, 5, 4], 3, ("H5",)), ([7, 5, 4], 6, 3, ()), (6, 8, 4, ()), (8, [12, 10, 8], 5, ())],
)
def test_after_steps_down_the_way_back_goes_by_steps(
    reps: Any, then: Any, week: int, limits: tuple[str, ...]
) -> None:
    out = decided(**below(reps))
    assert (out.row, out.steps, out.limits) == (16, 1, limits)
    assert out.next_prescription["reps"] == then  # type: ignore[index]
    assert f"on the way back to week {week} of the programme" in out.notes


def test_few_long_holds_do_not_become_many_at_once() -> None:
    """2 holds of 45 s are 60 % of 5 of 30 s by time, but 40 % by number; one set may double."""
    table = {"sets": 1, "reps": 2, "frequency_per_week": 7, "tempo_s": [0.0, 45.0, 0.0, 0.0]}
    stages = {
        "template": "tendinopathy-stages",
        "profile": "tendinopathy",
        "exercise": "long-lever-bridge-hold",
    }
    out = decided(**stages, template_week=9, below_programme=True, prescription=table)
    after = out.next_prescription
    assert after is not None
    assert (out.row, out.limits) == (16, ("H5",))
    assert after["sets"] * after["reps"] <= 4
    assert after["sets"] * after["reps"] * after["tempo_s"][1] > 90.0


def test_all_of_the_week_again_is_no_way_back() -> None:
    out = decided(**below([12, 10, 8]))
    assert any("week 9 of the programme" in note for note in out.notes)
    # the weeks of so many repetitions at most go by their load
    hsr = {"template": "hsr-12-weeks", "template_week": 6, "target": {"rpe": 8}, "profile": "tendinopathy"}
    assert not any("way back" in note for note in decided(both(rpe=8), **hsr, below_programme=True).notes)


@pytest.mark.parametrize("week", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("reps", [[5, 4, 3], [3, 3, 2], [9, 8, 6]])
def test_a_step_down_in_a_programme_is_never_more(reps: list[int], week: int) -> None:
    out = decided([session(5), session(1, pain_24h_change=2)], **below(reps, week=week))
    table = out.next_prescription
    assert table is not None
    after = sum(table["reps"]) if isinstance(table["reps"], list) else table["sets"] * table["reps"]
    assert after * table["frequency_per_week"] < sum(reps) * 3


def test_after_the_last_week_load_or_variant_follows() -> None:
    table = {"sets": 3, "reps": [12, 10, 8], "added_pct_bm": 0.0}
    out = decided(**{**PROGRAMME, "prescription": table}, template_week=10)
    assert out.next_prescription["added_pct_bm"] == 2.5  # type: ignore[index]


def test_effort_by_rm_may_be_nine() -> None:
    hsr = {"template": "hsr-12-weeks", "template_week": 6, "target": {"rpe": 8}, "profile": "tendinopathy"}
    assert decided(both(rpe=9), **hsr).row == 16
    assert decided(both(rpe=9.5), **hsr).row == 17
    assert decided(both(rpe=10), **hsr).row == 8
    assert decided(both(rpe=8), **hsr).row == 16


def test_a_programme_only_tightens_pain_limits() -> None:
    out = decided(
        both(pain_during=1),
        exercise="askling-diver",
        template="askling-l",
        template_week=3,
        profile="acute_strain",
    )
    assert out.row == 2


def test_own_pain_limits_come_before_the_profile() -> None:
    table = {"sets": 3, "reps": 6, "load_kg": 20.0, "pain_limits": {"low": 0, "stop": 1}}
    assert decided(both(pain_during=2), prescription=table).row == 2
