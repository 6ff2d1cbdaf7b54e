"""``eccentra station``: real sensors, counted, recorded, published and shown; nothing of it can be lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eccentra.cli import sounding
from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.mqtt.publisher import Publisher

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
    from eccentra.cli.alone import alone
    from eccentra.cli.open_room import OpenRoom, outbox_of
    from eccentra.cli.up_settings import RoomSettings
    from eccentra.datafolder import user_folder
    from eccentra.mqtt.contract import check_id

    if athlete is not None:
        check_id(athlete, "athlete")
    home = user_folder()
    opened = OpenRoom(
        RoomSettings(
            name=check_id(name, "station"),
            node=node,
            exercise=exercise,
            athlete=athlete,
            load=load,
            body_mass_kg=body_mass,
            lever_arm_m=lever_arm,
            tempo=tempo,
            reps=reps,
            sound=sound,
            simulated=simulated,
            seed=seed,
            speed=speed,
        ),
        home,
    )
    with alone(home, name), _publisher(mqtt, site, node, outbox_of(home, site, node)) as publisher:
        opened.run(publisher)


@contextmanager
def _publisher(mqtt: str | None, site: str, node: str, outbox: Path) -> Iterator[Publisher]:
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
    with Publisher(url, site=site, node=node, outbox=Outbox(outbox)) as publisher:
        yield publisher
