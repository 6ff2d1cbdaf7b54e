"""``eccentra check-sensor``: half a minute of a sensor's packets, measured, and what they are good for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eccentra.cli.common import say
from eccentra.errors import InputError, LinkError

if TYPE_CHECKING:
    from rich.table import Table

    from eccentra.conformance.uses import Report
    from eccentra.inputs import Input
    from eccentra.link import Link, WantedSensor
    from eccentra.link.mailbox import Mailbox
    from eccentra.profiles import SensorSetup

__all__ = ["check_sensor", "take"]

_SESSION_SUFFIX = ".eccentra"
_CONNECT_S = 30.0
_WAIT_S = 0.25
_USES = {
    "counting": "counting",
    "time_under_tension": "time under tension",
    "angles": "angles",
    "peak_force": "peak force",
    "force_development": "rate of force development",
}


def check_sensor(
    sensor: Annotated[
        str, typer.Argument(metavar="ID", help="A bound sensor's id; or a session file, see --sensor.")
    ],
    only: Annotated[
        str | None, typer.Option("--sensor", metavar="ID", help="Which sensor of a session file.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=10, max=3600, help="How long to measure.")
    ] = 30.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
) -> None:
    """Measure what a sensor really delivers: rate, lateness, loss, clock, noise, gravity, zero; and judge it.

    Lay the sensor down, unloaded, and leave it: noise, gravity and zero are measured at rest only.
    """
    from eccentra.conformance.measure import measure
    from eccentra.conformance.uses import report

    setup, items = _recorded(Path(sensor), only) if _is_file(sensor) else _live(sensor, only, seconds)
    measured = measure(setup, items)
    if measured is None:
        raise InputError(sensor, f"holds no sample of {setup.sensor}; name another sensor with --sensor")
    found = report(measured)
    if json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        _print(setup, found)


def _is_file(text: str) -> bool:
    return text.endswith(_SESSION_SUFFIX) or "/" in text or Path(text).is_file()


def _recorded(path: Path, only: str | None) -> tuple[SensorSetup, list[Input]]:
    """Inputs of a session file."""
    from eccentra.recording import Recording

    with Recording(path) as recording:
        setups = {setup.sensor: setup for setup in recording.header.sensors}
        name = only or (next(iter(setups)) if len(setups) == 1 else "")
        if name not in setups:
            raise InputError("--sensor", f"is {only!r}, expected one of {', '.join(setups)}")
        return setups[name], list(recording.inputs())


def _live(sensor: str, only: str | None, seconds: float) -> tuple[SensorSetup, list[Input]]:
    """What a bound sensor sends, from its first sample on."""
    import asyncio

    from eccentra.link.bindings import read_bindings, wanted

    if only is not None:
        raise InputError("--sensor", "is for session files; here the sensor is named already")
    bound = {one.setup.sensor: one for one in wanted(read_bindings())}
    if sensor not in bound:
        known = ", ".join(bound) or "none"
        raise InputError(sensor, f"is no bound sensor; bound are: {known}. `eccentra scan` binds one")
    say(f"{sensor}: connecting; lay it down, unloaded, and leave it still")
    return bound[sensor].setup, asyncio.run(_listen(bound[sensor], seconds))


async def _listen(wanted: WantedSensor, seconds: float) -> list[Input]:
    """Connect, and take inputs for so long."""
    import asyncio
    import contextlib

    from eccentra.link.bluetooth import BluetoothLink
    from eccentra.link.mailbox import Mailbox

    mailbox = Mailbox()
    link = BluetoothLink([wanted], mailbox)
    running = asyncio.create_task(link.run())
    try:
        return await take(link, mailbox, wanted.setup.sensor, seconds)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def take(link: Link, mailbox: Mailbox, sensor: str, seconds: float) -> list[Input]:
    """Inputs of a running link until its only sensor has streamed for so long.

    Raises
    ------
    LinkError
        When it does not stream within 30 s; with the link's last advice.
    """
    import asyncio

    from eccentra.events import StationNoted, StationReason

    loop = asyncio.get_running_loop()
    items: list[Input] = []
    began = loop.time()
    streams_since: float | None = None
    while streams_since is None or loop.time() - streams_since < seconds:
        await mailbox.wait(_WAIT_S)
        items += [item for item in mailbox.drain() if not isinstance(item, StationNoted)]
        (status,) = link.status()
        if status.state == "streaming" and streams_since is None:
            streams_since = loop.time()
            say(f"{sensor}: streaming; measuring for {seconds:g} s")
        if streams_since is None and loop.time() - began > _CONNECT_S:
            raise LinkError(
                StationReason.SENSOR_NOT_SEEN,
                f"{sensor} does not stream: {status.problem or 'it is not heard'}",
                status.advice or "switch it on, bring it near, and disconnect it from phones",
            )
    return items


def _print(setup: SensorSetup, found: Report) -> None:
    import sys

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(_numbers(setup, found))
    console.print(_verdicts(found))


def _numbers(setup: SensorSetup, found: Report) -> Table:
    from rich.table import Table

    one, rest = found.measured, found.measured.rest
    table = Table(title=f"{setup.profile.maker} {setup.profile.name}: {setup.sensor}", show_header=False)
    rate = "not known" if one.rate_hz is None else f"{one.rate_hz:g} Hz"
    loss = f"{one.missing_pct:g} % of the time, longest {one.longest_hole_s:g} s"
    rows = [
        ("measured", f"{one.seconds:g} s, {one.samples} samples, {one.packets} packets"),
        ("rate", f"{rate} (nominal {one.sensor.nominal_rate_hz:g})"),
        ("under way", f"varies by {one.late_p95_ms:g} ms (95 %), at worst {one.late_worst_ms:g} ms"),
        ("missing", loss if one.sensor.loss_observable else f"{loss}; short holes cannot be seen"),
        ("repeated, malformed", f"{one.repeated}, {one.malformed}"),
        ("clock", f"{one.drift_ppm:+g} ppm, times known to {one.uncertainty_ms:g} ms ({one.sensor.clock})"),
        ("largest", ", ".join(f"{name} {value:g}" for name, value in one.largest.items())),
    ]
    if one.restarts or one.connections > 1:
        rows.append(("restarts", f"{one.restarts} of its clock, {one.connections} connections"))
    if rest is None:
        rows.append(("at rest", "not measured: it was not still for 5 s"))
    else:
        rows.append(("noise", ", ".join(f"{name} {value:g}" for name, value in rest.noise.items())))
    if rest is not None and rest.gravity_m_s2 is not None:
        text = f"{rest.gravity_m_s2:g} m/s² ({rest.gravity_error_pct:g} % off)"
        rows.append(("gravity", f"{text}; {rest.up} points up, {rest.up_off_deg:g}° off"))
    if rest is not None and rest.bias_deg_s is not None:
        rows.append(("gyroscope's zero", f"{rest.bias_deg_s:g} °/s"))
    if rest is not None and rest.level_n is not None:
        rows.append(("zero", f"{rest.level_n:g} N, changed by {rest.drift_n:+g} N"))
    for name, text in rows:
        table.add_row(name, text)
    return table


def _verdicts(found: Report) -> Table:
    from rich.table import Table

    table = Table()
    for title in ("good enough for", "", "why not better"):
        table.add_column(title)
    for verdict in found.verdicts:
        table.add_row(_USES[verdict.use], verdict.mark, "\n".join(verdict.reasons))
    return table
