"""The pure part: topics, payloads, schemas, the AsyncAPI document, what retained messages say."""

from __future__ import annotations

import re

import jsonschema
import msgspec
import pytest
from mqtt_parts import SCHEMAS, check_message, repetition, story

from eccentra.commands import VERBS
from eccentra.errors import InputError
from eccentra.events import (
    Flag,
    Numbered,
    PhaseChanged,
    QualityNoted,
    RepAmended,
    RepCompleted,
    RepCounted,
    SessionEnded,
    SetCompleted,
    event_kind,
    json_schemas,
)
from eccentra.mqtt import contract
from eccentra.mqtt.asyncapi import asyncapi_document
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.mqtt.payloads import live_message
from eccentra.mqtt.schemas import schemas
from eccentra.mqtt.view import StationView
from eccentra.stages.live import LiveState

SOURCE = "/eccentra/home/n1/station/rack1"


def view_after(events: list[Numbered]) -> StationView:
    view = StationView()
    for numbered in events:
        view.apply(numbered)
    return view


@pytest.mark.parametrize("bad", ["", "Rack 1", "a/b", "+", "#", "ä", "x" * 65, "a\n", "A"])
def test_an_id_outside_the_alphabet_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="site id"):
        contract.topic("status", site=bad, node="n1")


def test_every_topic_is_found_again_and_foreign_ones_are_not() -> None:
    for channel in contract.CHANNELS.values():
        ids = {name: "a-1_b" for name in channel.parameters}
        assert contract.channel_of(contract.topic(channel.name, **ids)) is channel
    assert contract.channel_of("eccentra/v2/home/n1/status") is None
    assert contract.channel_of("eccentra/v1/home/n1/status/") is None
    assert contract.channel_of("homeassistant/status") is None


def test_qos_and_retain_follow_the_kind_of_message() -> None:
    table = {name: (channel.qos, channel.retain) for name, channel in contract.CHANNELS.items()}
    assert table["event"] == (1, False)
    assert table["live"] == table["sensor_health"] == (0, False)
    states = ("status", "info", "sensor_status", "state", "last_set")
    assert {table[name] for name in states} == {(1, True)}


def test_an_event_is_a_cloudevent_with_its_id_and_data() -> None:
    numbered = story()[8]
    kind, payload = contract.event_message(numbered, SOURCE)
    message = msgspec.json.decode(payload)
    assert kind == "rep"
    assert message["id"] == "s-1-9"
    assert message["type"] == "org.eccentra.rep.completed.v1"
    assert message["source"] == SOURCE
    assert message["time"] == numbered.time
    assert message["data"]["event_type"] == "rep.completed"
    assert (message["data"]["session"], message["data"]["seq"]) == ("s-1", 9)
    assert message["data"]["t_us"] == 9_000_000
    assert message["data"]["rep"]["metrics"]["eccentric_s"]["value"] == 3.0


@pytest.mark.parametrize("time_known", [True, False])
def test_every_event_meets_its_schema_and_unknown_time_is_left_out(time_known: bool) -> None:
    seen = set()
    for numbered in story(time_known=time_known):
        kind, payload = contract.event_message(numbered, SOURCE)
        topic = contract.topic("event", site="home", node="n1", station="rack1", kind=kind)
        seen.add(check_message(topic, payload))
        assert ("time" in msgspec.json.decode(payload)) is time_known
    assert len(seen) >= 16


def test_the_schemas_refuse_what_the_contract_forbids() -> None:
    """A schema that lets everything pass would prove nothing above."""
    _, payload = contract.event_message(story()[8], SOURCE)
    for change in (
        {"id": "s1"},
        {"time": None},
        {"time": "2026-11-21 10:15:00"},
        {"source": "eccentra"},
        {"type": "org.eccentra.rep.counted.v1"},
        {"data": {"event_type": "rep.completed", "t_us": 1}},
    ):
        message = msgspec.json.decode(payload) | change
        with pytest.raises(jsonschema.ValidationError):
            SCHEMAS["event/rep.completed"].validate(message)
    state = msgspec.json.decode(contract.encode(view_after(story()).state()))
    SCHEMAS["state"].validate(state)
    for wrong in ({"session_reps": "2"}, {"active": 1}, {"schema": "eccentra.state/2"}, {"quality": "good"}):
        with pytest.raises(jsonschema.ValidationError):
            SCHEMAS["state"].validate(state | wrong)
    del state["phase"]
    with pytest.raises(jsonschema.ValidationError):
        SCHEMAS["state"].validate(state)


