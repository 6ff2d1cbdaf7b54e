"""A connection that acknowledges a message when it was taken to the database, not when it came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import paho.mqtt.client as paho

from eccentra.mqtt.address import MqttAddress
from eccentra.mqtt.connection import Connection, Listener, guarded

__all__ = ["Delivery", "InboundConnection", "Inbox"]


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message as it came, and what it is acknowledged by: the connection's number and its id there."""

    connection: int
    topic: str
    payload: bytes
    retain: bool
    mid: int
    qos: int


class Inbox:
    """Messages that came and were not worked on; safe for threads. The broker's window bounds it."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._waiting: deque[Delivery] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, one: Delivery) -> None:
        """Take a message."""
        with self._changed:
            self._waiting.append(one)
            self._changed.notify_all()

    def take(self, most: int) -> list[Delivery]:
        """Give the oldest messages out."""
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def give_back(self, batch: Sequence[Delivery]) -> None:
        """They could not be worked on: they are the next again."""
        with self._changed:
            self._waiting.extendleft(reversed(batch))


class InboundConnection(Connection):
    """Hands messages to ``deliver``; they come again until :meth:`acknowledge`.

    Parameters
    ----------
    deliver
        Called in paho's thread.

    For the others see :class:`~eccentra.mqtt.connection.Connection`.
    """

    def __init__(
        self,
        number: int,
        address: MqttAddress,
        *,
        client_id: str,
        status_topic: str,
        subscriptions: Callable[[], Sequence[str]],
        listener: Listener,
        deliver: Callable[[Delivery], None],
        monotonic_ns: Callable[[], int],
    ) -> None:
        self._deliver = deliver
        super().__init__(
            number,
            address,
            client_id=client_id,
            status_topic=status_topic,
            subscriptions=subscriptions,
            listener=listener,
            monotonic_ns=monotonic_ns,
        )

    def _make(self, address: MqttAddress, client_id: str, status_topic: str) -> paho.Client:
        client = super()._make(address, client_id, status_topic)
        client.manual_ack_set(True)
        return client

    @guarded
    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._deliver(
            Delivery(
                self.number, topic, bytes(message.payload), bool(message.retain), message.mid, message.qos
            )
        )

    def acknowledge(self, one: Delivery) -> None:
        """Say that a message of this connection was taken; the broker forgets it."""
        if one.connection == self.number and one.qos > 0:
            self.client.ack(one.mid, one.qos)
