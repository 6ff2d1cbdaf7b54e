"""Events to the analysis document: sets, corrections, what was refused, gaps."""

from __future__ import annotations

from eccentra.analysis import SCHEMA, summarise
from eccentra.events import (
    BreakPoint,
    Event,
    Flag,
    Force,
    Metric,
    Phase,
    QualityNoted,
    Reason,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    RepRejected,
    SensorGap,
    SetCompleted,
    SetStarted,
)

S = 1_000_000


def rep(
    set_index: int, index: int, start_s: float, *, valid: bool = True, tut: float | None = 3.0, **more
) -> Repetition:
    start, end = round(start_s * S), round((start_s + 4) * S)
    return Repetition(
        set_index=set_index,
        index=index,
        start_us=start,
        end_us=end,
        decided_us=end,
        valid=valid,
        reasons=() if valid else (Reason.PARTIAL_ROM,),
        phases=(
            Phase(kind="eccentric", start_us=start, end_us=start + 3 * S),
            Phase(kind="return", start_us=start + 3 * S, end_us=end),
        ),
        metrics={
            "tut_s": Metric(
                value=tut, unit="s", method="tut_kinematic_v1", quality="ok" if tut else "missing"
            ),
            "rom_deg": Metric(value=80.0, unit="deg", method="rom_v1"),
        },
        **more,
    )


def done(set_index: int, reps: list[Repetition], asymmetry: float | None = None) -> SetCompleted:
    metrics = (
        {} if asymmetry is None else {"asymmetry_pct": Metric(value=asymmetry, unit="%", method="asym_v1")}
    )
    return SetCompleted(
        t_us=reps[-1].end_us,
        set_index=set_index,
        start_us=reps[0].start_us,
        end_us=reps[-1].end_us,
        decided_us=reps[-1].end_us + 20 * S,
        reps_counted=len(reps),
        reps_valid=sum(one.valid for one in reps),
        metrics=metrics,
    )


def completed(*reps: Repetition) -> list[Event]:
    out: list[Event] = []
    for one in reps:
        out += [
            RepCounted(t_us=one.phases[0].end_us, set_index=one.set_index, index=one.index),
            RepCompleted(t_us=one.end_us, rep=one),
        ]
    return out


def test_nothing_found() -> None:
    assert summarise("squat", []) == {
        "schema": SCHEMA,
        "exercise": "squat",
        "sets": [],
        "rejected": [],
        "quality": {"flags": [], "gaps": [], "notes": [], "mounting": {}},
    }


def test_a_set() -> None:
    point = BreakPoint(lean_deg=35.0, knee_flexion_deg=None, method="m", t_us=2 * S)
    left = Force(peak_n=300.0, mean_n=200.0, impulse_ns=600.0)
    one = rep(
        1, 1, 1.0, break_point=point, force_left=left, confidence=0.9, flags=(Flag.SHANK_ASSUMED_FIXED,)
    )
    two = rep(1, 2, 6.0, valid=False)
    found = summarise(
        "nordic-curl", [SetStarted(t_us=S, set_index=1), *completed(one, two), done(1, [one, two], 12.5)]
    )
    (only,) = found["sets"]
    assert (only["start_s"], only["end_s"]) == (1.0, 10.0)
    assert (only["reps_counted"], only["reps_valid"], only["tut_s"], only["asymmetry_pct"]) == (
        2,
        1,
        6.0,
        12.5,
    )
    first, second = only["reps"]
    assert first["index"] == 1
    assert first["phases"] == [
        {"kind": "eccentric", "start_s": 1.0, "end_s": 4.0},
        {"kind": "return", "start_s": 4.0, "end_s": 5.0},
    ]
    assert first["break_point"] == {"lean_deg": 35.0, "knee_flexion_deg": None, "method": "m", "t_s": 2.0}
    assert first["force"] == {"left": {"peak_n": 300.0, "mean_n": 200.0, "impulse_ns": 600.0}, "right": None}
    assert (first["tut_s"], first["tut_controlled_s"], first["rom_deg"]) == (3.0, None, 80.0)
    assert (first["confidence"], first["flags"]) == (0.9, ["shank_assumed_fixed"])
    assert (second["valid"], second["reasons"], second["force"]) == (False, ["partial_rom"], None)


