"""Runs a station in the terminal: event loop, signals, keyboard, screen, and commands from the broker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence

from eccentra.cli.keyboard import Keyboard
from eccentra.cli.room_watch import RoomWatch
from eccentra.cli.sounding import sounding
from eccentra.commands import Answer, CommandError, Request, parse_line
from eccentra.events import CueGiven, Numbered, StationNoted, StationReason
from eccentra.link import Link
from eccentra.link.mailbox import Mailbox
from eccentra.mqtt.payloads import SensorHealth
from eccentra.mqtt.publisher import Publisher
from eccentra.stages import LiveState
from eccentra.station import HostClock, Room, Station
from eccentra.station.recovery import session_file, stored_events
from eccentra.view import LiveView

__all__ = ["Beside", "Runner"]

_SCREEN_S = 0.1

Hear = Callable[[Sequence[Numbered]], None]
Beside = Callable[[Callable[[StationNoted], None]], None]
"""Told once where to say what is wrong with what runs beside the station, from any thread."""


class Runner:
    """One run of a station.

    Attributes
    ----------
    interrupted
        It was ended by Ctrl-C.
    """

    def __init__(
        self,
        room: Room,
        link: Link,
        mailbox: Mailbox,
        publisher: Publisher,
        watch: RoomWatch,
        clock: HostClock,
        *,
        sound: bool = False,
        beside: Beside | None = None,
    ) -> None:
        self.interrupted = False
        self._beside = beside
        self._sound = sound
        self._ears = _Ears()
        self._publisher = publisher
        self._watch = watch
        self._clock = clock
        self._name = room.station
        self._asked: set[asyncio.Task[None]] = set()
        sink = publisher.station(room.station)
        publisher.set_refill(
            lambda session, from_seq: stored_events(session_file(room.folder, session), from_seq)
        )
        self._station = Station(
            room,
            link,
            mailbox,
            (sink, watch, self._ears),
            clock=clock,
            resend=lambda events: publisher.resend(room.station, events),
        )

    async def run(self, watched: bool) -> None:
        """Run until the person, a signal or ``quit`` ends it."""
        loop = asyncio.get_running_loop()
        self._signals(loop)

        def typed(line: str) -> None:
            loop.call_soon_threadsafe(self._typed, line)

        keyboard = Keyboard(typed) if watched else None

        def asked(request: Request) -> None:
            loop.call_soon_threadsafe(self._ask, request)

        def planned(node: str, athlete: str, payload: bytes) -> None:
            loop.call_soon_threadsafe(self._station.plan, node, athlete, payload)

        def noted(note: StationNoted) -> None:
            loop.call_soon_threadsafe(self._station.note, note)

        def unheard(trouble: str) -> None:
            noted(
                StationNoted(
                    reason=StationReason.SOUND_FAILED,
                    level="warning",
                    detail=trouble,
                    advice="cues are shown and published all the same",
                )
            )

        self._publisher.on_commands(self._name, asked)
        self._publisher.on_plans(planned)
        self._publisher.on_note(noted)
        if self._beside is not None:
            self._beside(noted)
        view = LiveView(self._watch.screen) if watched else None
        with (
            view or contextlib.nullcontext(),
            keyboard.reading() if keyboard else contextlib.nullcontext(),
            sounding(self._sound, unheard) as hear,
        ):
            self._ears.hear = lambda events: self._hear(hear, events)
            if view is not None:
                # a warning on stderr would tear the picture; the screen says what is wrong
                logging.getLogger("eccentra").addHandler(logging.NullHandler())
            drawing = asyncio.create_task(self._draw(view, keyboard))
            try:
                await self._station.run()
            finally:
                drawing.cancel()

    def _hear(self, hear: Hear, events: Sequence[Numbered]) -> None:
        # what an interrupted session had said is not said again
        if self._station.state().doing != "recovering":
            hear(events)

    # -- the end --------------------------------------------------------------------------------------

    def _signals(self, loop: asyncio.AbstractEventLoop) -> None:
        def interrupt() -> None:
            self.interrupted = True
            self._station.stop()

        if sys.platform == "win32":
            signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupt))
            return
        loop.add_signal_handler(signal.SIGINT, interrupt)
        loop.add_signal_handler(signal.SIGTERM, lambda: self._station.stop(rest=True))

    # -- commands -------------------------------------------------------------------------------------

    def _ask(self, request: Request) -> None:
        """A command from the broker."""
        self._start(self._answer(request))

    async def _answer(self, request: Request) -> None:
        answer = await self._station.request(request)
        self._publisher.answer(self._name, request, answer)

    def _typed(self, line: str) -> None:
        """A line from the keyboard."""
        if line in ("quit", "exit"):
            self._station.stop()
            return
        try:
            do = parse_line(line)
        except CommandError as error:
            self._watch.say(str(error))
            return
        self._start(self._show(Request(id=f"typed-{secrets.token_hex(8)}", do=do)))

    async def _show(self, request: Request) -> None:
        answer: Answer = await self._station.request(request)
        self._watch.say(answer.message)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    # -- the screen -----------------------------------------------------------------------------------

    async def _draw(self, view: LiveView | None, keyboard: Keyboard | None) -> None:
        while True:
            self._watch.update(
                self._station.state(),
                self._publisher.health(),
                self._clock.monotonic_ns(),
                self._health,
                None if keyboard is None else keyboard.typed,
            )
            if view is not None:
                view.screen = self._watch.screen
            await asyncio.sleep(_SCREEN_S)

    def _health(self, sensor: str, health: SensorHealth) -> None:
        self._publisher.sensor_health(sensor, health)


class _Ears:
    """An outlet to whoever plays cues; nobody at first."""

    def __init__(self) -> None:
        self.hear: Hear = lambda events: None

    def handle(self, events: Sequence[Numbered]) -> None:
        """Take events."""
        if any(isinstance(one.event, CueGiven) for one in events):
            self.hear(events)

    def live(self, state: LiveState) -> None:
        """Nothing to hear."""

    def note(self, note: StationNoted) -> None:
        """Nothing to hear."""
