"""What a person said, found by session: worst pain, soreness, effort, the next morning against the usual."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import Any

from eccentra.plan.done import US_PER_HOUR, Report, SessionDone

__all__ = ["Told"]

_BASELINE_SCORES = 7
# A score belongs to a session when it was given this long before it, or after it.
_BEFORE_US, _MORNING_US = 12 * US_PER_HOUR, 36 * US_PER_HOUR


class Told:
    """All that was said; ``red_flags`` with their moments.

    Parameters
    ----------
    said
        In order of time.
    """

    def __init__(self, said: Sequence[Report]) -> None:
        self.red_flags: list[tuple[int, str]] = []
        self._named: dict[str, list[Report]] = {}
        self._loose: list[Report] = []
        self._before_us: list[int] = []
        self._before: list[float] = []
        for one in said:
            if one.session is None:
                self._loose.append(one)
            else:
                self._named.setdefault(one.session, []).append(one)
            if one.red_flag:
                self.red_flags.append((one.at_us, one.red_flag))
            if one.kind == "before" and one.pain is not None:
                self._before_us.append(one.at_us)
                self._before.append(one.pain)

    def amount(self, one: SessionDone) -> tuple[int, ...]:
        """How much there is that may be about a session: another answer when something is added."""
        named = len(self._named.get(one.id, ()))
        before = self._before_us
        until = bisect_right(before, one.ended_us)
        if not until:
            return named, len(self._loose)
        first = max(0, until - _BASELINE_SCORES)
        return named, len(self._loose), until - first, before[first], before[until - 1]

    def row(self, one: SessionDone) -> dict[str, Any]:
        """The part of a decision's input that was said of a session."""
        pain = sore = rpe = None
        analgesic, flags = False, set()
        for report in self._about(one):
            kind = report.kind
            if report.pain is not None and kind in ("during", "session"):
                pain = report.pain if pain is None else max(pain, report.pain)
            if report.soreness is not None and kind in ("before", "session"):
                sore = report.soreness if sore is None else max(sore, report.soreness)
            if report.rpe is not None:
                rpe = report.rpe
            if report.red_flag:
                flags.add(report.red_flag)
            analgesic = analgesic or bool(report.analgesic)
        return {
            "pain_during": pain,
            "pain_24h_change": self._next_morning(one),
            "soreness": sore,
            "rpe": rpe,
            "red_flags": sorted(flags),
            "analgesic_24h": analgesic,
        }

    def _about(self, one: SessionDone) -> list[Report]:
        """What was said of a session, in order of time."""
        own = self._named.get(one.id, [])
        loose = [report for report in self._loose if _belongs(report, one)]
        return sorted((*own, *loose), key=lambda each: each.at_us) if loose else own

    def _next_morning(self, one: SessionDone) -> float | None:
        """Next morning's pain minus the usual: the median of the last seven scores before sessions."""
        until = one.ended_us + _MORNING_US
        loose = (report for report in self._loose if one.ended_us < report.at_us <= until)
        mornings = [
            report.pain
            for report in (*self._named.get(one.id, ()), *loose)
            if report.kind == "next_morning"
            and report.pain is not None
            and report.exercise in (None, one.exercise)
        ]
        if not mornings:
            return None
        before = self._before[: bisect_right(self._before_us, one.ended_us)][-_BASELINE_SCORES:]
        if not before:
            return None
        change: float = max(mornings) - median(before)
        return min(max(change, -10.0), 10.0)


def _belongs(report: Report, one: SessionDone) -> bool:
    """Whether something said without naming a session is about this one."""
    if report.exercise is not None and report.exercise != one.exercise:
        return False
    if report.kind == "next_morning":
        return False
    return one.began_us - _BEFORE_US <= report.at_us <= one.ended_us + _BEFORE_US
