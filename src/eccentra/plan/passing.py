"""Moments at which a decision changes though nothing is done or said: only time passes.

A next morning's answer stays out for too long (modifier M3), or a break gets as long as the table's next step
(row 5). Deciding at them puts the easier prescription in force before the first session back, not after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from eccentra.plan.thresholds import Thresholds

__all__ = ["break_start_days", "passing_us"]

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


def break_start_days(often: float | None, rules: Thresholds) -> float:
    """Days without a session that are a break; ``often`` is how many sessions a week are planned."""
    start = rules.gap.hold_days
    return start if often is None else max(start, rules.gap.planned_intervals * 7.0 / often)


def passing_us(ended_us: int, often: float | None, rules: Thresholds) -> Iterator[int]:
    """Such moments after a session, µs since 1970, oldest first and each an hour after its limit.

    Parameters
    ----------
    ended_us
        End of the newest session.
    often
        Planned sessions a week.
    """
    yield ended_us + round(rules.history.next_morning_hours * _HOUR_US) + _HOUR_US
    start = break_start_days(often, rules)
    for days in (start, rules.gap.one_step_days, rules.gap.two_steps_after_days):
        if days >= start:
            yield ended_us + round(days * _DAY_US) + _HOUR_US
