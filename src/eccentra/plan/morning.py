"""When people are asked how the morning after a session is. Pure: times in, times out."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from eccentra.errors import InputError
from eccentra.plan.daily import MorningRules

__all__ = ["Morning", "local_day", "morning_after", "time_to_ask", "time_zone"]

_HOUR_US = 3_600_000_000
_DAY = dt.timedelta(days=1)


class Morning:
    """A morning in a person's place.

    Parameters
    ----------
    zone
        Time zone; ``None`` is the computer's.
    ask_at
        Local time at which the person wants to be asked.
    rules
        What holds otherwise.
    """

    def __init__(self, zone: ZoneInfo | None, ask_at: str | None, rules: MorningRules) -> None:
        self.zone = zone
        self.rules = rules
        self.ask_at = dt.time.fromisoformat(ask_at or rules.ask_at)
        self.quiet_from = dt.time.fromisoformat(rules.quiet_from)


def time_zone(name: str | None) -> ZoneInfo | None:
    """A time zone by its name, such as ``Europe/Oslo``; ``None`` for the computer's own.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(
            "time_zone", f"{name[:60]!r} is no time zone; expected a name such as Europe/Oslo"
        ) from None


def local_day(at_us: int, zone: ZoneInfo | None) -> dt.date:
    """The day of a moment where the person is."""
    return dt.datetime.fromtimestamp(at_us / 1e6, zone).date()


def morning_after(ended_us: int, morning: Morning) -> int:
    """When to ask after a session that ended then: the first such time after a night, µs since 1970."""
    day = local_day(ended_us, morning.zone)
    while True:
        asked = _moment(day, morning.ask_at, morning.zone)
        if asked - ended_us >= morning.rules.least_hours * _HOUR_US:
            return asked
        day += _DAY


def _moment(day: dt.date, time: dt.time, zone: ZoneInfo | None) -> int:
    # without a zone, a naive time is the computer's
    return round(dt.datetime.combine(day, time, tzinfo=zone).timestamp() * 1e6)


def time_to_ask(now_us: int, due_us: int, asked: int, asked_us: int | None, morning: Morning) -> bool:
    """Whether an open question is to be asked now.

    Parameters
    ----------
    due_us
        From when on it is asked.
    asked, asked_us
        How often it was, and when last.
    """
    rules = morning.rules
    if now_us < due_us or asked >= rules.most:
        return False
    if asked_us is not None and now_us - asked_us < rules.again_after_h * _HOUR_US:
        return False
    time = dt.datetime.fromtimestamp(now_us / 1e6, morning.zone).time()
    return morning.ask_at <= time < morning.quiet_from
