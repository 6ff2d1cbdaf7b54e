"""The vocabulary of results: one tag each, JSON there and back, a schema that refuses what it should."""

from __future__ import annotations

import msgspec
import pytest

from eccentra.events import (
    Event,
    Flag,
    Metric,
    Numbered,
    Phase,
    Reason,
    RepCompleted,
    Repetition,
    SensorGap,
    SetStarted,
    event_kind,
    event_type,
    json_schemas,
)

KINDS = {"rep", "phase", "set", "session", "sensor", "quality", "reported", "plan", "cue"}
MEMBERS = Event.__args__


def repetition() -> Repetition:
    return Repetition(
        set_index=1,
        index=2,
        start_us=1_000_000,
        end_us=5_500_000,
        decided_us=5_700_000,
        valid=False,
        reasons=(Reason.PARTIAL_ROM,),
        phases=(Phase(kind="eccentric", start_us=1_000_000, end_us=4_000_000),),
        metrics={
            "tut_s": Metric(value=3.0, unit="s", method="tut_kinematic"),
            "rom_deg": Metric(
                value=None, unit="deg", method="rom_lean", quality="missing", reason=Flag.GAP_INSIDE
            ),
        },
        flags=(Flag.GAP_INSIDE,),
    )


def test_every_event_has_its_own_type_a_kind_and_words() -> None:
    types = [member.__struct_config__.tag for member in MEMBERS]
    assert len(set(types)) == len(types)
    for member in MEMBERS:
        assert member.__doc__
        assert member.__struct_config__.frozen


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: m.__struct_config__.tag)
def test_schema_is_self_contained_and_names_the_type(member: type) -> None:
    tag = member.__struct_config__.tag
    schema = json_schemas()[tag]
    name = schema["$ref"].rpartition("/")[2]
    properties = schema["$defs"][name]["properties"]
    assert properties["event_type"] == {"enum": [tag]}
    assert properties["t_us"]["type"] == "integer"
    for ref in _refs(schema):
        assert ref.rpartition("/")[2] in schema["$defs"]


def _refs(node: object) -> list[str]:
    if isinstance(node, dict):
        return [v for k, v in node.items() if k == "$ref"] + [r for v in node.values() for r in _refs(v)]
    if isinstance(node, list):
        return [r for v in node for r in _refs(v)]
    return []


def test_json_there_and_back() -> None:
    event = Numbered(session="s-1", seq=7, time=None, event=RepCompleted(t_us=5_500_000, rep=repetition()))
    data = msgspec.json.encode(event)
    assert msgspec.json.decode(data, type=Numbered) == event
    assert b'"event_type":"rep.completed"' in data
    assert b'"value":null' in data
    assert event.id == "s-1-7"


def test_kind_and_type() -> None:
    assert event_kind(SetStarted(t_us=0, set_index=1)) == "set"
    assert event_type(SensorGap(t_us=0, sensor="a", start_us=0, end_us=1)) == "sensor.gap"
    for tag in json_schemas():
        assert tag.count(".") == 1
    assert {event_kind(SetStarted(t_us=0, set_index=1))} <= KINDS


def test_a_missing_metric_reads_as_none() -> None:
    assert repetition().value("rom_deg") is None
    assert repetition().value("never_measured") is None
    assert repetition().value("tut_s") == 3.0
