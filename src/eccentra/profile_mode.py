"""The part of a device profile about how a sensor streams, and what has to be typed in for it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from eccentra.clock import ClockSpec

__all__ = ["Mode", "Rate", "Setting"]

Rate = Annotated[float, msgspec.Meta(gt=0, le=100_000)]


class Mode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in which a sensor streams: which channels, in which SI units. The first one is the default.

    Attributes
    ----------
    id, kind, channels, units
        What it is. ``raw`` is what nobody knows the unit of: it can be looked at, never measured with.
        ``other`` is known but no exercise is measured with it: orientation, acceleration without gravity.
    step, low, high
        Resolution of the wire and what it can carry, SI, one number a channel or one for all; empty when
        unknown.
    notify
        Characteristics to subscribe to in this mode; ``None``: those of the profile.
    needs
        Settings without which it cannot be used.
    rates_hz
        Rates that can be chosen in this mode; empty: those of the profile.
    clock
        How its times are to be read, when that is not as in the profile.
    """

    id: str
    kind: Literal["imu", "force", "heart_rate", "raw", "other"]
    channels: tuple[str, ...]
    units: tuple[str, ...]
    step: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    notify: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    rates_hz: tuple[Rate, ...] = ()
    clock: ClockSpec | None = None

    def __post_init__(self) -> None:
        for name in ("step", "low", "high"):
            if len(getattr(self, name)) not in (0, 1, len(self.channels)):
                raise ValueError(f"{name}: expected one number, or one for each channel")
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels are {list(self.channels)}, expected different names")
        if len(self.units) != len(self.channels):
            raise ValueError(f"{len(self.units)} units for {len(self.channels)} channels")


class Setting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number that somebody has to type in, or may: a coefficient, a range, a zero.

    It stands in for the parameter of the same name of the decoder, if that has one, and for fields of
    commands.

    Attributes
    ----------
    id
        Name in the binding, and of the decoder's parameter.
    why
        What it is and where to find it.
    unit
        Its unit.
    low, high
        What is possible.
    default
        When nothing is typed in; ``None``: see ``Mode.needs``.
    example
        A plausible number, for emulated sensors and tests.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
    why: str
    low: float
    high: float
    unit: str = "1"
    default: float | None = None
    example: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g}, high is {self.high:g}")
        for value in (self.default, self.example):
            if value is not None and not self.low <= value <= self.high:
                raise ValueError(f"{value:g} is not within {self.low:g} to {self.high:g}")
