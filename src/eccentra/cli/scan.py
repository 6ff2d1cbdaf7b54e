"""``eccentra scan``: which sensors are in range, what they are, and where each is worn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from eccentra.cli.common import say
from eccentra.errors import InputError, LinkError

if TYPE_CHECKING:
    from rich.table import Table

    from eccentra.link.bindings import Binding
    from eccentra.link.nearby import Nearby
    from eccentra.profiles import DeviceProfile, Mode, Setting
    from eccentra.samples import Placement, Side

__all__ = ["scan"]

# Below this it is a guess, not a recognition: the device has to be named.
_SURE = 0.6


def scan(
    bind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=PLACEMENT[:SIDE]",
            help="Bind a sensor: thigh, shank, pelvis, trunk, load, wrist or force, and left, right or both.",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="With --bind: what it is, instead of recognising it.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=NUMBER",
            help="With --bind: what has to be typed in for this very sensor, such as its coefficient.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", min=0.5, max=3600, help="How long to listen.")
    ] = 10.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
) -> None:
    """Show the sensors in range, what they can measure and what they are bound as; bind them."""
    from eccentra.link.bindings import read_bindings

    bindings = read_bindings()
    wishes = [_parse_bind(text) for text in bind or ()]
    typed = dict(_parse_setting(text) for text in setting or ())
    if (device is not None or typed) and not wishes:
        option = "--device" if device is not None else "--set"
        raise InputError(option, "says what --bind ADDRESS=PLACEMENT is; give both")
    if wishes:
        _bind_all(wishes, device, bindings, typed, timeout)
        return
    asks = not json and _at_terminal()
    nearby = _heard(bindings, timeout, live=asks)
    if json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(_document(nearby, bindings)), indent=1).decode())
        return
    if not asks:
        _print_table(nearby, bindings)
    _summary(nearby, bindings)
    if asks and nearby.sensors():
        _ask(nearby, bindings)


def _at_terminal() -> bool:
    """Whether somebody is there who can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


# -- binding ---------------------------------------------------------------------------------------------


def _parse_bind(text: str) -> tuple[str, Placement | None, Side | None]:
    """Address, placement and side of ``ADDRESS=PLACEMENT[:SIDE]``."""
    import re

    from eccentra.link.addresses import ADDRESS_PATTERN

    address, found, place = text.rpartition("=")
    if not found or not re.fullmatch(ADDRESS_PATTERN, address):
        raise InputError("--bind", "expected ADDRESS=PLACEMENT[:SIDE], as in 01:23:45:67:89:AB=thigh:left")
    placement, side = _parse_place(place, "--bind")
    return address, placement, side


def _parse_setting(text: str) -> tuple[str, float]:
    """Name and number of ``NAME=NUMBER``."""
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        problem = f"is {text!r}, expected NAME=NUMBER, as in gain=0.0123"
        raise InputError("--set", problem) from None


def _parse_place(text: str, source: str) -> tuple[Placement | None, Side | None]:
    from eccentra.link.bindings import FORCE
    from eccentra.samples import Placement, Side

    placements, sides = get_args(Placement), get_args(Side)
    placement, colon, side = text.strip().lower().partition(":")
    if placement in sides and not colon:
        placement, side = FORCE, placement
    if placement != FORCE and placement not in placements:
        known = ", ".join((*placements, FORCE))
        raise InputError(source, f"placement is {placement!r}, expected one of {known}")
    if (side or colon) and side not in sides:
        raise InputError(source, f"side is {side!r}, expected one of {', '.join(sides)}")
    if placement == FORCE:
        return None, side or "both"  # type: ignore[return-value]
    return placement, side or None  # type: ignore[return-value]


def _bind_all(
    wishes: list[tuple[str, Placement | None, Side | None]],
    device: str | None,
    bindings: tuple[Binding, ...],
    typed: dict[str, float],
    timeout_s: float,
) -> None:
    models = {} if device is not None else _recognised([address for address, _, _ in wishes], timeout_s)
    for address, placement, side in wishes:
        bindings = _bind(bindings, address, device or models[address], placement, side, typed)


