"""Connecting to the broker that a command was given."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from eccentra.errors import InputError, SinkError
from eccentra.mqtt.address import parse_url
from eccentra.mqtt.publisher import Publisher

__all__ = ["connected", "embedded_anywhere", "existing_or_embedded", "subscribe_hint"]

_LOCAL = ("127.0.0.1", 1883)
_CONNECT_S = 10.0
_PROBE_S = 0.5


def _someone_listens() -> bool:
    try:
        socket.create_connection(_LOCAL, timeout=_PROBE_S).close()
    except OSError:
        return False
    return True


def existing_or_embedded() -> str:
    """URL of the broker on this computer, or of an embedded one when there is none."""
    return "mqtt://127.0.0.1:1883" if _someone_listens() else "embedded://"


@contextmanager
def connected(url: str, *, site: str, node: str) -> Iterator[Publisher]:
    """A connected publisher; closed at the end with all events acknowledged.

    Raises
    ------
    InputError
        The URL is wrong.
    SinkError
        The broker cannot be reached.
    """
    try:
        parse_url(url)
    except SinkError as error:
        raise InputError("--mqtt", str(error)) from None
    with Publisher(url, site=site, node=node) as publisher:
        publisher.require_connected(_CONNECT_S)
        yield publisher


def embedded_anywhere() -> str:
    """URL of an embedded broker on the usual port, or on any when that one is taken."""
    return "embedded://:0" if _someone_listens() else "embedded://"


def subscribe_hint(publisher: Publisher) -> str:
    """A command that shows what is published."""
    address = publisher.address
    topics = f"eccentra/v1/{publisher.site}/{publisher.node}/#"
    return f"mosquitto_sub -h {address.host} -p {address.port} -t '{topics}' -v"
