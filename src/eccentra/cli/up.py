"""``eccentra up``: station, hub and broker as one program with one settings file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eccentra.cli.up_settings import UpSettings

__all__ = ["up"]


def up(
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Default: settings.toml in the user's folder, if there is one."),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="embedded://, mqtt://HOST, mqtts://HOST, instead of the settings'. Default: the broker "
            "here, else embedded.",
        ),
    ] = None,
) -> None:
    """Run one room with its own hub: sessions, results, decisions and plans, all on this computer.

    A part that fails is said and tried again, and the session goes on. Start it again after any end: nothing
    is lost. Ctrl-C ends the session; the signal TERM lets it rest until the next start.
    """
    from eccentra.cli.alone import alone
    from eccentra.cli.beside import BesideBroker, BesideHub, Keeper
    from eccentra.cli.broker import existing_or_embedded
    from eccentra.cli.open_room import OpenRoom, outbox_of
    from eccentra.datafolder import user_folder
    from eccentra.errors import InputError, SinkError
    from eccentra.mqtt.address import parse_url
    from eccentra.mqtt.outbox import Outbox
    from eccentra.mqtt.publisher import Publisher

    home = user_folder()
    wanted = _wanted(settings, home)
    site, room = wanted.site, wanted.station
    opened = OpenRoom(room, home)
    url = mqtt or wanted.mqtt or existing_or_embedded()
    try:
        broker = BesideBroker(url) if parse_url(url).embedded else None
    except SinkError as error:
        raise InputError("mqtt", str(error)) from None
    url = url if broker is None else broker.url
    hub = BesideHub(url, site, wanted.hub, home, (room.node, room.name))
    with alone(home, room.name):
        keeper = Keeper(*(() if broker is None else (broker,)), hub)
        try:
            keeper.start()
            box = Outbox(outbox_of(home, site, room.node))
            with Publisher(url, site=site, node=room.node, outbox=box) as publisher:
                opened.run(publisher, (_about(wanted),), beside=keeper.tell)
        finally:
            # the station first: the hub still takes its last events, and the broker carries them
            keeper.close()


def _wanted(path: Path | None, home: Path) -> UpSettings:
    from eccentra.cli.up_settings import UpSettings, read_settings

    usual = home / "settings.toml"
    if path is None and not usual.exists():
        return UpSettings()
    return read_settings(path or usual)


def _about(wanted: UpSettings) -> str:
    therapists = ", ".join(wanted.hub.therapists) or "nobody"
    return f"hub {wanted.site}/{wanted.hub.node}; may act as therapist: {therapists}"
