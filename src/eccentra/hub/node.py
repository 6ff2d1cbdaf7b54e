"""The hub as a node of the broker: takes events and commands, publishes proposals and plans.

One thread works; paho's network thread only notes what came. A message is acknowledged when the transaction
that took it has ended, so that a worker may be killed anywhere: the broker, which keeps the session of a
client that is away, delivers it again. What is published comes from the database and is struck off there when
the broker has acknowledged it. While the database cannot be used, messages wait.

Several workers on PostgreSQL share the load by shared subscriptions, each with a name of its own; one of them
publishes, another takes over when it ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
from sqlalchemy.exc import DBAPIError

from eccentra import __version__
from eccentra.commands import Answer, Request
from eccentra.errors import SinkError
from eccentra.hub.asking import ask
from eccentra.hub.carry_out import carry_out
from eccentra.hub.catching_up import CatchingUp
from eccentra.hub.checking import keep_checks
from eccentra.hub.courier import Courier
from eccentra.hub.inbound import Inbox
from eccentra.hub.line import Line
from eccentra.hub.take import sweep, take
from eccentra.mqtt import contract
from eccentra.mqtt.address import parse_url
from eccentra.mqtt.connection import guarded
from eccentra.mqtt.desk import HUB, CommandDesks, Replies
from eccentra.mqtt.payloads import NodeInfo
from eccentra.store.announcing import plans_forgotten
from eccentra.store.database import Store
from eccentra.store.questions import question_states_forgotten

if TYPE_CHECKING:
    from eccentra.mqtt.broker import EmbeddedBroker

__all__ = ["COUNTS", "Hub"]

COUNTS = (
    "new",
    "known",
    "different",
    "not_understood",
    "future",
    "impossible",
    "unknown_athlete",
    "refused",
    "decisions",
    "undecided",
    "asked",
    "answered",
    "missing",
    "checks",
    "published",
)
"""What is counted: events by what became of them, decisions, questions, checks, messages published."""

_SECOND_NS = 1_000_000_000
_MOST = 500
_WAIT_S = 0.2
# PostgreSQL ended one of two transactions that waited for each other: serialization failure, deadlock.
_CROSSED = ("40001", "40P01")
_POLL_NS, _CHORES_NS, _INFO_NS = _SECOND_NS // 2, 30 * _SECOND_NS, 10 * _SECOND_NS

log = logging.getLogger("eccentra.hub")


class Hub:
    """One worker of a hub.

    Parameters
    ----------
    url
        Of the broker, see :mod:`eccentra.mqtt.address`.
    store
        Results; it stays open.
    site, node
        Ids in the topics; all workers of a hub have the same.
    share
        Name of this worker among several; ``None`` for the only one.
    therapists
        Who may act as therapist in commands.
    monotonic_ns, wall_ns
        Clocks.

    Raises
    ------
    SinkError
        The URL is wrong, or several workers on a database that cannot take them.
    """

    def __init__(
        self,
        url: str,
        store: Store,
        *,
        site: str,
        node: str = "hub",
        share: str | None = None,
        therapists: Collection[str] = (),
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.site, self.node = contract.check_id(site, "site"), contract.check_id(node, "node")
        self.address = parse_url(url)
        self._own = node if share is None else contract.check_id(f"{node}-{share}", "node")
        self._share = "" if share is None else f"$share/{node}/"
        if share is not None and self.address.embedded:
            raise SinkError(url, "the embedded broker knows no shared subscriptions: use Mosquitto")
        if share is not None and store.dialect != "postgresql":
            raise SinkError(url, "several workers need a PostgreSQL database: give --store postgresql://...")
        self._store = store
        self._therapists = frozenset(therapists)
        self._now, self._wall = monotonic_ns, wall_ns
        self.counts: Counter[str] = Counter({name: 0 for name in COUNTS})
        self.last_error: str | None = None
        self.failing: str | None = None
        self._changed = threading.Condition()
        self._inbox = Inbox(self._changed)
        self._desks = CommandDesks(self.site, self.node, monotonic_ns=monotonic_ns, wall_ns=wall_ns)
        self._desks.open_hub(self._carry_out)
        self._catching_up = CatchingUp(self.site, self.node, monotonic_ns=monotonic_ns, wall_ns=wall_ns)
        self._database_ns = 0
        self._line = Line(
            self._changed,
            lambda: self.address,
            client_id=f"eccentra-{self.site}-{self._own}",
            status_topic=contract.topic("status", site=self.site, node=self._own),
            subscriptions=self._topics,
            deliver=self._inbox.put,
            problem=self._problem,
            mistake=self.mistake,
            monotonic_ns=monotonic_ns,
        )
        self._courier = Courier(store, self.site, self.node)
        self._replies: Replies = []
        self._poll_ns = self._chores_ns = self._info_ns = 0
        self._said: NodeInfo | None = None
        self._started = contract.utc(wall_ns())
        self._stopped = False
        self._broker: EmbeddedBroker | None = None
        self._thread = threading.Thread(target=self._run, name="eccentra-hub", daemon=True)

    # --- life ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to connect and to work, in the background."""
        if self.address.embedded:
            from eccentra.mqtt.broker import EmbeddedBroker

            self._broker = EmbeddedBroker(self.address.port)
            self.address = parse_url(self._broker.start())
        if self.address.tls:
            self.address.tls_context()
        self._thread.start()
        return self

    def close(self) -> None:
        """Finish the batch in hand, say ``offline`` and disconnect."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._line.close()
        self._courier.resign()
        if self._broker is not None:
            self._broker.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the broker took the connection; false when it did not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.ready, timeout_s)

    def expect(self, sessions: Iterable[str], node: str, station: str) -> None:
        """These were recorded: what is missing of them is asked for at their station; in any thread."""
        for session in sessions:
            self._catching_up.expect(session, node, station)

    @property
    def idle(self) -> bool:
        """Nothing that came waits, and nothing that was published is unacknowledged."""
        return not len(self._inbox) and self._courier.idle

    # --- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped:
            self._turn()
            with self._changed:
                self._changed.wait_for(self._has_work, _WAIT_S)

    def _has_work(self) -> bool:
        for_database = (len(self._inbox) or self._line.acks) and self._now() >= self._database_ns
        return self._stopped or self._line.has_news or bool(for_database)

    @guarded
    def _turn(self) -> None:
        self._watch()
        if self._now() < self._database_ns:
            return
        try:
            self._renew()
            changed = self._work()
            self._settle()
            self._lead_on(changed)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _CROSSED:
                # another worker's transaction went first: nothing was changed, the same again
                return
            self._database_ns = self._now() + _SECOND_NS
            self._courier.resign()
            self.failing = f"the database cannot be used, messages wait: {error.orig or error}"
            self._problem(self.failing)
        else:
            self.failing = None
        self._say()

    def mistake(self, where: str, error: Exception) -> None:
        """Something of ours is wrong: said, and everything goes on after a pause."""
        self.failing = f"{where}: {error!r}"
        self._problem(self.failing)
        self._database_ns = self._now() + _SECOND_NS

    def _problem(self, problem: str) -> None:
        said, self.last_error = problem == self.last_error, problem
        if not said:
            log.warning("%s: %s", self.address, problem)

    # --- the connection ------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._line.watch():
            self._courier.forget()
        if self._line.greet():
            self._said, self._poll_ns = None, 0

    @property
    def ready(self) -> bool:
        """The broker took the connection."""
        return self._line.ready

    def _topics(self) -> list[str]:
        stations = f"eccentra/v{contract.VERSION}/{self.site}/+/station/+"
        shared = [f"{stations}/event/+", *self._desks.topics()]
        return [*(f"{self._share}{topic}" for topic in shared), f"{stations}/state"]

    def _renew(self) -> None:
        """A broker that does not remember us may have forgotten plans and questions: they come again."""
        if self._line.forgotten and self.ready:
            with self._store.write() as database:
                plans_forgotten(database)
                question_states_forgotten(database)
            self._line.forgotten = False

    # --- what came -----------------------------------------------------------------------------------------

    def _work(self) -> bool:
        """Take a batch; says whether something may have to be published now."""
        batch = self._inbox.take(_MOST)
        if not batch:
            return False
        events = [one for one in batch if _is_event(one.topic)]
        changed = False
        try:
            if events:
                outcome = take(self._store, [one.payload for one in events], now_us=self._wall() // 1000)
                self._count(outcome.counts)
                changed = bool(outcome.decisions)
        except DBAPIError:
            self._inbox.give_back(batch)
            raise
        for one in batch:
            if "/hub/cmd/" in one.topic:
                changed = True
                self._replies += self._desks.arrived(one.topic, one.payload, one.retain)
            elif one.topic.endswith("/state"):
                self._catching_up.state(one.topic, one.payload)
        connection = self._line.connection
        if connection is not None:
            for one in batch:
                connection.acknowledge(one)
        return changed

    def _count(self, more: Counter[str]) -> None:
        for name, number in more.items():
            self.counts[name] += number

    def _carry_out(self, request: Request) -> None:
        try:
            answer = carry_out(self._store, request, now_us=self._wall() // 1000, therapists=self._therapists)
        except DBAPIError as error:
            self._problem(f"the database cannot be used: {error.orig or error}")
            answer = Answer(
                request=request.id,
                status="failed",
                reason="database",
                message="the database cannot be used now; send the command again, with a new request_id",
            )
        self._replies += self._desks.answer(HUB, request, answer)

    # --- what is published ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Strike off what the broker acknowledged."""
        done = self._courier.settle(self._line.take_acks(), self._wall() // 1000)
        self.counts["published"] += done
        if done:
            self._poll_ns = 0

    def _lead_on(self, changed: bool) -> None:
        """Publish what is due, look after what is late: one worker does it for all."""
        now = self._now()
        if not (changed or now >= self._poll_ns):
            return
        self._poll_ns = now + _POLL_NS
        if not self._courier.leads():
            return
        if now >= self._chores_ns:
            self._chores_ns = now + _CHORES_NS
            now_us = self._wall() // 1000
            self._count(ask(self._store, now_us=now_us).counts)
            self._count(sweep(self._store, now_us=now_us).counts)
            self._count(keep_checks(self._store, now_us=now_us))
            self._catching_up.look(self._store)
        if self._line.connection is not None and self.ready:
            self._courier.announce(self._line.connection)
        self._publish_all(self._catching_up.requests(self._store) if self.ready else [])

    def _publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        connection = self._line.connection
        if connection is None:
            return
        for topic, payload in messages:
            connection.publish(topic, payload, 1, False)

    def _say(self) -> None:
        """Answers to commands, and now and then what was counted."""
        replies, self._replies = [*self._replies, *self._desks.expired()], []
        if not self.ready:
            return
        self._publish_all(replies)
        now = self._now()
        if self._said is not None and now < self._info_ns:
            return
        self._info_ns = now + _INFO_NS
        refused = dict(self._desks.refused)
        info = NodeInfo(
            time=None,
            started=self._started,
            software=f"eccentra {__version__}",
            stations=(),
            capabilities=("plan", "commands"),
            commands_accepted=self._desks.accepted,
            commands_repeated=self._desks.repeated,
            commands_refused=sum(refused.values()),
            commands_refused_by_reason=refused,
            counts={**{name: self.counts[name] for name in COUNTS}, "behind": self._catching_up.waiting},
        )
        if info != self._said:
            self._said = info
            payload = contract.encode(msgspec.structs.replace(info, time=contract.utc(self._wall())))
            connection = self._line.connection
            if connection is not None:
                topic = contract.topic("info", site=self.site, node=self._own)
                connection.publish(topic, payload, 1, contract.CHANNELS["info"].retain)


def _is_event(topic: str) -> bool:
    """A station's numbered event; what a station says about itself has no number and decides nothing."""
    return "/event/" in topic and not topic.endswith(f"/{contract.STATION_KIND}")
