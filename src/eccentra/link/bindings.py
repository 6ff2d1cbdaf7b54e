"""``bindings.toml``: which device is which sensor, and where it is worn. The only place with addresses.

A sensor's id is opaque: made from its placement and a number, never from its address or name.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from eccentra.datafolder import explain_invalid, user_folder
from eccentra.errors import InputError
from eccentra.link import WantedSensor
from eccentra.link.addresses import ADDRESS_PATTERN, normal_address
from eccentra.profiles import DeviceProfile, SensorSetup, load_profile
from eccentra.samples import Placement, Side

__all__ = ["FORCE", "Binding", "bind", "bindings_file", "read_bindings", "wanted", "write_bindings"]

FORCE = "force"
"""Stands for the placement of a sensor that measures force."""

_SCHEMA = 1
_MOST_BYTES = 1 << 20
_HEAD = """\
# Which Bluetooth device is which sensor, and where it is worn. Written by `eccentra scan`.
# Addresses stand here and nowhere else.
"""


class Binding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device and what it is.

    Attributes
    ----------
    sensor
        Opaque id.
    address
        Bluetooth address, on a Mac a UUID.
    device
        Id of its profile.
    placement, side
        Where it is worn. A force sensor has a side only.
    rate_hz, mode
        How it streams; absent: as its profile says.
    settings
        What was typed in for this very device, such as its coefficient.
    """

    sensor: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{1,64}$")]
    address: Annotated[str, msgspec.Meta(pattern=ADDRESS_PATTERN)]
    device: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    placement: Placement | None = None
    side: Side | None = None
    rate_hz: Annotated[float, msgspec.Meta(gt=0, le=100_000)] | None = None
    mode: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    settings: dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")], float] = {}

    @property
    def place(self) -> str:
        """Where it is, as a person says it: ``thigh``, ``thigh left``, ``force right`` ..."""
        return " ".join(part for part in (self.placement or FORCE, self.side) if part)

    def setup(self) -> SensorSetup:
        """The sensor for a session.

        Raises
        ------
        ValueError
            When the device knows no such mode or rate.
        ProfileError
            When there is no such device.
        """
        profile = load_profile(self.device)
        return SensorSetup(
            sensor=self.sensor,
            profile=profile,
            placement=self.placement,
            side=self.side,
            rate_hz=self.rate_hz,
            channels=_channels(profile, self.mode),
            settings=self.settings,
        )


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    sensor: tuple[Binding, ...] = ()


def bindings_file() -> Path:
    """Where the bindings are."""
    return user_folder() / "bindings.toml"


def read_bindings(path: Path | None = None) -> tuple[Binding, ...]:
    """All bindings; none when there is no file yet.

    Raises
    ------
    InputError
        When the file is not valid: names file, key, what was found and what is allowed. Never an address.
    """
    path = path or bindings_file()
    raw = _read(path)
    if raw is None:
        return ()
    if raw.get("schema") != _SCHEMA:
        raise InputError(path, f"is {raw.get('schema')!r}, this version reads {_SCHEMA}", where="schema")
    try:
        file = msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, raw, _File)
        if where is not None and where.endswith("address"):
            problem = "expected a Bluetooth address like 01:23:45:67:89:AB, on a Mac a UUID"
        raise InputError(path, problem, where=where) from None
    _check(file.sensor, path)
    return file.sensor


