"""Device profiles: ``devices/*.toml`` to :class:`DeviceProfile`, and what one worn sensor needs of it.

The file says how a sensor is recognised, started, decoded and timed, and holds captured bytes with what
they mean. How its bytes are decoded is the module of :mod:`eccentra.decode` named by ``[decoder] kind``. An
unknown key is an error, so that a typing mistake cannot silently leave something at another value.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

import eccentra.decode
from eccentra.clock import ClockMap, ClockSpec
from eccentra.datafolder import data_files, explain_invalid, find_data_file
from eccentra.decode import CHANNEL, Decoder, DecoderParameters, Encoder
from eccentra.errors import ProfileError
from eccentra.samples import Placement, Side, StreamInfo

__all__ = [
    "Ble",
    "DeviceProfile",
    "Expected",
    "Mode",
    "SensorSetup",
    "Vector",
    "Write",
    "decoder_kinds",
    "load_profile",
    "parse_profile",
    "profile_ids",
]

_SCHEMA = 1
_FOLDER = "devices"
_MOST_BYTES = 1 << 20

Hex = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{2})+$", max_length=2048)]
Uuid = Annotated[
    str, msgspec.Meta(pattern=r"^([0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$", max_length=36)
]
Rate = Annotated[float, msgspec.Meta(gt=0, le=100_000)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]


class Mode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in which a sensor streams: which channels, in which SI units. The first one is the default."""

    id: str
    kind: Literal["imu", "force"]
    channels: tuple[str, ...]
    units: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels are {list(self.channels)}, expected different names")
        if len(self.units) != len(self.channels):
            raise ValueError(f"{len(self.units)} units for {len(self.channels)} channels")


