"""JSON Schema (2020-12) of every message, made from the structs that make the messages. Pure.

Names: ``text``, ``info``, ``health``, ``state``, ``live``, ``last_set``, ``reply``; for each event type
``event/<type>`` such as ``event/rep.completed``; for each command ``command/<verb>`` such as
``command/tare``. Of a hub: ``plan``, ``questions``, ``proposal``, ``question``,
``answer``, ``review`` and ``hub_command/<verb>``.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from eccentra import events
from eccentra.commands import VERBS
from eccentra.mqtt.asking import (
    PLAN_ANSWERED,
    QUESTION_ASKED,
    REVIEW_DUE,
    PlanAnswered,
    QuestionAsked,
    QuestionsState,
    ReviewDue,
)
from eccentra.mqtt.commands import MOST_BYTES, REPLY_TO, REQUEST_ID
from eccentra.mqtt.contract import PLAN_PROPOSED, STATION_NOTED, VERSION, Channel, data_schema_id
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.mqtt.payloads import Live, NodeInfo, PlanProposed, PlanState, Reply, SensorHealth, StationState
from eccentra.mqtt.view import LAST_SET_METRICS

__all__ = ["DIALECT", "schema_name", "schemas"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TIME = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z$",
    "description": "RFC 3339, UTC, at least milliseconds.",
}
_ID = {"type": "string", "pattern": "^[a-z0-9_-]+$"}
_FLATS: tuple[tuple[str, type], ...] = (
    ("info", NodeInfo),
    ("health", SensorHealth),
    ("state", StationState),
    ("live", Live),
    ("reply", Reply),
    ("plan", PlanState),
    ("questions", QuestionsState),
)


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by name, each complete in itself."""
    out: dict[str, dict[str, Any]] = {
        "text": {"type": "string", "enum": ["online", "offline"], "description": "Plain text, no JSON."},
        **{name: _flat(struct) for name, struct in _FLATS},
        "last_set": _last_set(),
        **{f"event/{kind}": _event(kind, schema) for kind, schema in events.json_schemas().items()},
        f"event/{STATION_NOTED}": _station_event(),
        **{f"command/{verb}": _command(struct) for verb, struct in VERBS.items()},
        "proposal": _of_hub(PLAN_PROPOSED, PlanProposed, _ID),
        "answer": _of_hub(PLAN_ANSWERED, PlanAnswered, {"type": "string"}),
        "review": _of_hub(REVIEW_DUE, ReviewDue, {"type": "string"}),
        "question": _of_hub(QUESTION_ASKED, QuestionAsked, {"type": "string"}),
        **{f"hub_command/{verb}": _command(struct) for verb, struct in HUB_VERBS.items()},
    }
    return {
        name: {
            "$schema": DIALECT,
            "$id": f"urn:eccentra:schema:message:{name.replace('/', ':')}:{VERSION}",
            **{key: value for key, value in schema.items() if key != "$schema"},
        }
        for name, schema in out.items()
    }


def schema_name(channel: Channel, payload: Any, topic: str = "") -> str:
    """Which schema a message of ``channel`` must meet.

    ``payload`` is its decoded JSON, text as it is; ``topic`` tells commands apart.
    """
    (name,) = channel.messages
    if name in ("command", "hub_command"):
        return f"{name}/{topic.rsplit('/', 1)[1]}"
    return f"event/{payload['data']['event_type']}" if name == "event" else name


def _flat(struct: type) -> dict[str, Any]:
    """Schema of a flat struct in which every key is always there."""
    _, parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = copy.deepcopy(parts.pop(struct.__name__))
    fields = schema["properties"]
    if parts:
        schema["$defs"] = parts
    schema["required"] = list(fields)
    fields["schema"] = {"const": fields["schema"]["default"]}
    nullable = "anyOf" in fields["time"]
    fields["time"] = {"anyOf": [_TIME, {"type": "null"}]} if nullable else _TIME
    return schema


