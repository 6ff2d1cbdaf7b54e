"""``eccentra emulate``: real Bluetooth peripherals made from device profiles, worn by a simulated athlete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.link.virtual.athlete import VirtualAthlete
    from eccentra.link.virtual.faults import Fault
    from eccentra.profiles import DeviceProfile
    from eccentra.simulate import Scenario, SensorSpec

__all__ = ["emulate"]

_IMU_PLACES = ("thigh", "shank", "pelvis", "trunk")
_FORCE_SIDES = ("left", "right")
_REPORT_S = 10.0
# So long a controller has to say that it has stopped.
_STOP_S = 4.0
# Every connection of this transport is a controller of its own.
_MANY = "tcp-client:"


def emulate(
    devices: Annotated[
        list[str], typer.Argument(metavar="DEVICE...", help="Ids of device profiles, or .toml files.")
    ],
    transport: Annotated[
        list[str] | None,
        typer.Option(
            metavar="T",
            help="Bluetooth controller by its Bumble name, such as usb:0; once for each sensor. A "
            "tcp-client:HOST:PORT serves all.",
        ),
    ] = None,
    exercise: Annotated[
        str, typer.Option(metavar="ID", help="Any of them, such as squat or plank.")
    ] = "nordic-curl",
    seed: Annotated[int, typer.Option(min=0, help="Another number, another athlete.")] = 1,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULT",
            help="SENSOR:KIND@AT[+FOR][xCOUNT], times in s, such as left:drop@20+3; can be repeated.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option(help="End with the simulated session; else it repeats.")] = False,
) -> None:
    """Be real Bluetooth sensors: services, advertisements, commands and packets as in the device profiles.

    All sensors are worn by one simulated athlete: motion sensors at thigh, shank, pelvis and trunk, force
    sensors left and right, in the order given. Needs a spare Bluetooth controller that the operating system
    does not use. Runs until Ctrl-C.
    """
    from eccentra.link.virtual.athlete import VirtualAthlete
    from eccentra.link.virtual.faults import check_faults, parse_fault
    from eccentra.link.virtual.radios import HciTransport
    from eccentra.profiles import load_profile
    from eccentra.simulate import simulate

    profiles = [load_profile(device) for device in devices]
    specs = _transports(transport or [], len(profiles))
    planned = [parse_fault(text) for text in faults or []]
    scenario = _worn(exercise, seed, profiles)
    names = [spec.id for spec in scenario.worn]
    check_faults(planned, names)
    simulation = simulate(scenario, seed)
    sources = {name: HciTransport(spec) for name, spec in zip(names, specs, strict=True)}
    athlete = VirtualAthlete(simulation, sources, loop=not once, say=_say)
    for name, profile in zip(names, profiles, strict=True):
        sensor = athlete.sensors[name]
        typer.echo(f"{name}: {profile.name} as {sensor.name!r}, address {sensor.address}")
    import asyncio

    asyncio.run(_run(athlete, planned, simulation.truth.duration_s if once else None))


def _say(sensor: str, text: str) -> None:
    typer.echo(f"{sensor}: {text}")


def _transports(given: list[str], wanted: int) -> list[str]:
    """One transport for each sensor."""
    if not given:
        raise InputError(
            "--transport",
            "is needed: a Bluetooth controller that the operating system does not use, such as usb:0 or "
            "serial:/dev/ttyACM0,1000000 (a development board with HCI firmware)",
        )
    if len(given) == 1 and given[0].startswith(_MANY):
        return given * wanted
    if len(given) != wanted:
        raise InputError(
            "--transport",
            f"given {len(given)} times for {wanted} sensors; each needs a controller of its own",
        )
    return given


def _worn(exercise: str, seed: int, profiles: list[DeviceProfile]) -> Scenario:
    """The demo's session, with these sensors worn."""
    import msgspec

    from eccentra.cli.demo_scene import scene

    places = {"imu": list(_IMU_PLACES), "force": list(_FORCE_SIDES)}
    worn = []
    for profile in profiles:
        if profile.kind not in places:
            raise InputError(profile.id, f"cannot be worn: {profile.missing or 'it measures no movement'}")
        if not places[profile.kind]:
            most = len(_IMU_PLACES if profile.kind == "imu" else _FORCE_SIDES)
            raise InputError(profile.id, f"at most {most} sensors of kind {profile.kind} can be worn")
        worn.append(_sensor(profile, places[profile.kind].pop(0)))
    return msgspec.structs.replace(scene(exercise, None, seed), sensors=tuple(worn))


def _sensor(profile: DeviceProfile, place: str) -> SensorSpec:
    """A sensor of this model at ``place``, with the errors of the ready-made ones."""
    import msgspec

    from eccentra.simulate import KITS

    known = {spec.id: spec for kit in KITS.values() for spec in kit}
    like = known.get(place, known["thigh"])
    changes = {"id": place, "device": profile.id, "rate_hz": profile.rate_hz, "samples_per_packet": 1}
    if profile.kind == "imu":
        changes |= {"placement": place, "gyroscope": "gyr_x" in profile.mode[0].channels}
    return msgspec.structs.replace(like, **changes)


async def _run(athlete: VirtualAthlete, faults: list[Fault], duration_s: float | None) -> None:
    """On the air until the session ends, or for ever."""
    import asyncio
    from contextlib import suppress

    from eccentra.link.virtual.faults import play

    try:
        await athlete.start()
        async with asyncio.timeout(duration_s):
            async with asyncio.TaskGroup() as group:
                group.create_task(play(faults, athlete.sensors))
                group.create_task(_report(athlete))
    except TimeoutError:
        typer.echo("the simulated session has ended")
    finally:
        # a controller that no longer answers must not keep the program
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await athlete.stop()


async def _report(athlete: VirtualAthlete) -> None:
    """Now and then how much has been sent."""
    import asyncio

    before: dict[str, int] = {}
    while True:
        await asyncio.sleep(_REPORT_S)
        for name, sensor in athlete.sensors.items():
            sent = sensor.counts.samples
            if sent != before.get(name, 0):
                typer.echo(f"{name}: {sent} samples sent, {sensor.connections} connections")
            before[name] = sent
