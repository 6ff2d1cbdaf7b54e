"""Small records of the exercise catalogue: ranges, tempo, dose."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["AngleRange", "Dose", "Joint", "LoadAxis", "Person", "Tempo"]

Joint = Literal["knee", "hip", "trunk", "any"]
LoadAxis = Literal["load", "reps", "rom", "variant", "tempo", "hold"]


class AngleRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Smallest full, usual and largest range of motion in degrees."""

    min: float
    typ: float
    max: float

    def __post_init__(self) -> None:
        if not 0.0 < self.min <= self.typ <= self.max <= 180.0:
            raise ValueError(
                f"min {self.min}, typ {self.typ}, max {self.max}: expected 0 < min <= typ <= max"
            )


class Tempo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds of each phase; ``None`` is free. ``isometric`` is the hold at the far end of the movement."""

    eccentric: float | None = None
    isometric: float | None = None
    concentric: float | None = None

    def __post_init__(self) -> None:
        for name in ("eccentric", "concentric"):
            value = getattr(self, name)
            if value is not None and not 0.2 <= value <= 60.0:
                raise ValueError(f"{name} is {value}, expected 0.2 to 60 s")
        if self.isometric is not None and not 0.0 <= self.isometric <= 600.0:
            raise ValueError(f"isometric is {self.isometric}, expected 0 to 600 s")


class Dose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sets of repetitions (or of holds of ``hold_s``), and how often, in words."""

    sets: int
    reps: int | None = None
    hold_s: float | None = None
    often: str = ""

    def __post_init__(self) -> None:
        if self.sets < 1 or (self.reps is None and self.hold_s is None):
            raise ValueError("expected at least one set, and reps or hold_s")


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the person: body mass, and the lever arm from knee axis to strap centre."""

    body_mass_kg: float | None = None
    lever_arm_m: float | None = None

    def __post_init__(self) -> None:
        if self.body_mass_kg is not None and not 10.0 <= self.body_mass_kg <= 400.0:
            raise ValueError(f"body_mass_kg is {self.body_mass_kg}, expected 10 to 400")
        if self.lever_arm_m is not None and not 0.1 <= self.lever_arm_m <= 1.0:
            raise ValueError(f"lever_arm_m is {self.lever_arm_m}, expected 0.1 to 1 m")