def test_all_schemas_are_valid_2020_12_and_cover_every_event_type() -> None:
    names = set(schemas())
    for schema in schemas().values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {f"event/{kind}" for kind in json_schemas()} < names
    assert {f"command/{verb}" for verb in VERBS} < names
    assert {f"hub_command/{verb}" for verb in HUB_VERBS} < names
    kinds = {event_kind(numbered.event) for numbered in story()}
    assert kinds | {contract.STATION_KIND} == set(contract.EVENT_KINDS)


def test_live_values_keep_null_and_take_their_time_from_the_session() -> None:
    time = contract.time_at("2026-11-21T10:15:59.900Z", 1_000_000, 1_250_000)
    assert time == "2026-11-21T10:16:00.150Z"
    live = LiveState(t_us=1_250_000, phase="eccentric", reps=2, angle_deg=float("nan"), flags=("gap_inside",))
    message = live_message(live, session="s-1", time=time)
    sent = msgspec.json.decode(contract.encode(message))
    assert sent["angle_deg"] is None
    assert sent["force_left_n"] is None
    assert (sent["quality"], sent["set_reps"]) == ("flagged", 2)
    SCHEMAS["live"].validate(sent)
    assert contract.time_at(None, 0, 5) is None


def test_state_follows_the_session() -> None:
    events = story()
    before = view_after([]).state()
    assert (before.active, before.session, before.phase, before.set_reps) == (False, None, None, 0)
    in_set = view_after(events[:11]).state()
    assert (in_set.exercise, in_set.active, in_set.set_open) == ("nordic-curl", True, True)
    assert (in_set.set_reps, in_set.session_reps, in_set.phase) == (2, 2, "eccentric")
    assert in_set.time == events[10].time
    third = view_after(events[:16]).state()
    assert (third.set_reps, third.session_reps) == (3, 2)
    taken_back = view_after(events[:17]).state()
    assert (taken_back.set_reps, taken_back.session_reps) == (2, 2)
    lost = view_after(events[:21]).state()
    assert (lost.quality, lost.sensors_lost, lost.set_open, lost.session_sets) == (
        "flagged",
        ("imu1",),
        False,
        1,
    )
    ended = view_after(events).state()
    assert (ended.active, ended.phase, ended.session_reps) == (False, None, 2)


def test_a_flag_holds_until_calibration_and_a_new_session_starts_afresh() -> None:
    view = view_after(story()[:3])
    assert (view.state().quality, view.state().flags) == ("flagged", ("uncalibrated",))
    view.apply(story()[3])
    assert view.state().quality == "ok"
    loss = QualityNoted(t_us=5, flag=Flag.LOSS_UNOBSERVABLE, sensor="imu1")
    view.apply(Numbered(session="s-2", seq=1, time=None, event=loss))
    view.apply(Numbered(session="s-2", seq=2, time=None, event=story()[3].event))
    state = view.state()
    assert (state.session, state.set_reps, state.session_reps) == ("s-2", 0, 0)
    assert (state.quality, state.flags) == ("flagged", ("loss_unobservable",))


def test_last_set_is_flat_and_made_of_the_set_and_its_repetitions() -> None:
    last = view_after(story()).last_set
    assert last is not None
    sent = msgspec.json.decode(contract.encode(last))
    SCHEMAS["last_set"].validate(sent)
    assert (sent["reps_counted"], sent["reps_valid"], sent["seq"]) == (2, 1, 18)
    assert (sent["tut_s"], sent["tut_s_method"], sent["tut_s_quality"]) == (6.0, "tut_kinematic", "ok")
    assert (sent["eccentric_mean_s"], sent["eccentric_mean_s_method"]) == (4.0, "mean(m1)")
    assert (sent["peak_force_left_n"], sent["rom_mean_deg"], sent["break_lean_mean_deg"]) == (
        202.0,
        61.5,
        41.5,
    )
    assert (sent["peak_force_right_n"], sent["peak_force_right_n_quality"]) == (None, "missing")
    assert (sent["asymmetry_pct"], sent["break_knee_flexion_mean_deg"]) == (None, None)
    assert sent["dose_j"] == 120.5
    assert (sent["quality"], sent["flags"]) == ("flagged", ["few_repetitions"])
    nested = [key for key, value in sent.items() if isinstance(value, dict)]
    assert nested == []


