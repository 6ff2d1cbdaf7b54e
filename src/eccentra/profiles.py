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
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

import eccentra.decode
from eccentra.clock import ClockMap, ClockSpec
from eccentra.datafolder import data_files, explain_invalid, find_data_file
from eccentra.decode import Decoder, DecoderParameters, Encoder, Framer, opening, start_framer
from eccentra.errors import ProfileError
from eccentra.profile_ble import Ble, Step, Write
from eccentra.profile_mode import Mode, Rate, Setting
from eccentra.profile_vector import Expected, Vector
from eccentra.samples import Placement, Side, StreamInfo

__all__ = [
    "Ble",
    "DeviceProfile",
    "Expected",
    "Mode",
    "SensorSetup",
    "Setting",
    "Step",
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

Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]


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
        ``solid``: from several sources or captures; ``uncertain``: see ``notes``; ``raw``: what its numbers
        mean is not known, see ``missing``.
    missing
        What would have to be known to measure with it.
    packets
        What a packet is by itself: ``whole``; a piece of a ``stream`` of bytes that may be cut anywhere; or
        ``differences`` to the packet before, so that a lost one shifts all that follow.
    setting
        What can or must be typed in.
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
    knowledge: Literal["solid", "uncertain", "raw"]
    sources: tuple[str, ...]
    missing: str = ""
    packets: Literal["whole", "stream", "differences"] = "whole"
    setting: tuple[Setting, ...] = ()
    rates_hz: tuple[Rate, ...] = ()
    notes: tuple[str, ...] = ()
    ble: Ble | None = None
    vector: tuple[Vector, ...] = ()

    def __post_init__(self) -> None:
        if self.rates_hz and self.rate_hz not in self.rates_hz:
            raise ValueError(f"rate_hz is {self.rate_hz:g}, expected one of rates_hz {list(self.rates_hz)}")
        if (self.knowledge == "raw") != bool(self.missing):
            raise ValueError("missing says what is not known of a sensor with knowledge 'raw'")
        self._check_settings()
        for vector in self.vector:
            if vector.mode is not None and vector.mode not in [mode.id for mode in self.mode]:
                raise ValueError(f"a vector names mode {vector.mode!r}, which is none of this profile")

    def _check_settings(self) -> None:
        known = {setting.id for setting in self.setting}
        for mode in self.mode:
            if not known.issuperset(mode.needs):
                raise ValueError(f"mode {mode.id!r} needs {sorted({*mode.needs} - known)}, no setting of it")
        for name, table in (self.ble.tables if self.ble else {}).items():
            if table.by not in ("mode", "rate", *known):
                raise ValueError(f"table {name!r} goes by {table.by!r}; expected mode, rate or a setting")

    @property
    def kind(self) -> Literal["imu", "force", "heart_rate", "raw", "other"]:
        """What the default mode measures."""
        return self.mode[0].kind

    def examples(self) -> dict[str, float]:
        """Plausible numbers for what somebody has to type in: for simulated and emulated sensors."""
        return {one.id: one.example for one in self.setting if one.example is not None}

    def settings(self, typed: Mapping[str, float]) -> dict[str, float]:
        """Settings with what was typed in, else their defaults.

        Raises
        ------
        ValueError
            When there is no such setting, or the number is impossible.
        """
        known = {setting.id: setting for setting in self.setting}
        for name, value in typed.items():
            one = known.get(name)
            if one is None:
                has = ", ".join(known) or "none"
                raise ValueError(f"{self.id} has no setting {name!r}; it has {has}")
            if not one.low <= value <= one.high:
                raise ValueError(f"{name} is {value:g}, expected {one.low:g} to {one.high:g} {one.unit}")
        defaults = {name: one.default for name, one in known.items() if one.default is not None}
        return {**defaults, **typed}

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

    def parameters(self, typed: Mapping[str, float] | None = None) -> DecoderParameters:
        """Parameters of the decoder, with the settings that were ``typed`` in.

        Raises
        ------
        ProfileError
            When the table ``[decoder]`` is not valid.
        """
        return _decoder_parameters(self.decoder, self.id, self.settings(typed or {}))


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
    settings
        What was typed in for this very sensor, by id of the profile's settings.
    """

    sensor: str
    profile: DeviceProfile
    placement: Placement | None = None
    side: Side | None = None
    rate_hz: float | None = None
    channels: tuple[str, ...] | None = None
    settings: dict[str, float] = {}

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", self.sensor):
            raise ValueError(f"sensor id is {self.sensor!r}, expected a-z, 0-9, _ and - only")
        mode = self.profile.mode_of(self.channels)
        rates = mode.rates_hz or self.profile.rates_hz
        typed = self.profile.settings(self.settings)
        for setting in self.profile.setting:
            if setting.id in mode.needs and setting.id not in typed:
                what = f"{self.profile.id} gives no {mode.units[0]} without the setting {setting.id}"
                raise ValueError(f"{what}: {setting.why}")
        if self.rate_hz is not None and not 0 < self.rate_hz <= 100_000:
            raise ValueError(f"rate_hz is {self.rate_hz}, expected above 0 and at most 100000")
        if self.rate_hz is not None and rates and self.rate_hz not in rates:
            raise ValueError(f"rate_hz is {self.rate_hz:g}, {self.profile.id} has {list(rates)}")

    @property
    def mode(self) -> Mode:
        """How the sensor streams."""
        return self.profile.mode_of(self.channels)

    @property
    def clock(self) -> ClockSpec:
        """How its times are to be read in this mode."""
        return self.mode.clock or self.profile.clock

    @property
    def rate(self) -> float:
        """Nominal rate, Hz."""
        if self.rate_hz is not None:
            return self.rate_hz
        own = self.mode.rates_hz
        return own[0] if own and self.profile.rate_hz not in own else self.profile.rate_hz

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
            loss_observable=self.clock.loss_observable,
            force_step_n=max(mode.step, default=0.0) if mode.kind == "force" else 0.0,
        )

    def start_decoder(self) -> Decoder:
        """A decoder for a new connection."""
        return self.profile.parameters(self.settings).start(channels=self.mode.channels, rate_hz=self.rate)

    def start_encoder(self, mtu: int = 247) -> Encoder:
        """The inverse of :meth:`start_decoder`, for simulated sensors; ``mtu`` is the ATT MTU."""
        return self.profile.parameters(self.settings).start_encoder(
            channels=self.mode.channels, rate_hz=self.rate, mtu=mtu
        )

    @property
    def has_opening(self) -> bool:
        """Whether samples can be understood only with what the sensor said before them."""
        return bool(opening(self.start_encoder()))

    def start_framer(self) -> Framer | None:
        """What puts commands into frames on a new connection; ``None`` for a protocol without frames."""
        return start_framer(self.profile.parameters(self.settings))

    def steps(self, command: str) -> tuple[Step, ...]:
        """The steps of one of the profile's commands, for this sensor; empty when it has none of the name."""
        ble = self.profile.ble
        if ble is None:
            return ()
        return ble.steps(command, self.mode.id, self.rate, self.profile.settings(self.settings))

    @property
    def notify(self) -> tuple[str, ...]:
        """Names of the characteristics to subscribe to."""
        ble = self.profile.ble
        own = self.mode.notify
        return own if own is not None else ble.notify if ble is not None else ()

    def start_clock(self) -> ClockMap:
        """A clock map for a new connection."""
        return self.clock.start(self.rate)