class Write(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes to write: ``hex``, then ``text`` (``{mode}`` and ``{rate}`` are filled in), then ``tail``.

    ``to`` names one of the characteristics.
    """

    to: str
    hex: Hex
    text: str = ""
    tail: Hex | None = None

    def data(self, mode: str, rate_hz: float) -> bytes:
        """The bytes for the mode with id ``mode`` at ``rate_hz``."""
        text = self.text.replace("{mode}", mode).replace("{rate}", f"{rate_hz:g}")
        return bytes.fromhex(self.hex) + text.encode("ascii") + bytes.fromhex(self.tail or "")


class Ble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a sensor is recognised and commanded over Bluetooth Low Energy.

    Attributes
    ----------
    name_prefixes, advertised_services, manufacturer_ids
        Any one of these in any advertisement or scan response speaks for this sensor.
    service
        The service that holds the characteristics.
    characteristics
        UUID by name. The one named ``data`` is that of the decoder's packets.
    notify
        Names of those to subscribe to, in this order, before anything is written.
    min_mtu
        Smallest ATT MTU with which a packet of samples gets through.
    commands
        What to write, in order, by name: ``start``, ``stop``, and where there are such ``tare``,
        ``battery``, ``firmware`` ...
    """

    name_prefixes: tuple[str, ...]
    service: Uuid
    characteristics: dict[str, Uuid]
    notify: tuple[str, ...]
    commands: dict[str, tuple[Write, ...]]
    advertised_services: tuple[Uuid, ...] = ()
    manufacturer_ids: tuple[int, ...] = ()
    min_mtu: Annotated[int, msgspec.Meta(ge=23, le=517)] = 23

    def __post_init__(self) -> None:
        if CHANNEL not in self.characteristics:
            raise ValueError(
                f"characteristics are {sorted(self.characteristics)}, one must be named {CHANNEL!r}"
            )
        named = [*self.notify, *(write.to for writes in self.commands.values() for write in writes)]
        for name in named:
            if name not in self.characteristics:
                raise ValueError(f"{name!r} is no characteristic; there are {sorted(self.characteristics)}")

    def command(self, name: str, mode: str, rate_hz: float) -> tuple[tuple[str, bytes], ...]:
        """What to write for the command ``name``, as (UUID, bytes); empty when there is no such command."""
        return tuple(
            (self.characteristics[write.to], write.data(mode, rate_hz))
            for write in self.commands.get(name, ())
        )


class ExpectedNotice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notice that a vector gives."""

    kind: str
    value: float | str | int | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vector means: device time in s and SI values of each sample, and notices, in order."""

    t_s: tuple[float, ...] = ()
    x: tuple[tuple[float, ...], ...] = ()
    notices: tuple[ExpectedNotice, ...] = ()

    def __post_init__(self) -> None:
        if len(self.t_s) != len(self.x):
            raise ValueError(f"{len(self.t_s)} times for {len(self.x)} samples")


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Captured or worked-out bytes and their meaning; the test suite runs every one.

    Attributes
    ----------
    hex
        The packet, or the packets of which it is made.
    source, checked_by
        Where it comes from, and how it is known to be right.
    channel
        Where it arrived.
    mode, rate_hz
        Id of the mode and rate it was taken with; the profile's first ones when absent.
    after
        Command that was written before, hex.
    expected
        What the decoder gives, or
    command
        the name of the command of which ``hex`` is the last write: a vector in the other direction.
    """

    hex: Hex | tuple[Hex, ...]
    source: str
    checked_by: str
    channel: str = CHANNEL
    mode: str | None = None
    rate_hz: Rate | None = None
    after: Hex | None = None
    expected: Expected | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        if (self.expected is None) == (self.command is None):
            raise ValueError("a vector has either expected or command")

    @property
    def packets(self) -> tuple[bytes, ...]:
        """The bytes, one item a packet."""
        parts = (self.hex,) if isinstance(self.hex, str) else self.hex
        return tuple(bytes.fromhex(part) for part in parts)


class DeviceProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sensor model.

    Attributes
    ----------
    id
        The file's stem.
    name, maker
        As printed on the sensor.
    rate_hz
        Nominal rate when nothing else is chosen.
    rates_hz
        Rates that can be chosen; empty: any.
    mode
        Ways of streaming, default first.
    decoder
        ``kind`` and parameters of the decoder.
    clock
        How its times are to be read.
    knowledge
        ``solid``: from several sources or captures; ``uncertain``: see ``notes``.
    sources, notes
        Where this comes from, and what to know.
    ble
        Recognition and commands; ``None`` for what is not a Bluetooth device.
    vector
        Bytes with known meaning.
    """

    schema: int
    id: Id
    name: str
    maker: str
    rate_hz: Rate
    mode: Annotated[tuple[Mode, ...], msgspec.Meta(min_length=1)]
    decoder: dict[str, Any]
    clock: ClockSpec
    knowledge: Literal["solid", "uncertain"]
    sources: tuple[str, ...]
    rates_hz: tuple[Rate, ...] = ()
    notes: tuple[str, ...] = ()
    ble: Ble | None = None
    vector: tuple[Vector, ...] = ()

    def __post_init__(self) -> None:
        if self.rates_hz and self.rate_hz not in self.rates_hz:
            raise ValueError(f"rate_hz is {self.rate_hz:g}, expected one of rates_hz {list(self.rates_hz)}")
        for vector in self.vector:
            if vector.mode is not None and vector.mode not in [mode.id for mode in self.mode]:
                raise ValueError(f"a vector names mode {vector.mode!r}, which is none of this profile")

    @property
    def kind(self) -> Literal["imu", "force"]:
        """What the default mode measures."""
        return self.mode[0].kind

    def mode_of(self, channels: tuple[str, ...] | None) -> Mode:
        """The mode with these channels, or the default.

        Raises
        ------
        ValueError
            When there is none; the message names those there are.
        """
        for mode in self.mode:
            if channels is None or mode.channels == channels:
                return mode
        known = "; ".join(", ".join(mode.channels) for mode in self.mode)
        raise ValueError(f"{self.id} has no mode with channels {', '.join(channels or ())}; it has {known}")

    def parameters(self) -> DecoderParameters:
        """Parameters of the decoder.

        Raises
        ------
        ProfileError
            When the table ``[decoder]`` is not valid.
        """
        return _decoder_parameters(self.decoder, self.id)


class SensorSetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sensor of a session: its opaque id, its model, where it is worn, how it streams.

    Attributes
    ----------
    sensor
        Opaque id of the sensor; also the id of its stream.
    profile
        Its model.
    placement, side
        Where it is worn; ``None`` when unknown or not applicable.
    rate_hz
        Nominal rate; ``None`` for the profile's.
    channels
        Channels of one of the profile's modes; ``None`` for the default.
    """

    sensor: str
    profile: DeviceProfile
    placement: Placement | None = None
    side: Side | None = None
    rate_hz: float | None = None
    channels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", self.sensor):
            raise ValueError(f"sensor id is {self.sensor!r}, expected a-z, 0-9, _ and - only")
        self.profile.mode_of(self.channels)
        rates = self.profile.rates_hz
        if self.rate_hz is not None and not 0 < self.rate_hz <= 100_000:
            raise ValueError(f"rate_hz is {self.rate_hz}, expected above 0 and at most 100000")
        if self.rate_hz is not None and rates and self.rate_hz not in rates:
            raise ValueError(f"rate_hz is {self.rate_hz:g}, {self.profile.id} has {list(rates)}")

    @property
    def mode(self) -> Mode:
        """How the sensor streams."""
        return self.profile.mode_of(self.channels)

    @property
    def rate(self) -> float:
        """Nominal rate, Hz."""
        return self.profile.rate_hz if self.rate_hz is None else self.rate_hz

    def info(self) -> StreamInfo:
        """What the stream is."""
        mode = self.mode
        return StreamInfo(
            stream=self.sensor,
            kind=mode.kind,
            channels=mode.channels,
            units=mode.units,
            rate_hz=self.rate,
            placement=self.placement,
            side=self.side,
            loss_observable=self.profile.clock.loss_observable,
        )

    def start_decoder(self) -> Decoder:
        """A decoder for a new connection."""
        return self.profile.parameters().start(channels=self.mode.channels, rate_hz=self.rate)

    def start_encoder(self, mtu: int = 247) -> Encoder:
        """The inverse of :meth:`start_decoder`, for simulated sensors; ``mtu`` is the ATT MTU."""
        return self.profile.parameters().start_encoder(
            channels=self.mode.channels, rate_hz=self.rate, mtu=mtu
        )

    def start_clock(self) -> ClockMap:
        """A clock map for a new connection."""
        return self.profile.clock.start(self.rate)


def decoder_kinds() -> list[str]:
    """Names of all protocols, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(eccentra.decode.__path__))