def test_a_number_missing_from_one_repetition_flags_the_mean() -> None:
    events = story()
    events[10] = msgspec.structs.replace(
        events[10], event=RepCompleted(t_us=14_000_000, rep=repetition(2, eccentric_s=None, force=False))
    )
    last = view_after(events).last_set
    assert last is not None
    assert (last["eccentric_mean_s"], last["eccentric_mean_s_quality"]) == (3.0, "flagged")
    assert last["eccentric_mean_s_reason"] == "gap_inside"
    assert (last["peak_force_left_n"], last["peak_force_left_n_reason"]) == (201.0, "force_missing")


def test_a_repetition_taken_back_after_the_set_is_said() -> None:
    amended = RepAmended(t_us=41_500_000, set_index=1, index=2, counted=False)
    view = view_after([*story()[:18], Numbered(session="s-1", seq=19, time=None, event=amended)])
    assert view.last_set is not None
    assert (view.last_set["reps_taken_back"], view.last_set["quality"]) == ([2], "flagged")
    assert view.last_set["eccentric_mean_s"] == 3.0
    assert view.state().session_reps == 1
    SCHEMAS["last_set"].validate(msgspec.json.decode(contract.encode(view.last_set)))


def test_asyncapi_says_the_same_as_the_tables_and_has_no_loose_ends() -> None:
    document = asyncapi_document()
    assert document["asyncapi"].startswith("3.")
    for name, channel in contract.CHANNELS.items():
        described = document["channels"][name]
        assert described["address"] == channel.address
        assert set(described["parameters"]) == set(channel.parameters)
        operation = document["operations"][f"{channel.action}_{name}"]
        assert operation["action"] == ("receive" if name.endswith("command") else "send")
        binding = operation["bindings"]["mqtt"]
        assert (binding["qos"], binding["retain"]) == (channel.qos, channel.retain)
    text = msgspec.json.encode(document).decode()
    for pointer in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        node = document
        for step in pointer.split("/"):
            node = node[step]
    assert "$defs" not in text
    events = {f"event.{kind}" for kind in json_schemas()} | {"event.station.noted"}
    assert set(document["channels"]["event"]["messages"]) == events
    assert set(document["channels"]["command"]["messages"]) == {f"command.{verb}" for verb in VERBS}
    assert set(document["channels"]["hub_command"]["messages"]) == {f"hub_command.{v}" for v in HUB_VERBS}
    for name in ("command", "hub_command"):
        assert document["operations"][f"receive_{name}"]["reply"]["channel"]["$ref"] == "#/channels/reply"


def test_equal_names_in_the_document_are_equal_schemas() -> None:
    """Definitions of all events share one table: a name that meant two things would lose one of them."""
    seen: dict[str, object] = {}
    for schema in schemas().values():
        for name, definition in schema.get("$defs", {}).items():
            assert seen.setdefault(name, definition) == definition, name


def test_counts_do_not_depend_on_how_a_repetition_is_announced() -> None:
    """Late publishers send ``rep.completed`` without a live count before."""
    rep = RepCompleted(t_us=9, rep=repetition(1))
    counted = RepCounted(t_us=8, set_index=1, index=1)
    start = story()[:6]
    number = iter(range(7, 20))
    late = view_after([*start, Numbered(session="s-1", seq=next(number), time=None, event=rep)])
    early = view_after(
        [*start, *(Numbered(session="s-1", seq=next(number), time=None, event=e) for e in (counted, rep))]
    )
    assert late.state() == early.state()


def test_phase_is_rest_between_sets() -> None:
    view = view_after(story()[:18])
    assert isinstance(story()[17].event, SetCompleted)
    assert view.state().phase == "rest"
    view.apply(
        Numbered(session="s-1", seq=19, time=None, event=PhaseChanged(t_us=1, phase="return", set_index=2))
    )
    assert view.state().phase == "return"
    view.apply(
        Numbered(session="s-1", seq=20, time=None, event=SessionEnded(t_us=2, why="end", sets=1, reps=2))
    )
    assert view.state().phase is None
