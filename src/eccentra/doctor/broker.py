"""Whether the MQTT broker takes and delivers messages: step by step, the first that fails ends it."""

from __future__ import annotations

import contextlib
import math
import queue
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from eccentra.doctor.finding import Finding, failed, ok, warning
from eccentra.errors import SinkError
from eccentra.mqtt.address import MqttAddress, parse_url

__all__ = ["check_broker"]

_USUAL = ("127.0.0.1", 1883)
_CONNECT_S = 5.0
_ANSWER_S = 5.0
# the first is slower: routes and buffers are made
_ROUNDS = 3
# A burst of events has to arrive within 10 ms; over a slow network it takes as long as it takes.
_SLOW_MS = 200.0

_REFUSED = {
    "Unsupported protocol version": "use a broker that speaks MQTT 3.1.1 or 5",
    "Client identifier not valid": "let the broker accept client ids of letters, digits, - and _",
    "Server unavailable": "look into the broker's log; it may be starting, or full",
    "Bad user name or password": "correct them: mqtts://USER:PASSWORD@HOST, with # @ : written as %23 ...",
    "Not authorized": "give a user whom the broker lets in: mqtts://USER:PASSWORD@HOST",
}


def check_broker(url: str | None = None) -> Iterator[Finding]:
    """Check the broker at ``url``; ``None``: the one on this computer, else the embedded one."""
    try:
        address = parse_url(url) if url is not None else _here()
    except SinkError as error:
        yield failed("broker.url", str(error), "correct the URL given to --mqtt")
        return
    if not address.embedded:
        yield from _reach(address)
        return
    from eccentra.mqtt.broker import EmbeddedBroker

    try:
        with EmbeddedBroker(address.port if url is not None else 0) as broker:
            yield ok("broker.embedded", "the embedded broker starts")
            yield from _mqtt(parse_url(broker.url))
    except SinkError as error:
        advice = "stop the program that uses the port, or use it as the broker: --mqtt mqtt://127.0.0.1"
        yield failed("broker.embedded", str(error), advice)


def _here() -> MqttAddress:
    try:
        socket.create_connection(_USUAL, timeout=1.0).close()
    except OSError:
        return parse_url("embedded://")
    return parse_url("mqtt://127.0.0.1")


def _reach(address: MqttAddress) -> Iterator[Finding]:
    tcp = _tcp(address)
    yield tcp
    if tcp.state == "failed":
        return
    if address.tls:
        tls = _tls(address)
        yield tls
        if tls.state == "failed":
            return
    yield from _mqtt(address)


def _mqtt(address: MqttAddress) -> Iterator[Finding]:
    with _Probe(address) as probe:
        login = probe.login()
        yield login
        if login.state != "failed":
            yield from probe.deliver()


def _tcp(address: MqttAddress) -> Finding:
    check = "broker.connect"
    try:
        socket.create_connection((address.host, address.port), timeout=_CONNECT_S).close()
    except socket.gaierror:
        advice = "check the spelling, and that this computer is in the same network"
        return failed(check, f"no computer is known by the name {address.host}", advice)
    except ConnectionRefusedError:
        advice = "start the broker, and check its port: `listener` in mosquitto.conf"
        return failed(check, f"nobody listens at {address}", advice)
    except TimeoutError:
        advice = "is the computer on and in the same network? A firewall may block the port"
        return failed(check, f"no answer from {address} within {_CONNECT_S:g} s", advice)
    except OSError as error:
        return failed(check, f"{address} cannot be reached: {error.strerror or error}", "check the network")
    return ok(check, f"{address} accepts connections")


