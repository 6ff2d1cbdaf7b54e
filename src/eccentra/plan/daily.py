"""Numbers of a day as versioned data: ``pipelines/shared/daily.toml``."""

from __future__ import annotations

import functools
from typing import Annotated

import msgspec

from eccentra.plan.thresholds import Positive, ThresholdTable, read_thresholds

__all__ = ["DailyRules", "MorningRules", "TargetRules", "TimeOfDay", "daily_rules"]

TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$")]
"""Hours and minutes, such as ``07:00``."""


class TargetRules(ThresholdTable, frozen=True):
    """When an item of a plan counts as done, and how far its time may be ahead of the clock here."""

    done_for_h: Positive
    ahead_min: Positive


class MorningRules(ThresholdTable, frozen=True):
    """When people are asked how the next morning is, how often, and when they are left in peace."""

    ask_at: TimeOfDay
    least_hours: Positive
    again_after_h: Positive
    most: Annotated[int, msgspec.Meta(ge=1, le=20)]
    quiet_from: TimeOfDay


class DailyRules(ThresholdTable, frozen=True):
    """All of them."""

    version: str
    target: TargetRules
    morning: MorningRules


@functools.cache
def daily_rules() -> DailyRules:
    """Those of the file, the user's own first.

    Raises
    ------
    PlanError
        When the file is missing or not valid; names the key.
    """
    return read_thresholds("daily", DailyRules)
