"""One room as a user's settings say it: sensors, recording, screen; what ``station`` and ``up`` share."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import typer

from eccentra.cli import sounding
from eccentra.cli.rehearsal import rehearsal
from eccentra.cli.room_watch import RoomWatch
from eccentra.cli.runner import Beside, Runner
from eccentra.cli.up_settings import RoomSettings
from eccentra.commands import VERBS
from eccentra.errors import InputError
from eccentra.exercises import load_exercise
from eccentra.link import Link, WantedSensor
from eccentra.link.bindings import read_bindings, wanted
from eccentra.link.mailbox import Mailbox
from eccentra.mqtt.publisher import Publisher
from eccentra.station import HostClock, Room

__all__ = ["OpenRoom", "outbox_of", "usable_folder"]


def usable_folder(folder: Path) -> Path:
    """Make the folder of the session files.

    Raises
    ------
    InputError
        When it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            str(folder), f"cannot be made: {error.strerror}; set ECCENTRA_HOME to a folder of yours"
        ) from None
    if not os.access(folder, os.W_OK):
        raise InputError(str(folder), "cannot be written to; set ECCENTRA_HOME to a folder of yours")
    return folder


def outbox_of(home: Path, site: str, node: str) -> Path:
    """Where a node's events wait for the broker."""
    return home / f"outbox-{site}-{node}.db"


class OpenRoom:
    """A room that can be run: everything that may be wrong with the settings was said.

    Parameters
    ----------
    settings
        What the user wants.
    home
        The user's folder.

    Raises
    ------
    InputError
        The settings cannot be used: names the option and what is expected.
    """

    def __init__(self, settings: RoomSettings, home: Path) -> None:
        if settings.simulated is None and settings.speed != 1.0:
            raise InputError("speed", "is for simulated sensors; real sensors take their own time")
        if settings.exercise is not None:
            load_exercise(settings.exercise)
        self._sound = settings.sound
        self._clock = HostClock(settings.speed)
        prescription = sounding.prescription(settings.tempo, settings.reps)
        sessions = usable_folder(home / "sessions")
        self._mailbox, self._link, self._wanted = _sensors(settings, home, self._clock)
        self.room = Room(
            station=settings.name,
            folder=sessions,
            wanted=self._wanted,
            exercise=settings.exercise,
            athlete=settings.athlete,
            load=settings.load,
            body_mass_kg=settings.body_mass_kg,
            lever_arm_m=settings.lever_arm_m,
            prescription=prescription,
            takes_plans=True,
        )

    def run(self, publisher: Publisher, more: tuple[str, ...] = (), beside: Beside | None = None) -> None:
        """Run it until the person or a signal ends it.

        Parameters
        ----------
        more
            Lines that are shown with those about the room.
        beside
            What else runs; it is given where to tell its troubles.

        Raises
        ------
        KeyboardInterrupt
            It was ended by Ctrl-C, in order.
        """
        watched = sys.stdin.isatty() and sys.stdout.isatty()
        footer = (*_footer(publisher, self.room), *more)
        watch = RoomWatch(f"station {self.room.station}", footer, self._wanted, plain=not watched)
        if not watched:
            for line in footer:
                typer.echo(line)
        runner = Runner(
            self.room,
            self._link,
            self._mailbox,
            publisher,
            watch,
            self._clock,
            sound=self._sound,
            beside=beside,
        )
        asyncio.run(runner.run(watched))
        if runner.interrupted:
            raise KeyboardInterrupt


def _sensors(
    settings: RoomSettings, home: Path, clock: HostClock
) -> tuple[Mailbox, Link, tuple[WantedSensor, ...]]:
    if settings.simulated is None:
        return _bluetooth()
    return rehearsal(
        home,
        settings.name,
        kit=settings.simulated,
        seed=settings.seed,
        exercise=settings.exercise or "nordic-curl",
        speed=settings.speed,
        clock=clock,
    )


def _bluetooth() -> tuple[Mailbox, Link, tuple[WantedSensor, ...]]:
    from eccentra.link.bluetooth import BluetoothLink
    from eccentra.link.rebinding import RebindingLink

    bound = wanted(read_bindings())
    if not bound:
        raise InputError("bindings.toml", "no sensor is bound; run `eccentra scan` and bind one")
    mailbox = Mailbox()
    return mailbox, RebindingLink(BluetoothLink(bound, mailbox), bound, mailbox.put), bound


def _footer(publisher: Publisher, room: Room) -> tuple[str, ...]:
    from eccentra.cli.broker import subscribe_hint

    return (
        f"MQTT {publisher.address}; watch: {subscribe_hint(publisher)}",
        f"sessions: {room.folder}",
        f"type: {', '.join(VERBS)}, quit",
    )
