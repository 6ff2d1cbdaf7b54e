"""Thresholds of the plan as versioned data: ``pipelines/shared/progression.toml``."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from eccentra.datafolder import explain_invalid, find_data_file
from eccentra.errors import PlanError

__all__ = [
    "PainBand",
    "Profile",
    "ThresholdTable",
    "Thresholds",
    "read_thresholds",
    "thresholds",
    "thresholds_of",
]

Profile = Literal["acute_strain", "tendinopathy", "prevention"]

Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Score = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]
Percent = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]


T = TypeVar("T", bound=msgspec.Struct)


class ThresholdTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: nothing may be missing, nothing unknown."""


class PainBand(ThresholdTable, frozen=True):
    """Pain up to ``low`` is safe, up to ``stop`` acceptable, above it the exercise stops (NRS 0 to 10)."""

    low: Score
    stop: Score

    def __post_init__(self) -> None:
        if self.low > self.stop:
            raise ValueError(f"low {self.low:g} is above stop {self.stop:g}")


class Pain(ThresholdTable, frozen=True):
    """Pain during, the next morning, and week by week."""

    refer_above: Score
    next_morning_worse: Positive
    refer_next_morning: Positive
    weekly_rise: Positive
    most_stop_without_reason: Score
    profiles: dict[Profile, PainBand]


class Soreness(ThresholdTable, frozen=True):
    """Muscle soreness before the session."""

    hold: Score
    regress: Score


class GapDays(ThresholdTable, frozen=True):
    """Days without a session."""

    hold_days: Positive
    planned_intervals: Positive
    one_step_days: Positive
    two_steps_after_days: Positive


class Confidence(ThresholdTable, frozen=True):
    """What a session needs to be judged."""

    least_valid_reps: Annotated[int, msgspec.Meta(ge=1)]


class DoseLimits(ThresholdTable, frozen=True):
    """Repetitions and time under tension done by prescribed."""

    too_little: Positive
    too_much: Positive
    good_least: Positive
    good_most: Positive


class Effort(ThresholdTable, frozen=True):
    """Rating of perceived exertion."""

    rpe_too_much: Score
    good_above_target: Score
    too_easy_below_target: Score


class Form(ThresholdTable, frozen=True):
    """Range of motion by target, quality score, share of repetitions with a severe fault."""

    rom_least: Positive
    quality_least: Percent
    severe_fault_share: Share
    rom_good: Positive
    quality_good: Percent


class Asymmetry(ThresholdTable, frozen=True):
    """Side difference in %."""

    hold: Percent
    approve: Percent


class Fatigue(ThresholdTable, frozen=True):
    """Loss of force within a set."""

    force_loss: Share


class Least(ThresholdTable, frozen=True):
    """The least share that is enough."""

    least: Share


class Sequence(ThresholdTable, frozen=True):
    """What "in a row" and "next morning" mean."""

    most_days_between: Annotated[int, msgspec.Meta(ge=1)]
    next_morning_hours: Positive


class LimitSizes(ThresholdTable, frozen=True):
    """Sizes of the hard limits."""

    load_step_pct: Positive
    load_step_most_pct: Positive
    assistance_step_pct_bm: Positive
    added_step_pct_bm: Positive
    slope_step_deg: Positive
    slope_deg: tuple[float, float]
    weekly_reps_pct: Positive
    heavy_hours: Positive
    load_steps_7d: Annotated[int, msgspec.Meta(ge=0)]
    first_weeks: Annotated[int, msgspec.Meta(ge=0)]
    first_weeks_rpe: Score
    hip_flexed_stage: Annotated[int, msgspec.Meta(ge=1, le=5)]
    rom_step_pct: Positive
    tempo_step_pct: Positive
    reps_step_pct: Positive


class Thresholds(ThresholdTable, frozen=True):
    """All of them; ``version`` is cited by every decision."""

    version: str
    pain: Pain
    soreness: Soreness
    gap: GapDays
    confidence: Confidence
    dose: DoseLimits
    effort: Effort
    form: Form
    asymmetry: Asymmetry
    fatigue: Fatigue
    adherence: Least
    tempo: Least
    history: Sequence
    limits: LimitSizes


@functools.cache
def thresholds() -> Thresholds:
    """Those of the file, the user's own first.

    Raises
    ------
    PlanError
        When the file is missing or not valid; names the key.
    """
    return read_thresholds("progression", Thresholds)


def read_thresholds(name: str, kind: type[T]) -> T:
    """A file of ``pipelines/shared``, the user's own first.

    Raises
    ------
    PlanError
        When it is missing or not valid; names the key.
    """
    path = find_data_file("pipelines/shared", name)
    if path is None:
        raise PlanError(f"pipelines/shared/{name}.toml", "is missing; reinstall Eccentra")
    return thresholds_of(path, kind)


def thresholds_of(path: Path, kind: type[T]) -> T:
    """Those of any file, such as another version that is tried out.

    Raises
    ------
    PlanError
        When it cannot be read or is not valid; names the key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(path, f"cannot be used: {error}") from None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, raw, kind)
        raise PlanError(path, problem, where=where) from None