def _bind(
    bindings: tuple[Binding, ...],
    address: str,
    device: str,
    placement: Placement | None,
    side: Side | None,
    typed: dict[str, float],
) -> tuple[Binding, ...]:
    from eccentra.link.bindings import bind, write_bindings
    from eccentra.profiles import load_profile

    profile = load_profile(device)
    mode = _measuring(profile, typed, strap=placement is None)
    kind = mode.kind
    if (kind == "force") != (placement is None):
        wanted = "force[:SIDE]" if kind == "force" else "a placement such as thigh or shank"
        raise InputError(
            "--bind", f"{device} measures {'force' if kind == 'force' else 'motion'}: use {wanted}"
        )
    changed = bind(
        bindings,
        address=address,
        device=device,
        placement=placement,
        side=side,
        mode=None if mode is profile.mode[0] else mode.id,
        settings=typed,
    )
    path = write_bindings(changed)
    say(f"bound as {changed[-1].sensor}: {device}, {changed[-1].place} ({path})")
    return changed


def _measuring(profile: DeviceProfile, typed: dict[str, float], *, strap: bool | None = None) -> Mode:
    """The first mode that measures something, with what was typed in; one that suits the place, if known."""
    usable = [
        mode
        for mode in profile.mode
        if mode.kind not in ("raw", "other") and (not mode.needs or typed.keys() >= set(mode.needs))
    ]
    if usable:
        fits = [mode for mode in usable if strap is None or (mode.kind == "force") == strap]
        return (fits or usable)[0]
    lacking = [one for mode in profile.mode for one in profile.setting if one.id in mode.needs]
    advice = "; ".join(f"--set {one.id}=NUMBER ({one.why})" for one in lacking)
    why = profile.missing or "a number of this very unit is missing"
    raise InputError(profile.id, f"{why}: {advice}" if advice else why)


def _recognised(addresses: list[str], timeout_s: float) -> dict[str, str]:
    """What the devices at these addresses are, as soon as all were heard well enough."""
    import asyncio

    from eccentra.events import StationReason
    from eccentra.link.addresses import normal_address
    from eccentra.link.advice import advice_for
    from eccentra.link.nearby import Nearby, bluetooth_profiles, listen
    from eccentra.link.recognise import is_ambiguous

    nearby = Nearby(bluetooth_profiles())

    def best() -> dict[str, str]:
        found = nearby.sensors()
        out = {}
        for address in addresses:
            candidates = found.get(normal_address(address), [])
            if candidates and candidates[0].confidence >= _SURE and not is_ambiguous(candidates):
                out[address] = candidates[0].device
        return out

    asyncio.run(listen(nearby, timeout_s, step=lambda: len(best()) == len(addresses)))
    models = best()
    for number, address in enumerate(addresses, 1):
        if address in models:
            continue
        reason = StationReason.SENSOR_NOT_SEEN
        if normal_address(address) not in nearby.devices:
            raise LinkError(
                reason,
                f"--bind number {number} was not heard within {timeout_s:g} s; nothing was bound",
                advice_for(reason, sys.platform).partition(";")[0],
            )
        known = ", ".join(profile.id for profile in nearby.profiles)
        raise LinkError(
            reason,
            f"--bind number {number} was heard, but it is not clear what it is; nothing was bound",
            f"name it with --device, one of {known}",
        )
    return models


# -- showing ---------------------------------------------------------------------------------------------


def _heard(bindings: tuple[Binding, ...], seconds: float, *, live: bool) -> Nearby:
    import asyncio

    from rich.console import Console
    from rich.live import Live

    from eccentra.link.nearby import Nearby, bluetooth_profiles, listen

    nearby = Nearby(bluetooth_profiles())
    if not live:
        asyncio.run(listen(nearby, seconds))
        return nearby
    say(f"listening for {seconds:g} s; switch the sensors on, or move them to wake them")
    with Live(_table(nearby, bindings), console=Console(), auto_refresh=False) as screen:

        def step() -> bool:
            screen.update(_table(nearby, bindings), refresh=True)
            return False

        asyncio.run(listen(nearby, seconds, step=step))
        step()
    return nearby


def _document(nearby: Nearby, bindings: tuple[Binding, ...]) -> dict[str, Any]:
    from eccentra.link.recognise import can_measure, is_ambiguous

    profiles = {profile.id: profile for profile in nearby.profiles}
    bound = _bound(bindings)
    devices = []
    for address, candidates in nearby.sensors().items():
        seen, best = nearby.devices[address], candidates[0]
        devices.append(
            {
                "address": address,
                "name": seen.name,
                "device": best.device,
                "model": f"{profiles[best.device].maker} {profiles[best.device].name}",
                "confidence": best.confidence,
                "ambiguous": is_ambiguous(candidates),
                "candidates": [candidate._asdict() for candidate in candidates],
                "rssi_dbm": seen.rssi_dbm,
                "battery_pct": seen.battery_pct,
                "measures": can_measure(profiles[best.device]),
                "bound_as": bound[address].sensor if address in bound else None,
                "place": bound[address].place if address in bound else None,
            }
        )
    missing = [binding.sensor for address, binding in bound.items() if address not in nearby.devices]
    return {
        "schema": "eccentra.scan/1",
        "devices": devices,
        "bound_not_heard": missing,
        "others_heard": len(nearby.devices) - len(devices),
    }


