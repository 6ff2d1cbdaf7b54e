"""``eccentra station``: real sensors, counted, recorded, published and shown; nothing of it can be lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eccentra.cli import sounding
from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.link import Link, WantedSensor
    from eccentra.link.mailbox import Mailbox
    from eccentra.mqtt.publisher import Publisher
    from eccentra.station import Room

__all__ = ["station"]


def station(
    exercise: Annotated[
        str | None, typer.Option(metavar="ID", help="Begin with it as soon as the sensors stream.")
    ] = None,
    athlete: Annotated[str | None, typer.Option(metavar="ID", help="Pseudonym, no name.")] = None,
    load: Annotated[str | None, typer.Option(help="Load in words, such as '10 kg vest'.")] = None,
    body_mass: Annotated[
        float | None, typer.Option(metavar="KG", min=20, max=300, help="For forces per kg.")
    ] = None,
    lever_arm: Annotated[
        float | None,
        typer.Option(metavar="M", min=0.1, max=1, help="Knee axis to strap centre, for torques."),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="embedded://, mqtt://HOST, mqtts://HOST. Default: the broker here, else embedded.",
        ),
    ] = None,
    site: Annotated[str, typer.Option(help="Site id in topics.")] = "local",
    node: Annotated[str, typer.Option(help="Node id in topics; unique at its broker.")] = "gateway",
    name: Annotated[str, typer.Option("--station", help="Station id in topics.")] = "station-1",
    tempo: sounding.Tempo = None,
    reps: sounding.Reps = None,
    sound: sounding.Sound = False,
    simulated: Annotated[
        str | None,
        typer.Option(metavar="KIT", help="Rehearse with simulated sensors, such as thigh+shank+force."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated athlete.")] = 1,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100, help="Times real time; with --simulated only.")
    ] = 1.0,
) -> None:
    """Run one room: bound sensors over Bluetooth, sessions recorded, counted and published.

    Whatever happens to radio, broker or this program, the session goes on: start it again and the set is
    continued. Ctrl-C ends the session; the signal TERM lets it rest until the next start.
    Commands are typed while it runs: start, stop, set, tare, calibrate, mark, undo, report, resend, quit.
    """
    import asyncio

    from eccentra.cli.room_watch import RoomWatch
    from eccentra.cli.runner import Runner, alone
    from eccentra.datafolder import user_folder
    from eccentra.exercises import load_exercise
    from eccentra.mqtt.contract import check_id
    from eccentra.station import HostClock, Room

    if simulated is None and speed != 1.0:
        raise InputError("--speed", "is for --simulated; real sensors take their own time")
    check_id(name, "station")
    if athlete is not None:
        check_id(athlete, "athlete")
    if exercise is not None:
        load_exercise(exercise)
    clock = HostClock(speed)
    home = user_folder()
    _usable(home / "sessions")
    link: Link
    if simulated is not None:
        from eccentra.cli.rehearsal import rehearsal

        mailbox, link, wanted = rehearsal(
            home, name, kit=simulated, seed=seed, exercise=exercise or "nordic-curl", speed=speed, clock=clock
        )
    else:
        mailbox, link, wanted = _bluetooth(name)
    room = Room(
        station=name,
        folder=home / "sessions",
        wanted=wanted,
        exercise=exercise,
        athlete=athlete,
        load=load,
        body_mass_kg=body_mass,
        lever_arm_m=lever_arm,
        prescription=sounding.prescription(tempo, reps),
    )
    with alone(home, name), _publisher(mqtt, site, node, home) as publisher:
        watched = sys.stdin.isatty() and sys.stdout.isatty()
        watch = RoomWatch(f"station {name}", _footer(publisher, room), wanted, plain=not watched)
        if not watched:
            for line in watch.screen.footer:
                typer.echo(line)
        runner = Runner(room, link, mailbox, publisher, watch, clock, sound=sound)
        asyncio.run(runner.run(watched))
    if runner.interrupted:
        raise KeyboardInterrupt


def _usable(folder: Path) -> None:
    """Make the folder of the session files, or refuse."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            str(folder), f"cannot be made: {error.strerror}; set ECCENTRA_HOME to a folder of yours"
        ) from None
    if not os.access(folder, os.W_OK):
        raise InputError(str(folder), "cannot be written to; set ECCENTRA_HOME to a folder of yours")


def _bluetooth(station: str) -> tuple[Mailbox, Link, tuple[WantedSensor, ...]]:
    from eccentra.link.bindings import read_bindings, wanted
    from eccentra.link.bluetooth import BluetoothLink
    from eccentra.link.mailbox import Mailbox

    bound = wanted(read_bindings())
    if not bound:
        raise InputError("bindings.toml", "no sensor is bound; run `eccentra scan` and bind one")
    mailbox = Mailbox()
    return mailbox, BluetoothLink(bound, mailbox), bound


@contextmanager
def _publisher(mqtt: str | None, site: str, node: str, home: Path) -> Iterator[Publisher]:
    """A publisher with an outbox: it need not be connected, now or ever."""
    from eccentra.cli.broker import existing_or_embedded
    from eccentra.errors import SinkError
    from eccentra.mqtt.address import parse_url
    from eccentra.mqtt.outbox import Outbox
    from eccentra.mqtt.publisher import Publisher

    url = mqtt or existing_or_embedded()
    try:
        parse_url(url)
    except SinkError as error:
        raise InputError("--mqtt", str(error)) from None
    home.mkdir(parents=True, exist_ok=True)
    with Publisher(url, site=site, node=node, outbox=Outbox(home / f"outbox-{site}-{node}.db")) as publisher:
        yield publisher


def _footer(publisher: Publisher, room: Room) -> tuple[str, ...]:
    from eccentra.cli.broker import subscribe_hint
    from eccentra.commands import VERBS

    return (
        f"MQTT {publisher.address}; watch: {subscribe_hint(publisher)}",
        f"sessions: {room.folder}",
        f"type: {', '.join(VERBS)}, quit",
    )
