"""The AsyncAPI 3 document of the MQTT contract, made from the tables that the publisher uses. Pure.

``python -m eccentra.mqtt.asyncapi`` prints it as JSON.
"""

from __future__ import annotations

import json
from typing import Any

from eccentra.commands import VERBS
from eccentra.mqtt.contract import CHANNELS, EVENT_KINDS, VERSION, Channel
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.mqtt.schemas import schemas

__all__ = ["asyncapi_document"]

_BINDING = "0.2.0"
_PARAMETERS = {
    "site": "House, clinic or team: an opaque id.",
    "node": "The computer that publishes: an opaque id.",
    "station": "One place to exercise: an opaque id.",
    "sensor": "A sensor: an opaque id, never its address.",
    "kind": "First part of the event's type.",
    "verb": "What the station or hub is asked to do.",
    "athlete": "A person: a random pseudonym.",
    "to": "Who asked: an opaque id; the station's when the command does not say.",
}


def asyncapi_document() -> dict[str, Any]:
    """Channels, operations, messages and schemas."""
    named = schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Eccentra over MQTT",
            "version": f"{VERSION}.0.0",
            "description": "Repetitions, sets, phases and their quality. Written to MQTT 3.1.1 semantics.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}",
                "protocol": "mqtt",
                "description": "Any MQTT 3.1.1 or 5 broker; the embedded one listens on 127.0.0.1 only.",
                "variables": {"host": {"default": "127.0.0.1:1883"}},
                "bindings": {"mqtt": _server_binding()},
            }
        },
        "channels": {name: _channel(channel, named) for name, channel in CHANNELS.items()},
        "operations": {f"{channel.action}_{name}": _operation(channel) for name, channel in CHANNELS.items()},
        "components": {
            "messages": {_key(name): _message(name) for name in named},
            "schemas": _hoisted(named),
        },
    }


def _key(name: str) -> str:
    """A schema's name as a component key."""
    return name.replace("/", ".")


def _server_binding() -> dict[str, Any]:
    status = CHANNELS["status"]
    will = {"topic": status.address, "qos": status.qos, "message": "offline", "retain": status.retain}
    return {"clientId": "eccentra-{site}-{node}", "cleanSession": False, "lastWill": will} | {
        "bindingVersion": _BINDING
    }


def _messages(channel: Channel, named: dict[str, Any]) -> list[str]:
    (only,) = channel.messages
    if only in ("event", "command", "hub_command"):
        return [name for name in named if name.startswith(f"{only}/")]
    return list(channel.messages)


def _channel(channel: Channel, named: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {name: {"description": _PARAMETERS[name]} for name in channel.parameters}
    if "kind" in parameters:
        parameters["kind"]["enum"] = list(EVENT_KINDS)
    if "verb" in parameters:
        parameters["verb"]["enum"] = list(HUB_VERBS if channel.name == "hub_command" else VERBS)
    return {
        "address": channel.address,
        "summary": channel.summary,
        "parameters": parameters,
        "messages": {
            _key(name): {"$ref": f"#/components/messages/{_key(name)}"} for name in _messages(channel, named)
        },
    }


def _operation(channel: Channel) -> dict[str, Any]:
    operation = _bare_operation(channel)
    if channel.action == "receive":
        operation["reply"] = {
            "address": {
                "location": "$message.payload#/reply_to",
                "description": "Inside the site, under reply/; when it is absent, the channel's own address.",
            },
            "channel": {"$ref": "#/channels/reply"},
        }
    return operation


def _bare_operation(channel: Channel) -> dict[str, Any]:
    return {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": _BINDING}},
    }


_OF_HUB = ("proposal", "question", "answer", "review")


def _message(name: str) -> dict[str, Any]:
    content = "application/json"
    if name == "text":
        content = "text/plain"
    elif name.startswith("event/") or name in _OF_HUB:
        content = "application/cloudevents+json"
    return {
        "name": name,
        "contentType": content,
        "payload": {"$ref": f"#/components/schemas/{_key(name)}"},
    }


def _hoisted(named: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All schemas in one flat table: ``$defs`` move to the components, references follow them.

    The data of each event type has its own struct, so that equal names are equal schemas.
    """
    table: dict[str, Any] = {}
    for name, schema in named.items():
        body = {key: value for key, value in schema.items() if key not in ("$defs", "$schema", "$id")}
        for part, definition in schema.get("$defs", {}).items():
            table[part] = _moved(definition)
        table[_key(name)] = _moved(body)
    return table


def _moved(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(value)
            for key, value in node.items()
        }
    return [_moved(item) for item in node] if isinstance(node, list) else node


def main() -> None:
    """Print the document."""
    print(json.dumps(asyncapi_document(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