def write_bindings(bindings: Sequence[Binding], path: Path | None = None) -> Path:
    """Write all bindings at once: whoever reads meanwhile sees the old file or the new one, whole.

    Returns
    -------
    Path
        The file; only its owner can read it.

    Raises
    ------
    InputError
        When they contradict each other, or the folder cannot be written.
    """
    path = path or bindings_file()
    _check(bindings, path)
    text = "\n".join([_HEAD + f"schema = {_SCHEMA}\n", *map(_table, bindings)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # made with mode 0600, in the same folder so that it can be renamed
        handle, name = tempfile.mkstemp(prefix=".bindings-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror or error}") from None
    return path


def bind(
    bindings: Sequence[Binding],
    *,
    address: str,
    device: str,
    placement: Placement | None,
    side: Side | None,
    mode: str | None = None,
    settings: Mapping[str, float] | None = None,
) -> tuple[Binding, ...]:
    """The bindings with one device bound anew.

    ``mode`` and ``settings`` are kept from before when they are not given.

    Its earlier place is forgotten, and so is what was at the new one. A device keeps its id when it stays at
    its placement, and takes that of a device of the same model whose place it takes, so that a running
    session goes on with it; otherwise it gets the smallest number that is free.
    """
    new = Binding(
        sensor="new", address=normal_address(address), device=device, placement=placement, side=side
    )
    old = next((b for b in bindings if normal_address(b.address) == new.address), None)
    kept = [b for b in bindings if normal_address(b.address) != new.address and b.place != new.place]
    before = next((b for b in bindings if b.place == new.place and b.device == device), None)
    if old is not None and old.placement == placement and old.device == device:
        changed = msgspec.structs.replace(
            old, side=side, mode=mode or old.mode, settings={**old.settings, **(settings or {})}
        )
    elif before is not None:
        changed = msgspec.structs.replace(new, sensor=before.sensor)
    else:
        taken = {b.sensor for b in bindings}
        stem = placement or FORCE
        number = next(n for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)
        changed = msgspec.structs.replace(
            new, sensor=f"{stem}-{number}", mode=mode, settings=dict(settings or {})
        )
    return (*kept, changed)


def wanted(bindings: Sequence[Binding], places: Collection[str] | None = None) -> tuple[WantedSensor, ...]:
    """The sensors that a link should keep connected.

    Parameters
    ----------
    bindings
        What :func:`read_bindings` gives.
    places
        Placements, and ``force`` for all force sensors; ``None`` for all.
    """
    return tuple(
        WantedSensor(setup=binding.setup(), address=normal_address(binding.address))
        for binding in bindings
        if places is None or (binding.placement or FORCE) in places
    )


def _check(bindings: Sequence[Binding], path: Path) -> None:
    """What one table alone cannot show."""
    ids: set[str] = set()
    addresses: set[str] = set()
    for i, binding in enumerate(bindings):
        where = f"sensor[{i}]"
        if binding.sensor in ids:
            raise InputError(
                path, f"{binding.sensor!r} is used twice; ids are different", where=f"{where}.sensor"
            )
        if normal_address(binding.address) in addresses:
            raise InputError(path, "is bound twice; one device is one sensor", where=f"{where}.address")
        ids.add(binding.sensor)
        addresses.add(normal_address(binding.address))
        try:
            setup = binding.setup()
        except (ValueError, InputError) as error:
            raise InputError(path, str(error), where=where) from None
        if setup.profile.ble is None:
            problem = f"{binding.device} is no Bluetooth device"
            raise InputError(path, problem, where=f"{where}.device")
        if setup.mode.kind == "raw":
            raise InputError(path, f"gives raw counts only: {setup.profile.missing}", where=f"{where}.mode")
        if setup.mode.kind == "imu" and binding.placement is None:
            raise InputError(
                path, "is missing; a motion sensor is worn somewhere", where=f"{where}.placement"
            )
        if setup.mode.kind == FORCE and binding.placement is not None:
            problem = "a force sensor has a side only: left, right or both"
            raise InputError(path, problem, where=f"{where}.placement")


def _channels(profile: DeviceProfile, mode: str | None) -> tuple[str, ...] | None:
    if mode is None:
        return None
    for one in profile.mode:
        if one.id == mode:
            return one.channels
    raise ValueError(f"mode is {mode!r}, {profile.id} has {', '.join(m.id for m in profile.mode)}")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    if len(data) > _MOST_BYTES:
        raise InputError(path, f"is larger than {_MOST_BYTES} bytes; expected bindings in TOML")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(path, f"is no text (byte {error.start}); expected TOML in UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(path, f"is not TOML: {error}") from None


def _table(binding: Binding) -> str:
    """One ``[[sensor]]``; every text in it is plain by its pattern, so that quotes are enough."""
    lines = ["[[sensor]]"]
    for name in binding.__struct_fields__:
        value = getattr(binding, name)
        if isinstance(value, dict):
            pairs = ", ".join(f"{key} = {float(one)!r}" for key, one in value.items())
            lines += [f"{name} = {{ {pairs} }}"] if pairs else []
        elif value is not None:
            lines.append(f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {float(value)!r}")
    return "\n".join(lines) + "\n"
