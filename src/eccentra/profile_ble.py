"""The part of a device profile about Bluetooth: recognition, services, what is written, read and answered.

A command is a list of steps, each of which writes or reads one characteristic. The bytes of a write may hold
fields in braces, which are filled in for the mode, the rate and the settings of the sensor::

    {rate:u16le}       rate in Hz          {period_us:u32le}  its inverse in microseconds
    {range}            a table of the profile, ``[ble.tables.range]``, by mode, rate or setting

Everything that is written, and everything that is read or answered, is an input of the session: what it
means is decided by the decoder, when it happens and again when the recording is replayed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from eccentra.decode import CHANNEL

__all__ = ["Ble", "Broadcast", "Hex", "KeepAlive", "Reply", "Step", "Table", "Uuid", "Write"]

Hex = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{2})+$", max_length=2048)]
Template = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{2}|\{[a-z0-9_:]+\})*$", max_length=2048)]
Uuid = Annotated[
    str, msgspec.Meta(pattern=r"^([0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$", max_length=36)
]
_Service = Annotated[
    str, msgspec.Meta(pattern=r"^(|[0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$", max_length=36)
]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=60)]
_Index = Annotated[int, msgspec.Meta(ge=0, le=511)]
_FIELD = re.compile(r"\{([a-z0-9_:]+)\}")
_NUMBER = re.compile(r"([ui])(8|16|24|32|64)(le|be)?")
_QUANTITIES = ("rate", "period_us", "period_ms")


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes that depend on how the sensor streams.

    Attributes
    ----------
    by
        ``mode``, ``rate`` or the id of one of the profile's settings.
    values
        Hex bytes by id of the mode, or by the number as it is usually written (``52``, ``12.5``).
    """

    by: str
    values: dict[str, Hex]


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the answer to a write is known among what the sensor sends.

    With nothing but ``on`` it is the next packet there. Else all that is given has to hold.

    Attributes
    ----------
    on
        Characteristic where it arrives.
    echo
        It repeats the bytes that were written.
    prefix
        It begins with these bytes.
    same
        Pairs (index in the answer, index in what was written) of bytes that agree: a reference, a rolling
        counter, a command's code.
    notice
        The decoder gives a notice of this kind: for answers that are not whole packets.
    ok_at, ok
        The byte at this place has to be one of these, else the command was refused.
    within_s
        How long to wait for it.
    needed
        Without it the sensor cannot be started; else what comes next is tried all the same.
    """

    on: str = CHANNEL
    echo: bool = False
    prefix: Hex | None = None
    same: tuple[tuple[_Index, _Index], ...] = ()
    notice: str | None = None
    ok_at: _Index | None = None
    ok: Hex | None = None
    within_s: _Seconds = 1.0
    needed: bool = False

    def __post_init__(self) -> None:
        if (self.ok_at is None) != (self.ok is None):
            raise ValueError("ok_at and ok come together")

    def matches(self, channel: str, answer: bytes, written: bytes) -> bool:
        """Whether a packet is the answer to ``written``, as far as its bytes can tell."""
        if channel != self.on or (self.echo and answer != written):
            return False
        if self.prefix is not None and not answer.startswith(bytes.fromhex(self.prefix)):
            return False
        return all(a < len(answer) and w < len(written) and answer[a] == written[w] for a, w in self.same)

    def refused(self, answer: bytes) -> bool:
        """Whether the answer says that the command was not carried out."""
        if self.ok_at is None or self.ok is None:
            return False
        return self.ok_at >= len(answer) or answer[self.ok_at] not in bytes.fromhex(self.ok)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a command with its bytes worked out.

    Attributes
    ----------
    to
        Name of the characteristic.
    data
        What to write; ``None`` to read.
    framed
        The decoder's framer puts ``data`` into a frame first.
    wait_s
        Pause after it, and after its answer.
    reply
        The answer to wait for.
    """

    to: str
    data: bytes | None
    framed: bool = False
    wait_s: float = 0.0
    reply: Reply | None = None


