"""When somebody looks at how a programme goes: every week, at fixed days, and before a return.

Prevention has its weeks only; the other checks belong to rehabilitation.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from eccentra.plan.review_rules import review_rules
from eccentra.plan.thresholds import Profile

__all__ = ["Due", "Kind", "due_until", "week_of"]

Kind = Literal["week", "improvement", "pain", "programme", "return"]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A check: ``name`` is ``week-3``, ``day-14``, ``week-12-review`` or ``return``; ``due`` its day."""

    name: str
    kind: Kind
    due: dt.date
    day: int


def due_until(
    started: dt.date, weeks: int, profile: Profile, until: dt.date, ended: dt.date | None = None
) -> tuple[Due, ...]:
    """All checks of a programme that are due by a day, oldest first.

    Parameters
    ----------
    started, weeks, ended
        Of the programme; it goes on after its planned weeks until somebody ends it.
    """
    last = min(until, ended) if ended is not None else until
    days = (last - started).days
    looks: list[tuple[str, Kind, int]]
    looks = [(f"week-{day // 7}", "week", day) for day in range(7, days + 1, 7)]
    if profile != "prevention":
        rules = review_rules()
        looks += [
            *((f"day-{day}", "improvement", day) for day in rules.calendar.improvement_days),
            (f"day-{rules.calendar.pain_day}", "pain", rules.calendar.pain_day),
            (f"week-{rules.programme.least_weeks}-review", "programme", 7 * rules.programme.least_weeks),
            ("return", "return", 7 * max(weeks, 1)),
        ]
    found = [
        Due(name=name, kind=kind, due=_on(started, day), day=day) for name, kind, day in looks if day <= days
    ]
    return tuple(sorted(found, key=lambda one: (one.day, one.name)))


def week_of(started: dt.date, day: dt.date) -> int:
    """Week of the programme in which a day lies, from 1; 0 before it starts."""
    return max(-1, (day - started).days // 7) + 1


def _on(started: dt.date, day: int) -> dt.date:
    return started + dt.timedelta(days=day)