def _last_set() -> dict[str, Any]:
    """Flat summary of a set: fixed keys, then five keys for each metric; further metrics may follow."""
    fields: dict[str, Any] = {
        "schema": {"const": f"eccentra.last_set/{VERSION}"},
        "time": {"anyOf": [_TIME, {"type": "null"}]},
        "session": _ID,
        "seq": {"type": "integer", "minimum": 1},
        "exercise": {"type": ["string", "null"]},
        "set_index": {"type": "integer", "minimum": 1},
        "start_us": {"type": "integer"},
        "end_us": {"type": "integer"},
        "reps_counted": {"type": "integer", "minimum": 0},
        "reps_valid": {"type": "integer", "minimum": 0},
        "reps_taken_back": {"type": "array", "items": {"type": "integer"}},
        "quality": {"enum": ["ok", "flagged"]},
        "flags": {"type": "array", "items": {"type": "string"}},
    }
    for name, unit in LAST_SET_METRICS.items():
        fields[name] = {"type": ["number", "null"], "description": f"Unit (UCUM): {unit}"}
        fields[f"{name}_quality"] = {"enum": ["ok", "flagged", "missing"]}
        fields[f"{name}_method"] = {"type": ["string", "null"]}
        fields[f"{name}_reason"] = {"type": ["string", "null"]}
        fields[f"{name}_se"] = {"type": ["number", "null"], "description": f"Standard uncertainty, {unit}"}
    return {
        "title": "LastSet",
        "description": "Summary of the last finished set.",
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": {"type": ["number", "string", "null"]},
    }


def _command(struct: type) -> dict[str, Any]:
    """A verb's arguments beside what every command has; the verb itself is the last level of the topic."""
    _, parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = copy.deepcopy(parts.pop(struct.__name__))
    del schema["properties"]["verb"]
    schema["title"] = f"{struct.__name__}Command"
    schema["description"] = f"{schema.get('description', '')} At most {MOST_BYTES} bytes.".strip()
    schema["properties"] |= {
        "request_id": {
            "type": "string",
            "pattern": f"^{REQUEST_ID}$",
            "description": "New for each command; the same one is never carried out twice.",
        },
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "When it was given, RFC 3339; older than 10 s is late.",
        },
        "reply_to": {
            "anyOf": [{"type": "string", "pattern": f"^{REPLY_TO}$"}, {"type": "null"}],
            "description": "Topic of the answer, inside the site.",
        },
    }
    required = [name for name in schema.get("required", []) if name != "verb"]
    schema["required"] = ["request_id", "time", *required]
    if parts:
        schema["$defs"] = parts
    return schema


def _station_event() -> dict[str, Any]:
    """CloudEvents envelope around what a station says about itself."""
    (ref,), parts = msgspec.json.schema_components([events.StationNoted], ref_template="#/$defs/{name}")
    return _envelope(
        STATION_NOTED,
        {"$ref": ref["$ref"], "$defs": parts},
        {"station": _ID},
        {
            "id": {"type": "string", "format": "uuid"},
            "source": {"type": "string", "pattern": "^/eccentra/[a-z0-9_-]+/[a-z0-9_-]+$"},
            "subject": _ID,
        },
    ) | {"required": [*_ENVELOPE, "subject", "time"]}


def _of_hub(kind: str, struct: type, number: dict[str, Any]) -> dict[str, Any]:
    """CloudEvents envelope around what a hub says about a person; ``number`` is the schema of its id."""
    (ref,), parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    return _envelope(
        kind,
        {"$ref": ref["$ref"], "$defs": parts},
        {"event_type": {"const": kind}},
        {
            "id": number,
            "source": {"type": "string", "pattern": "^/eccentra/[a-z0-9_-]+/[a-z0-9_-]+/hub$"},
            "subject": _ID,
        },
    ) | {"required": [*_ENVELOPE, "subject", "time"]}


def _event(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    """CloudEvents envelope around one event type; ``data`` also says session and number."""
    return _envelope(
        kind,
        schema,
        {"session": _ID, "seq": {"type": "integer", "minimum": 1}},
        {
            "id": {"type": "string", "pattern": r"^[a-z0-9_-]+-[1-9]\d*$"},
            "source": {
                "type": "string",
                "pattern": "^/eccentra/[a-z0-9_-]+/[a-z0-9_-]+/station/[a-z0-9_-]+$",
            },
        },
    )


_ENVELOPE = ("specversion", "id", "source", "type", "datacontenttype", "dataschema", "data")


def _envelope(
    kind: str, schema: dict[str, Any], more_data: dict[str, Any], identity: dict[str, Any]
) -> dict[str, Any]:
    parts = copy.deepcopy(schema["$defs"])
    name = schema["$ref"].rsplit("/", 1)[1]
    parts[name]["properties"] |= more_data
    parts[name]["required"] = [*parts[name].get("required", []), *more_data]
    fields: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        **identity,
        "type": {"const": f"org.eccentra.{kind}.v{VERSION}"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": data_schema_id(kind)},
        "time": _TIME,
        "data": {"$ref": f"#/$defs/{name}"},
    }
    return {
        "title": f"{name}Message",
        "description": parts[name].get("description", ""),
        "type": "object",
        "properties": fields,
        "required": list(_ENVELOPE),
        "$defs": parts,
    }
