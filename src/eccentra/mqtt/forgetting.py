"""Erase a person from what waits to be published, and from what the broker keeps.

A broker keeps the last message of retained topics for whoever comes later. Those that are about the person
are cleared by an empty retained message, which is also how subscribers learn that nothing is there any more.
"""

from __future__ import annotations

import queue
import secrets
import socket
import sqlite3
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from eccentra.errors import SinkError
from eccentra.mqtt.address import MqttAddress, parse_url
from eccentra.mqtt.contract import VERSION, check_id
from eccentra.mqtt.outboxfile import OutboxFile

__all__ = ["Cleared", "clear_retained", "erase_outboxes"]

_ANSWER_S = 10.0
# Retained messages follow a subscription at once; so long without one, and there are no more.
_QUIET_S = 1.0


class Cleared(msgspec.Struct, frozen=True):
    """How many retained topics were cleared, and how many of them were plans."""

    topics: int
    plans: int


def erase_outboxes(folder: Path, athlete: str, sessions: Collection[str]) -> int:
    """Delete what waits in the outboxes of a folder; gives how many messages.

    Damaged outboxes that were moved aside go as a whole when they hold something of the person.

    Raises
    ------
    SinkError
        When one is in use or cannot be written: says what to do.
    """
    words = _words(athlete)
    erased = 0
    for path in sorted(folder.glob("outbox-*.db")):
        file = OutboxFile(path)
        try:
            file.open()
            erased += file.erase(sorted(sessions), words)
        except sqlite3.Error as error:
            raise SinkError(str(path), f"cannot be erased from: {error}; is the disk full?") from None
        finally:
            file.close()
    needles = [athlete.encode(), *(one.encode() for one in sessions)]
    for path in sorted(folder.glob("outbox-*.db.damaged-*")):
        content = path.read_bytes()
        if any(needle in content for needle in needles):
            path.unlink()
            erased += 1
    return erased


def clear_retained(url: str, athlete: str, sessions: Collection[str], *, site: str = "+") -> Cleared:
    """Clear the retained messages that are about a person.

    Parameters
    ----------
    url
        Broker, as every command takes it; ``embedded://`` keeps nothing and is not asked.
    sessions
        Ids of the person's sessions: a station's state and last set name them.
    site
        Only this one; ``+`` for all.

    Raises
    ------
    SinkError
        When the broker cannot be asked, or does not let us clear: says what to do.
    """
    check_id(athlete, "athlete")
    address = parse_url(url)
    if address.embedded:
        return Cleared(0, 0)
    with _Client(address) as client:
        found = _about(client.retained(site), athlete, sessions)
        for topic in found:
            client.clear(topic)
        left = _about(client.retained(site), athlete, sessions)
    if left:
        problem = f"does not let us clear {len(left)} retained topics; give a user that may write eccentra/#"
        raise SinkError(str(address), problem)
    return Cleared(len(found), sum("/athlete/" in topic for topic in found))


def _words(athlete: str) -> list[bytes]:
    """How a person is named in a payload, and in a topic."""
    return [f'"{athlete}"'.encode(), f"/athlete/{athlete}/".encode()]


def _about(kept: dict[str, bytes], athlete: str, sessions: Collection[str]) -> list[str]:
    words = [*_words(athlete), *(f'"{one}"'.encode() for one in sessions)]
    return sorted(
        topic
        for topic, payload in kept.items()
        if any(word in payload or word in topic.encode() for word in words)
    )


class _Client:
    """One connection; paho's thread only puts what happened into a queue."""

    def __init__(self, address: MqttAddress) -> None:
        self._address = address
        self._happened: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        # messages that came while something else was waited for
        self._early: list[Any] = []
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"eccentra-forget-{secrets.token_hex(4)}"
        )
        put = self._happened.put
        client.on_connect = lambda _c, _u, _f, reason, _p: put(("connected", reason))
        client.on_disconnect = lambda _c, _u, _f, reason, _p: put(("disconnected", reason))
        client.on_subscribe = lambda _c, _u, _m, reasons, _p: put(("subscribed", reasons))
        client.on_message = lambda _c, _u, message: put(("message", message))
        client.on_socket_open = _no_delay
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.tls:
            client.tls_set_context(address.tls_context())

    def __enter__(self) -> _Client:
        try:
            self._client.connect(self._address.host, self._address.port, keepalive=30)
        except (OSError, ValueError) as error:
            raise self._problem(f"cannot be reached: {error}; start it, then run this again") from None
        self._client.loop_start()
        kind, reason = self._next(_ANSWER_S, "connected", "disconnected")
        if kind != "connected" or reason.is_failure:
            self._leave()
            why = f"refuses us: {reason}" if kind is not None else "does not answer"
            raise self._problem(f"{why}; check user, password and access rules")
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def retained(self, site: str) -> dict[str, bytes]:
        """What the broker keeps below a site, topic by topic."""
        pattern = f"eccentra/v{VERSION}/{site}/#"
        self._early.clear()
        self._client.subscribe(pattern, 1)
        kind, reasons = self._next(_ANSWER_S, "subscribed")
        if kind is None or any(reason.is_failure for reason in reasons):
            raise self._problem("does not let us read eccentra/#; give a user that may")
        out: dict[str, bytes] = {}
        for message in self._early:
            out |= _kept(message)
        quiet = time.monotonic() + _QUIET_S
        end = time.monotonic() + 30 * _QUIET_S
        while (left := min(quiet, end) - time.monotonic()) > 0:
            kind, message = self._next(left, "message")
            if kind is None:
                break
            if message.retain:
                out |= _kept(message)
                quiet = time.monotonic() + _QUIET_S
        self._client.unsubscribe(pattern)
        return out

    def clear(self, topic: str) -> None:
        """Keep nothing for a topic any more."""
        sent = self._client.publish(topic, b"", 1, retain=True)
        try:
            sent.wait_for_publish(_ANSWER_S)
        except (ValueError, RuntimeError) as error:
            raise self._problem(f"did not take a message: {error}; run this again") from None
        if not sent.is_published():
            raise self._problem("did not take a message in time; run this again")

    def _next(self, wait_s: float, *kinds: str) -> tuple[str | None, Any]:
        """Wait for one of these; others are passed over, messages kept."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            try:
                kind, what = self._happened.get(timeout=left)
            except queue.Empty:
                break
            if kind in kinds:
                return kind, what
            if kind == "message":
                self._early.append(what)
        return None, None

    def _problem(self, what: str) -> SinkError:
        return SinkError(str(self._address), what)


def _no_delay(_client: Any, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _kept(message: Any) -> dict[str, bytes]:
    return {message.topic: bytes(message.payload)} if message.retain and message.payload else {}
