"""When people are asked: by their own clock, after a night, not at night, not for ever."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.errors import InputError
from eccentra.plan.daily import daily_rules
from eccentra.plan.morning import Morning, morning_after, time_to_ask, time_zone

HOUR = 3_600_000_000
RULES = daily_rules().morning


def us(text: str, zone: str) -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("zone", "ended", "asked"),
    [
        ("Europe/Oslo", "2026-03-02T18:00", "2026-03-03T07:00"),
        ("Pacific/Auckland", "2026-03-02T18:00", "2026-03-03T07:00"),
        # late in the evening: a short night is a night; too short a one is not
        ("UTC", "2026-03-03T00:59", "2026-03-03T07:00"),
        ("UTC", "2026-03-03T01:01", "2026-03-04T07:00"),
        ("UTC", "2026-03-02T06:00", "2026-03-03T07:00"),
        # the night in which the clocks change has seven hours less or more of nothing
        ("Europe/Oslo", "2026-03-28T20:00", "2026-03-29T07:00"),
        ("Europe/Oslo", "2026-10-24T20:00", "2026-10-25T07:00"),
    ],
)
def test_the_morning_after(zone: str, ended: str, asked: str) -> None:
    morning = Morning(ZoneInfo(zone), None, RULES)
    assert morning_after(us(ended, zone), morning) == us(asked, zone)


def test_people_may_want_another_time() -> None:
    morning = Morning(ZoneInfo("UTC"), "05:30", RULES)
    assert morning_after(us("2026-03-02T18:00", "UTC"), morning) == us("2026-03-03T05:30", "UTC")


def test_a_zone_that_is_none_is_named() -> None:
    assert time_zone(None) is None
    for name in ("Europe/Atlantis", "../../etc/passwd", ""):
        with pytest.raises(InputError, match="no time zone"):
            time_zone(name)


def test_asked_again_until_it_is_enough() -> None:
    morning = Morning(ZoneInfo("UTC"), None, RULES)
    due = us("2026-03-03T07:00", "UTC")
    asked, last, times = 0, None, []
    for minute in range(40 * 60):
        now = due - 2 * HOUR + minute * 60_000_000
        if time_to_ask(now, due, asked, last, morning):
            asked, last = asked + 1, now
            times.append((now - due) // HOUR)
    assert times == [0, 3, 6, 9]


@given(st.integers(0, 10**7), st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Oslo"]))
def test_never_at_night_and_always_after_one(minute: int, zone: str) -> None:
    ended = 1_767_000_000_000_000 + minute * 60_000_000
    morning = Morning(ZoneInfo(zone), None, RULES)
    due = morning_after(ended, morning)
    assert RULES.least_hours <= (due - ended) / HOUR <= 24 + RULES.least_hours + 1
    assert time_to_ask(due, due, 0, None, morning)
    assert not time_to_ask(due - 1, due, 0, None, morning)
    assert not time_to_ask(due + 15 * HOUR, due, 1, due, morning)
