"""Sessions as the rules see them: days at the current level, and which of them were good.

Sessions of one date count as one: good only if all are, bad if one is. "Two sessions" and "in a row" mean the
last two days at the current level; more than a week between them, or a day without good data, breaks the row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from eccentra.plan.decision_input import DecisionInput, SessionResult
from eccentra.plan.thresholds import PainBand, Thresholds

__all__ = ["EDGE", "Day", "History", "Scored", "history_of", "total_reps"]

# Decimal edges favour equality: 0.7 is not below 0.70, however it was computed.
EDGE = 1e-9

Day = Sequence[SessionResult]


class Scored(msgspec.Struct, frozen=True):
    """Which parts of a session the exercise's record declares."""

    rom: bool
    quality: bool


class History(msgspec.Struct, frozen=True):
    """What the rows look at.

    Attributes
    ----------
    newest
        Sessions of the last date.
    pair
        The last two days at the current level, older first; fewer when there are fewer, none right after a
        step. In a programme of weeks, of any level.
    in_a_row
        Whether both were measured well and are no more than a week apart.
    band
        Pain limits that hold.
    most_rpe
        Effort that is still as planned.
    """

    newest: Day
    pair: tuple[Day, ...]
    in_a_row: bool
    band: PainBand
    most_rpe: float
    least_valid: int
    scored: Scored
    rules: Thresholds

    def sound(self, one: SessionResult) -> bool:
        """Whether what was measured may be judged."""
        return (
            one.confidence == "ok"
            and one.valid_reps >= self.least_valid
            and one.reps_ratio is not None
            and one.dose_ratio is not None
        )

    def both(self, holds: Callable[[SessionResult], bool]) -> bool:
        """Whether it holds in each of the last two days, in a row."""
        return self.in_a_row and all(any(holds(one) for one in day) for day in self.pair)

    def good(self, one: SessionResult, newest: bool) -> bool:
        """The parts of ``GOOD``; a missing next-morning score of the newest day may still come."""
        rules = self.rules
        if not self.sound(one) or one.pain_during is None or one.rpe is None:
            return False
        change = one.pain_24h_change
        if change is None:
            if not newest:
                return False
        elif change > EDGE:
            return False
        dose, reps = one.dose_ratio or 0.0, one.reps_ratio or 0.0
        return (
            one.pain_during <= self.band.low + EDGE
            and reps >= 1.0 - EDGE
            and rules.dose.good_least - EDGE <= dose <= rules.dose.good_most + EDGE
            and _least(one.rom_ratio, rules.form.rom_good, self.scored.rom)
            and _least(one.quality, rules.form.quality_good, self.scored.quality)
            and one.rpe <= self.most_rpe + EDGE
        )

    def all_good(self) -> bool:
        """Whether every session of the pair was good."""
        last = len(self.pair) - 1
        return all(self.good(one, k == last) for k, day in enumerate(self.pair) for one in day)


def _least(value: float | None, least: float, declared: bool) -> bool:
    if not declared:
        return True
    return value is not None and value >= least - EDGE


def total_reps(sets: int | None, reps: int | Sequence[int] | None) -> int | None:
    """Repetitions of a session; ``None`` when not all is known."""
    if reps is None:
        return None
    if isinstance(reps, int):
        return None if sets is None else sets * reps
    return sum(reps)


def history_of(
    given: DecisionInput, rules: Thresholds, scored: Scored, *, band: PainBand, most_rpe: float
) -> History:
    """What the rows look at; ``given`` has at least one session."""
    sessions = given.sessions
    newest = _last_day(sessions, len(sessions))
    if given.template is None:
        current = given.level
        if current is None:
            current = next((one.level for one in reversed(sessions) if one.level is not None), None)
        sessions = tuple(one for one in sessions if one.level is None or one.level == current)
    last = _last_day(sessions, len(sessions))
    before = _last_day(sessions, len(sessions) - len(last))
    pair = tuple(day for day in (before, last) if day)
    prescribed = total_reps(given.prescribed.sets, given.prescribed.reps)
    least = rules.confidence.least_valid_reps
    out = History(
        newest=newest,
        pair=pair,
        in_a_row=False,
        band=band,
        most_rpe=most_rpe,
        least_valid=least if prescribed is None else min(least, prescribed),
        scored=scored,
        rules=rules,
    )
    near = len(pair) == 2 and (last[0].date - before[0].date).days <= rules.history.most_days_between
    if near and all(out.sound(one) for day in pair for one in day):
        return msgspec.structs.replace(out, in_a_row=True)
    return out


def _last_day(sessions: Sequence[SessionResult], until: int) -> Day:
    """Sessions before the index ``until`` that share the last date."""
    first = until
    while first > 0 and sessions[first - 1].date == sessions[until - 1].date:
        first -= 1
    return sessions[first:until]
