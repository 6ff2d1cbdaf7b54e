"""What is said over MQTT: topics, QoS and retain of each, and the envelopes of events. Pure.

Kinds of messages, never mixed:

*event*
    Something happened: numbered, QoS 1, not retained, in order; a CloudEvents 1.0 envelope in structured
    mode, so that MQTT 3.1.1 carries it whole. Readers drop duplicates by (``source``, ``id``).
*state*
    The latest value: retained, QoS 1, published again on every connect; flat JSON.
*live*
    Between events: QoS 0, not retained, rate-limited; flat JSON.
*command* and *reply*
    What a station is asked to do, QoS 1, never retained, and what became of it; each command is answered.

Flat payloads are in :mod:`eccentra.mqtt.payloads`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from eccentra.errors import InputError
from eccentra.events import Numbered, StationNoted, event_kind, event_type
from eccentra.mqtt.payloads import PLAN_PROPOSED, VERSION, PlanProposed

__all__ = [
    "CHANNELS",
    "EVENT_KINDS",
    "OFFLINE",
    "ONLINE",
    "PLAN_PROPOSED",
    "STATION_KIND",
    "STATION_NOTED",
    "VERSION",
    "Channel",
    "channel_of",
    "check_id",
    "encode",
    "event_id_source",
    "event_message",
    "hub_message",
    "proposal_message",
    "station_message",
    "time_at",
    "topic",
    "utc",
]

ROOT = f"eccentra/v{VERSION}/{{site}}/{{node}}"
ONLINE, OFFLINE = b"online", b"offline"
EVENT_KINDS = ("session", "set", "rep", "phase", "sensor", "quality", "reported", "cue", "station")
STATION_KIND = "station"
STATION_NOTED = "station.noted"

# One alphabet for all ids: brokers' access rules, Home Assistant's discovery ids and file names share it.
_ID = re.compile(r"[a-z0-9_-]{1,64}")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One family of topics: ``address`` with ``{parameters}``, how it is sent, and which payloads it carries.

    ``messages`` names payloads as :mod:`eccentra.mqtt.schemas` does; ``text`` is ``online`` or ``offline``.
    A node receives on channels whose ``action`` is ``receive`` and sends on the others.
    """

    name: str
    address: str
    messages: tuple[str, ...]
    qos: Literal[0, 1]
    retain: bool
    summary: str
    action: Literal["send", "receive"] = "send"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the ids in the address, in order."""
        return tuple(re.findall(r"{(\w+)}", self.address))


def _channel(
    name: str,
    path: str,
    messages: tuple[str, ...],
    qos: Literal[0, 1],
    retain: bool,
    summary: str,
    action: Literal["send", "receive"] = "send",
) -> Channel:
    return Channel(
        name=name,
        address=f"{ROOT}/{path}",
        messages=messages,
        qos=qos,
        retain=retain,
        summary=summary,
        action=action,
    )


_SENSOR, _STATION = "sensor/{sensor}", "station/{station}"

CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        _channel("status", "status", ("text",), 1, True, "The node is there; also its last will."),
        _channel("info", "info", ("info",), 1, True, "Software, contract version and stations of the node."),
        _channel(
            "sensor_status", f"{_SENSOR}/status", ("text",), 1, True, "The sensor's connection is there."
        ),
        _channel("sensor_health", f"{_SENSOR}/health", ("health",), 0, False, "How well a sensor is heard."),
        _channel("state", f"{_STATION}/state", ("state",), 1, True, "Session, set, count and phase now."),
        _channel(
            "live", f"{_STATION}/live", ("live",), 0, False, "Angle, force and phase, some times a second."
        ),
        _channel(
            "event",
            f"{_STATION}/event/{{kind}}",
            ("event",),
            1,
            False,
            "What happened, numbered and in order.",
        ),
        _channel("last_set", f"{_STATION}/last_set", ("last_set",), 1, True, "Summary of the last set."),
        _channel(
            "command",
            f"{_STATION}/cmd/{{verb}}",
            ("command",),
            1,
            False,
            "What the station is asked to do; refused when retained or older than 10 s.",
            action="receive",
        ),
        _channel(
            "reply",
            "reply/{to}",
            ("reply",),
            1,
            False,
            "What became of a command: here, {to} the station, unless the command names another topic.",
        ),
        _channel(
            "hub_event", "hub/event/plan", ("proposal",), 1, False, "A decision that waits for an answer."
        ),
        _channel("hub_answer", "hub/event/answer", ("answer",), 1, False, "Somebody answered to a decision."),
        _channel(
            "hub_review",
            "hub/event/review",
            ("review",),
            1,
            False,
            "A check of the calendar is due.",
        ),
        _channel(
            "hub_question",
            "hub/event/question",
            ("question",),
            1,
            False,
            "A person is asked how the next morning is; again while nobody answers.",
        ),
        _channel(
            "hub_command",
            "hub/cmd/{verb}",
            ("hub_command",),
            1,
            False,
            "What the hub is asked to do; refused when retained or older than 10 s.",
            action="receive",
        ),
        _channel(
            "plan",
            "athlete/{athlete}/plan",
            ("plan",),
            1,
            True,
            "What is prescribed to a person, and why; empty when the person was erased.",
        ),
        _channel(
            "questions",
            "athlete/{athlete}/questions",
            ("questions",),
            1,
            True,
            "What a person is asked and has not answered; empty when the person was erased.",
        ),
    )
}


def check_id(value: str, what: str) -> str:
    """Give ``value`` back when it can be a topic level, else raise :class:`~eccentra.errors.InputError`."""
    if not _ID.fullmatch(value):
        raise InputError(
            f"{what} id {value!r}",
            "use 1 to 64 of the characters a-z, 0-9, _ and -; names of people do not belong into topics",
        )
    return value


def utc(wall_ns: int) -> str:
    """RFC 3339 UTC with milliseconds of a wall clock's ns since 1970."""
    moment = datetime.fromtimestamp(wall_ns / 1e9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def topic(channel: str, **ids: str) -> str:
    """Topic of a channel.

    Parameters
    ----------
    channel
        Key of :data:`CHANNELS`.
    ids
        One for each ``{parameter}`` of its address.
    """
    return CHANNELS[channel].address.format(**{name: check_id(value, name) for name, value in ids.items()})


def channel_of(name: str) -> Channel | None:
    """Find the channel that a topic belongs to, or ``None`` when it is no topic of this contract."""
    for channel in CHANNELS.values():
        pattern = re.sub(r"{\w+}", _ID.pattern, channel.address)
        if re.fullmatch(pattern, name):
            return channel
    return None


def encode(payload: Any) -> bytes:
    """UTF-8 JSON of a payload. Numbers that are not finite become ``null``: unknown is never NaN."""
    return msgspec.json.encode(payload)


# --- events --------------------------------------------------------------------------------


def event_id_source(site: str, node: str, station: str) -> str:
    """CloudEvents ``source`` of a station's events."""
    return (
        f"/eccentra/{check_id(site, 'site')}/{check_id(node, 'node')}/station/{check_id(station, 'station')}"
    )


def event_message(numbered: Numbered, source: str) -> tuple[str, bytes]:
    """Kind (last topic level) and CloudEvents envelope of a numbered event.

    ``time`` is left out when the session has no wall clock: CloudEvents knows no null.
    """
    kind_of_event = event_type(numbered.event)
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": numbered.id,
        "source": source,
        "type": f"org.eccentra.{kind_of_event}.v{VERSION}",
        "datacontenttype": "application/json",
        "dataschema": data_schema_id(kind_of_event),
    }
    if numbered.time is not None:
        envelope["time"] = numbered.time
    envelope["data"] = {
        **msgspec.to_builtins(numbered.event),
        "session": numbered.session,
        "seq": numbered.seq,
    }
    return event_kind(numbered.event), encode(envelope)


