"""From a command's bytes to a request, or to one refusal. Pure: the clock is an argument.

A command is a JSON object on ``station/{station}/cmd/{verb}``: ``request_id``, ``time`` (when it was given,
RFC 3339), optionally ``reply_to``, and the arguments of the verb beside them. Everything in it is untrusted.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec

from eccentra.commands import VERBS, Asked, CommandError, Request, parse_arguments
from eccentra.mqtt import contract

__all__ = ["LATEST_S", "MOST_BYTES", "REASONS", "REPLY_TO", "REQUEST_ID", "Refusal", "parse_command"]

MOST_BYTES = 16_384
LATEST_S = 10.0
_DEEPEST = 8
_ID = "[a-z0-9_-]{1,64}"
REQUEST_ID = "[A-Za-z0-9_.:-]{1,64}"
REPLY_TO = f"eccentra/v{contract.VERSION}/{_ID}/{_ID}/reply(/{_ID}){{1,4}}"
"""Regular expressions of what a command's envelope may say."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_ENVELOPE = ("request_id", "time", "reply_to")

REASONS = (
    "retained",
    "late",
    "no_request_id",
    "bad_payload",
    "too_large",
    "unknown_verb",
    "bad_arguments",
    "bad_reply_to",
    "wrong_topic",
    "busy",
)
"""Why a command is refused before the station sees it."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A command that may not be carried out; ``request_id`` and ``reply_to`` as far as they are valid."""

    reason: str
    message: str
    request_id: str | None = None
    reply_to: str | None = None


class _Refused(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def parse_command(
    verb: str,
    payload: bytes,
    *,
    retained: bool,
    now_ns: int,
    site: str,
    verbs: Mapping[str, type[Asked]] = VERBS,
) -> Request | Refusal:
    """Check a command.

    Parameters
    ----------
    verb
        Last level of its topic.
    payload, retained
        As they came.
    now_ns
        Wall clock, ns since 1970.
    site
        Id of the site: answers stay inside it.
    verbs
        What can be asked for.
    """
    known = _Known()
    try:
        request = _request(verb, payload, known, now_ns, site, verbs)
        if not retained:
            return request
        reason = message = ""
    except (_Refused, CommandError) as error:
        reason, message = error.reason, str(error)
    if retained:
        # Whatever else is wrong with it: this is why it came now.
        reason, message = "retained", "retained commands come again at every connect; publish without retain"
    return Refusal(
        reason=reason, message=_printable(message), request_id=known.request_id, reply_to=known.reply_to
    )


class _Known(msgspec.Struct):
    """What is valid of a command's envelope, even when the command is refused."""

    request_id: str | None = None
    reply_to: str | None = None


def _request(
    verb: str, payload: bytes, known: _Known, now_ns: int, site: str, verbs: Mapping[str, type[Asked]]
) -> Request:
    fields = _fields(payload)
    known.request_id = request_id = _request_id(fields)
    known.reply_to = _reply_to(fields, site)
    _check_time(fields, now_ns)
    if "verb" in fields:
        _refuse("bad_arguments", "the command is the last level of the topic; leave `verb` out")
    arguments = {key: value for key, value in fields.items() if key not in _ENVELOPE}
    return Request(id=request_id, do=parse_arguments(verb, arguments, verbs), reply_to=known.reply_to)


def _refuse(reason: str, message: str) -> NoReturn:
    raise _Refused(reason, message)


def _fields(payload: bytes) -> dict[str, Any]:
    """The JSON object: strict, bounded, nothing twice, nothing unprintable."""
    if len(payload) > MOST_BYTES:
        _refuse("too_large", f"{len(payload)} bytes; a command has at most {MOST_BYTES}")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse("bad_payload", f"not UTF-8 at byte {error.start}; send a JSON object")
    # Before parsing: a parser may run out of stack.
    _check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except ValueError as error:
        _refuse("bad_payload", f"not JSON: {error}; send an object with request_id, time and arguments")
    if not isinstance(value, dict):
        _refuse("bad_payload", "send a JSON object with request_id, time and the arguments of the command")
    _check_texts(value)
    return value


def _check_depth(text: str) -> None:
    depth = 0
    quoted = escaped = False
    for one in text:
        if quoted:
            quoted = escaped or one != '"'
            escaped = one == "\\" and not escaped
        elif one == '"':
            quoted = True
        elif one in "[{":
            depth += 1
            if depth > _DEEPEST:
                _refuse("bad_payload", f"nested deeper than {_DEEPEST} levels")
        elif one in "]}":
            depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key stands there twice")
    return out


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > 19:
        raise ValueError(f"the number {text[:20]}... is too large")
    return int(text)


def _check_texts(value: Any) -> None:
    """Refuse control characters and halves of characters: texts go to terminals, files and pages."""
    if isinstance(value, str):
        if any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\t\n" for one in value):
            _refuse("bad_payload", "a text has control characters in it; send plain text")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key)
            _check_texts(item)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)


def _request_id(fields: dict[str, Any]) -> str:
    given = fields.get("request_id")
    if not isinstance(given, str) or not re.fullmatch(REQUEST_ID, given):
        _refuse(
            "no_request_id",
            "request_id is missing or not 1 to 64 of A-Z, a-z, 0-9, _ . : - ; give each command a new UUID",
        )
    return given


def _reply_to(fields: dict[str, Any], site: str) -> str | None:
    given = fields.get("reply_to")
    if given is None:
        return None
    inside = f"eccentra/v{contract.VERSION}/{site}/"
    if not isinstance(given, str) or not given.startswith(inside) or not re.fullmatch(REPLY_TO, given):
        _refuse(
            "bad_reply_to",
            f"reply_to must be a topic under {inside}NODE/reply/, of a-z, 0-9, _ and -",
        )
    return given


def _check_time(fields: dict[str, Any], now_ns: int) -> None:
    given = fields.get("time")
    if not isinstance(given, str) or not _TIME.fullmatch(given):
        _refuse(
            "bad_payload", "time is missing or not RFC 3339 with a zone, such as 2026-11-21T10:15:30.125Z"
        )
    # More digits than microseconds are cut off.
    text = re.sub(r"(\.\d{6})\d+", r"\1", given.upper())
    try:
        sent = datetime.fromisoformat(text)
        late_s = now_ns / 1e9 - sent.timestamp()
    except (ValueError, OverflowError):
        _refuse("bad_payload", f"time {given!r} is no moment of any day")
    if abs(late_s) > LATEST_S:
        now = datetime.fromtimestamp(now_ns / 1e9, UTC).isoformat(timespec="milliseconds")
        _refuse(
            "late",
            f"given at {given}, received at {now.replace('+00:00', 'Z')} by the clock here; commands are "
            f"valid for {LATEST_S:g} s: send it again, and if this repeats, set both clocks",
        )


def _printable(message: str) -> str:
    """Errors quote what was sent: bounded, and without what a terminal or JSON cannot take."""
    clean = "".join("?" if unicodedata.category(one) in ("Cc", "Cs") else one for one in message)
    return clean if len(clean) <= 500 else clean[:499] + "…"