def test_a_repetition_taken_back_is_gone_and_the_rest_renumbered() -> None:
    reps = [rep(1, 1, 1.0), rep(1, 2, 6.0), rep(1, 3, 11.0)]
    amended = RepAmended(t_us=17 * S, set_index=1, index=2, counted=False, reason=Reason.SETUP)
    found = summarise("nordic-curl", [*completed(*reps), amended, done(1, [reps[0], reps[2]], 5.0)])
    (only,) = found["sets"]
    assert [(one["index"], one["start_s"]) for one in only["reps"]] == [(1, 1.0), (2, 11.0)]
    assert only["rejected"] == [{"start_s": 6.0, "end_s": 10.0, "reason": "setup"}]
    assert (only["reps_counted"], only["tut_s"], only["asymmetry_pct"], only["flags"]) == (2, 6.0, 5.0, [])


def test_a_late_correction_makes_totals_unknown_that_cannot_be_made_again() -> None:
    reps = [rep(1, 1, 1.0), rep(1, 2, 6.0)]
    amended = RepAmended(t_us=40 * S, set_index=1, index=2, counted=False)
    found = summarise("nordic-curl", [*completed(*reps), done(1, reps, 5.0), amended])
    (only,) = found["sets"]
    assert (only["end_s"], only["reps_counted"], only["tut_s"]) == (5.0, 1, 3.0)
    assert only["asymmetry_pct"] is None
    assert only["flags"] == ["count_unsure"]


def test_counted_again() -> None:
    one = rep(1, 1, 1.0)
    amended = [RepAmended(t_us=9 * S, set_index=1, index=1, counted=counted) for counted in (False, True)]
    assert summarise("squat", [*completed(one), *amended, done(1, [one])])["sets"][0]["reps_counted"] == 1


def test_a_set_without_repetitions_is_none_but_its_movements_are_kept() -> None:
    one = rep(1, 1, 1.0)
    events = [
        *completed(one),
        RepRejected(
            t_us=8 * S, start_us=7 * S, end_us=8 * S, decided_us=8 * S, reason=Reason.TOO_SMALL, set_index=1
        ),
        RepRejected(t_us=50 * S, start_us=49 * S, end_us=50 * S, decided_us=50 * S, reason=Reason.WALKING),
        RepAmended(t_us=60 * S, set_index=1, index=1, counted=False, reason=Reason.SETUP),
    ]
    found = summarise("squat", events)
    assert found["sets"] == []
    assert [(one["start_s"], one["reason"]) for one in found["rejected"]] == [
        (1.0, "setup"),
        (7.0, "too_small"),
        (49.0, "walking"),
    ]


def test_unknown_tut_is_not_counted_as_zero() -> None:
    reps = [rep(1, 1, 1.0), rep(1, 2, 6.0, tut=None)]
    assert summarise("squat", [*completed(*reps), done(1, reps)])["sets"][0]["tut_s"] is None


def test_quality() -> None:
    events = [
        SensorGap(t_us=3 * S, sensor="thigh", start_us=2 * S, end_us=3 * S),
        QualityNoted(t_us=4 * S, flag=Flag.NO_GYROSCOPE, sensor="thigh", detail="slow movements only"),
        QualityNoted(t_us=5 * S, flag=Flag.NO_GYROSCOPE),
        QualityNoted(t_us=6 * S, flag=Flag.TIME_IRREGULAR, sensor="thigh"),
    ]
    found = summarise("squat", events, ["thigh: a note"])
    assert found["quality"] == {
        "flags": ["no_gyroscope", "time_irregular"],
        "gaps": [{"sensor": "thigh", "start_s": 2.0, "end_s": 3.0, "missing": True}],
        "notes": ["thigh: a note", "thigh: slow movements only"],
        "mounting": {},
    }
