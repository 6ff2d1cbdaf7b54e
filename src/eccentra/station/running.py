"""The running session of a station, if any: its beginning, its time, its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from eccentra import __version__, commands
from eccentra.commands import CommandError
from eccentra.errors import EccentraError
from eccentra.events import Numbered, StationNoted, StationReason
from eccentra.exercises import Exercise
from eccentra.inputs import (
    ClockPair,
    Command,
    Connected,
    Input,
    Lost,
    Packet,
    Prescribed,
    Resumed,
    Tick,
    Written,
)
from eccentra.profiles import SensorSetup
from eccentra.recording import Recorder
from eccentra.samples import NS_PER_S
from eccentra.session import Header, Settings
from eccentra.station.halves import Halves
from eccentra.station.hostclock import HostClock
from eccentra.station.journal import Journal
from eccentra.station.opening import exercise_named, new_file, session_id, session_of
from eccentra.station.openings import Openings
from eccentra.station.recovery import Resumable
from eccentra.station.settings import Room
from eccentra.station.targets import Target, Targets
from eccentra.station.wallwatch import WallWatch

__all__ = ["Running"]

_PAIR_NS = 60 * NS_PER_S
# Commits follow arrivals every 200 ms; what arrived last and is followed by nothing is committed by this.
_COMMIT_NS = NS_PER_S // 10
# Sensors that were bound but do not come are not waited for longer than this after the first one streams.
_WAIT_ALL_NS = 15 * NS_PER_S
# A plan that the broker keeps is there well within this time after the station connected.
_WAIT_PLAN_NS = 2 * NS_PER_S

Tell = Callable[[list[Numbered]], None]
Note = Callable[[StationNoted], None]


class Running:
    """What a station records and counts now.

    Parameters
    ----------
    room
        What the station is set up with.
    clock
        The host's clocks.
    tell, note
        Take events whose inputs are committed, and what is wrong.

    Attributes
    ----------
    journal
        The running session, or ``None``.
    chosen
        The exercise that was named for all sessions; ``None`` goes by the plan.
    exercise, athlete
        Those of the last session; with them the next one starts when nothing says otherwise.
    streaming
        Sensors that stream now.
    """

    def __init__(self, room: Room, clock: HostClock, tell: Tell, note: Note) -> None:
        self.journal: Journal | None = None
        self.targets = Targets(room.folder)
        self.chosen = self.exercise = room.exercise
        self.athlete = room.athlete
        self.streaming: dict[str, None] = {}
        self._room = room
        self._clock = clock
        self._tell, self._note = tell, note
        self._setups: dict[str, SensorSetup] = {w.setup.sensor: w.setup for w in room.wanted}
        self._openings = Openings(self._setups.values())
        self._halves = Halves(self._setups.values())
        self._first_streams_ns: int | None = None
        self._may_begin = room.exercise is not None
        self._tried: frozenset[str] = frozenset()
        self._late: set[str] = set()
        self._unwritten: list[Journal] = []
        self._next_tick = self._next_pair = self._next_write = self._committed_ns = 0
        self._wall = WallWatch(note)

    @property
    def plan_may_come(self) -> bool:
        """A plan of the person is worth waiting for."""
        return (
            self._room.takes_plans and self.athlete is not None and not self.targets.plans.heard(self.athlete)
        )

    @property
    def next_tick_ns(self) -> int:
        """Host time at which :meth:`turn` is due although nothing came."""
        return self._next_tick

    def now(self) -> int:
        """Session time."""
        journal = self.current()
        return self._clock.monotonic_ns() - journal.zero_ns

    def current(self) -> Journal:
        """The running session, or a refusal."""
        if self.journal is None:
            raise CommandError("no_session", "no session is running; start one first")
        return self.journal

    def turn(self, items: Sequence[Input]) -> bool:
        """Take what came, in host time, and what time it is; true when a session took something."""
        now = self._clock.monotonic_ns()
        mine = [item for item in items if self._sort(item)]
        if now >= self._next_write:
            self._next_write = now + NS_PER_S
            self._write_waiting()
        journal = self.journal
        if journal is None:
            self._next_tick = now + NS_PER_S
            self._begin_when_ready(now)
            return False
        ready = [_at(item, item.arrival_ns - journal.zero_ns) for item in mine]
        ready += self._time(now, journal)
        if ready:
            journal.take(ready)
        if now - self._committed_ns >= _COMMIT_NS:
            self._committed_ns = now
            journal.commit()
        if journal.overfull:
            self.end()
        elif journal.ended:
            self._over()
        return bool(ready)

    # -- beginning and end ----------------------------------------------------------------------------

    def start(self, do: commands.Start, request: str | None) -> list[Numbered]:
        """Begin a session with the sensors that stream.

        Raises
        ------
        CommandError
            When one is running, no sensor streams, or these sensors cannot measure the exercise.
        """
        if self.journal is not None:
            raise CommandError("running", f"session {self.journal.name} is running; stop it first")
        return self._begin(*self._open(do), request)

    def change(self, do: commands.Start, request: str) -> list[Numbered]:
        """End the session and begin another one; when that is refused, the running one goes on.

        Raises
        ------
        CommandError, RecordingError
            As :meth:`start`.
        """
        journal, target = self._open(do)
        return self.end() + self._begin(journal, target, request)

    def next_target(self, athlete: str | None, exercise: str | None) -> Target:
        """What a session that begins now aims at; ``exercise`` when it was named.

        Raises
        ------
        CommandError
            Nothing says which exercise.
        """
        named = exercise or self.chosen
        if named is None and self.targets.plans.of(athlete) is None:
            named = self.exercise
        return self.targets.find(athlete, named, self._clock.wall_ns() // 1000)

    def _open(self, do: commands.Start) -> tuple[Journal, Target]:
        """A session that could begin now with its file, and what it aims at."""
        target = self.next_target(do.athlete or self.athlete, do.exercise)
        exercise = exercise_named(target.exercise)
        sensors = tuple(self._setups[name] for name in self._setups if name in self.streaming)
        if not sensors:
            raise CommandError(
                "no_sensors", "no sensor is streaming; switch the sensors on and wait for their data"
            )
        self._write_waiting()
        now = self._clock.monotonic_ns()
        header = Header(
            session=session_id(self._room.station, self._clock.wall_ns()),
            exercise=exercise,
            sensors=sensors,
            software=__version__,
            settings=self._settings(do, target),
        )
        session = session_of(header)
        recorder = new_file(
            self._room.folder, header, station=self._room.station, zero_ns=now, boot=self._clock.boot()
        )
        return Journal(session, recorder, now, tell=self._tell, note=self._note), target

    def _settings(self, do: commands.Start, target: Target) -> Settings:
        room, athlete = self._room, do.athlete or self.athlete
        # what the station was started with holds for the person it was started for
        mine = room.athlete is None or athlete == room.athlete
        load = room.load if mine else None
        return Settings(
            body_mass_kg=do.body_mass_kg or (room.body_mass_kg if mine else None),
            lever_arm_m=room.lever_arm_m if mine else None,
            athlete=athlete,
            load=next((one for one in (do.load, load, target.load) if one is not None), None),
        )

    def _begin(self, journal: Journal, target: Target, request: str | None) -> list[Numbered]:
        header, now = journal.session.header, self._clock.monotonic_ns()
        wall = self._clock.wall_ns() - (now - journal.zero_ns)
        self.exercise, self.athlete, self._may_begin = header.exercise.id, header.settings.athlete, False
        self._take_up(journal)
        self._wall.begin(wall - journal.zero_ns)
        # the command is the first input: after an interruption it is known that it was carried out
        asked: list[Input] = [] if request is None else [Command(0, "start", {}, request)]
        wanted = self._prescription(target)
        prescribed: list[Input] = [] if wanted is None else [Prescribed(0, wanted)]
        here: list[Input] = []
        for setup in header.sensors:
            here += [Connected(0, setup.sensor), *self._openings.of(setup.sensor)]
        self._halves.begin()
        return journal.take([ClockPair(0, wall), *asked, *prescribed, *here])

    def _prescription(self, target: Target) -> dict[str, Any] | None:
        """The plan's, with what the station was started with before it; said when there should be one."""
        if target.note is not None:
            self._note(target.note)
        own = self._room.prescription or {}
        return {**(target.prescription or {}), **own} or None

    def change_exercise(self, exercise: Exercise, request: str) -> list[Numbered]:
        """Go on with another exercise in the same session: what is prescribed of it holds from then on."""
        journal = self.current()
        header = journal.session.header
        # the check that the session would make, before anything is recorded
        session_of(msgspec.structs.replace(header, exercise=exercise))
        target = self.next_target(header.settings.athlete, exercise.id)
        inputs: list[Input] = []
        wanted = self._prescription(target)
        if (wanted or {}) != (journal.session.prescription or {}):
            inputs.append(Prescribed(self.now(), wanted or {}))
        inputs.append(Command(self.now(), "exercise", {"exercise": msgspec.to_builtins(exercise)}, request))
        return journal.take(inputs)

    def resume(self, found: Resumable, began_ns: int) -> None:
        """Go on with an interrupted session; ``began_ns`` is when this process began to listen."""
        self._may_begin = False
        try:
            # should it be interrupted once more, the monotonic clock of this start of the computer tells more
            notes = {"zero_ns": str(found.zero_ns), "boot": self._clock.boot()}
            recorder = Recorder.reopen(found.path, notes)
        except EccentraError as error:
            self._note(
                StationNoted(
                    reason=StationReason.RECOVERY_FAILED,
                    level="error",
                    detail=f"the interrupted session cannot be continued: {error}",
                    advice="free the disk and restart, or start a new session; nothing recorded is lost",
                    session=found.path.stem,
                )
            )
            return
        header = found.session.header
        self.exercise, self.athlete = found.session.exercise.id, header.settings.athlete
        self._take_up(Journal(found.session, recorder, found.zero_ns, tell=self._tell, note=self._note))
        at = max(began_ns - found.zero_ns, found.last_ns)
        self.current().take([Resumed(at, found.by_wall), ClockPair(at, self._clock.wall_ns())])

    def end(self) -> list[Numbered]:
        """End the session by command."""
        journal = self.current()
        events = journal.take([Command(self.now(), "stop")])
        self._over()
        return events

    def close(self, *, end: bool) -> None:
        """Nothing more will come: end the session, or let it rest until the program is started again."""
        if self.journal is not None and end and not self.journal.ended:
            self.end()
        elif self.journal is not None:
            self._over()
        self._write_waiting()
        for journal in self._unwritten:
            if not journal.unsaved:
                continue
            self._note(
                StationNoted(
                    reason=StationReason.DISK_FAILED,
                    level="error",
                    detail=f"the last {journal.unsaved} inputs could not be written until the program ended; "
                    "they are lost",
                    advice="free space before the next start: the session is taken up as it is in its file",
                    session=journal.name,
                )
            )

    def take(self, verb: str, args: dict[str, object], request: str) -> list[Numbered]:
        """Give a command to the session."""
        events = self.current().take([Command(self.now(), verb, args, request)])
        if self.current().ended:
            self._over()
        return events

    def _take_up(self, journal: Journal) -> None:
        self.journal = journal
        self._late.clear()
        self._next_tick = 0
        self._next_pair = self._clock.monotonic_ns() + _PAIR_NS

    def _over(self) -> None:
        journal, self.journal = self.current(), None
        if not journal.close():
            self._unwritten.append(journal)

    def _write_waiting(self) -> None:
        """Sessions that are over but not on the disk yet: try again."""
        self._unwritten = [journal for journal in self._unwritten if not journal.close()]

    def _begin_when_ready(self, now: int) -> None:
        here = frozenset(self.streaming)
        if not self._may_begin or not here or here == self._tried or self._first_streams_ns is None:
            return
        if self.plan_may_come and now - self._first_streams_ns < _WAIT_PLAN_NS:
            return
        if len(here) < len(self._setups) and now - self._first_streams_ns < _WAIT_ALL_NS:
            return
        self._tried = here
        try:
            self.start(commands.Start(), None)
        except EccentraError as error:
            self._note(
                StationNoted(
                    reason=StationReason.START_FAILED,
                    level="error",
                    detail=str(error),
                    advice="it is tried again when another sensor streams; or give the command start",
                )
            )

    # -- inputs and time ------------------------------------------------------------------------------

    def _sort(self, item: Input) -> bool:
        """Follow who streams; false for what is not for the running session."""
        if not isinstance(item, Packet | Connected | Lost | Written):
            return self.journal is not None
        name = item.sensor
        self._openings.take(item)
        whole = self._halves.take(item)
        if isinstance(item, Connected):
            self.streaming[name] = None
            if self._first_streams_ns is None:
                self._first_streams_ns = item.arrival_ns
        elif isinstance(item, Lost):
            self.streaming.pop(name, None)
        if self.journal is None:
            return False
        if any(setup.sensor == name for setup in self.journal.session.header.sensors):
            return whole
        if name not in self._late:
            self._late.add(name)
            self._note(
                StationNoted(
                    reason=StationReason.SENSOR_LATE,
                    level="warning",
                    detail=f"{name} came after the session had begun; it is not part of it",
                    advice="stop and start the session to use it",
                    sensor=name,
                    session=self.journal.name,
                )
            )
        return False

    def _time(self, now: int, journal: Journal) -> list[Input]:
        out: list[Input] = []
        if now >= self._next_pair:
            self._next_pair = now + _PAIR_NS
            wall = self._clock.wall_ns()
            out.append(ClockPair(now - journal.zero_ns, wall))
            self._wall.see(wall - now, steady=self._clock.steady)
        if now >= self._next_tick:
            self._next_tick = now + NS_PER_S
            out.append(Tick(now - journal.zero_ns))
            journal.retry()
        return out


def _at(item: Input, arrival_ns: int) -> Input:
    """The input in session time."""
    if isinstance(item, Packet):
        return Packet(arrival_ns, item.sensor, item.channel, item.data)
    return msgspec.structs.replace(item, arrival_ns=arrival_ns)
