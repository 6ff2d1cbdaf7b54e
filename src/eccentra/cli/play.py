"""Play inputs through a session at a chosen speed: record, count, tell. The edge where time passes.

Sessions never wait and never read a clock; here is the loop that does both for ``demo`` and ``replay``.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from eccentra.events import Numbered
from eccentra.inputs import Command, Input, Tick
from eccentra.mqtt.sink import Sink
from eccentra.recording import Recorder
from eccentra.samples import NS_PER_S
from eccentra.session import Session

__all__ = ["Player", "interruptible", "paced"]

# Short enough that Ctrl-C and the screen feel immediate.
_LONGEST_SLEEP_S = 0.05

Seen = Callable[[list[Numbered]], None]


def paced(
    inputs: Iterable[Input],
    speed: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[Input]]:
    """Inputs in groups as they fall due; an empty group now and then while nothing is due.

    Parameters
    ----------
    inputs
        In order of arrival.
    speed
        Times real time; infinity hands out a group for every second of the session without waiting.
    monotonic, sleep
        The clock in s, and how to wait.
    """
    if math.isinf(speed):
        yield from _by_second(inputs)
        return
    ordered = iter(inputs)
    waiting = next(ordered, None)
    if waiting is None:
        return
    zero_ns, zero = waiting.arrival_ns, monotonic()
    while waiting is not None:
        now_ns = zero_ns + (monotonic() - zero) * speed * NS_PER_S
        group = []
        while waiting is not None and waiting.arrival_ns <= now_ns:
            group.append(waiting)
            waiting = next(ordered, None)
        yield group
        if waiting is not None:
            sleep(min(_LONGEST_SLEEP_S, max(0.0, waiting.arrival_ns - now_ns) / speed / NS_PER_S))


def _by_second(inputs: Iterable[Input]) -> Iterator[list[Input]]:
    group: list[Input] = []
    for item in inputs:
        group.append(item)
        if isinstance(item, Tick):
            yield group
            group = []
    if group:
        yield group


class Player:
    """Feeds a session and hands its events on in the order that keeps them safe: recorded, then told.

    Parameters
    ----------
    session
        A new session.
    sinks
        Who is told.
    seen
        Called after every group of inputs with the events that came from it.

    Attributes
    ----------
    recorder
        Where inputs and events are kept, if anywhere; set before :meth:`run`.
    stopping
        Set it to stop early.
    """

    def __init__(
        self,
        session: Session,
        *,
        sinks: Sequence[Sink] = (),
        seen: Seen | None = None,
    ) -> None:
        self.session = session
        self.stopping = False
        self.recorder: Recorder | None = None
        self._sinks = sinks
        self._seen = seen
        self._last_ns = 0

    def run(self, inputs: Iterable[Input], speed: float) -> None:
        """Play inputs until they end or :attr:`stopping` is set, and end the session.

        Stopped early, a session that is being recorded ends by a command, as when a person stops it, so that
        its file replays to the same events. A replay just stops: it must not make up events.
        """
        for group in paced(inputs, speed):
            self._take(group)
            if self.stopping:
                if self.recorder is not None:
                    self._take([Command(self._last_ns, "stop")])
                return
        self._tell(self.session.finish())

    def _take(self, group: list[Input]) -> None:
        if self.recorder is not None:
            for item in group:
                self.recorder.append(item)
        if group:
            self._last_ns = group[-1].arrival_ns
        self._tell(self.session.feed_many(group))

    def _tell(self, events: list[Numbered]) -> None:
        if events and self.recorder is not None:
            self.recorder.keep_events(events)
            self.recorder.commit()
        for sink in self._sinks:
            sink.handle(events)
            sink.live(self.session.live())
        if self._seen is not None:
            self._seen(events)


@contextmanager
def interruptible(player: Player) -> Iterator[None]:
    """Turn Ctrl-C into :attr:`Player.stopping`: the session ends in order, then ``KeyboardInterrupt``.

    An exception in the middle of a step would leave recording and session apart. A second Ctrl-C does not
    wait.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if player.stopping:
            raise KeyboardInterrupt
        player.stopping = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if player.stopping:
        raise KeyboardInterrupt
