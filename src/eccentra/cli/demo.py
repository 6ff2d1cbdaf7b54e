"""``eccentra demo``: a simulated athlete with simulated sensors, counted, recorded, published and shown."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eccentra.cli import sounding
from eccentra.cli.common import say, speed_factor

if TYPE_CHECKING:
    from eccentra.events import Numbered
    from eccentra.inputs import Input
    from eccentra.mqtt.publisher import Publisher
    from eccentra.session import Header
    from eccentra.simulate import Simulation

__all__ = ["demo"]

# Without a terminal nobody watches: a session of two minutes is over in a quarter of one.
_UNWATCHED_SPEED = 10.0


def demo(
    mqtt: Annotated[
        str | None,
        typer.Option(metavar="URL", help="embedded://, mqtt://HOST or mqtts://HOST. Default: embedded."),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(metavar="X|max", help="Times real time. Default: 1; 10 when there is no terminal."),
    ] = None,
    exercise: Annotated[
        str, typer.Option(metavar="ID", help="Any of them, such as squat or plank.")
    ] = "nordic-curl",
    kit: Annotated[
        str | None, typer.Option(help="Simulated sensors, such as thigh or thigh+shank+force.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another athlete.")] = 1,
    tempo: sounding.Tempo = None,
    reps: sounding.Reps = None,
    sound: sounding.Sound = False,
    sound_file: sounding.SoundFile = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="SESSION", help="Where the session file goes; then one session only."),
    ] = None,
    site: Annotated[str, typer.Option(help="Site id in topics.")] = "local",
    node: Annotated[str, typer.Option(help="Node id in topics.")] = "demo",
    station: Annotated[str, typer.Option(help="Station id in topics.")] = "station-1",
    weeks: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="Instead: so many weeks of a programme, each decision explained."),
    ] = None,
) -> None:
    """Show everything without hardware: simulated athlete and sensors, live view, MQTT.

    Ends after one session when there is no terminal; else goes on with the next one until Ctrl-C.
    With --weeks it shows the plan instead, without sensors, as fast as it can, and ends by itself.
    """
    from eccentra.cli.broker import connected, embedded_anywhere
    from eccentra.cli.demo_scene import prescribed, scene
    from eccentra.simulate import simulate

    watched = sys.stdin.isatty() and sys.stdout.isatty()
    if weeks is not None:
        from eccentra.cli.demo_weeks import show_weeks

        speed_factor(speed or "max")  # weeks always run as fast as they can: only nonsense is refused
        show_weeks(weeks, seed, _folder(), sys.stdout.isatty())
        return
    factor = speed_factor(speed) if speed is not None else (1.0 if watched else _UNWATCHED_SPEED)
    simulation = simulate(scene(exercise, kit, seed), seed)
    own = sounding.prescription(tempo, reps)
    wanted = prescribed(exercise) if own is None else own
    with (
        connected(mqtt or embedded_anywhere(), site=site, node=node) as publisher,
        sounding.sounding(sound, say) as hear,
    ):
        for number in itertools.count(seed + 1):
            header = _header(simulation, exercise)
            path = save or _folder() / f"{header.session}.eccentra"
            cues = sounding.Cues(sound_file)

            def heard(events: list[Numbered], cues: sounding.Cues = cues) -> None:
                hear(events)
                cues.take(events)

            _play(header, _inputs(simulation, wanted), publisher, station, path, factor, watched, heard)
            cues.write()
            if save is not None or sound_file is not None or not watched:
                return
            simulation = simulate(scene(exercise, kit, number), number)


def _header(simulation: Simulation, exercise: str) -> Header:
    import secrets

    from eccentra import __version__
    from eccentra.exercises import load_exercise
    from eccentra.session import Header, Settings

    return Header(
        session=f"demo-{secrets.token_hex(6)}",
        exercise=load_exercise(exercise),
        sensors=simulation.setups,
        software=__version__,
        settings=Settings(body_mass_kg=simulation.scenario.athlete.mass_kg),
    )


def _inputs(simulation: Simulation, wanted: dict[str, Any]) -> list[Input]:
    """What is prescribed and simulated, with this moment as the wall-clock time of the first input."""
    from eccentra.inputs import ClockPair, Prescribed, Tick

    inputs = list(simulation.inputs())
    while isinstance(inputs[-1], Tick):  # the sensors were switched off: that is the end, not a loss
        inputs.pop()
    zero = time.time_ns() - inputs[0].arrival_ns
    # after the first clock pair, so that the first event has a time of day
    inputs.insert(1, Prescribed(inputs[0].arrival_ns, wanted))
    return [
        ClockPair(item.arrival_ns, zero + item.arrival_ns) if isinstance(item, ClockPair) else item
        for item in inputs
    ]


def _folder() -> Path:
    """Where session files of the demo go: the user's folder when he named one, else a temporary one."""
    from eccentra.datafolder import user_folder

    if "ECCENTRA_HOME" not in os.environ:
        return Path(tempfile.mkdtemp(prefix="eccentra-demo-"))
    folder = user_folder() / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _play(
    header: Header,
    inputs: list[Input],
    publisher: Publisher,
    station: str,
    path: Path,
    factor: float,
    watched: bool,
    heard: Callable[[list[Numbered]], None],
) -> None:
    from eccentra.cli.broker import subscribe_hint
    from eccentra.cli.play import Player, interruptible
    from eccentra.cli.watch import Watch
    from eccentra.recording import Recorder
    from eccentra.session import Session
    from eccentra.view import LiveView, plain_line

    title = f"{header.exercise.name}, simulated athlete, {factor:g} x real time"
    notes = (f"MQTT {publisher.address}", f"watch: {subscribe_hint(publisher)}", f"session file: {path}")
    session = Session(header)
    watch = Watch(session, title, notes, publisher)
    view = LiveView(watch.screen) if watched else None

    def seen(events: list[Numbered]) -> None:
        heard(events)
        watch.update(events)
        if view is not None:
            view.screen = watch.screen
            return
        for line in filter(None, (plain_line(one.event) for one in events)):
            typer.echo(line)

    if view is None:
        for line in (title, *notes):
            typer.echo(line)
    else:
        # A warning on stderr would tear the picture; the screen says when the broker is away.
        logging.getLogger("eccentra").addHandler(logging.NullHandler())
    player = Player(session, sinks=[publisher.station(station)], seen=seen)
    with Recorder(path, header) as recorder, view or nullcontext(), interruptible(player):
        player.recorder = recorder
        player.run(inputs, factor)
    if view is None:
        count = session.live().session_reps
        typer.echo(f"session complete, {count} repetitions; again: eccentra replay {path}")