def _bound(bindings: tuple[Binding, ...]) -> dict[str, Binding]:
    from eccentra.link.addresses import normal_address

    return {normal_address(binding.address): binding for binding in bindings}


def _table(nearby: Nearby, bindings: tuple[Binding, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for title in ("", "sensor", "sure", "address", "signal", "battery", "measures", "bound as"):
        table.add_column(title, justify="right" if title in ("", "sure", "signal", "battery") else "left")
    for number, row in enumerate(_document(nearby, bindings)["devices"], 1):
        # what comes from the air is shown as text, never as markup or control codes
        name = "".join(c for c in row["name"] if c.isprintable())
        sure = f"{row['confidence']:.0%}" + (" ?" if row["ambiguous"] else "")
        place = f"{row['bound_as']} ({row['place']})" if row["bound_as"] else ""
        rssi, battery = row["rssi_dbm"], row["battery_pct"]
        table.add_row(
            str(number),
            Text(f"{row['model']}\n{name}" if name else row["model"]),
            sure,
            row["address"],
            "" if rssi is None else f"{rssi} dBm",
            "" if battery is None else f"{battery} %",
            row["measures"],
            place,
        )
    return table


def _print_table(nearby: Nearby, bindings: tuple[Binding, ...]) -> None:
    from rich.console import Console

    if nearby.sensors():
        Console(width=None if sys.stdout.isatty() else 160).print(_table(nearby, bindings))


def _summary(nearby: Nearby, bindings: tuple[Binding, ...]) -> None:
    from eccentra.events import StationReason
    from eccentra.link.advice import advice_for

    document = _document(nearby, bindings)
    if document["devices"]:
        if any(row["ambiguous"] for row in document["devices"]):
            say("a ? means that it may be another model too: --json says which; name it with --device")
        if not bindings:
            say("to bind one: eccentra scan --bind ADDRESS=PLACEMENT[:SIDE]")
    else:
        what_to_do = advice_for(StationReason.SENSOR_NOT_SEEN, sys.platform).partition(";")[0]
        say(f"no sensor heard ({document['others_heard']} other devices); {what_to_do}")
    missing = ", ".join(document["bound_not_heard"])
    if missing:
        say(f"bound but not heard (one that is connected does not advertise): {missing}")


def _ask(nearby: Nearby, bindings: tuple[Binding, ...]) -> None:
    """Number, placement and side from the keyboard, until an empty line."""
    found = nearby.sensors()
    addresses = list(found)
    while True:
        answer = typer.prompt("bind which number (Enter: none)", default="", show_default=False).strip()
        if not answer:
            return
        if not answer.isdigit() or not 1 <= int(answer) <= len(addresses):
            say(f"a number from 1 to {len(addresses)}, or Enter")
            continue
        address = addresses[int(answer) - 1]
        try:
            bindings = _ask_place(bindings, address, found[address][0].device)
        except InputError as error:
            say(str(error))


def _ask_place(bindings: tuple[Binding, ...], address: str, device: str) -> tuple[Binding, ...]:
    from eccentra.profiles import load_profile
    from eccentra.samples import Placement, Side

    profile = load_profile(device)
    needed = {name for mode in profile.mode for name in mode.needs}
    typed = {one.id: _ask_number(one) for one in profile.setting if one.id in needed}
    strap = None
    if {"force", "imu"} <= {mode.kind for mode in profile.mode}:
        strap = typer.prompt("does it measure force or motion", default="motion").lower().startswith("f")
    if _measuring(profile, typed, strap=strap).kind == "force":
        side = typer.prompt(f"which side ({', '.join(get_args(Side))})", default="both")
        placement, chosen = _parse_place(f"force:{side}", "side")
    else:
        place = typer.prompt(f"worn where ({', '.join(get_args(Placement))})")
        side = typer.prompt(
            "which side (left, right; Enter: does not matter)", default="", show_default=False
        )
        placement, chosen = _parse_place(f"{place}:{side}" if side else place, "placement")
    return _bind(bindings, address, device, placement, chosen, typed)


def _ask_number(setting: Setting) -> float:
    """What has to be typed in for this very sensor."""
    said = typer.prompt(f"{setting.id} in {setting.unit}: {setting.why}")
    return _parse_setting(f"{setting.id}={said}")[1]