def profile_ids() -> list[str]:
    """Ids of all profiles that can be found, sorted."""
    return [path.stem for path in data_files(_FOLDER)]


def load_profile(name: str | Path) -> DeviceProfile:
    """Profile by id, or from a TOML file given by its path.

    Raises
    ------
    ProfileError
        When there is none, or the file is not valid; names file and key.
    """
    text = str(name)
    path = Path(text) if text.endswith(".toml") else find_data_file(_FOLDER, text)
    if path is None:
        known = ", ".join(profile_ids())
        raise ProfileError(text, f"no such device; known are {known} (or give a .toml file)")
    profile = parse_profile(_read(path), path)
    if profile.id != path.stem:
        raise ProfileError(path, f"is {profile.id!r}, expected the file's name {path.stem!r}", where="id")
    return profile


def parse_profile(raw: dict[str, Any], source: str | Path) -> DeviceProfile:
    """Profile from decoded TOML; ``source`` is named in errors."""
    schema = raw.get("schema")
    if schema != _SCHEMA or isinstance(schema, bool):
        found = "is missing" if schema is None else f"is {schema!r}"
        raise ProfileError(source, f"{found}; this version reads {_SCHEMA}", where="schema")
    try:
        profile = msgspec.convert(raw, DeviceProfile)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, raw, DeviceProfile)
        raise ProfileError(source, problem, where=where) from None
    parameters = _decoder_parameters(profile.decoder, source)
    for mode in profile.mode:
        try:
            parameters.start(channels=mode.channels, rate_hz=profile.rate_hz)
        except ValueError as error:
            raise ProfileError(source, str(error), where="mode") from None
    return profile


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ProfileError(path, f"cannot be read: {error.strerror or error}") from None
    if len(data) > _MOST_BYTES:
        raise ProfileError(path, f"is larger than {_MOST_BYTES} bytes; expected a device profile in TOML")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProfileError(path, f"is no text (byte {error.start}); expected TOML in UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProfileError(path, f"is not TOML: {error}") from None


def _decoder_parameters(table: dict[str, Any], source: str | Path) -> DecoderParameters:
    fields = dict(table)
    kind = fields.pop("kind", None)
    kinds = decoder_kinds()
    if not isinstance(kind, str) or kind not in kinds:
        found = "is missing" if kind is None else f"is {kind!r}"
        raise ProfileError(source, f"{found}; expected one of {', '.join(kinds)}", where="decoder.kind")
    module = importlib.import_module(f"eccentra.decode.{kind}")
    try:
        made: DecoderParameters = msgspec.convert(fields, module.Parameters)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, fields, module.Parameters, "decoder")
        raise ProfileError(source, problem, where=where) from None
    return made
