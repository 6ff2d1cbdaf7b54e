"""Numbers of a day as versioned data: ``pipelines/shared/daily.toml``."""

from __future__ import annotations

import functools

from eccentra.plan.thresholds import Positive, ThresholdTable, read_thresholds

__all__ = ["DailyRules", "TargetRules", "daily_rules"]


class TargetRules(ThresholdTable, frozen=True):
    """When an item of a plan counts as done, and how far its time may be ahead of the clock here."""

    done_for_h: Positive
    ahead_min: Positive


class DailyRules(ThresholdTable, frozen=True):
    """All of them."""

    version: str
    target: TargetRules


@functools.cache
def daily_rules() -> DailyRules:
    """Those of the file, the user's own first.

    Raises
    ------
    PlanError
        When the file is missing or not valid; names the key.
    """
    return read_thresholds("daily", DailyRules)
