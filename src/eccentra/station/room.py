"""The station: one room. It runs the link, takes what comes, carries out commands and tells everybody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

from eccentra.commands import Answer, CommandError, Request
from eccentra.errors import InputError
from eccentra.events import Numbered, StationNoted, StationReason
from eccentra.inputs import Input
from eccentra.link import Link
from eccentra.link.mailbox import Mailbox
from eccentra.samples import NS_PER_S
from eccentra.session import Session
from eccentra.stages import LiveState
from eccentra.station.desk import Desk
from eccentra.station.hostclock import HostClock
from eccentra.station.journal import Outlet
from eccentra.station.notes import NoteBoard
from eccentra.station.planfiles import PlanFiles
from eccentra.station.plans import target_words
from eccentra.station.recovery import recover
from eccentra.station.running import Running
from eccentra.station.settings import Room, RoomState

__all__ = ["Station"]

_LONGEST_WAIT_S = 0.1


class Station:
    """A running station.

    Parameters
    ----------
    room
        What it is set up with.
    link
        Where packets come from; it fills ``mailbox``.
    mailbox
        What came.
    outlets
        Who is told.
    clock
        The host's clocks.
    resend
        Sends events again; gives how many. ``None`` when nothing is published.
    """

    def __init__(
        self,
        room: Room,
        link: Link,
        mailbox: Mailbox,
        outlets: Sequence[Outlet],
        *,
        clock: HostClock | None = None,
        resend: Callable[[Sequence[Numbered]], int] | None = None,
    ) -> None:
        self.room = room
        self._link = link
        self._mailbox = mailbox
        self._outlets = outlets
        self._clock = clock or HostClock()
        self._running = Running(room, self._clock, self._tell, self.note)
        self._desk = Desk(self._running, room.folder, resend)
        self._plan_files = PlanFiles(room.folder / "plans") if room.takes_plans else None
        if self._plan_files is not None:
            self._plan_files.read(self._running.targets.plans, self._clock.wall_ns() // 1000)
        self._recovered = asyncio.Event()
        self._notes = NoteBoard()
        self._stopping: Literal["", "end", "rest"] = ""

    async def run(self) -> None:
        """Run until :meth:`stop`: recover, keep the link going, take what comes."""
        began = self._clock.monotonic_ns()
        link = asyncio.create_task(self._link.run(), name="link")
        try:
            await self._recover(began)
            while not self._stopping:
                ahead = max(0, self._running.next_tick_ns - self._clock.monotonic_ns()) / NS_PER_S
                await self._mailbox.wait(self._clock.seconds(min(ahead, _LONGEST_WAIT_S)))
                self.turn()
                if link.done():
                    await link
        finally:
            link.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await link
            finally:
                # also when the link broke down: what it brought is recorded
                if self._recovered.is_set():
                    self.turn()
                self._running.close(end=self._stopping == "end")

    def stop(self, *, rest: bool = False) -> None:
        """Leave :meth:`run`: the session ends by command, or rests until the program is started again."""
        self._stopping = "rest" if rest else "end"

    def plan(self, node: str, athlete: str, payload: bytes) -> None:
        """Take a plan that a hub published; one that cannot be used is said."""
        try:
            self._running.targets.plans.take(node, athlete, payload, self._clock.wall_ns() // 1000)
        except InputError as error:
            self.note(
                StationNoted(
                    reason=StationReason.PLAN_REFUSED,
                    level="warning",
                    detail=f"the plan of {athlete} from {node} is not used: {error.problem}",
                    advice="sessions have no target of it; see whether hub and station are of one version",
                )
            )

        if athlete == self._running.athlete:
            self._keep_plan()

    def _keep_plan(self) -> None:
        """The plan of who trains here is known after a restart, also without a broker."""
        athlete = self._running.athlete
        if self._plan_files is not None and athlete is not None:
            self._plan_files.keep(self._running.targets.plans, athlete)

    def turn(self) -> None:
        """Take what came and what time it is."""
        inputs: list[Input] = []
        for item in self._mailbox.drain():
            if isinstance(item, StationNoted):
                self.note(item)
            else:
                inputs.append(item)
        if self._running.turn(inputs) and self._running.journal is not None:
            live = self._running.journal.session.live()
            for outlet in self._outlets:
                outlet.live(live)

    async def request(self, request: Request) -> Answer:
        """Carry a command out, once; never raises for what was asked."""
        await self._recovered.wait()
        self.turn()
        before = self._running.athlete
        answer = await self._desk.answer(request)
        if self._running.athlete != before:
            self._keep_plan()
        return answer

    def state(self) -> RoomState:
        """What a screen shows now."""
        running = self._running
        session = None if running.journal is None else running.journal.session
        doing: Literal["recovering", "waiting", "running"] = "waiting" if session is None else "running"
        return RoomState(
            doing=doing if self._recovered.is_set() else "recovering",
            session=None if session is None else session.header.session,
            exercise=running.exercise if session is None else session.exercise.id,
            athlete=running.athlete if session is None else session.header.settings.athlete,
            live=LiveState() if session is None else session.live(),
            links=tuple(self._link.status()),
            health={} if session is None else session.health(),
            notes=self._notes.open,
            **self._target(session),
        )

    def _target(self, session: Session | None) -> dict[str, Any]:
        running = self._running
        if session is not None:
            return {"target": target_words(session.prescription), "planned": session.exercise.id}
        if running.targets.plans.of(running.athlete) is None:
            return {}
        try:
            target = running.next_target(running.athlete, None)
        except CommandError as error:
            return {"target": str(error)}
        return {"target": target_words(target.prescription), "planned": target.exercise}

    def note(self, note: StationNoted) -> None:
        """Tell everybody something about the station; trouble stays on the screen until it is over."""
        self._notes.put(note)
        for outlet in self._outlets:
            outlet.note(note)

    async def _recover(self, began_ns: int) -> None:
        """In a thread, so that links connect meanwhile; what they receive waits in the mailbox."""
        self.room.folder.mkdir(parents=True, exist_ok=True)
        notes: list[StationNoted] = []
        found = await asyncio.to_thread(
            recover,
            self.room.folder,
            self.room.station,
            now_ns=began_ns,
            wall_ns=self._clock.wall_ns(),
            same_boot=self._clock.same_boot,
            tell=self._tell,
            note=notes.append,
        )
        for note in notes:
            self.note(note)
        if found is not None:
            self._desk.requests.done_before(found.requests)
            self._running.resume(found, began_ns)
        self._recovered.set()

    def _tell(self, events: list[Numbered]) -> None:
        self._running.targets.done.handle(events)
        for outlet in self._outlets:
            outlet.handle(events)