class Write(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes to write: ``hex``, then ``text`` (``{mode}`` and ``{rate}`` are filled in), then ``tail``.

    Attributes
    ----------
    to
        Name of one of the characteristics.
    read
        Read it instead: what comes is handed to the decoder under the characteristic's name.
    framed
        The bytes are the inside of a frame: the decoder's protocol adds length, counter and check sum.
    modes
        Only in these modes; empty: in all.
    wait_s, reply
        As of :class:`Step`.
    """

    to: str
    hex: Template = ""
    text: str = ""
    tail: Hex | None = None
    read: bool = False
    framed: bool = False
    modes: tuple[str, ...] = ()
    wait_s: _Seconds = 0.0
    reply: Reply | None = None

    def __post_init__(self) -> None:
        if self.read and (self.hex or self.text or self.tail or self.framed):
            raise ValueError("a step either reads or writes")
        for field in _FIELD.findall(self.hex):
            name, _, number = field.partition(":")
            if number and (name not in _QUANTITIES or not _NUMBER.fullmatch(number)):
                raise ValueError(
                    f"{{{field}}} is no field; expected one of {', '.join(_QUANTITIES)} as u16le or alike"
                )

    def data(
        self,
        mode: str,
        rate_hz: float,
        tables: Mapping[str, Table] | None = None,
        settings: Mapping[str, float] | None = None,
    ) -> bytes:
        """The bytes for the mode with id ``mode`` at ``rate_hz``."""
        text = self.text.replace("{mode}", mode).replace("{rate}", f"{rate_hz:g}")
        filled = _FIELD.sub(
            lambda match: _filled(match[1], mode, rate_hz, tables or {}, settings or {}), self.hex
        )
        return bytes.fromhex(filled) + text.encode("ascii") + bytes.fromhex(self.tail or "")


class KeepAlive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that has to be repeated while connected, else the sensor falls silent."""

    command: str
    every_s: Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Broadcast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensor whose samples are in its advertisements: nobody connects to it.

    Attributes
    ----------
    company
        Id of the manufacturer data that holds them; the bytes behind the id are the packet.
    min_bytes
        A shorter one is of another product.
    usual_at, usual
        Bytes that all known packets hold at this place: without them it may be another product.
    gone_s
        Without any advertisement for so long it is away.
    """

    company: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    min_bytes: Annotated[int, msgspec.Meta(ge=1, le=255)] = 1
    usual_at: Annotated[int, msgspec.Meta(ge=0, le=254)] = 0
    usual: Hex | None = None
    gone_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10.0

    def fits(self, data: bytes) -> bool:
        """Whether manufacturer data look like this sensor's."""
        usual = bytes.fromhex(self.usual or "")
        return len(data) >= self.min_bytes and data[self.usual_at : self.usual_at + len(usual)] == usual


class Ble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a sensor is recognised and commanded over Bluetooth Low Energy.

    Attributes
    ----------
    name_prefixes, name_parts, advertised_services, manufacturer_ids
        Any one of these in any advertisement or scan response speaks for this sensor. ``name_parts`` may
        stand anywhere in the name.
    service
        The service that holds the characteristics. Empty for a sensor that only broadcasts.
    services
        Another service, for the characteristics named here.
    characteristics
        UUID by name. The one named ``data`` is that of the decoder's packets.
    optional
        Names of characteristics that a unit may lack.
    notify
        Names of those to subscribe to, in this order, before anything is written; a mode may have its own.
    indicate
        Names of those of them that indicate instead.
    readable
        Names of those that can be read.
    min_mtu
        Smallest ATT MTU with which a packet of samples gets through.
    write_size
        Longer writes are sent in pieces of so many bytes; 0: never.
    respond
        ``False``: writes are not acknowledged, even where the characteristic would allow it.
    commands
        What to do, in order, by name: ``start``, ``stop``, and where there are such ``tare``,
        ``battery``, ``firmware`` ... Without ``start`` it streams once it is subscribed to.
    tables
        Bytes by mode, rate or setting, for commands.
    keep_alive
        What has to be repeated.
    quiet_s
        For so long it may send nothing while all is well; absent: it streams without pause.
    broadcast
        Its samples come in advertisements.
    """

    name_prefixes: tuple[str, ...]
    service: _Service = ""
    characteristics: dict[str, Uuid] = {}
    notify: tuple[str, ...] = ()
    commands: dict[str, tuple[Write, ...]] = {}
    name_parts: tuple[str, ...] = ()
    services: dict[str, Uuid] = {}
    optional: tuple[str, ...] = ()
    indicate: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    advertised_services: tuple[Uuid, ...] = ()
    manufacturer_ids: tuple[int, ...] = ()
    min_mtu: Annotated[int, msgspec.Meta(ge=23, le=517)] = 23
    write_size: Annotated[int, msgspec.Meta(ge=0, le=512)] = 0
    respond: bool = True
    tables: dict[str, Table] = {}
    keep_alive: KeepAlive | None = None
    quiet_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    broadcast: Broadcast | None = None

    def __post_init__(self) -> None:
        if self.broadcast is not None:
            if self.service or self.characteristics or self.commands:
                raise ValueError("a sensor that broadcasts has no service, characteristics or commands")
            return
        if not self.service:
            raise ValueError("service is missing, or broadcast for a sensor that only advertises")
        if CHANNEL not in self.characteristics:
            raise ValueError(
                f"characteristics are {sorted(self.characteristics)}, one must be named {CHANNEL!r}"
            )
        for name in self._named():
            if name not in self.characteristics:
                raise ValueError(f"{name!r} is no characteristic; there are {sorted(self.characteristics)}")
        for writes in self.commands.values():
            for write in writes:
                self._check_fields(write)
        if self.keep_alive is not None and self.keep_alive.command not in self.commands:
            raise ValueError(f"keep_alive names {self.keep_alive.command!r}, which is no command")

    def _named(self) -> list[str]:
        steps = [write for writes in self.commands.values() for write in writes]
        replies = [write.reply.on for write in steps if write.reply is not None]
        named = [*self.notify, *self.indicate, *self.readable, *self.optional, *self.services]
        return [*named, *(write.to for write in steps), *replies]

    def _check_fields(self, write: Write) -> None:
        for field in _FIELD.findall(write.hex):
            if ":" not in field and field not in self.tables:
                raise ValueError(f"{{{field}}} is no table; there are {sorted(self.tables)}")

    @property
    def all_services(self) -> tuple[str, ...]:
        """UUIDs of all services that hold a characteristic, the main one first."""
        return tuple(dict.fromkeys([*([self.service] if self.service else []), *self.services.values()]))

    def service_of(self, characteristic: str) -> str:
        """UUID of the service that holds the characteristic of this name."""
        return self.services.get(characteristic, self.service)

    def steps(
        self, name: str, mode: str, rate_hz: float, settings: Mapping[str, float] | None = None
    ) -> tuple[Step, ...]:
        """The steps of the command ``name``; empty when there is no such command."""
        return tuple(
            Step(
                to=write.to,
                data=None if write.read else write.data(mode, rate_hz, self.tables, settings),
                framed=write.framed,
                wait_s=write.wait_s,
                reply=write.reply,
            )
            for write in self.commands.get(name, ())
            if not write.modes or mode in write.modes
        )

    def command(self, name: str, mode: str, rate_hz: float) -> tuple[tuple[str, bytes], ...]:
        """What to write for the command ``name``, as (UUID, bytes); empty when there is no such command."""
        return tuple(
            (self.characteristics[step.to], step.data)
            for step in self.steps(name, mode, rate_hz)
            if step.data is not None
        )


def _filled(
    field: str, mode: str, rate_hz: float, tables: Mapping[str, Table], settings: Mapping[str, float]
) -> str:
    name, _, number = field.partition(":")
    if number:
        return _number(name, number, rate_hz)
    table = tables[name]
    key = mode if table.by == "mode" else f"{(rate_hz if table.by == 'rate' else settings[table.by]):g}"
    if key not in table.values:
        raise ValueError(f"table {name!r} has nothing for {table.by} {key}; it has {sorted(table.values)}")
    return table.values[key]


def _number(name: str, number: str, rate_hz: float) -> str:
    value = {"rate": rate_hz, "period_us": 1e6 / rate_hz, "period_ms": 1e3 / rate_hz}[name]
    found = _NUMBER.fullmatch(number)
    assert found is not None, "checked when the profile was read"
    sign, bits, order = found.groups()
    byteorder: Literal["little", "big"] = "big" if order == "be" else "little"
    return round(value).to_bytes(int(bits) // 8, byteorder, signed=sign == "i").hex()
