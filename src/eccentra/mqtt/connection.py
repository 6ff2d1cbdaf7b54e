"""One connection to the broker: one paho client with its network thread, used once.

A lost connection is not mended but replaced by a new one, so that a single place knows what was acknowledged,
and no re-send inside the client can overtake it. Nor does the client try again by itself.

Callbacks come in paho's network thread, each with the connection's number: what an old connection still says
is told apart.
"""

from __future__ import annotations

import functools
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from eccentra.mqtt import contract
from eccentra.mqtt.address import MqttAddress
from eccentra.mqtt.queue import WINDOW

__all__ = ["Connection", "Delivery", "Listener", "guarded"]

# A broker that is frozen, not gone, is noticed after at most twice this and a second.
_KEEPALIVE_S = 3
_CONNECT_TIMEOUT_S = 5.0
# The broker took the TCP connection and says nothing.
_ANSWER_NS = 10_000_000_000
_JOIN_S = 2.0

log = logging.getLogger("eccentra.mqtt")
_P = ParamSpec("_P")


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message as it came, and what it is acknowledged by: the connection's number and its id there."""

    connection: int
    topic: str
    payload: bytes
    retain: bool
    mid: int
    qos: int


class Listener(Protocol):
    """What a connection reports, in paho's thread."""

    def connected(self, number: int, remembered: bool) -> None:
        """The broker accepted the connection; whether it remembers us from before."""
        ...

    def lost(self, number: int, problem: str) -> None:
        """The connection is over, was refused, or was never made."""
        ...

    def acknowledged(self, number: int, mid: int) -> None:
        """The broker took a message."""
        ...

    def arrived(self, number: int, topic: str, payload: bytes, retain: bool) -> None:
        """A message came."""
        ...

    def trouble(self, problem: str) -> None:
        """Something is wrong that does not end the connection."""
        ...

    def mistake(self, where: str, error: Exception) -> None:
        """A callback had a mistake in it."""
        ...


def guarded(method: Callable[_P, None]) -> Callable[_P, None]:
    """Keep a mistake in a method from ending its thread, which paho would do without a word.

    The method's object has ``mistake(where, error)`` or a ``listener`` that has it.
    """

    @functools.wraps(method)
    def inner(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            method(*args, **kwargs)
        except Exception as error:
            log.exception("mistake in %s", method.__name__)
            owner: Any = args[0]
            getattr(owner, "listener", owner).mistake(method.__name__, error)

    return inner


class Connection:
    """A client that is used until its connection is lost.

    Parameters
    ----------
    number
        Told with every callback.
    address, client_id
        Where to connect, and as whom.
    status_topic
        Topic of the last will, ``offline``.
    subscriptions
        Gives the topics to subscribe to, QoS 1, when it is connected.
    listener
        Who is told what happens.
    deliver
        Takes messages, in paho's thread; they come again until :meth:`acknowledge`. Without it they go to the
        listener and are acknowledged when they came.
    monotonic_ns
        Clock.
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
        deliver: Callable[[Delivery], None] | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.number = number
        self.listener = listener
        self._deliver = deliver
        self.client = self._make(address, client_id, status_topic)
        self._address = address
        self._subscriptions = subscriptions
        self._now = monotonic_ns
        self._thread: threading.Thread | None = None
        self._opened_ns: int | None = None
        self._connected = self._over = False

    def _make(self, address: MqttAddress, client_id: str, status_topic: str) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.tls:
            client.tls_set_context(address.tls_context())
        status = contract.CHANNELS["status"]
        client.will_set(status_topic, contract.OFFLINE, status.qos, status.retain)
        client.manual_ack_set(self._deliver is not None)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        # The book keeps the window; these only must not be smaller.
        client.max_inflight_messages_set(2 * WINDOW)
        client.max_queued_messages_set(4 * WINDOW)
        client.on_pre_connect = self._on_pre_connect
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    # --- what the publisher asks ---------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to connect, in a thread of its own."""
        self.client.connect_async(self._address.host, self._address.port, keepalive=_KEEPALIVE_S)
        self.client.loop_start()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int | None:
        """Hand a message over; gives its id, ``None`` when it was not taken."""
        info = self.client.publish(topic, payload, qos, retain)
        return None if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE else info.mid

    def subscribe(self, topic: str) -> None:
        """Subscribe to one more topic, QoS 1; before it is connected this does nothing."""
        self.client.subscribe(topic, 1)

    def acknowledge(self, one: Delivery) -> None:
        """Say that a message of this connection was taken; the broker forgets it."""
        if one.connection == self.number and one.qos > 0:
            self.client.ack(one.mid, one.qos)

    def silent(self) -> str | None:
        """Why nothing can be expected of this connection any more, though it did not end; else ``None``."""
        if self._over:
            return None
        if self._thread is not None and not self._thread.is_alive():
            return "its network thread has ended"
        opened = self._opened_ns
        if not self._connected and opened is not None and self._now() - opened > _ANSWER_NS:
            return f"no answer within {_ANSWER_NS // 1_000_000_000} s of connecting"
        return None

    def drop(self) -> None:
        """Give it up without a goodbye; does not wait."""
        self._over = True
        sock: Any = self.client.socket()
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                log.debug("the socket was closed before: %s", error)
        self._let_go()

    def _let_go(self) -> None:
        """Undo the circle of references: the client's other sockets are closed when nobody knows it."""
        client = self.client
        client.on_pre_connect = client.on_socket_open = client.on_connect = client.on_connect_fail = None
        client.on_disconnect = client.on_publish = client.on_message = client.on_subscribe = None

    def close(self) -> None:
        """Say goodbye, and wait a moment for the thread to end."""
        self._over = True
        self.client.disconnect()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                self.drop()
        self._let_go()

    # --- what paho's thread says ---------------------------------------------------------------------------

    @guarded
    def _on_pre_connect(self, client: paho.Client, userdata: Any) -> None:
        self._thread = threading.current_thread()

    @guarded
    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        # Without it, an event behind a burst of live values waits up to 40 ms for a delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._opened_ns = self._now()

    @guarded
    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self.listener.lost(
                self.number,
                f"the broker refused the connection: {reason}; check user, password and access rules",
            )
            self._over = True
            return
        for topic in self._subscriptions():
            client.subscribe(topic, 1)
        self.listener.connected(self.number, bool(flags.session_present))
        # Only what was told counts: should telling fail, the connection is found silent and replaced.
        self._connected = True

    @guarded
    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:
        # paho calls this inside its "except OSError", which is the only place that knows why.
        error = sys.exc_info()[1]
        self.listener.lost(self.number, f"cannot connect: {error or 'unknown reason'}; will keep trying")
        self._over = True

    @guarded
    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if not self._over:
            self.listener.lost(self.number, f"connection lost: {reason}; will reconnect")
            self._over = True

    @guarded
    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self.listener.acknowledged(self.number, mid)

    @guarded
    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        payload, retain = bytes(message.payload), bool(message.retain)
        if self._deliver is None:
            self.listener.arrived(self.number, topic, payload, retain)
        else:
            self._deliver(Delivery(self.number, topic, payload, retain, message.mid, message.qos))

    @guarded
    def _on_subscribe(
        self, client: paho.Client, userdata: Any, mid: int, reasons: Any, properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.listener.trouble("the broker refused a subscription; check the user's access rules")