def decoder_kinds() -> list[str]:
    """Names of all protocols, sorted."""
    names = (module.name for module in pkgutil.iter_modules(eccentra.decode.__path__))
    return sorted(name for name in names if not name.startswith("_"))


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
    parameters = _decoder_parameters(profile.decoder, source, profile.settings({}))
    for mode in profile.mode:
        rate_hz = mode.rates_hz[0] if mode.rates_hz else profile.rate_hz
        try:
            parameters.start(channels=mode.channels, rate_hz=rate_hz)
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


def _decoder_parameters(
    table: dict[str, Any], source: str | Path, settings: Mapping[str, float] | None = None
) -> DecoderParameters:
    fields = dict(table)
    kind = fields.pop("kind", None)
    kinds = decoder_kinds()
    if not isinstance(kind, str) or kind not in kinds:
        found = "is missing" if kind is None else f"is {kind!r}"
        raise ProfileError(source, f"{found}; expected one of {', '.join(kinds)}", where="decoder.kind")
    module = importlib.import_module(f"eccentra.decode.{kind}")
    own = module.Parameters.__struct_fields__
    fields.update((name, value) for name, value in (settings or {}).items() if name in own)
    try:
        made: DecoderParameters = msgspec.convert(fields, module.Parameters)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, fields, module.Parameters, "decoder")
        raise ProfileError(source, problem, where=where) from None
    return made
