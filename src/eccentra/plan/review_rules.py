"""Numbers of the calendar of checks as versioned data: ``pipelines/shared/reviews.toml``."""

from __future__ import annotations

import functools
from typing import Annotated

import msgspec

from eccentra.plan.thresholds import Positive, Share, ThresholdTable, read_thresholds

__all__ = ["ReviewRules", "review_rules"]

Count = Annotated[int, msgspec.Meta(ge=1, le=520)]


class ProgrammeAdvice(ThresholdTable, frozen=True):
    """What a programme of rehabilitation should have at least."""

    least_weeks: Count
    supervised_sessions: Count


class Calendar(ThresholdTable, frozen=True):
    """Days after the start at which somebody looks, and how long may pass without a session."""

    improvement_days: tuple[Count, ...]
    pain_day: Count
    idle_hours: Positive
    planned_intervals: Positive


class PainChange(ThresholdTable, frozen=True):
    """A change of pain that matters: so many points, or such a share of the start."""

    points: Positive
    share: Share
    window_days: Count


class LedgerWindows(ThresholdTable, frozen=True):
    """Over how many weeks doses are added up."""

    windows_weeks: tuple[Count, ...]


class AsymmetryRule(ThresholdTable, frozen=True):
    """What a side difference needs before anybody acts on it."""

    least_reps: Count
    sessions: Count


class ReturnList(ThresholdTable, frozen=True):
    """When the list of the return opens for a tendon."""

    locked_weeks: Count


class ReviewRules(ThresholdTable, frozen=True):
    """All of them; every stored review cites ``version``."""

    version: str
    programme: ProgrammeAdvice
    calendar: Calendar
    pain: PainChange
    ledger: LedgerWindows
    asymmetry: AsymmetryRule
    return_list: ReturnList


@functools.cache
def review_rules() -> ReviewRules:
    """Those of the file, the user's own first.

    Raises
    ------
    PlanError
        When the file is missing or not valid; names the key.
    """
    return read_thresholds("reviews", ReviewRules)
