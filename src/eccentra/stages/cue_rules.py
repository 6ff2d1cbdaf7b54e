"""When something is told to the person: parameters, as data (``pipelines/shared/cues.toml``)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eccentra.errors import InputError
from eccentra.stages.limits import Count, Factor, NotNegative, Positive, Share

__all__ = ["Aim", "ControlRule", "CueRules", "FastRule", "HipRule", "PaceRule", "StopRule", "aim_of"]


class PaceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pacer: a count at the start of each second of a phase with a prescribed time.

    Attributes
    ----------
    every_second_s
        In phases up to this long every second is counted; in longer ones every ``else_every`` seconds and
        the ``last`` ones.
    late_s
        A count that cannot be given within this time of its second is left out.
    """

    every_second_s: NotNegative
    else_every: Count
    last: Annotated[int, Meta(ge=0, le=1000)]
    late_s: NotNegative


class FastRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Too fast, within the eccentric stroke: mean speed since its start.

    Attributes
    ----------
    tempo_share
        With a prescribed tempo: faster than the whole range in this share of the prescribed time.
    most_deg_s
        Without one; ``None`` takes the limit of the exercise's own rule ``fast_eccentric``, if it has one.
    least_deg, least_share, least_s
        A stroke is judged from here on: this angle, this share of the usual range, and this time.
    soft_start_s
        A stroke is noticed so much after its start at most.
    full_share, early_factor
        Strokes are fastest in their middle: before this share of the range, the limit is this much higher.
    """

    tempo_share: Positive
    most_deg_s: Positive | None = None
    least_deg: NotNegative
    least_share: NotNegative
    least_s: NotNegative
    soft_start_s: NotNegative
    full_share: Positive
    early_factor: Factor


class HipRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hip bending: trunk or pelvis leans further than the thigh, compared with the start pose.

    Attributes
    ----------
    warn_deg, severe_deg
        From here on it is said, and it is a severe fault.
    for_s
        It has to last.
    """

    warn_deg: Positive
    severe_deg: Positive
    for_s: NotNegative


class ControlRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Control lost: speed far above that of the stroke so far.

    Attributes
    ----------
    ratio, least_deg_s
        Faster than so many times the mean speed since the start, and than this.
    free_fall_rad_s2, fall_share, fall_from_deg
        Or, from this angle on, faster than ``least_deg_s`` and getting faster by this share of what a body
        does that falls freely: ``free_fall_rad_s2`` times the sine of the lean.
    for_s
        It has to last.
    most_deg
        Begun at a larger angle it is the end of the stroke.
    stop_before_deg
        Begun before this angle, it counts for the stop rule.
    """

    ratio: Factor
    least_deg_s: Positive
    free_fall_rad_s2: Positive
    fall_share: NotNegative
    fall_from_deg: NotNegative
    for_s: NotNegative
    most_deg: NotNegative
    stop_before_deg: NotNegative


class StopRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ends a set.

    Attributes
    ----------
    pain
        Reported pain above this, when the prescription has no ``pain_limits``.
    free_falls
        So many repetitions in a row in which control was lost.
    force_loss
        Peak force of a repetition below the set's best by more than this share.
    same_fault
        So many repetitions with the same severe fault after it was said.
    """

    pain: NotNegative
    free_falls: Count
    force_loss: Share
    same_fault: Count


class CueRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters.

    Attributes
    ----------
    again_s
        The same warning is not given again within this time.
    """

    again_s: NotNegative
    pace: PaceRule
    too_fast: FastRule
    stop: StopRule
    hip: HipRule | None = None
    control: ControlRule | None = None


class Limits(msgspec.Struct, frozen=True):
    """Pain limits of a prescription."""

    stop: float | None = None


class Aim(msgspec.Struct, frozen=True):
    """What a prescription says that cues need; the tempo comes apart from it.

    Attributes
    ----------
    reps
        Repetitions of a set.
    rom_target_deg
        Range of motion to be reached.
    pain_limits
        ``stop``: pain above it ends the set.
    test
        ``maximal``: a supervised maximal test, which pauses when a sensor is lost.
    """

    reps: int | None = None
    rom_target_deg: float | None = None
    pain_limits: Limits | None = None
    test: str | None = None


def aim_of(prescription: dict[str, Any] | None) -> Aim:
    """What of a prescription cues need.

    Raises
    ------
    InputError
        When a part of it cannot be understood; names the key.
    """
    try:
        return msgspec.convert(prescription or {}, Aim)
    except msgspec.ValidationError as error:
        raise InputError("prescription", str(error)) from None
