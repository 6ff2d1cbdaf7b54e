from __future__ import annotations

import datetime as dt
import io
from typing import Any

import msgspec
import pytest

from eccentra.errors import InputError
from eccentra.events import Event, ExerciseChanged, Metric, RepCompleted, SessionEnded, SetCompleted
from eccentra.export.fit import DEVELOPER_FIELDS, session_activity
from eccentra.export.record import Moment, SessionRecord, record_of
from eccentra.ids import Flag
from needs import need_module
from results import EVENTS, metric, rep

START = dt.datetime(2026, 3, 20, 10, tzinfo=dt.UTC)


def record(events: list[Event], timed: bool = True) -> SessionRecord:
    zero = round(START.timestamp() * 1e6)
    return record_of("s1", [Moment(k, zero + e.t_us if timed else None, e) for k, e in enumerate(events, 1)])


def doubtful(value: float) -> Metric:
    return msgspec.structs.replace(metric(value), quality="flagged", reason=Flag.GAP_INSIDE)


def two_sets() -> list[Event]:
    """Two repetitions of a Nordic curl with the left strap, a rest of 60 s, one squat."""
    curls = [
        RepCompleted(
            t_us=one.t_us,
            rep=msgspec.structs.replace(
                one.rep, metrics={**one.rep.metrics, "force_left_peak_n": metric(300.0 + one.rep.index)}
            ),
        )
        for one in (rep(1), rep(2))
    ]
    squat = rep(9).rep
    squat = msgspec.structs.replace(
        squat, set_index=2, index=1, start_us=84_000_000, end_us=87_500_000, decided_us=88_000_000
    )
    done = SetCompleted(
        t_us=60_000_000,
        set_index=1,
        start_us=10_000_000,
        end_us=24_000_000,
        decided_us=60_000_000,
        reps_counted=2,
        reps_valid=2,
        metrics={
            "tut_s": metric(8.0),
            "eccentric_s": metric(6.25),
            "break_lean_mean_deg": metric(41.5),
            "asymmetry_pct": doubtful(12.0),
        },
    )
    return [
        EVENTS[0],
        *curls,
        done,
        ExerciseChanged(t_us=61_000_000, exercise="squat"),
        RepCompleted(t_us=squat.end_us, rep=squat),
        SessionEnded(t_us=120_000_000, why="stop", sets=2, reps=3),
    ]


def read(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Every message, read by another library than the one that wrote it; its checksum is looked at."""
    need_module("fitdecode", "pip install fitdecode")
    import fitdecode

    with fitdecode.FitReader(io.BytesIO(content), check_crc=fitdecode.CrcCheck.RAISE) as reader:
        return [
            (frame.name, {field.name: field.value for field in frame.fields if field.value is not None})
            for frame in reader
            if isinstance(frame, fitdecode.FitDataMessage)
        ]


def test_sets_and_rests_come_back() -> None:
    found = read(session_activity(record(two_sets())))
    first, rest, second = (fields for name, fields in found if name == "set")
    assert (first["set_type"], rest["set_type"], second["set_type"]) == ("active", "rest", "active")
    assert [one["message_index"] for one in (first, rest, second)] == [0, 1, 2]
    assert (first["repetitions"], second["repetitions"]) == (2, 1)
    assert "repetitions" not in rest
    assert [one["duration"] for one in (first, rest, second)] == [14.0, 60.0, 3.5]
    assert first["start_time"] == START + dt.timedelta(seconds=10)
    assert first["timestamp"] == rest["start_time"] == START + dt.timedelta(seconds=24)
    assert rest["timestamp"] == second["start_time"]
    assert (first["category"], second["category"]) == ("leg_curl", "squat")
    assert "weight" not in first, "what was lifted is known in words only"


def test_developer_fields_have_names_and_units() -> None:
    found = read(session_activity(record(two_sets())))
    described = {
        fields["field_name"]: fields["units"] for name, fields in found if name == "field_description"
    }
    assert described == {field.name: field.unit for field in DEVELOPER_FIELDS}
    first, rest, second = (fields for name, fields in found if name == "set")
    assert first["ecc_tut_s"] == 6.25
    assert first["tut_s"] == 8.0
    assert first["break_angle_deg"] == 41.5
    assert first["peak_force_left_n"] == 302.0
    # not measured, or not sure: not there, never 0
    assert not {"peak_force_right_n", "asymmetry_pct"} & set(first)
    assert not {field.name for field in DEVELOPER_FIELDS} & set(rest)
    assert {"reps_valid"} == {field.name for field in DEVELOPER_FIELDS} & set(second)


def test_what_readers_expect_around_the_sets() -> None:
    found = read(session_activity(record(two_sets())))
    names = [name for name, _ in found]
    assert names[0] == "file_id"
    assert names[-1] == "activity"
    by_name = dict(found)
    assert by_name["file_id"]["type"] == "activity"
    assert by_name["file_id"]["time_created"] == START
    assert (by_name["session"]["sport"], by_name["session"]["sub_sport"]) == ("training", "strength_training")
    assert by_name["session"]["total_elapsed_time"] == 120.0
    assert [fields["event_type"] for name, fields in found if name == "event"] == ["start", "stop_all"]
    titles = [fields["wkt_step_name"] for name, fields in found if name == "exercise_title"]
    assert titles == ["Nordic curl", "Squat"]


def test_a_peak_of_some_repetitions_is_no_peak_of_the_set() -> None:
    events = two_sets()
    events[2] = rep(2)
    (first, *_) = (fields for name, fields in read(session_activity(record(events))) if name == "set")
    assert "peak_force_left_n" not in first


def test_without_time_or_sets_there_is_no_activity() -> None:
    with pytest.raises(InputError, match="no wall-clock time"):
        session_activity(record(two_sets(), timed=False))
    with pytest.raises(InputError, match="has no set"):
        session_activity(record([two_sets()[0], two_sets()[-1]]))
