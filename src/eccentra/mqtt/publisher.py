"""Publishes a node's results with paho-mqtt; keeps trying when the broker is away, and never stops the set.

Threads: whoever has results puts them into the outbox (or, without one, into memory) and returns at once;
one thread, the pump (:mod:`eccentra.mqtt.pump`), is the only one that publishes; paho's network thread only
notes what happened.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from eccentra.commands import Answer, Request
from eccentra.errors import SinkError
from eccentra.events import Numbered, StationNoted
from eccentra.mqtt import contract
from eccentra.mqtt.address import parse_url
from eccentra.mqtt.connection import Connection, Listener
from eccentra.mqtt.desk import CommandDesks
from eccentra.mqtt.health import Health
from eccentra.mqtt.payloads import NodeInfo, SensorHealth
from eccentra.mqtt.pump import Pump
from eccentra.mqtt.queue import Message
from eccentra.mqtt.refill import PORTION, Refill
from eccentra.mqtt.station import StationSink
from eccentra.mqtt.store import EventStore, MemoryStore, NewEvent
from eccentra.mqtt.trouble import BrokerTrouble

if TYPE_CHECKING:
    from eccentra.mqtt.broker import EmbeddedBroker
    from eccentra.mqtt.outbox import Outbox

__all__ = ["Publisher"]

_IDLE_NS = 50_000_000
_INFO_EVERY_NS = 10_000_000_000

log = logging.getLogger("eccentra.mqtt")


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
    outbox
        Where events wait on disk; closed by :meth:`close`. Without one they wait in memory, for what can be
        made again.
    max_events
        Without an outbox: events kept while the broker is away; later ones are dropped and counted.
    live_rate_hz
        Most live messages a second and station, by sample time.
    monotonic_ns, wall_ns
        Clocks: for ages; for ``info``, station events, and the age of commands.

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
        outbox: Outbox | None = None,
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
        self._now, self._wall = monotonic_ns, wall_ns
        self._started = self.wall_time()
        self._broker: EmbeddedBroker | None = None
        self._store: EventStore = MemoryStore(max_events, monotonic_ns) if outbox is None else outbox
        self._pump = Pump(self, self._store, monotonic_ns)
        self._desks = CommandDesks(self.site, self.node, monotonic_ns=monotonic_ns, wall_ns=wall_ns)
        self._stations: dict[str, StationSink] = {}
        self._trouble = BrokerTrouble(durable=self._store.durable)
        self._on_note: Callable[[StationNoted], None] | None = None
        self._unpublished: list[StationNoted] = []
        self._refill = Refill(self._store, self.station)
        self._on_plan: Callable[[str, str, bytes], None] | None = None
        self._plans = f"eccentra/v{contract.VERSION}/{self.site}/+/athlete/+/plan"
        self._begun = self._closing = False
        self._errors = 0
        self._last_error: str | None = None
        self._info: NodeInfo | None = None
        self._info_ns = self._idle_ns = 0

    def __repr__(self) -> str:
        return f"Publisher({str(self.address)!r}, site={self.site!r}, node={self.node!r})"

    # --- life ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to connect in the background, starting the embedded broker first if asked for."""
        if self._begun:
            return self
        if self.address.embedded:
            # Imported here: amqtt is slow to import, and not needed with a real broker.
            from eccentra.mqtt.broker import EmbeddedBroker

            self._broker = EmbeddedBroker(self.address.port)
            self.address = parse_url(self._broker.start())
        if self.address.tls:
            # A CA file that cannot be read is said here, not in a thread.
            self.address.tls_context()
        self._begun = True
        self._put_info()
        self._pump.start()
        return self

    def close(self, timeout_s: float = 2.0) -> None:
        """Say ``offline`` and disconnect; waits at most ``timeout_s`` for what is unacknowledged."""
        if self._closing or not self._begun:
            self._closing = True
            self._store.close()
            return
        for station in self._stations.values():
            station.close()
        self._closing = True
        self.put_state("status", contract.OFFLINE)
        if not (self._pump.ready and self._pump.flush(timeout_s)):
            where = "they wait in the outbox" if self._store.durable else "they are in the recording only"
            log.warning("%s: %d messages not acknowledged; %s", self.address, self._pump.waiting, where)
        self._pump.stop()
        self._store.close()
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

    def sensor_health(self, sensor: str, health: SensorHealth) -> None:
        """Publish how well a sensor is heard; the caller chooses how often."""
        self.put_live("sensor_health", contract.encode(health), sensor=sensor)

    def on_note(self, callback: Callable[[StationNoted], None]) -> None:
        """Have broker and outbox trouble told to ``callback``, in the pump's thread.

        Who takes it shows it and publishes it, by :meth:`StationSink.note`. While nobody does, it is
        published at every station of the node, if there is an outbox.
        """
        self._on_note = callback
        unpublished, self._unpublished = self._unpublished, []
        for noted in unpublished:
            callback(noted)

    def set_refill(self, callback: Callable[[str, int], Iterable[Numbered]]) -> None:
        """Say where events come from that found the outbox full: ``callback(session, from_seq)``.

        It is called in the pump's thread and gives a session's events from a number on, without holes.
        """
        self._refill.source = callback

    def resend(self, station: str, events: Iterable[Numbered]) -> int:
        """Send events again, with the ids and payloads they had; gives how many found room."""
        sink = self.station(station)
        taken, events = 0, iter(events)
        while portion := list(islice(events, PORTION)):
            put = self._store.put_again(sink.messages(portion))
            taken += put
            if put < len(portion):
                break
        self._pump.wake()
        return taken

    def on_commands(self, station: str, handler: Callable[[Request], None]) -> None:
        """Take commands for a station: ``handler`` is called in the network thread for each valid one.

        Answer it with :meth:`answer`, from any thread, within 5 s.
        """
        topic = self._desks.open(contract.check_id(station, "station"), handler)
        self._pump.subscribe(topic)
        self._put_info()

    def on_plans(self, handler: Callable[[str, str, bytes], None]) -> None:
        """Take the plans of all people of the site: ``handler(node, athlete, payload)``, in paho's thread.

        A hub's plans are kept by the broker, so they come at every connection anew.
        """
        self._on_plan = handler
        self._pump.subscribe(self._plans)

    def answer(self, station: str, request: Request, answer: Answer) -> None:
        """Say what became of a command."""
        self._send(self._desks.answer(station, request, answer))

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the broker took our ``online``; false when it did not in time (see :meth:`health`)."""
        return self._pump.wait_ready(timeout_s)

    def require_connected(self, timeout_s: float) -> None:
        """Wait as :meth:`wait_connected` does; raise :class:`~eccentra.errors.SinkError` if in vain."""
        if not self.wait_connected(timeout_s):
            problem = self.health().last_error or "no answer"
            raise SinkError(str(self.address), f"no connection within {timeout_s:g} s: {problem}")

    def flush(self, timeout_s: float) -> bool:
        """Wait until the broker acknowledged everything; false when it did not in time."""
        return self._pump.flush(timeout_s)

    def health(self) -> Health:
        """How publishing goes now."""
        durable = self._store.durable
        return Health(
            connected=self._pump.ready,
            unacknowledged=self._pump.waiting,
            dropped=self._store.dropped,
            oldest_unacked_age_s=self._age_s(self._pump.oldest_ns()),
            errors=self._errors,
            last_error=self._last_error,
            outbox_depth=self._store.depth if durable else None,
            outbox_age_s=self._age_s(self._store.oldest_ns()) if durable else None,
            outbox_missing=len(self._store.missing(0)),
            restarts=self._pump.restarts,
            commands_accepted=self._desks.accepted,
            commands_repeated=self._desks.repeated,
            commands_refused=dict(self._desks.refused),
        )

    def _age_s(self, since_ns: int | None) -> float | None:
        return None if since_ns is None else (self._now() - since_ns) / 1e9

    # --- what sinks put in ---------------------------------------------------------------------------------

    def put_events(self, events: Sequence[NewEvent]) -> None:
        """Take events, in order; they are in the outbox when this returns."""
        dropped = self._store.dropped
        self._store.put(events)
        self._pump.wake()
        if self._store.dropped > dropped:
            count = self._store.dropped - dropped
            self.problem(f"the queue is full: {count} events are in the recording only")

    def put_state(self, channel: str, payload: bytes, **ids: str) -> None:
        """Set the latest value of a retained topic."""
        self._pump.put_state(self._message(channel, payload, ids))

    def put_live(self, channel: str, payload: bytes, **ids: str) -> None:
        """Send a value if the broker is there; nothing is kept."""
        self._pump.put_live(self._message(channel, payload, ids))

    def wall_time(self) -> str:
        """Now, RFC 3339 UTC."""
        return contract.utc(self._wall())

    def _message(self, channel: str, payload: bytes, ids: dict[str, str]) -> Message:
        how = contract.CHANNELS[channel]
        return Message(self._topic(channel, **ids), payload, how.qos, how.retain, self._now())

    def _topic(self, channel: str, **ids: str) -> str:
        return contract.topic(channel, site=self.site, node=self.node, **ids)

    def _put_info(self) -> None:
        info = self.health().told(
            started=self._started, stations=tuple(self._stations), capabilities=self._capabilities()
        )
        self._info_ns = self._now()
        if info != self._info:
            self._info = info
            self.put_state("info", contract.encode(msgspec.structs.replace(info, time=self.wall_time())))

    def _capabilities(self) -> tuple[str, ...]:
        more = (("commands", bool(self._desks.topics())), ("outbox", self._store.durable))
        return ("events", "state", "live", *(name for name, there in more if there))

    # --- what the pump reports and asks --------------------------------------------------------------------

    def connect(self, number: int, listener: Listener) -> Connection:
        """Make the next connection."""
        return Connection(
            number,
            self.address,
            client_id=self._client_id,
            status_topic=self._topic("status"),
            subscriptions=self._subscriptions,
            listener=listener,
            monotonic_ns=self._now,
        )

    def status(self) -> tuple[str, bytes]:
        """Topic and payload of the greeting."""
        return self._topic("status"), contract.OFFLINE if self._closing else contract.ONLINE

    def came_back(self) -> None:
        """The broker took our greeting."""
        self._announce(self._trouble.back(self._store.depth, self._now()))
        self._put_info()

    def went_away(self, problem: str) -> None:
        """There is no broker."""
        if self._closing:
            return
        self.problem(problem)
        self._announce(self._trouble.away(problem, self._now()))

    def _subscriptions(self) -> list[str]:
        return [*self._desks.topics(), *([] if self._on_plan is None else [self._plans])]

    def arrived(self, topic: str, payload: bytes, retain: bool) -> None:
        """A command or a plan came."""
        parts = topic.split("/")
        if self._on_plan is not None and len(parts) == 7 and (parts[4], parts[6]) == ("athlete", "plan"):
            self._on_plan(parts[3], parts[5], payload)
            return
        self._send(self._desks.arrived(topic, payload, retain))

    def idle(self) -> None:
        """Do what can wait, some times a second."""
        now = self._now()
        if now < self._idle_ns:
            return
        self._idle_ns = now + _IDLE_NS
        self._store.tend()
        self._announce(self._refill.portion(now))
        self._say_notes()
        self._send(self._desks.expired())
        if now - self._info_ns >= _INFO_EVERY_NS:
            self._put_info()

    def problem(self, problem: str, *, mistake: bool = False) -> None:
        """Remember and log a problem; the same one is logged once."""
        self._errors += mistake
        said, self._last_error = problem == self._last_error, problem
        if not said:
            log.warning("%s: %s", self.address, problem)

    def _send(self, replies: Sequence[tuple[str, bytes]]) -> None:
        how = contract.CHANNELS["reply"]
        for topic, payload in replies:
            if not self._pump.put_reply(Message(topic, payload, how.qos, how.retain, self._now())):
                self.problem("answers to commands are dropped: far too many wait for the broker")

    def _say_notes(self) -> None:
        for noted in self._store.notes():
            self._announce(noted)
        if self._stations and self._on_note is None:
            unpublished, self._unpublished = self._unpublished, []
            for noted in unpublished:
                for station in list(self._stations.values()):
                    station.note(noted)

    def _announce(self, noted: StationNoted | None) -> None:
        """Tell trouble of broker or outbox to who wants to know, or keep it to be published."""
        if noted is None:
            return
        if self._on_note is not None:
            self._on_note(noted)
        elif self._store.durable:
            self._unpublished.append(noted)
