"""A person's programme as the checks of the calendar see it, and how much of its dose was done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from eccentra.plan.decide import facts_of
from eccentra.plan.done import US_PER_DAY, US_PER_HOUR, Report, SessionDone, day_of, midnight_us
from eccentra.plan.ledger import Dose, Pause, Span, done_dose, planned_dose, share
from eccentra.plan.prescription import Prescription
from eccentra.plan.review_rules import review_rules
from eccentra.plan.thresholds import Profile, thresholds

__all__ = [
    "Adherence", "Followed", "PromScore", "adherence", "adherence_over", "heavy_too_close", "idle_hours",
    "load_steps", "spacing",
]  # fmt: skip


class PromScore(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of a questionnaire on a day."""

    at_us: int
    name: str
    version: str | None
    scores: dict[str, float]


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What a person follows and did.

    Attributes
    ----------
    spans
        All prescriptions, also those that hold no more.
    sessions
        One entry an exercise and session, any order.
    supervised
        Session id -> ``in_person``, ``remote_live``, ``none``; sessions of which nobody said are left out.
    prom_changes
        Questionnaire's subscale (``name.subscale``) -> change that matters, negative where less is better;
        whoever chose the questionnaire states it.
    """

    profile: Profile
    started: dt.date
    weeks: int
    template: str | None
    spans: tuple[Span, ...]
    sessions: tuple[SessionDone, ...]
    reports: tuple[Report, ...] = ()
    proms: tuple[PromScore, ...] = ()
    prom_changes: dict[str, float] = {}
    supervised: dict[str, str] = {}
    pauses: tuple[Pause, ...] = ()
    ended: dt.date | None = None

    @property
    def start_us(self) -> int:
        """Midnight of the first day."""
        return midnight_us(self.started)


class Adherence(msgspec.Struct, frozen=True, kw_only=True):
    """Done by prescribed, 1.0 is all; ``None`` when nothing was prescribed.

    ``weeks`` is the window, ``None`` since the start. Repetitions are valid ones.
    """

    weeks: int | None
    sessions: float | None
    sets: float | None
    reps: float | None
    tut: float | None
    planned: Dose
    done: Dose


def adherence(one: Followed, now_us: int) -> tuple[Adherence, ...]:
    """By dose, over one, two and four weeks and since the start, all exercises together."""
    windows: list[int | None] = [*review_rules().ledger.windows_weeks, None]
    return tuple(adherence_over(one, weeks, now_us) for weeks in windows)


def adherence_over(one: Followed, weeks: int | None, now_us: int) -> Adherence:
    """By dose over some weeks, or since the start."""
    since = one.start_us if weeks is None else max(one.start_us, now_us - weeks * 7 * US_PER_DAY)
    planned = planned_dose(one.spans, since, now_us, one.pauses)
    names = {span.exercise for span in one.spans}
    done = done_dose((each for each in one.sessions if each.exercise in names), since, now_us)
    return Adherence(
        weeks=weeks,
        sessions=share(done.sessions, planned.sessions),
        sets=share(done.sets, planned.sets),
        reps=share(done.valid_reps, planned.valid_reps),
        tut=share(done.tut_s, planned.tut_s),
        planned=planned,
        done=done,
    )


def spacing(one: Followed, since_us: int, until_us: int) -> str | None:
    """Why a week's sessions were too close: several, all on at most two days in a row."""
    own = {each.id: day_of(each.ended_us) for each in one.sessions if since_us < each.ended_us <= until_us}
    often = max(
        (span.prescription.frequency_per_week for span in _held(one, since_us, until_us)), default=0.0
    )
    days = sorted(set(own.values()))
    if len(own) < 2 or often < 2.0 or (days[-1] - days[0]).days > 1:
        return None
    where = "on one day" if len(days) == 1 else "on two days in a row"
    return f"all {len(own)} sessions of the week were {where}"


def heavy_too_close(one: Followed, since_us: int, until_us: int) -> list[str]:
    """Sessions of heavy exercises less than 48 h after the one before (limit H6), from end to end."""
    least = thresholds().limits.heavy_hours
    ends = {each.id: each.ended_us for each in one.sessions if facts_of(each.exercise).heavy}
    found = []
    for before, after in pairwise(sorted(ends.values())):
        hours = (after - before) / US_PER_HOUR
        if since_us < after <= until_us and hours < least - 1e-9:
            text = (
                f"{round(hours, 1):g} h before the heavy session of {day_of(after)}, {least:g} h are advised"
            )
            found.append(text)
    return found


def idle_hours(one: Followed, now_us: int) -> float | None:
    """Hours without a session when that is longer than planned; ``None`` otherwise, and in a pause."""
    if any(pause.from_us <= now_us < pause.until_us for pause in one.pauses):
        return None
    held = [span for span in one.spans if span.from_us <= now_us and (span.until_us or now_us + 1) > now_us]
    if not held:
        return None
    rule = review_rules().calendar
    often = max(span.prescription.frequency_per_week for span in held)
    most = max(rule.idle_hours, rule.planned_intervals * 7.0 * 24.0 / often)
    done = [each.ended_us for each in one.sessions if each.ended_us <= now_us]
    resumed = [pause.until_us for pause in one.pauses if pause.until_us <= now_us]
    began = min(span.from_us for span in held)
    hours = (now_us - max([*done, *resumed, began])) / US_PER_HOUR
    return hours if hours > most else None


# harder is more of it, or less
_HARDER = {
    "load_kg": 1, "load_n": 1, "added_pct_bm": 1, "load_rm": -1, "assistance_pct_bm": -1, "slope_deg": -1
}  # fmt: skip


def load_steps(spans: Sequence[Span], since_us: int, until_us: int) -> dict[str, int]:
    """How often the load of each exercise went up."""
    found: dict[str, int] = {}
    for name in sorted({one.exercise for one in spans}):
        own = sorted((one for one in spans if one.exercise == name), key=lambda one: one.from_us)
        ups = sum(
            since_us < after.from_us <= until_us and _harder(before.prescription, after.prescription)
            for before, after in pairwise(own)
        )
        found |= {name: ups} if ups else {}
    return found


def _harder(before: Prescription, after: Prescription) -> bool:
    for name, sign in _HARDER.items():
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and new is not None and (new - old) * sign > 0.0:
            return True
    return False


def _held(one: Followed, since_us: int, until_us: int) -> Iterable[Span]:
    return (span for span in one.spans if span.from_us < until_us and (span.until_us or until_us) > since_us)
