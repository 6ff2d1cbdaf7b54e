"""Where commands are carried out: the same for MQTT and for the keyboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from eccentra import commands
from eccentra.commands import Answer, CommandError, Request
from eccentra.errors import EccentraError
from eccentra.events import CalibrationFailed, Numbered, Tared
from eccentra.station.opening import exercise_named
from eccentra.station.recovery import session_file, stored_events
from eccentra.station.requests import Requests
from eccentra.station.running import Running

__all__ = ["Desk"]


class Desk:
    """Carries out requests, each once.

    Parameters
    ----------
    running
        The running session.
    folder
        Where session files lie.
    resend
        Sends events again; gives how many. ``None`` when nothing is published.
    """

    def __init__(
        self, running: Running, folder: Path, resend: Callable[[Sequence[Numbered]], int] | None
    ) -> None:
        self.requests = Requests()
        self._running = running
        self._folder = folder
        self._resend = resend

    async def answer(self, request: Request) -> Answer:
        """Carry a command out; never raises for what was asked."""
        before = self.requests.before(request)
        if before is not None:
            return before
        try:
            if isinstance(request.do, commands.Resend):
                answer = await self._send_again(request, request.do)
            else:
                answer = self.requests.done(request, self._do(request))
        except CommandError as error:
            answer = Answer(request=request.id, status="refused", reason=error.reason, message=str(error))
        except EccentraError as error:
            answer = Answer(request=request.id, status="failed", reason="failed", message=str(error))
        self.requests.remember(answer)
        return answer

    def _do(self, request: Request) -> list[Numbered]:
        running, do = self._running, request.do
        match do:
            case commands.Start():
                return running.start(do, request.id)
            case commands.Set():
                return self._set(request, do)
            case commands.Tare():
                self._check_tare(do.sensor)
            case commands.Report() if running.journal is None:
                raise CommandError(
                    "no_session",
                    "no session is running; between sessions say it to the hub: "
                    "eccentra plan say --athlete ID, or over MQTT its command hub/cmd/report",
                )
            case _:
                running.current()
        args = {k: v for k, v in msgspec.to_builtins(do).items() if k != "verb" and v is not None}
        events = running.take(request.verb, args, request.id)
        if not events and isinstance(do, commands.Undo):
            raise CommandError("nothing_to_undo", "no repetition was counted in this or the last set")
        if not events and isinstance(do, commands.Tare):
            raise CommandError("no_data", "no force has come yet; wait until the sensor streams")
        failed = [one.event for one in events if isinstance(one.event, CalibrationFailed)]
        if (
            isinstance(do, commands.Tare)
            and failed
            and not any(isinstance(one.event, Tared) for one in events)
        ):
            raise CommandError(failed[0].reason.value, failed[0].instruction)
        return events

    def _set(self, request: Request, do: commands.Set) -> list[Numbered]:
        running = self._running
        exercise = None if do.exercise is None else exercise_named(do.exercise)
        header = None if running.journal is None else running.journal.session.header
        other = do.athlete is not None and header is not None and do.athlete != header.settings.athlete
        if other:
            return running.change(commands.Start(athlete=do.athlete, exercise=do.exercise), request.id)
        events: list[Numbered] = []
        if header is not None and exercise is not None:
            events = running.change_exercise(exercise, request.id)
        if exercise is not None:
            running.chosen = running.exercise = exercise.id
        running.athlete = do.athlete or running.athlete
        return events

    def _check_tare(self, sensor: str | None) -> None:
        session = self._running.current().session
        kinds = {setup.sensor: setup.mode.kind for setup in session.header.sensors}
        if sensor is not None and sensor not in kinds:
            raise CommandError(
                "unknown_sensor", f"{sensor} is not in this session; it has {', '.join(kinds)}"
            )
        forces = [name for name, kind in kinds.items() if kind == "force" and sensor in (None, name)]
        if not forces:
            raise CommandError("no_force", "only force sensors have a zero to set")
        health = session.health()
        if all(health[name].silent for name in forces):
            raise CommandError("no_data", f"{', '.join(forces)} sends nothing now; wait until it streams")

    async def _send_again(self, request: Request, do: commands.Resend) -> Answer:
        if self._resend is None:
            raise CommandError("no_broker", "this station publishes nowhere; start it with --mqtt")
        path = session_file(self._folder, do.session)
        if not path.is_file():
            raise CommandError("unknown_session", f"there is no session {do.session} here")
        events = await asyncio.to_thread(stored_events, path, do.from_seq)
        count = self._resend(events)
        message = f"{count} events of {do.session} are sent again, from number {do.from_seq}"
        return Answer(request=request.id, status="done", reason="done", message=message)