def _tls(address: MqttAddress) -> Finding:
    check = "broker.tls"
    try:
        context = address.tls_context()
        with (
            socket.create_connection((address.host, address.port), timeout=_CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            return ok(check, f"the certificate is valid ({secure.version()})")
    except SinkError as error:
        return failed(check, str(error), "give the CA's file: mqtts://HOST?ca=FILE")
    except ssl.SSLCertVerificationError as error:
        return failed(
            check, f"the certificate is refused: {error.verify_message}", _certificate_advice(error)
        )
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        advice = "is this the port for TLS (usually 8883)? Without TLS it is mqtt://"
        return failed(check, f"no TLS connection: {reason}", advice)
    except OSError as error:
        advice = "is this the port for TLS (usually 8883)? Without TLS it is mqtt://"
        return failed(check, f"no TLS connection: {error.strerror or error}", advice)


def _certificate_advice(error: ssl.SSLCertVerificationError) -> str:
    text = error.verify_message.lower()
    if "expired" in text or "not yet valid" in text:
        return "renew the broker's certificate, and check this computer's date"
    if "mismatch" in text or "not valid for" in text:
        return "use the name that stands in the broker's certificate"
    return "trust the CA that signed it: mqtts://HOST?ca=FILE"


class _Probe:
    """An MQTT client of its own; paho's thread only puts what happened into a queue."""

    def __init__(self, address: MqttAddress) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self._address = address
        self._happened: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        ident = secrets.token_hex(4)
        self._left_behind = False
        self._topic = f"eccentra/v1/local/doctor/check/{ident}"
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"eccentra-doctor-{ident}")
        put = self._happened.put
        self._client.on_connect = lambda _c, _u, _f, reason, _p: put(("connected", reason))
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: put(("disconnected", reason))
        self._client.on_subscribe = lambda _c, _u, _m, reasons, _p: put(("subscribed", reasons))
        self._client.on_message = lambda _c, _u, message: put(("message", message))
        self._client.on_socket_open = _no_delay
        if address.user is not None:
            self._client.username_pw_set(address.user, address.password)
        if address.tls:
            self._client.tls_set_context(address.tls_context())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._left_behind:
            self._publish_retained(b"")
        self._client.disconnect()
        self._client.loop_stop()

    def login(self) -> Finding:
        """Wait for the broker to let us in."""
        check = "broker.login"
        try:
            self._client.connect(self._address.host, self._address.port, keepalive=15)
        except (OSError, ValueError) as error:
            return failed(check, f"the connection broke: {error}", "look into the broker's log")
        self._client.loop_start()
        kind, reason = self._next("connected", "disconnected")
        if kind == "connected" and not reason.is_failure:
            return ok(check, "the broker lets us in" + ("" if self._address.user else ", without a user"))
        if kind == "connected":
            advice = _REFUSED.get(str(reason), "look into the broker's log")
            return failed(check, f"the broker refuses us: {str(reason).lower()}", advice)
        if kind == "disconnected":
            advice = "is this an MQTT broker's port? Look into its log"
            return failed(check, f"{self._address} closed the connection without an answer", advice)
        advice = "is this an MQTT broker's port (usually 1883, with TLS 8883)?"
        return failed(check, f"{self._address} does not answer as a broker within {_ANSWER_S:g} s", advice)

    def deliver(self) -> Iterator[Finding]:
        """A message to ourselves, then a retained one to somebody who subscribes later."""
        rules = f"let this user read and write eccentra/v1/# at the broker (tried: {self._topic})"
        if not self._subscribe():
            yield failed("broker.deliver", "the broker refuses our subscription", rules)
            return
        took_ms = math.inf
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            self._client.publish(self._topic, b"there and back", 1)
            if self._next("message")[0] is None:
                yield failed("broker.deliver", "a message to ourselves did not come back", rules)
                return
            took_ms = min(took_ms, (time.perf_counter() - start) * 1e3)
        found = f"a message is back after {took_ms:.1f} ms"
        if took_ms > _SLOW_MS:
            yield warning("broker.deliver", found, "results will be late; use a broker nearer by")
        else:
            yield ok("broker.deliver", found)
        yield self._retained(rules)

    def _retained(self, rules: str) -> Finding:
        check = "broker.retained"
        refused = failed(
            check,
            "the broker did not keep a retained message",
            "status and plans need it: `retain_available true` in mosquitto.conf",
        )
        if not self._publish_retained(b"kept"):
            return refused  # Mosquitto hangs up on who tries
        self._left_behind = True
        self._next("message")
        self._client.unsubscribe(self._topic)
        if not self._subscribe():
            return failed(check, "the broker refuses our subscription", rules)
        kind, message = self._next("message")
        if kind is None or not message.retain:
            return refused
        return ok(check, "a retained message is kept for who comes later")

    def _publish_retained(self, payload: bytes) -> bool:
        sent = self._client.publish(self._topic, payload, 1, retain=True)
        with contextlib.suppress(ValueError, RuntimeError):
            sent.wait_for_publish(_ANSWER_S)
            return sent.is_published()
        return False

    def _subscribe(self) -> bool:
        self._client.subscribe(self._topic, 1)
        kind, reasons = self._next("subscribed")
        return kind is not None and not any(reason.is_failure for reason in reasons)

    def _next(self, *kinds: str) -> tuple[str | None, Any]:
        """Wait for one of these; others are passed over."""
        end = time.monotonic() + _ANSWER_S
        while (left := end - time.monotonic()) > 0:
            try:
                kind, what = self._happened.get(timeout=left)
            except queue.Empty:
                break
            if kind in kinds:
                return kind, what
        return None, None


def _no_delay(_client: Any, _data: Any, sock: Any) -> None:
    # over TLS too: the wrapped socket has it
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
