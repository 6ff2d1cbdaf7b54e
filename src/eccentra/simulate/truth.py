"""What really happened in a simulated session: exact, in true time (seconds since its start)."""

from __future__ import annotations

from typing import Literal

import msgspec

from eccentra.events import PhaseKind

__all__ = ["TrueBreak", "TrueForce", "TrueMovement", "TruePhase", "TrueRep", "TrueSet", "Truth"]


class TruePhase(msgspec.Struct, frozen=True, kw_only=True):
    """A phase between two moments of zero velocity."""

    kind: PhaseKind
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in s."""
        return self.end_s - self.start_s


class TrueBreak(msgspec.Struct, frozen=True, kw_only=True):
    """The moment at which the holding torque began to decay."""

    t_s: float
    lean_deg: float
    knee_flexion_deg: float


class TrueForce(msgspec.Struct, frozen=True, kw_only=True):
    """Force of one side over the eccentric phases, or a contraction, without sensor errors."""

    peak_n: float
    mean_n: float
    impulse_ns: float


class TrueRep(msgspec.Struct, frozen=True, kw_only=True):
    """One repetition that has to be counted.

    ``index`` runs from 1 in each set. ``partial``: it is counted, but not valid. ``tut_s`` is eccentric +
    concentric + loaded holds; ``tut_controlled_s`` ends at the break. ``rom_lean_deg`` and ``rom_knee_deg``
    are the ranges of thigh lean and knee flexion from its start to the end of its last loaded phase;
    ``rom_deg`` is the range of the angle that a generic cycle moves; ``roms`` has the range of each angle
    that sensors may track, by method id.
    """

    set_index: int
    index: int
    start_s: float
    end_s: float
    partial: bool
    phases: tuple[TruePhase, ...]
    tut_s: float
    tut_controlled_s: float
    rom_deg: float
    rom_lean_deg: float | None = None
    rom_knee_deg: float | None = None
    roms: dict[str, float] = {}
    break_point: TrueBreak | None = None
    force: dict[str, TrueForce] = {}

    def total_s(self, kind: PhaseKind) -> float:
        """Summed length of the phases of one kind in s."""
        return sum(p.duration_s for p in self.phases if p.kind == kind)


class TrueSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set: its repetitions to be counted, in order."""

    index: int
    start_s: float
    end_s: float
    reps: tuple[TrueRep, ...]


class TrueMovement(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is no repetition; ``what`` is the name of the move, or ``small`` for a tiny partial."""

    what: str
    start_s: float
    end_s: float


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All that happened."""

    duration_s: float
    exercise: Literal["nordic", "generic", "hold", "joint"]
    sets: tuple[TrueSet, ...]
    movements: tuple[TrueMovement, ...]

    @property
    def reps(self) -> tuple[TrueRep, ...]:
        """Repetitions of all sets, in order of time."""
        return tuple(rep for one in self.sets for rep in one.reps)
