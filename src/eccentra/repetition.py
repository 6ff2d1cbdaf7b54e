"""A repetition and its numbers. A metric is never bare: it carries unit, method and quality.

Times are integer microseconds on the session's time line; unknown is ``None``.
"""

from __future__ import annotations

import msgspec

from eccentra.ids import FaultId, Flag, PhaseKind, Quality, Reason, Severity

__all__ = ["BreakPoint", "Fault", "Force", "Metric", "Phase", "Repetition"]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number.

    Attributes
    ----------
    value
        The number, or ``None`` when it could not be measured; then ``reason`` says why.
    unit
        UCUM code.
    method
        Stable id of the definition used; values of different methods are never compared.
    quality
        ``ok``, ``flagged`` (see ``reason``) or ``missing``.
    uncertainty
        Standard uncertainty in ``unit`` where it can be derived.
    """

    value: float | None
    unit: str
    method: str
    quality: Quality = "ok"
    reason: Flag | None = None
    uncertainty: float | None = None


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of a repetition; phases tile it, except lying on the floor."""

    kind: PhaseKind
    start_us: int
    end_us: int


class BreakPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where control was lost. ``knee_flexion_deg`` is ``None`` when the knee angle is not known."""

    lean_deg: float
    knee_flexion_deg: float | None
    method: str
    t_us: int


class Force(msgspec.Struct, frozen=True, kw_only=True):
    """Force of one side over the eccentric phase, N and N·s."""

    peak_n: float
    mean_n: float
    impulse_ns: float


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault rule of the exercise that a repetition broke.

    ``value`` is what was measured and ``limit`` what the rule allows, both in ``unit``; ``cue`` is what to
    tell the person.
    """

    id: FaultId
    severity: Severity
    metric: str
    value: float
    limit: float
    unit: str
    cue: str


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """A counted repetition with its final numbers.

    ``metrics`` is keyed by names with the unit in them (``tut_s``, ``rom_deg``, ``eccentric_s`` ...).
    ``decided_us`` is the sample time at which the numbers became final.
    """

    set_index: int
    index: int
    start_us: int
    end_us: int
    decided_us: int
    valid: bool
    reasons: tuple[Reason, ...]
    phases: tuple[Phase, ...]
    metrics: dict[str, Metric]
    break_point: BreakPoint | None = None
    force_left: Force | None = None
    force_right: Force | None = None
    confidence: float = 1.0
    flags: tuple[Flag, ...] = ()
    faults: tuple[Fault, ...] = ()

    def value(self, name: str) -> float | None:
        """Value of the metric ``name``; ``None`` when it is missing."""
        metric = self.metrics.get(name)
        return None if metric is None else metric.value
