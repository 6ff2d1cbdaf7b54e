"""What was done and said, and what else is known of a person: what a decision's input is made of."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec

from eccentra.ids import Flag
from eccentra.plan.prescription import Prescription
from eccentra.plan.thresholds import Profile
from eccentra.repetition import Metric, Repetition

__all__ = [
    "SESSIONS_READ_US",
    "US_PER_DAY",
    "US_PER_HOUR",
    "Known",
    "Report",
    "SessionDone",
    "day_of",
    "midnight_us",
]

US_PER_HOUR = 3_600_000_000
US_PER_DAY = 24 * US_PER_HOUR
SESSIONS_READ_US = 35 * US_PER_DAY
"""Sessions so long before the newest are read: rules look at two days of training, two weeks of dose, four of
pain."""


class SessionDone(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of one session.

    Attributes
    ----------
    began_us, ended_us
        µs since 1970, UTC.
    reps
        Counted repetitions.
    sets
        Metrics of each set.
    flags
        Of sets and repetitions.
    lost_share
        Share of the session's time in which a needed sensor was silent.
    prescription, level
        What was in force when it began.
    """

    id: str
    exercise: str
    began_us: int
    ended_us: int
    reps: tuple[Repetition, ...]
    sets: tuple[dict[str, Metric], ...] = ()
    flags: tuple[Flag, ...] = ()
    lost_share: float = 0.0
    prescription: Prescription | None = None
    level: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Something the person said; ``session`` and ``exercise`` are ``None`` when it is about the day."""

    at_us: int
    kind: Literal["before", "during", "after", "next_morning", "session", "prom", "note"]
    session: str | None = None
    exercise: str | None = None
    pain: float | None = None
    soreness: float | None = None
    rpe: float | None = None
    analgesic: bool | None = None
    red_flag: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known of a person for one exercise.

    Attributes
    ----------
    since
        First day of the programme or of training.
    template_week
        Week under way of the programme ``template``.
    load_steps_us
        When the load was last stepped up.
    steps_down_us
        When it was made easier, and by how many steps.
    unlocked_us
        When a therapist last unlocked the plan: red flags up to then are dealt with.
    """

    mode: Literal["clinic", "prevention"]
    profile: Profile
    stage: int
    exercise: str
    prescription: Prescription
    since: dt.date
    template: str | None = None
    template_week: int | None = None
    week_from_us: int | None = None
    load_steps_us: tuple[int, ...] = ()
    steps_down_us: tuple[tuple[int, int], ...] = ()
    plate_step_kg: float | None = None
    requested: dict[str, Any] | None = None
    unlocked_us: int | None = None
    level: int | None = None


def day_of(at_us: int) -> dt.date:
    """Day in UTC."""
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).date()


def midnight_us(day: dt.date) -> int:
    """First moment of a day in UTC, µs since 1970."""
    return round(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1e6)
