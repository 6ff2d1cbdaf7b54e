"""Where commands are taken and answered: each exactly once, none carried out twice. No network here.

A command that is valid goes to the station's handler and waits for its answer, 5 s at most. One that came
before under the same request id is not handed on: it gets the answer of the first.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from eccentra.commands import VERBS, Answer, Asked, Request
from eccentra.mqtt import contract
from eccentra.mqtt.commands import Refusal, parse_command
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.mqtt.payloads import Reply

__all__ = ["HUB", "CommandDesks"]

HUB = "hub"
"""Last level of the topic on which a hub answers when the command does not say where."""

_PENDING = 32
# More than can come in the ten seconds for which a command is valid: older ones are refused as late.
_REMEMBERED = 16_384
_ANSWER_NS = 5_000_000_000

log = logging.getLogger("eccentra.mqtt")

Replies = list[tuple[str, bytes]]
"""Topic and payload of answers to be sent."""


class _Pending(msgspec.Struct):
    """A request without an answer, and the topics of all who asked for it."""

    request: Request
    since_ns: int
    topics: list[str]


class _Desk(msgspec.Struct):
    """The commands of one station, or of the hub; ``way`` is their topic without the verb."""

    station: str
    handler: Callable[[Request], None]
    way: str
    verbs: Mapping[str, type[Asked]]
    pending: dict[str, _Pending] = {}
    answered: OrderedDict[str, Answer] = msgspec.field(default_factory=OrderedDict)


class CommandDesks:
    """The commands of all stations of a node. Safe for threads; handlers are called without its lock.

    Parameters
    ----------
    site, node
        Ids in the topics.
    monotonic_ns, wall_ns
        Clocks: how long an answer takes, and how old a command is.
    """

    def __init__(
        self, site: str, node: str, *, monotonic_ns: Callable[[], int], wall_ns: Callable[[], int]
    ) -> None:
        self.accepted = self.repeated = 0
        self.refused: Counter[str] = Counter()
        self._site, self._node = site, node
        self._now, self._wall = monotonic_ns, wall_ns
        self._lock = threading.Lock()
        self._desks: dict[str, _Desk] = {}

    def open(self, station: str, handler: Callable[[Request], None]) -> str:
        """Take commands for a station; gives the topic to subscribe to."""
        with self._lock:
            way = contract.topic("command", site=self._site, node=self._node, station=station, verb="any")
            return self._open(station, handler, way, VERBS)

    def open_hub(self, handler: Callable[[Request], None]) -> str:
        """Take the commands of a hub, which answers as ``hub``; gives the topic to subscribe to."""
        with self._lock:
            way = contract.topic("hub_command", site=self._site, node=self._node, verb="any")
            return self._open(HUB, handler, way, HUB_VERBS)

    def _open(
        self, name: str, handler: Callable[[Request], None], any_verb: str, verbs: Mapping[str, type[Asked]]
    ) -> str:
        way = any_verb.rpartition("/")[0]
        self._desks[name] = _Desk(station=name, handler=handler, way=way, verbs=verbs)
        return f"{way}/+"

    def topics(self) -> list[str]:
        """All topics to subscribe to."""
        return [f"{desk.way}/+" for desk in list(self._desks.values())]

    def arrived(self, topic: str, payload: bytes, retained: bool) -> Replies:
        """Take a message; gives the answers that can be given at once."""
        way, _, verb = topic.rpartition("/")
        desk = next((one for one in list(self._desks.values()) if one.way == way), None)
        if desk is None:
            refusal = Refusal(reason="wrong_topic", message="this node takes no commands on that topic")
            return [self._refusal(self._node, refusal)]
        parsed = parse_command(
            verb, payload, retained=retained, now_ns=self._wall(), site=self._site, verbs=desk.verbs
        )
        if isinstance(parsed, Refusal):
            return [self._refusal(desk.station, parsed)]
        return self._take(desk, parsed)

    def _take(self, desk: _Desk, request: Request) -> Replies:
        topic = request.reply_to or self._default(desk.station)
        with self._lock:
            before = desk.answered.get(request.id)
            waiting = desk.pending.get(request.id)
            if before is not None or waiting is not None:
                self.repeated += 1
            if before is not None:
                return [self._reply(topic, msgspec.structs.replace(before, reason="again"))]
            if waiting is not None:
                if len(waiting.topics) < _PENDING:
                    waiting.topics.append(topic)
                    return []
                busy = "the same command was sent many times and is still being carried out"
                return [self._busy(topic, request, busy)]
            if len(desk.pending) >= _PENDING:
                busy = f"{_PENDING} commands wait for the station; try again in some seconds"
                return [self._busy(topic, request, busy)]
            self.accepted += 1
            desk.pending[request.id] = _Pending(request, self._now(), [topic])
        try:
            desk.handler(request)
        except Exception as error:
            # The network thread calls this: a mistake in a handler is an answer, not the end of publishing.
            log.exception("mistake while command %s was handed on", request.verb)
            return self.answer(
                desk.station,
                request,
                Answer(
                    request=request.id,
                    status="failed",
                    reason="internal",
                    message=f"the station made a mistake: {error!r}; see its log",
                ),
            )
        return []

    def _busy(self, topic: str, request: Request, message: str) -> tuple[str, bytes]:
        self.refused["busy"] += 1
        return self._reply(
            topic, Answer(request=request.id, status="refused", reason="busy", message=message)
        )

    def answer(self, station: str, request: Request, answer: Answer) -> Replies:
        """Remember what became of a request; gives the answers to send, none when it was given up before."""
        with self._lock:
            desk = self._desks.get(station)
            if desk is None:
                return []
            self._remember(desk, request.id, answer)
            pending = desk.pending.pop(request.id, None)
            return [] if pending is None else self._replies(pending, answer)

    def expired(self) -> Replies:
        """Answer what has waited too long; what becomes of it later is told who asks again."""
        out: Replies = []
        with self._lock:
            for desk in self._desks.values():
                late = [p for p in desk.pending.values() if self._now() - p.since_ns >= _ANSWER_NS]
                for pending in late:
                    request = pending.request
                    del desk.pending[request.id]
                    answer = Answer(
                        request=request.id,
                        status="failed",
                        reason="no_answer",
                        message=f"no answer from the station within {_ANSWER_NS // 1_000_000_000} s; send "
                        "the same request_id again to learn what became of it",
                    )
                    self._remember(desk, request.id, answer)
                    out += self._replies(pending, answer)
        return out

    def _remember(self, desk: _Desk, request_id: str, answer: Answer) -> None:
        desk.answered[request_id] = answer
        desk.answered.move_to_end(request_id)
        while len(desk.answered) > _REMEMBERED:
            desk.answered.popitem(last=False)

    def _replies(self, pending: _Pending, answer: Answer) -> Replies:
        again = msgspec.structs.replace(answer, reason="again")
        return [self._reply(topic, again if index else answer) for index, topic in enumerate(pending.topics)]

    def _refusal(self, station: str, refusal: Refusal) -> tuple[str, bytes]:
        with self._lock:
            self.refused[refusal.reason] += 1
        answer = Answer(
            request=refusal.request_id, status="refused", reason=refusal.reason, message=refusal.message
        )
        return self._reply(refusal.reply_to or self._default(station), answer)

    def _reply(self, topic: str, answer: Answer) -> tuple[str, bytes]:
        reply = Reply(
            time=contract.utc(self._wall()),
            request_id=answer.request,
            status=answer.status,
            reason=answer.reason,
            message=answer.message,
            events=answer.events,
        )
        return topic, contract.encode(reply)

    def _default(self, station: str) -> str:
        return contract.topic("reply", site=self._site, node=self._node, to=station)