def station_message(
    noted: StationNoted, *, site: str, node: str, station: str, number: str, time: str
) -> bytes:
    """CloudEvents envelope of what a station says about itself; ``number`` is its UUID."""
    return encode(
        {
            "specversion": "1.0",
            "id": number,
            "source": f"/eccentra/{check_id(site, 'site')}/{check_id(node, 'node')}",
            "subject": check_id(station, "station"),
            "type": f"org.eccentra.{STATION_NOTED}.v{VERSION}",
            "datacontenttype": "application/json",
            "dataschema": data_schema_id(STATION_NOTED),
            "time": time,
            "data": {**msgspec.to_builtins(noted), "station": station},
        }
    )


def proposal_message(proposed: PlanProposed, *, site: str, node: str, time: str) -> bytes:
    """CloudEvents envelope of a decision that waits for an answer; its id is the decision's."""
    about = {"number": proposed.decision, "subject": proposed.athlete}
    return hub_message(PLAN_PROPOSED, proposed, **about, site=site, node=node, time=time)


def hub_message(
    kind_of_event: str, data: Any, *, number: str, subject: str, site: str, node: str, time: str
) -> bytes:
    """CloudEvents envelope of something that a hub says about a person, ``subject``; ``number`` is its id."""
    return encode(
        {
            "specversion": "1.0",
            "id": number,
            "source": f"/eccentra/{check_id(site, 'site')}/{check_id(node, 'node')}/hub",
            "subject": subject,
            "type": f"org.eccentra.{kind_of_event}.v{VERSION}",
            "datacontenttype": "application/json",
            "dataschema": data_schema_id(kind_of_event),
            "time": time,
            "data": data,
        }
    )


def data_schema_id(kind_of_event: str) -> str:
    """Stable name of the schema of an event's ``data``; a URN, as it names and does not locate."""
    return f"urn:eccentra:schema:{kind_of_event}:{VERSION}"


def time_at(known: str | None, known_us: int, t_us: int) -> str | None:
    """RFC 3339 UTC of ``t_us``, from the time ``known`` at ``known_us``; ``None`` when that is unknown."""
    if known is None:
        return None
    moment = datetime.fromisoformat(known) + timedelta(microseconds=t_us - known_us)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
