"""``eccentra replay``: a session file through the same loop as live; to the screen, and to MQTT if wanted."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eccentra.cli import sounding
from eccentra.cli.common import say, speed_factor
from eccentra.errors import EccentraError, SinkError

if TYPE_CHECKING:
    from eccentra.events import Numbered
    from eccentra.mqtt.publisher import Publisher
    from eccentra.mqtt.sink import Sink
    from eccentra.session import Header, Session

__all__ = ["replay"]

# A replay makes events faster than a broker takes them: wait from here on, far below the publisher's bound.
_MOST_UNACKNOWLEDGED = 2000
_DELIVERY_S = 30.0


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Session file.")],
    speed: Annotated[
        str | None,
        typer.Option(metavar="X|max", help="Times real time. Default: max; 1 with an embedded broker."),
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish over MQTT, with kept ids and times.")
    ] = False,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="embedded://, mqtt://HOST, mqtts://HOST. Default: the broker here, else embedded.",
        ),
    ] = None,
    sound: sounding.Sound = False,
    sound_file: sounding.SoundFile = None,
    site: Annotated[str, typer.Option(help="Site id in topics.")] = "local",
    node: Annotated[str, typer.Option(help="Node id in topics.")] = "replay",
    station: Annotated[str, typer.Option(help="Station id in topics.")] = "replay",
    json: Annotated[
        str | None, typer.Option(metavar="OUT.json", help="Results as `analyze` gives them.")
    ] = None,
) -> None:
    """Play a session file through the same code as live, and check that its events come out again."""
    from eccentra.cli.broker import connected, existing_or_embedded, subscribe_hint
    from eccentra.cli.play import Player, interruptible
    from eccentra.recording import Recording

    factor = None if speed is None else speed_factor(speed)
    with Recording(file) as recording:
        inputs = list(recording.inputs())
        check = _Check(recording.header.software, recording.events())
        session = _session(file, recording.header)
    with ExitStack() as stack:
        sinks: list[Sink] = []
        publisher = None
        if publish or mqtt is not None:
            url = mqtt or existing_or_embedded()
            publisher = stack.enter_context(connected(url, site=site, node=node))
            sinks.append(publisher.station(station))
            say(f"publishing to {publisher.address}; to watch: {subscribe_hint(publisher)}")
            if factor is None and url.startswith("embedded"):
                # Nobody can have subscribed before: as if live, so that somebody can.
                factor = 1.0
        if sound and factor is None:
            factor = 1.0
        hear = stack.enter_context(sounding.sounding(sound, say))
        cues = sounding.Cues(sound_file)

        def seen(events: list[Numbered]) -> None:
            hear(events)
            cues.take(events)
            _seen(events, check, publisher)

        player = Player(session, sinks=sinks, seen=seen)
        with interruptible(player):
            player.run(inputs, math.inf if factor is None else factor)
        if publisher is not None:
            _deliver(publisher, 0)
            typer.echo(f"published {len(check.events)} events to {publisher.address}, station {station}")
    if json is not None:
        from eccentra.analysis import summarise
        from eccentra.cli.analyze import write_document

        write_document(json, summarise(session.exercise.id, (one.event for one in check.events)))
    cues.write()
    check.verdict()


def _session(file: Path, header: Header) -> Session:
    from eccentra.errors import ExerciseError, ProfileError, RecordingError
    from eccentra.session import Session

    try:
        return Session(header)
    except (ExerciseError, ProfileError) as error:
        problem = f"was made by version {header.software}, whose settings this version cannot use: {error}"
        raise RecordingError(file, problem) from None


def _seen(events: list[Numbered], check: _Check, publisher: Publisher | None) -> None:
    from eccentra.view import plain_line

    check.take(events)
    for numbered in events:
        line = plain_line(numbered.event)
        if line is not None:
            typer.echo(line)
    if publisher is not None:
        _deliver(publisher, _MOST_UNACKNOWLEDGED)


def _deliver(publisher: Publisher, left: int) -> None:
    """Wait until at most ``left`` messages are unacknowledged."""
    if publisher.health().unacknowledged > left and not publisher.flush(_DELIVERY_S):
        count = publisher.health().unacknowledged
        raise SinkError(
            str(publisher.address),
            f"{count} messages not acknowledged within {_DELIVERY_S:g} s; replay again",
        )


class _Check:
    """Compares replayed events with those stored when the session ran."""

    def __init__(self, software: str, stored: dict[int, bytes]) -> None:
        self.events: list[Numbered] = []
        self._software = software
        self._stored = stored
        self._compared = len(stored)
        self._different: list[int] = []

    def take(self, events: list[Numbered]) -> None:
        from eccentra.recording import encode_event

        for numbered in events:
            self.events.append(numbered)
            stored = self._stored.pop(numbered.seq, None)
            if stored is not None and stored != encode_event(numbered):
                self._different.append(numbered.seq)

    def verdict(self) -> None:
        """Say how the comparison went.

        Raises
        ------
        EccentraError
            When an event is another one than was stored, or did not come out again.
        """
        from eccentra import __version__

        wrong = sorted([*self._different, *self._stored])
        if wrong:
            raise EccentraError(
                f"event {wrong[0]} is not what was stored ({len(wrong)} differ); recorded with version "
                f"{self._software}, replayed with {__version__}"
            )
        count = len(self.events)
        if not self._compared:
            typer.echo(f"{count} events; the file holds none to compare with")
        elif self._compared < count:
            typer.echo(
                f"{count} events; the {self._compared} stored ones are equal (the recording was not closed)"
            )
        else:
            typer.echo(f"{count} events, all equal to the stored ones")
