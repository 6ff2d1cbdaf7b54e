"""Publishes a node's results with paho-mqtt; keeps trying when the broker is away, and never stops the set.

Threads: whoever has results puts messages into the book and returns at once; one thread, the pump, is the
only one that publishes; paho's network thread only notes what happened. The pump never holds the book's lock
while it calls paho, whose locks are held during callbacks.

Order: paho sends again what was unacknowledged when a connection was lost, but only after it has already
declared the new connection good; whatever is published in between overtakes it. So the pump first publishes
``online`` alone and goes on when that is acknowledged, which cannot happen before the re-send.
"""

from __future__ import annotations

import functools
import logging
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from eccentra import __version__
from eccentra.errors import SinkError
from eccentra.mqtt import contract
from eccentra.mqtt.address import MqttAddress, parse_url
from eccentra.mqtt.queue import WINDOW, Message, Outgoing
from eccentra.mqtt.station import StationSink

if TYPE_CHECKING:
    from eccentra.mqtt.broker import EmbeddedBroker

__all__ = ["Health", "Publisher"]

_KEEPALIVE_S = 15
_CONNECT_TIMEOUT_S = 5.0
_RECONNECT_S = (1, 5)
_PUMP_WAIT_S = 1.0

log = logging.getLogger("eccentra.mqtt")
_P = ParamSpec("_P")


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How publishing goes.

    Attributes
    ----------
    connected
        The broker took our ``online``.
    unacknowledged
        Events and states that the broker has not acknowledged, waiting ones included.
    dropped
        Events that found the queue full: they are in the recording only.
    oldest_unacked_age_s
        Age of the oldest unacknowledged message; a growing one with ``connected`` means a stalled broker.
    errors
        Mistakes inside callbacks, logged with their trace.
    last_error
        What went wrong last, in words, without passwords.
    """

    connected: bool
    unacknowledged: int
    dropped: int
    oldest_unacked_age_s: float | None
    errors: int
    last_error: str | None


def _guarded(callback: Callable[_P, None]) -> Callable[_P, None]:
    """Keep a mistake in a callback from ending its thread, which paho would do without a word."""

    @functools.wraps(callback)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as error:
            log.exception("mistake in %s", callback.__name__)
            publisher = args[0]
            assert isinstance(publisher, Publisher)
            publisher._note(f"{callback.__name__}: {error!r}", mistake=True)

    return guarded


class Publisher:
    """Publishes everything of one node; :meth:`station` gives the sink of one station.

    Parameters
    ----------
    url
        ``embedded://``, ``mqtt://...`` or ``mqtts://...``, see :mod:`eccentra.mqtt.address`.
    site, node
        Ids in the topics; a node's id is unique at its broker.
    client_id
        MQTT client id; two clients with one id throw each other out.
    max_events
        Events kept while the broker is away; later ones are dropped and counted.
    live_rate_hz
        Most live messages a second and station, by sample time.
    monotonic_ns, wall_ns
        Clocks: for ages, and for the start time in ``info``.

    Raises
    ------
    SinkError
        When the URL is wrong or the embedded broker cannot start. A broker that is away raises nothing.
    """

    def __init__(
        self,
        url: str,
        *,
        site: str,
        node: str,
        client_id: str | None = None,
        max_events: int = 10_000,
        live_rate_hz: float = 15.0,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.site = contract.check_id(site, "site")
        self.node = contract.check_id(node, "node")
        self.address = parse_url(url)
        self.live_rate_hz = live_rate_hz
        self._client_id = client_id or f"eccentra-{site}-{node}"
        self._now = monotonic_ns
        started = datetime.fromtimestamp(wall_ns() / 1e9, UTC)
        self._started = started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._broker: EmbeddedBroker | None = None
        self._client: paho.Client | None = None
        self._stations: dict[str, StationSink] = {}
        self._pump_thread = threading.Thread(target=self._pump, name="eccentra-mqtt", daemon=True)

        self._changed = threading.Condition()
        self._out = Outgoing(max_events)
        self._acks: deque[int] = deque()
        self._connection = 0
        self._greeted = 0
        self._greeting_mid: int | None = None
        self._ready = False
        self._closing = self._stopped = self._refused = False
        self._errors = 0
        self._last_error: str | None = None

    def __repr__(self) -> str:
        return f"Publisher({str(self.address)!r}, site={self.site!r}, node={self.node!r})"

    # --- life ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to connect in the background, starting the embedded broker first if asked for."""
        if self._client is not None:
            return self
        address = self.address
        if address.embedded:
            # Imported here: amqtt is slow to import, and not needed with a real broker.
            from eccentra.mqtt.broker import EmbeddedBroker

            self._broker = EmbeddedBroker(address.port)
            address = self.address = parse_url(self._broker.start())
        self._client = client = self._make_client(address)
        self._put_info()
        client.connect_async(address.host, address.port, keepalive=_KEEPALIVE_S)
        client.loop_start()
        self._pump_thread.start()
        return self

    def _make_client(self, address: MqttAddress) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
        )
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.tls:
            client.tls_set_context(address.tls_context())
        status = contract.CHANNELS["status"]
        client.will_set(self._topic("status"), contract.OFFLINE, status.qos, status.retain)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.reconnect_delay_set(*_RECONNECT_S)
        # The book keeps the window; these only must not be smaller.
        client.max_inflight_messages_set(2 * WINDOW)
        client.max_queued_messages_set(2 * WINDOW)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def close(self, timeout_s: float = 2.0) -> None:
        """Say ``offline`` and disconnect; waits at most ``timeout_s`` for what is unacknowledged."""
        client = self._client
        if self._closing or client is None:
            self._closing = True
            return
        for station in self._stations.values():
            station.close()
        with self._changed:
            self._closing = True
            ready = self._ready
        self.put_state("status", contract.OFFLINE)
        if not (ready and self.flush(timeout_s)):
            left = self.health().unacknowledged
            log.warning("%s: closed with %d messages not acknowledged", self.address, left)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._pump_thread.join()
        client.disconnect()
        client.loop_stop()
        if self._broker is not None:
            self._broker.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- what users ask ------------------------------------------------------------------------------------

    def station(self, station: str) -> StationSink:
        """Sink of one station; the same id gives the same sink."""
        if station not in self._stations:
            self._stations[station] = StationSink(self, contract.check_id(station, "station"))
            self._put_info()
        return self._stations[station]

    def sensor_health(self, sensor: str, health: contract.SensorHealth) -> None:
        """Publish how well a sensor is heard; the caller chooses how often."""
        self.put_live("sensor_health", contract.encode(health), sensor=sensor)

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the broker took our ``online``; false when it did not in time (see :meth:`health`)."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, timeout_s)

    def require_connected(self, timeout_s: float) -> None:
        """Wait as :meth:`wait_connected` does; raise :class:`~eccentra.errors.SinkError` if in vain."""
        if not self.wait_connected(timeout_s):
            problem = self.health().last_error or "no answer"
            raise SinkError(str(self.address), f"no connection within {timeout_s:g} s: {problem}")

    def flush(self, timeout_s: float) -> bool:
        """Wait until the broker acknowledged everything; false when it did not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._out.is_empty, timeout_s)

    def health(self) -> Health:
        """How publishing goes now."""
        with self._changed:
            oldest = self._out.oldest_ns()
            return Health(
                connected=self._ready,
                unacknowledged=self._out.unacknowledged,
                dropped=self._out.dropped,
                oldest_unacked_age_s=None if oldest is None else (self._now() - oldest) / 1e9,
                errors=self._errors,
                last_error=self._last_error,
            )

    # --- what sinks put in ---------------------------------------------------------------------------------

    def put_events(self, channel: str, messages: Sequence[tuple[dict[str, str], bytes]]) -> None:
        """Queue events: ids of the topic, and payload, in order."""
        made = [self._message(channel, payload, ids) for ids, payload in messages]
        with self._changed:
            taken = [self._out.put_event(message) for message in made]
            self._changed.notify_all()
        if not all(taken):
            self._note(f"the queue is full: {taken.count(False)} events are in the recording only")

    def put_state(self, channel: str, payload: bytes, **ids: str) -> None:
        """Set the latest value of a retained topic."""
        message = self._message(channel, payload, ids)
        with self._changed:
            self._out.put_state(message)
            self._changed.notify_all()

    def put_live(self, channel: str, payload: bytes, **ids: str) -> None:
        """Send a value if the broker is there; nothing is kept."""
        message = self._message(channel, payload, ids)
        with self._changed:
            if self._ready:
                self._out.put_live(message)
                self._changed.notify_all()

    def _message(self, channel: str, payload: bytes, ids: dict[str, str]) -> Message:
        how = contract.CHANNELS[channel]
        return Message(self._topic(channel, **ids), payload, how.qos, how.retain, self._now())

    def _topic(self, channel: str, **ids: str) -> str:
        return contract.topic(channel, site=self.site, node=self.node, **ids)

    def _put_info(self) -> None:
        info = contract.NodeInfo(
            time=self._started,
            started=self._started,
            software=f"eccentra {__version__}",
            stations=tuple(self._stations),
        )
        self.put_state("info", contract.encode(info))

    def _note(self, problem: str, *, mistake: bool = False) -> None:
        with self._changed:
            self._errors += mistake
            said = problem == self._last_error
            self._last_error = problem
        if not said:
            log.warning("%s: %s", self.address, problem)

    # --- the pump ------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        while not self._stopped:
            self._pump_once()

    @_guarded
    def _pump_once(self) -> None:
        client = self._client
        assert client is not None
        with self._changed:
            self._changed.wait_for(self._has_work, _PUMP_WAIT_S)
            self._settle()
            greet = self._greeted != self._connection
            if greet:
                # The gate stays shut until this connection's own greeting is acknowledged.
                self._greeted = self._connection
                self._greeting_mid, self._ready = None, False
            message = self._out.take() if self._ready else None
        if greet:
            status = contract.CHANNELS["status"]
            text = contract.OFFLINE if self._closing else contract.ONLINE
            mid = client.publish(self._topic("status"), text, status.qos, status.retain).mid
            with self._changed:
                self._greeting_mid = mid
        elif message is not None:
            self._hand_over(client, message)

    def _has_work(self) -> bool:
        greet = self._greeted != self._connection
        return self._stopped or bool(self._acks) or greet or (self._ready and self._out.has_next)

    def _settle(self) -> None:
        """Strike off acknowledged messages; the acknowledged greeting opens the gate."""
        while self._acks:
            mid = self._acks.popleft()
            self._out.acknowledge(mid)
            if mid == self._greeting_mid:
                self._greeting_mid = None
                self._ready = True
                self._out.renew_states()
        self._changed.notify_all()

    def _hand_over(self, client: paho.Client, message: Message) -> None:
        info = client.publish(message.topic, message.payload, message.qos, message.retain)
        with self._changed:
            # Not connected (rc 4) is no refusal: paho keeps QoS 1 messages and sends them after a reconnect.
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._out.give_back()
            else:
                self._out.handed(info.mid)

    # --- what paho's thread says ---------------------------------------------------------------------------

    @_guarded
    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        # Without it, an event behind a burst of live values waits up to 40 ms for a delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @_guarded
    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused = True
            self._note(f"the broker refused the connection: {reason}; check user, password and access rules")
            return
        log.info("%s: connected", self.address)
        with self._changed:
            self._connection += 1
            self._changed.notify_all()

    @_guarded
    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:
        # paho calls this inside its "except OSError", which is the only place that knows why.
        error = sys.exc_info()[1]
        self._note(f"cannot connect: {error or 'unknown reason'}; will keep trying")

    @_guarded
    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        with self._changed:
            self._ready = False
            self._greeting_mid = None
            self._out.drop_live()
            expected, self._refused = self._closing or self._refused, False
        if not expected and reason.is_failure:
            self._note(f"connection lost: {reason}; will reconnect")

    @_guarded
    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self._acks.append(mid)
        with self._changed:
            self._changed.notify_all()
